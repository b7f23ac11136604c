/* Going on with an update that was broken off, and leaving flash alone that needs no writing: the
 * transaction on a real boot stage and a simulated flash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/chip.h"
#include "tests/rig/rig.h"

#include <stdlib.h>
#include <string.h>

#define SLOT_LEN   0x40000u
#define SECTOR_LEN 4096u
#define STEP_LEN   0x4000u /* between two records of an image this small */
#define PIECE_LEN  1460u

struct fixture {
    struct rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    uint8_t identity[32];
    uint32_t resumed_from;
};

static uint32_t target_addr(const struct fixture *f)
{
    int slot = 0;

    assert_int_equal(updraft_slots_next(&f->rig.slots, &slot), UPDRAFT_OK);
    return updraft_layout_extent(&f->rig.slots.layout, slot).addr;
}

static struct fixture *make_layout(enum rig_layout layout)
{
    struct fixture *f = calloc(1, sizeof *f);

    rig_image_make(&f->old_image, UPDRAFT_CHIP_ESP32, "1.0.0", 60000);
    rig_image_make(&f->new_image, UPDRAFT_CHIP_ESP32, "1.1.0", 200000);
    rig_make(&f->rig, layout, SLOT_LEN, &f->old_image);
    memset(f->identity, 0x11, sizeof f->identity);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
    memset(f->rig.nor.bytes + target_addr(f), 0x5A, SLOT_LEN); /* something old */
    return f;
}

static struct fixture *make(void)
{
    return make_layout(RIG_TWO_SLOTS);
}

static void release(struct fixture *f)
{
    assert_string_equal(f->rig.nor.violation, "");
    rig_free(&f->rig);
    rig_image_free(&f->old_image);
    rig_image_free(&f->new_image);
    free(f);
}

static struct updraft_update_request request_of(const struct fixture *f)
{
    return (struct updraft_update_request){
        .wire_len = f->new_image.len, .identity = f->identity, .resumes = true};
}

/* begin, and the image from where the device wants it up to byte `end`. */
static enum updraft_error send_to(struct fixture *f, const struct updraft_update_request *request,
                                  uint32_t end)
{
    enum updraft_error error = updraft_update_begin(&f->rig.update, request, NULL);
    uint32_t off = updraft_update_resume_off(&f->rig.update);

    if (error == UPDRAFT_OK)
        f->resumed_from = off;
    for (; error == UPDRAFT_OK && off < end; off += PIECE_LEN) {
        uint32_t len = end - off < PIECE_LEN ? end - off : PIECE_LEN;

        error = updraft_update_feed(&f->rig.update, f->new_image.bytes + off, len);
    }
    return error;
}

static enum updraft_error send_all(struct fixture *f, const struct updraft_update_request *request)
{
    enum updraft_error error = send_to(f, request, f->new_image.len);

    return error == UPDRAFT_OK ? updraft_update_finish(&f->rig.update) : error;
}

/* The first part of the image comes, then the power fails. */
static void break_off_at(struct fixture *f, const struct updraft_update_request *request,
                         uint32_t len)
{
    assert_int_equal(send_to(f, request, len), UPDRAFT_OK);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
}

static void assert_new_boots(struct fixture *f)
{
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_string_equal(rig_version(&f->rig, f->rig.booted.slot), "1.1.0");
    assert_memory_equal(f->rig.nor.bytes + f->rig.booted.addr, f->new_image.bytes,
                        f->new_image.len);
}

static void update_goes_on_where_it_was_broken_off(void **state)
{
    const enum rig_layout layouts[] = {RIG_TWO_SLOTS, RIG_FACTORY_TWO, RIG_FACTORY_ONE,
                                       RIG_FOUR_SLOTS};

    (void)state;
    for (int i = 0; i < 4; i++) {
        for (uint32_t len = 0; len < 200000; len += 7919) {
            struct fixture *f = make_layout(layouts[i]);
            struct updraft_update_request request = request_of(f);

            break_off_at(f, &request, len);
            assert_int_equal(send_all(f, &request), UPDRAFT_OK);
            assert_true(f->resumed_from <= len);
            assert_true(len < f->resumed_from + STEP_LEN + 2 * SECTOR_LEN);
            assert_new_boots(f);
            release(f);
        }
    }
}

static void update_goes_on_as_often_as_it_takes(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = request_of(f);

    (void)state;
    for (uint32_t len = 5000; len < f->new_image.len; len += 9000) {
        break_off_at(f, &request, len);
        assert_true(f->resumed_from + STEP_LEN + 9000 + 2 * SECTOR_LEN > len);
    }
    assert_int_equal(send_all(f, &request), UPDRAFT_OK);
    assert_true(f->resumed_from > 150000);
    assert_new_boots(f);
    release(f);
}

static void update_takes_the_announced_digest_as_identity_and_checks_all_of_it(void **state)
{
    uint8_t sha256[32];
    uint8_t md5[16];
    struct updraft_digest digest;

    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct fixture *f = make();
        struct updraft_update_request request = request_of(f);

        updraft_digest_start(&digest, kind == 0 ? UPDRAFT_DIGEST_MD5 : UPDRAFT_DIGEST_SHA256);
        updraft_digest_update(&digest, f->new_image.bytes, f->new_image.len);
        updraft_digest_finish(&digest, kind == 0 ? md5 : sha256);
        request.identity = NULL;
        request.md5 = kind == 0 ? md5 : NULL;
        request.sha256 = kind == 1 ? sha256 : NULL;
        break_off_at(f, &request, 100000);
        assert_int_equal(send_all(f, &request), UPDRAFT_OK);
        assert_true(f->resumed_from > 70000);
        assert_new_boots(f);
        release(f);
    }
}

static void update_starts_from_zero_for_another_image(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = request_of(f);

    (void)state;
    break_off_at(f, &request, 100000);
    f->identity[31] ^= 1;
    assert_int_equal(send_all(f, &request), UPDRAFT_OK);
    assert_int_equal(f->resumed_from, 0);
    assert_new_boots(f);
    release(f);
}

static void update_starts_from_zero_without_identity_or_for_a_sender_that_cannot_go_on(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct fixture *f = make();
        struct updraft_update_request request = request_of(f);

        if (i == 0)
            request.identity = NULL;
        break_off_at(f, &request, 100000);
        if (i == 1)
            request.identity = NULL;
        if (i == 2)
            request.resumes = false;
        if (i == 3)
            request.wire_len = 65536; /* less than is there: no such image was begun */
        assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
        assert_int_equal(updraft_update_resume_off(&f->rig.update), 0);
        updraft_update_abort(&f->rig.update, UPDRAFT_E_ABORTED);
        release(f);
    }
}

static void update_starts_from_zero_when_the_flash_was_changed(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = request_of(f);

    (void)state;
    break_off_at(f, &request, 100000);
    f->rig.nor.bytes[target_addr(f) + 5000] ^= 0x10;
    assert_int_equal(send_all(f, &request), UPDRAFT_OK);
    assert_int_equal(f->resumed_from, 0);
    assert_new_boots(f);
    release(f);
}

/* Whatever it was that went wrong must not go wrong for ever. */
static void update_forgets_what_did_not_verify(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture *f = make();
        struct updraft_update_request request = request_of(f);
        uint8_t *good = f->new_image.bytes;
        uint8_t *bad = malloc(f->new_image.len);
        uint8_t sha256[32];
        struct updraft_digest digest;

        updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
        updraft_digest_update(&digest, good, f->new_image.len);
        updraft_digest_finish(&digest, sha256);
        request.sha256 = i == 0 ? sha256 : NULL;
        memcpy(bad, good, f->new_image.len);
        bad[30000] ^= 1;
        f->new_image.bytes = bad;
        break_off_at(f, &request, 120000);
        assert_int_not_equal(send_all(f, &request), UPDRAFT_OK);
        assert_true(f->resumed_from > 0);
        f->new_image.bytes = good;
        assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
        assert_int_equal(send_all(f, &request), UPDRAFT_OK);
        assert_int_equal(f->resumed_from, 0);
        assert_new_boots(f);
        free(bad);
        release(f);
    }
}

static void update_looks_at_the_start_again_before_it_goes_on(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = request_of(f);
    struct updraft_failure failure;

    (void)state;
    break_off_at(f, &request, 100000);
    f->rig.update.config.project = "heating";
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, &failure),
                     UPDRAFT_E_WRONG_PRODUCT);
    assert_string_equal(failure.text, "rig");
    f->rig.update.config.project = "rig";
    assert_int_equal(send_all(f, &request), UPDRAFT_OK);
    assert_true(f->resumed_from > 0);
    assert_string_equal(f->rig.update.facts.version, "1.1.0");
    release(f);
}

static void update_with_gzip_starts_from_zero(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = request_of(f);
    uint8_t *raw = f->new_image.bytes;
    uint32_t raw_len = f->new_image.len;

    (void)state;
    f->new_image.bytes = rig_gzip(raw, raw_len, &f->new_image.len);
    request.wire_len = f->new_image.len;
    break_off_at(f, &request, f->new_image.len / 2);
    assert_int_equal(send_all(f, &request), UPDRAFT_OK);
    assert_int_equal(f->resumed_from, 0);
    free(f->new_image.bytes);
    f->new_image.bytes = raw;
    f->new_image.len = raw_len;
    assert_new_boots(f);
    release(f);
}

static void update_of_a_blank_slot_erases_nothing_of_it(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = request_of(f);
    const struct updraft_nor_counts *counts = &f->rig.nor.counts;

    (void)state;
    memset(f->rig.nor.bytes + target_addr(f), 0xFF, SLOT_LEN);
    assert_int_equal(send_all(f, &request), UPDRAFT_OK);
    assert_int_equal(counts->block_erases, 0);
    assert_true(counts->sector_erases <= 2); /* of the boot record */
    assert_new_boots(f);
    release(f);
}

/* But what a cut may have left half erased is erased again, however blank it reads. */
static void update_does_not_believe_blank_flash_that_it_was_to_touch(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = request_of(f);

    (void)state;
    break_off_at(f, &request, 5000);
    memset(f->rig.nor.bytes + target_addr(f), 0xFF, SLOT_LEN);
    updraft_nor_power_on(&f->rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    assert_int_equal(send_all(f, &request), UPDRAFT_OK);
    assert_int_equal(f->rig.nor.counts.block_erases, 1);
    assert_new_boots(f);
    release(f);
}

static void update_writes_nothing_that_is_equal_already(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = request_of(f);
    uint32_t addr = target_addr(f);

    (void)state;
    memcpy(f->rig.nor.bytes + addr, f->new_image.bytes, f->new_image.len);
    f->rig.nor.bytes[addr + 150000] ^= 1;
    updraft_nor_power_on(&f->rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    request.force = true;
    assert_int_equal(send_all(f, &request), UPDRAFT_OK);
    /* The first block, because the start of an unfinished slot must not be valid, and one sector. */
    assert_int_equal(f->rig.nor.counts.block_erases, 1);
    assert_true(f->rig.nor.counts.sector_erases <= 3);
    assert_true(f->rig.nor.counts.bytes_programmed < 0x10000 + 2 * SECTOR_LEN);
    assert_new_boots(f);
    release(f);
}

/* A sender that cannot go on sends all again, but the flash has less to do. */
static void update_from_zero_leaves_what_was_written_before(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = request_of(f);

    (void)state;
    request.resumes = false;
    break_off_at(f, &request, 190000);
    updraft_nor_power_on(&f->rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    assert_int_equal(send_all(f, &request), UPDRAFT_OK);
    assert_true(f->rig.nor.counts.bytes_programmed < 0x10000);
    assert_new_boots(f);
    release(f);
}

/* When the log is full nothing is believed of the slot, until an update has come through. */
static void update_works_on_when_the_log_is_full(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = request_of(f);

    (void)state;
    for (int i = 0; i < 100; i++) {
        f->identity[0] = (uint8_t)i;
        break_off_at(f, &request, 100000);
        assert_true(i < 40 || f->resumed_from == 0);
    }
    updraft_nor_power_on(&f->rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    memset(f->rig.nor.bytes + target_addr(f), 0xFF, SLOT_LEN);
    assert_int_equal(send_all(f, &request), UPDRAFT_OK);
    assert_int_equal(f->rig.nor.counts.block_erases, 3);
    assert_new_boots(f);
    assert_int_equal(updraft_slots_confirm(&f->rig.slots), UPDRAFT_OK);
    rig_image_free(&f->new_image);
    rig_image_make(&f->new_image, UPDRAFT_CHIP_ESP32, "1.1.0", 180000);
    request.wire_len = f->new_image.len;
    request.force = true;
    break_off_at(f, &request, 100000);
    assert_int_equal(send_all(f, &request), UPDRAFT_OK);
    assert_true(f->resumed_from > 70000);
    release(f);
}

static void update_that_is_refused_leaves_the_log_alone(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = request_of(f);
    struct updraft_update_request other = {.wire_len = f->old_image.len};
    uint8_t *before = malloc(f->rig.nor.flash.size);

    (void)state;
    break_off_at(f, &request, 100000);
    memcpy(before, f->rig.nor.bytes, f->rig.nor.flash.size);
    assert_int_equal(updraft_update_begin(&f->rig.update, &other, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f->rig.update, f->old_image.bytes, 5000),
                     UPDRAFT_E_ALREADY_RUNNING);
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    updraft_update_abort(&f->rig.update, UPDRAFT_E_ABORTED);
    other.wire_len = 0xFFFFFF;
    assert_int_equal(updraft_update_begin(&f->rig.update, &other, NULL), UPDRAFT_E_TOO_LARGE);
    assert_memory_equal(before, f->rig.nor.bytes, f->rig.nor.flash.size);
    assert_int_equal(send_all(f, &request), UPDRAFT_OK);
    assert_true(f->resumed_from > 70000);
    free(before);
    release(f);
}

/* What was begun in one slot is minded when the record is turned to another by hand. */
static void slots_mind_a_half_written_slot_over_choices_by_hand(void **state)
{
    (void)state;
    for (int times = 1; times <= 3; times++) {
        struct fixture *f = make();
        struct updraft_update_request request = request_of(f);

        break_off_at(f, &request, 100000);
        for (int i = 0; i < times; i++) {
            assert_int_equal(updraft_slots_select(&f->rig.slots, f->rig.booted.slot, 0),
                             UPDRAFT_OK);
            assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
        }
        memset(f->rig.nor.bytes + target_addr(f), 0xFF, SLOT_LEN); /* reads blank; may not be */
        updraft_nor_power_on(&f->rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
        assert_int_equal(send_all(f, &request), UPDRAFT_OK);
        assert_int_equal(f->rig.nor.counts.block_erases, 3);
        assert_new_boots(f);
        release(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(update_goes_on_where_it_was_broken_off),
        cmocka_unit_test(update_goes_on_as_often_as_it_takes),
        cmocka_unit_test(update_takes_the_announced_digest_as_identity_and_checks_all_of_it),
        cmocka_unit_test(update_starts_from_zero_for_another_image),
        cmocka_unit_test(
            update_starts_from_zero_without_identity_or_for_a_sender_that_cannot_go_on),
        cmocka_unit_test(update_starts_from_zero_when_the_flash_was_changed),
        cmocka_unit_test(update_forgets_what_did_not_verify),
        cmocka_unit_test(update_looks_at_the_start_again_before_it_goes_on),
        cmocka_unit_test(update_with_gzip_starts_from_zero),
        cmocka_unit_test(update_of_a_blank_slot_erases_nothing_of_it),
        cmocka_unit_test(update_does_not_believe_blank_flash_that_it_was_to_touch),
        cmocka_unit_test(update_writes_nothing_that_is_equal_already),
        cmocka_unit_test(update_from_zero_leaves_what_was_written_before),
        cmocka_unit_test(update_works_on_when_the_log_is_full),
        cmocka_unit_test(update_that_is_refused_leaves_the_log_alone),
        cmocka_unit_test(slots_mind_a_half_written_slot_over_choices_by_hand),
    };

    return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
