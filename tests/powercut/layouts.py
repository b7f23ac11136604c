#!/usr/bin/env python3
"""The power-cut tests of the layouts that the campaign does not know: runs them, counts their cases.

Usage: layouts.py BUILD-DIRECTORY   (after: ninja -C BUILD-DIRECTORY)
Prints one row for each test program, as the campaign does. Exit status 1 when a test failed.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

PROGRAMS = {
    "staged copy behind the running image": "test_powercut_staged",
    "from an old SDK's layout to the new": "test_powercut_migrate",
    "what failed, and its last lines": "test_powercut_notes",
}
QUIET = re.compile(r"^(# |\[ RUN |\[       OK |\[=====|$)")
CASES = re.compile(r"^# (?:(\d+) operations, )?(\d+) cases", re.M)


def run(program):
    start = time.monotonic()
    env = {**os.environ, "CMOCKA_MESSAGE_OUTPUT": "STDOUT"}
    result = subprocess.run([program], capture_output=True, text=True, env=env, check=False)
    return result, time.monotonic() - start


def main(build):
    programs = {title: pathlib.Path(build) / "tests" / "powercut" / name for title, name in PROGRAMS.items()}
    all_passed = True
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = {title: pool.submit(run, program) for title, program in programs.items()}
        for title, future in runs.items():
            result, seconds = future.result()
            output = result.stdout + result.stderr
            counts = CASES.findall(output)
            operations = sum(int(o) for o, _ in counts if o)
            cases = sum(int(c) for _, c in counts)
            failed = len(re.findall(r"^\[  FAILED  \] \w+$", output, re.M))
            passed = result.returncode == 0 and cases > 0
            print(f"{title:<38} {operations or '':>10} {cases:>9} {failed or (0 if passed else 1):>9} {seconds:>8.1f}",
                  flush=True)
            if not passed:
                print("\n".join("    " + line for line in output.splitlines() if not QUIET.match(line)))
            all_passed = all_passed and passed
    return 0 if all_passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
