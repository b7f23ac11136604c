#!/usr/bin/env python3
"""What a slow answer costs: 1.5 MB by raw push, and by Updraft's own way in, over a link of 20 ms round trip.

Usage: link.py   (the programs in $UPDRAFT_BIN, default bin/)

The same push through the same relay without delay and with it, to updraft-device with a flash as fast as a W25Q;
wall seconds of `updraft push --no-wait`, its first look at the device included. Prints OVER beside a ratio above
its bar, and then ends with 1.
"""
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "system"))
import espota_relay  # noqa: E402  (found by the line above)
import harness  # noqa: E402
import transfer  # noqa: E402

BAR = 1.3
ONE_WAY_S = 0.010


class Relay:
    """Carries every connection to the device; each piece arrives delay_s after it was sent."""

    def __init__(self, device_port, delay_s):
        self.device_port = device_port
        self.delay_s = delay_s
        self.closed = self.silent = False
        self.ends = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.run(self.serve)

    def run(self, work):
        threading.Thread(target=work, daemon=True).start()

    def serve(self):
        while True:
            try:
                host, _ = self.listener.accept()
            except OSError:
                return
            time.sleep(2 * self.delay_s)  # the handshake's round trip
            device = socket.create_connection(("127.0.0.1", self.device_port))
            for end in (host, device):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.ends.append(end)
            espota_relay.Pipe(self, host, device)
            espota_relay.Pipe(self, device, host)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True
        self.listener.close()
        for end in self.ends:
            end.close()


def push_s(via, delay_s):
    with tempfile.TemporaryDirectory(prefix="updraft-bench-") as name:
        directory = pathlib.Path(name)
        transfer.prepare(directory, "esp32")
        with transfer.device(directory, "w25q") as boot, \
                Relay(int(boot["http"].rsplit(":", 1)[1]), delay_s) as http, \
                Relay(int(boot["direct"]), delay_s) as direct:
            start = time.monotonic()
            result = subprocess.run(
                [harness.program("updraft"), "push", directory / "new.bin", f"127.0.0.1:{http.port}",
                 "--direct-port", str(direct.port), "--via", via, "--no-wait", "--quiet"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            took = time.monotonic() - start
        if result.returncode != 0:
            raise RuntimeError(f"updraft push --via {via} failed: {result.stdout}{result.stderr}")
        return took


def main():
    status = 0
    print(f"updraft push of {transfer.IMAGE_LEN} bytes to updraft-device --timing w25q, seconds\n")
    print(f"{'':<10} {'no delay':>9} {'20 ms':>7} {'ratio':>7} {'bar':>6}")
    for via in ("raw", "direct"):
        near = push_s(via, 0.0)
        far = push_s(via, ONE_WAY_S)
        over = far / near > BAR
        status |= over
        print(f"{via:<10} {near:>9.2f} {far:>7.2f} {far / near:>7.3f} {BAR:>6.2f}{' OVER' if over else ''}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
