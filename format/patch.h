/* Delta patches: the pieces that maker and device share. A patch is a detools stream, behind the
 * outer header of esp_delta_ota when it is sent to a device.
 *
 *   outer header, 64 bytes             detools stream, sequential type
 *   0   10 DE CD FC                    0  type << 4 | compression
 *   4   SHA-256 that ends the base     1  size code: length of the result
 *   36  zeros                          .. body, compressed; none when the length is 0
 *
 *   body: size code 0 (no data format), then until the result is complete:
 *         size code d, d bytes to add to the source
 *         size code e, e bytes as they are
 *         size code a, signed: how far to move in the source
 *
 *   size code: bit 7 more, bit 6 negative, bits 5..0 the lowest six; then bit 7 more, 7 bits each
 *
 * Source: esp_delta_ota of idf-extra-components, detools. */
#ifndef UPDRAFT_FORMAT_PATCH_H
#define UPDRAFT_FORMAT_PATCH_H

#include "format/digest.h"
#include "format/error.h"

#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_PATCH_HEADER_LEN 64u
#define UPDRAFT_PATCH_MAGIC      0xFCCDDE10u
#define UPDRAFT_PATCH_SIZE_CAP   5u /* bytes of the longest size code of 32 bits */

/* The first byte of a stream. */
#define UPDRAFT_PATCH_SEQUENTIAL_NONE       0x00u
#define UPDRAFT_PATCH_SEQUENTIAL_HEATSHRINK 0x04u

/* The first byte of a heatshrink body: window of 8 bits, lookahead of 7. */
#define UPDRAFT_PATCH_HEATSHRINK_8_7 0x44u

/* base_hash is the SHA-256 appended to the base image, not one over its file. */
void updraft_patch_header_encode(const uint8_t base_hash[UPDRAFT_SHA256_LEN],
                                 uint8_t out[UPDRAFT_PATCH_HEADER_LEN]);
/* E_PATCH without the magic. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_patch_header_decode(const uint8_t bytes[UPDRAFT_PATCH_HEADER_LEN],
                            uint8_t base_hash[UPDRAFT_SHA256_LEN]);

/* Returns the length of the code, 1 to 5. */
size_t updraft_patch_size_encode(int32_t value, uint8_t out[UPDRAFT_PATCH_SIZE_CAP]);

/* Decodes the code that bytes begins with; *used is its length. E_TRUNCATED when it goes on behind
 * len, so that it can be called again with more; E_PATCH when it does not fit an int32_t. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_patch_size_decode(const uint8_t *bytes, size_t len,
                                                                int32_t *value, size_t *used);

#endif
