"""The commands for a server, against a scripted one; the real one is tested with them elsewhere."""

import json
import stat
import time
import unittest

from cli_case import CliTest, HttpPeer


class Server(CliTest):
    TOKEN = "t0ken"

    def setUp(self):
        super().setUp()

        def guarded(answer):
            def route(headers, body):
                if headers.get("Authorization") != "Bearer " + self.TOKEN:
                    return 401, "application/json", json.dumps(
                        {"error": {"code": "unauthorized", "message": "the token is wrong",
                                   "remedy": "Look in token."}})
                return answer(headers, body) if callable(answer) else (200, "application/json",
                                                                       json.dumps(answer))
            return route

        release = {"id": 1, "product": "demo", "version": "1.1.0", "notes": "", "created": 1,
                   "channels": ["stable"],
                   "images": [{"chip": "esp32", "sha256": "00", "md5": "00", "size": 20000,
                               "project": "demo",
                               "idf": "v5.4.1"}]}
        self.conflict = False

        def publish(headers, body):
            if self.conflict:
                return 409, "application/json", json.dumps(
                    {"error": {"code": "exists", "message": "1.1.0 for esp32 has other bytes",
                               "remedy": "Raise it."}})
            self.published = body
            return 201, "application/json", json.dumps(
                {"release": release, "image": release["images"][0],
                 "channel": {"product": "demo", "name": "stable", "version": "1.1.0",
                             "release_id": 1}})

        self.peer = HttpPeer(self, {
            ("GET", "/api/v1/products"): guarded({"products": []}),
            ("GET", "/api/v1/devices"): guarded({"devices": [
                {"id": "24:6F:28:00:00:01", "name": "garage", "product": "demo", "chip": "esp32",
                 "version": "1.0.0",
                 "slot": "ota_0", "confirmed": True, "state": "confirmed", "target": "1.1.0",
                 "last_seen": int(time.time() * 1000) - 30000,
                 "attempt": {"state": "failed", "error": {"text": "too large"}}}]}),
            ("GET", "/api/v1/releases"): guarded({"releases": [release]}),
            ("GET", "/api/v1/channels"): guarded({"channels": []}),
            ("POST", "/api/v1/releases"): guarded(publish),
            ("PUT", "/api/v1/channels/demo/be%20ta"): guarded({"channel": {"name": "be ta",
                                                                           "version": "1.1.0"}}),
        })
        self.url = f"http://127.0.0.1:{self.peer.port}"
        self.env = {"UPDRAFT_SERVER": self.url, "UPDRAFT_TOKEN": self.TOKEN, "HOME": str(self.dir),
                    "XDG_CONFIG_HOME": ""}

    def test_devices_as_text_and_json(self):
        self.assertEqual(self.json("devices", env=self.env)["devices"][0]["name"], "garage")
        text = self.ok("devices", env=self.env)
        for word in ("garage", "24:6F:28:00:00:01", "1.1.0", "too large", "s ago"):
            self.assertIn(word, text)
        self.assertIn("20 000", self.ok("releases", env=self.env))
        self.assertIn("no channel yet", self.ok("channels", env=self.env))

    def test_publish_sends_the_image_with_channel_and_notes(self):
        image = self.image(version="1.1.0")
        got = self.json("publish", image, "--channel", "stable", "--notes", "a & b=c", env=self.env)
        self.assertEqual(got["channel"]["version"], "1.1.0")
        self.assertEqual(self.published, image.read_bytes())
        self.assertEqual(self.peer.posts()[0][1],
                         "/api/v1/releases?channel=stable&notes=a%20%26%20b%3Dc")

    def test_a_damaged_image_is_not_published(self):
        bad = self.write("bad.bin", self.image().read_bytes()[:-5])
        self.assertEqual(self.error(3, "publish", bad, "--channel", "stable", env=self.env)["code"],
                         "truncated")
        self.assertEqual(self.peer.posts(), [])

    def test_the_server_s_refusal_becomes_a_chain_of_causes(self):
        self.conflict = True
        error = self.error(5, "publish", self.image(version="1.1.0"), "--channel", "stable",
                           env=self.env)
        self.assertEqual(error["message"], "cannot publish 1.1.0: 1.1.0 for esp32 has other bytes")
        self.assertEqual((error["code"], error["remedy"]), ("exists", "Raise it."))

    def test_a_wrong_token_is_exit_6_and_no_server_exit_4(self):
        self.assertEqual(self.error(6, "devices", "--token", "no", env=self.env)["code"],
                         "unauthorized")
        env = dict(self.env, UPDRAFT_SERVER="http://127.0.0.1:1")
        self.assertEqual(self.error(4, "devices", env=env)["code"], "cannot_connect")
        self.assertEqual(self.error(2, "devices", env={"HOME": str(self.dir)})["code"], "no_server")

    def test_login_keeps_what_works_for_its_owner_alone(self):
        home = {"HOME": str(self.dir), "XDG_CONFIG_HOME": ""}
        self.error(6, "login", self.url, "--token", "wrong", env=home)
        kept = self.dir / ".config" / "updraft" / "server.json"
        self.assertFalse(kept.exists())
        self.ok("login", self.url + "/", "--token", "-", env=home,
                stdin=self.TOKEN.encode() + b"\n")
        self.assertEqual(stat.S_IMODE(kept.stat().st_mode), 0o600)
        self.assertEqual(len(self.json("devices", env=home)["devices"]), 1)

    def test_a_kept_token_is_not_shown_to_another_server(self):
        home = {"HOME": str(self.dir), "XDG_CONFIG_HOME": ""}
        self.ok("login", self.url, "--token", self.TOKEN, env=home)
        other = HttpPeer(self, {("GET", "/api/v1/devices"): (200, "application/json",
                                                             '{"devices":[]}')})
        self.ok("devices", "--server", f"http://127.0.0.1:{other.port}", env=home)
        self.assertNotIn("Authorization", other.seen[0][2])

    def test_channels_set_escapes_names(self):
        got = self.json("channels", "set", "demo", "be ta", "1.1.0", env=self.env)
        self.assertEqual(got["channel"]["version"], "1.1.0")
        self.assertEqual(json.loads(self.peer.seen[-1][3]), {"version": "1.1.0"})

if __name__ == "__main__":
    unittest.main()
