#!/usr/bin/env python3
"""Many senders change different things of one patient at the same time: each is
acknowledged, and what each said is there, as no message spoke of what the
others said."""
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, Tap, ack_code, need_pack  # noqa: E402

ROUNDS = 10
# PID field, its value, and where it comes out.
FIELDS = {
    5: ('Testbed^Ada', lambda p: p['name'][0]['family'] == 'Testbed'),
    7: ('19700101', lambda p: p['birthDate'] == '1970-01-01'),
    8: ('F', lambda p: p['gender'] == 'female'),
    11: ('1 Quay Street^^Ridgeport', lambda p: p['address'][0]['city'] == 'Ridgeport'),
}


def message(control, field, value):
    pid = [''] * 12
    pid[0], pid[1], pid[3], pid[field] = 'PID', '1', '2001^^^NORTH^MR', value
    return '\r'.join([
        'MSH|^~\\&|ADT|NORTH|FIREDOOR|HUB|20260301120000||ADT^A08^ADT_A01|%s|P|2.5.1' % control,
        'EVN|A08|20260301120000', '|'.join(pid), 'PV1|1|I']) + '\r'


def main():
    need_pack()
    tap = Tap()
    with Gateway() as g:
        first = g.mllp().ask(message('first', 8, 'U'))
        tap.same(ack_code(first), 'AA', 'the patient is made')
        answers = []

        def send(field):
            connection = g.mllp()
            for i in range(ROUNDS):
                answers.append(ack_code(connection.ask(
                    message('%d-%d' % (field, i), field, FIELDS[field][0]))))
            connection.close()

        threads = [threading.Thread(target=send, args=(f,)) for f in FIELDS]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        tap.same(answers, ['AA'] * (ROUNDS * len(FIELDS)), 'every message is accepted')
        found = g.search('Patient?identifier=2001')
        tap.same(len(found), 1, 'there is one patient')
        for field, (value, holds) in FIELDS.items():
            tap.ok(found and holds(found[0]), 'with what PID-%d said' % field, found)
        tap.same(g.stop(), 0, 'the gateway stops well')
    tap.done()


main()
