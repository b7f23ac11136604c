"""updraftd on PostgreSQL: two servers that serve one fleet, and a database that goes away and comes back."""

import concurrent.futures
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

import harness
import images
from server_case import JSON, ServerCase, mac
from test_server_events import Follower
from test_webhooks import Receiver

sys.path.insert(0, os.path.join(harness.ROOT, "tests", "rig"))
import postgres  # noqa: E402


def setUpModule():
    global DATABASE  # pylint: disable=global-statement
    try:
        DATABASE = postgres.Postgres()
    except postgres.Missing as missing:
        raise unittest.SkipTest(str(missing)) from None
    unittest.addModuleCleanup(DATABASE.close)


class PostgresCase(ServerCase):
    """self.server and self.other share a fleet; each test has a schema of its own."""

    def setUp(self):
        schema = "t" + hashlib.sha256(self.id().encode()).hexdigest()[:16]
        DATABASE.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
        self.url = DATABASE.url + f"&options=-csearch_path%3D{schema}"
        super().setUp()
        self.other = self.start_other("other")

    def start_server(self, *options):
        return super().start_server("--database", self.url, "--artifacts", self.path("shared"), *options)

    def start_other(self, name):
        server = harness.Server(self.path(name), extra=("--database", self.url, "--artifacts",
                                                        self.path("shared")))
        self.addCleanup(self.end_server, server)
        server.token = server.token or self.server.token
        return server

    def until(self, question, what):
        deadline = time.monotonic() + 20
        while not question():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.02)

    def books(self, server):
        status, overview = server.api("GET", "/api/v1/overview")
        self.assertEqual(status, 200)
        devices = sorted(overview["devices"], key=lambda device: device["id"])
        return {"devices": devices, **{key: overview[key] for key in ("releases", "channels", "attempts")}}

    def assert_one_fleet(self, *servers):
        """Last-seen times are written behind: a second later they are everywhere."""
        self.until(lambda: len({json.dumps(self.books(server), sort_keys=True) for server in servers}) == 1,
                   [self.books(server) for server in servers])

    def tell(self, server, number, version, state, **more):
        body = {"device": mac(number), "product": "demo", "version": version, "state": state, **more}
        return harness.http("POST", server.url + "/d/report", json.dumps(body).encode(), JSON)

    def ask(self, server, number, version):
        headers = {"x-updraft-device": mac(number), "x-updraft-version": version}
        return harness.http("GET", server.url + "/d/channel/demo/stable/esp32.json", None, headers)


class TwoServers(PostgresCase):
    def test_an_update_begun_at_one_server_ends_at_the_other(self):
        first, image = images.make("1.0.0"), images.make("1.1.0")
        self.assertEqual(self.publish(first)[0], 201)
        self.assertEqual(self.tell(self.server, 1, "1.0.0", "confirmed", chip="esp32")[0], 200)
        self.assertEqual(self.publish(image)[0], 201)
        self.until(lambda: len(self.other.api("GET", "/api/v1/releases")[1]["releases"]) == 2, "release")
        status, _, body = self.ask(self.other, 1, "1.0.0")
        self.assertEqual((status, json.loads(body)["version"]), (200, "1.1.0"))
        digest = hashlib.sha256(image).hexdigest()
        self.assertEqual(harness.http("GET", self.other.url + "/d/image/" + digest)[2], image)
        self.assertEqual(self.tell(self.server, 1, "1.0.0", "written", target="1.1.0")[0], 200)
        self.assertEqual(self.tell(self.other, 1, "1.1.0", "trial")[0], 200)
        self.assertEqual(self.tell(self.server, 1, "1.1.0", "confirmed")[0], 200)
        self.assert_one_fleet(self.server, self.other)
        attempts = self.books(self.other)["attempts"]
        self.assertEqual([(one["to"], one["state"]) for one in attempts], [("1.1.0", "confirmed")])

    def test_a_release_is_seen_by_the_other_server_at_once(self):
        took = []
        for number in range(10):
            version = f"1.0.{number}"
            self.assertEqual(self.publish(images.make(version, size=2000))[0], 201)
            started = time.monotonic()
            self.until(lambda wanted=version: any(
                one["version"] == wanted for one in self.other.api("GET", "/api/v1/channels")[1]["channels"]),
                version)
            took.append(time.monotonic() - started)
        self.assertLess(sorted(took)[5], 0.5, took)  # not when its own second is over

    def test_tokens_count_at_both_and_end_at_both(self):
        status, answer = self.server.api("POST", "/api/v1/tokens", json.dumps(
            {"name": "ci", "role": "view"}).encode(), JSON)
        self.assertEqual(status, 201)
        header = {"Authorization": "Bearer " + answer["secret"]}

        def status_at(server):
            return harness.http("GET", server.url + "/api/v1/products", None, header)[0]

        self.until(lambda: status_at(self.other) == 200, "token")
        self.assertIn(self.other.api("DELETE", "/api/v1/tokens/ci")[0], (200, 204))
        self.until(lambda: status_at(self.server) == 401, "token's end")

    def test_both_tell_what_happens_at_either_and_a_webhook_is_told_once(self):
        receiver = Receiver()
        self.addCleanup(receiver.stop)
        hook = {"name": "ops", "url": receiver.url, "events": ["attempt.failed"]}
        self.assertEqual(self.server.api("POST", "/api/v1/webhooks", json.dumps(hook).encode(), JSON)[0], 201)
        self.until(lambda: self.other.api("GET", "/api/v1/webhooks")[1]["webhooks"], "webhook")
        followers = [Follower(self.server), Follower(self.other, self.server.token)]
        for follower in followers:
            self.addCleanup(follower.close)
            self.assertEqual(follower.next()[0], "ready")
        for number, server in ((1, self.server), (2, self.other)):
            self.tell(server, number, "1.0.0", "failed", target="1.1.0", error={"code": 69, "text": "x"})
        for follower in followers:
            seen = set()
            while seen < {mac(1), mac(2)}:
                event, data, _ = follower.next()
                if event == "change" and data["kind"] == "attempt":
                    seen.add(data["device"])
        self.until(lambda: len(receiver.got) >= 2, "messages")
        self.assertEqual(self.server.api("POST", "/api/v1/webhooks/ops/test")[0], 202)
        self.until(lambda: "test" in receiver.events(), "test")
        self.assertEqual(sorted(receiver.events()), ["attempt.failed", "attempt.failed", "test"])
        self.assertEqual({body["change"]["device"] for body in receiver.bodies() if "change" in body},
                         {mac(1), mac(2)})

    def test_both_write_under_load_and_one_is_killed(self):
        self.assertEqual(self.publish(images.make("1.1.0"))[0], 201)
        acknowledged = {}
        lock = threading.Lock()

        def send(server, number, version):
            try:
                if self.tell(server, number, version, "confirmed")[0] == 200:
                    with lock:
                        acknowledged[mac(number)] = version
            except OSError:
                pass

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            jobs = []
            for number in range(400):  # each device at both, one after the other
                jobs.append(pool.submit(send, (self.server, self.other)[number % 2], number, "1.0.0"))
            concurrent.futures.wait(jobs)
            self.assertEqual(len(acknowledged), 400)
            jobs = [pool.submit(send, (self.server, self.other)[number % 2], number + 400, "1.0.0")
                    for number in range(400)]
            time.sleep(0.15)
            self.other.process.send_signal(signal.SIGKILL)
            self.other.process.wait()
            concurrent.futures.wait(jobs)
        started = time.monotonic()
        self.assertEqual(self.tell(self.server, 1000, "1.0.0", "confirmed")[0], 200)
        self.assertLess(time.monotonic() - started, 5)  # the dead one's lock is gone
        again = self.start_other("other")
        self.assert_one_fleet(self.server, again)
        status, page = again.api("GET", "/api/v1/devices?limit=1000")
        self.assertEqual(status, 200)
        known = {device["id"]: device["version"] for device in page["devices"]}
        for device, version in acknowledged.items():
            self.assertEqual(known.get(device), version)
        self.assertEqual(len(known), len({device["id"] for device in page["devices"]}))

    def test_one_offer_for_one_device_however_many_ask(self):
        self.assertEqual(self.publish(images.make("1.1.0"))[0], 201)
        self.until(lambda: self.other.api("GET", "/api/v1/channels")[1]["channels"], "channel")
        for number in range(10):
            self.assertEqual(self.tell(self.server, number, "1.0.0", "confirmed", chip="esp32")[0], 200)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: self.ask((self.server, self.other)[i % 2], i // 8 % 10, "1.0.0"), range(160)))
        self.assert_one_fleet(self.server, self.other)
        attempts = self.books(self.server)["attempts"]
        self.assertEqual(sorted(one["device"] for one in attempts), [mac(number) for number in range(10)])
        self.assertEqual(len({one["id"] for one in attempts}), 10)

    def test_a_server_without_the_file_says_so(self):
        lone = harness.Server(self.path("lone"), extra=("--database", self.url))
        self.addCleanup(self.end_server, lone)
        image = images.make("1.0.0")
        self.assertEqual(self.publish(image)[0], 201)
        digest = hashlib.sha256(image).hexdigest()
        self.until(lambda: harness.http("GET", lone.url + "/d/image/" + digest)[0] != 404, "release")
        status, _, body = harness.http("GET", lone.url + "/d/image/" + digest)
        self.assertEqual((status, json.loads(body)["error"]["code"]), (500, "artifact_damaged"))
        lone.wait_line("ALARM.*" + digest)


class Verify(PostgresCase):
    def verify(self, status, url=None):
        result = subprocess.run(
            [harness.program("updraftd"), "verify", "--data", self.path("data"), "--database", url or self.url,
             "--artifacts", self.path("shared"), "--json"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return json.loads(result.stdout)

    def test_verify_reads_the_database_and_every_image(self):
        self.assertEqual(self.publish(images.make("1.0.0"))[0], 201)
        self.assertEqual(self.tell(self.other, 1, "1.0.0", "confirmed")[0], 200)
        found = self.verify(0)
        self.assertEqual((found["ok"], found["images"], found["devices"]), (True, 1, 1))
        schema = self.url.rsplit("%3D", 1)[1]
        DATABASE.sql(f"UPDATE {schema}.devices SET chip=70000")
        self.assertIn("never wrote", self.verify(1)["error"]["message"])
        DATABASE.sql(f"UPDATE {schema}.devices SET chip=0")
        for folder, _, names in os.walk(self.path("shared")):
            for name in names:
                os.remove(os.path.join(folder, name))
        self.assertEqual([one["problem"] for one in self.verify(3)["problems"]], ["missing"])

    def test_a_dump_put_into_another_database_is_the_same_fleet(self):
        image = images.make("1.0.0")
        self.assertEqual(self.publish(image)[0], 201)
        for number in range(5):
            self.assertEqual(self.tell(self.other, number, "1.0.0", "confirmed", chip="esp32")[0], 200)
        self.assert_one_fleet(self.server, self.other)
        before = self.books(self.server)
        schema = self.url.rsplit("%3D", 1)[1]
        dump = os.path.join(DATABASE.folder, "fleet.dump")
        DATABASE.run("pg_dump", "-Fc", "-n", schema, "-d", DATABASE.url, "-f", dump)  # while they run
        self.assertEqual((self.server.stop(), self.other.stop()), (0, 0))
        DATABASE.sql("DROP DATABASE IF EXISTS again")
        DATABASE.sql("CREATE DATABASE again")
        self.url = self.url.replace("/fleet?", "/again?")
        DATABASE.run("pg_restore", "-d", DATABASE.url.replace("/fleet?", "/again?"), dump)
        self.assertEqual(self.verify(0)["devices"], 5)
        self.server, self.other = self.start_server(), self.start_other("other")
        self.assertEqual(self.tell(self.other, 6, "1.0.0", "confirmed")[0], 200)
        self.assertEqual(self.publish(images.make("1.1.0"))[0], 201)
        self.assert_one_fleet(self.server, self.other)
        after = self.books(self.server)
        self.assertEqual(after["devices"][:5], before["devices"])
        self.assertEqual(len(after["releases"]), 2)

    def test_verify_does_not_bring_a_database_up_to_date(self):
        schema = self.url.rsplit("%3D", 1)[1]
        self.assertEqual((self.server.stop(), self.other.stop()), (0, 0))
        DATABASE.sql(f"DELETE FROM {schema}.schema_migrations WHERE version > 5")
        self.assertIn("schema 5", self.verify(1)["error"]["message"])
        self.assertEqual(DATABASE.sql(f"SELECT max(version) FROM {schema}.schema_migrations"), "5")


class DatabaseAway(PostgresCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(lambda: DATABASE.process or DATABASE.start())

    def refused(self, server, number):
        status, _, body = self.tell(server, number, "1.0.0", "confirmed")
        if status == 200:
            return False
        error = json.loads(body)["error"]
        self.assertEqual(status, 503, error)
        self.assertIn(error["code"], ("database_away", "database_lost"))
        self.assertTrue(error["remedy"])
        return True

    def test_while_it_is_away_changes_are_refused_and_questions_answered(self):
        image = images.make("1.0.0")
        self.assertEqual(self.publish(image)[0], 201)
        self.assertEqual(self.tell(self.server, 1, "1.0.0", "confirmed", chip="esp32")[0], 200)
        self.assertEqual(self.ask(self.server, 1, "1.0.0")[0], 200)
        before = self.books(self.server)
        DATABASE.stop()
        self.until(lambda: self.refused(self.server, 2), "refused")
        self.assert_refused(self.publish(images.make("1.1.0")), 503, "database_away")
        self.assertEqual(self.ask(self.server, 1, "1.0.0")[0], 200)
        digest = hashlib.sha256(image).hexdigest()
        self.assertEqual(harness.http("GET", self.server.url + "/d/image/" + digest)[2], image)
        after = self.books(self.server)
        self.assertEqual(after["releases"], before["releases"])
        self.assertEqual(len(after["devices"]), 1)  # nothing is shown that is not kept
        self.assertEqual(len([line for line in self.server.output().splitlines()
                              if "cannot reach" in line]), 1, self.server.output())
        DATABASE.start()
        self.until(lambda: not self.refused(self.server, 2), "back")
        self.until(lambda: not self.refused(self.other, 3), "back")
        self.server.wait_line("answers again")
        self.assert_one_fleet(self.server, self.other)
        self.assertEqual(len(self.books(self.other)["devices"]), 3)

    def test_what_was_acknowledged_outlives_a_crash_of_the_database_under_load(self):
        acknowledged, unsure, done = set(), set(), threading.Event()

        def send(start):
            for number in range(start, 100000, 4):
                if done.is_set():
                    return
                try:
                    status = self.tell((self.server, self.other)[number % 2], number % 60000, "1.0.0",
                                       "confirmed")[0]
                except OSError:
                    status = 0
                (acknowledged if status == 200 else unsure).add(mac(number % 60000))

        threads = [threading.Thread(target=send, args=(start,)) for start in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            time.sleep(0.4)
            DATABASE.kill()
            time.sleep(0.2)
            DATABASE.start()
        time.sleep(1.2)
        done.set()
        for thread in threads:
            thread.join()
        self.assertGreater(len(acknowledged), 50)
        self.assert_one_fleet(self.server, self.other)
        fresh = self.start_other("fresh")
        known, query = set(), "?limit=1000"
        while query:
            status, page = fresh.api("GET", "/api/v1/devices" + query)
            self.assertEqual(status, 200)
            known |= {device["id"] for device in page["devices"]}
            query = f"?limit=1000&after={page['next']}" if page.get("next") else None
        self.assertLessEqual(acknowledged, known)
        self.assertLessEqual(known, acknowledged | unsure)

    def test_a_start_without_it_says_what_to_do(self):
        for url, what in ((self.url.replace("/fleet?", "/nothing?"), "does not exist"),
                          ("postgresql://nobody@/x?host=/nowhere", "nowhere"), ("mysql://x", "postgresql://")):
            result = subprocess.run([harness.program("updraftd"), "--data", self.path("third"), "--listen",
                                     "127.0.0.1:0", "--database", url], capture_output=True, text=True,
                                    timeout=30, check=False)
            self.assertIn(result.returncode, (1, 2))
            self.assertIn(what, result.stderr)
            self.assertGreaterEqual(len(result.stderr.strip().splitlines()), 2, result.stderr)

    def test_a_database_that_a_newer_server_has_taken_ends_the_older_one(self):
        schema = self.url.rsplit("%3D", 1)[1]
        DATABASE.sql(f"INSERT INTO {schema}.schema_migrations VALUES(999, 0)")
        self.assertEqual(self.other.process.wait(20), 1)
        self.assertIn("999", self.other.output())
        self.assertEqual(self.server.process.wait(20), 1)
        self.server.process.returncode = 0  # as this test wants it
        self.other.process.returncode = 0


if __name__ == "__main__":
    unittest.main()
