#include "format/chip_rows.h"

#include <stdbool.h>

#define ROW(id, name, slug, bootloader_off, drom_addr, iram_addr)                                  \
    {id, name, slug, bootloader_off, drom_addr, iram_addr},

static const struct updraft_chip rows[] = {UPDRAFT_CHIP_ROWS(ROW)};

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
