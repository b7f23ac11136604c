/* The notes behind the entries of the boot record, with any bytes in them: the codecs, and what reads,
 * adds, carries and clears the notes on a flash that refuses what flash cannot do. */
#include "device/slots/last_lines.h"
#include "device/slots/refused.h"
#include "format/slot_notes.h"
#include "ports/posix/nor.h"

#include <stdlib.h>
#include <string.h>

#define RECORD    0x1000u
#define FLASH_LEN 0x10000u
#define TEXT_CAP  512u

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_program(const uint8_t place[UPDRAFT_NOTE_PROGRAM_LEN])
{
    struct updraft_note_program program;
    uint8_t encoded[UPDRAFT_NOTE_CLEARED_OFF];
    enum updraft_note_state state = updraft_note_program_decode(place, &program);

    if (state != UPDRAFT_NOTE_STANDS && state != UPDRAFT_NOTE_CLEARED)
        return;
    updraft_note_program_encode(&program, encoded);
    check(memcmp(encoded, place, sizeof encoded) == 0);
}

static bool holds(const struct updraft_refused *refused, const uint8_t *sha256)
{
    for (uint8_t i = 0; i < refused->count; i++) {
        if (memcmp(refused->programs[i].sha256, sha256, UPDRAFT_SHA256_LEN) == 0)
            return true;
    }
    return false;
}

static struct updraft_refused read_refused(const struct updraft_slots *slots)
{
    struct updraft_refused refused;

    check(updraft_slots_refused(slots, &refused) == UPDRAFT_OK);
    check(refused.count <= UPDRAFT_REFUSED_CAP);
    for (uint8_t i = 1; i < refused.count; i++)
        check(refused.programs[i - 1].trial >= refused.programs[i].trial);
    return refused;
}

static void check_lines(const struct updraft_slots *slots)
{
    for (unsigned attempt = 0; attempt <= 255; attempt++) {
        char text[TEXT_CAP];
        uint32_t len;

        check(updraft_last_lines_read(slots, (uint8_t)attempt, text, sizeof text, &len) ==
              UPDRAFT_OK);
        check(len < TEXT_CAP);
    }
}

static enum updraft_error erase_sector(const struct updraft_slots *slots, int idx, int whole)
{
    (void)whole;
    return slots->flash->erase(slots->flash->ctx, updraft_layout_entry_addr(&slots->layout, idx),
                               UPDRAFT_OTADATA_SECTOR_LEN);
}

/* Erasing a sector must lose none of what is refused, and clearing all must leave none. */
static void live(struct updraft_nor *nor, struct updraft_slots *slots, int idx)
{
    struct updraft_last_lines lines;
    struct updraft_refused before = read_refused(slots);
    struct updraft_refused after;
    char ring[64];

    check_lines(slots);
    updraft_last_lines_init(&lines, ring, sizeof ring);
    updraft_last_lines_add(&lines, "a line");
    check(updraft_last_lines_save(&lines, slots) == UPDRAFT_OK);
    check(slots->memory->erase(slots, idx, UPDRAFT_SLOT_NONE, erase_sector) == UPDRAFT_OK);
    after = read_refused(slots);
    check(after.count >= before.count);
    for (uint8_t i = 0; i < before.count; i++)
        check(holds(&after, before.programs[i].sha256));
    check(updraft_slots_clear_refused(slots, NULL) == UPDRAFT_OK);
    check(read_refused(slots).count == 0);
    check(nor->violation[0] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Byte 0: which sector is erased, and how many slots there are; then places and bytes for them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct updraft_nor_options options = {.size = FLASH_LEN};
    struct updraft_slots slots = {.running = 0, .layout = {.otadata = {RECORD, 0x2000}}};
    struct updraft_nor nor;
    char why[128];

    if (len < 1)
        return 0;
    check(updraft_nor_open(&nor, NULL, &options, why, sizeof why));
    slots.flash = &nor.flash;
    slots.layout.ota_count = (uint8_t)(1 + data[0] / 2 % 16);
    updraft_slots_remember(&slots);
    for (size_t at = 1; at + 4 <= len;) {
        uint32_t off = ((uint32_t)data[at] << 8 | data[at + 1]) % 0x2000u;
        size_t count = data[at + 2];
        size_t left = len - at - 3;

        count = count < left ? count : left;
        count = count < 0x2000u - off ? count : 0x2000u - off;
        memcpy(nor.bytes + RECORD + off, data + at + 3, count);
        at += 3 + count;
    }
    for (int idx = 0; idx < 2; idx++) { /* the CRCs, or no input would ever get past them */
        for (uint32_t place = 0; place < UPDRAFT_NOTE_PROGRAM_CAP; place++) {
            uint8_t *bytes = nor.bytes + RECORD + (uint32_t)idx * 0x1000u +
                             UPDRAFT_NOTE_PROGRAMS_OFF + place * UPDRAFT_NOTE_PROGRAM_LEN;
            struct updraft_note_program program;

            check_program(bytes);
            if (bytes[36] != 0)
                continue;
            memcpy(program.sha256, bytes, sizeof program.sha256);
            program.trial = bytes[32];
            updraft_note_program_encode(&program, bytes);
        }
    }
    live(&nor, &slots, data[0] & 1);
    updraft_nor_close(&nor);
    return 0;
}
