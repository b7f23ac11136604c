/* gzip, bytes in -> bytes out, on zlib's inflate with the caller's memory instead of malloc.
 * Takes one member; what follows it is an error. The trailing CRC and length are checked.
 * Memory: an arena of UPDRAFT_GUNZIP_ARENA_LEN bytes, the caller's, for as long as it runs. Unlike
 * other contexts this one may not be moved or copied while it runs: zlib remembers its address.
 * Nothing is kept in flash. */
#ifndef UPDRAFT_DEVICE_DECODE_GZIP_H
#define UPDRAFT_DEVICE_DECODE_GZIP_H

#include "format/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_GUNZIP_ARENA_LEN 48000u

struct updraft_gunzip {
    _Alignas(16) uint8_t stream[128]; /* zlib's z_stream; its size is asserted */
    uint8_t *arena;
    size_t arena_cap;
    size_t arena_used;
    bool ended;
    enum updraft_error failed;
};

void updraft_gunzip_init(struct updraft_gunzip *gunzip, uint8_t *arena, size_t arena_cap);

/* Takes *in_used of in, gives *out_len of out; both may be less than offered. Call until in is used
 * up and out was not filled. E_GZIP on damage or on bytes behind the end. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_gunzip_feed(struct updraft_gunzip *gunzip,
                                                          const uint8_t *in, size_t in_len,
                                                          size_t *in_used, uint8_t *out,
                                                          size_t out_cap, size_t *out_len);

/* UPDRAFT_OK when the member ended and its CRC and length matched, else E_TRUNCATED or E_GZIP. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_gunzip_finish(const struct updraft_gunzip *gunzip);

#endif
