#include "format/bytes.h"

#include <string.h>

void updraft_bytes_copy(void *out, const void *in, size_t len)
{
    memcpy(out, in, len);
}
