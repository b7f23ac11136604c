/* The update transaction on a real boot stage and a simulated flash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/chip.h"
#include "tests/rig/rig.h"

#include <stdlib.h>
#include <string.h>

#define SLOT_LEN 0x20000u

struct fixture {
    struct rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    uint8_t *before;
    int starts, ends, errors, progresses;
    uint32_t last_written, last_expected;
    struct updraft_failure last_failure;
    bool refuse;
};

static void on_start(void *ctx, uint32_t expected_len)
{
    struct fixture *f = ctx;

    f->starts++;
    f->last_written = 0;
    f->last_expected = expected_len;
}

static void on_progress(void *ctx, uint32_t written, uint32_t expected_len)
{
    struct fixture *f = ctx;

    assert_true(written > f->last_written);
    f->progresses++;
    f->last_written = written;
    f->last_expected = expected_len;
}

static void on_end(void *ctx)
{
    ((struct fixture *)ctx)->ends++;
}

static void on_error(void *ctx, const struct updraft_failure *failure)
{
    struct fixture *f = ctx;

    f->errors++;
    f->last_failure = *failure;
}

static bool on_guard(void *ctx, enum updraft_guard_point point, struct updraft_refusal *refusal)
{
    struct fixture *f = ctx;

    (void)point;
    if (f->refuse) {
        refusal->reason = "charging";
        refusal->retry_after_s = 600;
    }
    return !f->refuse;
}

static struct fixture *make_layout(enum rig_layout layout)
{
    struct fixture *f = calloc(1, sizeof *f);

    rig_image_make(&f->old_image, UPDRAFT_CHIP_ESP32, "1.0.0", 60000);
    rig_image_make(&f->new_image, UPDRAFT_CHIP_ESP32, "1.1.0", 70000);
    rig_make(&f->rig, layout, SLOT_LEN, &f->old_image);
    f->rig.hooks = (struct updraft_update_hooks){
        .ctx = f,
        .start = on_start,
        .progress = on_progress,
        .end = on_end,
        .error = on_error,
        .guard = on_guard,
    };
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
    f->before = malloc(f->rig.nor.flash.size);
    memcpy(f->before, f->rig.nor.bytes, f->rig.nor.flash.size);
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
    free(f->before);
    free(f);
}

static void assert_flash_untouched(const struct fixture *f)
{
    assert_memory_equal(f->rig.nor.bytes, f->before, f->rig.nor.flash.size);
    assert_int_equal(f->rig.nor.counts.operations, 0);
}

/* The old image runs on, whatever happened. */
static void assert_old_boots(struct fixture *f)
{
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
    assert_string_equal(rig_version(&f->rig, f->rig.booted.slot), "1.0.0");
    assert_int_equal(f->rig.booted.why == UPDRAFT_BOOT_WHY_FALLBACK, 0);
}

static void update_writes_boots_and_confirms(void **state)
{
    const enum rig_layout layouts[] = {RIG_TWO_SLOTS, RIG_FACTORY_TWO};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture *f = make_layout(layouts[i]);
        int old_slot = f->rig.booted.slot;

        assert_int_equal(rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460),
                         UPDRAFT_OK);
        assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_DONE);
        assert_int_equal(f->starts, 1);
        assert_int_equal(f->ends, 1);
        assert_int_equal(f->errors, 0);
        assert_int_equal(f->last_written, f->new_image.len);
        assert_int_equal(f->last_expected, f->new_image.len);
        assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
        assert_true(f->rig.booted.on_trial);
        assert_int_not_equal(f->rig.booted.slot, old_slot);
        assert_string_equal(rig_version(&f->rig, f->rig.booted.slot), "1.1.0");
        assert_int_equal(updraft_slots_confirm(&f->rig.slots), UPDRAFT_OK);
        assert_true(rig_boot(&f->rig, UPDRAFT_RESET_CRASH));
        assert_false(f->rig.booted.on_trial);
        assert_string_equal(rig_version(&f->rig, f->rig.booted.slot), "1.1.0");
        release(f);
    }
}

static void update_gives_the_same_flash_for_every_piece_length(void **state)
{
    const uint32_t pieces[] = {1, 7, 255, 256, 1460, 4095, 4096, 4097, 70000};
    uint8_t *first = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct fixture *f = make();

        assert_int_equal(rig_update(&f->rig, f->new_image.bytes, f->new_image.len, pieces[i]),
                         UPDRAFT_OK);
        if (first == NULL) {
            first = malloc(f->rig.nor.flash.size);
            memcpy(first, f->rig.nor.bytes, f->rig.nor.flash.size);
        }
        assert_memory_equal(first, f->rig.nor.bytes, f->rig.nor.flash.size);
        release(f);
    }
    free(first);
}

static void update_takes_gzip_in_any_pieces(void **state)
{
    const uint32_t pieces[] = {1, 1000, 100000};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct fixture *f = make();
        uint32_t len;
        uint8_t *gzip = rig_gzip(f->new_image.bytes, f->new_image.len, &len);

        assert_true(len < f->new_image.len);
        assert_int_equal(rig_update(&f->rig, gzip, len, pieces[i]), UPDRAFT_OK);
        assert_memory_equal(f->rig.nor.bytes + 0x10000 + SLOT_LEN, f->new_image.bytes,
                            f->new_image.len);
        free(gzip);
        release(f);
    }
}

static void update_refuses_a_gzip_bomb_at_the_end_of_the_slot(void **state)
{
    struct fixture *f = make();
    struct rig_image big;
    uint32_t len;
    uint8_t *gzip;

    (void)state;
    rig_image_make(&big, UPDRAFT_CHIP_ESP32, "9.9.9", SLOT_LEN + 5000);
    gzip = rig_gzip(big.bytes, big.len, &len);
    assert_true(len < SLOT_LEN);
    assert_int_equal(rig_update(&f->rig, gzip, len, 1460), UPDRAFT_E_OVERFLOW);
    assert_old_boots(f);
    free(gzip);
    rig_image_free(&big);
    release(f);
}

static void update_refuses_gzip_without_memory_for_it(void **state)
{
    struct fixture *f = make();
    uint32_t len;
    uint8_t *gzip = rig_gzip(f->new_image.bytes, f->new_image.len, &len);

    (void)state;
    f->rig.update.config.decoder = NULL;
    assert_int_equal(rig_update(&f->rig, gzip, len, 1460), UPDRAFT_E_UNSUPPORTED);
    assert_flash_untouched(f);
    free(gzip);
    release(f);
}

static void update_refuses_damaged_gzip(void **state)
{
    struct fixture *f = make();
    uint32_t len;
    uint8_t *gzip = rig_gzip(f->new_image.bytes, f->new_image.len, &len);

    (void)state;
    gzip[len - 3] ^= 1; /* in the length at the end */
    assert_int_equal(rig_update(&f->rig, gzip, len, 1460), UPDRAFT_E_GZIP);
    assert_old_boots(f);
    assert_int_equal(rig_update(&f->rig, gzip, len - 6, 1460), UPDRAFT_E_TRUNCATED);
    assert_old_boots(f);
    free(gzip);
    release(f);
}

static void update_refuses_what_is_no_image_before_any_erase(void **state)
{
    struct fixture *f = make();
    uint8_t junk[6000];

    (void)state;
    memset(junk, 0x42, sizeof junk);
    assert_int_equal(rig_update(&f->rig, junk, sizeof junk, 100), UPDRAFT_E_MAGIC);
    assert_int_equal(rig_update(&f->rig, junk, 0, 100), UPDRAFT_E_EMPTY);
    assert_int_equal(rig_update(&f->rig, f->new_image.bytes, 5, 100), UPDRAFT_E_TRUNCATED);
    assert_flash_untouched(f);
    assert_int_equal(f->errors, 3);
    /* It starts well, so it is written, and found out when it is read back. */
    assert_int_not_equal(rig_update(&f->rig, f->new_image.bytes, 2000, 100), UPDRAFT_OK);
    assert_old_boots(f);
    release(f);
}

static void update_refuses_another_chip_before_any_erase(void **state)
{
    struct fixture *f = make();
    struct rig_image other;
    char sentence[160];

    (void)state;
    rig_image_make(&other, UPDRAFT_CHIP_ESP32S3, "1.1.0", 70000);
    assert_int_equal(rig_update(&f->rig, other.bytes, other.len, 1460), UPDRAFT_E_WRONG_CHIP);
    updraft_failure_sentence(&f->last_failure, sentence, sizeof sentence);
    assert_string_equal(sentence, "the image is for ESP32-S3, this device is another chip");
    assert_flash_untouched(f);
    rig_image_free(&other);
    release(f);
}

static void update_refuses_another_project_before_any_erase(void **state)
{
    struct fixture *f = make();

    (void)state;
    f->rig.update.config.project = "heating";
    assert_int_equal(rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460),
                     UPDRAFT_E_WRONG_PRODUCT);
    assert_string_equal(f->last_failure.text, "rig");
    assert_flash_untouched(f);
    release(f);
}

static void update_refuses_too_large_with_both_numbers(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = {.wire_len = SLOT_LEN + 1};
    struct updraft_failure failure;
    char sentence[160];

    (void)state;
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, &failure), UPDRAFT_E_TOO_LARGE);
    updraft_failure_sentence(&failure, sentence, sizeof sentence);
    assert_string_equal(
        sentence,
        "the image has 131073 bytes, but the slot holds 131072; that takes a full flash over USB");
    assert_flash_untouched(f);
    release(f);
}

static void update_refuses_what_is_certainly_too_much_before_any_erase(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = {.at_least_len = SLOT_LEN + 1};
    struct updraft_failure failure;
    char sentence[160];

    (void)state;
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, &failure), UPDRAFT_E_OVERFLOW);
    updraft_failure_sentence(&failure, sentence, sizeof sentence);
    assert_string_equal(sentence, "the image does not end within the 131072 bytes of the slot");
    assert_flash_untouched(f);
    request.at_least_len = SLOT_LEN;
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    release(f);
}

static void update_refuses_the_image_that_runs_unless_forced(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = {.wire_len = f->old_image.len, .force = true};

    (void)state;
    assert_int_equal(rig_update(&f->rig, f->old_image.bytes, f->old_image.len, 1460),
                     UPDRAFT_E_ALREADY_RUNNING);
    assert_flash_untouched(f);
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f->rig.update, f->old_image.bytes, f->old_image.len),
                     UPDRAFT_OK);
    assert_int_equal(updraft_update_finish(&f->rig.update), UPDRAFT_OK);
    release(f);
}

static void update_refuses_the_image_that_was_rolled_back(void **state)
{
    struct fixture *f = make();

    (void)state;
    assert_int_equal(rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460), UPDRAFT_OK);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_int_equal(updraft_slots_reject(&f->rig.slots, UPDRAFT_TRIAL_REASON_REJECTED),
                     UPDRAFT_OK);
    assert_old_boots(f);
    memcpy(f->before, f->rig.nor.bytes, f->rig.nor.flash.size);
    assert_int_equal(rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460),
                     UPDRAFT_E_FAILED_BEFORE);
    assert_memory_equal(f->rig.nor.bytes, f->before, f->rig.nor.flash.size);
    release(f);
}

static void update_asks_the_guard_before_start_and_restart(void **state)
{
    struct fixture *f = make();
    struct updraft_refusal refusal;

    (void)state;
    f->refuse = true;
    assert_int_equal(rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460),
                     UPDRAFT_E_GUARD);
    assert_string_equal(f->last_failure.text, "charging");
    assert_flash_untouched(f);
    f->refuse = false;
    assert_int_equal(rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460), UPDRAFT_OK);
    f->refuse = true;
    assert_false(updraft_update_may_restart(&f->rig.update, &refusal));
    assert_string_equal(refusal.reason, "charging");
    assert_int_equal(refusal.retry_after_s, 600);
    f->refuse = false;
    assert_true(updraft_update_may_restart(&f->rig.update, &refusal));
    release(f);
}

static void update_can_be_switched_off_and_on(void **state)
{
    struct fixture *f = make();

    (void)state;
    updraft_update_enable(&f->rig.update, false);
    assert_int_equal(rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460),
                     UPDRAFT_E_DISABLED);
    assert_flash_untouched(f);
    updraft_update_enable(&f->rig.update, true);
    assert_int_equal(rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460), UPDRAFT_OK);
    release(f);
}

static void update_is_refused_while_the_running_image_is_on_trial(void **state)
{
    struct fixture *f = make();

    (void)state;
    assert_int_equal(rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460), UPDRAFT_OK);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    memcpy(f->before, f->rig.nor.bytes, f->rig.nor.flash.size);
    assert_int_equal(rig_update(&f->rig, f->old_image.bytes, f->old_image.len, 1460),
                     UPDRAFT_E_TRIAL);
    assert_memory_equal(f->rig.nor.bytes, f->before, f->rig.nor.flash.size);
    release(f);
}

static void update_leaves_a_running_one_alone_when_a_second_begins(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = {.wire_len = f->new_image.len};
    struct updraft_failure failure;

    (void)state;
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f->rig.update, f->new_image.bytes, 30000), UPDRAFT_OK);
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, &failure), UPDRAFT_E_BUSY);
    assert_int_equal(failure.code, UPDRAFT_E_BUSY);
    assert_int_equal(f->errors, 0);
    assert_int_equal(
        updraft_update_feed(&f->rig.update, f->new_image.bytes + 30000, f->new_image.len - 30000),
        UPDRAFT_OK);
    assert_int_equal(updraft_update_finish(&f->rig.update), UPDRAFT_OK);
    release(f);
}

static void update_checks_the_announced_length(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = {.wire_len = f->new_image.len + 100};

    (void)state;
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f->rig.update, f->new_image.bytes, f->new_image.len),
                     UPDRAFT_OK);
    assert_int_equal(updraft_update_finish(&f->rig.update), UPDRAFT_E_LENGTH);
    assert_old_boots(f);
    request.wire_len = 1000;
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f->rig.update, f->new_image.bytes, 1001),
                     UPDRAFT_E_LENGTH);
    assert_int_equal(updraft_update_feed(&f->rig.update, f->new_image.bytes, 1), UPDRAFT_E_LENGTH);
    assert_int_equal(updraft_update_finish(&f->rig.update), UPDRAFT_E_LENGTH);
    release(f);
}

static void update_checks_the_announced_digest(void **state)
{
    struct fixture *f = make();
    uint8_t md5[16];
    uint8_t sha256[32];
    struct updraft_digest digest;
    struct updraft_update_request request = {.wire_len = f->new_image.len};

    (void)state;
    updraft_digest_start(&digest, UPDRAFT_DIGEST_MD5);
    updraft_digest_update(&digest, f->new_image.bytes, f->new_image.len);
    updraft_digest_finish(&digest, md5);
    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, f->new_image.bytes, f->new_image.len);
    updraft_digest_finish(&digest, sha256);
    for (int wrong = 1; wrong >= 0; wrong--) {
        for (int kind = 0; kind < 2; kind++) {
            md5[3] ^= (uint8_t)wrong;
            sha256[3] ^= (uint8_t)wrong;
            request.md5 = kind == 0 ? md5 : NULL;
            request.sha256 = kind == 1 ? sha256 : NULL;
            assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
            assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
            assert_int_equal(
                updraft_update_feed(&f->rig.update, f->new_image.bytes, f->new_image.len),
                UPDRAFT_OK);
            assert_int_equal(updraft_update_finish(&f->rig.update),
                             wrong ? UPDRAFT_E_DIGEST : UPDRAFT_OK);
            md5[3] ^= (uint8_t)wrong;
            sha256[3] ^= (uint8_t)wrong;
            if (!wrong)
                break; /* chosen: the device would restart now */
        }
    }
    release(f);
}

static void update_never_makes_a_damaged_image_bootable(void **state)
{
    struct fixture *f = make();
    uint8_t *copy = malloc(f->new_image.len);

    (void)state;
    /* One flipped bit at a time, over the whole image. */
    for (uint32_t at = 0; at < f->new_image.len; at += 211) {
        enum updraft_error error;

        memcpy(copy, f->new_image.bytes, f->new_image.len);
        copy[at] ^= (uint8_t)(1u << (at % 8));
        error = rig_update(&f->rig, copy, f->new_image.len, 4096);
        assert_int_not_equal(error, UPDRAFT_OK);
        assert_old_boots(f);
    }
    free(copy);
    release(f);
}

static void update_refuses_every_flipped_bit_of_the_header(void **state)
{
    struct fixture *f = make();
    uint8_t *copy = malloc(f->new_image.len);

    (void)state;
    for (uint32_t bit = 0; bit < UPDRAFT_IMAGE_FACTS_LEN * 8; bit++) {
        memcpy(copy, f->new_image.bytes, f->new_image.len);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(rig_update(&f->rig, copy, f->new_image.len, 70000), UPDRAFT_OK);
    }
    assert_old_boots(f);
    free(copy);
    release(f);
}

static void update_given_up_at_any_point_leaves_the_old_image(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = {.wire_len = f->new_image.len};

    (void)state;
    for (uint32_t len = 0; len < f->new_image.len; len += 997) {
        assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
        assert_int_equal(updraft_update_feed(&f->rig.update, f->new_image.bytes, len), UPDRAFT_OK);
        updraft_update_abort(&f->rig.update, UPDRAFT_E_DISCONNECTED);
        assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_FAILED);
        assert_int_equal(f->last_failure.code, UPDRAFT_E_DISCONNECTED);
        assert_old_boots(f);
    }
    assert_int_equal(rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460), UPDRAFT_OK);
    release(f);
}

static void update_programs_the_first_bytes_last(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = {.wire_len = f->new_image.len};
    uint8_t erased[16];
    const uint8_t *start = f->rig.nor.bytes + 0x10000 + SLOT_LEN;

    (void)state;
    memset(erased, 0xFF, sizeof erased);
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f->rig.update, f->new_image.bytes, f->new_image.len),
                     UPDRAFT_OK);
    assert_memory_equal(start, erased, sizeof erased);
    assert_memory_equal(start + 16, f->new_image.bytes + 16, 60000);
    assert_int_equal(updraft_update_finish(&f->rig.update), UPDRAFT_OK);
    assert_memory_equal(start, f->new_image.bytes, f->new_image.len);
    release(f);
}

static void update_never_writes_the_running_slot(void **state)
{
    struct fixture *f = make_layout(RIG_FACTORY_TWO);

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct rig_image image;
        struct updraft_extent running;
        uint8_t *copy = malloc(SLOT_LEN);
        char version[8] = "2.0.0";

        version[4] = (char)('0' + i);
        rig_image_make(&image, UPDRAFT_CHIP_ESP32, version, 50000);
        running = updraft_layout_extent(&f->rig.slots.layout, f->rig.booted.slot);
        memcpy(copy, f->rig.nor.bytes + running.addr, SLOT_LEN);
        assert_int_equal(rig_update(&f->rig, image.bytes, image.len, 1460), UPDRAFT_OK);
        assert_memory_equal(f->rig.nor.bytes + running.addr, copy, SLOT_LEN);
        assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
        assert_string_equal(rig_version(&f->rig, f->rig.booted.slot), version);
        assert_int_equal(updraft_slots_confirm(&f->rig.slots), UPDRAFT_OK);
        rig_image_free(&image);
        free(copy);
    }
    release(f);
}

static void update_writes_a_data_partition_only_by_name(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = {
        .wire_len = 9000, .data_partition = true, .partition = "storage"};
    uint8_t data[9000];
    int slot = f->rig.booted.slot;

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f->rig.update, data, sizeof data), UPDRAFT_OK);
    assert_int_equal(updraft_update_finish(&f->rig.update), UPDRAFT_OK);
    assert_memory_equal(f->rig.nor.bytes + 0x10000 + 2 * SLOT_LEN, data, sizeof data);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_int_equal(f->rig.booted.slot, slot);

    request.partition = "otadata";
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_E_NO_PARTITION);
    request.partition = "ota_0";
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_E_NO_PARTITION);
    request.partition = "nowhere";
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_E_NO_PARTITION);
    request.partition = "storage";
    request.wire_len = 0x10001;
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_E_TOO_LARGE);
    release(f);
}

static void update_reports_flash_that_does_not_hold_what_was_written(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = {.wire_len = f->new_image.len};

    (void)state;
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f->rig.update, f->new_image.bytes, f->new_image.len),
                     UPDRAFT_OK);
    f->rig.nor.bytes[0x10000 + SLOT_LEN + 20000] ^= 0x10; /* a cell that does not keep its charge */
    assert_int_not_equal(updraft_update_finish(&f->rig.update), UPDRAFT_OK);
    assert_old_boots(f);
    release(f);
}

static void update_calls_out_of_order_are_refused(void **state)
{
    struct fixture *f = make();

    (void)state;
    assert_int_equal(updraft_update_feed(&f->rig.update, f->new_image.bytes, 10), UPDRAFT_E_STATE);
    assert_int_equal(updraft_update_finish(&f->rig.update), UPDRAFT_E_STATE);
    updraft_update_abort(&f->rig.update, UPDRAFT_E_ABORTED);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_IDLE);
    assert_int_equal(rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f->rig.update, f->new_image.bytes, 10), UPDRAFT_E_STATE);
    assert_int_equal(rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460),
                     UPDRAFT_E_RESTART_PENDING);
    release(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(update_writes_boots_and_confirms),
        cmocka_unit_test(update_gives_the_same_flash_for_every_piece_length),
        cmocka_unit_test(update_takes_gzip_in_any_pieces),
        cmocka_unit_test(update_refuses_a_gzip_bomb_at_the_end_of_the_slot),
        cmocka_unit_test(update_refuses_gzip_without_memory_for_it),
        cmocka_unit_test(update_refuses_damaged_gzip),
        cmocka_unit_test(update_refuses_what_is_no_image_before_any_erase),
        cmocka_unit_test(update_refuses_another_chip_before_any_erase),
        cmocka_unit_test(update_refuses_another_project_before_any_erase),
        cmocka_unit_test(update_refuses_too_large_with_both_numbers),
        cmocka_unit_test(update_refuses_what_is_certainly_too_much_before_any_erase),
        cmocka_unit_test(update_refuses_the_image_that_runs_unless_forced),
        cmocka_unit_test(update_refuses_the_image_that_was_rolled_back),
        cmocka_unit_test(update_asks_the_guard_before_start_and_restart),
        cmocka_unit_test(update_can_be_switched_off_and_on),
        cmocka_unit_test(update_is_refused_while_the_running_image_is_on_trial),
        cmocka_unit_test(update_leaves_a_running_one_alone_when_a_second_begins),
        cmocka_unit_test(update_checks_the_announced_length),
        cmocka_unit_test(update_checks_the_announced_digest),
        cmocka_unit_test(update_never_makes_a_damaged_image_bootable),
        cmocka_unit_test(update_refuses_every_flipped_bit_of_the_header),
        cmocka_unit_test(update_given_up_at_any_point_leaves_the_old_image),
        cmocka_unit_test(update_programs_the_first_bytes_last),
        cmocka_unit_test(update_never_writes_the_running_slot),
        cmocka_unit_test(update_writes_a_data_partition_only_by_name),
        cmocka_unit_test(update_reports_flash_that_does_not_hold_what_was_written),
        cmocka_unit_test(update_calls_out_of_order_are_refused),
    };

    return cmocka_run_group_tests_name("update", tests, NULL, NULL);
}
