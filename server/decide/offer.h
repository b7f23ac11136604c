/* What a device that asks is told: facts of the device and the target of its channel -> verdict. Pure.
 *
 * Owns: the rule. Does not own: how a protocol says it (device_api/). Rollouts join here: a stage
 * that has not come yet is one more fact and one more verdict. */
#ifndef UPDRAFT_SERVER_DECIDE_OFFER_H
#define UPDRAFT_SERVER_DECIDE_OFFER_H

#include "server/decide/attempt.h"

enum updraft_verdict {
    UPDRAFT_VERDICT_OFFER,
    UPDRAFT_VERDICT_CURRENT,   /* it runs the target */
    UPDRAFT_VERDICT_HELD_BACK, /* the target did not survive its trial on this device */
    UPDRAFT_VERDICT_UNTOLD, /* it says neither version nor digest: any offer could repeat for ever */
    UPDRAFT_VERDICT_FORBIDDEN, /* it does not say who it is */
    UPDRAFT_VERDICT_UNKNOWN,   /* nothing is published for it */
};

enum updraft_digest_match {
    UPDRAFT_DIGEST_UNTOLD, /* the device gave no digest of what it runs */
    UPDRAFT_DIGEST_DIFFERS,
    UPDRAFT_DIGEST_EQUAL,
};

struct updraft_offer_facts {
    bool identified;     /* the request carries a valid device id */
    bool image_known;    /* product, channel and chip lead to an image */
    const char *running; /* version, "" when not told */
    const char *target;  /* version; ignored unless image_known */
    enum updraft_digest_match digest;
    enum updraft_attempt_state last_for_target; /* of the newest attempt that led to the target */
};

enum updraft_verdict updraft_offer_decide(const struct updraft_offer_facts *facts);

#endif
