#!/usr/bin/env python3
"""Stores of other layouts: an older one is brought up to date, with everything
in it; an index that is to be made anew is, from where it was; a newer one is
refused and left alone."""
import hashlib
import os
import sqlite3

from gateway import Gateway, Tap, need_pack

# Layout 2, as its program made it.
LAYOUT_2 = '''
CREATE TABLE type (no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE param (no INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE);
CREATE TABLE version (row INTEGER PRIMARY KEY, type INTEGER NOT NULL, id TEXT NOT NULL,
 version INTEGER NOT NULL, verb INTEGER NOT NULL, updated INTEGER NOT NULL,
 until INTEGER NOT NULL, shown INTEGER NOT NULL, params BLOB NOT NULL);
CREATE UNIQUE INDEX version_of ON version (type, id, version);
CREATE TABLE body (row INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE ix (hash INTEGER NOT NULL, row INTEGER NOT NULL, chk INTEGER NOT NULL,
 PRIMARY KEY (hash, row, chk)) WITHOUT ROWID;
CREATE TABLE string_ix (key INTEGER NOT NULL, folded BLOB NOT NULL, row INTEGER NOT NULL,
 exact INTEGER NOT NULL, PRIMARY KEY (key, folded, row, exact)) WITHOUT ROWID;
CREATE TABLE date_ix (key INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
 row INTEGER NOT NULL, PRIMARY KEY (key, low, high, row)) WITHOUT ROWID;
CREATE INDEX date_high ON date_ix (key, high);
CREATE TABLE seen (key BLOB PRIMARY KEY, value BLOB NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX seen_at ON seen (at);
PRAGMA user_version=2;
PRAGMA application_id=%d;
''' % 0x46444f52

SEARCHES = [
    'Patient?family=upgrade', 'Patient?identifier=urn:x|7', 'Patient?birthdate=1970',
    'Patient?birthdate=lt1960', 'Observation?subject=Patient/7', 'Observation?code=http://loinc.org|8867-4',
    'Observation?value-quantity=gt70', 'Observation?subject:Patient.family=upgrade',
    'Patient?_has:Observation:subject:code=8867-4', 'Observation?subject:missing=true',
    'Observation?_lastUpdated=gt2020',
]


def patient(number):
    return {'resourceType': 'Patient', 'id': str(number), 'birthDate': '19%02d-01-01' % (number * 10),
            'identifier': [{'system': 'urn:x', 'value': str(number)}], 'name': [{'family': 'Upgrade%d' % number}]}


def observation(number):
    return {'resourceType': 'Observation', 'id': str(number), 'status': 'final',
            'code': {'coding': [{'system': 'http://loinc.org', 'code': '8867-4'}]},
            'valueQuantity': {'value': number * 12, 'system': 'http://unitsofmeasure.org', 'code': '/min'},
            'subject': {'reference': 'Patient/%d' % number}}


def fill(g):
    for number in range(1, 9):
        g.http('PUT', '/fhir/Patient/%d' % number, patient(number))
        g.http('PUT', '/fhir/Observation/%d' % number, observation(number))
    g.http('PUT', '/fhir/Patient/7', dict(patient(7), active=True))
    g.http('DELETE', '/fhir/Observation/8')


def everything(g):
    """What the searches find, and all versions."""
    found = {s: [e['resource'] for e in g.http('GET', '/fhir/' + s).json.get('entry', [])] for s in SEARCHES}
    history = [(e['request'], e.get('resource')) for e in g.http('GET', '/fhir/_history').json['entry']]
    return found, history


def change(g, script):
    db = sqlite3.connect(os.path.join(g.folder, 'store.db'))
    db.executescript(script)
    db.commit()
    db.close()


def ask(g, sql):
    db = sqlite3.connect(os.path.join(g.folder, 'store.db'))
    got = db.execute(sql).fetchall()
    db.close()
    return got


def make_old(g):
    """Write the store as a program of layout 2 would have it."""
    path = os.path.join(g.folder, 'store.db')
    db = sqlite3.connect(path + '-old')
    db.execute('PRAGMA journal_mode=WAL')
    db.executescript(LAYOUT_2)
    db.execute('ATTACH ? AS new', (path,))
    for (table,) in db.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
        columns = ', '.join(c[1] for c in db.execute('PRAGMA main.table_info(%s)' % table).fetchall())
        db.execute('INSERT INTO main.%s (%s) SELECT %s FROM new.%s' % (table, columns, columns, table))
    db.commit()
    db.close()
    os.rename(path + '-old', path)


def test_old(t, g):
    g.start()
    fill(g)
    want = everything(g)
    t.ok(all(want[0].values()) is False and sum(bool(v) for v in want[0].values()) >= 9, 'searches find something')
    t.same(g.stop(), 0, 'the gateway stops')
    newest = ask(g, 'PRAGMA user_version')[0][0]
    make_old(g)
    g.start()
    t.ok(g.wait_for_log(r'store-upgrade\b.*from=2'), 'an older layout is brought up to date, and told', g.log_text())
    t.ok(g.wait_for_log(r'hint=.*backup'), 'with the advice of a backup')
    t.same(everything(g), want, 'with all that is in it')
    t.ok(g.http('POST', '/fhir/Patient', patient(9)).status == 201, 'and goes on')
    g.stop()
    t.same(ask(g, 'PRAGMA user_version')[0][0], newest, 'its layout is the newest')
    g.start()
    t.ok(not g.wait_for_log('store-upgrade', 0.1), 'the next start has nothing to do')
    g.stop()


def test_anew(t, g):
    g.start()
    want = everything(g)
    g.stop()
    change(g, "DELETE FROM ix; DELETE FROM string_ix; DELETE FROM date_ix; UPDATE version SET params = x'';"
              "INSERT INTO work VALUES ('extract', 0);")
    g.start()
    t.ok(g.wait_for_log(r'store-upgraded\b.*step=index.*failed=0'), 'the index is made anew', g.log_text())
    t.same(everything(g), want, 'and everything is found as before')
    g.stop()
    t.same(ask(g, 'SELECT * FROM work'), [], 'nothing is left to do')


def test_resumed(t, g):
    """Cut off behind row 8: Patient/5 and what comes behind it are to be made."""
    change(g, "DELETE FROM ix WHERE row > 8; DELETE FROM string_ix; DELETE FROM date_ix;"
              "INSERT INTO work VALUES ('extract', 8);")
    g.start()
    found = g.http('GET', '/fhir/Patient?family=upgrade').json.get('entry', [])
    t.same(sorted(e['resource']['id'] for e in found if len(e['resource']['id']) == 1), ['5', '6', '7', '8'],
           'an index that was cut off goes on behind the row it had come to')
    g.stop()


def digest(path):
    with open(path, 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest()


def test_newer(t, g):
    path = os.path.join(g.folder, 'store.db')
    change(g, 'PRAGMA user_version=99')
    before = digest(path)
    got = g.run('serve', '-c', g.config)
    t.same(got.returncode, 2, 'a newer layout is refused')
    t.ok(b'version 99' in got.stderr, 'which says so', got.stderr.decode())
    t.same(digest(path), before, 'and left as it is')


def main():
    need_pack()
    t = Tap()
    g = Gateway()
    try:
        test_old(t, g)
        test_anew(t, g)
        test_resumed(t, g)
        test_newer(t, g)
    finally:
        g.close()
    t.done()


main()
