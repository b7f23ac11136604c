/* How an attempt to update one device moves on: old state and event -> what is to be done. Pure.
 *
 * Owns: the states and their order. Does not own: the attempts (fleet/), who tells the events
 * (device_api/). No memory.
 *
 *   offered -> downloading -> written -> trial -> confirmed
 *      |                                       -> rolled_back
 *   postponed -> downloading, offered
 *   every state before the end -> failed
 *
 * The three ends never change again: what happens later is a new attempt. Only what a device said or
 * showed moves an attempt; time does not. */
#ifndef UPDRAFT_SERVER_DECIDE_ATTEMPT_H
#define UPDRAFT_SERVER_DECIDE_ATTEMPT_H

#include <stdbool.h>

/* The numbers are stored: append only. */
enum updraft_attempt_state {
    UPDRAFT_ATTEMPT_NONE = 0, /* the device has no attempt */
    UPDRAFT_ATTEMPT_OFFERED = 1,
    UPDRAFT_ATTEMPT_DOWNLOADING = 2,
    UPDRAFT_ATTEMPT_WRITTEN = 3,
    UPDRAFT_ATTEMPT_TRIAL = 4,
    UPDRAFT_ATTEMPT_CONFIRMED = 5,
    UPDRAFT_ATTEMPT_ROLLED_BACK = 6,
    UPDRAFT_ATTEMPT_FAILED = 7,
    UPDRAFT_ATTEMPT_POSTPONED = 8, /* offered, and the device will not begin now */
};
#define UPDRAFT_ATTEMPT_STATE_COUNT 9

enum updraft_attempt_event {
    UPDRAFT_EVENT_OFFERED,    /* the server names the target to the device */
    UPDRAFT_EVENT_FETCHED,    /* the device asks for the bytes of the target */
    UPDRAFT_EVENT_CHECKED_IN, /* a request shows the running version */
    UPDRAFT_EVENT_SAID_DOWNLOADING,
    UPDRAFT_EVENT_SAID_WRITTEN,
    UPDRAFT_EVENT_SAID_FAILED,
    UPDRAFT_EVENT_SAID_ROLLED_BACK,
    UPDRAFT_EVENT_SAID_TRIAL,     /* the running image is on trial */
    UPDRAFT_EVENT_SAID_CONFIRMED, /* the running image has confirmed itself */
    UPDRAFT_EVENT_SAID_POSTPONED, /* it will take the target, but not now */
};
#define UPDRAFT_EVENT_COUNT 10

/* The device's newest attempt as the event finds it. */
struct updraft_attempt_facts {
    enum updraft_attempt_state state;
    bool same_target;     /* the event speaks of the version the attempt leads to */
    bool back_at_start;   /* the running version is the one the attempt came from */
    bool version_changed; /* the running version differs from the last one known */
    bool reports;         /* the device sends reports of its own */
    bool sent;            /* the device was sent the target to its last byte */
    bool same_reason;     /* of a postponement: it was told before */
};

enum updraft_attempt_step {
    UPDRAFT_STEP_KEEP,     /* nothing changes */
    UPDRAFT_STEP_MOVE,     /* the attempt takes the new state */
    UPDRAFT_STEP_BEGIN,    /* a new attempt begins in the new state */
    UPDRAFT_STEP_RETARGET, /* the attempt was only an offer: it becomes one for the new target */
    UPDRAFT_STEP_REPLACE,  /* the attempt ends as failed, a new one begins in the new state */
};

struct updraft_attempt_move {
    enum updraft_attempt_step step;
    enum updraft_attempt_state state; /* meaningless with KEEP */
};

struct updraft_attempt_move updraft_attempt_next(enum updraft_attempt_event event,
                                                 const struct updraft_attempt_facts *facts);

/* Offered, postponed, downloading, written or trial: it has not ended. */
bool updraft_attempt_active(enum updraft_attempt_state state);

/* How many attempts of a device are kept; older ones go, unless one must stay. */
#define UPDRAFT_ATTEMPTS_KEPT 20u
/* Running, or what keeps a device from being offered once more what it rolled back: the newest attempt
 * that led to a version which is published. */
bool updraft_attempt_must_stay(enum updraft_attempt_state state, bool newest_to_target,
                               bool target_published);

const char *updraft_attempt_state_name(enum updraft_attempt_state state);

#endif
