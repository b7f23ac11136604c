#include "device/slots/refused.h"

#include "device/flash/access.h"

#include <string.h>

#define SECTOR_COUNT 2
#define OWN_PLACE    0u
#define LIST_START   1u

_Static_assert(UPDRAFT_NOTE_CLEARED_OFF % 4u == 0 && UPDRAFT_NOTE_PROGRAM_LEN % 4u == 0,
               "notes are programmed in units of every flash");

static uint32_t place_addr(const struct updraft_slots *slots, int idx, uint32_t place)
{
    return updraft_layout_entry_addr(&slots->layout, idx) + UPDRAFT_NOTE_PROGRAMS_OFF +
           place * UPDRAFT_NOTE_PROGRAM_LEN;
}

static enum updraft_error read_place(const struct updraft_slots *slots, int idx, uint32_t place,
                                     enum updraft_note_state *state,
                                     struct updraft_note_program *program)
{
    const struct updraft_flash *flash = slots->flash;
    uint8_t bytes[UPDRAFT_NOTE_PROGRAM_LEN];
    enum updraft_error error =
        updraft_flash_read(flash, place_addr(slots, idx, place), bytes, sizeof bytes);

    if (error == UPDRAFT_OK)
        *state = updraft_note_program_decode(bytes, program);
    return error;
}

/* A note that does not read back as it was written is torn, and is none. */
static enum updraft_error write_place(const struct updraft_slots *slots, int idx, uint32_t place,
                                      const struct updraft_note_program *program)
{
    uint8_t bytes[UPDRAFT_NOTE_CLEARED_OFF];

    updraft_note_program_encode(program, bytes);
    return updraft_flash_write(slots->flash, place_addr(slots, idx, place), bytes, sizeof bytes);
}

static bool is_same(const struct updraft_note_program *program, const uint8_t *sha256)
{
    return memcmp(program->sha256, sha256, UPDRAFT_SHA256_LEN) == 0;
}

static int find(const struct updraft_refused *refused, const uint8_t *sha256)
{
    for (int i = 0; i < refused->count; i++) {
        if (is_same(&refused->programs[i], sha256))
            return i;
    }
    return -1;
}

/* At its place in the order; without room the oldest gives way. */
static void add(struct updraft_refused *refused, const struct updraft_note_program *program)
{
    int known = find(refused, program->sha256);
    uint32_t at;

    if (known >= 0) {
        if (program->trial <= refused->programs[known].trial)
            return;
        refused->count--;
        memmove(&refused->programs[known], &refused->programs[known + 1],
                (size_t)(refused->count - known) * sizeof refused->programs[0]);
    }
    for (at = 0; at < refused->count && refused->programs[at].trial > program->trial;)
        at++;
    if (at == UPDRAFT_REFUSED_CAP)
        return;
    if (refused->count < UPDRAFT_REFUSED_CAP)
        refused->count++;
    memmove(&refused->programs[at + 1u], &refused->programs[at],
            (refused->count - at - 1u) * sizeof refused->programs[0]);
    refused->programs[at] = *program;
}

enum updraft_error updraft_slots_refused(const struct updraft_slots *slots,
                                         struct updraft_refused *refused)
{
    struct updraft_otadata_entry entries[SECTOR_COUNT];
    enum updraft_error error = updraft_slots_entries(slots, entries);

    refused->count = 0;
    for (int idx = 0; idx < SECTOR_COUNT; idx++) {
        for (uint32_t place = OWN_PLACE; place < UPDRAFT_NOTE_PROGRAM_CAP; place++) {
            struct updraft_note_program program;
            enum updraft_note_state state;

            if (error == UPDRAFT_OK)
                error = read_place(slots, idx, place, &state, &program);
            if (error != UPDRAFT_OK)
                return error;
            if (state == UPDRAFT_NOTE_STANDS &&
                (place != OWN_PLACE || updraft_slots_has_failed(&entries[idx])))
                add(refused, &program);
        }
    }
    return UPDRAFT_OK;
}

/* Into the first place of a list that takes it, unless the list has it. A list without room stays as
 * it is. */
static enum updraft_error add_to_list(const struct updraft_slots *slots, int idx,
                                      const struct updraft_note_program *program)
{
    uint32_t free_places = 0; /* bit i: place i is blank */

    for (uint32_t place = LIST_START; place < UPDRAFT_NOTE_PROGRAM_CAP; place++) {
        struct updraft_note_program there;
        enum updraft_note_state state;
        enum updraft_error error = read_place(slots, idx, place, &state, &there);

        if (error != UPDRAFT_OK)
            return error;
        if (state == UPDRAFT_NOTE_STANDS && is_same(&there, program->sha256))
            return UPDRAFT_OK;
        if (state == UPDRAFT_NOTE_BLANK)
            free_places |= 1u << place;
    }
    for (uint32_t place = LIST_START; place < UPDRAFT_NOTE_PROGRAM_CAP; place++) {
        enum updraft_error error = UPDRAFT_E_FLASH_VERIFY;

        if ((free_places & 1u << place) != 0)
            error = write_place(slots, idx, place, program);
        if (error != UPDRAFT_E_FLASH_VERIFY) /* torn: the next place */
            return error;
    }
    return UPDRAFT_OK;
}

/* A list that cannot be written does not keep a device from being updated. The newest go first: they
 * are what a list without room should have. */
static void add_all(const struct updraft_slots *slots, int idx,
                    const struct updraft_refused *refused)
{
    for (uint8_t i = 0; i < refused->count; i++)
        (void)!add_to_list(slots, idx, &refused->programs[i]);
}

static enum updraft_error erase(const struct updraft_slots *slots, int idx, int whole,
                                enum updraft_error (*erase_sector)(const struct updraft_slots *,
                                                                   int, int))
{
    struct updraft_refused refused;
    enum updraft_error error;

    /* What cannot be read is lost with the sector, which has to go all the same. */
    if (updraft_slots_refused(slots, &refused) != UPDRAFT_OK)
        refused.count = 0;
    add_all(slots, 1 - idx, &refused);
    error = erase_sector(slots, idx, whole);
    if (error == UPDRAFT_OK)
        add_all(slots, idx, &refused);
    return error;
}

/* One more than any that is noted, whatever became of it. */
static enum updraft_error next_trial(const struct updraft_slots *slots, uint32_t *trial)
{
    *trial = 1;
    for (int idx = 0; idx < SECTOR_COUNT; idx++) {
        for (uint32_t place = OWN_PLACE; place < UPDRAFT_NOTE_PROGRAM_CAP; place++) {
            struct updraft_note_program program;
            enum updraft_note_state state;
            enum updraft_error error = read_place(slots, idx, place, &state, &program);

            if (error != UPDRAFT_OK)
                return error;
            if ((state == UPDRAFT_NOTE_STANDS || state == UPDRAFT_NOTE_CLEARED) &&
                program.trial >= *trial)
                *trial = program.trial + 1u;
        }
    }
    return UPDRAFT_OK;
}

static enum updraft_error note_own(const struct updraft_slots *slots, int idx,
                                   const uint8_t *sha256)
{
    struct updraft_note_program program;
    enum updraft_error error;

    memcpy(program.sha256, sha256, sizeof program.sha256);
    error = next_trial(slots, &program.trial);
    return error == UPDRAFT_OK ? write_place(slots, idx, OWN_PLACE, &program) : error;
}

static bool refuses(const struct updraft_slots *slots, const uint8_t *sha256)
{
    struct updraft_refused refused;

    return updraft_slots_refused(slots, &refused) == UPDRAFT_OK && find(&refused, sha256) >= 0;
}

static enum updraft_error clear_place(const struct updraft_slots *slots, int idx, uint32_t place,
                                      const uint8_t *sha256)
{
    struct updraft_note_program program;
    enum updraft_note_state state;
    enum updraft_error error = read_place(slots, idx, place, &state, &program);

    if (error != UPDRAFT_OK || state != UPDRAFT_NOTE_STANDS ||
        (sha256 != NULL && !is_same(&program, sha256)))
        return error;
    return updraft_flash_clear(slots->flash,
                               place_addr(slots, idx, place) + UPDRAFT_NOTE_CLEARED_OFF, 0);
}

enum updraft_error updraft_slots_clear_refused(const struct updraft_slots *slots,
                                               const uint8_t *sha256)
{
    struct updraft_otadata_entry entries[SECTOR_COUNT];
    enum updraft_error error = updraft_slots_entries(slots, entries);

    for (int idx = 0; idx < SECTOR_COUNT; idx++) {
        for (uint32_t place = OWN_PLACE; place < UPDRAFT_NOTE_PROGRAM_CAP; place++) {
            if (error != UPDRAFT_OK)
                return error;
            /* The program of an entry that has not failed is refused by nobody, and may fail yet. */
            if (place != OWN_PLACE || updraft_slots_has_failed(&entries[idx]))
                error = clear_place(slots, idx, place, sha256);
        }
    }
    return error;
}

void updraft_slots_remember(struct updraft_slots *slots)
{
    static const struct updraft_slot_memory memory = {
        .erase = erase, .note = note_own, .refuses = refuses};

    slots->memory = &memory;
}
