#!/usr/bin/env python3
"""kill -9 at random moments under load: after the restart every message that
was acknowledged is there, exactly once, and the audit trail verifies.

FIREDOOR_KILLS says how often (default 200). Four senders work at a time; each
sends a message again, with the same control id, until it has been accepted.
"""
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, Tap, ack_code, message, need_pack  # noqa: E402

KILLS = int(os.environ.get('FIREDOOR_KILLS', '200'))
SENDERS = 4


class Sender(threading.Thread):
    """Sends one admission after the other; goes on with the unanswered one."""

    def __init__(self, gateway, number):
        super().__init__(daemon=True)
        self.gateway = gateway
        self.number = number
        self.count = 0
        self.accepted = []
        self.refused = []
        self.going = True
        self.up = threading.Event()

    def run(self):
        while self.going:
            if not self.up.wait(0.1):
                continue
            try:
                connection = self.gateway.mllp()
                while self.going and self.up.is_set():
                    self.send_next(connection)
            except (OSError, KeyError, AssertionError):
                time.sleep(0.005)

    def send_next(self, connection):
        patient = 'K%d-%d' % (self.number, self.count)
        ack = connection.ask(message('C' + patient, patient=patient))
        if ack is None:
            raise ConnectionError
        if ack_code(ack) == 'AA':
            self.accepted.append(patient)
            self.count += 1
        elif len(self.refused) < 10:
            self.refused.append(ack)


def check(tap, gateway, senders):
    wrong = []
    accepted = [p for s in senders for p in s.accepted]
    connection = gateway.connect()
    for patient in accepted:
        answer = gateway.http('GET', '/fhir/Patient?identifier=' + patient, connection=connection)
        found = [e['resource'] for e in answer.json.get('entry', [])]
        if len(found) != 1 or found[0]['meta']['versionId'] != '1':
            wrong.append((patient, len(found), [r['meta']['versionId'] for r in found]))
    connection.close()
    tap.ok(accepted, '%d messages were acknowledged over %d kills' % (len(accepted), KILLS))
    tap.same(wrong[:10], [], 'each is there exactly once, applied once')
    # One unanswered message a sender may be there too, and no other.
    total = gateway.http('GET', '/fhir/Patient?_summary=count').json['total']
    tap.ok(len(accepted) <= total <= len(accepted) + SENDERS, 'nothing else is there',
           '%d patients for %d messages' % (total, len(accepted)))


def main():
    need_pack()
    tap = Tap()
    seed = int(os.environ.get('FIREDOOR_SEED', str(random.randrange(1 << 30))))
    print('# FIREDOOR_SEED=%d' % seed)
    moments = random.Random(seed)
    gateway = Gateway()
    senders = [Sender(gateway, i) for i in range(SENDERS)]
    try:
        for s in senders:
            s.start()
        for _ in range(KILLS):
            gateway.start()
            for s in senders:
                s.up.set()
            time.sleep(moments.uniform(0.0, 0.25))
            gateway.kill()
            for s in senders:
                s.up.clear()
        for s in senders:
            s.going = False
        for s in senders:
            s.join(60)
        gateway.start()
        check(tap, gateway, senders)
        tap.same([s.refused for s in senders], [[]] * SENDERS, 'no message was refused')
        tap.same(gateway.stop(), 0, 'the gateway stops well')
        last = gateway.run('audit', 'verify', 'audit')
        tap.ok(last.returncode == 0, 'the audit trail verifies', last.stdout + last.stderr)
    finally:
        gateway.close()
    tap.done()


main()
