/* A version 2 block:
 *
 *   RSA-3072                      ECDSA P-192, P-256              ECDSA P-384
 *   0    E7 02 00 00              0    E7 03 00 00                0    E7 03 01 00
 *   4    digest, 32               4    digest, 32                 4    digest, 48
 *   36   n, 384                   36   curve 1 or 2               52   curve 3
 *   420  e, 4                     37   X and Y, 64                53   X and Y, 96
 *   424  2^6144 mod n, 384        101  r and s, 64                149  r and s, 96
 *   808  -(n^-1) mod 2^32, 4      165  zeros                      245  zeros
 *   812  signature, 384
 *   1196 CRC-32 of 0..1195, then zeros
 *
 * All its numbers are little-endian. What an eFuse holds of a key is the SHA-256 of its fields as
 * they stand here: of 36..811, of 36..100 or of 52..148. */
#include "format/signature.h"

#include "format/bytes.h"
#include "format/crc.h"

#include <string.h>

#define V1_VERSION        0u
#define V1_R_OFF          4u
#define V1_S_OFF          36u
#define BLOCK_MAGIC       0xE7u
#define BLOCK_RSA         2u
#define BLOCK_ECDSA       3u
#define DIGEST_OFF        4u
#define SHA_256           0u
#define SHA_384           1u
#define RSA_KEY_OFF       36u
#define RSA_KEY_LEN       776u
#define CURVE_OFF         36u /* behind a SHA-256 */
#define CURVE_384_OFF     52u /* behind a SHA-384 */
#define CURVE_P192        1u
#define CURVE_P256        2u
#define CURVE_P384        3u
#define POINT_KEY_LEN     65u /* curve and point */
#define POINT_384_KEY_LEN 97u
#define COORDINATE_LEN    32u
#define POINT_OFF         37u
#define RS_OFF            101u
#define CRC_OFF           1196u

_Static_assert(RS_OFF == POINT_OFF + 2 * COORDINATE_LEN, "r follows the point");
_Static_assert(UPDRAFT_SIGNATURE_BLOCK_CAP *UPDRAFT_SIGNATURE_BLOCK_LEN <= UPDRAFT_SIGNATURE_SECTOR,
               "all blocks fit the sector");

static bool all_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

static enum updraft_signature_kind block_kind(const uint8_t *block)
{
    if (block[0] != BLOCK_MAGIC)
        return UPDRAFT_SIGNATURE_NONE;
    if (block[1] == BLOCK_RSA)
        return UPDRAFT_SIGNATURE_V2_RSA3072;
    if (block[1] != BLOCK_ECDSA)
        return UPDRAFT_SIGNATURE_NONE;
    if (block[2] == SHA_256 && block[CURVE_OFF] == CURVE_P192)
        return UPDRAFT_SIGNATURE_V2_ECDSA_P192;
    if (block[2] == SHA_256 && block[CURVE_OFF] == CURVE_P256)
        return UPDRAFT_SIGNATURE_V2_ECDSA_P256;
    if (block[2] == SHA_384 && block[CURVE_384_OFF] == CURVE_P384)
        return UPDRAFT_SIGNATURE_V2_ECDSA_P384;
    return UPDRAFT_SIGNATURE_NONE;
}

static void digest_key(const uint8_t *block, enum updraft_signature_kind kind, uint8_t out[32])
{
    uint32_t off = CURVE_OFF;
    uint32_t len = POINT_KEY_LEN;
    struct updraft_digest digest;

    if (kind == UPDRAFT_SIGNATURE_V2_RSA3072) {
        off = RSA_KEY_OFF;
        len = RSA_KEY_LEN;
    } else if (kind == UPDRAFT_SIGNATURE_V2_ECDSA_P384) {
        off = CURVE_384_OFF;
        len = POINT_384_KEY_LEN;
    }
    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, block + off, len);
    updraft_digest_finish(&digest, out);
}

static void read_block(const uint8_t *file, uint32_t off, enum updraft_signature_kind kind,
                       struct updraft_signature_block *out)
{
    const uint8_t *block = file + off;

    out->kind = kind;
    out->off = off;
    out->digest_len = kind == UPDRAFT_SIGNATURE_V2_ECDSA_P384 ? 48 : 32;
    memcpy(out->digest, block + DIGEST_OFF, out->digest_len);
    digest_key(block, kind, out->key_digest);
    out->crc_ok = updraft_crc32(0, block, CRC_OFF) == updraft_get_le32(block + CRC_OFF);
}

/* Version 1 has no magic, only a zero; but r and s are never zero, and zero padding is. */
static bool is_v1(const uint8_t *bytes, size_t len)
{
    return len >= UPDRAFT_SIGNATURE_V1_LEN && updraft_get_le32(bytes) == V1_VERSION &&
           !all_zero(bytes + V1_R_OFF, COORDINATE_LEN) &&
           !all_zero(bytes + V1_S_OFF, COORDINATE_LEN);
}

static enum updraft_error find_v2(const uint8_t *file, size_t len, struct updraft_signature *found)
{
    uint32_t sector_off = updraft_round_up(found->signed_len, UPDRAFT_SIGNATURE_SECTOR);

    if (sector_off >= len || file[sector_off] != BLOCK_MAGIC)
        return UPDRAFT_OK;
    if (len - sector_off < UPDRAFT_SIGNATURE_SECTOR)
        return UPDRAFT_E_SIGNATURE;
    for (uint8_t i = 0; i < UPDRAFT_SIGNATURE_BLOCK_CAP; i++) {
        uint32_t off = sector_off + i * UPDRAFT_SIGNATURE_BLOCK_LEN;
        enum updraft_signature_kind kind = block_kind(file + off);

        if (kind == UPDRAFT_SIGNATURE_NONE)
            break;
        read_block(file, off, kind, &found->blocks[i]);
        found->block_count++;
    }
    if (found->block_count > 0) {
        found->signed_len = sector_off;
        found->total_len = sector_off + UPDRAFT_SIGNATURE_SECTOR;
    }
    return UPDRAFT_OK;
}

enum updraft_error updraft_signature_find(const uint8_t *file, size_t len, uint32_t image_len,
                                          struct updraft_signature *out)
{
    struct updraft_signature found;
    enum updraft_error error = UPDRAFT_OK;

    if (image_len > len || image_len > UINT32_MAX - 2 * UPDRAFT_SIGNATURE_SECTOR)
        return UPDRAFT_E_TRUNCATED;
    memset(&found, 0, sizeof(found));
    found.signed_len = image_len;
    found.total_len = image_len;
    if (is_v1(file + image_len, len - image_len)) {
        found.total_len = image_len + UPDRAFT_SIGNATURE_V1_LEN;
        found.block_count = 1;
        found.blocks[0].kind = UPDRAFT_SIGNATURE_V1_ECDSA;
        found.blocks[0].off = image_len;
        found.blocks[0].crc_ok = true;
    } else {
        error = find_v2(file, len, &found);
    }
    if (error == UPDRAFT_OK)
        *out = found;
    return error;
}

void updraft_signature_v1_encode(const uint8_t r[32], const uint8_t s[32],
                                 uint8_t out[UPDRAFT_SIGNATURE_V1_LEN])
{
    updraft_put_le32(out, V1_VERSION);
    memcpy(out + V1_R_OFF, r, COORDINATE_LEN);
    memcpy(out + V1_S_OFF, s, COORDINATE_LEN);
}

static void put_reversed(uint8_t *out, const uint8_t number[COORDINATE_LEN])
{
    for (uint32_t i = 0; i < COORDINATE_LEN; i++)
        out[i] = number[COORDINATE_LEN - 1 - i];
}

void updraft_signature_v2_p256_encode(const uint8_t digest[32], const uint8_t x[32],
                                      const uint8_t y[32], const uint8_t r[32], const uint8_t s[32],
                                      uint8_t out[UPDRAFT_SIGNATURE_BLOCK_LEN])
{
    memset(out, 0, UPDRAFT_SIGNATURE_BLOCK_LEN);
    out[0] = BLOCK_MAGIC;
    out[1] = BLOCK_ECDSA;
    out[2] = SHA_256;
    memcpy(out + DIGEST_OFF, digest, UPDRAFT_SHA256_LEN);
    out[CURVE_OFF] = CURVE_P256;
    put_reversed(out + POINT_OFF, x);
    put_reversed(out + POINT_OFF + COORDINATE_LEN, y);
    put_reversed(out + RS_OFF, r);
    put_reversed(out + RS_OFF + COORDINATE_LEN, s);
    updraft_put_le32(out + CRC_OFF, updraft_crc32(0, out, CRC_OFF));
}

const char *updraft_signature_kind_name(enum updraft_signature_kind kind)
{
    switch (kind) {
    case UPDRAFT_SIGNATURE_NONE:
        return "none";
    case UPDRAFT_SIGNATURE_V1_ECDSA:
        return "v1 ECDSA P-256";
    case UPDRAFT_SIGNATURE_V2_RSA3072:
        return "v2 RSA-3072";
    case UPDRAFT_SIGNATURE_V2_ECDSA_P192:
        return "v2 ECDSA P-192";
    case UPDRAFT_SIGNATURE_V2_ECDSA_P256:
        return "v2 ECDSA P-256";
    case UPDRAFT_SIGNATURE_V2_ECDSA_P384:
        return "v2 ECDSA P-384";
    }
    return "none";
}
