#!/usr/bin/env python3
"""Two hundred searches, made of the values that are found in Synthea's resources,
of every type of parameter, modifier and prefix: the gateway's answer is what a
search by brute force (brute.py) finds over the same resources."""
import bz2
import glob
import json
import os
import random
import re
import sys
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import brute  # noqa: E402
from gateway import Gateway, Tap, need_pack, skip_all  # noqa: E402

SUITES = os.environ.get('FIREDOOR_SUITES', '')
PACKAGE = os.environ.get('FIREDOOR_PACKAGE_DIR', '')
PATIENTS = 4  # the smallest of the suite
QUERIES = 200
PREFIXES = ['eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb']


def bundles():
    files = glob.glob(os.path.join(SUITES, 'synthea', '*.json.bz2'))
    first = [f for f in files if os.path.basename(f).startswith('0-')]
    rest = sorted((f for f in files if f not in first), key=os.path.getsize)[:PATIENTS]
    for name in sorted(first) + rest:
        yield bz2.open(name).read()


def fetch(g, kind):
    """All resources of the type, as they are stored."""
    out, path = [], '/fhir/%s?_count=500' % kind
    while path:
        answer = g.http('GET', path)
        bundle = brute.load(answer.body)
        out += [e['resource'] for e in bundle.get('entry', [])]
        path = next((re.sub(r'^https?://[^/]*', '', l['url']) for l in bundle['link']
                     if l['relation'] == 'next'), None)
    return {r['id']: r for r in out}


class Param:
    def __init__(self, kind, definition):
        self.kind, self.code, self.type = kind, definition['code'], definition['type']
        self.parts = []
        for part in brute.split_top(definition['expression'], '|'):
            name = re.match(r'\(*(\w+)', part).group(1)
            if name in (kind, 'Resource', 'DomainResource') or not name[0].isupper():
                self.parts.append(part)

    def values(self, resource):
        return [v for part in self.parts for v in brute.evaluate(part, resource)]


def definitions(kinds):
    for name in sorted(glob.glob(os.path.join(PACKAGE, 'SearchParameter-*.json'))):
        with open(name) as f:
            d = json.load(f)
        if not d.get('expression') or d['type'] in ('composite', 'special', 'number'):
            continue
        for kind in kinds:
            if kind in d['base'] or 'Resource' in d['base'] or 'DomainResource' in d['base']:
                yield Param(kind, d)


class Proof:
    def __init__(self, g, store):
        self.g, self.store, self.random = g, store, random.Random(4)
        self.params = []
        for p in definitions(store):
            if p.code in ('_id', '_lastUpdated'):
                continue
            try:
                found = {i: p.values(r) for i, r in store[p.kind].items()}
            except (brute.Unknown, AttributeError):
                continue
            if any(found.values()):
                p.found = found
                self.params.append(p)

    def pick(self, of):
        return self.random.choice(sorted(of, key=repr))

    def some(self, p, reader):
        """A value of the parameter; None when it has none of the sort."""
        values = {x for items in p.found.values() for x in reader(items)}
        return self.pick(values) if values else None

    def where(self, p, test):
        return {i for i, items in p.found.items() if test(items)}

    # Each gives (query without the code's '=', ids), or None.

    def missing(self, p):
        want = self.random.choice(['true', 'false'])
        return ':missing=' + want, self.where(p, lambda v: bool(v) == (want == 'false'))

    def token(self, p):
        form = self.random.choice(['code', 'system|code', 'system|', '|code', 'not', 'text', 'or'])
        if form == 'text':
            text = self.some(p, brute.texts)
            if not text:
                return None
            start = text[:self.random.randint(1, len(text))].rstrip().swapcase()
            return ':text=' + quote(start), self.where(p, lambda v: any(
                brute.fold(t).startswith(brute.fold(start)) for t in brute.texts(v)))
        found = self.some(p, brute.tokens)
        if not found or not found[1]:
            return None
        system, code, told = found
        if form in ('code', 'not') or not told:
            holds = {i for i in p.found if any(t[1] == code for t in brute.tokens(p.found[i]))}
            if form == 'not':
                return ':not=' + quote(code), set(p.found) - holds
            return '=' + quote(code), holds
        if form == 'or':
            other = self.some(p, brute.tokens)
            if not other[1]:
                return None
            return '=%s,%s' % (quote(code), quote(other[1])), self.where(p, lambda v: any(
                t[1] in (code, other[1]) for t in brute.tokens(v)))
        if form == '|code' or not system:
            return '=|' + quote(code), self.where(p, lambda v: any(
                t[1] == code and not t[0] for t in brute.tokens(v)))
        if form == 'system|':
            return '=' + quote(system) + '|', self.where(p, lambda v: any(
                t[0] == system for t in brute.tokens(v)))
        return '=%s|%s' % (quote(system), quote(code)), self.where(p, lambda v: any(
            t[:2] == (system, code) for t in brute.tokens(v)))

    def string(self, p):
        text = self.some(p, brute.strings)
        if not text:
            return None
        form = self.random.choice(['', ':exact', ':contains'])
        if form == ':exact':
            return ':exact=' + quote(text), self.where(p, lambda v: text in brute.strings(v))
        at = self.random.randrange(len(text)) if form else 0
        part = text[at:at + self.random.randint(1, 6)].strip().swapcase()
        if not part:
            return None
        asked = brute.fold(part)
        return form + '=' + quote(part), self.where(p, lambda v: any(
            (asked in brute.fold(s)) if form else brute.fold(s).startswith(asked)
            for s in brute.strings(v)))

    def date(self, p):
        found = self.some(p, brute.dates)
        if not found:
            return None
        at = found[self.random.randrange(2)]
        if at in (brute.MIN, brute.MAX):
            return None
        text = at.isoformat().replace('+00:00', 'Z')
        text = self.random.choice([text[:4], text[:7], text[:10], text[:16] + 'Z', text])
        prefix = self.random.choice(PREFIXES + [''])
        asked = brute.moment(text)
        return '=' + prefix + text, self.where(p, lambda v: any(
            brute.compare(prefix or 'eq', low, high, *asked) for low, high in brute.dates(v)))

    def quantity(self, p):
        found = self.some(p, brute.quantities)
        if not found:
            return None
        value, system, code, unit = found
        text = decimal(value, self.random.randint(0, 4))
        prefix = self.random.choice(PREFIXES + [''])
        form = self.random.choice(['', 'unit', 'code'])
        if form == 'code' and code in brute.UNITS:
            asked, tail = (text, system, code), '|%s|%s' % (quote(system), quote(code))
        elif form and unit:
            asked, tail = (text, None, unit), '||' + quote(unit)
        else:
            asked, tail = (text, None, None), ''
        return '=' + prefix + text + tail, self.where(p, lambda v: any(
            brute.quantity_passes(prefix or 'eq', asked, q) for q in brute.quantities(v)))

    def reference(self, p):
        def targets(items):
            return {v['reference'] for _, v in items
                    if isinstance(v, dict) and '/' in v.get('reference', '')}
        target = self.some(p, targets)
        if not target or target.count('/') != 1:
            return None
        kind, id_ = target.split('/')
        form = self.random.choice(['=' + target, ':%s=%s' % (kind, id_), '=' + id_,
                                   '=' + quote('http://127.0.0.1:%d/fhir/%s'
                                               % (self.g.ports['http'], target))])
        return form, self.where(p, lambda v: target in targets(v))

    def uri(self, p):
        uri = self.some(p, lambda items: [v for _, v in items if isinstance(v, str)])
        if not uri or '/' not in uri:
            return None
        if self.random.randrange(2):
            return '=' + quote(uri), self.where(p, lambda v: uri in [x for _, x in v])
        above = uri.rpartition('/')[0]
        return ':below=' + quote(above), self.where(p, lambda v: any(
            x == above or x.startswith(above + '/') for _, x in v))

    def one(self, p):
        made = self.missing(p) if self.random.randrange(12) == 0 else getattr(self, p.type)(p)
        return made and ('%s%s' % (p.code, made[0]), made[1])

    def composite(self):
        """A blood pressure or another observation: code and value in one element."""
        kind = self.random.choice(['code', 'component'])
        pairs = {}
        for i, r in self.store['Observation'].items():
            elements = [r] if kind == 'code' else r.get('component', [])
            pairs[i] = [(c.get('code'), q) for e in elements
                        for c in e.get('code', {}).get('coding', [])
                        for q in brute.quantities([(None, e.get('valueQuantity', {}))])]
        codes = sorted({c for have in pairs.values() for c, _ in have})
        if not codes:
            return None
        code = self.random.choice(codes)
        value = self.pick({q for have in pairs.values() for _, q in have})
        prefix = self.random.choice(PREFIXES)
        text = decimal(value[0], self.random.randint(0, 2))
        return ('Observation', '%s-value-quantity=%s$%s%s' % (
            'code' if kind == 'code' else 'component-code', quote(code), prefix, text),
            {i for i, have in pairs.items() if any(
                c == code and brute.number_passes(prefix, text, q[0]) for c, q in have)})

    def chain(self):
        p = self.pick([x for x in self.params if x.kind == 'Patient' and x.code[0] != '_'])
        made = self.one(p)
        if not made or ':missing' in made[0]:
            return None
        kind = self.random.choice(['Observation', 'Condition', 'Encounter'])
        hits = {'Patient/' + i for i in made[1]}
        return kind, 'subject:Patient.' + made[0], {
            i for i, r in self.store[kind].items()
            if r.get('subject', {}).get('reference') in hits}

    def has(self):
        kind = self.random.choice(['Observation', 'Condition', 'Encounter'])
        p = self.pick([x for x in self.params if x.kind == kind and x.code[0] != '_'])
        made = self.one(p)
        if not made or ':missing' in made[0]:
            return None
        hits = {self.store[kind][i].get('subject', {}).get('reference') for i in made[1]}
        return 'Patient', '_has:%s:subject:%s' % (kind, made[0]), {
            i for i in self.store['Patient'] if 'Patient/' + i in hits}

    def both(self):
        p = self.pick(self.params)
        q = self.pick([x for x in self.params if x.kind == p.kind])
        a, b = self.one(p), self.one(q)
        return a and b and (p.kind, a[0] + '&' + b[0], a[1] & b[1])

    def any(self):
        way = self.random.randrange(12)
        if way < 4:
            return [self.composite, self.chain, self.has, self.both][way]()
        kind = self.pick({p.type for p in self.params})
        p = self.pick([p for p in self.params if p.type == kind])
        made = self.one(p)
        return made and (p.kind,) + made


def decimal(value, places):
    """A number near the value, with so many digits behind the point."""
    text = '%.*f' % (places, float(value))
    return text


def quote(text):
    text = re.sub(r'([\\,|$])', r'\\\1', text)
    return urllib.parse.quote(text, safe='')


def run(tap, g, proof):
    sorts, made = {}, set()
    for _ in range(QUERIES * 100):
        if len(made) == QUERIES:
            break
        one = proof.any()
        if not one or one[:2] in made:
            continue
        kind, query, want = one
        made.add(one[:2])
        answer = g.http('GET', '/fhir/%s?%s&_count=500&_total=accurate&_elements=id' % (kind, query))
        if answer.status != 200:
            tap.ok(False, '%s?%s' % (kind, query), answer)
            continue
        got = set(fetch_ids(g, answer))
        tap.ok(got == want and answer.json['total'] == len(want), '%s?%s finds %d' % (
            kind, query, len(want)), 'too many: %s\nmissing: %s' % (
                sorted(got - want)[:3], sorted(want - got)[:3]))
        sort = 'something' if 0 < len(want) < len(proof.store[kind]) else 'all or nothing'
        sorts[sort] = sorts.get(sort, 0) + 1
    tap.same(len(made), QUERIES, 'so many searches were made')
    tap.ok(sorts.get('something', 0) > QUERIES / 3, 'many of which find a part', sorts)


def fetch_ids(g, answer):
    bundle = answer.json
    while True:
        yield from (e['resource']['id'] for e in bundle.get('entry', []))
        path = next((re.sub(r'^https?://[^/]*', '', l['url']) for l in bundle['link']
                     if l['relation'] == 'next'), None)
        if not path:
            return
        bundle = g.http('GET', path).json


def main():
    need_pack()
    if not os.path.isdir(os.path.join(SUITES, 'synthea')) or not PACKAGE:
        skip_all('Synthea\'s bundles ($FIREDOOR_SUITES) or the package '
                 '($FIREDOOR_PACKAGE_DIR) are not here')
    tap = Tap()
    with Gateway(fhir='  listen: 127.0.0.1:0\n  pages: { count: 50, most: 500 }\n') as g:
        sent = {}
        for text in bundles():
            answer = g.http('POST', '/fhir', text)
            tap.same(answer.status, 200, 'a bundle is stored')
            for e in json.loads(text)['entry']:
                kind = e['resource']['resourceType']
                sent.setdefault(kind, set()).add(e['fullUrl'])
        store = {kind: fetch(g, kind) for kind in sorted(sent)}
        for kind in sorted(sent):
            tap.same(len(store[kind]), len(sent[kind]), 'all of %s are there' % kind)
        run(tap, g, Proof(g, store))
        tap.same(g.stop(), 0, 'the gateway stops well')
    tap.done()


main()
