"""updraft flash refused: what a device remembers of programs that failed on it, in its flash file."""

import hashlib
import os
import pathlib
import re
import unittest

import cli_case
import images
from device_case import DeviceCase


class RefusedTest(DeviceCase, cli_case.CliTest):
    def setUp(self):
        DeviceCase.setUp(self)
        self.file = pathlib.Path(self.path("garage.flash"))

    def fail_with(self, version):
        """Boots the device; a new image of that version crashes and is rolled back; stops the device."""
        device, boot = self.booted(extra=["--attempts", "1"])
        bad = images.make(version, behaviour="crash")
        self.assertEqual(self.post(boot, bad)[0], 200)
        device.wait_line(rf"^rolled back.* from={re.escape(version)}\b")
        self.assert_refused(self.post(boot, bad), 409, "failed_before")
        device.stop()
        return bad

    def elf_sha256(self, image):
        path = self.write("image.bin", image)
        return self.json("info", path)["elf_sha256"]

    def test_a_program_that_failed_is_shown_and_taken_back(self):
        bad = self.fail_with("1.1.0")
        before = self.file.read_bytes()
        refused = self.json("flash", "refused", self.file)["refused"]
        self.assertEqual(refused, [{"elf_sha256": self.elf_sha256(bad), "slot": "ota_1", "version": "1.1.0"}])
        text = self.ok("flash", "refused", self.file)
        for value in refused[0].values():
            self.assertIn(value, text)
        self.assertEqual(self.file.read_bytes(), before)

        self.assertEqual(self.json("flash", "refused", self.file, "--clear")["cleared"], refused)
        after = self.file.read_bytes()
        self.assertEqual([i for i in range(len(before)) if after[i] & ~before[i]], [])  # bits were cleared only
        changed = {i & ~0xFFF for i in range(len(before)) if after[i] != before[i]}
        self.assertLessEqual(changed, {0xD000, 0xE000})
        self.assertEqual(self.json("flash", "refused", self.file)["refused"], [])
        self.assertEqual(self.ok("flash", "refused", self.file), "no program is refused\n")
        device, boot = self.booted(extra=["--attempts", "1"])
        self.assertEqual(self.post(boot, bad)[0], 200)
        device.wait_line("^crash")

    def test_the_newest_stands_first_and_what_no_slot_holds_is_known_all_the_same(self):
        digests = [self.elf_sha256(self.fail_with(version)) for version in ("1.1.0", "1.2.0")]
        refused = self.json("flash", "refused", self.file)["refused"]
        self.assertEqual([row["elf_sha256"] for row in refused], digests[::-1])
        self.assertEqual(refused[0]["version"], "1.2.0")
        self.assertNotIn("slot", refused[1])

    def test_clearing_where_nothing_is_refused_leaves_the_file(self):
        device, _ = self.booted()
        device.stop()
        before = (hashlib.sha256(self.file.read_bytes()).digest(), os.stat(self.file).st_ino)
        self.assertEqual(self.json("flash", "refused", self.file, "--clear")["cleared"], [])
        self.assertEqual((hashlib.sha256(self.file.read_bytes()).digest(), os.stat(self.file).st_ino), before)

    def test_what_is_no_dump_of_a_device_with_a_boot_record_says_so(self):
        self.error(3, "flash", "refused", self.write("image.bin", self.old))
        self.assertEqual(self.error(2, "flash", "refused", "-", "--clear", stdin=b"")["code"], "usage")
        flash = bytearray(b"\xff" * 0x100000)
        table = self.write("one.csv", b"factory,app,factory,0x10000,0xf0000\n")
        binary = self.path("one.bin")
        self.ok("partitions", table, "-o", binary)
        flash[0x8000:0x8C00] = pathlib.Path(binary).read_bytes()[:0xC00]
        flash[0x10000:0x10000 + len(self.old)] = self.old
        self.assertEqual(self.error(1, "flash", "refused", self.write("one.flash", bytes(flash)))["code"],
                         "no_otadata")


if __name__ == "__main__":
    unittest.main()
