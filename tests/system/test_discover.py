"""Devices announce themselves by mDNS; `updraft discover` finds them, with and without it."""

import json
import subprocess
import unittest

import harness
import mdns

daemon = None


def setUpModule():
    global daemon
    daemon = mdns.Daemon()


def tearDownModule():
    if daemon:
        daemon.stop()


class MdnsCase(harness.Case):
    """A test whose programs find the daemon."""

    def setUp(self):
        super().setUp()
        self.environment = daemon.environment

    def announced(self, name, version="1.0.0", **kwargs):
        """A device that is announced; its boot line and the line that says so."""
        chip = kwargs.get("chip", "esp32")
        app = self.image(f"{name}-{version}.bin", chip=chip, version=version)
        device = self.device(name, app, announce=True, **kwargs)
        boot = device.wait_boot()
        return device, boot, harness.parse_fields(device.wait_line("^announced "))

    def browse(self, service):
        """{name: (host, address, port, [strings])} as the stock tool sees them."""
        out = subprocess.run(["avahi-browse", "--resolve", "--parsable", "--terminate", service],
                             env=self.environment, capture_output=True, text=True, timeout=30,
                             check=True).stdout
        found = {}
        for line in out.splitlines():
            field = line.split(";", 9)
            if field[0] == "=":
                found[field[3]] = (field[6], field[7], int(field[8]),
                                   [text.strip('"') for text in field[9].split('" "')])
        return found


class Announce(MdnsCase):
    def test_both_services_say_what_is_true(self):
        _, boot, _ = self.announced("garage", board="password: secret\n")
        host, address, port, txt = self.browse("_updraft._tcp")["garage"]
        self.assertEqual((address, port), ("127.0.0.1", int(boot["http"].split(":")[1])))
        self.assertRegex(host, r"^esp32-[0-9a-f]{12}\.local$")
        self.assertEqual(txt, ["txtvers=1", "name=garage", "product=demo", "chip=esp32",
                               "version=1.0.0", "password=yes", "ways=raw,form,espota",
                               "ota=" + boot["ota"]])
        _, address, port, txt = self.browse("_arduino._tcp")["garage"]
        self.assertEqual((address, port), ("127.0.0.1", int(boot["ota"])))
        self.assertEqual(txt, ["board=esp32", "tcp_check=no", "ssh_upload=no", "auth_upload=yes"])

    def test_an_update_changes_the_announced_version_and_the_end_takes_it_back(self):
        device, boot, _ = self.announced("fleeting")
        new = self.image("new.bin", version="1.1.0")
        self.cli("push", new, boot["http"])
        device.wait_line("^announced ")
        self.assertIn("version=1.1.0", self.browse("_updraft._tcp")["fleeting"][3])
        device.stop()
        harness.wait_until("it is gone", lambda: "fleeting" not in self.browse("_updraft._tcp"))

    def test_a_taken_name_gets_a_number_and_the_device_keeps_its_own(self):
        self.announced("twin")
        app = self.image("other.bin")
        board = self.write("other.yaml", "name: twin\nchip: esp32\nports: {ota: 0, http: 0}\n")
        other = self.start(harness.Device([
            harness.program("updraft-device"), "--flash", self.path("other.flash"), "--table",
            self.path("twin.csv"), "--board", board, "--app", app], self.environment))
        name = harness.parse_fields(other.wait_line("^announced "))["name"]
        self.assertEqual(name, "twin #2")
        self.assertIn("name=twin", self.browse("_updraft._tcp")["twin\\032\\0352"][3])

    def test_the_daemon_may_come_and_go(self):
        device, _, _ = self.announced("patient")
        daemon.stop_avahi()
        device.wait_line('^announce off reason="no Avahi daemon runs"')
        daemon.start_avahi()
        device.wait_line("^announced ")
        self.assertIn("patient", self.browse("_arduino._tcp"))


class Alone(harness.Case):
    def test_without_a_message_bus_the_device_says_so_once_and_goes_on(self):
        environment = {**daemon.environment, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}
        self.environment = environment
        device = self.device("lonely", self.image("a.bin"), announce=True)
        boot = device.wait_boot()
        device.wait_line("^announce off reason=")
        self.cli("push", self.image("b.bin", version="1.1.0"), boot["http"])
        device.wait_boot(version="1.1.0")
        self.assertEqual(device.output().count("announce"), 1)
