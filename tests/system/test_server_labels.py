"""What operators say of devices, boards and releases, and how they find devices again."""

import json
import unittest

import images
from server_case import JSON, ServerCase, mac


class Labels(ServerCase):
    def send(self, method, path, body):
        return self.server.api(method, "/api/v1/" + path, json.dumps(body).encode(), JSON)

    def edit(self, number, **body):
        status, answer = self.send("PATCH", f"devices/{mac(number)}", body)
        self.assertEqual(status, 200, answer)
        return answer["device"]

    def find(self, query):
        status, answer = self.server.api("GET", "/api/v1/devices?" + query)
        self.assertEqual(status, 200, answer)
        return [row["id"] for row in answer["devices"]]

    def fill(self, count):
        for number in range(count):
            self.report(number, f"1.{number % 3}.0", "confirmed", name=f"box {number:02}")

    def test_a_device_is_named_grouped_and_tagged(self):
        self.fill(1)
        device = self.edit(0, name="Hall 3", group="garage", tags=["lab", "beta", "lab"],
                           attributes={"site": "hall 3", "phase": "2"})
        self.assertEqual((device["name"], device["group"], device["tags"]),
                         ("Hall 3", "garage", ["beta", "lab"]))
        self.assertEqual(device["attributes"], {"site": "hall 3", "phase": "2"})
        device = self.edit(0, add_tags=["a"], remove_tags=["lab", "none"],
                           attributes={"phase": None, "zone": "x=y"}, name=None)
        self.assertEqual((device["name"], device["tags"]), ("box 00", ["a", "beta"]))
        self.assertEqual(device["attributes"], {"site": "hall 3", "zone": "x=y"})
        self.server.stop()
        self.server = self.start_server()
        self.assertEqual(self.list("devices"), [device])

    def test_the_assigned_channel_wins(self):
        self.publish(images.make("1.1.0"))
        self.publish(images.make("2.0.0"), "channel=beta")
        ask = ("/d/channel/demo/stable/esp32.json",
               {"x-updraft-device": mac(1), "x-updraft-version": "1.0.0"})
        self.assertEqual(json.loads(self.get(*ask)[2])["version"], "1.1.0")
        device = self.edit(1, channel="beta")
        self.assertEqual((device["channel"], device["assigned_channel"]), ("beta", "beta"))
        self.assertEqual(json.loads(self.get(*ask)[2])["version"], "2.0.0")
        self.assertIsNone(self.edit(1, channel="")["assigned_channel"])
        self.assertEqual(json.loads(self.get(*ask)[2])["version"], "1.1.0")

    def test_what_cannot_be_kept_is_refused_and_nothing_changes(self):
        self.fill(1)
        before = self.list("devices")
        for body in ({"tags": "lab"}, {"tags": ["a b"]}, {"tags": [""]}, {"tags": [1]},
                     {"attributes": []}, {"attributes": {"a b": "x"}}, {"attributes": {"a": 1}},
                     {"attributes": {"a": "x\ny"}}, {"attributes": {"a": "x" * 64}},
                     {"group": "a/b"}, {"channel": 5}, {"name": "a\x07"}, {"colour": "red"},
                     {"retry": 1}, {"tags": [f"tag{i:028}" for i in range(64)]}, []):
            with self.subTest(body):
                self.assert_refused(self.send("PATCH", f"devices/{mac(0)}", body), 400, "bad_labels")
        self.assert_refused(self.send("PATCH", f"devices/{mac(7)}", {"group": "a"}), 404)
        self.assertEqual(self.list("devices"), before)

    def test_many_are_changed_by_a_filter_or_by_their_ids(self):
        self.fill(9)
        status, answer = self.send("POST", "devices/bulk",
                                   {"filter": "version<1.1", "add_tags": ["old"]})
        self.assertEqual((status, answer), (200, {"matched": 3, "changed": 3, "next": None}))
        self.assertEqual(self.find("filter=tag%3Dold"), [mac(0), mac(3), mac(6)])
        status, answer = self.send("POST", "devices/bulk",
                                   {"ids": [mac(0), mac(1), mac(77)], "group": "garage"})
        self.assertEqual((status, answer), (200, {"matched": 2, "changed": 2, "next": None}))
        status, answer = self.send("POST", "devices/bulk", {"filter": "", "add_tags": ["old"]})
        self.assertEqual((answer["matched"], answer["changed"]), (9, 6))
        for body in ({}, {"group": "a"}, {"filter": "x", "group": "a"}, {"ids": "x", "group": "a"},
                     {"ids": [1]}, {"ids": [], "filter": ""}, {"filter": "", "tags": ["a b"]}):
            with self.subTest(body):
                self.assert_refused(self.send("POST", "devices/bulk", body), 400)

    def test_devices_are_found_and_sorted(self):
        self.fill(9)
        self.edit(4, group="garage")
        self.edit(5, group="attic")
        self.assertEqual(self.find("filter=group%3Dgarage"), [mac(4)])
        self.assertEqual(self.find("filter=name~%22box*5%22"), [mac(5)])
        self.assertEqual(self.find("state=confirmed&product=demo&limit=2"), [mac(0), mac(1)])
        self.assertEqual(self.find("state=failed"), [])
        self.assertEqual(self.find("sort=-name&limit=3"), [mac(8), mac(7), mac(6)])
        self.assertEqual(self.find("sort=version"),
                         [mac(n) for n in (0, 3, 6, 1, 4, 7, 2, 5, 8)])
        self.assertEqual(self.find("sort=-group&limit=2"), [mac(4), mac(5)])
        rows, after = [], ""
        while True:
            status, answer = self.server.api("GET", "/api/v1/devices?sort=-id&limit=4" + after)
            rows += [row["id"] for row in answer["devices"]]
            if answer["next"] is None:
                break
            after = f"&after={answer['next']}"
        self.assertEqual(rows, [mac(n) for n in range(8, -1, -1)])
        self.assert_refused(self.server.api("GET", "/api/v1/devices?sort=colour"), 400, "bad_sort")
        self.assert_refused(self.server.api("GET", "/api/v1/devices?filter=colour%3Dred"), 400,
                            "bad_filter")

    def test_boards_are_made_and_changed(self):
        self.assert_refused(self.send("PUT", "boards/demo/v2", {}), 404, "product_not_found")
        self.publish(images.make("1.0.0"))
        status, answer = self.send("PUT", "boards/demo/v2", {"chip": "esp32", "layout": "8m"})
        self.assertEqual((status, answer["board"]), (200, {"product": "demo", "name": "v2",
                                                           "chip": "esp32", "layout": "8m"}))
        self.send("PUT", "boards/demo/v1", {})
        self.assertEqual(self.send("PUT", "boards/demo/v2", {"layout": "16m"})[1]["board"]["chip"],
                         "esp32")
        self.server.stop()
        self.server = self.start_server()
        self.assertEqual([(row["name"], row["chip"], row["layout"]) for row in self.list("boards")],
                         [("v1", "", ""), ("v2", "esp32", "16m")])
        for body in ({"chip": "z80"}, {"layout": "a\nb"}, {"layout": 4}, []):
            self.assert_refused(self.send("PUT", "boards/demo/v2", body), 400, "bad_board")

    def test_a_release_says_what_it_closes_and_who_may_come(self):
        image = images.make("1.0.0")
        status, answer = self.publish(
            image, "security=true&cve=cve-2026-1234,CVE-2026-99999&min_from=0.9")
        release = answer["release"]
        self.assertEqual((release["security"], release["cves"], release["min_from"]),
                         (True, ["CVE-2026-1234", "CVE-2026-99999"], "0.9"))
        status, answer = self.send("PATCH", "releases/demo/1.0.0",
                                   {"cves": [], "security": False, "min_from": None,
                                    "notes": "as it was"})
        release = answer["release"]
        self.assertEqual((status, release["security"], release["cves"], release["min_from"],
                          release["notes"]), (200, False, [], None, "as it was"))
        self.assertEqual(self.publish(image, "security=true")[0], 200)
        self.server.stop()
        self.server = self.start_server()
        self.assertEqual(self.list("releases"), [{**release, "security": True}])
        for query in ("security=yes", "cve=CVE-26-1", "min_from=soon", "board=a/b"):
            self.assert_refused(self.publish(image, query), 400)
        for body in ({"security": 1}, {"cves": "x"}, {"min_from": "x"}, {"version": "2"}, []):
            self.assert_refused(self.send("PATCH", "releases/demo/1.0.0", body), 400, "bad_release")
        self.assert_refused(self.send("PATCH", "releases/demo/9", {}), 404, "release_not_found")

    def cli_ok(self, *args, status=0):
        return self.cli(*args, "--server", self.server.url, "--token", self.server.token,
                        status=status).stdout

    def test_the_tool_does_all_of_it(self):
        self.write("demo.bin", images.make("1.0.0"))
        published = json.loads(self.cli_ok(
            "publish", self.path("demo.bin"), "--channel", "stable", "--json", "--board", "v2",
            "--security", "--cve", "CVE-2026-1234", "--min-from", "0.5"))
        release = published["release"]
        self.assertEqual((release["security"], release["cves"], release["min_from"]),
                         (True, ["CVE-2026-1234"], "0.5"))
        self.assertEqual(published["image"]["board"], "v2")
        self.cli_ok("releases", "set", "demo", "1.0.0", "--security", "no", "--cve", "",
                    "--min-from", "")
        release = self.list("releases")[0]
        self.assertEqual((release["security"], release["cves"], release["min_from"]),
                         (False, [], None))
        self.cli_ok("boards", "set", "demo", "v2", "--chip", "esp32", "--layout", "8m")
        self.assertIn("8m", self.cli_ok("boards"))
        self.fill(6)
        self.assertIn("2 devices, 2 changed.", self.cli_ok(
            "devices", "set", mac(0), mac(1), "--name", "Hall", "--group", "garage", "--tag",
            "lab,beta", "--attribute", "site=hall 3,phase=2", "--channel", "beta"))
        device = self.list("devices")[0]
        self.assertEqual((device["name"], device["group"], device["tags"], device["attributes"],
                          device["assigned_channel"]),
                         ("Hall", "garage", ["beta", "lab"], {"site": "hall 3", "phase": "2"}, "beta"))
        self.assertIn("2 devices, 2 changed.", self.cli_ok(
            "devices", "set", "--filter", "version<1.1", "--untag", "lab", "--tag", "old"))
        listed = json.loads(self.cli_ok("devices", "--filter", "tag=old", "--sort", "-id", "--json"))
        self.assertEqual([row["id"] for row in listed["devices"]], [mac(3), mac(0)])
        self.cli_ok("devices", "set", mac(0), mac(77), "--group", "a", status=5)
        self.cli_ok("devices", "set", mac(0), status=2)
        self.cli_ok("devices", "set", "--group", "a", status=2)
        self.cli_ok("devices", "set", mac(0), "--attribute", "x", status=2)


if __name__ == "__main__":
    unittest.main()
