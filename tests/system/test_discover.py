"""Devices announce themselves by mDNS; `updraft discover` finds them, with and without it."""

import json
import os
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
        self.assertCountEqual(txt, ["txtvers=1", "name=garage", "product=demo", "chip=esp32",
                               "version=1.0.0", "password=yes", "ways=direct,raw,form,espota",
                               "ota=" + boot["ota"], "direct=" + boot["direct"]])
        _, address, port, txt = self.browse("_arduino._tcp")["garage"]
        self.assertEqual((address, port), ("127.0.0.1", int(boot["ota"])))
        self.assertCountEqual(txt, ["board=esp32", "tcp_check=no", "ssh_upload=no", "auth_upload=yes"])

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


class Discover(MdnsCase):
    def discover(self, *args, status=0):
        return json.loads(self.cli("discover", *args, "--json", status=status).stdout)

    def find(self, *args):
        """{name: device}."""
        return {device["name"]: device for device in self.discover(*args)["devices"]}

    def test_each_device_is_listed_once_with_what_is_known(self):
        _, boot, _ = self.announced("hall", board="password: secret\n")
        port = int(boot["http"].split(":")[1])
        found = self.find("--name", "hall")
        self.assertEqual(len(found), 1)
        hall = found["hall"]
        self.assertEqual(hall.pop("host")[:6], "esp32-")
        self.assertEqual(hall, {
            "name": "hall", "address": "127.0.0.1", "http_port": port, "ota_port": int(boot["ota"]),
            "chip": "esp32", "board": "esp32", "product": "demo", "version": "1.0.0",
            "password": True, "ways": ["direct", "raw", "form", "espota"],
            "services": ["updraft", "arduino"]})
        shown = self.cli("discover", "--name", "hall").stdout.splitlines()
        self.assertEqual(len(shown), 2)
        self.assertRegex(shown[1], rf"^hall +127\.0\.0\.1:{port} +esp32 +demo +1\.0\.0 +yes +")

    def test_a_stock_device_is_listed_with_what_its_keys_say(self):
        publish = subprocess.Popen(
            ["avahi-publish", "--service", "weather", "_arduino._tcp", "8266", "tcp_check=no",
             "ssh_upload=no", "board=nodemcuv2", "auth_upload=yes"], env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(publish.wait)
        self.addCleanup(publish.terminate)
        weather = harness.wait_until("it is found", lambda: self.find("--name", "weather"))
        weather = weather["weather"]
        self.assertEqual(
            [weather[key] for key in ("ota_port", "board", "chip", "version", "password", "ways",
                                      "services")],
            [8266, "nodemcuv2", None, None, True, ["espota"], ["arduino"]])
        self.assertNotIn("http_port", weather)

    def test_the_filters_choose_by_name_chip_product_and_version(self):
        self.announced("f-old", version="1.9.0")
        self.announced("f-new", version="1.10.0", chip="esp8266")
        for args, names in ((["--name", "f-*"], {"f-old", "f-new"}),
                            (["--name", "f-?ew"], {"f-new"}),
                            (["--name", "f-*", "--chip", "ESP8266"], {"f-new"}),
                            (["--name", "f-*", "--product", "demo"], {"f-old", "f-new"}),
                            (["--name", "f-*", "--product", "dem"], set()),
                            (["--name", "f-*", "--older-than", "1.10"], {"f-old"}),
                            (["--name", "f-*", "--older-than", "1.9"], set())):
            self.assertEqual(set(self.find(*args)), names, args)

    def test_a_wrong_command_line_is_told(self):
        for args, text in ((["--chip", "z80"], "there is no chip 'z80'"),
                           (["--subnet", "10.0.0.0"], "is no subnet"),
                           (["--subnet", "x/24"], "is no IPv4 address"),
                           (["--subnet", "10.0.0.0/8"], "more than 4096 addresses"),
                           (["http://x/"], "is no device address")):
            error = self.discover(*args, status=2)["error"]
            self.assertIn(text, error["message"])


class WithoutMulticast(harness.Case):
    """No daemon: addresses and subnets are asked."""

    environment = {**os.environ,
                   "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}

    def discover(self, *args, status=0):
        return json.loads(self.cli("discover", *args, "--json", status=status).stdout)

    def test_it_says_so_and_what_to_do(self):
        error = self.discover(status=4)["error"]
        self.assertEqual(error["code"], "no_mdns")
        self.assertIn("--subnet", error["remedy"])

    def test_addresses_are_asked_over_http_and_espota(self):
        app = self.image("a.bin", version="1.0.0")
        one = self.device("one", app).wait_boot()
        two = self.device("two", app, board="password: pw\n").wait_boot()
        found = self.discover(one["http"], "127.0.0.1:" + two["ota"], "127.0.0.1:1")["devices"]
        by_port = {device["ota_port"]: device for device in found}
        self.assertEqual(set(by_port), {int(one["ota"]), int(two["ota"])})
        first, second = by_port[int(one["ota"])], by_port[int(two["ota"])]
        self.assertEqual((first["name"], first["version"], first["password"]), ("one", "1.0.0", False))
        self.assertEqual((second["ways"], second["services"], second["password"]),
                         (["espota"], ["arduino"], True))

    def test_asking_leaves_an_espota_device_ready_for_the_next_push(self):
        app = self.image("a.bin", version="1.0.0")
        device = self.device("ready", app, board="password: pw\n")
        boot = device.wait_boot()
        self.discover("127.0.0.1:" + boot["ota"])
        self.cli("push", self.image("b.bin", version="1.1.0"), "127.0.0.1:" + boot["ota"], "--via",
                 "espota", "--password", "pw")
        device.wait_boot(version="1.1.0")
        self.assertNotIn("update failed", device.output())

    def test_a_subnet_is_asked_all_at_once(self):
        app = self.image("a.bin")
        boot = self.device("three", app, extra=["--listen", "127.77.0.3"]).wait_boot()
        port = boot["http"].split(":")[1]
        found = self.discover("--subnet", "127.77.0.0/24", "--http-port", port)["devices"]
        self.assertEqual([(device["name"], device["address"]) for device in found],
                         [("three", "127.77.0.3")])
        self.assertEqual(self.discover("--subnet", "127.77.0.8/30", "--http-port", port)["devices"],
                         [])
