#!/usr/bin/env python3
"""Synthea's Bundles under new ids: synthea_copies.py FROM TO FOLDER FILE...

Writes copies FROM to TO - 1 of all files into FOLDER, a file each, a Bundle a
line. In copy N the first digits of each UUID are others, so that every id,
fullUrl and reference is new, and they still fit together. Copy 0 is as it was.
What stands at the beginning of the file list as a batch (organisations and
practitioners, which others find by identifier) is in copy 0 only.
"""
import bz2
import os
import re
import sys

UUID = re.compile(rb'([0-9a-f]{8})(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})')


def read(path):
    with (bz2.open if path.endswith('.bz2') else open)(path, 'rb') as f:
        return f.read().replace(b'\n', b' ').replace(b'\r', b' ')


def pieces(text, kept):
    """Texts and the heads of UUIDs but those that are kept, by turns."""
    out, at = [], 0
    for m in UUID.finditer(text):
        if m.group() not in kept:
            out += [text[at:m.start()], m.group(1)]
            at = m.end(1)
    return out + [text[at:]]


def main():
    first, last, folder, paths = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    os.makedirs(folder, exist_ok=True)
    files = {n: open(os.path.join(folder, 'copy-%03d.ndjson' % n), 'wb') for n in range(first, last)}
    kept = set()
    for path in sorted(paths):
        text = read(path)
        shared = b'"batch"' in text[:400]
        if shared:
            kept.update(m.group() for m in UUID.finditer(text))
        cut = None if shared else pieces(text, kept)
        for n, f in files.items():
            if n == 0:
                f.write(text + b'\n')
            elif not shared:
                salt = (n * 0x9e3779b1) & 0xffffffff
                f.write(b''.join(p if i % 2 == 0 else b'%08x' % (int(p, 16) ^ salt) for i, p in enumerate(cut)) + b'\n')
    for f in files.values():
        f.close()


main()
