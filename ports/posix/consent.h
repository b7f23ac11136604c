/* The virtual device's application, as far as updates must ask it: its guard, its schedule, its button,
 * its safe state (device/update/permission.h), played as the options say.
 *
 * Owns: the clocks it is given, and telling what the application does. */
#ifndef UPDRAFT_PORTS_POSIX_CONSENT_H
#define UPDRAFT_PORTS_POSIX_CONSENT_H

#include "device/update/permission.h"

struct updraft_life;

struct updraft_consent {
    struct updraft_permission permission;
    uint64_t safe_asked_ms; /* since when the application is on its way; 0: it is not */
};

void updraft_consent_init(struct updraft_life *life);

/* The guard of the transaction; ctx is the life. */
bool updraft_consent_ask(void *ctx, enum updraft_guard_point point,
                         struct updraft_refusal *refusal);

/* What an update would be refused with now. False: it would not. */
bool updraft_consent_refuses(struct updraft_life *life, struct updraft_failure *failure);

/* A restart is due: ends this life, or looks again a moment later. */
void updraft_consent_restart(struct updraft_life *life, uint64_t now_ms);

void updraft_consent_press(struct updraft_life *life);

#endif
