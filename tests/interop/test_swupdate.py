"""Debian's SWUpdate, unmodified, takes its updates from updraftd as from hawkBit.

It installs one file of a signed package into the test's directory, with its handler for files. A
restart of the device is a restart of SWUpdate: what the new system would bring, its version in
`identify` and the verdict of its boot loader, comes by configuration and by --confirm. Skipped where
swupdate, openssl or cpio are absent.
"""

import hashlib
import os
import shutil
import subprocess
import unittest

import harness
from server_case import ServerCase

AGAIN, SUCCESS, FAILED = "1", "2", "3"

DESCRIPTION = """\
software = {{
    version = "{version}";
    hardware-compatibility: [ "1.0" ];
    files: ( {{ filename = "payload"; path = "{target}"; type = "rawfile"; sha256 = "{digest}"; }} );
}}
"""


def setUpModule():
    for tool in ("swupdate", "openssl", "cpio"):
        if not shutil.which(tool):
            raise unittest.SkipTest(f"{tool} is not installed")


class SwupdateCase(ServerCase):
    def setUp(self):
        super().setUp()
        self.target = self.path("installed")
        os.mkdir(self.path("run"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=test", "-addext", "extendedKeyUsage=emailProtection",
                        "-keyout", self.path("key.pem"), "-out", self.path("cert.pem")],
                       check=True, capture_output=True, timeout=60)

    def publish_package(self, version, digest=None):
        """A package that installs its version as the target's content."""
        folder = self.path("package-" + version)
        os.mkdir(folder)
        payload = self.write(os.path.join(folder, "payload"), version)
        with open(payload, "rb") as file:
            digest = digest or hashlib.sha256(file.read()).hexdigest()
        self.write(os.path.join(folder, "sw-description"), DESCRIPTION.format(
            version=version, target=self.target, digest=digest))
        subprocess.run(["openssl", "cms", "-sign", "-in", "sw-description", "-out",
                        "sw-description.sig", "-signer", self.path("cert.pem"), "-inkey",
                        self.path("key.pem"), "-outform", "DER", "-nosmimecap", "-binary"],
                       cwd=folder, check=True, capture_output=True, timeout=60)
        names = b"sw-description\nsw-description.sig\npayload\n"
        packed = subprocess.run(["cpio", "-o", "-H", "crc"], input=names, cwd=folder, check=True,
                                capture_output=True, timeout=60).stdout
        self.cli("publish", self.write(f"gateway-{version}.swu", packed), "--channel", "stable",
                 "--product", "gateway", "--version", version, "--server", self.server.url,
                 "--token", self.server.token)

    def start_swupdate(self, version, confirm=None):
        identify = f'identify : ( {{ name = "version"; value = "{version}"; }} );\n'
        configuration = self.write("swupdate.cfg", "globals : { verbose = true; loglevel = 4; };\n" +
                                   (identify if version else ""))
        suricatta = f"-u {self.server.url}/d/ddi -t gateway -i box-1"
        if confirm:
            suricatta += " -c " + confirm
        process = harness.Process(
            ["env", "TMPDIR=" + self.path("run"), "swupdate", "-f", configuration, "-H", "box:1.0",
             "-k", self.path("cert.pem"), "-u", suricatta])
        return self.start(process)

    def attempts(self):
        return self.server.api("GET", "/api/v1/attempts?device=box-1")[1]["attempts"]

    def wait_state(self, state, process):
        def look():
            attempts = self.attempts() if self.list("devices") else []
            return attempts[0] if attempts and attempts[0]["state"] == state else None
        try:
            return harness.wait_until(f"an attempt that is {state}", look, 60)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{process.output()}") from None

    def install(self):
        """Up to the restart into 1.1; gives the running swupdate."""
        self.publish_package("1.1")
        process = self.start_swupdate("1.0")
        self.wait_state("downloading", process)
        process.wait_line("Update successful")
        with open(self.target, encoding="ascii") as file:
            self.assertEqual(file.read(), "1.1")
        attempt = self.wait_state("downloading", process)
        self.assertEqual((attempt["from"], attempt["to"], attempt["via"], attempt["progress"]),
                         ("1.0", "1.1", "ddi", 100))
        process.stop()


class Swupdate(SwupdateCase):
    def test_a_good_update_is_confirmed_once_the_new_version_is_told(self):
        self.install()
        # The new system says that it is well, but not what it is: installed, no more.
        process = self.start_swupdate(None, SUCCESS)
        self.wait_state("written", process)
        process.stop()
        process = self.start_swupdate("1.1")
        self.wait_state("confirmed", process)
        process.stop()
        self.assertEqual(len(self.attempts()), 1)
        device, = self.list("devices")
        self.assertEqual((device["version"], device["confirmed"]), ("1.1", True))

    def test_an_update_that_did_not_boot_is_failed(self):
        self.install()
        process = self.start_swupdate("1.0", FAILED)
        # The next poll, which comes at once, may have begun the second try.
        harness.wait_until("the verdict", lambda: self.attempts()[-1]["state"] == "failed", 60)
        process.stop()
        self.assertEqual(self.attempts()[-1]["error"]["text"], "Update Failed.")
        device, = self.list("devices")
        self.assertEqual(device["version"], "1.0")

    def test_a_damaged_package_fails_twice_and_is_not_offered_again(self):
        self.publish_package("1.2", digest="0" * 64)
        process = self.start_swupdate("1.0")

        def both():
            attempts = self.attempts() if self.list("devices") else []
            return len(attempts) == 2 and attempts[0]["state"] == "failed"
        harness.wait_until("two attempts that failed", both, 90)
        process.stop()
        process = self.start_swupdate("1.0")
        process.wait_line("No pending action on server|Server initialized")
        process.stop()
        attempts = self.attempts()
        self.assertEqual([a["error"]["name"] for a in attempts], ["installer_failed"] * 2)
        self.assertFalse(os.path.exists(self.target))
        # The repaired one is.
        self.publish_package("1.3")
        process = self.start_swupdate("1.0")
        process.wait_line("Update successful", 60)
        self.assertEqual(self.attempts()[0]["to"], "1.3")
        process.stop()


if __name__ == "__main__":
    unittest.main()
