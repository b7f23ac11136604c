"""A rollout over a large simulated fleet, of which a share cannot boot the new image: it must stop itself in its
first stage, say why, and count no roll back as a success. With a share below the limit it must reach the end.

    python3 tests/system/rollout_campaign.py [--devices 10000] [--seed 1]
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import harness

GATES = {"confirmed_least": 80, "failed_most": 5, "rolled_back_most": 5, "silent_most": 5, "soak_s": 0,
         "silent_after_s": 3600}
STAGES = "1% 10% 50% 100%"
LOAD = ["--poll", "30s", "--speed", "10", "--image-size", "16K", "--duration", "10h"]
JSON = {"Content-Type": "application/json"}
KNOWN_S, END_S = 240, 900


class Campaign:
    """A server, a fleet on 1.0.0, and 2.0.0 published on no channel."""

    def __init__(self, directory, devices, bad_boot, seed=1, mix="channel", stages=STAGES):
        self.directory = directory
        self.devices = devices
        self.stages = stages
        self.server = harness.Server(os.path.join(directory, "data"))
        self.load = subprocess.Popen(
            [harness.program("updraft"), "simulate", "--json", "--quiet", "--server", self.server.url, "--token",
             self.server.token, "--devices", str(devices), "--seed", str(seed), "--mix", mix, "--from", "1.0.0",
             "--publish", "1.0.0", "--bad-boot", bad_boot, "--fail", "1%", *LOAD],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def publish(self):
        for chip in ("esp32", "esp8266"):
            path = os.path.join(self.directory, chip + ".bin")
            subprocess.run([harness.program("updraft"), "image", "make", "-o", path, "--chip", chip, "--project",
                            "simulated", "--version", "2.0.0", "--size", "16K"], check=True, capture_output=True,
                           timeout=60)
            with open(path, "rb") as file:
                status, answer = self.server.api("POST", "/api/v1/releases?version=2.0.0&product=simulated&chip=" + chip,
                                                 file.read())
            assert status == 201, answer

    def order(self):
        return json.dumps({"product": "simulated", "channel": "stable", "version": "2.0.0", "stages": self.stages,
                           "gates": GATES}).encode()

    def count_known(self):
        """Of how many devices the server knows that they follow the channel."""
        assert self.load.poll() is None, self.load.communicate()
        status, answer = self.server.api("POST", "/api/v1/rollouts/preview", self.order(), JSON)
        assert status == 200, answer
        return answer["matched"]

    def rollout(self):
        status, answer = self.server.api("GET", "/api/v1/rollouts/1")
        assert status == 200, answer
        return answer["rollout"]

    def count_under_way(self):
        counts = self.rollout()["counts"]
        return sum(counts[state] for state in ("offered", "downloading", "written", "trial"))

    def run(self, states, tell=lambda line: None):
        """Until the rollout is in one of the states. Gives it, the seconds it took, and what the fleet truly did."""
        harness.wait_until("the first devices", lambda: self.server.api("GET", "/api/v1/channels")[1]["channels"])
        self.publish()
        harness.wait_until("the fleet to be known", lambda: self.count_known() >= self.devices, KNOWN_S, 0.5)
        status, answer = self.server.api("POST", "/api/v1/rollouts", self.order(), JSON)
        assert status == 201, answer
        began, told = time.monotonic(), ""
        while (rollout := self.rollout())["state"] not in states:
            assert rollout["state"] in ("scheduled", "running"), rollout
            assert time.monotonic() - began < END_S, rollout
            stage = rollout["stages"][rollout["stage"]]
            line = f"stage {rollout['stage'] + 1}, {stage['size']} devices"
            if line != told:
                told = line
                tell(f"{time.monotonic() - began:6.1f} s  {line}")
            time.sleep(0.2)
        took_s = time.monotonic() - began
        time.sleep(6)  # devices ask twice more: nobody may be offered it who was not before
        # What has ended is counted every ten seconds.
        harness.wait_until("those under way to end", lambda: not self.count_under_way(), END_S, 0.5)
        self.load.send_signal(signal.SIGINT)
        out, err = self.load.communicate(timeout=120)
        assert self.load.returncode == 0, f"{err}\n{out}"
        return self.rollout(), took_s, json.loads(out)

    def end(self):
        if self.load.poll() is None:
            self.load.kill()
            self.load.wait()
        self.server.stop()


def check_stopped(rollout, truth, devices):
    """It stopped in its first stage, of so many devices, for the right reason, and nobody else was touched."""
    updates, counts = truth["truth"]["updates"], rollout["counts"]
    size = rollout["stages"][0]["size"]
    assert truth["rollout"]["state"] == "stopped", truth["rollout"]
    assert rollout["state"] == "stopped" and rollout["stage"] == 0, rollout
    assert "rolled back" in rollout["reason"] and "limit is 5 %" in rollout["reason"], rollout["reason"]
    assert rollout["remedy"], rollout
    assert size == devices, (size, devices)
    assert updates["rolled_back"] * 100 > 5 * size, updates
    assert counts["rolled_back"] == updates["rolled_back"], (counts, updates)
    assert counts["confirmed"] == updates["confirmed"] == truth["truth"]["versions"].get("2.0.0", 0), (counts, updates)
    assert updates["confirmed"] + updates["rolled_back"] <= size, (updates, size)
    assert truth["books"]["differences"] == 0, truth["books"]


def check_done(rollout, truth, devices):
    """It reached the end. Those that began afterwards follow the channel and are not the rollout's any more."""
    updates, counts = truth["truth"]["updates"], rollout["counts"]
    assert rollout["state"] == "done" and rollout["stage"] == len(rollout["stages"]) - 1, rollout
    assert rollout["matched"] == devices, rollout
    assert counts["confirmed"] >= devices * GATES["confirmed_least"] // 100, counts
    assert counts["confirmed"] <= truth["truth"]["versions"]["2.0.0"] == updates["confirmed"], (counts, updates)
    assert counts["rolled_back"] <= updates["rolled_back"], (counts, updates)
    assert truth["books"]["differences"] == 0, truth["books"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    first = (options.devices + 99) // 100
    for bad_boot, state, check, expected in (("8%", "stopped", check_stopped, first),
                                             ("1%", "done", check_done, options.devices)):
        directory = tempfile.mkdtemp(prefix="updraft-rollout-")
        print(f"{options.devices} devices, {bad_boot} cannot boot the new image, limit 5 %, stages {STAGES}", flush=True)
        campaign = Campaign(directory, options.devices, bad_boot, options.seed)
        try:
            rollout, took_s, truth = campaign.run(("stopped", "done"), lambda line: print("  " + line, flush=True))
            check(rollout, truth, expected)
        except AssertionError as error:
            print(f"FAILED: {error}\nThe server's data is in {directory}.")
            return 1
        finally:
            campaign.end()
        shutil.rmtree(directory)
        counts = rollout["counts"]
        print(f"  {state} after {took_s:.1f} s in stage {rollout['stage'] + 1} of {len(rollout['stages'])}: "
              f"{counts['confirmed']} confirmed, {counts['rolled_back']} rolled back, {counts['failed']} failed")
        if rollout["reason"]:
            print(f"  reason: {rollout['reason']}")
        print(f"  truth: {truth['truth']['versions'].get('2.0.0', 0)} run 2.0.0, {truth['truth']['updates']['rolled_back']} "
              f"rolled back; {truth['books']['compared']} devices compared with the books, 0 differ", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
