/* The power is cut at every flash operation of a device that remembers: it takes a bad image, which
 * saves its last lines each time before it crashes, goes back, reads the lines, takes a good image, and
 * is offered the bad one again. Whatever the cut leaves, the good image must run in the end, the bad one
 * must never be taken a second time once it has failed, and every line that is read is one that was
 * written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/slots/last_lines.h"
#include "device/slots/refused.h"
#include "format/chip.h"
#include "tests/rig/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_LEN    0x10000u
#define BLOCK_LEN   0x2000u
#define IMAGE_LEN   5000u
#define ATTEMPTS    3
#define RESTART_CAP 24
#define TEXT_CAP    64u

struct cut {
    uint64_t at; /* flash operation, from 1; 0: never */
    enum updraft_nor_cut kind;
    uint32_t unstable_bits;
    uint32_t seed;
};

struct device {
    struct rig rig;
    struct rig_image old;
    struct rig_image bad;
    struct rig_image good;
    char ring[256];
    bool has_failed;   /* the old image has seen that the bad one went back */
    bool ended;        /* the good image has confirmed itself and was offered the bad one */
    int lines_missing; /* at the reading that found most; -1: none read yet */
    const char *failure;
};

struct snapshot {
    uint8_t *bytes;
    uint8_t *unstable;
    bool has_failed;
};

static uint8_t *copy_of(const uint8_t *bytes, uint32_t len)
{
    uint8_t *copy = malloc(len);

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    return copy;
}

static struct snapshot save(const struct device *device)
{
    const struct updraft_nor *nor = &device->rig.nor;

    return (struct snapshot){
        .bytes = copy_of(nor->bytes, nor->flash.size),
        .unstable = nor->unstable != NULL ? copy_of(nor->unstable, nor->flash.size) : NULL,
        .has_failed = device->has_failed,
    };
}

static void restore(struct device *device, const struct snapshot *snapshot)
{
    struct updraft_nor *nor = &device->rig.nor;

    memcpy(nor->bytes, snapshot->bytes, nor->flash.size);
    free(nor->unstable);
    nor->unstable =
        snapshot->unstable != NULL ? copy_of(snapshot->unstable, nor->flash.size) : NULL;
    nor->violation[0] = '\0';
    device->has_failed = snapshot->has_failed;
    device->ended = false;
    device->lines_missing = -1;
    device->failure = NULL;
}

static void drop(struct snapshot *snapshot)
{
    free(snapshot->bytes);
    free(snapshot->unstable);
}

static void make(struct device *device)
{
    memset(device, 0, sizeof *device);
    device->lines_missing = -1;
    rig_image_make(&device->old, UPDRAFT_CHIP_ESP32, "1.0.0", IMAGE_LEN);
    rig_image_make(&device->bad, UPDRAFT_CHIP_ESP32, "1.1.0", IMAGE_LEN);
    rig_image_make(&device->good, UPDRAFT_CHIP_ESP32, "1.2.0", IMAGE_LEN);
    rig_make(&device->rig, RIG_TWO_SLOTS, SLOT_LEN, &device->old);
    device->rig.nor.flash.block_len = BLOCK_LEN;
}

static void release(struct device *device)
{
    rig_free(&device->rig);
    rig_image_free(&device->old);
    rig_image_free(&device->bad);
    rig_image_free(&device->good);
}

static bool runs(const struct device *device, const struct rig_image *image)
{
    return memcmp(device->rig.nor.bytes + device->rig.booted.addr, image->bytes, image->len) == 0;
}

static enum updraft_error offer(struct device *device, const struct rig_image *image)
{
    return rig_update(&device->rig, image->bytes, image->len, 1460);
}

static void print_text(char *out, uint8_t attempt)
{
    snprintf(out, TEXT_CAP, "starting\npanic in attempt %u\n", (unsigned)attempt);
}

/* What the panic handler of the bad image does. */
static void crash(struct device *device)
{
    const struct rig *rig = &device->rig;
    struct updraft_last_lines lines;
    struct updraft_slot_record record;
    char text[TEXT_CAP];

    if (updraft_slots_find_trial(&rig->slots, &record) != UPDRAFT_OK)
        return;
    updraft_last_lines_init(&lines, device->ring, sizeof device->ring);
    print_text(text, record.entry.trial.attempts_used);
    text[strlen(text) - 1] = '\0';
    updraft_last_lines_add(&lines, text);
    (void)!updraft_last_lines_save(&lines, &rig->slots);
}

/* While a mark reads by chance an image may take its attempt for another one. */
static bool was_written(const struct device *device, const char *text, uint32_t len,
                        uint8_t attempt)
{
    for (uint8_t said = 0; said <= ATTEMPTS; said++) {
        char want[TEXT_CAP];

        print_text(want, said);
        if (len == strlen(want) && memcmp(text, want, len) == 0)
            return said == attempt || device->rig.nor.unstable != NULL;
    }
    return false;
}

static void read_lines(struct device *device)
{
    int missing = 0;

    for (uint8_t attempt = 0; attempt <= ATTEMPTS; attempt++) {
        char text[256];
        uint32_t len;

        if (updraft_last_lines_read(&device->rig.slots, attempt, text, sizeof text, &len) !=
            UPDRAFT_OK)
            return;
        if (len == 0)
            missing += attempt != 0;
        else if (!was_written(device, text, len, attempt))
            device->failure = "a line is read that was not written";
    }
    if (device->lines_missing < 0 || missing < device->lines_missing)
        device->lines_missing = missing;
}

static bool is_bad_refused(const struct device *device)
{
    struct updraft_refused refused;

    if (updraft_slots_refused(&device->rig.slots, &refused) != UPDRAFT_OK)
        return false;
    for (uint8_t i = 0; i < refused.count; i++) {
        if (memcmp(refused.programs[i].sha256, device->bad.bytes + UPDRAFT_APPDESC_OFF + 144,
                   UPDRAFT_SHA256_LEN) == 0)
            return true;
    }
    return false;
}

/* The image that came with the device: tries the bad one, then takes the good one. */
static void run_old(struct device *device)
{
    struct updraft_slot_record record;
    enum updraft_error error;

    if (updraft_slots_find_failed(&device->rig.slots, &record) == UPDRAFT_OK &&
        record.slot != UPDRAFT_SLOT_NONE) {
        device->has_failed = true;
        read_lines(device);
    }
    error = offer(device, &device->bad);
    if (error == UPDRAFT_OK && device->has_failed)
        device->failure = "the image that failed is taken again";
    if (error == UPDRAFT_E_FAILED_BEFORE)
        (void)!offer(device, &device->good);
}

static void live(struct device *device)
{
    struct rig *rig = &device->rig;
    enum updraft_reset_cause cause = UPDRAFT_RESET_POWER_ON;

    for (int i = 0; i < RESTART_CAP && !rig->nor.is_off && !device->ended; i++) {
        if (!rig_boot(rig, cause)) {
            if (!rig->nor.is_off)
                device->failure = "nothing boots";
            return;
        }
        cause = UPDRAFT_RESET_SOFTWARE;
        if (runs(device, &device->bad)) {
            crash(device);
            cause = UPDRAFT_RESET_CRASH;
        } else if (runs(device, &device->old)) {
            run_old(device);
        } else if (!runs(device, &device->good)) {
            device->failure = "an unknown image boots";
        } else if (updraft_slots_confirm(&rig->slots) == UPDRAFT_OK) {
            if (offer(device, &device->bad) == UPDRAFT_OK)
                device->failure = "the image that failed is taken again";
            device->ended = !rig->nor.is_off;
        }
        if (device->failure != NULL)
            return;
    }
}

static uint64_t run(struct device *device, const struct cut *cut)
{
    struct updraft_nor *nor = &device->rig.nor;

    nor->random = ((cut->seed + 1u) * 0x9E3779B1u ^ (uint32_t)cut->at * 0x85EBCA6Bu) | 1u;
    nor->options.unstable_bits = cut->unstable_bits;
    updraft_nor_power_on(nor, cut->at, cut->kind);
    live(device);
    return nor->counts.operations;
}

/* The power is back for good. */
static const char *check(struct device *device, int cuts)
{
    static const struct cut never = {0};

    run(device, &never);
    if (device->failure != NULL)
        return device->failure;
    if (!device->ended)
        return "the good image does not come to run";
    if (!is_bad_refused(device))
        return "the refusal is lost";
    if (device->lines_missing > cuts)
        return "more lines are lost than there were cuts";
    return device->rig.nor.violation[0] != '\0' ? device->rig.nor.violation : NULL;
}

struct tally {
    uint64_t operations;
    uint32_t cases;
    uint32_t failures;
};

static void judge(struct tally *tally, struct device *device, const struct cut cuts[2], int count)
{
    const char *failure = check(device, count);

    tally->cases++;
    if (failure == NULL)
        return;
    tally->failures++;
    if (tally->failures <= 8)
        print_error("cut at %u (kind %d, seed %u), then %u (kind %d): %s\n", (unsigned)cuts[0].at,
                    cuts[0].kind, cuts[0].seed, (unsigned)cuts[1].at, cuts[1].kind, failure);
}

static void finish(const struct tally *tally)
{
    print_message("# %u operations, %u cases\n", (unsigned)tally->operations, tally->cases);
    assert_true(tally->operations > 30 && tally->cases >= 4 * tally->operations);
    assert_int_equal(tally->failures, 0);
}

static void cut_once(uint32_t seeds, uint32_t unstable_bits)
{
    static const struct cut never = {0};
    struct device device;
    struct tally tally = {0};
    struct snapshot fresh;

    make(&device);
    fresh = save(&device);
    tally.operations = run(&device, &never);
    assert_true(device.ended && device.failure == NULL);
    assert_int_equal(device.lines_missing, 0);
    for (uint64_t at = 1; at <= tally.operations; at++) {
        for (uint32_t way = 0; way < 4 * seeds; way++) {
            struct cut cuts[2] = {
                {at, (enum updraft_nor_cut)(way % 4), unstable_bits, way / 4},
            };

            restore(&device, &fresh);
            run(&device, &cuts[0]);
            judge(&tally, &device, cuts, 1);
        }
    }
    drop(&fresh);
    release(&device);
    finish(&tally);
}

static void a21_power_cut_at_every_operation_of_a_device_that_remembers(void **state)
{
    (void)state;
    cut_once(6, 0);
}

static void a21_unstable_reads_after_a_cut_do_not_lose_what_failed(void **state)
{
    (void)state;
    cut_once(6, 1);
    cut_once(6, 16);
    cut_once(6, 4096);
}

static void a21_second_cut_during_every_recovery_of_a_device_that_remembers(void **state)
{
    static const enum updraft_nor_cut seconds[] = {UPDRAFT_NOR_CUT_RANDOM, UPDRAFT_NOR_CUT_AFTER};
    static const struct cut never = {0};
    struct device device;
    struct tally tally = {0};
    struct snapshot fresh;

    (void)state;
    make(&device);
    fresh = save(&device);
    tally.operations = run(&device, &never);
    for (uint64_t at = 1; at <= tally.operations; at++) {
        for (uint32_t way = 0; way < 4; way++) {
            struct cut cuts[2] = {{at, (enum updraft_nor_cut)way, 0, 0}, {0}};
            struct snapshot after;
            uint64_t operations;

            restore(&device, &fresh);
            run(&device, &cuts[0]);
            after = save(&device);
            operations = run(&device, &never);
            for (uint64_t second = 1; second <= operations; second++) {
                for (uint32_t i = 0; i < 2; i++) {
                    cuts[1] = (struct cut){second, seconds[i], 0, 1};
                    restore(&device, &after);
                    run(&device, &cuts[1]);
                    judge(&tally, &device, cuts, 2);
                }
            }
            drop(&after);
        }
    }
    drop(&fresh);
    release(&device);
    finish(&tally);
}

/* Taken back or not: the good image runs, and asked again it is taken back. */
static void a21_power_cut_while_refusals_are_taken_back(void **state)
{
    static const struct cut never = {0};
    struct device device;
    struct snapshot end;
    uint32_t cases = 0;
    uint64_t operations;

    (void)state;
    make(&device);
    run(&device, &never);
    end = save(&device);
    updraft_nor_power_on(&device.rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    assert_int_equal(updraft_slots_clear_refused(&device.rig.slots, NULL), UPDRAFT_OK);
    operations = device.rig.nor.counts.operations;
    assert_true(operations >= 2); /* one in each sector */
    for (uint64_t at = 1; at <= operations; at++) {
        for (uint32_t way = 0; way < 12; way++) {
            restore(&device, &end);
            updraft_nor_power_on(&device.rig.nor, at, (enum updraft_nor_cut)(way % 4));
            assert_int_not_equal(updraft_slots_clear_refused(&device.rig.slots, NULL), UPDRAFT_OK);
            updraft_nor_power_on(&device.rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
            assert_true(rig_boot(&device.rig, UPDRAFT_RESET_POWER_ON));
            assert_true(runs(&device, &device.good));
            assert_false(device.rig.booted.on_trial);
            assert_int_equal(updraft_slots_clear_refused(&device.rig.slots, NULL), UPDRAFT_OK);
            assert_false(is_bad_refused(&device));
            assert_int_equal(offer(&device, &device.bad), UPDRAFT_OK);
            assert_string_equal(device.rig.nor.violation, "");
            cases++;
        }
    }
    print_message("# %u operations, %u cases\n", (unsigned)operations, cases);
    drop(&end);
    release(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a21_power_cut_at_every_operation_of_a_device_that_remembers),
        cmocka_unit_test(a21_unstable_reads_after_a_cut_do_not_lose_what_failed),
        cmocka_unit_test(a21_second_cut_during_every_recovery_of_a_device_that_remembers),
        cmocka_unit_test(a21_power_cut_while_refusals_are_taken_back),
    };

    return cmocka_run_group_tests_name("powercut_notes", tests, NULL, NULL);
}
