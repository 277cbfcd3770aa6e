#!/usr/bin/env python3
"""Large Bundles, and many at once: 9,000 entries that refer to one, a large one
while small ones come, and 1,000 conditional creates of one identifier at the
same time, which make one resource (R4, 3.1.0.8.1)."""
import json
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, Tap, need_pack  # noqa: E402

LARGE = 9000
SMALL = 5           # that are answered while the large one is at work
CLIENTS, EACH = 50, 20
SYSTEM = 'http://example.org/id'


def large(patient):
    """A patient, and observations that all refer to it."""
    def entry(number, resource):
        return {'fullUrl': 'urn:uuid:61ebe359-bfdc-4613-%04x-%012x' % (patient, number),
                'resource': resource,
                'request': {'method': 'POST', 'url': resource['resourceType']}}

    entries = [entry(0, {'resourceType': 'Patient', 'identifier': [
        {'system': SYSTEM, 'value': 'large-%d' % patient}]})]
    for i in range(1, LARGE):
        entries.append(entry(i, {
            'resourceType': 'Observation', 'status': 'final', 'code': {'text': 'n'},
            'subject': {'reference': entries[0]['fullUrl']}, 'valueInteger': i}))
    return json.dumps({'resourceType': 'Bundle', 'type': 'transaction', 'entry': entries})


def small(number):
    return {'resourceType': 'Bundle', 'type': 'transaction', 'entry': [
        {'resource': {'resourceType': 'Patient', 'id': 's%d' % number},
         'request': {'method': 'PUT', 'url': 'Patient/s%d' % number}}]}


def test_large(g, tap):
    answer = g.http('POST', '/fhir', large(1))
    tap.same(answer.status, 200, 'a transaction of %d entries' % LARGE)
    tap.same([e['response']['status'] for e in answer.json['entry']], ['201 Created'] * LARGE,
             'all of it is made')
    patient = g.search('Patient?identifier=%s|large-1' % SYSTEM)[0]['id']
    found = g.http('GET', '/fhir/Observation?subject=Patient/%s&_summary=count' % patient)
    tap.same(found.json['total'], LARGE - 1, 'and refers to what the first entry made')


def test_large_and_small(g, tap):
    """Small ones go on while a large one is prepared: that is off the writer's lane."""
    body, answers = large(2), []
    thread = threading.Thread(target=lambda: answers.append(g.http('POST', '/fhir', body)))
    thread.start()
    done = []
    while thread.is_alive():
        answer = g.http('POST', '/fhir', small(len(done)))
        if thread.is_alive():
            done.append(answer.status)
    thread.join()
    tap.same(answers[0].status, 200, 'the large one is stored')
    tap.ok(len(done) >= SMALL, 'small ones were answered before it', done)
    tap.same(set(done), {200}, 'and stored')


def test_conditional(g, tap):
    answers, lock, ready = [], threading.Lock(), threading.Barrier(CLIENTS)

    def run(client):
        connection = g.connect()
        ready.wait()
        for i in range(EACH):
            answer = g.http('POST', '/fhir/Patient', {
                'resourceType': 'Patient', 'identifier': [{'system': SYSTEM, 'value': 'one'}],
                'name': [{'text': '%d-%d' % (client, i)}],
            }, {'If-None-Exist': 'identifier=%s|one' % SYSTEM}, connection)
            with lock:
                answers.append((answer.status, answer.json.get('id')))
        connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(CLIENTS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    tap.same(len(answers), CLIENTS * EACH, '%d conditional creates are answered' % (CLIENTS * EACH))
    tap.same(sum(status == 201 for status, _ in answers), 1, 'one made the resource')
    tap.same(sum(status == 200 for status, _ in answers), CLIENTS * EACH - 1, 'the others found it')
    tap.same(len({identity for _, identity in answers}), 1, 'the same one')
    found = g.search('Patient?identifier=%s|one' % SYSTEM)
    tap.same(len(found), 1, 'there is one')
    tap.same(found[0]['meta']['versionId'], '1', 'of one version')


def main():
    need_pack()
    tap = Tap()
    with Gateway() as g:
        test_large(g, tap)
        test_large_and_small(g, tap)
        test_conditional(g, tap)
        tap.same(g.stop(), 0, 'the gateway stops well')
    tap.done()


main()
