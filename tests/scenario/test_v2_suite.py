#!/usr/bin/env python3
"""Every message of the official suite over MLLP: each is answered by exactly
one acknowledgement, of its own control id and version, that accepts what
`firedoor convert` converts without an error and refuses the rest."""
import glob
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import SOURCE, Gateway, Tap, ack_code, need_pack, segment, skip_all  # noqa: E402
from gateway import message as own_message  # noqa: E402

SUITE = os.path.join(os.environ.get('FIREDOOR_SUITES', os.path.join(SOURCE, '..', 'shared', 'suites')),
                     'hl7v2')


def read(path):
    """The message as it goes over the wire: segments end with CR, and what
    some files have before MSH or behind the last segment is not part of it."""
    with open(path, 'rb') as f:
        data = f.read()
    data = data.replace(b'\r\n', b'\r').replace(b'\n', b'\r')
    return data[data.index(b'MSH'):].rstrip(b'\r') + b'\r'


def field(message, number):
    """A field of MSH, as text."""
    head = message.split(b'\r', 1)[0]
    fields = head.split(head[3:4])
    return fields[number - 1].decode('utf-8', 'replace') if len(fields) >= number else ''


def due(message, success):
    """The acknowledgements that MSH-15 and MSH-16 ask for (table 0155): CA, for
    the message is kept whatever becomes of it, and the application's."""
    asked = [field(message, 15).strip(), field(message, 16).strip()]
    application = 'AA' if success else 'A'
    if not any(asked):
        return [application]
    holds = {'AL': (True, True), 'NE': (False, False), 'ER': (False, not success), 'SU': (True, success)}
    return [code for code, want, at in (('CA', asked[0], 0), (application, asked[1], 1))
            if want and holds.get(want, (True, True))[at]]


def is_right(ack, code, message):
    msa, msh = segment(ack, 'MSA'), segment(ack, 'MSH')
    return (ack_code(ack) in (('AE', 'AR') if code == 'A' else (code,)) and msa[2] == field(message, 10) and
            msh[9].startswith('ACK') and msh[12] == field(message, 12).split('^')[0] and
            (code != 'A' or segment(ack, 'ERR')))


def check(tap, g, name, message, converted):
    """Send the message twice. Returns whether it was accepted."""
    connection = g.mllp()
    want = due(message, converted.returncode == 0)
    answers = []
    for _ in range(2):
        connection.send_bytes(b'\x0b' + message + b'\x1c\r')
        answers.append([connection.receive() for _ in want])
    # The next answer is that of the next message: there were no more.
    last = connection.ask(own_message('last', patient='last'))
    connection.close()
    good = all(ack is not None and is_right(ack, code, message) for ack, code in zip(answers[0], want))
    tap.ok(good, '%s: %s' % (name, ' '.join(ack_code(a) or '?' for a in answers[0]) or 'not answered'), '%s\n%s' % (
        answers[0], converted.stderr.decode('utf-8', 'replace')[:2000]))
    tap.ok([ack_code(a) for a in answers[1]] == [ack_code(a) for a in answers[0]] and
           all(segment(a, 'MSA')[2] == field(message, 10) for a in answers[1]) and
           segment(last, 'MSA')[1:3] == ['AA', 'last'], name + ': sent again, answered again', (answers[1], last))
    return converted.returncode == 0


def main():
    need_pack()
    paths = sorted(glob.glob(os.path.join(SUITE, '*.hl7')))
    if not paths:
        skip_all('the HL7 v2 suite is not in FIREDOOR_SUITES')
    tap = Tap()
    accepted = 0
    with Gateway() as refusing:
        for path in paths:
            message = read(path)
            converted = refusing.run('convert', '--from', 'hl7v2', '--to', 'json', '-', input=message)
            if converted.returncode == 0:
                # A store of its own: the suite's patients contradict each other.
                with Gateway() as g:
                    accepted += check(tap, g, os.path.basename(path), message, converted)
            else:
                check(tap, refusing, os.path.basename(path), message, converted)
        tap.ok(accepted >= 20, '%d of %d messages have maps and are accepted' % (accepted, len(paths)))
        tap.same(refusing.stop(), 0, 'the gateway stops well')
    tap.done()


main()
