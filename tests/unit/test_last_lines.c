/* What an image on trial leaves for the one that runs after its roll back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/slots/last_lines.h"
#include "format/chip.h"
#include "format/slot_notes.h"
#include "tests/rig/rig.h"

#include <stdio.h>
#include <string.h>

#define SLOT_LEN  0x10000u
#define IMAGE_LEN 9000u
#define PART_CAP  512u

struct fixture {
    struct rig rig;
    struct rig_image old;
    struct rig_image bad;
    struct updraft_last_lines lines;
    char ring[1024];
    char text[PART_CAP + 1];
    uint32_t len;
};

static void select_bad(struct fixture *f, uint8_t attempts)
{
    memcpy(f->rig.nor.bytes + 0x10000 + SLOT_LEN, f->bad.bytes, f->bad.len);
    assert_int_equal(updraft_slots_select(&f->rig.slots, 1, attempts), UPDRAFT_OK);
}

/* An old image and one on trial, not started yet. */
static void make(struct fixture *f, uint8_t attempts)
{
    memset(f, 0, sizeof *f);
    rig_image_make(&f->old, UPDRAFT_CHIP_ESP32, "1.0.0", IMAGE_LEN);
    rig_image_make(&f->bad, UPDRAFT_CHIP_ESP32, "1.1.0", IMAGE_LEN);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
    select_bad(f, attempts);
    updraft_last_lines_init(&f->lines, f->ring, sizeof f->ring);
}

static void release(struct fixture *f)
{
    assert_string_equal(f->rig.nor.violation, "");
    rig_free(&f->rig);
    rig_image_free(&f->old);
    rig_image_free(&f->bad);
}

static void save(struct fixture *f)
{
    assert_int_equal(updraft_last_lines_save(&f->lines, &f->rig.slots), UPDRAFT_OK);
}

static const char *read_lines(struct fixture *f, uint8_t attempt)
{
    assert_int_equal(updraft_last_lines_read(&f->rig.slots, attempt, f->text, PART_CAP, &f->len),
                     UPDRAFT_OK);
    f->text[f->len] = '\0';
    return f->text;
}

static void roll_back(struct fixture *f)
{
    assert_int_equal(updraft_slots_reject(&f->rig.slots, UPDRAFT_TRIAL_REASON_REJECTED),
                     UPDRAFT_OK);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
}

static void each_attempt_leaves_its_own_lines(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, 3);
    for (int i = 1; i <= 3; i++) {
        char line[32];

        assert_true(rig_boot(&f.rig, i == 1 ? UPDRAFT_RESET_SOFTWARE : UPDRAFT_RESET_CRASH));
        assert_true(f.rig.booted.on_trial);
        updraft_last_lines_init(&f.lines, f.ring, sizeof f.ring); /* RAM is gone */
        snprintf(line, sizeof line, "panic number %d", i);
        updraft_last_lines_add(&f.lines, "boot");
        updraft_last_lines_add(&f.lines, line);
        save(&f);
        assert_string_equal(read_lines(&f, (uint8_t)i), ""); /* not rolled back yet */
    }
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_CRASH));
    assert_int_equal(f.rig.booted.slot, 0);
    assert_string_equal(read_lines(&f, 0), "");
    assert_string_equal(read_lines(&f, 1), "boot\npanic number 1\n");
    assert_string_equal(read_lines(&f, 2), "boot\npanic number 2\n");
    assert_string_equal(read_lines(&f, 3), "boot\npanic number 3\n");
    assert_string_equal(read_lines(&f, 4), "");
    assert_string_equal(read_lines(&f, 255), "");
    release(&f);
}

static void the_newest_whole_lines_are_kept(void **state)
{
    struct fixture f;
    uint32_t room = updraft_note_part_len(3) - UPDRAFT_NOTE_LINES_HEAD_LEN;

    (void)state;
    make(&f, 3);
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_SOFTWARE));
    for (int i = 0; i < 500; i++) { /* the ring goes round as well */
        char line[32];

        snprintf(line, sizeof line, "line %d", i);
        updraft_last_lines_add(&f.lines, line);
    }
    save(&f);
    roll_back(&f);
    read_lines(&f, 1);
    assert_true(f.len <= room && f.len > room - 10);
    assert_memory_equal(f.text, "line ", 5);
    assert_string_equal(strstr(f.text, "line 498"), "line 498\nline 499\n");
    release(&f);
}

static void of_a_line_longer_than_the_room_the_end_is_kept(void **state)
{
    struct fixture f;
    uint32_t room = updraft_note_part_len(3) - UPDRAFT_NOTE_LINES_HEAD_LEN;
    char line[600];

    (void)state;
    make(&f, 3);
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_SOFTWARE));
    memset(line, 'x', sizeof line - 1);
    memcpy(line + sizeof line - 5, "end", 4);
    updraft_last_lines_add(&f.lines, line);
    save(&f);
    roll_back(&f);
    read_lines(&f, 1);
    assert_int_equal(f.len, room);
    assert_string_equal(f.text + room - 5, "xend\n");
    release(&f);
}

static void every_length_of_text_comes_back(void **state)
{
    (void)state;
    for (uint32_t len = 1; len <= 248; len++) {
        struct fixture f;
        char line[256];

        make(&f, 3);
        assert_true(rig_boot(&f.rig, UPDRAFT_RESET_SOFTWARE));
        memset(line, 'a', len - 1);
        line[len - 1] = '\0';
        updraft_last_lines_add(&f.lines, line);
        save(&f);
        roll_back(&f);
        read_lines(&f, 1);
        assert_int_equal(f.len, len);
        assert_memory_equal(f.text, line, len - 1);
        assert_int_equal(f.text[len - 1], '\n');
        release(&f);
    }
}

static void every_number_of_attempts_has_room_for_each(void **state)
{
    (void)state;
    for (uint8_t allowed = 1; allowed <= UPDRAFT_TRIAL_MARK_CAP; allowed++) {
        struct fixture f;

        make(&f, allowed);
        assert_true(rig_boot(&f.rig, UPDRAFT_RESET_POWER_ON)); /* the boot before the first mark */
        updraft_last_lines_add(&f.lines, "0");
        save(&f);
        for (int i = 1; i <= allowed; i++) {
            char line[8];

            assert_true(rig_boot(&f.rig, UPDRAFT_RESET_CRASH));
            snprintf(line, sizeof line, "%d", i);
            updraft_last_lines_init(&f.lines, f.ring, sizeof f.ring);
            updraft_last_lines_add(&f.lines, line);
            save(&f);
        }
        assert_true(rig_boot(&f.rig, UPDRAFT_RESET_CRASH));
        assert_int_equal(f.rig.booted.slot, 0);
        for (int i = 0; i <= allowed; i++) {
            char line[8];

            snprintf(line, sizeof line, "%d\n", i);
            assert_string_equal(read_lines(&f, (uint8_t)i), line);
        }
        release(&f);
    }
}

static void the_first_save_of_a_boot_stays(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, 3);
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_SOFTWARE));
    updraft_last_lines_add(&f.lines, "first");
    save(&f);
    updraft_last_lines_add(&f.lines, "second");
    updraft_nor_power_on(&f.rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    save(&f);
    assert_int_equal(f.rig.nor.counts.operations, 0);
    roll_back(&f);
    assert_string_equal(read_lines(&f, 1), "first\n");
    release(&f);
}

static void nothing_is_written_without_a_trial_and_without_lines(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, 3);
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_SOFTWARE));
    updraft_nor_power_on(&f.rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    save(&f);
    assert_int_equal(f.rig.nor.counts.operations, 0);
    updraft_last_lines_add(&f.lines, "all is well");
    assert_int_equal(updraft_slots_confirm(&f.rig.slots), UPDRAFT_OK);
    updraft_nor_power_on(&f.rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    save(&f);
    assert_int_equal(f.rig.nor.counts.operations, 0);
    release(&f);
}

/* At most eight programs of at most 64 bytes, and the head: what a panic handler can wait for. */
static void a_save_is_short_and_erases_nothing(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, 1);
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_SOFTWARE));
    for (int i = 0; i < 500; i++)
        updraft_last_lines_add(&f.lines, "a line");
    updraft_nor_power_on(&f.rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    save(&f);
    assert_true(f.rig.nor.counts.programs > 0 && f.rig.nor.counts.programs <= 9);
    assert_int_equal(f.rig.nor.counts.operations, f.rig.nor.counts.programs);
    release(&f);
}

static void every_single_bit_flip_of_saved_lines_loses_them_and_no_more(void **state)
{
    struct fixture f;
    uint32_t part = 0xD000u + UPDRAFT_NOTE_LINES_OFF + updraft_note_part_len(3);

    (void)state;
    make(&f, 3);
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_SOFTWARE));
    updraft_last_lines_add(&f.lines, "panic");
    save(&f);
    roll_back(&f);
    assert_string_equal(read_lines(&f, 1), "panic\n");
    for (uint32_t bit = 0; bit < 8u * updraft_note_part_len(3); bit++) {
        uint8_t *byte = f.rig.nor.bytes + part + bit / 8u;
        bool is_used = bit < 8u * (UPDRAFT_NOTE_LINES_HEAD_LEN + 6u);

        *byte ^= (uint8_t)(1u << bit % 8u);
        assert_string_equal(read_lines(&f, 1), is_used ? "" : "panic\n");
        *byte ^= (uint8_t)(1u << bit % 8u);
    }
    release(&f);
}

static void a_small_buffer_gets_the_start_and_the_length(void **state)
{
    struct fixture f;
    char small[4] = "....";

    (void)state;
    make(&f, 3);
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_SOFTWARE));
    updraft_last_lines_add(&f.lines, "panic");
    save(&f);
    roll_back(&f);
    assert_int_equal(updraft_last_lines_read(&f.rig.slots, 1, small, 3, &f.len), UPDRAFT_OK);
    assert_int_equal(f.len, 6);
    assert_memory_equal(small, "pan.", 4);
    release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_attempt_leaves_its_own_lines),
        cmocka_unit_test(the_newest_whole_lines_are_kept),
        cmocka_unit_test(of_a_line_longer_than_the_room_the_end_is_kept),
        cmocka_unit_test(every_length_of_text_comes_back),
        cmocka_unit_test(every_number_of_attempts_has_room_for_each),
        cmocka_unit_test(the_first_save_of_a_boot_stays),
        cmocka_unit_test(nothing_is_written_without_a_trial_and_without_lines),
        cmocka_unit_test(a_save_is_short_and_erases_nothing),
        cmocka_unit_test(every_single_bit_flip_of_saved_lines_loses_them_and_no_more),
        cmocka_unit_test(a_small_buffer_gets_the_start_and_the_length),
    };

    return cmocka_run_group_tests_name("last_lines", tests, NULL, NULL);
}
