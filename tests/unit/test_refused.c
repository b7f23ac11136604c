/* Programs that failed are refused until someone takes that back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/slots/refused.h"
#include "format/chip.h"
#include "format/progress.h"
#include "tests/rig/rig.h"

#include <stdio.h>
#include <string.h>

#define SLOT_LEN  0x10000u
#define IMAGE_LEN 9000u
#define RECORD    0xD000u

struct fixture {
    struct rig rig;
    struct rig_image old;
    struct rig_image bad;
    struct rig_image good;
};

static void make(struct fixture *f)
{
    rig_image_make(&f->old, UPDRAFT_CHIP_ESP32, "1.0.0", IMAGE_LEN);
    rig_image_make(&f->bad, UPDRAFT_CHIP_ESP32, "1.1.0", IMAGE_LEN);
    rig_image_make(&f->good, UPDRAFT_CHIP_ESP32, "1.2.0", IMAGE_LEN);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
}

static void release(struct fixture *f)
{
    assert_string_equal(f->rig.nor.violation, "");
    rig_free(&f->rig);
    rig_image_free(&f->old);
    rig_image_free(&f->bad);
    rig_image_free(&f->good);
}

static enum updraft_error offer(struct fixture *f, const struct rig_image *image)
{
    return rig_update(&f->rig, image->bytes, image->len, 1460);
}

/* The image is taken, starts, and declares itself bad. */
static void let_fail(struct fixture *f, const struct rig_image *image)
{
    assert_int_equal(offer(f, image), UPDRAFT_OK);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_true(f->rig.booted.on_trial);
    assert_int_equal(updraft_slots_reject(&f->rig.slots, UPDRAFT_TRIAL_REASON_REJECTED),
                     UPDRAFT_OK);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_false(f->rig.booted.on_trial);
}

static void let_succeed(struct fixture *f, const struct rig_image *image)
{
    assert_int_equal(offer(f, image), UPDRAFT_OK);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_int_equal(updraft_slots_confirm(&f->rig.slots), UPDRAFT_OK);
}

/* The same program as `version` in an image of its own length. */
static void make_version(struct rig_image *image, int number)
{
    char version[16];

    snprintf(version, sizeof version, "2.0.%d", number);
    rig_image_make(image, UPDRAFT_CHIP_ESP32, version, IMAGE_LEN);
}

static struct updraft_refused refused(const struct fixture *f)
{
    struct updraft_refused list;

    assert_int_equal(updraft_slots_refused(&f->rig.slots, &list), UPDRAFT_OK);
    return list;
}

static const uint8_t *program_of(const struct rig_image *image)
{
    return image->bytes + UPDRAFT_APPDESC_OFF + 144;
}

static void a_program_that_failed_is_refused_before_anything_is_erased(void **state)
{
    struct fixture f;

    (void)state;
    make(&f);
    assert_int_equal(refused(&f).count, 0);
    let_fail(&f, &f.bad);
    assert_int_equal(refused(&f).count, 1);
    assert_memory_equal(refused(&f).programs[0].sha256, program_of(&f.bad), 32);
    updraft_nor_power_on(&f.rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    assert_int_equal(offer(&f, &f.bad), UPDRAFT_E_FAILED_BEFORE);
    assert_int_equal(f.rig.nor.counts.operations, 0);
    release(&f);
}

/* The same ELF file, packed another time: another header, another image digest. */
static void the_same_program_in_another_image_is_refused_too(void **state)
{
    struct fixture f;
    struct updraft_update_request request;

    (void)state;
    make(&f);
    let_fail(&f, &f.bad);
    request = (struct updraft_update_request){.wire_len = f.bad.len};
    f.bad.bytes[2] ^= 1; /* the flash mode */
    assert_int_equal(updraft_update_begin(&f.rig.update, &request, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f.rig.update, f.bad.bytes, 4096),
                     UPDRAFT_E_FAILED_BEFORE);
    release(&f);
}

static void force_goes_past_a_refusal(void **state)
{
    struct fixture f;
    struct updraft_update_request request;

    (void)state;
    make(&f);
    let_fail(&f, &f.bad);
    request = (struct updraft_update_request){.wire_len = f.bad.len, .force = true};
    assert_int_equal(updraft_update_begin(&f.rig.update, &request, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f.rig.update, f.bad.bytes, f.bad.len), UPDRAFT_OK);
    assert_int_equal(updraft_update_finish(&f.rig.update), UPDRAFT_OK);
    release(&f);
}

static void a_refusal_outlives_slot_and_sector(void **state)
{
    struct fixture f;

    (void)state;
    make(&f);
    let_fail(&f, &f.bad);
    for (int i = 0; i < 6; i++) { /* both slots and both sectors are used again, several times */
        struct rig_image image;

        make_version(&image, i);
        let_succeed(&f, &image);
        assert_int_equal(refused(&f).count, 1);
        assert_int_equal(offer(&f, &f.bad), UPDRAFT_E_FAILED_BEFORE);
        rig_image_free(&image);
    }
    release(&f);
}

static void of_more_than_fit_the_oldest_is_forgotten(void **state)
{
    struct rig_image images[UPDRAFT_REFUSED_CAP + 3];
    int count = (int)(sizeof images / sizeof images[0]);
    struct fixture f;

    (void)state;
    make(&f);
    for (int i = 0; i < count; i++) {
        make_version(&images[i], i);
        let_fail(&f, &images[i]);
    }
    let_succeed(&f, &f.good); /* the newest is in the lists only now */
    assert_int_equal(refused(&f).count, UPDRAFT_REFUSED_CAP);
    for (int i = 0; i < count; i++) {
        bool is_old = i < count - (int)UPDRAFT_REFUSED_CAP;

        if (!is_old) {
            assert_memory_equal(refused(&f).programs[count - 1 - i].sha256, program_of(&images[i]),
                                32);
            assert_int_equal(offer(&f, &images[i]), UPDRAFT_E_FAILED_BEFORE);
        }
    }
    assert_int_equal(offer(&f, &images[0]), UPDRAFT_OK);
    for (int i = 0; i < count; i++)
        rig_image_free(&images[i]);
    release(&f);
}

static void one_refusal_is_taken_back_and_the_others_stay(void **state)
{
    struct fixture f;
    struct rig_image third;

    (void)state;
    make(&f);
    make_version(&third, 3);
    let_fail(&f, &f.bad);
    let_fail(&f, &third);
    assert_int_equal(refused(&f).count, 2);
    assert_int_equal(updraft_slots_clear_refused(&f.rig.slots, program_of(&f.bad)), UPDRAFT_OK);
    assert_int_equal(refused(&f).count, 1);
    assert_memory_equal(refused(&f).programs[0].sha256, program_of(&third), 32);
    assert_int_equal(offer(&f, &third), UPDRAFT_E_FAILED_BEFORE);
    assert_int_equal(offer(&f, &f.bad), UPDRAFT_OK);
    rig_image_free(&third);
    release(&f);
}

/* Also the image that still lies in the slot it failed in. */
static void all_refusals_are_taken_back_at_once(void **state)
{
    struct fixture f;

    (void)state;
    make(&f);
    let_fail(&f, &f.bad);
    assert_int_equal(updraft_slots_clear_refused(&f.rig.slots, NULL), UPDRAFT_OK);
    assert_int_equal(refused(&f).count, 0);
    assert_int_equal(offer(&f, &f.bad), UPDRAFT_OK);
    release(&f);
}

static void a_program_that_fails_again_after_that_is_refused_again(void **state)
{
    struct fixture f;

    (void)state;
    make(&f);
    let_fail(&f, &f.bad);
    assert_int_equal(updraft_slots_clear_refused(&f.rig.slots, NULL), UPDRAFT_OK);
    let_fail(&f, &f.bad);
    assert_int_equal(refused(&f).count, 1);
    assert_int_equal(offer(&f, &f.bad), UPDRAFT_E_FAILED_BEFORE);
    let_succeed(&f, &f.good);
    assert_int_equal(offer(&f, &f.bad), UPDRAFT_E_FAILED_BEFORE);
    release(&f);
}

static void clearing_while_on_trial_does_not_spare_the_image_on_trial(void **state)
{
    struct fixture f;

    (void)state;
    make(&f);
    assert_int_equal(offer(&f, &f.bad), UPDRAFT_OK);
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_SOFTWARE));
    assert_int_equal(updraft_slots_clear_refused(&f.rig.slots, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_slots_reject(&f.rig.slots, UPDRAFT_TRIAL_REASON_HEALTH), UPDRAFT_OK);
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_SOFTWARE));
    assert_int_equal(offer(&f, &f.bad), UPDRAFT_E_FAILED_BEFORE);
    release(&f);
}

/* Nothing tells it from others by its first sector. */
static void a_program_without_a_digest_is_never_refused(void **state)
{
    struct fixture f;
    struct updraft_trial_terms terms = {.attempts = 3};

    (void)state;
    make(&f);
    memcpy(f.rig.nor.bytes + 0x10000 + SLOT_LEN, f.bad.bytes, f.bad.len);
    assert_int_equal(updraft_slots_try(&f.rig.slots, 1, &terms), UPDRAFT_OK);
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_SOFTWARE));
    assert_int_equal(updraft_slots_reject(&f.rig.slots, UPDRAFT_TRIAL_REASON_REJECTED), UPDRAFT_OK);
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_SOFTWARE));
    assert_int_equal(refused(&f).count, 0);
    release(&f);
}

static void without_memory_the_sectors_stay_as_they_were(void **state)
{
    struct fixture f;
    const uint8_t *record;

    (void)state;
    make(&f);
    f.rig.slots.memory = NULL;
    assert_int_equal(offer(&f, &f.bad), UPDRAFT_OK);
    record = f.rig.nor.bytes + RECORD;
    for (uint32_t i = 0; i < 2 * UPDRAFT_OTADATA_SECTOR_LEN; i++) {
        uint32_t off = i % UPDRAFT_OTADATA_SECTOR_LEN;

        if ((off >= UPDRAFT_NOTE_PROGRAMS_OFF && off < UPDRAFT_PROGRESS_DISTRUST_OFF) ||
            off >= UPDRAFT_NOTE_LINES_OFF)
            assert_int_equal(record[i], 0xFF);
    }
    release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_that_failed_is_refused_before_anything_is_erased),
        cmocka_unit_test(the_same_program_in_another_image_is_refused_too),
        cmocka_unit_test(force_goes_past_a_refusal),
        cmocka_unit_test(a_refusal_outlives_slot_and_sector),
        cmocka_unit_test(of_more_than_fit_the_oldest_is_forgotten),
        cmocka_unit_test(one_refusal_is_taken_back_and_the_others_stay),
        cmocka_unit_test(all_refusals_are_taken_back_at_once),
        cmocka_unit_test(a_program_that_fails_again_after_that_is_refused_again),
        cmocka_unit_test(clearing_while_on_trial_does_not_spare_the_image_on_trial),
        cmocka_unit_test(a_program_without_a_digest_is_never_refused),
        cmocka_unit_test(without_memory_the_sectors_stay_as_they_were),
    };

    return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
