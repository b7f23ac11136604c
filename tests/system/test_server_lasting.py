"""updraftd through restarts, kills, damaged files and full disks, and how it starts and refuses to."""

import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import os
import random
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import unittest
import urllib.parse

import harness
import images
from server_case import JSON, ServerCase, mac


class Lasting(ServerCase):
    def everything(self):
        status, overview = self.server.api("GET", "/api/v1/overview")
        self.assertEqual(status, 200)
        return {key: overview[key] for key in ("devices", "releases", "channels", "attempts")}

    def fill(self):
        for version in ("1.0.0", "1.1.0"):
            for chip in ("esp32s3", "esp32"):
                self.assertEqual(self.publish(images.make(version, chip))[0], 201)
        for number in range(10):
            self.report(number, "1.0.0", "confirmed", name=f"device {number}", chip="esp32",
                        slot="ota_0")
            headers = {"x-updraft-device": mac(number), "x-updraft-version": "1.0.0"}
            self.get("/d/channel/demo/stable/esp32.json", headers)
        self.report(1, "1.0.0", "downloading", target="1.1.0", progress=40)
        self.report(1, "1.0.0", "downloading", target="1.1.0", progress=57)
        self.report(2, "1.1.0", "trial", slot="ota_1")
        self.report(2, "1.1.0", "confirmed", slot="ota_1")
        self.report(3, "1.0.0", "failed", target="1.1.0",
                    error={"code": 69, "name": "disconnected", "text": "it broke off"})

    def test_a_restart_keeps_everything_and_the_token(self):
        self.fill()
        before, token = self.everything(), self.server.token
        self.assertEqual(self.server.stop(), 0)
        self.server = self.start_server()
        self.assertEqual(self.server.token, token)
        self.assertEqual(self.everything(), before)
        self.assertEqual(before["devices"][1]["progress"], 57)
        image = before["releases"][0]["images"][0]
        self.assertEqual(hashlib.sha256(self.get("/d/image/" + image["sha256"])[2]).hexdigest(),
                         image["sha256"])

    def test_the_token_is_for_its_owner_only_and_not_in_the_database(self):
        path = self.path("data", "token")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertRegex(self.server.output(), "#token=" + self.server.token)
        for name in os.listdir(self.path("data")):
            if name.startswith("updraft.sqlite"):
                with open(self.path("data", name), "rb") as file:
                    self.assertNotIn(self.server.token.encode(), file.read())
        old = self.server.token
        self.server.stop()
        os.remove(path)
        self.server = self.start_server()
        self.assertNotEqual(self.server.token, old)
        self.assertEqual(self.server.api("GET", "/api/v1/products")[0], 200)
        self.server.token = old
        self.assertEqual(self.server.api("GET", "/api/v1/products")[0], 401)

    def test_kill_9_right_after_an_acknowledged_change_loses_nothing(self):
        for round_number in range(5):
            version = f"1.0.{round_number}"
            image = images.make(version, size=30000)
            self.assertEqual(self.publish(image)[0], 201)
            self.report(round_number, version, "confirmed")
            self.server.process.send_signal(signal.SIGKILL)
            self.server.process.wait()
            self.server = self.start_server()
            self.assertEqual(len(self.list("releases")), round_number + 1)
            self.assertEqual(len(self.list("devices")), round_number + 1)
            self.assertEqual(self.list("channels")[0]["version"], version)
            digest = hashlib.sha256(image).hexdigest()
            self.assertEqual(self.get("/d/image/" + digest)[2], image)

    def test_kill_9_at_any_moment_keeps_what_was_acknowledged(self):
        noise = random.Random(10)
        acknowledged = set()
        number = 0
        for _ in range(4):
            killer_s = noise.uniform(0.02, 0.2)
            deadline = time.monotonic() + killer_s
            process = self.server.process
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                def send(one):
                    try:
                        if self.report(one, "1.0.0", "confirmed")[0] == 200:
                            return one
                    except OSError:
                        pass
                    return None

                sent = [pool.submit(send, number + i) for i in range(200)]
                time.sleep(max(0, deadline - time.monotonic()))
                process.send_signal(signal.SIGKILL)
                process.wait()
                acknowledged |= {job.result() for job in sent} - {None}
            number += 200
            self.server = self.start_server()
            known = {device["id"] for device in self.list("devices")}
            self.assertLessEqual({mac(one) for one in acknowledged}, known)
        self.assertTrue(acknowledged)

    def test_a30_an_edited_artifact_is_not_served_and_can_be_mended(self):
        image = images.make("1.0.0")
        digest = self.publish(image)[1]["image"]["sha256"]
        with open(self.path("data", "artifacts", digest[:2], digest[2:]), "r+b") as file:
            file.seek(1000)
            file.write(b"EVIL")
        for _ in range(2):
            status, _, body = self.get("/d/image/" + digest)
            self.assertEqual(status, 500)
            self.assertEqual(json.loads(body)["error"]["code"], "artifact_damaged")
        self.server.wait_line("ALARM.*" + digest)
        self.assertEqual(self.publish(image)[0], 200)
        self.assertEqual(self.get("/d/image/" + digest)[2], image)
        os.remove(self.path("data", "artifacts", digest[:2], digest[2:]))
        self.assertEqual(self.get("/d/image/" + digest)[0], 500)
        self.assertEqual(self.publish(image, "")[0], 200)
        self.assertEqual(self.get("/d/image/" + digest)[2], image)

    def test_a_file_whose_release_was_never_committed_is_gone_after_a_restart(self):
        digest = self.publish(images.make("1.0.0"))[1]["image"]["sha256"]
        self.assertEqual(self.server.stop(), 0)
        orphan = self.path("data", "artifacts", digest[:2], "0" * 62)
        shutil.copy(self.path("data", "artifacts", digest[:2], digest[2:]), orphan)
        self.server = self.start_server()
        self.assertFalse(os.path.exists(orphan))
        self.assertEqual(self.get("/d/image/" + digest)[0], 200)
        self.assertEqual(self.server.stop(), 0)
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(self.path("data", "updraft.sqlite" + suffix))
        self.server = self.start_server()
        self.assertEqual(len(self.artifacts()), 1)  # a lost database does not take the files along

    def test_an_edited_database_is_refused_and_not_run_into(self):
        self.fill()
        self.assertEqual(self.server.stop(), 0)
        with contextlib.closing(sqlite3.connect(self.path("data", "updraft.sqlite"))) as database:
            database.execute("DELETE FROM releases")
            database.commit()
        result = subprocess.run([harness.program("updraftd"), "--data", self.path("data"),
                                 "--listen", "127.0.0.1:0"], capture_output=True, text=True,
                                timeout=20, check=False)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("backup", result.stderr)

    def test_sigterm_ends_it_cleanly_with_connections_open(self):
        address = urllib.parse.urlparse(self.server.url)
        with socket.create_connection((address.hostname, address.port)) as idle:
            idle.sendall(b"GET /heal")
            started = time.monotonic()
            self.assertEqual(self.server.stop(), 0)
            self.assertLess(time.monotonic() - started, 5)


class FewFiles(ServerCase):
    def test_a_file_that_cannot_be_opened_is_503_and_no_alarm(self):
        image = images.make("1.0.0")
        digest = self.publish(image)[1]["image"]["sha256"]
        address = urllib.parse.urlparse(self.server.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
        self.addCleanup(connection.close)

        def ask():
            connection.request("GET", "/d/image/" + digest)
            answer = connection.getresponse()
            return answer.status, answer.headers["Retry-After"], answer.read()

        self.assertEqual(ask(), (200, None, image))
        pid = self.server.process.pid
        usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)

        def settled():  # what was published came by a connection that may be open still
            before = os.listdir(f"/proc/{pid}/fd")
            time.sleep(0.2)
            return before if before == os.listdir(f"/proc/{pid}/fd") else None

        taken = {int(name) for name in harness.wait_until("no more files are closed", settled)}
        free = min(set(range(len(taken) + 1)) - taken)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, usual[1]))
        status, retry_after, body = ask()
        self.assertEqual((status, retry_after), (503, "10"))
        self.assertEqual(json.loads(body)["error"]["code"], "read_failed")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
        self.assertEqual(ask(), (200, None, image))
        self.assertNotIn("ALARM", self.server.output())

    def test_more_clients_than_files_are_served_in_turn(self):
        self.assertEqual(self.server.stop(), 0)
        self.server = harness.Server(self.path("data"),
                                     prefix=("sh", "-c", 'ulimit -n 64 && exec "$@"', "sh"))
        self.addCleanup(self.end_server, self.server)
        image = images.make("1.0.0", size=900000)
        digest = self.publish(image)[1]["image"]["sha256"]
        address = urllib.parse.urlparse(self.server.url)
        request = f"GET /d/image/{digest} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(socket.create_connection((address.hostname, address.port),
                                                                    timeout=20))
                       for _ in range(80)]
            for client in clients:
                client.sendall(request)
            for client in clients:
                with client.makefile("rb") as answer:
                    self.assertEqual(answer.readline(), b"HTTP/1.1 200 OK\r\n")
                    self.assertTrue(answer.read().endswith(image))
        self.assertNotIn("ALARM", self.server.output())


class FullDisk(ServerCase):
    """With the size of files limited, and, where a small file system can be mounted, for real."""

    def test_an_image_that_meets_the_limit_is_507_and_not_listed(self):
        pid = self.server.process.pid
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (400000, resource.RLIM_INFINITY))
        self.assert_refused(self.publish(images.make("1.0.0", size=900000)), 507, "disk_full")
        self.assert_nothing_published()
        resource.prlimit(pid, resource.RLIMIT_FSIZE,
                         (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.assertEqual(self.publish(images.make("1.0.0", size=900000))[0], 201)

    def test_a_database_that_cannot_grow_refuses_and_recovers(self):
        pid = self.server.process.pid
        wal = os.stat(self.path("data", "updraft.sqlite-wal")).st_size
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (wal, resource.RLIM_INFINITY))
        self.assert_refused(self.publish(images.make("1.0.0", size=2000)), 507, "disk_full")
        self.assert_nothing_published()
        report = json.dumps({"device": mac(1), "product": "demo", "version": "1", "state": "confirmed"})
        self.assertEqual(
            harness.http("POST", self.server.url + "/d/report", report.encode(), JSON)[0], 507)
        self.assertEqual(self.list("devices"), [])
        resource.prlimit(pid, resource.RLIMIT_FSIZE,
                         (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.assertEqual(self.publish(images.make("1.0.0", size=2000))[0], 201)

    def test_a_file_that_was_mended_stays_when_its_commit_fails(self):
        image = images.make("1.0.0", size=2000)
        digest = self.publish(image)[1]["image"]["sha256"]
        os.remove(self.path("data", "artifacts", digest[:2], digest[2:]))
        pid = self.server.process.pid
        wal = os.stat(self.path("data", "updraft.sqlite-wal")).st_size
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (wal, resource.RLIM_INFINITY))
        self.assert_refused(self.publish(image), 507, "disk_full")
        self.assertEqual(self.get("/d/image/" + digest)[2], image)
        self.assert_refused(self.publish(images.make("1.1.0", size=2000)), 507, "disk_full")
        self.assertEqual(len(self.artifacts()), 1)

    def test_a_full_file_system_is_507_and_nothing_is_half_there(self):
        self.server.stop()
        mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", self.path("data")],
            capture_output=True, check=False).returncode == 0
        if not mounted:
            self.skipTest("a small file system cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", self.path("data")], check=False)
        self.server = self.start_server()
        self.assert_refused(self.publish(images.make("1.0.0", size=4000000)), 507, "disk_full")
        self.assert_nothing_published()
        with open(self.path("data", "filler"), "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                pass
        self.assert_refused(self.publish(images.make("1.0.0", size=20000)), 507, "disk_full")
        self.assert_nothing_published()
        os.remove(self.path("data", "filler"))
        self.assertEqual(self.publish(images.make("1.0.0", size=20000))[0], 201)
        self.server.stop()
        self.server = self.start_server()
        self.assertEqual(len(self.list("releases")), 1)


class Starting(harness.Case):
    def run_server(self, *args, timeout_s=20):
        return subprocess.run([harness.program("updraftd"), *args], capture_output=True, text=True,
                              timeout=timeout_s, check=False)

    def test_help_teaches_and_wrong_usage_is_2(self):
        result = self.run_server("--help")
        self.assertEqual(result.returncode, 0)
        for word in ("--data", "--listen", "--base-url", "token", "/d/channel/", "Exit codes"):
            self.assertIn(word, result.stdout)
        self.assertRegex(self.run_server("--version").stdout, r"^updraftd \d+\.\d+\.\d+$")
        for args in ((), ("--nothing",), ("--data",), ("--data", self.path("d"), "extra"),
                     ("--data", self.path("d"), "--base-url", "ftp://x")):
            result = self.run_server(*args)
            self.assertEqual(result.returncode, 2, args)
            self.assertIn("--help", result.stderr)

    def test_a_start_that_cannot_be_says_why_and_what_to_do(self):
        first = self.start(harness.Server(self.path("data")))
        port = first.url.rsplit(":", 1)[1]
        self.write("file", "x")
        os.mkdir(self.path("odd"))
        self.write("odd/token", "no token")
        os.mkdir(self.path("broken"))
        self.write("broken/updraft.sqlite", "no database, but long enough to be looked at " * 20)
        for args, what in (
                (("--data", self.path("data"), "--listen", "127.0.0.1:0"), "another updraftd"),
                (("--data", self.path("b"), "--listen", "127.0.0.1:" + port), "in use"),
                (("--data", self.path("b"), "--listen", "nowhere"), "address and a port"),
                (("--data", self.path("b"), "--listen", "203.0.113.1:0"), "cannot listen"),
                (("--data", self.path("file"), "--listen", "127.0.0.1:0"), "Not a directory"),
                (("--data", self.path("no/such"), "--listen", "127.0.0.1:0"), "cannot create"),
                (("--data", self.path("odd"), "--listen", "127.0.0.1:0"), "64 hex digits"),
                (("--data", self.path("broken"), "--listen", "127.0.0.1:0"), "updraft.sqlite")):
            result = self.run_server(*args)
            self.assertEqual(result.returncode, 1, args)
            self.assertIn(what, result.stderr)
            self.assertGreaterEqual(len(result.stderr.strip().splitlines()), 2, result.stderr)
        self.assertEqual(harness.http("GET", first.url + "/healthz")[0], 200)

    def test_base_url_goes_into_descriptors(self):
        server = self.start(harness.Server(self.path("data"),
                                           extra=("--base-url", "https://ota.example.org/x/")))
        server.api("POST", "/api/v1/releases?channel=stable", images.make("1.0.0"))
        body = harness.http("GET", server.url + "/d/channel/demo/stable/esp32.json")[2]
        self.assertTrue(json.loads(body)["path"].startswith("https://ota.example.org/x/d/image/"))

    def test_it_listens_on_ipv6_too(self):
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            self.skipTest("no IPv6 here")
        server = self.start(harness.Server(self.path("data"), listen="[::1]:0"))
        self.assertTrue(server.url.startswith("http://[::1]:"))
        self.assertEqual(harness.http("GET", server.url + "/healthz")[0], 200)


if __name__ == "__main__":
    unittest.main()
