#!/usr/bin/env python3
"""Does the campaign find bugs? Runs it on devices with one planted bug each, and on a sound one.

Usage: hunt.py BUILD-DIRECTORY   (after: ninja -C BUILD-DIRECTORY powercut_bugs)
Each bugs/NAME.patch says in its first line what it breaks. Exit status 1 when a bug was not found, or
when the sound device failed: then no failure means anything.
"""
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROW = re.compile(r"^(\S.*?) +(\d+) +(\d+) +(\d+) +([\d.]+)$")


def campaign(program):
    """Parts as (title, cases, failures, first failure), and whether the campaign passed."""
    result = subprocess.run([program, "--quick"], capture_output=True, text=True)
    if result.returncode not in (0, 1):
        raise RuntimeError(f"{program} ended with {result.returncode}: {result.stderr.strip()}")
    parts = []
    for line in result.stdout.splitlines():
        row = ROW.match(line)
        if row and row[1] != "all":
            parts.append([row[1], int(row[3]), int(row[4]), ""])
        elif line.startswith("    ") and parts and not parts[-1][3]:
            parts[-1][3] = line.strip()
    return parts, result.returncode == 0


def report(name, what, parts):
    cases = sum(part[1] for part in parts)
    failures = sum(part[2] for part in parts)
    finders = [part for part in parts if part[2]]
    print(f"{name:<18} {cases:>6} {failures:>8}  {what}")
    for title, _, count, first in finders[:1]:
        more = f", and {len(finders) - 1} parts more" if len(finders) > 1 else ""
        print(f"{'':<18} {'':>6} {'':>8}  by \"{title}\"{more}; {first}")
    sys.stdout.flush()


def main(build):
    programs = pathlib.Path(build) / "tests" / "powercut"
    patches = sorted((HERE / "bugs").glob("*.patch"))
    found = 0
    print(f"{'planted bug':<18} {'cases':>6} {'failures':>8}")
    for patch in patches:
        parts, passed = campaign(programs / f"powercut_bug_{patch.stem}")
        report(patch.stem, patch.read_text().splitlines()[0], parts)
        found += not passed
    parts, sound = campaign(programs / "powercut_campaign")
    report("none", "The device as it is.", parts)
    print(f"\n{len(patches)} bugs planted, {found} found; bar: 5, and nothing found without one")
    if not sound:
        print("The campaign fails on the device as it is, so its failures prove nothing.")
    return 0 if sound and found == len(patches) >= 5 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
