#include "device/flash/cursor.h"

#include "format/assert.h"
#include "format/bytes.h"
#include "format/crc.h"

#include <string.h>

#define STRIDE_MIN   0x4000u
#define EVERYWHERE   0xFFFFFFFFu /* behind every address */
#define NO_DISTRUST  0xFFFFFFFFu
#define SLOT_BIT(at) (1u << (at))
#define PROG_LEN     16u /* a multiple of every flash's */

_Static_assert(PROG_LEN >= UPDRAFT_PROGRESS_WITHHELD_LEN,
               "the withheld bytes are programmed blank");

_Static_assert(UPDRAFT_PROGRESS_RECORD_LEN == UPDRAFT_FLASH_SPENT_LEN, "spent is a whole record");

_Static_assert(UPDRAFT_PROGRESS_UNIT_LEN == UPDRAFT_FLASH_SECTOR_LEN &&
                   UPDRAFT_FLASH_SIZE_CAP / UPDRAFT_PROGRESS_UNIT_LEN - 1u <= UINT16_MAX,
               "a record names every sector");

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* ---- The log -----------------------------------------------------------------------------------
 */

enum updraft_error updraft_cursor_read_log(const struct updraft_flash *flash, uint32_t log_addr,
                                           struct updraft_progress *last, uint32_t *free_off)
{
    *last = (struct updraft_progress){0};
    *free_off = UPDRAFT_PROGRESS_LOG_OFF;
    for (uint32_t off = UPDRAFT_PROGRESS_LOG_OFF; off < UPDRAFT_PROGRESS_LOG_END_OFF;
         off += UPDRAFT_PROGRESS_RECORD_LEN) {
        uint8_t bytes[UPDRAFT_PROGRESS_RECORD_LEN];
        enum updraft_error error = updraft_flash_read(flash, log_addr + off, bytes, sizeof bytes);

        if (error != UPDRAFT_OK)
            return error;
        if (updraft_progress_decode(bytes, last) ||
            updraft_flash_compare(flash, log_addr + off, NULL, sizeof bytes) != UPDRAFT_OK)
            *free_off = off + UPDRAFT_PROGRESS_RECORD_LEN;
    }
    return UPDRAFT_OK;
}

/* What the last update had announced. What lies elsewhere cannot be minded here, record by record: its
 * whole slot is distrusted. */
static void mind(struct updraft_cursor *cursor)
{
    struct updraft_progress *before = &cursor->before;

    if (before->from < cursor->addr || before->to > cursor->addr + cursor->cap) {
        if (before->to != 0)
            cursor->distrust &= ~SLOT_BIT(before->slot);
        before->from = before->to = cursor->addr;
    }
    cursor->resume_len = before->from - cursor->addr;
    if (cursor->suspect_to > cursor->addr) {
        before->from = cursor->addr;
        before->to = larger(before->to, cursor->suspect_to);
    }
}

enum updraft_error updraft_cursor_open(struct updraft_cursor *cursor)
{
    const struct updraft_flash *flash = cursor->flash;
    enum updraft_error error = UPDRAFT_OK;

    UPDRAFT_ASSERT(((cursor->addr | cursor->cap) & (flash->sector_len - 1u)) == 0);
    if (cursor->log_addr != 0) {
        error = updraft_cursor_read_log(flash, cursor->log_addr, &cursor->before, &cursor->log_off);
        mind(cursor);
    } else {
        cursor->distrust = 0;
        cursor->noted_to = EVERYWHERE; /* nobody to tell */
    }
    if ((cursor->distrust & SLOT_BIT(cursor->slot)) == 0) {
        cursor->before.from = cursor->resume_len = 0;
        cursor->before.to = EVERYWHERE;
    }
    return error;
}

void updraft_cursor_identify(struct updraft_cursor *cursor, const uint8_t *identity, uint32_t len)
{
    cursor->has_identity = true;
    cursor->check = updraft_crc32(0, identity, len);
}

enum updraft_error updraft_cursor_load(struct updraft_cursor *cursor, uint32_t off, uint32_t *check)
{
    const struct updraft_flash *flash = cursor->flash;
    enum updraft_error error =
        updraft_flash_read(flash, cursor->addr + off, cursor->buf, flash->sector_len);

    if (error != UPDRAFT_OK)
        return error;
    if (off == 0)
        updraft_bytes_copy(cursor->buf, cursor->before.withheld, sizeof cursor->before.withheld);
    *check = updraft_crc32(*check, cursor->buf, flash->sector_len);
    return UPDRAFT_OK;
}

void updraft_cursor_resume(struct updraft_cursor *cursor)
{
    cursor->check = cursor->before.check;
    cursor->written = cursor->erased_to = cursor->resume_len;
}

static enum updraft_error write_distrust(struct updraft_cursor *cursor)
{
    enum updraft_error error = updraft_flash_clear(
        cursor->flash, cursor->log_addr + UPDRAFT_PROGRESS_DISTRUST_OFF, cursor->distrust);

    if ((cursor->distrust & SLOT_BIT(cursor->slot)) == 0) {
        cursor->noted_to = EVERYWHERE; /* nothing is left to be noted */
        cursor->has_identity = false;
    }
    return error;
}

/* Before the first record of this update. What a cut has left of the last one may read as a whole record
 * or as erased, by chance: spent, it is neither. The same holds for a bit of distrust: written again
 * it is steady. */
static enum updraft_error open_log(struct updraft_cursor *cursor)
{
    uint32_t len = cursor->expected_len != 0 ? cursor->expected_len : cursor->cap;
    uint32_t room = UPDRAFT_PROGRESS_LOG_END_OFF - cursor->log_off;

    if (room != 0) {
        (void)!updraft_flash_spend(cursor->flash, cursor->log_addr + cursor->log_off);
        cursor->log_off += UPDRAFT_PROGRESS_RECORD_LEN;
    }
    cursor->stride = len / (room / UPDRAFT_PROGRESS_RECORD_LEN / 2u + 1u);
    if (cursor->stride < STRIDE_MIN)
        cursor->stride = STRIDE_MIN;
    return cursor->distrust != NO_DISTRUST ? write_distrust(cursor) : UPDRAFT_OK;
}

/* Says what has been written, and that all up to the address `end`, and some more, will be touched. A
 * record that does not stick is passed over; without room for one the slot as a whole is
 * distrusted. */
static enum updraft_error note(struct updraft_cursor *cursor, uint32_t end)
{
    struct updraft_progress record;
    uint8_t bytes[UPDRAFT_PROGRESS_RECORD_LEN];
    enum updraft_error error = UPDRAFT_OK;

    if (cursor->noted_to == 0)
        error = open_log(cursor);
    if (error != UPDRAFT_OK || cursor->noted_to == EVERYWHERE)
        return error;
    updraft_bytes_copy(&record, &cursor->before, sizeof record); /* what was suspect stays so */
    record.slot = cursor->slot;
    record.check = cursor->check;
    record.from = cursor->addr + cursor->written;
    cursor->note_at = cursor->written + cursor->stride;
    /* Encoded it is rounded down to a sector, where all that is touched ends. */
    record.to =
        larger(larger(record.to, cursor->addr + cursor->note_at), larger(end, cursor->noted_to));
    if (record.to > cursor->addr + cursor->cap)
        record.to = cursor->addr + cursor->cap;
    updraft_progress_encode(&record, bytes);
    while (cursor->log_off < UPDRAFT_PROGRESS_LOG_END_OFF) {
        uint32_t addr = cursor->log_addr + cursor->log_off;

        cursor->log_off += sizeof bytes;
        if (updraft_flash_write(cursor->flash, addr, bytes, sizeof bytes) == UPDRAFT_OK) {
            cursor->noted_to = record.to;
            return UPDRAFT_OK;
        }
    }
    if (end <= cursor->noted_to)
        return UPDRAFT_OK;
    cursor->distrust &= ~SLOT_BIT(cursor->slot);
    return write_distrust(cursor);
}

void updraft_cursor_forget(struct updraft_cursor *cursor)
{
    uint32_t written = cursor->written;

    cursor->written = 0;
    cursor->check = 0;
    (void)note(cursor, EVERYWHERE);
    cursor->written = written; /* for reports */
}

/* ---- Writing -----------------------------------------------------------------------------------
 */

uint32_t updraft_cursor_room(const struct updraft_cursor *cursor, uint8_t **room)
{
    *room = cursor->buf + cursor->buffered;
    return cursor->written < cursor->cap ? cursor->flash->sector_len - cursor->buffered : 0;
}

bool updraft_cursor_is_full(const struct updraft_cursor *cursor)
{
    return cursor->buffered == cursor->flash->sector_len;
}

uint32_t updraft_cursor_put(struct updraft_cursor *cursor, const uint8_t *data, uint32_t len)
{
    uint8_t *room;
    uint32_t cap = updraft_cursor_room(cursor, &room);

    if (len > cap)
        len = cap;
    updraft_bytes_copy(room, data, len);
    cursor->buffered += len;
    return len;
}

/* What no earlier update may have left unsteady. */
static bool is_trusted(const struct updraft_cursor *cursor, uint32_t addr, uint32_t len)
{
    return addr + len <= cursor->before.from || addr >= cursor->before.to;
}

/* A block is worth its erase when most of it will be written; with an unknown length it is assumed. */
static uint32_t erase_len(const struct updraft_cursor *cursor)
{
    const struct updraft_flash *flash = cursor->flash;
    uint32_t addr = cursor->addr + cursor->erased_to;
    uint32_t left_in_area = cursor->cap - cursor->erased_to;
    uint32_t left_to_come = left_in_area;

    if (cursor->expected_len > cursor->erased_to)
        left_to_come = cursor->expected_len - cursor->erased_to;
    if (flash->block_len != 0 && (addr & (flash->block_len - 1u)) == 0 &&
        left_in_area >= flash->block_len && left_to_come >= flash->block_len / 4)
        return flash->block_len;
    return flash->sector_len;
}

/* From where the next data go. */
static enum updraft_error erase_ahead(struct updraft_cursor *cursor)
{
    const struct updraft_flash *flash = cursor->flash;
    uint32_t addr = cursor->addr + cursor->erased_to;
    uint32_t len = erase_len(cursor);
    enum updraft_error error = UPDRAFT_OK;

    if (addr + len > cursor->noted_to)
        error = note(cursor, addr + len);
    if (error == UPDRAFT_OK && !(is_trusted(cursor, addr, len) &&
                                 updraft_flash_compare(flash, addr, NULL, len) == UPDRAFT_OK))
        error = updraft_flash_erase(flash, addr, len);
    cursor->erased_to += len;
    return error;
}

static enum updraft_error write_sector(struct updraft_cursor *cursor, uint32_t len)
{
    const struct updraft_flash *flash = cursor->flash;
    uint32_t addr = cursor->addr + cursor->written;
    bool is_fresh = cursor->erased_to == cursor->written;
    enum updraft_error error = UPDRAFT_OK;

    /* Equal already, or, once it is erased, nothing but erased bytes. */
    if ((!is_fresh || is_trusted(cursor, addr, len)) &&
        updraft_flash_compare(flash, addr, cursor->buf, len) == UPDRAFT_OK) {
        if (is_fresh)
            cursor->erased_to += flash->sector_len;
        return UPDRAFT_OK;
    }
    if (is_fresh)
        error = erase_ahead(cursor);
    if (error == UPDRAFT_OK)
        error = updraft_flash_prog(flash, addr, cursor->buf, len);
    return error == UPDRAFT_OK ? updraft_flash_compare(flash, addr, cursor->buf, len) : error;
}

enum updraft_error updraft_cursor_flush(struct updraft_cursor *cursor)
{
    uint8_t *buf = cursor->buf;
    uint32_t len = cursor->buffered;
    uint32_t check = 0;
    enum updraft_error error = UPDRAFT_OK;

    if (cursor->has_identity) {
        check = updraft_crc32(cursor->check, buf, len);
        if (cursor->noted_to != 0 && cursor->written >= cursor->note_at)
            error = note(cursor, 0);
    }
    memset(buf + len, 0xFF, cursor->flash->sector_len - len);
    if (cursor->written == 0 && cursor->log_addr != 0) {
        /* The start is kept in RAM and reads as erased until it is released. */
        updraft_bytes_copy(cursor->before.withheld, buf, sizeof cursor->before.withheld);
        memset(buf, 0xFF, sizeof cursor->before.withheld);
    }
    if (error == UPDRAFT_OK)
        error = write_sector(cursor, updraft_round_up(len, PROG_LEN));
    if (error != UPDRAFT_OK)
        return error;
    cursor->written += len;
    cursor->check = check;
    cursor->buffered = 0;
    return UPDRAFT_OK;
}

enum updraft_error updraft_cursor_release(const struct updraft_cursor *cursor)
{
    UPDRAFT_ASSERT(cursor->buffered == 0 && cursor->log_addr != 0);
    return updraft_flash_write(cursor->flash, cursor->addr, cursor->before.withheld,
                               sizeof cursor->before.withheld);
}
