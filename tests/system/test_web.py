"""Uploads over HTTP on the virtual device: ElegantOTA's routes, Digest, hosts, and uploads that are gone
on with. How each trouble ends is in test_web_ends.py."""

import base64
import hashlib
import json
import re
import socket
import threading
import time

import harness
import images
from device_case import DeviceCase

FS_TABLE = harness.TWO_SLOTS + "storage, data, spiffs, 0x310000, 0x10000\n"


def digest(challenge, method, target, password, count=1):
    """What a client answers to one WWW-Authenticate."""
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
    algorithm = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[fields["algorithm"]]

    def h(*parts):
        return algorithm(":".join(parts).encode()).hexdigest()
    nc = f"{count:08x}"
    proof = h(h("me", fields["realm"], password), fields["nonce"], nc, "c", "auth", h(method, target))
    return {"Authorization": f'Digest username="me", realm="{fields["realm"]}", nonce="{fields["nonce"]}", '
                             f'uri="{target}", algorithm={fields["algorithm"]}, response="{proof}", qop=auth, '
                             f'nc={nc}, cnonce="c"'}


class WebCase(DeviceCase):
    def get(self, boot, path, headers=None):
        return harness.http("GET", f"http://{boot['http']}{path}", headers=headers or {})

    def elegant_form(self, body, md5=None, field="file"):
        text = f'--B\r\nContent-Disposition: form-data; name="MD5"\r\n\r\n{md5}\r\n' if md5 else ""
        return (f'{text}--B\r\nContent-Disposition: form-data; name="{field}"; filename="firmware"\r\n'
                "Content-Type: application/octet-stream\r\n\r\n").encode() + body + b"\r\n--B--\r\n"

    def elegant(self, boot, path, *args, headers=None, **kwargs):
        return self.post(boot, self.elegant_form(*args, **kwargs), path,
                         {"Content-Type": "multipart/form-data; boundary=B", **(headers or {})})

    def challenges(self, boot, path="/ota/start"):
        status, headers, _ = self.get(boot, path)
        self.assertEqual(status, 401)
        return headers.get_all("WWW-Authenticate")

    def listener(self, boot, heard, break_at=None):
        """A port whose connections are passed on to the device, while what they carry is kept. The
        first that carries more than break_at bytes to it is broken."""
        breaks = [break_at] if break_at else []
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)

        def carry(source, target, keep):
            try:
                carried = 0
                while data := source.recv(65536):
                    keep.append(data)
                    target.sendall(data)
                    carried += len(data)
                    if keep is heard and breaks and carried > breaks[0]:
                        # what is on its way arrives first: a reset would overtake it
                        self.wait_status(boot, "half", lambda s: s["update"]["written"] > 0.9 * breaks[0])
                        breaks.clear()
                        source.shutdown(socket.SHUT_RDWR)  # what came before could be read on: that is no cut
                        break
                target.shutdown(socket.SHUT_WR)
            except OSError:
                target.close()

        def serve():
            while True:
                try:
                    client, _ = server.accept()
                    host, _, port = boot["http"].rpartition(":")
                    device = socket.create_connection((host, int(port)))
                except OSError:
                    return
                threading.Thread(target=carry, args=(client, device, heard), daemon=True).start()
                threading.Thread(target=carry, args=(device, client, []), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        return server.getsockname()[1]

    def within(self, limit_s, what, action):
        start = time.monotonic()
        result = action()
        self.assertLess(time.monotonic() - start, limit_s, what)
        return result


class ElegantTest(WebCase):
    def test_version_2_is_updated_and_its_md5_is_checked(self):
        device, boot = self.booted()
        status, _, body = self.get(boot, "/update/identity")
        identity = json.loads(body)
        self.assertEqual((status, set(identity), identity["hardware"]), (200, {"id", "hardware"}, "ESP32"))
        wrong = hashlib.md5(b"another").hexdigest()
        status, _, body = self.elegant(boot, "/update", self.new, wrong, "firmware")
        self.assertEqual((status, body), (400, b"ERROR[7]: MD5 verification failed\n"))
        right = hashlib.md5(self.new).hexdigest()
        status, _, body = self.elegant(boot, "/update", self.new, right, "firmware")
        self.assertEqual((status, body), (200, b"OK"))
        self.assert_updated(device)

    def test_version_3_starts_and_uploads(self):
        device, boot = self.booted()
        start = f"/ota/start?mode=fr&hash={hashlib.md5(self.new).hexdigest()}"
        before = self.flash()
        for _ in range(3):
            self.assertEqual(self.get(boot, start)[::2], (200, b"OK"))
        self.assertEqual(self.status_of(boot)["update"]["state"], "idle")
        self.assertEqual(self.flash(), before)  # a GET changes nothing
        self.assertEqual(self.elegant(boot, "/ota/upload", self.new)[::2], (200, b"OK"))
        self.assert_updated(device)

    def test_version_3_writes_a_file_system(self):
        _, boot = self.booted(table=FS_TABLE)
        contents = bytes(range(256)) * 40
        self.assertEqual(self.get(boot, "/ota/start?mode=fs")[0], 200)
        self.assertEqual(self.elegant(boot, "/ota/upload", contents)[::2], (200, b"OK"))
        self.assertEqual(self.flash()[0x310000:0x310000 + len(contents)], contents)

    def test_version_3_with_password_takes_digest_and_basic(self):
        device, boot = self.booted(board="password: secret\n")
        start = f"/ota/start?mode=fr&hash={hashlib.md5(self.new).hexdigest()}"
        self.assertEqual(self.get(boot, "/update/update")[0], 401)  # where its helper asks
        challenge = self.challenges(boot)[1]
        self.assertIn("algorithm=MD5", challenge)
        self.assertEqual(self.get(boot, start, digest(challenge, "GET", start, "secret"))[0], 200)
        self.assertEqual(self.get(boot, start, self.basic("secret"))[0], 200)
        self.assertEqual(self.elegant(boot, "/ota/upload", self.new)[0], 401)
        answer = self.elegant(boot, "/ota/upload", self.new,
                              headers=digest(challenge, "POST", "/ota/upload", "secret", 2))
        self.assertEqual(answer[::2], (200, b"OK"))
        self.assert_updated(device)

    def basic(self, password):
        return {"Authorization": "Basic " + base64.b64encode(f"me:{password}".encode()).decode()}


class SignInTest(WebCase):
    def test_a_digest_works_once_and_only_for_what_it_was_made_for(self):
        device, boot = self.booted(board="password: secret\n")
        for kind in (0, 1):
            proof = digest(self.challenges(boot)[kind], "POST", "/update", "secret")
            self.assertEqual(self.post(boot, b"no image", headers=proof)[0], 400)
            status, headers, _ = self.post(boot, self.new, headers=proof)
            self.assertEqual(status, 401)
            self.assertIn("stale=true", headers["WWW-Authenticate"])
            self.assertEqual(self.get(boot, "/ota/start", proof)[0], 401)
            device.wait_line("^sign-in failed")  # that was another address, so the proof was wrong
        wrong = digest(self.challenges(boot)[0], "POST", "/update", "guess")
        status, headers, _ = self.post(boot, self.new, headers=wrong)
        self.assertEqual(status, 401)
        self.assertNotIn("stale", headers["WWW-Authenticate"])
        device.wait_line("^sign-in failed")

    def test_a_digest_does_not_outlive_a_restart(self):
        device, boot = self.booted(board="password: secret\n")
        challenge = self.challenges(boot)[0]
        proof = digest(challenge, "POST", "/update", "secret")
        self.assertEqual(self.post(boot, self.new, headers=proof)[0], 200)
        boot = self.assert_updated(device)
        status, headers, _ = self.post(boot, self.old, headers=digest(challenge, "POST", "/update", "secret", 9))
        self.assertEqual(status, 401)
        self.assertIn("stale=true", headers["WWW-Authenticate"])

    def test_asking_for_many_nonces_keeps_no_one_out(self):
        device, boot = self.booted(board="password: secret\n")
        challenge = self.challenges(boot)[0]
        for _ in range(100):
            self.challenges(boot)
        self.assertEqual(self.post(boot, self.new, headers=digest(challenge, "POST", "/update", "secret"))[0], 200)
        self.assert_updated(device)

    def test_the_tool_proves_the_password_without_sending_it(self):
        device, boot = self.booted(board="password: secret\n")
        heard = []
        port = self.listener(boot, heard)
        self.cli("push", self.write("new.bin", self.new), f"127.0.0.1:{port}", "--via", "raw",
                 "--password", "secret")
        self.assert_updated(device)
        text = b"".join(heard)
        self.assertEqual(re.findall(rb"Authorization: (\w+)", text), [b"Digest"] * 2)  # what is there of the image, and the rest
        self.assertLess(len(text), 1.2 * len(self.new) + 20000)  # the image went out once


class PageTest(WebCase):
    def test_the_page_knows_every_chip_by_its_number(self):
        """It looks into an image before it is sent, so it has a table of its own."""
        with open(f"{harness.ROOT}/format/chip_rows.h", encoding="utf-8") as file:
            rows = re.findall(r'ROW\((0x[0-9A-F]{4}), "[^"]+", "(\w+)"', file.read())
        with open(f"{harness.ROOT}/web/update/index.html", encoding="utf-8") as file:
            table = re.search(r"const chips = \{(.*?)\};", file.read(), re.DOTALL)[1]
        self.assertGreater(len(rows), 10)
        self.assertEqual({int(number): name for number, name in re.findall(r"(\d+): '(\w+)'", table)},
                         {int(number, 16): name for number, name in rows})


class HostTest(WebCase):
    def test_only_its_own_names_lead_to_the_device(self):
        device, boot = self.booted()
        port = boot["http"].rpartition(":")[2]
        for host in ("evil.example", "garage.evil.example", f"127.0.0.1.evil.example:{port}"):
            error = self.assert_refused(self.post(boot, self.new, headers={"Host": host, "Origin": f"http://{host}"}),
                                        403, "foreign_host")
            self.assertIn("evil.example", error["text"])
            self.assertEqual(self.get(boot, "/status", {"Host": host})[0], 403)
        self.assertEqual(self.status_of(boot)["update"]["state"], "idle")
        for host in ("garage", "garage.local", f"localhost:{port}", "[::1]"):
            self.assertEqual(self.get(boot, "/status", {"Host": host})[0], 200)
        own = {"Host": "garage.local", "Origin": "http://garage.local", "Referer": "http://garage.local/update"}
        self.assertEqual(self.post(boot, self.new, headers=own)[0], 200)
        self.assert_updated(device)

    def test_a_page_elsewhere_cannot_start_an_update(self):
        _, boot = self.booted()
        referer = {"Referer": "http://evil.example/page"}
        self.assertEqual(self.get(boot, "/ota/start?mode=fs", referer)[0], 400)
        self.assert_refused(self.post(boot, self.new, headers=referer), 403, "forbidden")


class ResumeTest(WebCase):
    """An upload that broke off is gone on with, and little is sent twice."""

    LEN = 1_200_000

    def setUp(self):
        super().setUp()
        self.new = images.make("1.1.0", size=self.LEN)

    def named(self, image, off=0):
        name = base64.b64encode(hashlib.sha256(image).digest()).decode()
        part = {"Content-Range": f"bytes {off}-{len(image) - 1}/{len(image)}"} if off else {}
        return {"Repr-Digest": f"sha-256=:{name}:", **part}

    def offset(self, boot, image):
        query = f"/update/resume?sha256={hashlib.sha256(image).hexdigest()}&size={len(image)}"
        status, _, body = self.get(boot, query)
        self.assertEqual(status, 200, body)
        return json.loads(body)["offset"]

    def push(self, boot, *args, status=0):
        path = self.write("push.bin", self.new)
        result = self.cli("push", path, boot["http"], "--via", "raw", "--timeout", "5", "--json", *args, status=status)
        return json.loads(result.stdout), result.stderr

    def break_off(self, device, boot, percent):
        """An upload that names its digest and is cut; returns how many bytes it sent."""
        part = self.new[:len(self.new) * percent // 100]
        with self.open_upload(boot, len(self.new), part, headers=self.named(self.new)):
            self.wait_status(boot, "what was sent is written",
                             lambda s: s["update"]["written"] > len(part) - 2 * 4096)
        device.wait_line("^update failed code=69")
        return len(part)

    def test_the_tool_goes_on_after_a_cut_at_half_and_a_power_cut(self):
        device, boot = self.booted()
        self.assertEqual(self.offset(boot, self.new), 0)
        sent = self.break_off(device, boot, 50)
        device.process.kill()
        device.process.wait()
        device, boot = self.booted()
        self.assertEqual(boot["version"], "1.0.0")
        got, words = self.push(boot)
        self.assertEqual((got["state"], got["running"]), ("confirmed", "1.1.0"))
        self.assertGreater(got["resumed"], 0.4 * len(self.new))
        self.assertEqual(got["sent"], len(self.new) - got["resumed"])
        self.assertLess(sent + got["sent"], 1.2 * len(self.new))
        self.assertRegex(words, f"going on at {got['resumed']} of {len(self.new)} bytes")

    def test_the_tool_goes_on_after_the_power_fails_under_it(self):
        device, boot = self.booted(extra=["--cut-at", "180", "--cut", "torn"])
        self.push(boot, status=4)
        self.assertEqual(device.wait_exit(), harness.POWER_CUT_EXIT)
        _, boot = self.booted()
        got, _ = self.push(boot)
        self.assertEqual(got["state"], "confirmed")
        self.assertGreater(got["resumed"], 0)

    def test_the_tool_goes_on_by_itself_where_it_may_try_again(self):
        _, boot = self.booted()
        heard = []
        port = self.listener(boot, heard, break_at=len(self.new) // 2)
        path = self.write("push.bin", self.new)
        result = self.cli("push", path, f"127.0.0.1:{port}", "--via", "raw", "--retry", "2", "--json")
        got = json.loads(result.stdout)
        self.assertEqual((got["state"], got["running"]), ("confirmed", "1.1.0"))
        self.assertGreater(got["resumed"], 0.3 * len(self.new))
        self.assertLess(sum(map(len, heard)), 1.2 * len(self.new))

    def test_with_a_password_it_goes_on_as_well(self):
        device, boot = self.booted(board="password: secret\n")
        self.assertEqual(self.get(boot, "/update/resume?size=1")[0], 401)
        proof = digest(self.challenges(boot)[0], "POST", "/update", "secret")
        part = self.new[:len(self.new) // 2]
        with self.open_upload(boot, len(self.new), part, headers={**proof, **self.named(self.new)}):
            self.wait_status(boot, "half", lambda s: s["update"]["written"] > len(part) - 2 * 4096)
        device.wait_line("^update failed code=69")
        got, _ = self.push(boot, "--password", "secret")
        self.assertGreater(got["resumed"], 0.4 * len(self.new))

    def test_another_image_starts_from_its_first_byte(self):
        device, boot = self.booted()
        self.break_off(device, boot, 50)
        self.assertGreater(self.offset(boot, self.new), 0)
        other = images.make("1.2.0", size=self.LEN)
        self.assertEqual(self.offset(boot, other), 0)
        self.assert_refused(self.post(boot, other[0x10000:], headers=self.named(other, 0x10000)), 416, "wrong_range")
        self.assertEqual(self.post(boot, other, headers=self.named(other))[0], 200)
        self.assert_updated(device, version="1.2.0")

    def test_what_changed_on_its_way_is_refused_at_the_end(self):
        device, boot = self.booted()
        self.break_off(device, boot, 50)
        off = self.offset(boot, self.new)
        rest = bytearray(self.new[off:])
        rest[1000] ^= 1
        self.assert_refused(self.post(boot, bytes(rest), headers=self.named(self.new, off)), 400, "digest_mismatch")
        self.assertEqual(self.post(boot, self.new, headers=self.named(self.new))[0], 200)
        self.assert_updated(device)

    def test_a_whole_body_is_taken_where_half_of_it_is_there(self):
        device, boot = self.booted()
        self.break_off(device, boot, 50)
        self.assertEqual(self.post(boot, self.new, headers=self.named(self.new))[0], 200)
        self.assert_updated(device)
