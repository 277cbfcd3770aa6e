#!/usr/bin/env python3
"""kill -9 at random moments under load: after the restart every message that
was acknowledged is there, exactly once, and the audit trail verifies; what was
sent on arrived, in the order of its sender; what was refused is a dead letter.

FIREDOOR_KILLS says how often (default 200). Sixteen senders work at a time; each
sends a message again, with the same control id, until it has been answered.
Every fifth message cannot be mapped.
"""
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, Tap, ack_code, message, need_pack  # noqa: E402
from destination import Destination, wait_for  # noqa: E402

KILLS = int(os.environ.get('FIREDOOR_KILLS', '200'))
SENDERS = 16
BAD = 5


class Sender(threading.Thread):
    """Sends one admission after the other; goes on with the unanswered one."""

    def __init__(self, gateway, number):
        super().__init__(daemon=True)
        self.gateway = gateway
        self.number = number
        self.count = 0
        self.accepted = []
        self.dead = []
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
        bad = self.count % BAD == BAD - 1
        ack = connection.ask(message('C' + patient, patient=patient, birth='never' if bad else '19700101'))
        if ack is None:
            raise ConnectionError
        if ack_code(ack) == ('AE' if bad else 'AA'):
            (self.dead if bad else self.accepted).append(patient)
            self.count += 1
        elif len(self.refused) < 10:
            self.refused.append(ack)


def check_stored(tap, gateway, senders):
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


def check_sent_on(tap, gateway, senders, lab):
    """A message may be sent twice, when its acknowledgement was lost to a kill;
    the first time each comes is in its sender's order, and none is missing."""
    want = sum(len(s.accepted) for s in senders)
    wait_for(lambda: len(set(lab.got)) >= want and
             gateway.http('GET', '/admin/queues').json['queues'][0]['waiting'] == 0, 300)
    first = list(dict.fromkeys(lab.got))
    lost, disordered = [], []
    for s in senders:
        mine = [c for c in first if c.startswith('CK%d-' % s.number)]
        lost += [p for p in s.accepted if 'C' + p not in mine][:3]
        if mine != sorted(mine, key=lambda c: int(c.split('-')[1])):
            disordered.append(mine[:20])
    tap.same(lost, [], 'every acknowledged message was sent on')
    tap.same(disordered, [], 'in the order of its sender')
    print('# %d were sent on, %d of them again after a kill' % (len(first), len(lab.got) - len(first)))
    again = len(lab.got) - len(first)
    tap.ok(again <= KILLS, 'none was sent again but for a kill', again)


def check_dead(tap, gateway, senders):
    kept, before = [], ''
    while True:
        page = gateway.http('GET', '/admin/deadletters?count=1000' + before).json
        kept += [l['control'] for l in page['deadletters']]
        if 'next' not in page:
            break
        before = '&before=%d' % page['next']
    want = ['C' + p for s in senders for p in s.dead]
    tap.same(sorted(set(want) - set(kept))[:10], [], 'all %d that were refused are dead letters' % len(want))
    tap.same(len(kept), len(set(kept)), 'once each')


def main():
    need_pack()
    tap = Tap()
    seed = int(os.environ.get('FIREDOOR_SEED', str(random.randrange(1 << 30))))
    print('# FIREDOOR_SEED=%d' % seed)
    moments = random.Random(seed)
    lab = Destination(lambda control: 'AA')
    gateway = Gateway(
        destinations='  - {name: lab, address: "127.0.0.1:%d", retry: {first: 10 ms, most: 50 ms}}\n' % lab.port,
        routes='  - to: lab\n    types: ADT\n')
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
        check_stored(tap, gateway, senders)
        check_sent_on(tap, gateway, senders, lab)
        check_dead(tap, gateway, senders)
        tap.same([s.refused for s in senders], [[]] * SENDERS, 'no other message was refused')
        tap.same(gateway.stop(), 0, 'the gateway stops well')
        last = gateway.run('audit', 'verify', 'audit')
        tap.ok(last.returncode == 0, 'the audit trail verifies', last.stdout + last.stderr)
    finally:
        gateway.close()
        lab.close()
    tap.done()


main()
