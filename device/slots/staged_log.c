#include "device/slots/staged_log.h"

#include "device/flash/access.h"
#include "format/bytes.h"

#define HEAD_LEN 8u /* head and floor, which stand together */

_Static_assert(UPDRAFT_PROGRESS_FLOOR_OFF == UPDRAFT_PROGRESS_HEAD_OFF + 4u, "one read for both");

/* Of a log that counts. A floor that cannot be is of no log that was written here. */
static bool read_head(const uint8_t *head, const struct updraft_staged_layout *layout,
                      uint32_t *floor_addr)
{
    *floor_addr = updraft_get_le32(head + 4);
    return updraft_get_le32(head) == UPDRAFT_PROGRESS_HEAD && *floor_addr <= layout->end_addr;
}

enum updraft_error updraft_staged_log_find(const struct updraft_flash *flash,
                                           const struct updraft_staged_layout *layout,
                                           struct updraft_cursor *cursor)
{
    uint32_t addr = layout->log_addr;
    struct updraft_progress last;
    uint8_t head[HEAD_LEN];
    uint8_t distrust[4];
    uint32_t floor_addr;
    uint32_t free_off;
    enum updraft_error error;

    if (addr == 0)
        return UPDRAFT_OK;
    error = updraft_flash_read(flash, addr + UPDRAFT_PROGRESS_HEAD_OFF, head, sizeof head);
    if (error != UPDRAFT_OK || !read_head(head, layout, &floor_addr))
        return error;
    error =
        updraft_flash_read(flash, addr + UPDRAFT_PROGRESS_DISTRUST_OFF, distrust, sizeof distrust);
    if (error == UPDRAFT_OK)
        error = updraft_cursor_read_log(flash, addr, &last, &free_off);
    if (error != UPDRAFT_OK || updraft_get_le32(distrust) != UINT32_MAX ||
        (last.to != 0 && last.from < cursor->addr))
        return error;
    cursor->log_addr = addr;
    cursor->distrust = UINT32_MAX;
    cursor->suspect_to = floor_addr;
    return UPDRAFT_OK;
}

enum updraft_error updraft_staged_log_renew(const struct updraft_flash *flash,
                                            const struct updraft_staged_layout *layout,
                                            uint32_t floor_addr)
{
    static const uint8_t spent[HEAD_LEN];
    uint32_t addr = layout->log_addr + UPDRAFT_PROGRESS_HEAD_OFF;
    uint8_t head[HEAD_LEN];
    enum updraft_error error = updraft_flash_write(flash, addr, spent, sizeof spent);

    updraft_put_le32(head, UPDRAFT_PROGRESS_HEAD);
    updraft_put_le32(head + 4, floor_addr);
    if (error == UPDRAFT_OK)
        error = updraft_flash_erase(flash, layout->log_addr, flash->sector_len);
    if (error == UPDRAFT_OK)
        error = updraft_flash_sync(flash);
    if (error == UPDRAFT_OK) /* the floor goes first: without it the head says too much */
        error = updraft_flash_write(flash, addr + 4, head + 4, 4);
    return error == UPDRAFT_OK ? updraft_flash_write(flash, addr, head, 4) : error;
}
