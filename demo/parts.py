"""The programs that the demo starts: a server, devices, the command-line tool."""

import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.environ.get("UPDRAFT_BIN") or os.path.join(ROOT, "bin")

POWER_CUT_EXIT = 42


class DemoError(Exception):
    """What went wrong, in one sentence."""


def tool(*args, env=None):
    """Runs updraft and returns what it answers as JSON."""
    command = [os.path.join(BIN, "updraft"), *map(str, args), "--json"]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=120, check=False, env={**os.environ, **(env or {})})
    if result.returncode != 0:
        raise DemoError(f"updraft {' '.join(map(str, args[:2]))} ended with status "
                        f"{result.returncode}: {(result.stderr or result.stdout).strip()}")
    return json.loads(result.stdout)


class Process:
    """A program in a session of its own, so that Ctrl-C reaches the demo alone, with its output in
    a file and, line by line, in `on_line`."""

    def __init__(self, name, args, log_path, on_line):
        self.name = name
        self._log_path = log_path
        self._on_line = on_line
        self._process = subprocess.Popen(
            [os.path.join(BIN, args[0]), *map(str, args[1:])], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            start_new_session=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with open(self._log_path, "a", encoding="utf-8") as log:
            for line in self._process.stdout:
                log.write(line)
                log.flush()
                self._on_line(line.rstrip("\n"))

    def exit_status(self):
        """None while it runs."""
        return self._process.poll()

    def finish_reading(self):
        self._reader.join(5)

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.finish_reading()

    def log_tail(self):
        try:
            with open(self._log_path, encoding="utf-8") as log:
                return "".join(log.readlines()[-8:])
        except OSError:
            return ""


class Server:
    """updraftd with its books as the dashboard sees them."""

    def __init__(self, state_dir, listen):
        self.data_dir = os.path.join(state_dir, "server")
        self._listening = threading.Event()
        self.url = None
        self._process = Process("updraftd", ["updraftd", "--data", self.data_dir, "--listen", listen],
                                os.path.join(state_dir, "updraftd.log"), self._on_line)
        deadline = time.monotonic() + 10
        while not self._listening.wait(0.05):
            if self._process.exit_status() is not None or time.monotonic() > deadline:
                self._process.stop()
                raise DemoError(f"updraftd does not start on {listen}:\n{self._process.log_tail()}")
        with open(os.path.join(self.data_dir, "token"), encoding="ascii") as file:
            self.token = file.read().strip()

    def _on_line(self, line):
        match = re.search(r"listening on (http://\S+)", line)
        if match and not self.url:
            self.url = match[1].rstrip("/")
            self._listening.set()

    def tool_env(self):
        return {"UPDRAFT_SERVER": self.url, "UPDRAFT_TOKEN": self.token}

    def publish(self, image, channel):
        return tool("publish", image, "--channel", channel, env=self.tool_env())

    def overview(self):
        request = urllib.request.Request(self.url + "/api/v1/overview",
                                         headers={"Authorization": "Bearer " + self.token})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def dashboard(self):
        return f"{self.url}/#token={self.token}"

    def stop(self):
        self._process.stop()


class Device:
    """A virtual device: its board, its flash file and the process that runs it."""

    def __init__(self, state_dir, name, chip, table, board, say):
        self.name = name
        self.chip = chip
        self.flash = os.path.join(state_dir, name + ".flash")
        self.boots = []
        self.power_cuts = 0
        self._say = say
        self._log_path = os.path.join(state_dir, name + ".log")
        self._table = os.path.join(state_dir, name + ".csv")
        self._board = os.path.join(state_dir, name + ".yaml")
        self._process = None
        self._lock = threading.Lock()
        for path, text in ((self._table, table), (self._board, board)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

    def start(self, app=None, flash_size=None, cut_at=None):
        args = ["updraft-device", "--flash", self.flash, "--board", self._board,
                "--timing", "w25q"]
        if app:
            args += ["--table", self._table, "--app", app]
        if app and flash_size:
            args += ["--flash-size", flash_size]
        if cut_at:
            args += ["--cut-at", cut_at]
        self._process = Process(self.name, args, self._log_path, self._on_line)

    def _on_line(self, line):
        if not line.startswith("boot "):
            return
        fields = {key: quoted or plain for key, quoted, plain
                  in re.findall(r'(\w+)=(?:"([^"]*)"|(\S+))', line)}
        with self._lock:
            self.boots.append(fields)
        state = "on trial" if fields.get("state") == "trial" else fields.get("state")
        self._say(self.name, f"boots {fields.get('version')} from {fields.get('slot')}, {state}")

    def last_boot(self):
        with self._lock:
            return self.boots[-1] if self.boots else None

    def boot_count(self):
        with self._lock:
            return len(self.boots)

    def check_alive(self):
        """True while it runs. A power cut is taken note of; any other end is an error."""
        status = self._process.exit_status()
        if status is None:
            return True
        self._process.finish_reading()
        if status != POWER_CUT_EXIT:
            raise DemoError(f"{self.name} ended by itself with status {status}:\n"
                            f"{self._process.log_tail()}")
        self.power_cuts += 1
        return False

    def stop(self):
        if self._process:
            self._process.stop()

    def flash_boot(self, rules):
        """What a boot loader would start from the flash file as it stands."""
        return tool("flash", "boot", self.flash, "--rules", rules)
