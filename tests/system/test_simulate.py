"""updraft simulate against updraftd: the fleet is updated, the books are right, and wrong books are found."""

import json
import os
import unittest

import harness
import rollout_campaign
from server_case import JSON, ServerCase

FAULTS = ("--bad-boot", "8%", "--fail", "5%", "--silent", "2%")
FAST = ("--speed", "30", "--until-settled", "--duration", "2h")


class Simulate(ServerCase):
    def simulate(self, *args, status=0, timeout_s=120):
        result = self.cli("simulate", "--server", self.server.url, "--token", self.server.token, "--json",
                          *args, status=status, timeout_s=timeout_s)
        return json.loads(result.stdout)

    def devices(self):
        found, path = [], "/api/v1/devices?limit=1000"
        while path:
            status, page = self.server.api("GET", path)
            self.assertEqual(status, 200)
            found += page["devices"]
            path = page["next"] and f"/api/v1/devices?limit=1000&after={page['next']}"
        return found

    def test_a_mixed_fleet_is_updated_and_the_books_are_right(self):
        result = self.simulate("--devices", 400, "--publish", "2.0.0", *FAULTS, *FAST)
        truth, books = result["truth"], result["books"]
        for kind, share in {"esp8266": 160, "channel": 160, "evse": 40, "ovms": 20, "check": 20}.items():
            self.assertAlmostEqual(result["mix"][kind], share, delta=2)
        named = 400 - result["mix"]["evse"] - result["mix"]["ovms"]
        self.assertEqual(truth["settled"], 400)
        self.assertEqual((books["compared"], books["differences"], books["uncertain"]), (named, 0, 0))
        for end in ("confirmed", "rolled_back", "failed"):
            self.assertGreater(truth["updates"][end], 0)
            self.assertEqual(truth["updates"][end], books[end])
        self.assertGreater(truth["lost"], 0)
        self.assertGreater(truth["silent"], 0)
        # The same, counted by hand.
        devices = self.devices()
        self.assertEqual(len(devices), named)
        reporting = [device for device in devices if device["name"].startswith(("channel-", "check-"))]
        self.assertEqual(len(reporting), result["mix"]["channel"] + result["mix"]["check"])
        rolled_back = [one for one in reporting if one["attempt"]["state"] == "rolled_back"]
        self.assertEqual(len(rolled_back), truth["updates"]["rolled_back"])
        self.assertEqual({one["version"] for one in rolled_back}, {"1.0.0"})
        for row in result["latency"]:
            self.assertLessEqual(row["p50_ms"], row["p99_ms"])
            self.assertLessEqual(row["p99_ms"], row["max_ms"])
        self.assertEqual({row["kind"] for row in result["latency"]}, set(result["mix"]))
        image = os.stat(self.image("one.bin", size=65536)).st_size
        fetched = sum(row["count"] for row in result["latency"] if row["request"] == "image")
        self.assertGreater(result["requests"]["bytes"], fetched * image * 0.9)

    def test_devices_that_check_in_may_postpone_and_are_updated_later(self):
        args = ("--devices", 100, "--mix", "check", "--postpone", "40%", "--publish", "2.0.0", "--poll", "5s",
                "--image-size", "8K", "--boot-time", "500ms")
        run = self.start(harness.Process(
            [harness.program("updraft"), "simulate", "--server", self.server.url, "--token", self.server.token,
             "--json", "--quiet", "--until-settled", *map(str, args)]))

        def postponed():
            return [device for device in self.devices()
                    if device["attempt"] and device["attempt"]["state"] == "postponed"]

        one = harness.wait_until("a device that postpones", postponed)[0]
        self.assertEqual(one["attempt"]["error"]["text"], "the machine is running")
        self.assertEqual(run.wait_exit(), 0, run.output())
        self.assertEqual(json.loads(run.output())["truth"]["versions"], {"2.0.0": 100})
        self.assertEqual(postponed(), [])

    def test_linux_devices_take_packages_and_keep_a_roll_back_to_themselves(self):
        result = self.simulate("--devices", 120, "--mix", "ddi:80,channel:20", "--publish", "2.0.0", *FAULTS, *FAST)
        self.assertEqual(result["books"]["differences"], 0)
        self.assertEqual(result["truth"]["lost"], 0)
        linux = [device for device in self.devices() if device["chip"] == "swu"]
        self.assertEqual(len(linux), result["mix"]["ddi"])
        back = [device for device in linux if device["version"] == "1.0.0" and device["attempt"]["state"] == "written"]
        self.assertGreater(len(back), 0)
        again = self.simulate("--devices", 120, "--mix", "ddi:80,channel:20", "--publish", "3.0.0", *FAST)
        self.assertEqual(again["truth"]["versions"], {"3.0.0": 120})

    def test_the_same_seed_gives_the_same_fates_and_another_others(self):
        args = ("--devices", 200, "--publish", "2.0.0", *FAULTS, *FAST)
        first = self.simulate(*args, "--seed", 5)["truth"]
        self.assertEqual(self.server.stop(), 0)
        self.server = self.start_server("--log", "text")
        other = self.simulate(*args, "--seed", 6)["truth"]
        self.assertEqual(self.server.stop(), 0)
        os.rename(self.path("data"), self.path("before"))
        self.server = self.start_server()
        again = self.simulate(*args, "--seed", 5, "--keep-alive", "--parallel", 3)["truth"]
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_a_fleet_goes_on_where_it_was(self):
        self.simulate("--devices", 60, "--publish", "2.0.0", *FAULTS, *FAST)
        result = self.simulate("--devices", 60, "--publish", "3.0.0", *FAST)
        self.assertEqual(result["books"]["differences"], 0)
        self.assertEqual(result["truth"]["versions"], {"3.0.0": 60})
        self.assertEqual({device["version"] for device in self.devices()}, {"3.0.0"})
        again = self.simulate("--devices", 60, *FAST)
        self.assertEqual(again["truth"]["updates"]["begun"], 0)

    def test_parts_of_images_are_fetched_when_asked_for(self):
        args = ("--devices", 40, "--publish", "2.0.0", "--mix", "channel", "--image-size", "200K", *FAST)
        result = self.simulate(*args, "--sample", "1K")
        self.assertEqual(result["truth"]["updates"]["confirmed"], 40)
        self.assertLess(result["requests"]["bytes"], 40 * 20000)

    def test_wrong_books_are_found_and_named(self):
        run = self.start(harness.Process(
            [harness.program("updraft"), "simulate", "--server", self.server.url, "--token",
             self.server.token, "--json", "--quiet", "--devices", "30", "--mix", "channel", "--publish",
             "2.0.0", "--poll", "1s", "--duration", "6s", "--image-size", "8K"]))

        def updated():
            return [device for device in self.devices()
                    if device["version"] == "2.0.0" and device["confirmed"]]

        victim = harness.wait_until("a device to be updated", updated)[0]
        report = {"device": victim["id"], "product": "simulated", "version": "2.0.0", "state": "failed",
                  "target": "9.9.9"}
        self.assertEqual(harness.http("POST", self.server.url + "/d/report", json.dumps(report).encode(),
                                      JSON)[0], 200)
        self.assertEqual(run.wait_exit(), 1)
        result = json.loads(run.output()[:run.output().rindex("}") + 1])
        self.assertEqual(result["error"]["code"], "books_differ")
        self.assertEqual(result["books"]["differences"], 1)
        self.assertEqual(result["books"]["list"][0]["device"], victim["id"])
        self.assertEqual(result["books"]["list"][0]["books"], "failed")

    def test_what_cannot_be_done_is_said_with_a_remedy(self):
        def refused(status, code, *args):
            error = self.simulate(*args, status=status)["error"]
            self.assertEqual(error["code"], code)
            self.assertTrue(error["remedy"])

        refused(5, "nothing_published", "--devices", 3)
        for args in (("--devices", 0), ("--mix", "cat:3"), ("--poll", "0s"), ("--jitter", "101%"),
                     ("--speed", 0), ("--bad-boot", "x"), ("--product", ""), ("--duration", "5y")):
            refused(2, "usage", *args)
        self.simulate("--devices", 2, "--publish", "2.0.0", "--poll", "1h", "--until-settled", "--duration",
                      "1s", status=1)
        self.server.token = "0" * 64
        refused(6, "unauthorized", "--devices", 3, "--publish", "2.0.0")
        self.server.stop()
        refused(4, "cannot_connect", "--devices", 3)


class Rollout(harness.Case):
    """A short form of `./run campaign rollout`."""

    def run_campaign(self, bad_boot, mix, state):
        campaign = rollout_campaign.Campaign(self.directory, 200, bad_boot, mix=mix, stages="20% 100%")
        self.addCleanup(campaign.end)
        rollout, _, truth = campaign.run(("stopped", "done"))
        self.assertEqual(rollout["state"], state, rollout)
        return rollout, truth

    def test_a_bad_release_stops_in_its_first_stage_and_nothing_is_counted_as_success(self):
        rollout_campaign.check_stopped(*self.run_campaign("40%", "channel", "stopped"), 40)

    def test_a_good_release_reaches_all_of_a_mixed_fleet(self):
        rollout, truth = self.run_campaign("0%", "channel:70,esp8266:30", "done")
        rollout_campaign.check_done(rollout, truth, 200)
        self.assertEqual(truth["truth"]["versions"], {"2.0.0": 200})


if __name__ == "__main__":
    unittest.main()
