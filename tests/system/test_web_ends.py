"""How uploads over HTTP end when something is in the way: each trouble, for each form that an upload
comes in, on the device's side and on that of `updraft push`: with which words, and how soon."""

import contextlib
import hashlib
import http.client
import json
import re
import socket
import threading
import unittest

import harness
import images
from test_web import WebCase, digest

STALL = ["--stall-s", "1"]
VIAS = ("raw", "form")


class Way:
    """One form of an upload: where it goes, what stands around the image, how a refusal looks."""

    def __init__(self, name, path, field, statuses, has_md5=False):
        self.name, self.path, self.field, self.statuses, self.has_md5 = name, path, field, statuses, has_md5
        self.device = name.replace(" ", "-")

    def body(self, image):
        if not self.field:
            return image
        md5 = hashlib.md5(image).hexdigest() if self.has_md5 else ""
        before = f'--B\r\nContent-Disposition: form-data; name="MD5"\r\n\r\n{md5}\r\n' if md5 else ""
        return (f'{before}--B\r\nContent-Disposition: form-data; name="{self.field}"; filename="firmware"\r\n'
                "Content-Type: application/octet-stream\r\n\r\n").encode() + image + b"\r\n--B--\r\n"

    def headers(self):
        return {"Content-Type": "multipart/form-data; boundary=B" if self.field else "application/octet-stream"}


# The status of a wrong chip, of an image that is too large, and of a device that is busy: that one is told
# before the MD5 of ElegantOTA 2 comes, by which its form differs from the plain one.
WAYS = (Way("raw", "/update", None, (400, 413, 409)),
        Way("form", "/update", "firmware", (200, 200, 200)),
        Way("ElegantOTA 2", "/update", "file", (400, 400, 200), has_md5=True),
        Way("ElegantOTA 3", "/ota/upload", "file", (400, 400, 400)),
        Way("esp32-evse", "/api/v1/firmware/upload", None, (521, 521, 521)))


class EndTest(WebCase):
    """The device: each trouble ends within its time, and the next upload works."""

    @contextlib.contextmanager
    def on(self, way, **kwargs):
        """One way in, on a device of its own."""
        with self.subTest(way.name):
            device, boot = self.booted(way.device, **kwargs)
            yield device, boot
            device.stop()

    def send(self, boot, way, image, headers=None):
        return self.post(boot, way.body(image), way.path, {**way.headers(), **(headers or {})})

    def begin(self, boot, way, part):
        """An upload of the new image of which this part was sent, in hundredths, or None: all."""
        body = way.body(self.new)
        return self.open_upload(boot, len(body), body if part is None else body[:len(body) * part // 100],
                                way.path, way.headers())

    def expect_next(self, device, boot, way):
        self.assertEqual(self.within(10, "the next upload", lambda: self.send(boot, way, self.new))[0], 200)
        self.assert_updated(device)

    def test_a_connection_that_is_cut_anywhere(self):
        for way in WAYS:
            with self.on(way) as (device, boot):
                for part in (1, 50, 99):
                    upload = self.begin(boot, way, part)
                    device.wait_line("^update start")
                    upload.close()
                    self.within(2, f"cut at {part} %", lambda: device.wait_line("^update failed code=69", 5))
                self.expect_next(device, boot, way)

    def test_a_connection_that_is_cut_after_the_last_byte(self):
        """All of it is there: the image runs, though nobody heard the answer."""
        for way in WAYS:
            with self.on(way) as (device, boot):
                self.begin(boot, way, None).close()
                self.within(10, "the restart", lambda: self.assert_updated(device))

    def test_a_client_that_connects_and_never_asks(self):
        device, boot = self.booted(extra=STALL)
        host, _, port = boot["http"].rpartition(":")
        with socket.create_connection((host, int(port)), timeout=harness.WAIT_S) as silent:
            self.assertEqual(self.within(9, "no request", lambda: silent.recv(100)), b"")
        self.expect_next(device, boot, WAYS[0])

    def test_a_client_that_falls_silent(self):
        for way in WAYS:
            with self.on(way, extra=STALL) as (device, boot):
                upload = self.begin(boot, way, 50)
                self.within(5, "silence", lambda: device.wait_line("^update failed code=65", 8))
                self.within(5, "the end", lambda: upload.recv(100))
                self.expect_next(device, boot, way)

    def test_two_clients_at_once(self):
        """Whoever comes second is told so, in the words of its own form; the first goes on."""
        for way in WAYS:
            with self.on(way) as (device, boot):
                body = way.body(self.new)
                upload = self.begin(boot, way, 20)
                device.wait_line("^update start")
                for other in WAYS:
                    status, _, words = self.within(2, "busy", lambda: self.send(boot, other, self.new))
                    self.assertEqual(status, other.statuses[2], f"{other.name}: {words}")
                    self.assertRegex(words, rb"another update is running|Update already running", other.name)
                upload.sendall(body[len(body) * 20 // 100:])
                answer = http.client.HTTPResponse(upload)
                answer.begin()
                self.assertEqual(answer.status, 200)
                self.assert_updated(device)

    def test_a_wrong_password_is_told_at_once_and_the_right_one_works(self):
        for way in WAYS:
            with self.on(way, board="password: secret\n") as (device, boot):
                before = self.flash(way.device)
                answer = self.within(2, "no password", lambda: self.send(boot, way, self.new))
                self.assertEqual(answer[0], 401)
                wrong = digest(self.challenges(boot)[0], "POST", way.path, "guess")
                answer = self.within(2, "wrong password", lambda: self.send(boot, way, self.new, wrong))
                self.assertEqual(answer[0], 401)
                device.wait_line("^sign-in failed")
                self.assertEqual(self.flash(way.device), before)
                right = digest(self.challenges(boot)[0], "POST", way.path, "secret")
                self.assertEqual(self.send(boot, way, self.new, right)[0], 200)
                self.assert_updated(device)

    def test_an_image_that_is_not_for_this_device_is_told_at_once(self):
        other = images.make("1.1.0", chip="esp32s3")
        large = images.make("1.1.0", size=0x190000)
        for way in WAYS:
            with self.on(way) as (device, boot):
                before = self.flash(way.device)
                for image, status, words in ((other, way.statuses[0], rb"the image is for ESP32-S3"),
                                             (large, way.statuses[1], rb"the slot|Not Enough Space")):
                    got, _, body = self.within(4, words, lambda: self.send(boot, way, image))
                    self.assertEqual(got, status, body)
                    self.assertRegex(body, words)
                self.assertEqual(self.flash(way.device), before)
                self.expect_next(device, boot, way)


class ToolTest(WebCase):
    """The same troubles from the side of `updraft push`: exit status, name and time."""

    def push(self, via, port, image, *args):
        path = self.write("push.bin", image)
        result = self.cli("push", path, f"127.0.0.1:{port}", "--via", via, "--timeout", "1", "--no-wait",
                          "--json", *args, status=None)
        return result.returncode, json.loads(result.stdout)["error"] if result.returncode else None

    def peer(self, part):
        """Answers no GET; of a POST's body it takes this part, in hundredths, then hangs up. None: it
        takes all and does neither."""
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)

        def talk(client):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            if head.startswith(b"GET"):
                client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            fields, _, body = head.partition(b"\r\n\r\n")
            total_len = int(re.search(rb"(?i)content-length: (\d+)", fields)[1])
            seen = len(body)
            while part is None or seen < total_len * part // 100:
                data = client.recv(65536)
                if not data:
                    return
                seen += len(data)

        def serve():
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    try:
                        talk(client)
                    except OSError:
                        pass

        threading.Thread(target=serve, daemon=True).start()
        return server.getsockname()[1]

    def test_each_refusal_of_a_device_has_its_words(self):
        _, boot = self.booted(board="password: secret\n")
        port = boot["http"].rpartition(":")[2]
        right = ("--password", "secret")
        for via in VIAS:
            with self.subTest(via):
                for image, args, expected in (
                        (self.new, ("--password", "guess"), (6, "wrong_password")),
                        (images.make("1.1.0", chip="esp32s3"), (*right, "--no-chip-check"), (5, "wrong_chip")),
                        (images.make("1.1.0", size=0x181000), right, (5, "too_large")),
                        (self.old, right, (5, "already_running"))):
                    code, error = self.within(5, expected[1], lambda: self.push(via, port, image, *args))
                    self.assertEqual((code, error["code"]), expected)
                    self.assertTrue(error["remedy"])

    def test_a_device_that_goes_away_is_told_with_the_place(self):
        large = images.make("1.1.0", size=8_000_000)  # more than waits in buffers on its way
        for via in VIAS:
            with self.subTest(via):
                for percent in (1, 50, 99):
                    port = self.peer(percent)
                    code, error = self.within(8, f"cut at {percent} %", lambda: self.push(via, port, large))
                    self.assertEqual(code, 4, error)
                    if percent < 99:  # of the last percent all may have left before the cut is seen
                        self.assertEqual(error["code"], "disconnected", error)

    def test_a_device_that_goes_away_after_the_last_byte_leaves_no_verdict(self):
        for via in VIAS:
            with self.subTest(via):
                port = self.peer(100)
                code, error = self.within(8, "cut at the end", lambda: self.push(via, port, self.new))
                self.assertEqual((code, error["code"]), (4, "no_verdict"))
                self.assertIn("which version it runs", error["remedy"])

    def test_a_device_that_never_answers_is_given_up(self):
        for via in VIAS:
            with self.subTest(via):
                code, error = self.within(20, "silence", lambda: self.push(via, self.peer(None), self.new))
                self.assertEqual((code, error["code"]), (4, "no_verdict"), error)

    def test_no_device_at_all(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        for via in VIAS:
            with self.subTest(via):
                code, error = self.within(5, "nobody", lambda: self.push(via, port, self.new))
                self.assertEqual((code, error["code"]), (4, "cannot_connect"))

    def test_a_device_that_is_busy_says_so(self):
        device, boot = self.booted()
        port = boot["http"].rpartition(":")[2]
        with self.open_upload(boot, len(self.new), self.new[:30000]):
            device.wait_line("^update start")
            for via in VIAS:
                with self.subTest(via):
                    code, error = self.within(5, "busy", lambda: self.push(via, port, self.new))
                    self.assertEqual((code, error["code"]), (5, "busy"))


if __name__ == "__main__":
    unittest.main()
