/* Everything the server knows, in memory: products, releases with their images, channels, rollouts,
 * devices, attempts, token hashes. It is what questions are answered from; the store is what it is loaded
 * from. No call takes longer because there are many devices; what is asked of all of them is counted as
 * they change (tally.h).
 *
 * Owns: the objects; a pointer to one stays valid until deinit. Does not own: what is durable. The
 * fleet is changed by updraft_fleet_apply() with changes that are committed already, and by
 * updraft_fleet_touch(), whose facts may be lost. Nothing is ever removed but tokens and attempts; a
 * pointer to those is good until the next change is applied.
 *
 * Threads: hold `lock` around every call but init and deinit, and while using what a call gave. */
#ifndef UPDRAFT_SERVER_FLEET_FLEET_H
#define UPDRAFT_SERVER_FLEET_FLEET_H

#include "server/fleet/history.h"
#include "server/fleet/rollout.h"
#include "server/fleet/tally.h"
#include "server/fleet/webhook.h"
#include "server/traffic.h"

#include <pthread.h>
#include <stddef.h>

struct updraft_product {
    struct updraft_product_row row;
    struct updraft_board_row *boards; /* by name */
    size_t board_count, board_cap;
};

struct updraft_release {
    struct updraft_release_row row;
    struct updraft_product *product;
    struct updraft_image_row *images; /* by ascending chip, then board */
    size_t image_count;
    size_t image_cap;
};

struct updraft_channel {
    struct updraft_channel_row row;
    struct updraft_product *product;
    struct updraft_release *release;
    struct updraft_rollout *rollouts; /* newest first */
};

/* A request asks for its device several times, and devices never go. */
struct updraft_fleet_memo {
    struct updraft_device *device; /* found last; NULL: none yet */
};

struct updraft_fleet {
    pthread_mutex_t lock;
    struct updraft_product **products;
    struct updraft_release **releases;
    struct updraft_channel **channels; /* by product, then name */
    struct updraft_rollout **rollouts; /* by ascending id */
    struct updraft_device **devices;   /* in order of arrival */
    struct updraft_attempt **attempts; /* by ascending id; also those that are gone */
    size_t attempts_gone;
    struct updraft_token_row *tokens;
    struct updraft_audit_row *audit; /* UPDRAFT_AUDIT_CAP of them, each at its id modulo that */
    int64_t audit_newest_id;         /* 0: none yet */
    struct updraft_table by_id;      /* devices */
    struct updraft_hash_key key;
    struct updraft_fleet_memo *memo;
    struct updraft_slab device_slab;
    struct updraft_slab attempt_slab;
    struct updraft_intern texts; /* of devices and attempts */
    struct updraft_tally tally;
    struct updraft_history history;
    struct updraft_webhook **webhooks;
    size_t webhook_count, webhook_cap;
    int64_t webhook_newest_id; /* of this run, also when it is gone: no id is used twice */
    /* A ring of those to be written behind, from touched_first on. */
    struct updraft_device **touched;
    size_t product_count, product_cap;
    size_t release_count, release_cap;
    size_t channel_count, channel_cap;
    size_t rollout_count, rollout_cap;
    size_t device_count, device_cap;
    size_t attempt_count, attempt_cap;
    size_t token_count, token_cap;
    size_t touched_first, touched_count, touched_cap; /* the last a power of two */
    /* Grows with everything that can be seen. Starts from the clock, so that a number of an earlier
     * run does not come back with another meaning. */
    uint64_t generation;
    uint32_t poll_s; /* how often devices of ours are told to check in; 0: as usual */
    /* Of this run: */
    int64_t started_ms;
    uint64_t ended[UPDRAFT_ATTEMPT_STATE_COUNT]; /* attempts that came to this end */
    struct updraft_traffic traffic;
    /* Told of each change just before it is applied; NULL: nobody is (what is loaded is no news). */
    void (*watch)(void *ctx, const struct updraft_fleet *fleet,
                  const struct updraft_change *change);
    void *watch_ctx;
    bool foreign; /* what is applied now was done by another server on the same database */
};

void updraft_fleet_init(struct updraft_fleet *fleet, int64_t now_ms);
void updraft_fleet_deinit(struct updraft_fleet *fleet);

/* In the middle of a long look at all devices: gives the lock to who waits for it, and takes it back.
 * Pointers to tokens and attempts are not good any more. */
void updraft_fleet_breathe(const struct updraft_fleet *fleet);

/* What was applied so far was loaded, what comes now happens: the counters of the run begin. */
void updraft_fleet_begin_run(struct updraft_fleet *fleet);

/* Rows that others refer to come first, as the store loads them and plans order them. */
void updraft_fleet_apply(struct updraft_fleet *fleet, const struct updraft_change *change);

/* A device was seen; progress is of its newest attempt while that downloads. Nothing happens for a
 * device that is not known. */
struct updraft_sight {
    const char *device;
    const char *address;
    int64_t now_ms;
    int8_t progress; /* UPDRAFT_NO_PROGRESS: not told */
};
void updraft_fleet_touch(struct updraft_fleet *fleet, const struct updraft_sight *sight);

/* The device was sent all of the target of its newest attempt. Lost at worst, like what is seen. */
void updraft_fleet_note_sent(struct updraft_fleet *fleet, const char *device);

/* Takes the device that has something to write behind for the longest time. False when there is none. */
bool updraft_fleet_take_touched(struct updraft_fleet *fleet, struct updraft_change *change);
/* Its write failed: it is to be taken again. */
void updraft_fleet_untake_touched(struct updraft_fleet *fleet, const char *device);

/* All find calls give NULL when there is none. */
struct updraft_product *updraft_fleet_find_product(const struct updraft_fleet *fleet,
                                                   const char *name);
struct updraft_release *updraft_fleet_find_release(const struct updraft_fleet *fleet,
                                                   int64_t product_id, const char *version);
struct updraft_channel *updraft_fleet_find_channel(const struct updraft_fleet *fleet,
                                                   int64_t product_id, const char *name);
struct updraft_device *updraft_fleet_find_device(const struct updraft_fleet *fleet, const char *id);
/* One whose file is kept. */
const struct updraft_image_row *updraft_fleet_find_image(const struct updraft_fleet *fleet,
                                                         const uint8_t sha256[UPDRAFT_SHA256_LEN],
                                                         const struct updraft_release **release);
/* Whether an image is withdrawn, another one than this of its images: such a release cannot be offered. */
bool updraft_release_lacks_image(const struct updraft_release *release,
                                 const struct updraft_image_row *but);
const struct updraft_image_row *updraft_release_find_image(const struct updraft_release *release,
                                                           uint16_t chip, const char *board);
/* The same for a device: that of its board, else the one for any board of its chip; of
 * UPDRAFT_CHIP_UNKNOWN, the only image there is. */
const struct updraft_image_row *updraft_release_image_for(const struct updraft_release *release,
                                                          uint16_t chip, const char *board);
/* NULL when there is none. Valid until the next board is applied. */
const struct updraft_board_row *updraft_product_find_board(const struct updraft_product *product,
                                                           const char *name);
/* Of the flash, that an image is built for, as a device of that board has to look at it; "": nobody said.
 * The image's own board comes first. */
const char *updraft_release_layout(const struct updraft_release *release,
                                   const struct updraft_image_row *image, const char *board);

struct updraft_product *updraft_fleet_product_by_id(const struct updraft_fleet *fleet, int64_t id);
struct updraft_release *updraft_fleet_release_by_id(const struct updraft_fleet *fleet, int64_t id);
struct updraft_attempt *updraft_fleet_find_attempt(const struct updraft_fleet *fleet, int64_t id);

/* NULL when there is none of that name, expired or not. Valid until the next token is applied. */
const struct updraft_token_row *updraft_fleet_find_token(const struct updraft_fleet *fleet,
                                                         const char *name);

/* NULL when it was never there, or is not kept any more. */
const struct updraft_audit_row *updraft_fleet_find_audit(const struct updraft_fleet *fleet,
                                                         int64_t id);

/* The newest attempt with a smaller id; id 0: the newest of all. */
const struct updraft_attempt *updraft_fleet_attempt_before(const struct updraft_fleet *fleet,
                                                           int64_t id);

/* Ids for the next rows. */
int64_t updraft_fleet_next_product_id(const struct updraft_fleet *fleet);
int64_t updraft_fleet_next_release_id(const struct updraft_fleet *fleet);
int64_t updraft_fleet_next_attempt_id(const struct updraft_fleet *fleet);
int64_t updraft_fleet_next_token_id(const struct updraft_fleet *fleet);

#endif
