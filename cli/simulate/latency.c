#include "cli/simulate/latency.h"

/* Below 64 us each its own; then 32 buckets for each doubling. */
#define EXACT 64u
#define PARTS 32u

static unsigned bucket_of(uint64_t us)
{
    unsigned shift = 0;

    if (us < EXACT)
        return (unsigned)us;
    while (us >> shift >= EXACT)
        shift++;
    const uint64_t at = EXACT + (uint64_t)(shift - 1) * PARTS + ((us >> shift) - PARTS);
    return at < UPDRAFT_LATENCY_BUCKETS ? (unsigned)at : UPDRAFT_LATENCY_BUCKETS - 1;
}

/* The longest time that falls into it. */
static uint64_t end_of(unsigned bucket)
{
    if (bucket < EXACT)
        return bucket;
    const unsigned shift = (bucket - EXACT) / PARTS + 1;
    return (((uint64_t)PARTS + (bucket - EXACT) % PARTS + 1) << shift) - 1;
}

void updraft_latency_add(struct updraft_latency *latency, uint64_t us)
{
    latency->count++;
    latency->buckets[bucket_of(us)]++;
    if (us > latency->most_us)
        latency->most_us = us;
}

void updraft_latency_merge(struct updraft_latency *into, const struct updraft_latency *other)
{
    into->count += other->count;
    if (other->most_us > into->most_us)
        into->most_us = other->most_us;
    for (unsigned i = 0; i < UPDRAFT_LATENCY_BUCKETS; i++)
        into->buckets[i] += other->buckets[i];
}

uint64_t updraft_latency_us(const struct updraft_latency *latency, unsigned pct)
{
    uint64_t wanted = (latency->count * pct + 99) / 100, seen = 0;

    for (unsigned i = 0; i < UPDRAFT_LATENCY_BUCKETS && latency->count; i++) {
        seen += latency->buckets[i];
        if (seen >= wanted && seen > 0)
            return end_of(i) < latency->most_us ? end_of(i) : latency->most_us;
    }
    return 0;
}
