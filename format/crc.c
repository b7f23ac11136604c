#include "format/crc.h"

uint32_t updraft_crc32(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;

    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
    }
    return ~crc;
}

/* The old SDK keeps the sum free of its top bit, in its own way. */
uint32_t updraft_crc_sdk(uint32_t crc)
{
    return (crc & 0x80000000u) != 0 ? ~crc : crc + 1u;
}

uint32_t updraft_crc32_mpeg2_continue(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < len; i++) {
        crc ^= (uint32_t)p[i] << 24;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (crc << 1) ^ (0x04C11DB7u & (0u - (crc >> 31)));
    }
    return crc;
}

uint32_t updraft_crc32_mpeg2(const void *data, size_t len)
{
    return updraft_crc32_mpeg2_continue(UPDRAFT_CRC32_MPEG2_START, data, len);
}
