"""GET /api/v1/events with real clients: quick ones, slow ones, those that vanish."""

import concurrent.futures
import http.client
import json
import socket
import time
import unittest
import urllib.parse

import harness
import images
import openapi
from server_case import ServerCase, mac

KEPT = 4096
MOST_OF_A_TOKEN = 16


class Follower:
    """A client that reads events from a connection of its own."""

    def __init__(self, server, token=None, last=None, window=None):
        address = urllib.parse.urlparse(server.url)
        self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=40)
        if window:  # set before it connects, or it does not count
            self.connection.sock = socket.socket()
            self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            self.connection.sock.settimeout(40)
            self.connection.sock.connect((address.hostname, address.port))
        headers = {"Authorization": "Bearer " + (token or server.token)}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        self.connection.request("GET", "/api/v1/events", headers=headers)
        self.answer = self.connection.getresponse()

    def next(self):
        """(event, data, id) of the next one, ("", text, None) of a comment, None at the end."""
        fields = {}
        while True:
            line = self.answer.readline()
            if not line:
                return None
            line = line.decode().rstrip("\n")
            if not line:
                if ":" in fields:
                    return "", fields[":"], None
                return fields["event"], json.loads(fields["data"]), int(fields["id"])
            name, _, value = line.partition(": ")
            fields[name or ":"] = value

    def changes(self, count):
        return [self.next() for _ in range(count)]

    def close(self):
        self.connection.close()


class Events(ServerCase):
    def follow(self, **options):
        follower = Follower(self.server, **options)
        self.addCleanup(follower.close)
        self.assertEqual(follower.answer.status, 200)
        return follower

    def generation(self):
        return self.server.api("GET", "/api/v1/overview")[1]["generation"]

    def test_what_happens_is_told_as_it_happens(self):
        before = self.generation()
        follower = self.follow()
        self.assertEqual(follower.answer.headers["Content-Type"], "text/event-stream")
        self.assertEqual(follower.answer.headers["Cache-Control"], "no-store")
        event, data, _ = follower.next()
        self.assertEqual((event, data), ("ready", {"generation": before}))
        self.publish(images.make("1.0.0"))
        self.report(1, "0.9.0", "downloading", target="1.0.0")
        events = follower.changes(6)
        self.assertEqual([(e, d["kind"], d["id"]) for e, d, _ in events],
                         [("change", "product", 1), ("change", "release", 1), ("change", "release", 1),
                          ("change", "channel", "demo/stable"), ("change", "device", mac(1)),
                          ("change", "attempt", 1)])
        self.assertEqual({k: events[5][1][k] for k in ("device", "state")},
                         {"device": mac(1), "state": "downloading"})
        ids = [number for _, _, number in events]
        self.assertEqual(ids, list(range(ids[0], ids[0] + 6)))
        self.assertLessEqual(events[5][1]["generation"], self.generation())
        for _, data, _ in events:
            self.assertIsNone(openapi.complaint({"$ref": "#/components/schemas/change"}, data))

    def test_progress_is_told_and_a_sighting_is_not(self):
        self.report(1, "0.9.0", "downloading", target="1.0.0", progress=1)
        follower = self.follow()
        follower.next()
        self.report(1, "0.9.0", "downloading", target="1.0.0", progress=60)
        event, data, _ = follower.next()
        self.assertEqual((event, data["kind"], data["device"]), ("change", "attempt", mac(1)))
        self.report(1, "0.9.0", "downloading", target="1.0.0")  # nothing that was not known
        self.report(2, "1.0.0", "confirmed")
        self.assertEqual(follower.next()[1]["id"], mac(2))

    def test_who_was_cut_goes_on_where_he_was(self):
        follower = self.follow()
        follower.next()
        self.report(1, "1.0.0", "confirmed")
        _, _, last = follower.next()
        follower.close()
        self.report(2, "1.0.0", "confirmed")
        self.report(3, "1.0.0", "confirmed")
        again = self.follow(last=last)
        self.assertEqual([event for event, _, _ in [again.next()]], ["ready"])
        self.assertEqual([data["id"] for _, data, _ in again.changes(2)], [mac(2), mac(3)])

    def test_who_comes_with_an_old_or_foreign_number_is_told_that_changes_are_missing(self):
        for last in ("1", "0", "x", "-1", "9" * 19, "9" * 40):
            follower = self.follow(last=last)
            self.assertEqual([follower.next()[0], follower.next()[0]], ["ready", "lost"], last)
            follower.close()
        follower = self.follow(last="1")
        _, ready, _ = follower.next()
        event, data, number = follower.next()
        self.assertEqual((event, data), ("lost", ready))
        self.report(1, "1.0.0", "confirmed")
        event, data, later = follower.next()
        self.assertEqual((event, data["id"], later), ("change", mac(1), number + 1))

    def report_many(self, first, count):
        """At least two changes each: a device and its attempt."""
        address = urllib.parse.urlparse(self.server.url)
        reports = http.client.HTTPConnection(address.hostname, address.port, timeout=40)
        for number in range(first, first + count):
            body = {"device": mac(number), "product": "demo", "version": "1.0.0", "state": "downloading",
                    "target": "1.1.0"}
            reports.request("POST", "/d/report", json.dumps(body), {"Content-Type": "application/json"})
            answer = reports.getresponse()
            answer.read()
            self.assertEqual(answer.status, 200)
        reports.close()

    def until(self, follower, device):
        """All events up to the one that brings the device."""
        events = []
        while not events or events[-1][1].get("id") != device:
            event = follower.next()
            if event[0]:
                events.append(event)
        return events

    def test_a_slow_reader_is_told_and_nobody_waits_for_him(self):
        """He reads nothing while more happens than is kept; another one meanwhile sees all of it."""
        slow, quick = self.follow(window=4096), self.follow()
        slow.next()
        first, end = quick.next()[2], mac(9999)
        with concurrent.futures.ThreadPoolExecutor(9) as pool:
            seen = pool.submit(self.until, quick, end)
            for work in [pool.submit(self.report_many, at * KEPT // 8, KEPT // 8) for at in range(8)]:
                work.result()
            self.report(9999, "1.0.0", "confirmed")
            told = seen.result()
        self.assertGreater(len(told), 2 * KEPT)
        self.assertEqual([number for _, _, number in told], list(range(first + 1, first + 1 + len(told))))
        events = [slow.next()]
        while events[-1][0] != "lost":
            events.append(slow.next())
        self.assertLess(len(events), len(told))
        self.assertLessEqual(events[-1][1]["generation"], self.generation())
        self.report(9998, "1.0.0", "confirmed")
        self.assertEqual(self.until(slow, mac(9998))[-1][2], quick.next()[2])

    def test_a_revoked_token_ends_its_streams(self):
        body = json.dumps({"name": "wall", "role": "view"}).encode()
        secret = self.server.api("POST", "/api/v1/tokens", body)[1]["secret"]
        wall, other = self.follow(token=secret), self.follow()
        wall.next(), other.next()
        self.server.api("DELETE", "/api/v1/tokens/wall")
        self.report(1, "1.0.0", "confirmed")
        self.assertIsNone(wall.next())  # what happened after is not told
        self.assertEqual(other.next()[0], "change")

    def test_only_tokens_are_let_in(self):
        for headers in ({}, {"Authorization": "Bearer " + "0" * 64}):
            status, _, answer = self.get("/api/v1/events", headers)
            self.assert_refused((status, json.loads(answer)), 401, "unauthorized")

    def test_the_number_of_streams_is_bounded_and_a_token_cannot_have_all(self):
        followers = [self.follow() for _ in range(MOST_OF_A_TOKEN)]
        self.assert_refused(self.server.api("GET", "/api/v1/events"), 503, "too_many_streams")
        body = json.dumps({"name": "wall", "role": "view"}).encode()
        secret = self.server.api("POST", "/api/v1/tokens", body)[1]["secret"]
        self.follow(token=secret)
        followers.pop().close()

        def has_room():  # the place is free when the server has seen that somebody left
            self.report(1, f"{time.monotonic()}", "confirmed")
            status, _, _ = harness.http("GET", self.server.url + "/api/v1/products", None,
                                        {"Authorization": "Bearer " + self.server.token})
            self.assertEqual(status, 200)
            follower = Follower(self.server)
            self.addCleanup(follower.close)
            return follower.answer.status == 200
        harness.wait_until("a place to be free", has_room)

    def test_the_heartbeat_shows_that_somebody_is_there(self):
        follower = self.follow()
        follower.next()
        started = time.monotonic()
        event, text, _ = follower.next()
        self.assertEqual((event, text), ("", "still here"))
        self.assertGreater(time.monotonic() - started, 10)
        self.assertLess(time.monotonic() - started, 20)

    def test_stopping_ends_every_stream_cleanly_and_at_once(self):
        followers = [self.follow() for _ in range(10)]
        for follower in followers:
            follower.next()
        started = time.monotonic()
        self.assertEqual(self.server.stop(), 0)
        self.assertLess(time.monotonic() - started, 5)
        for follower in followers:
            self.assertIsNone(follower.next())  # an IncompleteRead were no clean end


if __name__ == "__main__":
    unittest.main()
