"""Stock clients, unmodified, update a virtual device.

curl is used when it is installed. The espota.py scripts of the Arduino cores are not part of this
tree; they are taken from

    UPDRAFT_ESPOTA_DIR     a directory of esp8266*.py and esp32*.py
    UPDRAFT_ESPOTA_8266    one script of the ESP8266 core
    UPDRAFT_ESPOTA_ESP32   one script of the ESP32 core

Without them their tests are skipped. Some stock scripts exit with 0 after a failure, so what counts
is always the device: which version does it run, and is it confirmed?
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

import harness
from espota_scripts import free_port, name_of, scripts

PASSWORD = "bms2024"
SIZE = 300000


class Stock(harness.Case):
    def boot_old(self, chip, password=None):
        """A device that runs 1.0.0, and its boot line."""
        old = self.image("old.bin", chip=chip, version="1.0.0", size=SIZE)
        self.new = self.image("new.bin", chip=chip, version="1.1.0", size=SIZE)
        board = f"password: {password}\n" if password else ""
        device = self.device("target", app=old, chip=chip, board=board)
        return device, device.wait_boot(version="1.0.0")

    def expect_new(self, device):
        boot = device.wait_boot(version="1.1.0", slot="ota_1")
        harness.wait_until("the new version is confirmed", lambda: self.runs(boot, "1.1.0"))

    def runs(self, boot, version):
        """The device says that it runs this version, for good."""
        _, _, body = harness.http("GET", f"http://{boot['http']}/status")
        status = json.loads(body)
        return status["version"] == version and status["state"] == "confirmed"

    def expect_old(self, device):
        self.assertEqual([boot for boot in device.lines if re.match("boot .*version=1.1.0", boot)], [])
        self.assertTrue(self.runs(self.boot, "1.0.0"))

    def run_client(self, *args):
        return subprocess.run([str(arg) for arg in args], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", timeout=90,
                              check=False)


class Curl(Stock):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("curl"):
            raise unittest.SkipTest("curl is not installed")

    def upload(self, boot, *args):
        return self.run_client("curl", "-sS", "--max-time", "60", *args,
                               f"http://{boot['http']}/update")

    def test_a_form_updates_the_device(self):
        device, self.boot = self.boot_old("esp32")
        answer = self.upload(self.boot, "-F", f"firmware=@{self.new}")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("Update Success!", answer.stdout)
        self.expect_new(device)

    def test_a_raw_body_updates_the_device(self):
        device, self.boot = self.boot_old("esp32")
        answer = self.upload(self.boot, "-f", "-H", "Content-Type: application/octet-stream",
                             "--data-binary", f"@{self.new}")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.expect_new(device)

    def test_a_form_with_the_password_updates_the_device(self):
        device, self.boot = self.boot_old("esp32", PASSWORD)
        answer = self.upload(self.boot, "-u", f"admin:{PASSWORD}", "-F", f"firmware=@{self.new}")
        self.assertIn("Update Success!", answer.stdout)
        self.expect_new(device)

    def check_digest(self, *args):
        device, self.boot = self.boot_old("esp32", PASSWORD)
        answer = self.upload(self.boot, "-u", f"admin:{PASSWORD}", "-v", *args)
        self.assertIn("Authorization: Digest", answer.stderr)
        self.assertNotIn("Authorization: Basic", answer.stderr)
        self.expect_new(device)

    def test_a_form_with_digest_updates_the_device(self):
        self.check_digest("--digest", "-F", f"firmware=@{self.path('new.bin')}")

    def test_a_raw_body_with_digest_updates_the_device(self):
        self.check_digest("--digest", "--data-binary", f"@{self.path('new.bin')}")

    def test_any_authentication_is_digest(self):
        self.check_digest("--anyauth", "-F", f"firmware=@{self.path('new.bin')}")

    def test_the_recipe_for_elegant_ota_3_updates_the_device(self):
        device, self.boot = self.boot_old("esp32", PASSWORD)
        with open(self.new, "rb") as file:
            md5 = hashlib.md5(file.read()).hexdigest()
        url = f"http://{self.boot['http']}/ota"
        sign_in = ("--anyauth", "-u", f"admin:{PASSWORD}")
        start = self.run_client("curl", "-sS", "-f", *sign_in, f"{url}/start?mode=fr&hash={md5}")
        self.assertEqual(start.stdout, "OK", start.stderr)
        done = self.run_client("curl", "-sS", "-f", *sign_in, "-F", f"file=@{self.new}", f"{url}/upload")
        self.assertEqual(done.stdout, "OK", done.stderr)
        self.expect_new(device)

    def test_a_form_with_a_wrong_password_changes_nothing(self):
        device, self.boot = self.boot_old("esp32", PASSWORD)
        answer = self.upload(self.boot, "-u", "admin:wrong", "-w", "%{http_code}", "-o", os.devnull,
                             "-F", f"firmware=@{self.new}")
        self.assertEqual(answer.stdout, "401")
        self.expect_old(device)

    def test_a_form_with_a_damaged_image_changes_nothing(self):
        device, self.boot = self.boot_old("esp32")
        self.damage(self.new)
        answer = self.upload(self.boot, "-F", f"firmware=@{self.new}")
        self.assertIn("Update error", answer.stdout)
        self.expect_old(device)


class Espota(Stock):
    def push(self, script, boot, *args):
        return self.run_client(sys.executable, script, "-i", "127.0.0.1", "-p", boot["ota"],
                               "-P", free_port(), "-f", self.new, *args)

    def check_update(self, chip, script, password):
        device, self.boot = self.boot_old(chip, password)
        result = self.push(script, self.boot, *(["-a", password] if password else []))
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.expect_new(device)

    def check_wrong_password(self, chip, script):
        device, self.boot = self.boot_old(chip, PASSWORD)
        result = self.push(script, self.boot, "-a", "wrong")
        self.assertNotEqual(result.returncode, 0, result.stdout + result.stderr)
        self.expect_old(device)

    def check_wrong_chip(self, chip, script):
        """Refused before the first erase."""
        device, self.boot = self.boot_old(chip)
        self.new = self.image("other.bin", chip="esp32s3", version="1.1.0", size=SIZE)
        result = self.push(script, self.boot)
        self.assertNotEqual(result.returncode, 0, result.stdout + result.stderr)
        self.expect_old(device)


def add_espota_tests():
    found = scripts()
    if not found:
        def no_script(self):
            self.skipTest("no espota.py of an Arduino core is here; see the head of this file")
        Espota.test_espota = no_script
    for chip, script in found:
        name = name_of(script)
        checks = {
            "updates_a_device": lambda self, c=chip, s=script: self.check_update(c, s, None),
            "updates_a_device_with_password":
                lambda self, c=chip, s=script: self.check_update(c, s, PASSWORD),
            "fails_with_a_wrong_password":
                lambda self, c=chip, s=script: self.check_wrong_password(c, s),
            "with_an_image_for_another_chip_changes_nothing":
                lambda self, c=chip, s=script: self.check_wrong_chip(c, s),
        }
        for sentence, check in checks.items():
            setattr(Espota, f"test_{name}_{sentence}", check)


add_espota_tests()
