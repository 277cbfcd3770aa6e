#!/usr/bin/env python3
"""fhir-kit-client, a client that apps are written with, drives the gateway
through every interaction it offers. Where FIREDOOR_FHIR_KIT (a folder whose
node_modules hold it and what it needs) or node is missing, it is skipped."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, Tap, need_pack, skip_all  # noqa: E402

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'fhir_kit.mjs')


def main():
    need_pack()
    folder = os.environ.get('FIREDOOR_FHIR_KIT')
    node = shutil.which('node') or shutil.which('nodejs')
    if not folder or not node:
        skip_all('fhir-kit-client or node is not there (FIREDOOR_FHIR_KIT)')
    tap = Tap()
    gateway = Gateway().start()
    try:
        base = 'http://127.0.0.1:%d/fhir' % gateway.ports['http']
        done = subprocess.run([node, SCRIPT, folder, base], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=300)
        for line in done.stdout.decode().splitlines():
            m = re.match(r'(not )?ok \d+ - (.*?)(?: # SKIP (.*))?$', line)
            if m and m.group(3):
                tap.skip(m.group(2), m.group(3))
            elif m:
                tap.ok(not m.group(1), m.group(2))
            elif not line.startswith('1..'):
                print(line)
        tap.ok(done.returncode == 0, 'the client went through all of it', done.stderr.decode())
        tap.ok(gateway.stop() == 0, 'the gateway stops well', gateway.log_text())
    finally:
        gateway.close()
    tap.done()


main()
