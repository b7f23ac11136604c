"""Webhooks: a real server tells a real receiver, which checks the signature; and receivers that misbehave."""

import concurrent.futures
import hashlib
import hmac
import http.client
import http.server
import json
import threading
import time
import unittest
import urllib.parse

import harness
import images
from server_case import JSON, ServerCase, mac


class Receiver:
    """Takes what is sent; `answers` are the statuses of the next requests, then 204."""

    def __init__(self, *answers, headers=None, delay_s=0):
        self.got, self.answers = [], list(answers)
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, dict(self.headers.items()), body, time.monotonic()))
                time.sleep(delay_s)
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/hook"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()

    def events(self):
        return [headers["X-Updraft-Event"] for _, headers, _, _ in self.got]

    def bodies(self):
        return [json.loads(body) for _, _, body, _ in self.got]


class Webhooks(ServerCase):
    def receive(self, *answers, **options):
        receiver = Receiver(*answers, **options)
        self.addCleanup(receiver.stop)
        return receiver

    def add(self, name, url, *events):
        body = {"name": name, "url": url, **({"events": list(events)} if events else {})}
        status, answer = self.server.api("POST", "/api/v1/webhooks", json.dumps(body).encode())
        self.assertEqual(status, 201, answer)
        return answer["secret"]

    def webhook(self, name):
        return next(w for w in self.list("webhooks") if w["name"] == name)

    def wait_events(self, receiver, count):
        harness.wait_until(f"{count} messages", lambda: len(receiver.got) >= count)
        return receiver.events()

    def test_what_happens_is_told_and_signed(self):
        receiver = self.receive()
        secret = self.add("ops", receiver.url)
        self.publish(images.make("2.0.0"))
        self.report(1, "1.0.0", "downloading", target="2.0.0", progress=5)
        self.report(1, "1.0.0", "rolled_back", target="2.0.0", error={"code": 58, "text": "no network"},
                    log="[1] boot\n[1] no network")
        self.assertEqual(self.wait_events(receiver, 3), ["release", "channel", "attempt.rolled_back"])
        release, channel, attempt = receiver.bodies()
        self.assertEqual(release["release"]["version"], "2.0.0")
        self.assertEqual(channel["channel"], {"product": "demo", "name": "stable", "version": "2.0.0", "release_id": 1})
        self.assertEqual(attempt["attempt"]["error"]["name"], "rolled_back")
        self.assertIn("no network", attempt["attempt"]["log"])
        for path, headers, body, _ in receiver.got:
            signed = headers["X-Updraft-Timestamp"].encode() + b"." + body
            expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
            self.assertEqual(headers["X-Updraft-Signature"], "sha256=" + expected)
            self.assertLess(abs(int(headers["X-Updraft-Timestamp"]) - time.time()), 60)
            self.assertEqual((path, headers["Content-Type"]), ("/hook", "application/json"))
            self.assertEqual(int(headers["X-Updraft-Delivery"]), json.loads(body)["delivery"])
        harness.wait_until("the books to say so", lambda: self.webhook("ops")["delivered"] == 3)
        # The same again is nothing new.
        self.publish(images.make("2.0.0"))
        self.server.api("PUT", "/api/v1/channels/demo/stable", b'{"version":"2.0.0"}')
        self.publish(images.make("3.0.0"), "")
        self.assertEqual(self.wait_events(receiver, 4)[3:], ["release"])
        self.assertEqual(receiver.bodies()[3]["release"]["version"], "3.0.0")

    def test_each_is_told_only_what_it_asked_for(self):
        releases, failures = self.receive(), self.receive()
        self.add("releases", releases.url, "release")
        self.add("failures", failures.url, "attempt.failed")
        self.report(1, "1.0.0", "failed", target="2.0.0", error={"code": 69, "text": "x"})
        self.publish(images.make("1.0.0"))
        self.report(2, "1.0.0", "failed", target="2.0.0", error={"code": 69, "text": "x"})
        self.wait_events(releases, 1)
        self.wait_events(failures, 2)
        self.assertEqual(releases.events(), ["release"])
        self.assertEqual([body["change"]["device"] for body in failures.bodies()], [mac(1), mac(2)])

    def test_one_that_fails_is_tried_again_with_the_same_number(self):
        receiver = self.receive(500, 503)
        self.add("ops", receiver.url, "release")
        self.publish(images.make("1.0.0"))
        self.wait_events(receiver, 3)
        self.assertEqual(len({headers["X-Updraft-Delivery"] for _, headers, _, _ in receiver.got}), 1)
        times = [at for _, _, _, at in receiver.got]
        self.assertGreater(times[1] - times[0], 0.8)
        self.assertGreater(times[2] - times[1], 4)
        told = harness.wait_until("the books to say so", lambda: (self.webhook("ops")["delivered"] and self.webhook("ops")))
        self.assertEqual((told["given_up"], told["last"]["status"], told["last"]["problem"]), (0, 204, None))

    def test_redirects_are_not_followed_and_refusals_not_repeated(self):
        inside = self.receive()
        for status in (302, 307, 404, 410):
            receiver = self.receive(status, headers={"Location": inside.url})
            self.add(f"h{status}", receiver.url, "release")
        self.publish(images.make("1.0.0"))
        for status in (302, 307, 404, 410):
            given_up = harness.wait_until(f"{status} to be given up",
                                          lambda: self.webhook(f"h{status}")["given_up"] and self.webhook(f"h{status}"))
            self.assertEqual(given_up["last"]["status"], status)
            self.assertIn(f"status {status}", given_up["last"]["problem"])
        self.assertEqual(inside.got, [])

    def test_one_that_is_down_or_slow_holds_up_no_other_and_not_the_end(self):
        slow, quick = self.receive(delay_s=30), self.receive()
        self.add("slow", slow.url, "release")
        self.add("down", "http://127.0.0.1:9/", "release")
        self.add("quick", quick.url, "release")
        started = time.monotonic()
        for version in ("1.0.0", "1.1.0", "1.2.0"):
            self.publish(images.make(version))
        self.wait_events(quick, 3)
        self.assertLess(time.monotonic() - started, 10)
        down = harness.wait_until("a try", lambda: self.webhook("down")["last"] and self.webhook("down"))
        self.assertIsNone(down["last"]["status"])
        self.assertIn("onnect", down["last"]["problem"])
        started = time.monotonic()
        self.assertEqual(self.server.stop(), 0)
        self.assertLess(time.monotonic() - started, 5)

    def test_they_last_and_one_that_is_removed_hears_no_more(self):
        receiver, other = self.receive(), self.receive()
        self.add("ops", receiver.url, "release")
        self.add("other", other.url, "release")
        self.server.stop()
        self.server = self.start_server()
        self.publish(images.make("1.0.0"))
        self.wait_events(receiver, 1)
        self.assertEqual(self.server.api("DELETE", "/api/v1/webhooks/ops")[0], 200)
        self.publish(images.make("1.1.0"))
        self.wait_events(other, 2)
        self.assertEqual(len(receiver.got), 1)
        self.assertEqual([w["name"] for w in self.list("webhooks")], ["other"])

    def pump(self, first, count):
        """At least two changes a device, of a kind that nobody asked for."""
        address = urllib.parse.urlparse(self.server.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=40)
        for number in range(first, first + count):
            body = {"device": mac(number), "product": "demo", "version": "1.0.0", "state": "downloading",
                    "target": "1.1.0"}
            connection.request("POST", "/d/report", json.dumps(body), JSON)
            connection.getresponse().read()
        connection.close()

    def test_a_receiver_that_is_too_slow_is_told_that_something_is_missing(self):
        """It takes eight seconds for a message; meanwhile more happens than is kept."""
        receiver = self.receive(delay_s=8)
        self.add("ops", receiver.url, "attempt.failed")
        for turn in range(5):
            self.report(60000 + turn, "1.0.0", "failed", target="2.0.0", error={"code": 69, "text": "x"})
            harness.wait_until("the message to come", lambda: len(receiver.got) > turn)
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                for work in [pool.submit(self.pump, turn * 4096 + at * 512, 512) for at in range(8)]:
                    work.result()
            if len(receiver.got) == turn + 1:  # still in its eight seconds
                break
        harness.wait_until("to be told", lambda: "lost" in receiver.events())
        self.assertEqual(set(receiver.events()), {"attempt.failed", "lost"})

    def tool(self, *args, status=0):
        return self.cli("webhook", *args, "--server", self.server.url, "--token", self.server.token, status=status)

    def test_the_tool_adds_tries_lists_and_removes(self):
        receiver = self.receive()
        secret = self.tool("add", "ops", receiver.url, "--events", "release,attempt.failed").stdout.strip()
        self.assertRegex(secret, "^[0-9a-f]{64}$")
        self.assertIn("took it, with status 204", self.tool("test", "ops").stdout)
        self.assertEqual(receiver.events(), ["test"])
        self.assertIn("test: taken", self.tool("list").stdout)
        self.assertEqual(self.webhook("ops")["events"], ["release", "attempt.failed"])
        receiver.answers.append(404)
        failed = self.tool("test", "ops", status=1)
        self.assertIn("it answered with status 404", failed.stderr)
        self.assertIn("404", self.tool("list").stdout)
        self.tool("add", "ops", receiver.url, status=5)
        self.tool("add", "x", "ftp://a", status=5)
        self.tool("add", "x", receiver.url, "--events", "everything", status=5)
        self.tool("remove", "ops")
        self.tool("remove", "ops", status=5)
        self.tool("test", "ops", status=5)

    def test_the_address_is_not_in_the_audit_log_and_not_for_operators(self):
        self.add("ops", "https://chat.example.com/secret-path", "release")
        rows = self.list("audit")
        self.assertEqual(rows[0]["object"], "ops for release")
        self.assertNotIn("secret-path", json.dumps(rows))
        body = json.dumps({"name": "o", "role": "operate"}).encode()
        secret = self.server.api("POST", "/api/v1/tokens", body)[1]["secret"]
        status, _, _ = self.get("/api/v1/webhooks", {"Authorization": "Bearer " + secret, **JSON})
        self.assertEqual(status, 403)


if __name__ == "__main__":
    unittest.main()
