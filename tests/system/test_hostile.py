"""updraftd against clients that mean no good: smuggled requests, slow drips, crowds of idle connections,
bombs, and names that are code elsewhere. After each, the server answers and its books hold nothing of it."""

import concurrent.futures
import contextlib
import gzip
import json
import os
import re
import resource
import socket
import sqlite3
import time
import unittest
import urllib.parse
import zlib

import harness
import images
from server_case import JSON, ServerCase, mac

GOOD = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


class Hostile(ServerCase):
    def connect(self, source="127.0.0.1", receive=None):
        address = urllib.parse.urlparse(self.server.url)
        connection = socket.socket()
        if receive:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        connection.settimeout(20)
        connection.bind((source, 0))
        connection.connect((address.hostname, address.port))
        self.addCleanup(connection.close)
        return connection

    def exchange(self, request, wait_s=5):
        """(statuses of all answers, whether the server closed) to bytes sent as they are."""
        connection = self.connect()
        with contextlib.suppress(ConnectionError):
            connection.sendall(request)
        got, closed = b"", False
        deadline = time.monotonic() + wait_s
        connection.settimeout(0.3)
        while time.monotonic() < deadline:
            try:
                piece = connection.recv(65536)
            except TimeoutError:
                if got:
                    break
                continue
            except ConnectionError:
                closed = True
                break
            if not piece:
                closed = True
                break
            got += piece
        connection.close()
        return [int(one) for one in re.findall(rb"HTTP/1\.1 (\d{3}) ", got)], closed

    def status_line(self, name):
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as file:
            return int(re.search(name + r":\s+(\d+) kB", file.read())[1]) * 1024

    def memory(self):
        return self.status_line("VmRSS")

    def assert_alive(self):
        self.assertEqual(self.get("/healthz")[0], 200)
        self.assertIsNone(self.server.process.poll())

    def tree(self):
        found = []
        for folder, _, names in os.walk(self.directory):
            found += [os.path.relpath(os.path.join(folder, name), self.directory) for name in names]
        return sorted(found)


class Smuggling(Hostile):
    """What two servers in a row could read as one request or as two."""

    # Behind each of these stands a second request that must never be answered. What is missing is a NUL at
    # the end of a value: the HTTP library drops it unseen, and nginx in front lets none pass.
    HEADS = (
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Content-Length: 0\r\nContent-Length: 44\r\n",
        b"Content-Length: 0, 44\r\n",
        b"Content-Length: 0\r\ncontent-length: 0\r\n",
        b"Content-Length: +0\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 0x0\r\n",
        b"Content-Length: 0 0\r\n",
        b"Content-Length: 1e1\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Content-Length: \xd9\xa0\r\n",
        b"Content-Length :0\r\n",
        b"Content-Length\t: 0\r\n",
        b" Content-Length: 0\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: identity, chunked\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b"Transfer-Encoding: \"chunked\"\r\n",
        b"Transfer\x00-Encoding: chunked\r\n",
        b"X: a\r\n Transfer-Encoding: chunked\r\n",
        b"X: a\r\n\tb\r\nContent-Length: 0\r\n",
        b"X: a\rTransfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        b"Host: b\r\nContent-Length: 0\r\n",
        b": nothing\r\nContent-Length: 0\r\n",
        b"no colon at all\r\nContent-Length: 0\r\n",
        b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\nContent-Length: 0\r\n",
    )

    def test_no_ambiguous_request_lets_a_second_one_through(self):
        for head in self.HEADS:
            request = b"POST /d/report HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n" + b"0\r\n\r\n" + GOOD
            statuses, closed = self.exchange(request)
            # The library sends the head of its own refusals twice; a 200 would be the second request's.
            self.assertTrue(all(status in (400, 413, 501) for status in statuses), (head, statuses))
            self.assertTrue(closed, head)
        self.assert_alive()
        self.assertEqual(self.list("devices"), [])

    def test_chunks_that_lie_about_themselves_end_the_connection(self):
        head = b"POST /d/report HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        for body in (b"FFFFFFFFFFFFFFFFF\r\n", b"-1\r\nabc\r\n0\r\n\r\n",
                     b"0x3\r\nabc\r\n0\r\n\r\n", b"g\r\n", b" 3\r\nabc\r\n0\r\n\r\n", b"3\r\nabcd\r\n0\r\n\r\n",
                     b"3;" + b"x" * 40000 + b"\r\nabc\r\n0\r\n\r\n", b"\r\n\r\n"):
            statuses, closed = self.exchange(head + body + GOOD)
            self.assertNotIn(200, statuses, body[:30])
            self.assertTrue(closed or statuses, body[:30])
        self.assert_alive()

    def test_odd_request_lines_are_refused(self):
        for line in (b"GET", b"GET /healthz", b"GET /healthz HTTP/1.1 x",
                     b"GET /healthz HTTP/9.9", b"GET /healthz HTTP/1.1\r", b"\x16\x03\x01\x02\x00",
                     b"G\x00T /healthz HTTP/1.1", b"GET http://[ HTTP/1.1", b"GET * HTTP/1.1", b"CONNECT a:1 HTTP/1.1",
                     b"TRACE / HTTP/1.1", b"PRI * HTTP/2.0", b"x" * 70000 + b" / HTTP/1.1"):
            statuses, _ = self.exchange(line + b"\r\nHost: a\r\n\r\n")
            self.assertTrue(all(400 <= status < 600 for status in statuses), (line[:40], statuses))
        self.assert_alive()

    def test_many_requests_in_one_packet_are_answered_each_and_in_order(self):
        statuses, closed = self.exchange((GOOD + GOOD.replace(b"healthz", b"nothing")) * 20, wait_s=10)
        self.assertEqual(statuses, [200, 404] * 20)
        self.assertFalse(closed)

    def test_a_header_of_a_device_told_twice_is_not_taken_for_two_devices(self):
        self.publish(images.make("1.0.0"))
        request = ("GET /d/channel/demo/stable/esp32.json HTTP/1.1\r\nHost: a\r\n"
                   f"x-updraft-device: {mac(1)}\r\nx-updraft-device: {mac(2)}\r\n"
                   "x-updraft-version: 0.9\r\nx-updraft-version: 0.8\r\n\r\n")
        self.assertEqual(self.exchange(request.encode())[0], [200])
        self.assertEqual(len(self.list("devices")), 1)


class TooMuch(Hostile):
    """Sizes, depths and numbers beyond what is taken."""

    def test_everything_oversized_has_its_status(self):
        def ask(request):
            return self.exchange(request.encode() if isinstance(request, str) else request)[0]

        head = "GET /healthz{} HTTP/1.1\r\nHost: a\r\n{}\r\n"
        self.assertEqual(ask(head.format("?" + "x" * 2000, "")), [200])
        self.assertEqual(ask(head.format("?" + "x" * 2050, "")), [414])
        self.assertEqual(ask(head.format("?" + "&".join(f"a{i}=1" for i in range(17)), "")), [431])
        self.assertEqual(ask(head.format("", "X: " + "y" * 8000 + "\r\n")), [200])
        self.assertEqual(ask(head.format("", "X: " + "y" * 8200 + "\r\n")), [431])
        self.assertEqual(ask(head.format("", "X" * 8200 + ": y\r\n")), [431])
        self.assertEqual(ask(head.format("", "X: y\r\n" * 63)), [200])
        self.assertEqual(ask(head.format("", "X: y\r\n" * 64)), [431])
        for request in (head.format("", "X: " + "y" * 1000000 + "\r\n"), head.format("?" + "x" * 1000000, "")):
            self.assertIn(ask(request), ([], [431], [414]))  # it may be cut before it is read
        self.assertEqual(ask("POST /d/report HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n" + " " * 9000), [413])
        huge = "POST /d/report HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n"
        self.assertEqual(ask(huge), [413])
        self.assert_alive()

    def test_deep_and_odd_json_is_refused_by_every_address_that_takes_some(self):
        self.publish(images.make("1.0.0"))
        report = {"device": mac(1), "product": "demo", "version": "1.0.0", "state": "confirmed"}
        text = json.dumps(report)
        odd = [b"[" * 4000, b'{"a":' * 1300, b"[" * 2000 + b"]" * 2000, b'"' + b"\\u0000" * 600 + b'"',
               text.replace('"1.0.0"', "1e999").encode(), text.replace('"1.0.0"', "-0").encode(),
               text.replace('"1.0.0"', '"\\ud800"').encode(), text.replace('"1.0.0"', "null").encode(),
               text.replace('"1.0.0"', '{"$ne":1}').encode(), text.encode() + b"\0", text.encode() + b"{}",
               b"\xef\xbb\xbf" + b"[]", b"\xff" * 100, b"nan", b"1" * 4000, b""]
        addresses = [("POST", "/d/report", {}), ("PUT", "/api/v1/channels/demo/stable", None),
                     ("POST", "/api/v1/tokens", None), ("PUT", "/d/ddi/demo/controller/v1/x/configData", {}),
                     ("POST", "/d/ddi/demo/controller/v1/x/deploymentBase/1/feedback", {})]
        operator = {"Authorization": "Bearer " + self.server.token}
        for method, path, headers in addresses:
            for body in odd:
                status = harness.http(method, self.server.url + path, body, {**JSON, **(operator if headers is None else {})})[0]
                self.assertIn(status, (400, 404, 413), (path, body[:40]))
        self.assertEqual(self.list("channels")[0]["version"], "1.0.0")
        self.assertEqual([token["name"] for token in self.list("tokens")], [self.list("tokens")[0]["name"]])
        self.assert_alive()

    def test_a_member_told_twice_counts_once(self):
        body = json.dumps({"device": mac(1), "product": "demo", "version": "1.0.0", "state": "confirmed"})
        twice = body[:-1] + ',"state":"rolled_back","version":"9"}'
        self.assertEqual(harness.http("POST", self.server.url + "/d/report", twice.encode(), JSON)[0], 200)
        self.assertEqual(self.list("devices")[0]["version"], "1.0.0")

    def bomb(self, size):
        """gzip of that many zeros behind the head of an image."""
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        packed = [packer.compress(images.make("1.0.0", "esp32")[:1000])]
        block = bytes(1 << 20)
        packed += [packer.compress(block) for _ in range(size >> 20)]
        return b"".join([*packed, packer.flush()])

    def test_a_packed_bomb_is_refused_without_being_unpacked_into_memory(self):
        bomb = self.bomb(2 << 30)
        self.assertLess(len(bomb), 4 << 20)
        before = self.memory()
        began = time.monotonic()
        answer = self.publish(bomb)
        took_s = time.monotonic() - began
        self.assertIn(answer[0], (413, 422))
        self.assertTrue(answer[1]["error"]["remedy"])
        self.assertLess(took_s, 10)
        self.assertLess(self.memory() - before, 32 << 20)
        self.assert_nothing_published()
        for packed in (gzip.compress(gzip.compress(images.make("1.0.0"))), gzip.compress(b""), b"\x1f\x8b" + bytes(100),
                       gzip.compress(images.make("1.0.0"))[:-9]):
            self.assertEqual(self.publish(packed)[0], 422)
        self.assert_nothing_published()
        self.assert_alive()

    def test_a_packed_bomb_does_not_hold_a_device_up(self):
        bomb = self.bomb(1 << 30)
        device = self.device("victim", self.image("old.bin"))
        boot = device.wait_boot()
        url = "http://" + boot["http"]
        began = time.monotonic()
        try:
            status = harness.http("POST", url + "/update", bomb, {"Content-Type": "application/octet-stream"})[0]
            self.assertGreaterEqual(status, 400)
        except OSError:
            pass  # it says no while we still send
        self.assertLess(time.monotonic() - began, 20)
        status, _, body = harness.http("GET", url + "/status")
        self.assertEqual((status, json.loads(body)["version"]), (200, "1.0.0"))


class Names(Hostile):
    """Text that is code elsewhere is data here, or is refused; it is never run and never leaves its place."""

    PAYLOADS = ("'; DROP TABLE devices; --", "\" OR 1=1 --", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>",
                "${jndi:ldap://x}", "{{7*7}}", "%s%s%s%n", "../../../etc/passwd", "..\\..\\x", "a\u202eb", "$(reboot)", "`id`",
                "a;b", "NULL", "\ufeff", "A" * 40)

    def books(self):
        with contextlib.closing(sqlite3.connect(f"file:{self.path('data', 'updraft.sqlite')}?mode=ro", uri=True)) as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            return sorted(row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type='table'"))

    def test_every_field_that_others_fill_in_takes_text_as_text(self):
        self.publish(images.make("1.0.0"))
        before = self.books()
        operator = {"Authorization": "Bearer " + self.server.token, **JSON}
        fields = ("device", "name", "product", "version", "slot", "target", "via", "state", "chip", "log")
        number = 0
        for payload in self.PAYLOADS:
            for field in fields:
                number += 1
                body = {"device": mac(number), "product": "demo", "version": "1.0.0", "state": "failed", "target": "2",
                        "name": f"device {number}", "error": {"code": 1, "name": payload, "text": payload}, field: payload}
                status = harness.http("POST", self.server.url + "/d/report", json.dumps(body).encode(), JSON)[0]
                self.assertIn(status, (200, 400), (field, payload))
            quoted = urllib.parse.quote(payload, safe="")
            for method, path in (("GET", f"/d/channel/{quoted}/{quoted}/{quoted}"), ("GET", f"/d/image/{quoted}"),
                                 ("GET", f"/d/esp-update/{quoted}"), ("GET", f"/d/ovms/{quoted}/{quoted}/ovms3.ver"),
                                 ("GET", f"/d/manifest/{quoted}/{quoted}/manifest.json"),
                                 ("GET", f"/d/ddi/{quoted}/controller/v1/{quoted}"), ("GET", f"/api/v1/devices/{quoted}"),
                                 ("GET", f"/api/v1/attempts?device={quoted}"), ("GET", f"/api/v1/devices?after={quoted}"),
                                 ("GET", f"/api/v1/devices?limit={quoted}"), ("DELETE", f"/api/v1/tokens/{quoted}")):
                status, headers, body = harness.http(method, self.server.url + path, None, operator)
                self.assertIn(status, (400, 403, 404), path)
                self.assertNotIn(b"<script", body)
                self.assertNotIn("html", headers["Content-Type"] or "")
                self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
            body = json.dumps({"version": payload}).encode()
            self.assertIn(self.server.api("PUT", f"/api/v1/channels/demo/{quoted}", body)[0], (400, 404))
            self.assertIn(self.server.api("POST", "/api/v1/tokens", json.dumps({"name": payload, "role": "view"}).encode())[0],
                          (201, 400))
            for query in (f"product={quoted}", f"channel={quoted}", f"version={quoted}", f"chip={quoted}"):
                self.assertIn(self.publish(images.make("1.0.0"), query)[0], (200, 201, 400, 404, 409, 422), query)
        self.assertEqual(self.books(), before)
        devices = self.list("devices")
        self.assertIn(self.PAYLOADS[0], {device["name"] for device in devices})
        self.assert_alive()

    def test_nothing_outside_its_folder_is_read_or_written(self):
        with open(self.path("secret"), "w", encoding="ascii") as file:
            file.write("SECRET")
        image = images.make("1.0.0")
        self.publish(image)
        before = self.tree()
        ups = ("..", "%2e%2e", "%2e.", ".%2e", "..%2f..", "..%5c..", "%252e%252e", "..;", "%c0%ae%c0%ae", "..%00")
        places = ("/{}/secret", "/d/image/{}/secret", "/d/image/{}%2fsecret", "/d/channel/demo/{}/secret",
                  "/d/channel/demo/stable/{}%2f{}%2fsecret", "/d/manifest/demo/stable/{}%2fsecret", "/d/ovms/demo/{}/secret",
                  "/d/ddi/demo/controller/v1/x/artifacts/{}%2fsecret", "/api/v1/devices/{}%2fsecret", "/{}/{}/secret",
                  "/assets/{}/secret", "/assets/{}%2f{}%2fsecret")
        for up in ups:
            for place in places:
                path = place.format(up, up)
                connection = self.connect()
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                                   f"Authorization: Bearer {self.server.token}\r\n\r\n".encode())
                with connection.makefile("rb") as answer:
                    got = answer.read()
                connection.close()
                self.assertNotIn(b"SECRET", got)
                self.assertIn(int(got.split()[1]), (400, 403, 404), path)
            for name in ("product", "channel", "version"):
                query = f"{name}={up}%2f{up}%2fx"
                self.assertIn(self.publish(image, query)[0], (400, 409, 422, 201 if name == "version" else 400), query)
        after = [name for name in self.tree() if not name.startswith("data/updraft.sqlite")]
        self.assertEqual(after, [name for name in before if not name.startswith("data/updraft.sqlite")])


class Slow(Hostile):
    def drip(self, first, bytes_left, every_s=0.25, most_s=150):
        """Seconds until the server hangs up on one who sends a byte now and then."""
        connection = self.connect()
        began = time.monotonic()
        connection.sendall(first)
        connection.settimeout(every_s)
        for _ in range(bytes_left):
            try:
                connection.send(b"a")
                if not connection.recv(4096):
                    break
            except TimeoutError:
                pass
            except ConnectionError:
                break
            if time.monotonic() - began > most_s:
                break
        connection.close()
        return time.monotonic() - began

    def read_slowly(self, digest, most_s=200):
        connection = self.connect(receive=4096)
        began = time.monotonic()
        connection.sendall(f"GET /d/image/{digest} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        while time.monotonic() - began < most_s:
            try:
                if not connection.recv(1):
                    break
            except ConnectionError:
                break
            time.sleep(0.25)
            if self.is_closed(connection):
                break
        connection.close()
        return time.monotonic() - began

    def is_closed(self, connection):
        """Whether the server has let go: its end is ESTABLISHED no more. This end learns of it only behind all that
        is still to be read."""
        ends = "%04X" % urllib.parse.urlparse(self.server.url).port, "%04X" % connection.getsockname()[1]
        with open("/proc/net/tcp", encoding="ascii") as file:
            for line in file:
                fields = line.split()
                if (fields[1][-4:], fields[2][-4:]) == ends:
                    return fields[3] != "01"
        return True

    def test_drips_are_cut_when_their_time_is_over_and_others_do_not_notice(self):
        image = images.make("1.0.0", size=100000)
        digest = self.publish(image)[1]["image"]["sha256"]
        report = b"POST /d/report HTTP/1.1\r\nHost: a\r\nContent-Length: 8000\r\n\r\n"
        chunked = b"POST /d/report HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1f40\r\n"
        rows = (("request line", (b"GET /heal", 9999), 60, 80), ("headers", (b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ", 9999), 15, 20),
                ("body", (report, 9999), 30, 36), ("chunks", (chunked, 9999), 30, 37), ("headers of HTTP/1.0", (b"GET / HTTP/1.0\r\nX: ", 9999), 15, 20))
        with concurrent.futures.ThreadPoolExecutor(80) as pool:
            running = [(name, pool.submit(self.drip, *args), least, most) for name, args, least, most in rows]
            running += [("another's headers", pool.submit(self.drip, b"GET / HTTP/1.1\r\nX", 9999), 15, 20) for _ in range(60)]
            reader = pool.submit(self.read_slowly, digest)
            while not reader.done() and any(not job.done() for _, job, _, _ in running):
                began = time.monotonic()
                self.assertEqual(self.server.api("GET", "/api/v1/overview")[0], 200)
                self.assertLess(time.monotonic() - began, 2)
                time.sleep(1)
            for name, job, least, most in running:
                self.assertGreaterEqual(job.result(), least - 0.5, name)
                self.assertLessEqual(job.result(), most, name)
            # 2 kB/s are asked for, after a minute; and no minute without a byte, which small windows come to.
            self.assertGreaterEqual(reader.result(), 59)
            self.assertLessEqual(reader.result(), 60 + len(image) / 2000 + 6)
        self.assert_alive()


class Crowds(Hostile):
    """Connections that ask for nothing, from many addresses."""

    def restart(self, files):
        self.assertEqual(self.server.stop(), 0)
        self.server = harness.Server(self.path("data"), prefix=("sh", "-c", f'ulimit -n {files} && exec "$@"', "sh"))
        self.addCleanup(self.end_server, self.server)

    def crowd(self, count, send=b""):
        """Idle connections; a thousand an address."""
        held = []
        for number in range(count):
            connection = self.connect(f"127.0.1.{1 + number // 1000}")
            if send:
                connection.sendall(send)
            held.append(connection)
        return held

    def ask_as_operator(self):
        began = time.monotonic()
        for _ in range(20):
            self.assertEqual(self.server.api("GET", "/api/v1/overview")[0], 200)
        return (time.monotonic() - began) / 20

    def test_more_idle_connections_than_there_are_places_keep_no_operator_out(self):
        self.restart(600)
        for send in (b"", b"GET /heal", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: "):
            self.crowd(900, send)
            self.assertLess(self.ask_as_operator(), 0.5)
        # And one that is in the middle of something is not the one that has to go.
        image = images.make("1.0.0", size=900000)
        digest = self.publish(image)[1]["image"]["sha256"]
        reader = self.connect(receive=4096)
        reader.sendall(f"GET /d/image/{digest} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        self.assertEqual(reader.recv(12), b"HTTP/1.1 200")
        self.crowd(900)
        self.assertLess(self.ask_as_operator(), 0.5)
        with reader.makefile("rb") as answer:
            self.assertTrue(answer.read().endswith(image))

    def kernel_memory(self):
        with open("/proc/net/sockstat", encoding="ascii") as file:
            return int(re.search(r"TCP: .* mem (\d+)", file.read())[1]) * resource.getpagesize()

    def test_a_thousand_slow_downloads_take_little_memory_and_hold_nobody_up(self):
        digest = self.publish(images.make("1.0.0", size=4000000))[1]["image"]["sha256"]
        self.assertLess(self.ask_as_operator(), 0.5)
        before, kernel_before = self.memory(), self.kernel_memory()
        request = f"GET /d/image/{digest} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        readers = [self.connect(f"127.0.2.{1 + number // 250}", receive=4096) for number in range(1000)]
        for reader in readers:
            reader.sendall(request)
        for reader in readers:
            self.assertEqual(reader.recv(12), b"HTTP/1.1 200")
        self.assertLess(self.ask_as_operator(), 0.5)
        grown, kernel = self.memory() - before, self.kernel_memory() - kernel_before
        print(f"\n1 000 slow downloads: {grown / 1e6:.1f} MB of the server, {kernel / 1e6:.1f} MB of the kernel's TCP")
        self.assertLess(grown, 40 << 20)
        self.assertLess(kernel, 400 << 20)

    def test_ten_thousand_idle_connections_take_little_memory_and_nobodys_place(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard != resource.RLIM_INFINITY and hard < 14000:
            self.skipTest("not enough files may be open here")
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.server.stop()
        self.server = self.start_server()
        self.assertLess(self.ask_as_operator(), 0.5)
        before = self.memory()
        self.crowd(10000)
        self.assertLess(self.ask_as_operator(), 0.5)
        grown = self.memory() - before
        held = len(os.listdir(f"/proc/{self.server.process.pid}/fd"))
        print(f"\n10 000 idle connections, {held} of them held: {grown / 1e6:.1f} MB, {grown / held / 1e3:.1f} kB each")
        self.assertLess(grown, 10000 * 20000)


if __name__ == "__main__":
    unittest.main()
