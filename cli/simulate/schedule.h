/* Which device is due next: a heap of pointers, ordered by due_ms and then by number.
 *
 * Owns: the order. The caller provides room for all of them, and takes a device out before it
 * changes when that one is due. No I/O. */
#ifndef UPDRAFT_CLI_SIMULATE_SCHEDULE_H
#define UPDRAFT_CLI_SIMULATE_SCHEDULE_H

#include "cli/simulate/device.h"

struct updraft_sim_schedule {
    struct updraft_sim_device **heap;
    size_t count;
};

void updraft_sim_schedule_put(struct updraft_sim_schedule *schedule,
                              struct updraft_sim_device *device);
/* UINT64_MAX when nobody is due, ever. */
uint64_t updraft_sim_schedule_due_ms(const struct updraft_sim_schedule *schedule);
/* NULL when there is none. */
struct updraft_sim_device *updraft_sim_schedule_take(struct updraft_sim_schedule *schedule);

#endif
