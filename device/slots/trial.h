/* The trial log behind an otadata entry: the writes that both the boot stage and the application do.
 * They clear bits of single words and never erase, so a power cut between them leaves a log that
 * decodes. Bytes: format/otadata.h. */
#ifndef UPDRAFT_DEVICE_SLOTS_TRIAL_H
#define UPDRAFT_DEVICE_SLOTS_TRIAL_H

#include "device/flash/flash.h"
#include "format/otadata.h"

/* entry_addr is the flash address of the entry's sector. */

/* The image proved itself. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_trial_confirm(const struct updraft_flash *flash,
                                                            uint32_t entry_addr);

/* The image failed: writes why, the stock state ABORTED, and the outcome, in this order. Each of the
 * last two ends the trial by itself. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_trial_roll_back(const struct updraft_flash *flash,
                                                              uint32_t entry_addr,
                                                              enum updraft_trial_reason reason);

/* Sets mark number idx (0..15) of the list at marks_off: UPDRAFT_TRIAL_MARKS_OFF after a crash or
 * software reset, UPDRAFT_TRIAL_POWER_OFF after power-on. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_trial_mark(const struct updraft_flash *flash,
                                                         uint32_t entry_addr, uint32_t marks_off,
                                                         uint8_t idx);

#endif
