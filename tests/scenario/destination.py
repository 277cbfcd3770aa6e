"""A system that messages are sent on to."""
import socket
import threading
import time

from gateway import segment


class Destination:
    """A system that takes messages: answers as `code` of it says; None: not at all.
    With an ssl.SSLContext it speaks TLS; `peers` are the certificates shown to it."""

    def __init__(self, code, port=0, tls=None):
        self.code = code
        self.tls = tls
        self.peers = []
        self.got = []
        self.listener = socket.create_server(('127.0.0.1', port))
        self.port = self.listener.getsockname()[1]
        self.open = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(s)
            threading.Thread(target=self.talk, args=(s,), daemon=True).start()

    def talk(self, s):
        if self.tls:
            try:
                s = self.tls.wrap_socket(s, server_side=True)
            except OSError:
                return
            self.peers.append(s.getpeercert())
        got = b''
        while True:
            try:
                piece = s.recv(65536)
            except OSError:
                return
            if not piece:
                return
            got += piece
            while b'\x1c\r' in got:
                frame, got = got.split(b'\x1c\r', 1)
                text = frame.lstrip(b'\x0b').decode()
                control = segment(text, 'MSH')[10]
                self.got.append(control)
                code = self.code(control)
                if code:
                    s.sendall(('\x0bMSH|^~\\&|||||||ACK|a|P|2.5\rMSA|%s|%s|because\r\x1c\r' % (code, control)).encode())

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for s in self.open:
            try:
                s.shutdown(socket.SHUT_RDWR)
                s.close()
            except OSError:
                pass


def wait_for(what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False
