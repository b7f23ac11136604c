/* The check of a slot against the stream reader, on any bytes. */
#include "tests/verdicts.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    enum updraft_error verdict;

    if (len < 1 || len > 0x100000)
        return 0;
    if (verdicts_differ(data + 1, (uint32_t)len - 1, 256u + data[0], &verdict) != NULL)
        abort();
    return 0;
}
