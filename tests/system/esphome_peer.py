"""ESPHome's native protocol, both sides, written from the protocol's description alone."""

import hashlib
import os
import socket
import threading

MAGIC = bytes.fromhex("6C26F75C45")
BLOCK = 8192


class EsphomeError(Exception):
    """The step at which the device said no, its byte, and the words behind it."""

    def __init__(self, step, byte, words=""):
        super().__init__(f"{step}: {byte:#04x} {words}")
        self.step, self.byte, self.words = step, byte, words


def proof(password, nonce, cnonce):
    kind = hashlib.md5 if len(nonce) == 32 else hashlib.sha256
    return kind((password + nonce + cnonce).encode()).hexdigest()


class Host:
    """A host that can stop anywhere. `with Host(port) as host: host.push(data)`."""

    def __init__(self, port, password="", features=3, timeout_s=40):
        self.password, self.features = password, features
        self.tcp = socket.create_connection(("127.0.0.1", port), timeout_s)
        self.tcp.settimeout(timeout_s)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.tcp.close()

    def read(self, length):
        data = b""
        while len(data) < length:
            piece = self.tcp.recv(length - len(data))
            if not piece:
                raise EOFError(f"closed after {len(data)} of {length} bytes")
            data += piece
        return data

    def rest(self):
        """All that still comes, until the device closes."""
        data = b""
        while piece := self.tcp.recv(4096):
            data += piece
        return data

    def expect(self, step, *allowed):
        byte = self.read(1)[0]
        if byte not in allowed:
            self.tcp.shutdown(socket.SHUT_WR)
            raise EsphomeError(step, byte, self.rest().decode())
        return byte

    def greet(self):
        self.tcp.sendall(MAGIC)
        self.expect("magic", 0)
        self.version = self.read(1)[0]
        self.tcp.sendall(bytes([self.features]))
        self.takes_gzip = self.expect("features", 0x40, 0x46) == 0x46

    def sign_in(self):
        kind = self.expect("auth", 0x41, 1, 2)
        if kind == 0x41:
            return
        nonce = self.read({1: 32, 2: 64}[kind]).decode()
        cnonce = os.urandom(len(nonce) // 2).hex()
        self.tcp.sendall(cnonce.encode())
        self.tcp.sendall(proof(self.password, nonce, cnonce).encode())
        self.expect("password", 0x41)

    def announce(self, data, md5=None):
        self.tcp.sendall(len(data).to_bytes(4, "big"))
        self.expect("size", 0x42)
        self.tcp.sendall((md5 or hashlib.md5(data).hexdigest()).encode())
        self.expect("md5", 0x43)

    def begin(self, data, md5=None):
        self.greet()
        self.sign_in()
        self.announce(data, md5)

    def stream(self, data, start=0):
        for off in range(start, len(data), BLOCK):
            self.tcp.sendall(data[off:off + BLOCK])
            self.expect("data", 0x47)

    def push(self, data, md5=None):
        self.begin(data, md5)
        self.stream(data)
        self.expect("received", 0x44)
        self.expect("end", 0x45)
        self.tcp.sendall(b"\0")
        if self.rest():
            raise AssertionError("the device said more than the protocol has")


class Device(threading.Thread):
    """A stock device by script, for one connection after the other. Faults: the keyword arguments."""

    def __init__(self, test, password=None, sha256=True, version=2, takes_gzip=False, say=None,
                 refuse=None, cut_at=None, mute_at=None, verdict=b"\x44\x45", greeting=b"\0"):
        super().__init__(daemon=True)
        self.password, self.sha256, self.version = password, sha256, version
        self.takes_gzip, self.say, self.refuse = takes_gzip, say, refuse or {}
        self.cut_at, self.mute_at, self.verdict = cut_at, mute_at, verdict
        self.greeting = greeting
        self.received, self.features, self.last = b"", None, None
        self.ended = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        test.addCleanup(self.join, 20)
        test.addCleanup(self.ended.set)
        test.addCleanup(self.listener.shutdown, socket.SHUT_RDWR)
        self.start()

    def run(self):
        with self.listener:
            while not self.ended.is_set():
                try:
                    self.tcp, _ = self.listener.accept()
                except OSError:
                    return
                with self.tcp:
                    self.tcp.settimeout(20)
                    try:
                        self.converse()
                    except (OSError, EOFError):
                        pass

    def read(self, length):
        data = b""
        while len(data) < length:
            piece = self.tcp.recv(length - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def answer(self, step, good):
        """True to go on; a refusal is told and ends the conversation."""
        if step in self.refuse:
            self.tcp.sendall(self.refuse[step])
            return False
        self.tcp.sendall(good)
        return True

    def converse(self):
        if self.say is not None:
            self.tcp.sendall(self.say)
            self.ended.wait(0.2)
            return
        if self.mute_at == 0:
            self.ended.wait(20)
            return
        assert self.read(5) == MAGIC
        if not self.answer("magic", self.greeting + bytes([self.version])):
            return
        self.features = self.read(1)[0]
        packs = self.takes_gzip and self.features & 1
        if not self.answer("features", b"\x46" if packs else b"\x40") or not self.authenticate():
            return
        size = int.from_bytes(self.read(4), "big")
        if not self.answer("size", b"\x42"):
            return
        md5 = self.read(32).decode()
        if self.answer("md5", b"\x43") and self.receive(size):
            assert self.verdict != b"\x44\x45" or hashlib.md5(self.received).hexdigest() == md5
            self.tcp.sendall(self.verdict)
            if self.verdict == b"\x44\x45":
                self.last = self.read(1)

    def authenticate(self):
        if not self.password:
            return self.answer("auth", b"\x41")
        digits = 64 if self.sha256 else 32
        nonce = os.urandom(digits // 2).hex()
        if not self.answer("auth", (b"\2" if self.sha256 else b"\1") + nonce.encode()):
            return False
        cnonce, answer = (self.read(digits).decode() for _ in range(2))
        right = answer == proof(self.password, nonce, cnonce)
        self.tcp.sendall(b"\x41" if right else b"\x82")
        return right

    def receive(self, size):
        while len(self.received) < size:
            self.received += self.read(min(BLOCK, size - len(self.received)))
            if self.cut_at is not None and len(self.received) >= self.cut_at:
                return False
            if self.mute_at and len(self.received) >= self.mute_at:
                self.ended.wait(20)
                return False
            if "data" in self.refuse:
                self.tcp.sendall(self.refuse["data"])
                return False
            if self.version == 2:
                self.tcp.sendall(b"\x47")
        return True
