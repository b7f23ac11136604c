#include "device/flash/cursor.h"

#include "format/assert.h"
#include "format/bytes.h"
#include "format/crc.h"

#include <string.h>

#define STRIDE_MIN   0x4000u
#define EVERYWHERE   0xFFFFFFFFu /* behind every address */
#define NO_DISTRUST  0xFFFFFFFFu
#define SLOT_BIT(at) (1u << (at))

void updraft_cursor_open(struct updraft_cursor *cursor, const struct updraft_flash *flash,
                         uint32_t addr, uint32_t cap, uint8_t *buf)
{
    UPDRAFT_ASSERT(addr % flash->sector_len == 0 && buf != NULL);
    UPDRAFT_ASSERT(flash->prog_len == 1 || flash->prog_len == 2 || flash->prog_len == 4);
    memset(cursor, 0, sizeof *cursor);
    memset(cursor->withheld, 0xFF, sizeof cursor->withheld);
    cursor->flash = flash;
    cursor->addr = addr;
    cursor->cap = cap;
    cursor->buf = buf;
}

void updraft_cursor_withhold(struct updraft_cursor *cursor)
{
    UPDRAFT_ASSERT(cursor->written == 0);
    cursor->withheld_len = UPDRAFT_CURSOR_WITHHELD_CAP;
}

uint32_t updraft_cursor_room(const struct updraft_cursor *cursor, uint8_t **room)
{
    uint32_t in_buf = cursor->flash->sector_len - cursor->buffered;
    uint32_t in_area = cursor->cap - cursor->written - cursor->buffered;

    *room = cursor->buf + cursor->buffered;
    return in_buf < in_area ? in_buf : in_area;
}

void updraft_cursor_commit(struct updraft_cursor *cursor, uint32_t len)
{
    uint8_t *room;

    UPDRAFT_ASSERT(len <= updraft_cursor_room(cursor, &room));
    cursor->buffered += len;
}

bool updraft_cursor_is_full(const struct updraft_cursor *cursor)
{
    return cursor->buffered == cursor->flash->sector_len;
}

/* ---- The log -----------------------------------------------------------------------------------
 */

/* What the last update had announced. What lies elsewhere cannot be minded here, record by record: its
 * whole slot is distrusted. */
static void mind(struct updraft_cursor *cursor, struct updraft_progress *last)
{
    if (last->from >= cursor->addr && last->to <= cursor->addr + cursor->cap) {
        cursor->suspect_from = last->from;
        cursor->suspect_to = last->to;
    } else {
        if (last->to != 0)
            cursor->distrust &= ~SLOT_BIT(last->slot);
        last->from = cursor->addr;
    }
    if ((cursor->distrust & SLOT_BIT(cursor->slot)) == 0) {
        cursor->suspect_from = 0;
        cursor->suspect_to = EVERYWHERE;
        last->from = cursor->addr;
    }
}

enum updraft_error updraft_cursor_read_log(const struct updraft_flash *flash, uint32_t log_addr,
                                           struct updraft_progress *last, uint32_t *free_off)
{
    *last = (struct updraft_progress){0};
    *free_off = UPDRAFT_PROGRESS_LOG_OFF;
    for (uint32_t off = UPDRAFT_PROGRESS_LOG_OFF; off < UPDRAFT_PROGRESS_LOG_END_OFF;
         off += UPDRAFT_PROGRESS_RECORD_LEN) {
        uint8_t bytes[UPDRAFT_PROGRESS_RECORD_LEN];
        enum updraft_error error = flash->read(flash->ctx, log_addr + off, bytes, sizeof bytes);

        if (error != UPDRAFT_OK)
            return error;
        if (updraft_progress_decode(bytes, last) ||
            updraft_flash_compare(flash, log_addr + off, NULL, sizeof bytes) != UPDRAFT_OK)
            *free_off = off + UPDRAFT_PROGRESS_RECORD_LEN;
    }
    return UPDRAFT_OK;
}

enum updraft_error updraft_cursor_log(struct updraft_cursor *cursor, uint32_t log_addr,
                                      uint8_t slot, uint32_t distrust,
                                      struct updraft_progress *last)
{
    const struct updraft_flash *flash = cursor->flash;
    enum updraft_error error = updraft_cursor_read_log(flash, log_addr, last, &cursor->log_off);

    UPDRAFT_ASSERT(flash->sector_len == UPDRAFT_PROGRESS_UNIT_LEN &&
                   flash->size / UPDRAFT_PROGRESS_UNIT_LEN <= UINT16_MAX);
    cursor->log_addr = log_addr;
    cursor->slot = slot;
    cursor->distrust = distrust;
    mind(cursor, last);
    return error;
}

void updraft_cursor_identify(struct updraft_cursor *cursor, const uint8_t *identity, uint32_t len)
{
    cursor->has_identity = true;
    cursor->check = updraft_crc32(0, identity, len);
}

enum updraft_error updraft_cursor_reread(struct updraft_cursor *cursor,
                                         const struct updraft_progress *last)
{
    const struct updraft_flash *flash = cursor->flash;
    enum updraft_error error =
        flash->read(flash->ctx, cursor->addr + cursor->written, cursor->buf, flash->sector_len);

    if (error != UPDRAFT_OK)
        return error;
    if (cursor->written == 0 && cursor->withheld_len != 0) {
        memcpy(cursor->withheld, last->withheld, sizeof cursor->withheld);
        memcpy(cursor->buf, last->withheld, sizeof last->withheld);
    }
    cursor->check = updraft_crc32(cursor->check, cursor->buf, flash->sector_len);
    cursor->written += flash->sector_len;
    cursor->noted_written = cursor->erased_to = cursor->written;
    return UPDRAFT_OK;
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
    static const uint8_t spent[UPDRAFT_PROGRESS_RECORD_LEN];
    const struct updraft_flash *flash = cursor->flash;
    uint32_t len = cursor->expected_len != 0 ? cursor->expected_len : cursor->cap;
    uint32_t room = UPDRAFT_PROGRESS_LOG_END_OFF - cursor->log_off;

    if (room != 0) {
        (void)flash->prog(flash->ctx, cursor->log_addr + cursor->log_off, spent, sizeof spent);
        cursor->log_off += sizeof spent;
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
    struct updraft_progress progress = {
        .from = cursor->addr + cursor->written, .check = cursor->check, .slot = cursor->slot};
    uint8_t bytes[UPDRAFT_PROGRESS_RECORD_LEN];
    enum updraft_error error = UPDRAFT_OK;

    if (cursor->noted_to == 0)
        error = open_log(cursor);
    if (error != UPDRAFT_OK || cursor->noted_to == EVERYWHERE)
        return error;
    progress.to = updraft_round_up(progress.from + cursor->stride, UPDRAFT_PROGRESS_UNIT_LEN);
    if (progress.to < end)
        progress.to = end;
    if (progress.to < cursor->noted_to)
        progress.to = cursor->noted_to;
    if (progress.to < cursor->suspect_to)
        progress.to = cursor->suspect_to;
    if (progress.to > cursor->addr + cursor->cap)
        progress.to = cursor->addr + cursor->cap;
    memcpy(progress.withheld, cursor->withheld, sizeof progress.withheld);
    updraft_progress_encode(&progress, bytes);
    while (cursor->log_off < UPDRAFT_PROGRESS_LOG_END_OFF) {
        uint32_t addr = cursor->log_addr + cursor->log_off;

        cursor->log_off += sizeof bytes;
        if (updraft_flash_write(cursor->flash, addr, bytes, sizeof bytes) == UPDRAFT_OK) {
            cursor->noted_to = progress.to;
            cursor->noted_written = cursor->written;
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

    if (cursor->log_addr == 0)
        return;
    cursor->written = 0;
    cursor->check = 0;
    (void)note(cursor, EVERYWHERE);
    cursor->written = written; /* for reports */
}

/* ---- Writing -----------------------------------------------------------------------------------
 */

static bool is_trusted(const struct updraft_cursor *cursor, uint32_t off, uint32_t len)
{
    uint32_t addr = cursor->addr + off;

    return cursor->log_addr != 0 &&
           (addr + len <= cursor->suspect_from || addr >= cursor->suspect_to);
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
    if (flash->block_len != 0 && addr % flash->block_len == 0 && left_in_area >= flash->block_len &&
        left_to_come >= flash->block_len / 4)
        return flash->block_len;
    return flash->sector_len;
}

static enum updraft_error erase_to(struct updraft_cursor *cursor, uint32_t end)
{
    const struct updraft_flash *flash = cursor->flash;
    enum updraft_error error = UPDRAFT_OK;

    while (cursor->erased_to < end && error == UPDRAFT_OK) {
        uint32_t addr = cursor->addr + cursor->erased_to;
        uint32_t len = erase_len(cursor);

        if (cursor->log_addr != 0 && addr + len > cursor->noted_to)
            error = note(cursor, addr + len);
        if (error == UPDRAFT_OK && !(is_trusted(cursor, cursor->erased_to, len) &&
                                     updraft_flash_compare(flash, addr, NULL, len) == UPDRAFT_OK))
            error = flash->erase(flash->ctx, addr, len);
        cursor->erased_to += len;
    }
    return error;
}

static enum updraft_error write_sector(struct updraft_cursor *cursor, uint32_t len)
{
    const struct updraft_flash *flash = cursor->flash;
    uint32_t addr = cursor->addr + cursor->written;
    bool is_fresh = cursor->erased_to <= cursor->written;
    enum updraft_error error = UPDRAFT_OK;

    /* Equal already, or, once it is erased, nothing but erased bytes. */
    if ((!is_fresh || is_trusted(cursor, cursor->written, len)) &&
        updraft_flash_compare(flash, addr, cursor->buf, len) == UPDRAFT_OK) {
        if (is_fresh)
            cursor->erased_to = cursor->written + flash->sector_len;
        return UPDRAFT_OK;
    }
    error = erase_to(cursor, cursor->written + len);
    if (error == UPDRAFT_OK)
        error = flash->prog(flash->ctx, addr, cursor->buf, len);
    return error == UPDRAFT_OK ? updraft_flash_compare(flash, addr, cursor->buf, len) : error;
}

enum updraft_error updraft_cursor_flush(struct updraft_cursor *cursor, uint32_t *bad_addr)
{
    uint32_t len = cursor->buffered;
    uint32_t padded = updraft_round_up(len, cursor->flash->prog_len);
    uint32_t check = cursor->check;
    enum updraft_error error = UPDRAFT_OK;

    if (len == 0)
        return UPDRAFT_OK;
    *bad_addr = cursor->addr + cursor->written;
    if (cursor->has_identity) {
        check = updraft_crc32(check, cursor->buf, len);
        if (cursor->noted_to != 0 && cursor->written - cursor->noted_written >= cursor->stride)
            error = note(cursor, 0);
    }
    if (cursor->written == 0 && cursor->withheld_len != 0) {
        /* The start is kept in RAM and reads as erased until it is released. */
        uint32_t skip = len < cursor->withheld_len ? len : cursor->withheld_len;

        memcpy(cursor->withheld, cursor->buf, skip);
        memset(cursor->buf, 0xFF, skip);
        padded = padded < cursor->withheld_len ? cursor->withheld_len : padded;
    }
    if (padded > len)
        memset(cursor->buf + len, 0xFF, padded - len);
    if (error == UPDRAFT_OK)
        error = write_sector(cursor, padded);
    if (error != UPDRAFT_OK)
        return error;
    cursor->written += len;
    cursor->check = check;
    cursor->buffered = 0;
    return UPDRAFT_OK;
}

enum updraft_error updraft_cursor_release(struct updraft_cursor *cursor, uint32_t *bad_addr)
{
    UPDRAFT_ASSERT(cursor->buffered == 0);
    *bad_addr = cursor->addr;
    if (cursor->withheld_len == 0)
        return updraft_flash_sync(cursor->flash);
    return updraft_flash_write(cursor->flash, cursor->addr, cursor->withheld, cursor->withheld_len);
}
