"""Holds answers against docs/openapi.json. Every answer that a test gets through harness.Server.api()
comes by here, so what an answer gains has to be described before its tests pass."""

import copy
import functools
import json
import os
import re
import urllib.parse

try:
    import jsonschema
except ImportError:  # Debian's python3-jsonschema; ./run installs it
    jsonschema = None

ROOT = os.environ.get("UPDRAFT_SOURCE_ROOT") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILE = os.path.join(ROOT, "docs", "openapi.json")
LARGEST = 200000  # bytes of an answer that is looked at; the rest is more of the same


@functools.cache
def document():
    with open(FILE, encoding="utf-8") as file:
        return json.load(file)


def close(schema):
    """The file lets answers grow, for clients; here every member must be described."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            close(value)
    elif isinstance(schema, list):
        for value in schema:
            close(value)
    return schema


@functools.cache
def closed():
    return close(copy.deepcopy(document()))


def follow(item, root):
    while "$ref" in item:
        at = root
        for name in item["$ref"].split("/")[1:]:
            at = at[name]
        item = at
    return item


def find(method, path):
    """The operation of an address; None when there is none."""
    path = urllib.parse.urlsplit(path).path
    for pattern, operations in closed()["paths"].items():
        parts = re.split(r"\{\w+\}", pattern)
        if re.fullmatch("[^/]+".join(re.escape(part) for part in parts), path):
            return operations.get(method.lower())
    return None


def validator(schema, root=None):
    root = root or closed()
    return jsonschema.Draft202012Validator({**schema, "components": root["components"]})


def complaint(schema, value):
    """What is wrong with a value, or None."""
    error = jsonschema.exceptions.best_match(validator(schema).iter_errors(value))
    return error and f"{'.'.join(map(str, error.absolute_path))}: {error.message}"


def check(method, path, status, answer):
    """AssertionError when an operator's request is answered otherwise than the file says."""
    if jsonschema is None or not path.startswith(("/api/", "/healthz")):
        return
    where = f"{method} {path.split('?')[0]} -> {status}"
    operation = find(method, path)
    if operation is None:
        if status not in (400, 404, 405, 414, 431):
            raise AssertionError(f"{where}: not in docs/openapi.json")
        schema = {"$ref": "#/components/schemas/error"}
    else:
        described = operation["responses"].get(str(status))
        if described is None:
            raise AssertionError(f"{where}: docs/openapi.json does not have this status")
        content = follow(described, closed()).get("content", {})
        if not content:
            return
        schema = content["application/json"]["schema"]
    if answer is not None and len(json.dumps(answer)) <= LARGEST:
        wrong = complaint(schema, answer)
        if wrong:
            raise AssertionError(f"{where}: not as docs/openapi.json has it: {wrong}")
