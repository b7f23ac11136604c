#include "server/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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

void *updraft_memory_map(size_t len)
{
    char *mapped = mmap(NULL, 2 * len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (mapped == MAP_FAILED)
        return checked(NULL);
    size_t before = (len - (size_t)(uintptr_t)mapped % len) % len;
    if (before > 0)
        munmap(mapped, before);
    munmap(mapped + before + len, len - before);
    return mapped + before;
}

void updraft_memory_unmap(void *mapped, size_t len)
{
    munmap(mapped, len);
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
