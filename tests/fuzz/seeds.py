"""Valid inputs to start the fuzzers from: seeds.py DIRECTORY writes DIRECTORY/TARGET/* for the targets
whose valid inputs chance would not find. What stands before the bytes proper is each target's own."""

import gzip
import hashlib
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import images  # noqa: E402

DESCRIPTOR = b'{"version": "1.1.0", "path": "http://h/d/image/00"}'
CSV = b"""# Name, Type, SubType, Offset, Size, Flags
nvs,data,nvs,0x9000,0x4000,
otadata,data,ota,0xd000,0x2000,
phy,data,phy,,4K,encrypted
factory,app,factory,,1M,
ota_0,app,ota_0,,1M,readonly
"""


def record(kind, subtype, offset, size, label):
    return struct.pack("<HBBII16sI", 0x50AA, kind, subtype, offset, size, label, 0)


def table():
    rows = (record(1, 0, 0xD000, 0x2000, b"otadata") + record(0, 0x10, 0x10000, 0x10000, b"ota_0")
            + record(0, 0x11, 0x20000, 0x10000, b"ota_1"))
    digest = b"\xEB\xEB" + b"\xFF" * 14 + hashlib.md5(rows).digest()
    return (rows + digest).ljust(0xC00, b"\xFF")


def form(file):
    return (b'--ab\r\nContent-Disposition: form-data; name="firmware"; filename="a.bin"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n" + file + b"\r\n--ab--\r\n")


def otadata():
    entry = struct.pack("<I20sII", 1, b"\xFF" * 20, 0xFFFFFFFF, 0x4743989A)
    trial = b"UDTR\x01\x03\xFF\xFF" + struct.pack("<I", 1)
    return (entry + trial).ljust(0xD0, b"\xFF") * 2


def seeds():
    esp32 = images.make(version="1.1.0", size=4096)
    other = images.make(version="1.1.0", chip="esp32s3", size=4096)
    digest = hashlib.md5(esp32).hexdigest().encode()
    headers = struct.pack("<BBB32sBBHx", 2, 20, 255, digest, 0, 2, len(esp32) + 1)
    return {
        "fuzz_descriptor": [DESCRIPTOR, b'{"a": [1, {"b": null}], "PATH": "\\u0061", "Version": "1"}'],
        "fuzz_gzip": [b"\x10\x10" + gzip.compress(esp32), b"\x01\x01" + gzip.compress(b"a" * 3000)],
        "fuzz_image": [esp32, other],
        "fuzz_multipart": [b"\x07" + form(b"\xE9" * 100)],
        "fuzz_otadata": [otadata()],
        "fuzz_ptable": [b"\x03" + table()],
        "fuzz_ptable_csv": [b"\x00" + CSV, b"\x01" + CSV, b"\x24" + CSV],
        "fuzz_pull": [headers + esp32,
                      b"\x03\x10" + bytes([len(DESCRIPTOR)]) + headers[3:40] + DESCRIPTOR + esp32],
        "fuzz_web": [b"\x20\x10multipart/form-data; boundary=ab\n%d\n\n\nh\n" % len(form(esp32))
                     + form(esp32),
                     b"\x00\x10application/octet-stream\n%d\n\n\nh\n" % len(esp32) + esp32],
    }


def main():
    for target, inputs in seeds().items():
        os.makedirs(os.path.join(sys.argv[1], target), exist_ok=True)
        for number, content in enumerate(inputs):
            with open(os.path.join(sys.argv[1], target, f"seed-{number}"), "wb") as file:
                file.write(content)


if __name__ == "__main__":
    main()
