"""updraftd --config FILE: what it takes, what wins, and what is said of a file that is wrong."""

import os
import subprocess
import unittest

import harness


class Config(harness.Case):
    def run_server(self, *args, status=0):
        result = subprocess.run([harness.program("updraftd"), *args], capture_output=True, text=True, timeout=30,
                                check=False)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result.stdout if status == 0 else result.stderr

    def check(self, text, *args, status=0):
        path = self.write("updraftd.yaml", text)
        said = self.run_server("--config", path, "--check", *args, status=status)
        return said.replace(path, "FILE")

    def test_a_server_runs_by_its_file_and_the_command_line_wins(self):
        path = self.write("updraftd.yaml", "base_url: https://fleet.example.com/\nlisten: 127.0.0.1:1\n")
        server = self.server(extra=["--config", path])
        status, _, body = harness.http("GET", server.url + "/healthz")
        self.assertEqual(status, 200, body)

    def test_check_says_what_is_in_force_and_from_where(self):
        self.assertEqual(
            self.check("data: /srv/fleet\nlog: json\nlisten: 127.0.0.1:1\n", "--listen", "[::]:80"),
            'data: "/srv/fleet" # FILE\ndatabase: "" # built in\nartifacts: "" # built in\n'
            'listen: "[::]:80" # command line\nbase_url: "" # built in\nfront: "" # built in\n'
            'x_accel: "" # built in\nlog: "json" # FILE\n'
            'check_interval: "300" # built in\n')
        self.assertFalse(os.path.exists("/srv/fleet"))  # it only looked

    def test_what_check_says_is_a_file_that_says_the_same(self):
        text = "data: /srv/fleet\nbase_url: https://a/\nfront: ::1\nx_accel: /i\n"
        once = self.check(text)
        self.assertEqual([line.split(" #")[0] for line in self.check(once).splitlines()],
                         [line.split(" #")[0] for line in once.splitlines()])

    def test_a_password_is_not_shown(self):
        said = self.check("data: d\ndatabase: postgresql://user:pass@word@db/fleet\n")
        self.assertIn('"postgresql://user:...@db/fleet"', said)
        self.assertNotIn("pass", said)

    def test_a_file_that_is_wrong_is_refused_with_the_line_and_what_there_is(self):
        for text, said in (
                ("data: d\nlisten_on: x\n", "FILE, line 2: there is no setting 'listen_on'"),
                ("data: d\ndata: e\n", "FILE, line 2: 'data' stands there twice"),
                ("data: d\nlisten:\n  - a\n", "FILE, line 3: one value is expected here"),
                ("- data\n", "FILE: settings are expected, as in 'listen: ...'"),
                ("data: d\n\nbase_url: ftp://x\n", "FILE, line 3: base_url must begin with http:// or https://"),
                ("data: d\nlog: loud\n", "FILE, line 2: log is text or json"),
                ("data: d\nfront: localhost\n", "FILE, line 2: front is an address, without a port"),
                ("data: d\nx_accel: /images\n", "FILE, line 2: x_accel is a path"),
                ("database: mysql://x\ndata: d\n", "FILE, line 1: database must begin with postgresql://"),
                ("data: d\nlog: '" + "x" * 2000 + "'\n", "FILE, line 2: 'log' is longer than 1023 characters"),
                ("data: 'd\n", "FILE"), ("\x01\x02", "FILE"), ("data: [", "FILE")):
            with self.subTest(text[:40]):
                answer = self.check(text, status=2)
                self.assertIn("updraftd: " + said, answer)
                self.assertIn("Its settings are data, database,", answer)

    def test_what_is_wrong_on_the_command_line_is_said_of_the_command_line(self):
        said = self.check("data: d\nlog: text\n", "--log", "loud", status=2)
        self.assertIn("--log is text or json", said)
        self.assertNotIn("FILE", said)

    def test_a_file_that_is_not_there_or_says_nothing(self):
        said = self.run_server("--config", self.path("none.yaml"), "--data", "d", status=2)
        self.assertIn("cannot be opened", said)
        for text in ("", "# nothing\n"):
            self.assertIn("--data DIR is needed", self.check(text, status=2))
            self.assertIn('data: "d" # command line', self.check(text, "--data", "d"))

    def test_the_file_that_comes_with_it_is_right(self):
        said = self.run_server("--config", os.path.join(harness.ROOT, "packaging", "updraftd.yaml"), "--check")
        self.assertIn('front: "127.0.0.1"', said)
        self.assertIn('x_accel: "/updraft-images"', said)


if __name__ == "__main__":
    unittest.main()
