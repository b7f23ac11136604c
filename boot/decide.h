/* Which slot boots: rules that decide from the boot record, and the order in which slots are tried.
 *
 * Owns: the decision, and what a rule writes of it. decide is a pure function of the situation and
 * touches no flash; apply does what it left to be written. A boot stage names the rules it wants,
 * and the others are not linked:
 *   updraft         our own: the stock order, and the trial log of format/otadata.h
 *   stock           an ESP-IDF boot loader built without roll back
 *   stock_rollback  one built with it (NEW -> PENDING_VERIFY -> VALID or ABORTED)
 * Memory: the caller's. After a power loss in apply the next boot decides again; by updraft rules the
 * record is whole at any time, by the stock ones as far as it is on stock devices.
 * Source: bootloader_utility.c of ESP-IDF; the observed choices in shared test vectors. */
#ifndef UPDRAFT_BOOT_DECIDE_H
#define UPDRAFT_BOOT_DECIDE_H

#include "device/slots/slots.h"
#include "format/otadata.h"

#include <stdbool.h>
#include <stdint.h>

enum updraft_reset_cause {
    UPDRAFT_RESET_POWER_ON, /* also brown-out and the reset pin */
    UPDRAFT_RESET_CRASH,    /* panic, watchdog */
    UPDRAFT_RESET_SOFTWARE, /* asked for, as after an update */
};

/* Why the decision fell as it did; one sentence each from updraft_boot_why_text(). */
enum updraft_boot_why {
    UPDRAFT_BOOT_WHY_RECORD,         /* the boot record names it */
    UPDRAFT_BOOT_WHY_TRIAL,          /* the boot record names it, on trial */
    UPDRAFT_BOOT_WHY_ROLLED_BACK,    /* the image named last did not confirm itself */
    UPDRAFT_BOOT_WHY_EMPTY_RECORD,   /* the record is empty or unusable: factory, else ota_0 */
    UPDRAFT_BOOT_WHY_NO_OTADATA,     /* the table has no boot record: factory */
    UPDRAFT_BOOT_WHY_DAMAGED_RECORD, /* entries with bad CRC only */
    UPDRAFT_BOOT_WHY_FALLBACK,       /* the chosen slot does not verify; another one does */
    UPDRAFT_BOOT_WHY_NOTHING,        /* no slot verifies */
};

/* What apply has to write to an entry's sector before the image starts. */
enum updraft_boot_mark {
    UPDRAFT_BOOT_MARK_NONE,
    UPDRAFT_BOOT_MARK_ATTEMPT, /* updraft: one more crash mark */
    UPDRAFT_BOOT_MARK_POWER,   /* updraft: one more power mark */
    /* From here on the image that is named has failed. */
    UPDRAFT_BOOT_MARK_ROLLED_BACK, /* updraft: the trial is over, the image failed */
    UPDRAFT_BOOT_MARK_UNBOOTABLE,  /* updraft: the trial is over, the image did not verify */
    UPDRAFT_BOOT_MARK_ABORTED,     /* stock_rollback: state becomes ABORTED */
    UPDRAFT_BOOT_MARK_PENDING,     /* stock_rollback: state becomes PENDING_VERIFY */
};

struct updraft_boot_situation {
    struct updraft_layout layout;
    struct updraft_otadata_entry entries[2]; /* as read */
    enum updraft_reset_cause cause;
    uint32_t bad_slots; /* updraft_slot_bit() of each that did not verify in this boot */
};

struct updraft_boot_decision {
    int start; /* slot index to try first; in the layout or not */
    int entry; /* index of the entry that decided, -1 when none */
    enum updraft_boot_why why;
    enum updraft_boot_mark marks[2]; /* for entry 0 and 1 */
    bool initialise; /* stock: if an OTA slot boots, write entry 0 with its sequence, VALID */
};

struct updraft_boot_rules {
    /* Fills in a decision of zeros. */
    void (*decide)(const struct updraft_boot_situation *situation,
                   struct updraft_boot_decision *decision);
    /* Writes what was decided, just before `slot` starts, so that an image which never returns is
     * counted. A mark that cannot be written does not keep a device from starting. */
    void (*apply)(const struct updraft_flash *flash, const struct updraft_boot_situation *situation,
                  const struct updraft_boot_decision *decision, int slot);
};

extern const struct updraft_boot_rules updraft_boot_rules_updraft;
extern const struct updraft_boot_rules updraft_boot_rules_stock;
extern const struct updraft_boot_rules updraft_boot_rules_stock_rollback;

/* The slot to try: the first of the trial order that the layout has and that is not bad. From start
 * downwards to factory, then upwards from start + 1, then the test app; UPDRAFT_SLOT_NONE at the
 * end. */
int updraft_boot_next(const struct updraft_layout *layout, int start, uint32_t bad_slots);

const char *updraft_boot_why_text(enum updraft_boot_why why);

#endif
