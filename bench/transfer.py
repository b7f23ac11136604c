#!/usr/bin/env python3
"""A real push over loopback: updraft sends 1.5 MB to updraft-device, whose flash takes as long as a W25Q.

Usage: transfer.py   (the programs in $UPDRAFT_BIN, default bin/)

Wall seconds from the start of `updraft push --no-wait` to its end, the first look at the device included,
beside the least the flash can take. The flash sleeps for each operation, and a busy computer wakes it late:
there is no bar, and the figures differ by some hundredths of a second from run to run.
"""
import contextlib
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "system"))
import harness  # noqa: E402  (found by the line above)
import images  # noqa: E402

IMAGE_LEN = 1536 * 1024
TABLE = """\
nvs,     data, nvs,   0x9000,   0x4000
otadata, data, ota,   0xd000,   0x2000
ota_0,   app,  ota_0, 0x10000,  0x1f0000
ota_1,   app,  ota_1, 0x200000, 0x1f0000
"""
SLOT_1 = (0x200000, 0x1F0000)
ROUNDS = 2


def floor_s(length):
    """Every 64 KB block erased once, every page programmed once."""
    return -(-length // 65536) * 0.150 + -(-length // 256) * 0.0004


@contextlib.contextmanager
def device(directory, timing):
    process = harness.Device([harness.program("updraft-device"), "--flash", str(directory / "flash"),
                              "--table", str(directory / "table.csv"), "--app", str(directory / "old.bin"),
                              "--board", str(directory / "board.yaml"), "--timing", timing])
    try:
        yield process.wait_boot()
    finally:
        process.stop()


def prepare(directory, chip):
    """A device that runs the old image; its other slot was used before."""
    (directory / "table.csv").write_text(TABLE)
    (directory / "board.yaml").write_text(f"name: bench\nchip: {chip}\nproduct: demo\n"
                                          "ports:\n  ota: 0\n  http: 0\n")
    (directory / "old.bin").write_bytes(images.make("1.0.0", chip, size=IMAGE_LEN))
    (directory / "new.bin").write_bytes(images.make("1.1.0", chip, size=IMAGE_LEN))
    use_slot(directory)


def use_slot(directory):
    """Makes the flash; its other slot is not blank."""
    with device(directory, "none"):
        pass
    with open(directory / "flash", "r+b") as flash:
        flash.seek(SLOT_1[0])
        flash.write(b"\xa5" * SLOT_1[1])


def push_s(via):
    with tempfile.TemporaryDirectory(prefix="updraft-bench-") as name:
        directory = pathlib.Path(name)
        prepare(directory, "esp32")
        with device(directory, "w25q") as boot:
            start = time.monotonic()
            result = subprocess.run(
                [harness.program("updraft"), "push", directory / "new.bin", boot["http"], "--via", via,
                 "--ota-port", boot["ota"], "--no-wait", "--quiet"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            took = time.monotonic() - start
        if result.returncode != 0:
            raise RuntimeError(f"updraft push --via {via} failed: {result.stdout}{result.stderr}")
        return took


def main():
    length = len(images.make("1.1.0", "esp32", size=IMAGE_LEN))
    least = floor_s(length)
    print(f"updraft push of {length} bytes to updraft-device --timing w25q, loopback\n")
    print(f"{'':<10} {'seconds':>8} {'floor':>7} {'ratio':>7}")
    for via in ["raw", "espota"] * ROUNDS:
        took = push_s(via)
        print(f"{via:<10} {took:>8.2f} {least:>7.2f} {took / least:>7.3f}", flush=True)


if __name__ == "__main__":
    main()
