/* How many devices ran which version, hour by hour: a row for each version at the full hour, for a week; of
 * older ones only those at midnight (UTC), for a year.
 *
 * Owns: the rows in memory. Does not own: when they are written (writer.c). Only products that have been
 * published are followed, and of all their versions the 128 that most devices run: devices say what they
 * run, and may say anything. Threads: as fleet.h has it. */
#ifndef UPDRAFT_SERVER_FLEET_HISTORY_H
#define UPDRAFT_SERVER_FLEET_HISTORY_H

#include "server/fleet/intern.h"
#include "server/fleet/model.h"

#define UPDRAFT_HISTORY_STEP_MS     3600000
#define UPDRAFT_HISTORY_GROUPS_MOST 128u

struct updraft_fleet;

struct updraft_history_entry {
    int64_t at_ms;
    const char *product; /* NULL: not kept any more */
    const char *version;
    uint32_t devices;
};

/* All zero: none yet. */
struct updraft_history {
    struct updraft_history_entry *entries; /* by ascending time */
    size_t count, cap, gone;
    int64_t newest_ms;
};

void updraft_history_deinit(struct updraft_history *history);

void updraft_history_apply(struct updraft_fleet *fleet, const struct updraft_history_row *row);
void updraft_history_end(struct updraft_fleet *fleet, const struct updraft_history_row *row);

/* Whether an hour has begun that has no rows yet. */
bool updraft_history_due(const struct updraft_fleet *fleet, int64_t now_ms);
/* The rows of this hour, and the ends of those that are not kept any more; their number. *changes is the
 * caller's to free. */
size_t updraft_history_plan(const struct updraft_fleet *fleet, int64_t now_ms,
                            struct updraft_change **changes);
/* Pure. */
bool updraft_history_keeps(int64_t at_ms, int64_t now_ms);

#endif
