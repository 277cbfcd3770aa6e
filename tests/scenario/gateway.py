"""A firedoor for tests: starts the real program, talks HTTP and MLLP to it.

Everything is on loopback and on ports the system picks. Tests speak TAP.
"""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SOURCE = os.environ.get('FIREDOOR_SRCDIR') or os.path.abspath(
    os.path.join(os.path.dirname(__file__), '..', '..'))
BUILD = os.environ.get('FIREDOOR_BUILDDIR') or os.path.join(SOURCE, 'build', 'release')
PROGRAM = os.path.join(BUILD, 'firedoor')
START_S = 60    # sanitized builds on a busy machine are slow


class Tap:
    """Counts and prints cases."""

    def __init__(self):
        self.cases = 0
        self.failures = 0

    def ok(self, holds, name, detail=''):
        self.cases += 1
        name = re.sub(r'[#\r\n]', ' ', name)
        print('%sok %d - %s' % ('' if holds else 'not ', self.cases, name), flush=True)
        if not holds:
            self.failures += 1
            for line in str(detail).splitlines()[:40]:
                print('# ' + line, flush=True)
        return bool(holds)

    def same(self, got, want, name):
        return self.ok(got == want, name, 'got  %r\nwant %r' % (got, want))

    def skip(self, name, why):
        self.cases += 1
        print('ok %d - %s # SKIP %s' % (self.cases, name, why), flush=True)

    def done(self):
        print('1..%d' % self.cases, flush=True)
        sys.exit(1 if self.failures else 0)


def skip_all(why):
    """The whole program cannot run here."""
    print('1..0 # SKIP ' + why)
    sys.exit(0)


class Answer:
    """An HTTP answer, read whole."""

    def __init__(self, response, body):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return '%d %r\n%s' % (self.status, self.headers, self.body[:2000].decode('utf-8', 'replace'))


class Mllp:
    """One MLLP connection."""

    def __init__(self, port, timeout=60):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout)
        self.got = b''

    def send_bytes(self, data):
        self.socket.sendall(data)

    def receive(self):
        """The next framed message; None when the gateway has closed."""
        while b'\x1c\r' not in self.got:
            try:
                piece = self.socket.recv(65536)
            except ConnectionError:
                return None
            if not piece:
                return None
            self.got += piece
        frame, self.got = self.got.split(b'\x1c\r', 1)
        if not frame.startswith(b'\x0b'):
            raise AssertionError('an answer without its start: %r' % frame[:40])
        return frame[1:].decode('utf-8')

    def ask(self, message):
        if isinstance(message, str):
            message = message.replace('\r\n', '\r').replace('\n', '\r').encode()
        self.send_bytes(b'\x0b' + message + b'\x1c\r')
        return self.receive()

    def close(self):
        self.socket.close()


def segment(message, name):
    """The fields of the first such segment of an ER7 message: [name, 1, …]."""
    for line in (message or '').split('\r'):
        fields = line.split(message[3])
        if fields[0] == name:
            return [name, message[3]] + fields[1:] if name == 'MSH' else fields
    return None


def ack_code(message):
    msa = segment(message, 'MSA')
    return msa[1] if msa else None


BASE_CONFIG = {
    'server': '  loops: 2\n  drain: 10 s\n',
    'log': '  level: info\n',
    'fhir': '  listen: 127.0.0.1:0\n',
    'mllp': '  - name: adt\n    listen: 127.0.0.1:0\n',
    'store': '  path: store.db\n',
    'audit': '  folder: audit\n',
}


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Gateway:
    """One gateway in a folder of its own. sections replace those of
    BASE_CONFIG: their text, indented by two. A quiet one logs warnings only,
    for measuring: its ports are picked beforehand."""

    def __init__(self, folder=None, program=PROGRAM, wrap=(), environment=None, quiet=False,
                 **sections):
        self.quiet = {'http': free_port(), 'mllp': free_port()} if quiet else {}
        if quiet:
            sections = dict({
                'log': '  level: warn\n',
                'fhir': '  listen: 127.0.0.1:%d\n' % self.quiet['http'],
                'mllp': '  - name: adt\n    listen: 127.0.0.1:%d\n' % self.quiet['mllp'],
            }, **sections)
        self.folder = folder or tempfile.mkdtemp(prefix='firedoor-test-')
        self.owns_folder = folder is None
        self.program = program
        self.wrap = list(wrap)
        self.environment = dict(os.environ, **(environment or {}))
        self.environment.setdefault('FIREDOOR_MAPS', os.path.join(SOURCE, 'mappers', 'maps'))
        self.process = None
        self.log = []
        self.ports = {}
        config = dict(BASE_CONFIG)
        config.update(sections)
        self.config = os.path.join(self.folder, 'firedoor.yaml')
        with open(self.config, 'w') as f:
            for name, text in config.items():
                if text is not None:
                    f.write('%s:\n%s' % (name, text if text.endswith('\n') else text + '\n'))

    def start(self, wait=True):
        self.log = []
        self.ports = dict(self.quiet)
        self.ready = threading.Event()
        self.process = subprocess.Popen(
            self.wrap + [self.program, 'serve', '-c', self.config], cwd=self.folder,
            env=self.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.reader = threading.Thread(target=self._read_log, daemon=True)
        self.reader.start()
        if self.quiet:
            self._wait_until_healthy()
        elif wait and not self.ready.wait(START_S):
            raise AssertionError('the gateway did not start:\n' + self.log_text())
        if wait and self.process.poll() is not None:
            raise AssertionError('the gateway ended:\n' + self.log_text())
        return self

    def _wait_until_healthy(self):
        end = time.monotonic() + START_S
        while self.process.poll() is None and time.monotonic() < end:
            try:
                self.http('GET', '/health')
                return
            except OSError:
                time.sleep(0.002)

    def _read_log(self):
        for raw in self.process.stderr:
            line = raw.decode('utf-8', 'replace').rstrip('\n')
            self.log.append(line)
            at = re.search(r'\blistening\b.*?protocol=(\S+).*?name=(\S+).*?address=\S*:(\d+)', line)
            if at:
                self.ports.setdefault(at.group(2), int(at.group(3)))
                self.ports.setdefault(at.group(1), int(at.group(3)))
            if re.search(r'\bready\b', line) and 'plugin' not in line:
                self.ready.set()
        self.ready.set()

    def log_text(self):
        return '\n'.join(self.log)

    def wait_for_log(self, pattern, seconds=20, after=0):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in self.log[after:]:
                if re.search(pattern, line):
                    return line
            time.sleep(0.02)
        return None

    def stop(self, seconds=60):
        """SIGTERM. Returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        self.reader.join(5)
        return status

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(5)

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        if self.owns_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    # HTTP

    def connect(self, timeout=60):
        return http.client.HTTPConnection('127.0.0.1', self.ports['http'], timeout=timeout)

    def http(self, method, path, body=None, headers=None, connection=None):
        c = connection or self.connect()
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        if body is not None:
            headers.setdefault('Content-Type', 'application/fhir+json')
        c.request(method, path, body, headers)
        response = c.getresponse()
        answer = Answer(response, response.read())
        if connection is None:
            c.close()
        return answer

    def search(self, query):
        """Every resource a search finds, all pages read."""
        found = []
        path = '/fhir/' + query
        while path:
            answer = self.http('GET', path)
            if answer.status != 200:
                raise AssertionError('search %s: %r' % (query, answer))
            bundle = answer.json
            found += [e['resource'] for e in bundle.get('entry', [])]
            path = next((l['url'] for l in bundle.get('link', []) if l['relation'] == 'next'), None)
            if path:
                path = re.sub(r'^https?://[^/]*', '', path)
        return found

    def raw(self, data, seconds=20):
        """Send bytes, read until the gateway closes or is silent so long."""
        with socket.create_connection(('127.0.0.1', self.ports['http']), seconds) as s:
            s.sendall(data)
            got = b''
            try:
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        break
                    got += piece
            except (TimeoutError, ConnectionError):
                pass
        return got

    # MLLP

    def mllp(self, name='mllp', timeout=60):
        return Mllp(self.ports[name], timeout)

    # the other commands

    def run(self, *arguments, input=None):
        """Run the program with these arguments, in the gateway's folder."""
        return subprocess.run([self.program] + list(arguments), cwd=self.folder,
                              env=self.environment, input=input, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=300)


def need_pack():
    if not os.environ.get('FIREDOOR_PACK'):
        skip_all('FIREDOOR_PACK is not set: the compiled definitions are needed')


def message(control, event='A01', patient='1001', family='Testbed', given='Ada', extra=(),
            trigger=None, birth='19700101'):
    """An ADT message of our own making."""
    lines = [
        'MSH|^~\\&|ADT|NORTH|FIREDOOR|HUB|20260301120000||ADT^%s^%s|%s|P|2.5.1' % (
            event, trigger or 'ADT_A01', control),
        'EVN|%s|20260301120000' % event,
        'PID|1||%s^^^NORTH^MR||%s^%s||%s|F' % (patient, family, given, birth),
        'PV1|1|I|W1^101^A^NORTH||||||||||||||||V%s^^^NORTH^VN' % patient,
    ]
    return '\r'.join(lines + list(extra)) + '\r'
