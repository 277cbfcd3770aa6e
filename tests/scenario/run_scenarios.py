#!/usr/bin/env python3
r"""Runs the conversations in *.scenario against the real program.

A scenario is a text file. Lines that start with '#' say what it shows.

  gateway                  the configuration: what follows, indented, replaces
    fhir:                  whole sections of the default one
      limits:
        body: 1 KiB
  > POST /fhir/Patient     an HTTP request: request line, header lines, an
  > Prefer: return=minimal empty line, a body; Host and Content-Length are
  >                        added
  > {"resourceType": …}
  < 201                    what must come back: the status, then any of
  < Location: /fhir/…      a header that matches the regular expression
  < no Header              a header that must not be there
  < .name[0].family = "x"  a JSON path and its value, as JSON
  < .link ~ ^http          a JSON path and a regular expression
  < .entry # 3             how many
  < .meta absent           a path that must not be there
  < .id -> id              keep it: ${id} can be used from there on
  < no body                the body is empty
  < body ~ pattern         the body, as text, and a regular expression
  raw> GET / HTTP/1.1\r\n  bytes to send as they are, with \r \n \xHH \t; lines
                           in a row are one piece
  raw< ^HTTP/1.1 400       what the connection gave until it was closed matches
  cut http> POST / HTT     bytes on a connection that is closed behind them;
  cut mllp> \x0bMSH|        `reset …>` breaks it off instead of closing it
  mllp> MSH|…              a message, a segment a line
  mllp< MSA-1 = AA         a field of what came back; ~ takes an expression
  mllp< ERR absent         a segment that must not be there
  mllp< closed             the gateway closed the connection instead
  log ~ pattern            a log line that comes within seconds
  no log ~ pattern         no log line so far matches
  restart | kill | stop    SIGTERM and start | SIGKILL and start | SIGTERM
  run audit verify audit   a command of the program; then:
  exit 0                   its exit status
  out ~ pattern            its standard output; err ~ its standard error

${…} stands for what was kept, for ${port}, and for ${plugins}, the folder of
the plugins that were built.
"""
import glob
import json
import os
import re
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import BUILD, Gateway, Tap, need_pack, segment, skip_all  # noqa: E402

NOTHING = object()


def walk(value, path):
    """The value at .a[0].b, or NOTHING."""
    for name, index in re.findall(r'\.([A-Za-z_]\w*)|\[(-?\d+)\]', path):
        try:
            value = value[name] if name else value[int(index)]
        except (KeyError, IndexError, TypeError):
            return NOTHING
    return value


def unescape(text):
    return re.sub(rb'\\(r|n|t|0|\\|x[0-9a-fA-F]{2})', lambda m: {
        b'r': b'\r', b'n': b'\n', b't': b'\t', b'0': b'\0', b'\\': b'\\',
    }.get(m.group(1)) or bytes([int(m.group(1)[1:], 16)]), text.encode())


class Scenario:
    def __init__(self, path, tap):
        self.path = path
        self.name = os.path.splitext(os.path.basename(path))[0]
        self.tap = tap
        self.kept = {'plugins': os.path.join(BUILD, '.libs')}
        self.sections = {}
        with open(path) as f:
            self.lines = f.read().split('\n')
        self.at = 0

    def ok(self, holds, what, detail=''):
        return self.tap.ok(holds, '%s:%d %s' % (self.name, self.at, what), detail)

    def fill(self, text):
        return re.sub(r'\$\{(\w+)\}', lambda m: str(self.kept.get(m.group(1), m.group(0))), text)

    def block(self, prefix):
        """The lines in a row that start with the prefix, without it."""
        taken = []
        while self.at < len(self.lines) and self.lines[self.at].startswith(prefix):
            line = self.lines[self.at][len(prefix):]
            taken.append(self.fill(line[1:] if line.startswith(' ') else line))
            self.at += 1
        return taken

    def read_config(self):
        self.at += 1
        section = None
        while self.at < len(self.lines) and (
                self.lines[self.at].startswith('  ') or not self.lines[self.at].strip()):
            line = self.lines[self.at][2:]
            m = re.match(r'(\w+):\s*$', line)
            if m:
                section = m.group(1)
                self.sections[section] = ''
            elif line.strip():
                self.sections[section] += self.fill(line) + '\n'
            self.at += 1

    def start(self):
        self.gateway = Gateway(**self.sections).start()
        self.kept['port'] = self.gateway.ports['http']

    def request(self):
        lines = self.block('>')
        method, path = lines[0].split(' ', 1)
        headers, body, at = {}, None, 1
        while at < len(lines) and lines[at]:
            k, v = lines[at].split(':', 1)
            headers[k] = v.strip()
            at += 1
        if at < len(lines):
            body = '\n'.join(lines[at + 1:])
        self.answer = self.gateway.http(method, path, body, headers)

    def expect(self):
        for want in self.block('<'):
            self.expect_one(want)

    def expect_one(self, want):
        a = self.answer
        if re.fullmatch(r'\d{3}', want):
            return self.ok(a.status == int(want), 'status ' + want, a)
        if want == 'no body':
            return self.ok(a.body == b'', want, a)
        if want.startswith('body ~ '):
            return self.ok(re.search(want[7:], a.body.decode('utf-8', 'replace')), want, a)
        m = re.fullmatch(r'no ([\w-]+)', want)
        if m:
            return self.ok(m.group(1).lower() not in a.headers, want, a)
        m = re.fullmatch(r'([A-Za-z][\w-]*): ?(.*)', want)
        if m:
            got = a.headers.get(m.group(1).lower())
            return self.ok(got is not None and re.search(m.group(2), got), want, a)
        try:
            value = a.json
        except ValueError:
            return self.ok(False, 'the body is JSON', a)
        return self.expect_json(value, want)

    def expect_json(self, value, want):
        m = re.fullmatch(r'(\S+) (=|~|#|->|absent)(?: (.*))?', want)
        if not m:
            return self.ok(False, 'cannot read: ' + want)
        path, how, what = m.groups()
        got = walk(value, path)
        if how == '->':
            self.kept[what] = got
            return self.ok(got is not NOTHING, want, self.answer)
        holds = {
            'absent': lambda: got is NOTHING,
            '=': lambda: got == json.loads(what),
            '~': lambda: isinstance(got, str) and re.search(what, got),
            '#': lambda: (0 if got is NOTHING else len(got)) == int(what),
        }[how]()
        return self.ok(holds, want, 'got %r' % (None if got is NOTHING else got,))

    def send_mllp(self):
        c = self.gateway.mllp()
        self.ack = c.ask('\r'.join(self.block('mllp>')) + '\r')
        c.close()
        for want in self.block('mllp<'):
            self.expect_ack(want)

    def expect_ack(self, want):
        if want == 'closed':
            return self.ok(self.ack is None, 'the connection is closed', self.ack)
        m = re.fullmatch(r'(\w{3}) absent', want)
        if m:
            return self.ok(segment(self.ack, m.group(1)) is None, want, self.ack)
        m = re.fullmatch(r'(\w{3})-(\d+) (=|~) (.*)', want)
        fields = segment(self.ack, m.group(1)) or []
        at = int(m.group(2))
        got = fields[at] if at < len(fields) else ''
        holds = got == m.group(4) if m.group(3) == '=' else re.search(m.group(4), got)
        return self.ok(holds, want, self.ack)

    def cut(self, line):
        how, protocol = re.match(r'(cut|reset) (http|mllp)>', line).groups()
        data = unescape(''.join(self.block(line[:line.index('>') + 1])))
        with socket.create_connection(('127.0.0.1', self.gateway.ports[protocol]), 20) as s:
            s.sendall(data)
            time.sleep(0.2)  # until the gateway has read it
            if how == 'reset':
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))

    def command(self, line):
        words = self.fill(line).split()
        self.done = self.gateway.run(*words[1:])

    def step(self, line):
        if line.startswith('>'):
            self.request()
            return self.expect()
        if line.startswith('raw>'):
            data = unescape(''.join(self.block('raw>')))
            got = self.gateway.raw(data).decode('utf-8', 'replace')
            for want in self.block('raw<'):
                self.ok(re.search(want, got), 'raw< ' + want, got)
            return None
        if re.match(r'(cut|reset) (http|mllp)>', line):
            return self.cut(line)
        if line.startswith('mllp>'):
            return self.send_mllp()
        self.at += 1
        line = self.fill(line)
        if line.startswith('log ~ '):
            return self.ok(self.gateway.wait_for_log(line[6:]), line, self.gateway.log_text())
        if line.startswith('no log ~ '):
            return self.ok(not re.search(line[9:], self.gateway.log_text()), line)
        if line in ('restart', 'stop', 'kill'):
            if line == 'kill':
                self.gateway.kill()
            else:
                self.ok(self.gateway.stop() == 0, line + ': exit status 0',
                        self.gateway.log_text())
            if line != 'stop':
                self.gateway.start()
                self.kept['port'] = self.gateway.ports['http']
            return None
        if line.startswith('run '):
            return self.command(line)
        if line.startswith('exit '):
            return self.ok(self.done.returncode == int(line[5:]), line, self.done)
        if line.startswith('out ~ ') or line.startswith('err ~ '):
            text = (self.done.stdout if line[0] == 'o' else self.done.stderr).decode()
            return self.ok(re.search(line[6:], text), line, text)
        return self.ok(False, 'cannot read: ' + line)

    def play(self):
        self.gateway = None
        try:
            while self.at < len(self.lines):
                line = self.lines[self.at]
                if not line.strip() or line.startswith('#'):
                    self.at += 1
                elif line.strip() == 'gateway':
                    self.read_config()
                else:
                    if not self.gateway:
                        self.start()
                    self.step(line)
            if self.gateway:
                self.ok(self.gateway.process.poll() is not None or self.gateway.stop() == 0,
                        'the gateway stops well', self.gateway.log_text())
        except (AssertionError, OSError) as e:
            self.ok(False, 'the conversation went on', '%s\n%s' % (
                e, self.gateway.log_text() if self.gateway else ''))
        finally:
            if self.gateway:
                self.gateway.close()


def main():
    need_pack()
    paths = sys.argv[1:] or sorted(glob.glob(os.path.join(os.path.dirname(__file__), '*.scenario')))
    if not paths:
        skip_all('there are no scenarios')
    tap = Tap()
    for path in paths:
        Scenario(path, tap).play()
    tap.done()


main()
