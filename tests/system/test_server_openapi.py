"""docs/openapi.json against a running server: what is answered is as described, also refusals."""

import json
import unittest

import harness
import images
import openapi
from server_case import JSON, ServerCase, mac

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")


@unittest.skipIf(openapi.jsonschema is None, "python3-jsonschema is missing")
class OpenApi(ServerCase):
    def setUp(self):
        super().setUp()
        self.document = openapi.document()

    def operations(self):
        for path, operations in self.document["paths"].items():
            for method, operation in operations.items():
                yield path, method.upper(), operation

    def fill(self):
        """A fleet in which each kind of answer has something to show."""
        for version in ("1.0.0", "1.1.0"):
            self.publish(images.make(version))
        self.publish(images.make("2.0.0"), "notes=later")
        self.report(1, "1.0.0", "confirmed", chip="esp32", name="garage", slot="ota_0")
        self.report(2, "1.0.0", "downloading", target="1.1.0", progress=40)
        self.report(3, "1.0.0", "rolled_back", target="1.1.0", error={"code": 58, "text": "panic"},
                    log="[1] boot\n[1] panic")
        self.report(4, "1.1.0", "trial")
        self.get("/d/channel/demo/stable/esp32.json",
                 {"x-updraft-device": mac(5), "x-updraft-version": "1.0.0"})

    def test_the_server_gives_the_file_to_everyone(self):
        status, headers, text = self.get("/api/v1/openapi.json")
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
        with open(openapi.FILE, "rb") as file:
            self.assertEqual(text, file.read())
        self.assertEqual(self.get("/api/v1/openapi.json", {"If-None-Match": headers["ETag"]})[0], 304)

    def test_every_schema_is_one_and_every_reference_leads_somewhere(self):
        references = []

        def walk(item):
            if isinstance(item, dict):
                if isinstance(item.get("$ref"), str):
                    references.append(openapi.follow(item, self.document))
                if "schema" in item:
                    openapi.jsonschema.Draft202012Validator.check_schema(item["schema"])
                for value in item.values():
                    walk(value)
            elif isinstance(item, list):
                for value in item:
                    walk(value)

        walk(self.document)
        self.assertGreater(len(references), 100)
        for schema in self.document["components"]["schemas"].values():
            openapi.jsonschema.Draft202012Validator.check_schema(schema)

    def test_nothing_stands_there_that_nothing_uses(self):
        text = json.dumps(self.document)
        for kind in ("parameters", "responses", "schemas"):
            for name in self.document["components"][kind]:
                self.assertIn(f'"#/components/{kind}/{name}"', text)

    def test_every_example_is_as_its_schema_says(self):
        seen = 0
        places = [place for _, _, operation in self.operations()
                  for place in [operation.get("requestBody", {}),
                                *(openapi.follow(answer, self.document)
                                  for answer in operation["responses"].values())]]
        for place in places:
            for content in place.get("content", {}).values():
                if "example" in content:
                    seen += 1
                    self.assertIsNone(openapi.complaint(content["schema"], content["example"]))
        self.assertGreater(seen, 20)

    def test_a_wrong_answer_would_be_noticed(self):
        """What holds the answers must be able to fail."""
        row = {"id": 1, "name": "demo", "created": 5}
        openapi.check("GET", "/api/v1/products", 200, {"products": [row]})
        for wrong in ({"products": [{**row, "id": "1"}]}, {"products": [{**row, "new": 1}]},
                      {"products": [{"id": 1, "name": "demo"}]}, {}, []):
            with self.assertRaises(AssertionError):
                openapi.check("GET", "/api/v1/products", 200, wrong)
        with self.assertRaises(AssertionError):
            openapi.check("GET", "/api/v1/products", 418, {"products": []})
        with self.assertRaises(AssertionError):
            openapi.check("GET", "/api/v1/elsewhere", 200, {})

    def test_every_list_of_a_full_fleet_is_as_described(self):
        self.fill()
        asked = 0
        for path, method, operation in self.operations():
            answers = operation["responses"].get("200", {}).get("content", {})
            if (method != "GET" or not path.startswith("/api/v1/") or "{" in path
                    or "application/json" not in answers):
                continue
            if any(p.get("required") for p in operation.get("parameters", [])):
                path += "?product=demo"
            asked += 1
            with self.subTest(path):
                status, answer = self.server.api("GET", path)  # holds it against the file
                self.assertEqual(status, 200)
                if path not in ("/api/v1/openapi.json", "/api/v1/overview"):
                    listed = [value for value in answer.values() if isinstance(value, list)]
                    self.assertLessEqual(len(listed), 1)
        self.assertGreaterEqual(asked, 8)
        for number in range(1, 6):
            self.assertEqual(self.server.api("GET", f"/api/v1/devices/{mac(number)}")[0], 200)

    def test_every_guarded_address_refuses_as_described(self):
        for path, method, operation in self.operations():
            if operation["x-role"] == "none":
                continue
            address = path.replace("{", "").replace("}", "")
            with self.subTest(f"{method} {path}"):
                body = b"{}" if "requestBody" in operation else None
                status, headers, answer = harness.http(method, self.server.url + address, body,
                                                       JSON if body else None)
                self.assertEqual(status, 401)
                self.assertEqual(headers["WWW-Authenticate"], "Bearer")
                schema = {"$ref": "#/components/schemas/error"}
                self.assertIsNone(openapi.complaint(schema, json.loads(answer)))

    def test_methods_that_are_not_described_are_not_taken(self):
        described = {}
        for path, method, _ in self.operations():
            described.setdefault(path.replace("{", "").replace("}", ""), []).append(method)
        for path, methods in described.items():
            for method in METHODS:
                if method in methods or (method, "GET") == ("HEAD", methods[0]):
                    continue
                with self.subTest(f"{method} {path}"):
                    status, headers, answer = harness.http(method, self.server.url + path)
                    self.assertEqual(status, 405, answer)
                    self.assertIn("code", json.loads(answer)["error"])

    def test_what_is_sent_wrongly_is_refused_as_described(self):
        self.fill()
        api = self.server.api
        for expected, method, path, body in (
                (400, "PUT", "/api/v1/channels/demo/stable", b"{"),
                (404, "PUT", "/api/v1/channels/demo/stable", b'{"version":"9"}'),
                (413, "PUT", "/api/v1/channels/demo/stable", b" " * 5000),
                (400, "POST", "/api/v1/tokens", b"{}"),
                (409, "POST", "/api/v1/tokens", b'{"name":"first","role":"view"}'),
                (404, "DELETE", "/api/v1/tokens/nobody", None),
                (409, "DELETE", "/api/v1/tokens/first", None),
                (422, "POST", "/api/v1/releases", b"no image"),
                (409, "POST", "/api/v1/releases", images.make("1.0.0", size=150000)),
                (422, "POST", "/api/v1/packages?product=box&version=1", b"no package"),
                (404, "GET", "/api/v1/devices/24:6F:28:00:00:77", None),
                (404, "GET", "/api/v1/attempts?device=24:6F:28:00:00:77", None),
                (400, "GET", "/api/v1/attempts?limit=0", None),
                (400, "GET", "/api/v1/devices?after=x", None),
                (400, "GET", "/api/v1/audit?before=x", None)):
            with self.subTest(f"{method} {path}"):
                status, answer = api(method, path, body, JSON if body else None)
                self.assertEqual(status, expected, answer)
        status, answer = api("POST", "/api/v1/tokens", b'{"name":"ci","role":"publish"}')
        self.assertEqual(status, 201)
        self.assertEqual(api("DELETE", "/api/v1/tokens/ci")[0], 200)
        self.assertEqual(api("PUT", "/api/v1/channels/demo/beta", b'{"version":"2.0.0"}')[0], 200)


if __name__ == "__main__":
    unittest.main()
