"""Safety of the application: when it lets updates begin, when it lets the device restart, and that
whoever is refused is told why and until when, in the words of his protocol."""

import datetime
import json
import signal
import time
import unittest

import espota_host
from device_case import DeviceCase

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def around(hours_from, hours_to):
    """A schedule of today's and tomorrow's weekdays, by hours from now."""
    now = datetime.datetime.now()
    start, end = (now + datetime.timedelta(hours=hours) for hours in (hours_from, hours_to))
    return f"{DAYS[start.weekday()]} {start:%H:%M}-{end:%H:%M}", start


class Refused(DeviceCase):
    """One refusal by every way in."""

    def assert_refused_by_all(self, device, boot, name, text, has_time):
        before = self.flash()
        status, headers, body = self.post(boot, self.new)
        error = json.loads(body)["error"]
        self.assertEqual((status, error["name"]), (503, name))
        self.assertRegex(error["text"], text)
        self.assertEqual("retry_after_s" in error, has_time)
        self.assertEqual("Retry-After" in headers, has_time)
        if has_time:
            self.assertEqual(headers["Retry-After"], str(error["retry_after_s"]))
            self.assertRegex(error["text"], r"; try again in \d+ s$")
        status, headers, body = self.post_form(boot, self.new)
        self.assertEqual(status, 200)
        self.assertRegex(body.decode(), r"^Update error: ERROR\[\d+\]: .*" + text)
        self.assertEqual("Retry-After" in headers, has_time)
        status, headers, body = self.post(boot, self.new, path="/api/v1/firmware/upload")
        self.assertEqual(status, 521)
        self.assertRegex(body.decode(), "^Failed to upgrade firmware: .*" + text)
        self.assertEqual("Retry-After" in headers, has_time)
        with self.assertRaises(espota_host.EspotaError) as caught:
            espota_host.push(int(boot["ota"]), self.new)
        self.assertEqual(caught.exception.step, "invitation")
        self.assertRegex(caught.exception.text, "^ERR: .*" + text)
        now = self.status_of(boot)["update"]["refused_now"]
        self.assertEqual((now["name"], "retry_after_s" in now), (name, has_time))
        self.assertEqual(self.flash(), before, "nothing was written")
        self.assertEqual(self.status_of(boot)["version"], "1.0.0")
        device.wait_line(f"^update failed .*name={name}")

    def test_by_the_application_with_a_reason_and_a_time(self):
        device, boot = self.booted(extra=["--guard", "charging", "--guard-retry-s", "600"])
        self.assert_refused_by_all(device, boot, "not_now", "charging", has_time=True)

    def test_by_the_application_that_does_not_know_until_when(self):
        device, boot = self.booted(extra=["--guard", "charging"])
        self.assert_refused_by_all(device, boot, "not_now", "charging$|charging\n", has_time=False)
        device.process.send_signal(signal.SIGUSR1)
        device.wait_line("^guard down")
        self.assertNotIn("refused_now", self.status_of(boot)["update"])
        self.assertEqual(self.post(boot, self.new)[0], 200)
        self.assert_updated(device)

    def test_outside_the_hours_that_it_takes_updates_in(self):
        schedule, start = around(2, 3)
        device, boot = self.booted(extra=["--schedule", schedule])
        opens = f"{DAYS[start.weekday()].capitalize()} {start:%H:%M}"
        self.assert_refused_by_all(device, boot, "outside_window", f"next {opens}", has_time=True)
        retry = self.status_of(boot)["update"]["refused_now"]["retry_after_s"]
        self.assertTrue(6900 < retry <= 7200, retry)

    def test_until_its_button_was_pressed(self):
        device, boot = self.booted(extra=["--button-window", "2"])
        self.assert_refused_by_all(device, boot, "press_button", "button was pressed", has_time=False)
        device.process.send_signal(signal.SIGRTMIN)
        device.wait_line("^button pressed window=2s")
        time.sleep(2.1)
        self.assertEqual(self.post(boot, self.new)[0], 503)
        device.process.send_signal(signal.SIGRTMIN)
        device.wait_line("^button pressed")
        espota_host.push(int(boot["ota"]), self.new)
        self.assert_updated(device)

    def test_while_updates_are_switched_off(self):
        device, boot = self.booted(extra=["--disable-updates"])
        self.assertEqual(self.status_of(boot)["update"]["refused_now"]["name"], "disabled")
        self.assertEqual(self.post(boot, self.new)[0], 403)
        device.process.send_signal(signal.SIGUSR2)
        device.wait_line("^updates enabled")
        self.assertEqual(self.post(boot, self.new)[0], 200)
        self.assert_updated(device)


class Taken(DeviceCase):
    def test_inside_the_hours_also_past_midnight_and_on_the_day_they_began(self):
        for schedule in around(-1, 1)[0], around(-20, 1)[0], "00:00-00:00":
            device, boot = self.booted(name="taken", extra=["--schedule", schedule])
            self.assertNotIn("refused_now", self.status_of(boot)["update"], schedule)
            device.stop()

    def test_wrong_hours_are_refused_at_the_start(self):
        for wrong in "25:00-26:00", "02:00", "someday 02:00-04:00", "mon02:00-04:00", "02:00-04:00 ", "mon-", "":
            device = self.start_device(name="wrong", extra=["--schedule", wrong])
            self.assertEqual(device.wait_exit(), 2, wrong)
            self.assertIn("--schedule takes hours", device.output())


class Pulled(DeviceCase):
    def test_a_pull_is_refused_and_comes_back_when_it_is_told_to(self):
        server = self.fake_server()
        server.offer("1.1.0", self.new)
        device, _ = self.booted(extra=["--guard", "charging", "--guard-retry-s", "3"],
                                board=f"server: {server.url}\npoll_s: 100\nota:\n  channels:\n"
                                      f"    - {{name: stable, path: '{server.url}/channel.json'}}\n")
        line = device.wait_line("^update failed")
        self.assertIn("charging; try again in 3 s", line)
        asked = time.monotonic()
        device.process.send_signal(signal.SIGUSR1)
        # Interval and back-off are more than a minute; what it is told to wait is three seconds, spread by up
        # to a tenth of the interval.
        boot = device.wait_boot(timeout_s=40)
        self.assertEqual(boot["version"], "1.1.0")
        self.assertGreater(time.monotonic() - asked, 2)
        failed = [report for report in server.reports if report["state"] == "failed"]
        self.assertEqual(failed[0]["error"]["name"], "not_now")
        self.assertEqual(failed[0]["error"]["retry_after_s"], 3)


class SafeState(DeviceCase):
    def update(self, *extra):
        device, boot = self.booted(extra=["--safe-deadline-s", "2", *extra])
        self.assertEqual(self.post(boot, self.new)[0], 200)
        device.wait_line("^safe state asked deadline=2s")
        return device, boot

    def test_the_restart_waits_until_the_application_is_there(self):
        device, boot = self.update("--safe-after-s", "1")
        self.wait_status(boot, "why it waits", lambda status: status["update"].get("waiting") ==
                         "it is on its way to its safe state")
        device.wait_line("^safe state reached")
        device.wait_line("^restart$")
        self.assert_updated(device)

    def test_past_the_deadline_it_restarts_anyway(self):
        device, _ = self.update("--safe-after-s", "60")
        device.wait_line("^safe state not reached, restarting all the same")
        self.assert_updated(device)

    def test_past_the_deadline_it_is_put_off_and_asked_again(self):
        device, boot = self.update("--safe-after-s", "60", "--safe-again-s", "1")
        for _ in range(2):
            device.wait_line("^safe state not reached, restart put off again=1s")
            self.assertEqual(self.status_of(boot)["update"]["state"], "done")
            device.wait_line("^safe state asked")
        self.assertEqual(self.status_of(boot)["version"], "1.0.0")


if __name__ == "__main__":
    unittest.main()
