#include "format/chip.h"

#include <stdbool.h>

/* In order of id; the boot loader sits where the chip's ROM looks for it. */
static const struct updraft_chip rows[] = {
    /* id, name, slug, boot loader, flash-mapped data, instruction RAM */
    {0x0000, "ESP32", "esp32", 0x1000, 0x3F400000, 0x40080000},
    {0x0002, "ESP32-S2", "esp32s2", 0x1000, 0x3F000000, 0x40028000},
    {0x0005, "ESP32-C3", "esp32c3", 0x0, 0x3C000000, 0x40380000},
    {0x0009, "ESP32-S3", "esp32s3", 0x0, 0x3C000000, 0x40374000},
    {0x000C, "ESP32-C2", "esp32c2", 0x0, 0x3C000000, 0x40380000},
    {0x000D, "ESP32-C6", "esp32c6", 0x0, 0x42800000, 0x40800000},
    {0x0010, "ESP32-H2", "esp32h2", 0x0, 0x42800000, 0x40800000},
    {0x0012, "ESP32-P4", "esp32p4", 0x2000, 0x40000000, 0x4FF00000},
    {0x0014, "ESP32-C61", "esp32c61", 0x0, 0x42800000, 0x40800000},
    {0x0017, "ESP32-C5", "esp32c5", 0x2000, 0x42000000, 0x40800000},
    {0x0019, "ESP32-H21", "esp32h21", 0x0, 0x42800000, 0x40800000},
    {0x001C, "ESP32-H4", "esp32h4", 0x2000, 0x42800000, 0x40800000},
    {0x001F, "ESP32-E22", "esp32e22", 0x0, 0x3C000000, 0x30FE0000},
    {0x0020, "ESP32-S31", "esp32s31", 0x2000, 0x40000000, 0x2F000000},
    {UPDRAFT_CHIP_ESP8266, "ESP8266", "esp8266", 0x0, 0, 0x40100000},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

const struct updraft_chip *updraft_chip_row(size_t idx)
{
    return idx < ROW_COUNT ? &rows[idx] : NULL;
}

const struct updraft_chip *updraft_chip_by_id(uint16_t id)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].id == id)
            return &rows[i];
    }
    return NULL;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool equal_in_any_case(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

const struct updraft_chip *updraft_chip_by_name(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (equal_in_any_case(name, rows[i].name) || equal_in_any_case(name, rows[i].slug))
            return &rows[i];
    }
    return NULL;
}

const char *updraft_chip_name(uint16_t id)
{
    const struct updraft_chip *chip = updraft_chip_by_id(id);

    return chip != NULL ? chip->name : "unknown chip";
}
