"""updraft-device with one place for its image, as the ESP8266 has it: the new image is staged behind
the running one and copied into place by the boot stage. And small devices with two slots."""

import base64
import gzip
import hashlib
import http.client
import json
import os
import unittest

import espota_host
import harness
from device_case import FakeServer
from test_direct import Cutter
from test_resume import ImageServer

FS_1M64K = (0xEB000, 0x10000)
STAGING_END = FS_1M64K[0] - 0x2000  # log and journal lie between

# The tables of the RTOS SDK's OTA demo for 1 MB: (CSV, table offset, ota_0, ota_1).
RTOS_1M = ("""\
nvs,      data, nvs,  0x9000, 0x4000
otadata,  data, ota,  0xd000, 0x2000
phy_init, data, phy,  0xf000, 0x1000
ota_0,    0,    ota_0, 0x10000, 0x70000
ota_1,    0,    ota_1, 0x80000, 0x70000
""", "0x8000", 0x10000, 0x80000)
RTOS_1M_FROM_OLD = ("""\
phy_init, data, phy,   0x6000,  0x1000
ota_0,    0,    ota_0, 0x7000,  0x77000
nvs,      data, nvs,   0x7f000, 0x4000
otadata,  data, ota,   0x83000, 0x2000
ota_1,    0,    ota_1, 0x85000, 0x77000
""", "0x5000", 0x7000, 0x85000)


class Esp8266Case(harness.Case):
    def setUp(self):
        super().setUp()
        self.old = self.sketch("old.bin", "1.0.0")
        self.new = self.sketch("new.bin", "1.1.0")

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def sketch(self, name, version, size=150000):
        self.cli("image", "make", "-o", self.path(name), "--chip", "esp8266", "--arduino", "--version",
                 version, "--size", size)
        return self.read(name)

    def board(self, extra=""):
        return self.write("garage.yaml", "name: garage\nchip: esp8266\nproduct: demo\n"
                                         f"ports: {{ota: 0, http: 0}}\n{extra}")

    def staged(self, *extra, layout="esp8266-1m64k", board=""):
        args = [harness.program("updraft-device"), "--flash", self.path("garage.flash"), "--layout", layout,
                "--board", self.board(board), "--restart-ms", "50", *extra]
        if not os.path.exists(self.path("garage.flash")):
            args += ["--app", self.path("old.bin")]
        return self.start(harness.Device(args))

    def booted(self, *extra, **kwargs):
        device = self.staged(*extra, **kwargs)
        return device, device.wait_boot()

    def post(self, boot, body, path="/update", content_type="application/octet-stream"):
        return harness.http("POST", f"http://{boot['http']}{path}", body, {"Content-Type": content_type})

    def post_form(self, boot, body, field="firmware"):
        head = (f'--xyzzy\r\nContent-Disposition: form-data; name="{field}"; filename="new.bin"\r\n'
                "Content-Type: application/octet-stream\r\n\r\n").encode()
        return self.post(boot, head + body + b"\r\n--xyzzy--\r\n",
                         content_type="multipart/form-data; boundary=xyzzy")

    def assert_copied(self, device, image, version="1.1.0"):
        boot = device.wait_boot()
        self.assertEqual((boot["version"], boot["slot"], boot["state"]), (version, "app", "confirmed"))
        device.wait_line(f"^confirmed slot=app version={version}")
        self.assertEqual(self.read("garage.flash")[:len(image)], image)
        return boot


class EveryWayIn(Esp8266Case):
    def test_a_raw_body_is_staged_and_copied(self):
        device, boot = self.booted()
        self.assertEqual(boot["version"], "1.0.0")
        self.assertEqual(self.post(boot, self.new)[0], 200)
        start = STAGING_END - (len(self.new) + 4095) // 4096 * 4096
        self.assertEqual(self.read("garage.flash")[start:start + len(self.new)], self.new)
        device.wait_line(f"^copy start from=0x{start:x} bytes={len(self.new)} encoding=raw")
        boot = self.assert_copied(device, self.new)
        self.assertEqual(self.post(boot, self.old)[0], 200)
        self.assert_copied(device, self.old, "1.0.0")

    def test_gzip_is_staged_as_it_comes(self):
        packed = gzip.compress(self.new)
        device, boot = self.booted()
        self.assertEqual(self.post(boot, packed)[0], 200)
        device.wait_line(f"^copy start .*bytes={len(packed)} encoding=gzip")
        self.assert_copied(device, self.new)

    def test_the_form(self):
        for image in self.new, gzip.compress(self.old):
            device, boot = self.booted()
            status, _, body = self.post_form(boot, image)
            self.assertEqual(status, 200)
            self.assertIn(b"Update Success!", body)
            device.wait_boot()
            device.stop()
        self.assertEqual(self.read("garage.flash")[:len(self.old)], self.old)

    def test_espota_in_the_dialect_of_the_esp8266(self):
        device, boot = self.booted(board="password: secret\n")
        espota_host.push(int(boot["ota"]), self.new, password="secret")
        boot = self.assert_copied(device, self.new)
        espota_host.push(int(boot["ota"]), gzip.compress(self.old), password="secret")
        self.assert_copied(device, self.old, "1.0.0")

    def test_the_tool_pushes_and_sees_it_run(self):
        device, boot = self.booted()
        for image, version in ("new.bin", "1.1.0"), ("old.bin", "1.0.0"):
            result = self.cli("--json", "push", self.path(image), boot["http"])
            told = json.loads(result.stdout)
            self.assertEqual((told["running"], told["slot"], told["state"]), (version, "app", "confirmed"))
        device.stop()

    def test_a_pull_with_the_headers_of_the_esp8266(self):
        server = FakeServer()
        self.addCleanup(server.stop)
        offers = {"image": gzip.compress(self.new)}

        def answer(handler):
            self.assertEqual(handler.headers["x-ESP8266-mode"], "sketch")
            if handler.headers["x-ESP8266-sketch-md5"] == hashlib.md5(self.new).hexdigest():
                return 304, {}, b""
            return 200, {"x-MD5": hashlib.md5(offers["image"]).hexdigest()}, offers["image"]

        server.answers["/d/esp-update/demo"] = answer
        device, _ = self.booted(board=f"server: {server.url}\npoll_s: 1\n")
        self.assert_copied(device, self.new)
        harness.wait_until("a check of the new image", lambda: len(server.requests) >= 2)
        headers = server.requests[0][1]
        self.assertEqual(headers["x-ESP8266-sketch-size"], str(len(self.old)))
        self.assertEqual(headers["x-ESP8266-sketch-md5"], hashlib.md5(self.old).hexdigest())
        self.assertEqual(headers["x-ESP8266-chip-size"], str(1 << 20))
        rounded = (len(self.old) + 4095) // 4096 * 4096
        self.assertEqual(headers["x-ESP8266-free-space"], str(STAGING_END - rounded))


class Refusals(Esp8266Case):
    def test_what_would_not_fit_beside_the_running_image(self):
        _, boot = self.booted()
        before = self.read("garage.flash")
        status, _, body = self.post(boot, bytes(STAGING_END - 0x20000))
        self.assertEqual(status, 413, body)
        big = self.sketch("big.bin", "2.0.0", 500000)  # free, but the copy would run into its source
        self.assertEqual(self.post(boot, big)[0], 413)
        self.assertEqual(self.read("garage.flash"), before)

    def test_a_damaged_sketch_is_never_copied(self):
        device, boot = self.booted()
        damaged = bytearray(self.new)
        damaged[100000] ^= 1
        for body in bytes(damaged), gzip.compress(bytes(damaged)):
            self.assertEqual(self.post(boot, body)[0], 400)
            device.wait_line("^update failed code=5 ")
        self.assertEqual(self.read("garage.flash")[:len(self.old)], self.old)

    def test_a_layout_for_another_chip_or_another_flash_is_said(self):
        first = self.staged()
        first.wait_boot()
        first.stop()
        wrong = self.staged(layout="esp8266-4m2m")
        self.assertEqual(wrong.wait_exit(), 1)
        self.assertIn("is for a flash of 4194304", wrong.output())
        board = self.write("esp32.yaml", "name: a\nchip: esp32\nports: {ota: 0, http: 0}\n")
        other = self.start(harness.Device([harness.program("updraft-device"), "--flash", self.path("x.flash"),
                                           "--layout", "esp8266-1m", "--app", self.path("old.bin"),
                                           "--board", board]))
        self.assertEqual(other.wait_exit(), 1)
        self.assertIn("board.yaml says esp32", other.output())
        self.assertFalse(os.path.exists(self.path("x.flash")))

    def test_only_a_sketch_makes_such_a_flash(self):
        self.cli("image", "make", "-o", self.path("old.bin"), "--chip", "esp8266", "--size", 20000)
        device = self.staged()
        self.assertEqual(device.wait_exit(), 1)
        self.assertIn("is no whole sketch", device.output())
        self.assertFalse(os.path.exists(self.path("garage.flash")))


class PowerCuts(Esp8266Case):
    def first_operation(self, body, is_late, extra=()):
        """The first flash operation of an update at which a cut is `late`, by its (was cut, output)."""
        low, high = 1, 1024
        while low < high:
            middle = (low + high) // 2
            if is_late(*self.run_cut(body, middle, extra=extra)):
                high = middle
            else:
                low = middle + 1
        return low

    def run_cut(self, body, operation, extra=()):
        """(was the power cut, output) of an update during which the power fails at one operation."""
        path = self.path("garage.flash")
        if os.path.exists(path):
            os.remove(path)
        device, boot = self.booted("--cut-at", str(operation), *extra)
        try:
            self.post(boot, body)
            device.wait_boot()
        except (OSError, AssertionError, EOFError, ValueError):
            pass
        except Exception as error:  # http.client: the device vanished in the middle of its answer
            self.assertIn("http.client", type(error).__module__)
        was_cut = device.process.poll() == harness.POWER_CUT_EXIT or device.stop() == harness.POWER_CUT_EXIT
        return was_cut, device.output()

    def test_a_copy_that_was_cut_is_taken_up_again(self):
        for body, encoding in (self.new, "raw"), (gzip.compress(self.new), "gzip"):
            first = self.first_operation(body, lambda cut, output: not cut or "copy start" in output)
            behind = self.first_operation(body, lambda cut, output: not cut)
            self.assertGreater(behind, first + 37, "every sector of the copy is an operation")
            for operation in {first, first + 1, first + 2, (first + behind) // 2, behind - 2, behind - 1}:
                was_cut, output = self.run_cut(body, operation)
                self.assertTrue(was_cut, output)
                device, boot = self.booted()
                self.assertEqual(boot["version"], "1.1.0", f"cut at {operation}\n{output}")
                if operation < behind - 1:  # the last one is the word that says it is done
                    self.assertRegex(device.output(), f"copy (start|goes on) .*encoding={encoding}")
                self.assertEqual(self.read("garage.flash")[:len(self.new)], self.new)
                device.stop()

    def test_the_stock_boot_stage_does_what_it_is_commanded(self):
        for body in self.new, gzip.compress(self.old):
            device, boot = self.booted("--stock-boot")
            self.assertEqual(self.post(boot, body)[0], 200)
            start = FS_1M64K[0] - (len(body) + 4095) // 4096 * 4096
            device.wait_line(f"^eboot copy from=0x{start:x} to=0x0 bytes={len(body)}")
            device.wait_line("^eboot copy end result=0")
            device.wait_boot()
            device.stop()
        self.assertEqual(self.read("garage.flash")[:len(self.old)], self.old)

    def test_the_stock_boot_stage_forgets_its_command_with_the_power(self):
        """Why ours keeps a journal: before its copy the old sketch boots, in it nothing does."""
        first = self.first_operation(self.new, lambda cut, output: not cut or "eboot copy" in output,
                                     extra=["--stock-boot"])
        was_cut, output = self.run_cut(self.new, first, extra=["--cut", "before", "--stock-boot"])
        self.assertTrue(was_cut and "eboot copy from" in output, output)
        device, boot = self.booted("--stock-boot")
        self.assertEqual(boot["version"], "1.0.0")
        device.stop()
        self.assertTrue(self.run_cut(self.new, first + 20, extra=["--stock-boot"])[0])
        device = self.staged("--stock-boot")
        self.assertEqual(device.wait_exit(), 3)
        self.assertIn("nothing boots", device.output())


class GoingOn(Esp8266Case):
    """What was staged before a break is not sent again: raw or gzip, for it is kept as it comes."""

    def setUp(self):
        super().setUp()
        self.new = self.sketch("new.bin", "1.1.0", 450000)
        self.packed = gzip.compress(self.new)
        self.assertGreater(len(self.packed), 100000)

    def files(self):
        for name, data in ("new.bin", self.new), ("new.bin.gz", self.packed):
            with open(self.path(name), "wb") as file:
                file.write(data)
            yield name, data
            os.remove(self.path("garage.flash"))

    def push(self, name, boot, *args):
        host = f"127.0.0.1:{boot['http'].split(':')[1]}"
        return json.loads(self.cli("--json", "push", self.path(name), host, *args).stdout)

    def test_a_direct_push_that_breaks_off_half_way(self):
        for name, data in self.files():
            device, boot = self.booted()
            cutter = Cutter(self, int(boot["direct"]), len(data) // 2)
            told = self.push(name, boot, "--via", "direct", "--direct-port", cutter.port)
            self.assertEqual((told["running"], told["state"]), ("1.1.0", "confirmed"))
            self.assertGreater(told["resumed"], len(data) * 0.3)
            self.assertEqual(len(cutter.up), 2)
            self.assertLess(sum(cutter.up), 1.2 * len(data))
            device.stop()

    def test_a_raw_push_whose_power_is_cut_goes_on_after_the_restart(self):
        for name, data in self.files():
            device, boot = self.booted("--cut-at", str(len(data) // 4096 // 2 + 15))
            digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
            try:
                harness.http("POST", f"http://{boot['http']}/update", data,
                             {"Content-Type": "application/octet-stream", "Repr-Digest": f"sha-256=:{digest}:"})
            except (OSError, http.client.HTTPException):
                pass
            self.assertEqual(device.wait_exit(), harness.POWER_CUT_EXIT)
            device, boot = self.booted()
            self.assertEqual(boot["version"], "1.0.0")
            told = self.push(name, boot, "--via", "raw")
            self.assertEqual((told["running"], told["state"]), ("1.1.0", "confirmed"))
            self.assertGreater(told["resumed"], len(data) * 0.2)
            self.assertEqual(self.read("garage.flash")[:len(self.new)], self.new)
            device.stop()

    def test_a_pull_whose_connection_drops_half_way(self):
        for _, data in self.files():
            server = ImageServer(data, drop_at=len(data) // 2)
            self.addCleanup(server.stop)
            device, _ = self.booted(board=f"server: {server.url}\npoll_s: 1\n")
            self.assert_copied(device, self.new)
            self.assertTrue([asked for asked in server.asked if asked], "a request with a Range")
            self.assertLess(server.sent, len(data) * 1.2)
            device.stop()

    def test_another_image_starts_anew(self):
        device, boot = self.booted("--cut-at", "70")
        with self.assertRaises((OSError, http.client.HTTPException)):
            self.post(boot, self.new)
        self.assertEqual(device.wait_exit(), harness.POWER_CUT_EXIT)
        device, boot = self.booted()
        small = self.sketch("small.bin", "1.2.0", 200000)
        told = self.push("small.bin", boot, "--via", "direct")
        self.assertEqual((told["running"], told.get("resumed", 0)), ("1.2.0", 0))
        self.assertEqual(self.read("garage.flash")[:len(small)], small)


class FileSystems(Esp8266Case):
    """A file system goes to its partition only when it is asked for by name."""

    SLOTS = harness.TWO_SLOTS + "storage, data, spiffs, 0x310000, 0x10000\n"

    def setUp(self):
        super().setUp()
        self.image = bytes(i * 7 % 251 for i in range(0x8000))

    def slots(self):
        app = harness.Case.image(self, "esp32.bin", size=100000)
        device = self.device("slots", app, table=self.SLOTS, extra=["--restart-ms", "50"])
        return device, device.wait_boot(), "slots.flash", (0x310000, 0x10000), "partition=storage"

    def one_place(self):
        device, boot = self.booted()
        return device, boot, "garage.flash", FS_1M64K, "partition=filesystem"

    def stored(self, flash, area):
        return self.read(flash)[area[0]:area[0] + area[1]]

    def test_espota_and_the_form_write_it_by_name(self):
        for layout in self.slots, self.one_place:
            device, boot, flash, area, told = layout()
            before = self.read(flash)
            espota_host.push(int(boot["ota"]), self.image, command=100)
            device.wait_line(f"^update done {told}")
            boot = device.wait_boot()
            self.assertEqual(self.stored(flash, area)[:len(self.image)], self.image)
            other = self.image[::-1]
            self.assertIn(b"Update Success!", self.post_form(boot, other, field="filesystem")[2])
            boot = device.wait_boot()
            self.assertEqual(self.stored(flash, area)[:len(other)], other)
            self.assertEqual(self.read(flash)[:area[0]], before[:area[0]], "nothing else was written")
            device.stop()

    def test_no_other_way_writes_it(self):
        for layout in self.slots, self.one_place:
            device, boot, flash, area, _ = layout()
            before = self.read(flash)
            self.assertEqual(self.post(boot, self.image)[0], 400)
            self.assertEqual(self.post(boot, self.image, path="/api/v1/firmware/upload")[0], 523)
            self.assertIn(b"Update error", self.post_form(boot, self.image)[2])
            with self.assertRaises(espota_host.EspotaError):
                espota_host.push(int(boot["ota"]), self.image)
            self.assertEqual(self.read(flash), before)
            device.stop()

    def test_one_that_is_too_large_or_has_no_partition_is_refused(self):
        device, boot, flash, area, _ = self.one_place()
        before = self.read(flash)
        with self.assertRaises(espota_host.EspotaError):
            espota_host.push(int(boot["ota"]), bytes(area[1] + 1), command=100)
        device.stop()
        self.assertEqual(self.read(flash), before)
        os.remove(self.path(flash))
        device, boot = self.booted(layout="esp8266-1m")
        with self.assertRaises(espota_host.EspotaError) as caught:
            espota_host.push(int(boot["ota"]), self.image, command=100)
        self.assertIn("filesystem", caught.exception.text)
        self.assertIn(b"Update error", self.post_form(boot, self.image, field="filesystem")[2])


class SmallDevices(Esp8266Case):
    """1 MB with the two slots of the RTOS SDK's demo."""

    def linked(self, name, version, slot, size=200000):
        self.cli("image", "make", "-o", self.path(name), "--chip", "esp8266", "--version", version, "--size",
                 size, "--slot-offset", hex(slot))
        return self.read(name)

    def test_updates_go_in_both_directions(self):
        for csv, table_offset, ota_0, ota_1 in RTOS_1M, RTOS_1M_FROM_OLD:
            self.linked("first.bin", "1.0.0", ota_0)
            second = self.linked("second.bin", "1.1.0", ota_1)
            third = self.linked("third.bin", "1.2.0", ota_0)
            name = "t" + table_offset
            device = self.device(name, self.path("first.bin"), table=csv, chip="esp8266",
                                 extra=["--flash-size", "1MB", "--table-offset", table_offset,
                                        "--restart-ms", "50"])
            boot = device.wait_boot(slot="ota_0", version="1.0.0")
            self.assertEqual(self.post(boot, second)[0], 200)
            boot = device.wait_boot(slot="ota_1", version="1.1.0")
            device.wait_line("^confirmed")
            espota_host.push(int(boot["ota"]), third)
            device.wait_boot(slot="ota_0", version="1.2.0")
            device.wait_line("^confirmed")
            device.stop()
            flash = self.read(name + ".flash")
            self.assertEqual(flash[ota_0:ota_0 + len(third)], third)
            self.assertEqual(flash[ota_1:ota_1 + len(second)], second)
            self.assertEqual(len(flash), 1 << 20)

    def test_the_tool_places_and_checks_the_demo_tables(self):
        for csv, table_offset, ota_0, ota_1 in RTOS_1M, RTOS_1M_FROM_OLD:
            table = self.write("table.csv", csv)
            self.cli("partitions", table, "-o", self.path("table.bin"), "--rules", "rtos", "--flash-size", "1MB",
                     "--offset", table_offset)
            shown = self.cli("--json", "partitions", self.path("table.bin")).stdout
            self.assertIn(str(ota_1), shown)
            self.assertIn(str(ota_0), shown)
            self.cli("partitions", table, "--rules", "rtos", "--flash-size", "512KB", "--offset",
                     table_offset, status=3)

    def test_an_image_larger_than_a_small_slot_is_refused_with_both_numbers(self):
        csv, table_offset, ota_0, _ = RTOS_1M
        self.linked("first.bin", "1.0.0", ota_0)
        device = self.device("small", self.path("first.bin"), table=csv, chip="esp8266",
                             extra=["--flash-size", "1MB"])
        boot = device.wait_boot()
        status, _, body = self.post(boot, bytes(0x70001))
        self.assertEqual(status, 413)
        self.assertIn(b"458753 bytes, but the slot holds 458752", body)


if __name__ == "__main__":
    unittest.main()
