#!/usr/bin/env python3
"""SIGHUP: maps, what is said of feeds, and certificates are taken up anew, with no
end to any connection; what cannot be used is told, and stays as it was."""
import os
import signal
import ssl
import subprocess
import sys
import socket

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, Mllp, Tap, ack_code, message, need_pack  # noqa: E402

MAP = '''segment ZPD[Patient] {
    ZPD-1 -> extension("http://hospital.example/%s").valueString
}
extend message ADT_A01 {
    ZPD -> Patient : ZPD[Patient]
}
'''


def certificate(folder, name):
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                    '-keyout', os.path.join(folder, 'key.pem'), '-out', os.path.join(folder, 'cert.pem'),
                    '-subj', '/CN=' + name, '-days', '2'], check=True, capture_output=True)


class TlsMllp(Mllp):
    """An MLLP connection in TLS; `seen` is the server's certificate."""

    def __init__(self, port):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(socket.create_connection(('127.0.0.1', port), 60))
        self.seen = self.socket.getpeercert(True)
        self.got = b''


class Reloading:
    def __init__(self, gateway):
        self.gateway = gateway
        self.count = 0

    def hup(self):
        """Returns the log of it, when it is over."""
        mark = len(self.gateway.log)
        self.gateway.process.send_signal(signal.SIGHUP)
        self.gateway.wait_for_log(r'\breloaded failed=', after=mark)
        return '\n'.join(self.gateway.log[mark:])

    def extensions(self, connection):
        """Send an admission with a Z segment: which extensions its patient has."""
        self.count += 1
        patient = 'Z%d' % self.count
        ack = connection.ask(message(patient, patient=patient).rstrip('\n') + '\nZPD|low salt\n')
        assert ack_code(ack) == 'AA', ack
        found = self.gateway.search('Patient?identifier=' + patient)
        return [e['url'].rsplit('/', 1)[1] for e in found[0].get('extension', [])
                if e['url'].startswith('http://hospital.example')]


def main():
    need_pack()
    tap = Tap()
    g = Gateway()
    site = os.path.join(g.folder, 'site')
    os.mkdir(site)
    certificate(g.folder, 'first')

    def write(text):
        with open(os.path.join(site, 'zpd.map'), 'w') as f:
            f.write(text)

    write(MAP % 'diet')
    with open(g.config) as f:
        config = f.read().replace('mllp:\n  - name: adt\n', '''mllp:
  - name: adt
    maps: site
''')
    config = config.replace('    listen: 127.0.0.1:0\nstore', '''    listen: 127.0.0.1:0
  - name: secure
    listen: 127.0.0.1:0
    tls: {certificate: cert.pem, key: key.pem}
    maps: site
store''')
    with open(g.config, 'w') as f:
        f.write(config)
    with g:
        r = Reloading(g)
        c, t = g.mllp('adt'), TlsMllp(g.ports['secure'])
        tap.same((r.extensions(c), r.extensions(t)), (['diet'], ['diet']), 'the maps of the start')
        write(MAP % 'meal')
        tap.same(r.extensions(c), ['diet'], 'hold until they are read again')
        log = r.hup()
        tap.ok('failed=0' in log, 'SIGHUP', log)
        tap.same((r.extensions(c), r.extensions(t)), (['meal'], ['meal']), 'the new ones hold on open connections')
        write('segment ZPD[Patient] {\n    ZPD-1 -> extensoin.valueString\n}\n')
        log = r.hup()
        tap.ok('zpd.map:2:' in log and 'extensoin' in log and 'extension' in log, 'maps that do not compile are told', log)
        tap.same(r.extensions(c), ['meal'], 'and the old ones stay')
        with open(g.config, 'a') as f:
            f.write('feds: []\n')
        log = r.hup()
        tap.ok("there is no key 'feds'" in log, 'so is a configuration that is wrong', log)
        with open(g.config, 'w') as f:
            f.write(config)
        write(MAP % 'food')
        certificate(g.folder, 'second')
        log = r.hup()
        tap.ok('failed=0' in log, 'right again', log)
        tap.same(r.extensions(c), ['food'], 'all is read')
        fresh = TlsMllp(g.ports['secure'])
        tap.ok(fresh.seen != t.seen, 'new connections are shown the new certificate')
        tap.same((r.extensions(t), r.extensions(fresh)), (['food'], ['food']), 'and old ones go on')
        with open(os.path.join(g.folder, 'cert.pem'), 'w') as f:
            f.write('no certificate\n')
        log = r.hup()
        tap.ok('cannot read the certificate' in log, 'a certificate that cannot be read is told', log)
        tap.ok(TlsMllp(g.ports['secure']).seen == fresh.seen, 'and the one before stays')
        tap.same(g.stop(), 0, 'the gateway stops well')
    g.close()
    tap.done()


main()
