/* Takes rollouts through their stages: counts those whose books have changed, and says which change is
 * due. It is part of the thread that writes, which commits the change as any other.
 *
 * Owns: the counting under way. Does not own: the rules (decide/rollout.h), the rollouts.
 * A restart loses nothing but counts: what a stage is and how long it has been good enough stands in the
 * row. Several servers may steer the same rollout: a change is only made of a row that is still as it was
 * counted.
 *
 * Threads: the one that writes; step and plan under the lock of the fleet. */
#ifndef UPDRAFT_SERVER_ROLLOUTS_STEER_H
#define UPDRAFT_SERVER_ROLLOUTS_STEER_H

#include "server/rollouts/count.h"

struct updraft_steering {
    struct updraft_counting counting;
    struct updraft_rollout *rollout; /* that is counted or was counted last; NULL: none */
    bool over;                       /* the pass is; its change is still to be planned */
    uint64_t stirred, revision;      /* of the rollout when the pass began */
    int64_t took_ms, began_ms;       /* on the steady clock */
};

#define UPDRAFT_STEER_CHANGES_MOST 2u

void updraft_steering_init(struct updraft_steering *steering);
void updraft_steering_deinit(struct updraft_steering *steering);

/* Begins a pass where one is due, or goes on with it by a slice. True when there is more to do at once.
 * The pass is timed by the steady clock: it is made so rarely that it takes a small part of the time. */
bool updraft_steering_step(struct updraft_steering *steering, struct updraft_fleet *fleet,
                           int64_t now_ms, int64_t steady_ms);
/* The changes that are due now; their number. They belong into one commit. */
size_t updraft_steering_plan(struct updraft_steering *steering, const struct updraft_fleet *fleet,
                             int64_t now_ms,
                             struct updraft_change changes[UPDRAFT_STEER_CHANGES_MOST]);

#endif
