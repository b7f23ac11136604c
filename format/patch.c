#include "format/patch.h"

#include "format/bytes.h"

#include <string.h>

#define HASH_OFF   4u
#define MORE       0x80u
#define NEGATIVE   0x40u
#define FIRST_BITS 6u
#define OTHER_BITS 7u

_Static_assert(FIRST_BITS + OTHER_BITS * (UPDRAFT_PATCH_SIZE_CAP - 1) >= 32,
               "the longest code holds 32 bits");

void updraft_patch_header_encode(const uint8_t base_hash[UPDRAFT_SHA256_LEN],
                                 uint8_t out[UPDRAFT_PATCH_HEADER_LEN])
{
    memset(out, 0, UPDRAFT_PATCH_HEADER_LEN);
    updraft_put_le32(out, UPDRAFT_PATCH_MAGIC);
    memcpy(out + HASH_OFF, base_hash, UPDRAFT_SHA256_LEN);
}

enum updraft_error updraft_patch_header_decode(const uint8_t bytes[UPDRAFT_PATCH_HEADER_LEN],
                                               uint8_t base_hash[UPDRAFT_SHA256_LEN])
{
    if (updraft_get_le32(bytes) != UPDRAFT_PATCH_MAGIC)
        return UPDRAFT_E_PATCH;
    memcpy(base_hash, bytes + HASH_OFF, UPDRAFT_SHA256_LEN);
    return UPDRAFT_OK;
}

size_t updraft_patch_size_encode(int32_t value, uint8_t out[UPDRAFT_PATCH_SIZE_CAP])
{
    /* Negated as unsigned: the smallest int32_t has no positive counterpart. */
    uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    size_t len = 1;

    out[0] = (uint8_t)((value < 0 ? NEGATIVE : 0) | (rest & ((1u << FIRST_BITS) - 1)));
    for (rest >>= FIRST_BITS; rest != 0; rest >>= OTHER_BITS) {
        out[len - 1] |= MORE;
        out[len++] = (uint8_t)(rest & ((1u << OTHER_BITS) - 1));
    }
    return len;
}

enum updraft_error updraft_patch_size_decode(const uint8_t *bytes, size_t len, int32_t *value,
                                             size_t *used)
{
    uint64_t magnitude = 0;
    unsigned shift = 0;

    for (size_t i = 0; i < len && i < UPDRAFT_PATCH_SIZE_CAP; i++) {
        unsigned bits = i == 0 ? FIRST_BITS : OTHER_BITS;

        magnitude |= (uint64_t)(bytes[i] & ((1u << bits) - 1)) << shift;
        shift += bits;
        if ((bytes[i] & MORE) != 0)
            continue;
        if (magnitude > INT32_MAX)
            return UPDRAFT_E_PATCH;
        *value = (bytes[0] & NEGATIVE) != 0 ? -(int32_t)magnitude : (int32_t)magnitude;
        *used = i + 1;
        return UPDRAFT_OK;
    }
    return len < UPDRAFT_PATCH_SIZE_CAP ? UPDRAFT_E_TRUNCATED : UPDRAFT_E_PATCH;
}
