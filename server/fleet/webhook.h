/* Whom the server tells what happened: the webhooks, and how telling them went since the start.
 *
 * Owns: the objects; a pointer to one is good until the next change is applied. Does not own: the telling
 * (hooks/). Threads: as fleet.h has it. */
#ifndef UPDRAFT_SERVER_FLEET_WEBHOOK_H
#define UPDRAFT_SERVER_FLEET_WEBHOOK_H

#include "server/fleet/model.h"

#define UPDRAFT_WEBHOOKS_MOST 16u

struct updraft_fleet;

/* Of the last delivery that came to an end or to another try. */
struct updraft_webhook_status {
    uint64_t delivered;
    uint64_t given_up;
    bool failing;    /* the last try failed */
    int64_t at_ms;   /* 0: nothing was sent yet */
    unsigned status; /* of the answer; 0: there was none */
    char event[48];
    char problem[160];
};

struct updraft_webhook {
    struct updraft_webhook_row row;
    struct updraft_webhook_status status; /* of this run; written by hooks/ under the lock */
};

void updraft_webhook_apply(struct updraft_fleet *fleet, const struct updraft_webhook_row *row);
void updraft_webhook_end(struct updraft_fleet *fleet, const struct updraft_webhook_row *row);
void updraft_webhook_free_all(struct updraft_fleet *fleet);

/* NULL when there is none. */
struct updraft_webhook *updraft_fleet_find_webhook(const struct updraft_fleet *fleet,
                                                   const char *name);
struct updraft_webhook *updraft_fleet_webhook_by_id(const struct updraft_fleet *fleet, int64_t id);
int64_t updraft_fleet_next_webhook_id(const struct updraft_fleet *fleet);

#endif
