/* NOR flash as a port. Erasing sets all bits of a sector or block; programming only clears bits.
 *
 * Owns: the contract and the write cursor's view of it. A port provides the struct, const, in ROM if
 * it likes. All addresses and lengths are bytes, addresses are absolute in the flash.
 *
 * After a power loss during `prog`, every bit that was to be cleared may or may not be; bits outside
 * the range are untouched. During `erase`, every byte of the range may hold anything. Nothing else
 * changes. A call that returned UPDRAFT_OK is durable at the latest after `sync`. */
#ifndef UPDRAFT_DEVICE_FLASH_FLASH_H
#define UPDRAFT_DEVICE_FLASH_FLASH_H

#include "format/error.h"

#include <stdint.h>

struct updraft_flash {
    void *ctx;
    /* Any address, any length. UPDRAFT_E_FLASH_READ when the chip does not answer. */
    enum updraft_error (*read)(void *ctx, uint32_t addr, void *buf, uint32_t len);
    /* addr and len are multiples of prog_len; len at most one sector, not across a sector's end.
     * May be called twice on the same bytes: the result is the AND of all writes. */
    enum updraft_error (*prog)(void *ctx, uint32_t addr, const void *buf, uint32_t len);
    /* len is sector_len or, where addr is aligned to it, block_len. Blocks for one erase. */
    enum updraft_error (*erase)(void *ctx, uint32_t addr, uint32_t len);
    /* Everything before is durable when this returns. May be NULL where every call is. */
    enum updraft_error (*sync)(void *ctx);
    uint32_t size;       /* of the chip */
    uint32_t sector_len; /* smallest erase: 4096; a power of two */
    uint32_t block_len;  /* larger and faster erase: 65536, a power of two; 0: there is none */
    uint32_t prog_len;   /* alignment of programs: 1, 2 or 4 */
};

#endif
