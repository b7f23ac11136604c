"""What updraftd says of its requests: each operator's, each refusal, and nothing that would drown them."""

import json
import socket
import subprocess
import unittest
import urllib.parse

import harness
from server_case import ServerCase, mac


class Log(ServerCase):
    def restart(self, *options):
        self.server.stop()
        self.server = self.start_server(*options)

    def ask_all(self):
        self.report(1, "1.0.0", "confirmed")
        self.server.api("GET", "/api/v1/devices?limit=7")
        self.server.api("PUT", "/api/v1/channels/none/stable", b'{"version":"9"}')
        self.server.api("POST", "/api/v1/tokens", b'{"name":"wall","role":"view"}')
        self.get("/d/image/x%0a%22y%c3%28")
        self.get("/api/v1/devices", {"Authorization": "Bearer s3cret-guess"})

    def test_json_is_an_object_a_line_and_tells_operators_and_refusals(self):
        self.restart("--log", "json")
        self.ask_all()
        self.server.stop()
        lines = [json.loads(line) for line in self.server.lines if line.startswith("{")]
        self.assertEqual(len(lines), len(self.server.lines) - 2)  # its address, on stdout
        self.assertEqual((lines[0]["event"], lines[0]["level"]), ("started", "info"))
        requests = [line for line in lines if line["event"] == "request"]
        self.assertEqual(
            [(r["method"], r["path"], r["status"], r.get("operator"), r["level"]) for r in requests],
            [("GET", "/api/v1/devices", 200, "first", "info"),
             ("PUT", "/api/v1/channels/none/stable", 404, "first", "warning"),
             ("POST", "/api/v1/tokens", 201, "first", "info"),
             ("GET", '/d/image/x?"y?(', 404, None, "warning"),
             ("GET", "/api/v1/devices", 401, None, "warning")])
        for line in requests:
            self.assertRegex(line["at"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertEqual(line["address"], "127.0.0.1")
            self.assertGreaterEqual(line["took_ms"], 0)
        self.assert_no_secret()

    def assert_no_secret(self):
        self.assertNotIn(self.server.token, self.server.output())
        self.assertNotIn("s3cret", self.server.output())

    def test_a_token_that_may_not_is_named(self):
        self.restart("--log", "json")
        status, answer = self.server.api("POST", "/api/v1/tokens", b'{"name":"wall","role":"view"}')
        self.assertEqual(status, 201)
        self.get("/api/v1/audit", {"Authorization": "Bearer " + answer["secret"]})
        line = json.loads(self.server.wait_line('"status":403'))
        self.assertEqual((line["operator"], line["path"]), ("wall", "/api/v1/audit"))

    def test_text_has_the_same_and_without_the_option_there_is_nothing(self):
        self.restart("--log", "text")
        self.ask_all()
        self.server.stop()
        self.assertRegex(self.server.output(), r"Z PUT /api/v1/channels/none/stable: 404 in \d+ ms, for "
                         r"first from 127\.0\.0\.1")
        self.assertRegex(self.server.output(), r"Z GET /api/v1/devices: 401 .*nobody known")
        self.assertEqual(len(self.server.lines), 2 + 1 + 5)
        self.assert_no_secret()
        self.restart()
        self.ask_all()
        self.server.stop()
        self.assertEqual(len(self.server.lines), 2)

    def test_strangers_cannot_fill_the_log_and_operators_stay_in_it(self):
        self.restart("--log", "json")
        count = 1500
        request = b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"
        self.flood(request, count)
        for number in range(3):
            self.server.api("GET", f"/api/v1/devices/{mac(number)}")
        self.server.stop()
        lines = [json.loads(line) for line in self.server.lines if line.startswith("{")]
        strangers = [line for line in lines if line.get("path") == "/nowhere"]
        self.assertLess(len(strangers), count)
        self.assertEqual(len([line for line in lines if line.get("operator") == "first"]), 3)
        self.assertEqual(len(strangers) + sum(line.get("skipped", 0) for line in lines), count)

    def flood(self, request, count):
        """Many requests down one connection, faster than the quota of lines refills."""
        address = urllib.parse.urlparse(self.server.url)
        with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
            for _ in range(count // 100):
                connection.sendall(request * 100)
                seen = b""
                while seen.count(b"HTTP/1.1 404") < 100:
                    piece = connection.recv(65536)
                    self.assertTrue(piece)
                    seen += piece

    def test_another_form_is_refused(self):
        done = subprocess.run([harness.program("updraftd"), "--data", self.path("x"), "--log", "xml"],
                              capture_output=True, text=True, check=False, timeout=20)
        self.assertEqual(done.returncode, 2)
        self.assertIn("text or json", done.stderr)


if __name__ == "__main__":
    unittest.main()
