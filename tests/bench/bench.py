#!/usr/bin/env python3
"""Measures firedoor, each number beside a reference in the same run.

Called by ./run bench [NAME…]; names: start, json, xml, read, mllp, convert,
fhirpath, store.
"""
import argparse
import bz2
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..')
parser = argparse.ArgumentParser(prog='./run bench', description=__doc__)
parser.add_argument('--build', required=True, help=argparse.SUPPRESS)
parser.add_argument('--seconds', type=int, default=5, help='how long each load runs')
parser.add_argument('--copies', type=int, default=1,
                    help='store: how many times Synthea is imported; 11 are a million resources')
parser.add_argument('names', nargs='*', help='what to measure; all when none is named')
options = parser.parse_args()

os.environ['FIREDOOR_BUILDDIR'] = options.build
sys.path.insert(0, os.path.join(HERE, '..', 'scenario'))
from gateway import Gateway, message  # noqa: E402

PROGRAMS = os.path.join(options.build, 'tests', 'bench')
SUITES = os.environ.get('FIREDOOR_SUITES', os.path.join(ROOT, '..', 'shared', 'suites'))


def row(what, ours, reference, ratio, aim):
    print('%-44s %-30s %-34s %-9s %s' % (what, ours, reference, ratio, aim), flush=True)


def no_row(what, why):
    row(what, '-', '-', '-', 'not measured: ' + why)


class Nginx:
    """One nginx worker that serves a file."""

    def __init__(self, body):
        self.folder = tempfile.mkdtemp(prefix='firedoor-nginx-')
        with open(os.path.join(self.folder, 'body'), 'wb') as f:
            f.write(body)
        os.chmod(self.folder, 0o755)
        self.port = 20000 + os.getpid() % 20000
        self.conf = os.path.join(self.folder, 'nginx.conf')
        with open(self.conf, 'w') as f:
            f.write('''worker_processes 1; daemon off; pid %s/pid; error_log %s/error.log;
events { worker_connections 4096; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
  open_file_cache max=10; client_body_temp_path %s/t; proxy_temp_path %s/t;
  fastcgi_temp_path %s/t; uwsgi_temp_path %s/t; scgi_temp_path %s/t;
  default_type application/fhir+json;
  server { listen 127.0.0.1:%d reuseport; root %s; } }
''' % ((self.folder,) * 7 + (self.port, self.folder)))

    def __enter__(self):
        self.process = subprocess.Popen(['nginx', '-c', self.conf], stderr=subprocess.DEVNULL)
        while subprocess.run(['curl', '-sf', '-o', '/dev/null', 'http://127.0.0.1:%d/body' % self.port]).returncode:
            time.sleep(0.002)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def wrk(url, connections):
    out = subprocess.run(['wrk', '-t1', '-c%d' % connections, '-d%ds' % options.seconds, '--latency', url],
                         stdout=subprocess.PIPE, check=True).stdout.decode()
    bad = re.search(r'Non-2xx.*: (\d+)', out)
    if bad:
        raise AssertionError('%s answers of %s were no success' % (bad.group(1), url))
    return (float(re.search(r'Requests/sec:\s+([\d.]+)', out).group(1)),
            re.search(r'99%\s+(\S+)', out).group(1))


def resident(pid):
    with open('/proc/%d/status' % pid) as f:
        return int(re.search(r'VmRSS:\s+(\d+)', f.read()).group(1)) / 1024


def bench_start():
    times = []
    g = Gateway(quiet=True)
    for _ in range(5):
        began = time.monotonic()
        g.start()
        times.append((time.monotonic() - began) * 1000)
        size = resident(g.process.pid)
        g.stop()
    g.close()
    began = time.monotonic()
    with Nginx(b'x') as n:
        reference = (time.monotonic() - began) * 1000
        nginx_size = resident(n.process.pid)
    ours = sorted(times)[len(times) // 2]
    row('start to ready', '%.0f ms' % ours, 'nginx %.0f ms' % reference, '%.2f' % (ours / reference), '<= 100 ms')
    row('resident when ready', '%.1f MiB' % size, 'nginx master %.1f MiB' % nginx_size,
        '%.2f' % (size / nginx_size), '<= 32 MiB')


def bench_json():
    bench_format('JSON', 'bench_json')


def bench_xml():
    bench_format('XML', 'bench_xml')


def bench_format(name, program):
    """All files together, then a single Patient."""
    folder = tempfile.mkdtemp(prefix='firedoor-json-')
    files = []
    for path in sorted(glob.glob(os.path.join(SUITES, 'synthea', '*.bz2')))[2:7]:
        file = os.path.join(folder, os.path.basename(path)[:-4])
        with open(file, 'wb') as f:
            f.write(bz2.open(path).read())
        files.append(file)
    runs = [files] if files else []
    example = os.path.join(os.environ.get('FIREDOOR_PACKAGE_DIR', ''), 'Patient-example.json')
    if os.path.exists(example):
        runs.append([example])
    if not runs:
        return no_row(name, 'neither the Synthea bundles nor the package are here')
    for run in runs:
        out = subprocess.run([os.path.join(PROGRAMS, program)] + run, stdout=subprocess.PIPE, check=True)
        print(out.stdout.decode().rstrip())
    shutil.rmtree(folder)
    return None


def bench_read():
    patient = {'resourceType': 'Patient', 'id': 'bench', 'active': True,
               'identifier': [{'system': 'urn:x', 'value': '1'}],
               'name': [{'use': 'official', 'family': 'Testbed', 'given': ['Ada', 'Grace']}],
               'address': [{'line': ['1 Long Road'], 'city': 'Ridgeport', 'postalCode': 'RP4 2LX'}],
               'telecom': [{'system': 'phone', 'value': '5550%d' % i} for i in range(8)]}
    with Gateway(quiet=True, server='  loops: 1\n') as g:
        g.http('PUT', '/fhir/Patient/bench', patient)
        body = g.http('GET', '/fhir/Patient/bench').body
        ours, p99 = wrk('http://127.0.0.1:%d/fhir/Patient/bench' % g.ports['http'], 64)
        with Nginx(body) as n:
            reference, nginx_p99 = wrk('http://127.0.0.1:%d/body' % n.port, 64)
    row('read by id, audited, 64 connections, 1 loop', '%.0f/s p99 %s' % (ours, p99),
        'nginx %.0f/s p99 %s' % (reference, nginx_p99), '%.2f' % (ours / reference), '>= 0.8')


def load(*arguments):
    out = subprocess.run([os.path.join(PROGRAMS, 'mllp_load')] + [str(a) for a in arguments],
                         stdout=subprocess.PIPE, check=True)
    return json.loads(out.stdout)


def bench_mllp():
    with Gateway(quiet=True) as g:
        disk = load('--disk', g.folder, options.seconds)
        for connections, aim in ((1, ''), (64, '>= 3,000/s'), (256, '')):
            before = resident(g.process.pid)
            got = load(g.ports['mllp'], connections, options.seconds, 'B%d-' % connections)
            if got['refused']:
                raise AssertionError('%d messages were refused' % got['refused'])
            row('ADT to durable ACK, %d connection%s' % (connections, 's' if connections > 1 else ''),
                '%d/s p50 %.2f p99 %.2f ms' % (got['per_second'], got['p50_ms'], got['p99_ms']),
                'append + fdatasync %d/s' % disk['per_second'],
                '%.2f' % (got['per_second'] / disk['per_second']), aim)
            after = resident(g.process.pid)
        # Each message leaves a patient behind, and nothing in memory.
        row('resident at the end of it', '%.1f MiB' % after, 'before 256 connections %.1f MiB' % before,
            '%.2f' % (after / before), '')


def bench_convert():
    program = os.path.join(PROGRAMS, 'bench_v2')
    if not os.path.exists(program):
        return no_row('HL7 v2 to FHIR', 'bench_v2 is not built')
    folder = tempfile.mkdtemp(prefix='firedoor-v2-')
    path = os.path.join(folder, 'adt.hl7')
    with open(path, 'w') as f:
        f.write(message('B1', extra=['NK1|1|Testbed^Bo|SPO', 'AL1|1|DA|70618^Penicillin^RXNORM|MO|Hives']))
    out = subprocess.run(
        [program, os.environ['FIREDOOR_PACK'], os.environ['FIREDOOR_MAPS'], path], stdout=subprocess.PIPE, check=True)
    print(out.stdout.decode().rstrip())
    shutil.rmtree(folder)
    bench_convert_suite(program)


def bench_convert_suite(program):
    """All messages of the suite that have maps, against python3-hl7's parse of the
    same, which makes a tree and nothing more."""
    files = sorted(glob.glob(os.path.join(SUITES, 'hl7v2', '*.hl7')))
    if not files:
        return no_row('the HL7 v2 suite to FHIR', 'the suite is not here')
    out = subprocess.run([program, os.environ['FIREDOOR_PACK'], os.environ['FIREDOOR_MAPS']] + files,
                         stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
    used = [line.split('\t')[0] for line in out[:-1]]
    read, converted = (float(x.split()[0]) for x in out[-1].split('\t')[2:4])
    reference = subprocess.run(['/usr/bin/python3', '-c', PYTHON_HL7] + used, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    theirs = float(reference.stdout or 0)
    if not theirs:
        return no_row('the HL7 v2 suite to FHIR', 'python3-hl7 is not installed')
    for name, rate, aim in (('ER7 read', read, ''), ('ER7 to a Bundle', converted, '')):
        row('%s, %d messages of the suite' % (name, len(used)), '%d/s' % rate,
            'python3-hl7, parse alone %d/s' % theirs, '%.1f' % (rate / theirs), aim)


PYTHON_HL7 = '''
import sys, time, hl7
texts = []
for name in sys.argv[1:]:
    with open(name, 'rb') as f:
        text = f.read().decode('latin-1').replace('\\r\\n', '\\r').replace('\\n', '\\r')
    texts.append(text[text.index('MSH'):])
began = time.process_time()
n = 0
while time.process_time() - began < 3:
    for text in texts:
        hl7.parse(text)
    n += len(texts)
print(n / (time.process_time() - began))
'''


def timings(*command):
    """What a program tells in lines "name<tab>microseconds"."""
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()
    return {name: float(us) for name, us in (line.rsplit('\t', 1) for line in out.splitlines())}


def bench_fhirpath():
    program = os.path.join(PROGRAMS, 'bench_fhirpath')
    patient = os.path.join(os.environ.get('FIREDOOR_PACKAGE_DIR', ''), 'Patient-example.json')
    library = os.environ.get('FIREDOOR_FHIRPATH_JS', '')
    expressions = os.path.join(HERE, 'fhirpath.txt')
    if not os.path.exists(program) or not os.path.exists(patient):
        return no_row('FHIRPath', 'bench_fhirpath is not built or the package is not here')
    folder = tempfile.mkdtemp(prefix='firedoor-fhirpath-')
    files = []
    for path in sorted(glob.glob(os.path.join(SUITES, 'synthea', '*.bz2')))[2:5]:
        files.append(os.path.join(folder, os.path.basename(path)[:-4]))
        with open(files[-1], 'wb') as f:
            f.write(bz2.open(path).read())
    ours = timings(program, expressions, patient, *files)
    shutil.rmtree(folder)
    theirs = {}
    if library and shutil.which('node'):
        theirs = timings('node', os.path.join(HERE, 'fhirpath_js.mjs'), library, expressions, patient)
    for name, us in ours.items():
        if name.startswith('compile '):
            row(name[:44], '%.2f us' % us, '-', '-', '<= 20 us')
        elif name == 'search parameters':
            row('all search parameters of a resource', '%.2f us' % us, '-', '-', '<= 10 us')
        elif name in theirs:
            row(name[:44], '%.3f us' % us, 'fhirpath.js %.2f us' % theirs[name], '%.0f' % (theirs[name] / us), '>= 50')
        else:
            row(name[:44], '%.3f us' % us, '-', '-', 'no fhirpath.js here')
    return None


def bench_store():
    import bench_store as store

    return store.bench(options, row, no_row, Gateway, SUITES,
                       lambda folder: load('--disk', folder, options.seconds)['per_second'])


ALL = {'start': bench_start, 'json': bench_json, 'xml': bench_xml, 'read': bench_read,
       'mllp': bench_mllp, 'convert': bench_convert, 'fhirpath': bench_fhirpath, 'store': bench_store}


def main():
    unknown = [n for n in options.names if n not in ALL]
    if unknown:
        parser.error('there is no measurement %s: %s' % (unknown[0], ', '.join(ALL)))
    row('what', 'firedoor', 'reference', 'ratio', 'aim')
    for name in options.names or ALL:
        ALL[name]()


main()
