/* Whether the images of a release may be withdrawn: their files deleted, the books kept. Pure.
 *
 * A security release stays, and so does the version that devices must have before they can take one. A device needs what it runs (a patch starts from it, a repair puts it back) and what it is on its way to; a
 * channel and an unfinished rollout need what they name. */
#ifndef UPDRAFT_SERVER_DECIDE_RETENTION_H
#define UPDRAFT_SERVER_DECIDE_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

struct updraft_retention_facts {
    bool on_channel;     /* a channel names the release */
    bool security;       /* it closes a hole */
    bool is_step;        /* a security release takes devices from this version on */
    bool in_rollout;     /* one that is neither done nor aborted brings it, or goes from it */
    uint64_t running;    /* devices that told it as their version */
    uint64_t on_the_way; /* devices with an attempt at it that has not ended */
};

enum updraft_retention {
    UPDRAFT_RETENTION_MAY_GO,
    UPDRAFT_RETENTION_CHANNEL,
    UPDRAFT_RETENTION_ROLLOUT,
    UPDRAFT_RETENTION_SECURITY,
    UPDRAFT_RETENTION_STEP,
    UPDRAFT_RETENTION_RUNNING,
    UPDRAFT_RETENTION_ON_THE_WAY,
};

/* The first reason to keep them. */
enum updraft_retention updraft_retention_decide(const struct updraft_retention_facts *facts);

#endif
