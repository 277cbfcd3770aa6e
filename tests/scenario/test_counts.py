#!/usr/bin/env python3
"""Totals while resources are changed, deleted and made again: each is what a count
by hand gives."""
import random

from gateway import Gateway, Tap, need_pack

GROUPS = ('a', 'b', 'c')


def total(g, query):
    return g.http('GET', '/fhir/' + query).json['total']


def main():
    need_pack()
    t = Tap()
    rng = random.Random(7)
    there = {}      # id: its group
    with Gateway() as g:
        connection = g.connect()
        for step in range(6):
            for _ in range(60):
                number, group = str(rng.randrange(80)), rng.choice(GROUPS)
                if rng.random() < 0.3:
                    g.http('DELETE', '/fhir/Patient/' + number, connection=connection)
                    there.pop(number, None)
                else:
                    g.http('PUT', '/fhir/Patient/' + number, {
                        'resourceType': 'Patient', 'id': number, 'identifier': [{'system': 'urn:g', 'value': group}],
                        'managingOrganization': {'reference': 'Organization/' + group}}, connection=connection)
                    there[number] = group
            t.same(total(g, 'Patient?_summary=count'), len(there), 'of a type, step %d' % step)
            for group in GROUPS:
                want = sum(v == group for v in there.values())
                t.same(total(g, 'Patient?identifier=urn:g|%s&_summary=count' % group), want, 'of a token')
                t.same(total(g, 'Patient?organization=Organization/%s&_count=1&_total=accurate' % group), want, 'of a reference')
            t.same(total(g, 'Patient?identifier=urn:g|&_summary=count'), len(there), 'of a system')
            t.same(total(g, 'Patient?identifier=urn:g|a&organization=Organization/a&_summary=count'),
                   sum(v == 'a' for v in there.values()), 'of two together')
        t.same(total(g, 'Observation?_summary=count'), 0, 'of a type that there is none of')
    t.done()


main()
