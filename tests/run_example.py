#!/usr/bin/env python3
"""Runs examples/firmware.c on images made by updraft, as docs/PORTING.md says it works; prints TAP.

Usage: run_example.py FIRMWARE-EXAMPLE UPDRAFT
"""
import os
import subprocess
import sys
import tempfile

TABLE = """otadata, data, ota,   0xd000,   0x2000
ota_0,   app,  ota_0, 0x10000,  0x100000
ota_1,   app,  ota_1, 0x110000, 0x100000
"""


def main(example, updraft):
    with tempfile.TemporaryDirectory() as folder:
        path = {name: os.path.join(folder, name) for name in ("table.csv", "table.bin", "old.bin", "new.bin", "other.bin", "new.bin.gz")}

        def make(*args):
            subprocess.run([updraft, *args], check=True, capture_output=True)

        def image(name, version, chip="esp32"):
            make("image", "make", "-o", path[name], "--chip", chip, "--version", version,
                 "--project", "example", "--size", "300000")

        def run(new, *how):
            return subprocess.run([example, path["table.bin"], path["old.bin"], path[new], *how],
                                  capture_output=True, text=True, timeout=60)

        with open(path["table.csv"], "w", encoding="utf-8") as table:
            table.write(TABLE)
        make("partitions", path["table.csv"], "-o", path["table.bin"])
        image("old.bin", "1.0.0")
        image("new.bin", "1.1.0")
        image("other.bin", "1.1.0", chip="esp32s3")
        with open(path["new.bin.gz"], "wb") as packed:
            packed.write(subprocess.run(["gzip", "-c", path["new.bin"]], check=True, capture_output=True).stdout)
        updated = run("new.bin")
        packed = run("new.bin.gz")
        refused = run("other.bin")
        crashed = run("new.bin", "crash")
    whys = [line for line in updated.stdout.splitlines() if line.startswith("boots")]
    boots = [line.split(":")[0] for line in updated.stdout.splitlines() if line.startswith("boots")]
    checks = [
        ("the example updates, restarts and stays", updated.returncode == 0 and boots == ["boots ota_0", "boots ota_1", "boots ota_1"]),
        ("its first boot after the update is a trial, its second is not",
         "on trial" in whys[-2] and "on trial" not in whys[-1]),
        ("it reaches its safe state before the restart, and only then",
         updated.stdout.count("outputs are off") == 1 and "bytes in flash\noutputs are off\nboots ota_1" in updated.stdout),
        ("it takes gzip", packed.returncode == 0 and "boots ota_1" in packed.stdout),
        ("it refuses another chip and says why", refused.returncode == 1 and "ESP32-S3" in refused.stdout and "boots ota_1" not in refused.stdout),
        ("an image that panics is rolled back, and its last lines are told",
         crashed.returncode == 0 and crashed.stdout.count("boots ota_1") == 3
         and "ota_1 was rolled back, reason 1, after 3 crashes\nthe application has started\nLoadProhibited\n" in crashed.stdout
         and crashed.stdout.splitlines()[-1].startswith("boots ota_0")),
    ]
    print(f"1..{len(checks)}")
    for number, (what, ok) in enumerate(checks, 1):
        print(f"{'ok' if ok else 'not ok'} {number} - {what}")
    if not all(ok for _, ok in checks):
        print("# " + repr((updated, packed, refused, crashed)))
    return 0 if all(ok for _, ok in checks) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
