/* How many requests were answered, by route and status, since the start. The number of routes and of
 * statuses is small and known, so the table is of one size. */
#ifndef UPDRAFT_SERVER_TRAFFIC_H
#define UPDRAFT_SERVER_TRAFFIC_H

#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_TRAFFIC_CAP 1024u /* power of two, far more than routes times statuses */

struct updraft_traffic_entry {
    const char *method; /* NULL: the entry is free */
    const char *route;
    unsigned status;
    uint64_t count;
};

/* All zero: nothing was answered yet. */
struct updraft_traffic {
    struct updraft_traffic_entry entries[UPDRAFT_TRAFFIC_CAP];
    size_t used;
};

/* method and route are "" when nothing is at the address. The texts live for ever. */
void updraft_traffic_count(struct updraft_traffic *traffic, const char *method, const char *route,
                           unsigned status);

#endif
