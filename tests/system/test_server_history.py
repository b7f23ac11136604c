"""Which versions ran, hour by hour: written by a running server, and there after its end."""

import time
import unittest

import harness
import images
from server_case import ServerCase

HOUR_MS = 3600000


class History(ServerCase):
    def history(self, query="product=demo"):
        status, answer = self.server.api("GET", "/api/v1/history?" + query)
        self.assertEqual(status, 200, answer)
        return answer

    def test_an_hour_is_written_and_lasts_and_now_is_always_told(self):
        self.publish(images.make("1.0.0"))
        self.assertEqual(self.history()["history"], [])
        self.report(1, "1.0.0", "confirmed")
        written = harness.wait_until("the hour to be written", lambda: self.history()["history"])
        self.assertEqual(written[0]["versions"], [{"version": "1.0.0", "devices": 1}])
        self.assertEqual(written[0]["at"] % HOUR_MS, 0)
        self.assertLess(time.time() * 1000 - written[0]["at"], HOUR_MS + 60000)
        self.report(2, "2.0.0", "confirmed")
        self.assertEqual(self.history()["now"]["versions"],
                         [{"version": "1.0.0", "devices": 1}, {"version": "2.0.0", "devices": 1}])
        self.server.stop()
        self.server = self.start_server()
        # At the turn of an hour there may be one more.
        self.assertEqual(self.history()["history"][0], written[0])

    def test_what_cannot_be_asked_is_refused(self):
        self.publish(images.make("1.0.0"))
        api = self.server.api
        self.assert_refused(api("GET", "/api/v1/history"), 400, "product_missing")
        self.assert_refused(api("GET", "/api/v1/history?product=other"), 404, "product_not_found")
        self.assert_refused(api("GET", "/api/v1/history?product=demo&limit=0"), 400, "bad_limit")
        self.assert_refused(api("GET", "/api/v1/history?product=demo&after=x"), 400, "bad_cursor")


if __name__ == "__main__":
    unittest.main()
