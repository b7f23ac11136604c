/* Signatures behind an image: where they are, of which kind, and over which bytes. They are located
 * and measured here; checking them against a key is the business of a later module.
 *
 *   version 1   68 bytes right behind the image: 0 u32 0, 4 r, 36 s (big-endian)
 *   version 2   image padded with 0xFF to 4096, then a sector with up to three blocks of 1216 bytes
 *               E7 02: RSA-3072, E7 03: ECDSA; CRC-32 at 1196
 *
 * Source: esp_secure_boot.h of ESP-IDF, espsecure of esptool. */
#ifndef UPDRAFT_FORMAT_SIGNATURE_H
#define UPDRAFT_FORMAT_SIGNATURE_H

#include "format/digest.h"
#include "format/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_SIGNATURE_V1_LEN    68u
#define UPDRAFT_SIGNATURE_BLOCK_LEN 1216u
#define UPDRAFT_SIGNATURE_BLOCK_CAP 3u
#define UPDRAFT_SIGNATURE_SECTOR    4096u

enum updraft_signature_kind {
    UPDRAFT_SIGNATURE_NONE,
    UPDRAFT_SIGNATURE_V1_ECDSA,
    UPDRAFT_SIGNATURE_V2_RSA3072,
    UPDRAFT_SIGNATURE_V2_ECDSA_P192,
    UPDRAFT_SIGNATURE_V2_ECDSA_P256,
    UPDRAFT_SIGNATURE_V2_ECDSA_P384,
};

struct updraft_signature_block {
    enum updraft_signature_kind kind;
    uint32_t off; /* of the block in the file */
    uint8_t digest_len;
    uint8_t digest[48];     /* as the block states it; version 1 states none */
    uint8_t key_digest[32]; /* SHA-256 of the key as an eFuse holds it; version 1: zeros */
    bool crc_ok;            /* version 1 has none: true */
};

struct updraft_signature {
    uint32_t signed_len; /* bytes from 0 that the signature covers */
    uint32_t total_len;  /* signed_len and signature */
    uint8_t block_count; /* 0: none found */
    struct updraft_signature_block blocks[UPDRAFT_SIGNATURE_BLOCK_CAP];
};

/* Looks behind an image of image_len bytes in a file of len bytes. Finding none is UPDRAFT_OK with
 * block_count 0 and both lengths image_len; a version 2 block whose CRC is wrong is listed with
 * crc_ok false. E_TRUNCATED when the file is shorter than the image, E_SIGNATURE when it ends
 * inside a signature sector. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_signature_find(const uint8_t *file, size_t len,
                                                             uint32_t image_len,
                                                             struct updraft_signature *out);

/* Writes a version 1 block from r and s, 32 bytes each, big-endian. */
void updraft_signature_v1_encode(const uint8_t r[32], const uint8_t s[32],
                                 uint8_t out[UPDRAFT_SIGNATURE_V1_LEN]);

/* Writes a version 2 ECDSA P-256 block. All numbers big-endian as crypto libraries give them; the
 * block stores them little-endian. */
void updraft_signature_v2_p256_encode(const uint8_t digest[32], const uint8_t x[32],
                                      const uint8_t y[32], const uint8_t r[32], const uint8_t s[32],
                                      uint8_t out[UPDRAFT_SIGNATURE_BLOCK_LEN]);

const char *updraft_signature_kind_name(enum updraft_signature_kind kind);

#endif
