#!/usr/bin/env python3
"""The main job, shown: an admission and a laboratory result go in over MLLP,
stored and audited FHIR comes out over REST.

Called by ./run demo; see there.
"""
import argparse
import os
import shutil
import signal
import socket
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'tests', 'scenario'))
from gateway import Gateway, ack_code, segment  # noqa: E402

COLOUR = sys.stdout.isatty() and not os.environ.get('NO_COLOR')


def paint(code, text):
    return '\033[%sm%s\033[0m' % (code, text) if COLOUR else text


def title(text):
    print('\n' + paint('1', text), flush=True)


class Demo:
    def __init__(self, gateway):
        self.gateway = gateway
        self.failures = 0

    def check(self, holds, text, detail=''):
        print('  %s %s' % (paint('32', 'ok  ') if holds else paint('31', 'FAIL'), text), flush=True)
        if not holds:
            self.failures += 1
            print(detail)
        return holds

    def send(self, name):
        with open(os.path.join(HERE, name)) as f:
            text = f.read()
        title('%s goes in over MLLP' % name)
        for line in text.splitlines():
            print('  > ' + line)
        began = time.monotonic()
        connection = self.gateway.mllp()
        ack = connection.ask(text)
        connection.close()
        took = (time.monotonic() - began) * 1000
        for line in (ack or '').split('\r'):
            if line:
                print('  < ' + line)
        control = segment(text.replace('\n', '\r'), 'MSH')[10]
        self.check(ack_code(ack) == 'AA' and segment(ack, 'MSA')[2] == control,
                   'accepted, and on disk: %.1f ms' % took, ack)

    def get(self, path):
        answer = self.gateway.http('GET', path)
        print('  GET %s: %d' % (path, answer.status))
        return answer

    def find_one(self, query):
        answer = self.get('/fhir/' + query)
        entries = answer.json.get('entry', []) if answer.status == 200 else []
        self.check(len(entries) == 1, 'one %s' % query.split('?')[0], answer)
        return entries[0]['resource'] if entries else {}

    def show(self):
        title('What they became, over the FHIR API')
        patient = self.find_one('Patient?identifier=480221')
        name = (patient.get('name') or [{}])[0]
        self.check(name.get('family') == 'Lindqvist' and patient.get('birthDate') == '1984-06-17',
                   'Patient/%s: %s %s, %s, born %s' % (
                       patient.get('id'), ' '.join(name.get('given', [])), name.get('family'),
                       patient.get('gender'), patient.get('birthDate')), patient)
        encounter = self.find_one('Encounter?patient=%s' % patient.get('id'))
        self.check(encounter.get('class', {}).get('code') == 'IMP',
                   'Encounter/%s: %s, %s' % (encounter.get('id'), encounter.get('status'),
                                             encounter.get('class', {}).get('code')), encounter)
        found = self.gateway.search('Observation?patient=%s' % patient.get('id'))
        self.check(len(found) == 2, 'two Observations', found)
        values = {}
        for o in found:
            q = o.get('valueQuantity', {})
            values[o['code']['coding'][0]['code']] = q.get('value')
            print('       Observation/%s: %s = %s %s' % (
                o['id'], o['code']['coding'][0].get('display'), q.get('value'), q.get('unit')))
        self.check(values == {'718-7': 13.4, '6690-2': 14.2}, 'with the values that were sent', values)
        self.patient = patient.get('id')

    def audit(self):
        title('Who did and saw what: the audit trail')
        shown = self.gateway.run('audit', 'show', '-c', self.gateway.config)
        lines = shown.stdout.decode().splitlines()
        for line in lines:
            print('  ' + line)
        self.check(shown.returncode == 0 and len(lines) >= 5, 'every exchange has its entry',
                   shown.stderr.decode())
        verified = self.gateway.run('audit', 'verify', '-c', self.gateway.config)
        self.check(verified.returncode == 0, 'the chain of entries is whole: %s' %
                   verified.stdout.decode().strip(), verified.stderr.decode())

    def suggest(self):
        base = 'http://127.0.0.1:%d/fhir' % self.gateway.ports['http']
        title('The gateway keeps running. Try next:')
        for line in (
                "curl '%s/Patient/%s?_pretty=true'" % (base, self.patient),
                "curl '%s/Observation?patient=%s'" % (base, self.patient),
                "curl '%s/metadata'" % base,
                "curl -X POST -H 'Content-Type: application/fhir+json' "
                "-d '{\"resourceType\":\"Patient\",\"active\":true}' %s/Patient" % base,
                'firedoor audit show -c %s' % self.gateway.config):
            print('  ' + line)
        print('\nMLLP is on 127.0.0.1:%d. Its files are in %s.\nStop it with Ctrl-C.' % (
            self.gateway.ports['mllp'], self.gateway.folder), flush=True)


def free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(('127.0.0.1', port))
        except OSError:
            return 0
        return port


def main():
    parser = argparse.ArgumentParser(prog='./run demo', description=__doc__)
    parser.add_argument('--firedoor', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--once', action='store_true',
                        help='stop when all is shown; exit 0 only if every step held')
    options = parser.parse_args()

    folder = tempfile.mkdtemp(prefix='firedoor-demo-')
    gateway = Gateway(folder, os.path.abspath(options.firedoor),
                      fhir='  listen: 127.0.0.1:%d\n' % free(8080),
                      mllp='  - name: adt\n    listen: 127.0.0.1:%d\n' % free(2575))
    demo = Demo(gateway)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        title('A gateway starts on loopback, on a fresh SQLite file')
        began = time.monotonic()
        gateway.start()
        demo.check(True, 'ready in %.0f ms: HTTP on port %d, MLLP on port %d' % (
            (time.monotonic() - began) * 1000, gateway.ports['http'], gateway.ports['mllp']))
        demo.check(gateway.http('GET', '/health').status == 200, '/health answers')
        demo.send('adt_a01.hl7')
        demo.send('oru_r01.hl7')
        demo.show()
        demo.audit()
        if not options.once and not demo.failures:
            demo.suggest()
            gateway.process.wait()
    except KeyboardInterrupt:
        print()
    except AssertionError as e:
        demo.check(False, 'every step could be taken', str(e))
    finally:
        if gateway.process:
            status = gateway.stop()
            if options.once:
                demo.check(status == 0, 'the gateway stopped well', gateway.log_text())
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if demo.failures else 0)


main()
