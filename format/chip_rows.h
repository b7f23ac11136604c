/* The chips, one a row and each fact once: what a device needs of them is their names, what a host
 * needs is all of it. In order of id; the boot loader sits where the chip's ROM looks for it. */
#ifndef UPDRAFT_FORMAT_CHIP_ROWS_H
#define UPDRAFT_FORMAT_CHIP_ROWS_H

#include "format/chip.h"

/* ROW(id, name, slug, boot loader, flash-mapped data, instruction RAM) */
#define UPDRAFT_CHIP_ROWS(ROW)                                                                     \
    ROW(0x0000, "ESP32", "esp32", 0x1000, 0x3F400000, 0x40080000)                                  \
    ROW(0x0002, "ESP32-S2", "esp32s2", 0x1000, 0x3F000000, 0x40028000)                             \
    ROW(0x0005, "ESP32-C3", "esp32c3", 0x0, 0x3C000000, 0x40380000)                                \
    ROW(0x0009, "ESP32-S3", "esp32s3", 0x0, 0x3C000000, 0x40374000)                                \
    ROW(0x000C, "ESP32-C2", "esp32c2", 0x0, 0x3C000000, 0x40380000)                                \
    ROW(0x000D, "ESP32-C6", "esp32c6", 0x0, 0x42800000, 0x40800000)                                \
    ROW(0x0010, "ESP32-H2", "esp32h2", 0x0, 0x42800000, 0x40800000)                                \
    ROW(0x0012, "ESP32-P4", "esp32p4", 0x2000, 0x40000000, 0x4FF00000)                             \
    ROW(0x0014, "ESP32-C61", "esp32c61", 0x0, 0x42800000, 0x40800000)                              \
    ROW(0x0017, "ESP32-C5", "esp32c5", 0x2000, 0x42000000, 0x40800000)                             \
    ROW(0x0019, "ESP32-H21", "esp32h21", 0x0, 0x42800000, 0x40800000)                              \
    ROW(0x001C, "ESP32-H4", "esp32h4", 0x2000, 0x42800000, 0x40800000)                             \
    ROW(0x001F, "ESP32-E22", "esp32e22", 0x0, 0x3C000000, 0x30FE0000)                              \
    ROW(0x0020, "ESP32-S31", "esp32s31", 0x2000, 0x40000000, 0x2F000000)                           \
    ROW(UPDRAFT_CHIP_ESP8266, "ESP8266", "esp8266", 0x0, 0, 0x40100000)

#endif
