#!/usr/bin/env python3
"""Real senders: node-hl7-client (FIREDOOR_HL7_CLIENT, its package unpacked) and
mllp_send of python3-hl7. What is missing is skipped by name."""
import glob
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, Tap, ack_code, message, need_pack, segment  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


class NodeClient:
    def __init__(self, node, folder):
        self.process = subprocess.Popen([node, os.path.join(HERE, 'hl7_client.mjs'), folder],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, port, text):
        self.process.stdin.write(json.dumps({'port': port, 'text': text}).encode() + b'\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline() or '{}')

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def test_node(tap, g):
    folder = os.environ.get('FIREDOOR_HL7_CLIENT')
    node = shutil.which('node') or shutil.which('nodejs')
    if not folder or not node:
        tap.skip('node-hl7-client', 'it or node is not there (FIREDOOR_HL7_CLIENT)')
        return
    c = NodeClient(node, folder)
    text = message('N1', patient='N1').replace('\n', '\r')
    answer = c.ask(g.ports['adt'], text)
    ack = answer.get('answer')
    tap.ok(ack and ack_code(ack) == 'AA' and segment(ack, 'MSA')[2] == 'N1',
           'node-hl7-client: a message is accepted', answer)
    tap.same(len(g.search('Patient?identifier=N1')), 1, 'and stored')
    answer = c.ask(g.ports['adt'], message('N2', patient='N2', birth='never').replace('\n', '\r'))
    tap.ok(ack_code(answer.get('answer')) == 'AE', 'one in error is told so', answer)
    for i in range(20):
        answer = c.ask(g.ports['adt'], message('M%d' % i, patient='M%d' % i).replace('\n', '\r'))
        if segment(answer.get('answer', ''), 'MSA')[1:3] != ['AA', 'M%d' % i]:
            tap.ok(False, 'message %d of many' % i, answer)
    tap.same(len([p for p in range(20) if g.search('Patient?identifier=M%d' % p)]), 20,
             'many on one connection, each with its own answer')
    c.close()


def test_mllp_send(tap, g):
    program = shutil.which('mllp_send')
    if not program:
        tap.skip('mllp_send', 'python3-hl7 is not installed')
        return
    path = os.path.join(g.folder, 'messages')
    with open(path, 'wb') as f:
        for i in range(3):
            f.write(b'\x0b' + message('P%d' % i, patient='P%d' % i).replace('\n', '\r').encode() + b'\x1c\r')
    r = subprocess.run([program, '--port', str(g.ports['adt']), '--file', path, '127.0.0.1'],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    out = r.stdout.decode()
    tap.ok(r.returncode == 0 and all('MSA|AA|P%d' % i in out for i in range(3)),
           'mllp_send: three framed messages are accepted', out + r.stderr.decode())
    path = os.path.join(g.folder, 'loose')
    with open(path, 'w') as f:
        f.write(message('P9', patient='P9').replace('\n', '\r'))
    r = subprocess.run([program, '--loose', '--port', str(g.ports['adt']), '--file', path, '127.0.0.1'],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    tap.ok('MSA|AA|P9' in r.stdout.decode(), 'and one without its frame in the file', r)
    tap.same([len(g.search('Patient?identifier=P%d' % i)) for i in (0, 1, 2, 9)], [1] * 4, 'all are stored')


def test_suite(tap, g):
    """Every message of the suite by mllp_send: an answer each."""
    program = shutil.which('mllp_send')
    suites = os.environ.get('FIREDOOR_SUITES', '')
    files = sorted(glob.glob(os.path.join(suites, 'hl7v2', '*.hl7')))
    if not program or not files:
        tap.skip('the suite by mllp_send', 'mllp_send or the suite is not there')
        return
    path = os.path.join(g.folder, 'suite')
    with open(path, 'wb') as out:
        for name in files:
            with open(name, 'rb') as f:
                text = f.read().replace(b'\r\n', b'\r').replace(b'\n', b'\r')
            out.write(b'\x0b' + text + b'\x1c\r')
    # Some of them say in MSH-15 and 16 that they want no answer, or a CA.
    r = subprocess.run([program, '--port', str(g.ports['always']), '--file', path, '127.0.0.1'],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    tap.same(r.stdout.count(b'MSA|A'), len(files), 'every message of the suite is answered')


def main():
    need_pack()
    tap = Tap()
    g = Gateway(mllp='''  - name: adt
    listen: 127.0.0.1:0
  - name: always
    listen: 127.0.0.1:0
    enhanced: false
''')
    with g:
        test_node(tap, g)
        test_mllp_send(tap, g)
        test_suite(tap, g)
        tap.same(g.stop(), 0, 'the gateway stops well')
    g.close()
    tap.done()


main()
