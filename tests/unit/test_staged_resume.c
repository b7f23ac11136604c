/* Going on with a staged update that was broken off, and leaving flash alone that needs no writing: the
 * staged layout with a progress log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/slots/staged_log.h"
#include "format/bytes.h"
#include "tests/rig/staged_rig.h"

#include <stdlib.h>
#include <string.h>

#define SECTOR_LEN 4096u
#define STEP_LEN   0x4000u /* between two records of an image this small */
#define PIECE_LEN  1460u
#define AREA_LEN   (STAGED_RIG_END_ADDR - STAGED_RIG_PLAIN_ADDR)

struct wire {
    uint8_t *bytes;
    uint32_t len;
    uint8_t identity[32];
};

struct fixture {
    struct staged_rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    struct wire wire; /* of the new image */
    uint32_t resumed_from;
};

static void power_on(struct fixture *f)
{
    updraft_nor_power_on(&f->rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    assert_true(staged_rig_boot(&f->rig));
}

static struct fixture *make_kind(enum updraft_staged_kind kind, bool is_gzip)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    if (kind == UPDRAFT_STAGED_ARDUINO) {
        staged_rig_sketch_make(&f->old_image, "1.0.0", 20000);
        staged_rig_sketch_make(&f->new_image, "1.1.0", 60000);
    } else {
        staged_rig_plain_make(&f->old_image, "1.0.0", 20000);
        staged_rig_plain_make(&f->new_image, "1.1.0", 60000);
    }
    f->wire.bytes = malloc(f->new_image.len);
    f->wire.len = f->new_image.len;
    assert_non_null(f->wire.bytes);
    memcpy(f->wire.bytes, f->new_image.bytes, f->new_image.len);
    if (is_gzip) {
        free(f->wire.bytes);
        f->wire.bytes = rig_gzip(f->new_image.bytes, f->new_image.len, &f->wire.len);
    }
    memset(f->wire.identity, 0x11, sizeof f->wire.identity);
    staged_rig_make(&f->rig, kind, &f->old_image);
    f->rig.layout.log_addr = STAGED_RIG_LOG_ADDR;
    power_on(f);
    return f;
}

static struct fixture *make(void)
{
    return make_kind(UPDRAFT_STAGED_PLAIN, false);
}

static void release(struct fixture *f)
{
    assert_string_equal(f->rig.nor.violation, "");
    staged_rig_free(&f->rig);
    rig_image_free(&f->old_image);
    rig_image_free(&f->new_image);
    free(f->wire.bytes);
    free(f);
}

/* begin, and from where the device wants it up to byte `end`. */
static enum updraft_error send_to(struct fixture *f, const struct wire *wire, uint32_t end)
{
    struct updraft_update_request request = {
        .wire_len = wire->len, .identity = wire->identity, .resumes = true, .force = true};
    enum updraft_error error = updraft_update_begin(&f->rig.update, &request, NULL);
    uint32_t off = updraft_update_resume_off(&f->rig.update);

    f->resumed_from = off;
    for (; error == UPDRAFT_OK && off < end; off += PIECE_LEN)
        error = updraft_update_feed(&f->rig.update, wire->bytes + off,
                                    end - off < PIECE_LEN ? end - off : PIECE_LEN);
    return error;
}

static enum updraft_error send_all(struct fixture *f, const struct wire *wire)
{
    enum updraft_error error = send_to(f, wire, wire->len);

    return error == UPDRAFT_OK ? updraft_update_finish(&f->rig.update) : error;
}

/* The first part comes, then the power fails. */
static void break_off_at(struct fixture *f, const struct wire *wire, uint32_t len)
{
    assert_int_equal(send_to(f, wire, len), UPDRAFT_OK);
    power_on(f);
}

static void assert_new_boots(struct fixture *f)
{
    power_on(f);
    assert_int_equal(f->rig.booted.why, UPDRAFT_BOOT_STAGED_COPIED);
    assert_true(staged_rig_holds(&f->rig, &f->new_image));
}

/* An update that came through, and its copy: behind it the log knows the staging area. */
static void update(struct fixture *f, const struct wire *wire)
{
    assert_int_equal(send_all(f, wire), UPDRAFT_OK);
    power_on(f);
    assert_int_equal(staged_rig_journal(&f->rig).state, UPDRAFT_STAGED_DONE);
}

/* A plain image of that length, which is not the new one. */
static struct wire make_other(struct rig_image *image, uint32_t len)
{
    struct wire wire = {.identity = {0x22}};

    staged_rig_plain_make(image, "1.0.5", len);
    wire.bytes = image->bytes;
    wire.len = image->len;
    return wire;
}

static void staged_update_goes_on_where_it_was_broken_off(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        for (uint32_t part = 0; part < 20; part++) {
            struct fixture *f =
                make_kind(i < 2 ? UPDRAFT_STAGED_PLAIN : UPDRAFT_STAGED_ARDUINO, i % 2 == 1);
            uint32_t len = f->wire.len / 20 * part;

            break_off_at(f, &f->wire, len);
            assert_int_equal(send_all(f, &f->wire), UPDRAFT_OK);
            assert_true(f->resumed_from <= len);
            assert_true(len < f->resumed_from + STEP_LEN + 2 * SECTOR_LEN);
            assert_new_boots(f);
            release(f);
        }
    }
}

static void staged_update_starts_from_zero_without_a_log(void **state)
{
    struct fixture *f = make();
    uint8_t *log = f->rig.nor.bytes + STAGED_RIG_LOG_ADDR;

    (void)state;
    memset(log, 0x5A, SECTOR_LEN);
    f->rig.layout.log_addr = 0;
    power_on(f);
    break_off_at(f, &f->wire, 50000);
    assert_int_equal(send_all(f, &f->wire), UPDRAFT_OK);
    assert_int_equal(f->resumed_from, 0);
    for (uint32_t i = 0; i < SECTOR_LEN; i++)
        assert_int_equal(log[i], 0x5A);
    assert_new_boots(f);
    release(f);
}

static void staged_update_starts_from_zero_for_another_image(void **state)
{
    struct fixture *f = make();
    struct rig_image image;
    struct wire larger = make_other(&image, 70000);

    (void)state;
    break_off_at(f, &larger, 65000);
    assert_int_equal(updraft_update_held(&f->rig.update,
                                         &(struct updraft_update_request){
                                             .wire_len = larger.len, .identity = larger.identity}) /
                         STEP_LEN,
                     3);
    larger.identity[31] ^= 1; /* of the same length, at the same place */
    assert_int_equal(send_to(f, &larger, 0), UPDRAFT_OK);
    assert_int_equal(f->resumed_from, 0);
    updraft_update_abort(&f->rig.update, UPDRAFT_E_ABORTED);
    assert_int_equal(send_all(f, &f->wire), UPDRAFT_OK);
    assert_int_equal(f->resumed_from, 0);
    assert_new_boots(f);
    rig_image_free(&image);
    release(f);
}

/* What the larger one has left unsteady lies before the smaller one's start, where no record of that can
 * tell of it; so the first attempt gives the log up, and the next can be gone on with. */
static void staged_update_minds_a_larger_image_that_was_broken_off(void **state)
{
    struct fixture *f = make();
    struct rig_image image;
    struct wire larger = make_other(&image, 80000);
    uint32_t start = updraft_staged_start(&f->rig.layout, larger.len);

    (void)state;
    update(f, &f->wire);
    f->wire.identity[0] ^= 1;
    break_off_at(f, &larger, 5000);
    break_off_at(f, &f->wire, 50000);
    break_off_at(f, &f->wire, 50000);
    assert_int_equal(f->resumed_from, 0);
    assert_int_equal(send_all(f, &f->wire), UPDRAFT_OK);
    assert_true(f->resumed_from > 25000);
    power_on(f);
    /* Blank by chance, perhaps. */
    memset(f->rig.nor.bytes + start, 0xFF, STAGED_RIG_BLOCK_LEN);
    power_on(f);
    assert_int_equal(send_to(f, &larger, SECTOR_LEN), UPDRAFT_OK);
    assert_int_equal(f->rig.nor.counts.block_erases, 1);
    rig_image_free(&image);
    release(f);
}

static void staged_update_leaves_equal_flash_alone(void **state)
{
    struct fixture *f = make();
    const struct updraft_nor_counts *counts = &f->rig.nor.counts;

    (void)state;
    update(f, &f->wire);
    power_on(f);
    f->wire.identity[0] ^= 1; /* not gone on with: all of it comes */
    assert_int_equal(send_all(f, &f->wire), UPDRAFT_OK);
    assert_int_equal(f->resumed_from, 0);
    /* Journal, log, and the first sector, because it is withheld until the end. */
    assert_int_equal(counts->block_erases, 0);
    assert_true(counts->sector_erases <= 4);
    assert_true(counts->bytes_programmed < SECTOR_LEN + 1024);
    assert_new_boots(f);
    release(f);
}

static void staged_update_does_not_erase_what_is_blank(void **state)
{
    struct fixture *f = make();
    const struct updraft_nor_counts *counts = &f->rig.nor.counts;
    uint32_t start = updraft_staged_start(&f->rig.layout, f->wire.len);

    (void)state;
    update(f, &f->wire);
    memset(f->rig.nor.bytes + start, 0xFF, STAGED_RIG_END_ADDR - start);
    power_on(f);
    assert_int_equal(send_all(f, &f->wire), UPDRAFT_OK);
    assert_int_equal(counts->block_erases, 0);
    assert_true(counts->sector_erases <= 3);
    assert_new_boots(f);
    release(f);
}

/* The first time nobody knows what was cut off there before. */
static void staged_update_believes_nothing_before_the_first_one_came_through(void **state)
{
    struct fixture *f = make();
    uint32_t start = updraft_staged_start(&f->rig.layout, f->wire.len);
    uint32_t erased;

    (void)state;
    memset(f->rig.nor.bytes + start, 0xFF, STAGED_RIG_END_ADDR - start);
    assert_int_equal(send_to(f, &f->wire, f->wire.len), UPDRAFT_OK);
    erased = (uint32_t)f->rig.nor.counts.block_erases * STAGED_RIG_BLOCK_LEN +
             (uint32_t)f->rig.nor.counts.sector_erases * SECTOR_LEN;
    assert_true(erased >= f->wire.len / SECTOR_LEN * SECTOR_LEN);
    release(f);
}

/* The sectors below the largest image that came through are as unknown as on the first day. */
static void staged_update_believes_nothing_below_what_has_come_through(void **state)
{
    struct fixture *f = make();
    struct rig_image image;
    struct wire larger = make_other(&image, 70000);
    uint32_t start = updraft_staged_start(&f->rig.layout, larger.len);
    uint32_t known = updraft_staged_start(&f->rig.layout, f->wire.len);

    (void)state;
    update(f, &f->wire);
    memset(f->rig.nor.bytes + start, 0xFF, STAGED_RIG_END_ADDR - start);
    power_on(f);
    break_off_at(f, &larger, 65000);
    assert_int_equal(send_all(f, &larger), UPDRAFT_OK);
    assert_true(f->resumed_from > 40000);
    power_on(f);
    rig_image_free(&f->new_image);
    f->new_image = image;
    assert_true(staged_rig_holds(&f->rig, &f->new_image));
    assert_true(known > start);
    assert_int_equal(
        updraft_get_le32(f->rig.nor.bytes + STAGED_RIG_LOG_ADDR + UPDRAFT_PROGRESS_FLOOR_OFF),
        start);
    release(f);
}

static void staged_update_of_a_form_leaves_no_trust_behind(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = {.at_most_len = f->wire.len + 2 * SECTOR_LEN};

    (void)state;
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f->rig.update, f->wire.bytes, f->wire.len), UPDRAFT_OK);
    assert_int_equal(updraft_update_finish(&f->rig.update), UPDRAFT_OK);
    assert_int_equal(
        updraft_get_le32(f->rig.nor.bytes + STAGED_RIG_LOG_ADDR + UPDRAFT_PROGRESS_FLOOR_OFF),
        STAGED_RIG_END_ADDR);
    assert_new_boots(f);
    release(f);
}

/* Whatever the sector holds that is no log: nothing of the staging area is believed, and it becomes
 * one. */
static void staged_log_counts_only_with_a_whole_head(void **state)
{
    struct fixture *f = make();
    uint8_t *log = f->rig.nor.bytes + STAGED_RIG_LOG_ADDR;
    uint8_t ready[SECTOR_LEN];
    struct updraft_cursor cursor = {.addr = STAGED_RIG_PLAIN_ADDR};

    (void)state;
    update(f, &f->wire);
    memcpy(ready, log, sizeof ready);
    for (uint32_t bit = 0; bit < 32; bit++) {
        memcpy(log, ready, sizeof ready);
        log[UPDRAFT_PROGRESS_HEAD_OFF + bit / 8] ^= (uint8_t)(1u << bit % 8);
        power_on(f);
        assert_int_equal(f->rig.nor.counts.sector_erases, 1);
        assert_int_equal(updraft_get_le32(log + UPDRAFT_PROGRESS_HEAD_OFF), UPDRAFT_PROGRESS_HEAD);
        assert_int_equal(updraft_get_le32(log + UPDRAFT_PROGRESS_FLOOR_OFF), STAGED_RIG_END_ADDR);
    }
    power_on(f);
    assert_int_equal(f->rig.nor.counts.operations, 0);
    updraft_put_le32(log + UPDRAFT_PROGRESS_FLOOR_OFF, STAGED_RIG_END_ADDR + 1); /* no such place */
    power_on(f);
    assert_int_equal(f->rig.nor.counts.sector_erases, 1);
    assert_int_equal(updraft_staged_log_find(&f->rig.nor.flash, &f->rig.layout, &cursor),
                     UPDRAFT_OK);
    assert_int_equal(cursor.log_addr, STAGED_RIG_LOG_ADDR);
    release(f);
}

static void staged_update_renews_a_log_that_is_full(void **state)
{
    struct fixture *f = make();
    int gone_on = 0;

    (void)state;
    for (int i = 0; i < 200; i++) {
        f->wire.identity[0] = (uint8_t)(i / 2);
        break_off_at(f, &f->wire, 50000);
        gone_on += f->resumed_from != 0;
    }
    assert_true(gone_on > 80);
    assert_int_equal(send_all(f, &f->wire), UPDRAFT_OK);
    assert_new_boots(f);
    release(f);
}

static void staged_update_that_is_refused_leaves_the_log_alone(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = {.wire_len = f->old_image.len};
    struct updraft_update_request large = {.wire_len = AREA_LEN};
    uint8_t *before = malloc(f->rig.nor.flash.size);

    (void)state;
    assert_non_null(before);
    break_off_at(f, &f->wire, 50000);
    memcpy(before, f->rig.nor.bytes, f->rig.nor.flash.size);
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f->rig.update, f->old_image.bytes, 5000),
                     UPDRAFT_E_ALREADY_RUNNING);
    assert_int_equal(updraft_update_begin(&f->rig.update, &large, NULL), UPDRAFT_E_TOO_LARGE);
    assert_int_equal(send_to(f, &f->wire, 0), UPDRAFT_OK);
    updraft_update_abort(&f->rig.update, UPDRAFT_E_ABORTED);
    assert_memory_equal(before, f->rig.nor.bytes, f->rig.nor.flash.size);
    assert_int_equal(send_all(f, &f->wire), UPDRAFT_OK);
    assert_true(f->resumed_from > 25000);
    free(before);
    release(f);
}

/* What goes wrong must not go wrong for ever. */
static void staged_update_forgets_what_did_not_verify(void **state)
{
    struct fixture *f = make();

    (void)state;
    f->wire.bytes[30000] ^= 1;
    break_off_at(f, &f->wire, 55000);
    assert_int_not_equal(send_all(f, &f->wire), UPDRAFT_OK);
    assert_true(f->resumed_from > 0);
    f->wire.bytes[30000] ^= 1;
    power_on(f);
    assert_int_equal(send_all(f, &f->wire), UPDRAFT_OK);
    assert_int_equal(f->resumed_from, 0);
    assert_new_boots(f);
    release(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(staged_update_goes_on_where_it_was_broken_off),
        cmocka_unit_test(staged_update_starts_from_zero_without_a_log),
        cmocka_unit_test(staged_update_starts_from_zero_for_another_image),
        cmocka_unit_test(staged_update_minds_a_larger_image_that_was_broken_off),
        cmocka_unit_test(staged_update_leaves_equal_flash_alone),
        cmocka_unit_test(staged_update_does_not_erase_what_is_blank),
        cmocka_unit_test(staged_update_believes_nothing_before_the_first_one_came_through),
        cmocka_unit_test(staged_update_believes_nothing_below_what_has_come_through),
        cmocka_unit_test(staged_update_of_a_form_leaves_no_trust_behind),
        cmocka_unit_test(staged_log_counts_only_with_a_whole_head),
        cmocka_unit_test(staged_update_renews_a_log_that_is_full),
        cmocka_unit_test(staged_update_that_is_refused_leaves_the_log_alone),
        cmocka_unit_test(staged_update_forgets_what_did_not_verify),
    };

    return cmocka_run_group_tests_name("staged_resume", tests, NULL, NULL);
}
