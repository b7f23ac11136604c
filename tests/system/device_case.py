"""What tests of the virtual device share: devices that restart fast, uploads, a server that is made up."""

import hashlib
import http.server
import json
import socket
import threading

import harness
import images

SLOT_LEN = 0x180000  # of harness.TWO_SLOTS


class FakeServer:
    """A server that gives prepared answers and remembers every request."""

    def __init__(self):
        self.answers = {}  # path without query -> function(handler) -> (status, headers, body)
        self.requests = []
        self.reports = []
        self.report_answer = (200, b'{"ok":true}')
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                fake.requests.append((self.path, dict(self.headers.items())))
                answer = fake.answers.get(self.path.partition("?")[0])
                status, headers, body = answer(self) if answer else (404, {}, b"")
                self.send_response(status)
                for name, value in {"Content-Length": len(body), **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                fake.reports.append(json.loads(body))
                status, answer = fake.report_answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *args: None  # a device that restarts breaks off its requests
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def stop(self):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    def offer(self, version, image):
        descriptor = json.dumps({"version": version, "path": self.url + "/image"}).encode()
        self.answers["/channel.json"] = lambda handler: (200, {}, descriptor)
        self.answers["/image"] = lambda handler: (200, {"x-MD5": hashlib.md5(image).hexdigest()}, image)

    def states(self):
        return [report["state"] for report in self.reports]


class DeviceCase(harness.Case):
    """Devices restart fast here; their images are built by images.py."""

    def setUp(self):
        super().setUp()
        self.old = images.make("1.0.0")
        self.new = images.make("1.1.0")

    def start_device(self, name="garage", app=None, extra=(), **kwargs):
        path = self.write("first.bin", app or self.old)
        return self.device(name, path, extra=["--restart-ms", "50", *extra], **kwargs)

    def booted(self, *args, **kwargs):
        device = self.start_device(*args, **kwargs)
        return device, device.wait_boot()

    def fake_server(self):
        server = FakeServer()
        self.addCleanup(server.stop)
        return server

    def flash(self, name="garage"):
        with open(self.path(name + ".flash"), "rb") as file:
            return file.read()

    def status_of(self, boot):
        status, _, body = harness.http("GET", f"http://{boot['http']}/status")
        self.assertEqual(status, 200)
        return json.loads(body)

    def wait_status(self, boot, what, check):
        return harness.wait_until(what, lambda: (lambda s: check(s) and s)(self.status_of(boot)))

    def post(self, boot, body, path="/update", headers=None):
        all_headers = {"Content-Type": "application/octet-stream", **(headers or {})}
        return harness.http("POST", f"http://{boot['http']}{path}", body, all_headers)

    def post_form(self, boot, body, field="firmware", headers=None):
        boundary = "----form-boundary-0123456789"
        form = (f"--{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"new.bin\"\r\n"
                f"Content-Type: application/octet-stream\r\n\r\n").encode() + body
        form += f"\r\n--{boundary}--\r\n".encode()
        return self.post(boot, form, headers={"Content-Type": f"multipart/form-data; boundary={boundary}",
                                              **(headers or {})})

    def assert_updated(self, device, version="1.1.0", slot="ota_1"):
        boot = device.wait_boot()
        self.assertEqual((boot["version"], boot["slot"], boot["state"]), (version, slot, "trial"))
        device.wait_line("^confirmed")
        return boot

    def assert_refused(self, answer, status, name):
        self.assertEqual(answer[0], status, answer[2])
        error = json.loads(answer[2])["error"]
        self.assertEqual(error["name"], name)
        self.assertTrue(error["text"] and error["remedy"], error)
        return error

    def open_upload(self, boot, total_len, part, path="/update", headers=None):
        """An upload that has announced total_len bytes and sent only some of them."""
        host, _, port = boot["http"].rpartition(":")
        upload = socket.create_connection((host, int(port)), timeout=harness.WAIT_S)
        self.addCleanup(upload.close)
        lines = {"Content-Type": "application/octet-stream", **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        upload.sendall(f"POST {path} HTTP/1.1\r\nHost: {boot['http']}\r\n{head}"
                       f"Content-Length: {total_len}\r\n\r\n".encode() + part)
        return upload
