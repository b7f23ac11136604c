"""`updraft push` to several devices: lists, discovery, retries, causes, interruption, the screen."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import threading
import time
import unittest

import harness
import mdns
from cli_case import UPDRAFT, EspotaPeer, HttpPeer


def status_of(**changes):
    status = {"updraft": "0.1.0", "name": "garage", "chip": "esp32", "project": "demo",
              "version": "1.0.0", "slot": "ota_0", "state": "confirmed", "next": "ota_1",
              "capacity": 262144, "ota_port": 1, "password": False, "last": {"result": "none"},
              "update": {"state": "idle"}, "uptime_ms": 600000}
    status.update(changes)
    return 200, "application/json", json.dumps(status)


class ManyCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.new = self.image("new.bin", version="1.1.0")
        self.old = self.image("old.bin", version="1.0.0")

    def push(self, *args, status=0, timeout_s=90):
        return json.loads(self.cli("push", self.new, *args, "--json", status=status,
                                   timeout_s=timeout_s).stdout)

    def boots(self, names, **kwargs):
        devices = {name: self.device(name, self.old, **kwargs) for name in names}
        return {name: device.wait_boot()["http"] for name, device in devices.items()}


class Several(ManyCase):
    def test_several_devices_are_updated_at_a_time_and_reported_in_order(self):
        at = self.boots(["a", "b", "c"])
        got = self.push(*at.values())
        self.assertEqual([(row["host"], row["device"], row["state"], row["running"])
                          for row in got["devices"]],
                         [("127.0.0.1", name, "confirmed", "1.1.0") for name in at])
        self.assertEqual((got["succeeded"], got["skipped"], got["failed"], got["causes"]),
                         (3, 0, 0, []))
        again = self.push(*at.values(), "--only-newer")
        self.assertEqual([row["state"] for row in again["devices"]], ["skipped"] * 3)
        self.assertEqual((again["succeeded"], again["skipped"]), (0, 3))

    def test_a_dry_run_asks_and_checks_and_sends_nothing(self):
        peer = HttpPeer(self, {("GET", "/status"): lambda h, b: status_of()})
        got = self.push(f"127.0.0.1:{peer.port}", "--dry-run")
        self.assertEqual((got["state"], got["from"], got["to"], got["via"]),
                         ("ready", "1.0.0", "1.1.0", "raw"))
        self.assertEqual(peer.posts(), [])

    def test_failures_are_grouped_by_cause_and_the_others_go_on(self):
        good = self.boots(["good"])["good"]
        locked = [self.boots([name], board="password: right\n")[name] for name in ("l1", "l2")]
        large = HttpPeer(self, {("GET", "/status"): lambda h, b: status_of(capacity=1000)})
        foreign = HttpPeer(self, {("GET", "/status"): lambda h, b: status_of(project="other")})
        got = self.push(good, *locked, f"127.0.0.1:{large.port}", f"127.0.0.1:{foreign.port}",
                        "--password", "wrong", status=1)
        self.assertEqual((got["succeeded"], got["failed"]), (1, 4))
        causes = {cause["code"]: cause for cause in got["causes"]}
        self.assertEqual(set(causes), {"wrong_password", "too_large", "wrong_product"})
        self.assertEqual(causes["wrong_password"]["devices"], locked)
        self.assertTrue(all(cause["remedy"] for cause in causes.values()))
        self.assertEqual(got["error"]["code"], "several")
        self.assertEqual(large.posts() + foreign.posts(), [])
        shown = self.cli("push", self.new, *locked, "--password", "wrong", status=6).stdout
        self.assertRegex(shown, r"\nwrong_password: 2 of 2\n")
        self.assertIn("0 succeeded, 2 failed, 0 skipped", shown)

    def test_a_list_names_devices_and_their_passwords(self):
        one = self.boots(["one"], board="password: first\n")["one"]
        two = self.boots(["two"], board="password: 'sec ond'\n")["two"]
        listed = self.write("list.txt", f"# the cellar\n\n{one} password=first  # not a remark\n"
                                        f"{two} password=sec ond\n{two} password=again\n")
        got = self.push("--list", listed, status=6)
        self.assertEqual([row.get("state") for row in got["devices"]], [None, "confirmed"])
        listed = self.write("list.txt", f"{one} # no password\r\n{two}\n")
        got = self.push("--list", listed, "--password", "first", "--only-newer")
        self.assertEqual([row["state"] for row in got["devices"]], ["confirmed", "skipped"])

    def test_a_bad_list_is_told_with_its_line(self):
        for text, said in (("a b\n", "line 1: 'b' is not understood"),
                           ("x\nhttp://y/\n", "line 2: 'http://y/' is no device address"),
                           ("x password=" + "p" * 64 + "\n", "line 1: the password is too long"),
                           ("\0\n", "line 1: this is no list")):
            error = self.push("--list", self.write("list.txt", text), status=3)["error"]
            self.assertIn(said, error["message"])
        self.assertIn("no device to push to",
                      self.push("--list", self.write("list.txt", "# none\n"),
                                status=2)["error"]["message"])
        self.assertEqual(self.push("--list", self.path("absent"), status=3)["error"]["code"],
                         "unreadable")

    def test_filters_without_discover_and_a_shared_host_port_are_usage_errors(self):
        self.assertEqual(self.push("x", "--product", "y", status=2)["error"]["remedy"],
                         "Add --discover.")
        self.assertEqual(self.push("x", "y", "--host-port", 4000, status=2)["error"]["remedy"],
                         "Add --jobs 1.")

    def test_what_may_pass_is_tried_again_and_what_may_not_is_not(self):
        state = {"busy": 2, "taken": False}

        def get_status(headers, body):
            if state["taken"]:
                return status_of(version="1.1.0", slot="ota_1", next="ota_0", uptime_ms=1)
            if state["busy"]:
                state["busy"] -= 1
                return status_of(update={"state": "receiving"})
            return status_of()

        def post(headers, body):
            state["taken"] = True
            return 200, "application/json", '{"ok":true}'

        peer = HttpPeer(self, {("GET", "/status"): get_status, ("POST", "/update"): post})
        started = time.monotonic()
        got = self.push(f"127.0.0.1:{peer.port}", "--retry", 2)
        self.assertEqual((got["state"], got["tries"]), ("confirmed", 3))
        self.assertGreater(time.monotonic() - started, 3.0)  # 1 s and 2 s between them
        state.update(busy=9, taken=False)
        got = self.push(f"127.0.0.1:{peer.port}", "--retry", 1, status=5)
        self.assertEqual((got["error"]["code"], got["tries"]), ("busy", 2))
        closed = HttpPeer(self, {("GET", "/status"): lambda h, b: status_of(password=True)})
        got = self.push(f"127.0.0.1:{closed.port}", "--retry", 5, status=6)
        self.assertEqual(got["tries"], 1)

    def test_silence_after_the_last_byte_is_not_answered_by_sending_again(self):
        peer = EspotaPeer(self, verdict=b"")
        got = self.push(f"127.0.0.1:{peer.port}", "--via", "espota", "--retry", 3, status=4)
        self.assertEqual((got["error"]["code"], got["tries"]), ("no_verdict", 1))


class Interrupted(ManyCase):
    def slow_device(self, takes):
        """Takes so many bytes and then no more; what a push stands at when Ctrl-C comes."""
        reached = threading.Event()
        release = threading.Event()
        self.addCleanup(release.set)

        def post(handler):
            left = min(takes, int(handler.headers["Content-Length"]))
            handler.rfile.read(left)
            reached.set()
            release.wait(60)
            handler.close_connection = True

        post.takes_handler = True
        peer = HttpPeer(self, {("GET", "/status"): lambda h, b: status_of(capacity=1 << 24),
                               ("POST", "/update"): post})
        return f"127.0.0.1:{peer.port}", reached

    def test_it_ends_everything_and_says_what_each_device_runs(self):
        self.new = self.image("large.bin", version="1.1.0", size=15000000)
        half, half_reached = self.slow_device(4000000)
        whole, whole_reached = self.slow_device(1 << 30)
        process = subprocess.Popen([UPDRAFT, "push", self.new, half, whole, "127.0.0.9:1", "--jobs",
                                    "2", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.assertTrue(half_reached.wait(30) and whole_reached.wait(30))
        time.sleep(0.5)
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
            children = file.read().split()
        self.assertEqual(len(children), 2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 1, err)
        rows = json.loads(out)["devices"]
        self.assertEqual([row["error"]["code"] for row in rows], ["interrupted"] * 3)
        self.assertRegex(rows[0]["error"]["message"], r"after \d+ of 15000000 bytes")
        self.assertIn("runs its old image", rows[0]["error"]["remedy"])
        self.assertIn("all 15000000 bytes", rows[1]["error"]["message"])
        self.assertIn("before a byte was sent", rows[2]["error"]["message"])
        for child in children:
            self.assertFalse(os.path.exists(f"/proc/{child}"), "a push is still at work")


class Screen(ManyCase):
    def test_on_a_terminal_each_device_has_a_bar_and_lines_do_not_wrap(self):
        at = self.boots(["left", "right"], extra=["--timing", "w25q"])
        master, slave = pty.openpty()
        process = subprocess.Popen([UPDRAFT, "push", self.new, *at.values()], stdin=slave,
                                   stdout=subprocess.DEVNULL, stderr=slave)
        os.close(slave)
        self.addCleanup(os.close, master)
        seen = b""
        while True:
            ready, _, _ = select.select([master], [], [], 60)
            try:
                piece = os.read(master, 65536) if ready else b""
            except OSError:
                break  # the other end is closed
            if not piece:
                break
            seen += piece
        self.assertEqual(process.wait(60), 0)
        text = seen.decode()
        for address in at.values():
            self.assertRegex(text, re.escape(address) + r": \[[#.]{30}\] +\d+ %")
            self.assertIn(f"{address}: runs 1.1.0 (confirmed)", text)
        self.assertIn("\033[2A", text)
        for line in re.split(r"\r\n|\033\[\d*[AJ]\r?", text):
            self.assertLessEqual(len(line), 80)

    def test_elsewhere_there_are_plain_lines_that_name_the_device(self):
        at = self.boots(["left", "right"])
        err = self.cli("push", self.new, *at.values()).stderr
        self.assertNotIn("\033", err)
        for address in at.values():
            self.assertRegex(err, rf"(?m)^{address}: \w+: 100 %, 200000 bytes$")
        newer = self.image("newer.bin", version="1.2.0")
        quiet = self.cli("push", newer, *at.values(), "--quiet")
        self.assertEqual((quiet.stdout, quiet.stderr), ("", ""))


class Discovered(ManyCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = mdns.Daemon()
        cls.addClassCleanup(cls.daemon.stop)
        cls.environment = cls.daemon.environment

    def announce(self, name, chip="esp32", app=None, **kwargs):
        device = self.device(name, app or self.old, chip=chip, product="many", announce=True,
                             **kwargs)
        device.wait_boot()
        device.wait_line("^announced ")
        return device

    def test_devices_of_the_image_s_chip_are_found_and_updated(self):
        for name in ("many-1", "many-2"):
            self.announce(name)
        self.announce("many-3", chip="esp8266", app=self.image("8266.bin", chip="esp8266"))
        publish = subprocess.Popen(["avahi-publish", "--service", "many-4", "_arduino._tcp", "9",
                                    "board=esp32"], env=self.environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(publish.wait)
        self.addCleanup(publish.terminate)
        harness.wait_until("the stock device is announced", lambda: len(json.loads(
            self.cli("discover", "--name", "many-*", "--json").stdout)["devices"]) == 4)
        # Other tests may run at the same time: only these devices count.
        dry = self.push("--discover", "--chip", "esp32", "--dry-run", status=None)
        self.assertEqual([row["label"] for row in dry["devices"] if row["label"][:5] == "many-"],
                         ["many-1", "many-2"])
        named = self.push("--discover", "--name", "many-*", "--dry-run", status=None)
        self.assertEqual([row["label"] for row in named["devices"]], ["many-1", "many-2", "many-4"])
        got = self.push("--discover", "--product", "many", "--older-than", "1.1.0")
        self.assertEqual([(row["device"], row["state"]) for row in got["devices"]],
                         [("many-1", "confirmed"), ("many-2", "confirmed")])
        error = self.push("--discover", "--product", "none", status=4)["error"]
        self.assertEqual(error["code"], "none_found")

    def test_without_a_daemon_it_says_what_to_do_instead(self):
        self.environment = {**self.environment, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}
        error = self.push("--discover", status=4)["error"]
        self.assertEqual(error["code"], "no_mdns")
        self.assertIn("--list", error["remedy"])


if __name__ == "__main__":
    unittest.main()
