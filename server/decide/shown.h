/* How a device, or its part in a rollout, is shown: the state of its attempt, or that it waits or keeps
 * silent, which nothing but the clock can say. Pure. */
#ifndef UPDRAFT_SERVER_DECIDE_SHOWN_H
#define UPDRAFT_SERVER_DECIDE_SHOWN_H

#include "server/decide/attempt.h"

#include <stdint.h>

enum updraft_shown {
    UPDRAFT_SHOWN_SEEN, /* nothing is known but that it was here */
    UPDRAFT_SHOWN_WAITING,
    UPDRAFT_SHOWN_OFFERED,
    UPDRAFT_SHOWN_POSTPONED,
    UPDRAFT_SHOWN_DOWNLOADING,
    UPDRAFT_SHOWN_WRITTEN, /* the restart is due */
    UPDRAFT_SHOWN_TRIAL,   /* it runs, and has yet to confirm itself */
    UPDRAFT_SHOWN_CONFIRMED,
    UPDRAFT_SHOWN_ROLLED_BACK,
    UPDRAFT_SHOWN_FAILED,
    UPDRAFT_SHOWN_SILENT,
};
#define UPDRAFT_SHOWN_COUNT 11

struct updraft_shown_facts {
    enum updraft_attempt_state attempt;
    bool waits;     /* it is to get a release and was not offered it yet; then attempt is NONE */
    bool trial;     /* the running image is on trial */
    bool confirmed; /* the running image is confirmed */
    int64_t last_seen_ms;
    int64_t now_ms;
    int64_t silent_after_ms; /* 0: silence means nothing */
};

/* Only who owes an answer can be silent: with an attempt that has not ended, or waiting. */
enum updraft_shown updraft_shown_decide(const struct updraft_shown_facts *facts);

const char *updraft_shown_name(enum updraft_shown shown);

/* Where nobody said otherwise. */
#define UPDRAFT_SILENT_AFTER_MS (INT64_C(24) * 3600 * 1000)

#endif
