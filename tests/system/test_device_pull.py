"""The virtual device asks a server for updates: by channel, by version headers, and a server that misbehaves."""

import hashlib
import socket
import threading
import time
import unittest

import harness
import images
from device_case import SLOT_LEN, DeviceCase


class PullTest(DeviceCase):
    def channel_board(self, server, report=True):
        return ((f"server: {server.url}\n" if report else "") + "poll_s: 1\nota:\n  channels:\n"
                f"    - name: stable\n      path: {server.url}/channel.json\n")

    def test_a_channel_updates_and_every_step_is_reported(self):
        server = self.fake_server()
        server.offer("1.1.0", images.make("1.1.0", size=400000))
        device = self.start_device(board=self.channel_board(server),
                                   extra=["--timing", "w25q", "--restart-ms", "500"])
        device.wait_boot(version="1.0.0")
        self.assert_updated(device)
        harness.wait_until("the last report", lambda: server.states()[-1:] == ["confirmed"]
                           and server.reports[-1]["version"] == "1.1.0")
        states = server.states()
        steps = [state for at, state in enumerate(states) if at == 0 or states[at - 1] != state]
        self.assertEqual(steps, ["confirmed", "downloading", "written", "trial", "confirmed"])
        written = next(r for r in server.reports if r["state"] == "written")
        self.assertEqual({key: written[key] for key in ("name", "product", "chip", "version", "slot", "target", "via")},
                         {"name": "garage", "product": "demo", "chip": "esp32", "version": "1.0.0",
                          "slot": "ota_0", "target": "1.1.0", "via": "channel"})
        self.assertRegex(written["device"], "^02(:[0-9A-F]{2}){5}$")
        check_in = {name.lower(): value for name, value in server.requests[0][1].items()}
        self.assertEqual((check_in["x-updraft-device"], check_in["x-updraft-version"], check_in["x-updraft-name"]),
                         (written["device"], "1.0.0", "garage"))

    def test_a_channel_without_server_updates_and_confirms_itself(self):
        server = self.fake_server()
        server.offer("1.1.0", self.new)
        device = self.start_device(board=self.channel_board(server, report=False))
        device.wait_boot(version="1.0.0")
        self.assert_updated(device)
        self.assertEqual(server.reports, [])

    def test_version_headers_update_and_304_is_no_error(self):
        server = self.fake_server()

        def answer(handler):
            if handler.headers["x-ESP32-version"] == "1.1.0":
                return 304, {}, b""
            return 200, {"x-MD5": hashlib.md5(self.new).hexdigest()}, self.new

        server.answers["/d/esp-update/demo"] = answer
        device = self.start_device(board=f"server: {server.url}\npoll_s: 1\n")
        device.wait_boot(version="1.0.0")
        self.assert_updated(device)
        seen = len(server.requests)
        harness.wait_until("two more checks", lambda: len(server.requests) >= seen + 2)
        self.assertNotIn("check failed", device.output())
        path, headers = server.requests[0]
        headers = {name.lower(): value for name, value in headers.items()}
        self.assertEqual(path, "/d/esp-update/demo?chip=esp32")
        self.assertEqual(headers["x-esp32-sketch-md5"], hashlib.md5(self.old).hexdigest())
        self.assertEqual(headers["x-esp32-sketch-sha256"], self.old[-32:].hex().upper())
        self.assertEqual(headers["x-esp32-free-space"], str(SLOT_LEN))
        self.assertEqual(headers["x-esp32-sketch-size"], str(len(self.old)))

    def test_a_server_that_takes_no_reports_is_enough_to_confirm(self):
        server = self.fake_server()
        server.offer("1.1.0", self.new)
        board = self.channel_board(server).replace("server: " + server.url, "server: http://127.0.0.1:9")
        device = self.start_device(board=board)
        device.wait_boot(version="1.0.0")
        self.assert_updated(device)

    def test_an_offline_image_of_a_device_that_only_follows_a_channel_is_rolled_back(self):
        server = self.fake_server()
        server.offer("1.1.0", images.make("1.1.0", behaviour="offline"))
        device = self.start_device(board=self.channel_board(server, report=False), extra=["--health-s", "2"])
        device.wait_boot(version="1.1.0")
        device.wait_line("^health deadline passed version=1.1.0")
        self.assertEqual(device.wait_boot()["version"], "1.0.0")
        self.assertNotIn("confirmed slot=ota_1", device.output())

    def test_an_answer_that_is_none_confirms_nothing(self):
        nonsense = lambda handler: (200, {}, b"<html>Please sign in to this network</html>")
        for way in ("channel", "headers"):
            with self.subTest(way=way):
                server = self.fake_server()
                board = self.channel_board(server) if way == "channel" else f"server: {server.url}\npoll_s: 1\n"
                server.offer("1.1.0", self.new)
                server.answers["/d/esp-update/demo"] = server.answers["/image"]
                device = self.start_device(way, board=board, extra=["--health-s", "2", "--restart-ms", "500"])
                device.wait_line("^update done")
                server.report_answer = (200, b"<html>Please sign in to this network</html>")
                server.answers = {"/channel.json": nonsense, "/d/esp-update/demo": nonsense}
                self.assertEqual(device.wait_boot(version="1.1.0")["state"], "trial")
                device.wait_line("^health deadline passed version=1.1.0")
                device.wait_boot(version="1.0.0")
                self.assertNotIn("confirmed slot=ota_1", device.output())
                device.stop()

    def test_an_offer_confirms_the_trial_before_it_is_taken(self):
        newest = images.make("1.2.0")
        for way in ("channel", "headers"):
            with self.subTest(way=way):
                server = self.fake_server()
                board = self.channel_board(server) if way == "channel" else f"server: {server.url}\npoll_s: 1\n"
                server.report_answer = (404, b"")
                server.offer("1.1.0", self.new)
                server.answers["/d/esp-update/demo"] = server.answers["/image"]
                device = self.start_device(way, board=board, extra=["--restart-ms", "500"])
                device.wait_line("^update done")
                server.offer("1.2.0", newest)
                server.answers["/d/esp-update/demo"] = server.answers["/image"]
                self.assertEqual(device.wait_boot(version="1.1.0")["state"], "trial")
                device.wait_line("^confirmed slot=ota_1 version=1.1.0")
                device.wait_boot(version="1.2.0")
                self.assertNotIn("trial_running", device.output())
                device.stop()

    def test_a_server_that_drips_is_given_up(self):
        server = self.fake_server()

        def drip(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(self.new)))
            handler.end_headers()
            handler.wfile.write(self.new[:5000])
            for at in range(5000, 5000 + 20 * harness.WAIT_S):
                handler.wfile.write(self.new[at:at + 1])
                time.sleep(0.05)
            return 200, {}, b""

        server.offer("1.1.0", self.new)
        server.answers["/image"] = drip
        device = self.start_device(board=self.channel_board(server), extra=["--stall-s", "2"])
        device.wait_line("^update start")
        device.wait_line("^update failed code=65", 20)
        server.offer("1.1.0", self.new)
        self.assert_updated_after_retry(device)

    def test_the_reason_of_a_failed_check_is_the_right_one(self):
        answers = (
            ("a redirect in circles", b"HTTP/1.1 302 Found\r\nLocation: /channel.json\r\nContent-Length: 0\r\n\r\n", 128),
            ("no HTTP at all", b"\x00\x01garbage\r\n\r\n", 71),
            ("a negative length", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", 71),
            ("nobody", None, 68),
        )
        for name, answer, code in answers:
            with self.subTest(name), socket.create_server(("127.0.0.1", 0)) as listener:
                url = f"http://127.0.0.1:{listener.getsockname()[1]}"

                def serve(listener=listener, answer=answer):
                    try:
                        while True:
                            stream, _ = listener.accept()
                            with stream:
                                stream.recv(4096)
                                stream.sendall(answer)
                    except OSError:
                        pass

                if answer is None:
                    listener.close()
                else:
                    threading.Thread(target=serve, daemon=True).start()
                board = f"poll_s: 1\nota:\n  channels:\n    - name: stable\n      path: {url}/channel.json\n"
                device = self.start_device("check", board=board)
                self.assertIn(f"code={code} ", device.wait_line("^check failed"))
                device.stop()
                if answer is not None:
                    listener.shutdown(socket.SHUT_RDWR)

    def test_an_image_with_a_wrong_md5_is_not_taken(self):
        server = self.fake_server()
        server.offer("1.1.0", self.new)
        server.answers["/image"] = lambda handler: (200, {"x-MD5": "0" * 32}, self.new)
        device, boot = self.booted(board=self.channel_board(server))
        device.wait_line("^update failed code=61")
        harness.wait_until("the report", lambda: "failed" in server.states())
        self.assertEqual(self.status_of(boot)["version"], "1.0.0")

    def test_a_download_that_breaks_off_is_tried_again(self):
        server = self.fake_server()
        server.offer("1.1.0", self.new)
        whole = server.answers["/image"]
        broken = []

        def break_once(handler):
            if broken:
                return whole(handler)
            broken.append(True)
            handler.close_connection = True
            return 200, {"Content-Length": len(self.new)}, self.new[:30000]

        server.answers["/image"] = break_once
        device = self.start_device(board=self.channel_board(server))
        device.wait_line("^update failed code=69")
        self.assert_updated_after_retry(device)

    def assert_updated_after_retry(self, device):
        self.assertEqual(device.wait_boot(version="1.1.0")["slot"], "ota_1")
        device.wait_line("^confirmed")

    def test_a_bad_image_of_a_channel_is_rolled_back_and_not_fetched_again(self):
        server = self.fake_server()
        server.offer("1.1.0", images.make("1.1.0", behaviour="crash"))
        device = self.start_device(board=self.channel_board(server), extra=["--attempts", "1"])
        device.wait_line("^rolled back from=1.1.0")
        device.wait_line("^update skipped version=1.1.0")
        fetched = [path for path, _ in server.requests].count("/image")
        self.assertEqual(fetched, 1)
        server.offer("1.2.0", images.make("1.2.0"))
        self.assertEqual(device.wait_boot(version="1.2.0")["state"], "trial")
        device.wait_line("^confirmed")
        self.assertIn("rolled_back", server.states())

    def test_reports_are_delivered_when_the_server_comes_back(self):
        server = self.fake_server()
        port = server.http.server_address[1]
        server.stop()
        _, _ = self.booted(board=f"server: {server.url}\npoll_s: 0\n")
        with socket.create_server(("127.0.0.1", port)) as listener:
            listener.settimeout(harness.WAIT_S)
            stream, _ = listener.accept()
            with stream:
                self.assertTrue(stream.recv(4096).startswith(b"POST /d/report"))


if __name__ == "__main__":
    unittest.main()
