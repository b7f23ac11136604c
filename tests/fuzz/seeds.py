"""Valid inputs to start the fuzzers from: seeds.py DIRECTORY writes DIRECTORY/TARGET/* for the targets
whose valid inputs chance would not find. What stands before the bytes proper is each target's own."""

import base64
import gzip
import hashlib
import hmac
import os
import struct
import sys
import zlib

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


def form(file, md5=None):
    field = b'--ab\r\nContent-Disposition: form-data; name="MD5"\r\n\r\n' + md5 + b"\r\n" if md5 else b""
    return (field + b'--ab\r\nContent-Disposition: form-data; name="firmware"; filename="a.bin"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n" + file + b"\r\n--ab--\r\n")


def digest_answer(name, algorithm):
    """What a client answers to the first nonce of fuzz_web_auth's secret."""
    def h(text):
        return algorithm(text.encode()).hexdigest()
    serial = bytes([0, 0, 0, 1, 0, 0, 0, 0])
    nonce = (serial + hmac.digest(b"0123456789abcde\0", serial, "sha256")[:16]).hex()
    proof = h(f"{h('a:Login Required:secret')}:{nonce}:00000001:c:auth:{h('POST:/update')}")
    return (f'Digest username="a", realm="Login Required", nonce="{nonce}", uri="/update", '
            f'algorithm={name}, response="{proof}", qop=auth, nc=00000001, cnonce="c"').encode()


def otadata():
    entry = struct.pack("<I20sII", 1, b"\xFF" * 20, 0xFFFFFFFF, 0x4743989A)
    trial = b"UDTR\x01\x03\xFF\xFF" + struct.pack("<I", 1)
    return (entry + trial).ljust(0xD0, b"\xFF") * 2


def sdk_crc(data):
    crc = zlib.crc32(data)
    return crc ^ 0xFFFFFFFF if crc & 0x80000000 else crc + 1


def app_8266():
    app = struct.pack("<BBBBI", 0xE9, 1, 2, 0, 0x40207014) + struct.pack("<II", 0x40207010, 256) + bytes(256)
    app += bytes(15 - len(app) % 16) + b"\xEF"
    return app + hashlib.sha256(app).digest()


def old_flash(usr_bin, status=0):
    """What fuzz_migrate lays out: an old boot loader, its parameters, and the packed image behind them."""
    app = app_8266()
    rows = (record(1, 1, 0x6000, 0x1000, b"phy_init") + record(0, 0x10, 0x7000, 0x9000, b"ota_0")
            + record(1, 0, 0x15000, 0x2000, b"otadata") + record(0, 0x11, 0x60000, 0x9000, b"ota_1"))
    rows += b"\xEB\xEB" + b"\xFF" * 14 + hashlib.md5(rows).digest()
    behind = b"\xFF" * 0x1000 + app
    packed = b"\xFF" * 0x4000 + rows.ljust(0x1000, b"\xFF") + behind
    boot = struct.pack("<BBBBI", 0xE9, 3, 0, 0, 0x40100004) + struct.pack("<III", 0x40100000, 4, 0) * 3
    params = bytes([usr_bin | status << 2, 6]).ljust(16, b"\0")
    return (boot.ljust(0x40, b"\0") + params * 2 + b"\0" + b"RF parameters..." + rows.ljust(0x100, b"\xFF") + behind
            + struct.pack("<I", sdk_crc(packed)))


def access_points():
    """A size nibble, an end, and a parameter sector with two of them."""
    aps = b"".join(struct.pack("<I32s64s", len(name), name, b"secret") for name in (b"attic", b"home"))
    return b"\x02" + struct.pack("<I", 0x7E000) + (bytes([2, 6]).ljust(0x13C, b"\0") + b"\2\1\0\0" + aps)


def esphome_hello(data):
    """A whole conversation of fuzz_esphome, in its steps of up to 504 bytes: protocol 2, no password."""
    said = (bytes.fromhex("6C26F75C4503") + struct.pack(">I", len(data))
            + hashlib.md5(data).hexdigest().encode() + data + b"\0")
    said += bytes(-len(said) % 8)
    steps = [said[at:at + 504] for at in range(0, len(said), 504)]
    return b"\x01" + b"".join(bytes([len(step) // 8 << 2]) + step for step in steps)


def esphome_answers():
    """What a device says, in steps of up to 63 bytes: with a password, an image of three blocks."""
    said = [b"\x00\x02", b"\x40", b"\x02" + b"0123456789abcdef" * 3, b"0123456789abcdef", b"\x41", b"\x42",
            b"\x43", b"\x47", b"\x47", b"\x47", b"\x44\x45"]
    return b"".join(bytes([len(answer) << 2]) + answer for answer in said)


def console_flash(data):
    """fuzz_ovms: `ota flash vfs`, a file of this length (a multiple of 256), its bytes, its end."""
    steps = [b"\x16\x00", bytes([(len(data) // 256 + 1) * 8 & 0xF8])]
    for at in range(0, len(data), 1020):
        piece = data[at:at + 1020]
        steps += [b"\x08", bytes([len(piece) // 4]), piece]
    return b"\x00" + b"".join(steps) + b"\x00\x06\x00\x36\x00"


def slot_notes():
    """A rolled-back entry with its program, and a list of two in the other sector."""
    def put(off, content):
        return struct.pack(">HB", off, len(content)) + content

    def note(number):
        return bytes([number]) * 32 + struct.pack("<I", number) + b"\0\0\0\0" + b"\xFF" * 4
    sectors = otadata()
    return (b"\x03" + put(0, sectors[:0x90]) + put(0x100, note(3)) + put(0x1000 + 0x12C, note(1) + note(2)))


def seeds():
    esp32 = images.make(version="1.1.0", size=4096)
    other = images.make(version="1.1.0", chip="esp32s3", size=4096)
    digest = hashlib.md5(esp32).hexdigest().encode()
    headers = struct.pack("<BBB32sBBHx", 2, 20, 255, digest, 0, 2, len(esp32) + 1)
    return {
        "fuzz_ddi_message": [
            b'{"id":"7","status":{"execution":"closed","result":{"finished":"success",'
            b'"progress":{"cnt":1,"of":2}},"details":["a","b"]}}',
            b'{"mode":"merge","data":{"version":"1.2","name":"pump"}}'],
        "fuzz_descriptor": [DESCRIPTOR, b'{"a": [1, {"b": null}], "PATH": "\\u0061", "Version": "1"}'],
        "fuzz_esphome": [esphome_hello(esp32), esphome_hello(other), b"\x11\x05\x0d\x09"],
        "fuzz_esphome_host": [esphome_answers()],
        "fuzz_gzip": [b"\x10\x10" + gzip.compress(esp32), b"\x01\x01" + gzip.compress(b"a" * 3000)],
        "fuzz_image": [esp32, other],
        "fuzz_image_facts": [esp32[:4096]],
        "fuzz_layout": [table()],
        "fuzz_migrate": [old_flash(2), old_flash(1, 1), old_flash(1)],
        "fuzz_multipart": [b"\x07" + form(b"\xE9" * 100), b"\x03" + form(b"\xE9" * 9, digest)],
        "fuzz_oldsdk": [access_points()],
        "fuzz_otadata": [otadata()],
        "fuzz_ovms": [console_flash(images.make(version="1.1.0", size=4096)),
                      b"\x01\x06\x00\x08\x08\x02" + b"1.2.0\nx\n" + b"\x00\x03"],
        "fuzz_ptable": [b"\x03" + table()],
        "fuzz_ptable_csv": [b"\x00" + CSV, b"\x01" + CSV, b"\x24" + CSV],
        "fuzz_pull": [headers + esp32,
                      b"\x03\x10" + bytes([len(DESCRIPTOR)]) + headers[3:40] + DESCRIPTOR + esp32],
        "fuzz_slot_notes": [slot_notes()],
        "fuzz_verify": [b"\x00" + esp32, b"\xFF" + app_8266()],
        "fuzz_web": [b"\x20\x10\n%d\n\n\n1.2.3.4\n\n\n\n" % len(form(esp32)) + form(esp32),
                     b"\x20\x10\n%d\n\n\n1.2.3.4\n\n\n\n" % len(form(esp32, digest)) + form(esp32, digest),
                     b"\x34\x10\n%d\n\n\n1.2.3.4\n/ota/start?mode=fr&hash=%s\n\n\n" % (len(form(esp32)), digest)
                     + form(esp32),
                     b"\x00\x10application/octet-stream\n%d\n\n\n1.2.3.4\n\n\n\n" % len(esp32) + esp32,
                     b"\x00\x10\n%d\n\n\n1.2.3.4\n\nsha-256=:%s:\nbytes 0-%d/%d\n"
                     % (len(esp32), base64.b64encode(hashlib.sha256(esp32).digest()), len(esp32) - 1, len(esp32)) + esp32],
        "fuzz_web_auth": [b"Basic YWRtaW46c2VjcmV0", digest_answer("MD5", hashlib.md5),
                          digest_answer("SHA-256", hashlib.sha256), b"mode=fs&hash=" + digest,
                          b"http://garage:80/update", b"bytes 24-1023/1024",
                          b"sha-256=:%s:" % base64.b64encode(bytes(32)), b"size=9&sha256=" + b"0f" * 32],
    }


def main():
    for target, inputs in seeds().items():
        os.makedirs(os.path.join(sys.argv[1], target), exist_ok=True)
        for number, content in enumerate(inputs):
            with open(os.path.join(sys.argv[1], target, f"seed-{number}"), "wb") as file:
                file.write(content)


if __name__ == "__main__":
    main()
