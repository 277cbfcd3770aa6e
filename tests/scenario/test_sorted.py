#!/usr/bin/env python3
"""Sorting where there is more than is sorted in one go: 2,600 encounters by
date, of which some have several dates and some none, in every direction, page by
page; compared with what Python sorts."""
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, Tap, need_pack  # noqa: E402

COUNT = 2600
PART = 650


def encounter(i, chance):
    e = {'resourceType': 'Encounter', 'id': 'e%04d' % i, 'status': 'finished' if i % 5 else 'planned',
         'class': {'code': 'AMB'}}
    days = ['20%02d-%02d-%02d' % (chance.randrange(24), chance.randrange(1, 13), chance.randrange(1, 29))
            for _ in range(chance.choice([0, 1, 1, 1, 3]))]
    if days:
        e['location'] = [{'location': {'display': 'x'}, 'period': {'start': d, 'end': d}} for d in days]
    return e, days


def link(page, relation):
    return next((k['url'].split('/fhir', 1)[1] for k in page['link'] if k['relation'] == relation), None)


def walk(g, path, relation='next'):
    pages = []
    while path:
        got = g.http('GET', '/fhir' + path)
        if got.status != 200:
            raise AssertionError(got.status, got.json)
        pages.append(got.json)
        path = link(got.json, relation)
    return pages


def ids(pages):
    return [e['resource']['id'] for p in pages for e in p.get('entry', [])]


def expected(made, down):
    """Of several the one that comes first; none last; then the newest first."""
    dated = [(max(d) if down else min(d), i) for i, d in enumerate(made) if d]
    dated.sort(key=lambda k: k[1], reverse=True)
    dated.sort(key=lambda k: k[0], reverse=down)
    return [i for _, i in dated] + [i for i in range(len(made) - 1, -1, -1) if not made[i]]


def main():
    need_pack()
    t = Tap()
    chance = random.Random(3)
    made = []
    with Gateway() as g:
        for first in range(0, COUNT, PART):
            entries = []
            for i in range(first, first + PART):
                e, days = encounter(i, chance)
                made.append(days)
                entries.append({'resource': e, 'request': {'method': 'PUT', 'url': 'Encounter/' + e['id']}})
            bundle = {'resourceType': 'Bundle', 'type': 'batch', 'entry': entries}
            t.same(g.http('POST', '/fhir/', bundle).status, 200, 'encounters are kept')
        for name, sort in (('up', 'location-period'), ('down', '-location-period')):
            want = ['e%04d' % i for i in expected(made, name == 'down')]
            pages = walk(g, '/Encounter?_count=300&_sort=' + sort)
            t.ok(ids(pages) == want, '%s: all in order' % name)
            back = walk(g, link(pages[-1], 'previous'), 'previous')
            t.ok(ids(list(reversed(back))) + ids(pages[-1:]) == want, '%s: and back' % name)
            some = [i for i in want if int(i[1:]) % 5]
            t.ok(ids(walk(g, '/Encounter?status=finished&_count=500&_sort=' + sort)) == some,
                 '%s: of one status' % name)
        told = g.http('GET', '/fhir/Encounter?_count=50&_sort=-location-period', headers={'X-Firedoor-Explain': '1'}).json
        lines = [i['diagnostics'] for i in told['entry'][-1]['resource']['issue']]
        looked = next(int(line.split()[2]) for line in lines if line.startswith('looked at'))
        t.ok(looked < 500, 'a page of many takes few rows', lines)
        t.same(g.stop(), 0, 'the gateway stops well')
    t.done()


main()
