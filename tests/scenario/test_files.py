#!/usr/bin/env python3
"""Files that are not what they should be, and a disk that is full."""
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import SOURCE, Gateway, Tap, ack_code, message, need_pack  # noqa: E402


def refuses(tap, gateway, pattern, what):
    """The gateway does not start, and says why."""
    done = gateway.run('serve', '-c', gateway.config)
    text = done.stderr.decode()
    tap.ok(done.returncode not in (0, None) and done.returncode > 0 and pattern in text, what,
           'status %r\n%s' % (done.returncode, text))


def test_store(tap):
    for what, make in (
            ('a store that is text', lambda p: open(p, 'w').write('this is no database\n' * 100)),
            ('a store of another program', lambda p: sqlite3.connect(p).executescript(
                'CREATE TABLE t (x); INSERT INTO t VALUES (1);')),
    ):
        g = Gateway()
        path = os.path.join(g.folder, 'store.db')
        make(path)
        with open(path, 'rb') as f:
            before = f.read()
        refuses(tap, g, 'store.db', what + ' is refused')
        with open(path, 'rb') as f:
            tap.ok(f.read() == before, what + ' is left as it was')
        g.close()
    g = Gateway().start()
    g.stop()
    db = sqlite3.connect(os.path.join(g.folder, 'store.db'))
    version = db.execute('PRAGMA user_version').fetchone()[0]
    db.execute('PRAGMA user_version = %d' % (version + 1))
    db.close()
    refuses(tap, g, 'newer', 'a store of a newer version is refused')
    g.close()


def test_pack(tap):
    with open(os.environ['FIREDOOR_PACK'], 'rb') as f:
        pack = f.read()
    for what, data in (
            ('a pack that is none', b'x' * 10000),
            ('a pack cut short', pack[:len(pack) // 2]),
            ('an empty pack', b''),
            ('a pack of another version', pack[:8] + bytes([pack[8] ^ 0x55]) + pack[9:]),
    ):
        g = Gateway(pack=None)
        path = os.path.join(g.folder, 'other.pack')
        with open(path, 'wb') as f:
            f.write(data)
        with open(g.config, 'a') as f:
            f.write('pack: other.pack\n')
        refuses(tap, g, 'other.pack', what + ' is refused')
        g.close()


def test_maps(tap):
    folder = tempfile.mkdtemp(prefix='firedoor-maps-')
    maps = os.path.join(folder, 'maps')
    empty = os.path.join(folder, 'empty')
    os.mkdir(empty)
    shutil.copytree(os.environ.get('FIREDOOR_MAPS', os.path.join(SOURCE, 'mappers', 'maps')), maps)
    broken = os.path.join(maps, 'segment-PID.map')
    with open(broken) as f:
        lines = f.read().split('\n')
    with open(broken, 'w') as f:
        f.write('\n'.join(lines[:5] + ['this is no rule'] + lines[5:]))
    for what, path, pattern in (
            ('a map with a rule that is none', maps, 'segment-PID.map:6:'),
            ('a folder without maps', empty, 'no maps'),
    ):
        g = Gateway(environment={'FIREDOOR_MAPS': path})
        refuses(tap, g, pattern, what + ' is refused')
        done = g.run('check', '-c', g.config)
        tap.ok(done.returncode == 1 and pattern in done.stderr.decode(), what + ' is found by check', done)
        g.close()
    shutil.rmtree(folder)


def small_disk(folder):
    """A prefix for a command that sees a 32 MiB disk on folder/disk; None where
    no file system may be mounted."""
    disk = os.path.join(folder, 'disk')
    os.mkdir(disk)
    script = 'mount -t tmpfs -o size=32m tmpfs "$0" && exec "$@"'
    for unshare in (['unshare', '-m'], ['unshare', '-rm']):
        prefix = unshare + ['sh', '-c', script, disk]
        try:
            if subprocess.run(prefix + ['true'], stderr=subprocess.DEVNULL).returncode == 0:
                return prefix
        except OSError:
            pass
    return None


def test_full_disk(tap):
    folder = tempfile.mkdtemp(prefix='firedoor-disk-')
    wrap = small_disk(folder)
    if not wrap:
        shutil.rmtree(folder)
        return tap.skip('a full disk', 'no file system may be mounted here')
    g = Gateway(folder, wrap=wrap, store='  path: disk/store.db\n', audit='  folder: disk/audit\n')
    try:
        g.start()
        inside = '/proc/%d/root%s/disk/' % (g.process.pid, folder)
        connection = g.mllp()
        tap.same(ack_code(connection.ask(message('D0', patient='D0'))), 'AA', 'at first there is room')
        with open(inside + 'filler', 'wb', 0) as f:
            try:
                while True:
                    f.write(b'x' * 65536)
            except OSError:
                pass
        accepted, refused = ['D0'], []
        for i in range(1, 40):
            ack = connection.ask(message('D%d' % i, patient='D%d' % i))
            if ack is None:
                connection = g.mllp()
                refused.append(i)
            elif ack_code(ack) == 'AA':
                accepted.append('D%d' % i)
            else:
                refused.append(i)
        tap.ok(refused, 'when the disk is full, messages are refused', accepted)
        tap.ok(g.process.poll() is None, 'the gateway goes on', g.log_text())
        os.unlink(inside + 'filler')
        late = None
        for i in range(20):
            connection = g.mllp()
            late = connection.ask(message('E%d' % i, patient='E%d' % i))
            if late is not None and ack_code(late) == 'AA':
                accepted.append('E%d' % i)
                break
        tap.ok(late is not None and ack_code(late) == 'AA', 'and takes messages again when there is room', late)
        missing = [p for p in accepted if len(g.search('Patient?identifier=' + p)) != 1]
        tap.same(missing, [], 'every accepted message is there')
        verify = subprocess.run(['cp', '-r', inside + 'audit', folder + '/audit-copy'])
        tap.same(verify.returncode, 0, 'the trail can be copied')
        tap.same(g.stop(), 0, 'the gateway stops well')
        done = g.run('audit', 'verify', folder + '/audit-copy')
        tap.ok(done.returncode == 0, 'the trail verifies', done.stdout + done.stderr)
    finally:
        g.close()
        shutil.rmtree(folder, ignore_errors=True)
    return None


def main():
    need_pack()
    tap = Tap()
    test_store(tap)
    test_pack(tap)
    test_maps(tap)
    test_full_disk(tap)
    tap.done()


main()
