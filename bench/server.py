#!/usr/bin/env python3
"""updraftd beside nginx, in the same run, on one core: how fast is "there is nothing to do"?

Usage: server.py [--devices N] [--many N] [--seconds S] [--rounds N] [--only PART ...] [--json FILE]
(the programs in $UPDRAFT_BIN, default bin/; the load generator in build/bench, or $UPDRAFT_LOAD)

The server has one core, the load generator the other. nginx answers a constant 304; updraftd looks up who
asks among all the devices it knows, decides, notes that it was there, and answers the same. The ratio is
nginx' time by updraftd's: in requests a second, and in CPU time a request, which other work on the
machine disturbs less.

Parts: start, checkin, fresh, open, downloads.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "system"))
import harness  # noqa: E402  (found by the line above)
import images  # noqa: E402

LOAD = os.environ.get("UPDRAFT_LOAD") or str(ROOT / "build" / "bench" / "bench_load")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
SERVER_CORE, LOAD_CORE = "0", "1"
MAC = "MAC--MAC--MAC--MA"
PARTS = ("start", "checkin", "fresh", "open", "downloads")
IMAGE_LEN = 4 * 1024 * 1024

# What HTTPUpdate of the ESP32 core sends, and what a device of ours does.
REQUESTS = {
    "esp-update": ("GET /d/esp-update/demo HTTP/1.1", f"""\
Host: 192.168.1.10:8080
User-Agent: ESP32-http-Update
Connection: {{connection}}
Cache-Control: no-cache
x-ESP32-STA-MAC: {MAC}
x-ESP32-AP-MAC: 26:6F:28:00:00:01
x-ESP32-free-space: 1310720
x-ESP32-sketch-size: 964128
x-ESP32-sketch-md5: 8c6d9e4c8b2f4c0d9f1a6b7e5d3c2a10
x-ESP32-chip-size: 4194304
x-ESP32-sdk-version: v5.1.4-358-gbd2b9390ef-dirty
x-ESP32-mode: sketch
x-ESP32-version: 1.0.0
"""),
    "channel": ("GET /d/channel/demo/stable/esp32.json HTTP/1.1", f"""\
Host: 192.168.1.10:8080
User-Agent: updraft
Connection: {{connection}}
Accept: */*
x-updraft-device: {MAC}
x-updraft-version: 1.0.0
x-updraft-name: garage
"""),
}


def mac(number):
    return "24:6F:28:%02X:%02X:%02X" % (number >> 16 & 255, number >> 8 & 255, number & 255)


def cpu_s(pid):
    """CPU time of all threads of a process, to the nanosecond."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9


def memory_kb(pid, name="VmRSS"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise LookupError(name)


# ---- what is measured ----

class Nginx:
    def __init__(self, directory):
        self.port = 18304
        directory.mkdir()
        (directory / "nginx.conf").write_text(f"""\
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log {directory}/error.log crit;
events {{ worker_connections 20000; multi_accept on; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{self.port} backlog=1024;
    location / {{ return 304; }}
  }}
}}
""")
        self.process = subprocess.Popen(["taskset", "-c", SERVER_CORE, NGINX, "-p", str(directory),
                                         "-c", str(directory / "nginx.conf"),
                                         "-e", str(directory / "error.log")])
        harness.wait_until("nginx answers", self.answers)
        self.pid = int(pathlib.Path(
            f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def answers(self):
        with contextlib.suppress(OSError):
            return harness.http("GET", f"http://127.0.0.1:{self.port}/")[0] == 304
        return False

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Updraft:
    def __init__(self, data):
        begin = time.monotonic()
        self.process = harness.Server(str(data), prefix=["taskset", "-c", SERVER_CORE])
        self.start_s = time.monotonic() - begin
        self.pid = self.process.process.pid
        self.port = int(self.process.url.rsplit(":", 1)[1])

    def stop(self):
        self.process.stop()


def load(server, request, **options):
    """One run of the generator: its report, with the CPU time of the server."""
    before = cpu_s(server.pid)
    result = subprocess.run(["taskset", "-c", LOAD_CORE, LOAD, "127.0.0.1", str(server.port),
                             str(request)] + [f"{key}={value}" for key, value in options.items()],
                            capture_output=True, text=True, check=True)
    report = json.loads(result.stdout)
    report["cpu_us"] = (cpu_s(server.pid) - before) * 1e6 / max(1, report["answers"])
    report["rate"] = report["answers"] / report["seconds"]
    return report


# ---- a fleet that is known already ----

def row_of(connection, table, known):
    """Columns that this does not know get what they have when nothing was told."""
    names, values = [], []
    for _, name, kind, _, _, _ in connection.execute(f"PRAGMA table_info({table})"):
        names.append(name)
        values.append(known.get(name, b"" if kind == "BLOB" else 0 if kind == "INTEGER" else ""))
    return (f"INSERT INTO {table}({','.join(names)}) VALUES({','.join('?' * len(names))})", names, values)


def device_id(number):
    """MAC addresses, and as many ids of up to 40 bytes, as gateways have: 17 to 40."""
    if number % 2 == 0:
        return mac(number // 2)
    return f"gw-{number:014d}" + "0123456789abcdef0123456"[:number // 2 % 24]


def fill(data, count, mixed_ids):
    """So many devices, each with one attempt, straight into the database."""
    now_ms = int(time.time() * 1000)
    connection = sqlite3.connect(data / "updraft.sqlite")
    sql, names, values = row_of(connection, "devices", {
        "name": "garage", "product": "demo", "channel": "stable", "version": "1.0.0", "chip": 0,
        "reports": 1, "confirmed": 1, "slot": "ota_0"})
    at = {name: place for place, name in enumerate(names)}
    one = values

    def devices():
        for number in range(count):
            row = list(one)
            row[at["id"]] = device_id(number) if mixed_ids else mac(number)
            row[at["address"]] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            row[at["last_seen_ms"]] = now_ms - number % 86400000
            yield row

    with connection:
        connection.executemany(sql, devices())
    sql, names, values = row_of(connection, "attempts", {
        "product": "demo", "from_version": "0.9.0", "to_version": "1.0.0", "via": 1, "state": 5,
        "progress": 100})
    at_attempt = {name: place for place, name in enumerate(names)}

    def attempts():
        for number in range(count):
            row = list(values)
            row[at_attempt["id"]] = number + 1
            row[at_attempt["device"]] = device_id(number) if mixed_ids else mac(number)
            row[at_attempt["started_ms"]] = row[at_attempt["updated_ms"]] = now_ms - 1000
            yield row

    with connection:
        connection.executemany(sql, attempts())
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


@contextlib.contextmanager
def running(data, count, mixed_ids=False):
    """updraftd with a catalogue and a fleet."""
    data.mkdir()
    server = Updraft(data)
    status, answer = server.process.api("POST", "/api/v1/releases?channel=stable",
                                        images.make("1.0.0", size=IMAGE_LEN),
                                        {"Content-Type": "application/octet-stream"})
    assert status in (200, 201), answer
    server.stop()
    fill(data, count, mixed_ids)
    server = Updraft(data)
    try:
        yield server
    finally:
        server.stop()


def write_requests(directory):
    paths = {}
    for name, (line, headers) in REQUESTS.items():
        for kind in ("keep-alive", "close"):
            text = line + "\n" + headers.format(connection=kind) + "\n"
            path = directory / f"{name}-{kind}"
            path.write_bytes(text.replace("\n", "\r\n").encode())
            paths[name, kind] = path
    return paths


# ---- the parts ----

def compare(options, nginx, server, paths, kind, figures, **load_options):
    """Rounds of nginx and updraftd in turn; the median of the ratios."""
    for name in REQUESTS:
        pairs = []
        for _ in range(options.rounds):
            pairs.append([load(one, paths[name, kind], seconds=options.seconds, devices=options.devices,
                               **load_options) for one in (nginx, server)])
        for report in (report for pair in pairs for report in pair):
            assert report["errors"] == 0 and report["refused"] == report["failed"] == 0, report
        result = {key: [round(statistics.median(pair[side][key] for pair in pairs), 2) for side in (0, 1)]
                  for key in ("rate", "cpu_us", "p99")}
        result["ratio"] = statistics.median(pair[1]["rate"] / pair[0]["rate"] for pair in pairs)
        result["cpu_ratio"] = statistics.median(pair[0]["cpu_us"] / pair[1]["cpu_us"] for pair in pairs)
        figures[f"{kind} {name}"] = result
        print(f"{kind:10} {name:10}  nginx {result['rate'][0]:8.0f}/s {result['cpu_us'][0]:6.2f} us   updraftd "
              f"{result['rate'][1]:8.0f}/s {result['cpu_us'][1]:6.2f} us   ratio {result['ratio']:.2f}, of CPU "
              f"time {result['cpu_ratio']:.2f}", flush=True)


def open_loop(options, server, paths, figures, label, count):
    report = load(server, paths["esp-update", "keep-alive"], seconds=options.seconds * 2, rate=10000,
                  connections=256, devices=count)
    figures[f"open loop, {label}"] = report
    print(f"10 000/s, {label}: p50 {report['p50'] / 1000:.2f} ms, p99 {report['p99'] / 1000:.2f} ms (bar 50), worst "
          f"{report['most'] / 1000:.1f} ms, {report['cpu_us']:.2f} us CPU each", flush=True)


def socket_kb(port):
    """Kernel memory of the server's ends of its connections, as the kernel counts it."""
    text = subprocess.run(["ss", "-tmnH", "state", "established", f"( sport = :{port} )"],
                          capture_output=True, text=True, check=True).stdout
    total = 0
    for part in text.split("skmem:(")[1:]:
        fields = {}
        for field in part.split(")")[0].split(","):
            name = field.rstrip("0123456789")
            fields[name] = int(field[len(name):])
        total += fields["r"] + fields["w"] + fields["o"] + fields["bl"] + fields["f"]
    return total / 1024


def downloads(options, server, paths, directory, figures, count=1000):
    _, answer = server.process.api("GET", "/api/v1/releases")
    digest = answer["releases"][0]["images"][0]["sha256"]
    request = directory / "image"
    request.write_bytes(f"GET /d/image/{digest} HTTP/1.1\r\nHost: 192.168.1.10\r\n\r\n".encode())
    harness.http("GET", f"{server.process.url}/d/image/{digest}")  # proven once
    before_kb = memory_kb(server.pid)
    seconds = 10 + options.seconds * 2
    with subprocess.Popen(["taskset", "-c", LOAD_CORE, LOAD, "127.0.0.1", str(server.port), str(request),
                           f"connections={count}", f"seconds={seconds}", "pull=100000", "sources=4"],
                          stdout=subprocess.PIPE, text=True) as slow:
        time.sleep(5)
        user_kb = (memory_kb(server.pid) - before_kb) / count
        kernel_kb = socket_kb(server.port) / count
        open_loop(options, server, paths, figures, f"beside {count} slow downloads", options.devices)
        report = json.loads(slow.communicate()[0])
    rate = report["bytes"] / report["seconds"] / count / 1000
    figures["downloads"] = {"user_kb": user_kb, "kernel_kb": kernel_kb, "kb_s": rate}
    print(f"{count} downloads at {rate:.0f} kB/s each: {user_kb:.1f} kB user memory (bar 8), {kernel_kb:.1f} kB kernel "
          f"memory (bar 100) each", flush=True)


def start(options, directory, paths, figures):
    """A million devices: how long until it answers, and what one costs."""
    with running(directory / "none", 0) as server:
        empty_kb = memory_kb(server.pid)
    with running(directory / "many", options.many, mixed_ids=True) as server:
        bytes_each = (memory_kb(server.pid) - empty_kb) * 1024 / options.many
        file_mb = (directory / "many" / "updraft.sqlite").stat().st_size / 1e6
        start_cpu_s = cpu_s(server.pid)
        figures["start"] = {"seconds": server.start_s, "cpu_s": start_cpu_s, "bytes": bytes_each, "file_mb": file_mb}
        print(f"{options.many} devices, {file_mb:.0f} MB of database: start {server.start_s:.2f} s (bar 10), "
              f"{start_cpu_s:.2f} s of CPU time, "
              f"{bytes_each:.0f} bytes each (bar 300)", flush=True)
        if "open" in options.only:
            # Every other id is a MAC address: the first half of the numbers.
            open_loop(options, server, paths, figures, f"{options.many} devices", options.many // 2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--devices", type=int, default=100000)
    parser.add_argument("--many", type=int, default=1000000)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("server.py: this needs two cores: one for the server, one for the load")
    if NGINX is None:
        sys.exit("server.py: nginx is missing; './run bench server' installs it")
    figures = {}
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="updraft-bench-")))
        paths = write_requests(directory)
        if {"checkin", "fresh", "open", "downloads"} & set(options.only):
            server = stack.enter_context(running(directory / "data", options.devices))
            nginx = Nginx(directory / "nginx")
            stack.callback(nginx.stop)
            if "checkin" in options.only:
                compare(options, nginx, server, paths, "keep-alive", figures, connections=64)
            if "fresh" in options.only:
                compare(options, nginx, server, paths, "close", figures, connections=64, fresh=1, sources=16)
            if "open" in options.only:
                open_loop(options, server, paths, figures, f"{options.devices} devices", options.devices)
            if "downloads" in options.only:
                downloads(options, server, paths, directory, figures)
        if "start" in options.only:
            start(options, directory, paths, figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
