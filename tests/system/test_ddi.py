"""hawkBit's interface, packages and the update manifest over real sockets."""

import concurrent.futures
import hashlib
import http.client
import json
import os
import signal
import unittest
import urllib.parse

import harness
import images
from server_case import JSON, ServerCase

ROOT = "/d/ddi/gateway/controller/v1/box-1"


def package(version, size=50000):
    """The first bytes of a .swu, and others behind them: the server looks at no more."""
    return b"070702" + version.encode() + os.urandom(size)


def status_of(execution, finished="none", **more):
    result = {"finished": finished, **more.pop("result", {})}
    return {"status": {"execution": execution, "result": result, **more}}


class DdiCase(ServerCase):
    def publish_package(self, content, version, query="channel=stable"):
        return self.server.api(
            "POST", f"/api/v1/packages?product=gateway&version={version}&{query}", content)

    def ask(self, path="", body=None, method=None, root=ROOT):
        method = method or ("GET" if body is None else "POST")
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        status, _, answer = harness.http(method, self.server.url + root + path, data,
                                         JSON if data is not None else None)
        return status, json.loads(answer) if answer else None

    def links(self, root=ROOT):
        status, answer = self.ask(root=root)
        self.assertEqual(status, 200)
        return answer["_links"]

    def identify(self, version):
        self.assertEqual(self.ask("/configData", {"data": {"version": version}}, "PUT")[0], 200)

    def attempt(self):
        return self.server.api("GET", "/api/v1/devices/box-1")[1]["device"]["attempt"]

    def begin(self):
        """To the first action; gives its path."""
        self.assertEqual(list(self.links()), ["configData"])
        self.identify("1.0")
        href = self.links()["deploymentBase"]["href"]
        self.assertTrue(href.startswith(self.server.url + ROOT))
        return href[len(self.server.url + ROOT):]


class Updates(DdiCase):
    def test_an_update_goes_from_offer_to_confirmation(self):
        content = package("1.1")
        status, answer = self.publish_package(content, "1.1")
        self.assertEqual((status, answer["image"]["chip"]), (201, "swu"))
        action = self.begin()
        status, answer = self.ask(action)
        self.assertEqual(status, 200)
        chunk, = answer["deployment"]["chunks"]
        artifact, = chunk["artifacts"]
        self.assertEqual((chunk["version"], artifact["filename"], artifact["size"]),
                         ("1.1", "gateway-1.1.swu", len(content)))
        self.assertEqual(artifact["hashes"], {name: hashlib.new(name, content).hexdigest()
                                              for name in ("sha1", "md5", "sha256")})
        status, headers, body = harness.http("GET", artifact["_links"]["download-http"]["href"])
        self.assertEqual((status, body), (200, content))
        self.assertEqual(self.attempt()["state"], "downloading")
        status, _, body = harness.http("GET", artifact["_links"]["md5sum-http"]["href"])
        self.assertEqual(body.split()[0].decode(), hashlib.md5(content).hexdigest())
        feedback = action + "/feedback"
        self.assertEqual(self.ask(feedback, status_of("proceeding", result={
            "progress": {"cnt": 3, "of": 4}}))[0], 200)
        self.assertEqual(self.attempt()["progress"], 75)
        self.assertEqual(self.ask(feedback, status_of("closed", "success"))[0], 200)
        self.assertEqual(self.attempt()["state"], "written")
        self.assertEqual(list(self.links()), ["configData"])
        self.identify("1.1")
        self.assertEqual(self.attempt()["state"], "confirmed")
        self.assertEqual(list(self.links()), ["configData"])

    def test_ranges_and_etags_of_an_artifact(self):
        content = package("1.1")
        self.publish_package(content, "1.1")
        digest = hashlib.sha256(content).hexdigest()
        path = f"{ROOT}/artifacts/{digest}"
        status, headers, body = self.get(path, {"Range": "bytes=1000-1999"})
        self.assertEqual((status, body), (206, content[1000:2000]))
        self.assertEqual(headers["Content-Range"], f"bytes 1000-1999/{len(content)}")
        status, _, body = self.get(path, {"Range": "bytes=1000-", "If-Range": '"other"'})
        self.assertEqual((status, body), (200, content))
        self.assertEqual(self.get(path, {"If-None-Match": f'"{digest}"'})[0], 304)
        self.assertEqual(self.get(path, {"Range": f"bytes={len(content)}-"})[0], 416)
        status, headers, body = self.get(path, method="HEAD")
        self.assertEqual((status, int(headers["Content-Length"]), body), (200, len(content), b""))

    def test_what_is_acknowledged_is_there_after_a_kill(self):
        self.publish_package(package("1.1"), "1.1")
        action = self.begin()
        self.assertEqual(self.ask(action + "/feedback", status_of(
            "closed", "failure", details=["no <b>room</b>", "\u00e4"]))[0], 200)
        self.server.process.send_signal(signal.SIGKILL)
        self.server.wait_exit()
        self.server = self.start_server()
        attempt = self.attempt()
        self.assertEqual((attempt["state"], attempt["via"]), ("failed", "ddi"))
        self.assertEqual(attempt["error"]["name"], "installer_failed")
        self.assertEqual(attempt["error"]["text"], "no <b>room</b>; \u00e4")
        self.assertTrue(self.links()["deploymentBase"]["href"].endswith("/2"))

    def test_a_moved_channel_calls_a_running_update_off(self):
        self.publish_package(package("1.1"), "1.1")
        action = self.begin()
        self.ask(action + "/feedback", status_of("proceeding"))
        self.publish_package(package("1.2"), "1.2")
        href = self.links()["cancelAction"]["href"][len(self.server.url + ROOT):]
        self.assertEqual(self.ask(href)[1]["cancelAction"]["stopId"], "1")
        self.assertEqual(self.ask(href + "/feedback", status_of("closed", "success"))[0], 200)
        self.assertEqual(self.attempt()["error"]["name"], "aborted")
        self.assertEqual(self.ask(self.links()["deploymentBase"]["href"][len(
            self.server.url + ROOT):])[1]["deployment"]["chunks"][0]["version"], "1.2")

    def test_many_devices_at_once_get_an_action_each(self):
        self.publish_package(package("1.1"), "1.1")
        roots = [f"/d/ddi/gateway/controller/v1/box-{i}" for i in range(40)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(self.links, roots))
            actions = [links["deploymentBase"]["href"].rsplit("/", 1)[1]
                       for links in pool.map(self.links, roots)]
        self.assertEqual(sorted(map(int, actions)), list(range(1, 41)))


class Refusals(DdiCase):
    def test_hostile_addresses_and_bodies_leave_no_trace(self):
        self.publish_package(package("1.1"), "1.1")
        for tenant in ("other", "..", "gateway@", "gateway@a@b", "'%20OR%201=1", "%3Cscript%3E"):
            self.assert_refused(self.ask(root=f"/d/ddi/{tenant}/controller/v1/x"), 404,
                                "no_such_tenant")
        self.assert_refused(self.ask(root="/d/ddi/..%2f/controller/v1/x"), 404, "not_found")
        for device in ("a" * 41, "%3Cscript%3E", "..", "a%20b", "a%27b", "%C3%A4"):
            self.assert_refused(self.ask(root="/d/ddi/gateway/controller/v1/" + device), 400)
        self.assertEqual(self.list("devices"), [])
        action = self.begin()
        for body in (b"{", b"[]", b"x" * 60000, b"[" * 60000, b'{"status":' * 4000, b"\0" * 10,
                     b'{"status":{"execution":"closed","result":{"finished":"maybe"}}}'):
            self.assert_refused(self.ask(action + "/feedback", body), 400, "bad_message")
        self.assert_refused(self.ask(action + "/feedback", b"{" * 70000), 413)
        self.assert_refused(self.ask("/configData", b"{" * 17000, "PUT"), 413)
        self.assert_refused(self.ask("/configData", b'{"data":{"a":1}}', "PUT"), 400)
        for other in ("0", "2", "x", "-1", "1%00", "1e0", "9" * 40):
            self.assertIn(self.ask("/deploymentBase/" + other)[0], (400, 404))
        self.assert_refused(self.ask("/artifacts/" + "0" * 64), 404)
        self.assert_refused(self.ask("/artifacts/..%2f..%2ftoken"), 404)
        self.assert_refused(self.ask(action, b"{}", "PUT"), 405)
        self.assertEqual(self.attempt()["state"], "offered")
        self.assertEqual(len(self.list("devices")), 1)

    def test_only_packages_are_taken_as_such(self):
        for content in (images.make("1.0.0"), b"07070", b"070703" * 100, b"x" * 100000):
            status, answer = self.publish_package(content, "1.0")
            self.assertEqual(status, 422, answer)
        self.assert_refused(self.publish_package(b"", "1.0"), 422)
        self.assert_refused(self.publish_package(package("1"), "", "channel=stable"), 422)
        self.assert_refused(self.publish(package("1")), 422)
        self.assert_nothing_published()
        status, answer = self.publish_package(b"hsqs" + bytes(1000), "1.0")
        self.assertEqual((status, answer["image"]["chip"]), (201, "raucb"))

    def test_a_package_that_comes_byte_by_byte_is_one(self):
        address = urllib.parse.urlparse(self.server.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        content = package("1.1", 20)
        connection.request("POST", "/api/v1/packages?product=gateway&version=1.1&channel=stable",
                           (bytes([byte]) for byte in content), encode_chunked=True, headers={
                               "Authorization": "Bearer " + self.server.token,
                               "Transfer-Encoding": "chunked"})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 201)
        self.assertEqual(json.loads(answer.read())["image"]["sha256"],
                         hashlib.sha256(content).hexdigest())
        connection.close()

    def test_a_package_needs_a_token_and_may_be_larger_than_an_image(self):
        path = "/api/v1/packages?product=gateway&version=1.1&channel=stable"
        self.assertEqual(harness.http("POST", self.server.url + path, package("1.1"))[0], 401)
        self.assertEqual(self.publish_package(package("1.1", 40 << 20), "1.1")[0], 201)

    def test_a_package_never_reaches_a_chip(self):
        self.publish_package(package("1.1"), "1.1")
        headers = {"x-ESP32-STA-MAC": "24:6F:28:00:00:01", "x-ESP32-version": "1.0",
                   "x-ESP32-mode": "sketch"}
        self.assertEqual(self.get("/d/esp-update/gateway", headers)[0], 404)
        self.assertEqual(json.loads(self.get("/d/manifest/gateway/stable/manifest.json")[2])
                         ["builds"], [])


class Tool(DdiCase):
    def test_updraft_publishes_a_package(self):
        path = self.write("gateway.swu", package("2.1"))
        login = ("--server", self.server.url, "--token", self.server.token)
        result = self.cli("publish", path, "--channel", "stable", *login, status=None)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("--product", result.stderr)
        result = self.cli("publish", path, "--channel", "stable", "--product", "gateway",
                          "--version", "2.1", *login)
        self.assertIn("gateway 2.1 for swu is published", result.stdout)
        self.links()
        self.assertIn("box-1", self.cli("devices", *login).stdout)


class Manifest(DdiCase):
    def test_the_manifest_leads_to_bytes_with_the_md5_it_names(self):
        built = {chip: images.make("1.1.0", chip) for chip in ("esp32", "esp32c3")}
        for image in built.values():
            self.publish(image, "channel=stable&notes=Better")
        status, headers, body = self.get("/d/manifest/demo/stable/manifest.json")
        self.assertEqual((status, headers["Access-Control-Allow-Origin"]), (200, "*"))
        manifest = json.loads(body)
        self.assertEqual((manifest["name"], manifest["version"]), ("demo", "1.1.0"))
        self.assertEqual([build["chipFamily"] for build in manifest["builds"]],
                         ["ESP32", "ESP32-C3"])
        for build, image in zip(manifest["builds"], built.values()):
            self.assertEqual(harness.http("GET", build["ota"]["path"])[2], image)
            self.assertEqual(build["ota"]["md5"], hashlib.md5(image).hexdigest())
            self.assertEqual(build["ota"]["summary"], "Better")
        self.assertEqual(self.get("/d/manifest/demo/stable/esp32c3.bin")[2], built["esp32c3"])
        self.assertEqual(self.get("/d/manifest/demo/stable/esp32c3.md5")[2].decode(),
                         hashlib.md5(built["esp32c3"]).hexdigest())
        for path in ("demo/none/manifest.json", "none/stable/manifest.json",
                     "demo/stable/esp8266.bin", "demo/stable/..%2f", "demo/stable/.md5"):
            self.assertEqual(self.get("/d/manifest/" + path)[0], 404)


if __name__ == "__main__":
    unittest.main()
