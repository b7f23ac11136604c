#include "server/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *got)
{
    if (got == NULL) {
        fputs("updraftd: out of memory; what was acknowledged is safe, start again\n", stderr);
        abort();
    }
    return got;
}

void *updraft_memory_new(size_t len)
{
    return checked(calloc(1, len == 0 ? 1 : len));
}

void *updraft_memory_grow(void *old, size_t count, size_t element_len)
{
    if (count > SIZE_MAX / element_len)
        return checked(NULL);
    return checked(realloc(old, count * element_len));
}

char *updraft_memory_copy(const char *text, size_t len)
{
    char *copy = updraft_memory_new(len + 1);

    memcpy(copy, text, len);
    return copy;
}
