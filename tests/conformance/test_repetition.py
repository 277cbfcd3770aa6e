#!/usr/bin/env python3
"""A gigabyte of repetition, in JSON, XML and NDJSON: refused with a clear
error, in bounded memory and time."""
import os
import resource
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'scenario'))
from gateway import PROGRAM, Tap, need_pack  # noqa: E402

MIB = 1 << 20
SANITIZED = 'asan' in PROGRAM or 'tsan' in PROGRAM
INPUTS = (
    # format, start, what is repeated, how much of it, what must be said
    ('xml', b'<Patient xmlns="http://hl7.org/fhir"><name>', b'<given value="a"/>', 1100 * MIB, b'limit'),
    ('json', b'{"resourceType":"Patient","name":[{"given":[', b'"a",', 1100 * MIB, b'limit'),
    ('ndjson', b'{"resourceType":"Patient","name":[{"given":[', b'"a",', 1100 * MIB, b'longer than'),
    # Within the size limit, but more elements than may be.
    ('json', b'{"resourceType":"Patient","name":[{"given":[', b'"a",', 400 * MIB, b'more elements'),
)


def feed(form, start, piece, size):
    """Returns status, errors, and the most memory the process took."""
    process = subprocess.Popen([PROGRAM, 'convert', '--from', form, '--to', 'json', '-'],
                               stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    block = piece * (MIB // len(piece))
    sent = 0
    try:
        process.stdin.write(start)
        while sent < size:
            process.stdin.write(block)
            sent += len(block)
        process.stdin.close()
    except BrokenPipeError:
        pass
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    return os.waitstatus_to_exitcode(status), errors, usage.ru_maxrss * 1024


def main():
    need_pack()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tap = Tap()
    for form, start, piece, size, told in INPUTS:
        began = time.monotonic()
        status, errors, memory = feed(form, start, piece, size)
        name = '%d MiB of %s' % (size // MIB, form)
        tap.ok(status in (1, 2) and told in errors, name + ': refused with a clear error',
               'status %r\n%s' % (status, errors[:2000].decode('utf-8', 'replace')))
        tap.ok(memory < (6 if SANITIZED else 3) * 1024 * MIB, name + ': in bounded memory',
               '%d MiB' % (memory // MIB))
        tap.ok(time.monotonic() - began < 120, name + ': in bounded time')
    tap.done()


main()
