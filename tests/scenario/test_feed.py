#!/usr/bin/env python3
"""HL7 v2 feeds over MLLP, as chapter 2 of the standard has them: enhanced mode
(2.9.3), the sequence number protocol (2.10.1), continuation (2.10.2), batches
(2.10.3); what holds for one sender only; and messages on their way to other
systems."""
import hashlib
import os
import shutil
import ssl
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, Tap, ack_code, need_pack, segment  # noqa: E402
from destination import Destination, wait_for  # noqa: E402

HEAD = 'MSH|^~\\&|%s|NORTH|HUB|SOUTH|20260301120000||ADT^A01^ADT_A01|%s|P|2.5.1|%s|%s|%s|%s\r'


def admission(control, patient, application='APP', sequence='', pointer='', accept='', applied='',
              rest='PV1|1|I\r', name='Testbed^Ada'):
    return (HEAD % (application, control, sequence, pointer, accept, applied) +
            'PID|1||%s^^^NORTH^MR||%s\r' % (patient, name) + rest)


def send(connection, text):
    connection.send_bytes(b'\x0b' + (text if isinstance(text, bytes) else text.encode()) + b'\x1c\r')


def msa(ack):
    return (segment(ack, 'MSA') or [])[1:]


def test_enhanced(tap, g):
    """Table 0155: AL, NE, ER, SU."""
    c = g.mllp()
    send(c, admission('E1', 'E1', accept='AL', applied='AL'))
    first, second = c.receive(), c.receive()
    tap.same([msa(first), msa(second)], [['CA', 'E1'], ['AA', 'E1']], 'AL, AL: CA, and AA behind it')
    send(c, admission('E2', 'E2', accept='AL', applied='NE'))
    tap.same(msa(c.receive()), ['CA', 'E2'], 'AL, NE: CA alone')
    send(c, admission('E3', 'E3', accept='NE', applied='NE'))
    send(c, admission('E4', 'E4', accept='ER', applied='SU'))
    tap.same(msa(c.receive()), ['AA', 'E4'], 'NE, NE is not answered; ER, SU of what went well: AA alone')
    tap.same(len(g.search('Patient?identifier=E3')), 1, 'what was not answered is stored')
    bad = admission('E6', 'E6', accept='AL', applied='ER', name='Testbed^Ada||nodate')
    send(c, bad)
    first, second = c.receive(), c.receive()
    tap.same([msa(first)[:2], msa(second)[:2]], [['CA', 'E6'], ['AE', 'E6']],
             'what cannot be mapped is kept (CA), and is in error (AE)')
    tap.ok('ERR|' in second and 'ERR|' not in first, 'ERR stands with the AE')
    send(c, 'MSH|^~\\&|A|B|||2026||ACK^A01|9|P|2.5\rMSA|AA|1\r')
    send(c, admission('E7', 'E7'))
    tap.same(msa(c.receive()), ['AA', 'E7'], 'an acknowledgement is never acknowledged')
    c.close()


def test_sequence(tap, g):
    """2.10.1; 2.17.3 has the initial message and its answer."""
    c = g.mllp('sequenced')

    def ask(control, number):
        ack = c.ask(admission(control, control, application='SEQ', sequence=number))
        m = msa(ack)
        return m[0], m[3] if len(m) > 3 else None

    tap.same(ask('S0', '0'), ('AA', '1'), '0 asks: 1 is expected')
    tap.same(len(g.search('Patient?identifier=S0')), 0, 'and has no functional content')
    tap.same(ask('S1', '1'), ('AA', '2'), '1 is taken, 2 expected')
    tap.same(ask('S2', '2'), ('AA', '3'), '2 is taken')
    tap.same(ask('S9', '9'), ('AR', '3'), '9 is refused: 3 is expected')
    tap.same(len(g.search('Patient?identifier=S9')), 0, 'and nothing of it is stored')
    tap.same(ask('S2', '2')[0], 'AA', '2 once more, the same message: its first answer')
    tap.same(ask('S3', '3'), ('AA', '4'), '3 goes on')
    g.kill()
    g.start()
    c = g.mllp('sequenced')
    tap.same(ask('S0b', '0'), ('AA', '4'), 'after kill -9 it is known still')
    tap.same(ask('S-1', '-1'), ('AA', '-1'), '-1 begins anew')
    tap.same(ask('S70', '70'), ('AA', '71'), 'and any number is taken then')
    tap.same(ask('S70b', '70'), ('AR', '71'), 'but not twice by different messages')
    tap.same(ask('Sx', 'x')[0], 'AE', 'what is no number is an error')
    c.close()


def test_continuation(tap, g):
    c = g.mllp()
    one = admission('C1', 'CONT', rest='NK1|1|Whole na\rADD|\rDSC|ptr-1|F\r')
    two = HEAD % ('APP', 'C2', '', 'ptr-1', '', '') + 'ADD|me^Kin|SPO\rDSC|ptr-2|F\r'
    last = HEAD % ('APP', 'C3', '', 'ptr-2', '', '') + 'NK1|2|Second^Kin|CHD\rPV1|1|I\r'
    tap.same(msa(c.ask(one)), ['AA', 'C1'], 'the first part is acknowledged')
    tap.same(len(g.search('Patient?identifier=CONT')), 0, 'and is no message yet')
    g.kill()
    g.start()
    c = g.mllp()
    tap.same(msa(c.ask(two)), ['AA', 'C2'], 'after kill -9, the second')
    tap.same(msa(c.ask(last)), ['AA', 'C3'], 'the last')
    tap.same(len(g.search('Patient?identifier=CONT')), 1, 'makes them one message')
    kin = sorted(r['name'][0]['family'] for r in g.search('RelatedPerson?_count=100') if 'name' in r)
    tap.ok('Whole name' in kin and 'Second' in kin, 'with the segment that was broken in two', kin)
    lost = HEAD % ('APP', 'C9', '', 'nobody', '', '') + 'ADD|ment|x\r'
    tap.same(msa(c.ask(lost))[:2], ['AE', 'C9'], 'a part whose beginning is not there is an error')
    other = admission('C10', 'C10', pointer='mine')
    tap.same(msa(c.ask(other)), ['AA', 'C10'], 'a whole message with something else in MSH-14 is taken')
    c.close()


def test_batch(tap, g):
    c = g.mllp()
    batch = ('FHS|^~\\&|A|B|C|D|2026||f||F1\rBHS|^~\\&|A|B|C|D|2026||b||B1\r' + admission('B1', 'B1') +
             admission('B2', 'B2', name='Testbed^Ada||nodate') + admission('B3', 'B3') + 'BTS|3\rFTS|1\r')
    answer = c.ask(batch)
    lines = answer.rstrip('\r').split('\r')
    tap.same([l[:3] for l in lines], ['FHS', 'BHS', 'MSH', 'MSA', 'MSH', 'MSA', 'ERR', 'MSH', 'MSA', 'BTS', 'FTS'],
             'a batch of acknowledgements')
    tap.same([l.split('|')[1:3] for l in lines if l.startswith('MSA')], [['AA', 'B1'], ['AE', 'B2'], ['AA', 'B3']],
             'one for each message, in order')
    bhs = lines[1].split('|')
    tap.same((bhs[2:6], bhs[11]), (['C', 'D', 'A', 'B'], 'B1'), 'BHS: parties changed round, BHS-12 the batch answered')
    tap.same((lines[-2], lines[-1]), ('BTS|3', 'FTS|1'), 'the counts')
    tap.same([len(g.search('Patient?identifier=B%d' % i)) for i in (1, 2, 3)], [1, 0, 1], 'what was right is stored')
    c.close()


def test_routes(tap):
    quick = Destination(lambda control: 'AE' if control == 'R3' else 'AA')
    silent = Destination(lambda control: None)
    down = Destination(lambda control: 'CA')
    down.close()
    g = Gateway(
        destinations='''  - name: quick
    address: 127.0.0.1:%d
  - name: silent
    address: 127.0.0.1:%d
    timeout: 200 ms
    retry: {first: 50 ms, most: 100 ms}
  - name: down
    address: 127.0.0.1:%d
    retry: {first: 50 ms, most: 200 ms}
''' % (quick.port, silent.port, down.port),
        routes='''  - to: [quick, silent]
    types: ADT
  - to: down
    types: ADT^A01
    when: PV1-2 = O
  - to: quick
    types: ZZZ
    only: true
''')
    with g:
        c = g.mllp()
        for i in range(1, 9):
            tap.ok(ack_code(c.ask(admission('R%d' % i, 'R%d' % i, rest='PV1|1|%s\r' % 'IO'[i % 2]))) == 'AA',
                   'message %d is taken, though one destination is silent and one down' % i)
        tap.ok(wait_for(lambda: len(quick.got) >= 8), 'the quick one has all of them', quick.got)
        tap.same(quick.got, ['R%d' % i for i in range(1, 9)], 'once each, in order, past one it refused')
        tap.ok(wait_for(lambda: len(silent.got) >= 3), 'the silent one is asked again')
        tap.same(set(silent.got), {'R1'}, 'with the same message')
        zzz = 'MSH|^~\\&|A|B|||2026||ZZZ^Z01|Z1|P|2.5\rZZ1|1\r'
        tap.same(msa(c.ask(zzz)), ['AA', 'Z1'], 'a message nobody maps is sent on, where a route says only')
        tap.ok(wait_for(lambda: 'Z1' in quick.got), 'and arrives')
        g.kill()
        up = Destination(lambda control: 'AA', port=down.port)
        g.start()
        tap.ok(wait_for(lambda: len(up.got) >= 4), 'after kill -9 what waited is sent', up.got)
        tap.same(up.got, ['R1', 'R3', 'R5', 'R7'], 'what the condition holds for, in order')
        again = g.mllp().ask(admission('R1', 'R1', rest='PV1|1|O\r'))
        tap.same(msa(again), ['AA', 'R1'], 'a duplicate is answered')
        g.mllp().ask(admission('R9', 'R9', rest='PV1|1|O\r'))
        tap.ok(wait_for(lambda: 'R9' in up.got), 'what comes next is sent')
        tap.same(up.got.count('R1'), 1, 'and the duplicate was not')
        up.close()
        tap.same(g.stop(), 0, 'the gateway stops well')
    g.close()
    quick.close()
    silent.close()


def make_certificates(folder):
    """A CA, and what it signed for a server and a client; and another CA."""
    def run(*a):
        subprocess.run(['openssl'] + list(a), check=True, capture_output=True, cwd=folder)

    for ca in ('ca', 'other'):
        run('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', ca + '.key',
            '-out', ca + '.pem', '-subj', '/CN=' + ca, '-days', '2')
    for name in ('lab.example', 'hub.example'):
        run('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', name + '.key',
            '-out', name + '.csr', '-subj', '/CN=' + name)
        with open(os.path.join(folder, 'names'), 'w') as f:
            f.write('subjectAltName=DNS:%s\n' % name)
        run('x509', '-req', '-in', name + '.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial',
            '-out', name + '.pem', '-days', '2', '-extfile', 'names')


def test_tls(tap):
    """A destination is reached by TLS only when its certificate is right, and is
    shown ours."""
    folder = tempfile.mkdtemp(prefix='firedoor-feed-')
    make_certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, 'lab.example.pem'), os.path.join(folder, 'lab.example.key'))
    context.load_verify_locations(os.path.join(folder, 'ca.pem'))
    context.verify_mode = ssl.CERT_REQUIRED
    lab = Destination(lambda control: 'AA', tls=context)

    def destination(name, ca, server_name):
        return ('  - name: %s\n    address: 127.0.0.1:%d\n    retry: {first: 50 ms, most: 100 ms}\n'
                '    tls: {ca: %s/%s.pem, certificate: %s/hub.example.pem, key: %s/hub.example.key, server_name: %s}\n' % (
                    name, lab.port, folder, ca, folder, folder, server_name))

    g = Gateway(destinations=destination('right', 'ca', 'lab.example') + destination('stranger', 'other', 'lab.example') +
                destination('misnamed', 'ca', 'somebody.example'),
                routes='  - to: right\n  - to: [stranger, misnamed]\n    when: MSH-10 = T2\n')
    with g:
        c = g.mllp()
        tap.same(msa(c.ask(admission('T1', 'T1'))), ['AA', 'T1'], 'a message for a destination by TLS')
        tap.ok(wait_for(lambda: lab.got == ['T1']), 'arrives', lab.got)
        tap.same([dict(x[0] for x in p['subject'])['commonName'] for p in lab.peers[:1]], ['hub.example'],
                 'and the destination was shown our certificate')
        c.ask(admission('T2', 'T2'))

        def state():
            return {q['name']: q for q in g.http('GET', '/admin/queues').json['queues']}

        tap.ok(wait_for(lambda: all(state()[n]['retries'] > 1 for n in ('stranger', 'misnamed'))),
               'who is not who they should be is tried again', state())
        tap.same([state()[n]['waiting'] for n in ('stranger', 'misnamed')], [1, 1], 'and sent nothing')
        tap.same(lab.got.count('T2'), 1, 'the right one has it once')
        tap.same(g.stop(), 0, 'the gateway stops well')
    g.close()
    lab.close()
    shutil.rmtree(folder)


def test_senders(tap):
    """What `feeds` says of a sender holds over what its listener says."""
    g = Gateway(
        mllp='''  - name: north
    listen: 127.0.0.1:0
    sender: north
  - name: south
    listen: 127.0.0.1:0
    sender: south
''',
        access='''  senders:
    - {name: north, scope: system/*.cruds}
    - {name: south, scope: system/*.cruds}
    - {name: reader, scope: system/*.rs, tokens: ["sha256:%s"]}
''' % hashlib.sha256(b'fd_' + b'x' * 43).hexdigest(),
        feeds='''  - sender: south
    charset: 8859/1
    zone: Europe/Berlin
''')
    with g:
        text = admission('U1', 'U1', name='M\xfcller^Ada').encode('latin-1')
        c = g.mllp('south')
        send(c, text)
        tap.same(ack_code(c.receive()), 'AA', 'bytes of the character set that is the sender\'s')
        auth = {'Authorization': 'Bearer fd_' + 'x' * 43}
        found = g.http('GET', '/fhir/Patient?identifier=U1', headers=auth).json['entry'][0]['resource']
        tap.same(found['name'][0]['family'], 'M\xfcller', 'are read in it')
        for control, when, offset in (('W1', '20260115', '+01:00'), ('W2', '20260715', '+02:00')):
            stay = admission(control, control, rest='PV1|1|I%s%s1200\r' % ('|' * 42, when))
            tap.same(ack_code(c.ask(stay.replace('20260301120000', '20260301'))), 'AA', 'a stay')
            stays = g.http('GET', '/fhir/Encounter?subject.identifier=' + control, headers=auth).json['entry']
            tap.same(stays[0]['resource']['period']['start'][-6:], offset,
                     'times are in the time zone of the sender, summer or winter')
        c.close()
        c = g.mllp('north')
        send(c, text)
        tap.same(ack_code(c.receive()), 'AR', 'and are refused from another')
        c.close()
    g.close()


def main():
    need_pack()
    tap = Tap()
    g = Gateway(mllp='''  - name: adt
    listen: 127.0.0.1:0
  - name: sequenced
    listen: 127.0.0.1:0
    sequence: true
''')
    with g:
        for test in (test_enhanced, test_sequence, test_continuation, test_batch):
            test(tap, g)
    g.close()
    test_senders(tap)
    test_routes(tap)
    test_tls(tap)
    tap.done()


main()
