/* A device as a rollout sees it: whether the rollout is for it, whether it runs what the rollout brings.
 * The same for one that asks and for one that is only counted.
 *
 * Owns: nothing. A candidate points into what it was made of, and is good as long as that. Threads: under
 * the lock of the fleet. */
#ifndef UPDRAFT_SERVER_ROLLOUTS_MEMBER_H
#define UPDRAFT_SERVER_ROLLOUTS_MEMBER_H

#include "server/fleet/fleet.h"

struct updraft_candidate {
    struct updraft_filter_facts facts;
    const char *product;
    const char *channel;
    uint16_t chip;
    /* Its newest attempt; state NONE: it has none. */
    enum updraft_attempt_state state;
    uint32_t rollout_id;
};

/* As it is known. */
void updraft_candidate_of_device(const struct updraft_device *device,
                                 struct updraft_candidate *candidate);
/* As a request shows it; attempt: its newest. known: what operators say of it; NULL: nothing. */
void updraft_candidate_of_rows(const struct updraft_device_row *device,
                               const struct updraft_attempt_row *attempt,
                               const struct updraft_device *known,
                               struct updraft_candidate *candidate);

/* Product, channel and filter take it. */
bool updraft_rollout_takes(const struct updraft_rollout *rollout,
                           const struct updraft_candidate *candidate);
/* It runs the rollout's release, as far as can be known of it. */
bool updraft_rollout_is_run_by(const struct updraft_rollout *rollout,
                               const struct updraft_candidate *candidate);
bool updraft_rollout_has_place(const struct updraft_rollout *rollout, const char *device);

#endif
