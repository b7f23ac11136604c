"""Stock espota.py scripts, unmodified, when something goes wrong: each ends in time, with the right
exit code, and so does the device. See test_stock_clients.py for where the scripts are taken from.
"""

import json
import os
import subprocess
import sys
import time
import unittest

import harness
from espota_relay import Relay
from espota_scripts import different_scripts, free_port, knows_sha256, name_of, shows_errors

PASSWORD = "bms2024"
SIZE = 300000
STALL_S = 4     # of the device, so that nobody waits for its 30 seconds
LIMIT_S = 25    # the scripts' own patience is 10 s for each step
SLOT_LEN = 0x180000
FILESYSTEM = harness.TWO_SLOTS + "storage,  data, spiffs, 0x310000, 0x40000\n"


class Failures(harness.Case):
    def boot_old(self, chip, board="", extra=(), table=harness.TWO_SLOTS):
        old = self.image("old.bin", chip=chip, version="1.0.0", size=SIZE)
        self.new = self.image("new.bin", chip=chip, version="1.1.0", size=SIZE)
        device = self.device("target", app=old, chip=chip, board=board, table=table,
                             extra=("--stall-s", str(STALL_S), *extra))
        return device, device.wait_boot(version="1.0.0")

    def start_script(self, script, port, *args, file=None):
        script = subprocess.Popen(
            [sys.executable, script, "-i", "127.0.0.1", "-p", str(port), "-P", free_port(), "-d",
             "-f", file or self.new, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(script.stdout.close)
        self.addCleanup(script.wait)
        self.addCleanup(script.kill)
        return script

    def finish_script(self, script):
        """(exit code, what it said)."""
        try:
            said, _ = script.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            self.fail(f"the script did not end within {LIMIT_S} s")
        return script.returncode, said.decode(errors="replace")

    def push(self, *args, **keywords):
        return self.finish_script(self.start_script(*args, **keywords))

    def status(self, boot):
        return json.loads(harness.http("GET", f"http://{boot['http']}/status")[2])

    def expect_old_and_ready(self, boot, device, script):
        """The device is as before, and takes the next push."""
        self.assertEqual(self.status(boot)["version"], "1.0.0")
        harness.wait_until("the device is ready again",
                           lambda: self.status(boot)["update"]["state"] != "receiving")
        code, said = self.push(script, boot["ota"])
        self.assertEqual(code, 0, said)
        device.wait_boot(version="1.1.0")

    def check_cut(self, chip, script, percent):
        device, boot = self.boot_old(chip)
        size = os.path.getsize(self.new)
        with Relay(int(boot["ota"]), cut_at=size * percent // 100) as relay:
            code, said = self.push(script, relay.port)
        self.assertNotEqual(code, 0, said)
        device.wait_line("^update failed")
        self.expect_old_and_ready(boot, device, script)

    def check_cut_after_the_last_byte(self, chip, script):
        """The device has everything, and goes on; the script cannot know."""
        device, boot = self.boot_old(chip)
        with Relay(int(boot["ota"]), cut_at=os.path.getsize(self.new)) as relay:
            code, said = self.push(script, relay.port)
        self.assertNotEqual(code, 0, said)
        device.wait_boot(version="1.1.0")

    def check_silence(self, chip, script):
        """Neither side hears of the other again: each has its own clock."""
        device, boot = self.boot_old(chip)
        with Relay(int(boot["ota"]), cut_at=SIZE // 2, cut="silence") as relay:
            running = self.start_script(script, relay.port)
            device.wait_line("^update failed .*nothing came for too long", STALL_S + 10)
            code, said = self.finish_script(running)
        self.assertNotEqual(code, 0, said)
        self.expect_old_and_ready(boot, device, script)

    def check_too_large(self, chip, script):
        device, boot = self.boot_old(chip)
        large = self.write("large.bin", os.urandom(SLOT_LEN + 1))
        code, said = self.push(script, boot["ota"], file=large)
        self.assertNotEqual(code, 0, said)
        self.assertIn("Not Enough Space", said)
        self.expect_old_and_ready(boot, device, script)

    def check_wrong_chip(self, chip, script):
        device, boot = self.boot_old(chip)
        foreign = self.image("foreign.bin", chip="esp32s3", version="1.1.0", size=SIZE)
        code, said = self.push(script, boot["ota"], file=foreign)
        self.assertNotEqual(code, 0, said)
        if shows_errors(script):
            self.assertIn("the image is for ESP32-S3", said)
        self.expect_old_and_ready(boot, device, script)

    def check_damaged(self, chip, script):
        """Found only when all has come, which is when hosts believe most."""
        device, boot = self.boot_old(chip)
        good = self.new
        self.new = self.image("damaged.bin", chip=chip, version="1.1.0", size=SIZE)
        self.damage(self.new)
        code, said = self.push(script, boot["ota"])
        self.assertNotEqual(code, 0, said)
        self.new = good
        self.expect_old_and_ready(boot, device, script)

    def check_two_at_once(self, chip, script):
        device, boot = self.boot_old(chip, extra=("--timing", "w25q"))
        first = self.start_script(script, boot["ota"])
        device.wait_line("^update start")
        code, said = self.push(script, boot["ota"])
        self.assertNotEqual(code, 0, said)
        self.assertRegex(said, "Update already running|another update is")
        code, said = self.finish_script(first)
        self.assertEqual(code, 0, said)
        device.wait_boot(version="1.1.0")

    def check_wrong_then_right_password(self, chip, script):
        device, boot = self.boot_old(chip, f"password: {PASSWORD}\n")
        code, said = self.push(script, boot["ota"], "-a", "wrong")
        self.assertNotEqual(code, 0, said)
        self.assertIn("Authentication Failed", said)
        code, said = self.push(script, boot["ota"], "-a", PASSWORD)
        self.assertEqual(code, 0, said)
        device.wait_boot(version="1.1.0")

    def check_md5_refused(self, chip, script):
        device, boot = self.boot_old(chip, f"password: {PASSWORD}\nrefuse_md5: true\n")
        code, said = self.push(script, boot["ota"], "-a", PASSWORD)
        if knows_sha256(script):
            self.assertEqual(code, 0, said)
            self.assertNotIn("MD5 protocol", said)
            device.wait_boot(version="1.1.0")
        else:
            self.assertNotEqual(code, 0, said)
            self.assertIn("MD5 is refused", said)
            self.assertEqual(self.status(boot)["version"], "1.0.0")

    def check_no_device(self, chip, script):
        self.new = self.image("new.bin", chip=chip, version="1.1.0", size=SIZE)
        started = time.monotonic()
        code, said = self.push(script, 9, *(["-t", "1"] if chip == "esp32" else []))
        self.assertNotEqual(code, 0, said)
        self.assertLess(time.monotonic() - started, LIMIT_S)

    def check_filesystem(self, chip, script):
        device, boot = self.boot_old(chip, table=FILESYSTEM)
        contents = os.urandom(0x40000)
        code, said = self.push(script, boot["ota"], "-s", file=self.write("storage.bin", contents))
        self.assertEqual(code, 0, said)
        device.wait_boot(version="1.0.0")
        with open(self.path("target.flash"), "rb") as flash:
            flash.seek(0x310000)
            self.assertEqual(flash.read(len(contents)), contents)

    def check_filesystem_without_a_place(self, chip, script):
        device, boot = self.boot_old(chip)
        code, said = self.push(script, boot["ota"], "-s", file=self.write("storage.bin", bytes(5000)))
        self.assertNotEqual(code, 0, said)
        self.expect_old_and_ready(boot, device, script)


CHECKS = {
    "is_cut_at_1_percent": lambda self, c, s: self.check_cut(c, s, 1),
    "is_cut_at_50_percent": lambda self, c, s: self.check_cut(c, s, 50),
    "is_cut_at_99_percent": lambda self, c, s: self.check_cut(c, s, 99),
    "is_cut_after_the_last_byte": Failures.check_cut_after_the_last_byte,
    "loses_the_network_half_way": Failures.check_silence,
    "is_told_that_the_image_is_too_large": Failures.check_too_large,
    "fails_with_an_image_for_another_chip": Failures.check_wrong_chip,
    "fails_with_a_damaged_image": Failures.check_damaged,
    "is_told_that_another_one_is_at_it": Failures.check_two_at_once,
    "fails_with_a_wrong_password_and_not_with_the_right_one":
        Failures.check_wrong_then_right_password,
    "uses_sha256_or_is_told_so": Failures.check_md5_refused,
    "gives_up_where_no_device_is": Failures.check_no_device,
    "writes_a_file_system": Failures.check_filesystem,
    "is_refused_a_file_system_without_a_place": Failures.check_filesystem_without_a_place,
}


def add_tests():
    found = different_scripts()
    if not found:
        Failures.test_espota = lambda self: self.skipTest("no espota.py of an Arduino core is here")
    for chip, script in found:
        for sentence, check in CHECKS.items():
            setattr(Failures, f"test_{name_of(script)}_{sentence}",
                    lambda self, c=chip, s=script, run=check: run(self, c, s))


add_tests()

if __name__ == "__main__":
    unittest.main()
