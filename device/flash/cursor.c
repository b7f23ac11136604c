#include "device/flash/cursor.h"

#include "format/assert.h"
#include "format/bytes.h"

#include <string.h>

#define PIECE_LEN 64u /* bytes on the stack while comparing */

void updraft_cursor_open(struct updraft_cursor *cursor, const struct updraft_flash *flash,
                         uint32_t addr, uint32_t cap, uint8_t *buf)
{
    UPDRAFT_ASSERT(addr % flash->sector_len == 0 && buf != NULL);
    UPDRAFT_ASSERT(flash->prog_len == 1 || flash->prog_len == 2 || flash->prog_len == 4);
    memset(cursor, 0, sizeof *cursor);
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

static enum updraft_error erase_to(struct updraft_cursor *cursor, uint32_t end, uint32_t *bad_addr)
{
    const struct updraft_flash *flash = cursor->flash;

    while (cursor->erased_to < end) {
        uint32_t addr = cursor->addr + cursor->erased_to;
        uint32_t len = erase_len(cursor);
        enum updraft_error error = flash->erase(flash->ctx, addr, len);

        if (error != UPDRAFT_OK) {
            *bad_addr = addr;
            return error;
        }
        cursor->erased_to += len;
    }
    return UPDRAFT_OK;
}

enum updraft_error updraft_flash_compare(const struct updraft_flash *flash, uint32_t addr,
                                         const uint8_t *data, uint32_t len)
{
    uint8_t piece[PIECE_LEN];
    uint32_t off = 0;

    while (off < len) {
        uint32_t n = len - off < PIECE_LEN ? len - off : PIECE_LEN;
        enum updraft_error error = flash->read(flash->ctx, addr + off, piece, n);

        if (error != UPDRAFT_OK)
            return error;
        if (memcmp(piece, data + off, n) != 0)
            return UPDRAFT_E_FLASH_VERIFY;
        off += n;
    }
    return UPDRAFT_OK;
}

static bool is_all_ones(const uint8_t *data, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        if (data[i] != 0xFF)
            return false;
    }
    return true;
}

static enum updraft_error program(const struct updraft_flash *flash, uint32_t addr,
                                  const uint8_t *data, uint32_t len, uint32_t *bad_addr)
{
    enum updraft_error error = UPDRAFT_OK;

    if (!is_all_ones(data, len)) /* erased flash holds that already */
        error = flash->prog(flash->ctx, addr, data, len);
    if (error == UPDRAFT_OK)
        error = updraft_flash_compare(flash, addr, data, len);
    if (error != UPDRAFT_OK)
        *bad_addr = addr;
    return error;
}

enum updraft_error updraft_cursor_flush(struct updraft_cursor *cursor, uint32_t *bad_addr)
{
    const struct updraft_flash *flash = cursor->flash;
    uint32_t len = cursor->buffered;
    uint32_t padded = updraft_round_up(len, flash->prog_len);
    uint32_t skip = 0;
    enum updraft_error error;

    if (len == 0)
        return UPDRAFT_OK;
    if (cursor->written == 0 && cursor->withheld_len != 0) {
        /* The start is kept in RAM and reads as erased until it is released. */
        memset(cursor->withheld, 0xFF, sizeof cursor->withheld);
        skip = len < cursor->withheld_len ? len : cursor->withheld_len;
        memcpy(cursor->withheld, cursor->buf, skip);
        memset(cursor->buf, 0xFF, skip);
        padded = padded < cursor->withheld_len ? cursor->withheld_len : padded;
    }
    if (padded > len)
        memset(cursor->buf + len, 0xFF, padded - len);
    error = erase_to(cursor, cursor->written + padded, bad_addr);
    if (error == UPDRAFT_OK)
        error = program(flash, cursor->addr + cursor->written, cursor->buf, padded, bad_addr);
    if (error != UPDRAFT_OK)
        return error;
    cursor->written += len;
    cursor->buffered = 0;
    return UPDRAFT_OK;
}

enum updraft_error updraft_cursor_release(struct updraft_cursor *cursor, uint32_t *bad_addr)
{
    const struct updraft_flash *flash = cursor->flash;
    enum updraft_error error = UPDRAFT_OK;

    UPDRAFT_ASSERT(cursor->buffered == 0);
    if (cursor->withheld_len != 0)
        error = program(flash, cursor->addr, cursor->withheld, cursor->withheld_len, bad_addr);
    if (error == UPDRAFT_OK && flash->sync != NULL)
        error = flash->sync(flash->ctx);
    return error;
}
