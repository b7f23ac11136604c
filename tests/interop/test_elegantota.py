"""ElegantOTA's upload script for PlatformIO, unmodified, updates a virtual device.

It is not part of this tree: UPDRAFT_ELEGANTOTA names a directory of platformio_upload.py, in any
versions and under any names (*.py). Without it, or without the Python modules that it needs, the
tests are skipped.
"""

import glob
import os
import re
import subprocess
import sys

from test_stock_clients import PASSWORD, SIZE, Stock


class Elegant(Stock):
    """ElegantOTA's upload script for PlatformIO, run as PlatformIO runs it."""

    STAND_IN = """
import sys
class Env(dict):
    def GetProjectOption(self, name):
        return dict(pair.split("=", 1) for pair in sys.argv[3:])[name]
    def Replace(self, UPLOADCMD):
        class Node(str):
            name = sys.argv[2].rsplit("/", 1)[-1]
        verdict = UPLOADCMD([Node(sys.argv[2])], [], self)
        sys.exit(verdict if verdict else 0)
env = Env()
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"),
     {"env": env, "Import": lambda name: None, "__name__": "SConscript"})
"""

    interpreter = None

    def push(self, script, boot, password=None):
        url = f"http://{boot['http']}/update"
        options = [f"custom_upload_url={url}", f"upload_url={url}"]
        if password:
            options += ["custom_username=admin", f"custom_password={password}"]
        return self.run_client(self.interpreter, "-c", self.STAND_IN, script, self.new, *options)

    def check_update(self, script, password=None):
        device, self.boot = self.boot_old("esp32", password)
        result = self.push(script, self.boot, password)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.expect_new(device)

    def check_refusal(self, script):
        device, self.boot = self.boot_old("esp32")
        self.new = self.image("other.bin", chip="esp32s3", version="1.1.0", size=SIZE)
        result = self.push(script, self.boot)
        self.assertIn("the image is for ESP32-S3", result.stdout + result.stderr)
        self.expect_old(device)

    def check_wrong_password(self, script):
        device, self.boot = self.boot_old("esp32", PASSWORD)
        result = self.push(script, self.boot, "wrong")
        self.assertIn("Authentication failed 401", result.stdout + result.stderr)
        self.expect_old(device)


def find_interpreter():
    """A Python that has what the script imports: this one, or else the system's."""
    for python in (sys.executable, "/usr/bin/python3"):
        probe = subprocess.run([python, "-c", "import requests, requests_toolbelt, tqdm"],
                               capture_output=True, check=False)
        if probe.returncode == 0:
            return python
    return None


def add_elegant_tests():
    directory = os.environ.get("UPDRAFT_ELEGANTOTA")
    found = sorted(glob.glob(f"{directory}/*.py")) if directory else []
    Elegant.interpreter = find_interpreter() if found else None
    if not Elegant.interpreter:
        def no_script(self):
            self.skipTest("the script needs the Python modules requests, requests_toolbelt and tqdm" if found else
                          "no platformio_upload.py of ElegantOTA is here; see the head of this file")
        Elegant.test_elegant_ota = no_script
        return
    for script in found:
        name = re.sub(r"\W", "_", os.path.basename(script).removesuffix(".py"))
        setattr(Elegant, f"test_{name}_updates_a_device", lambda self, s=script: self.check_update(s))
        with open(script, encoding="utf-8") as file:
            text = file.read()
        if "post" in text and "response.text" in text:
            setattr(Elegant, f"test_{name}_shows_the_refusal", lambda self, s=script: self.check_refusal(s))
        if "HTTPDigestAuth" in text:  # older ones know no password
            setattr(Elegant, f"test_{name}_updates_a_device_with_password",
                    lambda self, s=script: self.check_update(s, PASSWORD))
            setattr(Elegant, f"test_{name}_fails_with_a_wrong_password",
                    lambda self, s=script: self.check_wrong_password(s))


add_elegant_tests()
