"""The command lines that docs/PUSH.md gives to PlatformIO and Arduino's IDE update a virtual device."""

import os
import re
import subprocess
import unittest

import harness


def snippets():
    """{key: value} of every line of the document's ini blocks."""
    with open(os.path.join(harness.ROOT, "docs", "PUSH.md"), encoding="utf-8") as file:
        blocks = re.findall(r"^```ini\n(.*?)^```", file.read(), re.DOTALL | re.MULTILINE)
    return dict(re.findall(r"^([\w.]+) ?= ?(.*)$", "".join(blocks), re.MULTILINE))


def fill(command, values):
    for placeholder, value in values.items():
        if placeholder not in command:
            raise AssertionError(f"{placeholder} is not in: {command}")
        command = command.replace(placeholder, str(value))
    if re.search(r"\{[\w.]+\}|\$[A-Z]", command):
        raise AssertionError(f"a placeholder is left: {command}")
    return command


class Uploaders(harness.Case):
    def upload(self, command, **environment):
        path = harness.BIN + os.pathsep + os.environ["PATH"]
        return subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=90,
                              check=False, env={**os.environ, "PATH": path, **environment})

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("build"))
        self.firmware = self.image("build/garage.ino.bin", version="1.1.0")

    def boot(self, password=True, **kwargs):
        old = self.image("old.bin", version="1.0.0", chip=kwargs.get("chip", "esp32"))
        self.target = self.device("garage", old, board="password: a b$c\n" if password else "",
                                  **kwargs)
        return self.target.wait_boot()

    def check(self, done):
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.target.wait_boot(version="1.1.0")

    def test_platformio(self):
        boot = self.boot()
        settings = snippets()
        self.assertEqual(settings["upload_protocol"], "custom")
        self.assertNotIn("upload_port", settings)
        command = fill(settings["upload_command"],
                       {"$SOURCE": self.firmware, "192.168.1.50": boot["http"]})
        self.assertEqual(self.upload(command).returncode, 6)
        self.check(self.upload(command, UPDRAFT_PASSWORD="a b$c"))

    def arduino(self, key, **values):
        command = snippets()[key]
        # The IDE runs the words itself; sh must not look into them.
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command)]
        filled = [word if "{" not in word else word.format_map(Values(values)) for word in words]
        path = harness.BIN + os.pathsep + os.environ["PATH"]
        return subprocess.run(filled, capture_output=True, text=True, timeout=90, check=False,
                              env={**os.environ, "PATH": path})

    def test_arduino_for_an_esp32(self):
        boot = self.boot()
        self.check(self.arduino("tools.esp_ota.upload.pattern", build_path=self.path("build"),
                                build_project_name="garage.ino", upload_port_address=boot["http"],
                                upload_field_password="a b$c"))

    def test_arduino_for_an_esp8266_without_a_password(self):
        boot = self.boot(password=False)
        self.check(self.arduino("tools.esptool.upload.network_pattern",
                                build_path=self.path("build"), build_project_name="garage.ino",
                                serial_port="127.0.0.1", network_port=boot["ota"],
                                network_password=""))


class Values(dict):
    """{build.path} finds build_path."""

    def __missing__(self, key):
        return Node(self, key)


class Node:
    def __init__(self, values, name):
        self._values, self._name = values, name

    def __getattr__(self, part):
        name = f"{self._name}_{part}"
        return self._values[name] if name in self._values else Node(self._values, name)

    def __format__(self, spec):
        raise AssertionError(f"{self._name} is not known")


if __name__ == "__main__":
    unittest.main()
