#!/usr/bin/env python3
"""gzip both ways (RFC 9110, 8.4.1.3), with Python's own."""
import gzip
import json
import os
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, Tap, need_pack  # noqa: E402

MIB = 1 << 20
GZIP = {'Content-Encoding': 'gzip', 'Content-Type': 'application/fhir+json'}


def patient(bytes_of_name):
    return json.dumps({'resourceType': 'Patient', 'id': 'z1', 'name': [{'family': 'a' * bytes_of_name}]})


def bodies_in(tap, g):
    body = patient(10)
    a = g.http('PUT', '/fhir/Patient/z1', gzip.compress(body.encode()), GZIP)
    tap.ok(a.status == 201 and a.json['name'][0]['family'] == 'a' * 10, 'a gzip body is read', a)
    a = g.http('PUT', '/fhir/Patient/z1', gzip.compress(body.encode())[:-4], GZIP)
    tap.ok(a.status == 400 and a.json['resourceType'] == 'OperationOutcome', 'a cut one is refused', a)
    a = g.http('PUT', '/fhir/Patient/z1', body.encode(), GZIP)
    tap.same(a.status, 400, 'what is not gzip is refused')
    a = g.http('PUT', '/fhir/Patient/z1', zlib.compress(body.encode()), GZIP)
    tap.same(a.status, 400, 'zlib is not gzip')
    a = g.http('POST', '/fhir/Patient/_search', gzip.compress(b'_id=z1'), {
        'Content-Encoding': 'gzip', 'Content-Type': 'application/x-www-form-urlencoded'})
    tap.ok(a.status == 200 and a.json['total'] == 1, 'a compressed form is read', a)


def charsets(tap, g):
    """RFC 7303: what Content-Type says counts more than what XML declares."""
    def put(body, charset):
        return g.http('PUT', '/fhir/Patient/c1', body, {
            'Content-Type': 'application/fhir+xml; charset=' + charset,
            'Accept': 'application/fhir+json'})
    xml = '<Patient xmlns="http://hl7.org/fhir"><id value="c1"/><name><family value="Zo\u00eb"/>' \
        '</name></Patient>'
    for charset in 'iso-8859-1', 'ISO-8859-1', 'utf-8', '"utf-16"', 'UTF-16BE':
        for declared in '', '<?xml version="1.0" encoding="UTF-8"?>':
            a = put((declared + xml).encode(charset.strip('"')), charset)
            tap.ok(a.status in (200, 201) and a.json['name'][0]['family'] == 'Zo\u00eb',
                   'charset %s%s' % (charset, declared and ', declared as UTF-8'), a)
    a = put(xml.encode('iso-8859-1'), 'utf-8')
    tap.same(a.status, 400, 'bytes that are not in the charset are refused')


def limits(tap, g):
    over = json.dumps({'resourceType': 'Binary', 'contentType': 'a/b', 'data': 'QUJD' * (MIB // 4)})
    a = g.http('POST', '/fhir/Binary', gzip.compress(over.encode()), GZIP)
    tap.same(a.status, 413, 'a body over the limit is refused, whatever its size on the wire')
    noise = ''.join('%08x' % (i * 2654435761 % (1 << 32)) for i in range(100000))
    body = json.dumps({'resourceType': 'Patient', 'name': [{'family': noise[:700000]}]})
    a = g.http('POST', '/fhir/Patient', gzip.compress(body.encode()), GZIP)
    tap.ok(a.status == 201, 'one below it is not', a.status)
    bomb = gzip.compress(gzip.compress(b' ' * (64 * MIB)))
    a = g.http('POST', '/fhir/Patient', gzip.compress(b' ' * (64 * MIB)), GZIP)
    tap.same(a.status, 413, 'a bomb is refused')
    a = g.http('POST', '/fhir/Patient', bomb, GZIP)
    tap.same(a.status, 400, 'only one layer is taken off')


def bodies_out(tap, g):
    g.http('PUT', '/fhir/Patient/z1', patient(5000))
    plain = g.http('GET', '/fhir/Patient/z1')
    tap.ok('content-encoding' not in plain.headers, 'nobody asked for gzip: none')
    a = g.http('GET', '/fhir/Patient/z1', None, {'Accept-Encoding': 'gzip'})
    tap.ok(a.headers.get('content-encoding') == 'gzip' and len(a.body) < len(plain.body) and
           gzip.decompress(a.body) == plain.body, 'a long answer is compressed', a.headers)
    tap.same(a.headers.get('etag'), plain.headers.get('etag'), 'the ETag is weak, and the same')
    tap.same(a.headers.get('vary'), 'Accept, Accept-Encoding', 'Vary says on what it hangs')
    a = g.http('GET', '/fhir/Patient/z1', None, {'Accept-Encoding': 'gzip;q=0, br'})
    tap.ok(a.body == plain.body, 'q=0 is no')
    a = g.http('GET', '/fhir/Patient?_id=z1', None, {'Accept-Encoding': 'gzip'})
    tap.ok(json.loads(gzip.decompress(a.body))['total'] == 1, 'a search too')
    g.http('PUT', '/fhir/Patient/z1', patient(1))
    a = g.http('GET', '/fhir/Patient/z1', None, {'Accept-Encoding': 'gzip'})
    tap.ok('content-encoding' not in a.headers and a.json['id'] == 'z1', 'a short one is not')
    a = g.http('GET', '/fhir/metadata', None, {'Accept-Encoding': 'gzip', 'If-None-Match': 'W/"1"'})
    tap.ok(json.loads(gzip.decompress(a.body))['resourceType'] == 'CapabilityStatement', 'metadata too')


def main():
    need_pack()
    tap = Tap()
    with Gateway(fhir='  listen: 127.0.0.1:0\n  limits:\n    body: 1 MiB\n') as g:
        bodies_in(tap, g)
        charsets(tap, g)
        limits(tap, g)
        bodies_out(tap, g)
        tap.same(g.stop(), 0, 'the gateway stops well')
    tap.done()


main()
