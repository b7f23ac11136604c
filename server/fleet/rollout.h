/* The rollouts the server knows, in memory: the row, and what its texts mean. A rollout hangs on its
 * channel, the newest first.
 *
 * Owns: the objects; one stays valid until the fleet's deinit. Does not own: the rules (decide/), who is in
 * a stage and how many stand how (rollouts/). Threads: as fleet.h has it. */
#ifndef UPDRAFT_SERVER_FLEET_ROLLOUT_H
#define UPDRAFT_SERVER_FLEET_ROLLOUT_H

#include "server/decide/filter.h"
#include "server/decide/stages.h"
#include "server/fleet/model.h"

struct updraft_fleet;
struct updraft_channel;
struct updraft_release;
struct updraft_rollout_count;

struct updraft_rollout {
    struct updraft_rollout_row row;
    struct updraft_channel *channel;
    struct updraft_release *release;
    struct updraft_release *from;
    struct updraft_rollout *older; /* of the same channel */
    struct updraft_filter filter;
    struct updraft_stages stages;
    /* Of the stages that have begun: whose place is below it, is in the stage. */
    int64_t bounds[UPDRAFT_STAGES_MOST];
    size_t bound_count;
    /* Updates that began in this minute of the clock, and those that the batch under way begins. */
    int64_t minute;
    uint32_t begun;
    uint32_t pledged;
    uint64_t revision;                   /* grows with each change of the row */
    uint64_t stirred;                    /* grows with whatever may change its counts */
    uint64_t counted;                    /* what that was when it was counted last */
    struct updraft_rollout_count *count; /* as last counted (rollouts/count.h); NULL: not yet */
};

void updraft_rollout_apply(struct updraft_fleet *fleet, const struct updraft_rollout_row *row);
void updraft_rollout_free(struct updraft_rollout *rollout);

/* NULL when there is none. */
struct updraft_rollout *updraft_fleet_find_rollout(const struct updraft_fleet *fleet, int64_t id);
/* The one that is scheduled, running or paused, or NULL. */
const struct updraft_rollout *updraft_channel_open_rollout(const struct updraft_channel *channel);
int64_t updraft_fleet_next_rollout_id(const struct updraft_fleet *fleet);

/* Whether the stage that the row names has begun: its bound is known. */
bool updraft_rollout_has_begun(const struct updraft_rollout *rollout);
/* Of the furthest stage that has begun. */
int64_t updraft_rollout_bound(const struct updraft_rollout *rollout);
/* Writes the bound of the next stage behind those of the row. */
void updraft_rollout_add_bound(struct updraft_rollout_row *row, int64_t bound);

/* An update of it began, in memory or in the batch that is being planned. */
void updraft_rollout_note_begin(struct updraft_rollout *rollout, int64_t at_ms);
void updraft_rollout_pledge(struct updraft_fleet *fleet, const struct updraft_attempt_row *row);
void updraft_rollout_forget_pledges(struct updraft_fleet *fleet);
/* Whether one more may begin at this moment. */
bool updraft_rollout_rate_left(const struct updraft_rollout *rollout, int64_t now_ms);

#endif
