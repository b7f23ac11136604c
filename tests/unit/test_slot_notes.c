/* The codecs of the notes behind an otadata entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/bytes.h"
#include "format/crc.h"
#include "format/otadata.h"
#include "format/slot_notes.h"

#include <string.h>

static struct updraft_note_program make_program(void)
{
    struct updraft_note_program program = {.trial = 7};

    for (uint32_t i = 0; i < UPDRAFT_SHA256_LEN; i++)
        program.sha256[i] = (uint8_t)(0xA0 + i);
    return program;
}

static void make_place(uint8_t place[UPDRAFT_NOTE_PROGRAM_LEN])
{
    struct updraft_note_program program = make_program();

    memset(place, 0xFF, UPDRAFT_NOTE_PROGRAM_LEN);
    updraft_note_program_encode(&program, place);
}

static void a_program_note_comes_back_as_it_was_written(void **state)
{
    struct updraft_note_program program = make_program();
    struct updraft_note_program back;
    uint8_t place[UPDRAFT_NOTE_PROGRAM_LEN];

    (void)state;
    make_place(place);
    assert_int_equal(updraft_note_program_decode(place, &back), UPDRAFT_NOTE_STANDS);
    assert_memory_equal(back.sha256, program.sha256, sizeof program.sha256);
    assert_int_equal(back.trial, 7);
    assert_int_equal(updraft_get_le32(place + 36), updraft_crc32(0, place, 36));
    assert_int_equal(updraft_get_le32(place + UPDRAFT_NOTE_CLEARED_OFF), 0xFFFFFFFF);
}

static void an_erased_place_is_blank(void **state)
{
    struct updraft_note_program program;
    uint8_t place[UPDRAFT_NOTE_PROGRAM_LEN];

    (void)state;
    memset(place, 0xFF, sizeof place);
    assert_int_equal(updraft_note_program_decode(place, &program), UPDRAFT_NOTE_BLANK);
}

static void every_single_bit_flip_of_a_program_note_ends_it(void **state)
{
    (void)state;
    for (uint32_t bit = 0; bit < 8u * UPDRAFT_NOTE_PROGRAM_LEN; bit++) {
        struct updraft_note_program program;
        uint8_t place[UPDRAFT_NOTE_PROGRAM_LEN];

        make_place(place);
        place[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
        assert_int_equal(updraft_note_program_decode(place, &program),
                         bit < 8u * UPDRAFT_NOTE_CLEARED_OFF ? UPDRAFT_NOTE_TORN
                                                             : UPDRAFT_NOTE_CLEARED);
    }
}

/* Programming clears bits from the first byte on; cut anywhere it is no note, and no blank place. */
static void a_program_note_that_was_cut_short_is_none(void **state)
{
    (void)state;
    for (uint32_t len = 1; len < UPDRAFT_NOTE_CLEARED_OFF; len++) {
        struct updraft_note_program program;
        uint8_t place[UPDRAFT_NOTE_PROGRAM_LEN];

        make_place(place);
        memset(place + len, 0xFF, sizeof place - len);
        assert_int_equal(updraft_note_program_decode(place, &program), UPDRAFT_NOTE_TORN);
    }
}

static void parts_of_the_last_lines_are_apart_and_within_the_sector(void **state)
{
    (void)state;
    for (uint8_t allowed = 1; allowed <= UPDRAFT_TRIAL_MARK_CAP; allowed++) {
        uint32_t len = updraft_note_part_len(allowed);
        uint32_t end = UPDRAFT_NOTE_LINES_OFF;

        assert_int_equal(len % 4, 0);
        assert_true(len > UPDRAFT_NOTE_LINES_HEAD_LEN + 40);
        for (uint8_t attempt = 0; attempt <= allowed; attempt++) {
            assert_int_equal(updraft_note_part_off(allowed, attempt), end);
            end += len;
        }
        assert_true(end <= UPDRAFT_OTADATA_SECTOR_LEN);
    }
    assert_int_equal(updraft_note_part_len(3), 256);
}

static void a_head_of_lines_is_taken_for_its_own_part_only(void **state)
{
    uint8_t head[UPDRAFT_NOTE_LINES_HEAD_LEN];
    uint16_t len;
    uint32_t crc;

    (void)state;
    updraft_note_lines_start(100, 2, head);
    updraft_note_lines_seal(head, 0x12345678);
    assert_true(updraft_note_lines_decode(head, 256, 2, &len, &crc));
    assert_int_equal(len, 100);
    assert_int_equal(crc, 0x12345678);
    assert_false(updraft_note_lines_decode(head, 256, 1, &len, &crc));
    assert_true(updraft_note_lines_decode(head, 108, 2, &len, &crc));
    assert_false(updraft_note_lines_decode(head, 107, 2, &len, &crc));
    memset(head, 0xFF, sizeof head);
    assert_false(updraft_note_lines_decode(head, 256, 2, &len, &crc));
    updraft_note_lines_start(0, 2, head);
    assert_false(updraft_note_lines_decode(head, 256, 2, &len, &crc));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_note_comes_back_as_it_was_written),
        cmocka_unit_test(an_erased_place_is_blank),
        cmocka_unit_test(every_single_bit_flip_of_a_program_note_ends_it),
        cmocka_unit_test(a_program_note_that_was_cut_short_is_none),
        cmocka_unit_test(parts_of_the_last_lines_are_apart_and_within_the_sector),
        cmocka_unit_test(a_head_of_lines_is_taken_for_its_own_part_only),
    };

    return cmocka_run_group_tests_name("slot_notes", tests, NULL, NULL);
}
