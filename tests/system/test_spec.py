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


class Spec(unittest.TestCase):
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
