"""The server, the tool and virtual devices together: what an update is from end to end."""

import os
import re
import socket
import threading
import time

import harness

PRODUCT = "demo"


class Fleet(harness.Case):
    def setUp(self):
        super().setUp()
        self.updraftd = self.server()

    def publish(self, path, channel="stable", status=0):
        return self.cli("publish", path, "--channel", channel, "--server", self.updraftd.url,
                        "--token", self.updraftd.token, status=status)

    def release(self, version, chip="esp32", behaviour=None, size=200000):
        image = self.image(f"{version}-{chip}.bin", chip=chip, version=version,
                           behaviour=behaviour, size=size)
        self.publish(image)
        return image

    def puller(self, name, app, way="channel", origin=None, chip="esp32", **kwargs):
        """A device that asks every second, through `origin` when the server's own is not wanted."""
        origin = origin or self.updraftd.url
        board = f"server: {self.updraftd.url if way == 'channel' else origin}\npoll_s: 1\n"
        if way == "channel":
            board += ("ota:\n  channels:\n    - name: stable\n"
                      f"      path: {origin}/d/channel/{PRODUCT}/stable/{chip}.json\n")
        return self.device(name, app=app, chip=chip, board=board, **kwargs)

    def book(self, name):
        """The server's record of a device, or None."""
        _, answer = self.updraftd.api("GET", "/api/v1/devices")
        return next((device for device in answer["devices"] if device["name"] == name), None)

    def attempts(self):
        return self.updraftd.api("GET", "/api/v1/attempts")[1]["attempts"]

    def wait_runs(self, name, version, timeout_s=harness.WAIT_S):
        def runs():
            book = self.book(name)
            return book if book and book["version"] == version and book["confirmed"] else None

        return harness.wait_until(f"{name} runs {version}, confirmed", runs, timeout_s)

    def wait_attempt(self, state):
        return harness.wait_until(f"an attempt is {state}", lambda: next(
            (attempt for attempt in self.attempts() if attempt["state"] == state), None))


class Pulling(Fleet):
    def check_update(self, way, via):
        old = self.release("1.0.0")
        self.puller("garage", old, way)
        self.assertEqual(self.wait_runs("garage", "1.0.0")["slot"], "ota_0")
        self.assertEqual(self.attempts(), [])
        self.release("1.1.0")
        book = self.wait_runs("garage", "1.1.0")
        self.assertEqual(book["slot"], "ota_1")
        attempt = self.wait_attempt("confirmed")
        self.assertEqual((attempt["from"], attempt["to"], attempt["via"]), ("1.0.0", "1.1.0", via))
        self.assertEqual(len(self.attempts()), 1)

    def test_a_device_on_a_channel_is_updated_and_confirmed(self):
        self.check_update("channel", "channel")

    def test_a_device_with_version_headers_is_updated_and_confirmed(self):
        self.check_update("headers", "headers")

    def test_each_chip_of_a_release_gets_its_own_image(self):
        olds = {chip: self.release("1.0.0", chip) for chip in ("esp32", "esp32s3", "esp32c3")}
        for chip, old in olds.items():
            self.puller(chip, old, chip=chip)
            self.wait_runs(chip, "1.0.0")
        for chip in olds:
            self.release("1.1.0", chip)
        for chip in olds:
            self.wait_runs(chip, "1.1.0")

    def test_an_image_that_crashes_is_rolled_back_and_not_offered_again(self):
        old = self.release("1.0.0")
        device = self.puller("garage", old)
        self.wait_runs("garage", "1.0.0")
        self.release("1.1.0", behaviour="crash")
        attempt = self.wait_attempt("rolled_back")
        self.assertEqual(attempt["error"]["name"], "rolled_back")
        self.wait_runs("garage", "1.0.0")
        seen = self.book("garage")["last_seen"]
        harness.wait_until("three more checks", lambda: self.book("garage")["last_seen"] > seen + 3000)
        self.assertEqual(len(self.attempts()), 1)
        self.assertEqual(len([line for line in device.lines if line.startswith("update start")]), 1)
        self.release("1.2.0")
        self.wait_runs("garage", "1.2.0")

    def test_an_image_that_never_reaches_the_server_is_rolled_back(self):
        old = self.release("1.0.0")
        self.puller("garage", old, extra=["--health-s", "2"])
        self.wait_runs("garage", "1.0.0")
        self.release("1.1.0", behaviour="offline")
        self.wait_attempt("rolled_back")
        self.wait_runs("garage", "1.0.0")

    def test_a_device_whose_power_is_cut_comes_back_old_and_finishes(self):
        old = self.release("1.0.0")
        device = self.puller("garage", old, extra=["--cut-at", "30"])
        self.wait_runs("garage", "1.0.0")
        self.release("1.1.0")
        self.assertEqual(device.wait_exit(), harness.POWER_CUT_EXIT)
        again = self.start(harness.Device([arg for arg in device.args
                                           if arg not in ("--cut-at", "30")]))
        again.wait_boot(version="1.0.0", state="confirmed")
        self.wait_runs("garage", "1.1.0")


class Cutter:
    """A proxy that cuts each of its first connections after some bytes to the device, then behaves."""

    def __init__(self, target_url, cuts):
        host, port = re.fullmatch(r"http://([^:/]+):(\d+)", target_url).groups()
        self.target = (host, int(port))
        self.cuts = list(cuts)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, device):
        with device, socket.create_connection(self.target) as server:
            request = b""
            while b"\r\n\r\n" not in request:
                piece = device.recv(4096)
                if not piece:
                    return
                request += piece
            # One request a connection, so that each cut falls into the answer it is meant for.
            head, rest = request.split(b"\r\n\r\n", 1)
            server.sendall(head + b"\r\nConnection: close\r\n\r\n" + rest)
            left = None
            if b"GET /d/image/" in head or b"GET /d/esp-update/" in head:
                left = self.cuts.pop(0) if self.cuts else None
            while left is None or left > 0:
                piece = server.recv(4096 if left is None else min(4096, left))
                if not piece:
                    return
                device.sendall(piece)
                left = None if left is None else left - len(piece)

    def close(self):
        self.listener.close()


class BadNetwork(Fleet):
    def check_cuts(self, way, cuts):
        old = self.release("1.0.0", size=60000)
        cutter = Cutter(self.updraftd.url, [])
        self.addCleanup(cutter.close)
        device = self.puller("garage", old, way, origin=cutter.url)
        if way == "channel":
            self.wait_runs("garage", "1.0.0")
        else:
            device.wait_boot()
        cutter.cuts = list(cuts)
        self.release("1.1.0", size=60000)
        device.wait_boot(version="1.1.0", timeout_s=60)
        self.assertEqual(cutter.cuts, [])
        boots = [harness.parse_fields(line)["version"] for line in device.lines
                 if line.startswith("boot ")]
        self.assertEqual(boots, ["1.0.0", "1.1.0"])
        self.wait_runs("garage", "1.1.0")

    def test_a_channel_download_that_is_cut_again_and_again_arrives_in_the_end(self):
        # In the headers, in the first sector of the image, in the middle. Each failure doubles the
        # wait, so there are few.
        self.check_cuts("channel", [120, 3000, 40000])

    def test_a_header_download_that_is_cut_again_and_again_arrives_in_the_end(self):
        # In the status line, before anything can be known of the image, near the end.
        self.check_cuts("headers", [7, 500, 58000])

    def test_a_device_survives_the_server_and_goes_on_when_it_is_back(self):
        old = self.release("1.0.0")
        self.puller("garage", old)
        self.wait_runs("garage", "1.0.0")
        self.updraftd.stop()
        port = self.updraftd.url.rsplit(":", 1)[1]
        time.sleep(1.5)  # one failed check at least
        self.updraftd = self.server(listen=f"127.0.0.1:{port}")
        self.assertEqual(self.book("garage")["version"], "1.0.0")
        self.release("1.1.0")
        self.wait_runs("garage", "1.1.0", timeout_s=60)


class Publishing(Fleet):
    def lists(self):
        _, releases = self.updraftd.api("GET", "/api/v1/releases")
        _, channels = self.updraftd.api("GET", "/api/v1/channels")
        return releases["releases"], channels["channels"]

    def test_what_is_no_valid_image_is_refused_and_in_no_list(self):
        good = self.image("good.bin")
        with open(good, "rb") as file:
            content = file.read()
        bad = {
            "empty": b"",
            "cut": content[:-40],
            "random": os.urandom(50000),
            "flipped": content[:5000] + bytes([content[5000] ^ 1]) + content[5001:],
            "html": b"<html>404</html>",
        }
        for name, body in bad.items():
            with self.subTest(name):
                path = self.write(name + ".bin", body)
                result = self.publish(path, status=None)
                self.assertNotIn(result.returncode, (0, 2))
                self.assertIn(name + ".bin", result.stderr)
                status, answer = self.updraftd.api("POST", "/api/v1/releases?channel=stable", body)
                self.assertIn(status, (400, 422))
                self.assertTrue(answer["error"]["remedy"])
        self.assertEqual(self.lists(), ([], []))

    def test_other_bytes_under_a_published_version_are_refused(self):
        self.publish(self.image("one.bin", size=100000))
        self.publish(self.image("two.bin", size=120000), status=5)
        releases, _ = self.lists()
        self.assertEqual([image["size"] for image in releases[0]["images"]],
                         [os.path.getsize(self.path("one.bin"))])

    def test_a_wrong_token_is_refused(self):
        image = self.image("one.bin")
        self.cli("publish", image, "--channel", "stable", "--server", self.updraftd.url, "--token",
                 "0" * 64, status=6)
        self.assertEqual(self.lists(), ([], []))


class FullDisk(harness.Case):
    def test_a_release_that_does_not_fit_the_disk_is_refused_and_in_no_list(self):
        # No file can grow beyond 2 MB, as on a disk that is full; sh counts in 512 bytes.
        limit = "trap '' XFSZ; ulimit -f 4096; exec \"$@\""
        updraftd = self.server(prefix=["sh", "-c", limit, "sh"])
        with open(self.image("large.bin", version="1.1.0", size=3 << 20), "rb") as file:
            status, answer = updraftd.api("POST", "/api/v1/releases?channel=stable", file.read())
        self.assertEqual(status, 507, answer)
        self.assertTrue(answer["error"]["remedy"])
        self.assertEqual(updraftd.api("GET", "/api/v1/releases")[1]["releases"], [])
        with open(self.image("small.bin", version="1.1.0", size=100000), "rb") as file:
            status, _ = updraftd.api("POST", "/api/v1/releases?channel=stable", file.read())
        self.assertEqual(status, 201)
