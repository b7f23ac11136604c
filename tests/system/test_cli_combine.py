"""updraft image combine: the image that takes an ESP8266 from an old SDK to the RTOS SDK."""

import hashlib
import struct
import unittest
import zlib

from cli_case import CliTest

TABLE_1M = """phy_init,data,phy,0x6000,0x1000
ota_0,app,ota_0,0x7000,0x77000
nvs,data,nvs,0x7f000,0x4000
otadata,data,ota,0x83000,0x2000
ota_1,app,ota_1,0x85000,0x77000
"""
TABLE_2M = """nvs,data,nvs,0x9000,0x4000
otadata,data,ota,0xd000,0x2000
phy_init,data,phy,0xf000,0x1000
ota_0,app,ota_0,0x10000,0xec000
ota_1,app,ota_1,0x110000,0xec000
"""
SMALLEST = "otadata,data,ota,0x9000,0x2000\nota_0,app,ota_0,0x10000,0x10000\n"


def boot_loader(size=0x1800):
    return b"\xE9" + bytes((i * 7) & 0xFF for i in range(size - 1))


def sdk_crc(data):
    crc = zlib.crc32(data)
    return crc ^ 0xFFFFFFFF if crc & 0x80000000 else crc + 1


def example_app():
    """The 80-byte ESP8266 image, version 3."""
    app = struct.pack("<BBBBI", 0xE9, 2, 2, 0x30, 0x40210014)
    app += struct.pack("<II", 0x40210010, 16) + bytes(range(16))
    app += struct.pack("<III", 0x40100000, 4, 0x78563412)
    app += b"\0\0\0\xE7"
    return app + hashlib.sha256(app).digest()


def table_bytes(rows):
    records = b"".join(struct.pack("<HBBII16sI", 0x50AA, *row, 0) for row in rows)
    digest = b"\xEB\xEB" + b"\xFF" * 14 + hashlib.md5(records).digest()
    return (records + digest).ljust(0xC00, b"\xFF")


class Combine(CliTest):
    def setUp(self):
        super().setUp()
        self.out = self.dir / "upgrade.bin"
        self.boot = self.write("bootloader.bin", boot_loader())
        self.app = self.image("app.bin", chip="esp8266", version="3.0.0", size=40000)

    def args(self, **changes):
        given = {"bootloader": self.boot, "table": self.write("table.csv", TABLE_2M), "app": self.app,
                 **changes}
        return ["image", "combine", "-o", self.out,
                *[x for key, value in given.items() if value is not None
                  for x in (f"--{key.replace('_', '-')}", value)]]

    def test_it_is_not_called_made_when_it_could_not_be_written(self):
        self.out = self.dir / "no" / "upgrade.bin"
        result = self.json(*self.args(), code=1)
        self.assertEqual(result["error"]["code"], "unwritable")
        self.assertNotIn("file", result)

    def test_the_known_example_comes_out_byte_for_byte(self):
        table = table_bytes([(1, 0, 0x9000, 0x2000, b"otadata"), (0, 0x10, 0x10000, 0x10000, b"ota_0")])
        for given in (self.write("table.bin", table), self.write("smallest.csv", SMALLEST)):
            facts = self.json(*self.args(bootloader=self.write("boot.bin", b"\xE9BOOT".ljust(16, b"\0")),
                                         table=given, app=self.write("example.bin", example_app())))
            data = self.out.read_bytes()
            self.assertEqual(len(data), 61524)
            self.assertEqual(data[-4:].hex(), "2accce46")
            self.assertEqual(hashlib.sha256(data).hexdigest(),
                             "708d810e5c20ef2e3084ac242ae8cd73f7552db75a7e0919c3fe4cfc521b01e6")
            self.assertEqual(facts["size"], 61524)
            self.assertEqual(facts["crc"], "46cecc2a")
            self.assertEqual(facts["sha256"], hashlib.sha256(data).hexdigest())
            self.assertEqual([(part["part"], part["address"], part["offset"], part["size"])
                              for part in facts["parts"]],
                             [("boot loader", 0x1000, 0, 16), ("table", 0x8000, 0x7000, 0xC00),
                              ("app", 0x10000, 0xF000, 80)])

    def test_parts_lie_where_their_flash_addresses_say(self):
        phy = self.write("phy.bin", bytes(range(128)))
        app = self.image("app7000.bin", chip="esp8266", size=30000, **{"slot-offset": "0x7000"})
        for table, offset, phy_at, app_at, image in ((TABLE_1M, 0x5000, 0x6000, 0x7000, app),
                                                     (TABLE_2M, 0x8000, 0xF000, 0x10000, self.app)):
            self.ok(*self.args(table=self.write("t.csv", table), table_offset=hex(offset), phy=phy,
                               app=image))
            data = self.out.read_bytes()
            expected = bytearray(b"\xFF" * (app_at - 0x1000)) + image.read_bytes()
            expected[0:0x1800] = boot_loader()
            rows = [line.split(",") for line in table.splitlines()]
            kinds = {"app": 0, "data": 1}
            subtypes = {"nvs": 2, "ota": 0, "phy": 1, "ota_0": 0x10, "ota_1": 0x11}
            expected[offset - 0x1000:offset - 0x400] = table_bytes(
                [(kinds[kind], subtypes[sub], int(at, 0), int(size, 0), name.encode())
                 for name, kind, sub, at, size in rows])
            expected[phy_at - 0x1000:phy_at - 0x1000 + 128] = bytes(range(128))
            expected += struct.pack("<I", sdk_crc(bytes(expected)))
            self.assertEqual(data, bytes(expected))

    def test_it_says_which_old_layouts_can_unpack_it(self):
        self.assertEqual(self.json(*self.args())["old_layouts"], ["2MB-c1", "4MB-c1", "8MB", "16MB"])
        app = self.image("app7000.bin", chip="esp8266", size=30000, **{"slot-offset": "0x7000"})
        facts = self.json(*self.args(table=self.write("t.csv", TABLE_1M), table_offset="0x5000", app=app))
        self.assertEqual(facts["old_layouts"],
                         ["1MB", "2MB", "4MB", "2MB-c1", "4MB-c1", "8MB", "16MB"])
        self.assertIn("2MB-c1, 4MB-c1", self.ok(*self.args()))

    def test_the_app_must_be_linked_for_its_slot(self):
        error = self.error(3, *self.args(table=self.write("t.csv", TABLE_1M), table_offset="0x5000"))
        self.assertEqual(error["code"], "wrong_link_address")
        self.assertIn("0x40210010", error["message"])
        self.assertIn("0x40207010", error["message"])
        self.assertFalse(self.out.exists())

    def test_the_app_must_be_one_of_the_rtos_sdk(self):
        esp32 = self.image("esp32.bin", chip="esp32")
        self.assertEqual(self.error(3, *self.args(app=esp32))["code"], "wrong_chip")
        bare = struct.pack("<BBBBIII", 0xE9, 1, 2, 0, 0x40100004, 0x40100000, 4) + b"abcd"
        checksum = 0xEF
        for byte in b"abcd":
            checksum ^= byte
        bare += bytes(15 - len(bare) % 16) + bytes([checksum])
        self.assertEqual(self.error(3, *self.args(app=self.write("bare.bin", bare)))["code"],
                         "unsupported")
        damaged = bytearray(self.app.read_bytes())
        damaged[5000] ^= 1
        self.assertEqual(self.error(3, *self.args(app=self.write("bad.bin", bytes(damaged))))["code"],
                         "bad_checksum")
        longer = self.write("longer.bin", self.app.read_bytes() + b"more")
        self.assertEqual(self.error(3, *self.args(app=longer))["code"], "wrong_length")

    def test_the_app_leaves_room_for_the_crc_in_its_slot(self):
        exact = TABLE_2M.replace("0x10000,0xec000", "0x10000,%d" % (40000 // 16 * 16 + 4))
        self.ok(*self.args(table=self.write("t.csv", exact)))
        tight = TABLE_2M.replace("0x10000,0xec000", "0x10000,%d" % (40000 // 16 * 16 + 3))
        error = self.error(3, *self.args(table=self.write("t.csv", tight)))
        self.assertEqual(error["code"], "too_large")
        self.assertIn("40004 bytes", error["message"])

    def test_parts_that_meet_are_refused_by_name(self):
        big = self.write("big.bin", boot_loader(0x7000))
        self.ok(*self.args(bootloader=big))
        error = self.error(3, *self.args(bootloader=self.write("big.bin", boot_loader(0x7001))))
        self.assertEqual(error["code"], "too_large")
        self.assertIn("28672", error["message"])
        phy = self.write("phy.bin", bytes(0x1001))
        self.assertEqual(self.error(3, *self.args(phy=phy))["code"], "too_large")
        behind = "ota_0,app,ota_0,0x10000,0x20000\nphy_init,data,phy,0x30000,0x1000\n"
        error = self.error(3, *self.args(phy=self.write("phy.bin", bytes(128)),
                                         table=self.write("t.csv", behind)))
        self.assertEqual(error["code"], "overlap")
        self.assertIn("last", error["message"])
        on_phy = table_bytes([(1, 1, 0x8000, 0x1000, b"phy_init"), (0, 0x10, 0x10000, 0x20000, b"ota_0")])
        error = self.error(3, *self.args(phy=phy.parent / "phy.bin", table=self.write("t.bin", on_phy)))
        self.assertEqual(error["code"], "overlap")

    def test_the_table_offset_belongs_to_the_table(self):
        low = self.write("t.csv", TABLE_1M)
        self.assertEqual(self.error(3, *self.args(table=low))["code"], "table_overlap")
        for wrong in ("0x5100", "0", "0x1000", "x"):
            self.assertEqual(self.error(2, *self.args(table_offset=wrong))["code"], "usage", wrong)
        no_slot = self.write("t.csv", "nvs,data,nvs,0x9000,0x4000\n")
        self.assertEqual(self.error(3, *self.args(table=no_slot))["code"], "no_slot")
        below = table_bytes([(0, 0x10, 0x8000, 0x20000, b"ota_0")])
        self.assertEqual(self.error(3, *self.args(table=self.write("t.bin", below)))["code"], "overlap")

    def test_files_that_are_not_what_they_should_be(self):
        self.assertEqual(self.error(3, *self.args(bootloader=self.write("b.bin", b"")))["code"],
                         "not_an_image")
        self.assertEqual(self.error(3, *self.args(bootloader=self.write("b.bin", b"\x7FELF")))["code"],
                         "not_an_image")
        self.error(3, *self.args(bootloader=self.dir / "missing.bin"))
        no_phy = self.write("t.csv", SMALLEST)
        self.assertEqual(self.error(3, *self.args(table=no_phy, phy=self.write("p", b"12")))["code"],
                         "no_partition")
        self.assertFalse(self.out.exists())

    def test_what_is_needed_is_asked_for(self):
        for name in ("bootloader", "table", "app"):
            error = self.error(2, *self.args(**{name: None}))
            self.assertIn(f"--{name}", error["message"])
        help_text = self.ok("image", "combine", "--help")
        self.assertGreaterEqual(help_text.split("Examples:\n")[1].count("  updraft "), 2)


class SlotOffset(CliTest):
    def test_esp8266_images_are_linked_for_their_slot(self):
        for offset, address in (("0x7000", 0x40207010), ("0x85000", 0x40285010), ("0x110000", 0x40210010)):
            image = self.image(chip="esp8266", **{"slot-offset": offset})
            self.assertEqual(self.json("info", image)["segments"][0]["address"], address)
        self.error(2, "image", "make", "-o", self.dir / "x", "--chip", "esp32", "--slot-offset", "0x7000")


if __name__ == "__main__":
    unittest.main()
