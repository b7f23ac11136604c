"""avahi-browse, unmodified, lists a virtual device as it lists a stock one."""

import re
import shutil
import socket
import struct
import subprocess
import unittest

import harness
import mdns

daemon = None


def setUpModule():
    global daemon
    if not shutil.which("avahi-browse"):
        raise unittest.SkipTest("avahi-browse is not installed")
    daemon = mdns.Daemon()


def tearDownModule():
    if daemon:
        daemon.stop()


class AvahiBrowse(harness.Case):
    def browse(self, service):
        return subprocess.run(["avahi-browse", "--resolve", "--terminate", service],
                              env=daemon.environment, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=60, check=True).stdout

    def record(self, name):
        """The answer to a question for the TXT record, as it is on the wire."""
        question = b"".join(bytes([len(label)]) + label.encode()
                            for label in (name, "_arduino", "_tcp", "local"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(5)
            udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            udp.sendto(struct.pack("!6H", 7, 0, 1, 0, 0, 0) + question + struct.pack("!BHH", 0, 16, 1),
                       ("224.0.0.251", 5353))
            return udp.recv(2000)

    def check(self, name, chip, board, keys):
        self.environment = daemon.environment
        device = self.device(name, self.image(f"{name}.bin", chip=chip), chip=chip, board=board,
                             announce=True)
        boot = device.wait_boot()
        device.wait_line("^announced ")
        listed = self.browse("_arduino._tcp")
        entry = re.search(rf"= +lo IPv4 {name} .*?txt = (\[.*?\])$", listed, re.DOTALL | re.MULTILINE)
        self.assertTrue(entry, listed)
        self.assertIn(f"port = [{boot['ota']}]", entry[0])
        self.assertIn("address = [127.0.0.1]", entry[0])
        # It prints the strings in an order of its own.
        self.assertEqual(set(re.findall(r'"(.*?)"', entry[1])), set(keys))
        on_the_wire = b"".join(bytes([len(key)]) + key.encode() for key in keys)
        self.assertIn(on_the_wire, self.record(name))
        self.assertIn(f"port = [{boot['http'].split(':')[1]}]", self.browse("_updraft._tcp"))

    def test_an_esp8266_has_the_stock_keys_in_the_stock_order(self):
        self.check("cellar", "esp8266", "password: secret\n",
                   ["tcp_check=no", "ssh_upload=no", "board=generic", "auth_upload=yes"])

    def test_an_esp32_has_the_stock_keys_in_the_stock_order(self):
        self.check("attic", "esp32s3", "",
                   ["board=esp32s3", "tcp_check=no", "ssh_upload=no", "auth_upload=no"])
