/* What is asked of the fleet as a whole, counted as it changes: nobody has to walk a million devices to
 * know how many run a version, or were heard of within the hour.
 *
 * Owns: the counts. Does not own: devices and texts. Whoever changes what is counted of a device takes it
 * out before and puts it in again after. Threads: as fleet.h has it. */
#ifndef UPDRAFT_SERVER_FLEET_TALLY_H
#define UPDRAFT_SERVER_FLEET_TALLY_H

#include "server/fleet/device.h"

/* The devices of a product that run a version. Both texts are those of the devices. */
struct updraft_group {
    struct updraft_node node; /* first */
    struct updraft_group *previous;
    struct updraft_group *next;
    const char *product;
    const char *version;
    uint32_t count;
    uint32_t standings[UPDRAFT_ATTEMPT_STATE_COUNT]; /* updraft_device_standing() */
};

#define UPDRAFT_SEEN_STEP_MS 10000
#define UPDRAFT_SEEN_STEPS   60481u /* a week, and the step under way */

struct updraft_tally {
    struct updraft_table table;
    struct updraft_group *first; /* the group that is there for the longest time */
    struct updraft_group *last;
    uint64_t count;
    uint64_t confirmed;                              /* devices that run a confirmed image */
    uint64_t standings[UPDRAFT_ATTEMPT_STATE_COUNT]; /* devices */
    uint64_t newest[UPDRAFT_ATTEMPT_STATE_COUNT];    /* devices, by state of their newest attempt */
    /* Devices last heard of in each step up to the newest, at its number modulo the size. */
    uint32_t *seen;
    int64_t seen_newest;
};

void updraft_tally_init(struct updraft_tally *tally);
void updraft_tally_deinit(struct updraft_tally *tally);

void updraft_tally_put(struct updraft_tally *tally, const struct updraft_device *device);
void updraft_tally_take(struct updraft_tally *tally, const struct updraft_device *device);
/* It was last heard of at this moment, and before that at the other. 0: never. */
void updraft_tally_see(struct updraft_tally *tally, int64_t before_ms, int64_t now_ms);

/* Devices heard of within so many milliseconds, up to a week; exact to a step, which counts as whole. */
uint64_t updraft_tally_seen(const struct updraft_tally *tally, int64_t now_ms, int64_t within_ms);

#endif
