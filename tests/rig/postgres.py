#!/usr/bin/env python3
"""A private PostgreSQL server for tests: its own directory, a socket in it and no port.

    postgres.py COMMAND [ARGUMENT ...]   runs the command with UPDRAFT_TEST_POSTGRES set to a database of it

PostgreSQL does not run as root; started by root, it runs as 'postgres' or 'nobody'.
"""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time


class Missing(Exception):
    """There is no PostgreSQL to start; the text says what to install."""


def programs():
    """The directory with initdb and postgres; Debian keeps them out of PATH."""
    found = shutil.which("initdb")
    folders = [os.path.dirname(os.path.realpath(found))] if found else []
    folders += sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    for folder in folders:
        if all(os.access(os.path.join(folder, name), os.X_OK) for name in ("initdb", "postgres")):
            return folder
    raise Missing("there is no PostgreSQL here: apt-get install postgresql")


def other_user():
    """Who it runs as, when we are root; None otherwise."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Missing("PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody'")


class Postgres:
    """Started when made. stop() or kill() and start() as a test likes; close() at the end."""

    def __init__(self, options=()):
        self.bin, self.user, self.options = programs(), other_user(), options
        self.folder = tempfile.mkdtemp(prefix="updraft-pg-", dir="/tmp")  # a socket's path is short
        self.process = None
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        try:
            self.run("initdb", "-D", os.path.join(self.folder, "data"), "-U", "updraft", "-A", "trust",
                     "-E", "UTF8", "--locale=C", "--no-sync")
            self.start()
            self.sql("CREATE DATABASE fleet", database="postgres")
        except BaseException:
            self.close()
            raise

    @property
    def url(self):
        return f"postgresql://updraft@/fleet?host={self.folder}"

    def as_user(self):
        if not self.user:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def run(self, name, *arguments):
        result = subprocess.run([os.path.join(self.bin, name), *arguments], capture_output=True, text=True,
                                timeout=60, check=False, cwd=self.folder, **self.as_user())
        if result.returncode != 0:
            raise RuntimeError(f"{name}: {result.stderr.strip()}")
        return result.stdout

    def start(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(self.bin, "postgres"), "-D", os.path.join(self.folder, "data"),
                 "-k", self.folder, "-c", "listen_addresses=", *self.options],
                stdout=log, stderr=log, cwd=self.folder, **self.as_user())
        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                self.sql("SELECT 1", database="postgres")
                return
            except RuntimeError:
                time.sleep(0.05)
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
            raise RuntimeError("PostgreSQL does not start: " + log.read()[-2000:])

    def stop(self):
        """As its operator would: at once, but in order."""
        self.end(signal.SIGINT)

    def kill(self):
        """As a fault would: every process of it dies where it is."""
        self.end(signal.SIGQUIT)

    def end(self, number):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(60)
        self.process = None

    def sql(self, text, database="fleet"):
        """Rows as psql prints them, unaligned."""
        return self.run("psql", "-h", self.folder, "-U", "updraft", "-d", database, "-X", "-q", "-A", "-t",
                        "-v", "ON_ERROR_STOP=1", "-c", text).strip()

    def close(self):
        self.end(signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    try:
        server = Postgres()
    except Missing as missing:
        print(f"1..1\nok 1 # SKIP {missing}")
        return 0
    try:
        return subprocess.run(sys.argv[1:], env={**os.environ, "UPDRAFT_TEST_POSTGRES": server.url},
                              check=False).returncode
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
