#!/usr/bin/env python3
"""Too much of everything: a 200 MB body, 10,000 idle connections, messages,
Bundles and heads past their limits. The gateway refuses, stays small and goes on."""
import os
import re
import resource
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, Tap, ack_code, message, need_pack  # noqa: E402

MIB = 1 << 20
SANITIZED = 'asan' in os.environ.get('FIREDOOR_BUILDDIR', '') or \
    'tsan' in os.environ.get('FIREDOOR_BUILDDIR', '')


def resident(gateway):
    with open('/proc/%d/status' % gateway.process.pid) as f:
        return int(re.search(r'VmRSS:\s+(\d+)', f.read()).group(1)) * 1024


def post_large(gateway, size, chunked, expect):
    """POST so many bytes. Returns the status and how many were taken."""
    head = ('POST /fhir/Binary HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\n%s%s\r\n' % (
        'Transfer-Encoding: chunked\r\n' if chunked else 'Content-Length: %d\r\n' % size,
        'Expect: 100-continue\r\n' if expect else '')).encode()
    sent = 0
    with socket.create_connection(('127.0.0.1', gateway.ports['http']), 60) as s:
        s.sendall(head)
        got = b''
        if expect:
            got = s.recv(65536)
            return int(got.split()[1]), 0
        piece = b'{' + b' ' * (MIB - 1)
        try:
            while sent < size:
                s.sendall(b'%x\r\n' % len(piece) + piece + b'\r\n' if chunked else piece)
                sent += len(piece)
                piece = b' ' * MIB
        except OSError:
            pass
        try:
            got = s.recv(65536)
        except OSError:
            pass
    return (int(got.split()[1]) if got else 0), sent


def test_bodies(tap, gateway):
    before = resident(gateway)
    status, _ = post_large(gateway, 200 * MIB, False, True)
    tap.same(status, 413, 'a 200 MB body is refused at its head (100-continue)')
    status, sent = post_large(gateway, 200 * MIB, False, False)
    tap.ok(status in (413, 0) and sent < 200 * MIB, 'and when it is sent all the same',
           'status %d after %d bytes' % (status, sent))
    status, sent = post_large(gateway, 200 * MIB, True, False)
    tap.ok(status in (413, 0) and sent < 200 * MIB, 'and in chunks, of unknown length',
           'status %d after %d bytes' % (status, sent))
    grown = resident(gateway) - before
    tap.ok(grown < (300 if SANITIZED else 100) * MIB, 'memory stays small', '%d MiB more' % (grown / MIB))
    tap.same(gateway.http('GET', '/health').status, 200, 'the gateway goes on')


def test_entries(tap, gateway):
    entry = {'resource': {'resourceType': 'Basic', 'code': {'text': 'x'}},
             'request': {'method': 'POST', 'url': 'Basic'}}
    bundle = {'resourceType': 'Bundle', 'type': 'transaction', 'entry': [entry] * 10000}
    tap.same(gateway.http('POST', '/fhir', bundle).status, 200, 'a Bundle of 10,000 entries is taken')
    bundle['entry'].append(entry)
    tap.same(gateway.http('POST', '/fhir', bundle).status, 413, 'one more is too many')
    bundle['type'] = 'batch'
    tap.same(gateway.http('POST', '/fhir', bundle).status, 413, 'in a batch, too')
    tap.same(gateway.http('GET', '/health').status, 200, 'the gateway goes on')


def test_idle(tap, gateway, count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 1000:
        return tap.skip('%d idle connections' % count, 'at most %d files may be open' % hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    before = resident(gateway)
    idle = []
    try:
        for _ in range(count):
            idle.append(socket.create_connection(('127.0.0.1', gateway.ports['http']), 30))
        began = time.monotonic()
        answer = gateway.http('GET', '/health')
        took = time.monotonic() - began
        tap.same(answer.status, 200, 'with %d idle connections /health answers' % count)
        tap.ok(took < 5, 'soon', '%.3f s' % took)
        each = (resident(gateway) - before) / count
        tap.ok(SANITIZED or each < 8192, 'an idle connection costs less than 8 KiB', '%d bytes' % each)
        tap.same(ack_code(gateway.mllp().ask(message('IDLE1', patient='I1'))), 'AA', 'MLLP works')
    finally:
        for s in idle:
            s.close()
    return None


def test_mllp(tap, gateway):
    big = gateway.mllp('small')
    ack = big.ask(message('BIG', extra=['NTE|1||' + 'x' * 70000]))
    tap.ok(ack is not None and ack_code(ack) in ('AR', 'AE'), 'an oversized message is refused', ack)
    tap.same(big.receive(), None, 'and its connection closed')
    cut = gateway.mllp('small')
    cut.send_bytes(b'\x0b' + message('CUT')[:40].encode())
    cut.close()
    mixed = gateway.mllp('small')
    mixed.send_bytes(b'\x0b' + message('MIX1', patient='M1')[:60].encode())
    mixed.send_bytes(b'\x0b' + message('MIX2', patient='M2').encode() + b'\x1c\r')
    ack = mixed.receive()
    tap.ok(ack is None or ack_code(ack) in ('AR', 'AE', 'AA'), 'interleaved frames get a clear answer', ack)
    tap.same(len(gateway.search('Patient?identifier=M1')), 0, 'half a message is never applied')
    slow = gateway.mllp('small')
    for i in range(0, len(message('SLOW', patient='S1')), 7):
        slow.send_bytes((b'\x0b' if i == 0 else b'') + message('SLOW', patient='S1')[i:i + 7].encode())
    slow.send_bytes(b'\x1c\r')
    tap.same(ack_code(slow.receive()), 'AA', 'a message in many pieces is one')
    two = gateway.mllp('small')
    two.send_bytes(b''.join(b'\x0b' + message('T%d' % i, patient='T%d' % i).encode() + b'\x1c\r'
                            for i in range(20)))
    acks = [two.receive() for _ in range(20)]
    tap.same([a.split('MSA|')[1].split('|')[1].strip() for a in acks], ['T%d' % i for i in range(20)],
             'frames in one go are answered in order')


def main():
    need_pack()
    tap = Tap()
    gateway = Gateway(
        fhir='  listen: 127.0.0.1:0\n  limits:\n    connections: 20000\n  timeouts:\n    idle: 10 min\n    head: 10 min\n',
        mllp='  - name: adt\n    listen: 127.0.0.1:0\n'
             '  - name: small\n    listen: 127.0.0.1:0\n    limits:\n      message: 64 KiB\n')
    with gateway:
        test_bodies(tap, gateway)
        test_entries(tap, gateway)
        test_mllp(tap, gateway)
        test_idle(tap, gateway, 10000)
        tap.same(gateway.stop(), 0, 'the gateway stops well')
    tap.done()


main()
