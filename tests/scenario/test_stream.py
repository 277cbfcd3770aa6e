#!/usr/bin/env python3
"""Long Bundles as answers: they go out in pieces as the client takes them, the
gateway stays small meanwhile, and what comes is what many short pages say."""
import contextlib
import gzip
import json
import os
import re
import sqlite3
import sys
import time
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, Tap, need_pack  # noqa: E402
from slow import MIB, ask, dechunk, is_sanitized, memory, open_files, take, take_all  # noqa: E402

COUNT = 800
TEXT = 30000
SEARCH = '/fhir/Basic?_count=%d' % COUNT
HISTORY = '/fhir/Basic/_history?_count=%d' % COUNT


def fill(gateway):
    """COUNT resources of TEXT characters, with digits that must be kept."""
    for first in range(0, COUNT, 100):
        entries = ['{"resource":{"resourceType":"Basic","extension":[{"url":"http://example.org/n",'
                   '"valueDecimal":%d.50}],"code":{"text":"n%d \\u00e9 <&> %s"}},'
                   '"request":{"method":"POST","url":"Basic"}}' % (i, i, 'x%d ' % i * (TEXT // 5))
                   for i in range(first, first + 100)]
        answer = gateway.http('POST', '/fhir', '{"resourceType":"Bundle","type":"transaction",'
                              '"entry":[%s]}' % ','.join(entries))
        assert answer.status == 200, answer


def parse(text):
    """JSON with its digits."""
    return json.loads(text, parse_float=str, parse_int=str)


def in_short_pages(gateway, path):
    """All entries, in pages that are never sent in pieces."""
    entries = []
    path = path.replace('_count=%d' % COUNT, '_count=20')
    while path:
        answer = gateway.http('GET', path)
        assert 'content-length' in answer.headers
        bundle = parse(answer.body)
        entries += bundle['entry']
        path = next((link['url'] for link in bundle['link'] if link['relation'] == 'next'), None)
        path = path and re.sub(r'^https?://[^/]*', '', path)
    return entries


def xml_values(text):
    """fullUrl, decimal and text of each entry."""
    ns = '{http://hl7.org/fhir}'
    root = ElementTree.fromstring(text)
    assert root.tag == ns + 'Bundle'
    return [(e.find(ns + 'fullUrl').get('value'),
             next(e.iter(ns + 'valueDecimal')).get('value'),
             next(e.iter(ns + 'text')).get('value')) for e in root.findall(ns + 'entry')]


def json_values(entries):
    return [(e['fullUrl'], e['resource']['extension'][0]['valueDecimal'],
             e['resource']['code']['text']) for e in entries]


def test_same(tap, gateway, path, what):
    want = in_short_pages(gateway, path)
    tap.same(len(want), COUNT, '%s: short pages have all' % what)
    plain = gateway.http('GET', path)
    tap.same((plain.status, plain.headers.get('transfer-encoding')), (200, 'chunked'),
             '%s: a long one comes in pieces' % what)
    tap.ok(len(plain.body) > 20 * MIB, '%s: it is long' % what, len(plain.body))
    tap.ok(parse(plain.body)['entry'] == want, '%s: and says the same' % what)
    tap.same(parse(plain.body)['total'], str(COUNT), '%s: with its total' % what)
    packed = gateway.http('GET', path, headers={'Accept-Encoding': 'gzip'})
    tap.same(packed.headers.get('content-encoding'), 'gzip', '%s: gzip' % what)
    tap.ok(parse(gzip.decompress(packed.body))['entry'] == want, '%s: gzip says the same' % what)
    pretty = gateway.http('GET', path + '&_pretty=true')
    tap.ok(parse(pretty.body)['entry'] == want, '%s: pretty says the same' % what)
    tap.same(pretty.body.count(b'\n  "entry": ['), 1, '%s: pretty has one list' % what)
    tap.ok(b'\n    {\n      "fullUrl"' in pretty.body, '%s: and is pretty' % what)
    for more in '', '&_pretty=true':
        xml = gateway.http('GET', path + more, headers={'Accept': 'application/fhir+xml'})
        tap.same(xml.headers['content-type'].split(';')[0], 'application/fhir+xml',
                 '%s: XML%s' % (what, more))
        tap.ok(xml_values(xml.body) == json_values(want), '%s: XML%s says the same' % (what, more))
    head = gateway.http('HEAD', path)
    tap.same((head.status, head.body), (200, b''), '%s: HEAD has no body' % what)


def test_slow(tap, gateway, path, extra, what):
    """Ten clients that stop behind the first bytes: nothing piles up."""
    before = memory(gateway)
    slow = [ask(gateway, path, extra) for _ in range(10)]
    for s in slow:
        take(s, 1000)
    time.sleep(2)
    grown = memory(gateway) - before
    tap.ok(is_sanitized() or grown < 60 * MIB, '%s: ten slow readers of 24 MB each cost little' % what,
           '%d MiB more' % (grown / MIB))
    tap.same(gateway.http('GET', '/fhir/Basic?_count=1').status, 200,
             '%s: others are served meanwhile' % what)
    for s in slow:
        s.close()


def test_gone(tap, gateway):
    files = open_files(gateway)
    for path in SEARCH, HISTORY, SEARCH + '&_pretty=true', SEARCH + '&_format=xml':
        for size in 100, 100000, 3 * MIB:
            s = ask(gateway, path)
            take(s, size)
            s.close()
    for _ in range(100):
        if open_files(gateway) <= files:
            break
        time.sleep(0.1)
    tap.ok(open_files(gateway) <= files, 'clients that went away leave no file behind',
           '%d, before %d' % (open_files(gateway), files))
    tap.same(gateway.http('GET', '/health').status, 200, 'the gateway goes on')


def test_connection(tap, gateway):
    s = ask(gateway, SEARCH, then=b'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    got = take_all(s)
    s.close()
    tap.ok(b'\r\n0\r\n\r\nHTTP/1.1 200 ' in got[-1000:] and got.endswith(b'ready\n'),
           'a request sent behind it is answered behind it', got[-300:])
    s = ask(gateway, SEARCH, version='1.0')
    head, body = take_all(s).split(b'\r\n\r\n', 1)
    s.close()
    tap.ok(b'chunked' not in head.lower() and len(json.loads(body)['entry']) == COUNT,
           'HTTP/1.0 reads it to the end of the connection', head)


def test_damaged(tap):
    """A body that is gone when its turn comes: cut, and told in the log."""
    gateway = Gateway(fhir='  listen: 127.0.0.1:0\n  timeouts:\n    write: 60 s\n')
    with gateway:
        fill(gateway)
        readers = [(name, ask(gateway, SEARCH, extra)) for name, extra in (
            ('JSON', ''), ('XML', 'Accept: application/fhir+xml\r\n'))]
        begun = [take(s, 1000) for _, s in readers]
        time.sleep(1)
        with contextlib.closing(sqlite3.connect(os.path.join(gateway.folder, 'store.db'))) as db:
            db.execute('DELETE FROM body WHERE row = (SELECT min(row) FROM body)')
            db.commit()
        for (name, s), got in zip(readers, begun):
            got += take_all(s)
            s.close()
            tap.ok(got.startswith(b'HTTP/1.1 200') and dechunk(got) is None,
                   '%s that cannot go on is cut, without a false end' % name, len(got))
        cut = [line for line in gateway.log if 'answer-cut' in line]
        tap.same(len(cut), 2, 'the log tells each')
        tap.ok(all('damaged' in line for line in cut), 'and why', cut)
        tap.same(gateway.http('GET', '/health').status, 200, 'the gateway goes on')
        tap.same(gateway.http('GET', SEARCH.replace('%d' % COUNT, '1')).status, 200,
                 'and serves what is whole')


def test_stalled():
    """Nobody takes anything for the write timeout: cut, without a false end."""
    gateway = Gateway(fhir='  listen: 127.0.0.1:0\n  timeouts:\n    write: 500 ms\n')
    with gateway:
        fill(gateway)
        time.sleep(1)
        files = open_files(gateway)
        s = ask(gateway, SEARCH)
        take(s, 1000)
        for _ in range(200):
            if open_files(gateway) <= files:
                break
            time.sleep(0.1)
        closed = open_files(gateway) <= files
        got = take_all(s)
        s.close()
        return closed, got, gateway.stop()


def main():
    need_pack()
    tap = Tap()
    gateway = Gateway(fhir='  listen: 127.0.0.1:0\n  timeouts:\n    write: 60 s\n')
    with gateway:
        fill(gateway)
        test_slow(tap, gateway, SEARCH, '', 'search')
        test_slow(tap, gateway, HISTORY, 'Accept: application/fhir+xml\r\n', 'history, XML')
        test_same(tap, gateway, SEARCH, 'search')
        test_same(tap, gateway, HISTORY, 'history')
        test_connection(tap, gateway)
        test_gone(tap, gateway)
        tap.same(gateway.stop(), 0, 'the gateway stops well')
        tap.ok(not [line for line in gateway.log if 'answer-cut' in line], 'nothing was cut')
    test_damaged(tap)
    closed, got, status = test_stalled()
    tap.ok(closed, 'a reader that stalls is cut off after the write timeout')
    tap.ok(len(got) < 10 * MIB and not got.endswith(b'0\r\n\r\n'),
           'and what it has does not look whole', len(got))
    tap.same(status, 0, 'the gateway stops well')
    tap.done()


main()
