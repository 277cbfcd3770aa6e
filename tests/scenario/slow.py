"""Clients that read as slowly as they like, and what the gateway needs for them."""
import os
import re
import socket

from gateway import PROGRAM

MIB = 1 << 20


def is_sanitized():
    """Such builds keep what was freed."""
    with open(PROGRAM, 'rb') as f:
        program = f.read()
    return b'__asan_init' in program or b'__tsan_init' in program


def memory(gateway, what='VmRSS'):
    """Resident memory; VmHWM: its peak since forget_peak()."""
    with open('/proc/%d/status' % gateway.process.pid) as f:
        return int(re.search(what + r':\s+(\d+)', f.read()).group(1)) * 1024


def forget_peak(gateway):
    with open('/proc/%d/clear_refs' % gateway.process.pid, 'w') as f:
        f.write('5')


def open_files(gateway):
    return len(os.listdir('/proc/%d/fd' % gateway.process.pid))


def take(s, size):
    got = b''
    while len(got) < size:
        piece = s.recv(min(65536, size - len(got)))
        if not piece:
            break
        got += piece
    return got


def take_all(s):
    """To the end of the connection."""
    got = []
    try:
        while True:
            piece = s.recv(1 << 20)
            if not piece:
                break
            got.append(piece)
    except ConnectionError:
        pass
    return b''.join(got)


def ask(gateway, path, extra='', version='1.1', then=b'', method='GET', body=b''):
    """Send a request; the socket to read the answer from, as slowly as wanted."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    s.settimeout(120)
    s.connect(('127.0.0.1', gateway.ports['http']))
    s.sendall(('%s %s HTTP/%s\r\nHost: x\r\n%s\r\n' % (method, path, version, extra)).encode() +
              body + then)
    return s


def dechunk(data):
    """The body of an answer in chunks; None where it is cut short."""
    head, rest = data.split(b'\r\n\r\n', 1)
    assert b'transfer-encoding: chunked' in head.lower(), head
    body, at = [], 0
    while True:
        end = rest.find(b'\r\n', at)
        if end < 0:
            return None
        size = int(rest[at:end], 16)
        if size == 0:
            return b''.join(body)
        if len(rest) < end + 2 + size + 2:
            return None
        body.append(rest[end + 2:end + 2 + size])
        at = end + 2 + size + 2
