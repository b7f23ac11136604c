/* HMAC-SHA256 (RFC 2104) over format/digest.h: what the ways in use to prove a password without sending
 * it.
 *
 * Memory: the caller's. Nothing is kept; secrets stay in the caller's struct until it is cleared. */
#ifndef UPDRAFT_FORMAT_KEYED_H
#define UPDRAFT_FORMAT_KEYED_H

#include "format/digest.h"

#define UPDRAFT_KEYED_BLOCK_LEN 64u /* of SHA-256 */

struct updraft_hmac {
    struct updraft_digest digest;
    uint8_t pad[UPDRAFT_KEYED_BLOCK_LEN]; /* the key's inner, later its outer form */
};

/* A key of any length; one longer than a block is hashed first. */
void updraft_hmac_start(struct updraft_hmac *hmac, const void *key, size_t key_len);
void updraft_hmac_update(struct updraft_hmac *hmac, const void *data, size_t len);
void updraft_hmac_finish(struct updraft_hmac *hmac, uint8_t out[UPDRAFT_SHA256_LEN]);

#endif
