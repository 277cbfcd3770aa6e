#!/usr/bin/env python3
"""Search parameters of one's own: SearchParameter resources that are posted.

A search by a new one is refused until all that was there before is indexed, and
then finds everything; what is written meanwhile, after a restart, after a kill
and by an import is found as well. A definition that changes or goes leaves
nothing behind. What cannot be used is refused with the reason."""
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, Tap, need_pack  # noqa: E402

EYES = 'http://example.org/eyes'
HAIR = 'http://example.org/hair'
MANY = 1500


def patient(n, eyes):
    return {'resourceType': 'Patient', 'id': 'p%d' % n, 'name': [{'family': 'F%d' % n}],
            'extension': [{'url': EYES, 'valueCode': eyes}, {'url': HAIR, 'valueCode': 'red'}]}


def put_many(g, first, count, eyes):
    for start in range(first, first + count, 500):
        entries = [{'resource': patient(n, eyes),
                    'request': {'method': 'PUT', 'url': 'Patient/p%d' % n}}
                   for n in range(start, min(start + 500, first + count))]
        answer = g.http('POST', '/fhir', json.dumps(
            {'resourceType': 'Bundle', 'type': 'transaction', 'entry': entries}))
        assert answer.status == 200, answer


def definition(**more):
    return dict({'resourceType': 'SearchParameter', 'id': 'eyes',
                 'url': 'http://example.org/SearchParameter/eyes', 'name': 'eyes',
                 'status': 'active', 'description': 'The colour of the eyes',
                 'code': 'eye-color', 'base': ['Patient'], 'type': 'token',
                 'expression': "Patient.extension.where(url='%s').value" % EYES}, **more)


def put(g, **more):
    d = definition(**more)
    return g.http('PUT', '/fhir/SearchParameter/' + d['id'], json.dumps(d))


def total(g, query):
    answer = g.http('GET', '/fhir/' + query)
    return answer.json['total'] if answer.status == 200 else answer.status


def wait(g, query, want, seconds=60):
    """Every answer is a refusal or the whole; returns what came, each once."""
    came = []
    end = time.time() + seconds
    while time.time() < end:
        got = total(g, query)
        if not came or came[-1] != got:
            came.append(got)
        if got == want:
            break
        time.sleep(0.002)
    return came


def check_refusals(tap, g):
    for more, words in [
            ({'code': 'odd', 'expression': 'Patient.nonsense'}, 'nonsense'),
            ({'code': 'odd', 'expression': 'Patient.name.where('}, 'line 1'),
            ({'code': 'gender'}, "'gender' is taken for Patient"),
            ({'base': ['Nonsense']}, 'Nonsense'),
            ({'code': 'a.b'}, 'a.b'),
            ({'type': 'composite'}, 'composite'),
            ({'expression': ''}, None)]:
        d = definition(id='wrong', **more)
        if not d['expression']:
            del d['expression']
        answer = g.http('PUT', '/fhir/SearchParameter/wrong', json.dumps(d))
        text = json.dumps(answer.json)
        tap.ok(answer.status == 422 and (not words or words in text),
               'refused: %s' % json.dumps(more), answer)
    answer = put(g, id='draft', status='draft', expression='Patient.nonsense')
    tap.same(answer.status, 201, 'what is not active is kept as it is')
    answer = put(g, id='core', url='http://hl7.org/fhir/SearchParameter/individual-gender',
                 code='gender', expression='Patient.gender')
    tap.same(answer.status, 201, 'what the definitions have themselves is kept, too')


def check_uses(tap, g):
    tap.same(total(g, 'Patient?eye-color=blue'), MANY, 'a search by it')
    tap.same(total(g, 'Patient?eye-color:missing=true'), 0, ':missing')
    tap.same(total(g, 'Patient?eye-color:not=blue'), 3, ':not')
    tap.same(total(g, 'Patient?_filter=eye-color%20eq%20brown'), 3, '_filter')
    tap.same(total(g, 'Observation?subject:Patient.eye-color=brown'), 1, 'a chain')
    found = g.search('Patient?_sort=-eye-color,_id&_count=4')
    tap.same([p['id'] for p in found][:3], ['p9000', 'p9001', 'p9002'], 'sorted by it')
    statement = g.http('GET', '/fhir/metadata').json
    params = [p['name'] for r in statement['rest'][0]['resource'] if r['type'] == 'Patient'
              for p in r['searchParam']]
    tap.ok('eye-color' in params, 'the CapabilityStatement has it')
    status = g.http('GET', '/fhir/SearchParameter/$reindex-status').json
    parts = {p['name']: p for p in status['parameter'][0]['part']}
    tap.same((parts['code']['valueCode'], parts['status']['valueCode'],
              parts['percent']['valueInteger']), ('eye-color', 'ready', 100), 'its status')


def main():
    need_pack()
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder, Gateway(folder=folder) as g:
        put_many(g, 0, MANY, 'blue')
        g.http('PUT', '/fhir/Observation/o', json.dumps(
            {'resourceType': 'Observation', 'id': 'o', 'status': 'final', 'code': {'text': 'x'},
             'subject': {'reference': 'Patient/p9000'}}))
        tap.same(total(g, 'Patient?eye-color=blue'), 400, 'before it is there, it is unknown')
        tap.same(put(g).status, 201, 'it is posted')
        early = g.http('GET', '/fhir/Patient?eye-color=blue')
        tap.ok(early.status == 503 and '%' in early.json['issue'][0]['diagnostics']
               or early.status == 200 and early.json['total'] == MANY,
               'the first search is refused and says how far it is, or finds all', early)
        put_many(g, 9000, 3, 'brown')
        came = wait(g, 'Patient?eye-color=blue', MANY)
        tap.ok(set(came) <= {503, MANY} and came[-1] == MANY, 'never a part of it', came)
        tap.same(total(g, 'Patient?eye-color=brown'), 3, 'what was written meanwhile is found')
        check_uses(tap, g)
        check_refusals(tap, g)

        tap.same(g.stop(), 0, 'the gateway stops well')
        g.start()
        tap.same(total(g, 'Patient?eye-color=blue'), MANY, 'after a restart it is ready at once')

        extra = os.path.join(folder, 'more.ndjson')
        with open(extra, 'w') as out:
            for n in range(9100, 9105):
                out.write(json.dumps(patient(n, 'green')) + '\n')
        g.stop()
        done = g.run('import', '-c', g.config, extra)
        tap.same(done.returncode, 0, 'an import')
        g.start()
        tap.same(total(g, 'Patient?eye-color=green'), 5, 'what was imported is found')

        g.stop()
        done = g.run('reindex', '-c', g.config)
        tap.ok(done.returncode == 0, 'the index is made anew', done.stderr)
        g.start()
        came = wait(g, 'Patient?eye-color=green', 5)
        tap.ok(set(came) <= {503, 5} and came[-1] == 5, 'it is found again', came)
        tap.same(total(g, 'Patient?family=F9001'), 1, 'and what the definitions have')
        tap.same(total(g, 'Observation?subject=Patient/p9000'), 1, 'and references')

        tap.same(put(g, expression="Patient.extension.where(url='%s').value" % HAIR).status, 200,
                 'its expression changes')
        g.kill()
        g.start()
        came = wait(g, 'Patient?eye-color=red', MANY + 8)
        tap.ok(set(came) <= {503, MANY + 8} and came[-1] == MANY + 8,
               'killed meanwhile, it is made whole after the start', came)
        tap.same(total(g, 'Patient?eye-color=blue'), 0, 'nothing is left of the old expression')

        tap.same(put(g, status='retired').status, 200, 'it is retired')
        tap.same(total(g, 'Patient?eye-color=red'), 400, 'then it is unknown')
        tap.same(put(g).status, 200, 'and active again')
        came = wait(g, 'Patient?eye-color=blue', MANY)
        tap.same(came[-1], MANY, 'it is back')
        tap.same(g.http('DELETE', '/fhir/SearchParameter/eyes').status // 100, 2, 'deleted')
        tap.same(total(g, 'Patient?eye-color=blue'), 400, 'it is gone')
        tap.same(g.stop(), 0, 'the gateway stops well')
    tap.done()


main()
