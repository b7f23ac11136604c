"""Where the stock espota.py scripts are; see the head of test_stock_clients.py."""

import glob
import hashlib
import os
import re
import socket


def scripts():
    """(chip, path) of every stock script there is."""
    found = []
    directory = os.environ.get("UPDRAFT_ESPOTA_DIR")
    for chip, variable in (("esp8266", "UPDRAFT_ESPOTA_8266"), ("esp32", "UPDRAFT_ESPOTA_ESP32")):
        if directory:
            found += [(chip, path) for path in sorted(glob.glob(f"{directory}/{chip}*.py"))]
        if os.environ.get(variable):
            found.append((chip, os.environ[variable]))
    return found


def different_scripts():
    """The same without those that are copies of an earlier one."""
    seen = {}
    for chip, path in scripts():
        with open(path, "rb") as file:
            seen.setdefault(hashlib.sha256(file.read()).digest(), (chip, path))
    return list(seen.values())


def free_port():
    """The scripts take one by chance, whoever has it already: give them this with -P."""
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        return str(probe.getsockname()[1])


def name_of(path):
    return re.sub(r"\W", "_", os.path.basename(path).removesuffix(".py"))


def knows_sha256(path):
    """The script proves passwords with SHA-256 too (ESP32 core 3.3.1 and later)."""
    with open(path, encoding="utf-8") as file:
        return "pbkdf2_hmac" in file.read()


def shows_errors(path):
    """The script shows what the device says at the end (ESP8266 core 2.7.0 and later)."""
    with open(path, encoding="utf-8") as file:
        return "received_error" in file.read()
