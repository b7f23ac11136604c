/* When a rollout goes on and when it stops itself: counts of a stage, limits and the clock -> what is to be
 * done. Pure.
 *
 * Owns: the states, the counts, the rule, its sentences. Does not own: who counts (rollouts/), who is
 * in the stage (place.h, filter.h), what a device is offered (target.h).
 *
 * The members of a stage are the devices in it that have an attempt of the rollout, or are there to begin
 * one: what has not begun and has not been heard of for `silent_after` is away, and no member. A limit is a
 * part of all members, not of those that have ended so far: it is passed only when enough devices
 * ended badly to pass it however the others end. */
#ifndef UPDRAFT_SERVER_DECIDE_ROLLOUT_H
#define UPDRAFT_SERVER_DECIDE_ROLLOUT_H

#include "server/decide/shown.h"

#include <stddef.h>
#include <stdint.h>

/* The numbers are stored: append only. */
enum updraft_rollout_state {
    UPDRAFT_ROLLOUT_SCHEDULED = 1, /* its time has not come */
    UPDRAFT_ROLLOUT_RUNNING = 2,
    UPDRAFT_ROLLOUT_PAUSED = 3,  /* by an operator, or after a stage as it was told to */
    UPDRAFT_ROLLOUT_STOPPED = 4, /* by a limit */
    UPDRAFT_ROLLOUT_ABORTED = 5, /* by an operator, for good */
    UPDRAFT_ROLLOUT_DONE = 6,
};
#define UPDRAFT_ROLLOUT_STATE_LAST UPDRAFT_ROLLOUT_DONE

const char *updraft_rollout_state_name(enum updraft_rollout_state state);
/* Scheduled, running or paused: a channel has at most one of these. */
bool updraft_rollout_is_open(enum updraft_rollout_state state);

/* Why a rollout is not running. The numbers are stored: append only. */
enum updraft_rollout_cause {
    UPDRAFT_CAUSE_NONE = 0,
    UPDRAFT_CAUSE_ROLLED_BACK = 1,
    UPDRAFT_CAUSE_FAILED = 2,
    UPDRAFT_CAUSE_SILENT = 3,
    UPDRAFT_CAUSE_OUT_OF_REACH = 4, /* too few can still be confirmed */
    UPDRAFT_CAUSE_STAGE_DONE = 5,   /* pause on success */
    UPDRAFT_CAUSE_OPERATOR = 6,
};
#define UPDRAFT_CAUSE_LAST UPDRAFT_CAUSE_OPERATOR

/* What a person can do about it; NULL for NONE. */
const char *updraft_rollout_remedy(enum updraft_rollout_cause cause);

/* Limits in whole percent of a stage's members. */
struct updraft_gates {
    uint8_t confirmed_least; /* so many must be confirmed before the next stage */
    uint8_t failed_most;     /* the rollout stops when more than this ... */
    uint8_t rolled_back_most;
    uint8_t silent_most;
    uint32_t soak_s;         /* so long the stage must be good enough before the next one begins */
    uint32_t silent_after_s; /* a device not heard of for so long is silent */
};
#define UPDRAFT_GATES_TIME_MOST_S (366u * 24u * 3600u)

/* How one device stands in a rollout, as shown.h names it. Silent is who began and is not heard of;
 * who did not begin and is not heard of is no member, and SEEN. */
struct updraft_member_facts {
    enum updraft_attempt_state state; /* of its newest attempt of the rollout; NONE: it has none */
    int64_t updated_ms;               /* of that attempt */
    int64_t retry_ms; /* what ended badly before this does not count; 0: all counts */
    int64_t last_seen_ms;
    int64_t now_ms;
    uint32_t silent_after_s;
};
enum updraft_shown updraft_member_decide(const struct updraft_member_facts *facts);

/* The devices in a stage by how they stand. */
struct updraft_members {
    uint32_t counts[UPDRAFT_SHOWN_COUNT];
};
/* All but those that are away. */
uint32_t updraft_members_count(const struct updraft_members *members);

enum updraft_rollout_step {
    UPDRAFT_ROLLOUT_STAY,
    UPDRAFT_ROLLOUT_SOAK,    /* the stage is good enough from now on */
    UPDRAFT_ROLLOUT_RELAPSE, /* it was, and is no longer */
    UPDRAFT_ROLLOUT_ADVANCE, /* to the next stage */
    UPDRAFT_ROLLOUT_REST,    /* the same, but an operator is to let it begin */
    UPDRAFT_ROLLOUT_FINISH,
    UPDRAFT_ROLLOUT_STOP,
};

struct updraft_rollout_facts {
    struct updraft_gates gates;
    struct updraft_members members;
    size_t stage; /* from 0 */
    size_t stage_count;
    bool pause_on_success;
    int64_t gate_met_ms; /* the stage is good enough since; 0: it is not */
    int64_t now_ms;
};

#define UPDRAFT_ROLLOUT_REASON_CAP 192u

struct updraft_rollout_move {
    enum updraft_rollout_step step;
    enum updraft_rollout_cause cause;
    char reason[UPDRAFT_ROLLOUT_REASON_CAP]; /* one sentence with its numbers; "" without a cause */
};

struct updraft_rollout_move updraft_rollout_decide(const struct updraft_rollout_facts *facts);

#endif
