"""What the tests of the program `updraft` share: running it, and scripted devices to push to.

Needs only the Python standard library and the built program in the folder $UPDRAFT_BIN.
"""

import hashlib
import http.server
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(os.environ.get("UPDRAFT_SOURCE_ROOT", pathlib.Path(__file__).parents[2]))
UPDRAFT = str(pathlib.Path(os.environ.get("UPDRAFT_BIN", ROOT / "bin")) / "updraft")

TWO_SLOTS = """nvs,data,nvs,0x9000,0x4000
otadata,data,ota,0xd000,0x2000
ota_0,app,ota_0,0x10000,0x40000
ota_1,app,ota_1,0x50000,0x40000
"""
FACTORY = """nvs,data,nvs,0x9000,0x4000
otadata,data,ota,0xd000,0x2000
factory,app,factory,0x10000,0x40000
ota_0,app,ota_0,0x50000,0x40000
"""


def updraft(*args, stdin=None, env=None):
    """Runs the program; gives exit code, stdout, stderr."""
    clean = {k: v for k,
             v in os.environ.items() if not k.startswith("UPDRAFT_") and not k.endswith("_proxy")}
    clean.update(env or {})
    done = subprocess.run([UPDRAFT, *map(str, args)], capture_output=True, input=stdin, env=clean,
                          timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class CliTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)

    def ok(self, *args, **kwargs):
        code, out, err = updraft(*args, **kwargs)
        self.assertEqual(code, 0, err)
        return out

    def json(self, *args, code=0, **kwargs):
        got, out, err = updraft(*args, "--json", **kwargs)
        self.assertEqual(got, code, out + err)
        return json.loads(out)

    def error(self, exit_code, *args, **kwargs):
        """The error object of a run that must fail so; checks that stderr says the same."""
        got, out, err = updraft(*args, "--json", **kwargs)
        self.assertEqual(got, exit_code, out + err)
        error = json.loads(out)["error"]
        self.assertIn("updraft: " + error["message"], err)
        self.assertIn(error["remedy"], err)
        return error

    def write(self, name, data):
        path = self.dir / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def image(self, name="app.bin", **options):
        path = self.dir / name
        options.setdefault("size", 20000)
        flags = [x for key, value in options.items() for x in (f"--{key}", value)]
        self.ok("image", "make", "-o", path, *flags)
        return path

    def flash(self, name="flash.bin", table=TWO_SLOTS, **options):
        path = self.dir / name
        app = options.pop("app", None) or self.image()
        flags = [x for key, value in options.items() for x in (f"--{key}", value)]
        self.ok("flash", "make", "-o", path, "--table", self.write("table.csv", table), "--size",
                "1MB",
                "--app", app, *flags)
        return path


class HttpPeer:
    """A device's HTTP side by script: {(method, path): (status, type, body) or a function}."""

    def __init__(self, test, routes, port=0):
        self.seen = []
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                length = int(self.headers.get("Content-Length", 0))
                route = routes.get((self.command, self.path.split("?")[0]))
                if callable(route) and getattr(route, "takes_handler", False):
                    peer.seen.append((self.command, self.path, dict(self.headers), b""))
                    return route(self)
                body = self.rfile.read(length)
                peer.seen.append((self.command, self.path, dict(self.headers), body))
                answer = route(self.headers, body) if callable(route) else route
                status, kind, text = answer or (404, "text/plain", "Not found")
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = handle_any

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05},
                         daemon=True).start()
        test.addCleanup(self.server.server_close)
        test.addCleanup(self.server.shutdown)

    def posts(self):
        return [row for row in self.seen if row[0] == "POST"]


class EspotaPeer(threading.Thread):
    """A stock device by script. Faults: see the keyword arguments."""

    def __init__(self, test, password=None, digits=32, secret=None, deaf=0, reply=None,
                 call_back=True, die_at=None,
                 glue=False, verdict=b"OK", nudge=False, mute_at=None):
        super().__init__(daemon=True)
        self.password, self.digits, self.deaf, self.reply = password, digits, deaf, reply
        self.secret, self.call_back, self.die_at, self.glue = secret, call_back, die_at, glue
        self.verdict, self.nudge, self.mute_at = verdict, nudge, mute_at
        self.received = b""
        self.invitations = []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.settimeout(0.1)
        self.port = self.udp.getsockname()[1]
        self.ended = threading.Event()
        test.addCleanup(self.udp.close)
        test.addCleanup(self.join, 20)
        test.addCleanup(self.ended.set)
        self.start()

    def run(self):
        try:
            self.converse()
        except OSError:
            pass

    def next_datagram(self):
        while True:
            try:
                return self.udp.recvfrom(256)
            except TimeoutError:
                if self.ended.is_set():
                    raise OSError("the test is over") from None

    def proof(self, nonce, cnonce):
        md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
        sha = lambda text: hashlib.sha256(text.encode()).hexdigest()
        if self.digits == 32:
            return md5(f"{md5(self.password)}:{nonce}:{cnonce}")
        stored = self.secret or sha(self.password)
        key = hashlib.pbkdf2_hmac("sha256", stored.encode(), f"{nonce}:{cnonce}".encode(),
                                  10000).hex()
        return sha(f"{key}:{nonce}:{cnonce}")

    def authenticate(self, host):
        nonce = os.urandom(self.digits // 2).hex()
        self.udp.sendto(b"AUTH " + nonce.encode(), host)
        while True:
            data, sender = self.next_datagram()
            if not data.startswith((b"200 ", b"0 ")):
                return False  # as stock devices do: anything else ends the wait
            if data.startswith(b"200 "):
                _, cnonce, response = data.decode().rstrip("\n").split(" ")
                assert sender == host and len(cnonce) == len(response) == self.digits
                if response == self.proof(nonce, cnonce):
                    return True
                self.udp.sendto(b"Authentication Failed", host)
                return False

    def converse(self):
        while True:
            data, host = self.next_datagram()
            if not data.startswith(b"0 "):
                continue
            self.invitations.append(data)
            if self.deaf:
                self.deaf -= 1
                continue
            if self.password and not self.authenticate(host):
                continue
            _, port, size, md5 = data.decode().split()
            self.udp.sendto(self.reply or b"OK", host)
            if size == "0":
                continue  # a stock ESP32 says OK before it refuses the size
            if self.reply is None and self.call_back:
                self.receive(host[0], int(port), int(size), md5)
            if self.reply is None:
                return

    def receive(self, address, port, size, md5):
        with socket.create_connection((address, port), 10) as tcp:
            tcp.settimeout(10)
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while len(self.received) < size:
                piece = tcp.recv(1460)
                if not piece:
                    return
                self.received += piece
                if self.die_at and len(self.received) >= self.die_at:
                    return
                if self.mute_at and len(self.received) >= self.mute_at:
                    self.ended.wait(20)
                    return
                if len(self.received) == size and self.glue:
                    break
                tcp.sendall(str(len(piece)).encode() * (2 if self.nudge else 1))
            assert self.verdict != b"OK" or hashlib.md5(self.received).hexdigest() == md5
            if self.glue:
                tcp.sendall(str(len(piece)).encode() + self.verdict)
            elif self.verdict:
                time.sleep(0.1)
                tcp.sendall(self.verdict)
                time.sleep(0.1)
