"""Updraft's own check-in, as a device sends it over HTTP, and what the server concludes of devices that say
nothing."""

import json
import signal
import unittest

import harness
import images
from server_case import JSON, ServerCase, mac
from test_end_to_end import Fleet


class CheckIn(ServerCase):
    def check(self, number=1, version="1.0.0", state="confirmed", status=200, **more):
        body = {"device": mac(number), "product": "demo", "chip": "esp32", "version": version,
                "state": state, **more}
        got, headers, answer = harness.http("POST", self.server.url + "/d/check",
                                            json.dumps(body).encode(), JSON)
        self.assertEqual(got, status, answer)
        return json.loads(answer)

    def device(self, number=1):
        status, answer = self.server.api("GET", f"/api/v1/devices/{mac(number)}")
        self.assertEqual(status, 200, answer)
        return answer["device"]

    def attempt(self, number=1):
        return self.device(number)["attempt"]

    def test_a_device_is_offered_the_image_and_tells_how_it_went(self):
        image = images.make("1.1.0")
        self.publish(image)
        answer = self.check(name="garage", slot="ota_0", capacity=1 << 20)
        self.assertEqual((answer["ok"], answer["poll_s"], answer["wait_s"]), (True, 300, 0))
        self.assertEqual((answer["verdict"], answer["reason"]), ("offer", "it is to run 1.1.0"))
        offer = answer["offer"]
        self.assertEqual((offer["version"], offer["size"]), ("1.1.0", len(image)))
        self.assertEqual(harness.http("GET", offer["url"])[2], image)
        self.assertEqual(self.device()["state"], "offered")
        harness.http("GET", offer["url"], None, {"x-updraft-device": mac(1)})
        self.assertEqual(self.device()["state"], "downloading")
        self.check(reports=[{"state": "written", "target": "1.1.0"}])
        self.assertEqual(self.device()["state"], "offered")  # it asks again with the old version
        self.check(version="1.1.0", state="trial")
        self.assertEqual(self.device()["state"], "trial")
        answer = self.check(version="1.1.0")
        self.assertEqual((answer["verdict"], answer["offer"]), ("current", None))
        self.assertEqual(self.device()["state"], "confirmed")
        self.assertEqual(self.attempt()["via"], "check")

    def test_the_interval_is_the_servers(self):
        self.server.stop()
        self.server = self.start_server("--check-interval", "17")
        self.assertEqual(self.check()["poll_s"], 17)

    def test_a_postponement_is_shown_with_its_reason_and_offered_again(self):
        self.publish(images.make("1.1.0"))
        later = {"code": 116, "name": "press_button", "text": "press the button"}
        answer = self.check(postponed=later)
        self.assertEqual(answer["offer"]["version"], "1.1.0")  # so that a device can show it
        attempt = self.attempt()
        self.assertEqual((attempt["state"], attempt["error"]["code"], attempt["error"]["text"]),
                         ("postponed", 116, "press the button"))
        self.check(postponed={"code": 52, "text": "charging"})
        self.assertEqual(self.attempt()["error"]["text"], "charging")
        self.assertEqual(self.attempt()["id"], attempt["id"])
        harness.http("GET", self.check()["offer"]["url"], None, {"x-updraft-device": mac(1)})
        attempt = self.attempt()
        self.assertEqual((attempt["state"], attempt["error"]), ("downloading", None))

    def test_nothing_is_postponed_where_there_is_nothing(self):
        self.assertEqual(self.check(postponed={"code": 52})["verdict"], "unknown")
        self.assertIsNone(self.attempt())

    def test_what_fails_twice_stays_away_until_somebody_says_retry(self):
        self.publish(images.make("1.1.0"))
        failed = [{"state": "failed", "target": "1.1.0", "error": {"code": 6, "name": "bad_hash"}}]
        self.assertEqual(self.check()["verdict"], "offer")
        self.assertEqual(self.check(reports=failed)["verdict"], "offer")
        answer = self.check(reports=failed)
        self.assertEqual((answer["verdict"], answer["offer"]), ("failed_often", None))
        self.assertEqual(answer["reason"], "1.1.0 failed on it 2 times")
        self.assertEqual(self.server.api("PATCH", f"/api/v1/devices/{mac(1)}", b'{"retry":true}',
                                         JSON)[0], 200)
        self.assertEqual(self.check()["verdict"], "offer")

    def test_a_broken_line_does_not_count(self):
        self.publish(images.make("1.1.0"))
        broken = [{"state": "failed", "target": "1.1.0", "error": {"code": 69}}]
        for _ in range(4):
            self.assertEqual(self.check(reports=broken)["verdict"], "offer")

    def test_a_roll_back_keeps_the_release_away(self):
        self.publish(images.make("1.1.0"))
        self.check()
        self.check(version="1.1.0", state="trial")
        answer = self.check(reports=[{"state": "rolled_back", "target": "1.1.0", "log": "panic",
                                      "error": {"code": 58, "text": "it hung"}}])
        self.assertEqual((answer["verdict"], answer["reason"]),
                         ("held_back", "1.1.0 was rolled back on it"))
        status, listed = self.server.api("GET", f"/api/v1/attempts?device={mac(1)}")
        self.assertEqual([(row["state"], row.get("log")) for row in listed["attempts"]],
                         [("rolled_back", "panic")])

    def test_min_from_lets_only_later_versions_come(self):
        self.publish(images.make("2.0.0"), "channel=stable&min_from=1.5")
        answer = self.check(version="1.4.9")
        self.assertEqual(answer["verdict"], "too_old")
        self.assertEqual(answer["reason"], "2.0.0 takes devices from 1.5 on, and it runs 1.4.9")
        self.assertEqual(self.check(version="v1.5.0")["verdict"], "offer")

    def test_another_flash_layout_takes_a_full_flash_over_usb(self):
        self.publish(images.make("1.1.0"), "channel=stable&board=evse-v2")
        self.assertEqual(self.server.api("PUT", "/api/v1/boards/demo/evse-v2",
                                         b'{"chip":"esp32","layout":"8m"}', JSON)[0], 200)
        self.assertEqual(self.check(board="evse-v1")["verdict"], "unknown")
        answer = self.check(board="evse-v2", layout="4m")
        self.assertEqual(answer["verdict"], "layout")
        self.assertIn("that takes a full flash over USB", answer["reason"])
        self.assertEqual(self.check(board="evse-v2", layout="8m")["offer"]["layout"], "8m")
        self.assertEqual((self.device()["board"], self.device()["layout"]), ("evse-v2", "8m"))

    def test_an_image_that_does_not_fit_is_not_offered(self):
        image = images.make("1.1.0")
        self.publish(image)
        answer = self.check(capacity=len(image) - 1)
        self.assertEqual(answer["verdict"], "too_large")
        self.assertIn("that takes a full flash over USB", answer["reason"])
        self.assertEqual(self.check(capacity=len(image))["verdict"], "offer")

    def test_the_image_of_the_board_comes_before_the_one_for_all(self):
        for_all, for_board = images.make("1.1.0"), images.make("1.1.0", size=70000)
        self.assertEqual(self.publish(for_all)[0], 201)
        self.assertEqual(self.publish(for_board, "channel=stable&board=evse-v2")[0], 201)
        self.assertEqual(self.check(1)["offer"]["size"], len(for_all))
        self.assertEqual(self.check(2, board="other")["offer"]["size"], len(for_all))
        self.assertEqual(self.check(3, board="evse-v2")["offer"]["size"], len(for_board))

    def test_what_is_no_check_in_is_refused_with_a_sentence(self):
        good = {"device": mac(1), "product": "demo", "version": "1.0.0", "state": "confirmed"}
        wrong = [b"", b"{", b"[]", b"{}", json.dumps(good).encode() + b"x",
                 *(json.dumps({**good, **bad}).encode() for bad in (
                     {"device": "x"}, {"product": "a/b"}, {"version": ""}, {"state": "failed"},
                     {"state": None}, {"board": "a b"}, {"layout": "a\nb"}, {"channel": ""},
                     {"capacity": -1}, {"capacity": 1.5}, {"reports": {}}, {"reports": [1]},
                     {"reports": [{"state": "failed"}]}, {"postponed": 1},
                     {"reports": [{"state": "confirmed", "target": "1"}]},
                     {"reports": [{"state": "failed", "target": "1"}] * 9},
                     {"postponed": {"code": "x"}}))]
        for body in wrong:
            with self.subTest(body):
                status, _, answer = harness.http("POST", self.server.url + "/d/check", body, JSON)
                self.assertEqual(status, 400, answer)
                self.assertTrue(json.loads(answer)["error"]["message"])
        self.assertEqual(harness.http("POST", self.server.url + "/d/check", b" " * 9000, JSON)[0], 413)
        self.assertEqual(self.list("devices"), [])


class Judged(ServerCase):
    """Stock clients say nothing of how an update went."""

    def ask(self, version):
        headers = {"x-ESP32-STA-MAC": mac(1), "x-ESP32-version": version,
                   "x-ESP32-mode": "sketch"}
        return self.get("/d/esp-update/demo", headers)[0]

    def states(self):
        status, answer = self.server.api("GET", f"/api/v1/attempts?device={mac(1)}")
        self.assertEqual(status, 200)
        return [(row["state"], row["error"]["name"] if row["error"] else None)
                for row in answer["attempts"]]

    def wait_sent(self):
        harness.wait_until("the image is noted as sent", lambda: self.list("devices")[0]["progress"]
                           == 100)

    def test_who_had_all_of_it_and_comes_back_twice_stays_back(self):
        self.publish(images.make("1.1.0"))
        self.assertEqual(self.ask("1.0.0"), 200)
        self.wait_sent()
        self.assertEqual(self.ask("1.0.0"), 200)
        self.assertEqual(self.states(), [("downloading", None), ("failed", "came_back")])
        self.wait_sent()
        self.assertEqual(self.ask("1.0.0"), 304)
        self.assertEqual(self.states(), [("failed", "came_back")] * 2)
        self.assertEqual(self.ask("1.0.0"), 304)

    def test_who_comes_back_with_the_new_version_is_confirmed(self):
        self.publish(images.make("1.1.0"))
        self.assertEqual(self.ask("1.0.0"), 200)
        self.wait_sent()
        self.assertEqual(self.ask("1.1.0"), 304)
        self.assertEqual(self.states(), [("confirmed", None)])


class VirtualDevice(Fleet):
    """The engine of the library against the server, over sockets."""

    def setUp(self):
        super().setUp()
        self.stop(self.updraftd)
        self.updraftd = self.server(extra=("--check-interval", "1"))

    def stop(self, server):
        self.assertEqual(server.stop(), 0, server.output())

    def checker(self, name, app, board="", extra=(), **kwargs):
        return self.device(name, app=app, board="poll_s: 1\n" + board,
                           extra=("--server", self.updraftd.url, *extra), **kwargs)

    def test_an_update_runs_through_and_is_confirmed(self):
        old = self.release("1.0.0")
        device = self.checker("garage", old, board="board: evse-v2\nlayout: 4m\n")
        self.wait_runs("garage", "1.0.0")
        new = self.release("1.1.0")
        device.wait_line("^update start via=check ")
        book = self.wait_runs("garage", "1.1.0")
        self.assertEqual((book["board"], book["layout"], book["channel"]), ("evse-v2", "4m", "stable"))
        attempt = self.wait_attempt("confirmed")
        self.assertEqual((attempt["via"], attempt["from"], attempt["to"]), ("check", "1.0.0", "1.1.0"))
        self.assertNotEqual(old, new)

    def test_the_button_is_waited_for_and_the_operator_sees_it(self):
        old = self.release("1.0.0")
        device = self.checker("garage", old, extra=("--button-window", "600"))
        self.wait_runs("garage", "1.0.0")
        self.release("1.1.0")
        device.wait_line("^update postponed code=116 ")
        attempt = self.wait_attempt("postponed")
        self.assertEqual(attempt["error"]["name"], "press_button")
        self.assertIn("button", attempt["error"]["text"])
        self.assertEqual(self.book("garage")["state"], "postponed")
        device.process.send_signal(signal.SIGRTMIN)
        self.wait_runs("garage", "1.1.0")

    def test_a_bad_image_rolls_back_and_stays_away(self):
        old = self.release("1.0.0")
        device = self.checker("garage", old)
        self.wait_runs("garage", "1.0.0")
        self.release("1.1.0", behaviour="crash")
        device.wait_line("^rolled back from=1.1.0 ", timeout_s=60)
        self.wait_attempt("rolled_back")
        book = self.wait_runs("garage", "1.0.0")
        self.assertEqual(book["state"], "rolled_back")
        self.release("1.2.0")
        self.wait_runs("garage", "1.2.0")

    def test_another_layout_and_too_large_an_image_are_refused_on_both_sides(self):
        old = self.release("1.0.0")
        self.checker("garage", old, board="board: v2\nlayout: 4m\n")
        self.wait_runs("garage", "1.0.0")
        self.updraftd.api("PUT", "/api/v1/boards/demo/v2", b'{"layout":"8m"}', JSON)
        self.release("1.1.0")
        status, _, answer = harness.http(
            "POST", self.updraftd.url + "/d/check", json.dumps(
                {"device": self.book("garage")["id"], "product": "demo", "version": "1.0.0",
                 "state": "confirmed", "board": "v2", "layout": "4m", "chip": "esp32"}).encode(), JSON)
        self.assertEqual((status, json.loads(answer)["verdict"]), (200, "layout"))
        self.assertEqual(self.attempts(), [])
        self.updraftd.api("PUT", "/api/v1/boards/demo/v2", b'{"layout":"4m"}', JSON)
        self.wait_runs("garage", "1.1.0")
        self.release("1.2.0", size=1100000)
        self.wait_runs("garage", "1.1.0")
        self.assertEqual([row["to"] for row in self.attempts()], ["1.1.0"])

    def test_a_server_that_is_none_is_told_apart(self):
        old = self.image("old.bin", version="1.0.0")
        device = self.device("garage", app=old, board="poll_s: 1\n",
                             extra=("--server", "http://127.0.0.1:9"))
        device.wait_line("^check failed code=68 ")


if __name__ == "__main__":
    unittest.main()
