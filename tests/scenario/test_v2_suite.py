#!/usr/bin/env python3
"""Every message of the official suite over MLLP: each is answered by exactly
one acknowledgement, of its own control id and version, that accepts what
`firedoor convert` converts without an error and refuses the rest."""
import glob
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import SOURCE, Gateway, Tap, ack_code, need_pack, segment, skip_all  # noqa: E402

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


def check(tap, g, name, message, converted):
    """Send the message twice. Returns whether it was accepted."""
    connection = g.mllp()
    ack = connection.ask(message)
    # The second answer shows that the first message had one, not two.
    again = connection.ask(message)
    connection.close()
    want = ('AA',) if converted.returncode == 0 else ('AE', 'AR')
    msa, msh = segment(ack, 'MSA'), segment(ack, 'MSH')
    good = (ack is not None and ack_code(ack) in want and msa[2] == field(message, 10) and
            msh[9].startswith('ACK') and msh[12] == field(message, 12).split('^')[0] and
            (ack_code(ack) == 'AA' or segment(ack, 'ERR')))
    tap.ok(good, '%s: %s' % (name, ack_code(ack)), '%s\n%s' % (
        ack and ack.replace('\r', '\n'), converted.stderr.decode('utf-8', 'replace')[:2000]))
    tap.ok(again is not None and ack_code(again) == ack_code(ack) and
           segment(again, 'MSA')[2] == msa[2], name + ': sent again, answered again',
           again and again.replace('\r', '\n'))
    return ack_code(ack) == 'AA'


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
