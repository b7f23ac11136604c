"""A network between an espota host and a device: it delays, cuts, or falls silent.

The relay stands in for the device. It puts its own TCP port into the invitation, so the device
connects back through it too; passwords are not touched, as they do not cover the port.

    with espota_relay.Relay(device_port, delay_s=0.010, cut_at=5000, cut="reset") as relay:
        subprocess.run([..., "-p", relay.port])
"""

import collections
import re
import socket
import struct
import threading
import time

QUEUE_LEN = 64 * 1024  # bytes under way each way: then TCP's window holds the sender back
WAIT_S = 0.05
SETTLE_S = 0.3  # a reset may overtake what was sent before it; this lets that arrive first


class Pipe:
    """One direction of a connection: each piece arrives delay_s after it was sent."""

    def __init__(self, relay, source, sink, cut_at=None):
        self.relay = relay
        self.source = source
        self.sink = sink
        self.left = cut_at
        self.pieces = collections.deque()
        self.queued = 0
        self.changed = threading.Condition()
        relay.run(self.receive)
        relay.run(self.send)

    def put(self, data):
        with self.changed:
            self.changed.wait_for(lambda: self.queued < QUEUE_LEN or self.relay.closed, 60)
            self.pieces.append((time.monotonic() + self.relay.delay_s, data))
            self.queued += len(data)
            self.changed.notify_all()

    def receive(self):
        data = b"-"
        while data:
            try:
                data = self.source.recv(65536)
            except OSError:
                data = b""
            if not self.relay.silent:
                self.put(data)

    def send(self):
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.pieces or self.relay.closed, 60)
                if not self.pieces:
                    return
                due, data = self.pieces.popleft()
                self.queued -= len(data)
                self.changed.notify_all()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                self.finish()
                return
            if self.left is not None and self.left <= len(data):
                self.deliver(data[:self.left])
                self.relay.cut_now()
                return
            self.left = None if self.left is None else self.left - len(data)
            self.deliver(data)

    def deliver(self, data):
        if not self.relay.silent:
            try:
                self.sink.sendall(data)
            except OSError:
                pass

    def finish(self):
        if not self.relay.silent:
            try:
                self.sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass


class Relay:
    """cut_at: bytes of the image that arrive before the connection is cut: by a reset on both sides, or
    by silence, as of a device or a host whose battery is empty. shut: nobody listens where the device
    is told to connect to, as behind a firewall that refuses."""

    def __init__(self, device_port, delay_s=0.0, cut_at=None, cut="reset", shut=False, host="127.0.0.1"):
        self.delay_s = delay_s
        self.cut_at = cut_at
        self.cut = cut
        self.host = host
        self.closed = self.silent = False
        self.threads = []
        self.streams = []
        self.asker = None  # who sent the newest datagram, and where it listens
        self.host_port = 0
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind((host, 0))
        self.port = self.front.getsockname()[1]
        self.back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.back.connect((host, device_port))
        self.listener = socket.socket()
        self.listener.bind((host, 0))
        if not shut:
            self.listener.listen()
        self.listener_port = self.listener.getsockname()[1]
        for idle in (self.front, self.back, self.listener):
            idle.settimeout(WAIT_S)
        self.run(self.carry_questions)
        self.run(self.carry_answers)
        if not shut:
            self.run(self.carry_connections)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True
        for stream in self.streams:
            self.end(stream)
        for thread in self.threads:
            thread.join(5)
        for end in (self.front, self.back, self.listener):
            end.close()

    def run(self, work):
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.threads.append(thread)

    @staticmethod
    def end(stream):
        try:
            stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        stream.close()

    def cut_now(self):
        self.silent = True
        if self.cut == "reset":
            time.sleep(SETTLE_S)
            for stream in self.streams:
                # A socket that someone waits for is closed when the wait ends.
                stream.shutdown(socket.SHUT_RD)
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                stream.close()

    def until_closed(self, receive):
        while not self.closed:
            try:
                yield receive()
            except socket.timeout:
                continue
            except OSError:  # a port unreachable
                time.sleep(WAIT_S)

    def carry_questions(self):
        for data, sender in self.until_closed(lambda: self.front.recvfrom(1024)):
            self.asker = sender
            invitation = re.match(rb"(0|100) (\d+) ", data)
            if invitation:
                self.host_port = int(invitation[2])
                port = b"%d" % self.listener_port
                data = invitation[1] + b" " + port + b" " + data[invitation.end():]
            time.sleep(self.delay_s)
            self.back.send(data)

    def carry_answers(self):
        for data in self.until_closed(lambda: self.back.recv(1024)):
            time.sleep(self.delay_s)
            self.front.sendto(data, self.asker)

    def carry_connections(self):
        for device, _ in self.until_closed(self.listener.accept):
            try:
                host = socket.create_connection((self.host, self.host_port))
            except OSError:
                device.close()
                continue
            for stream in (device, host):
                stream.settimeout(None)
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.streams += [device, host]
            Pipe(self, host, device, self.cut_at)
            Pipe(self, device, host)
