"""An Avahi daemon of the tests' own, on the loopback interface, with a message bus of its own.

It needs neither root nor a running system: the daemon's fixed paths and its user are those of a
mount namespace of its own. Where the kernel permits none, or the programs are missing, tests are
skipped with the reason.

    setUpModule():  mdns.daemon = mdns.Daemon()    raises unittest.SkipTest
    environment:    mdns.daemon.environment for programs that are to find it
"""

import os
import shutil
import subprocess
import tempfile
import time
import unittest

BUS_CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={directory}/bus</listen>
  <auth>EXTERNAL</auth>
  <auth>ANONYMOUS</auth>
  <allow_anonymous/>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
  </policy>
</busconfig>
"""
AVAHI_CONFIG = """\
[server]
host-name=updraft-test
use-ipv6=no
allow-interfaces=lo
[publish]
publish-workstation=no
publish-hinfo=no
"""
# The daemon insists on a user "avahi" that owns its folder below /run.
SANDBOX = """\
set -e
mount -t tmpfs tmpfs /run
printf 'root:x:0:0::/:/bin/sh\\navahi:x:0:0::/:/bin/sh\\n' >/run/passwd
printf 'root:x:0:\\navahi:x:0:\\n' >/run/group
mount --bind /run/passwd /etc/passwd
mount --bind /run/group /etc/group
exec avahi-daemon -f "$1" --no-drop-root --no-chroot --no-rlimits --no-proc-title
"""
PATIENCE_S = 15


class Daemon:
    """Runs from its construction to stop(). SkipTest when it cannot."""

    def __init__(self):
        path = os.environ["PATH"] + ":/usr/sbin:/sbin"
        for name in ("dbus-daemon", "avahi-daemon", "unshare"):
            if not shutil.which(name, path=path):
                raise unittest.SkipTest(f"{name} is not installed")
        self._folder = tempfile.TemporaryDirectory(prefix="updraft-mdns-")
        self.directory = self._folder.name
        self._processes = []
        bus = f"unix:path={self.directory}/bus"
        self.environment = {**os.environ, "PATH": path, "DBUS_SYSTEM_BUS_ADDRESS": bus}
        try:
            self._start_bus()
            self.start_avahi()
        except BaseException:
            self.stop()
            raise

    def _write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def _run(self, name, args):
        with open(os.path.join(self.directory, name + ".log"), "wb") as log:
            process = subprocess.Popen(args, env=self.environment, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=subprocess.STDOUT)
        self._processes.append(process)
        return process

    def _wait(self, name, process, is_up):
        deadline = time.monotonic() + PATIENCE_S
        while not is_up():
            if process.poll() is not None or time.monotonic() > deadline:
                raise unittest.SkipTest(f"{name} does not start here: {self.log(name)[-300:]}")
            time.sleep(0.05)

    def log(self, name):
        with open(os.path.join(self.directory, name + ".log"), encoding="utf-8",
                  errors="replace") as file:
            return file.read().strip()

    def _start_bus(self):
        config = self._write("bus.conf", BUS_CONFIG.format(directory=self.directory))
        bus = self._run("dbus-daemon", ["dbus-daemon", "--nofork", "--config-file", config])
        self._wait("dbus-daemon", bus, lambda: os.path.exists(f"{self.directory}/bus"))

    def start_avahi(self):
        config = self._write("avahi.conf", AVAHI_CONFIG)
        self._avahi = self._run("avahi-daemon", ["unshare", "--map-root-user", "--mount", "sh", "-c",
                                                 SANDBOX, "sh", config])
        self._wait("avahi-daemon", self._avahi,
                   lambda: "Server startup complete" in self.log("avahi-daemon"))

    def _end(self, process):
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._processes.remove(process)

    def stop_avahi(self):
        self._end(self._avahi)

    def stop(self):
        for process in reversed(list(self._processes)):
            self._end(process)
        self._folder.cleanup()
