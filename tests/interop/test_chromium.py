"""Chromium on the device's update page: tests/browser, where Chromium, Node and what it needs are installed.

    ./run browser      installs them and runs the same
"""

import os
import re
import shutil
import subprocess
import unittest

import harness

DIRECTORY = os.path.join(harness.ROOT, "tests", "browser")
CHROMIUM = os.environ.get("UPDRAFT_CHROMIUM", "/usr/bin/chromium")


class Chromium(unittest.TestCase):
    def test_the_update_page(self):
        for what, is_there in (("chromium", os.path.exists(CHROMIUM)), ("node", shutil.which("node")),
                               ("tests/browser/node_modules", os.path.isdir(DIRECTORY + "/node_modules"))):
            if not is_there:
                self.skipTest(f"{what} is not installed")
        done = subprocess.run(["node", "--test", "--test-reporter=tap", "."], cwd=DIRECTORY, capture_output=True,
                              text=True, timeout=300, check=False, env={**os.environ, "UPDRAFT_BIN": harness.BIN})
        self.assertEqual(done.returncode, 0, done.stdout[-4000:])
        self.assertGreater(int(re.search(r"^# pass (\d+)", done.stdout, re.M).group(1)), 10)


if __name__ == "__main__":
    unittest.main()
