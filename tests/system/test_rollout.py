"""Rollouts as a whole: stages, limits, the brake, and books that agree with what the devices did."""

import concurrent.futures
import json
import threading
import time
import unittest

import harness
import images
from server_case import JSON, ServerCase, mac

EAGER = {"confirmed_least": 90, "failed_most": 10, "rolled_back_most": 5, "silent_most": 10,
         "soak_s": 0, "silent_after_s": 3600}


class RolloutCase(ServerCase):
    """Devices are numbers; each asks at the channel's descriptor and reports as our own do."""

    def setUp(self):
        super().setUp()
        self.publish(images.make("1.0.0"))
        self.publish(images.make("1.1.0"), "notes=new")

    def make_fleet(self, count, version="1.0.0"):
        for number in range(count):
            self.check_in(number, version)
            self.report(number, version, "confirmed")

    def check_in(self, number, version, channel="stable"):
        """The version that the device is told to run."""
        status, _, text = self.get(f"/d/channel/demo/{channel}/esp32.json",
                                   {"x-updraft-device": mac(number), "x-updraft-version": version})
        self.assertEqual(status, 200, text)
        return json.loads(text)["version"]

    def order(self, **more):
        body = {"product": "demo", "version": "1.1.0", "stages": "10% 50% 100%", "gates": EAGER, **more}
        return json.dumps(body).encode()

    def start(self, **more):
        status, answer = self.server.api("POST", "/api/v1/rollouts", self.order(**more), JSON)
        self.assertEqual(status, 201, answer)
        return answer["rollout"]["id"]

    def rollout(self, number=1):
        status, answer = self.server.api("GET", f"/api/v1/rollouts/{number}")
        self.assertEqual(status, 200, answer)
        return answer["rollout"]

    def act(self, action, number=1):
        return self.server.api("POST", f"/api/v1/rollouts/{number}/{action}", b"", JSON)

    def wait_for(self, what, number=1, seconds=15):
        """Until the rollout is as asked; it is counted once a second."""
        end = time.monotonic() + seconds
        while True:
            rollout = self.rollout(number)
            if what(rollout):
                return rollout
            self.assertLess(time.monotonic(), end, rollout)
            time.sleep(0.1)

    def wait_for_stage(self, stage, number=1):
        return self.wait_for(lambda r: r["stage"] == stage and r["stages"][stage]["counts"], number)

    def offered(self, fleet, version="1.0.0"):
        """Who of the fleet is told to take the new release."""
        return [number for number in fleet if self.check_in(number, version) == "1.1.0"]

    def succeed(self, number):
        self.report(number, "1.0.0", "written", target="1.1.0")
        self.report(number, "1.1.0", "trial")
        self.report(number, "1.1.0", "confirmed")

    def roll_back(self, number):
        self.report(number, "1.0.0", "written", target="1.1.0")
        self.report(number, "1.1.0", "trial")
        self.report(number, "1.0.0", "rolled_back", target="1.1.0",
                    error={"code": 58, "name": "rolled_back", "text": "panic"})

    def channel(self):
        return self.list("channels")[0]["version"]


class Rollout(RolloutCase):
    def test_it_goes_through_its_stages_and_moves_the_channel_at_the_end(self):
        self.make_fleet(40)
        preview = self.server.api("POST", "/api/v1/rollouts/preview", self.order(), JSON)[1]
        self.assertEqual(preview, {"matched": 40, "on_target": 0, "unreachable": 0, "stages": [
            {"goal": "10%", "size": 4}, {"goal": "50%", "size": 20}, {"goal": "100%", "size": 40}]})
        self.start()
        self.wait_for_stage(0)
        done = []
        for stage, size in enumerate((4, 20, 40)):
            rollout = self.wait_for_stage(stage)
            self.assertEqual(self.channel(), "1.0.0")
            got = self.offered(set(range(40)) - set(done))
            self.assertEqual(len(got) + len(done), size, rollout)
            for number in got:
                self.succeed(number)
            done += got
        rollout = self.wait_for(lambda r: r["state"] == "done")
        self.assertEqual(rollout["counts"]["confirmed"], 40)
        self.assertEqual([stage["size"] for stage in rollout["stages"]], [4, 20, 40])
        self.assertIsNone(rollout["reason"])
        self.assertEqual(self.channel(), "1.1.0")
        self.assertEqual(self.offered(range(40), "1.1.0"), list(range(40)))

    def test_it_stops_when_too_many_roll_back_and_offers_it_to_nobody_else(self):
        self.make_fleet(40)
        self.start()
        self.wait_for_stage(0)
        first = self.offered(range(40))
        self.succeed(first[0])
        self.roll_back(first[1])
        rollout = self.wait_for(lambda r: r["state"] == "stopped")
        self.assertEqual(rollout["reason"], "1 of the 4 devices in stage 1 of 3 rolled back: 25.0 %, "
                                            "and the limit is 5 %")
        self.assertTrue(rollout["remedy"])
        self.assertEqual(rollout["counts"]["confirmed"], 1)
        self.assertEqual(rollout["counts"]["rolled_back"], 1)
        self.assertEqual(rollout["failures"][0]["count"], 1)
        self.assertEqual(rollout["failures"][0]["code"], 58)
        self.assertEqual(rollout["devices"]["rolled_back"], [mac(first[1])])
        self.assertEqual(self.channel(), "1.0.0")
        # Whoever was offered it and had not begun is not told of it any more, either.
        self.assertEqual(self.offered(set(range(40)) - {first[0]}), [])
        # The one that runs it is not taken back.
        self.assertEqual(self.check_in(first[0], "1.1.0"), "1.1.0")


    def test_it_stops_when_too_many_fail(self):
        self.make_fleet(20)
        self.start(stages="50% 100%")
        self.wait_for_stage(0)
        got = self.offered(range(20))
        self.assertEqual(len(got), 10)
        for number in got[:2]:
            self.report(number, "1.0.0", "failed", target="1.1.0",
                        error={"code": 17, "name": "digest_mismatch", "text": "other bytes"})
        rollout = self.wait_for(lambda r: r["state"] == "stopped")
        self.assertEqual(rollout["reason"],
                         "2 of the 10 devices in stage 1 of 2 failed: 20.0 %, and the limit is 10 %")
        self.assertEqual([(f["code"], f["count"]) for f in rollout["failures"]], [(17, 2)])
        self.assertTrue(rollout["failures"][0]["remedy"])
        self.assertEqual(self.channel(), "1.0.0")

    def test_it_stops_when_too_many_fall_silent_after_they_began(self):
        self.make_fleet(10)
        self.start(stages="100%", gates={**EAGER, "silent_after_s": 3, "silent_most": 20})
        self.wait_for_stage(0)
        self.assertEqual(self.offered(range(10)), list(range(10)))
        for number in range(7):
            self.succeed(number)
        rollout = self.wait_for(lambda r: r["state"] == "stopped")
        self.assertEqual(rollout["reason"],
                         "3 of the 10 devices in stage 1 of 1 fell silent: 30.0 %, and the limit is 20 %")
        self.assertEqual(rollout["counts"]["silent"], 3)
        # They come back, it is resumed, and they may begin.
        for number in (7, 8, 9):
            self.check_in(number, "1.0.0")
        self.assertEqual(self.act("resume")[0], 200)
        self.wait_for(lambda r: r["counts"]["silent"] == 0)
        for number in (7, 8, 9):
            self.succeed(number)
        self.wait_for(lambda r: r["state"] == "done")

    def test_devices_that_are_away_are_no_members_and_are_served_when_they_come(self):
        self.make_fleet(10)
        time.sleep(3.5)
        for number in range(4):
            self.check_in(number, "1.0.0")
        gates = {**EAGER, "silent_after_s": 3}
        preview = self.server.api("POST", "/api/v1/rollouts/preview",
                                  self.order(stages="50% 100%", gates=gates), JSON)[1]
        self.assertEqual((preview["matched"], preview["unreachable"]), (10, 6))
        self.assertEqual([stage["size"] for stage in preview["stages"]], [2, 4])
        self.start(stages="100%", gates={**gates, "silent_after_s": 4})
        self.wait_for_stage(0)
        for number in range(4):
            self.assertEqual(self.check_in(number, "1.0.0"), "1.1.0")
            self.succeed(number)
        self.assertEqual(self.wait_for(lambda r: r["state"] == "done")["counts"]["confirmed"], 4)
        self.assertEqual(self.check_in(9, "1.0.0"), "1.1.0")

    def test_it_stops_when_enough_cannot_be_reached_any_more(self):
        self.make_fleet(10)
        self.start(stages="100%", gates={**EAGER, "rolled_back_most": 50, "failed_most": 50})
        self.wait_for_stage(0)
        self.offered(range(10))
        for number in range(8):
            self.succeed(number)
        for number in (8, 9):
            self.roll_back(number)
        rollout = self.wait_for(lambda r: r["state"] == "stopped")
        self.assertEqual(rollout["reason"], "all 10 devices in stage 1 of 1 have ended or fallen "
                                            "silent and 8 are confirmed: 80.0 %, and 90 % are needed")

    def test_paused_nobody_new_begins_and_who_began_goes_on(self):
        self.make_fleet(10)
        self.start(stages="100%")
        self.wait_for_stage(0)
        self.assertEqual(self.offered((0, 1)), [0, 1])
        self.report(0, "1.0.0", "downloading", target="1.1.0", progress=10)
        status, answer = self.act("pause")
        self.assertEqual((status, answer["rollout"]["state"]), (200, "paused"))
        self.assertEqual(answer["rollout"]["reason"], "paused by first")
        self.assertEqual(self.check_in(0, "1.0.0"), "1.1.0")
        self.assertEqual(self.check_in(1, "1.0.0"), "1.0.0")
        self.assertEqual(self.check_in(2, "1.0.0"), "1.0.0")
        self.assert_refused(self.act("pause"), 409, "wrong_state")
        self.succeed(0)
        self.wait_for(lambda r: r["counts"]["confirmed"] == 1)
        self.assertEqual(self.act("resume")[1]["rollout"]["state"], "running")
        self.assertEqual(self.offered(range(1, 10)), list(range(1, 10)))

    def test_aborted_it_is_over_and_nobody_is_taken_back(self):
        self.make_fleet(4)
        self.start(stages="100%")
        self.wait_for_stage(0)
        self.offered(range(4))
        self.succeed(0)
        status, answer = self.act("abort")
        self.assertEqual((status, answer["rollout"]["state"]), (200, "aborted"))
        self.assertEqual(self.check_in(0, "1.1.0"), "1.1.0")
        self.assertEqual(self.check_in(1, "1.0.0"), "1.0.0")
        for action in ("pause", "resume", "abort", "retry"):
            self.assert_refused(self.act(action), 409, "wrong_state")
        # The way is free, also for a hand on the channel: now the channel means it.
        self.publish(images.make("1.2.0"))
        self.assertEqual(self.check_in(0, "1.1.0"), "1.2.0")

    def test_retry_gives_those_another_chance_that_failed(self):
        self.make_fleet(4)
        self.start(stages="100%")
        self.wait_for_stage(0)
        self.offered(range(4))
        self.roll_back(0)
        self.wait_for(lambda r: r["state"] == "stopped")
        # Resuming alone does not make it good.
        self.assertEqual(self.act("resume")[0], 200)
        self.wait_for(lambda r: r["state"] == "stopped")
        self.assertEqual(self.check_in(0, "1.0.0"), "1.0.0")
        self.assertEqual(self.act("retry")[1]["rollout"]["state"], "running")
        rollout = self.wait_for(lambda r: r["counts"]["rolled_back"] == 0)
        self.assertEqual(rollout["counts"]["waiting"], 1)
        self.assertEqual(self.offered(range(4)), [0, 1, 2, 3])
        for number in range(4):
            self.succeed(number)
        self.assertEqual(self.wait_for(lambda r: r["state"] == "done")["counts"]["confirmed"], 4)

    def test_it_waits_after_each_stage_when_told_to(self):
        self.make_fleet(10)
        self.start(stages="20% 100%", pause_on_success=True)
        self.wait_for_stage(0)
        for number in self.offered(range(10)):
            self.succeed(number)
        rollout = self.wait_for(lambda r: r["state"] == "paused")
        self.assertEqual(rollout["reason"], "stage 1 of 2 is done with 2 of its 2 devices confirmed")
        self.assertEqual(rollout["stage"], 1)
        self.assertIsNone(rollout["stages"][1]["counts"])
        self.assertEqual(self.offered(range(10)), [])
        self.act("resume")
        self.wait_for_stage(1)
        self.assertEqual(len(self.offered(range(10))), 10)

    def test_a_stage_soaks_before_the_next_one(self):
        self.make_fleet(10)
        self.start(stages="20% 100%", gates={**EAGER, "soak_s": 4})
        self.wait_for_stage(0)
        for number in self.offered(range(10)):
            self.succeed(number)
        rollout = self.wait_for(lambda r: r["gate_met"])
        met = rollout["gate_met"]
        rollout = self.wait_for(lambda r: r["stage"] == 1)
        self.assertGreaterEqual(rollout["stage_started"] - met, 4000)

    def test_updates_begin_only_in_the_window(self):
        self.make_fleet(4)
        hour = time.gmtime().tm_hour
        closed = {"from": f"{(hour + 2) % 24:02}:00", "to": f"{(hour + 3) % 24:02}:00"}
        opened = {"from": f"{(hour + 23) % 24:02}:00", "to": f"{(hour + 3) % 24:02}:00"}
        self.start(stages="100%", window=closed)
        self.wait_for_stage(0)
        self.assertEqual(self.offered(range(4)), [])
        self.assertEqual(self.rollout()["counts"]["waiting"], 4)
        self.act("abort")
        self.start(stages="100%", window=opened)
        self.wait_for_stage(0, number=2)
        self.assertEqual(self.offered(range(4)), [0, 1, 2, 3])

    def test_no_more_begin_in_a_minute_than_the_rate_allows(self):
        self.make_fleet(30)
        self.start(stages="100%", rate_per_min=7)
        self.wait_for_stage(0)
        while time.time() % 60 > 45:  # not over the end of a minute
            time.sleep(0.5)
        got = self.offered(range(30))
        self.assertEqual(len(got), 7)
        # Also not by asking at once, and who has begun may ask again.
        with concurrent.futures.ThreadPoolExecutor(15) as pool:
            answers = list(pool.map(lambda number: self.check_in(number, "1.0.0"), range(30)))
        self.assertEqual([n for n in range(30) if answers[n] == "1.1.0"], got)

    def test_a_scheduled_one_begins_at_its_time(self):
        self.make_fleet(2)
        self.start(stages="100%", start=int((time.time() + 3) * 1000))
        self.assertEqual(self.rollout()["state"], "scheduled")
        self.assertEqual(self.offered(range(2)), [])
        rollout = self.wait_for_stage(0)
        self.assertGreaterEqual(rollout["stage_started"], rollout["start"])
        self.assertEqual(self.offered(range(2)), [0, 1])

    def test_a_restart_in_the_middle_forgets_nothing(self):
        self.make_fleet(20)
        self.start()
        self.wait_for_stage(0)
        first = self.offered(range(20))
        for number in first:
            self.succeed(number)
        before = self.wait_for_stage(1)
        self.roll_back(self.offered(set(range(20)) - set(first))[0])
        self.server.process.kill()
        self.server.wait_exit()
        self.server = self.start_server()
        rollout = self.wait_for(lambda r: r["counted"])
        for key in ("id", "stage", "stage_started", "gates", "filter", "by", "created"):
            self.assertEqual(rollout[key], before[key])
        self.assertEqual(rollout["counts"]["confirmed"], len(first))
        self.assertEqual(self.wait_for(lambda r: r["state"] == "stopped")["counts"]["rolled_back"], 1)
        self.assertEqual(self.server.stop(), 0)
        self.server = self.start_server()
        self.assertEqual(self.rollout()["state"], "stopped")
        self.assertEqual(self.offered(set(range(20)) - set(first)), [])

    def test_a_filter_moves_some_and_leaves_the_channel_to_the_others(self):
        self.make_fleet(6)
        self.make_fleet(2, "0.9.0")
        order = self.order(stages="100%", filter="version>=1.0")
        preview = self.server.api("POST", "/api/v1/rollouts/preview", order, JSON)[1]
        self.assertEqual(preview["matched"], 4)
        self.start(stages="100%", filter="version>=1.0")
        self.wait_for_stage(0)
        self.assertEqual(self.offered(range(2), "0.9.0"), [])
        self.assertEqual(self.offered(range(2, 6)), [2, 3, 4, 5])
        for number in range(2, 6):
            self.succeed(number)
        self.wait_for(lambda r: r["state"] == "done")
        self.assertEqual(self.channel(), "1.0.0")
        # It goes on to hold for those that the filter takes.
        self.assertEqual(self.check_in(7, "1.0.0"), "1.1.0")
        self.assertEqual(self.check_in(2, "1.1.0"), "1.1.0")
        self.assertEqual(self.check_in(0, "0.9.0"), "1.0.0")

    def test_it_is_for_those_whom_operators_have_labelled(self):
        self.make_fleet(6)
        labels = json.dumps({"group": "garage", "tags": ["beta"], "attributes": {"hall": "3"}}).encode()
        for number in (1, 4):
            self.assertEqual(self.server.api("PATCH", "/api/v1/devices/" + mac(number), labels, JSON)[0], 200)
        self.start(stages="100%", filter="group=garage tag=beta attr.hall>=3")
        self.assertEqual(self.wait_for_stage(0)["matched"], 2)
        self.assertEqual(self.offered(range(6)), [1, 4])

    def test_our_own_check_in_is_told_what_it_waits_for(self):
        self.make_fleet(2)
        self.start(stages="50% 100%")
        self.wait_for_stage(0)

        def check(number):
            body = {"device": mac(number), "product": "demo", "version": "1.0.0", "state": "confirmed",
                    "chip": "esp32"}
            return json.loads(harness.http("POST", self.server.url + "/d/check", json.dumps(body).encode(),
                                           JSON)[2])

        answers = [check(number) for number in range(2)]
        self.assertEqual([bool(answer["offer"]) for answer in answers].count(True), 1)
        later = answers[0] if answers[1]["offer"] else answers[1]
        self.assertIn("has not come to this device yet", later["reason"])
        self.act("pause")
        told = check(0 if answers[0]["offer"] else 1)
        self.assertEqual((told["offer"], told["reason"]), (None, "the rollout is paused"))

    def test_devices_that_run_it_already_are_counted_apart(self):
        self.make_fleet(4)
        self.report(9, "1.1.0", "confirmed", chip="esp32")
        self.check_in(9, "1.1.0")
        self.start(stages="100%")
        rollout = self.wait_for_stage(0)
        self.assertEqual((rollout["matched"], rollout["on_target"]), (5, 1))
        self.assertEqual(rollout["stages"][0]["size"], 4)
        self.assertEqual(self.check_in(9, "1.1.0"), "1.1.0")

    def test_one_who_asks_without_a_name_gets_what_the_channel_offers(self):
        self.make_fleet(2)
        self.start(stages="100%")
        self.wait_for_stage(0)
        self.assertEqual(json.loads(self.get("/d/channel/demo/stable/esp32.json")[2])["version"], "1.0.0")
        for number in self.offered(range(2)):
            self.succeed(number)
        self.wait_for(lambda r: r["state"] == "done")
        self.assertEqual(json.loads(self.get("/d/channel/demo/stable/esp32.json")[2])["version"], "1.1.0")

    def test_orders_that_cannot_be_meant_are_refused(self):
        cases = [({"version": "9.9"}, 404, "release_not_found"),
                 ({"product": "none"}, 404, "product_not_found"),
                 ({"channel": "none"}, 404, "channel_not_found"),
                 ({"version": "1.0.0"}, 409, "nothing_to_do"),
                 ({"filter": "color=red"}, 400, "bad_filter"),
                 ({"stages": "10%"}, 400, "bad_stages"),
                 ({"stages": ["10%", 5]}, 400, "bad_json"),
                 ({"stage": "10%"}, 400, "bad_json"),
                 ({"gates": {"confirmed_least": 101}}, 400, "bad_json"),
                 ({"gates": {"confirmed": 90}}, 400, "bad_json"),
                 ({"gates": {"soak_s": -1}}, 400, "bad_json"),
                 ({"gates": {"silent_after_s": 0}}, 400, "bad_json"),
                 ({"window": {"from": "25:00", "to": "04:00"}}, 400, "bad_json"),
                 ({"window": {"from": "04:00", "to": "04:00"}}, 400, "bad_json"),
                 ({"rate_per_min": 1.5}, 400, "bad_json"),
                 ({"pause_on_success": 1}, 400, "bad_json"),
                 ({"start": "now"}, 400, "bad_json")]
        for more, status, code in cases:
            body = self.order(**more)
            with self.subTest(**more):
                self.assert_refused(self.server.api("POST", "/api/v1/rollouts", body, JSON), status, code)
                if code != "nothing_to_do":
                    self.assert_refused(
                        self.server.api("POST", "/api/v1/rollouts/preview", body, JSON), status, code)
        self.assertEqual(self.list("rollouts"), [])
        for number in ("0", "9", "x", "99999999999"):
            self.assert_refused(self.server.api("GET", "/api/v1/rollouts/" + number), 404,
                                "rollout_not_found")

    def test_a_channel_on_its_way_is_not_moved_by_hand(self):
        self.start(stages="100%", start=int((time.time() + 3600) * 1000))
        self.publish(images.make("1.2.0"), "notes=x")
        body = json.dumps({"version": "1.2.0"}).encode()
        self.assert_refused(self.server.api("PUT", "/api/v1/channels/demo/stable", body, JSON), 409,
                            "rollout_open")
        self.assert_refused(self.publish(images.make("1.3.0")), 409, "rollout_open")
        self.assert_refused(
            self.server.api("POST", "/api/v1/rollouts", self.order(version="1.2.0"), JSON), 409,
            "rollout_open")
        self.assertEqual(self.publish(images.make("1.3.0"), "notes=x")[0], 201)
        self.act("abort")
        self.assertEqual(self.server.api("PUT", "/api/v1/channels/demo/stable", body, JSON)[0], 200)

    def test_it_is_noted_who_did_what(self):
        self.start(stages="100%")
        self.act("pause")
        rows = [(row["request"], row["object"]) for row in self.list("audit")][:2]
        self.assertEqual(rows, [("POST /api/v1/rollouts/1/pause", "rollout 1: stable to 1.1.0"),
                                ("POST /api/v1/rollouts", "demo stable to 1.1.0 in stages 100%")])
        self.assertEqual(self.rollout()["by"], "first")


class RolloutStock(RolloutCase):
    """Stock clients of the ESP8266: what they run when they ask next is all that is known of them."""

    def setUp(self):
        super().setUp()
        for version in ("1.0.0", "1.1.0"):
            with open(self.image(version, chip="esp8266", version=version), "rb") as file:
                image = file.read()
            where = "channel=stable" if version == "1.0.0" else "notes=new"
            status, answer = self.publish(image, f"{where}&product=demo&version={version}")
            self.assertEqual(status, 201, answer)

    def ask(self, number, version):
        return self.get("/d/esp-update/demo", {"x-ESP8266-STA-MAC": mac(number), "x-ESP8266-mode": "sketch",
                                               "x-ESP8266-version": version})[0]

    def ask_until_heard(self, number, version, seconds=5):
        """As ask(), once the server knows that the image has left it."""
        end = time.monotonic() + seconds
        while self.get_device(number)["progress"] != 100:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        return self.ask(number, version)

    def get_device(self, number):
        return self.server.api("GET", "/api/v1/devices/" + mac(number))[1]["device"]

    def test_they_are_judged_by_what_they_run_when_they_ask_again(self):
        for number in range(10):
            self.assertEqual(self.ask(number, "1.0.0"), 304)
        self.start(stages="50% 100%", gates={**EAGER, "failed_most": 20})
        self.wait_for_stage(0)
        got = [number for number in range(10) if self.ask(number, "1.0.0") == 200]
        self.assertEqual(len(got), 5)
        self.assertEqual(self.get_device(got[0])["state"], "downloading")
        self.assertEqual(self.ask(got[0], "1.1.0"), 304)
        self.assertEqual(self.get_device(got[0])["state"], "confirmed")
        # This one had all of it and is back with the old version: it failed, and is tried once more.
        self.assertEqual(self.ask_until_heard(got[1], "1.0.0"), 200)
        self.assertEqual(self.ask_until_heard(got[1], "1.0.0"), 304)
        device = self.get_device(got[1])
        self.assertEqual((device["state"], device["attempt"]["error"]["name"]), ("failed", "came_back"))
        self.assertEqual(self.ask(got[1], "1.0.0"), 304)
        for number in got[2:4]:
            self.assertEqual(self.ask(number, "1.1.0"), 304)
        rollout = self.wait_for(lambda r: r["counts"]["confirmed"] == 3)
        self.assertEqual((rollout["state"], rollout["counts"]["failed"]), ("running", 1))
        for _ in range(2):
            self.ask_until_heard(got[4], "1.0.0")
        rollout = self.wait_for(lambda r: r["state"] == "stopped")
        self.assertEqual(rollout["reason"],
                         "2 of the 5 devices in stage 1 of 2 failed: 40.0 %, and the limit is 20 %")
        self.assertEqual([self.ask(number, "1.0.0") for number in set(range(10)) - set(got)], [304] * 5)


class RolloutCli(RolloutCase):
    """The same from the command line, as CI would use it."""

    def updraft(self, *args, status=0):
        return self.cli("rollout", *args, "--server", self.server.url, "--token", self.server.token,
                        status=status)

    def drive(self, rollback, end):
        """Devices that do as they are told until somebody sets `end`."""
        while not end.is_set():
            for number in range(10):
                if self.versions[number] == "1.0.0" and self.check_in(number, "1.0.0") == "1.1.0":
                    if number in rollback:
                        self.roll_back(number)
                    else:
                        self.succeed(number)
                        self.versions[number] = "1.1.0"
            time.sleep(0.2)

    def start_and_wait(self, rollback, status):
        self.make_fleet(10)
        self.versions = ["1.0.0"] * 10
        end = threading.Event()
        fleet = threading.Thread(target=self.drive, args=(rollback, end))
        fleet.start()
        try:
            return self.updraft("start", "demo", "stable", "1.1.0", "--stages", "20% 100%", "--soak",
                                "0s", "--wait", "--timeout", "50s", "--json", status=status)
        finally:
            end.set()
            fleet.join()

    def test_start_and_wait_ends_well_when_it_is_done(self):
        done = self.start_and_wait((), 0)
        rollout = json.loads(done.stdout)["rollout"]
        self.assertEqual((rollout["state"], rollout["counts"]["confirmed"]), ("done", 10))
        self.assertIn("running, stage 1 of 2 (20%)", done.stderr)
        self.assertIn("done, stage 2 of 2 (100%): 10 confirmed", done.stderr)
        self.assertIn("done", self.updraft("list").stdout)
        self.assertIn("10 confirmed", self.updraft("show", "1").stdout)

    def test_start_and_wait_fails_with_the_reason_when_it_stops_itself(self):
        done = self.start_and_wait(range(10), 1)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["error"]["code"], "rollout_stopped")
        self.assertRegex(answer["error"]["message"],
                         r"[12] of the 2 devices in stage 1 of 2 rolled back: (50|100)\.0 %")
        self.assertTrue(answer["error"]["remedy"])
        self.assertEqual(self.channel(), "1.0.0")
        self.assertIn("rolled_back", self.updraft("show", "1").stdout)
        self.assertIn("Rollout 1 is running.", self.updraft("retry", "1").stdout)
        self.assertIn("Rollout 1 is paused.", self.updraft("pause", "1").stdout)
        self.assertIn("Rollout 1 is running.", self.updraft("resume", "1").stdout)
        self.assertIn("Rollout 1 is aborted.", self.updraft("abort", "1").stdout)
        self.assertIn("cannot be resumed", self.updraft("resume", "1", status=5).stderr)

    def test_what_is_mistyped_is_said_before_anything_happens(self):
        order = ("start", "demo", "stable", "1.1.0")
        for args, words in ((("--soak", "soon"), "no length of time"),
                            (("--window", "10-12"), "no window"),
                            (("--silent-most", "101"), "silent-most")):
            self.assertIn(words, self.updraft(*order, *args, status=2).stderr)
        self.assertIn("at character 9", self.updraft(*order, "--filter", "group=a <", status=5).stderr)
        self.assertIn("last stage", self.updraft(*order, "--stages", "5%", status=5).stderr)
        self.assertIn("no number", self.updraft("show", "x", status=2).stderr)
        self.make_fleet(3)
        shown = self.updraft("preview", "demo", "stable", "1.1.0", "--filter", "chip=esp32").stdout
        self.assertIn("3 devices", shown)
        self.assertEqual(self.list("rollouts"), [])


if __name__ == "__main__":
    unittest.main()
