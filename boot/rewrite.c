#include "boot/rewrite.h"

#include "device/flash/access.h"

#include <stdbool.h>
#include <string.h>

#define COMPARE_LEN 128u

static bool is_erased(const uint8_t *data, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        if (data[i] != 0xFF)
            return false;
    }
    return true;
}

/* Whether the sector holds data and nothing else. */
static enum updraft_error compare(const struct updraft_flash *flash, uint32_t addr,
                                  const uint8_t *data, uint32_t len, bool *is_same)
{
    uint8_t piece[COMPARE_LEN];
    uint32_t off = 0;

    *is_same = true;
    while (off < flash->sector_len && *is_same) {
        uint32_t limit = off < len ? len : flash->sector_len;
        uint32_t step = limit - off < sizeof piece ? limit - off : (uint32_t)sizeof piece;
        enum updraft_error error = updraft_flash_read(flash, addr + off, piece, step);

        if (error != UPDRAFT_OK)
            return error;
        *is_same = off < len ? memcmp(piece, data + off, step) == 0 : is_erased(piece, step);
        off += step;
    }
    return UPDRAFT_OK;
}

enum updraft_error updraft_rewrite_sector(const struct updraft_flash *flash, uint32_t addr,
                                          const uint8_t *data, uint32_t len)
{
    bool is_same = false;
    enum updraft_error error = updraft_flash_erase(flash, addr, flash->sector_len);

    if (error == UPDRAFT_OK && !is_erased(data, len))
        error = updraft_flash_prog(flash, addr, data, len);
    if (error == UPDRAFT_OK)
        error = compare(flash, addr, data, len, &is_same);
    if (error != UPDRAFT_OK)
        return error;
    return is_same ? UPDRAFT_OK : UPDRAFT_E_FLASH_VERIFY;
}
