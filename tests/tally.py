"""Runs or reads a suite and ends with one line "PASSED FAILED SKIPPED", counted in single tests.

    tally.py meson TESTLOG.JSON              what Meson wrote about its last test run
    tally.py unittest DIRECTORY [NAME ...]   runs DIRECTORY/test_*.py, or those named

Only the last line is for machines; everything before it is for people.
"""

import concurrent.futures
import importlib
import json
import os
import re
import subprocess
import sys
import unittest


def meson(path):
    """Counts the TAP lines of each test program. A program that crashed, timed out or ran fewer
    tests than it planned is one failure more, whatever its lines say."""
    passed = failed = skipped = 0
    try:
        with open(path, encoding="utf-8") as log:
            programs = [json.loads(line) for line in log]
    except FileNotFoundError:
        print("Meson ran no test")
        return 0, 1, 0
    for program in programs:
        good = bad = left_out = 0
        output = program.get("stdout", "")
        for verdict, directive in re.findall(r"^(ok|not ok) \d+(?: -)? ?(# SKIP)?", output, re.MULTILINE):
            if directive:
                left_out += 1  # cmocka 1.1 writes "not ok N # SKIP"
            elif verdict == "ok":
                good += 1
            else:
                bad += 1
        planned = sum(int(count) for count in re.findall(r"^1\.\.(\d+)", output, re.MULTILINE))
        # Meson takes "not ok N # SKIP" for a failure; the exit status does not.
        ended_well = program["result"] == "OK" or left_out > 0 and program.get("returncode") == 0
        if bad == 0 and (not ended_well or planned == 0 or good + left_out != planned):
            print(f"{program['name']}: {program['result']}, planned {planned}, passed {good}")
            bad = 1
        passed += good
        failed += bad
        skipped += left_out
    return passed, failed, skipped


class Lines(unittest.TextTestResult):
    """Counts what unittest itself only lists when it goes wrong."""

    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.passed += 1


def run_unittests(directory, names):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "system"))
    sys.path.insert(0, os.path.abspath(directory))
    loader = unittest.TestLoader()
    if names:
        suite = unittest.TestSuite(
            loader.loadTestsFromModule(importlib.import_module("test_" + name)) for name in names)
    else:
        suite = loader.discover(directory, pattern="test_*.py")
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Lines)
    result = runner.run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    return result.passed, failed, len(result.skipped)


def test_names(directory):
    """The long ones first, so that none is left running alone at the end."""
    files = [entry for entry in os.scandir(directory) if re.fullmatch(r"test_\w+\.py", entry.name)]
    files.sort(key=lambda entry: -entry.stat().st_size)
    return [entry.name[len("test_"):-len(".py")] for entry in files]


def run_file(directory, name):
    """One file in a process of its own. If that ends without its counts, it is one failure."""
    done = subprocess.run([sys.executable, os.path.abspath(__file__), "unittest", directory, name],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    output, _, last = done.stdout.rstrip("\n").rpartition("\n")
    if not re.fullmatch(r"\d+ \d+ \d+", last):
        return done.stdout, (0, 1, 0)
    return output, tuple(int(count) for count in last.split())


def run_files(directory, names):
    """More files at a time than there are processors: most tests wait for a device to restart or for a clock."""
    files = names or test_names(directory)
    if len(files) < 2:
        return run_unittests(directory, names)
    total = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(max_workers=6 * (os.cpu_count() or 1)) as pool:
        for output, counts in pool.map(lambda name: run_file(directory, name), files):
            print(output, flush=True)
            total = [a + b for a, b in zip(total, counts)]
    return total


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "meson":
        counts = meson(sys.argv[2])
    elif len(sys.argv) >= 3 and sys.argv[1] == "unittest":
        counts = run_files(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(__doc__)
    sys.stdout.flush()
    print(*counts)
    sys.exit(0 if counts[1] == 0 and counts[0] + counts[2] > 0 else 1)


if __name__ == "__main__":
    main()
