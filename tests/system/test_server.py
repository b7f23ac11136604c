"""updraftd as a whole, over real sockets: every address, good and bad input."""

import concurrent.futures
import hashlib
import http.client
import json
import random
import socket
import unittest
import urllib.parse

import harness
import images
from server_case import JSON, ServerCase, mac


class Publishing(ServerCase):
    def test_a_release_is_listed_offered_and_served_byte_by_byte(self):
        image = images.make("1.1.0")
        digest = hashlib.sha256(image).hexdigest()
        status, answer = self.publish(image, "channel=stable&notes=Better%20%3Cb%3EWi-Fi%3C/b%3E")
        self.assertEqual(status, 201)
        self.assertEqual(answer["image"], {"chip": "esp32", "board": "", "sha256": digest, "size": len(image),
                                           "md5": hashlib.md5(image).hexdigest(),
                                           "project": "demo", "idf": "v5.4.1"})
        self.assertEqual(answer["channel"], {"product": "demo", "name": "stable", "version": "1.1.0",
                                             "release_id": answer["release"]["id"]})
        self.assertEqual(self.list("releases"), [answer["release"]])
        self.assertEqual(answer["release"]["notes"], "Better <b>Wi-Fi</b>")
        status, headers, body = self.get("/d/channel/demo/stable/esp32.json")
        self.assertEqual(status, 200)
        descriptor = json.loads(body)
        self.assertEqual(descriptor, {"version": "1.1.0",
                                      "path": f"{self.server.url}/d/image/{digest}"})
        self.assertEqual(int(headers["Content-Length"]), len(body))
        status, headers, body = harness.http("GET", descriptor["path"])
        self.assertEqual((status, body), (200, image))
        self.assertEqual(headers["ETag"], f'"{digest}"')
        self.assertEqual(headers["x-MD5"], hashlib.md5(image).hexdigest())

    def test_the_same_bytes_again_are_200_and_other_bytes_409(self):
        image = images.make("1.0.0")
        self.assertEqual(self.publish(image)[0], 201)
        self.assertEqual(self.publish(image)[0], 200)
        self.assert_refused(self.publish(images.make("1.0.0", size=70000)), 409, "release_exists")
        self.assertEqual(len(self.list("releases")), 1)
        self.assertEqual(len(self.artifacts()), 1)
        status, answer = self.publish(image, "channel=testing")
        self.assertEqual((status, answer["channel"]["name"]), (200, "testing"))

    def test_one_release_holds_an_image_a_chip(self):
        for chip in ("esp32", "esp32s3", "esp32c3"):
            self.assertEqual(self.publish(images.make("1.0.0", chip))[0], 201)
        releases = self.list("releases")
        self.assertEqual(len(releases), 1)
        self.assertEqual({i["chip"] for i in releases[0]["images"]}, {"esp32", "esp32s3", "esp32c3"})
        self.assertEqual(self.get("/d/channel/demo/stable/esp32c3.json")[0], 200)
        self.assertEqual(self.get("/d/channel/demo/stable/esp32s2.json")[0], 404)

    def test_a_channel_can_be_moved_both_ways_and_made(self):
        for version in ("1.0.0", "1.1.0"):
            self.publish(images.make(version))
        for name, version in (("stable", "1.0.0"), ("stable", "1.1.0"), ("beta", "1.0.0")):
            body = json.dumps({"version": version}).encode()
            status, answer = self.server.api("PUT", "/api/v1/channels/demo/" + name, body)
            self.assertEqual(status, 200)
            self.assertEqual(answer["channel"]["version"], version)
            descriptor = json.loads(self.get(f"/d/channel/demo/{name}/esp32.json")[2])
            self.assertEqual(descriptor["version"], version)
        self.assertEqual(len(self.list("channels")), 2)

    def test_publishing_at_once_from_many_sides_gives_one_release_each(self):
        def one(number):
            return self.publish(images.make(f"1.0.{number % 4}", size=20000 + number % 4))[0]

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(one, range(16)))
        self.assertEqual(sorted(statuses), [200] * 12 + [201] * 4)
        self.assertEqual(len(self.list("releases")), 4)
        self.assertEqual(len({release["id"] for release in self.list("releases")}), 4)

    def test_an_expecting_client_is_told_before_it_sends(self):
        head = (f"POST /api/v1/releases HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n"
                f"Authorization: Bearer {self.server.token}\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(self.raw(head.encode()), 413)
        self.assertEqual(self.raw(head.replace(self.server.token, "0" * 64).encode()), 401)


class BadImages(ServerCase):
    def test_every_truncation_is_refused_and_leaves_nothing(self):
        image = images.make("1.0.0", size=2000)
        for length in sorted({0, 1, 23, 24, 287, 288, len(image) - 33, len(image) - 32,
                              len(image) - 1, *range(50, len(image), 97)}):
            answer = self.publish(image[:length])
            self.assert_refused(answer, 422, "empty" if length == 0 else None)
        self.assert_nothing_published()

    def test_a_bit_flipped_anywhere_is_noticed(self):
        image = images.make("1.0.0", size=2000)
        noise = random.Random(7)
        for _ in range(150):
            at = noise.randrange(len(image))
            flipped = bytearray(image)
            flipped[at] ^= 1 << noise.randrange(8)
            self.assert_refused(self.publish(bytes(flipped)), 422)
        self.assert_nothing_published()

    def test_random_bytes_and_other_files_are_refused(self):
        noise = random.Random(8)
        for content in (noise.randbytes(5000), b"\xe9" + noise.randbytes(5000), bytes(5000),
                        b"\xff" * 5000, b"PK\x03\x04" + bytes(100), b"<html></html>"):
            self.assert_refused(self.publish(content), 422)
        self.assert_nothing_published()

    def test_a_whole_flash_behind_an_image_is_refused_and_a_signature_is_not(self):
        image = images.make("1.0.0")
        self.assert_refused(self.publish(image + bytes(100000)), 422, "trailing_data")
        padded = image + b"\xff" * (-len(image) % 4096)
        self.assertEqual(self.publish(padded + b"\xe7" + bytes(4095))[0], 201)

    def test_an_image_over_16_mb_is_413_with_and_without_a_length(self):
        address = urllib.parse.urlparse(self.server.url)
        block = bytes(1 << 20)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        self.addCleanup(connection.close)
        connection.request("POST", "/api/v1/releases?channel=stable",
                           iter([images.make("1.0.0")] + [block] * 17), encode_chunked=True,
                           headers={"Authorization": "Bearer " + self.server.token,
                                    "Transfer-Encoding": "chunked"})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 413)
        answer.read()
        head = (f"POST /api/v1/releases HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n"
                f"Authorization: Bearer {self.server.token}\r\n\r\n")
        self.assertEqual(self.raw(head.encode()), 413)
        self.assert_nothing_published()

    def test_an_upload_cut_at_any_byte_leaves_nothing(self):
        image = images.make("1.0.0", size=20000)
        address = urllib.parse.urlparse(self.server.url)
        head = (f"POST /api/v1/releases?channel=stable HTTP/1.1\r\nHost: a\r\n"
                f"Content-Length: {len(image)}\r\n"
                f"Authorization: Bearer {self.server.token}\r\n\r\n").encode()
        whole = head + image
        for cut in (1, 40, len(head) - 2, len(head), len(head) + 1, len(head) + 5000, len(whole) - 1):
            with socket.create_connection((address.hostname, address.port)) as connection:
                connection.sendall(whole[:cut])
        self.assertEqual(self.get("/healthz")[0], 200)  # by now it has seen them all
        harness.wait_until("the unfinished uploads to be dropped", lambda: not self.artifacts())
        self.assert_nothing_published()
        self.assertEqual(self.publish(image)[0], 201)

    def test_names_and_versions_that_do_not_fit_are_refused(self):
        image = images.make("1.0.0")
        for query in ("channel=..", "channel=a/b", "channel=", "channel=a%00b", "product=..%2f..",
                      "product=%3Cscript%3E", "channel=" + "x" * 65, "notes=%01", "notes=" + "n" * 1024,
                      "version=2.0.0", "chip=esp32s3", "chip=z80"):
            status, answer = self.publish(image, query)
            self.assertIn(status, (400, 422), query)
            self.assertTrue(answer["error"]["remedy"])
        self.assert_refused(self.publish(images.make("x" * 32)), 422, "bad_version")
        self.assert_refused(self.publish(images.make("1\n2")), 422, "bad_version")
        self.assert_refused(self.publish(images.make(project="a b")), 422, "bad_product")
        self.assert_nothing_published()
        self.assertEqual(self.publish(images.make(project="a b"), "product=ab")[0], 201)

    def test_an_image_without_a_descriptor_needs_version_and_product(self):
        image = bytes.fromhex(  # a minimal ESP8266 version 3 image
            "e9020230140021401000214010000000000102030405060708090a0b0c0d0e0f"
            "000010400400000012345678000000e7cf0b51e1d6d2a642218c5449b692da42"
            "8be2a37031a17bb19bb6f10172a58112")
        self.assert_refused(self.publish(image), 422, "version_missing")
        self.assert_refused(self.publish(image, "version=3.0"), 422, "bad_product")
        status, answer = self.publish(image, "version=3.0&product=plug&channel=stable")
        self.assertEqual((status, answer["image"]["chip"]), (201, "esp8266"))


class BadRequests(ServerCase):
    def test_everything_under_api_asks_for_the_token(self):
        for method, path in (("GET", "overview"), ("GET", "devices"), ("GET", "releases"),
                             ("GET", "channels"), ("GET", "products"), ("GET", "attempts"),
                             ("GET", "devices/x"), ("POST", "releases"), ("PUT", "channels/a/b")):
            for header in ({}, {"Authorization": "Bearer "}, {"Authorization": "Basic eDp5"},
                           {"Authorization": "Bearer " + "0" * 64},
                           {"Authorization": "Bearer " + self.server.token[:-1]},
                           {"Authorization": self.server.token}):
                body = b"x" if method != "GET" else None
                status, headers, _ = harness.http(method, f"{self.server.url}/api/v1/{path}", body,
                                                  header)
                self.assertEqual(status, 401)
                self.assertEqual(headers["WWW-Authenticate"], "Bearer")

    def test_bad_json_is_400_and_changes_nothing(self):
        self.publish(images.make("1.0.0"))
        for body in (b"", b"{", b"[]", b"7", b'{"version":7}', b'{"version":""}', b"\xff\xfe",
                     b'{"version":"' + b"1" * 40 + b'"}', b"[" * 4000):
            answer = self.server.api("PUT", "/api/v1/channels/demo/stable", body)
            self.assert_refused(answer, 400, "bad_json")
        self.assert_refused(
            self.server.api("PUT", "/api/v1/channels/demo/stable", b'{"version":"9"}'), 404,
            "release_not_found")
        self.assert_refused(
            self.server.api("PUT", "/api/v1/channels/none/stable", b'{"version":"9"}'), 404)
        self.assert_refused(
            self.server.api("PUT", "/api/v1/channels/demo/stable", b" " * 5000), 413)
        self.assertEqual(self.list("channels")[0]["version"], "1.0.0")

    def test_traversal_and_odd_addresses_find_nothing(self):
        self.publish(images.make("1.0.0"))
        for path in ("/../../etc/passwd", "/d/image/../../token", "/d/image/..%2f..%2ftoken",
                     "/d/image/%2e%2e/token", "/d/channel/demo/stable/../../../token",
                     "/d/channel/demo/stable/..%2fesp32.json", "/api/v1/../../token", "//healthz",
                     "/healthz/", "/token", "/d/esp-update/..", "/d/image/" + "0" * 64):
            status = self.raw(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            self.assertIn(status, (400, 403, 404), path)

    def test_ambiguous_requests_are_refused(self):
        good = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
        self.assertEqual(self.raw(good), 200)
        for request, wanted in (
                (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
                (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
                (b"GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
                (b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n", 400),
                (b"GET /healthz%00x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
                (b"POST /d/report HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                 b"Content-Length: 2\r\n\r\nab", 400),
                (b"POST /d/report HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", 400),
                (b"POST /d/report HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                (b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na", 400),
                (b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
                (b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 80 + b"\r\n", 431),
                (b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431),
                (b"DELETE /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 405),
                (b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404)):
            self.assertEqual(self.raw(request), wanted, request[:80])
        self.assertEqual(self.raw(b"GET /healthz HTTP/1.0\r\n\r\n"), 200)
        self.assertEqual(self.raw(b"POST /d/report HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  b"0\r\n\r\n"), 400)
        self.assertEqual(self.raw(b"GET /healthz HTTP/1.2\r\n\r\n"), 400)
        self.assertEqual(self.raw(good), 200)

    def test_a_refusal_keeps_the_connection_unless_the_request_is_ambiguous(self):
        address = urllib.parse.urlparse(self.server.url)
        for path, wanted, headers, kept in (("/nothing", 404, {}, True),
                                            ("/api/v1/devices", 401, {}, True),
                                            ("/nothing", 400, {"Host": "a/b"}, False)):
            connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
            self.addCleanup(connection.close)
            connection.request("GET", path, headers=headers)
            with connection.getresponse() as answer:
                self.assertEqual(answer.status, wanted)
                answer.read()
            self.assertEqual(connection.sock is not None, kept, path)
            if kept:
                connection.request("GET", "/healthz")
                self.assertEqual(connection.getresponse().status, 200)

    def test_noise_does_not_disturb_the_server(self):
        noise = random.Random(9)
        for _ in range(60):
            junk = noise.randbytes(noise.randrange(1, 600))
            address = urllib.parse.urlparse(self.server.url)
            with socket.create_connection((address.hostname, address.port)) as connection:
                connection.sendall(junk + b"\r\n\r\n")
        self.assertEqual(self.get("/healthz")[0], 200)

    def test_a_large_report_is_413(self):
        status, _, body = harness.http("POST", self.server.url + "/d/report", b" " * 9000, JSON)
        self.assertEqual(status, 413)
        self.assertEqual(json.loads(body)["error"]["code"], "too_large")


class Devices(ServerCase):
    def test_a_range_is_served_and_resumed_exactly(self):
        image = images.make("1.0.0", size=200000)
        digest = self.publish(image)[1]["image"]["sha256"]
        path, etag = "/d/image/" + digest, f'"{digest}"'
        for header, status, part in (
                ("bytes=0-0", 206, image[:1]), ("bytes=100000-", 206, image[100000:]),
                ("bytes=-10", 206, image[-10:]), ("bytes=5-2", 200, image),
                ("bytes=0-1,5-6", 200, image), (f"bytes={len(image)}-", 416, None)):
            got, headers, body = self.get(path, {"Range": header, "If-Range": etag})
            self.assertEqual(got, status, header)
            if part is not None:
                self.assertEqual(body, part)
            if status == 416:
                self.assertEqual(headers["Content-Range"], f"bytes */{len(image)}")
        self.assertEqual(self.get(path, {"Range": "bytes=5-9", "If-Range": '"x"'})[2], image)
        status, headers, body = self.get(path, method="HEAD")
        self.assertEqual((status, body, int(headers["Content-Length"])), (200, b"", len(image)))
        self.assertEqual(headers["Accept-Ranges"], "bytes")
        self.assertEqual(self.get(path, {"If-None-Match": etag})[0], 304)

    def test_the_header_protocol_speaks_as_a_stock_client_wants(self):
        image = images.make("1.1.0", "esp32")
        self.publish(image)
        address = urllib.parse.urlparse(self.server.url)

        def ask(version):
            with socket.create_connection((address.hostname, address.port), timeout=20) as stream:
                stream.sendall((f"GET /d/esp-update/demo HTTP/1.0\r\nHost: {address.netloc}\r\n"
                                f"User-Agent: ESP32-http-Update\r\nConnection: close\r\n"
                                f"x-ESP32-STA-MAC: {mac(1)}\r\nx-ESP32-mode: sketch\r\n"
                                f"x-ESP32-version: {version}\r\nContent-Length: 0\r\n\r\n").encode())
                answer = b""
                while piece := stream.recv(65536):
                    answer += piece
            head, _, body = answer.partition(b"\r\n\r\n")
            return head.decode().split("\r\n"), body

        head, body = ask("1.0.0")
        self.assertRegex(head[0], r"^HTTP/1\.\d 200 ")
        self.assertEqual(body, image)
        self.assertIn(f"Content-Length: {len(image)}", head)
        self.assertIn(f"x-MD5: {hashlib.md5(image).hexdigest()}", head)
        self.assertFalse([line for line in head if line.lower().startswith("transfer-encoding")])
        device = self.list("devices")[0]
        self.assertEqual((device["id"], device["state"], device["target"]), (mac(1), "downloading", "1.1.0"))
        head, body = ask("1.1.0")
        self.assertRegex(head[0], r"^HTTP/1\.\d 304 ")
        self.assertEqual(body, b"")
        device = self.list("devices")[0]
        self.assertEqual((device["state"], device["attempt"]["state"]), ("confirmed", "confirmed"))
        self.assertEqual(self.get("/d/esp-update/demo")[0], 403)
        self.assertEqual(self.get("/d/esp-update/none", {"x-ESP32-STA-MAC": mac(1)})[0], 404)

    def test_names_of_devices_are_data_everywhere(self):
        name = "<img src=x onerror=alert(1)>'; DROP TABLE devices; -- \u00e4"
        self.assertEqual(self.report(1, "1.0.0", "confirmed", name=name)[0], 200)
        self.assertEqual(self.list("devices")[0]["name"], name)
        self.assertEqual(self.report(2, "1.0.0", "confirmed", name="a\x07")[0], 400)
        status, headers, page = self.get("/")
        self.assertEqual(status, 200)
        self.assertNotRegex(page, rb"<script(?! type=\"module\")|<style|\son\w+=")
        self.assertIn("script-src 'self'; style-src 'self';", headers["Content-Security-Policy"])
        self.assertNotIn("unsafe", headers["Content-Security-Policy"])

    def test_the_overview_answers_304_until_something_changes(self):
        headers = {"Authorization": "Bearer " + self.server.token}
        status, answer, body = self.get("/api/v1/overview", headers)
        self.assertEqual(status, 200)
        self.assertEqual(answer["ETag"], f'"{json.loads(body)["generation"]}"')
        headers["If-None-Match"] = answer["ETag"]
        self.assertEqual(self.get("/api/v1/overview", headers)[0], 304)
        self.report(1, "1.0.0", "confirmed")
        status, answer, body = self.get("/api/v1/overview", headers)
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(body)["devices"][0]["id"], mac(1))

    def test_attempts_are_listed_newest_first_and_limited(self):
        for version in ("1.1.0", "1.2.0", "1.3.0"):
            for state in ("downloading", "failed"):
                self.report(1, "1.0.0", state, target=version)
        self.report(2, "1.0.0", "downloading", target="1.1.0")
        status, answer = self.server.api("GET", "/api/v1/attempts?limit=2&device=" + mac(1).lower())
        self.assertEqual([a["to"] for a in answer["attempts"]], ["1.3.0", "1.2.0"])
        self.assertEqual(len(self.list("attempts")), 4)
        self.assert_refused(self.server.api("GET", "/api/v1/attempts?limit=0"), 400)
        self.assert_refused(self.server.api("GET", "/api/v1/attempts?device=x"), 404)
        status, answer = self.server.api("GET", "/api/v1/devices/" + mac(2))
        self.assertEqual(answer["device"]["state"], "downloading")

    def test_many_devices_at_once_are_all_on_record(self):
        self.publish(images.make("1.1.0"))

        def one(number):
            headers = {"x-updraft-device": mac(number), "x-updraft-version": "1.0.0"}
            status = self.get("/d/channel/demo/stable/esp32.json", headers)[0]
            return status, self.report(number, "1.0.0", "downloading", target="1.1.0")[0]

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.assertEqual(set(pool.map(one, range(300))), {(200, 200)})
        self.assertEqual({d["id"] for d in self.list("devices")}, {mac(n) for n in range(300)})
        status, answer = self.server.api("GET", "/api/v1/attempts?limit=1000")
        self.assertEqual(len({a["id"] for a in answer["attempts"]}), 300)
        self.assertEqual({a["state"] for a in answer["attempts"]}, {"downloading"})


if __name__ == "__main__":
    unittest.main()
