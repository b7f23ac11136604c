"""updraftd backup, restore and verify: with a busy server, on a damaged directory, and when it cannot be; images
that are withdrawn."""

import concurrent.futures
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import unittest

import harness
import images
from server_case import JSON, ServerCase, mac


class CareCase(ServerCase):
    def care(self, *args, status=0):
        result = subprocess.run([harness.program("updraftd"), *args], capture_output=True, text=True,
                                timeout=120, check=False)
        self.assertEqual(result.returncode, status, f"{args}: {result.stdout}{result.stderr}")
        return result

    def care_json(self, *args, status=0):
        return json.loads(self.care(*args, "--json", status=status).stdout)

    def backup(self, name="copy", status=0):
        return self.care("backup", "--data", self.path("data"), "--to", self.path(name), status=status)

    def artifact(self, folder, digest):
        return self.path(folder, "artifacts", digest[:2], digest[2:])

    def books(self):
        status, overview = self.server.api("GET", "/api/v1/overview")
        self.assertEqual(status, 200)
        return {key: overview[key] for key in ("devices", "releases", "channels", "attempts")}

    def fill(self, count=3):
        digests = []
        for number in range(count):
            image = images.make(f"1.{number}.0", size=50000 + number)
            self.assertEqual(self.publish(image)[0], 201)
            digests.append(hashlib.sha256(image).hexdigest())
            self.assertEqual(self.report(number, "1.0.0", "confirmed", chip="esp32")[0], 200)
        return digests


class Care(CareCase):
    def test_what_was_backed_up_is_served_again_with_its_token(self):
        digests = self.fill()
        self.assertEqual(self.server.stop(), 0)
        self.server = self.start_server()
        before, token = self.books(), self.server.token
        self.assertIn("3 releases", self.backup().stdout)
        self.assertEqual(os.stat(self.path("copy")).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(self.path("copy", "token")).st_mode & 0o777, 0o600)
        self.assertEqual(self.server.stop(), 0)
        shutil.rmtree(self.path("data"))
        self.care("restore", "--from", self.path("copy"), "--data", self.path("data"))
        self.server = self.start_server()
        self.assertEqual(self.server.token, token)
        self.assertEqual(self.books(), before)
        for digest in digests:
            self.assertEqual(hashlib.sha256(self.get("/d/image/" + digest)[2]).hexdigest(), digest)
        self.assertFalse([name for name in os.listdir(self.directory) if name.endswith(".partial")])

    def test_a_backup_under_load_holds_all_that_was_acknowledged_before_and_is_whole(self):
        self.fill(2)
        acknowledged = set()

        def send(number):
            if self.report(number, "1.0.0", "confirmed")[0] == 200:
                acknowledged.add(mac(number))

        def publish(number):
            self.assertEqual(self.publish(images.make(f"2.0.{number}", size=100000))[0], 201)

        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            jobs = [pool.submit(send, number) for number in range(10, 1500)]
            jobs += [pool.submit(publish, number) for number in range(20)]
            for number in range(3):
                before = set(acknowledged)
                self.backup(f"copy{number}")
                found = self.care_json("verify", "--data", self.path(f"copy{number}"))
                self.assertTrue(found["ok"])
                with sqlite3.connect(self.path(f"copy{number}", "updraft.sqlite")) as database:
                    kept = {row[0] for row in database.execute("SELECT id FROM devices")}
                database.close()
                self.assertLessEqual(before, kept)
            for job in concurrent.futures.as_completed(jobs):
                job.result()

    def test_verify_says_which_image_is_missing_or_damaged(self):
        digests = self.fill()
        self.assertEqual(self.care_json("verify", "--data", self.path("data")), {
            "ok": True, "products": 1, "releases": 3, "devices": 3, "attempts": 0, "images": 3,
            "image_bytes": sum(os.path.getsize(self.artifact("data", one)) for one in digests), "problems": []})
        os.remove(self.artifact("data", digests[0]))
        self.damage(self.artifact("data", digests[1]))
        found = self.care_json("verify", "--data", self.path("data"), status=3)
        self.assertFalse(found["ok"])
        self.assertEqual([(one["problem"], one["sha256"], one["version"]) for one in found["problems"]],
                         [("missing", digests[0], "1.0.0"), ("damaged", digests[1], "1.1.0")])
        text = self.care("verify", "--data", self.path("data"), status=3).stderr
        self.assertIn(f"damaged: image {digests[1]} of demo 1.1.0 for esp32", text)
        self.assertIn("Publish the same file again", text)
        self.backup(status=3)  # what is left is still worth having
        self.assertTrue(os.path.exists(self.artifact("copy", digests[2])))
        self.assertFalse(os.path.exists(self.artifact("copy", digests[1])))

    def test_verify_changes_nothing(self):
        self.fill()
        self.assertEqual(self.server.stop(), 0)

        def state():
            found = {}
            for folder, _, names in os.walk(self.path("data")):
                for name in names:
                    path = os.path.join(folder, name)
                    with open(path, "rb") as file:
                        found[path] = hashlib.sha256(file.read()).hexdigest()
            return found

        before = state()
        self.care("verify", "--data", self.path("data"))
        self.assertEqual(state(), before)

    def test_a_damaged_database_is_refused_by_all_three(self):
        self.fill()
        self.assertEqual(self.server.stop(), 0)
        with sqlite3.connect(self.path("data", "updraft.sqlite")) as database:
            database.execute("UPDATE devices SET chip=-1")
        database.close()
        found = self.care_json("verify", "--data", self.path("data"), status=1)
        self.assertIn("never wrote", found["error"]["message"])
        self.assertTrue(found["error"]["remedy"])
        self.assertIn("never wrote", self.backup(status=1).stderr)
        self.assertFalse(os.path.exists(self.path("copy")))
        self.assertFalse(os.path.exists(self.path("copy.partial")))
        size = os.path.getsize(self.path("data", "updraft.sqlite"))
        with open(self.path("data", "updraft.sqlite"), "r+b") as file:
            for offset in range(4096, size, 512):
                file.seek(offset)
                file.write(b"damage damage damage")
        self.assertIn("updraft.sqlite", self.care("verify", "--data", self.path("data"), status=1).stderr)
        self.care("restore", "--from", self.path("data"), "--data", self.path("new"), status=1)
        self.assertFalse(os.path.exists(self.path("new")))

    def test_nothing_that_is_there_is_written_over(self):
        self.fill(1)
        os.mkdir(self.path("copy"))
        self.backup()  # an empty directory will do
        before = sorted(os.listdir(self.path("copy")))
        self.assertIn("there already", self.backup(status=1).stderr)
        self.assertEqual(sorted(os.listdir(self.path("copy"))), before)
        result = self.care("restore", "--from", self.path("copy"), "--data", self.path("data"), status=1)
        self.assertIn("there already", result.stderr)
        self.assertEqual(self.get("/healthz")[0], 200)
        os.mkdir(self.path("next.partial"))
        self.assertIn("remove it", self.backup("next", status=1).stderr)

    def test_a_disk_that_is_full_leaves_nothing(self):
        self.fill()
        result = subprocess.run(["sh", "-c", 'ulimit -f 40; trap "" XFSZ; exec "$@"', "sh",
                                 harness.program("updraftd"), "backup", "--data", self.path("data"), "--to",
                                 self.path("copy")], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertRegex(result.stderr, "(?i)room")
        self.assertFalse(os.path.exists(self.path("copy")))
        self.assertFalse(os.path.exists(self.path("copy.partial")))

    def test_help_teaches_and_wrong_usage_is_2(self):
        text = self.care("verify", "--help").stdout
        for word in ("backup", "restore", "verify", "--artifacts", "pg_dump", "Exit codes"):
            self.assertIn(word, text)
        for args in (("backup",), ("backup", "--data", "d"), ("backup", "--to", "d"), ("restore", "--data", "d"),
                     ("verify",), ("verify", "--data", "d", "--to", "e"), ("verify", "--nothing"),
                     ("backup", "--data", "d", "--to", "e", "--database", "postgresql://x"),
                     ("verify", "--data", "d", "extra"), ("verify", "--data", "d", "--database", "mysql://x")):
            self.assertIn("--help", self.care(*args, status=2).stderr)
        result = self.care("verify", "--data", self.path("nowhere"), status=1)
        self.assertIn("nowhere", result.stderr)
        self.assertGreaterEqual(len(result.stderr.strip().splitlines()), 2)


class Withdraw(CareCase):
    """DELETE of a release: its files go, unless somebody needs them."""

    def withdraw(self, version, product="demo"):
        return self.server.api("DELETE", f"/api/v1/releases?product={product}&version={version}")

    def kept(self):
        return sorted(path[-62:] for path in self.artifacts())

    def assert_needed(self, version, words):
        answer = self.withdraw(version)
        self.assert_refused(answer, 409, "release_needed")
        self.assertIn(words, answer[1]["error"]["message"])

    def ask(self, number, version):
        return self.get("/d/channel/demo/stable/esp32.json",
                        {"x-updraft-device": mac(number), "x-updraft-version": version})

    def test_what_a_channel_or_a_device_needs_stays(self):
        digests = self.fill(2)
        self.assert_needed("1.1.0", "a channel offers 1.1.0")
        self.assert_needed("1.0.0", "2 devices run 1.0.0")
        for number in range(2):
            self.assertEqual(self.report(number, "1.1.0", "confirmed")[0], 200)
        status, answer = self.withdraw("1.0.0")
        self.assertEqual(status, 200)
        self.assertGreater(answer["release"]["images"][0]["withdrawn"], 1600000000000)
        self.assertEqual(self.kept(), [digests[1][2:]])
        self.assertEqual(self.get("/d/image/" + digests[0])[0], 404)
        self.assertEqual(self.get("/d/image/" + digests[1])[0], 200)
        self.assertEqual(self.withdraw("1.0.0")[0], 200)  # told twice, done once
        self.assertEqual(self.care_json("verify", "--data", self.path("data"))["images"], 1)
        self.assert_refused(self.withdraw("9.9.9"), 404, "release_not_found")
        self.assert_refused(self.withdraw("1.0.0", "other"), 404, "release_not_found")
        self.assert_refused(self.server.api("DELETE", "/api/v1/releases"), 400, "bad_query")

    def test_what_a_device_is_on_its_way_to_stays(self):
        for version in ("1.0.0", "1.1.0", "1.2.0"):
            self.assertEqual(self.publish(images.make(version))[0], 201)
            if version == "1.1.0":
                self.assertEqual(self.report(1, "1.0.0", "confirmed", chip="esp32")[0], 200)
                self.assertEqual(json.loads(self.ask(1, "1.0.0")[2])["version"], "1.1.0")
                self.assertEqual(self.report(1, "1.0.0", "downloading", target="1.1.0", progress=7)[0], 200)
        self.assert_needed("1.1.0", "1 devices are on their way to 1.1.0")
        error = {"code": 69, "name": "disconnected", "text": "it broke off"}
        self.assertEqual(self.report(1, "1.0.0", "failed", target="1.1.0", error=error)[0], 200)
        self.assertEqual(self.withdraw("1.1.0")[0], 200)

    def test_a_withdrawn_release_is_not_offered_until_it_is_published_again(self):
        first, second = images.make("1.0.0"), images.make("1.1.0")
        self.assertEqual(self.publish(first)[0], 201)
        self.assertEqual(self.publish(second)[0], 201)
        self.assertEqual(self.withdraw("1.0.0")[0], 200)
        back = json.dumps({"version": "1.0.0"}).encode()
        self.assert_refused(self.server.api("PUT", "/api/v1/channels/demo/stable", back, JSON), 409,
                            "release_withdrawn")
        rollout = {"product": "demo", "channel": "stable", "version": "1.0.0", "stages": "100%"}
        self.assert_refused(self.server.api("POST", "/api/v1/rollouts", json.dumps(rollout).encode(), JSON), 409,
                            "release_withdrawn")
        self.assert_refused(self.publish(images.make("1.0.0", size=4000)), 409, "release_exists")
        self.assertEqual(self.server.stop(), 0)
        self.server = self.start_server()
        self.assertEqual(self.publish(first, "")[0], 200)
        self.assertEqual(self.get("/d/image/" + hashlib.sha256(first).hexdigest())[2], first)
        self.assertEqual(self.server.api("PUT", "/api/v1/channels/demo/stable", back, JSON)[0], 200)

    def test_a_file_of_two_releases_stays_for_the_other(self):
        image = images.make("1.0.0")
        digest = hashlib.sha256(image).hexdigest()
        self.assertEqual(self.publish(image, "")[0], 201)
        self.assertEqual(self.publish(image, "product=other")[0], 201)
        self.assertEqual(self.withdraw("1.0.0")[0], 200)
        self.assertEqual(self.get("/d/image/" + digest)[2], image)
        self.assertEqual(self.withdraw("1.0.0", "other")[0], 200)
        self.assertEqual(self.kept(), [])
        self.assertEqual(self.get("/d/image/" + digest)[0], 404)

    def test_the_tool_prunes_what_nobody_needs_and_says_why_the_rest_stays(self):
        digests = self.fill(6)  # three devices run 1.0.0
        for number in range(3, 6):
            self.assertEqual(self.report(number, "1.1.0", "confirmed")[0], 200)
        login = ("--server", self.server.url, "--token", self.server.token)
        dry = json.loads(self.cli("releases", "prune", "demo", "--keep", "2", "--dry-run", "--json", *login).stdout)
        self.assertEqual([(one["version"], one["withdrawn"]) for one in dry["releases"]],
                         [("1.3.0", False), ("1.2.0", False), ("1.1.0", False), ("1.0.0", False)])
        self.assertEqual(len(self.kept()), 6)
        text = self.cli("releases", "prune", "demo", "--keep", "2", *login).stdout
        self.assertRegex(text, r"1\.3\.0 +withdrawn")
        self.assertRegex(text, r"1\.0\.0 .*devices run 1\.0\.0")
        self.assertEqual(self.kept(), sorted(one[2:] for one in (digests[0], digests[1], digests[4], digests[5])))
        self.assertIn("1.1.0", self.cli("releases", "withdraw", "demo", "1.1.0", *login, status=5).stderr)
        self.assertIn("publish", self.cli("releases", "withdraw", "demo", "1.4.0", *login).stdout)
        self.cli("releases", "withdraw", "demo", "9.9.9", *login, status=5)

    def test_a_security_release_and_the_step_to_it_stay(self):
        for version, query in (("1.0.0", ""), ("1.1.0", ""), ("1.2.0", "security=true&min_from=1.1.0"),
                               ("1.3.0", "channel=stable")):
            self.assertEqual(self.publish(images.make(version), query)[0], 201)
        self.assert_needed("1.2.0", "1.2.0 is a security release")
        self.assert_needed("1.1.0", "by way of 1.1.0")
        self.assertEqual(self.withdraw("1.0.0")[0], 200)
        self.assertEqual(self.publish(images.make("1.2.0"), "security=false")[0], 200)
        self.assertEqual(self.withdraw("1.1.0")[0], 200)
        self.assertEqual(self.withdraw("1.2.0")[0], 200)

    def test_a_rollout_keeps_both_of_its_releases(self):
        for version in ("1.0.0", "1.1.0", "1.2.0"):
            self.assertEqual(self.publish(images.make(version), "channel=stable" if version == "1.0.0" else "")[0], 201)
        rollout = {"product": "demo", "channel": "stable", "version": "1.1.0", "stages": "100%"}
        status, answer = self.server.api("POST", "/api/v1/rollouts", json.dumps(rollout).encode(), JSON)
        self.assertEqual(status, 201, answer)
        self.assert_needed("1.1.0", "a rollout needs 1.1.0")
        identity = answer["rollout"]["id"]
        self.assertEqual(self.server.api("POST", f"/api/v1/rollouts/{identity}/abort")[0], 200)
        self.assertEqual(self.withdraw("1.1.0")[0], 200)
        self.assertEqual(self.withdraw("1.2.0")[0], 200)
        self.assert_needed("1.0.0", "a channel offers")


if __name__ == "__main__":
    unittest.main()
