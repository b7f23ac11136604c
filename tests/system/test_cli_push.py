"""`updraft push`: raw, form and espota against scripted devices, and every way they can fail."""

import hashlib
import json
import os
import socket
import struct
import threading
import time
import unittest

from cli_case import CliTest, EspotaPeer, HttpPeer, updraft


def status_of(**changes):
    status = {"updraft": "0.1.0", "name": "garage", "chip": "esp32", "project": "demo",
              "version": "1.0.0",
              "slot": "ota_0", "state": "confirmed", "next": "ota_1", "capacity": 262144,
              "ota_port": 1,
              "password": False, "last": {"result": "none"}, "uptime_ms": 600000}
    status.update(changes)
    return 200, "application/json", json.dumps(status)


class PushHttp(CliTest):
    def push(self, code, peer, *args, image=None):
        image = image or self.image(version="1.1.0")
        return self.json("push", image, f"127.0.0.1:{peer.port}", *args, code=code)

    def device(self, after, reply=(200, "application/json", '{"ok":true}'), before=None):
        """An Updraft device: /status answers `before`, and each of `after` once the image came."""
        state = {"taken": False, "later": list(after)}

        def get_status(headers, body):
            if not state["taken"]:
                return before or status_of()
            return state["later"].pop(0) if len(state["later"]) > 1 else state["later"][0]

        def post(headers, body):
            state["taken"] = reply[0] == 200
            return reply

        return HttpPeer(self, {("GET", "/status"): get_status, ("POST", "/update"): post})

    def test_an_updraft_device_gets_the_raw_image_and_is_watched_until_confirmed(self):
        new = dict(version="1.1.0", slot="ota_1", next="ota_0", uptime_ms=100)
        peer = self.device([(503, "text/plain", ""), status_of(state="trial", **new),
                            status_of(**new)])
        image = self.image(version="1.1.0")
        got = self.push(0, peer, "--password", "pw", image=image)
        self.assertEqual([got[k] for k in ("via", "from", "to", "running", "slot", "state")],
                         ["raw", "1.0.0", "1.1.0", "1.1.0", "ota_1", "confirmed"])
        method, path, headers, body = peer.posts()[0]
        self.assertEqual(body, image.read_bytes())
        self.assertNotIn("Authorization", headers)  # it wants no password, so it is not told any
        self.assertNotIn("Expect", headers)

    def test_a_rolled_back_image_is_a_failure_with_the_device_s_reason(self):
        last = {"result": "rolled_back", "version": "1.1.0",
                "error": {"code": 58, "name": "rolled_back", "text": "it reset 3 times",
                          "remedy": "Fix it."}}
        peer = self.device([status_of(last=last, uptime_ms=50)])
        got = self.push(1, peer)
        self.assertEqual((got["state"], got["error"]["code"]), ("rolled_back", "rolled_back"))
        self.assertIn("it reset 3 times", got["error"]["message"])
        self.assertEqual(got["error"]["remedy"], "Fix it.")

    def test_an_old_roll_back_is_not_taken_for_the_new_one(self):
        last = {"result": "rolled_back", "error": {"text": "long ago"}}
        new = dict(version="1.1.0", slot="ota_1", next="ota_0", uptime_ms=100)
        peer = self.device([status_of(last=last, uptime_ms=600900), status_of(last=last, **new)],
                           before=status_of(last=last))
        self.assertEqual(self.push(0, peer)["state"], "confirmed")

    def test_an_image_that_stays_on_trial_is_told(self):
        new = dict(version="1.1.0", slot="ota_1", next="ota_0", uptime_ms=100, state="trial")
        got = self.push(1, self.device([status_of(**new)]), "--wait", 2)
        self.assertEqual((got["state"], got["error"]["code"]), ("trial", "trial_running"))

    def test_a_device_that_does_not_come_back_is_told(self):
        got = self.push(4, self.device([(503, "text/plain", "")]), "--wait", 1)
        self.assertEqual(got["error"]["code"], "timeout")

    def test_another_chip_and_a_too_large_image_are_refused_before_a_byte_goes_out(self):
        peer = self.device([], before=status_of(chip="esp32s3"))
        self.assertEqual(self.push(5, peer)["error"]["code"], "wrong_chip")
        small = self.device([], before=status_of(capacity=10000))
        error = self.push(5, small)["error"]
        self.assertEqual(error["code"], "too_large")
        self.assertIn("20000", error["message"])
        self.assertIn("10000", error["message"])
        self.assertEqual(peer.posts() + small.posts(), [])

    def test_a_refusal_brings_the_device_s_code_and_remedy(self):
        reply = (409, "application/json", json.dumps({"error": {
            "code": 52, "name": "not_now", "text": "charging", "remedy": "Try again later."}}))
        error = self.push(5, self.device([], reply))["error"]
        self.assertEqual((error["code"], error["remedy"]), ("not_now", "Try again later."))
        self.assertIn("charging", error["message"])

    def test_a_wrong_or_missing_password_is_exit_6(self):
        peer = self.device([], (401, "text/plain", ""))
        self.assertEqual(self.push(6, peer, "--password", "no")["error"]["code"], "wrong_password")
        closed = self.device([], before=status_of(password=True))
        self.assertEqual(self.push(6, closed)["error"]["code"], "wrong_password")
        self.assertEqual(closed.posts(), [])

    def test_a_damaged_image_is_not_sent(self):
        data = bytearray(self.image().read_bytes())
        data[7000] ^= 1
        peer = self.device([])
        error = self.push(3, peer, image=self.write("bad.bin", bytes(data)))["error"]
        self.assertEqual(error["code"], "bad_checksum")
        self.assertEqual(peer.seen, [])

    def test_esp32_evse_gets_the_raw_image_at_its_own_address(self):
        image = self.image(version="v2.0.0")
        info = {"appVersion": "v1.2.3", "chip": "esp32"}

        def upload(headers, body):
            info["appVersion"] = "v2.0.0"
            return 200, "text/plain", "OK"

        peer = HttpPeer(self, {("GET", "/api/v1/info"): lambda h, b: (200, "application/json",
                                                                      json.dumps(info)),
                               ("POST", "/api/v1/firmware/upload"): upload})
        got = self.push(0, peer, image=image)
        self.assertEqual([got[k] for k in ("via", "from", "running", "state")],
                         ["raw", "v1.2.3", "v2.0.0", "running"])
        self.assertEqual(peer.posts()[0][3], image.read_bytes())

    def test_esp32_evse_s_private_status_codes_are_explained(self):
        peer = HttpPeer(self, {("GET", "/api/v1/info"): (200, "application/json",
                                                         '{"appVersion":"v1"}'),
                               ("POST", "/api/v1/firmware/upload"): (523, "text/plain", "")})
        self.assertIn("not one of esp32-evse", self.push(5, peer)["error"]["message"])

    def test_a_device_s_own_sentence_goes_before_the_guess_by_status(self):
        json_type = "application/json"
        refusal = json.dumps({"error": {"code": 54, "name": "too_large", "text": "20000 bytes "
                                        "do not fit", "remedy": "Make it smaller."}})
        for status, kind, body, message, remedy in (
                (521, "text/plain", "Failed to upgrade firmware: the image is for ESP32-S3",
                 "refused (521): the image is for ESP32-S3", "The device runs its old image."),
                (521, "text/plain", "Flash is worn", "refused (521): Flash is worn", ""),
                (521, "text/plain", "Failed to upgrade firmware\r\n", "could not write", ""),
                (522, "text/plain", "", "did not receive the whole image", ""),
                (521, json_type, refusal, "20000 bytes do not fit", "Make it smaller."),
                (400, json_type, '{"detail":"x"}', 'status 400: {"detail":"x"}', "")):
            peer = HttpPeer(self, {("GET", "/api/v1/info"): (200, json_type,
                                                             '{"appVersion":"v1"}'),
                                   ("POST", "/api/v1/firmware/upload"): (status, kind, body)})
            error = self.push(5, peer)["error"]
            self.assertIn(message, error["message"])
            self.assertIn(remedy, error["remedy"])

    def form_peer(self, answer):
        return HttpPeer(self, {("GET", "/update"): (200, "text/html", "<form>"),
                               ("POST", "/update"): answer})

    def test_an_arduino_page_gets_a_form_its_parser_can_read(self):
        success = (200, "text/html",
                   '<META http-equiv="refresh" content="15;URL=/">Update Success! Rebooting...')
        peer = self.form_peer(success)
        image = self.image()
        got = self.push(0, peer, "--password", "pw", "--user", "admin", image=image)
        self.assertEqual((got["via"], got["state"]), ("form", "written"))
        _, _, headers, body = peer.posts()[0]
        kind, boundary = headers["Content-Type"].split("; boundary=")
        self.assertEqual(kind, "multipart/form-data")
        head, rest = body.split(b"\r\n\r\n", 1)
        lines = head.split(b"\r\n")
        self.assertEqual(lines[0], b"--" + boundary.encode())
        self.assertEqual(lines[1],
                         b'Content-Disposition: form-data; name="firmware"; filename="app.bin"')
        self.assertEqual(lines[2:], [b"Content-Type: application/octet-stream"])
        self.assertEqual(rest, image.read_bytes() + b"\r\n--" + boundary.encode() + b"--\r\n")
        self.assertEqual(headers["Origin"], "http://" + headers["Host"])
        self.assertEqual(headers["Authorization"], "Basic YWRtaW46cHc=")

    def test_a_form_s_error_hides_behind_status_200(self):
        error = self.push(5,
                          self.form_peer((200, "text/html",
                                          "Update error: ERROR[4]: Not Enough Space\n")))["error"]
        self.assertIn("ERROR[4]: Not Enough Space", error["message"])
        self.assertIn("larger", error["remedy"])
        self.assertEqual(self.push(1, self.form_peer((200, "text/html", "FAIL")))["error"]["code"],
                         "no_verdict")
        self.assertEqual(self.push(6, self.form_peer((401, "text/html", "")))["error"]["code"],
                         "wrong_password")

    def test_a_device_that_hangs_up_in_the_middle_is_told_with_the_place(self):
        def hang_up(handler):
            handler.rfile.read(400000)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                          struct.pack("ii", 1, 0))
            handler.close_connection = True
            handler.connection.close()

        hang_up.takes_handler = True
        peer = HttpPeer(self, {("GET", "/update"): (200, "text/html", ""),
                               ("POST", "/update"): hang_up})
        error = self.push(4, peer, image=self.image(size=8000000))["error"]
        self.assertEqual(error["code"], "disconnected")
        self.assertIn("of 8000000 bytes", error["message"])

    def test_no_one_there_is_exit_4(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for way in ("raw", "form"):
            error = self.error(4, "push", self.image(), f"127.0.0.1:{port}", "--via", way)
            self.assertEqual(error["code"], "cannot_connect")


class PushEspota(CliTest):
    def push(self, code, peer, *args, image=None):
        self.sent = image or self.image(version="1.1.0")
        return self.json("push", self.sent, "127.0.0.1", "--ota-port", peer.port, "--http-port", 1,
                         *args, code=code)

    def arrived(self, peer):
        peer.join(10)
        self.assertEqual(peer.received, self.sent.read_bytes())

    def test_auto_falls_back_to_espota_where_nothing_speaks_http(self):
        peer = EspotaPeer(self)
        got = self.push(0, peer)
        self.assertEqual((got["via"], got["state"], got["sent"]), ("espota", "written", 20000))
        self.arrived(peer)

    def test_a_device_of_ours_pushed_to_by_espota_is_asked_on_port_80(self):
        peer = EspotaPeer(self)
        new = {"version": "1.1.0", "slot": "ota_1", "next": "ota_0", "uptime_ms": 100}

        def get_status(headers, body):
            arrived = len(peer.received) == 20000
            return status_of(ota_port=peer.port, **(new if arrived else {}))

        try:
            HttpPeer(self, {("GET", "/status"): get_status}, port=80)
        except OSError as error:
            self.skipTest(f"port 80: {error.strerror}")
        image = self.image(version="1.1.0")
        got = self.json("push", image, f"127.0.0.1:{peer.port}", "--via", "espota")
        self.assertEqual([got[k] for k in ("via", "from", "running", "state")],
                         ["espota", "1.0.0", "1.1.0", "confirmed"])
        other = EspotaPeer(self)
        got = self.json("push", image, f"127.0.0.1:{other.port}", "--via", "espota")
        self.assertEqual(got["state"], "written", "another device answers there")

    def test_the_password_schemes_of_old_and_new_cores(self):
        legacy = hashlib.md5(b"bms2024").hexdigest()
        for options in ({"digits": 32}, {"digits": 64}, {"digits": 64, "secret": legacy}):
            peer = EspotaPeer(self, password="bms2024", **options)
            self.push(0, peer, "--password", "bms2024")
            self.arrived(peer)

    def test_a_wrong_and_a_missing_password_are_exit_6(self):
        for digits in (32, 64):
            peer = EspotaPeer(self, password="right", digits=digits)
            error = self.push(6, peer, "--password", "wrong")["error"]
            self.assertEqual(error["code"], "wrong_password")
            self.assertIn("does not take it", error["message"])
            self.assertEqual(self.push(6, peer)["error"]["code"], "wrong_password")
            self.assertEqual(peer.received, b"")

    def test_lost_invitations_are_repeated(self):
        peer = EspotaPeer(self, deaf=2)
        self.push(0, peer)
        self.arrived(peer)
        self.assertEqual(len(peer.invitations), 3)

    def test_no_answer_names_the_step_and_the_port(self):
        peer = EspotaPeer(self, deaf=99)
        error = self.push(4, peer, "--timeout", 2)["error"]
        self.assertEqual(error["code"], "no_answer")
        self.assertIn(f"invitation: no answer from 127.0.0.1, UDP port {peer.port}",
                      error["message"])
        self.assertEqual(len(peer.invitations), 2)

    def test_a_closed_port_is_told_apart_from_silence(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        error = self.error(4, "push", self.image(), "127.0.0.1", "--ota-port", port, "--http-port",
                           1)
        self.assertIn(f"nothing listens on UDP port {port}", error["message"])

    def test_no_call_back_suggests_the_firewall_and_a_fixed_port(self):
        peer = EspotaPeer(self, call_back=False)
        error = self.push(4, peer, "--timeout", 2)["error"]
        self.assertEqual(error["code"], "no_call_back")
        self.assertRegex(error["remedy"], "firewall|container")
        self.assertRegex(error["message"], r"connect to 127\.0\.0\.1, TCP port \d+")
        self.assertIn("--host-port", error["remedy"])

    def test_a_device_that_closes_half_way_is_told_with_the_place(self):
        peer = EspotaPeer(self, die_at=10000)
        error = self.push(4, peer, image=self.image(version="1.1.0", size=200000))["error"]
        self.assertEqual(error["code"], "disconnected")
        self.assertRegex(error["message"], r"after \d{5} of 200000 bytes")

    def test_a_device_that_falls_silent_is_given_up(self):
        error = self.push(4, EspotaPeer(self, mute_at=2000), "--timeout", 1)["error"]
        self.assertIn("stopped answering", error["message"])

    def test_a_refused_invitation_brings_the_device_s_words(self):
        peer = EspotaPeer(self, reply=b"ERR: ERROR[4]: Not Enough Space\n")
        error = self.push(5, peer)["error"]
        self.assertIn("20000 bytes", error["message"])
        self.assertIn("ERROR[4]: Not Enough Space", error["message"])

    def test_error_texts_of_both_cores_are_failures(self):
        for words in (b"ERROR[7]: MD5 verification failed: expected: x, calculated: y\n",
                      b"MD5 Check Failed\r\n"):
            error = self.push(5, EspotaPeer(self, verdict=words))["error"]
            self.assertIn(words.decode().strip(), error["message"])

    def test_ok_glued_to_the_last_count_is_found(self):
        peer = EspotaPeer(self, glue=True)
        self.push(0, peer)
        self.arrived(peer)

    def test_repeated_counts_do_no_harm(self):
        peer = EspotaPeer(self, nudge=True)
        self.push(0, peer)
        self.arrived(peer)

    def test_silence_at_the_end_is_no_success(self):
        self.assertEqual(self.push(4, EspotaPeer(self, verdict=b""))["error"]["code"], "no_verdict")

    def test_an_odd_answer_is_told(self):
        peer = EspotaPeer(self, reply=b"HTTP/1.1 400 Bad Request")
        self.assertEqual(self.push(4, peer)["error"]["code"], "protocol")

    def test_a_stranger_does_not_get_the_image(self):
        """Only the invited device's address may fetch it; another one is turned away."""
        peer = EspotaPeer(self, call_back=False)
        host_port = 40000 + os.getpid() % 20000
        image = self.image(version="1.1.0")
        done = []
        run = threading.Thread(target=lambda: done.append(
            updraft("push", image, "127.0.0.1", "--ota-port", peer.port, "--http-port", 1,
                    "--timeout", 3,
                    "--host-port", host_port, "--json")))
        run.start()
        deadline = time.time() + 5
        got = None
        while got is None and time.time() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", host_port), 2, ("127.0.0.2", 0)) as tcp:
                    tcp.settimeout(2)
                    got = tcp.recv(100)
            except ConnectionRefusedError:
                time.sleep(0.02)
            except ConnectionResetError:
                got = b""
        run.join(20)
        self.assertEqual(got, b"")
        self.assertEqual(json.loads(done[0][1])["error"]["code"], "no_call_back")

    def test_a_busy_host_port_is_named(self):
        with socket.socket() as taken:
            taken.bind(("0.0.0.0", 0))
            taken.listen(1)
            port = taken.getsockname()[1]
            peer = EspotaPeer(self)
            error = self.push(4, peer, "--host-port", port)["error"]
            self.assertEqual(error["code"], "cannot_listen")

    def test_progress_is_plain_lines_without_a_terminal_and_nothing_when_quiet(self):
        args = ["push", self.image(), "127.0.0.1", "--http-port", 1, "--via", "espota",
                "--ota-port"]
        code, out, err = updraft(*args, EspotaPeer(self).port)
        self.assertEqual(code, 0, err)
        self.assertIn("sending: 100 %, 20000 bytes", err)
        self.assertNotIn("\x1b", err)
        self.assertIn("has taken", out)
        self.assertEqual(updraft(*args, EspotaPeer(self).port, "--quiet"), (0, "", ""))

if __name__ == "__main__":
    unittest.main()
