/* A staged image, read from flash as it will stand in place: raw bytes as they are, gzip inflated.
 * The transaction reads it to look at it, the boot stage to look, to copy and to compare.
 *
 * Owns: the walk. Reads flash, writes nothing. Memory: a buffer and, for gzip, an arena, the
 * caller's; some 600 bytes of stack. */
#ifndef UPDRAFT_DEVICE_SLOTS_STAGED_SOURCE_H
#define UPDRAFT_DEVICE_SLOTS_STAGED_SOURCE_H

#include "device/flash/flash.h"
#include "device/slots/staged_image.h"
#include "format/staged.h"

#include <stdint.h>

struct updraft_staged_source {
    const struct updraft_flash *flash;
    uint32_t addr;
    uint32_t len; /* as staged */
    enum updraft_staged_encoding encoding;
    uint8_t *buf; /* what visitors are given */
    uint32_t buf_cap;
    uint8_t *gunzip_arena; /* UPDRAFT_GUNZIP_ARENA_LEN bytes; NULL: gzip is E_UNSUPPORTED */
};

/* Calls visit for the image from start to end: len bytes at offset off of it, in source->buf;
 * buf_cap of them, less only at the end, and what lies behind them in the buffer may be
 * overwritten. An error ends the walk. *total: the length of the image in place. E_FLASH_READ,
 * E_GZIP, E_TRUNCATED, E_UNSUPPORTED, or what visit returned. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_staged_walk(
    const struct updraft_staged_source *source,
    enum updraft_error (*visit)(void *ctx, uint32_t off, uint8_t *data, uint32_t len), void *ctx,
    uint32_t *total);

/* SHA-256 of the bytes as staged. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_staged_digest(const struct updraft_staged_source *source,
                      uint8_t sha256[UPDRAFT_SHA256_LEN]);

/* Walks the image to its end: is it whole, and does all of it fit into `room` bytes? *total is then
 * its length in place; on E_TOO_LARGE how much there is at least. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_staged_check(const struct updraft_staged_source *source, uint16_t chip_id, uint32_t room,
                     struct updraft_staged_image *image, uint32_t *total);

#endif
