"""Firmware images, written from the format's description alone: what the programs under test take is
compared with these, not with what they make themselves."""

import hashlib
import random
import struct

CHIP_IDS = {"esp32": 0x0000, "esp32s2": 0x0002, "esp32c3": 0x0005, "esp32s3": 0x0009}
DROM_ADDR = {"esp32": 0x3F400020, "esp32s2": 0x3F000020, "esp32c3": 0x3C000020, "esp32s3": 0x3C000020}
IRAM_ADDR = {"esp32": 0x40080000, "esp32s2": 0x40024000, "esp32c3": 0x40380000, "esp32s3": 0x40374000}
CHECKSUM_SEED = 0xEF
HEADER_LEN = 24


def descriptor(project, version, idf="v5.4.1", elf_sha256=bytes(32)):
    """The 256 bytes of an application descriptor."""
    fields = struct.pack("<II8x32s32s16s16s32s32s80x", 0xABCD5432, 0, version.encode(), project.encode(),
                         b"12:00:00", b"Jan  1 2025", idf.encode(), elf_sha256)
    assert len(fields) == 256
    return fields


def make(version="1.0.0", chip="esp32", project="demo", size=60000, behaviour=None):
    """A valid image of about `size` bytes for a chip of the ESP32 family."""
    marker = f"updraft-sim:{behaviour}".encode() + b"\0" if behaviour else b""
    marker += bytes(-len(marker) % 4)
    noise = random.Random(f"{chip} {project} {version} {size} {behaviour}")
    body = marker + noise.randbytes((size - HEADER_LEN - 256 - 1024) // 4 * 4)
    code = noise.randbytes(960)
    elf = hashlib.sha256(body + code).digest()
    segments = [(DROM_ADDR[chip], descriptor(project, version, elf_sha256=elf) + body),
                (IRAM_ADDR[chip], code)]
    image = struct.pack("<BBBBIBBBBHBHH4xB", 0xE9, len(segments), 2, 0x20, IRAM_ADDR[chip], 0xEE, 0, 0, 0,
                        CHIP_IDS[chip], 0, 0, 0xFFFF, 1)
    assert len(image) == HEADER_LEN
    checksum = CHECKSUM_SEED
    for addr, data in segments:
        image += struct.pack("<II", addr, len(data)) + data
        for byte in data:
            checksum ^= byte
    image += bytes(15 - len(image) % 16) + bytes([checksum])
    return image + hashlib.sha256(image).digest()
