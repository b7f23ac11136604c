/* The write cursor: fills an area of flash from its start, erasing just ahead of the data.
 *
 * Owns: the area from the first write on, the progress log (format/progress.h) when it is given one, and
 * one sector of buffer, the caller's. Erases a 64 KB block where it is aligned, lies in the area and
 * will be needed, a sector elsewhere; each erase happens when the first data for it are complete, so
 * no call does more than one erase and one sector of programming. What was programmed is read back
 * and compared.
 *
 * Without a log nothing in the area is believed: a cut erase leaves cells that read blank or equal now
 * and not later, so all of it is erased and programmed. With a log, what may be unsteady is written
 * down before it is touched; all the rest is left alone where it is blank, or equal already.
 *
 * With a log it also withholds the first bytes of the area: they stay erased in flash until
 * updraft_cursor_release(), so that an unfinished area has no valid start.
 *
 * After a power loss the log tells what may be unsteady, and from where an image that has an identity
 * can be gone on with: at most about `stride` bytes before the last that was written. */
#ifndef UPDRAFT_DEVICE_FLASH_CURSOR_H
#define UPDRAFT_DEVICE_FLASH_CURSOR_H

#include "device/flash/access.h"
#include "format/progress.h"

#include <stdbool.h>
#include <stdint.h>

struct updraft_cursor {
    /* Filled in before updraft_cursor_open(); all else is zero then. */
    const struct updraft_flash *flash;
    uint8_t *buf;          /* flash->sector_len bytes */
    uint32_t addr;         /* of the area; aligned to a sector */
    uint32_t cap;          /* whole sectors */
    uint32_t expected_len; /* how much will come; 0: not known */
    uint32_t log_addr;     /* sector of the log; 0: none */
    uint32_t distrust;     /* its word, or that of more than one log; the word to be programmed */
    uint32_t slot;         /* of the log's records, 0..15 */
    uint32_t suspect_to;   /* an address: of what lies below, the log tells only what is written */
    /* To be read */
    uint32_t written;    /* bytes in flash, the withheld ones included */
    uint32_t buffered;   /* bytes in buf behind `written` */
    uint32_t resume_len; /* bytes that may be gone on with, if they are of the same image */
    /* Private */
    uint32_t erased_to; /* offset up to which the area is erased, or was left as it is */
    uint32_t log_off;   /* where the next record goes */
    uint32_t noted_to;  /* address up to which this update said that it would touch; 0: not yet */
    uint32_t note_at;   /* `written` from which on the next record is due, once there is one */
    uint32_t stride;    /* bytes between records */
    uint32_t check;     /* CRC-32 of identity and bytes */
    bool has_identity;  /* what is written can be gone on with */
    /* What the log says last: from..to is what an earlier update may have left unsteady. Its withheld
     * bytes are this update's once that goes on, or has written. */
    struct updraft_progress before;
};

/* Reads a log to its end: the last record that is whole (all zero when there is none), and where the
 * first free one is. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_cursor_read_log(const struct updraft_flash *flash,
                                                              uint32_t log_addr,
                                                              struct updraft_progress *last,
                                                              uint32_t *free_off);

/* Reads the log, if there is one; writes nothing. resume_len is not 0 when there is something to go on
 * with; whether it belongs to the same image is told by loading it. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_cursor_open(struct updraft_cursor *cursor);

/* Before anything is written, where there is a log: what is written can be gone on with, by who knows
 * the identity. */
void updraft_cursor_identify(struct updraft_cursor *cursor, const uint8_t *identity, uint32_t len);

/* Reads a sector that was written earlier to the buffer, and continues *check over it. With all up to
 * resume_len loaded so, from the check of the identity on, it is before.check when it is the same
 * image. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_cursor_load(struct updraft_cursor *cursor,
                                                          uint32_t off, uint32_t *check);

/* It is the same image: goes on behind it. */
void updraft_cursor_resume(struct updraft_cursor *cursor);

/* Room for the next bytes: where to put them and how many, at least 1 while the area is not full
 * and the buffer is flushed when full; 0 at the end of the area. Who puts them there adds them to
 * `buffered`. */
uint32_t updraft_cursor_room(const struct updraft_cursor *cursor, uint8_t **room);

/* Puts as many bytes there as there is room for; returns how many. */
uint32_t updraft_cursor_put(struct updraft_cursor *cursor, const uint8_t *data, uint32_t len);

/* True when the buffer holds a whole sector and must be flushed before there is room again. */
bool updraft_cursor_is_full(const struct updraft_cursor *cursor);

/* Erases as needed and programs what is buffered: a whole sector, or, as the last call, what there
 * is, padded with 0xFF. At least one byte. E_FLASH_*: at addr + written, or in the log. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_cursor_flush(struct updraft_cursor *cursor);

/* What was written is not what it should be: nobody shall go on with it. */
void updraft_cursor_forget(struct updraft_cursor *cursor);

/* Where there is a log: programs the withheld bytes and syncs. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_cursor_release(const struct updraft_cursor *cursor);

#endif
