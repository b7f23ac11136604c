"""What `updraft info` says of real images is what their manifest says.

The images are not part of this tree. They are looked for in $UPDRAFT_FIRMWARE, then in
$UPDRAFT_SHARED/firmware and ../shared/firmware, beside a MANIFEST.tsv or with the one of the latter."""

import csv
import json
import os

import harness

SHARED = os.environ.get("UPDRAFT_SHARED") or os.path.join(harness.ROOT, "..", "shared")
COLUMNS = {"chip": "chip", "project": "project_name", "version": "version",
           "idf_version": "idf_version", "date": "build_date", "checksum": "image_checksum",
           "hash": "appended_sha256"}


def find_images():
    """(path, manifest row) of every image that is there."""
    directories = [path for path in (os.environ.get("UPDRAFT_FIRMWARE"),
                                     os.path.join(SHARED, "firmware")) if path]
    manifest = next((path for directory in directories
                     if os.path.exists(path := os.path.join(directory, "MANIFEST.tsv"))), None)
    if not manifest:
        return []
    with open(manifest, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    found = []
    for row in rows:
        paths = [os.path.join(directory, row["file"]) for directory in directories]
        path = next((path for path in paths if os.path.exists(path)), None)
        if path and row["file"].endswith(".bin"):
            found.append((path, row))
    return found


class Firmware(harness.Case):
    def test_info_agrees_with_the_manifest(self):
        images = find_images()
        if not images:
            self.skipTest("there is no folder of firmware images")
        for path, row in images:
            with self.subTest(row["file"]):
                info = json.loads(self.cli("info", path, "--json", status=None).stdout)
                self.assertEqual(info["sha256"], row["sha256"])
                self.assertEqual(info["size"], int(row["bytes"]))
                said = {name: info.get(name) for name in COLUMNS}
                self.assertEqual(said, {name: row[column].replace("n/a", "-")
                                        for name, column in COLUMNS.items()})
