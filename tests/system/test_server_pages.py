"""Long lists: pages that miss nothing, an overview that stays of a size, attempts that do not grow
without end."""

import json
import sqlite3
import unittest

import images
from server_case import ServerCase, mac


class Pages(ServerCase):
    def publish(self, image):
        self.assertEqual(super().publish(image)[0], 201)

    def pages(self, kind, query, cursor):
        """All rows, page by page; and the sizes of the pages."""
        rows, sizes, where = [], [], ""
        while True:
            status, answer = self.server.api("GET", f"/api/v1/{kind}?{query}{where}")
            self.assertEqual(status, 200, answer)
            rows += answer[kind]
            sizes.append(len(answer[kind]))
            if answer["next"] is None:
                return rows, sizes
            where = f"&{cursor}={answer['next']}"

    def put_devices(self, count):
        """As if they had all been here before."""
        self.server.stop()
        database = sqlite3.connect(self.path("data", "updraft.sqlite"))
        with database:
            database.executemany(
                "INSERT INTO devices VALUES(?,'','demo','','1.0.0','','',0,1,1,0,?,'','')",
                [(mac(number), 1800000000000 + number) for number in range(count)])
        database.close()
        self.server = self.start_server()

    def test_devices_come_in_pages_that_miss_none(self):
        for number in range(10):
            self.report(number, "1.0.0", "confirmed")
        rows, sizes = self.pages("devices", "limit=4", "after")
        self.assertEqual([row["id"] for row in rows], [mac(number) for number in range(10)])
        self.assertEqual(sizes, [4, 4, 2])
        self.assertEqual(self.pages("devices", "limit=5", "after")[1], [5, 5])
        self.assertEqual(self.pages("devices", "", "after")[1], [10])
        self.assertEqual(self.pages("devices", "after=10", "after")[1], [0])
        self.assertEqual(self.pages("devices", "after=999999999999999", "after")[1], [0])
        for query in ("limit=0", "limit=1001", "limit=4x", "after=0", "after=-1", "after=x"):
            self.assert_refused(self.server.api("GET", "/api/v1/devices?" + query), 400)

    def wished(self, query):
        return [int(row["id"][-2:], 16) for row in self.pages("devices", "limit=2&" + query, "after")[0]]

    def test_devices_are_found_by_what_they_are(self):
        for number in range(6):
            self.report(number, f"1.{number}.0", "confirmed", name=f"hall {number}" if number % 2 else "Lab")
        self.report(4, "1.4.0", "failed", target="2.0", error={"code": 69})
        self.report(5, "1.5.0", "trial")
        self.report(6, "1.0.0", "confirmed", product="other")
        for query, found in (("filter=", [0, 1, 2, 3, 4, 5, 6]), ("filter=version%3C1.2", [0, 1, 6]),
                             ("filter=name~%22hall*%22%20version%3E=1.3", [3, 5]),
                             ("product=other", [6]), ("product=none", []), ("channel=stable", []),
                             ("state=failed", [4]), ("state=trial,failed", [4, 5]),
                             ("state=failed&product=other", []), ("search=lab", [0, 2, 4]),
                             ("search=HALL%203", [3]), ("search=:00:05", [5]), ("search=127.0.0", [0, 1, 2, 3, 4, 5, 6]),
                             ("search=1.2.0", [2])):
            self.assertEqual(self.wished(query), found, query)
        for query, code in (("filter=colour=red", "bad_filter"), ("state=", "bad_state"),
                            ("state=fail", "bad_state"), ("state=failed,", "bad_state"),
                            ("state=failed,failed", "bad_state")):
            self.assert_refused(self.server.api("GET", "/api/v1/devices?" + query), 400, code)

    def test_a_page_is_right_although_devices_arrive(self):
        for number in range(5):
            self.report(number, "1.0.0", "confirmed")
        _, first = self.server.api("GET", "/api/v1/devices?limit=3")
        self.report(77, "1.0.0", "confirmed")
        self.server.stop()
        self.server = self.start_server()
        rows, _ = self.pages("devices", f"limit=3&after={first['next']}", "after")
        self.assertEqual([row["id"] for row in first["devices"] + rows],
                         [mac(number) for number in (0, 1, 2, 3, 4, 77)])

    def test_attempts_come_in_pages_that_miss_none(self):
        for number in range(3):
            for version in range(4):
                self.report(number, "1.0.0", "downloading", target=f"2.{version}")
        rows, sizes = self.pages("attempts", "limit=5", "before")
        self.assertEqual(sizes, [5, 5, 2])
        ids = [row["id"] for row in rows]
        self.assertEqual(ids, sorted(set(ids), reverse=True))
        rows, sizes = self.pages("attempts", "limit=3&device=" + mac(1), "before")
        self.assertEqual(sizes, [3, 1])
        self.assertEqual([row["to"] for row in rows], ["2.3", "2.2", "2.1", "2.0"])

    def test_the_overview_counts_all_and_shows_the_first_thousand(self):
        self.put_devices(2500)
        self.report(7, "1.0.0", "failed", target="2.0.0", error={"code": 69})
        self.report(8, "1.0.0", "trial")
        status, overview = self.server.api("GET", "/api/v1/overview")
        self.assertEqual(len(overview["devices"]), 1000)
        self.assertEqual(overview["devices_next"], 1000)
        self.assertEqual(overview["summary"], {
            "devices": 2500, "runs_confirmed": 2499,
            "states": {"seen": 0, "offered": 0, "downloading": 0, "written": 0, "trial": 1,
                       "confirmed": 2498, "rolled_back": 0, "failed": 1, "postponed": 0}})
        rows, sizes = self.pages("devices", "", "after")
        self.assertEqual((len({row["id"] for row in rows}), sizes), (2500, [1000, 1000, 500]))
        listed = json.loads(self.cli("devices", "--json", "--server", self.server.url, "--token",
                                     self.server.token).stdout)
        self.assertEqual([row["id"] for row in listed["devices"]], [row["id"] for row in rows])

    def attempts_of(self, number):
        return self.pages("attempts", "limit=1000&device=" + mac(number), "before")[0]

    def ask_channel(self, number):
        headers = {"x-updraft-device": mac(number), "x-updraft-version": "1.0.0"}
        return self.get("/d/channel/demo/stable/esp32.json", headers)[2]

    def test_old_attempts_go_but_not_what_holds_a_device_back(self):
        self.publish(images.make("3.0.0"))
        self.report(1, "1.0.0", "rolled_back", target="3.0.0", error={"code": 58})
        self.report(1, "1.0.0", "rolled_back", target="invented", error={"code": 58}, log="panic")
        self.report(2, "1.0.0", "failed", target="2.0", error={"code": 69})
        for number in range(60):
            self.report(1, "1.0.0", "downloading", target=f"4.{number}")
        for round_ in range(2):
            attempts = self.attempts_of(1)
            self.assertEqual([a["to"] for a in attempts],
                             [f"4.{number}" for number in range(59, 39, -1)] + ["3.0.0"])
            self.assertEqual([a["state"] for a in attempts],
                             ["downloading"] + ["failed"] * 19 + ["rolled_back"])
            self.assertEqual(len(self.attempts_of(2)), 1)
            self.assertEqual(len(self.pages("attempts", "limit=7", "before")[0]), 22 + round_)
            self.assertNotIn(b"3.0.0", self.ask_channel(1))  # held back still
            self.assertIn(b"3.0.0", self.ask_channel(9))
            self.server.stop()
            database = sqlite3.connect(self.path("data", "updraft.sqlite"))
            self.assertEqual(database.execute("SELECT count(*) FROM attempts").fetchone()[0], 23)
            self.assertEqual(database.execute("SELECT count(*) FROM logs").fetchone()[0], 0)
            database.close()
            self.server = self.start_server()
        self.report(1, "1.0.0", "downloading", target="5.0")
        self.assertEqual(len(self.attempts_of(1)), 21)


if __name__ == "__main__":
    unittest.main()
