#include "format/packed.h"

#include "format/bytes.h"
#include "format/crc.h"

#include <stdbool.h>
#include <string.h>

#define SECTOR_LEN 0x1000u
#define CRC_LEN    4u

static uint32_t flash_addr(const struct updraft_packed_item *item)
{
    return item->addr == 0 ? UPDRAFT_PACKED_FLASH_OFF : item->addr;
}

static uint32_t flash_end(const struct updraft_packed_item *item)
{
    return flash_addr(item) + item->len;
}

static bool share_a_sector(const struct updraft_packed_item *a, const struct updraft_packed_item *b)
{
    uint32_t a_start = flash_addr(a) / SECTOR_LEN;
    uint32_t b_start = flash_addr(b) / SECTOR_LEN;
    uint32_t a_end = updraft_round_up(flash_end(a), SECTOR_LEN) / SECTOR_LEN;
    uint32_t b_end = updraft_round_up(flash_end(b), SECTOR_LEN) / SECTOR_LEN;

    return a_start < b_end && b_start < a_end;
}

/* *end becomes the flash address behind the last item. */
static enum updraft_error measure(const struct updraft_packed_item *items, size_t item_count,
                                  uint32_t *end)
{
    *end = 0;
    for (size_t i = 0; i < item_count; i++) {
        uint32_t addr = flash_addr(&items[i]);

        if (addr < UPDRAFT_PACKED_FLASH_OFF)
            return UPDRAFT_E_OVERLAP;
        if (addr > UPDRAFT_PACKED_LEN_CAP || items[i].len > UPDRAFT_PACKED_LEN_CAP - addr)
            return UPDRAFT_E_TOO_LARGE;
        for (size_t j = 0; j < i; j++) {
            if (share_a_sector(&items[i], &items[j]))
                return UPDRAFT_E_OVERLAP;
        }
        if (flash_end(&items[i]) > *end)
            *end = flash_end(&items[i]);
    }
    return item_count > 0 ? UPDRAFT_OK : UPDRAFT_E_EMPTY;
}

enum updraft_error updraft_packed_encode(const struct updraft_packed_item *items, size_t item_count,
                                         uint8_t *out, size_t out_cap, size_t *len)
{
    uint32_t end;
    uint32_t crc_off;
    enum updraft_error error = measure(items, item_count, &end);

    if (error != UPDRAFT_OK)
        return error;
    crc_off = end - UPDRAFT_PACKED_FLASH_OFF;
    *len = crc_off + CRC_LEN;
    if (*len > out_cap)
        return UPDRAFT_E_NO_SPACE;
    memset(out, 0xFF, crc_off);
    for (size_t i = 0; i < item_count; i++) {
        if (items[i].len > 0)
            memcpy(out + flash_addr(&items[i]) - UPDRAFT_PACKED_FLASH_OFF, items[i].data,
                   items[i].len);
    }
    updraft_put_le32(out + crc_off, updraft_crc_sdk(updraft_crc32(0, out, crc_off)));
    return UPDRAFT_OK;
}
