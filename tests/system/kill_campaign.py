"""kill -9 of updraftd at random moments under load: nothing that was acknowledged may be missing.

Each round: `updraft simulate` drives a fleet through an update to a new version, operators make tokens and
move channels, and at a random moment the server is killed and started again at once. Devices and operators
repeat what got no answer, as real ones do. Then the simulated devices compare the books with the truth, and
every change that an operator was told is done must be there.

    python3 tests/system/kill_campaign.py --kills 50 [--devices 500] [--seed 1] [--postgres]
"""

import argparse
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import harness

sys.path.insert(0, os.path.join(harness.ROOT, "tests", "rig"))
import postgres  # noqa: E402

ROUND = ["--mix", "esp8266:25,channel:25,check:25,evse:5,ovms:5,ddi:15", "--speed", "20", "--duration", "100s",
         "--poll", "30s", "--bad-boot", "8%", "--fail", "3%", "--silent", "1%", "--postpone", "10%",
         "--image-size", "16K"]
ROUND_S = 5  # 100 s of the devices' time
KILL_FROM_S, KILL_TO_S = 0.3, 4.5
RESTART_MOST_S = 2
TOKENS_KEPT = 60
GONE = OSError, http.client.HTTPException


class Operator(threading.Thread):
    """Makes tokens and moves a channel until told to stop; remembers what was acknowledged."""

    def __init__(self, campaign):
        super().__init__(daemon=True)
        self.campaign = campaign
        self.stops = threading.Event()

    def run(self):
        while not self.stops.is_set():
            campaign = self.campaign
            campaign.counter += 1
            name = f"token-{campaign.counter}"
            body = json.dumps({"name": name, "role": "view"}).encode()
            with contextlib.suppress(*GONE):
                status, _ = campaign.server.api("POST", "/api/v1/tokens", body)
                if status == 201:
                    campaign.tokens.append(name)
                    campaign.acknowledged += 1
            if len(campaign.tokens) > TOKENS_KEPT:
                self.revoke(campaign.tokens.pop(0))
            version = f"{campaign.counter % 2 + 1}.0.0"
            body = json.dumps({"version": version}).encode()
            with contextlib.suppress(*GONE):
                campaign.unsure = version
                status, _ = campaign.server.api("PUT", "/api/v1/channels/ground/stable", body)
                if status == 200:
                    campaign.channel, campaign.unsure = version, None
            self.stops.wait(0.02)

    def revoke(self, name):
        """From now on it may be gone; once that was acknowledged, it must be. It is asked only once, so until
        then it must have been there."""
        with contextlib.suppress(*GONE):
            status, _ = self.campaign.server.api("DELETE", f"/api/v1/tokens/{name}")
            if status == 200:
                self.campaign.revoked.add(name)
            elif status == 404:
                self.campaign.lost.append(name)


class Campaign:
    def __init__(self, directory, devices, seed, database=None):
        """database: address of a PostgreSQL that is the campaign's own; else SQLite."""
        self.directory = directory
        self.database = database
        self.extra = ("--database", database, "--artifacts", os.path.join(directory, "artifacts")) if database else ()
        self.devices = devices
        self.seed = seed
        self.noise = random.Random(seed)
        self.server = harness.Server(os.path.join(directory, "data"), extra=self.extra)
        self.listen = self.server.url.removeprefix("http://")
        self.tokens = []
        self.revoked = set()
        self.lost = []
        self.acknowledged = 0
        self.releases = set()
        self.counter = 0
        self.channel = self.unsure = None
        self.restarts_s = []
        self.totals = {}
        for version in ("1.0.0", "2.0.0"):
            self.updraft("image", "make", "-o", self.path("ground.bin"), "--chip", "esp32", "--project", "ground",
                         "--version", version, "--size", "8K")
            self.updraft("publish", self.path("ground.bin"), "--channel", "stable", "--server", self.server.url,
                         "--token", self.server.token)

    def path(self, name):
        return os.path.join(self.directory, name)

    def updraft(self, *args):
        subprocess.run([harness.program("updraft"), *args], check=True, capture_output=True, timeout=60)

    def kill_and_restart(self):
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait()
        self.server.stop()
        self.while_down()
        token, began = self.server.token, time.monotonic()
        server = harness.Server(self.path("data"), listen=self.listen, extra=self.extra)
        assert server.token == token, "the token changed"
        assert harness.http("GET", server.url + "/healthz")[0] == 200
        self.restarts_s.append(time.monotonic() - began)
        self.server = server

    def while_down(self):
        """For tests of the campaign itself."""

    def round(self, number):
        version = f"{number + 2}.0.0"
        load = subprocess.Popen(
            [harness.program("updraft"), "simulate", "--json", "--quiet", "--server", self.server.url, "--token",
             self.server.token, "--devices", str(self.devices), "--seed", str(self.seed), "--publish", version, *ROUND],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        operator = Operator(self)
        try:
            harness.wait_until("the fleet to be under way", lambda: self.is_published(version))
            self.releases.add(version)
            operator.start()
            time.sleep(self.noise.uniform(KILL_FROM_S, KILL_TO_S))
            self.kill_and_restart()
            out, err = load.communicate(timeout=ROUND_S + 60)
        finally:
            operator.stops.set()
            if operator.ident is not None:
                operator.join(30)
            if load.poll() is None:
                load.kill()
                load.wait()
        result = json.loads(out)
        assert load.returncode == 0, f"round {number}: {err}\n{out}"
        for key, value in {**result["truth"]["updates"], "requests": result["requests"]["sent"],
                           "unanswered": result["requests"]["unanswered"],
                           "compared": result["books"]["compared"]}.items():
            self.totals[key] = self.totals.get(key, 0) + value
        self.check_operators()

    def is_published(self, version):
        status, answer = self.server.api("GET", "/api/v1/channels")
        return status == 200 and any(one["product"] == "simulated" and one["version"] == version
                                     for one in answer["channels"])

    def check_operators(self):
        def get(kind):
            status, answer = self.server.api("GET", "/api/v1/" + kind)
            assert status == 200, answer
            return answer[kind]

        names = {token["name"] for token in get("tokens")}
        self.lost += set(self.tokens) - names
        assert not self.lost, f"lost tokens: {self.lost}"
        assert not self.revoked & names, f"revoked, and back again: {sorted(self.revoked & names)}"
        versions = {one["version"] for one in get("releases") if one["product"] == "simulated"}
        assert self.releases <= versions, f"lost releases: {sorted(self.releases - versions)}"
        channel = next(one["version"] for one in get("channels") if one["product"] == "ground")
        assert channel in (self.channel, self.unsure) or self.channel is None, (channel, self.channel, self.unsure)

    def end(self):
        """Stops the server and looks into SQLite's file itself."""
        assert self.server.stop() == 0, self.server.output()
        if self.database:
            return
        with contextlib.closing(sqlite3.connect(self.path("data/updraft.sqlite"))) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []

    def abandon(self):
        if self.server.process.poll() is None:
            self.server.stop()


def run(campaign, kills, tell=lambda line: None):
    """AssertionError says what was lost."""
    try:
        for number in range(1, kills + 1):
            campaign.round(number)
            tell(f"kill {number:2}: up again in {campaign.restarts_s[-1]:.2f} s, books right, "
                 f"{campaign.totals['unanswered']} requests unanswered so far")
        campaign.end()
    finally:
        campaign.abandon()
    assert max(campaign.restarts_s) < RESTART_MOST_S, f"a restart took {max(campaign.restarts_s):.2f} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL of its own instead of SQLite")
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="updraft-kill-")
    database = postgres.Postgres() if options.postgres else None
    try:
        campaign = Campaign(directory, options.devices, options.seed, database.url if database else None)
        run(campaign, options.kills, lambda line: print(line, flush=True))
    except AssertionError as error:
        print(f"FAILED: {error}\nThe server's data is in {directory}.")
        return 1
    finally:
        if database:
            database.close()
    shutil.rmtree(directory)
    restarts = sorted(campaign.restarts_s)
    totals = campaign.totals
    print(f"{options.kills} kills, {options.devices} devices: {totals['requests']} requests, {totals['unanswered']} "
          f"unanswered; {totals['begun']} updates begun, {totals['confirmed']} confirmed, {totals['rolled_back']} "
          f"rolled back, {totals['failed']} failed\n"
          f"{totals['compared']} comparisons of a device's books with the truth, 0 differ; {campaign.acknowledged} "
          f"tokens made, {len(campaign.revoked)} revoked and {len(campaign.releases)} releases acknowledged, 0 lost\n"
          f"restart: median {restarts[len(restarts) // 2]:.2f} s, longest {restarts[-1]:.2f} s (bar: 2 s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
