"""updraftd behind a real nginx with the configuration that docs/OPERATING.md tells to use: packaging/nginx.conf itself,
of which only names, ports and directories are replaced. And what systemd says of the unit."""

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import unittest
import urllib.error
import urllib.request

import harness
import images
from pull_server import Authority
from server_case import JSON, ServerCase, mac

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
PACKAGING = os.path.join(harness.ROOT, "packaging")
MAIN = """\
daemon off;
master_process off;
pid {0}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {0}/body;
    proxy_temp_path {0}/proxy;
    fastcgi_temp_path {0}/fastcgi;
    uwsgi_temp_path {0}/uwsgi;
    scgi_temp_path {0}/scgi;
    include {0}/site.conf;
}}
"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


@unittest.skipIf(NGINX is None, "nginx is missing")
class Front(ServerCase):
    def setUp(self):
        harness.Case.setUp(self)
        self.port, self.device_port = free_ports(2)
        self.url = f"https://127.0.0.1:{self.port}"
        self.server = self.start_server("--front", "127.0.0.1", "--x-accel", "/updraft-images",
                                        "--base-url", self.url)
        self.authority = Authority(self.directory)
        os.mkdir(self.path("tls"))
        certificate, key = self.authority.issue("server")
        shutil.copy(certificate, self.path("tls", "server.pem"))
        shutil.copy(key, self.path("tls", "server.key"))
        self.devices = Authority(self.directory, "devices")
        shutil.copy(self.devices.pem, self.path("tls", "devices-ca.pem"))
        self.start_nginx()

    def start_nginx(self):
        with open(os.path.join(PACKAGING, "nginx.conf"), encoding="utf-8") as file:
            site = file.read()
        for old, new, count in ((" 443 ssl", f" 127.0.0.1:{self.port} ssl", 1),
                                (" 8443 ssl", f" 127.0.0.1:{self.device_port} ssl", 1),
                                ("    listen [::]:443 ssl;\n", "", 1),
                                ("    listen [::]:8443 ssl;\n", "", 1),
                                ("127.0.0.1:8080", self.server.url.split("//")[1], 1),
                                ("/etc/updraft/tls/", self.path("tls") + "/", 5),
                                ("/var/lib/updraft/artifacts/", self.path("data", "artifacts") + "/", 2)):
            self.assertEqual(site.count(old), count, f"'{old}' in packaging/nginx.conf")
            site = site.replace(old, new)
        self.write("site.conf", site)
        main = self.write("nginx.conf", MAIN.format(self.directory))
        self.nginx = self.start(harness.Process([NGINX, "-p", self.directory, "-c", main]))
        harness.wait_until("nginx to answer", self.answers)

    def answers(self):
        try:
            return self.ask("GET", "/healthz")[0] == 200
        except OSError:
            self.assertIsNone(self.nginx.process.poll(), self.nginx.output())
            return False

    def ask(self, method, path, body=None, headers=None, certificate=None, port=None):
        """(status, headers, body) through nginx."""
        context = ssl.create_default_context(cafile=self.authority.pem)
        if certificate:
            context.load_cert_chain(*certificate)
        url = f"https://127.0.0.1:{port or self.port}{path}"
        request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30, context=context) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def token(self, **more):
        return {"Authorization": "Bearer " + self.server.token, **more}

    def report_of(self, number, **options):
        body = json.dumps({"device": mac(number), "product": "demo", "version": "1.0.0",
                           "state": "confirmed"}).encode()
        return self.ask("POST", "/d/report", body, JSON, **options)

    def test_a_device_updates_over_https_and_nginx_sends_the_image(self):
        old = self.image("old.bin", version="1.0.0")
        status, _, answer = self.ask("POST", "/api/v1/releases?channel=stable", images.make("1.1.0", size=400000),
                                     self.token())
        self.assertEqual(status, 201, answer)
        board = (f"server: {self.url}\npoll_s: 1\ntls:\n  ca: {self.authority.pem}\nota:\n  channels:\n"
                 f"    - name: stable\n      path: {self.url}/d/channel/demo/stable/esp32.json\n")
        device = self.device("garage", old, board=board)
        device.wait_boot(version="1.0.0")
        device.wait_boot(version="1.1.0")
        harness.wait_until("the books to say so", lambda: self.list("devices")[0]["state"] == "confirmed")
        self.assertEqual(self.list("attempts")[0]["state"], "confirmed")

    def test_images_come_from_nginx_whole_and_in_ranges_and_only_by_the_server_s_leave(self):
        image = images.make("1.0.0", size=300000)
        release = json.loads(self.ask("POST", "/api/v1/releases", image, self.token())[2])["image"]
        path = "/d/image/" + release["sha256"]
        status, headers, body = self.ask("GET", path)
        self.assertEqual((status, body), (200, image))
        self.assertEqual(headers["x-MD5"], release["md5"])
        self.assertEqual(headers["Content-Type"], "application/octet-stream")
        self.assertNotIn(release["sha256"], headers["ETag"])  # nginx's own: its file, its ranges
        part = {"Range": "bytes=1000-1999", "If-Range": headers["ETag"]}
        status, headers, body = self.ask("GET", path, headers=part)
        self.assertEqual((status, body), (206, image[1000:2000]))
        self.assertEqual(headers["Content-Range"], f"bytes 1000-1999/{len(image)}")
        self.assertEqual(self.ask("GET", path, headers={**part, "If-Range": '"other"'})[2], image)
        self.assertEqual(self.ask("GET", path, headers={"Range": "bytes=999999-"})[0], 416)
        status, headers, body = self.ask("HEAD", path)
        self.assertEqual((status, headers["Content-Length"], body), (200, str(len(image)), b""))
        digest = release["sha256"]
        for outside in (f"/updraft-images/{digest[:2]}/{digest[2:]}", "/updraft-images/",
                        "/updraft-images/../token", "/updraft-images/../updraft.sqlite"):
            self.assertEqual(self.ask("GET", outside)[0], 404, outside)
        self.assertEqual(self.ask("GET", "/d/image/" + "0" * 64)[0], 404)
        # Without the front nothing is left to anybody else to send.
        status, headers, body = harness.http("GET", self.server.url + path)
        self.assertIn((status, body), ((200, image), (200, b"")))

    def test_a_damaged_image_is_not_sent_by_nginx_either(self):
        release = json.loads(self.ask("POST", "/api/v1/releases", images.make("1.0.0"), self.token())[2])["image"]
        self.damage(self.artifacts()[0])
        self.assertEqual(self.ask("GET", "/d/image/" + release["sha256"])[0], 500)

    def test_who_has_no_certificate_is_refused_where_one_is_needed(self):
        status, _, body = self.report_of(1, port=self.device_port)
        self.assertEqual(status, 400)
        self.assertIn(b"No required SSL certificate was sent", body)
        stranger = Authority(self.directory, "stranger").issue(mac(1))
        try:
            self.assertEqual(self.report_of(1, port=self.device_port, certificate=stranger)[0], 400)
        except OSError:
            pass  # refused in the handshake already
        self.assertEqual(self.list("devices"), [])

    def test_a_certificate_speaks_for_its_own_device_and_for_no_other(self):
        first = self.devices.issue(mac(1))
        options = {"port": self.device_port, "certificate": first}
        self.assertEqual(self.report_of(1, **options)[0], 200)
        status, _, body = self.report_of(2, **options)
        self.assert_refused((status, json.loads(body)), 403, "another_device")
        # What a device says in a header is not what its certificate says.
        other = {"x-updraft-device": mac(2), "x-updraft-version": "1.0.0", "X-Updraft-Device-Certified": mac(2)}
        self.publish(images.make("1.1.0"))
        path = "/d/channel/demo/stable/esp32.json"
        self.assertEqual(self.ask("GET", path, None, other, **options)[0], 403)
        self.assertEqual(self.ask("GET", path, None, {**other, "x-updraft-device": mac(1)}, **options)[0], 200)
        self.assertEqual(self.ask("GET", f"/d/ddi/demo/controller/v1/{mac(2)}", **options)[0], 403)
        self.assertEqual([d["id"] for d in self.list("devices")], [mac(1)])
        nobody = self.devices.issue("no device at all")
        self.assertEqual(self.report_of(1, port=self.device_port, certificate=nobody)[0], 403)
        # Nothing but what devices ask is there.
        for path in ("/", "/api/v1/devices", "/metrics"):
            self.assertEqual(self.ask("GET", path, None, self.token(), **options)[0], 404)

    def test_nobody_can_say_what_only_the_front_may(self):
        headers = {"X-Real-IP": "203.0.113.9", "X-Updraft-Device-Certified": mac(7), **JSON}
        body = json.dumps({"device": mac(1), "product": "demo", "version": "1", "state": "confirmed"}).encode()
        self.assertEqual(self.ask("POST", "/d/report", body, headers)[0], 200)
        self.assertEqual(self.list("devices")[0]["address"], "127.0.0.1")

    def test_the_books_have_the_address_of_the_device_and_not_of_the_front(self):
        context = ssl.create_default_context(cafile=self.authority.pem)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=context,
                                                 source_address=("127.0.0.7", 0))
        self.addCleanup(connection.close)
        body = json.dumps({"device": mac(1), "product": "demo", "version": "1", "state": "confirmed"})
        connection.request("POST", "/d/report", body, JSON)
        self.assertEqual(connection.getresponse().status, 200)
        self.assertEqual(self.list("devices")[0]["address"], "127.0.0.7")

    def test_events_come_through_as_they_happen(self):
        context = ssl.create_default_context(cafile=self.authority.pem)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)
        self.addCleanup(connection.close)
        connection.request("GET", "/api/v1/events", headers=self.token())
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        lines = [answer.readline() for _ in range(4)]
        self.assertIn(b"event: ready\n", lines)
        self.report_of(1)
        started = time.monotonic()
        lines = [answer.readline() for _ in range(4)]
        self.assertIn(b"event: change\n", lines)
        self.assertLess(time.monotonic() - started, 5)

    def test_large_bodies_go_where_they_belong_and_nowhere_else(self):
        self.assertEqual(self.ask("POST", "/d/report", b" " * 100000, JSON)[0], 413)
        self.assertEqual(self.ask("PUT", "/api/v1/channels/demo/stable", b" " * 100000, self.token())[0], 413)
        big = images.make("2.0.0", size=8 << 20)
        self.assertEqual(self.ask("POST", "/api/v1/releases", big, self.token())[0], 201)

    def test_who_drips_is_cut(self):
        context = ssl.create_default_context(cafile=self.authority.pem)
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as drip:
                started, ended = time.monotonic(), False
                drip.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ")
                drip.settimeout(1)
                while not ended and time.monotonic() - started < 25:
                    try:
                        drip.sendall(b"a")
                        ended = drip.recv(1) == b""
                    except TimeoutError:
                        continue
                    except OSError:
                        ended = True
                self.assertTrue(ended)
                self.assertLess(time.monotonic() - started, 20)

    def test_who_asks_without_end_is_slowed_down_by_address(self):
        context = ssl.create_default_context(cafile=self.authority.pem)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=context)
        self.addCleanup(connection.close)
        statuses = []
        while 429 not in statuses and len(statuses) < 3000:
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        self.assertIn(429, statuses)
        self.assertGreater(len(statuses), 200)


@unittest.skipIf(shutil.which("systemd-analyze") is None, "systemd-analyze is missing")
class Unit(harness.Case):
    def setUp(self):
        super().setUp()
        with open(os.path.join(PACKAGING, "updraftd.service"), encoding="utf-8") as file:
            unit = file.read()
        self.assertEqual(unit.count("/usr/local/bin/updraftd"), 1)
        self.unit = self.write("updraftd.service",
                               unit.replace("/usr/local/bin/updraftd", harness.program("updraftd")))

    def analyze(self, *args):
        result = subprocess.run(["systemd-analyze", *args], capture_output=True, text=True, timeout=60, check=False,
                                env={**os.environ, "SYSTEMD_COLORS": "0"})
        return result.returncode, result.stdout + result.stderr

    def test_systemd_understands_every_line(self):
        status, said = self.analyze("verify", "--man=no", self.unit)
        self.assertEqual((status, said.replace(self.unit, "")), (0, ""))

    def test_it_leaves_little_to_whoever_takes_it_over(self):
        status, said = self.analyze("security", "--offline=true", "--no-pager", "--threshold=15", self.unit)
        self.assertEqual(status, 0, said)
        self.assertIn("Overall exposure level", said)


if __name__ == "__main__":
    unittest.main()
