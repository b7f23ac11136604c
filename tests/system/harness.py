"""What system tests share: the programs, a virtual device, a server, bounded waits.

The programs are those in $UPDRAFT_BIN (default: bin/ of the source tree). Everything runs on
loopback with ports the system chooses, and ends, by its process id, when the test ends.

    class MyTest(harness.Case):
        def test_a_device_boots(self):
            image = self.image("old.bin", version="1.0.0")
            device = self.device("garage", image)
            boot = device.wait_boot()
            self.assertEqual(boot["version"], "1.0.0")
"""

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

import openapi

ROOT = os.environ.get("UPDRAFT_SOURCE_ROOT") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("UPDRAFT_BIN") or os.path.join(ROOT, "bin")

POWER_CUT_EXIT = 42
WAIT_S = 30

TWO_SLOTS = """\
nvs,     data, nvs,   0x9000,   0x4000
otadata, data, ota,   0xd000,   0x2000
ota_0,   app,  ota_0, 0x10000,  0x180000
ota_1,   app,  ota_1, 0x190000, 0x180000
"""
FACTORY = """\
nvs,     data, nvs,     0x9000,   0x4000
otadata, data, ota,     0xd000,   0x2000
factory, app,  factory, 0x10000,  0x100000
ota_0,   app,  ota_0,   0x110000, 0x100000
ota_1,   app,  ota_1,   0x210000, 0x100000
"""


def program(name):
    return os.path.join(BIN, name)


def wait_until(what, check, timeout_s=WAIT_S, every_s=0.05):
    """The first true value of check(); AssertionError that names `what` when none comes in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(every_s)


def http(method, url, body=None, headers=None, timeout_s=WAIT_S):
    """(status, headers, body) of a request, also of one that is refused."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


class Process:
    """A program whose output is read line by line as it comes."""

    def __init__(self, args, environment=None):
        self.args = args
        self.lines = []
        self._seen = 0
        self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors="replace",
                                        env=environment)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def output(self):
        return "\n".join(self.lines)

    def wait_line(self, pattern, timeout_s=WAIT_S):
        """The next line, after those already waited for, in which the pattern occurs."""

        def look():
            over = self.process.poll() is not None
            if over:
                self._reader.join(1)
            while self._seen < len(self.lines):
                line = self.lines[self._seen]
                self._seen += 1
                if re.search(pattern, line):
                    return line
            if over:
                raise AssertionError(f"{self.args[0]} ended with {self.process.returncode} before "
                                     f"a line with '{pattern}':\n{self.output()}")
            return None

        try:
            return wait_until(f"a line with '{pattern}'", look, timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- output of {self.args[0]}:\n{self.output()}") from None

    def wait_exit(self, timeout_s=WAIT_S):
        status = self.process.wait(timeout_s)
        self._reader.join(5)
        return status

    def stop(self):
        """Ends it politely, then firmly. Returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(5)
        self.process.stdout.close()
        return self.process.returncode


class Device(Process):
    """updraft-device. `boots` are the parsed boot lines so far."""

    def wait_boot(self, timeout_s=WAIT_S, **wanted):
        """The next boot line in which every wanted field has its value, as a dict."""
        deadline = time.monotonic() + timeout_s
        while True:
            line = self.wait_line(r"^boot ", max(0.1, deadline - time.monotonic()))
            boot = parse_fields(line)
            if all(boot.get(key) == value for key, value in wanted.items()):
                return boot


def parse_fields(line):
    """key=value and key="quoted value" of a line."""
    fields = re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\S+))', line)
    return {key: quoted or plain for key, quoted, plain in fields}


class Server(Process):
    """updraftd; `url` and `token` are known once started."""

    def __init__(self, directory, listen="127.0.0.1:0", extra=(), prefix=()):
        super().__init__([*prefix, program("updraftd"), "--data", directory, "--listen", listen,
                          *extra])
        self.directory = directory
        self.url = re.search(r"http://\S+", self.wait_line("listening on"))[0].rstrip("/")
        path = os.path.join(directory, "token")
        self.token = None  # a server that shares a database may have none
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                self.token = file.read().strip()

    def api(self, method, path, body=None, headers=None):
        """(status, decoded JSON) of an operator request."""
        all_headers = {"Authorization": "Bearer " + self.token, **(headers or {})}
        status, _, answer = http(method, self.url + path, body, all_headers)
        decoded = json.loads(answer) if answer else None
        openapi.check(method, path, status, decoded)
        return status, decoded


class Case(unittest.TestCase):
    """A test with a directory of its own and processes that end with it."""

    environment = None  # of devices and of updraft; None: that of the tests

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="updraft-test-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def write(self, name, content):
        path = self.path(name)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        return path

    def cli(self, *args, status=0, timeout_s=60):
        """Runs updraft; fails the test when its exit status is not the given one (None: any)."""
        result = subprocess.run([program("updraft"), *map(str, args)], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=timeout_s, check=False,
                                env=self.environment)
        if status is not None and result.returncode != status:
            self.fail(f"updraft {' '.join(map(str, args))}: exit status {result.returncode}, not "
                      f"{status}\n{result.stdout}{result.stderr}")
        return result

    def image(self, name, chip="esp32", project="demo", version="1.0.0", size=200000, behaviour=None):
        """Makes a sample image; returns its path."""
        path = self.path(name)
        extra = ["--behaviour", behaviour] if behaviour else []
        self.cli("image", "make", "-o", path, "--chip", chip, "--project", project, "--version", version,
                 "--size", size, *extra)
        return path

    def start(self, process):
        self.addCleanup(process.stop)
        return process

    def damage(self, path, offset=-100):
        """Flips one bit of a file."""
        with open(path, "r+b") as file:
            file.seek(offset, os.SEEK_END if offset < 0 else os.SEEK_SET)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 0x10]))

    def device(self, name, app=None, table=TWO_SLOTS, board="", chip="esp32", extra=(),
               product="demo", announce=False):
        """Starts a device whose flash is NAME.flash in the test's directory (made when absent)."""
        board_path = self.write(name + ".yaml", f"name: {name}\nchip: {chip}\nproduct: {product}\n"
                                                f"ports:\n  ota: 0\n  http: 0\n{board}")
        table_path = self.write(name + ".csv", table)
        args = [program("updraft-device"), "--flash", self.path(name + ".flash"),
                "--table", table_path, "--board", board_path,
                *([] if announce else ["--no-announce"]), *extra]
        if app:
            args += ["--app", app]
        return self.start(Device(args, self.environment))

    def server(self, name="server", **kwargs):
        return self.start(Server(self.path(name), **kwargs))
