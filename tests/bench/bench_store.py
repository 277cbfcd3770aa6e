"""./run bench store: imports Synthea, and asks the store what apps ask.

The reference of the import inserts the same rows as they come, a transaction a
Bundle, into a plain SQLite schema with an index over them; both are durable
(synchronous=FULL, WAL). --copies 11 makes it a million resources.
"""
import glob
import json
import os
import random
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ASK = '''
local paths, n, at = {}, 0, 0
for line in io.lines(os.getenv("BENCH_PATHS")) do n = n + 1; paths[n] = line end
math.randomseed(7)
request = function()
  return wrk.format("GET", paths[math.random(n)])
end
'''
POST = '''
local at, salt = 0, math.random(1000000)
local body = [[{"resourceType":"Bundle","type":"transaction","entry":[
{"fullUrl":"urn:uuid:00000000-0000-4000-8000-000000000001","resource":{"resourceType":"Patient",
"identifier":[{"system":"urn:bench","value":"%d"}],"name":[{"family":"Testbed%d"}],"birthDate":"1970-01-01"},
"request":{"method":"POST","url":"Patient"}},
{"resource":{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org",
"code":"8867-4"}]},"subject":{"reference":"urn:uuid:00000000-0000-4000-8000-000000000001"},
"effectiveDateTime":"2026-01-01T00:00:00Z"},"request":{"method":"POST","url":"Observation"}}]}]]
request = function()
  at = at + 1
  return wrk.format("POST", "/fhir", {["Content-Type"] = "application/fhir+json", ["Prefer"] = "return=minimal"},
    string.format(body, at, at % 1000))
end
'''


def milliseconds(text):
    got = re.match(r'([\d.]+)([a-z]+)$', text)
    if not got:
        return float('nan')    # not one answer in time
    number, unit = got.groups()
    return float(number) * {'us': 0.001, 'ms': 1, 's': 1000, 'm': 60000}[unit]


def wrk(g, script, connections, seconds, paths=None):
    """Requests a second, p50 and p99 in ms, and how many were no success."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, 'ask.lua'), 'w') as f:
            f.write(script)
        environment = dict(os.environ, BENCH_PATHS=os.path.join(folder, 'paths'))
        with open(environment['BENCH_PATHS'], 'w') as f:
            f.write('\n'.join(paths or []) + '\n')
        out = subprocess.run(
            ['wrk', '-t1', '-c%d' % connections, '-d%ds' % seconds, '--latency', '--timeout', '30s', '-s',
             os.path.join(folder, 'ask.lua'), 'http://127.0.0.1:%d/' % g.ports['http']],
            stdout=subprocess.PIPE, check=True, env=environment).stdout.decode()
    bad = re.search(r'Non-2xx.*: (\d+)', out)
    return (float(re.search(r'Requests/sec:\s+([\d.]+)', out).group(1)),
            milliseconds(re.search(r'50%\s+(\S+)', out).group(1)),
            milliseconds(re.search(r'99%\s+(\S+)', out).group(1)), int(bad.group(1)) if bad else 0)


def load():
    with open('/proc/loadavg') as f:
        return f.read().split()[0]


def resident(pid):
    with open('/proc/%d/status' % pid) as f:
        return int(re.search(r'VmRSS:\s+(\d+)', f.read()).group(1)) / 1024


def store_bytes(g):
    return sum(os.path.getsize(p) for p in glob.glob(os.path.join(g.folder, 'store.db*')))


def import_files(g, paths):
    """Resources a second, of each file."""
    rates = []
    total = 0
    for path in paths:
        began = time.monotonic()
        got = g.run('import', '-q', '-c', g.config, path)
        count = int(re.match(rb'(\d+) written', got.stdout).group(1))
        rates.append(count / (time.monotonic() - began))
        total += count
    return rates, total


def naive(g, folder):
    """The same rows of (part of) the store, as they come. Resources a second."""
    rows = sqlite3.connect(os.path.join(g.folder, 'store.db'))
    most = 40000
    index, dates = {}, {}
    for key, row, check in rows.execute('SELECT hash, row, chk FROM ix WHERE row <= ?', (most,)):
        index.setdefault(row, []).append((key, row, check))
    for key, low, high, row in rows.execute('SELECT key, low, high, row FROM date_ix WHERE row <= ?', (most,)):
        dates.setdefault(row, []).append((key, low, high, row))
    rows.close()
    bodies = []
    for path in glob.glob(os.path.join(folder, '*.ndjson')):
        with open(path, 'rb') as f:
            bodies += f.readlines()
    random.Random(7).shuffle(bodies)
    db = sqlite3.connect(os.path.join(g.folder, 'naive.db'), isolation_level=None)
    db.executescript('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;'
                     'CREATE TABLE resource (row INTEGER PRIMARY KEY, data BLOB);'
                     'CREATE TABLE ix (hash INTEGER, row INTEGER, chk INTEGER); CREATE INDEX ix_of ON ix (hash, row);'
                     'CREATE TABLE dates (key INTEGER, low INTEGER, high INTEGER, row INTEGER);'
                     'CREATE INDEX dates_low ON dates (key, low); CREATE INDEX dates_high ON dates (key, high);')
    began = time.monotonic()
    count = min(most, len(bodies))
    for first in range(0, count, 750):
        db.execute('BEGIN')
        for row in range(first, min(first + 750, count)):
            db.execute('INSERT INTO resource VALUES (?, ?)', (row + 1, bodies[row]))
            db.executemany('INSERT INTO ix VALUES (?, ?, ?)', index.get(row + 1, ()))
            db.executemany('INSERT INTO dates VALUES (?, ?, ?, ?)', dates.get(row + 1, ()))
        db.execute('COMMIT')
    rate = count / (time.monotonic() - began)
    db.close()
    return rate


def ids(g, kind, count=200):
    got = g.http('GET', '/fhir/%s?_count=%d&_elements=id' % (kind, count)).json
    return [e['resource']['id'] for e in got.get('entry', [])]


def queries(g):
    patients = ids(g, 'Patient')
    codes = ['8302-2', '29463-7', '39156-5', '85354-9', '8867-4', '9279-1', '72514-3', '2093-3']
    rare = sorted({c['code'] for e in g.http('GET', '/fhir/Condition?_count=1000').json.get('entry', [])
                   for c in e['resource'].get('code', {}).get('coding', [])})
    loinc = 'http://loinc.org%7C'
    return {
        'token': ['/fhir/Observation?code=%s%s' % (loinc, c) for c in codes],
        'token, date range': ['/fhir/Observation?code=%s%s&date=ge%d-01-01&date=lt%d-01-01' % (loinc, c, y, y + 1)
                              for c in codes for y in range(2012, 2021)],
        'patient, sorted by date': ['/fhir/Observation?patient=%s&_sort=-date' % p for p in patients],
        'string prefix': ['/fhir/Patient?family=%s' % p for p in ('a', 'be', 'sch', 'mc', 'w', 'cr', 'ha', 'ro')],
        'chain': ['/fhir/Observation?patient.family=%s' % p for p in ('ab', 'be', 'sch', 'mc', 'wi', 'cr', 'ha', 'ro')],
        '_has': ['/fhir/Patient?_has:Condition:patient:code=%s' % c for c in rare],
        '_include': ['/fhir/MedicationRequest?patient=%s&_include=MedicationRequest:encounter' % p for p in patients],
    }


def bench_queries(g, row, options, total):
    for name, paths in queries(g).items():
        rate, p50, p99, bad = wrk(g, ASK, 30, options.seconds, paths)
        row('%s, 30 clients' % name, '%.0f/s p50 %.1f p99 %.1f ms' % (rate, p50, p99),
            '%d resources, load %s' % (total, load()), '-', 'p99 <= 15 ms' + (' (%d failed)' % bad if bad else ''))
    patients = ids(g, 'Patient')
    rate, p50, p99, bad = wrk(g, ASK, 8, options.seconds, ['/fhir/Patient/%s/$everything' % p for p in patients])
    row('$everything, 8 clients', '%.0f/s p50 %.1f p99 %.1f ms' % (rate, p50, p99), '-', '-',
        '>= 100/s' + (' (%d failed)' % bad if bad else ''))
    bench_counts(g, row)


def bench_counts(g, row):
    for query in ('Observation?_summary=count', 'Observation?status=final&_summary=count'):
        times = []
        for _ in range(5):
            began = time.monotonic()
            got = g.http('GET', '/fhir/' + query)
            times.append(time.monotonic() - began)
        total = got.json['total']
        row('count: %s' % query[:30], '%.1f ms for %d' % (min(times) * 1000, total), '-',
            '%.1f M/s' % (total / min(times) / 1e6), '>= 10 M rows/s')


def bench_small(g, row, options, disk):
    rate, p50, p99, bad = wrk(g, POST, 64, options.seconds)
    reference = disk(g.folder)
    row('transactions of 2, durable, 64 clients', '%.0f/s p50 %.1f p99 %.1f ms' % (rate, p50, p99),
        'append + fdatasync %d/s' % reference, '%.2f' % (rate / reference),
        '>= 2,000/s' + (' (%d failed)' % bad if bad else ''))


def bench(options, row, no_row, Gateway, suites, disk):
    files = sorted(glob.glob(os.path.join(suites, 'synthea', '*.bz2')))
    if not files:
        return no_row('store', 'the Synthea bundles are not here')
    g = Gateway(quiet=True)
    copies = os.path.join(g.folder, 'copies')
    try:
        subprocess.run([sys.executable, os.path.join(HERE, 'synthea_copies.py'), '0', str(options.copies), copies] + files,
                       check=True)
        rates, total = import_files(g, sorted(glob.glob(os.path.join(copies, '*'))))
        shutil.rmtree(copies)
        out = os.path.join(g.folder, 'out')
        began = time.monotonic()
        g.run('export', '-q', '-c', g.config, out)
        seconds = time.monotonic() - began
        reference = naive(g, out)
        row('import of %d resources' % total, '%.0f/s' % (total / sum(t for t in (1 / r * total / len(rates) for r in rates))),
            'plain SQLite schema %.0f/s' % reference, '%.2f' % (statistics.mean(rates) / reference),
            '>= 5,000/s (load %s)' % load())
        if len(rates) > 1:
            row('the last of %d copies against the first' % len(rates), '%.0f/s' % rates[-1], 'first %.0f/s' % rates[0],
                '%.2f' % (rates[-1] / rates[0]), '>= 0.9')
        row('export', '%.0f/s' % (total / seconds), '-', '-', '-')
        row('bytes on disk a resource', '%.0f' % (store_bytes(g) / total),
            'plain SQLite schema %.0f' % (os.path.getsize(os.path.join(g.folder, 'naive.db')) / min(40000, total)), '-', '<= 1,536')
        shutil.rmtree(out)
        os.unlink(os.path.join(g.folder, 'naive.db'))
        g.start()
        bench_queries(g, row, options, total)
        bench_small(g, row, options, disk)
        row('resident under load', '%.0f MiB' % resident(g.process.pid), '-', '-', '<= 300 MiB')
        g.stop()
    finally:
        g.close()
    return None
