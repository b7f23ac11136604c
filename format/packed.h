/* The image that takes an ESP8266 from its old SDK to the RTOS SDK: the flash contents of the new
 * system from the second sector on, as one file that the old system takes for its user image.
 *
 *   file offset x is flash address x + 0x1000; gaps are FF; the SDK CRC of all before ends the file
 *
 * The old boot loader in the first sector stays, so an item at address 0, the new boot loader,
 * moves to 0x1000. The item at the highest address, the application, is not padded.
 *
 * Owns: the layout. Memory: the caller's. Nothing is kept in flash.
 * Source: tools/pack_fw.py of ESP8266_RTOS_SDK. */
#ifndef UPDRAFT_FORMAT_PACKED_H
#define UPDRAFT_FORMAT_PACKED_H

#include "format/error.h"

#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_PACKED_FLASH_OFF 0x1000u
#define UPDRAFT_PACKED_LEN_CAP   0x1000000u

struct updraft_packed_item {
    uint32_t addr; /* in flash */
    const uint8_t *data;
    uint32_t len;
};

/* Items come in any order, the blank otadata not among them. *len is the length written; E_NO_SPACE
 * when it does not fit out_cap (then *len is the length needed). E_EMPTY without items, E_OVERLAP
 * when two share a sector or one lies in the old boot loader's, E_TOO_LARGE past 16 MB of flash. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_packed_encode(const struct updraft_packed_item *items,
                                                            size_t item_count, uint8_t *out,
                                                            size_t out_cap, size_t *len);

#endif
