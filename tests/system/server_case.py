"""What the tests of updraftd as a whole share."""

import json
import os
import signal
import socket
import urllib.parse

import harness

JSON = {"Content-Type": "application/json"}


def mac(number):
    return f"24:6F:28:00:{number >> 8:02X}:{number & 255:02X}"


class ServerCase(harness.Case):
    def start_server(self, *options):
        server = harness.Server(self.path("data"), extra=options)
        self.addCleanup(self.end_server, server)
        return server

    def end_server(self, server):
        """Sanitizers speak by the exit status; kill -9 is what some tests do."""
        self.assertIn(server.stop(), (0, -signal.SIGKILL), server.output())

    def setUp(self):
        super().setUp()
        self.server = self.start_server()

    def publish(self, image, query="channel=stable"):
        return self.server.api("POST", "/api/v1/releases?" + query, image)

    def list(self, kind):
        status, answer = self.server.api("GET", "/api/v1/" + kind)
        self.assertEqual(status, 200)
        return answer[kind]

    def get(self, path, headers=None, method="GET"):
        return harness.http(method, self.server.url + path, None, headers)

    def report(self, number, version, state, **more):
        body = {"device": mac(number), "product": "demo", "version": version, "state": state, **more}
        return harness.http("POST", self.server.url + "/d/report", json.dumps(body).encode(), JSON)

    def raw(self, request):
        """Status of the answer to bytes sent as they are; 0 when the connection just ends."""
        address = urllib.parse.urlparse(self.server.url)
        with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
            connection.sendall(request)
            answer = b""
            try:
                while b"\r\n" not in answer:
                    piece = connection.recv(4096)
                    if not piece:
                        break
                    answer += piece
            except ConnectionResetError:
                pass
        return int(answer.split()[1]) if answer else 0

    def assert_refused(self, answer, status, code=None):
        self.assertEqual(answer[0], status, answer)
        error = answer[1]["error"]
        self.assertTrue(error["message"] and error["remedy"], error)
        if code:
            self.assertEqual(error["code"], code)

    def assert_nothing_published(self):
        self.assertEqual(self.list("releases"), [])
        self.assertEqual(self.list("products"), [])
        self.assertEqual(self.list("channels"), [])
        self.assertEqual(self.artifacts(), [])

    def artifacts(self):
        found = []
        for folder, _, names in os.walk(self.path("data", "artifacts")):
            found += [os.path.join(folder, name) for name in names]
        return found
