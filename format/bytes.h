/* Explicit byte order access. Every codec goes through these; no struct is ever laid over bytes. */
#ifndef UPDRAFT_FORMAT_BYTES_H
#define UPDRAFT_FORMAT_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t updraft_get_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | (uint16_t)(p[1] << 8));
}

static inline void updraft_put_le16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

/* One instruction where words may lie at any address; elsewhere a call is smaller than the bytes one by
 * one. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ &&                                                   \
    (defined(__ARM_FEATURE_UNALIGNED) || defined(__x86_64__))

static inline uint32_t updraft_get_le32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline void updraft_put_le32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}

#else
#define UPDRAFT_BYTES_BY_CALL 1
uint32_t updraft_get_le32(const uint8_t *p);
void updraft_put_le32(uint8_t *p, uint32_t v);
#endif

/* Rounds up to a power of two; the caller keeps v below 2^32 - to. */
static inline uint32_t updraft_round_up(uint32_t v, uint32_t to)
{
    return (v + to - 1u) & ~(to - 1u);
}

/* memcpy as a call: compilers lay a short copy of known length out in full, which is larger. */
void updraft_bytes_copy(void *out, const void *in, size_t len);

#endif
