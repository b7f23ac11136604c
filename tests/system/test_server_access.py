"""Who may do what, over real HTTP: roles, expiry, revocation, and that they last."""

import json
import os
import time
import unittest

import harness
import images
from server_case import ServerCase

ROLES = ("view", "publish", "operate", "admin")
# Method, address, body, the least role.
ROWS = (
    ("GET", "/metrics", None, "view"),
    ("GET", "/api/v1/overview", None, "view"),
    ("GET", "/api/v1/history?product=demo", None, "view"),
    ("GET", "/api/v1/products", None, "view"),
    ("GET", "/api/v1/releases", None, "view"),
    ("GET", "/api/v1/channels", None, "view"),
    ("GET", "/api/v1/devices", None, "view"),
    ("GET", "/api/v1/devices/24:6F:28:00:00:01", None, "view"),
    ("GET", "/api/v1/attempts", None, "view"),
    ("POST", "/api/v1/releases?channel=stable", "image", "publish"),
    ("POST", "/api/v1/packages?channel=stable&product=box&version=1", b"070702", "publish"),
    ("PUT", "/api/v1/channels/demo/stable", b'{"version":"1.0.0"}', "operate"),
    ("GET", "/api/v1/audit", None, "admin"),
    ("GET", "/api/v1/webhooks", None, "admin"),
    ("POST", "/api/v1/webhooks", b"{}", "admin"),
    ("POST", "/api/v1/webhooks/none/test", None, "admin"),
    ("DELETE", "/api/v1/webhooks/none", None, "admin"),
    ("GET", "/api/v1/tokens", None, "admin"),
    ("POST", "/api/v1/tokens", b'{"name":"first","role":"admin"}', "admin"),
    ("DELETE", "/api/v1/tokens/none", None, "admin"),
)


class Access(ServerCase):
    def add(self, name, role, **more):
        body = json.dumps({"name": name, "role": role, **more}).encode()
        status, answer = self.server.api("POST", "/api/v1/tokens", body)
        self.assertEqual(status, 201, answer)
        return answer["secret"]

    def ask(self, secret, method, path, body=None):
        status, headers, answer = harness.http(method, self.server.url + path, body,
                                               {"Authorization": "Bearer " + secret})
        is_json = headers["Content-Type"] == "application/json"
        return status, headers, json.loads(answer) if is_json else answer.decode()

    def test_every_endpoint_checks_the_role_row_by_row(self):
        image = images.make("1.0.0")
        self.publish(image)
        self.report(1, "1.0.0", "confirmed")
        secrets = {role: self.add("a-" + role, role) for role in ROLES}
        for method, path, body, least in ROWS:
            for role in ROLES:
                with self.subTest(f"{method} {path} as {role}"):
                    status, _, answer = self.ask(secrets[role], method, path,
                                                 image if body == "image" else body)
                    if ROLES.index(role) >= ROLES.index(least):
                        self.assertNotIn(status, (401, 403), answer)
                    else:
                        self.assert_refused((status, answer), 403, "forbidden")
                        self.assertIn(role, answer["error"]["message"])
                        self.assertIn(least, answer["error"]["message"])

    def test_what_was_refused_was_not_done(self):
        self.publish(images.make("1.0.0"))
        self.publish(images.make("2.0.0"), "channel=beta")
        view, publish = self.add("v", "view"), self.add("p", "publish")
        self.assertEqual(self.ask(view, "POST", "/api/v1/releases?channel=stable",
                                  images.make("3.0.0"))[0], 403)
        self.assertEqual(self.ask(publish, "PUT", "/api/v1/channels/demo/stable",
                                  b'{"version":"2.0.0"}')[0], 403)
        self.assertEqual(self.ask(publish, "DELETE", "/api/v1/tokens/v")[0], 403)
        self.assertEqual(len(self.list("releases")), 2)
        self.assertEqual({c["name"]: c["version"] for c in self.list("channels")},
                         {"stable": "1.0.0", "beta": "2.0.0"})
        self.assertEqual(len(self.list("tokens")), 3)

    def test_revocation_is_at_once_and_lasts(self):
        secret, other = self.add("ci", "publish"), self.add("other", "admin")
        self.assertEqual(self.ask(secret, "GET", "/api/v1/products")[0], 200)
        self.assertEqual(self.server.api("DELETE", "/api/v1/tokens/ci")[0], 200)
        status, headers, _ = self.ask(secret, "GET", "/api/v1/products")
        self.assertEqual((status, headers["WWW-Authenticate"]), (401, "Bearer"))
        self.server.stop()
        self.server = self.start_server()
        self.assertEqual(self.ask(secret, "GET", "/api/v1/products")[0], 401)
        self.assertEqual(self.ask(other, "GET", "/api/v1/tokens")[0], 200)
        self.assertEqual([t["name"] for t in self.list("tokens")], ["first", "other"])

    def test_an_expired_token_opens_nothing(self):
        secret = self.add("short", "admin", expires_in_s=1)
        self.assertEqual(self.ask(secret, "GET", "/api/v1/tokens")[0], 200)
        harness.wait_until("the token to expire",
                           lambda: self.ask(secret, "GET", "/api/v1/tokens")[0] == 401, 10)
        self.assertEqual([t["expired"] for t in self.list("tokens")], [False, True])

    def test_the_last_admin_token_stays_until_its_file_goes(self):
        secret = self.add("second", "admin")
        for asking in (self.server.token, secret):
            status, _, answer = self.ask(asking, "DELETE", "/api/v1/tokens/first")
            self.assert_refused((status, answer), 409, "first_token")
        old = self.server.token
        self.server.stop()
        os.unlink(self.path("data", "token"))
        self.server = self.start_server()
        self.assertNotEqual(self.server.token, old)
        self.assertEqual(self.ask(old, "GET", "/api/v1/tokens")[0], 401)
        self.assertEqual(self.ask(secret, "GET", "/api/v1/tokens")[0], 200)

    def test_no_secret_is_in_the_database(self):
        secret = self.add("ci", "view")
        self.server.stop()
        for name in os.listdir(self.path("data")):
            path = self.path("data", name)
            if os.path.isfile(path) and name != "token":
                with open(path, "rb") as file:
                    kept = file.read()
                self.assertNotIn(secret.encode(), kept)
                self.assertNotIn(self.server.token.encode(), kept)

    def audit(self, query=""):
        status, answer = self.server.api("GET", "/api/v1/audit" + query)
        self.assertEqual(status, 200, answer)
        return answer

    def test_the_audit_log_tells_who_did_what_with_which_result(self):
        operate, view = self.add("anna", "operate"), self.add("wall", "view")
        image = images.make("1.0.0")
        self.assertEqual(self.ask(operate, "POST", "/api/v1/releases?channel=stable", image)[0], 201)
        self.assertEqual(self.ask(operate, "PUT", "/api/v1/channels/demo/beta",
                                  b'{"version":"1.0.0"}')[0], 200)
        self.assertEqual(self.ask(operate, "PUT", "/api/v1/channels/demo/beta",
                                  b'{"version":"9"}')[0], 404)
        self.ask(view, "GET", "/api/v1/overview")
        self.ask(view, "PUT", "/api/v1/channels/demo/beta", b'{"version":"1.0.0"}')
        self.ask("0" * 64, "PUT", "/api/v1/channels/demo/beta", b'{"version":"1.0.0"}')
        self.server.api("DELETE", "/api/v1/tokens/wall")
        expected = [
            ("first", "DELETE /api/v1/tokens/wall", "wall", 200),
            ("anna", "PUT /api/v1/channels/demo/beta", "demo beta to 9", 404),
            ("anna", "PUT /api/v1/channels/demo/beta", "demo beta to 1.0.0", 200),
            ("anna", "POST /api/v1/releases", "demo 1.0.0 for ESP32 on stable", 201),
            ("first", "POST /api/v1/tokens", "wall, view", 201),
            ("first", "POST /api/v1/tokens", "anna, operate", 201),
        ]
        for _ in range(2):
            rows = self.audit()["audit"]
            self.assertEqual([(r["operator"], r["request"], r["object"], r["status"]) for r in rows],
                             expected)
            self.assertEqual([r["id"] for r in rows], [6, 5, 4, 3, 2, 1])
            self.assertEqual({r["address"] for r in rows}, {"127.0.0.1"})
            shown = self.tool("audit", "--limit", "4").stdout
            self.assertIn("demo beta to 9", shown)
            self.assertNotIn("anna, operate", shown)
            for row in rows:
                self.assertLess(abs(row["at"] / 1000 - time.time()), 60)
            self.server.stop()  # and it lasts
            self.server = self.start_server()

    def test_the_audit_log_comes_in_pages(self):
        for number in range(7):
            self.add(f"t{number}", "view")
        seen, query = [], "?limit=3"
        while True:
            page = self.audit(query)
            seen += [row["object"] for row in page["audit"]]
            if page["next"] is None:
                break
            self.assertEqual(len(page["audit"]), 3)
            query = f"?limit=3&before={page['next']}"
        self.assertEqual(seen, [f"t{number}, view" for number in range(6, -1, -1)])
        self.assertEqual(self.audit("?before=1")["audit"], [])
        self.assertEqual(len(self.audit("?before=999999")["audit"]), 7)
        for query in ("limit=0", "limit=1001", "limit=x", "before=0", "before=-1", "before=",
                      "before=1e9", "before=9999999999999999999999"):
            self.assert_refused(self.server.api("GET", "/api/v1/audit?" + query), 400)

    def metrics(self, secret=None):
        """Samples by name and labels."""
        status, headers, text = self.ask(secret or self.server.token, "GET", "/metrics")
        self.assertEqual(status, 200)
        self.assertEqual(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        samples = {}
        for line in text.splitlines():
            if line.startswith("#"):
                self.assertRegex(line, r"^# (HELP|TYPE) [a-z_]+ ")
                continue
            name, value = line.rsplit(" ", 1)
            self.assertNotIn(name, samples)
            samples[name] = float(value)
        return samples

    def test_the_metrics_tell_what_the_fleet_is_and_what_was_asked(self):
        before = self.metrics()
        self.assertEqual(before['updraft_attempts_ended_total{result="confirmed"}'], 0)
        self.report(1, "1.0.0", "confirmed")
        self.report(2, "1.0.0", "confirmed")
        self.report(3, "1.0.0", "failed", target="2.0.0", error={"code": 69, "text": "x"})
        self.report(4, '1"\\', "confirmed")
        self.get("/nowhere")
        self.get("/d/image/" + "0" * 64)
        self.get("/d/image/" + "1" * 64)
        after = self.metrics()

        def devices(version, state):
            return after.get(f'updraft_devices{{product="demo",version="{version}",state="{state}"}}')
        self.assertEqual(devices("1.0.0", "confirmed"), 2)
        self.assertEqual(devices("1.0.0", "failed"), 1)
        self.assertEqual(devices(r'1\"\\', "confirmed"), 1)
        self.assertEqual(after['updraft_devices_seen{within_s="300"}'], 4)
        self.assertEqual(after['updraft_attempts{state="failed"}'], 1)
        self.assertEqual(after['updraft_attempts_ended_total{result="failed"}'], 1)
        requests = {name: value for name, value in after.items() if "requests_total" in name}

        def answered(method, route, status):
            return requests.get(f'updraft_requests_total{{method="{method}",route="{route}",'
                                f'status="{status}"}}')
        self.assertEqual(answered("POST", "/d/report", 200), 4)
        self.assertEqual(answered("GET", "/d/image/*", 404), 2)
        self.assertEqual(answered("", "", 404), 1)
        self.assertEqual(answered("GET", "/metrics", 200), 1)
        self.assertEqual(sum(v for n, v in after.items() if n.startswith("updraft_build_info{")), 1)
        self.assertLess(abs(after["process_start_time_seconds"] - time.time()), 60)
        self.server.stop()  # what is counted begins anew, what is known does not
        self.server = self.start_server()
        again = self.metrics()
        self.assertEqual(again['updraft_attempts_ended_total{result="failed"}'], 0)
        self.assertEqual(again['updraft_attempts{state="failed"}'], 1)

    def test_wrong_tokens_are_slowed_down_and_right_ones_never(self):
        statuses, codes = [], []
        while len(codes) < 1000 and codes.count(429) < 5:
            statuses.append(self.ask(f"{len(codes):064x}", "GET", "/api/v1/products"))
            codes.append(statuses[-1][0])
        self.assertEqual(codes[:60], [401] * 60)
        self.assertIn(429, codes)
        for status, headers, answer in statuses:
            if status == 429:
                self.assert_refused((status, answer), 429, "too_many_guesses")
                self.assertIn(int(headers["Retry-After"]), range(1, 3))
        self.assertEqual(self.server.api("GET", "/api/v1/products")[0], 200)
        self.assertEqual(harness.http("GET", self.server.url + "/api/v1/products")[0], 401)

    def test_a_device_that_asks_without_end_is_told_when_to_come_back(self):
        for number in (1, 2):
            self.report(number, "1.0.0", "confirmed")
        answers = []
        while len(answers) < 2000 and [status for status, _, _ in answers].count(429) < 10:
            answers.append(self.report(1, "1.0.0", "confirmed"))
        refused = [(headers, json.loads(body)) for status, headers, body in answers if status == 429]
        self.assertEqual({status for status, _, _ in answers[:290]}, {200})
        self.assertEqual(len(refused), 10)
        for headers, answer in refused:
            self.assert_refused((429, answer), 429, "asked_too_often")
            self.assertEqual(headers["Retry-After"], "1")
        self.assertEqual(self.report(1, "2.0.0", "confirmed")[0], 429)
        self.assertEqual({d["version"] for d in self.list("devices")}, {"1.0.0"})
        self.assertEqual(self.report(2, "1.0.0", "confirmed")[0], 200)  # each pays for itself
        harness.wait_until("the device to be heard again",
                           lambda: self.report(1, "2.0.0", "confirmed")[0] == 200, 10, 0.6)

    def tool(self, *args, status=0, token=None):
        return self.cli(*args, "--server", self.server.url, "--token", token or self.server.token,
                        status=status)

    def test_the_tool_makes_lists_and_revokes_them(self):
        secret = self.tool("token", "add", "ci", "--role", "publish", "--expires", "90d").stdout.strip()
        self.assertEqual(self.ask(secret, "GET", "/api/v1/products")[0], 200)
        listed = json.loads(self.tool("token", "list", "--json").stdout)["tokens"]
        self.assertEqual([(t["name"], t["role"]) for t in listed],
                         [("first", "admin"), ("ci", "publish")])
        self.assertEqual(listed[1]["expires"] - listed[1]["created"], 90 * 86400 * 1000)
        self.assertIn("UTC", self.tool("token", "list").stdout)
        refused = self.tool("token", "list", token=secret, status=6)
        self.assertIn("role publish, and this needs admin", refused.stderr)
        self.tool("token", "revoke", "ci")
        self.tool("token", "revoke", "ci", status=5)
        self.tool("token", "revoke", "first", status=5)
        self.assertEqual(self.ask(secret, "GET", "/api/v1/products")[0], 401)

    def test_the_tool_asks_for_what_is_missing(self):
        self.assertIn("--role", self.tool("token", "add", "ci", status=2).stderr)
        for time in ("90", "d", "0d", "-1d", "9999999d", "1w", "1 d"):
            self.tool("token", "add", "ci", "--role", "view", "--expires=" + time, status=2)
        self.tool("token", "add", "ci", "--role", "root", status=5)
        self.assertEqual(len(self.list("tokens")), 1)


if __name__ == "__main__":
    unittest.main()
