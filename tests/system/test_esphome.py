"""ESPHome's native protocol: a virtual device and hosts of every kind, and `updraft push` with
devices of every kind. Each ends on both sides, in its time, with the right sentence."""

import gzip
import json
import socket
import time

import esphome_peer
import harness
import images
from cli_case import CliTest, HttpPeer
from esphome_peer import EsphomeError, Host

PASSWORD = "bms2024"
SIZE = 100000
SLOT_LEN = 0x180000


class Device(harness.Case):
    """The virtual device; the host is a script."""

    def boot(self, password=None, chip="esp32", extra=()):
        old = self.image("old.bin", chip=chip, version="1.0.0", size=SIZE)
        board = f"password: {password}\n" if password else ""
        path = self.write("target.yaml", f"name: target\nchip: {chip}\nproduct: demo\nports:\n"
                                         f"  ota: 0\n  http: 0\n  esphome: 0\n{board}")
        table = self.write("table.csv", harness.TWO_SLOTS)
        self.target = self.start(harness.Device([
            harness.program("updraft-device"), "--flash", self.path("target.flash"), "--table",
            table, "--app", old, "--board", path, "--restart-ms", "50", *extra]))
        self.fields = self.target.wait_boot(version="1.0.0")
        self.port = int(self.fields["esphome"])
        self.new = images.make(version="1.1.0", chip=chip, size=SIZE) if chip != "esp8266" else None

    def status(self):
        return json.loads(harness.http("GET", f"http://{self.fields['http']}/status")[2])

    def host(self, **kwargs):
        return Host(self.port, **kwargs)

    def expect_updated(self):
        self.target.wait_boot(version="1.1.0", slot="ota_1")

    def expect_unchanged_and_free(self, password=""):
        """The old image runs, and the next host gets in."""
        status = self.status()
        self.assertEqual(status["version"], "1.0.0")
        with self.host(password=password) as host:
            host.push(self.new)
        self.expect_updated()

    def test_an_image_updates_without_a_password(self):
        self.boot()
        self.assertEqual(self.status()["esphome_port"], self.port)
        with self.host() as host:
            host.push(self.new)
        self.target.wait_line("update start via=esphome")
        self.expect_updated()

    def test_both_password_schemes_update(self):
        self.boot(PASSWORD)
        with self.host(password=PASSWORD, features=1) as host:
            host.push(self.new)
        self.expect_updated()
        harness.wait_until("the trial has ended", lambda: self.status()["state"] == "confirmed")
        with self.host(password=PASSWORD, features=3) as host:
            host.push(images.make(version="1.2.0", size=SIZE))
        self.target.wait_boot(version="1.2.0", slot="ota_0")

    def test_an_esp8266_asks_for_gzip(self):
        self.boot(chip="esp8266")
        with open(self.image("new.bin", chip="esp8266", version="1.1.0", size=SIZE), "rb") as file:
            new = gzip.compress(file.read())
        with self.host() as host:
            host.push(new)
            self.assertTrue(host.takes_gzip)
        self.expect_updated()

    def refused(self, data, **kwargs):
        with self.host(**kwargs) as host:
            with self.assertRaises(EsphomeError) as caught:
                host.push(data)
        return caught.exception

    def test_a_wrong_password_is_refused_and_guessing_is_slowed_down(self):
        self.boot(PASSWORD)
        for _ in range(5):
            error = self.refused(self.new, password="wrong")
            self.assertEqual((error.step, error.byte), ("password", 0x82))
            self.assertIn("the password is wrong", error.words)
        self.target.wait_line("sign-in failed via=esphome")
        start = time.monotonic()
        self.refused(self.new, password="wrong")
        self.assertGreater(time.monotonic() - start, 0.9)
        self.expect_unchanged_and_free(PASSWORD)

    def test_an_image_for_another_chip_is_refused_before_anything_is_erased(self):
        self.boot()
        error = self.refused(images.make(version="1.1.0", chip="esp32s3", size=SIZE))
        self.assertEqual((error.step, error.byte), ("data", 0x87))
        self.assertIn("the image is for ESP32-S3", error.words)
        self.expect_unchanged_and_free()

    def test_an_image_that_is_too_large_is_refused_by_its_size(self):
        self.boot()
        error = self.refused(bytes([0xE9]) + bytes(SLOT_LEN))
        self.assertEqual((error.step, error.byte), ("size", 0x89))
        self.assertIn(f"{SLOT_LEN + 1} bytes", error.words)
        self.expect_unchanged_and_free()

    def test_another_digest_is_refused_after_the_last_byte(self):
        self.boot()
        with self.host() as host:
            with self.assertRaises(EsphomeError) as caught:
                host.push(self.new, md5="0" * 32)
        self.assertEqual((caught.exception.step, caught.exception.byte), ("end", 0x8B))
        self.expect_unchanged_and_free()

    def test_a_connection_that_is_cut_changes_nothing_wherever_it_is(self):
        self.boot()
        for percent in (1, 50, 99):
            cut = len(self.new) * percent // 100
            blocks = cut // esphome_peer.BLOCK * esphome_peer.BLOCK
            with self.host() as host:
                host.begin(self.new)
                host.stream(self.new[:blocks])
                host.tcp.sendall(self.new[blocks:cut])
            self.target.wait_line("update failed code=69 name=disconnected", 5)
        self.expect_unchanged_and_free()

    def test_a_host_that_goes_after_the_last_byte_has_updated_the_device(self):
        self.boot()
        with self.host() as host:
            host.begin(self.new)
            host.tcp.sendall(self.new)
            host.tcp.shutdown(socket.SHUT_WR)
            host.rest()
        self.expect_updated()

    def test_a_host_that_falls_silent_is_given_up_in_every_phase(self):
        self.boot(extra=["--stall-s", "2"])
        with self.host() as greeting, self.host() as streaming:
            start = time.monotonic()
            greeting.greet()
            streaming.begin(self.new)
            streaming.stream(self.new[:esphome_peer.BLOCK])
            self.assertRegex(streaming.rest().decode("latin1"), "^\xff65 nothing came for too long")
            self.assertLess(time.monotonic() - start, 10)
            self.target.wait_line("update failed code=65 name=timeout", 5)
            greeting.read(1)  # it needs no password, and says so
            self.assertRegex(greeting.rest().decode("latin1"), "^\xff65 nothing came for too long")
            self.assertLess(time.monotonic() - start, 40)
        self.expect_unchanged_and_free()

    def test_a_second_host_is_told_and_does_not_disturb_the_first(self):
        self.boot()
        with self.host() as first:
            first.begin(self.new)
            first.stream(self.new[:esphome_peer.BLOCK])
            error = self.refused(self.new)
            self.assertEqual((error.step, error.byte, error.words),
                             ("size", 0x81, "51 another update is running\n"))
            first.stream(self.new, esphome_peer.BLOCK)
            self.assertEqual(first.read(2), b"\x44\x45")
        self.expect_updated()

    def test_what_is_no_esphome_host_is_told_so(self):
        self.boot()
        with self.host() as host:
            host.tcp.sendall(b"GET / HTTP/1.1\r\n\r\n")
            host.tcp.shutdown(socket.SHUT_WR)
            self.assertEqual(host.rest()[:4], b"\x8071 ")
        self.expect_unchanged_and_free()


class Push(CliTest):
    """`updraft push`; the device is a script."""

    def push(self, code, peer, *args, image=None, via=("--via", "esphome")):
        image = image or self.image(version="1.1.0", size=SIZE)
        return self.json("push", image, "127.0.0.1", "--ota-port", peer.port, "--http-port", 1,
                         *via, *args, code=code)

    def device(self, **kwargs):
        return esphome_peer.Device(self, **kwargs)

    def test_every_kind_of_device_gets_the_image(self):
        image = self.image(version="1.1.0", size=SIZE)
        for kwargs in ({}, {"version": 1}, {"password": PASSWORD},
                       {"password": PASSWORD, "sha256": False}):
            peer = self.device(**kwargs)
            got = self.push(0, peer, "--password", PASSWORD, image=image)
            self.assertEqual((got["via"], got["state"]), ("esphome", "written"))
            self.assertEqual(peer.received, image.read_bytes())
            harness.wait_until("the last word", lambda p=peer: p.last == b"\0", 5)

    def test_a_device_that_asks_for_gzip_gets_gzip(self):
        image = self.image(version="1.1.0", size=SIZE)
        peer = self.device(takes_gzip=True)
        self.push(0, peer, image=image)
        self.assertEqual(gzip.decompress(peer.received), image.read_bytes())

    def test_without_being_told_the_protocol_is_found(self):
        peer = self.device()
        got = self.push(0, peer, via=())
        self.assertEqual(got["via"], "esphome")

    def test_our_own_device_is_followed_until_it_runs_the_new_version(self):
        status = {"updraft": "0.1.0", "name": "garage", "chip": "esp32", "project": "demo",
                  "version": "1.0.0", "slot": "ota_0", "state": "confirmed", "next": "ota_1",
                  "capacity": 262144, "ota_port": 1, "password": False, "last": {"result": "none"},
                  "uptime_ms": 600000}
        peer = self.device()
        new = dict(status, version="1.1.0", slot="ota_1", next="ota_0", uptime_ms=100)
        http = HttpPeer(self, {("GET", "/status"): lambda h, b: (200, "application/json", json.dumps(
            new if peer.last else dict(status, esphome_port=peer.port)))})
        got = self.json("push", self.image(version="1.1.0"), f"127.0.0.1:{http.port}", "--via",
                        "esphome")
        self.assertEqual((got["running"], got["state"]), ("1.1.0", "confirmed"))

    def fails(self, code, *args, timeout=10, **kwargs):
        start = time.monotonic()
        error = self.push(code, self.device(**kwargs), "--timeout", timeout, *args)["error"]
        self.assertLess(time.monotonic() - start, 15)
        return error["code"], error["message"]

    def check(self, result, code, *words):
        self.assertEqual(result[0], code, result[1])
        for word in words:
            self.assertIn(word, result[1])

    def test_a_wrong_or_missing_password_is_exit_6(self):
        for sha256 in (False, True):
            self.check(self.fails(6, "--password", "no", password=PASSWORD, sha256=sha256),
                       "wrong_password", "password: the device does not take the password")
        self.check(self.fails(6, password=PASSWORD), "wrong_password", "none is given")

    def test_each_of_esphome_s_errors_has_our_name(self):
        names = {0x80: "not_an_image", 0x81: "not_prepared", 0x83: "flash_program",
                 0x84: "not_bootable", 0x85: "needs_reset", 0x86: "wrong_flash_size",
                 0x87: "wrong_flash_size", 0x88: "too_large", 0x89: "too_large", 0x8A: "no_slot",
                 0x8B: "digest_mismatch", 0x8C: "too_large", 0x8D: "bad_signature",
                 0x8E: "unsupported", 0x93: "downgrade", 0x94: "unsupported", 0xFF: "refused"}
        for byte, name in names.items():
            self.check(self.fails(5, refuse={"size": bytes([byte])}), name, "size: ",
                       f"0x{byte:02X}")

    def test_a_refusal_is_told_with_its_step(self):
        for step, words in (("magic", "greeting:"), ("features", "greeting:"), ("md5", "size:"),
                            ("data", "transfer:")):
            self.check(self.fails(5, refuse={step: b"\x84"}), "not_bootable", words)
        self.check(self.fails(5, verdict=b"\x44\x8b"), "digest_mismatch", "result:")

    def test_our_own_device_s_words_are_shown(self):
        self.check(self.fails(5, refuse={"size": b"\x8152 the application does not allow an update "
                                                 b"now: charging\n"}),
                   "not_now", "size: the application does not allow an update now: charging")

    def test_a_connection_that_is_cut_is_told_with_the_place(self):
        for percent, told in ((1, "after 0 of"), (50, "after 49152 of")):
            self.check(self.fails(4, cut_at=SIZE * percent // 100), "disconnected",
                       "transfer: the device closed the connection " + told)
        for percent in (99, 100):  # the last block is out: who knows what became of it?
            self.check(self.fails(4, cut_at=SIZE * percent // 100), "no_verdict",
                       "all 100000 bytes went out")
        self.check(self.fails(4, verdict=b"\x44"), "no_verdict")

    def test_a_device_that_falls_silent_is_given_up(self):
        self.check(self.fails(4, timeout=1, mute_at=0), "no_answer", "says nothing")
        self.check(self.fails(4, timeout=1, mute_at=50000), "disconnected",
                   "stopped answering after 49152 of")

    def test_another_protocol_is_told(self):
        self.check(self.fails(4, say=b"SSH-2.0-dropbear\r\n"), "protocol", "not of this protocol")
        self.check(self.fails(4, version=3), "protocol", "version")

    def test_nothing_there_is_told(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        error = self.error(4, "push", self.image(), f"127.0.0.1:{port}", "--via", "esphome")
        self.assertEqual(error["code"], "cannot_connect")
        self.assertIn(f"nothing listens on TCP port {port}", error["message"])


if __name__ == "__main__":
    import unittest

    unittest.main()
