#include "server/traffic.h"

#include "format/assert.h"

#include <string.h>

void updraft_traffic_count(struct updraft_traffic *traffic, const char *method, const char *route,
                           unsigned status)
{
    uint32_t at = 2166136261u ^ status; /* FNV-1a */

    for (const char *c = method; *c != '\0'; c++)
        at = (at ^ (unsigned char)*c) * 16777619u;
    for (const char *c = route; *c != '\0'; c++)
        at = (at ^ (unsigned char)*c) * 16777619u;
    for (;; at++) {
        struct updraft_traffic_entry *entry = &traffic->entries[at & (UPDRAFT_TRAFFIC_CAP - 1)];
        if (entry->method == NULL) {
            UPDRAFT_ASSERT(traffic->used < UPDRAFT_TRAFFIC_CAP - 1);
            *entry = (struct updraft_traffic_entry){method, route, status, 0};
            traffic->used++;
        } else if (entry->status != status || strcmp(entry->method, method) != 0 ||
                   strcmp(entry->route, route) != 0) {
            continue;
        }
        entry->count++;
        return;
    }
}
