"""A server to pull from that does what a test says, over HTTP or HTTPS, and certificates for it, good and
bad ones, made on the fly by openssl."""

import hashlib
import http.server
import os
import ssl
import subprocess
import threading
import time

AUTHORITY = """\
[ca]
default_ca = authority
[authority]
database = {directory}/issued
new_certs_dir = {directory}
rand_serial = yes
default_md = sha256
policy = anything
x509_extensions = leaf
unique_subject = no
[anything]
commonName = supplied
[leaf]
subjectAltName = {name}
"""


def openssl(*args):
    return subprocess.run(["openssl", *args], check=True, capture_output=True, timeout=30).stdout


class Authority:
    """A CA of its own, in a directory."""

    def __init__(self, directory, name="ca"):
        self.directory = os.path.join(directory, name)
        os.mkdir(self.directory)
        self.pem = self.path("ca.pem")
        self.self_signed("ca", f"/CN=Updraft test {name}")
        with open(self.path("issued"), "w", encoding="ascii"):
            pass

    def path(self, name):
        return os.path.join(self.directory, name)

    def self_signed(self, name, subject="/CN=127.0.0.1"):
        """(certificate, key) that vouches for itself, good for 127.0.0.1 and now."""
        files = self.path(name + ".pem"), self.path(name + ".key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", subject, "-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1])
        return files

    def issue(self, name, san="IP:127.0.0.1", from_days=-1, to_days=1):
        """(certificate, key), valid from and to so many days from now."""
        files = self.path(name + ".pem"), self.path(name + ".key")
        request, config = self.path(name + ".csr"), self.write(name + ".cnf", san)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-out", request, "-keyout", files[1])
        start, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))
                      for days in (from_days, to_days))
        openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.pem, "-keyfile", self.path("ca.key"),
                "-startdate", start, "-enddate", end, "-in", request, "-out", files[0])
        return files

    def write(self, name, san):
        path = self.path(name)
        with open(path, "w", encoding="ascii") as file:
            file.write(AUTHORITY.format(directory=self.directory, name=san))
        return path


def pin_of(files):
    """SHA-256 of a certificate's public key, as hex."""
    public = openssl("x509", "-in", files[0], "-pubkey", "-noout")
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=public, check=True,
                         capture_output=True, timeout=30).stdout
    return hashlib.sha256(der).hexdigest()


class PullServer:
    """`answer(handler)` is called for each GET; reports are taken. `asked` is every GET as (path, headers,
    monotonic time)."""

    def __init__(self, answer, files=None):
        self.asked = []
        self.answer = answer
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                reply(self, 200, b'{"ok":true}')

            def do_GET(self):
                server.asked.append((self.path, self.headers, time.monotonic()))
                server.answer(self)

        class Quiet(http.server.ThreadingHTTPServer):
            def handle_error(self, *args):
                pass  # clients that turn away are what is tested

        self.http = Quiet(("127.0.0.1", 0), Handler)
        scheme = "http"
        if files:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*files)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True,
                                                   do_handshake_on_connect=False)
        self.url = f"{scheme}://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join(10)

    def times(self):
        return [when for _, _, when in self.asked]


def reply(handler, status, body=b"", **headers):
    """headers: Retry_After="3" for Retry-After."""
    try:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if status != 304 and "Content_Length" not in headers:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
    except OSError:
        pass


def offer(image, version="1.1.0", **headers):
    """The image for whoever runs, or says, another version."""

    def answer(handler):
        if handler.headers.get("x-ESP32-version") == version:
            reply(handler, 304)
        else:
            reply(handler, 200, image, **headers)

    return answer


def send_to(address, status=302):
    return lambda handler: reply(handler, status, Location=address)
