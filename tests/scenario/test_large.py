#!/usr/bin/env python3
"""Single large resources, and the answers to large transactions, in any form:
they go out in pieces as the client takes them, the same bytes as `firedoor
convert` writes, and their text is never whole in the gateway's memory."""
import base64
import gzip
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, Tap, need_pack  # noqa: E402
from slow import (MIB, ask, dechunk, forget_peak, is_sanitized, memory, open_files,  # noqa: E402
                  take, take_all)

SANITIZED = is_sanitized()
SIZE = 6 if SANITIZED else 24  # MiB of the Bundle, and half of the Binary
TAG = {'system': 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', 'code': 'SUBSETTED'}
DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p>n%d &lt;&amp; \u00e9 %s</p></div>'


def compact(value):
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False)


def many(size):
    """A collection of many small resources, with companions and narrative."""
    entries, total, i = [], 0, 0
    while total < size:
        entry = compact({'fullUrl': 'urn:uuid:%032d' % i, 'resource': {
            'resourceType': 'Patient', 'id': 'p%d' % i,
            'text': {'status': 'generated', 'div': DIV % (i, 'x' * (i % 500))},
            'name': [{'family': 'N"%d"\t<&>' % i, 'given': ['A', None, 'C'],
                      '_given': [None, {'extension': [{'url': 'urn:e', 'valueDecimal': 7}]},
                                 {'id': 'g'}]}],
            '_birthDate': {'extension': [{'url': 'urn:e', 'valueString': 'x%d' % i}]},
            'photo': [{'data': base64.b64encode(bytes([i % 256]) * (i % 3000)).decode() or 'AA==',
                       'title': 't'}]}})
        entries.append(entry)
        total += len(entry)
        i += 1
    return '{"resourceType":"Bundle","id":"many","type":"collection","entry":[%s]}' % \
        ','.join(entries)


def deep(count):
    """A collection whose pretty text is twelve times as long."""
    chain = None
    for i in range(28, 0, -1):
        chain = dict({'url': 'u%d' % i},
                     **({'extension': [chain]} if chain else {'valueBoolean': True}))
    entry = compact({'resource': {'resourceType': 'Basic', 'extension': [chain],
                                  'code': {'text': 'x'}}})
    return '{"resourceType":"Bundle","id":"deep","type":"collection","entry":[%s]}' % \
        ','.join([entry] * count)


def binary(size):
    """One value that is all."""
    data = base64.b64encode(random.Random(7).randbytes(size * 3 // 4)).decode()
    return '{"resourceType":"Binary","id":"one","contentType":"application/x","data":"%s"}' % data


def convert(gateway, stored, *arguments):
    """What the stored text is, all at once."""
    done = gateway.run('convert', '--from', 'json', *arguments, input=stored)
    assert done.returncode == 0, done.stderr
    # A line end behind the text is the file's, not the resource's.
    return done.stdout if '--pretty' in arguments else done.stdout.rstrip(b'\n')


FORMS = [
    ('XML', '', ('--to', 'xml'), 'Accept: application/fhir+xml\r\n'),
    ('pretty XML', '?_pretty=true', ('--to', 'xml', '--pretty'), 'Accept: application/fhir+xml\r\n'),
    ('pretty JSON', '?_pretty=true', ('--to', 'json', '--pretty'), ''),
]


def read_slowly(s):
    """Take it with pauses at its beginning."""
    got = take(s, 1000)
    time.sleep(0.05)
    got += take(s, 100000)
    time.sleep(0.05)
    return got + take_all(s)


def test_forms(tap, gateway, path, stored):
    for name, query, arguments, extra in FORMS:
        want = convert(gateway, stored, *arguments)
        got = dechunk(read_slowly(ask(gateway, path + query, extra + 'Connection: close\r\n')))
        tap.ok(got == want, '%s: %s as convert writes it' % (path, name),
               '%d bytes for %d' % (len(got or b''), len(want)))
        got = dechunk(read_slowly(ask(gateway, path + query, extra + 'Connection: close\r\n'
                                      'Accept-Encoding: gzip\r\n')))
        tap.ok(gzip.decompress(got or b'') == want, '%s: %s, gzip' % (path, name))
    packed = gateway.http('GET', path, headers={'Accept-Encoding': 'gzip'})
    tap.same(packed.headers.get('content-encoding'), 'gzip', '%s: as stored, gzip' % path)
    tap.ok(gzip.decompress(packed.body) == stored, '%s: the same' % path)


def test_plain(tap, gateway, path, text, stored):
    """As it is stored: with its length, whatever the client's pace."""
    answer = gateway.http('GET', path)
    tap.same(answer.headers.get('content-length'), str(len(stored)), '%s: has a length' % path)
    tap.same(answer.headers.get('transfer-encoding'), None, '%s: and no chunks' % path)
    kept = json.loads(answer.body, parse_float=str)
    version = kept.pop('meta')['versionId']
    tap.ok(kept == json.loads(text, parse_float=str), '%s: what was put is there' % path)
    again = gateway.http('GET', '%s/_history/%s' % (path, version))
    tap.ok(again.body == stored, '%s: vread is the same' % path)
    head = gateway.http('HEAD', path)
    tap.same((head.status, head.headers.get('content-length'), head.body),
             (200, str(len(stored)), b''), '%s: HEAD tells the length' % path)
    s = ask(gateway, path, version='1.0')
    tap.ok(take_all(s).split(b'\r\n\r\n', 1)[1] == stored, '%s: HTTP/1.0' % path)
    s = ask(gateway, path, then=b'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    got = take_all(s)
    tap.ok(stored in got and got.endswith(b'ready\n') and b'HTTP/1.1 200' in got[-1000:],
           '%s: a request behind it is answered' % path, got[-200:])


def tagged(resource):
    meta = resource.setdefault('meta', {})
    meta['tag'] = meta.get('tag', []) + [TAG]
    return resource


def test_parts(tap, gateway, stored):
    """All but narrative: the same with the tag, and without text."""
    want = tagged(json.loads(stored))
    for entry in want['entry']:
        tagged(entry['resource']).pop('text')
    answer = gateway.http('GET', '/fhir/Bundle/many?_summary=data')
    tap.ok(answer.json == want, '_summary=data of a large Bundle')
    tap.same(answer.headers.get('transfer-encoding'), 'chunked', 'comes in pieces')
    for query in '_elements=type', '%5Felements=type':
        answer = gateway.http('GET', '/fhir/Bundle/many?' + query)
        tap.same((answer.json['type'], 'entry' in answer.json), ('collection', False),
                 '%s leaves the entries out' % query)


def test_writes(tap, gateway, text):
    """The answers of a create and an update in another form."""
    for method, path in ('POST', '/fhir/Bundle'), ('PUT', '/fhir/Bundle/again'):
        body = text.replace('"id":"many"', '"id":"again"').encode()
        s = ask(gateway, path, 'Accept: application/fhir+xml\r\nConnection: close\r\n'
                'Content-Type: application/fhir+json\r\nContent-Length: %d\r\n' % len(body),
                method=method, body=body)
        got = read_slowly(s)
        head = got.split(b'\r\n\r\n', 1)[0].decode()
        place = next(line for line in head.split('\r\n') if line.lower().startswith('location'))
        place = '/fhir' + place.split('/fhir', 1)[1]
        want = convert(gateway, gateway.http('GET', place).body, '--to', 'xml')
        tap.ok(head.startswith('HTTP/1.1 201') and dechunk(got) == want,
               '%s answers a large resource as XML' % method, head)


def test_transaction(tap, gateway):
    """Its response: entry by entry, as it is stored."""
    count = 40 if SANITIZED else 200
    bundle = compact({'resourceType': 'Bundle', 'type': 'transaction', 'entry': [
        {'resource': {'resourceType': 'Basic', 'code': {'text': 'n%d <&> %s' % (i, 'x' * 100000)}},
         'request': {'method': 'PUT', 'url': 'Basic/t%d' % i}} if i else
        {'resource': {'resourceType': 'Basic', 'id': 't0', 'code': {'text': 'n0'}},
         'request': {'method': 'PUT', 'url': 'Basic/t0'}} for i in range(count)]})
    bundle = bundle.replace('"resourceType":"Basic","code"', '"resourceType":"Basic","id":"@","code"')
    for i in range(1, count):
        bundle = bundle.replace('"@"', '"t%d"' % i, 1)
    body = bundle.encode()
    texts = {}
    for name, query, arguments, extra in [('JSON', '', ('--to', 'json'), '')] + FORMS:
        s = ask(gateway, '/fhir' + query, extra + 'Connection: close\r\nPrefer: '
                'return=representation\r\nContent-Type: application/fhir+json\r\n'
                'Content-Length: %d\r\n' % len(body), method='POST', body=body)
        got = dechunk(read_slowly(s))
        texts[name] = json.loads(convert_back(gateway, got, arguments))
        entries = texts[name]['entry']
        tap.same((texts[name]['type'], len(entries)), ('transaction-response', count),
                 'the response to a large transaction, %s' % name)
        versions = {e['resource']['meta']['versionId'] for e in entries}
        tap.ok(len(versions) == 1 and all(
            e['resource']['id'] == 't%d' % i and e['response']['etag'] == 'W/"%s"' % list(versions)[0]
            and e['resource']['code']['text'].startswith('n%d' % i)
            for i, e in enumerate(entries)), 'has all resources, %s' % name)
        again = convert(gateway, compact(texts[name]).encode(), *arguments)
        tap.ok(again == got, 'and the bytes of one that is written whole, %s' % name)


def convert_back(gateway, got, arguments):
    if 'xml' not in arguments:
        return got
    done = gateway.run('convert', '--from', 'xml', '--to', 'json', input=got)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_memory(tap, gateway):
    """What stays for a client that has stopped, and the peak on the way there."""
    for path, query, extra, name, stays, peak in MEMORY:
        size = len(gateway.http('GET', path + query).body) if 'deep' in path else 0
        time.sleep(0.5)
        forget_peak(gateway)
        before = memory(gateway)
        slow = [ask(gateway, path + query, extra) for _ in range(3)]
        for s in slow:
            take(s, 1000)
        time.sleep(0.5)
        grown = (memory(gateway) - before) / MIB
        top = (memory(gateway, 'VmHWM') - before) / MIB
        for s in slow:
            s.close()
        tap.ok(SANITIZED or grown < 3 * stays, '%s: three slow readers need little' % name,
               '%d MiB more' % grown)
        if peak:
            tap.ok(SANITIZED or top < peak, '%s: and never more on the way' % name,
                   '%d MiB' % top)
        if size:
            tap.ok(SANITIZED or size > 90 * MIB, '%s: of a long text' % name, size)


# What may stay for one reader, and the peak of three, in MiB. The deep one's
# text has 97 and its record 11; the Binary's text and record have 48 each.
MEMORY = [
    ('/fhir/Bundle/deep', '?_pretty=true', '', 'deep, pretty', 30, 120),
    ('/fhir/Bundle/deep', '?_pretty=true', 'Accept-Encoding: gzip\r\n', 'deep, pretty, gzip', 30, 120),
    ('/fhir/Binary/one', '', 'Accept: application/fhir+xml\r\n', 'one value, XML', 66, None),
    ('/fhir/Binary/one', '', '', 'one value, as stored', 66, None),
]


def test_gone(tap, gateway):
    files = open_files(gateway)
    for path in '/fhir/Bundle/many', '/fhir/Bundle/many?_pretty=true', \
            '/fhir/Binary/one?_format=xml':
        for size in 100, 100000, 3 * MIB:
            s = ask(gateway, path)
            take(s, size)
            s.close()
    for _ in range(100):
        if open_files(gateway) <= files:
            break
        time.sleep(0.1)
    tap.ok(open_files(gateway) <= files, 'clients that went away leave no file behind')


def main():
    need_pack()
    tap = Tap()
    texts = {'Bundle/many': many(SIZE * MIB), 'Binary/one': binary(2 * SIZE * MIB),
             'Bundle/deep': deep(2500 if SANITIZED else 10000)}
    gateway = Gateway(fhir='  listen: 127.0.0.1:0\n  limits:\n    body: 100 MiB\n')
    with gateway:
        for place, text in texts.items():
            answer = gateway.http('PUT', '/fhir/' + place, text)
            tap.same(answer.status, 201, '%s of %d MiB is put' % (place, len(text) >> 20))
            stored = gateway.http('GET', '/fhir/' + place).body
            tap.ok(answer.body == stored, '%s: the answer is what is stored' % place)
            test_plain(tap, gateway, '/fhir/' + place, text, stored)
            test_forms(tap, gateway, '/fhir/' + place, stored)
            if place == 'Bundle/many':
                test_parts(tap, gateway, stored)
                test_writes(tap, gateway, text)
        test_memory(tap, gateway)
        test_transaction(tap, gateway)
        test_gone(tap, gateway)
        tap.same(gateway.stop(), 0, 'the gateway stops well')
        tap.ok(not [line for line in gateway.log if 'answer-cut' in line], 'nothing was cut')
    tap.done()


main()
