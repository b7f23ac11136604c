#!/usr/bin/env python3
"""espota side by side: the stock scripts and `updraft push`, 1.5 MB to updraft-device.

Usage: espota.py   (the programs in $UPDRAFT_BIN, default bin/; the scripts in $UPDRAFT_ESPOTA_DIR)

Both go through the same relay, without delay and with a round trip of 20 ms; the flash takes as long as a
W25Q, or no time. Wall seconds from the start of the program to its end: with OK for the scripts, for updraft
with --no-wait, its first look at the device included. The ratio is ours to the script's. Exit status 1 when
updraft is not the faster one where the link decides, that is with the round trip; skipped without scripts.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "system"), str(ROOT / "tests" / "interop")]
import espota_relay  # noqa: E402  (found by the line above)
import espota_scripts  # noqa: E402
import harness  # noqa: E402
import transfer  # noqa: E402

LINKS = [("0 ms", 0.0), ("20 ms", 0.010)]
TIMINGS = ["none", "w25q"]


def make_image(directory, name, chip, version):
    subprocess.run([harness.program("updraft"), "image", "make", "-o", directory / name, "--chip", chip,
                    "--project", "demo", "--version", version, "--size", str(transfer.IMAGE_LEN)],
                   check=True, capture_output=True)


def prepare(directory, chip):
    (directory / "table.csv").write_text(transfer.TABLE)
    (directory / "board.yaml").write_text(f"name: bench\nchip: {chip}\nproduct: demo\n"
                                          "ports:\n  ota: 0\n  http: 0\n")
    make_image(directory, "old.bin", chip, "1.0.0")
    make_image(directory, "new.bin", chip, "1.1.0")
    transfer.use_slot(directory)


def script_command(script, directory, port, _boot):
    return [sys.executable, script, "-i", "127.0.0.1", "-p", str(port),
            "-P", espota_scripts.free_port(), "-f", directory / "new.bin"]


def our_command(_script, directory, port, boot):
    return [harness.program("updraft"), "push", directory / "new.bin", boot["http"], "--via", "espota",
            "--ota-port", str(port), "--no-wait", "--quiet"]


def push_s(command, chip, script, delay_s, timing):
    with tempfile.TemporaryDirectory(prefix="updraft-bench-") as name:
        directory = pathlib.Path(name)
        prepare(directory, chip)
        with transfer.device(directory, timing) as boot, \
                espota_relay.Relay(int(boot["ota"]), delay_s) as relay:
            start = time.monotonic()
            result = subprocess.run([str(word) for word in command(script, directory, relay.port, boot)],
                                    stdin=subprocess.DEVNULL, capture_output=True, check=False)
            took = time.monotonic() - start
        if result.returncode != 0:
            raise RuntimeError(f"{chip}: {result.stdout}{result.stderr}")
        return took


def newest(chip):
    """The last one of that chip by name; one that knows SHA-256 goes before those that do not."""
    paths = [path for kind, path in espota_scripts.different_scripts() if kind == chip]
    return sorted(paths, key=lambda path: (espota_scripts.knows_sha256(path), path))[-1:]


def main():
    scripts = [(chip, path) for chip in ("esp8266", "esp32") for path in newest(chip)]
    if not scripts:
        print("skipped: no espota.py in $UPDRAFT_ESPOTA_DIR (./run bench espota --espota-dir DIR)")
        return 0
    print(f"espota, {transfer.IMAGE_LEN} bytes, loopback through a relay, seconds\n")
    print(f"{'script':<24} {'flash':<6} {'round trip':<10} {'script':>8} {'updraft':>8} {'ratio':>7}")
    slower = False
    for chip, script in scripts:
        for timing in TIMINGS:
            for link, delay_s in LINKS:
                stock = push_s(script_command, chip, script, delay_s, timing)
                ours = push_s(our_command, chip, script, delay_s, timing)
                slower |= delay_s > 0 and ours >= stock
                print(f"{os.path.basename(script):<24} {timing:<6} {link:<10} {stock:>8.2f} {ours:>8.2f} "
                      f"{ours / stock:>7.3f}", flush=True)
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
