/* The chips: what an image's chip id means, and where a chip's boot loader sits in flash.
 * Source: esp_app_format.h of ESP-IDF, esptool; the ESP8266 has no id and gets one of ours. */
#ifndef UPDRAFT_FORMAT_CHIP_H
#define UPDRAFT_FORMAT_CHIP_H

#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_CHIP_ESP32   0x0000u
#define UPDRAFT_CHIP_ESP32S2 0x0002u
#define UPDRAFT_CHIP_ESP32C3 0x0005u
#define UPDRAFT_CHIP_ESP32S3 0x0009u
#define UPDRAFT_CHIP_ESP8266 0x8266u /* ours: never stands in an image */
#define UPDRAFT_CHIP_UNKNOWN 0xFFFFu

struct updraft_chip {
    uint16_t id;
    const char *name;        /* "ESP32-S3" */
    const char *slug;        /* "esp32s3", as in addresses and file names */
    uint32_t bootloader_off; /* flash address of the second-stage boot loader */
    uint32_t drom_addr;      /* start of the flash-mapped data window; 0 where not known */
    uint32_t iram_addr;      /* an address in instruction RAM; 0 where not known */
};

/* NULL when no such chip is known. */
const struct updraft_chip *updraft_chip_by_id(uint16_t id);
/* Accepts name or slug in either case ("esp32s3", "ESP32-S3"). NULL when unknown. */
const struct updraft_chip *updraft_chip_by_name(const char *name);
/* For listings: NULL past the end. */
const struct updraft_chip *updraft_chip_row(size_t idx);
/* The name of an id, "unknown chip" when it is in no row. */
const char *updraft_chip_name(uint16_t id);

#endif
