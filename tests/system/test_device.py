"""updraft-device as its users meet it: real sockets, real flash files, no part replaced."""

import base64
import gzip
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
import unittest

import espota_host
import harness
import images
from device_case import SLOT_LEN, DeviceCase

ONE_SLOT = """\
otadata, data, ota,   0xd000,  0x2000
ota_0,   app,  ota_0, 0x10000, 0x180000
"""


class BootTest(DeviceCase):
    def test_a_new_flash_boots_its_first_image_and_says_so(self):
        device, boot = self.booted()
        self.assertEqual((boot["slot"], boot["version"], boot["state"]), ("ota_0", "1.0.0", "confirmed"))
        self.assertEqual(device.lines[0].split()[0], "boot")
        status = self.status_of(boot)
        expected = {"name": "garage", "product": "demo", "chip": "esp32", "project": "demo", "version": "1.0.0",
                    "idf": "v5.4.1", "slot": "ota_0", "state": "confirmed", "next": "ota_1",
                    "capacity": SLOT_LEN, "flash": 4 << 20, "ota_port": int(boot["ota"]), "dialect": "esp32",
                    "password": False}
        self.assertEqual({key: status[key] for key in expected}, expected)
        self.assertEqual(status["slots"], [{"name": "ota_0", "size": SLOT_LEN, "running": True},
                                           {"name": "ota_1", "size": SLOT_LEN, "running": False}])
        self.assertEqual((status["update"]["state"], status["last"]["result"]), ("idle", "none"))

    def test_the_page_is_there_and_the_root_leads_to_it(self):
        _, boot = self.booted()
        status, headers, page = harness.http("GET", f"http://{boot['http']}/")  # follows the redirect
        self.assertEqual((status, headers.get_content_type(), headers["Content-Encoding"]),
                         (200, "text/html", "gzip"))
        self.assertLess(len(page), 8192)
        page = gzip.decompress(page)
        self.assertIn(b'enctype="multipart/form-data"', page)
        self.assertIn(b'name="firmware"', page)
        self.assertNotIn(b"http://", page)
        self.assertEqual(harness.http("GET", f"http://{boot['http']}/nothing")[0], 404)

    def test_sigterm_ends_it_with_0(self):
        device, _ = self.booted()
        device.process.send_signal(signal.SIGTERM)
        self.assertEqual(device.wait_exit(), 0)

    def test_an_empty_flash_ends_it_with_3(self):
        device, _ = self.booted()
        device.stop()
        with open(self.path("garage.flash"), "r+b") as file:
            file.seek(0x10000)
            file.write(b"\xFF" * 4096)
        device = self.start_device()
        self.assertEqual(device.wait_exit(), 3)
        self.assertIn("nothing boots", device.output())

    def test_wrong_usage_ends_with_2_and_says_why(self):
        for args, word in ((["--flash"], "--flash needs a value"), (["--nonsense"], "--nonsense"),
                           ([], "--flash FILE is missing"),
                           (["--flash", "x", "--board", "y", "--behaviour", "odd"], "healthy, crash"),
                           (["--flash", "x", "--board", "y", "--cut-at", "0"], "from 1 to"),
                           (["--flash", "x", "--board", "y", "--flash-size", "3MB"], "4MB")):
            result = subprocess.run([harness.program("updraft-device"), *args], capture_output=True, text=True,
                                    timeout=harness.WAIT_S, check=False)
            self.assertEqual(result.returncode, 2, args)
            self.assertIn(word, result.stderr)

    def test_errors_of_board_yaml_name_the_line(self):
        good = "name: garage\nchip: esp32\n"
        for text, words in ((good + "ports:\n  http: eighty\n", ("line 4", "http")),
                            (good + "ports:\n  http: 70000\n", ("line 4", "http")),
                            ("name: garage\nchip: esp99\n", ("line 2", "esp99")),
                            (good + "server: ftp://x.example\n", ("line 3", "ftp://x.example")),
                            ("chip: esp32\n", ("name",)),
                            (good + "ota:\n  channels: []\n", ("channels",)),
                            (good + "ports: [\n", ("line",))):
            board = self.write("board.yaml", text)
            result = subprocess.run([harness.program("updraft-device"), "--flash", self.path("x.flash"), "--board",
                                     board], capture_output=True, text=True, timeout=harness.WAIT_S, check=False)
            self.assertEqual(result.returncode, 1, text)
            for word in words:
                self.assertIn(word, result.stderr, text)

    def test_keys_of_other_programs_in_board_yaml_are_passed_over(self):
        device, boot = self.booted(board="leds:\n  wifi:\n    gpio: 17\nbutton:\n  gpio: 0\n"
                                         "pilot:\n  levels: [2405, 2099]\n")
        self.assertEqual(boot["version"], "1.0.0")
        self.assertIn("leds", device.output())

    def test_an_image_for_another_chip_makes_no_flash(self):
        device = self.start_device(app=images.make("1.0.0", chip="esp32s3"))
        self.assertEqual(device.wait_exit(), 1)
        self.assertIn("ESP32-S3", device.output())
        self.assertFalse(os.path.exists(self.path("garage.flash")))

    def test_a_flash_that_is_in_use_is_refused(self):
        _, boot = self.booted()
        second = self.start_device()
        self.assertEqual(second.wait_exit(), 1)
        self.assertIn("garage.flash is in use by another virtual device", second.output())
        self.assertEqual(self.status_of(boot)["version"], "1.0.0")

    def test_options_of_a_new_flash_are_not_passed_over_in_silence(self):
        device, _ = self.booted()
        self.assertNotIn("not used", device.output())
        device.stop()
        device, _ = self.booted(extra=["--flash-size", "8MB"])
        self.assertIn("exists and is used as it is; not used: --table --app --flash-size", device.output())

    def test_the_example_of_the_help_works_as_it_is_typed(self):
        text = subprocess.run([harness.program("updraft-device"), "--help"], capture_output=True, text=True,
                              timeout=harness.WAIT_S, check=True).stdout
        lines = text.partition("Example, from nothing to an updated device:\n")[2].partition("\n\n")[0]
        script = "".join(line.strip() + "\n" for line in lines.splitlines())
        self.assertEqual(script.count(" &\n"), 1, script)
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            for kind, port in ((tcp, "8080"), (udp, "3232")):  # these may be in use here
                kind.bind(("127.0.0.1", 0))
                self.assertIn(port, script)
                script = script.replace(port, str(kind.getsockname()[1]))
        script = re.sub(r"( &\n)", r" > device.log 2>\&1\1echo $! > device.pid\n", script)
        environment = {**os.environ, "PATH": harness.BIN + os.pathsep + os.environ["PATH"]}
        result = subprocess.run(["sh", "-e", "-c", script], cwd=self.directory, env=environment, capture_output=True,
                                text=True, timeout=harness.WAIT_S, check=False)
        with open(self.path("device.pid"), encoding="ascii") as file:
            self.addCleanup(os.kill, int(file.read()), signal.SIGTERM)
        self.assertEqual((result.returncode, "Update Success!" in result.stdout), (0, True), result)

        def log():
            with open(self.path("device.log"), encoding="utf-8") as file:
                return file.read()

        harness.wait_until("the new version", lambda: "confirmed slot=ota_1 version=1.1.0" in log())

    def test_a_damaged_first_image_makes_no_flash(self):
        device = self.start_device(app=self.old[:-40] + b"x" + self.old[-39:])
        self.assertEqual(device.wait_exit(), 1)
        self.assertFalse(os.path.exists(self.path("garage.flash")))


class PushTest(DeviceCase):
    def test_a_raw_body_updates(self):
        device, boot = self.booted()
        answer = self.post(boot, self.new)
        self.assertEqual(answer[0], 200, answer[2])
        again = self.assert_updated(device)
        self.assertEqual((again["http"], again["ota"]), (boot["http"], boot["ota"]))
        status = self.status_of(boot)
        self.assertEqual((status["version"], status["state"], status["last"]["result"], status["last"]["version"]),
                         ("1.1.0", "confirmed", "updated", "1.1.0"))

    def test_updates_go_back_and_forth_between_two_slots(self):
        device, boot = self.booted()
        for version, slot in (("1.1.0", "ota_1"), ("1.2.0", "ota_0"), ("1.3.0", "ota_1"), ("1.4.0", "ota_0")):
            self.assertEqual(self.post(boot, images.make(version))[0], 200)
            self.assert_updated(device, version, slot)

    def test_the_factory_image_stays_and_the_ota_slots_take_turns(self):
        device, boot = self.booted(table=harness.FACTORY)
        self.assertEqual(boot["slot"], "factory")
        factory = self.flash()[0x10000:0x110000]
        for version, slot in (("1.1.0", "ota_0"), ("1.2.0", "ota_1"), ("1.3.0", "ota_0")):
            self.assertEqual(self.post(boot, images.make(version))[0], 200)
            self.assert_updated(device, version, slot)
        self.assertEqual(self.flash()[0x10000:0x110000], factory)

    def test_the_form_updates_and_answers_as_the_stock_page_does(self):
        device, boot = self.booted()
        status, headers, body = self.post_form(boot, self.new)
        self.assertEqual((status, headers.get_content_type()), (200, "text/html"))
        self.assertIn(b"Update Success!", body)
        self.assert_updated(device)

    def test_a_refused_form_is_answered_with_200_and_its_error(self):
        device, boot = self.booted()
        status, _, body = self.post_form(boot, b"this is no firmware" * 500)
        self.assertEqual(status, 200)
        self.assertIn(b"Update error: ", body)
        device.wait_line("^update failed")
        self.assertEqual(self.status_of(boot)["version"], "1.0.0")

    def test_the_upload_address_of_esp32_evse_updates(self):
        device, boot = self.booted()
        status, _, body = self.post(boot, self.new, path="/api/v1/firmware/upload")
        self.assertEqual((status, body), (200, b"OK"))
        self.assert_updated(device)

    def test_the_form_with_a_password_wants_the_password(self):
        device, boot = self.booted(board="password: secret\n")
        self.assertTrue(self.status_of(boot)["password"])
        status, headers, _ = self.post_form(boot, self.new)
        self.assertEqual(status, 401)
        self.assertEqual([challenge.split()[0] for challenge in headers.get_all("WWW-Authenticate")],
                         ["Digest", "Digest", "Basic"])
        wrong = {"Authorization": "Basic " + base64.b64encode(b"admin:wrong").decode()}
        self.assertEqual(self.post_form(boot, self.new, headers=wrong)[0], 401)
        self.assertEqual(self.post(boot, self.new, headers=wrong)[0], 401)
        right = {"Authorization": "Basic " + base64.b64encode(b"admin:secret").decode()}
        self.assertEqual(self.post(boot, self.new, headers=right)[0], 200)
        self.assert_updated(device)

    def test_a_foreign_page_cannot_update(self):
        _, boot = self.booted()
        self.assertEqual(self.post(boot, self.new, headers={"Origin": "http://evil.example"})[0], 403)
        self.assertEqual(self.status_of(boot)["update"]["state"], "idle")

    def test_gzip_images_are_taken_by_every_push(self):
        device, boot = self.booted()
        packed = gzip.compress(self.new)
        self.assertEqual(self.post(boot, packed)[0], 200)
        self.assert_updated(device)
        self.assertEqual(self.post_form(boot, gzip.compress(images.make("1.2.0")))[0], 200)
        self.assert_updated(device, "1.2.0", "ota_0")
        espota_host.push(int(boot["ota"]), gzip.compress(images.make("1.3.0")))
        self.assert_updated(device, "1.3.0", "ota_1")
        offset = 0x190000
        image = images.make("1.3.0")
        self.assertEqual(self.flash()[offset:offset + len(image)], image)

    def test_espota_with_password_updates(self):
        device, boot = self.booted(board="password: bms2024\n")
        heard = espota_host.push(int(boot["ota"]), self.new, "bms2024")
        self.assertTrue(heard.endswith("OK"))
        self.assert_updated(device)

    def test_espota_without_password_updates_in_both_chunk_sizes(self):
        device, boot = self.booted()
        espota_host.push(int(boot["ota"]), self.new, chunk=1024)
        self.assert_updated(device)
        espota_host.push(int(boot["ota"]), images.make("1.2.0"), chunk=1460)
        self.assert_updated(device, "1.2.0", "ota_0")

    def test_espota_with_a_wrong_password_is_refused_and_the_right_one_still_works(self):
        device, boot = self.booted(board="password: bms2024\n")
        with self.assertRaises(espota_host.EspotaError) as caught:
            espota_host.push(int(boot["ota"]), self.new, "bms2025")
        self.assertEqual(caught.exception.text, "Authentication Failed")
        espota_host.push(int(boot["ota"]), self.new, "bms2024")
        self.assert_updated(device)

    def test_espota_to_an_esp8266_speaks_its_dialect(self):
        app = esp8266_image(b"old")
        device, boot = self.booted(app=app, chip="esp8266")
        self.assertEqual(self.status_of(boot)["dialect"], "esp8266")
        with self.assertRaises(espota_host.EspotaError) as caught:
            espota_host.push(int(boot["ota"]), bytes(SLOT_LEN + 1))
        self.assertTrue(caught.exception.text.startswith("ERR: "), caught.exception.text)
        espota_host.push(int(boot["ota"]), esp8266_image(b"new"))
        self.assertEqual(device.wait_boot()["slot"], "ota_1")
        device.wait_line("^confirmed")

    def test_espota_with_a_wrong_digest_changes_nothing_that_boots(self):
        device, boot = self.booted()
        with self.assertRaises(espota_host.EspotaError) as caught:
            espota_host.push(int(boot["ota"]), self.new, announced_md5="0" * 32)
        self.assertEqual(caught.exception.step, "result")
        device.wait_line("^update failed code=61")
        self.assertEqual(self.status_of(boot)["version"], "1.0.0")


def esp8266_image(text):
    """A ROM-loaded ESP8266 image with one segment."""
    data = (text * 4000)[:8000]
    checksum = 0xEF
    for byte in data:
        checksum ^= byte
    image = b"\xE9\x01\x02\x40" + (0x40100000).to_bytes(4, "little")
    image += (0x40100000).to_bytes(4, "little") + len(data).to_bytes(4, "little") + data
    return image + bytes(15 - len(image) % 16) + bytes([checksum])


class RefusalTest(DeviceCase):
    """What is refused before the first erase leaves every byte of the flash as it was."""

    def refuse(self, body, status, name, **kwargs):
        _, boot = self.booted(**kwargs)
        before = self.flash()
        error = self.assert_refused(self.post(boot, body), status, name)
        self.assertEqual(self.flash(), before)
        self.assertEqual(self.status_of(boot)["last"]["error"]["name"], name)
        return error

    def test_an_image_for_another_chip(self):
        error = self.refuse(images.make("1.1.0", chip="esp32s3"), 400, "wrong_chip")
        self.assertIn("ESP32-S3", error["text"])

    def test_an_image_that_is_too_large_with_both_numbers(self):
        error = self.refuse(bytes(SLOT_LEN + 5), 413, "too_large")
        self.assertIn(str(SLOT_LEN + 5), error["text"])
        self.assertIn(str(SLOT_LEN), error["text"])

    def test_something_that_is_no_image(self):
        self.refuse(b"PK\x03\x04" + bytes(5000), 400, "not_an_image")

    def test_the_image_that_runs_already(self):
        self.refuse(self.old, 409, "already_running")

    def test_any_image_where_there_is_one_slot_only(self):
        self.refuse(self.new, 500, "no_slot", table=ONE_SLOT)

    def test_any_image_while_updates_are_disabled(self):
        self.refuse(self.new, 403, "disabled", extra=["--disable-updates"])

    def test_any_image_while_the_guard_says_no_and_none_after_it(self):
        device, boot = self.booted(extra=["--guard", "charging"])
        before = self.flash()
        error = self.assert_refused(self.post(boot, self.new), 503, "not_now")
        self.assertIn("charging", error["text"])
        self.assertEqual(self.flash(), before)
        device.process.send_signal(signal.SIGUSR1)
        device.wait_line("^guard down")
        self.assertEqual(self.post(boot, self.new)[0], 200)
        self.assert_updated(device)

    def test_the_restart_waits_for_the_guard(self):
        device, boot = self.booted(extra=["--guard", "charging", "--restart-ms", "300"])
        device.process.send_signal(signal.SIGUSR1)
        device.wait_line("^guard down")
        self.assertEqual(self.post(boot, self.new)[0], 200)
        device.process.send_signal(signal.SIGUSR1)
        device.wait_line("^restart waits reason=\"charging\"")
        update = self.status_of(boot)["update"]
        self.assertEqual((update["state"], update["waiting"]), ("done", "charging"))
        device.process.send_signal(signal.SIGUSR1)
        self.assert_updated(device)
        self.assertNotIn("waiting", self.status_of(boot)["update"])

    def test_an_image_of_another_project(self):
        error = self.refuse(images.make("1.1.0", project="heater"), 400, "wrong_product")
        self.assertIn("heater", error["text"])

    def test_an_empty_body(self):
        _, boot = self.booted()
        before = self.flash()
        self.assertGreaterEqual(self.post(boot, b"")[0], 400)
        self.assertEqual(self.flash(), before)


class BadInputTest(DeviceCase):
    """What turns out bad on the way: an error, the running image untouched, the next update works."""

    def assert_alive(self, device, boot):
        self.assertEqual(self.status_of(boot)["version"], "1.0.0")
        self.assertEqual(self.post(boot, self.new)[0], 200)
        self.assert_updated(device)

    def test_a_truncated_image(self):
        device, boot = self.booted()
        self.assert_refused(self.post(boot, self.new[:30000]), 400, "truncated")
        self.assert_alive(device, boot)

    def test_a_flipped_bit(self):
        device, boot = self.booted()
        for off in (0x200, 30000, len(self.new) - 33, len(self.new) - 1):
            damaged = bytearray(self.new)
            damaged[off] ^= 0x40
            status, _, body = self.post(boot, bytes(damaged))
            self.assertEqual(status, 400, body)
            self.assertIn(json.loads(body)["error"]["name"], ("bad_checksum", "bad_hash"), off)
        self.assert_alive(device, boot)

    def test_random_bytes(self):
        device, boot = self.booted()
        for content in (os.urandom(20000), b"\xE9" + os.urandom(20000), b"\xE9\x01\x02\x20" + bytes(20000),
                        b"\x1f\x8b" + os.urandom(5000)):
            self.assertGreaterEqual(self.post(boot, content)[0], 400)
        self.assert_alive(device, boot)

    def test_a_connection_that_drops_in_the_middle(self):
        device, boot = self.booted()
        for part in (self.new[:1], self.new[:5000], self.new[:-1]):
            upload = self.open_upload(boot, len(self.new), part)
            device.wait_line("^update start")
            upload.close()
            device.wait_line("^update failed")
        self.assert_alive(device, boot)

    def test_an_espota_connection_that_drops_in_the_middle(self):
        device, boot = self.booted()
        espota_host.push(int(boot["ota"]), self.new, stop_after=20000)
        device.wait_line("^update failed")
        self.assert_alive(device, boot)

    def test_an_espota_host_that_does_not_listen(self):
        device, boot = self.booted()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            udp.sendto(f"0 {closed.getsockname()[1]} {len(self.new)} {espota_host.md5(self.new)}\n".encode(),
                       ("127.0.0.1", int(boot["ota"])))
            device.wait_line("^update failed")
        self.assert_alive(device, boot)

    def test_datagrams_that_are_no_invitation(self):
        device, boot = self.booted()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            for datagram in (b"", b"\0" * 300, b"200 x y\n", b"0 0 0 \n", b"7 1 1 " + b"a" * 32, os.urandom(100)):
                udp.sendto(datagram, ("127.0.0.1", int(boot["ota"])))
        self.assert_alive(device, boot)

    def test_a_second_update_while_one_runs(self):
        device, boot = self.booted()
        upload = self.open_upload(boot, len(self.new), self.new[:20000])
        device.wait_line("^update start")
        self.wait_status(boot, "bytes in flash", lambda s: s["update"]["written"] > 0)
        self.assert_refused(self.post(boot, images.make("1.2.0")), 409, "busy")
        status, _, body = self.post_form(boot, images.make("1.2.0"))
        self.assertIn(b"Update error: ", body, status)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, \
                socket.create_server(("127.0.0.1", 0)) as listener:
            udp.sendto(f"0 {listener.getsockname()[1]} {len(self.new)} {espota_host.md5(self.new)}\n".encode(),
                       ("127.0.0.1", int(boot["ota"])))
            self.wait_status(boot, "the first goes on", lambda s: s["update"]["state"] == "receiving")
        upload.sendall(self.new[20000:])
        answer = http.client.HTTPResponse(upload)
        answer.begin()
        self.assertEqual(answer.status, 200)
        self.assert_updated(device)


class RudeClientTest(DeviceCase):
    """Clients that hold on to the device without bringing it anything."""

    def connect(self, boot):
        host, _, port = boot["http"].rpartition(":")
        client = socket.create_connection((host, int(port)), timeout=harness.WAIT_S)
        self.addCleanup(client.close)
        return client

    def test_an_upload_whose_client_sends_and_goes_at_once_makes_room(self):
        device, boot = self.booted()
        for part_len in (1, 40, 3000):
            client = self.connect(boot)
            client.sendall(f"POST /update HTTP/1.1\r\nHost: {boot['http']}\r\nContent-Type: "
                           f"application/octet-stream\r\nContent-Length: {len(self.new)}\r\n\r\n".encode())
            device.wait_line("^update start")
            os.kill(device.process.pid, signal.SIGSTOP)  # so that both come to it in one event
            client.sendall(self.new[:part_len])
            client.close()
            os.kill(device.process.pid, signal.SIGCONT)
            device.wait_line("^update failed code=69", 2)
        self.assertEqual(self.post(boot, self.new)[0], 200)
        self.assert_updated(device)

    def test_connections_that_say_nothing_keep_no_one_out(self):
        device, boot = self.booted()
        upload = self.open_upload(boot, len(self.new), self.new[:20000])
        device.wait_line("^update start")
        idle = [self.connect(boot) for _ in range(60)]
        half = [self.connect(boot) for _ in range(60)]
        for client in half:
            try:
                client.sendall(b"GET /status HTTP/1.1\r\nHost: x")
            except OSError:
                pass  # it had to make room already
        before = time.monotonic()
        self.assertEqual(self.status_of(boot)["update"]["state"], "receiving")
        self.assertLess(time.monotonic() - before, 2)
        upload.sendall(self.new[20000:])
        answer = http.client.HTTPResponse(upload)
        answer.begin()
        self.assertEqual(answer.status, 200)
        self.assert_updated(device)
        self.assertEqual((len(idle), len(half)), (60, 60))  # they were open all the time

    def drip(self, device, stream):
        """One byte at a time until the device has had enough; how long that took."""
        before = time.monotonic()
        try:
            for at in range(20000, 20000 + 10 * harness.WAIT_S):
                stream.sendall(self.new[at:at + 1])
                if any("update failed" in line for line in device.lines):
                    break
                time.sleep(0.1)
        except OSError:
            pass
        device.wait_line("^update failed code=65", 5)
        return time.monotonic() - before

    def test_an_upload_that_drips_is_given_up(self):
        device, boot = self.booted(extra=["--stall-s", "1"])
        upload = self.open_upload(boot, len(self.new), self.new[:20000])
        device.wait_line("^update start")
        self.assertLess(self.drip(device, upload), 6)
        self.assertEqual(self.post(boot, self.new)[0], 200)
        self.assert_updated(device)

    def test_an_espota_host_that_drips_is_given_up(self):
        device, boot = self.booted(extra=["--stall-s", "1"])
        with socket.create_server(("127.0.0.1", 0)) as listener, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(f"0 {listener.getsockname()[1]} {len(self.new)} {espota_host.md5(self.new)}\n".encode(),
                       ("127.0.0.1", int(boot["ota"])))
            listener.settimeout(harness.WAIT_S)
            stream, _ = listener.accept()
            with stream:
                device.wait_line("^update start")
                stream.sendall(self.new[:20000])
                self.assertLess(self.drip(device, stream), 6)
        self.wait_status(boot, "the end", lambda s: s["update"]["state"] == "failed")
        self.assertEqual(self.post(boot, self.new)[0], 200)
        self.assert_updated(device)

    def basic(self, password):
        return {"Authorization": "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()}

    def test_guessing_passwords_over_http_is_slowed_down(self):
        device, boot = self.booted(board="password: secret\n")
        for _ in range(2):  # the right one releases the brake
            for guess in range(5):
                self.assertEqual(self.post(boot, self.new, headers=self.basic(f"guess {guess}"))[0], 401)
                device.wait_line("^sign-in failed via=raw from=127.0.0.1")
            status, headers, body = self.post(boot, self.new, headers=self.basic("secret"))
            self.assertEqual((status, headers["Retry-After"]), (429, "1"), body)
            self.assertEqual(json.loads(body)["error"]["name"], "slow_down")
            self.assertEqual(self.status_of(boot)["version"], "1.0.0")
            time.sleep(1.1)
            self.assertEqual(self.post(boot, b"no image at all", headers=self.basic("secret"))[0], 400)
        self.assertEqual(self.post_form(boot, self.new, headers=self.basic("wrong"))[0], 401)
        device.wait_line("^sign-in failed via=form")
        self.assertEqual(self.post(boot, self.new, headers=self.basic("secret"))[0], 200)
        self.assert_updated(device)

    def test_guessing_passwords_over_espota_is_slowed_down(self):
        device, boot = self.booted(board="password: secret\n")
        for guess in range(5):
            with self.assertRaises(espota_host.EspotaError):
                espota_host.push(int(boot["ota"]), self.new, f"guess {guess}")
            device.wait_line("^sign-in failed via=espota from=127.0.0.1")
        before = time.monotonic()
        with self.assertRaises(espota_host.EspotaError) as caught:
            espota_host.push(int(boot["ota"]), self.new, "guess 6")
        self.assertEqual(caught.exception.text, "Authentication Failed")
        self.assertGreater(time.monotonic() - before, 0.8)
        self.assertEqual(self.status_of(boot)["version"], "1.0.0")
        espota_host.push(int(boot["ota"]), self.new, "secret")
        self.assert_updated(device)


if __name__ == "__main__":
    unittest.main()
