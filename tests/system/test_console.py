"""The ota console of OVMS v3 on a virtual device: over TCP and on standard input, from a file and from
a server, to factory and back."""

import os
import re
import socket
import subprocess
import time

import harness

PASSWORD = "bms2024"
PROMPT = b"OVMS# "
PLAIN_PROMPT = b"OVMS> "


class Session:
    """A person at the console, over TCP."""

    def __init__(self, port, prompt=PROMPT):
        self.tcp = socket.create_connection(("127.0.0.1", port), 30)
        self.tcp.settimeout(30)
        self.heard = b""
        self.read_to(prompt)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.tcp.close()

    def read_to(self, prompt):
        while not self.heard.endswith(prompt):
            piece = self.tcp.recv(4096)
            if not piece:
                raise AssertionError(f"closed after {self.heard}")
            self.heard += piece
        said, self.heard = self.heard[:-len(prompt)].decode(), b""
        return said

    def command(self, line, prompt=PROMPT):
        self.tcp.sendall(line.encode() + b"\n")
        return self.read_to(prompt)


class Console(harness.Case):
    def boot(self, board="", table=harness.FACTORY, extra=(), version="1.1.0"):
        """A device that runs 1.0.0 from its factory slot."""
        old = self.image("old.bin", version="1.0.0", size=100000)
        self.new = self.image("new.bin", version=version, size=450000)
        path = self.write("target.yaml", "name: target\nchip: esp32\nproduct: demo\npoll_s: 0\n"
                                         f"ports: {{ota: 0, http: 0, console: 0}}\n{board}")
        self.target = self.start(harness.Device([
            harness.program("updraft-device"), "--flash", self.path("target.flash"), "--table",
            self.write("table.csv", table), "--app", old, "--board", path, "--restart-ms", "50",
            *extra]))
        self.fields = self.target.wait_boot(version="1.0.0")
        self.port = int(self.fields["console"])

    def session(self, **kwargs):
        return Session(self.port, **kwargs)

    def reset(self, session):
        session.tcp.sendall(b"module reset\n")
        self.assertIn("Resetting system...", session.read_to(PROMPT))

    def test_a_file_is_flashed_then_factory_boots_and_the_new_image_again(self):
        self.boot()
        size = os.path.getsize(self.new)
        with self.session() as console:
            said = console.command(f"ota flash vfs {self.new}")
            self.assertEqual(said, "Current running partition is: factory\n"
                                   "Target partition is: ota_0\n"
                                   f"Source image is {size} bytes in size\n"
                                   "OTA Flash VFS: Preparing flash partition...\n"
                                   "OTA Flash VFS: Flashing image partition...\n"
                                   "OTA Flash VFS: Setting boot partition...\n"
                                   "OTA flash was successful\n"
                                   f"  Flashed {size} bytes from {self.new}\n"
                                   "  Next boot will be from 'ota_0'\n")
            self.target.wait_line("update start via=console slot=ota_0")
            self.reset(console)
        self.target.wait_boot(slot="ota_0", version="1.1.0")
        self.target.wait_line("confirmed")
        with self.session() as console:
            said = console.command("ota status")
            for line in ("Firmware:          1.1.0/ota_0/main (build idf ", "Partition type:    v3-30",
                         "Partition table:   0x8000\n", "Running partition: ota_0\n",
                         "Boot partition:    ota_0\n", "Factory image:     1.0.0\n",
                         "OTA_O image:       1.1.0\n"):
                self.assertIn(line, said)
            self.assertEqual(console.command("ota boot factory"),
                             "Boot from factory at 0x00010000 (size 0x00100000)\n")
            self.reset(console)
        self.target.wait_boot(slot="factory", version="1.0.0")
        with self.session() as console:
            self.assertEqual(console.command("ota boot ota_0"),
                             "Boot from ota_0 at 0x00110000 (size 0x00100000)\n")
            self.reset(console)
        self.target.wait_boot(slot="ota_0", version="1.1.0")

    def test_copy_and_erase_leave_a_flash_that_says_so(self):
        self.boot()
        with self.session() as console:
            said = console.command("ota copy factory ota_1")
            self.assertIn("OTA copy factory (00065536) -> ota_1 (00210000) size 1048576 with block "
                          "size 4096\n", said)
            self.assertTrue(said.endswith("OTA Copy: 100% progress (1048576 bytes)\n"
                                          "OTA copy complete\n"), said)
            self.assertIn("OTA_1 image:       1.0.0\n", console.command("ota"))
            self.assertEqual(console.command("ota erase ota_1"),
                             "OTA Erase: Erasing partition...\nPartition erase complete\n")
            self.assertNotIn("OTA_1 image", console.command("ota"))

    def test_a_file_that_is_none_and_one_for_another_chip_are_refused(self):
        self.boot()
        other = self.image("other.bin", chip="esp32s3", version="1.1.0", size=100000)
        with self.session() as console:
            for path in ("/nowhere/ovms3.bin", self.path("")):
                self.assertIn(f"Error: Cannot find file {path}\n",
                              console.command(f"ota flash vfs {path}"))
            said = console.command(f"ota flash vfs {other}")
            self.assertIn("Error: ESP32 error #5379 when writing to flash", said)
            self.assertIn("  the image is for ESP32-S3, this device is another chip\n", said)
            self.assertIn("Boot partition:    factory\n", console.command("ota"))

    def published(self, version="1.1.0", channel="main"):
        """A server with a release, and the board's line that names it."""
        server = self.server()
        new = self.image("published.bin", version=version, size=450000)
        with open(new, "rb") as file:
            status, answer = server.api("POST", f"/api/v1/releases?channel={channel}&product=demo&"
                                                "notes=Faster%20charging.", file.read())
        self.assertEqual(status, 201, answer)
        return server, f"server: {server.url}\n"

    def test_the_server_s_version_is_shown_and_its_image_flashed(self):
        server, board = self.published()
        self.boot(board)
        size = os.path.getsize(self.path("published.bin"))
        with self.session() as console:
            said = console.command("ota status")
            self.assertTrue(said.endswith("Server Available:  1.1.0 (is newer)\n\n"
                                          "Faster charging.\n"), said)
            self.assertNotIn("Server", console.command("ota status nocheck"))
            said = console.command("ota flash http")
            url = f"{server.url}/d/ovms/demo/main/ovms3.bin"
            self.assertIn(f"Download firmware from {url} to ota_0\nExpected file size is {size}\n", said)
            self.assertRegex(said, r"Downloading\.\.\. \d+% \(\d+ bytes so far\)\n")
            self.assertIn(f"Download complete (at {size} bytes)\n", said)
            self.assertTrue(said.endswith("  Next boot will be from 'ota_0'\n"), said)
            self.reset(console)
        self.target.wait_boot(slot="ota_0", version="1.1.0")

    def test_the_older_firmware_s_words(self):
        server, board = self.published(channel="edge")
        self.boot(board, extra=["--console-words", "3.1.003"])
        with self.session() as console:
            self.assertEqual(console.command("config set ota tag edge"), "Parameter has been set.\n")
            said = console.command("ota status")
            self.assertEqual([line[:19] for line in said.splitlines()],
                             ["Firmware:          ", "Server Available:  ", "Running partition: ",
                              "Boot partition:    "])
            said = console.command("ota flash http")
            self.assertIn("Preparing flash partition...\nDownloading... (", said)
            self.assertRegex(said, r"Downloading\.\.\. \(\d+ bytes so far\)\n")
            self.assertIn("OTA flash was successful\n", said)

    def test_the_automatic_update_restarts_the_device_by_itself(self):
        _, board = self.published()
        self.boot(board)
        with self.session() as console:
            self.assertEqual(console.command("ota flash auto"),
                             "Triggering automatic firmware update...\n")
            self.target.wait_line("New OTA firmware 1.1.0 is now being downloaded")
            self.target.wait_line("has been updated .OVMS will restart")
        self.target.wait_boot(slot="ota_0", version="1.1.0")

    def test_without_wifi_the_automatic_update_only_tells(self):
        _, board = self.published()
        self.boot(board, extra=["--network", "modem"])
        with self.session() as console:
            console.command("ota flash auto")
            self.target.wait_line("New firmware 1.1.0 is available. Connect to WIFI to update")
            self.assertIn("(is newer)", console.command("ota status"))
            console.command("config set ota auto.allow.modem yes")
            console.command("ota flash auto")
            self.target.wait_line("is now being downloaded")

    def test_a_server_that_is_away_is_told(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.boot()
        with self.session() as console:
            said = console.command(f"ota flash http http://127.0.0.1:{port}/ovms3.bin")
            self.assertTrue(said.endswith("Error: Request failed\n"), said)

    def test_a_download_that_breaks_off_is_told_and_changes_nothing(self):
        self.boot()
        with open(self.new, "rb") as file:
            half = file.read()[:200000]
        with socket.create_server(("127.0.0.1", 0)) as listener, self.session() as console:
            listener.settimeout(20)
            port = listener.getsockname()[1]
            console.tcp.sendall(f"ota flash http 127.0.0.1:{port}/a.bin\n".encode())
            peer, _ = listener.accept()
            with peer:
                request = peer.recv(4096).decode()
                self.assertIn("GET /a.bin HTTP/1.0\r\n", request)
                self.assertIn("User-Agent: ovms/demo (target 1.0.0/factory/main", request)
                peer.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 450000\r\n\r\n" + half)
            said = console.read_to(PROMPT)
            self.assertIn("Download failed (at 200000 bytes)\nError: Download file size (200000) does "
                          "not match expected (450000)\n", said)
            self.assertIn("Boot partition:    factory\n", console.command("ota"))

    def test_a_second_session_is_told_that_a_flash_job_runs(self):
        self.boot()
        with socket.create_server(("127.0.0.1", 0)) as listener, self.session() as first, \
                self.session() as second:
            listener.settimeout(20)
            port = listener.getsockname()[1]
            first.tcp.sendall(f"ota flash http 127.0.0.1:{port}/a.bin\n".encode())
            peer, _ = listener.accept()
            with peer, open(self.new, "rb") as file:
                peer.recv(4096)
                peer.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 450000\r\n\r\n" + file.read(100000))
                harness.wait_until("the download shows", lambda: "Status:            OTA Flash HTTP"
                                   in second.command("ota status"))
                self.assertEqual(second.command(f"ota flash vfs {self.new}"),
                                 "Error: Flash operation already in progress - cannot flash again\n")
                peer.sendall(file.read())
            self.assertIn("OTA flash was successful\n", first.read_to(PROMPT))

    def test_a_session_must_know_the_password_and_guessing_is_slow(self):
        self.boot(f"password: {PASSWORD}\n")
        with self.session(prompt=PLAIN_PROMPT) as console:
            self.assertEqual(console.command("ota erase ota_1", PLAIN_PROMPT),
                             "Error: Secure command requires 'enable' mode\n")
            for _ in range(6):
                start = time.monotonic()
                self.assertEqual(console.command("enable wrong", PLAIN_PROMPT),
                                 "Error: Invalid password\n")
            self.assertGreater(time.monotonic() - start, 0.9)
            self.target.wait_line("sign-in failed via=console")
            self.assertEqual(console.command(f"enable {PASSWORD}"), "Secure mode\n")
            self.assertIn("Running partition: factory\n", console.command("ota"))

    def test_standard_input_is_a_console_too(self):
        old = self.image("old.bin", version="1.0.0", size=100000)
        board = self.write("target.yaml", f"name: target\nchip: esp32\nproduct: demo\npassword: {PASSWORD}\n"
                                          "ports: {ota: 0, http: 0}\n")
        device = subprocess.Popen(
            [harness.program("updraft-device"), "--flash", self.path("target.flash"), "--table",
             self.write("table.csv", harness.FACTORY), "--app", old, "--board", board, "--console",
             "--quiet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            device.stdin.write(b"ota status nocheck\nota boot ota_1\n")
            device.stdin.flush()
            said = b""
            while said.count(PROMPT) < 3:
                said += os.read(device.stdout.fileno(), 4096)
        finally:
            device.terminate()
            device.communicate(timeout=10)
        self.assertRegex(said.decode(), r"^OVMS# Hardware: (?s:.*)Running partition: factory\n"
                                        r"(?s:.*)OVMS# Error: partition contained invalid app image")
        self.assertEqual(device.returncode, 0)


if __name__ == "__main__":
    import unittest

    unittest.main()
