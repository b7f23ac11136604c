"""`updraft doctor`: what it finds, on devices that are well and on all that can be in the way."""

import json
import socket
import threading
import time
import unittest

import harness
from cli_case import EspotaPeer, HttpPeer


class Nat(threading.Thread):
    """Passes datagrams on, as a translating router does: the device sees its address, not the
    host's, and calls that back."""

    def __init__(self, test, device_port, address):
        super().__init__(daemon=True)
        self.device = ("127.0.0.1", device_port)
        self.outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.outside.bind((address, 0))
        self.inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.inside.bind((address, 0))
        self.port = self.outside.getsockname()[1]
        self.host = None
        self.ended = threading.Event()
        for sock in (self.outside, self.inside):
            sock.settimeout(0.05)
            test.addCleanup(sock.close)
        test.addCleanup(self.join, 5)
        test.addCleanup(self.ended.set)
        self.start()

    def run(self):
        while not self.ended.is_set():
            try:
                data, self.host = self.outside.recvfrom(512)
                self.inside.sendto(data, self.device)
            except OSError:
                pass
            try:
                self.outside.sendto(self.inside.recv(512), self.host)
            except OSError:
                pass


class Doctor(harness.Case):
    def setUp(self):
        super().setUp()
        self.app = self.image("old.bin", version="1.0.0")

    def doctor(self, host, *args, status=0, timeout_s=60):
        got = json.loads(self.cli("doctor", host, *args, "--json", status=status,
                                  timeout_s=timeout_s).stdout)
        got["by"] = {finding["step"]: finding for finding in got.get("findings", [])}
        return got

    def boot(self, name, **kwargs):
        self.target = self.device(name, self.app, **kwargs)
        return self.target.wait_boot()

    def free_port(self, kind=socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as free:
            free.bind(("127.0.0.1", 0))
            return free.getsockname()[1]

    def stock(self, port, *args, **kwargs):
        """Of a device that has no way in of ours: nothing else on this machine is to stand in."""
        return self.doctor(f"127.0.0.1:{port}", "--direct-port", self.free_port(), *args, **kwargs)

    def states(self, got):
        return {step: finding["state"] for step, finding in got["by"].items()}

    # ---- devices that are well ----

    def test_a_device_that_is_well_passes_every_step(self):
        boot = self.boot("well", board="password: secret\n")
        new = self.image("new.bin", version="1.1.0")
        got = self.doctor(boot["http"], "--password", "secret", "--image", new)
        self.assertEqual(self.states(got), {
            "address": "ok", "route": "ok", "http": "ok", "direct": "ok", "espota": "ok",
            "password": "ok", "image": "ok", "call back": "ok"})
        self.assertEqual(got["ways"], ["direct", "raw", "form", "espota"])
        self.assertIn("runs 1.0.0 in ota_0 (confirmed)", got["by"]["http"]["found"])
        self.assertRegex(got["by"]["image"]["found"], r"\d+ of 1572864 bytes")

    def test_it_changes_nothing_and_the_next_push_goes_through(self):
        boot = self.boot("same", board="password: secret\n")
        with open(self.path("same.flash"), "rb") as file:
            before = file.read()
        self.doctor(boot["http"], "--password", "secret")
        with open(self.path("same.flash"), "rb") as file:
            self.assertEqual(file.read(), before)
        self.cli("push", self.image("new.bin", version="1.1.0"), boot["http"], "--password",
                 "secret", "--via", "espota")
        self.target.wait_boot(version="1.1.0")

    def test_a_stock_device_is_examined_by_espota_alone(self):
        for password, args in ((None, []), ("secret", ["--password", "secret"])):
            peer = EspotaPeer(self, password=password)
            got = self.stock(peer.port, *args)
            self.assertEqual(got["ways"], ["espota"])
            self.assertEqual(self.states(got)["call back"], "ok")
            self.assertEqual(self.states(got)["password"], "ok")
            self.assertEqual(peer.received, b"")

    def test_text_shows_each_step_with_its_remedy(self):
        boot = self.boot("shown", board="password: secret\n")
        out = self.cli("doctor", boot["http"], status=6).stdout
        self.assertRegex(out, r"(?m)^ok      address +127\.0\.0\.1$")
        self.assertRegex(out, r"(?m)^failed  password +the device wants a password.*\n +Give it with")
        self.assertRegex(out, r"(?m)^ways in +direct, raw, form, espota$")

    # ---- what can be in the way ----

    def test_a_name_that_is_not_known(self):
        got = self.doctor("nowhere.invalid", status=4)
        self.assertEqual(got["error"]["code"], "cannot_connect")
        self.assertEqual(self.states(got), {"address": "failed"})

    def test_a_closed_port_and_no_way_in(self):
        got = self.doctor("127.0.0.1", "--http-port", self.free_port(), "--direct-port",
                          self.free_port(), "--ota-port", self.free_port(socket.SOCK_DGRAM),
                          status=4)
        self.assertEqual(got["error"]["code"], "no_way_in")
        self.assertIn("nothing listens on TCP port", got["by"]["http"]["found"])
        self.assertEqual(got["ways"], [])

    def test_a_host_that_never_answers_ends_in_time(self):
        with socket.socket() as full, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = full.getsockname()[1]
            deaf.bind(("127.0.0.1", 0))
            waiting = []
            for _ in range(4):  # the queue is full: more connections get no answer
                sock = socket.socket()
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.1", port))
                waiting.append(sock)
                self.addCleanup(sock.close)
            started = time.monotonic()
            got = self.doctor("127.0.0.1", "--http-port", port, "--direct-port", port,
                              "--ota-port", deaf.getsockname()[1], "--timeout", 1, status=4)
            self.assertLess(time.monotonic() - started, 15)
        self.assertEqual(got["error"]["code"], "no_answer")
        self.assertIn(f"no answer from TCP port {port}", got["by"]["http"]["found"])

    def test_a_web_server_that_is_something_else(self):
        peer = HttpPeer(self, {("GET", "/"): (200, "text/html", "a printer")})
        got = self.doctor(f"127.0.0.1:{peer.port}", "--direct-port", peer.port, status=4)
        self.assertIn("not one that takes updates", got["by"]["http"]["found"])
        self.assertIn("does not speak Updraft's own", got["by"]["direct"]["found"])
        self.assertEqual(got["error"]["code"], "no_way_in")

    def test_a_port_that_is_open_but_speaks_no_http(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            got = self.stock(port, "--timeout", 1, status=4)
        self.assertIn("does not speak HTTP", got["by"]["http"]["found"])

    def test_a_missing_and_a_wrong_password(self):
        boot = self.boot("locked", board="password: secret\n")
        for args, said in (([], "none is given"), (["--password", "no"], "does not take that")):
            got = self.doctor(boot["http"], *args, status=6)
            self.assertEqual(got["error"]["code"], "wrong_password")
            self.assertIn(said, got["by"]["password"]["found"])
            self.assertEqual(self.states(got)["call back"], "skipped")

    def test_a_wrong_password_of_espota_alone(self):
        for digits in (32, 64):
            peer = EspotaPeer(self, password="secret", digits=digits)
            got = self.stock(peer.port, "--password", "no", status=6)
            self.assertEqual(self.states(got)["password"], "failed")
            self.assertEqual(got["error"]["code"], "wrong_password")

    def test_an_update_page_with_a_password(self):
        def page(headers, body):
            return (200 if headers.get("Authorization") == "Basic dXBkcmFmdDpwdw==" else 401,
                    "text/html", "")

        peer = HttpPeer(self, {("GET", "/update"): page})
        self.assertEqual(self.states(self.stock(peer.port, "--password", "pw"))["password"], "ok")
        self.assertIn("none is given", self.stock(peer.port, status=6)["error"]["message"])
        self.assertIn("does not take", self.stock(peer.port, "--password", "x",
                                                  status=6)["error"]["message"])

    def test_a_device_that_cannot_call_back(self):
        peer = EspotaPeer(self, call_back=False)
        got = self.stock(peer.port, "--host-port", self.free_port(), status=4)
        self.assertEqual(got["error"]["code"], "no_call_back")
        self.assertIn("--host-port", got["error"]["remedy"])
        other = EspotaPeer(self, call_back=False)
        got = self.stock(other.port, "--no-call-back")
        self.assertEqual(self.states(got)["call back"], "skipped")

    def test_an_address_translation_between_is_told_from_a_firewall(self):
        boot = self.boot("behind", extra=["--listen", "127.0.0.1"])
        nat = Nat(self, int(boot["ota"]), "127.0.0.7")
        got = self.doctor("127.0.0.7", "--ota-port", nat.port, "--http-port", self.free_port(),
                          "--direct-port", self.free_port(), status=4)
        self.assertEqual(got["error"]["code"], "no_call_back")
        self.assertIn("from another address", got["error"]["message"])
        self.assertIn("NAT", got["error"]["remedy"])

    def test_no_call_back_is_no_failure_where_another_way_is_open(self):
        peer = EspotaPeer(self, call_back=False)
        status = {"updraft": "0.1.0", "name": "x", "chip": "esp32", "version": "1", "slot": "ota_0",
                  "state": "confirmed", "capacity": 100, "ota_port": peer.port, "password": False}
        http = HttpPeer(self, {("GET", "/status"): (200, "application/json", json.dumps(status)),
                               ("POST", "/update"): (400, "application/json", "{}")})
        got = self.stock(http.port)
        self.assertEqual(self.states(got)["call back"], "note")

    def test_an_image_that_the_device_would_not_take(self):
        boot = self.boot("choosy")
        for code, options in (("wrong_chip", {"chip": "esp32s3"}),
                              ("wrong_product", {"project": "other"}),
                              ("too_large", {"size": 1600000})):
            image = self.image("bad.bin", version="1.1.0", **options)
            got = self.doctor(boot["http"], "--image", image, status=5)
            self.assertEqual(got["error"]["code"], code)
            self.assertEqual(self.states(got)["image"], "failed")
            self.assertNotIn("call back", [key for key, state in self.states(got).items()
                                           if state == "ok"])
        self.assertEqual(self.doctor(boot["http"], "--image", self.path("absent"),
                                     status=3)["error"]["code"], "unreadable")

    def test_a_guard_s_refusal_is_passed_on(self):
        boot = self.boot("charging", extra=["--guard", "charging"])
        got = self.doctor("127.0.0.1", "--ota-port", boot["ota"], "--http-port", self.free_port(),
                          "--direct-port", self.free_port(), status=5)
        self.assertIn("charging", got["by"]["call back"]["found"])

    def test_a_last_update_that_failed_is_told(self):
        boot = self.boot("once")
        bad = self.image("bad.bin", version="1.1.0", behaviour="crash")
        self.cli("push", bad, boot["http"], status=1)
        got = self.doctor(boot["http"])
        self.assertEqual(self.states(got)["state"], "note")
        self.assertIn("was rolled back", got["by"]["state"]["found"])


if __name__ == "__main__":
    unittest.main()
