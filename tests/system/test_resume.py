"""A pull that is broken off goes on where it was: by a dropped connection, and by a power cut."""

import hashlib
import http.server
import re
import threading
import time

import harness

PIECE_LEN = 8192


class ImageServer:
    """Serves one image to the version-header protocol, at a pace, with ranges, and counts what it sends."""

    def __init__(self, image, drop_at=None, ranges=True):
        self.image = image
        self.etag = '"' + hashlib.sha256(image).hexdigest() + '"'
        self.drop_at = drop_at  # after so many bytes of a body, once
        self.ranges = ranges
        self.asked = []  # the Range header of each request, or None
        self.sent = 0
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                server.answer(self)

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()

    def answer(self, handler):
        version = handler.headers.get("x-ESP32-version") or handler.headers.get("x-ESP8266-version")
        asked = handler.headers.get("Range")
        if version != "1.0.0":
            handler.send_response(304)
            handler.end_headers()
            return
        self.asked.append(asked)
        start = 0
        match = re.fullmatch(r"bytes=(\d+)-", asked or "")
        if match and self.ranges and handler.headers.get("If-Range") == self.etag:
            start = int(match[1])
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(self.image) - 1}/{len(self.image)}")
        else:
            handler.send_response(200)
        handler.send_header("ETag", self.etag)
        handler.send_header("Content-Length", str(len(self.image) - start))
        handler.end_headers()
        self.send(handler, start)

    def send(self, handler, start):
        for off in range(start, len(self.image), PIECE_LEN):
            if self.drop_at is not None and off >= self.drop_at:
                self.drop_at = None
                handler.close_connection = True
                return
            piece = self.image[off:off + PIECE_LEN]
            try:
                handler.wfile.write(piece)
            except OSError:
                return
            self.sent += len(piece)
            time.sleep(0.004)


class ResumeTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.old = self.image("old.bin", version="1.0.0")
        with open(self.image("new.bin", version="1.1.0", size=1000000), "rb") as file:
            self.new = file.read()

    def serve(self, **kwargs):
        server = ImageServer(self.new, **kwargs)
        self.addCleanup(server.stop)
        return server

    def pull(self, server, extra=()):
        return self.device("garage", self.old, board=f"server: {server.url}\npoll_s: 1\n", extra=extra)

    def assert_went_on(self, server):
        self.assertIn(None, server.asked)
        offsets = [int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) for asked in server.asked if asked]
        self.assertTrue(offsets, f"no request had a Range: {server.asked}")
        self.assertGreater(offsets[0], len(self.new) * 0.3)
        self.assertLess(server.sent, len(self.new) * 1.2)

    def test_a_pull_whose_connection_drops_half_way_asks_for_the_rest(self):
        server = self.serve(drop_at=len(self.new) // 2)
        device = self.pull(server)
        device.wait_boot(version="1.1.0")
        self.assert_went_on(server)

    def test_a_pull_whose_power_is_cut_half_way_asks_for_the_rest_after_the_restart(self):
        server = self.serve()
        device = self.pull(server, extra=["--cut-at", "200"])
        self.assertEqual(device.wait_exit(), harness.POWER_CUT_EXIT)
        self.assertLess(server.sent, len(self.new))
        again = self.start(harness.Device([arg for arg in device.args if arg not in ("--cut-at", "200")]))
        again.wait_boot(version="1.1.0")
        self.assert_went_on(server)

    def test_a_pull_ends_well_when_the_server_knows_no_ranges(self):
        server = self.serve(drop_at=len(self.new) // 2, ranges=False)
        device = self.pull(server)
        device.wait_boot(version="1.1.0")
        self.assertTrue([asked for asked in server.asked if asked])


if __name__ == "__main__":
    harness.unittest.main()
