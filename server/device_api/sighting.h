/* What one request shows of one device, turned into changes: the device's row and its newest attempt.
 * Used by every device protocol, so that they all keep the same books.
 *
 * begin, then see and happen as often as there is something to say, then commit. The draft belongs
 * to the caller; nothing is changed before the plan is committed. */
#ifndef UPDRAFT_SERVER_DEVICE_API_SIGHTING_H
#define UPDRAFT_SERVER_DEVICE_API_SIGHTING_H

#include "server/exchange.h"

/* NULL or UNKNOWN: the request does not say. */
struct updraft_seen {
    const char *name;
    const char *product;
    const char *channel;
    const char *version;
    const char *slot;
    const char *board;
    const char *layout;
    uint16_t chip;
    bool reports;      /* the device speaks our own protocol */
    bool says_running; /* `trial` is told */
    bool trial;
};

/* Something that happened to an attempt. */
struct updraft_happening {
    enum updraft_attempt_event event;
    const char *version; /* the event speaks of it */
    enum updraft_via via;
    int8_t progress;
    uint32_t error_code;
    const char *error_name; /* NULL: from the table of format/error.h */
    const char *error_text; /* NULL: none */
    uint32_t rollout_id;    /* of an offer: that it is a part of, or 0 */
};

struct updraft_draft {
    const struct updraft_view *view;
    struct updraft_plan *plan;
    const struct updraft_device *known; /* NULL: first seen now */
    struct updraft_device_row device;
    struct updraft_attempt_row attempt; /* newest; state NONE when there is none */
    bool attempt_changed;
    bool version_changed;
    const char *log; /* NULL: none */
};

void updraft_draft_begin(struct updraft_draft *draft, const struct updraft_view *view,
                         struct updraft_plan *plan, const char *device_id);
void updraft_draft_see(struct updraft_draft *draft, const struct updraft_seen *seen);
void updraft_draft_happen(struct updraft_draft *draft, const struct updraft_happening *happening);
/* What the image printed last: kept with the newest attempt, if that failed and led to version. */
void updraft_draft_log(struct updraft_draft *draft, const char *version, const char *log);
/* address and progress are written behind when nothing else changes. */
void updraft_draft_commit(struct updraft_draft *draft, const char *address, int8_t progress);

#endif
