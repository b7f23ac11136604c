"""What counts the tests must itself notice when they crash, hang, or do not run."""

import json
import os
import subprocess
import sys

import harness

TALLY = os.path.join(harness.ROOT, "tests", "tally.py")


class Tally(harness.Case):
    def last_line(self, *args):
        result = subprocess.run([sys.executable, TALLY, *args], capture_output=True, text=True,
                                check=False)
        return result.stdout.splitlines()[-1], result.returncode

    def meson(self, **program):
        path = self.write("testlog.json", json.dumps({"name": "it", "stdout": "", **program}) + "\n")
        return self.last_line("meson", path)

    def test_tap_lines_are_counted_one_by_one(self):
        tap = "1..4\nok 1 - a\nnot ok 2 - b\nok 3 # SKIP c\nok 4 - d\n"
        self.assertEqual(self.meson(result="FAIL", stdout=tap, returncode=1), ("2 1 1", 1))

    def test_a_test_that_cmocka_skipped_is_no_failure(self):
        tap = "1..2\nok 1 - a\nnot ok 2 # SKIP b\n"
        self.assertEqual(self.meson(result="FAIL", stdout=tap, returncode=0), ("1 0 1", 0))

    def test_a_crash_at_the_end_is_a_failure_though_a_test_was_skipped(self):
        tap = "1..2\nok 1 - a\nnot ok 2 # SKIP b\n"
        self.assertEqual(self.meson(result="FAIL", stdout=tap, returncode=-11), ("1 1 1", 1))

    def test_a_clean_run_passes(self):
        self.assertEqual(self.meson(result="OK", stdout="1..2\nok 1 - a\nok 2 - b\n"), ("2 0 0", 0))

    def test_a_timeout_is_a_failure_though_all_lines_so_far_are_good(self):
        self.assertEqual(self.meson(result="TIMEOUT", stdout="1..3\nok 1 - a\n"), ("1 1 0", 1))

    def test_a_crash_before_the_first_line_is_a_failure(self):
        self.assertEqual(self.meson(result="ERROR"), ("0 1 0", 1))

    def test_fewer_tests_than_planned_are_a_failure(self):
        self.assertEqual(self.meson(result="OK", stdout="1..2\nok 1 - a\n"), ("1 1 0", 1))

    def test_a_program_that_tests_nothing_is_a_failure(self):
        self.assertEqual(self.meson(result="OK"), ("0 1 0", 1))

    def test_unittests_are_counted_with_their_skips(self):
        self.write("test_it.py", "import unittest\n"
                                 "class It(unittest.TestCase):\n"
                                 "    def test_a(self): pass\n"
                                 "    def test_b(self): self.fail('b')\n"
                                 "    def test_c(self): self.skipTest('c')\n")
        self.assertEqual(self.last_line("unittest", self.directory), ("1 1 1", 1))

    def test_a_directory_without_tests_is_a_failure(self):
        self.assertEqual(self.last_line("unittest", self.directory), ("0 0 0", 1))

    def test_a_test_file_that_cannot_be_read_is_a_failure(self):
        self.write("test_it.py", "this is no Python\n")
        self.assertEqual(self.last_line("unittest", self.directory), ("0 1 0", 1))
