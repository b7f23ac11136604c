/* Apart from chip.c: a device names the chip of an image it refuses, and needs nothing else. */
#include "format/chip_rows.h"

#define NAME_CAP 10u

#define ROW(id, text, slug, bootloader_off, drom_addr, iram_addr) {id, text},

static const struct {
    uint16_t id;
    char name[NAME_CAP]; /* no pointers: half the size */
} names[] = {UPDRAFT_CHIP_ROWS(ROW)};

#undef ROW
#define ROW(id, text, slug, bootloader_off, drom_addr, iram_addr)                                  \
    _Static_assert(sizeof(text) <= NAME_CAP, text " fits");
UPDRAFT_CHIP_ROWS(ROW)

const char *updraft_chip_name(uint16_t id)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].id == id)
            return names[i].name;
    }
    return "unknown chip";
}
