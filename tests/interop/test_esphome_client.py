"""ESPHome's own client, unmodified, updates a virtual device.

It is not part of this tree. It is run when the Python package `esphome` is installed, and from each
source tree of ESPHome that is named in

    UPDRAFT_ESPHOME_DIR    directories with esphome/espota2.py in them, joined by ':'

Without any of them the tests are skipped. What counts is the device, and what the client says.
"""

import json
import os
import re
import subprocess
import sys
import unittest

import harness

PASSWORD = "bms2024"
SIZE = 300000
# The newest versions return (status, address), older ones the status alone.
RUN = """
import logging, pathlib, sys
from esphome import const, espota2
logging.basicConfig(level=logging.INFO, format="%(message)s")
print("version", const.__version__, flush=True)
result = espota2.run_ota(sys.argv[1], int(sys.argv[2]), sys.argv[3], pathlib.Path(sys.argv[4]))
sys.exit(result[0] if isinstance(result, tuple) else result)
"""


def run(tree, *args):
    """The client's exit code and words."""
    environment = {**os.environ, "PYTHONPATH": tree} if tree else dict(os.environ)
    done = subprocess.run([sys.executable, "-c", RUN, *map(str, args)], env=environment, timeout=120,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def clients():
    """(name, source tree); a tree of None is the installed package."""
    found = []
    for tree in filter(None, os.environ.get("UPDRAFT_ESPHOME_DIR", "").split(":")):
        if not os.path.exists(os.path.join(tree, "esphome", "espota2.py")):
            raise SystemExit(f"UPDRAFT_ESPHOME_DIR: there is no esphome/espota2.py in {tree}")
        found.append((os.path.basename(os.path.abspath(tree)), tree))
    installed = subprocess.run([sys.executable, "-c", "import esphome.espota2"], check=False,
                               capture_output=True)
    if installed.returncode == 0:
        found.append(("installed", None))
    return found


class EsphomeClient(harness.Case):
    def boot(self, password=None, chip="esp32"):
        old = self.image("old.bin", chip=chip, version="1.0.0", size=SIZE)
        self.new = self.image("new.bin", chip=chip, version="1.1.0", size=SIZE)
        text = f"name: target\nchip: {chip}\nproduct: demo\nports: {{ota: 0, http: 0, esphome: 0}}\n"
        board = self.write("target.yaml", text + (f"password: {password}\n" if password else ""))
        self.target = self.start(harness.Device([
            harness.program("updraft-device"), "--flash", self.path("target.flash"), "--table",
            self.write("table.csv", harness.TWO_SLOTS), "--app", old, "--board", board]))
        self.fields = self.target.wait_boot(version="1.0.0")

    def push(self, tree, password="", image=None):
        return run(tree, "127.0.0.1", self.fields["esphome"], password, image or self.new)

    def status(self):
        return json.loads(harness.http("GET", f"http://{self.fields['http']}/status")[2])

    def check_update(self, tree, password, chip):
        self.boot(password, chip)
        status, words = self.push(tree, password or "")
        self.assertEqual(status, 0, words)
        self.assertIn("OTA successful", words)
        self.assertEqual("Compressed to" in words, chip == "esp8266", words)
        self.target.wait_boot(version="1.1.0", slot="ota_1")
        harness.wait_until("the new version is confirmed",
                           lambda: self.status()["state"] == "confirmed")

    def check_refusal(self, tree, said, password=None, given="", image=None):
        status, words = self.push(tree, given, image)
        self.assertEqual(status, 1, words)
        self.assertIn(said, words)
        self.assertEqual([line for line in self.target.lines if re.match("boot .*1.1.0", line)], [])
        self.assertEqual(self.status()["version"], "1.0.0")

    def check_wrong_password(self, tree):
        self.boot(PASSWORD)
        self.check_refusal(tree, "Authentication invalid", given="wrong")

    def check_wrong_chip(self, tree):
        self.boot()
        other = self.image("other.bin", chip="esp32s3", version="1.1.0", size=SIZE)
        self.check_refusal(tree, "wrong board", image=other)

    def check_too_large(self, tree):
        self.boot()
        large = self.image("large.bin", version="1.1.0", size=0x180000 + 4096)
        self.check_refusal(tree, "OTA partition on the ESP is too small", image=large)

    def check_no_image(self, tree):
        self.boot()
        self.check_refusal(tree, "Invalid magic byte", image=self.write("no.bin", "text" * 5000))

    def check_damaged(self, tree):
        self.boot()
        self.damage(self.new)
        self.check_refusal(tree, "Finishing update failed")

    def check_disabled(self, tree):
        self.boot()
        self.target.process.send_signal(harness.signal.SIGUSR2)
        self.target.wait_line("updates disabled")
        self.check_refusal(tree, "Couldn't prepare flash memory for update")


def add_tests():
    found = clients()
    if not found:
        def no_client(self):
            self.skipTest("ESPHome is not here; see the head of this file")
        EsphomeClient.test_esphome = no_client
    for name, tree in found:
        checks = {
            "updates_a_device": lambda s, t=tree: s.check_update(t, None, "esp32"),
            "updates_a_device_with_password": lambda s, t=tree: s.check_update(t, PASSWORD, "esp32"),
            "updates_an_esp8266_with_gzip": lambda s, t=tree: s.check_update(t, PASSWORD, "esp8266"),
            "is_told_of_a_wrong_password": lambda s, t=tree: s.check_wrong_password(t),
            "is_told_of_the_wrong_board": lambda s, t=tree: s.check_wrong_chip(t),
            "is_told_of_an_image_that_is_too_large": lambda s, t=tree: s.check_too_large(t),
            "is_told_of_a_file_that_is_no_image": lambda s, t=tree: s.check_no_image(t),
            "is_told_of_a_damaged_image": lambda s, t=tree: s.check_damaged(t),
            "is_told_that_updates_are_off": lambda s, t=tree: s.check_disabled(t),
        }
        for sentence, check in checks.items():
            setattr(EsphomeClient, f"test_{re.sub(r'[^0-9A-Za-z]', '_', name)}_{sentence}", check)


add_tests()

if __name__ == "__main__":
    unittest.main()
