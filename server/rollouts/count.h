/* How the devices stand in a rollout: one pass over all of them, a slice at a time, so that nobody has to wait
 * for the lock of the fleet. What comes out is the state of each device at the moment its slice was
 * looked at.
 *
 * Owns: the counts. Does not own: the rule that makes something of them (decide/rollout.h), who is told.
 * Memory: the counting's, until deinit. Threads: under the lock of the fleet, but for deinit and
 * the bound. */
#ifndef UPDRAFT_SERVER_ROLLOUTS_COUNT_H
#define UPDRAFT_SERVER_ROLLOUTS_COUNT_H

#include "server/rollouts/member.h"

#define UPDRAFT_COUNT_FAILURES 16u /* different codes that are told apart */
#define UPDRAFT_COUNT_DEVICES  10u /* examples of each state */
#define UPDRAFT_COUNT_SLICE    4096u

/* Attempts of the rollout that ended badly in the same way. */
struct updraft_count_failure {
    uint32_t code;
    uint32_t count;
    char name[UPDRAFT_ERROR_NAME_CAP];
    char text[UPDRAFT_ERROR_TEXT_CAP]; /* of one of them */
};

struct updraft_rollout_count {
    int64_t at_ms;
    uint32_t matched;           /* on the channel, and taken by the filter */
    uint32_t on_target;         /* of these: they run the release, but not by it */
    uint32_t unreachable;       /* of these: not heard of, or it cannot be offered */
    struct updraft_members all; /* the rest, however far the stages are */
    size_t stage_count;         /* that had begun when it was counted */
    struct updraft_members stages[UPDRAFT_STAGES_MOST];
    struct updraft_count_failure failures[UPDRAFT_COUNT_FAILURES]; /* most frequent first */
    size_t failure_count;
    char devices[UPDRAFT_SHOWN_COUNT][UPDRAFT_COUNT_DEVICES][UPDRAFT_DEVICE_ID_CAP];
};

struct updraft_counting {
    const struct updraft_rollout *rollout;
    size_t at; /* the next device */
    int64_t now_ms;
    struct updraft_rollout_count count;
    uint32_t *places; /* of those that can be in a stage */
    size_t place_count, place_cap;
};

void updraft_counting_init(struct updraft_counting *counting);
void updraft_counting_deinit(struct updraft_counting *counting);
/* The rollout need not be one of the fleet's: a preview makes one up. It stays until the pass is over. */
void updraft_counting_begin(struct updraft_counting *counting,
                            const struct updraft_rollout *rollout, int64_t now_ms);
/* One slice. False when the pass is over. */
bool updraft_counting_step(struct updraft_counting *counting, const struct updraft_fleet *fleet);
/* After the pass: how many the stage takes, and the bound of their places. */
size_t updraft_counting_size(const struct updraft_counting *counting, size_t stage);
int64_t updraft_counting_bound(struct updraft_counting *counting, size_t stage);

#endif
