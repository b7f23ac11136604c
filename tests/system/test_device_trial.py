"""A new image on trial on the virtual device: it confirms itself, fails in each way, loses power."""

import base64
import unittest

import harness
import images
from device_case import DeviceCase


class TrialTest(DeviceCase):
    """Images that do not turn out well are rolled back."""

    def assert_rolled_back(self, device, boot, reason):
        line = harness.parse_fields(device.wait_line("^rolled back"))
        self.assertEqual((line["from"], line["reason"]), ("1.1.0", reason))
        status = self.status_of(boot)
        self.assertEqual((status["version"], status["slot"], status["state"]), ("1.0.0", "ota_0", "confirmed"))
        self.assertEqual((status["last"]["result"], status["last"]["version"], status["last"]["error"]["name"]),
                         ("rolled_back", "1.1.0", "rolled_back"))

    def test_an_image_that_crashes_three_times(self):
        device, boot = self.booted()
        self.assertEqual(self.post(boot, images.make("1.1.0", behaviour="crash"))[0], 200)
        for _ in range(3):
            self.assertEqual(device.wait_boot()["version"], "1.1.0")
            device.wait_line("^crash")
        self.assertEqual(device.wait_boot()["version"], "1.0.0")
        self.assert_rolled_back(device, boot, "attempts")

    def test_the_last_lines_of_an_image_that_crashes(self):
        server = self.fake_server()
        device, boot = self.booted(board=f"server: {server.url}\npoll_s: 0\n")
        self.assertEqual(self.post(boot, images.make("1.1.0", behaviour="crash"))[0], 200)
        self.assertEqual(harness.parse_fields(device.wait_line("^rolled back"))["attempts"], "3")
        for attempt in (1, 2, 3):
            device.wait_line(rf"^its log: \[{attempt}\] boot slot=ota_1 version=1\.1\.0 state=trial")
            device.wait_line(rf"^its log: \[{attempt}\] crash$")
        log = self.status_of(boot)["last"]["log"]
        self.assertIn("[3] crash", log)
        self.assertEqual(log[-1], "[3] crash")
        harness.wait_until("the report", lambda: "rolled_back" in server.states())
        report = next(r for r in server.reports if r["state"] == "rolled_back")
        lines = report["log"].splitlines()
        self.assertEqual([line for line in lines if line.endswith("crash")], ["[1] crash", "[2] crash", "[3] crash"])
        self.assertLessEqual(len(report["log"]), 1024)

    def test_the_last_lines_of_an_image_that_misses_its_deadline(self):
        server = self.fake_server()
        device, boot = self.booted(board=f"server: {server.url}\npoll_s: 0\n", extra=["--health-s", "1"])
        self.assertEqual(self.post(boot, images.make("1.1.0", behaviour="offline"))[0], 200)
        self.assert_rolled_back(device, boot, "health")
        self.assertEqual(self.status_of(boot)["last"]["log"][-1], "[1] health deadline passed version=1.1.0")

    def test_what_failed_is_refused_after_other_updates_until_it_is_forgotten(self):
        device, boot = self.booted(board="password: secret\n", extra=["--attempts", "1"])
        sign_in = {"Authorization": "Basic " + base64.b64encode(b":secret").decode()}
        bad = images.make("1.1.0", behaviour="crash")
        self.assertEqual(self.post(boot, bad, headers=sign_in)[0], 200)
        device.wait_line("^rolled back")
        for version, slot in (("1.2.0", "ota_1"), ("1.3.0", "ota_0"), ("1.4.0", "ota_1")):
            self.assertEqual(self.post(boot, images.make(version), headers=sign_in)[0], 200)
            self.assert_updated(device, version, slot)
            self.assert_refused(self.post(boot, bad, headers=sign_in), 409, "failed_before")
        forget = f"http://{boot['http']}/api/v1/firmware/forget"
        self.assertEqual(harness.http("POST", forget)[0], 401)
        self.assertEqual(harness.http("POST", forget, headers={**sign_in, "Origin": "http://elsewhere"})[0], 403)
        self.assert_refused(self.post(boot, bad, headers=sign_in), 409, "failed_before")
        self.assertEqual(harness.http("POST", forget, headers=sign_in)[0], 200)
        device.wait_line("^refusals forgotten")
        self.assertEqual(self.post(boot, bad, headers=sign_in)[0], 200)

    def test_what_failed_is_forgotten_by_the_command_line(self):
        device, boot = self.booted(extra=["--attempts", "1"])
        bad = images.make("1.1.0", behaviour="crash")
        self.assertEqual(self.post(boot, bad)[0], 200)
        device.wait_line("^rolled back")
        self.assert_refused(self.post(boot, bad), 409, "failed_before")
        device.stop()
        device, boot = self.booted(extra=["--attempts", "1", "--forget-failed"])
        self.assertIn("refusals forgotten", device.output())
        device.wait_line("^rolled back")  # that it was is not forgotten
        self.assertEqual(self.post(boot, bad)[0], 200)
        device.wait_line("^rolled back")  # and it is refused again
        self.assert_refused(self.post(boot, bad), 409, "failed_before")

    def test_an_image_that_crashes_by_the_command_line(self):
        device, boot = self.booted(extra=["--behaviour", "crash", "--attempts", "1"])
        self.assertEqual(self.post(boot, self.new)[0], 200)
        self.assertEqual(device.wait_boot()["version"], "1.1.0")
        self.assertEqual(device.wait_boot()["version"], "1.0.0")
        self.assert_rolled_back(device, boot, "attempts")

    def test_an_image_that_hangs(self):
        device, boot = self.booted(extra=["--attempts", "1", "--health-s", "1"])
        self.assertEqual(self.post(boot, images.make("1.1.0", behaviour="hang"))[0], 200)
        self.assertEqual(device.wait_boot()["version"], "1.1.0")
        with self.assertRaises(OSError):
            self.status_of(boot)
        device.wait_line("^watchdog reset")
        self.assertEqual(device.wait_boot()["version"], "1.0.0")
        self.assert_rolled_back(device, boot, "attempts")

    def test_an_image_that_never_reaches_the_server(self):
        server = self.fake_server()
        device, boot = self.booted(board=f"server: {server.url}\npoll_s: 0\n", extra=["--health-s", "1"])
        self.assertEqual(self.post(boot, images.make("1.1.0", behaviour="offline"))[0], 200)
        self.assertEqual(device.wait_boot()["version"], "1.1.0")
        self.assertEqual(self.status_of(boot)["state"], "trial")
        self.assertEqual(device.wait_boot()["version"], "1.0.0")
        self.assert_rolled_back(device, boot, "health")
        harness.wait_until("the report", lambda: "rolled_back" in server.states())
        report = next(r for r in server.reports if r["state"] == "rolled_back")
        self.assertEqual((report["version"], report["target"], report["error"]["code"]), ("1.0.0", "1.1.0", 58))

    def test_no_update_is_taken_while_the_image_is_on_trial(self):
        server = self.fake_server()
        device, boot = self.booted(board=f"server: {server.url}\npoll_s: 0\n")
        server.stop()
        self.assertEqual(self.post(boot, self.new)[0], 200)
        self.assertEqual(device.wait_boot()["state"], "trial")
        self.assert_refused(self.post(boot, images.make("1.2.0")), 409, "trial_running")

    def test_the_image_that_was_rolled_back_is_not_taken_again(self):
        device, boot = self.booted(extra=["--attempts", "1"])
        bad = images.make("1.1.0", behaviour="crash")
        self.assertEqual(self.post(boot, bad)[0], 200)
        device.wait_line("^rolled back")
        self.assertEqual(self.post(boot, bad)[0], 409)
        self.assertEqual(self.post(boot, images.make("1.2.0"))[0], 200)
        self.assert_updated(device, "1.2.0", "ota_1")

    def test_a_roll_back_is_remembered_over_a_power_cycle(self):
        device, boot = self.booted(extra=["--attempts", "1"])
        self.assertEqual(self.post(boot, images.make("1.1.0", behaviour="crash"))[0], 200)
        device.wait_line("^rolled back")
        device.stop()
        device, boot = self.booted()
        self.assert_rolled_back(device, boot, "attempts")


class PowerCutTest(DeviceCase):
    def test_the_power_is_cut_in_the_middle_and_the_update_is_done_again(self):
        for cut in ("before", "torn", "after"):
            for operation in (1, 9, 17):
                with self.subTest(cut=cut, operation=operation):
                    name = f"{cut}-{operation}"
                    device, boot = self.booted(name, extra=["--cut-at", str(operation), "--cut", cut])
                    with self.assertRaises(OSError):
                        self.post(boot, self.new)
                    self.assertEqual(device.wait_exit(), harness.POWER_CUT_EXIT)
                    self.assertIn(f"power cut at flash operation {operation}", device.output())
                    device, boot = self.booted(name)
                    self.assertEqual((boot["version"], boot["state"]), ("1.0.0", "confirmed"))
                    self.assertEqual(self.post(boot, self.new)[0], 200)
                    self.assert_updated(device)
                    device.stop()

    def test_a_new_image_survives_power_cuts_while_on_trial(self):
        server = self.fake_server()
        device, boot = self.booted(board=f"server: {server.url}\npoll_s: 0\n")
        server.stop()
        self.assertEqual(self.post(boot, self.new)[0], 200)
        self.assertEqual(device.wait_boot()["version"], "1.1.0")
        for _ in range(4):  # more than the crashes it may have
            device.stop()
            device, boot = self.booted(board=f"server: {server.url}\npoll_s: 0\n")
            self.assertEqual((boot["version"], boot["state"]), ("1.1.0", "trial"))


if __name__ == "__main__":
    unittest.main()
