/* Where an update goes: what the transaction asks of a layout, so that it need not know which it
 * is. Slots with a boot record (slot_place.h) and staging behind the running image (staged.h)
 * answer.
 *
 * Owns: the contract. A place is a value: functions, their context, and the flash both work on.
 * The layout behind it must outlive every transaction that uses the place.
 *
 * Order: find, then bytes come, accept once before the first erase, then all bytes are written,
 * then commit. After a power loss before commit the old image boots; commit says what holds
 * after it. */
#ifndef UPDRAFT_DEVICE_SLOTS_PLACE_H
#define UPDRAFT_DEVICE_SLOTS_PLACE_H

#include "device/flash/cursor.h"
#include "format/image_head.h"

#include <stdbool.h>
#include <stdint.h>

/* What is to be found a place for. */
struct updraft_wish {
    const char *partition; /* label of a data partition; NULL: it is an application */
    uint32_t wire_len;     /* 0: not known */
    uint32_t at_most_len;  /* where that is not known: no more will come; 0: not known either */
};

struct updraft_target {
    uint32_t addr;   /* where the first byte goes; aligned to a sector */
    uint32_t cap;    /* whole sectors */
    int slot;        /* for reports; UPDRAFT_SLOT_NONE where there are no slots */
    bool withhold;   /* the first bytes are programmed last: without them there is no image */
    bool keeps_gzip; /* gzip is stored as it comes, for the boot stage to inflate */
    uint32_t
        log_addr; /* sector of the progress log; 0: none, then nothing is believed or resumed */
    uint32_t distrust; /* the word that counts for it */
};

/* What is known before the first erase. */
struct updraft_incoming {
    const struct updraft_target *target;
    const uint8_t *head; /* the first bytes, at least a sector unless it is all */
    uint32_t head_len;
    uint32_t wire_len; /* 0: not known */
    bool is_packed;    /* gzip, which the target keeps */
    bool force;        /* also an image that runs, or that failed */
};

/* Everything is in flash but the withheld bytes, which the cursor holds. */
struct updraft_arrival {
    const struct updraft_target *target;
    struct updraft_cursor *cursor;     /* its buffer is free to be used */
    struct updraft_image_facts *facts; /* for reports; empty when is_packed, to be filled in */
    uint8_t *gunzip_arena;             /* NULL: none */
    const char *project;               /* NULL: take any */
    uint16_t chip_id;
    uint8_t attempts;
    bool is_packed;
    bool force;
};

/* Each returns UPDRAFT_OK, or an error with *failure filled in. */
struct updraft_place_ops {
    /* Writes nothing. */
    enum updraft_error (*find)(void *ctx, const struct updraft_wish *wish,
                               struct updraft_target *target, struct updraft_failure *failure);
    /* The last look before the first erase; for applications only. Writes nothing unless it accepts,
     * and then only takes back an older record of what the target held, and opens the log. Called
     * again where a log was, it writes nothing. */
    enum updraft_error (*accept)(void *ctx, const struct updraft_incoming *incoming,
                                 struct updraft_failure *failure);
    /* Verifies what the flash now holds and makes it boot next; for applications only. */
    enum updraft_error (*commit)(void *ctx, const struct updraft_arrival *arrival,
                                 struct updraft_failure *failure);
};

struct updraft_place {
    const struct updraft_place_ops *ops;
    void *ctx;
    const struct updraft_flash *flash;
};

/* For the places: fills *failure and returns its code. text may be NULL. */
enum updraft_error updraft_place_fail(struct updraft_failure *failure, enum updraft_error code,
                                      uint32_t a, uint32_t b, const char *text);

/* For the places: whether an image at addr starts with the very bytes of `incoming`. Only an image
 * that carries the digest of its program can be recognised by its first sector. */
bool updraft_place_is_same(const struct updraft_flash *flash, uint32_t addr,
                           const struct updraft_incoming *incoming);

#endif
