"""The device's side of pulling: whom it trusts, where it lets itself be sent, when it comes again, and what
it makes of a server that lies."""

import email.utils
import time

import harness
from pull_server import Authority, PullServer, offer, pin_of, reply, send_to

SLOT_LEN = 0x180000
NAMING = ("x-ESP32-STA-MAC", "x-ESP32-version", "x-ESP32-sketch-md5")


class PullCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.old = self.image("old.bin", version="1.0.0")
        with open(self.image("new.bin", version="1.1.0"), "rb") as file:
            self.new = file.read()

    def serve(self, answer, files=None):
        server = PullServer(answer, files)
        self.addCleanup(server.stop)
        return server

    def pull(self, url, tls="", poll_s=1):
        return self.device("garage", self.old, board=f"server: {url}\npoll_s: {poll_s}\n{tls}",
                           extra=["--stall-s", "5"])

    def assert_fails(self, device, code, text):
        line = device.wait_line("^check failed")
        self.assertIn(f"code={code} ", line)
        self.assertIn(text, line)
        self.assertNotIn("1.1.0", device.output())


class Https(PullCase):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.directory)

    def tls(self, *pins, ca=None):
        lines = [f"  ca: {ca or self.authority.pem}\n"]
        if pins:
            lines.append(f"  pins: [{', '.join(pins)}]\n")
        return "tls:\n" + "".join(lines)

    def refuse(self, files, code, text, tls):
        """And nothing was asked: not even that the device is there was told."""
        server = self.serve(offer(self.new), files)
        device = self.pull(server.url, tls)
        self.assert_fails(device, code, text)
        self.assertEqual(server.asked, [])
        device.stop()

    def test_an_update_comes_from_a_server_that_the_own_ca_vouches_for(self):
        server = self.serve(offer(self.new), self.authority.issue("good"))
        self.pull(server.url, self.tls()).wait_boot(version="1.1.0")

    def test_a_certificate_for_another_name_is_refused(self):
        files = self.authority.issue("other", san="DNS:updates.example")
        self.refuse(files, 126, "it is for another name", self.tls())

    def test_an_expired_certificate_is_refused(self):
        files = self.authority.issue("expired", from_days=-30, to_days=-1)
        self.refuse(files, 126, "it has expired", self.tls())

    def test_a_certificate_from_the_future_is_refused(self):
        files = self.authority.issue("future", from_days=1, to_days=30)
        self.refuse(files, 126, "it is not valid yet", self.tls())

    def test_a_self_signed_certificate_is_refused_with_the_systems_bundle_and_with_an_own_ca(self):
        files = self.authority.self_signed("self")
        self.refuse(files, 126, "it is self-signed", "")
        self.refuse(files, 126, "it is self-signed", self.tls())

    def test_a_self_signed_certificate_is_taken_from_whoever_was_told_to(self):
        files = self.authority.self_signed("self")
        server = self.serve(offer(self.new), files)
        self.pull(server.url, self.tls(ca=files[0])).wait_boot(version="1.1.0")

    def test_an_issuer_that_is_not_known_is_refused(self):
        stranger = Authority(self.directory, "stranger")
        self.refuse(stranger.issue("good"), 126, "this device does not know who issued it", self.tls())

    def test_an_own_ca_stands_alone_and_a_bundle_does_not_know_it(self):
        self.refuse(self.authority.issue("good"), 126, "this device does not know who issued it", "")

    def test_a_server_with_a_pinned_key_is_taken(self):
        files = self.authority.issue("good")
        server = self.serve(offer(self.new), files)
        tls = self.tls("00" * 32, pin_of(files))
        self.pull(server.url, tls).wait_boot(version="1.1.0")

    def test_a_server_with_another_key_than_the_pinned_one_is_refused(self):
        tls = self.tls(pin_of(self.authority.issue("good")))
        self.refuse(self.authority.issue("renewed"), 127, "none of those that this device is pinned to", tls)

    def test_a_pin_does_not_replace_the_other_checks(self):
        files = self.authority.issue("expired", from_days=-30, to_days=-1)
        self.refuse(files, 126, "it has expired", self.tls(pin_of(files)))

    def test_a_server_that_speaks_no_tls_is_no_certificate_matter(self):
        server = self.serve(offer(self.new))
        device = self.pull(server.url.replace("http:", "https:"), self.tls())
        self.assert_fails(device, 68, "the connection cannot be opened")

    def test_an_expired_certificate_on_the_way_is_refused_too(self):
        target = self.serve(offer(self.new),
                            self.authority.issue("expired", from_days=-30, to_days=-1))
        server = self.serve(send_to(target.url + "/new.bin"), self.authority.issue("good"))
        self.assert_fails(self.pull(server.url, self.tls()), 126, "it has expired")
        self.assertEqual(target.asked, [])

    def test_from_https_nothing_is_fetched_by_http(self):
        target = self.serve(offer(self.new))
        server = self.serve(send_to(target.url + "/new.bin"), self.authority.issue("good"))
        self.assert_fails(self.pull(server.url, self.tls()), 128, "from https to http")
        self.assertEqual(target.asked, [])

    def test_also_when_it_came_to_https_by_a_redirect(self):
        target = self.serve(offer(self.new))
        middle = self.serve(send_to(target.url + "/new.bin"), self.authority.issue("good"))
        first = self.serve(send_to(middle.url + "/new.bin"))
        channel = f"ota:\n  channels:\n    - name: stable\n      path: {first.url}/channel.json\n"
        device = self.pull(middle.url, self.tls() + channel)
        self.assert_fails(device, 128, "from https to http")
        self.assertEqual((len(first.asked), target.asked), (1, []))

    def test_board_yaml_refuses_what_would_not_protect(self):
        for tls, text in ((self.tls("ab" * 31 + "xy"), "is not 64 hex digits"),
                          (self.tls("ab" * 31), "shorter than 64"),
                          (self.tls(ca="/nonexistent.pem"), "cannot open the CA file /nonexistent.pem")):
            with self.subTest(text=text):
                device = self.pull("https://127.0.0.1:1", tls)
                self.assertNotEqual(device.wait_exit(), 0)
                self.assertIn(text, device.output())
        device = self.pull("http://127.0.0.1:1", self.tls())
        self.assertNotEqual(device.wait_exit(), 0)
        self.assertIn("no address in this file begins with https://", device.output())


class Redirects(PullCase):
    def test_an_update_comes_from_another_host_that_learns_nothing_of_the_device(self):
        target = self.serve(offer(self.new))
        server = self.serve(send_to(target.url + "/new.bin"))
        url = server.url.replace("http://", "http://garage:secret@")
        self.pull(url).wait_boot(version="1.1.0")
        path, headers, _ = server.asked[0]
        self.assertTrue(path.startswith("/d/esp-update/demo"))
        self.assertEqual(headers["Authorization"], "Basic Z2FyYWdlOnNlY3JldA==")
        for name in NAMING:
            self.assertIn(name, headers)
        path, headers, _ = target.asked[0]
        self.assertEqual(path, "/new.bin")
        self.assertEqual([name for name in headers if name.lower().startswith(("x-", "auth", "cookie"))], [])

    def test_the_same_host_learns_what_it_knows_already(self):
        def answer(handler):
            if handler.path == "/there":
                offer(self.new)(handler)
            else:
                reply(handler, 307, Location=server.url + "/there")

        server = self.serve(answer)
        self.pull(server.url.replace("http://", "http://garage:s%40cret@")).wait_boot(version="1.1.0")
        path, headers, _ = server.asked[1]
        self.assertEqual(path, "/there")
        self.assertEqual(headers["Authorization"], "Basic Z2FyYWdlOnNAY3JldA==")
        for name in NAMING:
            self.assertIn(name, headers)

    def test_five_redirects_are_followed_and_a_loop_ends_after_them(self):
        def answer(handler):
            step = int(handler.path[1:]) if handler.path[1:].isdigit() else 0
            if step == self.last:
                offer(self.new)(handler)
            else:
                reply(handler, 302, b"x" * 100000, Location=f"/{step + 1}")

        server = self.serve(answer)
        self.last = -1
        device = self.pull(server.url)
        self.assert_fails(device, 128, "more than 5 times in a row")
        self.assertEqual([path for path, _, _ in server.asked[1:6]], [f"/{step}" for step in range(1, 6)])
        self.last = 5
        device.wait_boot(version="1.1.0")

    def test_a_redirect_to_what_is_no_web_address_is_refused(self):
        server = self.serve(send_to("file:///etc/hostname"))
        self.assert_fails(self.pull(server.url), 128, "to what is no http or https address")

    def test_a_redirect_to_nowhere_is_the_status_that_it_is(self):
        server = self.serve(lambda handler: reply(handler, 302))
        self.assert_fails(self.pull(server.url), 70, "status 302")

    def test_the_rest_of_an_image_is_asked_for_at_the_other_host(self):
        etag = '"one"'

        def answer(handler):
            start = handler.headers.get("Range")
            if start and handler.headers.get("If-Range") == etag:
                off = int(start[6:-1])
                reply(handler, 206, self.new[off:], ETag=etag,
                      Content_Range=f"bytes {off}-{len(self.new) - 1}/{len(self.new)}")
            else:
                length = str(len(self.new))
                body = self.new[:len(self.new) // 2] if not self.dropped else self.new
                self.dropped = True
                reply(handler, 200, body, ETag=etag, Content_Length=length)

        self.dropped = False
        target = self.serve(answer)
        server = self.serve(
            lambda handler: reply(handler, 304) if handler.headers.get("x-ESP32-version") == "1.1.0"
            else reply(handler, 302, Location=target.url + "/new.bin"))
        self.pull(server.url).wait_boot(version="1.1.0")
        ranges = [headers.get("Range") for _, headers, _ in target.asked]
        self.assertIsNone(ranges[0])
        self.assertRegex(ranges[-1], r"^bytes=[1-9]\d+-$")


class Schedule(PullCase):
    """poll_s is 1."""

    def gaps(self, server, count):
        harness.wait_until(f"{count} requests", lambda: len(server.asked) >= count)
        times = server.times()[:count]
        return [later - earlier for earlier, later in zip(times, times[1:])]

    def test_a_busy_server_is_left_alone_for_as_long_as_it_says(self):
        for status in (429, 503):
            with self.subTest(status=status):
                server = self.serve(lambda handler, status=status: reply(handler, status, Retry_After="3"))
                device = self.pull(server.url)
                self.assert_fails(device, 129, f"status {status}; try again in 3 s")
                for gap in self.gaps(server, 3):
                    self.assertGreater(gap, 2.9)
                device.stop()

    def test_until_the_date_that_it_names(self):
        def answer(handler):
            reply(handler, 503, Retry_After=email.utils.formatdate(time.time() + 4, usegmt=True))

        server = self.serve(answer)
        self.pull(server.url)
        self.assertGreater(self.gaps(server, 2)[0], 2.4)  # dates have no fractions

    def test_an_answer_holds_as_long_as_its_server_says(self):
        server = self.serve(lambda handler: reply(handler, 304, Cache_Control="max-age=3"))
        self.pull(server.url)
        for gap in self.gaps(server, 3):
            self.assertGreater(gap, 2.9)

    def test_a_server_that_has_nothing_there_is_asked_less_and_less(self):
        server = self.serve(lambda handler: reply(handler, 404))
        device = self.pull(server.url)
        self.assert_fails(device, 74, "there is nothing at that address")
        first, second = self.gaps(server, 3)
        self.assertGreater(first, 1.7)
        self.assertGreater(second, 3.5)

    def test_each_new_reason_is_told_and_the_same_one_once(self):
        server = self.serve(
            lambda handler: reply(handler, 404 if len(server.asked) < 3 else 503, Retry_After="1"))
        device = self.pull(server.url)
        device.wait_line("^check failed code=74")
        device.wait_line("^check failed code=129")
        harness.wait_until("two more checks", lambda: len(server.asked) >= 6)
        self.assertEqual(device.output().count("check failed"), 2)

    def test_a_server_that_says_no_is_not_asked_again_soon(self):
        servers = [self.serve(lambda handler, status=status: reply(handler, status)) for status in (403, 410)]
        for server, status in zip(servers, (403, 410)):
            device = self.device(f"garage{status}", self.old, board=f"server: {server.url}\npoll_s: 1\n")
            self.assert_fails(device, 70, f"status {status}")
        time.sleep(6)  # a failure of another kind would be tried again after 2 and after 4
        self.assertEqual([len(server.asked) for server in servers], [1, 1])


class Lies(PullCase):
    def test_a_release_for_larger_slots_is_refused_before_it_is_fetched(self):
        server = self.serve(offer(bytes(SLOT_LEN + 1)))
        self.assert_fails(self.pull(server.url), 54,
                          f"the image has {SLOT_LEN + 1} bytes, but the slot holds {SLOT_LEN}; "
                          "that takes a full flash over USB")

    def test_a_length_above_the_truth_is_a_connection_that_broke_off(self):
        server = self.serve(offer(self.new, Content_Length=str(len(self.new) + 1)))
        self.assert_fails(self.pull(server.url), 69, "the connection broke off")

    def test_a_length_below_the_truth_is_an_image_that_is_not_whole(self):
        server = self.serve(offer(self.new, Content_Length=str(len(self.new) - 1)))
        self.assert_fails(self.pull(server.url), 1, "the data end before they are complete")

    def test_the_rest_of_another_file_is_found_out_and_the_next_try_takes_all(self):
        """The ETag stays, the bytes change: the digest sees it."""
        other = bytes(byte ^ 1 for byte in self.new)
        etag = '"one"'

        def answer(handler):
            start = handler.headers.get("Range")
            if handler.headers.get("x-ESP32-version") == "1.1.0":
                reply(handler, 304)
            elif start:
                off = int(start[6:-1])
                self.lied = True
                reply(handler, 206, other[off:], ETag=etag,
                      Content_Range=f"bytes {off}-{len(other) - 1}/{len(other)}")
            else:
                body = self.new if self.lied else self.new[:len(self.new) // 2]
                reply(handler, 200, body, ETag=etag, Content_Length=str(len(self.new)))

        self.lied = False
        server = self.serve(answer)
        device = self.pull(server.url)
        failed = device.wait_line("^update failed .*name=(bad_hash|bad_checksum|bad_segment|digest_mismatch)")
        self.assertNotIn("1.1.0", failed)
        device.wait_boot(version="1.1.0")
        self.assertTrue(self.lied)

    def test_a_file_that_changed_meanwhile_is_taken_from_its_start(self):
        with open(self.image("newer.bin", version="1.2.0"), "rb") as file:
            newer = file.read()

        def answer(handler):
            if handler.headers.get("x-ESP32-version") == "1.2.0":
                reply(handler, 304)
            elif len(server.asked) == 1:
                reply(handler, 200, self.new[:len(self.new) // 2], ETag='"one"',
                      Content_Length=str(len(self.new)))
            else:
                reply(handler, 200, newer, ETag='"two"')

        server = self.serve(answer)
        self.pull(server.url).wait_boot(version="1.2.0")

    def test_a_rest_that_is_not_the_one_asked_for_is_refused(self):
        def answer(handler):
            start = handler.headers.get("Range")
            if start:
                off = int(start[6:-1]) - 16
                reply(handler, 206, self.new[off:], ETag='"one"',
                      Content_Range=f"bytes {off}-{len(self.new) - 1}/{len(self.new)}")
            else:
                reply(handler, 200, self.new[:len(self.new) // 2], ETag='"one"',
                      Content_Length=str(len(self.new)))

        server = self.serve(answer)
        device = self.pull(server.url)
        device.wait_line("^update failed .*name=protocol")
        self.assertNotIn("version=1.1.0", device.output().replace("update started", ""))


if __name__ == "__main__":
    import unittest

    unittest.main()
