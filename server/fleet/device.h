/* A device and its attempts as the fleet holds them: small, for there may be a million. The rows of model.h
 * are the values that come and go; these are what is kept of them. A text is a use of the
 * fleet's interner, the address is binary, and what few of them have hangs on a pointer.
 *
 * With a million devices of one attempt each, all of it together stays below 300 bytes a device
 * (./run bench server measures it). Who adds a member, adds one line to set and one to row.
 *
 * Owns: the memory of one device or attempt. Does not own: the order of a device's attempts, and the
 * tables (fleet.h). Threads: as fleet.h has it. */
#ifndef UPDRAFT_SERVER_FLEET_DEVICE_H
#define UPDRAFT_SERVER_FLEET_DEVICE_H

#include "server/fleet/address.h"
#include "server/fleet/intern.h"
#include "server/fleet/model.h"
#include "server/fleet/slab.h"

/* What went wrong with an attempt. */
struct updraft_attempt_failure {
    uint32_t code; /* 0: only a log is known */
    const char *name;
    const char *text;
    char *log; /* last lines of the image that failed; NULL: none */
};

struct updraft_attempt {
    struct updraft_attempt *older; /* of the same device */
    struct updraft_device *device;
    int64_t id;
    const char *product;
    const char *from;
    const char *to;
    struct updraft_attempt_failure *failure; /* NULL: nothing */
    int64_t started_ms;
    int64_t updated_ms;
    uint32_t rollout_id; /* 0: none */
    enum updraft_via via;
    enum updraft_attempt_state state;
    int8_t progress;
    bool gone; /* not kept any more: of no device, and freed with the next ones that go */
};

/* What few devices have: what they tell of their hardware, and what operators say of them. */
struct updraft_device_more {
    const char *board;
    const char *layout;
    const char *name; /* shown instead of the device's own */
    const char *group;
    const char *tags;
    const char *attributes;
    const char *channel; /* assigned */
    int64_t retry_ms;
};

struct updraft_device {
    struct updraft_node node; /* first: in fleet->by_id */
    struct updraft_attempt *newest;
    const char *name;
    const char *product;
    const char *channel;
    const char *version;
    const char *slot;
    struct updraft_device_more *more; /* NULL: nothing of it */
    int64_t last_seen_ms;
    int64_t paid_ms; /* of its quota of questions, on the steady clock (http/gate.c) */
    struct updraft_address address;
    uint16_t chip;
    bool reports;
    bool confirmed;
    bool trial;
    bool touched; /* listed in fleet->touched */
    char id[];
};

/* All that does not change with a row is zero. It is there as long as the slab. */
struct updraft_device *updraft_device_new(struct updraft_slab *slab, const char *id);
/* Gives back what the slab does not have. */
void updraft_device_clear(struct updraft_device *device);
/* last_seen_ms only grows: the device may have been seen again while the row was on its way. */
void updraft_device_set(struct updraft_device *device, struct updraft_intern *intern,
                        const struct updraft_device_row *row);
void updraft_device_row(const struct updraft_device *device, struct updraft_device_row *row);

/* Never NULL: all "" where there is nothing. */
const struct updraft_device_more *updraft_device_more(const struct updraft_device *device);
/* The operators' name, else its own. */
const char *updraft_device_name(const struct updraft_device *device);
/* The one it is assigned to, else the one it asks for. */
const char *updraft_device_channel(const struct updraft_device *device);
void updraft_device_set_labels(struct updraft_device *device, struct updraft_intern *intern,
                               const struct updraft_labels_row *row);
void updraft_device_labels(const struct updraft_device *device, struct updraft_labels_row *row);

/* What a person wants to know first: how the update stands, or else how the device does. NONE: it was
 * seen, and no more. */
enum updraft_attempt_state updraft_device_standing(const struct updraft_device *device);
/* "seen" for NONE. */
const char *updraft_standing_name(enum updraft_attempt_state standing);

/* The newest attempt of the device that led to this version. */
const struct updraft_attempt *updraft_device_find_attempt(const struct updraft_device *device,
                                                          const char *product, const char *to);

struct updraft_attempt *updraft_attempt_new(struct updraft_slab *slab,
                                            struct updraft_device *device, int64_t id);
/* Lets go of what it refers to; its own memory is to be given back. */
void updraft_attempt_clear(struct updraft_attempt *attempt, struct updraft_intern *intern);
void updraft_attempt_set(struct updraft_attempt *attempt, struct updraft_intern *intern,
                         const struct updraft_attempt_row *row);
void updraft_attempt_set_log(struct updraft_attempt *attempt, const char *log);
void updraft_attempt_row(const struct updraft_attempt *attempt, struct updraft_attempt_row *row);

/* UPDRAFT_OK: none. */
uint32_t updraft_attempt_error_code(const struct updraft_attempt *attempt);
/* NULL: none. */
const char *updraft_attempt_log(const struct updraft_attempt *attempt);

#endif
