"""firedoor check, token and audit, run as programs.

The audit trails are written here, after gateway/audit/README.md, so that the
program is held against a second maker of the format. Speaks TAP.
"""
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'scenario'))
from gateway import PROGRAM, Tap  # noqa: E402

tap = Tap()
folder = tempfile.mkdtemp(prefix='firedoor-commands-')


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, cwd=folder, env=dict(os.environ, FIREDOOR_PACK='/no/such.pack'))


def write(name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as f:
        f.write(text)
    return path


def line(rest, before):
    """A line of a trail, and its hash."""
    digest = hashlib.sha256(before + rest.encode()).digest()
    return '{"hash":"%s",%s\n' % (digest.hex(), rest), digest


def members(**them):
    return json.dumps(them, separators=(',', ':'))[1:]


def make_trail(name, entries, per_segment=3):
    """Write entries (dicts) as a trail. Returns the newest hash."""
    before, text, segment, newest = bytes(32), '', 0, b''
    for i, entry in enumerate(entries):
        if i % per_segment == 0:
            segment += 1
            text, before = line(members(
                segment=segment, format=1, trail='01234567-89ab-4cde-8f01-23456789abcd', after=i,
                previous=before.hex(), time='2026-01-01T00:00:00.000Z'), before)
        more, before = line(members(seq=i + 1, **entry), before)
        newest = before
        text += more
        write('%s/%08d.jsonl' % (name, segment), text)
    rest = members(segment=segment, seq=len(entries), head=before.hex(),
                   time='2026-01-01T00:00:00.000Z')
    rest += ' ' * (320 - len('{"hash":"') - 64 - len('",') - len(rest) - 1)
    write(name + '/checkpoint', line(rest, bytes(32))[0])
    return newest.hex()


ENTRIES = [
    {'time': '2026-01-01T10:00:0%d.000Z' % i, 'exchange': 'x%d' % i, 'protocol': 'http',
     'sender': 'his' if i % 2 else 'portal', 'interaction': 'read',
     'resources': ['Patient/%d/_history/1' % (i // 2), 'Encounter/1'],
     'outcome': 'refused' if i == 3 else 'allowed', 'status': '403' if i == 3 else '200',
     'rule': 'no-scope' if i == 3 else 'scope', 'us': 100}
    for i in range(8)
]


def test_token():
    done = run('token', '--name', 'portal')
    token = re.search(r'fd_[A-Za-z0-9_-]{43}', done.stdout)
    tap.ok(done.returncode == 0 and token, 'token prints a token', done)
    if not token:
        return
    bits = base64.urlsafe_b64decode(token.group(0)[3:] + '=')
    tap.same(len(bits), 32, 'of 256 bits')
    digest = hashlib.sha256(token.group(0).encode()).hexdigest()
    tap.ok('"sha256:%s"' % digest in done.stdout, 'and its SHA-256', done.stdout)
    tap.same(done.stdout.count(token.group(0)), 1, 'it is shown once')
    section = done.stdout[done.stdout.index('access:'):]
    write('token.yaml', 'store: {path: s.db}\n' + section)
    done = run('check', '-c', 'token.yaml')
    tap.ok(not re.search(r'token\.yaml:\d', done.stderr), 'the lines can be pasted', done.stderr)
    tap.same(run('token', '--name', 'a b').returncode, 2, 'a name must be one')
    tap.same(run('token', 'x').returncode, 2, 'token takes no arguments')


def test_check():
    write('bad.yaml', 'store:\n  path: no/s.db\nfhir:\n  lissten: 1\nlog: {level: x}\n')
    done = run('check', '-c', 'bad.yaml')
    tap.same(done.returncode, 1, 'check of a wrong configuration')
    places = re.findall(r'^bad\.yaml:(\d+:\d+): error:', done.stderr, re.M)
    tap.same(places, ['2:9', '4:3', '5:14'], 'lists all errors in order')
    tap.ok("did you mean 'listen'" in done.stderr, 'with what was meant')
    tap.ok('/no/such.pack' in done.stderr, 'and the pack that is not there')
    tap.same(run('check').returncode, 2, 'check without a file is a usage error')
    tap.same(run('check', '-c', 'none.yaml').returncode, 1, 'a file that is not there')
    write('p.pack', 'this is no pack')
    write('good.yaml', 'store: {path: s.db}\npack: p.pack\n')
    done = run('check', '-c', 'good.yaml')
    tap.ok(done.returncode == 1 and 'p.pack' in done.stderr, 'a pack that is none', done)
    pack = os.environ.get('FIREDOOR_PACK')
    if not pack:
        tap.skip('a good configuration', 'FIREDOOR_PACK is not set')
        return
    write('good.yaml', 'store: {path: s.db}\npack: %s\n' % os.path.abspath(pack))
    done = run('check', '-c', 'good.yaml')
    tap.ok(done.returncode == 0 and 'is good' in done.stdout and not done.stderr,
           'a good configuration', done)
    write('a.pem', 'no certificate')
    write('tls.yaml', 'store: {path: s.db}\npack: %s\nfhir: {tls: {certificate: a.pem, key: a.pem}}\n'
          % os.path.abspath(pack))
    done = run('check', '-c', 'tls.yaml')
    tap.ok(done.returncode == 1 and 'fhir.tls: ' in done.stderr, 'a certificate that is none', done)
    write('types.yaml', 'store: {path: s.db}\npack: %s\naccess:\n  senders:\n'
          '    - {name: a, subjects: x, scope: system/Patiant.r}\n' % os.path.abspath(pack))
    done = run('check', '-c', 'types.yaml')
    tap.ok(done.returncode == 1 and 'types.yaml:5' in done.stderr and 'Patiant' in done.stderr,
           'a scope for a type there is not', done)


def test_verify():
    head = make_trail('trail', ENTRIES)
    done = run('audit', 'verify', 'trail')
    tap.ok(done.returncode == 0 and '8 entries in 3 segments' in done.stdout,
           'a trail made by another is whole', done)
    tap.ok('newest 8:' + head in done.stdout, 'its head is told', done.stdout)
    tap.same(run('audit', 'verify', 'trail', '--expect', '8:' + head).returncode, 0,
             'a head noted earlier is found')
    tap.same(run('audit', 'verify', 'trail', '--expect', '8:' + '0' * 64).returncode, 1,
             'another is not')
    tap.same(run('audit', 'verify', 'trail', '--expect', 'x').returncode, 2, 'a head must be one')
    write('audit.yaml', 'store: {path: s.db}\naudit: {folder: trail}\npack: none\n')
    tap.same(run('audit', 'verify', '-c', 'audit.yaml').returncode, 0,
             'by the configuration, whose other files need not be there')
    path = os.path.join(folder, 'trail', '00000002.jsonl')
    with open(path) as f:
        text = f.read()
    write('trail/00000002.jsonl', text.replace('no-scope', 'no-scopf'))
    done = run('audit', 'verify', 'trail')
    tap.ok(done.returncode == 1 and 'NOT whole: 1 problem' in done.stdout and
           'trail/00000002.jsonl:2: entry 4' in done.stderr, 'a change is told with its place', done)
    tap.same(run('audit', 'show', 'trail').returncode, 1, 'show says so too')
    write('trail/00000002.jsonl', text)
    tap.same(run('audit', 'verify', 'nowhere').returncode, 2, 'a folder that is not there')
    os.mkdir(os.path.join(folder, 'empty'))
    tap.same(run('audit', 'verify', 'empty').returncode, 2, 'a folder without a trail')
    # A trail rewritten from an entry on is whole in itself, but not the one noted.
    make_trail('forged', [dict(e, sender='nobody') for e in ENTRIES])
    done = run('audit', 'verify', 'forged', '--expect', '8:' + head)
    tap.ok(done.returncode == 1 and 'is not in the trail' in done.stderr,
           'a forged trail is told from the one whose head was noted', done)


def shown(*options):
    done = run('audit', 'show', 'trail', '--json', *options)
    if done.returncode:
        return done
    return [json.loads(text)['seq'] for text in done.stdout.splitlines()]


def test_show():
    tap.same(shown(), list(range(1, 9)), 'show prints all')
    tap.same(shown('-n', '3'), [6, 7, 8], 'the last')
    tap.same(shown('-n', '100'), list(range(1, 9)), 'more than there are')
    tap.same(shown('--sender', 'his'), [2, 4, 6, 8], 'of a sender')
    tap.same(shown('--sender', 'his', '-n', '1'), [8], 'the last of a sender')
    tap.same(shown('--outcome', 'refused'), [4], 'by outcome')
    tap.same(shown('--resource', 'Patient/1'), [3, 4], 'of a resource')
    tap.same(shown('--resource', 'Patient/1/_history/1'), [3, 4], 'of a version')
    tap.same(shown('--resource', 'Patient/'), [], 'a cut reference is none')
    tap.same(shown('--resource', 'Encounter'), list(range(1, 9)), 'of a type')
    tap.same(shown('--since', '2026-01-01T10:00:05Z'), [6, 7, 8], 'since a moment')
    tap.same(shown('--since', '2026-01-02'), [], 'since a day')
    tap.same(shown('--since', '1 s'), [], 'since a duration')
    done = run('audit', 'show', 'trail')
    tap.ok(len(done.stdout.splitlines()) == 9 and 'no-scope' in done.stdout, 'a table', done)
    write('evil/x', '')
    make_trail('evil', [dict(ENTRIES[0], sender='\x1b[2Jx\x9by')])
    done = run('audit', 'show', 'evil')
    tap.ok('\x1b' not in done.stdout and '\x9b' not in done.stdout,
           'what would steer a terminal is left out', repr(done.stdout))
    for wrong in (['-n', '0'], ['--since', 'yesterday'], ['--outcome', 'x'], ['--no']):
        tap.same(run('audit', 'show', 'trail', *wrong).returncode, 2, 'show %s' % ' '.join(wrong))


def test_fhirpath():
    pack = os.environ.get('FIREDOOR_PACK')
    tap.same(run('fhirpath').returncode, 2, 'fhirpath needs an expression')
    if not pack:
        return
    patient = write('patient.json', '{"resourceType":"Patient","active":true,"name":[{"given":["Ada","B\u00f6"]}]}')
    done = run('fhirpath', '--pack', pack, 'name.given | active | name.count() / 2', patient)
    tap.same(done.stdout, '"Ada"\n"B\u00f6"\ntrue\n0.5\n', 'fhirpath gives an item a line')
    done = run('fhirpath', '--pack', pack, '--types', 'name | active', patient)
    tap.same(done.stdout, 'FHIR.HumanName\t{"given":["Ada","B\u00f6"]}\nFHIR.boolean\ttrue\n', 'and its type')
    lines = write('patients.ndjson', '{"resourceType":"Patient","id":"a"}\n{"resourceType":"Patient","id":"b"}\n')
    done = run('fhirpath', '--pack', pack, 'id', lines)
    tap.same(done.stdout, '"a"\n"b"\n', 'of each resource of NDJSON')
    lines = write('wrong.ndjson', '{"resourceType":"Patient","id":"a"}\n{"resourceType":"Patient","x":1}\n')
    done = run('fhirpath', '--pack', pack, 'id', lines)
    tap.ok(done.returncode == 1 and 'wrong.ndjson:2:' in done.stderr, 'whose lines are counted', done)
    xml = write('patient.xml', '<Patient xmlns="http://hl7.org/fhir"><id value="x"/></Patient>')
    tap.same(run('fhirpath', '--pack', pack, 'id', xml).stdout, '"x"\n', 'and of XML')
    done = run('fhirpath', '--pack', pack, 'Patient.nam', patient)
    tap.ok(done.returncode == 2 and "line 1, column 9" in done.stderr and "'name'?" in done.stderr,
           'a wrong path is told with its place', done)
    tap.same(run('fhirpath', '--pack', pack, 'name.given.single()', patient).returncode, 1,
             'what cannot be evaluated ends in 1')
    done = run('fhirpath', '--pack', pack, '--explain', '--type', 'Patient', 'name.given')
    tap.ok(done.returncode == 0 and done.stdout.endswith('gives: string\n'), '--explain tells the type', done)


def test_help():
    for command in ('check', 'token', 'audit', 'fhirpath'):
        done = run(command, '--help')
        tap.ok(done.returncode == 0 and done.stdout.startswith('usage: firedoor ' + command) and
               not done.stderr, command + ' --help', done)
        tap.same(run(command, '--nonsense').returncode, 2, command + ' --nonsense')
    tap.same(run('audit', 'burn', 'trail').returncode, 2, 'audit knows two verbs')


try:
    test_token()
    test_check()
    test_verify()
    test_show()
    test_fhirpath()
    test_help()
finally:
    shutil.rmtree(folder, ignore_errors=True)
tap.done()
