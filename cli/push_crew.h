/* Pushes to several devices at a time: a process for each, so that one that hangs or breaks takes no
 * other with it, and all can be ended at once.
 *
 * Owns: the processes, retries, the screen, and what is said of a device whose push was interrupted.
 * Memory: from the heap, while it runs. */
#ifndef UPDRAFT_CLI_PUSH_CREW_H
#define UPDRAFT_CLI_PUSH_CREW_H

#include "cli/push_target.h"

struct updraft_push_crew {
    const struct updraft_push *model; /* what all pushes have in common */
    const struct updraft_push_targets *targets;
    uint32_t jobs;    /* at a time */
    uint32_t retries; /* of each device, for what may pass */
};

/* Adds an object for each device, in the order of the targets: "host", what updraft_push_one()
 * tells, "tries", "exit", and after a failure "error". Ends early, with all processes gone, after
 * SIGINT or SIGTERM. */
void updraft_push_crew_run(const struct updraft_push_crew *crew, cJSON *devices);

#endif
