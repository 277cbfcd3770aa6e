#!/usr/bin/env python3
"""Dead letters: what is refused for what it says is kept, can be listed, shown,
corrected, replayed and dropped, by who has the right, and no replay applies
anything twice. HL7 over HTTP, as the specification of that name has it."""
import hashlib
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, Tap, ack_code, message, need_pack  # noqa: E402
from destination import Destination, wait_for  # noqa: E402

ADMIN, PORTAL, HIS = ('fd_' + c * 43 for c in 'apx')
TYPE = 'application/hl7-v2; charset=utf-8'


def hashed(token):
    return 'sha256:' + hashlib.sha256(token.encode()).hexdigest()


ACCESS = '''  senders:
    - {name: his, scope: system/*.cruds, tokens: ["%s"]}
    - {name: portal, scope: system/*.rs, tokens: ["%s"]}
    - {name: operator, scope: system/*.rs, admin: true, tokens: ["%s"]}
''' % (hashed(HIS), hashed(PORTAL), hashed(ADMIN))


def bearer(token, **more):
    return dict({'Authorization': 'Bearer ' + token}, **more)


def admin(g, method, path, body=None, token=ADMIN):
    return g.http(method, '/admin/' + path, body, bearer(token))


def letters(g, query=''):
    return admin(g, 'GET', 'deadletters' + query).json['deadletters']


def found(g, patient):
    answer = g.http('GET', '/fhir/Patient?identifier=' + patient, headers=bearer(PORTAL)).json
    return [e['resource'] for e in answer.get('entry', [])]


def test_http(tap, g):
    post = lambda body, **h: g.http('POST', '/hl7', body, bearer(HIS, **{'Content-Type': TYPE, **h}))
    r = post(message('H1', patient='H1').replace('\n', '\r'))
    tap.same((r.status, ack_code(r.body.decode()), r.headers['content-type']), (200, 'AA', TYPE),
             'a message by HTTP is acknowledged')
    tap.same(len(found(g, 'H1')), 1, 'and stored')
    r = post(message('H2', patient='H2', birth='never').replace('\n', '\r'))
    tap.same((r.status, ack_code(r.body.decode())), (200, 'AE'), 'an error is 200, too: it is an acknowledgement')
    latin = message('H3', patient='H3', family='M\xfcller').replace('\n', '\r').encode('latin-1')
    r = post(latin, **{'Content-Type': 'application/hl7-v2; charset=iso-8859-1'})
    tap.ok(ack_code(r.body.decode()) == 'AA' and found(g, 'H3')[0]['name'][0]['family'] == 'M\xfcller',
           'the charset of the Content-Type', r)
    xml = ('<ADT_A01 xmlns="urn:hl7-org:v2xml"><MSH><MSH.1>|</MSH.1><MSH.2>^~\\&amp;</MSH.2><MSH.9><MSG.1>ADT'
           '</MSG.1><MSG.2>A01</MSG.2><MSG.3>ADT_A01</MSG.3></MSH.9><MSH.10>H4</MSH.10><MSH.12><VID.1>2.5</VID.1>'
           '</MSH.12></MSH><PID><PID.3><CX.1>H4</CX.1><CX.4><HD.1>N</HD.1></CX.4></PID.3></PID><PV1><PV1.2>I</PV1.2>'
           '</PV1></ADT_A01>')
    r = post(xml, **{'Content-Type': 'application/hl7-v2+xml'})
    tap.ok(r.status == 200 and '<MSA.1>AA</MSA.1>' in r.body.decode() and '<MSA.2>H4</MSA.2>' in r.body.decode() and
           r.headers['content-type'].startswith('application/hl7-v2+xml'), 'XML is answered in XML', r)
    batch = 'BHS|^~\\&|A\r' + ''.join(message('H%d' % i, patient='H%d' % i).replace('\n', '\r') for i in (5, 6)) + 'BTS|2\r'
    r = post(batch)
    tap.same((r.status, r.body.decode().count('MSA|AA|')), (200, 2), 'a batch is answered by a batch')
    tap.same(g.http('GET', '/hl7', headers=bearer(HIS)).status, 405, 'only POST')
    tap.same(post('x', **{'Content-Type': 'text/plain'}).status, 415, 'only messages')
    tap.same(g.http('POST', '/hl7', message('H7'), {'Content-Type': TYPE}).status, 401, 'not without credentials')
    r = g.http('POST', '/hl7', message('H8').replace('\n', '\r'), bearer(PORTAL, **{'Content-Type': TYPE}))
    tap.same((r.status, ack_code(r.body.decode())), (200, 'AR'), 'who may not write is rejected')


def test_rights(tap, g):
    tap.same(g.http('GET', '/admin/deadletters').status, 401, 'nobody unknown')
    tap.same(admin(g, 'GET', 'deadletters', token=HIS).status, 403, 'nobody without the right')
    tap.same(admin(g, 'GET', 'deadletters', token=PORTAL).status, 403, 'a scope is not the right')
    tap.same(admin(g, 'GET', 'nothing').status, 404, 'there is no more')
    tap.same(admin(g, 'PUT', 'deadletters').status, 405, 'by no other method')
    tap.same(admin(g, 'GET', 'deadletters?colour=red').status, 400, 'no other parameters')


def test_letters(tap, g):
    send = lambda text: ack_code(g.http('POST', '/hl7', text.replace('\n', '\r'), bearer(HIS, **{'Content-Type': TYPE})).body.decode())
    before = len(letters(g))
    bad = message('D1', patient='D1', birth='never')
    tap.same((send(bad), send(bad)), ('AE', 'AE'), 'a message in error comes twice')
    tap.same(send(message('D2', event='Z99', trigger='ADT_Z99', patient='D2')), 'AR', 'and one that nobody maps')
    tap.same(send('this is no message'), 'AR', 'and what is none')
    new = letters(g)[:len(letters(g)) - before]
    tap.same([l['type'] for l in new], ['', 'ADT^Z99', 'ADT^A01'], 'three letters, the newest first')
    first = new[-1]
    tap.same((first['sender'], first['control'], first['times'], first['code']), ('his', 'D1', 2, 'AE'),
             'what came twice is one, and says so')
    tap.ok(first['reason'].startswith('PID-7:'), 'the reason has its place', first)
    tap.ok('never' not in json.dumps(first), 'and not the value')
    tap.same([l['control'] for l in letters(g, '?type=ADT&reason=date')], ['D1', 'H2'], 'found by type and reason')
    tap.same(letters(g, '?sender=nobody'), [], 'and by sender')
    tap.same(len(letters(g, '?since=2199-01-01')), 0, 'and by time')
    tap.same(len(letters(g, '?count=1')), 1, 'in pages')
    shown = admin(g, 'GET', 'deadletters/%d' % first['number']).json
    tap.ok(shown['message'].startswith('MSH|') and 'never' in shown['message'], 'shown with its message')

    r = admin(g, 'POST', 'deadletters/%d/replay' % first['number'])
    tap.ok(r.status == 422 and r.json['problems'][0]['place'] == 'PID-7', 'as it is, it is refused again', r)
    tap.same(len(letters(g)), before + 3, 'and is there still')
    r = admin(g, 'POST', 'deadletters/%d/replay' % first['number'], shown['message'].replace('never', '19700203'))
    tap.ok(r.status == 200 and r.json['accepted'] and r.json['code'] == 'AA', 'corrected, it is accepted', r)
    tap.same([p['birthDate'] for p in found(g, 'D1')], ['1970-02-03'], 'and applied')
    r = admin(g, 'POST', 'deadletters/%d/replay' % first['number'])
    tap.same(r.status, 404, 'it is gone then')
    tap.same([p['meta']['versionId'] for p in found(g, 'D1')], ['1'], 'nothing was applied twice')

    number = new[0]['number']
    tap.same(admin(g, 'DELETE', 'deadletters/%d' % number).status, 200, 'a letter is dropped')
    tap.same(admin(g, 'DELETE', 'deadletters/%d' % number).status, 404, 'once')

    # Correct at its source meanwhile: the replay finds it done.
    tap.same(send(message('D3', event='Z98', trigger='ADT_Z98', patient='D3')), 'AR', 'a third is refused')
    kept = letters(g)[0]
    corrected = message('D3', patient='D3').replace('\n', '\r')
    tap.same(send(corrected), 'AA', 'its sender sends it right')
    r = admin(g, 'POST', 'deadletters/%d/replay' % kept['number'], corrected)
    tap.ok(r.status == 200 and r.json['duplicate'], 'a replay of what was applied is a duplicate', r)
    tap.same([p['meta']['versionId'] for p in found(g, 'D3')], ['1'], 'and changes nothing')
    tap.ok(kept['number'] not in [l['number'] for l in letters(g)], 'but the letter is gone')
    g.kill()
    g.start()
    tap.ok('D2' in [l['control'] for l in letters(g)], 'after kill -9 the letters are there')
    log = g.run('audit', 'show', '-c', g.config, '--json').stdout.decode()
    tap.ok('deadletter-show' in log and 'deadletter-drop' in log and 'replayed by operator' in log,
           'who looked, dropped and replayed is in the audit trail')


def test_command(tap, g):
    url = 'http://127.0.0.1:%d' % g.ports['http']
    g.environment['FIREDOOR_TOKEN'] = ADMIN

    def run(*a):
        return g.run('deadletter', a[0], '--url', url, *a[1:])

    r = run('list')
    rows = r.stdout.decode().splitlines()
    tap.ok(r.returncode == 0 and any('ADT^Z99' in x and 'his' in x for x in rows), 'firedoor deadletter list', r)
    number = [x.split()[0] for x in rows if 'ADT^Z99' in x][0]
    r = run('show', number)
    tap.ok(b'MSH|' in r.stdout and b'there is no map' in r.stdout, 'show', r)
    tap.same(run('replay', number).returncode, 1, 'replay of what is refused again: status 1')
    path = os.path.join(g.folder, 'corrected.hl7')
    with open(path, 'w') as f:
        f.write(message('D2', patient='D2').replace('\r', '\n'))
    r = run('replay', '--file', path, number)
    tap.ok(r.returncode == 0 and b'accepted' in r.stdout, 'replay --file, with the line ends of an editor', r)
    tap.same(len(found(g, 'D2')), 1, 'is applied')
    tap.same(run('drop').returncode, 2, 'drop wants to know what')
    r = run('drop', '--reason', 'date')
    tap.ok(r.returncode == 0 and b'dropped' in r.stdout, 'drop by filter', r)
    tap.same(run('list', '--reason', 'date', '--json').stdout, b'', 'and they are gone')
    g.environment['FIREDOOR_TOKEN'] = PORTAL
    tap.same(run('list').returncode, 2, 'not without the right')
    g.environment['FIREDOOR_TOKEN'] = ADMIN
    r = g.run('coverage', '--url', url)
    tap.ok(r.returncode == 0 and any(x.split()[:2] == ['hl7', 'his'] for x in r.stdout.decode().splitlines()),
           'firedoor coverage tells the counts of the feed, over the restart', r)
    r = g.run('queue', '--url', url)
    tap.ok(r.returncode == 0 and b'lab' in r.stdout, 'firedoor queue', r)


def test_refused_by_destination(tap, g, lab):
    """What another system refuses is a dead letter, and can be sent again."""
    lab.code = lambda control: 'AE' if control == 'Q1' and lab.got.count('Q1') == 1 else 'AA'
    for i in (1, 2):
        g.http('POST', '/hl7', message('Q%d' % i, patient='Q%d' % i).replace('\n', '\r'),
               bearer(HIS, **{'Content-Type': TYPE}))
    tap.ok(wait_for(lambda: 'Q2' in lab.got), 'the next is sent behind one that was refused', lab.got)
    mine = [l for l in letters(g) if l.get('destination') == 'lab']
    tap.same([(l['control'], l['code'], l['reason']) for l in mine], [('Q1', 'AE', 'because')],
             'the refused one is a dead letter, with what the destination said')
    r = admin(g, 'POST', 'deadletters/%d/replay' % mine[0]['number'])
    tap.ok(r.status == 200 and r.json['queued'], 'it is put into its queue again', r)
    tap.ok(wait_for(lambda: lab.got.count('Q1') == 2), 'and sent')
    tap.same(admin(g, 'POST', 'deadletters/%d/replay' % mine[0]['number']).status, 404, 'once')
    wait_for(lambda: admin(g, 'GET', 'queues').json['queues'][0]['waiting'] == 0)
    q = admin(g, 'GET', 'queues').json['queues'][0]
    tap.same((q['name'], q['refused'], q['waiting']), ('lab', 1, 0), 'the queue is told')


def main():
    need_pack()
    tap = Tap()
    lab = Destination(lambda control: 'AA')
    g = Gateway(mllp=None, access=ACCESS, hl7='  path: /hl7\n',
                destinations='  - {name: lab, address: "127.0.0.1:%d"}\n' % lab.port,
                routes='  - to: lab\n    when: MSH-10 = Q1\n  - to: lab\n    when: MSH-10 = Q2\n')
    with g:
        test_http(tap, g)
        test_rights(tap, g)
        test_letters(tap, g)
        test_refused_by_destination(tap, g, lab)
        test_command(tap, g)
        tap.same(g.stop(), 0, 'the gateway stops well')
    g.close()
    lab.close()
    tap.done()


main()
