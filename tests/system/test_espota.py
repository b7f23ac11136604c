"""`updraft push --via espota` to updraft-device, through a network that cuts, delays and falls silent:
each side ends in time and says the right sentence."""

import json
import os
import socket
import subprocess
import time
import unittest

import harness
from espota_relay import Relay

PASSWORD = "bms2024"
SIZE = 300000
STALL_S = 3
FILESYSTEM = harness.TWO_SLOTS + "storage,  data, spiffs, 0x310000, 0x40000\n"


class EspotaCase(harness.Case):
    def boot(self, board="", chip="esp32", table=harness.TWO_SLOTS, extra=()):
        old = self.image("old.bin", chip=chip, version="1.0.0", size=SIZE)
        self.new = self.image("new.bin", chip=chip, version="1.1.0", size=SIZE)
        self.target = self.device("target", app=old, chip=chip, board=board, table=table,
                                  extra=("--stall-s", str(STALL_S), *extra))
        return self.target.wait_boot(version="1.0.0")

    def command(self, boot, port, *args, file=None):
        address = boot["http"].rpartition(":")
        return [harness.program("updraft"), "push", str(file or self.new), address[0], "--http-port",
                address[2], "--ota-port", str(port), "--via", "espota", "--no-wait", "--json",
                *map(str, args)]

    def push(self, boot, *args, port=None, status=0, **keywords):
        """What the tool says, as JSON: of the push, or its error."""
        result = subprocess.run(self.command(boot, port or boot["ota"], *args, **keywords),
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                                check=False)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        said = json.loads(result.stdout or result.stderr)
        return said if status == 0 else said["error"]

    def expect_ready(self, boot):
        """The device still runs the old image, and takes the next push."""
        status = json.loads(harness.http("GET", f"http://{boot['http']}/status")[2])
        self.assertEqual(status["version"], "1.0.0")
        self.push(boot)
        self.target.wait_boot(version="1.1.0")


class EspotaTest(EspotaCase):
    def test_a_push_updates_both_kinds_of_device(self):
        for chip in ("esp32", "esp8266"):
            boot = self.boot(chip=chip)
            self.push(boot)
            self.target.wait_boot(version="1.1.0")
            self.target.stop()
            os.unlink(self.path("target.flash"))

    def test_the_password_is_proved_by_sha256(self):
        boot = self.boot(f"password: {PASSWORD}\nrefuse_md5: true\n")
        self.push(boot, "--password", PASSWORD)
        self.target.wait_boot(version="1.1.0")

    def test_a_wrong_password_is_told(self):
        boot = self.boot(f"password: {PASSWORD}\n")
        error = self.push(boot, "--password", "wrong", status=6)
        self.assertEqual(error["code"], "wrong_password")
        self.target.wait_line("^sign-in failed via=espota")

    def test_a_connection_that_is_cut_is_told_with_the_place(self):
        for percent in (1, 50, 99):
            boot = self.boot()
            with Relay(int(boot["ota"]), cut_at=SIZE * percent // 100) as relay:
                error = self.push(boot, port=relay.port, status=4)
            self.assertIn(error["code"], ("disconnected", "no_verdict"))
            self.target.wait_line("^update failed")
            self.expect_ready(boot)
            self.target.stop()
            os.unlink(self.path("target.flash"))

    def test_a_cut_after_the_last_byte_is_no_verdict_and_the_device_goes_on(self):
        boot = self.boot()
        with Relay(int(boot["ota"]), cut_at=os.path.getsize(self.new)) as relay:
            error = self.push(boot, port=relay.port, status=4)
        self.assertEqual(error["code"], "no_verdict")
        self.assertIn("which version it runs", error["remedy"])
        self.target.wait_boot(version="1.1.0")

    def test_a_network_that_falls_silent_ends_on_both_sides(self):
        boot = self.boot()
        started = time.monotonic()
        with Relay(int(boot["ota"]), cut_at=SIZE // 2, cut="silence") as relay:
            error = self.push(boot, "--timeout", 1, port=relay.port, status=4)
            self.assertLess(time.monotonic() - started, 10)
            self.target.wait_line("^update failed .*nothing came for too long", STALL_S + 5)
        self.assertIn("stopped answering", error["message"])
        self.expect_ready(boot)

    def test_two_at_once_are_told_apart(self):
        boot = self.boot(extra=("--timing", "w25q"))
        first = subprocess.Popen(self.command(boot, boot["ota"]), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(first.kill)
        self.target.wait_line("^update start")
        error = self.push(boot, status=5)
        self.assertIn("another update is running", error["message"])
        self.assertEqual(first.wait(30), 0)
        self.target.wait_boot(version="1.1.0")

    def test_an_image_for_another_chip_is_told_by_the_device(self):
        boot = self.boot()
        foreign = self.image("foreign.bin", chip="esp32s3", version="1.1.0", size=SIZE)
        error = self.push(boot, "--no-chip-check", file=foreign, status=5)
        self.assertIn("another chip", error["message"])
        self.expect_ready(boot)

    def test_a_file_system_goes_to_its_partition(self):
        boot = self.boot(table=FILESYSTEM)
        contents = os.urandom(0x40000)
        self.push(boot, "--filesystem", file=self.write("storage.bin", contents))
        self.target.wait_boot(version="1.0.0")
        with open(self.path("target.flash"), "rb") as flash:
            flash.seek(0x310000)
            self.assertEqual(flash.read(len(contents)), contents)

    def test_a_file_system_too_large_or_without_a_place_is_refused(self):
        boot = self.boot(table=FILESYSTEM)
        file = self.write("storage.bin", bytes(0x40001))
        self.assertIn("262145", self.push(boot, "--filesystem", file=file, status=5)["message"])
        self.target.stop()
        os.unlink(self.path("target.flash"))
        boot = self.boot()
        self.assertIn("filesystem", self.push(boot, "--filesystem", file=file, status=5)["message"])
        self.assertEqual(self.push(boot, "--filesystem", "--via", "raw", file=file,
                                   status=2)["code"], "usage")

    def test_a_port_of_choice_is_where_the_device_connects(self):
        boot = self.boot()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.push(boot, "--host-port", port)
        self.target.wait_boot(version="1.1.0")

    def test_a_device_that_cannot_connect_back_says_so_at_once(self):
        boot = self.boot()
        started = time.monotonic()
        with Relay(int(boot["ota"]), shut=True) as relay:
            error = self.push(boot, port=relay.port, status=4)
        self.assertLess(time.monotonic() - started, 8)
        self.assertEqual(error["code"], "no_call_back")
        self.assertIn("cannot connect to 127.0.0.1, TCP port", error["message"])
        self.assertIn("the connection cannot be opened", error["message"])
        self.assertIn("--host-port", error["remedy"])
        self.target.wait_line("^update failed")
        self.expect_ready(boot)

    def test_a_slow_link_changes_nothing(self):
        boot = self.boot()
        with Relay(int(boot["ota"]), delay_s=0.02) as relay:
            self.push(boot, port=relay.port)
        self.target.wait_boot(version="1.1.0")


class EspotaOverIpv6(EspotaCase):
    """The protocol itself does not care: the device connects back to where the invitation came from."""

    def test_a_push_reaches_a_device_that_has_ipv6_only(self):
        names = [name for name in ("ip6-localhost", "localhost6") if resolves(name)]
        if not names:
            self.skipTest("this computer has no name for ::1")
        boot = self.boot(extra=("--listen", "::1"))
        command = self.command({"http": names[0] + ":1"}, boot["ota"])
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.target.wait_boot(version="1.1.0")


def resolves(name):
    """It has an IPv6 address, and this computer can use it."""
    try:
        address = socket.getaddrinfo(name, None, socket.AF_INET6)[0][4]
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(address)
        return True
    except OSError:
        return False


if __name__ == "__main__":
    unittest.main()
