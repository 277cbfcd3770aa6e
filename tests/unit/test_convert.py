"""firedoor convert, run as a program: formats, folders, NDJSON, findings and
exit statuses. XML is held against Python's own parser. Speaks TAP."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'scenario'))
from gateway import PROGRAM, Tap, need_pack  # noqa: E402

FHIR = '{http://hl7.org/fhir}'
tap = Tap()
folder = tempfile.mkdtemp(prefix='firedoor-convert-')

PATIENT = '{"resourceType":"Patient","id":"a","active":true,"name":[{"family":"Öberg","given":["A","B"]}]}'
OBSERVATION = ('{"resourceType":"Observation","status":"final","code":{"text":"c"},'
               '"valueQuantity":{"value":0.010}}')


def run(*arguments, given=''):
    return subprocess.run([PROGRAM, 'convert', *arguments], input=given.encode(), capture_output=True,
                          cwd=folder)


def write(name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def read(name):
    with open(os.path.join(folder, name), encoding='utf-8') as f:
        return f.read()


def test_formats():
    r = run('--from', 'json', '--to', 'xml', given=PATIENT)
    root = ElementTree.fromstring(r.stdout)
    tap.ok(r.returncode == 0 and root.tag == FHIR + 'Patient' and
           root.find(FHIR + 'name/' + FHIR + 'family').get('value') == 'Öberg' and
           [e.get('value') for e in root.iter(FHIR + 'given')] == ['A', 'B'], 'JSON to XML', r)
    back = run('--from', 'xml', '--to', 'json', given=r.stdout.decode())
    tap.ok(back.returncode == 0 and back.stdout.decode() == PATIENT + '\n', 'and back, the same', back)
    r = run('--from', 'json', '--to', 'xml', '--pretty', given=OBSERVATION)
    tap.ok(b'\n  <valueQuantity>\n    <value value="0.010"/>\n' in r.stdout, 'pretty; digits as they were', r)
    r = run('--from', 'json', '--to', 'json', '--pretty', given=PATIENT)
    tap.ok(b'\n  "active": true,\n' in r.stdout and json.loads(r.stdout) == json.loads(PATIENT), 'pretty JSON', r)


def test_wrong_usage():
    for arguments in ([], ['--from', 'json'], ['--from', 'doc', '--to', 'json'], ['--frm', 'json']):
        r = run(*arguments)
        told = r.stderr.decode().split('\n')
        tap.ok(r.returncode == 2 and told[0].startswith('firedoor convert: ') and
               told[1:] == ['firedoor convert --help tells more.', ''],
               'wrong usage is told, and where to read more: %s' % ' '.join(arguments), r)


def test_lines():
    lines = [PATIENT, '', '{"resourceType":"Patient",', OBSERVATION, '{"resourceType":"Patient","nam":1}']
    r = run('--from', 'ndjson', '--to', 'ndjson', given='\r\n'.join(lines))
    tap.ok(r.stdout.decode().split('\n') == [PATIENT, OBSERVATION, ''], 'a bad line does not stop the others', r)
    told = r.stderr.decode().split('\n')
    tap.ok(told[0].startswith('standard input:3:27: fatal') and
           told[1].startswith('standard input:5:27: error: Patient: '), 'and is told with its line', r.stderr)
    tap.same(r.returncode, 1, 'exit status 1')
    r = run('--from', 'ndjson', '--to', 'xml', given=PATIENT + '\n' + OBSERVATION)
    tap.same(r.stdout.count(b'xmlns="http://hl7.org/fhir"'), 2, 'NDJSON to XML: a document each')
    r = run('--from', 'json', '--to', 'ndjson', '--pretty', given=json.dumps(json.loads(PATIENT), indent=3))
    tap.ok(r.stdout.count(b'\n') == 1 and json.loads(r.stdout) == json.loads(PATIENT),
           'NDJSON is never pretty', r)


def test_strictness():
    wrong = '{"resourceType":"Patient","active":"true","nam":1,"birthDate":"1970"}'
    r = run('--from', 'json', '--to', 'json', given=wrong)
    tap.ok(r.returncode == 1 and not r.stdout and r.stderr.count(b': error: ') == 2,
           'strict: nothing is written of what is wrong', r)
    r = run('--from', 'json', '--to', 'json', '--lenient', given=wrong)
    tap.ok(r.returncode == 0 and json.loads(r.stdout) == {
        'resourceType': 'Patient', 'active': True, 'birthDate': '1970'} and
        r.stderr.count(b': warning: ') == 2, 'lenient: what can be kept is', r)
    r = run('--from', 'xml', '--to', 'json', given='<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
            '<Patient xmlns="http://hl7.org/fhir"><id value="&b;"/></Patient>')
    tap.ok(r.returncode == 1 and not r.stdout and b'root:' not in r.stderr, 'no entity is read', r)


def test_folders():
    write('in/a.json', PATIENT)
    write('in/deep/er/b.json', OBSERVATION)
    write('in/deep/c.txt', 'not one of them')
    write('in/.hidden.json', 'not one of them')
    os.symlink('.', os.path.join(folder, 'in/loop'))
    r = run('--from', 'json', '--to', 'xml', '-o', 'out', 'in')
    tap.same(sorted(os.path.relpath(os.path.join(at, f), folder) for at, _, files in os.walk(
        os.path.join(folder, 'out')) for f in files), ['out/a.xml', 'out/deep/er/b.xml'],
        'a folder, with those below it')
    tap.ok(r.returncode == 0 and not r.stdout, 'quietly', r)
    r = run('--from', 'xml', '--to', 'ndjson', 'out')
    tap.same(r.stdout.decode(), PATIENT + '\n' + OBSERVATION + '\n', 'in the order of their names')
    write('lines.ndjson', PATIENT + '\n' + OBSERVATION + '\n')
    run('--from', 'ndjson', '--to', 'json', '-o', 'split', 'lines.ndjson')
    tap.ok(read('split/lines.json') == PATIENT + '\n' and read('split/lines-2.json') == OBSERVATION + '\n',
           'a file for each line')
    run('--from', 'json', '--to', 'ndjson', '-o', 'joined', 'in/a.json')
    tap.same(read('joined/a.ndjson'), PATIENT + '\n', 'an NDJSON file')
    r = run('--from', 'json', '--to', 'xml', '-o', 'two', 'in/a.json', 'split/../in/a.json')
    tap.ok(r.returncode == 2 and b'two inputs' in r.stderr, 'nothing is written twice', r)
    r = run('--from', 'json', '--to', 'json', 'none.json', 'in/a.json')
    tap.ok(r.returncode == 2 and r.stdout.decode() == PATIENT + '\n' and b'none.json' in r.stderr,
           'what is not there does not stop the others', r)
    for i in range(25):
        write('many/%d.json' % i, PATIENT)
    r = run('--from', 'json', '--to', 'json', 'many')
    tap.ok(b'convert: 25 of 25 files, 25 resources' in r.stderr and b'\r' not in r.stderr,
           'progress of many, in lines where there is no terminal', r)


ADMISSION = ['MSH|^~\\&|APP|FAC|||20260101120000||ADT^A01^ADT_A01|%s|P|2.5.1||||||%s',
             'PID|1||%s^^^NORTH^MR||M\xfcller^Ada', 'PV1|1|I']
XML = """<?xml version="1.0"?>
<ADT_A01 xmlns="urn:hl7-org:v2xml">
 <MSH><MSH.1>|</MSH.1><MSH.2>^~\\&amp;</MSH.2><MSH.3><HD.1>APP</HD.1></MSH.3>
  <MSH.4><HD.1>FAC</HD.1></MSH.4><MSH.7><TS.1>20260101120000</TS.1></MSH.7>
  <MSH.9><MSG.1>ADT</MSG.1><MSG.2>A01</MSG.2><MSG.3>ADT_A01</MSG.3></MSH.9>
  <MSH.10>1</MSH.10><MSH.11><PT.1>P</PT.1></MSH.11><MSH.12><VID.1>2.5.1</VID.1></MSH.12>
  <MSH.18>UNICODE UTF-8</MSH.18></MSH>
 <PID><PID.1>1</PID.1><PID.3><CX.1>A1</CX.1><CX.4><HD.1>NORTH</HD.1></CX.4><CX.5>MR</CX.5></PID.3>
  <PID.5><XPN.1><FN.1>M\xfcller</FN.1></XPN.1><XPN.2>Ada</XPN.2></PID.5></PID>
 <PV1><PV1.1>1</PV1.1><PV1.2>I</PV1.2></PV1>
</ADT_A01>"""


def admission(control, patient, charset='UNICODE UTF-8'):
    return '\r'.join(ADMISSION) % (control, charset, patient) + '\r'


def test_hl7v2():
    """The same message in every encoding becomes the same Bundle."""
    er7 = run('--from', 'hl7v2', '--to', 'json', given=admission('1', 'A1'))
    tap.ok(er7.returncode == 0 and 'M\xfcller' in er7.stdout.decode(), 'a message in ER7', er7)
    r = run('--from', 'hl7v2', '--to', 'json', given=XML)
    tap.ok(r.returncode == 0 and r.stdout == er7.stdout, 'the same in XML', r)
    for name, charset, codec in (('Latin 1', '8859/1', 'latin-1'), ('UTF-16', 'UNICODE UTF-16', 'utf-16'),
                                 ('UTF-32', 'UNICODE UTF-32', 'utf-32')):
        with open(os.path.join(folder, 'm.hl7'), 'wb') as f:
            f.write(admission('1', 'A1', charset).encode(codec))
        r = run('--from', 'hl7v2', '--to', 'json', 'm.hl7')
        # What names the character set differs, and nothing else.
        same = r.stdout.replace(charset.encode(), b'UNICODE UTF-8') == er7.stdout
        tap.ok(r.returncode == 0 and same, 'the same in ' + name, r)
    batch = ('FHS|^~\\&|A\rBHS|^~\\&|A\r' + admission('1', 'A1') + admission('2', 'A2') + 'BTS|2\rFTS|1\r')
    with open(os.path.join(folder, 'b.hl7'), 'wb') as f:
        f.write(batch.encode('utf-16'))
    r = run('--from', 'hl7v2', '--to', 'ndjson', 'b.hl7')
    tap.ok(r.returncode == 0 and r.stdout.count(b'\n') == 2 and b'"A2"' in r.stdout, 'a batch in UTF-16', r)
    r = run('--from', 'hl7v2', '--to', 'json', given='<!DOCTYPE a><A/>')
    tap.ok(r.returncode == 1 and b'DOCTYPE' in r.stderr and not r.stdout, 'a DOCTYPE is refused', r)


def test_usage():
    tap.same(run('--from', 'json').returncode, 2, '--to is needed')
    tap.same(run('--from', 'cda', '--to', 'json').returncode, 2, 'an unknown format')
    tap.same(run('--from', 'json', '--to', 'hl7v2').returncode, 2, 'HL7 v2 is not written')
    tap.ok(b'ndjson' in run('--help').stdout, '--help')


def main():
    need_pack()
    try:
        test_formats()
        test_lines()
        test_strictness()
        test_folders()
        test_hl7v2()
        test_usage()
        test_wrong_usage()
    finally:
        shutil.rmtree(folder)
    tap.done()


main()
