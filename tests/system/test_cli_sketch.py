"""Sketches of the ESP8266 Arduino core: updraft image make --arduino, updraft info."""

import gzip
import hashlib
import os
import struct
import unittest

from cli_case import CliTest

APP_OFF = 0x1000
WORDS_OFF = APP_OFF + 16
FLASH_MODE = {0: "qio", 1: "qout", 2: "dio", 3: "dout"}


def crc32_mpeg2(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc >> 31 else 0)) & 0xFFFFFFFF
    return crc


def seal(sketch):
    """Length and CRC into their places, as the core's elf2bin.py."""
    sketch[WORDS_OFF:WORDS_OFF + 8] = bytes(8)
    sketch[WORDS_OFF:WORDS_OFF + 8] = struct.pack("<II", len(sketch), crc32_mpeg2(sketch))
    return sketch


class Sketch(CliTest):
    def setUp(self):
        super().setUp()
        self.path = self.dir / "sketch.bin"
        self.ok("image", "make", "-o", self.path, "--chip", "esp8266", "--arduino", "--version", "2.1.0", "--size",
                40000)
        self.sketch = bytearray(self.path.read_bytes())

    def info(self, data, code=0):
        path = self.dir / "changed.bin"
        path.write_bytes(bytes(data))
        return self.json("info", path, code=code)

    def test_a_made_sketch_is_what_the_core_builds(self):
        sketch = self.sketch
        self.assertEqual((sketch[0], sketch[APP_OFF], len(sketch) % 16), (0xE9, 0xE9, 0))
        boot_end = 8 + 8 + struct.unpack_from("<I", sketch, 12)[0] + 16 & ~15
        self.assertEqual(bytes(sketch[boot_end:APP_OFF]), b"\xAA" * (APP_OFF - boot_end))
        self.assertEqual(struct.unpack_from("<I", sketch, APP_OFF + 8)[0], 0x40201010)
        self.assertEqual(bytes(seal(sketch[:])), bytes(sketch))
        off, checksum = APP_OFF + 8, 0xEF
        unsealed = sketch[:]
        unsealed[WORDS_OFF:WORDS_OFF + 8] = bytes(8)
        for _ in range(sketch[APP_OFF + 1]):
            length = struct.unpack_from("<I", sketch, off + 4)[0]
            for byte in unsealed[off + 8:off + 8 + length]:
                checksum ^= byte
            off += 8 + length
        self.assertEqual((sketch[-1], off + 16 & ~15), (checksum, len(sketch)))

    def test_info_knows_both_parts(self):
        info = self.info(self.sketch)
        self.assertEqual(info["image_format"], "esp8266-arduino")
        self.assertEqual((info["chip"], info["version"], info["flash_mode"]), ("ESP8266", "2.1.0", "dio"))
        self.assertEqual((info["image_len"], info["trailing_bytes"]), (len(self.sketch), 0))
        self.assertEqual(info["sketch_md5"], hashlib.md5(self.sketch).hexdigest())
        self.assertEqual((info["checksum"], info["sketch_crc"], info["hash"]), ("ok", "ok", "-"))
        self.assertEqual(info["segments"][0], {"address": 0x40201010, "offset": WORDS_OFF,
                                               "size": struct.unpack_from("<I", self.sketch, APP_OFF + 12)[0]})

    def test_the_flash_mode_and_what_lies_behind_are_told(self):
        for mode, name in FLASH_MODE.items():
            self.sketch[2] = self.sketch[APP_OFF + 2] = mode
            info = self.info(seal(self.sketch) + b"\xFF" * 100)
            self.assertEqual((info["flash_mode"], info["trailing_bytes"]), (name, 100))
            self.assertEqual(info["sketch_md5"], hashlib.md5(self.sketch).hexdigest())

    def test_gzip_is_looked_into(self):
        info = self.info(gzip.compress(self.sketch))
        self.assertEqual((info["compression"], info["unpacked_size"]), ("gzip", len(self.sketch)))
        self.assertEqual((info["image_format"], info["version"]), ("esp8266-arduino", "2.1.0"))
        self.assertEqual(info["sketch_md5"], hashlib.md5(self.sketch).hexdigest())

    def test_damage_is_found_in_each_part(self):
        for off, checksum, crc, name in ((40, "bad", "bad", "bad_checksum"),
                                         (APP_OFF + 500, "bad", "bad", "bad_checksum"),
                                         (2, "ok", "bad", "bad_crc"),
                                         (APP_OFF - 1, "ok", "bad", "bad_crc"),
                                         (WORDS_OFF + 4, "ok", "bad", "bad_crc")):
            damaged = self.sketch[:]
            damaged[off] ^= 1
            info = self.info(damaged, code=3)
            self.assertEqual((info["checksum"], info["sketch_crc"], info["verdict"]), (checksum, crc, name), off)
        info = self.info(self.sketch[:-1], code=3)
        self.assertEqual((info["verdict"], info["image_format"]), ("truncated", "esp8266-arduino"))

    def test_sketches_of_old_cores_have_no_crc(self):
        self.sketch[WORDS_OFF:WORDS_OFF + 8] = bytes(8)
        info = self.info(self.sketch)
        self.assertEqual((info["sketch_crc"], info["checksum"], info["verdict"]), ("-", "ok", "ok"))

    def test_a_wrong_wish_is_refused_before_anything_is_written(self):
        out = self.dir / "none.bin"
        for args in (["--chip", "esp32"], ["--chip", "esp8266", "--size", "4096"],
                     ["--chip", "esp8266", "--slot-offset", "0x10000"]):
            self.assertEqual(self.error(2, "image", "make", "-o", out, "--arduino", *args)["code"], "usage")
        self.assertFalse(os.path.exists(out))


if __name__ == "__main__":
    unittest.main()
