"""The numbers in docs/SPEC.md are those of the headers."""

import glob
import os
import re
import unittest

import harness


def read(*names):
    with open(os.path.join(harness.ROOT, *names), encoding="utf-8") as file:
        return file.read()


def header_numbers():
    """Every `#define NAME number` and `NAME = number` of format/ and device/."""
    numbers = {}
    for room in ("format", "device/*"):
        for path in glob.glob(os.path.join(harness.ROOT, room, "*.h")):
            for name, number in re.findall(
                    r"(?:#define\s+|^\s+)(UPDRAFT_\w+)\s+(?:=\s*)?(0x[0-9A-Fa-f]+|\d+)u?\b",
                    read(path), re.MULTILINE):
                numbers[name] = int(number, 0)
    return numbers


def header_errors():
    """{number: (name, sentence)} of format/error.h."""
    table = read("format", "error.h").replace("\\\n", " ")
    text = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'
    errors = {}
    for number, name, sentence in re.findall(r'X\(\w+,\s*(\d+),\s*"(\w+)",\s*' + text, table):
        pieces = re.findall(r'"((?:[^"\\]|\\.)*)"', sentence)
        errors[int(number)] = (name, "".join(pieces).replace('\\"', '"'))
    return errors


def run_tests():
    """Every test that a program under tests/unit or tests/powercut runs, where the build knows the program."""
    names = set()
    for room in ("unit", "powercut"):
        build = read("tests", room, "meson.build")
        for path in glob.glob(os.path.join(harness.ROOT, "tests", room, "test_*.c")):
            module = os.path.basename(path)[len("test_"):-len(".c")]
            if re.search(rf"'(?:test_)?{re.escape(module.removeprefix('server_'))}(?:\.c)?'", build):
                source = read(path)
                names.update(name for name in re.findall(r"cmocka_unit_test\w*\((\w+)", source)
                             if re.search(rf"^static void {name}\(void \*\*state\)", source, re.MULTILINE))
    return names


class Spec(unittest.TestCase):
    def test_every_defined_outcome_has_tests_that_run(self):
        section = read("docs", "SPEC.md").split("## 3c. Defined outcomes")[1].split("\n## ")[0]
        rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")][1:]
        known = run_tests()
        self.assertGreater(len(rows), 10)
        self.assertGreater(len(known), 200)
        for row in rows:
            with self.subTest(row[0].strip()):
                self.assertEqual(len(row), 3)
                self.assertTrue(row[1].strip())
                tests = re.findall(r"`(\w+)`", row[2])
                self.assertTrue(tests, "the row names no test")
                self.assertEqual([name for name in tests if name not in known], [])

    def test_every_named_number_is_the_one_of_the_headers(self):
        numbers = header_numbers()
        rows = re.findall(r"^\| `(UPDRAFT_\w+)` \| (0x[0-9A-F]+|\d+) \|", read("docs", "SPEC.md"),
                          re.MULTILINE)
        self.assertGreater(len(rows), 20)
        for name, number in rows:
            with self.subTest(name):
                self.assertIn(name, numbers)
                self.assertEqual(numbers[name], int(number, 0))

    def test_the_error_table_is_the_one_of_the_header(self):
        rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.*) \|$", read("docs", "SPEC.md"), re.MULTILINE)
        written = {int(number): (name, sentence) for number, name, sentence in rows}
        self.assertEqual(len(written), len(rows), "a number stands twice")
        self.assertEqual(written, header_errors())

    def test_every_error_of_the_header_was_read(self):
        constants = re.findall(r"^\s*X\((?:OK|E_\w+),", read("format", "error.h"), re.MULTILINE)
        self.assertEqual(len(header_errors()), len(constants))
