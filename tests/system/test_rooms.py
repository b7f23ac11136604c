"""The rooms of docs/DESIGN.md: includes point one way, and what a firmware links stays small.

The second half looks at the object files of the build without sanitizers, which add symbols and data
of their own."""

import glob
import os
import re
import subprocess
import unittest

import harness

# A room may include itself and these.
MAY_INCLUDE = {
    "format": set(),
    "device": {"format"},
    "boot": {"format", "device"},
    "ports": {"format", "device", "boot"},
    "server": {"format"},
    "cli": {"format", "device", "boot"},
}
ROOMS = set(MAY_INCLUDE)
# The boot stage knows the flash and the slots, and nothing of updates.
BOOT_DEVICE = ("device/flash/", "device/slots/")
# The tool looks at flashes with the code that updates them, and hashes with the host's library.
CLI_PORTS = ("ports/psa/", "ports/posix/nor.h")

# Besides what a freestanding compiler has: memory and text, and two parsers without allocation.
FREESTANDING_HEADERS = {"limits.h", "stdbool.h", "stddef.h", "stdint.h",
                        "string.h", "zlib.h", "jsmn.h"}
# What the device libraries may leave to the platform: plain memory and text, and the inflater.
PLATFORM_SYMBOLS = re.compile(
    r"mem(cpy|set|cmp|move|chr)|str(n?cmp|n?len|chr)|inflate\w*"
    r"|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_")
LIBRARIES = ("format/libupdraft_format.a", "device/libupdraft_device.a", "boot/libupdraft_boot.a")


def includes(room):
    """(file, what it includes) for every include of a room's sources."""
    for path in glob.glob(os.path.join(harness.ROOT, room, "**", "*.[ch]"), recursive=True):
        with open(path, encoding="utf-8") as file:
            for kind, name in re.findall(r'^#include ([<"])([^>"]+)', file.read(), re.MULTILINE):
                yield os.path.relpath(path, harness.ROOT), kind, name


class Includes(unittest.TestCase):
    def test_rooms_include_only_those_below_them(self):
        seen = 0
        for room, allowed in MAY_INCLUDE.items():
            for path, kind, name in includes(room):
                other = name.split("/")[0]
                if kind != '"' or other not in ROOMS or other == room:
                    continue
                seen += 1
                if room == "cli" and name.startswith(CLI_PORTS):
                    continue
                self.assertIn(other, allowed, f"{path} includes {name}")
                if room == "boot" and other == "device":
                    self.assertTrue(name.startswith(BOOT_DEVICE), f"{path} includes {name}")
        self.assertGreater(seen, 50)

    def test_device_code_includes_only_freestanding_headers(self):
        for room in ("format", "device", "boot"):
            for path, kind, name in includes(room):
                if kind == "<":
                    self.assertIn(name, FREESTANDING_HEADERS, path)


class Libraries(unittest.TestCase):
    def setUp(self):
        self.paths = [os.path.join(harness.ROOT, "build", name) for name in LIBRARIES]
        for path in self.paths:
            if not os.path.exists(path):
                self.skipTest(f"{path} was not built")

    def symbols(self, *options):
        output = subprocess.run(["nm", "--format=posix", *options, *self.paths], check=True,
                                capture_output=True, text=True).stdout
        return {line.split()[0] for line in output.splitlines() if len(line.split()) > 1}

    def test_device_libraries_ask_little_of_the_platform(self):
        missing = self.symbols("--undefined-only") - self.symbols("--defined-only")
        # The port brings the digests; everything else is memory, text and the inflater.
        left = {name for name in missing
                if not PLATFORM_SYMBOLS.fullmatch(name) and not name.startswith("updraft_digest_")}
        self.assertEqual(left, set())

    def test_device_libraries_have_no_variables_of_their_own(self):
        output = subprocess.run(["size", "--format=sysv", *self.paths], check=True,
                                capture_output=True, text=True).stdout
        sections = re.findall(r"^\.(data|bss|tdata|tbss)\s+(\d+)", output, re.MULTILINE)
        self.assertGreater(len(sections), 10)
        self.assertEqual([section for section in sections if section[1] != "0"], [])
