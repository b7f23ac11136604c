/* The boot stage: reads the table and the boot record, decides, verifies, marks, and says which slot
 * to start. The chip port then jumps there.
 *
 * After a power loss anywhere in here the next boot decides again from a record that is whole: with
 * updraft rules it only clears bits and never erases. Nothing is written before a slot verified or
 * all of them failed to. */
#ifndef UPDRAFT_BOOT_BOOT_H
#define UPDRAFT_BOOT_BOOT_H

#include "boot/decide.h"
#include "device/slots/verify.h"

struct updraft_boot_config {
    const struct updraft_flash *flash;
    uint32_t table_addr;
    uint16_t chip_id; /* images for others are not booted */
    /* updraft_slot_verify, or updraft_slot_verify_8266 on that chip */
    enum updraft_error (*verify)(struct updraft_slot_check *check);
    const struct updraft_boot_rules *rules;
    enum updraft_reset_cause cause;
    bool dry_run;     /* decide and verify, write nothing */
    uint8_t *buf;     /* scratch for reading images; the caller's */
    uint32_t buf_cap; /* at least 256 */
};

struct updraft_boot_result {
    int slot; /* UPDRAFT_SLOT_NONE: nothing bootable, reset or wait for a serial flash */
    uint32_t addr;
    enum updraft_boot_why why;
    int chosen; /* the slot the record asked for, before any fallback */
    bool on_trial;
    struct updraft_boot_situation situation; /* what it was decided from, before the marks */
};

/* E_TABLE_*, E_FLASH_*; UPDRAFT_OK with slot UPDRAFT_SLOT_NONE when no image verifies. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_boot_run(const struct updraft_boot_config *config,
                                                       struct updraft_boot_result *result);

#endif
