#include "server/decide/place.h"

#include <stdlib.h>

/* FNV-1a over both, then the last step of MurmurHash3, for the high bits of FNV are poor. */
uint32_t updraft_place_of(int64_t rollout_id, const char *device)
{
    uint64_t hash = 14695981039346656037u;

    for (unsigned i = 0; i < 8; i++)
        hash = (hash ^ ((uint64_t)rollout_id >> 8 * i & 0xff)) * 1099511628211u;
    for (; *device != '\0'; device++)
        hash = (hash ^ (unsigned char)*device) * 1099511628211u;
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
    return (uint32_t)((hash ^ hash >> 33) >> 32);
}

static int compare(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

int64_t updraft_place_bound(uint32_t *places, size_t count, size_t size)
{
    if (size >= count)
        return UPDRAFT_PLACE_ALL;
    if (size == 0)
        return 0;
    qsort(places, count, sizeof *places, compare);
    return (int64_t)places[size - 1] + 1;
}
