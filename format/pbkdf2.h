/* PBKDF2-HMAC-SHA256 (RFC 8018), one block of 32 bytes: whole, or in steps, because ten thousand
 * iterations take a small chip seconds in which it has other work to do.
 *
 * Owns: the derivation. The hash is format/digest.h's, so a port's accelerator does the work. The
 * caller owns the context; it has no pointers and may be dropped or copied at any moment. */
#ifndef UPDRAFT_FORMAT_PBKDF2_H
#define UPDRAFT_FORMAT_PBKDF2_H

#include "format/keyed.h"

#include <stdbool.h>

struct updraft_pbkdf2 {
    uint8_t password[UPDRAFT_KEYED_BLOCK_LEN]; /* or its hash; zeros behind it */
    uint8_t newest[UPDRAFT_SHA256_LEN];
    uint8_t key[UPDRAFT_SHA256_LEN]; /* complete when `left` is 0 */
    uint32_t left;                   /* iterations */
};

/* Does the first iteration of at least one. */
void updraft_pbkdf2_start(struct updraft_pbkdf2 *pbkdf2, const char *password, const void *salt,
                          size_t salt_len, uint32_t iterations);

/* Does at most so many more: two blocks of SHA-256 each. True when the key is complete. */
bool updraft_pbkdf2_run(struct updraft_pbkdf2 *pbkdf2, uint32_t iterations);

/* All at once. */
void updraft_pbkdf2(const char *password, const void *salt, size_t salt_len, uint32_t iterations,
                    uint8_t out[UPDRAFT_SHA256_LEN]);

#endif
