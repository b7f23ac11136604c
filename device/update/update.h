/* The update transaction: begin, feed, finish, abort. Every way in ends here.
 *
 *   begin   enabled? nothing else running? guard? a place to write to? does it fit?
 *   feed    decode gzip -> look at the first sector -> erase ahead, program
 *           nothing is erased before chip, descriptor and "already running" are known to be right
 *   finish  all bytes? digests? -> the place reads back, verifies, and makes it boot next
 *
 * Where an image goes and how it comes to boot is the layout's: slots with a boot record
 * (device/slots/slot_place.h), or staging behind the running image (device/slots/staged.h), which
 * takes gzip as it comes and has no way back: there the old image is gone once the boot stage has
 * copied the new one, so there is no trial and no roll back, only what was verified before.
 *
 * Owns: the target from the first erase on, and the order of everything. Does not own: sockets,
 * timing, the restart (the caller asks updraft_update_may_restart() and restarts).
 * Memory: one struct, one buffer of one flash sector, and, for gzip, an arena; all the caller's.
 *
 * After a power loss at any moment the old image boots, until the place's record of the new one is
 * whole; from then on the new one does. What was not finished is never taken for an image. Where the
 * place has a progress log, what was written of a raw image can be gone on with, by who knows its
 * identity, and flash that is blank, or equal already, is left as it is (device/flash/cursor.h). */
#ifndef UPDRAFT_DEVICE_UPDATE_UPDATE_H
#define UPDRAFT_DEVICE_UPDATE_UPDATE_H

#include "device/decode/gzip.h"
#include "device/flash/cursor.h"
#include "device/slots/place.h"
#include "device/slots/slots.h"
#include "format/digest.h"
#include "format/image_head.h"

#include <stdbool.h>
#include <stdint.h>

enum updraft_guard_point {
    UPDRAFT_GUARD_BEFORE_START,
    UPDRAFT_GUARD_BEFORE_RESTART,
};

struct updraft_refusal {
    const char *reason;      /* "charging"; static text, or alive as long as the guard's owner */
    uint32_t retry_after_s;  /* 0: not known */
    enum updraft_error code; /* UPDRAFT_OK: E_GUARD, whose sentence holds the reason */
};

/* Callbacks run inside the calls of this module and must not call back into it. Each may be NULL. */
struct updraft_update_hooks {
    void *ctx;
    void (*start)(void *ctx, uint32_t expected_len);                      /* 0: not known */
    void (*progress)(void *ctx, uint32_t written, uint32_t expected_len); /* bytes in flash */
    void (*end)(void *ctx);                                               /* verified and chosen */
    void (*error)(void *ctx, const struct updraft_failure *failure);
    /* True: go on. False: no, and why. */
    bool (*guard)(void *ctx, enum updraft_guard_point point, struct updraft_refusal *refusal);
};

/* What makes an image of what is sent. Each returns its error. */
struct updraft_decoder {
    enum updraft_error (*begin)(struct updraft_update *update);
    enum updraft_error (*feed)(struct updraft_update *update, const uint8_t *data, uint32_t len);
    enum updraft_error (*finish)(struct updraft_update *update);
};

/* gzip, inflated on its way. Optional: who does not name it links none of it. */
extern const struct updraft_decoder updraft_update_gzip;

struct updraft_update_config {
    struct updraft_place place; /* updraft_slot_place() or updraft_staged_place() */
    uint16_t chip_id;
    const char *project; /* refuse images of another project; NULL: take any */
    uint8_t attempts;    /* crash resets a new image may have before it is rolled back; 1..16 */
    uint8_t *buf;        /* one sector: place.flash->sector_len bytes */
    /* &updraft_update_gzip, with an arena; NULL: images must come as they go to flash. */
    const struct updraft_decoder *decoder;
    /* UPDRAFT_GUNZIP_ARENA_LEN bytes. NULL: slots refuse gzip images, staging leaves looking into
     * them to the boot stage. */
    uint8_t *gunzip_arena;
    const struct updraft_update_hooks *hooks; /* may be NULL */
};

struct updraft_update_request {
    uint32_t wire_len; /* bytes that will be sent; 0: not known */
    uint32_t
        at_least_len;     /* where that is not known: as many will come for certain; 0: not known */
    uint32_t at_most_len; /* likewise: no more than so many; 0: not known */
    bool data_partition;  /* to the data partition `partition`, written as it comes */
    const char *partition; /* its label */
    const uint8_t *md5;    /* 16 bytes over what is sent, or NULL */
    const uint8_t *sha256; /* 32 bytes over what is sent, or NULL */
    /* 32 bytes that stand for what is sent and change with it, such as a hash over a strong ETag; where
     * NULL, the digest above does. Without either nothing can be gone on with later. */
    const uint8_t *identity;
    bool resumes; /* the sender will start where updraft_update_resume_off() says; else at 0 */
    bool force;   /* also when the device runs this very image */
};

enum updraft_update_state {
    UPDRAFT_UPDATE_IDLE,
    UPDRAFT_UPDATE_RECEIVING, /* begun; before the first erase or after */
    UPDRAFT_UPDATE_DONE,      /* the new image is chosen; restart */
    UPDRAFT_UPDATE_FAILED,    /* see failure; begin may be called again */
};

/* Private but for state, failure, target_slot, data_partition and facts, which may be read; what the place may use and
 * set is said in device/slots/place.h. */
struct updraft_update {
    /* The small ones first: where the offset is small, so is the code. */
    enum updraft_update_state state;
    bool disabled;
    /* Zero when a transaction begins, up to the config, and from the cursor to the digest. */
    bool keeps_gzip; /* the place takes gzip as it comes, for the boot stage to inflate */
    bool is_opaque;  /* written as it comes, without a look at it: such gzip, or data */
    bool accepted;   /* the facts were checked: erasing is allowed */
    bool force;
    bool data_partition;
    int target_slot; /* UPDRAFT_SLOT_NONE for a data partition, and where there are no slots */
    const struct updraft_place_ops *ops;   /* the place's, or those of a data partition */
    const struct updraft_decoder *decoder; /* NULL: what comes is the image */
    uint32_t wire_len;
    uint32_t wire_seen;
    uint32_t want_digest_len; /* 0, 16 or 32 */
    struct updraft_update_config config;
    struct updraft_cursor cursor;
    struct updraft_failure failure;
    uint8_t want_digest[UPDRAFT_SHA256_LEN];
    struct updraft_image_facts facts; /* once the first sector has come */
    struct updraft_digest wire_digest;
    struct updraft_gunzip gunzip;
};

/* Asserts the config. The update starts enabled and idle. */
void updraft_update_init(struct updraft_update *update, const struct updraft_update_config *config);

void updraft_update_enable(struct updraft_update *update, bool enabled);

/* Refuses with E_DISABLED, E_BUSY, E_GUARD or what the guard said instead, or as the place's find does. Erases nothing. A
 * refusal because another update runs leaves that one alone and is told through *failure only.
 * failure may be NULL.
 *
 * With request->resumes, and when the same image was broken off before, reads what there is of it, which
 * takes as long as reading the slot: it is compared with what was noted of it, and its start is
 * looked at as if it came now, so all that refuses an image may refuse it here. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_update_begin(struct updraft_update *update, const struct updraft_update_request *request,
                     struct updraft_failure *failure);

/* Whether begin would be let in at this moment, as far as that is known without the image: enabled,
 * nothing else running, the guard. If not, *failure is what begin would say. Changes nothing. */
bool updraft_update_may_begin(const struct updraft_update *update, struct updraft_failure *failure);

/* For protocols that tell the digest after they were let in: 16 bytes over what is sent. Between
 * begin and the first byte; at any other time it does nothing. */
void updraft_update_expect_md5(struct updraft_update *update, const uint8_t *md5);

/* How much of the image that request would bring is there from an attempt before: what resume_off would
 * say behind begin. 0 while an update runs. Changes nothing and tells no hook; takes as long as
 * reading the slot, with the buffer of the transaction. */
uint32_t updraft_update_held(struct updraft_update *update,
                             const struct updraft_update_request *request);

/* Behind begin: the offset from which the sender is to send; the bytes before it are there. 0: all. */
uint32_t updraft_update_resume_off(const struct updraft_update *update);

/* Takes back a begin behind which nothing was fed, as when the sender cannot go on from there after all;
 * no hook is told. */
void updraft_update_withdraw(struct updraft_update *update);

/* For decoders, with every full buffer. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_update_flush(struct updraft_update *update);

/* Takes all of data or fails; after a failure the update is over (state FAILED, failure says why). */
UPDRAFT_MUST_CHECK enum updraft_error updraft_update_feed(struct updraft_update *update,
                                                          const uint8_t *data, uint32_t len);

/* Verifies and switches. Blocks for reading the image back. What does not verify is forgotten: the next
 * attempt starts from 0. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_update_finish(struct updraft_update *update);

/* Bytes of the image in flash, and how many it will be: 0 when not known (gzip, no length given). */
uint32_t updraft_update_written(const struct updraft_update *update);
uint32_t updraft_update_expected(const struct updraft_update *update);

/* Gives up a running update with a reason; does nothing when none runs. */
void updraft_update_abort(struct updraft_update *update, enum updraft_error reason);

/* True when the application may be restarted now; asks the guard. */
bool updraft_update_may_restart(const struct updraft_update *update,
                                struct updraft_refusal *refusal);

#endif
