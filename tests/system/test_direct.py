"""Updraft's own way in, over real sockets: the tool against the virtual device, and each side against
peers that misbehave."""

import json
import socket
import threading
import time
import unittest

import harness

HELLO, BEGIN, GO, WRITTEN, DONE, REFUSED = range(1, 7)
HELLO_LEN = 152
WRONG_PASSWORD, BUSY, WRONG_CHIP, TOO_LARGE, TIMEOUT = 60, 51, 55, 54, 65


class Cutter:
    """A forwarder that breaks the connection off after so many bytes towards the device, or, when
    silent, passes nothing on until the device hangs up."""

    def __init__(self, test, port, cut_after, times=1, silent=False):
        self.port_to, self.cut_after, self.times, self.silent = port, cut_after, times, silent
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.up = []  # bytes towards the device, one number a connection
        test.addCleanup(self.listener.close)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                host, _ = self.listener.accept()
            except OSError:
                return
            limit = self.cut_after if len(self.up) < self.times else None
            self.up.append(0)
            with host, socket.create_connection(("127.0.0.1", self.port_to)) as device:
                self.carry(host, device, limit)

    def carry(self, host, device, limit):
        down = threading.Thread(target=self.pump, args=(device, host), daemon=True)
        down.start()
        while True:
            try:
                data = host.recv(1000)
                if not data:
                    break
                device.sendall(data)
            except OSError:
                break
            self.up[-1] += len(data)
            if limit is not None and self.up[-1] >= limit:
                time.sleep(0.5)  # what is on its way arrives; only what follows is lost
                if self.silent:
                    down.join(harness.WAIT_S)
                break
        for end in (host, device):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        down.join(harness.WAIT_S)

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(4096):
                sink.sendall(data)
        except OSError:
            pass


class Direct(harness.Case):
    def setUp(self):
        super().setUp()
        self.old = self.image("old.bin", version="1.0.0")
        self.new = self.image("new.bin", version="1.1.0")

    def start_device(self, board="", extra=(), name="garage"):
        device = self.device(name, app=self.old, board=board, extra=extra)
        boot = device.wait_boot()
        return device, boot

    def push(self, boot, *args, image=None, status=0, port=None):
        host = f"127.0.0.1:{boot['http'].split(':')[1]}"
        done = self.cli("push", image or self.new, host, "--via", "direct", "--json",
                        *(("--direct-port", port) if port else ()), *args, status=status)
        return json.loads(done.stdout)

    def greeting(self, boot, own_address="127.0.0.1"):
        link = socket.create_connection(("127.0.0.1", int(boot["direct"])), harness.WAIT_S, (own_address, 0))
        self.addCleanup(link.close)
        return link

    @staticmethod
    def read(link, length):
        data = b""
        while len(data) < length:
            piece = link.recv(length - len(data))
            if not piece:
                break
            data += piece
        return data

    def test_the_tool_prefers_it_and_sees_the_new_image_confirmed(self):
        device, boot = self.start_device(board="password: secret\n")
        host = f"127.0.0.1:{boot['http'].split(':')[1]}"
        got = json.loads(self.cli("push", self.new, host, "--password", "secret", "--json").stdout)
        self.assertEqual((got["via"], got["state"], got["running"]), ("direct", "confirmed", "1.1.0"))
        device.wait_line("via=direct")

    def test_a_wrong_password_is_refused_and_told_apart_from_none(self):
        device, boot = self.start_device(board="password: secret\n")
        got = self.push(boot, "--password", "Secret", status=6)
        self.assertEqual(got["error"]["code"], "wrong_password")
        self.assertIn("does not take", got["error"]["message"])
        device.wait_line("sign-in failed via=direct")

    def test_the_password_does_not_go_over_the_wire(self):
        _, boot = self.start_device(board="password: secret-of-the-house\n")
        seen = []
        cutter = Cutter(self, int(boot["direct"]), cut_after=None)
        original = cutter.pump
        relay = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(relay.close)

        def spy():
            host, _ = relay.accept()
            with host, socket.create_connection(("127.0.0.1", cutter.port)) as device:
                threading.Thread(target=original, args=(device, host), daemon=True).start()
                while data := host.recv(65536):
                    seen.append(data)
                    device.sendall(data)

        threading.Thread(target=spy, daemon=True).start()
        got = self.push(boot, "--password", "secret-of-the-house", port=relay.getsockname()[1])
        self.assertEqual(got["state"], "confirmed")
        self.assertNotIn(b"secret-of-the-house", b"".join(seen))

    def test_an_image_for_another_chip_is_refused_by_the_device_itself(self):
        _, boot = self.start_device()
        foreign = self.image("foreign.bin", chip="esp32s3", version="1.1.0")
        got = self.push(boot, "--no-chip-check", image=foreign, status=5)
        self.assertEqual(got["error"]["code"], "wrong_chip")

    def test_an_image_that_is_too_large_is_refused_before_it_is_sent(self):
        _, boot = self.start_device()
        large = self.image("large.bin", version="1.1.0", size=2500000)
        got = self.push(boot, image=large, status=5)
        self.assertEqual(got["error"]["code"], "too_large")
        self.assertEqual(got.get("sent", 0), 0)

    def test_a_connection_that_breaks_off_is_taken_up_again(self):
        for part in (0.01, 0.5, 0.99):
            with self.subTest(part):
                device, boot = self.start_device(name=f"garage-{int(part * 100)}")
                cutter = Cutter(self, int(boot["direct"]), int(200000 * part), times=1)
                got = self.push(boot, port=cutter.port)
                self.assertEqual((got["state"], got["running"]), ("confirmed", "1.1.0"))
                self.assertEqual(len(cutter.up), 2)
                self.assertLess(sum(cutter.up), 1.2 * 200000)
                self.assertEqual(got.get("resumed", 0) > 0, part > 0.1)
                device.stop()

    def test_a_verdict_that_is_lost_is_not_made_up(self):
        """The last byte arrives, the answer does not: the tool asks the device what it runs."""
        _, boot = self.start_device()
        total = 200000 + 108 + 1000  # all of it; the forwarder cuts behind the piece that ends it
        cutter = Cutter(self, int(boot["direct"]), total - 1100, times=1)
        got = self.push(boot, port=cutter.port)
        self.assertEqual((got["state"], got["running"]), ("confirmed", "1.1.0"))

    def test_a_second_host_is_turned_away_and_the_first_goes_on(self):
        _, boot = self.start_device()
        first = self.greeting(boot)
        self.assertEqual(self.read(first, HELLO_LEN)[:1], bytes([HELLO]))
        second = self.greeting(boot)
        words = self.read(second, 116)
        self.assertEqual((words[0], words[4]), (REFUSED, BUSY))
        self.assertEqual(second.recv(1), b"")
        first.close()
        self.assertEqual(self.push(boot)["state"], "confirmed")

    def test_a_second_push_is_told_while_the_first_is_under_way(self):
        device, boot = self.start_device(extra=("--timing", "w25q"))
        image = self.image("slow.bin", version="1.2.0", size=900000)
        first = []
        thread = threading.Thread(target=lambda: first.append(self.push(boot, image=image)))
        thread.start()
        device.wait_line("^update start")
        got = self.push(boot, "--timeout", "2", status=5)
        self.assertEqual(got["error"]["code"], "busy")
        thread.join()
        self.assertEqual((first[0]["state"], first[0]["running"]), ("confirmed", "1.2.0"))

    def test_who_guesses_passwords_keeps_no_one_out(self):
        """Whoever is held for guessing gives the place up to one from another address."""
        device, boot = self.start_device(board="password: secret\n")
        for _ in range(5):
            self.push(boot, "--password", "guess", status=6)
            device.wait_line("sign-in failed via=direct")
        held = self.greeting(boot)
        other = self.greeting(boot, "127.0.0.2")
        self.assertEqual(self.read(other, HELLO_LEN)[:1], bytes([HELLO]))
        self.assertEqual(held.recv(1), b"")

    def test_a_host_that_falls_silent_is_given_up_and_may_go_on(self):
        device, boot = self.start_device(extra=("--stall-s", "1"))
        cutter = Cutter(self, int(boot["direct"]), 100000, times=1, silent=True)
        got = self.push(boot, "--retry", "1", port=cutter.port)
        self.assertEqual((got["state"], got["running"]), ("confirmed", "1.1.0"))
        self.assertGreater(got["resumed"], 0)
        device.wait_line("^update failed code=65")

    def test_nonsense_is_answered_once_and_the_connection_closed(self):
        _, boot = self.start_device()
        link = self.greeting(boot)
        link.sendall(b"GET / HTTP/1.1\r\n\r\n")
        answer = self.read(link, HELLO_LEN + 116)
        self.assertEqual(answer[HELLO_LEN], REFUSED)
        link.shutdown(socket.SHUT_WR)
        self.assertEqual(link.recv(1), b"")

    def test_a_device_that_vanishes_ends_the_push_with_the_right_sentence(self):
        device, boot = self.start_device(extra=("--timing", "w25q"))
        threading.Thread(target=lambda: (time.sleep(1.5), device.process.kill()), daemon=True).start()
        image = self.image("big.bin", version="1.1.0", size=900000)
        got = self.push(boot, "--timeout", "2", image=image, status=4)
        self.assertIn(got["error"]["code"], ("disconnected", "cannot_connect"))

    def test_something_else_that_listens_there_is_named(self):
        _, boot = self.start_device()
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def talk():
            link, _ = listener.accept()
            link.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            time.sleep(1)
            link.close()

        threading.Thread(target=talk, daemon=True).start()
        got = self.push(boot, port=listener.getsockname()[1], status=4)
        self.assertEqual(got["error"]["code"], "protocol")

    def test_one_who_never_answers_is_given_up(self):
        _, boot = self.start_device()
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        started = time.monotonic()
        got = self.push(boot, "--timeout", "1", port=listener.getsockname()[1], status=4)
        self.assertEqual(got["error"]["code"], "disconnected")
        self.assertLess(time.monotonic() - started, 10)


if __name__ == "__main__":
    unittest.main()
