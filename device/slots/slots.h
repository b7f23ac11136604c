/* Which slot runs, which one is written next, and the boot record that says so.
 *
 * Owns: the device's layout, given or read from its partition table, and every write to otadata by the
 * application (the boot stage has its own, in boot/). Does not own: image contents, erasing slots.
 * Memory: the caller's struct, no pointers into flash, may be copied as a snapshot.
 *
 * After a power loss at any moment of select, confirm or reject the record names a complete image:
 * the entry of the running slot is not touched before the new entry is whole. What the record says of
 * slots that a cut left unsteady outlives every erase of one of its sectors. */
#ifndef UPDRAFT_DEVICE_SLOTS_SLOTS_H
#define UPDRAFT_DEVICE_SLOTS_SLOTS_H

#include "device/flash/flash.h"
#include "format/otadata.h"
#include "format/ptable.h"

#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_SLOT_CAP     16 /* ota_0 .. ota_15 */
#define UPDRAFT_SLOT_FACTORY (-1)
#define UPDRAFT_SLOT_TEST    (-2)
#define UPDRAFT_SLOT_NONE    (-99)

struct updraft_extent {
    uint32_t addr;
    uint32_t len; /* 0: there is no such partition */
};

#define UPDRAFT_LAYOUT_PART_COUNT (UPDRAFT_SLOT_CAP + 4)

struct updraft_layout {
    uint8_t ota_count; /* every app/ota_x row of the table, as the boot loader counts */
    union {
        struct {
            struct updraft_extent otadata; /* len 0: none */
            struct updraft_extent table;   /* the sector of the partition table; len 0: none */
            struct updraft_extent test;
            struct updraft_extent factory;
            struct updraft_extent ota[UPDRAFT_SLOT_CAP];
        };
        /* The same: slot s is part s + 4. */
        struct updraft_extent parts[UPDRAFT_LAYOUT_PART_COUNT];
    };
};

struct updraft_slots;

/* What outlives the entries of the record: device/slots/refused.h. */
struct updraft_slot_memory {
    /* Erases the sector of entry idx with the given function, and keeps what must not go with it. */
    enum updraft_error (*erase)(const struct updraft_slots *slots, int idx, int whole,
                                enum updraft_error (*erase_sector)(const struct updraft_slots *,
                                                                   int idx, int whole));
    /* Notes the program of the entry that will be written to the erased sector. */
    enum updraft_error (*note)(const struct updraft_slots *slots, int idx, const uint8_t *sha256);
    bool (*refuses)(const struct updraft_slots *slots, const uint8_t *sha256);
};

struct updraft_slots {
    const struct updraft_flash *flash;
    const struct updraft_slot_memory *memory; /* NULL: none */
    int running;                              /* slot index, or UPDRAFT_SLOT_NONE */
    struct updraft_layout layout;
};

/* Where a slot lies; len 0 when the layout has no such slot. */
const struct updraft_extent *updraft_layout_slot(const struct updraft_layout *layout, int slot);

static inline struct updraft_extent updraft_layout_extent(const struct updraft_layout *layout,
                                                          int slot)
{
    return *updraft_layout_slot(layout, slot);
}

/* The sector of entry 0 or 1 of the boot record. */
static inline uint32_t updraft_layout_entry_addr(const struct updraft_layout *layout, int idx)
{
    return layout->otadata.addr + (uint32_t)idx * UPDRAFT_OTADATA_SECTOR_LEN;
}

/* For sets of slots: the bit of any slot but UPDRAFT_SLOT_NONE. */
static inline uint32_t updraft_slot_bit(int slot)
{
    return 1u << (slot - UPDRAFT_SLOT_TEST);
}

/* What an update relies on: all lies in whole sectors of a flash of that size, nothing shares flash with
 * another part, and a boot record has both of its sectors. */
bool updraft_layout_is_sane(const struct updraft_layout *layout, uint32_t flash_size);

/* Reads and checks the table at table_addr as the boot loader does (bounds, digest, overlap, otadata
 * of at least two sectors), record by record. E_TABLE_*, E_FLASH_READ; on error *layout holds
 * nothing of use. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_layout_read(const struct updraft_flash *flash,
                                                          uint32_t table_addr,
                                                          struct updraft_layout *layout);

/* A row of the table, without its label. */
struct updraft_row {
    struct updraft_extent extent;
    uint8_t type;
    uint8_t subtype;
};

/* Finds a partition by its label. E_NO_PARTITION. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_layout_find_label(const struct updraft_flash *flash,
                                                                uint32_t table_addr,
                                                                const char *label,
                                                                struct updraft_row *out);

/* Begins with a layout that is a constant of the firmware, which is then copied and asserted to be sane.
 * running_addr: the flash address the running code was loaded from, as the boot stage or the chip's
 * memory mapping knows it. Sets running to UPDRAFT_SLOT_NONE when it lies in no app partition. */
void updraft_slots_init(struct updraft_slots *slots, const struct updraft_flash *flash,
                        const struct updraft_layout *layout, uint32_t running_addr);

/* The same with the layout that the partition table in flash tells. E_TABLE_*, E_FLASH_READ; on error
 * *slots is untouched. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slots_open(struct updraft_slots *slots,
                                                         const struct updraft_flash *flash,
                                                         uint32_t table_addr,
                                                         uint32_t running_addr);

/* The slot an update goes to: the next OTA slot after the running one, cyclically. E_NO_SLOT when
 * that would be the running one or there is none; E_NO_OTADATA when no choice can be recorded. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slots_next(const struct updraft_slots *slots,
                                                         int *slot);

/* Both entries as they stand in flash. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_slots_entries(const struct updraft_slots *slots, struct updraft_otadata_entry entries[2]);

/* Where the progress of an update is logged (format/progress.h): in the sector whose entry stays until
 * the update is chosen, so that nobody erases it meanwhile. */
struct updraft_slots_log {
    uint32_t addr;     /* of the sector */
    uint32_t distrust; /* the word of that log, with what the other sector says of its slots */
    bool is_bare;      /* no entry names anything: the sector must be opened */
    bool on_trial;     /* the running image is: the other sector is its way back */
};

/* Writes nothing. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slots_find_log(const struct updraft_slots *slots,
                                                             struct updraft_slots_log *log);
/* Before the first record of an update: erases the sector if it was not erased for this. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slots_open_log(const struct updraft_slots *slots);

/* Before an OTA slot is written past the transaction: whatever the log says of it, an update trusts
 * nothing there and erases all it uses. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slots_distrust(const struct updraft_slots *slots,
                                                             int slot);

/* Makes `slot` boot next. attempts > 0: on trial, with that many crash resets allowed; 0: for good.
 * UPDRAFT_SLOT_FACTORY erases the record (one sector at a time, the one of the running slot last).
 * Does not look at the image: the caller has verified it. Overwrites only the entry that does not
 * name the running slot. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slots_select(const struct updraft_slots *slots,
                                                           int slot, uint8_t attempts);

/* The slot that the boot record names for the next boot: factory, else ota_0, where it names none. Does
 * not look at images; the boot stage may choose another when that one holds none. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slots_chosen(const struct updraft_slots *slots,
                                                           int *slot);

/* On what terms an image gets its trial. */
struct updraft_trial_terms {
    uint8_t attempts;      /* crash resets allowed, 1..16 */
    const uint8_t *sha256; /* of its program, to be refused should it fail; NULL: not known */
};

/* The same on trial, for an image whose program is known. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slots_try(const struct updraft_slots *slots, int slot,
                                                        const struct updraft_trial_terms *terms);

/* The running image is good: ends its trial. Clears bits only, so a power cut leaves either a trial
 * or a confirmed image; only where rotten bits of the record cannot take the confirmation, a new
 * entry is written over the one that does not name the running slot. OK when there is nothing to
 * confirm. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slots_confirm(const struct updraft_slots *slots);

/* The running image is bad: its trial ends as rolled back; the next boot takes the other image.
 * E_NO_ROLLBACK when the running slot is not on trial. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slots_reject(const struct updraft_slots *slots,
                                                           enum updraft_trial_reason reason);

/* An entry of the record and where it stands. */
struct updraft_slot_record {
    int slot; /* UPDRAFT_SLOT_NONE: there is no such entry, and all else is zero */
    uint32_t addr;
    struct updraft_otadata_entry entry;
};

/* The entry by which the running image is on trial. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slots_find_trial(const struct updraft_slots *slots,
                                                               struct updraft_slot_record *record);
/* The entry of the image that was rolled back last, with reason and attempts. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slots_find_failed(const struct updraft_slots *slots,
                                                                struct updraft_slot_record *record);

/* Names an image that was rolled back: its trial has failed, or a stock boot loader says so. */
bool updraft_slots_has_failed(const struct updraft_otadata_entry *entry);

enum updraft_run_state {
    UPDRAFT_RUN_CONFIRMED, /* confirmed, or never on trial */
    UPDRAFT_RUN_ON_TRIAL,
};

/* How the running image stands. When the record also holds the entry of an image that was rolled back
 * (that is: this one runs because another failed), *rolled_back is its slot and *reason why;
 * UPDRAFT_SLOT_NONE otherwise. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slots_state(const struct updraft_slots *slots,
                                                          enum updraft_run_state *state,
                                                          int *rolled_back,
                                                          enum updraft_trial_reason *reason);

/* "factory", "test", "ota_0" ... "ota_15", "none". Static text. */
const char *updraft_slot_name(int slot);
/* The reverse; UPDRAFT_SLOT_NONE for anything else. */
int updraft_slot_by_name(const char *name);

#endif
