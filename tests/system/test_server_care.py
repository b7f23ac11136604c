"""updraftd backup, restore and verify: with a busy server, on a damaged directory, and when it cannot be."""

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
from server_case import ServerCase, mac


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


if __name__ == "__main__":
    unittest.main()
