"""The host's side of espota, written from the protocol's description alone."""

import hashlib
import re
import socket


def md5(data):
    return hashlib.md5(data).hexdigest()


class EspotaError(Exception):
    """The step that failed and what the device said."""

    def __init__(self, step, text):
        super().__init__(f"{step}: {text}")
        self.step = step
        self.text = text


def auth_datagram(password, nonce):
    cnonce = md5(b"any text of the host")
    response = md5(f"{md5(password.encode())}:{nonce}:{cnonce}".encode())
    return f"200 {cnonce} {response}\n".encode()


def push(port, data, password=None, host="127.0.0.1", command=0, announced_md5=None, chunk=1460,
           stop_after=None, timeout_s=15):
    """Pushes an image as the stock hosts do. Returns what the device wrote to the stream; raises
    EspotaError. stop_after: closes the connection after so many bytes."""
    with socket.create_server((host, 0)) as listener, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        listener.settimeout(timeout_s)
        udp.settimeout(timeout_s)
        device = (host, port)
        tcp_port = listener.getsockname()[1]
        udp.sendto(f"{command} {tcp_port} {len(data)} {announced_md5 or md5(data)}\n".encode(), device)
        reply = udp.recvfrom(128)[0].decode()
        challenge = re.fullmatch(r"AUTH ([0-9a-f]{64})", reply)
        if challenge:
            udp.sendto(auth_datagram(password or "", challenge[1]), device)
            reply = udp.recvfrom(128)[0].decode()
        if reply != "OK":
            raise EspotaError("invitation", reply)
        stream, _ = listener.accept()
        with stream:
            stream.settimeout(timeout_s)
            return send(stream, data, chunk, stop_after)


def send(stream, data, chunk, stop_after):
    heard = ""
    for off in range(0, len(data), chunk):
        if stop_after is not None and off >= stop_after:
            return heard
        try:
            stream.sendall(data[off:off + chunk])
            heard += stream.recv(32).decode(errors="replace")
        except OSError as error:
            raise EspotaError("data", heard or str(error)) from None
        if re.search("[A-Z]", heard):
            break
    while not heard.endswith("OK"):
        more = stream.recv(64).decode(errors="replace")
        if not more:
            raise EspotaError("result", heard)
        heard += more
    return heard
