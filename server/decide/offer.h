/* What a device that asks is told: facts of the device and the target of its channel -> verdict. Pure.
 *
 * Owns: the rule, and the sentence that tells a person why. Does not own: how a protocol says it
 * (device_api/). Rollouts join here: a stage that has not come yet is one more fact and one more
 * verdict. */
#ifndef UPDRAFT_SERVER_DECIDE_OFFER_H
#define UPDRAFT_SERVER_DECIDE_OFFER_H

#include "server/decide/attempt.h"

#include <stddef.h>
#include <stdint.h>

enum updraft_verdict {
    UPDRAFT_VERDICT_OFFER,
    UPDRAFT_VERDICT_CURRENT,      /* it runs the target */
    UPDRAFT_VERDICT_HELD_BACK,    /* the target did not survive its trial on this device */
    UPDRAFT_VERDICT_FAILED_OFTEN, /* it could not be installed, as often as that is tried */
    UPDRAFT_VERDICT_LAYOUT,       /* the target is built for another flash layout */
    UPDRAFT_VERDICT_TOO_LARGE,    /* the device has no room for the target */
    UPDRAFT_VERDICT_TOO_OLD,      /* the target takes devices from a later version on */
    UPDRAFT_VERDICT_UNTOLD, /* it says neither version nor digest: any offer could repeat for ever */
    UPDRAFT_VERDICT_FORBIDDEN, /* it does not say who it is */
    UPDRAFT_VERDICT_UNKNOWN,   /* nothing is published for it */
};
#define UPDRAFT_VERDICT_COUNT 10

enum updraft_digest_match {
    UPDRAFT_DIGEST_UNTOLD, /* the device gave no digest of what it runs */
    UPDRAFT_DIGEST_DIFFERS,
    UPDRAFT_DIGEST_EQUAL,
};

/* Texts may be NULL, which is the same as "". */
struct updraft_offer_facts {
    bool identified;     /* the request carries a valid device id */
    bool image_known;    /* product, channel and chip lead to an image */
    const char *running; /* version, "" when not told */
    const char *target;  /* version; ignored unless image_known */
    enum updraft_digest_match digest;
    enum updraft_attempt_state last_for_target; /* of the newest attempt that led to the target */
    unsigned failures;         /* attempts at the target that failed; see updraft_offer_counts() */
    const char *min_from;      /* the target takes this version and later ones; "": any */
    const char *layout;        /* flash layout of the device, "" when not told */
    const char *target_layout; /* that the image is built for, "" when not known */
    uint32_t size;             /* bytes of the image */
    uint32_t capacity;         /* bytes that an image may have there; 0: not told */
};

enum updraft_verdict updraft_offer_decide(const struct updraft_offer_facts *facts);

/* A release that failed this often on a device is not offered to it again. */
#define UPDRAFT_OFFER_FAILURES_MOST 2u
/* A failure with this code says something of the release or the device, not of the way between. */
bool updraft_offer_counts(uint32_t error_code);

/* The verdict for a person, as what stands behind "this device: ", cut to cap. */
#define UPDRAFT_OFFER_SENTENCE_CAP 240u
void updraft_offer_explain(enum updraft_verdict verdict, const struct updraft_offer_facts *facts,
                           char *out, size_t cap);
/* There is something for the device, and it is not to have it. */
bool updraft_verdict_holds(enum updraft_verdict verdict);
/* "offer", "held_back" and so on: for programs. */
const char *updraft_verdict_name(enum updraft_verdict verdict);

#endif
