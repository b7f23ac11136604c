/* Which slot boots: a pure function of the boot record, and the order in which slots are tried.
 *
 * Owns: the decision. Touches no flash: what is to be written comes out as a list of marks for
 * boot/boot.c. Three rules can be asked for:
 *   STOCK           an ESP-IDF boot loader built without roll back
 *   STOCK_ROLLBACK  one built with it (NEW -> PENDING_VERIFY -> VALID or ABORTED)
 *   UPDRAFT         our own: the stock order, and the trial log of format/otadata.h
 * Source: bootloader_utility.c of ESP-IDF; the observed choices in shared test vectors. */
#ifndef UPDRAFT_BOOT_DECIDE_H
#define UPDRAFT_BOOT_DECIDE_H

#include "device/slots/slots.h"
#include "format/otadata.h"

#include <stdbool.h>
#include <stdint.h>

enum updraft_boot_rules {
    UPDRAFT_BOOT_STOCK,
    UPDRAFT_BOOT_STOCK_ROLLBACK,
    UPDRAFT_BOOT_UPDRAFT,
};

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
    UPDRAFT_BOOT_MARK_ATTEMPT,     /* UPDRAFT: one more crash mark */
    UPDRAFT_BOOT_MARK_POWER,       /* UPDRAFT: one more power mark */
    UPDRAFT_BOOT_MARK_ROLLED_BACK, /* UPDRAFT: the trial is over, the image failed */
    UPDRAFT_BOOT_MARK_ABORTED,     /* STOCK_ROLLBACK: state becomes ABORTED */
    UPDRAFT_BOOT_MARK_PENDING,     /* STOCK_ROLLBACK: state becomes PENDING_VERIFY */
};

struct updraft_boot_decision {
    int start; /* slot index to try first; UPDRAFT_SLOT_NONE: reset, nothing can boot */
    enum updraft_boot_why why;
    int entry;                       /* index of the entry that decided, -1 when none */
    enum updraft_boot_mark marks[2]; /* for entry 0 and 1 */
    bool initialise; /* stock: if an OTA slot boots, write entry 0 with its sequence, VALID */
};

void updraft_boot_decide(const struct updraft_layout *layout,
                         const struct updraft_otadata_entry entries[2],
                         enum updraft_boot_rules rules, enum updraft_reset_cause cause,
                         struct updraft_boot_decision *decision);

/* The slot to try after `tried` failed to verify: from start downwards to factory, then upwards from
 * start + 1, then the test app; UPDRAFT_SLOT_NONE at the end. Slots missing in the layout are
 * skipped. `tried` UPDRAFT_SLOT_NONE gives the first. */
int updraft_boot_next(const struct updraft_layout *layout, int start, int tried);

const char *updraft_boot_why_text(enum updraft_boot_why why);

#endif
