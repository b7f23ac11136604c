"""The program `updraft` with files: help, info, partitions, flash, image make.

Real firmware samples are read from ../shared/firmware (or $UPDRAFT_SHARED) where they are; files
that the folder does not hold itself come from $UPDRAFT_FIRMWARE.
"""

import csv
import gzip
import hashlib
import json
import os
import pathlib
import struct
import unittest

from cli_case import FACTORY, ROOT, TWO_SLOTS, CliTest, updraft

SHARED = pathlib.Path(os.environ.get("UPDRAFT_SHARED", ROOT.parent / "shared"))


class Help(CliTest):
    COMMANDS = ["info", "partitions", "flash make", "flash show", "flash boot", "flash set-boot",
                "flash refused",
                "image make", "image combine",
                "push", "login", "publish", "devices", "releases", "channels", "channels set",
                "errors", "version"]

    def test_every_command_teaches_what_it_does_with_two_examples(self):
        listing = self.ok("--help")
        for name in self.COMMANDS:
            self.assertIn(f"  {name} ", listing)
            text = self.ok(*name.split(), "--help")
            self.assertIn(f"Usage: updraft {name}", text)
            self.assertIn("--json", text)
            examples = text.split("Examples:\n")[1]
            self.assertGreaterEqual(examples.count("  updraft "), 2, name)

    def test_exit_codes_are_documented(self):
        text = self.ok("help", "exit-codes")
        for code in range(7):
            self.assertRegex(text, rf"(?m)^  {code}  \w")

    def test_a_mistyped_command_or_option_gets_a_suggestion(self):
        self.assertEqual(self.error(2, "inof", "x")["remedy"], "Did you mean 'updraft info'?")
        self.assertEqual(self.error(2, "flash", "sohw", "x")["remedy"],
                         "Did you mean 'updraft flash show'?")
        self.assertEqual(self.error(2, "flash", "x", "--rollbak")["code"], "usage")
        self.assertEqual(self.error(2, "info", "x", "--rollbak")["remedy"],
                         "Did you mean --rollback?")

    def test_the_common_options_may_stand_before_the_command(self):
        image = self.image()
        for before in (["--json"], ["--quiet", "--json"], ["--json", "-q"]):
            code, out, err = updraft(*before, "info", image)
            self.assertEqual((code, json.loads(out)["kind"]), (0, "app"), err)
        self.assertEqual(updraft("--quiet", "image", "make", "-o", image), (0, "", ""))
        code, out, _ = updraft("--json", "inof", image)
        self.assertEqual((code, json.loads(out)["error"]["remedy"]),
                         (2, "Did you mean 'updraft info'?"))
        code, out, _ = updraft("--json")
        self.assertEqual((code, json.loads(out)["error"]["code"]), (2, "usage"))
        self.assertIn("--rollback cannot stand before the command",
                      self.error(2, "--rollback", "info", image)["message"])

    def test_a_wrong_number_gets_the_remedy_for_its_kind(self):
        image = self.image()
        push = ["push", image, "127.0.0.1"]
        for word, args in (("port", [*push, "--port", 0]), ("port", [*push, "--ota-port", 65536]),
                           ("port", [*push, "--http-port", "1K"]),
                           ("seconds", [*push, "--timeout", "1m"]),
                           ("64K", ["info", image, "--table-offset", "x"]),
                           ("4MB", ["image", "make", "-o", "x", "--size", "12q"]),
                           ("without", ["flash", "set-boot", self.flash(), "ota_0", "--trial",
                                        "1K"])):
            remedy = self.error(2, *args)["remedy"]
            self.assertIn(word, remedy, args)
            self.assertEqual("64K" in remedy, word in ("64K", "4MB"), remedy)
        self.assertEqual(self.error(2, "push", image, "127.0.0.1:4K")["code"], "usage")

    def test_all_that_take_boot_rules_name_the_same_three(self):
        for name in ("info", "flash show", "flash boot", "flash set-boot"):
            self.assertIn("[--rules stock|rollback|updraft]", self.ok(*name.split(), "--help"))
        for rules in ("stock", "rollback", "updraft"):
            self.ok("flash", "boot", self.flash(), "--rules", rules)

    def test_paragraphs_of_info_are_filled_evenly(self):
        about = self.ok("info", "--help").split("\n\n")[2]
        for line in about.splitlines()[:-1]:
            self.assertGreater(len(line), 75, line)

    def test_usage_of_commands_without_arguments_shows_json(self):
        for name in ("errors", "version"):
            self.assertIn(f"Usage: updraft {name} [--json]\n", self.ok(name, "--help"))

    def test_wrong_usage_is_exit_code_2(self):
        for args in (["info"], ["info", "a", "b"], ["info", "x", "--rules", "none"], ["flash"],
                     ["frobnicate"],
                     ["image", "make"], ["image", "make", "-o"], ["image", "make", "-o", "x",
                                                                  "--size", "12q"],
                     ["push", "x"], ["push", "x", "http://1.2.3.4/"],
                     ["push", "x", "1.2.3.4", "--via", "pigeon"],
                     ["publish", "x"], ["partitions", "x", "--rules", "arduino"]):
            self.assertEqual(self.error(2, *args)["code"], "usage", args)
        self.assertEqual(updraft()[0], 2)

    def test_errors_lists_every_code_with_sentence_and_remedy(self):
        rows = {row["name"]: row for row in self.json("errors")["errors"]}
        self.assertEqual(rows["too_large"]["code"], 54)
        self.assertEqual(rows["ok"]["code"], 0)
        for name, row in rows.items():
            self.assertTrue(row["sentence"], name)
            self.assertTrue(row["remedy"] or name == "ok", name)
        self.assertIn("too_large", self.ok("errors"))

    def test_version_is_the_project_s(self):
        self.assertRegex(self.json("version")["version"], r"^\d+\.\d+\.\d+$")


class ImageMake(CliTest):
    CHIPS = {"esp8266": "ESP8266", "esp32": "ESP32", "esp32s2": "ESP32-S2", "esp32s3": "ESP32-S3",
             "esp32c2": "ESP32-C2", "esp32c3": "ESP32-C3", "esp32c5": "ESP32-C5",
             "esp32c6": "ESP32-C6",
             "esp32c61": "ESP32-C61", "esp32h2": "ESP32-H2", "esp32p4": "ESP32-P4"}

    def test_images_of_every_chip_verify_and_obey_the_page_rule(self):
        for slug, name in self.CHIPS.items():
            for size in (4096, 70001, 200000):
                path = self.image(chip=slug, version="1.2.3", project="garage", size=size)
                info = self.json("info", path)
                self.assertEqual((info["chip"], info["project"], info["version"]),
                                 (name, "garage", "1.2.3"))
                self.assertEqual((info["checksum"], info["hash"], info["trailing_bytes"]),
                                 ("ok", "ok", 0))
                self.assertEqual(path.stat().st_size, size // 16 * 16)
                for segment in info["segments"]:
                    self.assertEqual(segment["size"] % 4, 0)
                mapped = info["segments"][:2] if slug == "esp8266" else [info["segments"][0],
                                                                         info["segments"][3]]
                for segment in mapped:
                    self.assertEqual(segment["address"] % 0x10000, segment["offset"] % 0x10000,
                                     slug)
                self.assertGreaterEqual(info["segments"][0]["size"], 256)

    def test_the_same_arguments_give_the_same_bytes_and_another_version_others(self):
        one = self.image("one.bin", version="1.0.0").read_bytes()
        again = self.image("again.bin", version="1.0.0").read_bytes()
        other = self.image("other.bin", version="1.0.1").read_bytes()
        self.assertEqual(one, again)
        self.assertNotEqual(one[0xB0:0xD0], other[0xB0:0xD0], "the ELF hash tells them apart")
        self.assertNotEqual(one[0xB0:0xD0], bytes(32))

    def test_contents_compress_like_firmware(self):
        data = self.image(size=400000).read_bytes()
        self.assertTrue(0.3 < len(gzip.compress(data)) / len(data) < 0.8)

    def test_a_behaviour_is_marked_behind_the_descriptor(self):
        for behaviour in ("crash", "hang", "offline"):
            data = self.image(behaviour=behaviour).read_bytes()
            self.assertEqual(data[0x120:].split(b"\0")[0], b"updraft-sim:" + behaviour.encode())
        self.assertEqual(self.image(behaviour="healthy").read_bytes()[0x120], 0)
        self.assertIn("ESP8266", self.error(2, "image", "make", "-o", self.dir / "x", "--chip",
                                            "esp8266",
                                            "--behaviour", "crash")["message"])

    def test_gzip_is_the_same_image_packed(self):
        plain = self.image().read_bytes()
        packed = self.dir / "app.bin.gz"
        self.ok("image", "make", "-o", packed, "--size", 20000, "--gzip")
        self.assertEqual(gzip.decompress(packed.read_bytes()), plain)
        info = self.json("info", packed)
        self.assertEqual((info["compression"], info["unpacked_size"], info["hash"]),
                         ("gzip", 20000, "ok"))
        self.assertEqual(info["sha256"], hashlib.sha256(packed.read_bytes()).hexdigest())

    def test_impossible_wishes_are_refused(self):
        self.assertIn("32", self.error(2, "image", "make", "-o", "x", "--version",
                                       "v" * 32)["message"] + "32")
        self.error(2, "image", "make", "-o", "x", "--chip", "z80")
        self.error(2, "image", "make", "-o", "x", "--size", 100)
        self.assertEqual(self.error(1, "image", "make", "-o", self.dir / "no" / "x")["code"],
                         "unwritable")


    def test_nothing_is_called_made_that_could_not_be_written(self):
        table = self.write("t.csv", TWO_SLOTS)
        app = self.image()
        gone = self.dir / "no" / "x"
        for args in (["image", "make", "-o", gone], ["partitions", table, "-o", gone],
                     ["partitions", table, "-o", "/"], ["partitions", table, "--csv", "-o", gone],
                     ["flash", "make", "-o", gone, "--table", table, "--app", app]):
            code, out, err = updraft(*args)
            self.assertEqual((code, out), (1, ""), args)
            self.assertIn("cannot write", err)
            result = self.json(*args, code=1)
            self.assertEqual(result["error"]["code"], "unwritable")
            self.assertNotIn(str(gone), (result.get("file"), result.get("output")))


class Info(CliTest):
    def test_what_is_no_file_is_refused_at_once_and_standard_input_is_read(self):
        pipe = self.dir / "pipe"
        os.mkfifo(pipe)
        for path, kind in ((pipe, "a pipe"), (self.dir, "a folder"), ("/dev/zero", "a device")):
            error = self.error(3, "info", path)
            self.assertEqual(error["code"], "unreadable")
            self.assertIn(f"{path}: it is {kind}", error["message"])
        image = self.image(version="3.1.4").read_bytes()
        self.assertEqual(self.json("info", "-", stdin=image)["version"], "3.1.4")
        self.error(3, "info", "-", stdin=b"")
        self.error(2, "flash", "set-boot", "-", "ota_0", stdin=b"")

    def test_text_and_json_say_the_same(self):
        path = self.image(version="4.5.6")
        info = self.json("info", path)
        text = self.ok("info", path)
        for key in ("chip", "project", "version", "sha256", "date"):
            self.assertIn(info[key], text)
        self.assertEqual(info["kind"], "app")
        self.assertEqual(info["size"], path.stat().st_size)

    def test_a_changed_byte_shows_in_checksum_and_hash(self):
        data = bytearray(self.image().read_bytes())
        data[5000] ^= 1
        info = self.json("info", self.write("bad.bin", bytes(data)), code=3)
        self.assertEqual((info["checksum"], info["hash"], info["error"]["code"]),
                         ("bad", "bad", "bad_checksum"))
        data = bytearray(self.image().read_bytes())
        data[-1] ^= 1
        info = self.json("info", self.write("bad.bin", bytes(data)), code=3)
        self.assertEqual((info["checksum"], info["hash"], info["error"]["code"]),
                         ("ok", "bad", "bad_hash"))

    def test_every_cut_of_an_image_is_an_error_and_never_a_crash(self):
        data = self.image(size=4096).read_bytes()
        for length in [0, 1, 2, 7, 8, 23, 24, 31, 32, 100, 287, 288, 289, 2000, 4000, 4063, 4064,
                       4095]:
            info = self.json("info", self.write("cut.bin", data[:length]), code=3)
            self.assertEqual(info["size"], length)
            self.assertNotEqual(info["hash"], "ok")

    def test_trailing_bytes_are_counted(self):
        info = self.json("info", self.write("long.bin", self.image().read_bytes() + bytes(77)))
        self.assertEqual((info["trailing_bytes"], info["image_len"]), (77, 20000))

    def test_an_unknown_file_is_exit_3_but_still_measured(self):
        data = b"no firmware at all" * 9
        info = self.json("info", self.write("text.txt", data), code=3)
        self.assertEqual((info["kind"], info["size"]), ("unknown", len(data)))
        self.assertEqual(info["sha256"], hashlib.sha256(data).hexdigest())
        self.assertEqual(self.error(3, "info", self.dir / "absent.bin")["code"], "unreadable")

    def test_a_damaged_gzip_is_an_error(self):
        packed = gzip.compress(self.image().read_bytes())
        self.assertEqual(self.error(3, "info", self.write("cut.gz", packed[:-500]))["code"],
                         "truncated")
        broken = packed[:600] + b"\xff" * 60 + packed[660:]
        self.assertEqual(self.error(3, "info", self.write("bad.gz", broken))["code"], "bad_gzip")

    def test_a_vector_table_makes_a_raw_cortex_m_image(self):
        table = struct.pack("<4I", 0x20020000, 0x08000201, 0x08000301, 0x08000303) + bytes(1000)
        self.assertEqual(self.json("info", self.write("m.bin", table))["chip"], "Cortex-M")
        named = table + b"runs on STM32F405RG\0"
        info = self.json("info", self.write("m.bin", named))
        self.assertEqual((info["kind"], info["chip"]), ("raw", "STM32F405 (Cortex-M4)"))

    def test_a_dump_shows_the_booting_app_at_its_top(self):
        info = self.json("info", self.flash(app=self.image(version="7.0.0")))
        self.assertEqual((info["kind"], info["version"], info["boot"]["slot"]),
                         ("dump", "7.0.0", "ota_0"))
        self.assertEqual([s["contents"] for s in info["slots"]], ["bootable", "empty"])
        self.assertEqual(info["trailing_bytes"], 0)

    def test_a_dump_that_ends_behind_its_app_is_read(self):
        data = self.flash().read_bytes()
        info = self.json("info", self.write("factory.bin", data[:0x10000 + 20000]))
        self.assertEqual((info["kind"], info["boot"]["slot"], info["hash"]),
                         ("dump", "ota_0", "ok"))
        self.assertEqual(self.json("info",
                                   self.write("cut.bin", data[:0x10000 + 19999]))["boot"]["slot"],
                         "none")

    def test_a_table_elsewhere_is_found(self):
        path = self.dir / "moved.bin"
        table = self.write("moved.csv", TWO_SLOTS.replace("0x9000", "").replace("0xd000", ""))
        self.ok("flash", "make", "-o", path, "--table", table, "--offset", "0x9000", "--size",
                "1MB", "--app",
                self.image())
        self.assertEqual(self.json("info", path)["table_offset"], 0x9000)
        self.assertEqual(self.json("info", path, "--table-offset", "0x9000")["boot"]["slot"],
                         "ota_0")
        self.assertEqual(self.error(3, "info", path, "--table-offset", "0xa000")["code"],
                         "not_a_dump")

    def test_hostile_texts_do_not_reach_the_terminal(self):
        data = bytearray(self.image(version="XXXXX").read_bytes())
        at = data.index(b"XXXXX")
        data[at:at + 5] = b"\x1b[31m"
        code, out, err = updraft("info", self.write("evil.bin", bytes(data)))
        self.assertEqual(code, 3)
        self.assertNotIn("\x1b", out + err)


class RealFirmware(CliTest):
    def test_every_sample_gives_the_facts_of_the_manifest(self):
        manifest = SHARED / "firmware" / "MANIFEST.tsv"
        if not manifest.exists():
            self.skipTest("no firmware samples here")
        folders = [SHARED / "firmware",
                   *map(pathlib.Path, filter(None, [os.environ.get("UPDRAFT_FIRMWARE")]))]
        seen = 0
        with manifest.open(newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                path = next((f / row["file"] for f in folders if (f / row["file"]).exists()), None)
                if path is None:
                    continue
                seen += 1
                with self.subTest(row["file"]):
                    code, out, _ = updraft("info", "--json", path)
                    info = json.loads(out)
                    expected = {"size": int(row["bytes"]), "sha256": row["sha256"],
                                "chip": row["chip"],
                                "project": row["project_name"], "version": row["version"],
                                "idf_version": row["idf_version"], "date": row["build_date"],
                                "checksum": row["image_checksum"],
                                "hash": row["appended_sha256"].replace("n/a", "-")}
                    if row["trailing_bytes"] != "-":
                        expected["trailing_bytes"] = int(row["trailing_bytes"])
                    self.assertEqual({key: info.get(key) for key in expected}, expected)
                    self.assertEqual(code, 0 if row["chip"] != "-" else 3)
        self.assertGreater(seen, 0)


class Partitions(CliTest):
    def test_csv_to_binary_and_back(self):
        binary = self.dir / "t.bin"
        self.ok("partitions", self.write("t.csv", TWO_SLOTS), "-o", binary)
        self.assertEqual(binary.stat().st_size, 0xC00)
        text = self.ok("partitions", binary, "--csv")
        again = self.dir / "again.bin"
        self.ok("partitions", self.write("back.csv", text), "-o", again)
        self.assertEqual(binary.read_bytes(), again.read_bytes())

    def test_a_table_comes_out_of_a_dump(self):
        binary = self.dir / "t.bin"
        flash = self.flash()
        self.ok("partitions", self.dir / "table.csv", "-o", binary)
        out = self.dir / "out.bin"
        self.ok("partitions", flash, "-o", out)
        self.assertEqual(out.read_bytes(), binary.read_bytes())
        rows = self.json("partitions", flash)["partitions"]
        self.assertEqual([(r["label"], r["offset"], r["size"]) for r in rows][2:],
                         [("ota_0", 0x10000, 0x40000), ("ota_1", 0x50000, 0x40000)])

    def test_errors_name_the_line(self):
        error = self.error(3, "partitions", self.write("t.csv", "# x\n\nnvs,data,nvs,0x9000,zoo\n"))
        self.assertIn("line 3", error["message"])
        error = self.error(3, "partitions", self.write("t.csv", TWO_SLOTS), "--flash-size",
                           "0x80000")
        self.assertIn("0x80000", error["message"])

    def test_what_is_no_table_is_refused(self):
        for data in (b"", b"\0" * 100, b"\xff" * 4096, os.urandom(3000), b"\xaa\x50" + bytes(30)):
            self.error(3, "partitions", self.write("x", data))
        table = bytearray(self.flash().read_bytes()[0x8000:0x8C00])
        table[12] ^= 1
        self.assertEqual(self.error(3, "partitions", self.write("x", bytes(table)))["code"],
                         "bad_table_digest")


class Flash(CliTest):
    def test_a_blank_record_boots_factory_else_ota_0(self):
        self.assertEqual(self.json("flash", "boot", self.flash())["slot"], "ota_0")
        self.assertEqual(self.json("flash", "boot", self.flash(table=FACTORY))["slot"], "factory")

    def test_make_puts_everything_at_its_place_and_erases_the_rest(self):
        app = self.image()
        boot = self.image("boot.bin", size=8192)
        data = self.flash(app=app, bootloader=boot).read_bytes()
        self.assertEqual(len(data), 1 << 20)
        self.assertEqual(data[0x1000:0x1000 + 8192], boot.read_bytes())
        self.assertEqual(data[0x10000:0x10000 + 20000], app.read_bytes())
        self.assertEqual(data[0x9000:0x10000] + data[0x50000:],
                         b"\xff" * (0x7000 + (1 << 20) - 0x50000))

    def test_a_slot_that_a_blank_record_would_not_boot_is_selected(self):
        for slot in ("ota_0", "ota_1"):
            self.assertEqual(self.json("flash", "boot", self.flash(slot=slot))["slot"], slot)
        self.assertEqual(self.json("flash", "boot", self.flash(table=FACTORY,
                                                               slot="ota_0"))["slot"], "ota_0")

    def test_make_refuses_what_does_not_fit(self):
        table = self.write("t.csv", TWO_SLOTS)
        base = ["flash", "make", "-o", self.dir / "f", "--table", table, "--size", "1MB", "--app"]
        big = self.image(size=300000)
        error = self.error(3, *base, big)
        self.assertIn("300000", error["message"])
        self.assertIn(str(0x40000), error["message"])
        app = self.image()
        self.assertEqual(self.error(3, *base, app, "--chip", "esp32s3")["code"], "wrong_chip")
        self.assertEqual(self.error(3, *base, app, "--slot", "ota_7")["code"], "no_slot")
        self.assertEqual(self.error(3, *base, table)["code"], "not_an_image")
        self.assertFalse((self.dir / "f").exists())

    def test_set_boot_changes_one_entry_of_the_record_and_nothing_else(self):
        flash = self.flash()
        both = bytearray(flash.read_bytes())
        both[0x50000:0x50000 + 20000] = self.image(version="2.0.0").read_bytes()
        flash.write_bytes(both)
        self.assertEqual(self.json("flash", "set-boot", flash, "ota_1")["slot"], "ota_1")
        after = flash.read_bytes()
        changed = {i & ~0xFFF for i in range(len(after)) if after[i] != both[i]}
        self.assertIn(changed, ({0xD000}, {0xE000}))
        self.assertEqual(self.json("flash", "boot", flash, "--rollback")["slot"], "ota_1")
        self.assertEqual(self.json("flash", "boot", flash, "--rules", "updraft")["version"],
                         "2.0.0")
        self.assertEqual(self.json("flash", "set-boot", flash, "ota_0")["slot"], "ota_0")

    def test_set_boot_on_trial_is_seen_by_updraft_rules(self):
        flash = self.flash()
        both = bytearray(flash.read_bytes())
        both[0x50000:0x50000 + 20000] = self.image(version="2.0.0").read_bytes()
        flash.write_bytes(both)
        self.ok("flash", "set-boot", flash, "ota_1", "--trial", 3)
        boot = self.json("flash", "boot", flash, "--rules", "updraft")
        self.assertEqual((boot["slot"], boot["on_trial"]), ("ota_1", True))

    def test_set_boot_refuses_a_slot_without_whole_image_and_leaves_the_file(self):
        flash = self.flash()
        before = flash.read_bytes()
        self.assertEqual(self.error(1, "flash", "set-boot", flash, "ota_1")["code"], "not_bootable")
        broken = bytearray(before)
        broken[0x50000:0x50000 + 20000] = self.image().read_bytes()
        broken[0x50000 + 9000] ^= 4
        flash.write_bytes(broken)
        self.assertEqual(self.error(1, "flash", "set-boot", flash, "ota_1")["code"], "bad_checksum")
        self.assertEqual(flash.read_bytes(), broken)
        self.error(2, "flash", "set-boot", flash, "ota_16")

    def test_a_truncated_dump_keeps_its_length(self):
        data = bytearray(self.flash(table=FACTORY).read_bytes())
        data[0x50000:0x50000 + 20000] = self.image().read_bytes()
        flash = self.write("short.bin", bytes(data[:0x50000 + 20000]))
        self.ok("flash", "set-boot", flash, "ota_0")
        self.assertEqual(flash.stat().st_size, 0x50000 + 20000)
        self.assertEqual(self.json("flash", "boot", flash)["slot"], "ota_0")

    def test_a_damaged_choice_falls_back_and_says_what_was_asked_for(self):
        data = bytearray(self.flash(slot="ota_1").read_bytes())
        data[0x10000:0x10000 + 20000] = data[0x50000:0x50000 + 20000]
        data[0x50000 + 9000] ^= 4
        boot = self.json("flash", "boot", self.write("f", bytes(data)))
        self.assertEqual((boot["slot"], boot["asked_for"]), ("ota_0", "ota_1"))
        rows = self.json("flash", "show", self.dir / "f")["slots"]
        self.assertEqual([r["contents"] for r in rows], ["bootable", "damaged"])

    def test_nothing_bootable_is_exit_1_and_slot_none(self):
        data = bytearray(self.flash().read_bytes())
        data[0x10000 + 9000] ^= 4
        got = self.json("flash", "boot", self.write("f", bytes(data)), code=1)
        self.assertEqual((got["slot"], got["error"]["code"]), ("none", "not_bootable"))

if __name__ == "__main__":
    unittest.main()
