"""From an old ESP8266 SDK to the new one: the old system's updater takes a combined image, the first
boot unpacks it, and the new system runs on its own layout."""

import http.server
import json
import os
import struct
import threading
import unittest

import harness
from test_cli_combine import TABLE_1M, TABLE_2M, boot_loader, sdk_crc

LAYOUTS = {  # name of the old layout: table, its offset, ota_0, phy, half of what the images share
    "1MB": (TABLE_1M, 0x5000, 0x7000, 0x6000, 0x80000),
    "2MB-c1": (TABLE_2M, 0x8000, 0x10000, 0xF000, 0x100000),
    "4MB": (TABLE_2M, 0x8000, 0x10000, 0xF000, 0x80000),
}
FLASH_LEN = {"1MB": 1 << 20, "2MB-c1": 2 << 20, "4MB": 4 << 20}


class FileServer:
    """Gives one file to everyone who asks, and remembers how it was asked for."""

    def __init__(self, test):
        self.body = b""
        self.requests = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests.append((self.path, self.request_version))
                self.send_response(200 if server.body else 404)
                self.send_header("Content-Length", str(len(server.body)))
                self.end_headers()
                self.wfile.write(server.body)

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *args: None  # a power cut breaks off its download
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/demo.v2_to_v3.ota.bin"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()
        test.addCleanup(self.http.server_close)
        test.addCleanup(self.http.shutdown)


class Migrate(harness.Case):
    def setUp(self):
        super().setUp()
        self.server = FileServer(self)

    def app(self, name, version, slot):
        path = self.path(name)
        self.cli("image", "make", "-o", path, "--chip", "esp8266", "--version", version, "--size", 60000,
                 "--slot-offset", hex(slot))
        return path

    def combine(self, layout, version="3.0.0"):
        """The combined image for a layout's table; also leaves it with the server."""
        table, table_off, slot, _, _ = LAYOUTS[layout]
        path = self.path("upgrade.bin")
        self.cli("image", "combine", "-o", path, "--bootloader", self.write("boot.bin", boot_loader()),
                 "--table", self.write("table.csv", table), "--table-offset", hex(table_off),
                 "--app", self.app("app.bin", version, slot))
        with open(path, "rb") as file:
            self.server.body = file.read()
        return self.server.body

    def start_device(self, layout, *extra):
        board = self.write("board.yaml", "name: garage\nchip: esp8266\nports: {http: 0, ota: 0}\n")
        return self.start(harness.Device(
            [harness.program("updraft-device"), "--flash", self.path("garage.flash"), "--board", board,
             "--old-sdk", layout, "--table-offset", hex(LAYOUTS[layout][1]), "--restart-ms", "50",
             "--old-update", self.server.url, *extra]))

    def flash(self):
        with open(self.path("garage.flash"), "rb") as file:
            return file.read()

    def status_of(self, boot):
        status, _, body = harness.http("GET", f"http://{boot['http']}/status")
        self.assertEqual(status, 200)
        return json.loads(body)

    def migrate(self, layout, *extra):
        """A device that has just come onto its new layout, and its boot line."""
        device = self.start_device(layout, *extra)
        device.wait_line("^old boot user=1 ")
        device.wait_line("^old update done user=2 ")
        device.wait_line("^unpacked ")
        return device, device.wait_boot(slot="ota_0", version="3.0.0", state="confirmed")

    def check_flash(self, layout, packed, keeps_rf):
        _, table_off, slot, phy, shift = LAYOUTS[layout]
        flash = self.flash()
        self.assertEqual(len(flash), FLASH_LEN[layout])
        self.assertEqual(flash[0x1000:phy], packed[:phy - 0x1000])
        self.assertEqual(flash[slot:slot + len(packed) - (slot - 0x1000)], packed[slot - 0x1000:])
        self.assertEqual(flash[table_off:table_off + 2], b"\xAA\x50")
        self.assertEqual(flash[0x1000 + shift:0x1000 + shift + len(packed)], packed)
        rf = bytes((5 + 3 * i) & 0xFF for i in range(128))
        record = b"PHYINIT\0" + rf + b"PHYINIT\0" if keeps_rf else b"\xFF" * 144
        self.assertEqual(flash[phy:phy + 0x1000], record.ljust(0x1000, b"\xFF"))
        params = FLASH_LEN[layout] - 0x3000
        self.assertEqual(flash[params + 0x2000], 0, "the flag went to 1 and back")
        self.assertEqual(flash[params:params + 2], b"\x04\x86")  # user image 1, for good
        self.assertEqual(flash[params + 0x1000:params + 0x1002], b"\x05\x86")  # what the updater said

    def test_a_device_comes_from_the_old_system_to_the_new_one(self):
        for layout in ("1MB", "2MB-c1"):
            with self.subTest(layout):
                packed = self.combine(layout)
                device, boot = self.migrate(layout, "--keep-rf")
                self.assertEqual(self.status_of(boot)["old_sdk"],
                                 {"unpacked": True, "rf_kept": True, "ap": "old-home"})
                self.assertEqual(self.server.requests[-1], ("/demo.v2_to_v3.ota.bin", "HTTP/1.0"))
                self.assertIn("rf parameters stored", device.output())
                self.assertNotIn("correct horse", device.output())
                self.assertEqual(device.stop(), 0)
                self.check_flash(layout, packed, keeps_rf=True)

                before = self.flash()
                device = self.start_device(layout, "--keep-rf")
                boot = device.wait_boot(slot="ota_0", version="3.0.0")
                self.assertEqual(self.status_of(boot)["old_sdk"],
                                 {"unpacked": False, "rf_kept": True, "ap": "old-home"})
                self.assertNotIn("unpacked", device.output())
                device.stop()
                self.assertEqual(self.flash(), before)
                os.remove(self.path("garage.flash"))

    def test_rf_parameters_are_left_alone_unless_asked_for(self):
        packed = self.combine("2MB-c1")
        device, boot = self.migrate("2MB-c1")
        self.assertEqual(self.status_of(boot)["old_sdk"],
                         {"unpacked": True, "rf_kept": False, "ap": "old-home"})
        device.stop()
        self.check_flash("2MB-c1", packed, keeps_rf=False)

    def test_the_new_system_updates_itself_from_then_on(self):
        self.combine("2MB-c1")
        device, boot = self.migrate("2MB-c1")
        with open(self.app("next.bin", "3.1.0", 0x110000), "rb") as file:
            image = file.read()
        status, _, _ = harness.http("POST", f"http://{boot['http']}/update", image,
                                    {"Content-Type": "application/octet-stream"})
        self.assertEqual(status, 200)
        device.wait_boot(slot="ota_1", version="3.1.0")
        device.wait_line("^confirmed slot=ota_1 ")
        device.stop()
        device = self.start_device("2MB-c1")
        device.wait_boot(slot="ota_1", version="3.1.0", state="confirmed")

    def test_a_layout_that_reaches_its_own_source_is_refused_and_the_old_system_goes_on(self):
        packed = self.combine("4MB")
        device = self.start_device("4MB", "--keep-rf")
        device.wait_line("^old boot user=1 ")
        device.wait_line("^old update done user=2 ")
        refusal = device.wait_line("^unpack refused ")
        self.assertIn("reaches over the packed image", refusal)
        self.assertIn("old_system=starts_again", refusal)
        device.wait_line("^old boot user=1 ")
        self.assertEqual(device.stop(), 0)
        flash = self.flash()
        self.assertEqual(flash[0x1000], 0xEA)
        self.assertEqual(flash[0x81000:0x81000 + len(packed)], packed)

    def test_a_damaged_download_is_not_taken_by_the_old_system(self):
        packed = bytearray(self.combine("2MB-c1"))
        packed[30000] ^= 4
        self.server.body = bytes(packed)
        device = self.start_device("2MB-c1")
        device.wait_line('^old update failed text="what came is no image')
        self.combine("2MB-c1")
        device.wait_line("^old update done ")
        device.wait_boot(slot="ota_0", version="3.0.0")

    def test_an_application_that_is_damaged_before_the_first_boot_is_refused(self):
        packed = bytearray(self.combine("2MB-c1"))
        packed[0xF000 + 30000] ^= 4
        packed[-4:] = struct.pack("<I", sdk_crc(bytes(packed[:-4])))  # the old updater is content
        self.server.body = bytes(packed)
        device = self.start_device("2MB-c1")
        device.wait_line("^old update done ")
        self.assertIn("no complete application", device.wait_line("^unpack refused "))
        device.wait_line("^old boot user=1 ")

    def test_power_cuts_on_the_way_only_delay_it(self):
        packed = self.combine("2MB-c1")
        for at in (11, 70, 200, 335):
            with self.subTest(cut_at=at):
                device = self.start_device("2MB-c1", "--keep-rf", "--cut-at", str(at))
                self.assertEqual(device.wait_exit(), harness.POWER_CUT_EXIT, device.output())
                device = self.start_device("2MB-c1", "--keep-rf")
                device.wait_boot(slot="ota_0", version="3.0.0")
                device.stop()
                flash = self.flash()
                self.assertEqual(flash[0x10000:0x10000 + len(packed) - 0xF000], packed[0xF000:])
                os.remove(self.path("garage.flash"))

    def test_options_that_make_no_sense_are_refused(self):
        for option, value in (("--old-sdk", "3MB"), ("--old-sdk", "256KB"), ("--table-offset", "0x8100"),
                              ("--table-offset", "0"), ("--old-update", "")):
            process = self.start(harness.Process(
                [harness.program("updraft-device"), "--flash", "f", "--board", "b", option, value]))
            self.assertEqual(process.wait_exit(), 2)
            self.assertIn(option, process.output())


if __name__ == "__main__":
    unittest.main()
