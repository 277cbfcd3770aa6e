#!/usr/bin/env python3
"""Paging while four writers create, change and delete what is paged through:
every resource of the moment of the first page is on one page, none twice, in the
order that was asked for, with the values of that moment; forth and back."""
import os
import random
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, Tap, need_pack  # noqa: E402

STABLE = 60  # touched by nobody
MOVING = 60  # changed and deleted by writers
WRITERS = 4
DEEP = 2000  # pages after which something is wrong

SEARCHES = {
    'by time': 'Patient?active=true&_count=7',
    'by date': 'Patient?active=true&_count=7&_sort=birthdate',
    'by name, down, then date': 'Patient?active=true&_count=11&_sort=-family,birthdate',
    'by what most do not have': 'Patient?active=true&_count=13&_sort=-gender,_id',
    'of two types': '?_type=Patient,Observation&_tag=paged&_count=7&_sort=_id',
}


def patient(identity, chance):
    born = '19%02d-%02d-01' % (chance.randrange(100), chance.randrange(1, 13))
    p = {'resourceType': 'Patient', 'id': identity, 'active': True, 'birthDate': born,
         'meta': {'tag': [{'code': 'paged'}]}, 'name': [{'family': chance.choice('ABCDEFGHIJ')}]}
    if chance.random() < 0.2:
        p['gender'] = chance.choice(['male', 'female'])
    return p


class Writer(threading.Thread):
    def __init__(self, g, number, stop):
        super().__init__()
        self.g, self.number, self.stop, self.wrong = g, number, stop, []
        self.chance = random.Random(number)

    def write(self, connection, method, path, body=None):
        got = self.g.http(method, path, body, connection=connection)
        if got.status not in (200, 201, 204):
            self.wrong.append((method, path, got.status))

    def run(self):
        connection = self.g.connect()
        mine = ['moving-%d' % i for i in range(MOVING) if i % WRITERS == self.number]
        made = 0
        while not self.stop.is_set():
            identity = self.chance.choice(mine)
            choice = self.chance.random()
            if choice < 0.5:
                self.write(connection, 'PUT', '/fhir/Patient/' + identity, patient(identity, self.chance))
            elif choice < 0.7:
                self.write(connection, 'DELETE', '/fhir/Patient/' + identity)
            else:
                made += 1
                identity = 'new-%d-%d' % (self.number, made)
                self.write(connection, 'PUT', '/fhir/Patient/' + identity, patient(identity, self.chance))
        connection.close()


def link(page, relation):
    return next((k['url'].split('/fhir', 1)[1] for k in page['link'] if k['relation'] == relation), None)


def entries(page):
    return [e['resource'] for e in page.get('entry', [])]


def walk(g, query, relation='next'):
    """All pages from a query on, in the order in which they come."""
    pages, path = [], query
    while path and len(pages) < DEEP:
        got = g.http('GET', '/fhir' + (path if path.startswith(('/', '?')) else '/' + path))
        if got.status != 200:
            raise AssertionError(got.status, got.json)
        pages.append(got.json)
        path = link(got.json, relation)
    return pages


def key(resource, name):
    """As _sort has it: what has no value comes last."""
    if name.endswith('birthdate'):
        return resource['birthDate']
    if name.endswith('family'):
        return resource['name'][0]['family']
    return resource['id']


def check(t, g, name, query):
    pages = walk(g, query + '&_total=accurate')
    found = [r for p in pages for r in entries(p)]
    ids = [r['resourceType'] + '/' + r['id'] for r in found]
    t.same(len(ids), len(set(ids)), '%s: none twice' % name)
    t.same(len(ids), pages[0]['total'], '%s: none missed: as many as there were' % name)
    t.ok(all('Patient/stable-%d' % i in ids for i in range(STABLE)), '%s: all that stayed' % name)
    t.same({p['total'] for p in pages}, {pages[0]['total']}, '%s: one total' % name)
    if name == 'by date':
        t.ok(found == sorted(found, key=lambda r: key(r, 'birthdate')), '%s: in order' % name)
    if name == 'of two types':
        t.ok(ids == sorted(ids, key=lambda i: i.split('/')[1]), '%s: in order' % name)
    if name.startswith('by name'):
        families = [key(r, 'family') for r in found]
        t.ok(families == sorted(families, reverse=True), '%s: in order' % name)
    back = walk(g, link(pages[-1], 'previous'), 'previous')
    again = [r for p in reversed(back) for r in entries(p)] + entries(pages[-1])
    t.same([(r['id'], r['meta']['versionId']) for r in again],
           [(r['id'], r['meta']['versionId']) for r in found], '%s: and back, the same' % name)
    first = g.http('GET', '/fhir' + link(pages[-1], 'first')).json
    t.same([r['id'] for r in entries(first)], [r['id'] for r in entries(pages[0])], '%s: first' % name)


def main():
    need_pack()
    t = Tap()
    with Gateway() as g:
        chance = random.Random(7)
        names = ['stable-%d' % i for i in range(STABLE)] + ['moving-%d' % i for i in range(MOVING)]
        batch = {'resourceType': 'Bundle', 'type': 'batch', 'entry': [
            {'resource': patient(n, chance), 'request': {'method': 'PUT', 'url': 'Patient/' + n}} for n in names]}
        batch['entry'] += [{'resource': {
            'resourceType': 'Observation', 'id': 'o%d' % i, 'status': 'final', 'code': {'text': 'x'},
            'meta': {'tag': [{'code': 'paged'}]}}, 'request': {'method': 'PUT', 'url': 'Observation/o%d' % i}}
            for i in range(20)]
        t.same(g.http('POST', '/fhir/', batch).status, 200, 'there is something to page through')
        stop = threading.Event()
        writers = [Writer(g, i, stop) for i in range(WRITERS)]
        for w in writers:
            w.start()
        try:
            for name, query in SEARCHES.items():
                check(t, g, name, query)
        finally:
            stop.set()
            for w in writers:
                w.join()
        t.same([w.wrong for w in writers], [[]] * WRITERS, 'all writes were carried out')
        t.same(g.stop(), 0, 'the gateway stops well')
    t.done()


main()
