"""Rollouts as a whole: stages, limits, the brake, and books that agree with what the devices did."""

import json
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


if __name__ == "__main__":
    unittest.main()
