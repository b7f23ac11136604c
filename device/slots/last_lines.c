#include "device/slots/last_lines.h"

#include "device/flash/access.h"
#include "format/assert.h"
#include "format/bytes.h"
#include "format/crc.h"
#include "format/slot_notes.h"

#include <string.h>

#define PIECE_LEN 64u /* bytes on the stack; a multiple of every flash's program length */

void updraft_last_lines_init(struct updraft_last_lines *lines, char *ring, uint32_t ring_cap)
{
    UPDRAFT_ASSERT(ring != NULL && ring_cap != 0);
    *lines = (struct updraft_last_lines){.ring = ring, .ring_cap = ring_cap};
}

static void add_byte(struct updraft_last_lines *lines, char byte)
{
    lines->ring[lines->end] = byte;
    lines->end = (lines->end + 1u) % lines->ring_cap;
    if (lines->len < lines->ring_cap)
        lines->len++;
}

void updraft_last_lines_add(struct updraft_last_lines *lines, const char *line)
{
    for (; *line != '\0'; line++)
        add_byte(lines, *line);
    add_byte(lines, '\n');
}

/* Byte `back` before the end of the ring, 1 for the newest. */
static char byte_at(const struct updraft_last_lines *lines, uint32_t back)
{
    return lines->ring[(lines->end + lines->ring_cap - back) % lines->ring_cap];
}

/* How many of the newest bytes to save: as many as fit, beginning at a line if there is one. */
static uint32_t choose_len(const struct updraft_last_lines *lines, uint32_t cap)
{
    uint32_t len = lines->len < cap ? lines->len : cap;

    if (len == lines->len && lines->len < lines->ring_cap)
        return len; /* everything: nothing was cut off in front */
    for (uint32_t line = len; line > 1u; line--) {
        if (byte_at(lines, line) == '\n')
            return line - 1u;
    }
    return len;
}

static enum updraft_error is_part_blank(const struct updraft_flash *flash, uint32_t addr,
                                        uint32_t len, bool *blank)
{
    uint8_t piece[PIECE_LEN];

    *blank = true;
    for (uint32_t off = 0; off < len && *blank; off += PIECE_LEN) {
        uint32_t piece_len = len - off < PIECE_LEN ? len - off : PIECE_LEN;
        enum updraft_error error = updraft_flash_read(flash, addr + off, piece, piece_len);

        if (error != UPDRAFT_OK)
            return error;
        for (uint32_t i = 0; i < piece_len; i++)
            *blank = *blank && piece[i] == 0xFF;
    }
    return UPDRAFT_OK;
}

/* Programs the newest len bytes behind the head; *crc goes on over them. */
static enum updraft_error program_text(const struct updraft_last_lines *lines,
                                       const struct updraft_flash *flash, uint32_t addr,
                                       uint32_t len, uint32_t *crc)
{
    uint8_t piece[PIECE_LEN];
    enum updraft_error error = UPDRAFT_OK;

    for (uint32_t off = 0; off < len && error == UPDRAFT_OK; off += PIECE_LEN) {
        uint32_t piece_len = len - off < PIECE_LEN ? len - off : PIECE_LEN;

        memset(piece, 0xFF, sizeof piece);
        for (uint32_t i = 0; i < piece_len; i++)
            piece[i] = (uint8_t)byte_at(lines, len - off - i);
        *crc = updraft_crc32(*crc, piece, piece_len);
        error = updraft_flash_prog(flash, addr + off, piece, updraft_round_up(piece_len, 4));
    }
    return error;
}

static enum updraft_error write_part(const struct updraft_last_lines *lines,
                                     const struct updraft_flash *flash, uint32_t addr,
                                     uint32_t part_len, uint8_t attempt)
{
    uint8_t head[UPDRAFT_NOTE_LINES_HEAD_LEN];
    uint32_t len = choose_len(lines, part_len - UPDRAFT_NOTE_LINES_HEAD_LEN);
    uint32_t crc;
    enum updraft_error error;

    updraft_note_lines_start((uint16_t)len, attempt, head);
    crc = updraft_crc32(0, head, UPDRAFT_NOTE_LINES_CRC_START);
    error = program_text(lines, flash, addr + sizeof head, len, &crc);
    if (error != UPDRAFT_OK)
        return error;
    updraft_note_lines_seal(head, crc);
    error = updraft_flash_prog(flash, addr, head, sizeof head);
    return error == UPDRAFT_OK ? updraft_flash_sync(flash) : error;
}

/* The part of a boot with so many marks. Marks that rotted may say more than were allowed. */
static uint32_t part_addr(const struct updraft_slot_record *record, uint8_t attempt)
{
    return record->addr + updraft_note_part_off(record->entry.trial.attempts_allowed, attempt);
}

enum updraft_error updraft_last_lines_save(const struct updraft_last_lines *lines,
                                           const struct updraft_slots *slots)
{
    struct updraft_slot_record record;
    const struct updraft_trial *trial = &record.entry.trial;
    enum updraft_error error = updraft_slots_find_trial(slots, &record);
    uint32_t part_len;
    bool blank;

    if (error != UPDRAFT_OK || record.slot == UPDRAFT_SLOT_NONE || !trial->present ||
        trial->attempts_used > trial->attempts_allowed || lines->len == 0)
        return error;
    part_len = updraft_note_part_len(trial->attempts_allowed);
    error = is_part_blank(slots->flash, part_addr(&record, trial->attempts_used), part_len, &blank);
    if (error != UPDRAFT_OK || !blank)
        return error;
    return write_part(lines, slots->flash, part_addr(&record, trial->attempts_used), part_len,
                      trial->attempts_used);
}

/* Text and CRC from the same read: after a power cut the next one might give something else. */
static enum updraft_error read_text(const struct updraft_flash *flash, uint32_t addr, uint32_t len,
                                    char *out, uint32_t cap, uint32_t *crc)
{
    uint8_t piece[PIECE_LEN];

    for (uint32_t off = 0; off < len; off += PIECE_LEN) {
        uint32_t piece_len = len - off < PIECE_LEN ? len - off : PIECE_LEN;
        enum updraft_error error = updraft_flash_read(flash, addr + off, piece, piece_len);

        if (error != UPDRAFT_OK)
            return error;
        *crc = updraft_crc32(*crc, piece, piece_len);
        if (off < cap)
            memcpy(out + off, piece, cap - off < piece_len ? cap - off : piece_len);
    }
    return UPDRAFT_OK;
}

enum updraft_error updraft_last_lines_read(const struct updraft_slots *slots, uint8_t attempt,
                                           char *out, uint32_t cap, uint32_t *len)
{
    const struct updraft_flash *flash = slots->flash;
    struct updraft_slot_record record;
    const struct updraft_trial *trial = &record.entry.trial;
    uint8_t head[UPDRAFT_NOTE_LINES_HEAD_LEN];
    uint16_t text_len;
    uint32_t addr;
    uint32_t want;
    uint32_t crc;
    enum updraft_error error = updraft_slots_find_failed(slots, &record);

    *len = 0;
    if (error != UPDRAFT_OK || record.slot == UPDRAFT_SLOT_NONE || !trial->present ||
        attempt > trial->attempts_allowed)
        return error;
    addr = part_addr(&record, attempt);
    error = updraft_flash_read(flash, addr, head, sizeof head);
    if (error != UPDRAFT_OK ||
        !updraft_note_lines_decode(head, updraft_note_part_len(trial->attempts_allowed), attempt,
                                   &text_len, &want))
        return error;
    crc = updraft_crc32(0, head, UPDRAFT_NOTE_LINES_CRC_START);
    error = read_text(flash, addr + (uint32_t)sizeof head, text_len, out, cap, &crc);
    if (error == UPDRAFT_OK && crc == want)
        *len = text_len;
    return error;
}
