/* The progress log of the staged layout (format/progress.h): a sector of its own, which lives from one
 * update that came through to the next.
 *
 * Nothing in it counts unless its head says that it was erased to its end; without it all of the staging
 * area may be unsteady. The head is therefore spent before the log is erased, and written last: whatever a
 * cut leaves, half an old log is never believed. What may be unsteady although the new log is empty lies
 * below its floor.
 *
 * Owns: head and floor. Does not own: the records and the word of distrust, which the cursor writes.
 * Memory: none. After a power loss in a renewal there is no log, and the next renewal starts again. */
#ifndef UPDRAFT_DEVICE_SLOTS_STAGED_LOG_H
#define UPDRAFT_DEVICE_SLOTS_STAGED_LOG_H

#include "device/flash/cursor.h"
#include "device/slots/staged.h"

/* Sets the log of *cursor, whose address is set, when there is one that can be kept for it. Not when it
 * was written to its end, nor when it tells of flash before that address: another image was broken off
 * there, and with a record of this one it would be forgotten. Writes nothing. E_FLASH_READ. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_staged_log_find(const struct updraft_flash *flash,
                        const struct updraft_staged_layout *layout, struct updraft_cursor *cursor);

/* An empty log, which says: below floor_addr anything may be unsteady, from there on nothing is. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_staged_log_renew(const struct updraft_flash *flash,
                         const struct updraft_staged_layout *layout, uint32_t floor_addr);

#endif
