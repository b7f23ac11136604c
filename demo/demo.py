"""./run demo: a server and four virtual devices on this machine, updated over the air.

The devices get there in four ways: a channel, version headers, a push with espota, and a channel
with the power cut in the middle. Then one of them is offered an image that crashes at boot. What
happened is read from the server's books and from the flash files, not from what the demo intended.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from parts import BIN, ROOT, DemoError, Device, Server, tool

POLL_S = 1
STEP_TIMEOUT_S = 90
PASSWORD = "workshop-42"

# The slots of esp32-evse, so that its images fit; those of a real 4 MB board.
TWO_SLOTS = """\
nvs,     data, nvs,   0x9000,   0x4000
otadata, data, ota,   0xd000,   0x2000
ota_0,   app,  ota_0, 0x10000,  0x1d0000
ota_1,   app,  ota_1, 0x1e0000, 0x1d0000
"""
# A factory slot besides needs an 8 MB flash.
FACTORY = """\
nvs,     data, nvs,     0x9000,   0x4000
otadata, data, ota,     0xd000,   0x2000
factory, app,  factory, 0x10000,  0x1d0000
ota_0,   app,  ota_0,   0x1e0000, 0x1d0000
ota_1,   app,  ota_1,   0x3b0000, 0x1d0000
"""


class Firmware:
    """The images of one chip: old, new, and one that crashes at boot."""

    def __init__(self, chip, project, old, new, bad):
        self.chip = chip
        self.project = project
        self.old, self.old_version = old
        self.new, self.new_version = new
        self.bad, self.bad_version = bad
        self.size = os.path.getsize(self.new)


class Row:
    """One line of the table."""

    def __init__(self, device, way, from_version, to_version):
        self.device = device
        self.way = way
        self.from_version = from_version
        self.to_version = to_version
        self.slot = "?"
        self.seconds = None
        self.state = "not finished"
        self.note = ""
        self.wrong = []  # what did not end as it should


class Demo:
    def __init__(self, options):
        self.options = options
        self.state_dir = os.path.abspath(options.state)
        self.server = None
        self.devices = {}
        self.rows = []
        self.firmware = {}
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._told = {}

    # ---- telling ----------------------------------------------------------------------------

    def say(self, who, text):
        with self._lock:
            print(f"{time.monotonic() - self._started:6.1f} s  {who:<9} {text}", flush=True)

    def step(self, title):
        print(f"\n== {title}", flush=True)
        if self.options.pause and sys.stdin.isatty():
            input("   Enter to go on ")

    # ---- images -----------------------------------------------------------------------------

    def made_image(self, chip, project, version, behaviour=None):
        path = os.path.join(self.state_dir, f"{project}-{chip}-{version}.bin")
        extra = ["--behaviour", behaviour] if behaviour else []
        tool("image", "make", "--output", path, "--chip", chip, "--project", project, "--version", version,
             "--size", "1200000", *extra)
        return path, version

    def make_images(self):
        for chip in ("esp32", "esp32s3"):
            self.firmware[chip] = Firmware(
                chip, "demo", self.made_image(chip, "demo", "1.0.0"),
                self.made_image(chip, "demo", "1.1.0"),
                self.made_image(chip, "demo", "1.2.0", "crash"))

    def take_images(self, paths):
        for old_path, new_path in zip(paths[::2], paths[1::2]):
            old, new = image_facts(old_path), image_facts(new_path)
            if old["chip"] != new["chip"]:
                raise DemoError(f"{old_path} is for {old['chip']}, {new_path} for {new['chip']}")
            if old["version"] == new["version"]:
                raise DemoError(f"{old_path} and {new_path} are both version {old['version']}")
            # No real image crashes on demand: the bad one is made, for the same project and chip.
            bad = self.made_image(new["chip"], new["project"], bad_version(new["version"]), "crash")
            self.firmware[new["chip"]] = Firmware(new["chip"], new["project"],
                                                  (old_path, old["version"]),
                                                  (new_path, new["version"]), bad)
        if len({firmware.project for firmware in self.firmware.values()}) > 1:
            raise DemoError("the images belong to different projects")

    def firmware_for(self, name, chip):
        if chip in self.firmware:
            return self.firmware[chip]
        other = next(iter(self.firmware.values()))
        self.say("demo", f"no images for {chip}: {name} is an {other.chip}")
        return other

    # ---- the fleet --------------------------------------------------------------------------

    def start_server(self):
        listen = "127.0.0.1:0"
        if not self.options.once and port_is_free(8080):
            listen = "127.0.0.1:8080"
        self.server = Server(self.state_dir, listen)
        self.say("updraftd", f"listens on {self.server.url}")

    def add_device(self, name, chip, table, keys):
        firmware = self.firmware_for(name, chip)
        board = (f"name: {name}\nchip: {firmware.chip}\nproduct: {firmware.project}\n"
                 f"server: {self.server.url}\nports:\n  ota: 0\n  http: 0\n" + keys)
        device = Device(self.state_dir, name, firmware.chip, table, board, self.say)
        device.firmware = firmware
        self.devices[name] = device
        return device

    def channel_keys(self, chip, channel):
        firmware = self.firmware.get(chip) or next(iter(self.firmware.values()))
        path = f"{self.server.url}/d/channel/{firmware.project}/{channel}/{firmware.chip}.json"
        return f"poll_s: {POLL_S}\nota:\n  channels:\n    - name: {channel}\n      path: {path}\n"

    def start_devices(self):
        garage = self.add_device("garage", "esp32", TWO_SLOTS, self.channel_keys("esp32", "beta"))
        meter = self.add_device("meter", "esp32s3", TWO_SLOTS, f"poll_s: {POLL_S}\n")
        workshop = self.add_device("workshop", "esp32", FACTORY,
                                   f"password: {PASSWORD}\npoll_s: 0\n")
        shed = self.add_device("shed", "esp32", TWO_SLOTS, self.channel_keys("esp32", "stable"))
        for device in (garage, meter, shed):
            device.start(app=device.firmware.old,
                         cut_at=device.firmware.size // 4096 // 2 if device is shed else None)
        workshop.start(app=workshop.firmware.old, flash_size="8MB")

    def stop(self):
        for device in self.devices.values():
            device.stop()
        if self.server:
            self.server.stop()

    # ---- watching ---------------------------------------------------------------------------

    def books(self):
        """The server's devices by name; tells what changed since it was last asked."""
        devices = {device["name"]: device for device in self.server.overview()["devices"]}
        for name, device in devices.items():
            attempt = device.get("attempt")
            if not attempt:
                continue
            news = f"{attempt['state']} {attempt['to']}"
            if attempt["state"] == "downloading":
                news += f", {(attempt.get('progress') or 0) // 25 * 25} %"
            if self._told.get(name) != news:
                self._told[name] = news
                self.say("updraftd", f"{name}: {news}")
        return devices

    def wait(self, what, done):
        """Watches the fleet until done(books); a device whose power went is switched on again."""
        deadline = time.monotonic() + STEP_TIMEOUT_S
        while True:
            books = self.books()
            for device in self.devices.values():
                if not device.check_alive():
                    self.say(device.name, "the power is cut while the slot is being written")
                    self.say(device.name, "the power comes back")
                    device.start()
            if done(books):
                return books
            if time.monotonic() > deadline:
                raise DemoError(f"not within {STEP_TIMEOUT_S} s: {what}")
            time.sleep(0.2)

    # ---- the steps --------------------------------------------------------------------------

    def everybody_runs(self, books, version_of):
        return all(runs(books.get(name), version_of(device)) for name, device in self.devices.items())

    def first_release(self):
        for firmware in self.firmware.values():
            for channel in ("stable", "beta"):
                self.server.publish(firmware.old, channel)
        self.start_devices()
        self.wait("all devices check in", lambda books: self.everybody_runs(
            books, lambda device: device.firmware.old_version))

    def update_all(self):
        published = time.monotonic()
        for firmware in self.firmware.values():
            for channel in ("stable", "beta"):
                self.server.publish(firmware.new, channel)
            self.say("updraft", f"published {firmware.new_version} for {firmware.chip}")
        ways = {"garage": "channel beta", "meter": "version headers",
                "workshop": "espota, password", "shed": "channel stable, power cut"}
        for name, device in self.devices.items():
            self.rows.append(Row(device, ways[name], device.firmware.old_version,
                                 device.firmware.new_version))
        push = self.push_to(self.devices["workshop"])

        def done(books):
            for row in self.rows:
                if row.seconds is None and runs(books.get(row.device.name), row.to_version):
                    row.seconds = time.monotonic() - published
            return all(row.seconds is not None for row in self.rows)

        try:
            books = self.wait("all devices run the new version", done)
        finally:
            if push.poll() is None:
                push.terminate()
            said = push.communicate()[0]
        for row in self.rows:
            self.judge_update(row, books[row.device.name])
            if row.device.name == "workshop" and push.returncode != 0:
                row.wrong.append(f"updraft push ended with {push.returncode}: {said.strip()}")

    def push_to(self, device):
        self.say("updraft", f"pushes {device.firmware.new_version} to {device.name} with espota")
        boot = device.last_boot()
        return subprocess.Popen(
            [os.path.join(BIN, "updraft"), "push", device.firmware.new, "127.0.0.1", "--via",
             "espota", "--ota-port", boot["ota"], "--http-port", boot["http"].rsplit(":", 1)[1],
             "--password", PASSWORD, "--quiet"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True)

    def judge_update(self, row, book):
        row.slot = book["slot"]
        row.state = book["attempt"]["state"] if book.get("attempt") else "no attempt in the books"
        if row.state != "confirmed":
            row.wrong.append(f"the server has it as {row.state}")
        if row.device.name == "shed":
            boots = [boot["version"] for boot in row.device.boots]
            if row.device.power_cuts != 1 or boots[:2] != [row.from_version] * 2:
                row.wrong.append(f"power cuts: {row.device.power_cuts}, booted {', '.join(boots)}")

    def bad_release(self):
        device = self.devices["garage"]
        firmware = device.firmware
        row = Row(device, "channel beta", firmware.new_version, firmware.bad_version)
        self.rows.append(row)
        published = time.monotonic()
        self.server.publish(firmware.bad, "beta")
        self.say("updraft", f"published {firmware.bad_version}, which crashes at boot, to beta")

        def done(books):
            attempt = books["garage"].get("attempt") or {}
            return (attempt.get("to") == firmware.bad_version
                    and attempt.get("state") in ("rolled_back", "failed", "confirmed")
                    and runs(books["garage"], firmware.new_version))

        book = self.wait("the bad image is rolled back", done)["garage"]
        row.seconds = time.monotonic() - published
        row.slot = book["slot"]
        row.state = book["attempt"]["state"].replace("_", " ")
        error = book["attempt"].get("error") or {}
        row.note = f"{error.get('text', 'no reason given')}; {book['version']} runs"
        if book["attempt"]["state"] != "rolled_back" or error.get("name") != "rolled_back":
            row.wrong.append(f"the server has it as {row.state}, {error}")
        if not any(boot["version"] == firmware.bad_version for boot in device.boots):
            row.wrong.append("the bad image never booted")

    def check_flash(self):
        """The last word have the flash files: what would our boot stage and a stock one start?"""
        for row in self.rows:
            expected = (row.device.firmware.new_version, row.slot)
            for rules in ("updraft", "stock"):
                boot = row.device.flash_boot(rules)
                if (boot.get("version"), boot.get("slot")) != expected:
                    row.wrong.append(f"by {rules} rules its flash boots {boot.get('version')} "
                                     f"from {boot.get('slot')}")

    # ---- the table --------------------------------------------------------------------------

    def table(self):
        head = ("device", "chip", "way in", "from", "to", "runs from", "seconds", "state")
        lines = [head]
        for row in self.rows:
            seconds = "-" if row.seconds is None else f"{row.seconds:.1f}"
            lines.append((row.device.name, row.device.chip, row.way, row.from_version,
                          row.to_version, row.slot, seconds, row.state))
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        print()
        for line in lines:
            print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
        for row in self.rows:
            if row.note:
                print(f"\n{row.device.name}, {row.to_version}: {row.note}")
            for wrong in row.wrong:
                print(f"\nWRONG: {row.device.name}, {row.to_version}: {wrong}")
        return not any(row.wrong or row.seconds is None for row in self.rows)

    # ---- all of it --------------------------------------------------------------------------

    def run(self):
        shutil.rmtree(self.state_dir, ignore_errors=True)
        os.makedirs(self.state_dir)
        self.step("A server, and four devices that run the old version")
        if self.options.images:
            self.take_images([path for pair in self.options.images for path in pair])
        else:
            self.make_images()
        self.start_server()
        if not self.options.once:
            self.say("demo", f"dashboard: {self.server.dashboard()}")
        self.first_release()
        self.step("The new version: published for those that pull, pushed to the one that does not")
        self.update_all()
        self.step("A bad image: it crashes at boot")
        self.bad_release()
        if self.options.once:
            for device in self.devices.values():
                device.stop()
        self.check_flash()
        return self.table()

    def stay(self):
        print(f"\nThe dashboard: {self.server.dashboard()}\nCtrl-C ends it all.", flush=True)
        while True:
            time.sleep(1)
            for device in self.devices.values():
                if not device.check_alive():
                    device.start()


def runs(book, version):
    """The server has it that the device runs this version, for good."""
    return bool(book) and book["version"] == version and book["confirmed"]


def bad_version(version):
    return version[:26] + "-bad"


def image_facts(path):
    if not os.path.exists(path):
        raise DemoError(f"there is no file {path}")
    facts = tool("info", path)
    if facts.get("kind") != "app" or facts["version"] == "-":
        raise DemoError(f"{path} is no application image with a version in it")
    facts["chip"] = facts["chip"].lower().replace("-", "")  # "ESP32-S3" -> "esp32s3"
    return facts


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Parser(argparse.ArgumentParser):
    """Says what is wrong before how it should be, as ./run does."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n\n{self.format_usage()}")


def parse_options():
    parser = Parser(prog="./run demo", description=__doc__.split("\n\n")[0][12:],
                    epilog="Exit status: 0 when everything ended as it should.")
    parser.add_argument("--once", action="store_true", help="end when done; leave no dashboard up")
    parser.add_argument("--pause", action="store_true", help="wait for Enter between the steps")
    parser.add_argument("--images", nargs="+", action="append", metavar="FILE",
                        help="real images instead of made ones: OLD NEW for one chip; "
                             "OLD NEW again for another")
    parser.add_argument("--state", default=os.path.join(ROOT, ".demo"), metavar="DIR",
                        help="where flash files and logs go; emptied at the start (default: .demo)")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for pair in options.images or []:
        if len(pair) % 2:
            parser.error("--images takes pairs: OLD NEW, and OLD NEW again for another chip")
        for path in pair:
            if not os.path.isfile(path):
                parser.error(f"--images: there is no file {path}")
    return options


def end_as_with_ctrl_c(_signal, _frame):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, end_as_with_ctrl_c)
    options = parse_options()
    if options.check:  # ./run asks before it compiles
        return
    demo = Demo(options)
    good = False
    try:
        good = demo.run()
        if not demo.options.once:
            demo.stay()
    except (KeyboardInterrupt, EOFError):
        print("\nended", flush=True)
    except (DemoError, OSError, subprocess.TimeoutExpired) as error:
        good = False
        print(f"\ndemo: {error}", file=sys.stderr)
        if demo.rows:
            demo.table()
        print(f"The logs are in {demo.state_dir}.", file=sys.stderr)
    finally:
        demo.stop()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
