/* The bytes of ESPHome's native update protocol, for the device's side and for the host's.
 *
 * Owns: the numbers. Sources: espota2.py, ota_backend.h and ota_esphome.cpp of ESPHome 2024.10 and
 * 2026.1; the codes above 0x8C from later hosts. */
#ifndef UPDRAFT_DEVICE_PUSH_ESPHOME_WIRE_H
#define UPDRAFT_DEVICE_PUSH_ESPHOME_WIRE_H

#include <stdint.h>

#define UPDRAFT_ESPHOME_PORT_ESP32   3232u
#define UPDRAFT_ESPHOME_PORT_ESP8266 8266u

#define UPDRAFT_ESPHOME_MAGIC_LEN 5u
#define UPDRAFT_ESPHOME_MAGIC                                                                      \
    {                                                                                              \
        0x6C, 0x26, 0xF7, 0x5C, 0x45                                                               \
    }
#define UPDRAFT_ESPHOME_SIZE_LEN      4u
#define UPDRAFT_ESPHOME_MD5_HEX_LEN   32u
#define UPDRAFT_ESPHOME_SHA256_DIGITS 64u
#define UPDRAFT_ESPHOME_MD5_DIGITS    32u
#define UPDRAFT_ESPHOME_BLOCK_LEN     8192u /* each full one is acknowledged, and the rest */

/* What the host can, in one byte. */
#define UPDRAFT_ESPHOME_CAN_GZIP   0x01u
#define UPDRAFT_ESPHOME_CAN_SHA256 0x02u

enum updraft_esphome_byte {
    UPDRAFT_ESPHOME_OK =
        0x00, /* to the magic, with the version behind it; and the host's last word */
    UPDRAFT_ESPHOME_WANTS_MD5 = 0x01,    /* a nonce of 32 digits follows */
    UPDRAFT_ESPHOME_WANTS_SHA256 = 0x02, /* ... of 64 digits */
    UPDRAFT_ESPHOME_FEATURES_OK = 0x40,
    UPDRAFT_ESPHOME_AUTH_OK = 0x41,
    UPDRAFT_ESPHOME_PREPARED = 0x42,
    UPDRAFT_ESPHOME_MD5_OK = 0x43,
    UPDRAFT_ESPHOME_RECEIVED = 0x44,
    UPDRAFT_ESPHOME_DONE = 0x45,
    UPDRAFT_ESPHOME_TAKES_GZIP = 0x46,
    UPDRAFT_ESPHOME_BLOCK_OK = 0x47,
    UPDRAFT_ESPHOME_FIRST_ERROR = 0x80, /* everything from here on says no */
    UPDRAFT_ESPHOME_E_MAGIC = 0x80,
    UPDRAFT_ESPHOME_E_PREPARE = 0x81,
    UPDRAFT_ESPHOME_E_AUTH = 0x82,
    UPDRAFT_ESPHOME_E_WRITE = 0x83,
    UPDRAFT_ESPHOME_E_END = 0x84,
    UPDRAFT_ESPHOME_E_NEEDS_RESET = 0x85,
    UPDRAFT_ESPHOME_E_OLD_FLASH_SIZE = 0x86,
    UPDRAFT_ESPHOME_E_NEW_FLASH_SIZE = 0x87, /* "wrong board" in its own words */
    UPDRAFT_ESPHOME_E_SPACE_ESP8266 = 0x88,
    UPDRAFT_ESPHOME_E_SPACE_ESP32 = 0x89,
    UPDRAFT_ESPHOME_E_NO_PARTITION = 0x8A,
    UPDRAFT_ESPHOME_E_MD5 = 0x8B,
    UPDRAFT_ESPHOME_E_SPACE_RP2040 = 0x8C,
    UPDRAFT_ESPHOME_E_SIGNATURE = 0x8D,
    UPDRAFT_ESPHOME_E_KIND = 0x8E,
    UPDRAFT_ESPHOME_E_TABLE_VERIFY = 0x8F,
    UPDRAFT_ESPHOME_E_TABLE_WRITE = 0x90,
    UPDRAFT_ESPHOME_E_LOADER_VERIFY = 0x91,
    UPDRAFT_ESPHOME_E_LOADER_WRITE = 0x92,
    UPDRAFT_ESPHOME_E_DOWNGRADE = 0x93,
    UPDRAFT_ESPHOME_E_ENCRYPTION = 0x94,
    UPDRAFT_ESPHOME_E_UNKNOWN = 0xFF,
};

#endif
