#include "format/bytes.h"

#include <string.h>

void updraft_bytes_copy(void *out, const void *in, size_t len)
{
    memcpy(out, in, len);
}

#ifdef UPDRAFT_BYTES_BY_CALL
uint32_t updraft_get_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void updraft_put_le32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}
#endif
