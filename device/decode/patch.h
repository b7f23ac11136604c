/* Delta patches, bytes in -> bytes out: the sequential type of detools, uncompressed or with
 * heatshrink (window 8, lookahead 7), as esp_delta_ota makes them. The outer header of
 * format/patch.h is the caller's to take off and to check before.
 *
 * Owns: the decoding state, among it the window of 256 bytes. Does not own: the source, which is
 * read through a callback, nor a check of the result; that is the image reader's business. Memory:
 * the struct, the caller's. Nothing is kept in flash: after a power loss the patch is applied again
 * from its start.
 *
 * A patch comes from the network: it is never made to read outside the source nor to yield more
 * than its stated length, and that no more than the caller's limit. */
#ifndef UPDRAFT_DEVICE_DECODE_PATCH_H
#define UPDRAFT_DEVICE_DECODE_PATCH_H

#include "format/error.h"
#include "format/patch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_UNPATCH_WINDOW_LEN 256u

struct updraft_unpatch_source {
    /* Reads len bytes at off, never past `len` below. An error ends the decoding with it. */
    enum updraft_error (*read)(void *ctx, uint32_t off, uint8_t *out, uint32_t len);
    void *ctx;
    uint32_t len;
};

/* Private but for to_len: the length of the result, 0 until known. */
struct updraft_unpatch {
    struct updraft_unpatch_source source;
    uint32_t to_cap;
    uint32_t to_len;
    uint32_t to_off;    /* bytes given so far */
    uint32_t run_left;  /* bytes of the current run of added or literal bytes */
    int64_t source_off; /* may lie outside the source as long as nothing is read there */
    uint8_t state;
    uint8_t compression;
    uint8_t size_len; /* bytes of a size code gathered so far */
    uint8_t size_bytes[UPDRAFT_PATCH_SIZE_CAP];
    enum updraft_error failed;
    /* heatshrink */
    uint32_t bits; /* not used up yet, the next one the most significant of bit_count */
    uint8_t bit_count;
    uint8_t copy_left;
    uint8_t copy_back; /* distance - 1 */
    uint8_t head;      /* where the next byte goes in the window */
    uint8_t window[UPDRAFT_UNPATCH_WINDOW_LEN];
};

/* to_cap: the longest result that the caller has room for. */
void updraft_unpatch_init(struct updraft_unpatch *unpatch,
                          const struct updraft_unpatch_source *source, uint32_t to_cap);

/* Takes *in_used of in, gives *out_len of out; both may be less than offered. Call until in is used
 * up and out was not filled. E_PATCH on damage, on reading outside the source and on bytes behind
 * the end, E_TOO_LARGE when the result is longer than to_cap, E_UNSUPPORTED for other types and
 * compressions, or the source's error. A failure is returned again by every later call. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_unpatch_feed(struct updraft_unpatch *unpatch,
                                                           const uint8_t *in, size_t in_len,
                                                           size_t *in_used, uint8_t *out,
                                                           size_t out_cap, size_t *out_len);

/* UPDRAFT_OK when the result is complete, else E_TRUNCATED or the failure. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_unpatch_finish(const struct updraft_unpatch *unpatch);

#endif
