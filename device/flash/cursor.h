/* The write cursor: fills an area of flash from its start, erasing just ahead of the data.
 *
 * Owns: the area from the first write on, and one sector of buffer, the caller's. Erases a 64 KB block
 * where it is aligned, lies in the area and will be needed, a sector elsewhere; each erase happens
 * when the first data for it are complete, so no call does more than one erase and one sector of
 * programming. What was programmed is read back and compared. What reads as blank is erased all the
 * same: a cut erase may leave cells that read blank now and not later.
 *
 * It can withhold the first bytes of the area: they stay erased in flash until
 * updraft_cursor_release(), so that an unfinished area has no valid start. */
#ifndef UPDRAFT_DEVICE_FLASH_CURSOR_H
#define UPDRAFT_DEVICE_FLASH_CURSOR_H

#include "device/flash/flash.h"

#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_CURSOR_WITHHELD_CAP 16u

struct updraft_cursor {
    const struct updraft_flash *flash;
    uint32_t addr;         /* of the area; aligned to a sector */
    uint32_t cap;          /* bytes of the area */
    uint32_t written;      /* bytes in flash, the withheld ones included */
    uint32_t erased_to;    /* offset up to which the area is erased */
    uint32_t buffered;     /* bytes in buf behind `written` */
    uint32_t expected_len; /* how much will come; 0: not known */
    uint8_t *buf;          /* flash->sector_len bytes */
    uint8_t withheld_len;  /* 0 or UPDRAFT_CURSOR_WITHHELD_CAP */
    uint8_t withheld[UPDRAFT_CURSOR_WITHHELD_CAP];
};

/* Touches no flash. */
void updraft_cursor_open(struct updraft_cursor *cursor, const struct updraft_flash *flash,
                         uint32_t addr, uint32_t cap, uint8_t *buf);

/* Withhold the first bytes; before anything is written. */
void updraft_cursor_withhold(struct updraft_cursor *cursor);

/* Room for the next bytes: where to put them and how many, at least 1 while the area is not full
 * and the buffer is flushed when full; 0 at the end of the area. */
uint32_t updraft_cursor_room(const struct updraft_cursor *cursor, uint8_t **room);

/* len bytes were put into the room. */
void updraft_cursor_commit(struct updraft_cursor *cursor, uint32_t len);

/* True when the buffer holds a whole sector and must be flushed before there is room again. */
bool updraft_cursor_is_full(const struct updraft_cursor *cursor);

/* Erases as needed and programs what is buffered: a whole sector, or, as the last call, what there
 * is, padded with 0xFF to the flash's program length. E_FLASH_*; *bad_addr then says where. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_cursor_flush(struct updraft_cursor *cursor,
                                                           uint32_t *bad_addr);

/* Programs the withheld bytes and syncs. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_cursor_release(struct updraft_cursor *cursor,
                                                             uint32_t *bad_addr);

/* Reads an area and compares: E_FLASH_VERIFY when it differs. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_flash_compare(const struct updraft_flash *flash,
                                                            uint32_t addr, const uint8_t *data,
                                                            uint32_t len);

#endif
