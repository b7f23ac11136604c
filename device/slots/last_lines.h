/* The last lines of an image on trial, for the one that runs after its roll back.
 *
 * The application adds its lines to a ring in RAM as it prints them: no flash is written while all is
 * well. When its end is near (panic handler, watchdog warning, before it rejects itself) it saves the
 * newest lines once: a few hundred bytes programmed into erased flash, no erase, no malloc, no lock.
 * Every boot of a trial has a part of its own, so each attempt leaves its last words, and the first
 * save of a boot is the one that stays.
 *
 * A panic handler that must not touch the flash keeps the ring in memory that survives the reset
 * (.noinit) and saves it at the next boot, before it confirms: those lines then count for that boot.
 *
 * Owns: the ring's bookkeeping, the lines in the entry's sector (format/slot_notes.h). Memory: the
 * caller's. After a power cut while saving the lines are there or they are not; nothing else is at
 * risk. They go when the next update erases the sector, so the image that runs after a roll back reads
 * and reports them first. */
#ifndef UPDRAFT_DEVICE_SLOTS_LAST_LINES_H
#define UPDRAFT_DEVICE_SLOTS_LAST_LINES_H

#include "device/slots/slots.h"

struct updraft_last_lines {
    char *ring; /* more than 504 bytes are never saved */
    uint32_t ring_cap;
    uint32_t len; /* bytes in the ring */
    uint32_t end; /* where the next one goes */
};

/* ring: at least 1 byte, the caller's for as long as lines are added. */
void updraft_last_lines_init(struct updraft_last_lines *lines, char *ring, uint32_t ring_cap);

/* Adds a line and its line feed, over the oldest ones. Touches no flash. Not reentrant. */
void updraft_last_lines_add(struct updraft_last_lines *lines, const char *line);

/* Saves the newest whole lines (or the end of the newest, where it is longer than the room) with the
 * entry of the running image. OK and nothing written when it is not on trial, when this boot has saved
 * already, and when there are no lines. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_last_lines_save(const struct updraft_last_lines *lines, const struct updraft_slots *slots);

/* The lines that the image which was rolled back left at the boot with `attempt` crash marks before it:
 * 1 to UPDRAFT_TRIAL_MARK_CAP; 0 after a power-on that came first. *len is 0 when it left none, or more
 * than cap: then cap bytes of it are there. Text as the image wrote it, not terminated. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_last_lines_read(const struct updraft_slots *slots,
                                                              uint8_t attempt, char *out,
                                                              uint32_t cap, uint32_t *len);

#endif
