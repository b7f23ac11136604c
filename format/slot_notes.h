/* What the application notes behind an otadata entry, in the part of its sector that the boot stage
 * does not read. Two kinds of notes, and both only ever clear bits of an erased sector:
 *
 *   0x100  five programs, 44 bytes each. The first is the one in the slot that the entry names; the
 *          others are refused ones, which outlive the sectors they failed in.
 *             0  SHA-256 of the program     32  number of its trial on this device, ascending
 *             36  CRC-32 of 0..35           40  cleared word
 *          The cleared word is erased while the note stands; any other value takes it back, so a torn
 *          one counts.
 *   0xC00  the last lines of the image, 1 KB in equal parts: one for each crash reset that the trial
 *          allows, and one before the first. Part n belongs to the boot with n crash marks.
 *             0  length of the text, 2 bytes    2  n    3  FF    4  CRC-32 of 0..3 and the text
 *             8  text; programmed before the eight bytes in front of it
 *
 * A note whose CRC does not fit is torn, and is none.
 *
 * Owns: bytes <-> values. Does not touch flash. The sector's other parts: format/otadata.h. */
#ifndef UPDRAFT_FORMAT_SLOT_NOTES_H
#define UPDRAFT_FORMAT_SLOT_NOTES_H

#include "format/digest.h"

#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_NOTE_PROGRAMS_OFF 0x100u
#define UPDRAFT_NOTE_PROGRAM_CAP  5u  /* places: the image's own, and the refused ones */
#define UPDRAFT_NOTE_PROGRAM_LEN  44u /* of a place */
#define UPDRAFT_NOTE_CLEARED_OFF  40u /* in a place; what is written at once is before it */

#define UPDRAFT_NOTE_LINES_OFF       0xC00u
#define UPDRAFT_NOTE_LINES_LEN       0x400u
#define UPDRAFT_NOTE_LINES_HEAD_LEN  8u
#define UPDRAFT_NOTE_LINES_CRC_START 4u /* the first bytes of the head are covered by its CRC */

enum updraft_note_state {
    UPDRAFT_NOTE_BLANK, /* erased: may be programmed */
    UPDRAFT_NOTE_STANDS,
    UPDRAFT_NOTE_CLEARED,
    UPDRAFT_NOTE_TORN, /* neither; of no use until the sector is erased */
};

struct updraft_note_program {
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    uint32_t trial;
};

/* What is programmed for a program: all of a place but the cleared word. */
void updraft_note_program_encode(const struct updraft_note_program *program,
                                 uint8_t out[UPDRAFT_NOTE_CLEARED_OFF]);
/* *program is filled for STANDS and CLEARED only. */
enum updraft_note_state updraft_note_program_decode(const uint8_t place[UPDRAFT_NOTE_PROGRAM_LEN],
                                                    struct updraft_note_program *program);

/* Length and place of a part; attempts_allowed 1..16, attempt 0..attempts_allowed. Multiples of 4. */
uint32_t updraft_note_part_len(uint8_t attempts_allowed);
uint32_t updraft_note_part_off(uint8_t attempts_allowed, uint8_t attempt);

/* The head of a part. Its CRC is made of the first four bytes and then of the text, by the caller,
 * who may have the text in pieces only. */
void updraft_note_lines_start(uint16_t text_len, uint8_t attempt,
                              uint8_t head[UPDRAFT_NOTE_LINES_HEAD_LEN]);
void updraft_note_lines_seal(uint8_t head[UPDRAFT_NOTE_LINES_HEAD_LEN], uint32_t crc);
/* Whether a head can be one of the given part, and its CRC. */
bool updraft_note_lines_decode(const uint8_t head[UPDRAFT_NOTE_LINES_HEAD_LEN], uint32_t part_len,
                               uint8_t attempt, uint16_t *text_len, uint32_t *crc);

#endif
