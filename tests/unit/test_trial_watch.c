/* The health deadline of an image on trial. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/slots/trial_watch.h"
#include "format/chip.h"
#include "tests/rig/rig.h"

#include <string.h>

#define SLOT_LEN  0x10000u
#define IMAGE_LEN 9000u
#define HEALTH_MS 30000u
#define BORN_MS   5000u

struct fixture {
    struct rig rig;
    struct rig_image old;
    struct rig_image new;
    struct updraft_last_lines lines;
    struct updraft_trial_watch watch;
    char ring[256];
};

static void start(struct fixture *f)
{
    struct updraft_trial_watch_config config = {
        .slots = &f->rig.slots, .lines = &f->lines, .health_ms = HEALTH_MS};

    updraft_last_lines_init(&f->lines, f->ring, sizeof f->ring);
    updraft_last_lines_add(&f->lines, "no network");
    assert_int_equal(updraft_trial_watch_start(&f->watch, &config, BORN_MS), UPDRAFT_OK);
}

static void make(struct fixture *f)
{
    rig_image_make(&f->old, UPDRAFT_CHIP_ESP32, "1.0.0", IMAGE_LEN);
    rig_image_make(&f->new, UPDRAFT_CHIP_ESP32, "1.1.0", IMAGE_LEN);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
}

static void make_on_trial(struct fixture *f)
{
    make(f);
    assert_int_equal(rig_update(&f->rig, f->new.bytes, f->new.len, 1460), UPDRAFT_OK);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    start(f);
}

static void release(struct fixture *f)
{
    assert_string_equal(f->rig.nor.violation, "");
    rig_free(&f->rig);
    rig_image_free(&f->old);
    rig_image_free(&f->new);
}

/* The old image runs again, and knows why. */
static void check_rolled_back(struct fixture *f, enum updraft_trial_reason reason)
{
    struct updraft_slot_record record;
    char text[64];
    uint32_t len;

    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_int_equal(f->rig.booted.slot, 0);
    assert_int_equal(updraft_slots_find_failed(&f->rig.slots, &record), UPDRAFT_OK);
    assert_int_equal(record.slot, 1);
    assert_int_equal(record.entry.trial.reason, reason);
    assert_int_equal(record.entry.trial.attempts_used, 1);
    assert_int_equal(updraft_last_lines_read(&f->rig.slots, 1, text, sizeof text, &len),
                     UPDRAFT_OK);
    assert_int_equal(len, 11);
    assert_memory_equal(text, "no network\n", 11);
}

static void the_deadline_rolls_back_with_reason_and_lines(void **state)
{
    struct fixture f;

    (void)state;
    make_on_trial(&f);
    assert_true(f.watch.is_on_trial);
    assert_int_equal(updraft_trial_watch_due_ms(&f.watch), BORN_MS + HEALTH_MS);
    assert_int_equal(updraft_trial_watch_tick(&f.watch, BORN_MS), UPDRAFT_TRIAL_WATCH_GO_ON);
    assert_int_equal(updraft_trial_watch_tick(&f.watch, BORN_MS + HEALTH_MS - 1),
                     UPDRAFT_TRIAL_WATCH_GO_ON);
    assert_int_equal(updraft_trial_watch_tick(&f.watch, BORN_MS + HEALTH_MS),
                     UPDRAFT_TRIAL_WATCH_RESTART);
    check_rolled_back(&f, UPDRAFT_TRIAL_REASON_HEALTH);
    release(&f);
}

static void a_confirmation_ends_the_watch(void **state)
{
    struct fixture f;

    (void)state;
    make_on_trial(&f);
    assert_int_equal(updraft_trial_watch_confirm(&f.watch), UPDRAFT_OK);
    assert_false(f.watch.is_on_trial);
    assert_true(updraft_trial_watch_due_ms(&f.watch) == UINT64_MAX);
    assert_int_equal(updraft_trial_watch_tick(&f.watch, BORN_MS + HEALTH_MS),
                     UPDRAFT_TRIAL_WATCH_GO_ON);
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_POWER_ON));
    assert_int_equal(f.rig.booted.slot, 1);
    assert_false(f.rig.booted.on_trial);
    release(&f);
}

static void an_image_without_a_trial_is_not_watched(void **state)
{
    struct fixture f;

    (void)state;
    make(&f);
    start(&f);
    assert_false(f.watch.is_on_trial);
    assert_int_equal(updraft_trial_watch_tick(&f.watch, UINT64_MAX - 1), UPDRAFT_TRIAL_WATCH_GO_ON);
    assert_int_equal(updraft_trial_watch_reject(&f.watch), UPDRAFT_TRIAL_WATCH_GO_ON);
    assert_int_equal(updraft_trial_watch_confirm(&f.watch), UPDRAFT_OK);
    release(&f);
}

static void an_image_that_rejects_itself_restarts_into_the_old_one(void **state)
{
    struct fixture f;

    (void)state;
    make_on_trial(&f);
    assert_int_equal(updraft_trial_watch_reject(&f.watch), UPDRAFT_TRIAL_WATCH_RESTART);
    check_rolled_back(&f, UPDRAFT_TRIAL_REASON_REJECTED);
    release(&f);
}

static void without_lines_the_deadline_holds_all_the_same(void **state)
{
    struct fixture f;

    (void)state;
    make_on_trial(&f);
    f.watch.config.lines = NULL;
    assert_int_equal(updraft_trial_watch_tick(&f.watch, BORN_MS + HEALTH_MS),
                     UPDRAFT_TRIAL_WATCH_RESTART);
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_SOFTWARE));
    assert_int_equal(f.rig.booted.slot, 0);
    release(&f);
}

/* The boot stage then counts it as an attempt. */
static void a_flash_that_fails_does_not_hold_up_the_restart(void **state)
{
    struct updraft_slot_record record;
    struct fixture f;

    (void)state;
    make_on_trial(&f);
    f.rig.nor.is_off = true;
    assert_int_not_equal(updraft_trial_watch_confirm(&f.watch), UPDRAFT_OK);
    assert_true(f.watch.is_on_trial);
    assert_int_equal(updraft_trial_watch_tick(&f.watch, BORN_MS + HEALTH_MS),
                     UPDRAFT_TRIAL_WATCH_RESTART);
    f.rig.nor.is_off = false;
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_CRASH));
    assert_int_equal(f.rig.booted.slot, 1);
    assert_int_equal(updraft_slots_find_trial(&f.rig.slots, &record), UPDRAFT_OK);
    assert_int_equal(record.entry.trial.attempts_used, 2);
    release(&f);
}

static void a_record_that_cannot_be_read_is_watched_as_a_trial(void **state)
{
    struct fixture f;
    struct updraft_trial_watch_config config = {.slots = &f.rig.slots, .health_ms = HEALTH_MS};

    (void)state;
    make(&f);
    f.rig.nor.is_off = true;
    assert_int_equal(updraft_trial_watch_start(&f.watch, &config, BORN_MS), UPDRAFT_E_FLASH_READ);
    assert_int_equal(updraft_trial_watch_due_ms(&f.watch), BORN_MS + HEALTH_MS);
    f.rig.nor.is_off = false;
    release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_deadline_rolls_back_with_reason_and_lines),
        cmocka_unit_test(a_confirmation_ends_the_watch),
        cmocka_unit_test(an_image_without_a_trial_is_not_watched),
        cmocka_unit_test(an_image_that_rejects_itself_restarts_into_the_old_one),
        cmocka_unit_test(without_lines_the_deadline_holds_all_the_same),
        cmocka_unit_test(a_flash_that_fails_does_not_hold_up_the_restart),
        cmocka_unit_test(a_record_that_cannot_be_read_is_watched_as_a_trial),
    };

    return cmocka_run_group_tests_name("trial_watch", tests, NULL, NULL);
}
