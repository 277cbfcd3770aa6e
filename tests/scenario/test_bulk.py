#!/usr/bin/env python3
"""firedoor backup, export and purge, against the real program."""
import glob
import gzip
import json
import os
import shutil
import sqlite3
import threading

from gateway import Gateway, Tap, need_pack

SECRET = 'Zwetschgenknödel'     # a name that stands nowhere else


def patient(number, family='Backup'):
    return {'resourceType': 'Patient', 'id': str(number), 'name': [{'family': family}], 'birthDate': '1970-01-01',
            'identifier': [{'system': 'urn:p', 'value': 'P%s' % number}]}


def observation(number, subject):
    return {'resourceType': 'Observation', 'id': str(number), 'status': 'final', 'code': {'text': 'x'},
            'subject': {'reference': subject}}


def pair(number):
    """A transaction of two: a copy of one moment has both or none."""
    return {'resourceType': 'Bundle', 'type': 'transaction', 'entry': [
        {'resource': patient('pair%d' % number), 'request': {'method': 'PUT', 'url': 'Patient/pair%d' % number}},
        {'resource': observation('pair%d' % number, 'Patient/pair%d' % number),
         'request': {'method': 'PUT', 'url': 'Observation/pair%d' % number}}]}


def found(g, query):
    return {e['resource']['id'] for e in g.http('GET', '/fhir/%s' % query).json.get('entry', [])}


def test_backup(t, g):
    written, going = [], [True]

    def write():
        connection = g.connect()
        while going[0] and len(written) < 5000:
            if g.http('POST', '/fhir', pair(len(written)), connection=connection).status == 200:
                written.append(len(written))

    writer = threading.Thread(target=write)
    writer.start()
    while len(written) < 20 and writer.is_alive():
        pass
    before = len(written)
    got = g.run('backup', '-c', g.config, 'copy.db')
    going[0] = False
    writer.join()
    t.ok(got.returncode == 0 and b'copied and checked' in got.stdout, 'a backup while a gateway writes', got.stderr)
    path = os.path.join(g.folder, 'copy.db')
    t.same(os.stat(path).st_mode & 0o777, 0o600, 'which nobody else may read')
    t.same([os.path.basename(p) for p in glob.glob(path + '*')], ['copy.db'], 'with nothing beside it')
    t.ok(g.run('backup', '-c', g.config, 'copy.db').returncode == 2, 'what is there is not replaced')
    t.same(g.run('backup', '-c', g.config, '--force', '-q', 'copy2.db').returncode, 0, 'unless that is forced')
    copy = Gateway(store='  path: copied.db\n')
    shutil.copy(path, os.path.join(copy.folder, 'copied.db'))
    copy.start()
    patients, observations = found(copy, 'Patient?_count=1000'), found(copy, 'Observation?_count=1000')
    t.ok(before <= len(patients) <= len(written), 'the copy has what was there when it began', (before, len(patients)))
    t.same(patients, observations, 'and is of one moment')
    t.same(copy.http('POST', '/fhir', pair(999999)).status, 200, 'and a gateway goes on with it')
    copy.stop()
    copy.close()


def test_backup_refusals(t, g):
    with open(os.path.join(g.folder, 'other.db'), 'w') as f:
        f.write('no store')
    other = Gateway(store='  path: other.db\n')
    got = other.run('backup', '-c', other.config, 'x.db')
    t.ok(got.returncode == 2 and b'no store' in got.stderr, 'there must be a store', got.stderr)
    shutil.copy(os.path.join(g.folder, 'other.db'), other.folder)
    got = other.run('backup', '-c', other.config, 'x.db')
    t.ok(got.returncode == 2 and b'not a firedoor store' in got.stderr, 'of ours', got.stderr)
    shutil.copy(os.path.join(g.folder, 'copy.db'), os.path.join(other.folder, 'other.db'))
    with open(os.path.join(other.folder, 'other.db'), 'r+b') as f:
        f.seek(5 * 4096)
        f.write(b'\xff' * 4096)
    got = other.run('backup', '-c', other.config, 'x.db')
    t.ok(got.returncode == 2, 'a damaged one is not copied', got.stderr)
    t.same(glob.glob(os.path.join(other.folder, 'x.db*')), [], 'and leaves nothing')
    other.close()
    t.same(g.run('backup', '-c', g.config, 'no/such/folder/x.db').returncode, 2, 'into a folder that is not there')


def read_lines(path):
    with (gzip.open if path.endswith('.gz') else open)(path, 'rb') as f:
        return [json.loads(line) for line in f.read().splitlines()]


def test_export(t, g):
    g.http('PUT', '/fhir/Patient/new', patient('new', 'Old'))
    g.http('PUT', '/fhir/Patient/new', patient('new', 'New'))
    g.http('PUT', '/fhir/Patient/gone', patient('gone'))
    g.http('DELETE', '/fhir/Patient/gone')
    want = {kind: {} for kind in ('Patient', 'Observation')}
    for kind in want:
        for entry in g.http('GET', '/fhir/%s?_count=1000' % kind).json['entry']:
            want[kind][entry['resource']['id']] = entry['resource']
    got = g.run('export', '-c', g.config, 'out')
    t.ok(got.returncode == 2 and b'stop it first' in got.stderr, 'not while a gateway runs', got.stderr)
    g.stop()
    for folder, arguments, ending in (('out', (), ''), ('packed', ('--gzip',), '.gz')):
        got = g.run('export', '-c', g.config, *arguments, folder)
        t.ok(got.returncode == 0, 'export %s' % ' '.join(arguments), got.stderr)
        path = os.path.join(g.folder, folder)
        names = sorted('%s.ndjson%s' % (kind, ending) for kind in want)
        t.same(sorted(os.listdir(path)), names + ['manifest.json'], 'a file for each type, and the manifest')
        for kind in want:
            lines = read_lines(os.path.join(path, '%s.ndjson%s' % (kind, ending)))
            t.ok(len(lines) == len(want[kind]) and {r['id']: r for r in lines} == want[kind], 'each current %s, once' % kind)
        with open(os.path.join(path, 'manifest.json')) as f:
            manifest = json.load(f)
        t.same(sorted((o['type'], o['url'], o['count']) for o in manifest['output']),
               sorted((kind, '%s.ndjson%s' % (kind, ending), len(want[kind])) for kind in want), 'the manifest lists them')
        t.ok(manifest['error'] == [] and manifest['transactionTime'].endswith('Z') and 'request' in manifest
             and manifest['requiresAccessToken'] is False, 'as the bulk data specification has it')
    shown = [json.loads(line) for line in g.run('audit', 'show', '-c', g.config, '--json', '-n', '1').stdout.splitlines()]
    t.same([(e['interaction'], sorted(e['resources'])) for e in shown], [('export', ['Observation', 'Patient'])], 'it is audited')
    t.ok(g.run('export', '-c', g.config, 'out').returncode == 2, 'a folder that is not empty is refused')
    got = g.run('export', '-c', g.config, '-t', 'Observation', 'one')
    t.same(sorted(os.listdir(os.path.join(g.folder, 'one'))), ['Observation.ndjson', 'manifest.json'], 'one type')
    t.ok(b'Obervation' in g.run('export', '-c', g.config, '-t', 'Obervation', 'x').stderr, 'that there is')
    # What was exported can be imported.
    again = Gateway()
    got = again.run('import', '-c', again.config, os.path.join(g.folder, 'out', 'Patient.ndjson'),
                    os.path.join(g.folder, 'packed', 'Observation.ndjson.gz'))
    t.ok(got.returncode == 0 and b'%d written' % sum(map(len, want.values())) in got.stdout, 'and imported again', got.stdout)
    again.close()


def test_export_scopes(t):
    token = 'sha256:' + '0' * 64
    g = Gateway(access='  senders:\n    - name: reader\n      tokens: ["%s"]\n      scope: system/Patient.s\n'
                       '    - name: inside\n      tokens: ["%s"]\n      scope: system/*.rs\n      compartment: Patient/1\n'
                       '    - name: writer\n      tokens: ["%s"]\n      scope: system/*.cu\n'
                       % (token, token[:-1] + '1', token[:-1] + '2'), mllp=None)
    with open(os.path.join(g.folder, 'in.ndjson'), 'w') as f:
        f.write(json.dumps(patient(1)) + '\n' + json.dumps(observation(1, 'Patient/1')))
    t.same(g.run('import', '-c', g.config, '--sender', 'writer', 'in.ndjson').returncode, 0, 'two resources')
    got = g.run('export', '-c', g.config, '--sender', 'reader', 'out')
    t.same((got.returncode, sorted(os.listdir(os.path.join(g.folder, 'out')))), (0, ['Patient.ndjson', 'manifest.json']),
           'a sender exports the types it may search')
    for sender, arguments in (('reader', ('-t', 'Observation')), ('inside', ()), ('writer', ())):
        got = g.run('export', '-c', g.config, '--sender', sender, *arguments, 'no')
        t.ok(got.returncode == 2 and b'scope' in got.stderr, 'and no others (%s)' % sender, got.stderr)
    t.ok(not os.path.exists(os.path.join(g.folder, 'no')), 'nothing is written then')
    got = g.run('purge', '-c', g.config, '--sender', 'writer', 'Patient/1')
    t.ok(got.returncode == 2 and b'scope' in got.stderr, 'and none is purged without the right to delete', got.stderr)
    g.close()


def traces(g, text):
    """Files of the store in which bytes of the text are left."""
    left = []
    for path in glob.glob(os.path.join(g.folder, 'store.db*')):
        with open(path, 'rb') as f:
            data = f.read().lower()
        if text.encode().lower() in data or text[:10].encode().lower() in data:
            left.append(os.path.basename(path))
    return left


def rows_of(g):
    db = sqlite3.connect(os.path.join(g.folder, 'store.db'))
    rows = {}
    tables = db.execute("SELECT t.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'"
                        " AND c.name = 'row' AND t.name <> 'work'").fetchall()
    for (table,) in tables:
        rows[table] = db.execute('SELECT count(*) FROM "%s"' % table).fetchone()[0]
    rows['last'] = db.execute('SELECT max(row) FROM version').fetchone()[0]
    db.close()
    return rows


def test_purge(t):
    g = Gateway()
    g.start()
    for n in range(50):
        g.http('PUT', '/fhir/Patient/%d' % n, patient(n))
    g.stop()
    before = rows_of(g)
    g.start()
    g.http('PUT', '/fhir/Patient/secret', patient('secret', SECRET))
    g.http('PUT', '/fhir/Patient/secret', dict(patient('secret', SECRET), active=True))
    g.http('DELETE', '/fhir/Patient/secret')
    g.http('PUT', '/fhir/Patient/secret', patient('secret', SECRET))
    g.http('PUT', '/fhir/Observation/about', observation('about', 'Patient/secret'))
    busy = g.run('purge', '-c', g.config, 'Patient/secret')
    t.ok(busy.returncode == 2 and b'stop it first' in busy.stderr, 'not while a gateway runs', busy.stderr)
    g.stop()
    t.ok(traces(g, SECRET) != [], 'a name is in the file')
    kept = g.run('purge', '-c', g.config, 'Patient/secret')
    t.ok(kept.returncode == 1 and b'Observation/about refers to it' in kept.stderr, 'what is referred to is kept', kept.stderr)
    t.ok(traces(g, SECRET) != [], 'whole')
    got = g.run('purge', '-c', g.config, 'Observation/about', 'Patient/secret')
    t.ok(got.returncode == 0 and b'Patient/secret: 4 versions removed' in got.stdout, 'with what refers to it, it goes', got.stderr)
    t.same(traces(g, SECRET), [], 'and no byte of it is left')
    after = rows_of(g)
    t.same(after, before, 'nor any row of an index')
    g.start()
    t.same([g.http('GET', '/fhir/Patient/secret' + end).status for end in ('', '/_history/1', '/_history')], [404, 404, 404],
           'it was never there')
    t.same(len(found(g, 'Patient?_count=100')), 50, 'the others are')
    g.http('PUT', '/fhir/Patient/next', patient('next'))
    g.stop()
    t.ok(rows_of(g)['last'] > before['last'] + 5, 'rows only grow', (before['last'], rows_of(g)['last']))
    missing = g.run('purge', '-c', g.config, 'Patient/secret')
    t.ok(missing.returncode == 1 and b'no such resource' in missing.stderr, 'what is not there', missing.stderr)
    for target in ('Patient', 'Patent/1', 'Patient/a b'):
        t.same(g.run('purge', '-c', g.config, target).returncode, 2, 'wrong usage: %s' % target)
    g.start()
    g.http('PUT', '/fhir/Observation/about', observation('about', 'Patient/next'))
    g.stop()
    t.same(g.run('purge', '-c', g.config, '--force', 'Patient/next').returncode, 0, '--force')
    lines = [json.loads(line) for line in g.run('audit', 'show', '-c', g.config, '--json').stdout.splitlines()]
    t.same([(e['resources'][0], e['status']) for e in lines if e['interaction'] == 'purge'],
           [('Patient/secret', 'begun'), ('Patient/secret', 'kept'), ('Observation/about', 'begun'), ('Observation/about', 'removed'),
            ('Patient/secret', 'begun'), ('Patient/secret', 'removed'), ('Patient/secret', 'begun'), ('Patient/secret', 'not there'),
            ('Patient/next', 'begun'), ('Patient/next', 'removed')], 'all of it is audited')
    t.same(g.run('audit', 'verify', '-c', g.config).returncode, 0, 'and the trail is whole')
    g.close()


def dictionaries(g):
    db = sqlite3.connect(os.path.join(g.folder, 'store.db'))
    got = [row[0] for row in db.execute('SELECT data FROM dictionary')]
    db.close()
    return got


def test_compressed(t):
    """Many bodies have a dictionary, which holds pieces of them."""
    g = Gateway()
    want = {}
    for n in range(2500):
        one = patient('c%d' % n, SECRET if n % 10 == 0 else 'Family%d' % (n * 7919 % 1000))
        one['address'] = [{'line': ['%d Long Road' % n], 'city': 'Ridgeport', 'country': 'US'}]
        want[one['id']] = one
    os.mkdir(os.path.join(g.folder, 'in'))
    for part in range(5):
        with open(os.path.join(g.folder, 'in', '%d.ndjson' % part), 'w') as f:
            for n in range(part * 500, part * 500 + 500):
                f.write(json.dumps(want['c%d' % n]) + '\n')
        t.same(g.run('import', '-c', g.config, 'in').returncode, 0, 'import, part %d' % part)
    plain = sum(len(json.dumps(one, separators=(',', ':'))) for one in want.values())
    db = sqlite3.connect(os.path.join(g.folder, 'store.db'))
    stored = db.execute('SELECT sum(length(data)) FROM body').fetchone()[0]
    db.close()
    t.ok(len(dictionaries(g)) == 1 and stored < plain * 0.8, 'bodies are compressed, with a dictionary', (plain, stored))
    t.ok(any(SECRET[-6:].encode() in d for d in dictionaries(g)), 'which has a name in it that many have')
    g.start()
    got = {e['resource']['id']: e['resource'] for e in g.http('GET', '/fhir/Patient?_count=1000').json['entry']}
    t.ok(len(got) == 1000 and all({k: v for k, v in r.items() if k != 'meta'} == want[i] for i, r in got.items()),
         'searches give what was stored')
    one = g.http('GET', '/fhir/Patient/c2499').json
    del one['meta']
    t.same(one, want['c2499'], 'and reads')
    g.stop()
    gone = ['Patient/c%d' % n for n in range(0, 2500, 10)]
    t.same(g.run('purge', '-c', g.config, *gone).returncode, 0, 'when all who have the name are purged')
    t.ok(len(dictionaries(g)) == 1 and traces(g, SECRET) == [], 'there is another dictionary, without it', traces(g, SECRET))
    g.start()
    t.same(len(found(g, 'Patient?_count=1000&family=Family')), 1000, 'and the others can be read')
    t.same(g.http('GET', '/fhir/Patient/c1').json['name'], want['c1']['name'], 'as before')
    g.stop()
    g.close()


def main():
    need_pack()
    t = Tap()
    g = Gateway()
    try:
        g.start()
        test_backup(t, g)
        test_backup_refusals(t, g)
        test_export(t, g)
    finally:
        g.close()
    test_export_scopes(t)
    test_purge(t)
    test_compressed(t)
    t.done()


main()
