#!/usr/bin/env python3
"""firedoor import: every form of file, what is refused, an import that was cut
off, and kill -9 at random moments: each transaction is in the store whole or not
at all, and in the end each is there once. FIREDOOR_IMPORT_KILLS says how many
(default 6)."""
import base64
import bz2
import gzip
import json
import os
import random
import signal
import subprocess
import time

from gateway import Gateway, Tap, need_pack

KILLS = int(os.environ.get('FIREDOOR_IMPORT_KILLS', '6'))
BUNDLES = 24
ENTRIES = 40


def patient(name, number=None):
    made = {'resourceType': 'Patient', 'identifier': [{'system': 'urn:t', 'value': name}]}
    if number:
        made['id'] = number
    return made


def bundle(kind, resources, method='POST'):
    entries = []
    for i, r in enumerate(resources):
        e = {'fullUrl': 'urn:uuid:00000000-0000-4000-8000-%012d' % i, 'resource': r}
        if kind in ('transaction', 'batch'):
            e['request'] = {'method': method, 'url': r['resourceType'] + ('/' + r['id'] if method == 'PUT' else '')}
        entries.append(e)
    return {'resourceType': 'Bundle', 'type': kind, 'entry': entries}


def observation(subject, name):
    return {'resourceType': 'Observation', 'status': 'final', 'code': {'text': 'x'},
            'identifier': [{'system': 'urn:t', 'value': name}], 'subject': {'reference': subject}}


def write(g, name, value, opener=open):
    path = os.path.join(g.folder, 'in', name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    text = value if isinstance(value, str) else json.dumps(value)
    with opener(path, 'wb') as f:
        f.write(text.encode())
    return path


def count(g, query):
    return g.http('GET', '/fhir/%s%s_total=accurate&_count=1' % (query, '&' if '?' in query else '?')).json['total']


def test_forms(t, g):
    first = 'urn:uuid:00000000-0000-4000-8000-000000000000'
    write(g, '1-transaction.json', bundle('transaction', [patient('tx'), observation(first, 'tx')]))
    write(g, '2-batch.json.gz', bundle('batch', [patient('batch', 'b1'), patient('batch', 'b2')], 'PUT'), gzip.open)
    write(g, '3-collection.json.bz2', bundle('collection', [patient('kept', 'c1'), observation(first, 'kept')]), bz2.open)
    write(g, '4-lines.ndjson', '\n'.join(json.dumps(p) for p in (
        patient('line', 'n1'), patient('line', 'n2'), patient('line'),
        bundle('transaction', [patient('line'), observation(first, 'line')]))))
    write(g, '5-lines.ndjson.gz', json.dumps(patient('zipped', 'z1')) + '\r\n\r\n' + json.dumps(patient('zipped')) + '\n',
          gzip.open)
    write(g, '6-one.json', patient('one', 'one'))
    write(g, '7.xml', '<Patient xmlns="http://hl7.org/fhir"><id value="x1"/><identifier><system value="urn:t"/>'
                      '<value value="xml"/></identifier></Patient>')
    write(g, 'sub/8-document.json', {'resourceType': 'Bundle', 'id': 'd1', 'type': 'document', 'timestamp': '2026-01-01T00:00:00Z',
                                     'identifier': {'system': 'urn:t', 'value': 'doc'},
                                     'entry': [{'fullUrl': first, 'resource': patient('inside')}]})
    write(g, 'notes.txt', 'not for us')
    got = g.run('import', '-c', g.config, 'in')
    t.same(got.returncode, 0, 'all forms of files are imported')
    t.ok(b'16 written, 0 unchanged, 0 imported before, 0 refused' in got.stdout, 'and counted', got.stdout + got.stderr)
    again = g.run('import', '-c', g.config, 'in')
    t.ok(again.returncode == 0 and b'0 written, 0 unchanged, 16 imported before' in again.stdout,
         'called again, it does nothing twice', again.stdout + again.stderr)
    g.start()
    for name, patients, observations in (('tx', 1, 1), ('batch', 2, 0), ('kept', 1, 1), ('line', 4, 1), ('zipped', 2, 0),
                                         ('one', 1, 0), ('xml', 1, 0), ('inside', 0, 0)):
        t.same((count(g, 'Patient?identifier=urn:t|' + name), count(g, 'Observation?identifier=urn:t|' + name)),
               (patients, observations), 'of %s' % name)
    t.same(count(g, 'Bundle?identifier=urn:t|doc'), 1, 'a document is kept as it is')
    t.same(count(g, 'Observation?identifier=urn:t|kept&subject=Patient/c1'), 1, 'references inside a collection are resolved')
    t.same(count(g, 'Observation?identifier=urn:t|tx&subject:Patient.identifier=urn:t|tx'), 1, 'and inside a transaction')
    busy = g.run('import', '-c', g.config, 'in/6-one.json')
    t.ok(busy.returncode == 2 and b'stop it first' in busy.stderr, 'not while a gateway runs', busy.stderr)
    g.stop()
    twice = g.run('import', '-c', g.config, '--again', 'in/6-one.json')
    t.ok(b'1 written' in twice.stdout, '--again does what was done', twice.stdout + twice.stderr)
    got = g.run('audit', 'show', '-c', g.config, '--json', '--resource', 'Patient/one')
    entries = [json.loads(line) for line in got.stdout.splitlines()]
    t.same([(e['interaction'], e['protocol'], e['outcome'], e['resources'][-1]) for e in entries if e['protocol'] == 'command'],
           [('import', 'command', 'allowed', 'Patient/one/_history/1'),
            ('import', 'command', 'allowed', 'Patient/one/_history/2')], 'each import is audited')
    t.same(g.run('audit', 'verify', '-c', g.config).returncode, 0, 'and the trail is whole')


def test_wrong(t, g):
    path = write(g, '../wrong/lines.ndjson', '\n'.join([
        json.dumps(patient('good', 'w1')), '{"resourceType": "Patient", "nam', '{"resourceType": "Patient", "frist": "x"}',
        json.dumps(patient('good', 'w2'))]))
    write(g, '../wrong/tx.json', bundle('transaction', [patient('half'), {'resourceType': 'Observation', 'status': 'final'}]))
    write(g, '../wrong/zipped.json.gz', 'no gzip file')
    write(g, '../wrong/empty.json', '')
    got = g.run('import', '-c', g.config, 'wrong')
    text = got.stderr.decode()
    t.same(got.returncode, 1, 'what is wrong makes the exit status 1')
    t.ok(b'2 written' in got.stdout, 'and what is right is in', got.stdout)
    t.ok('lines.ndjson:2: ' in text and 'lines.ndjson:3: ' in text and 'frist' in text, 'each wrong line is named', text)
    t.ok('Bundle.entry[1].resource' in text, 'the place inside a transaction too', text)
    t.ok('zipped.json.gz' in text and 'empty.json' in text, 'and files that cannot be read', text)
    with open(path, 'a') as f:
        f.write('\n' + json.dumps(patient('good', 'w3')))
    got = g.run('import', '-c', g.config, path)
    t.ok(b'1 written, 0 unchanged, 2 imported before, 2 refused' in got.stdout, 'a file that was repaired goes on', got.stdout)
    for arguments, why in (((), b'-c FILE'), (('-c', g.config), b'which files'), (('-c', g.config, 'no/such'), b'no/such'),
                           (('-c', g.config, '--threads', '0', 'in'), b'--threads'),
                           (('-c', g.config, '--sender', 'nobody', 'in'), b'nobody')):
        got = g.run('import', *arguments)
        t.ok(got.returncode == 2 and why in got.stderr, 'wrong usage: %s' % why.decode(), got.stderr)


def test_patches(t, g):
    """A patch is made of what is stored: of what lies just before it, too."""
    def patch(url, *operations):
        return {'resource': {'resourceType': 'Binary', 'contentType': 'application/json-patch+json',
                             'data': base64.b64encode(json.dumps(operations).encode()).decode()},
                'request': {'method': 'PATCH', 'url': url}}

    lines = [json.dumps(patient('patched', 'pa%d' % n)) for n in range(40)]
    lines.append(json.dumps({'resourceType': 'Bundle', 'type': 'transaction', 'entry': [
        patch('Patient/pa39', {'op': 'add', 'path': '/active', 'value': True}),
        patch('Patient?identifier=urn:t|onlyone', {'op': 'add', 'path': '/active', 'value': True})]}))
    lines.insert(40, json.dumps(patient('onlyone', 'po')))
    lines.append(json.dumps(patient('after', 'pz')))
    write(g, '../patches/a.ndjson', '\n'.join(lines))
    got = g.run('import', '-c', g.config, 'patches')
    t.ok(got.returncode == 0 and b'44 written' in got.stdout, 'patches are imported', got.stdout + got.stderr)
    g.start()
    t.same([g.http('GET', '/fhir/Patient/' + i).json.get('active') for i in ('pa38', 'pa39', 'po', 'pz')], [None, True, True, None],
           'of what lies before them')
    g.stop()


def test_scopes(t):
    token = 'sha256:' + '0' * 64
    g = Gateway(access='  senders:\n    - name: narrow\n      tokens: ["%s"]\n      scope: system/Patient.cu\n' % token, mllp=None)
    try:
        write(g, 'a.ndjson', json.dumps(patient('x', 'a1')) + '\n' + json.dumps(observation('Patient/a1', 'x')))
        got = g.run('import', '-c', g.config, 'in')
        t.ok(got.returncode == 2 and b'--sender' in got.stderr, 'a sender must be named where there are some', got.stderr)
        got = g.run('import', '-c', g.config, '--sender', 'narrow', 'in')
        t.ok(got.returncode == 1 and b'1 written' in got.stdout and b'1 refused' in got.stdout,
             'and its scopes hold', got.stdout + got.stderr)
        shown = g.run('audit', 'show', '-c', g.config, '--json').stdout.decode()
        t.ok('"sender":"narrow"' in shown, 'the trail names it', shown)
    finally:
        g.close()


def whole(t, g):
    """How many of the transactions are in; each must be whole."""
    g.start()
    counts = [count(g, 'Observation?identifier=urn:t|k%d' % k) for k in range(BUNDLES)]
    g.stop()
    t.ok(all(n in (0, ENTRIES) for n in counts), 'each transaction is in whole or not at all', counts)
    return sum(n == ENTRIES for n in counts)


def import_and_kill(g, after):
    p = subprocess.Popen([g.program, 'import', '-c', g.config, '-q', 'kill'], cwd=g.folder, env=g.environment,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        p.wait(after)
    except subprocess.TimeoutExpired:
        p.send_signal(signal.SIGKILL)
    errors = p.stderr.read()
    return p.wait(), errors


def test_kills(t):
    """Each round begins anew when all was imported."""
    rng = random.Random(os.environ.get('FIREDOOR_SEED', '7'))
    kills, rounds, between, duration = 0, 0, 0, None
    while kills < KILLS or not rounds:
        g = Gateway()
        try:
            for k in range(BUNDLES):
                write(g, '../kill/%02d.json' % k, bundle('transaction', [observation('Patient/x', 'k%d' % k) for _ in range(ENTRIES)]))
            status = -9
            while status == -9:
                began = time.monotonic()
                after = 300 if duration is None or kills >= KILLS else duration * rng.random()
                status, errors = import_and_kill(g, after)
                if duration is None:
                    duration = time.monotonic() - began
                kills += status == -9
                done = whole(t, g)
                between += 0 < done < BUNDLES
            t.ok(status == 0 and done == BUNDLES, 'called again, the import goes on to the end', errors.decode())
            t.same(g.run('audit', 'verify', '-c', g.config).returncode, 0, 'the trail is whole')
            rounds += 1
        finally:
            g.close()
    t.ok(kills >= KILLS, '%d imports were killed, after %d of which some were in' % (kills, between))


def main():
    need_pack()
    t = Tap()
    g = Gateway()
    try:
        test_forms(t, g)
        test_wrong(t, g)
        test_patches(t, g)
    finally:
        g.close()
    test_scopes(t)
    test_kills(t)
    t.done()


main()
