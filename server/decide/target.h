/* Whether a device is to have a rollout's release or its channel's: facts -> choice. Pure.
 *
 * Owns: the rule, and the names of what a device waits for. Does not own: whether the release suits the
 * device (offer.h), who asks (device_api/target.h). */
#ifndef UPDRAFT_SERVER_DECIDE_TARGET_H
#define UPDRAFT_SERVER_DECIDE_TARGET_H

#include "server/decide/rollout.h"

/* Why a device that the rollout is for does not get its release now. */
enum updraft_wait {
    UPDRAFT_WAIT_NONE,
    UPDRAFT_WAIT_START,  /* the rollout is scheduled */
    UPDRAFT_WAIT_STAGE,  /* its stage has not been reached */
    UPDRAFT_WAIT_WINDOW, /* outside the hours in which updates may begin */
    UPDRAFT_WAIT_RATE,   /* as many as may begin in this minute have begun */
    UPDRAFT_WAIT_PAUSED,
};

/* "none", "start", "stage", "window", "rate", "paused". */
const char *updraft_wait_name(enum updraft_wait wait);
/* A sentence for a person; "" for NONE. */
const char *updraft_wait_text(enum updraft_wait wait);

/* Of a rollout whose channel still names the release that it set out from; others have no say. */
struct updraft_target_facts {
    enum updraft_rollout_state state;
    bool runs_release; /* the device runs what the rollout brings */
    bool matches;      /* the rollout is for this device */
    bool in_stage;
    bool window_open;
    bool rate_left;
    enum updraft_attempt_state
        active; /* of an attempt of the rollout that has not ended, else NONE */
};

struct updraft_target_choice {
    bool rollout; /* else the channel's */
    enum updraft_wait wait;
};

struct updraft_target_choice updraft_target_decide(const struct updraft_target_facts *facts);

#endif
