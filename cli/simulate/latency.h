/* How long answers took: counts in buckets of about 3 %, from which percentiles are read.
 *
 * Owns: the buckets; 4 KB each, no other memory. No I/O. */
#ifndef UPDRAFT_CLI_SIMULATE_LATENCY_H
#define UPDRAFT_CLI_SIMULATE_LATENCY_H

#include <stdint.h>

#define UPDRAFT_LATENCY_BUCKETS 1024u

struct updraft_latency {
    uint64_t count;
    uint64_t most_us;
    uint32_t buckets[UPDRAFT_LATENCY_BUCKETS];
};

void updraft_latency_add(struct updraft_latency *latency, uint64_t us);
void updraft_latency_merge(struct updraft_latency *into, const struct updraft_latency *other);
/* The time below or at which so many of a hundred lie; never more than the longest. 0 when none. */
uint64_t updraft_latency_us(const struct updraft_latency *latency, unsigned pct);

#endif
