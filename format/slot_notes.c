#include "format/slot_notes.h"

#include "format/assert.h"
#include "format/bytes.h"
#include "format/crc.h"
#include "format/otadata.h"
#include "format/progress.h"

#include <string.h>

#define ERASED      0xFFFFFFFFu
#define LEN_OFF     0u
#define ATTEMPT_OFF 2u

#define TRIAL_OFF UPDRAFT_SHA256_LEN
#define CRC_OFF   (TRIAL_OFF + 4u)

_Static_assert(UPDRAFT_NOTE_PROGRAMS_OFF >= UPDRAFT_OTADATA_READ_LEN, "behind the trial log");
_Static_assert(UPDRAFT_NOTE_PROGRAMS_OFF + UPDRAFT_NOTE_PROGRAM_CAP * UPDRAFT_NOTE_PROGRAM_LEN <=
                   UPDRAFT_PROGRESS_DISTRUST_OFF,
               "the programs end where the progress of an update begins");
_Static_assert(UPDRAFT_NOTE_CLEARED_OFF == CRC_OFF + 4u &&
                   UPDRAFT_NOTE_PROGRAM_LEN == UPDRAFT_NOTE_CLEARED_OFF + 4u,
               "digest, trial, CRC, cleared word");
_Static_assert(UPDRAFT_NOTE_LINES_OFF + UPDRAFT_NOTE_LINES_LEN == UPDRAFT_OTADATA_SECTOR_LEN,
               "the lines end the sector");
_Static_assert(UPDRAFT_NOTE_LINES_OFF >= UPDRAFT_PROGRESS_LOG_END_OFF, "behind the progress");

static bool is_blank(const uint8_t *bytes, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        if (bytes[i] != 0xFF)
            return false;
    }
    return true;
}

void updraft_note_program_encode(const struct updraft_note_program *program,
                                 uint8_t out[UPDRAFT_NOTE_CLEARED_OFF])
{
    memcpy(out, program->sha256, UPDRAFT_SHA256_LEN);
    updraft_put_le32(out + TRIAL_OFF, program->trial);
    updraft_put_le32(out + CRC_OFF, updraft_crc32(0, out, CRC_OFF));
}

enum updraft_note_state updraft_note_program_decode(const uint8_t place[UPDRAFT_NOTE_PROGRAM_LEN],
                                                    struct updraft_note_program *program)
{
    if (is_blank(place, UPDRAFT_NOTE_PROGRAM_LEN))
        return UPDRAFT_NOTE_BLANK;
    if (updraft_get_le32(place + CRC_OFF) != updraft_crc32(0, place, CRC_OFF))
        return UPDRAFT_NOTE_TORN;
    memcpy(program->sha256, place, UPDRAFT_SHA256_LEN);
    program->trial = updraft_get_le32(place + TRIAL_OFF);
    return updraft_get_le32(place + UPDRAFT_NOTE_CLEARED_OFF) == ERASED ? UPDRAFT_NOTE_STANDS
                                                                        : UPDRAFT_NOTE_CLEARED;
}

uint32_t updraft_note_part_len(uint8_t attempts_allowed)
{
    UPDRAFT_ASSERT(attempts_allowed >= 1u && attempts_allowed <= UPDRAFT_TRIAL_MARK_CAP);
    return UPDRAFT_NOTE_LINES_LEN / (attempts_allowed + 1u) & ~3u;
}

uint32_t updraft_note_part_off(uint8_t attempts_allowed, uint8_t attempt)
{
    UPDRAFT_ASSERT(attempt <= attempts_allowed);
    return UPDRAFT_NOTE_LINES_OFF + attempt * updraft_note_part_len(attempts_allowed);
}

void updraft_note_lines_start(uint16_t text_len, uint8_t attempt,
                              uint8_t head[UPDRAFT_NOTE_LINES_HEAD_LEN])
{
    memset(head, 0xFF, UPDRAFT_NOTE_LINES_HEAD_LEN);
    updraft_put_le16(head + LEN_OFF, text_len);
    head[ATTEMPT_OFF] = attempt;
}

void updraft_note_lines_seal(uint8_t head[UPDRAFT_NOTE_LINES_HEAD_LEN], uint32_t crc)
{
    updraft_put_le32(head + UPDRAFT_NOTE_LINES_CRC_START, crc);
}

bool updraft_note_lines_decode(const uint8_t head[UPDRAFT_NOTE_LINES_HEAD_LEN], uint32_t part_len,
                               uint8_t attempt, uint16_t *text_len, uint32_t *crc)
{
    uint16_t len = updraft_get_le16(head + LEN_OFF);

    if (len == 0 || len > part_len - UPDRAFT_NOTE_LINES_HEAD_LEN || head[ATTEMPT_OFF] != attempt)
        return false;
    *text_len = len;
    *crc = updraft_get_le32(head + UPDRAFT_NOTE_LINES_CRC_START);
    return true;
}
