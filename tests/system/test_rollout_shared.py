"""A rollout that two servers on one PostgreSQL steer: devices ask at either, and one of the two is killed."""

import json
import time
import unittest

import images
import test_server_postgres
from server_case import JSON, mac
from test_rollout import EAGER

setUpModule = test_server_postgres.setUpModule


class SharedRollout(test_server_postgres.PostgresCase):
    def setUp(self):
        super().setUp()
        self.publish(images.make("1.0.0"))
        self.publish(images.make("1.1.0"), "notes=new")
        self.servers = [self.server, self.other]

    def at(self, number):
        return self.servers[number % len(self.servers)]

    def told(self, number, version):
        status, _, text = self.ask(self.at(number), number, version)
        self.assertEqual(status, 200, text)
        return json.loads(text)["version"]

    def rollout(self, server):
        status, answer = server.api("GET", "/api/v1/rollouts/1")
        return answer["rollout"] if status == 200 else None

    def begin(self, count, stages):
        self.until(lambda: self.ask(self.other, 0, "1.0.0")[0] == 200, "the other has the channel")
        for number in range(count):
            self.told(number, "1.0.0")
            self.tell(self.at(number), number, "1.0.0", "confirmed")
        body = json.dumps({"product": "demo", "version": "1.1.0", "stages": stages, "gates": EAGER})
        status, answer = self.server.api("POST", "/api/v1/rollouts", body.encode(), JSON)
        self.assertEqual(status, 201, answer)
        self.until(lambda: self.rollout(self.other), "the other has it")

    def finish(self, number, server, end):
        """An update, told at whichever server."""
        self.tell(server, number, "1.0.0", "written", target="1.1.0")
        self.tell(server, number, "1.1.0", "trial")
        if end == "confirmed":
            self.tell(server, number, "1.1.0", "confirmed")
        else:
            self.tell(server, number, "1.0.0", "rolled_back", target="1.1.0")

    def drive(self, count, bad, state, kill_at=None):
        """Devices that do as they are told, each with the other server next time, until both servers
        have come to the state."""
        runs, deadline = ["1.0.0"] * count, time.monotonic() + 60
        while not all((self.rollout(server) or {}).get("state") == state for server in self.servers):
            self.assertLess(time.monotonic(), deadline, self.rollout(self.servers[0]))
            for number in range(count):
                if runs[number] == "1.0.0" and self.told(number, "1.0.0") == "1.1.0":
                    end = "rolled_back" if number in bad else "confirmed"
                    self.finish(number, self.at(number + 1), end)
                    runs[number] = "1.1.0" if end == "confirmed" else "1.0.0"
            if kill_at is not None and runs.count("1.1.0") >= kill_at and len(self.servers) == 2:
                self.server.process.kill()
                self.servers = [self.other]
        return runs

    def test_it_goes_through_its_stages_once_though_two_steer_it_and_one_is_killed(self):
        self.begin(40, "10% 50% 100%")
        runs = self.drive(40, (), "done", kill_at=10)
        self.assertEqual(runs, ["1.1.0"] * 40)
        rollout = self.rollout(self.other)
        self.assertEqual(rollout["counts"]["confirmed"], 40)
        self.assertEqual(self.other.api("GET", "/api/v1/channels")[1]["channels"][0]["version"], "1.1.0")
        attempts = self.other.api("GET", "/api/v1/attempts")[1]["attempts"]
        self.assertEqual(sorted(attempt["device"] for attempt in attempts), [mac(n) for n in range(40)])

    def test_it_stops_at_both_for_the_same_reason(self):
        self.begin(40, "25% 100%")
        runs = self.drive(40, range(40), "stopped")
        self.assertNotIn("1.1.0", runs)
        first, second = (self.rollout(server) for server in self.servers)
        self.assertEqual(first["reason"], second["reason"])
        self.assertRegex(first["reason"], r"\d of the 10 devices in stage 1 of 2 rolled back: .* limit is 5 %")
        self.assert_one_fleet(*self.servers)
        for number in range(40):
            self.assertEqual(self.told(number, "1.0.0"), "1.0.0")


if __name__ == "__main__":
    unittest.main()
