/* The staged layout as a place of the update transaction: what it takes, what it refuses, and that
 * nothing is erased for what can be refused before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/bytes.h"
#include "format/chip.h"
#include "tests/rig/staged_rig.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
    struct staged_rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    uint8_t *gzip; /* of the new image */
    uint32_t gzip_len;
    uint8_t *before;
    struct updraft_failure failure;
};

static void on_error(void *ctx, const struct updraft_failure *failure)
{
    ((struct fixture *)ctx)->failure = *failure;
}

static struct fixture *make_kind(enum updraft_staged_kind kind)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    if (kind == UPDRAFT_STAGED_ARDUINO) {
        staged_rig_sketch_make(&f->old_image, "1.0.0", 40000);
        staged_rig_sketch_make(&f->new_image, "1.1.0", 50000);
    } else {
        staged_rig_plain_make(&f->old_image, "1.0.0", 40000);
        staged_rig_plain_make(&f->new_image, "1.1.0", 50000);
    }
    f->gzip = rig_gzip(f->new_image.bytes, f->new_image.len, &f->gzip_len);
    staged_rig_make(&f->rig, kind, &f->old_image);
    f->rig.hooks = (struct updraft_update_hooks){.ctx = f, .error = on_error};
    assert_true(staged_rig_boot(&f->rig));
    f->before = malloc(f->rig.nor.flash.size);
    assert_non_null(f->before);
    memcpy(f->before, f->rig.nor.bytes, f->rig.nor.flash.size);
    return f;
}

static struct fixture *make(void)
{
    return make_kind(UPDRAFT_STAGED_PLAIN);
}

static void release(struct fixture *f)
{
    assert_string_equal(f->rig.nor.violation, "");
    staged_rig_free(&f->rig);
    rig_image_free(&f->old_image);
    rig_image_free(&f->new_image);
    free(f->gzip);
    free(f->before);
    free(f);
}

static void assert_flash_untouched(const struct fixture *f)
{
    assert_memory_equal(f->rig.nor.bytes, f->before, f->rig.nor.flash.size);
    assert_int_equal(f->rig.nor.counts.operations, 0);
}

/* The journal asks for nothing, and the old image is what boots. */
static void assert_old_boots(struct fixture *f)
{
    assert_int_equal(staged_rig_journal(&f->rig).state, UPDRAFT_STAGED_EMPTY);
    assert_true(staged_rig_boot(&f->rig));
    assert_int_equal(f->rig.booted.why, UPDRAFT_BOOT_STAGED_IN_PLACE);
    assert_true(staged_rig_holds(&f->rig, &f->old_image));
}

static void assert_sentence(const struct fixture *f, const char *text)
{
    char sentence[160];

    updraft_failure_sentence(&f->failure, sentence, sizeof sentence);
    assert_string_equal(sentence, text);
}

static void assert_update_arrives(struct fixture *f, const uint8_t *wire, uint32_t len)
{
    struct staged_rig *rig = &f->rig;
    uint32_t source = rig->layout.end_addr - updraft_round_up(len, 4096);

    assert_int_equal(staged_rig_update(rig, wire, len, 1460), UPDRAFT_OK);
    assert_int_equal(rig->update.state, UPDRAFT_UPDATE_DONE);
    assert_int_equal(rig->update.target_slot, UPDRAFT_SLOT_NONE);
    assert_memory_equal(rig->nor.bytes + source, wire, len);
    assert_true(staged_rig_holds(rig, &f->old_image));
    assert_int_equal(staged_rig_journal(rig).state, UPDRAFT_STAGED_PENDING);
    assert_int_equal(staged_rig_journal(rig).source_addr, source);
    assert_true(staged_rig_boot(rig));
    assert_int_equal(rig->booted.why, UPDRAFT_BOOT_STAGED_COPIED);
    assert_true(staged_rig_holds(rig, &f->new_image));
    assert_int_equal(staged_rig_journal(rig).state, UPDRAFT_STAGED_DONE);
}

static void staged_start_is_where_stock_puts_it(void **state)
{
    struct updraft_staged_layout big = {.app_addr = 0, .end_addr = 0x200000};
    struct updraft_staged_layout small = {.app_addr = 0, .end_addr = 0xEB000};

    (void)state;
    assert_int_equal(updraft_staged_start(&big, 0x663F0), 0x199000);
    assert_int_equal(updraft_staged_start(&small, 0x50123), 0x9A000);
    assert_int_equal(updraft_staged_start(&small, 0x1000), 0xEA000);
    assert_int_equal(updraft_staged_start(&small, 1), 0xEA000);
    assert_int_equal(updraft_staged_start(&small, 0xEB000), 0);
}

static void staged_free_len_is_the_free_sketch_space(void **state)
{
    struct fixture *sketch = make_kind(UPDRAFT_STAGED_ARDUINO);
    struct fixture *plain = make();

    (void)state;
    assert_int_equal(sketch->rig.staged.running_len, sketch->old_image.len);
    assert_int_equal(updraft_staged_free_len(&sketch->rig.staged),
                     STAGED_RIG_END_ADDR - updraft_round_up(sketch->old_image.len, 4096));
    assert_int_equal(plain->rig.staged.running_len, plain->old_image.len);
    assert_int_equal(updraft_staged_free_len(&plain->rig.staged),
                     STAGED_RIG_END_ADDR - STAGED_RIG_PLAIN_ADDR -
                         updraft_round_up(plain->old_image.len, 4096));
    release(sketch);
    release(plain);
}

static void staged_open_measures_a_damaged_image_but_not_nothing(void **state)
{
    struct fixture *f = make();
    struct staged_rig *rig = &f->rig;

    (void)state;
    rig->nor.bytes[STAGED_RIG_PLAIN_ADDR + 5000] ^= 1;
    assert_int_equal(
        updraft_staged_open(&rig->staged, &rig->nor.flash, &rig->layout, rig->buf, 256),
        UPDRAFT_OK);
    assert_int_equal(rig->staged.running_len, f->old_image.len);
    memset(rig->nor.bytes + STAGED_RIG_PLAIN_ADDR, 0xFF, 4096);
    assert_int_equal(
        updraft_staged_open(&rig->staged, &rig->nor.flash, &rig->layout, rig->buf, 256),
        UPDRAFT_E_NOT_BOOTABLE);
    release(f);
}

static void staged_update_arrives_raw(void **state)
{
    const enum updraft_staged_kind kinds[] = {UPDRAFT_STAGED_PLAIN, UPDRAFT_STAGED_ARDUINO};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture *f = make_kind(kinds[i]);

        assert_update_arrives(f, f->new_image.bytes, f->new_image.len);
        release(f);
    }
}

static void staged_update_arrives_as_gzip_that_the_device_can_or_cannot_inflate(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct fixture *f = make_kind(i / 2 == 0 ? UPDRAFT_STAGED_PLAIN : UPDRAFT_STAGED_ARDUINO);

        f->rig.device_inflates = i % 2 == 0;
        assert_true(staged_rig_boot(&f->rig));
        assert_update_arrives(f, f->gzip, f->gzip_len);
        release(f);
    }
}

static void staged_journal_knows_the_length_in_place_when_the_device_inflates(void **state)
{
    (void)state;
    for (int inflates = 0; inflates < 2; inflates++) {
        struct fixture *f = make();

        f->rig.device_inflates = inflates == 1;
        assert_true(staged_rig_boot(&f->rig));
        assert_int_equal(staged_rig_update(&f->rig, f->gzip, f->gzip_len, 1000), UPDRAFT_OK);
        assert_int_equal(staged_rig_journal(&f->rig).image_len,
                         inflates == 1 ? f->new_image.len : 0);
        assert_string_equal(f->rig.update.facts.version, inflates == 1 ? "1.1.0" : "");
        release(f);
    }
}

static void staged_update_gives_the_same_flash_for_every_piece_length(void **state)
{
    const uint32_t pieces[] = {1, 255, 1460, 4096, 4097, 100000};
    uint8_t *first = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct fixture *f = make();

        assert_int_equal(staged_rig_update(&f->rig, f->gzip, f->gzip_len, pieces[i]), UPDRAFT_OK);
        if (first == NULL) {
            first = malloc(f->rig.nor.flash.size);
            assert_non_null(first);
            memcpy(first, f->rig.nor.bytes, f->rig.nor.flash.size);
        }
        assert_memory_equal(first, f->rig.nor.bytes, f->rig.nor.flash.size);
        release(f);
    }
    free(first);
}

/* What reads as blank may be what a cut erase has left, and the copy reads it again and again. */
static void staged_update_erases_what_only_looks_erased(void **state)
{
    struct fixture *f = make();
    struct staged_rig *rig = &f->rig;
    uint32_t source = updraft_staged_start(&rig->layout, f->new_image.len);
    uint32_t sectors = (rig->layout.end_addr - source) / 4096;

    (void)state;
    memset(rig->nor.bytes + source, 0xFF, rig->layout.end_addr - source);
    assert_int_equal(staged_rig_update(rig, f->new_image.bytes, f->new_image.len, 1460),
                     UPDRAFT_OK);
    assert_int_equal(2 * rig->nor.counts.block_erases + rig->nor.counts.sector_erases,
                     sectors + 1); /* and the journal */
    release(f);
}

static void staged_update_runs_again_and_again(void **state)
{
    struct fixture *f = make();

    (void)state;
    assert_update_arrives(f, f->new_image.bytes, f->new_image.len);
    assert_int_equal(staged_rig_update(&f->rig, f->old_image.bytes, f->old_image.len, 1460),
                     UPDRAFT_OK);
    assert_true(staged_rig_boot(&f->rig));
    assert_true(staged_rig_holds(&f->rig, &f->old_image));
    assert_update_arrives(f, f->gzip, f->gzip_len);
    release(f);
}

static void staged_update_needs_a_length_and_has_no_partitions(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request no_length = {0};
    struct updraft_update_request data = {
        .wire_len = 100, .data_partition = true, .partition = "storage"};

    (void)state;
    assert_int_equal(updraft_update_begin(&f->rig.update, &no_length, NULL), UPDRAFT_E_NO_LENGTH);
    assert_int_equal(updraft_update_begin(&f->rig.update, &data, NULL), UPDRAFT_E_NO_PARTITION);
    assert_string_equal(f->failure.text, "storage");
    assert_flash_untouched(f);
    release(f);
}

static void staged_update_refuses_what_would_overlap_the_running_image(void **state)
{
    struct fixture *f = make();
    uint32_t free_len = updraft_staged_free_len(&f->rig.staged);
    struct updraft_update_request request = {.wire_len = free_len + 1};

    (void)state;
    assert_int_equal(free_len, 0x1E000); /* 40 sectors, 10 of them in use */
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_E_TOO_LARGE);
    assert_sentence(
        f,
        "the image has 122881 bytes, but the slot holds 122880; that takes a full flash over USB");
    request.wire_len = UINT32_MAX;
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_E_TOO_LARGE);
    request.wire_len = free_len;
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    assert_flash_untouched(f);
    release(f);
}

/* The copy of such an image would overwrite its own source. */
static void staged_update_refuses_a_raw_image_larger_than_half_before_any_erase(void **state)
{
    struct fixture *f = make();
    struct rig_image big;

    (void)state;
    staged_rig_plain_make(&big, "2.0.0", 90000); /* 22 sectors staged, 18 left before them */
    assert_int_equal(staged_rig_update(&f->rig, big.bytes, big.len, 1460), UPDRAFT_E_TOO_LARGE);
    assert_int_equal(f->failure.a, big.len);
    assert_int_equal(f->failure.b, 18 * 4096);
    assert_flash_untouched(f);
    rig_image_free(&big);
    staged_rig_plain_make(&big, "2.0.0", 20 * 4096); /* exactly half of 40 */
    assert_true(big.len > 19 * 4096 && big.len <= 20 * 4096);
    assert_int_equal(staged_rig_update(&f->rig, big.bytes, big.len, 1460), UPDRAFT_OK);
    assert_true(staged_rig_boot(&f->rig));
    assert_true(staged_rig_holds(&f->rig, &big));
    rig_image_free(&big);
    release(f);
}

static void staged_update_refuses_gzip_that_would_inflate_into_its_own_source(void **state)
{
    (void)state;
    for (int inflates = 0; inflates < 2; inflates++) {
        struct fixture *f = make();
        struct rig_image big;
        uint32_t len;
        uint8_t *gzip;

        f->rig.device_inflates = inflates == 1;
        assert_true(staged_rig_boot(&f->rig));
        staged_rig_plain_make(&big, "2.0.0", 120000);
        gzip = rig_gzip(big.bytes, big.len, &len);
        assert_int_equal(staged_rig_update(&f->rig, gzip, len, 1460), UPDRAFT_E_TOO_LARGE);
        assert_int_equal(f->failure.a, big.len);
        assert_int_equal(f->failure.b, 40 * 4096 - updraft_round_up(len, 4096));
        assert_old_boots(f);
        updraft_put_le32(gzip + len - 4, 1000); /* it lies */
        assert_int_equal(staged_rig_update(&f->rig, gzip, len, 1460),
                         inflates == 1 ? UPDRAFT_E_TOO_LARGE : UPDRAFT_OK);
        if (inflates == 0) {
            assert_true(staged_rig_boot(&f->rig));
            assert_int_equal(f->rig.booted.why, UPDRAFT_BOOT_STAGED_REFUSED);
            assert_int_equal(f->rig.booted.error, UPDRAFT_E_TOO_LARGE);
            assert_true(staged_rig_holds(&f->rig, &f->old_image));
        } else {
            assert_old_boots(f);
        }
        free(gzip);
        rig_image_free(&big);
        release(f);
    }
}

static void staged_update_refuses_gzip_that_the_boot_stage_cannot_take(void **state)
{
    struct fixture *f = make();

    (void)state;
    f->rig.layout.takes_gzip = false;
    assert_true(staged_rig_boot(&f->rig));
    assert_int_equal(staged_rig_update(&f->rig, f->gzip, f->gzip_len, 1460), UPDRAFT_E_UNSUPPORTED);
    assert_flash_untouched(f);
    release(f);
}

static void staged_update_refuses_what_only_begins_like_gzip_before_any_erase(void **state)
{
    struct fixture *f = make();
    uint8_t junk[6000];

    (void)state;
    memset(junk, 0x42, sizeof junk);
    junk[0] = 0x1F;
    assert_int_equal(staged_rig_update(&f->rig, junk, sizeof junk, 100), UPDRAFT_E_GZIP);
    assert_int_equal(staged_rig_update(&f->rig, f->gzip, 17, 100), UPDRAFT_E_GZIP);
    junk[0] = 0x42;
    assert_int_equal(staged_rig_update(&f->rig, junk, sizeof junk, 100), UPDRAFT_E_MAGIC);
    assert_flash_untouched(f);
    release(f);
}

static void staged_update_finds_damaged_gzip_when_it_can_inflate(void **state)
{
    struct fixture *f = make();

    (void)state;
    f->rig.device_inflates = true;
    assert_true(staged_rig_boot(&f->rig));
    f->gzip[f->gzip_len / 2] ^= 1;
    assert_int_not_equal(staged_rig_update(&f->rig, f->gzip, f->gzip_len, 1460), UPDRAFT_OK);
    assert_old_boots(f);
    f->gzip[f->gzip_len / 2] ^= 1;
    f->gzip[f->gzip_len - 8] ^= 1; /* the CRC */
    assert_int_equal(staged_rig_update(&f->rig, f->gzip, f->gzip_len, 1460), UPDRAFT_E_GZIP);
    assert_old_boots(f);
    release(f);
}

static void staged_update_checks_the_digest_of_what_is_sent(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = {.wire_len = f->gzip_len};
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    struct updraft_digest digest;

    (void)state;
    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, f->gzip, f->gzip_len);
    updraft_digest_finish(&digest, sha256);
    request.sha256 = sha256;
    for (int i = 0; i < 2; i++) {
        sha256[7] ^= i == 0;
        assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
        assert_int_equal(updraft_update_feed(&f->rig.update, f->gzip, f->gzip_len), UPDRAFT_OK);
        assert_int_equal(updraft_update_finish(&f->rig.update),
                         i == 0 ? UPDRAFT_E_DIGEST : UPDRAFT_OK);
        assert_int_equal(staged_rig_journal(&f->rig).state,
                         i == 0 ? UPDRAFT_STAGED_EMPTY : UPDRAFT_STAGED_PENDING);
        assert_memory_equal(staged_rig_journal(&f->rig).sha256,
                            i == 0 ? (const uint8_t[32]){0} : sha256, 32);
        sha256[7] ^= i == 0;
    }
    release(f);
}

static void staged_update_names_no_image_that_is_not_whole(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = {.wire_len = f->new_image.len};

    (void)state;
    f->new_image.bytes[30000] ^= 1;
    assert_int_equal(staged_rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460),
                     UPDRAFT_E_CHECKSUM);
    assert_old_boots(f);
    f->new_image.bytes[30000] ^= 1;
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f->rig.update, f->new_image.bytes, 30000), UPDRAFT_OK);
    assert_int_equal(updraft_update_finish(&f->rig.update), UPDRAFT_E_LENGTH);
    assert_old_boots(f);
    release(f);
}

/* The stream is looked at only as far as eboot; the sketch is read back before it is named. */
static void staged_update_names_no_sketch_that_is_not_whole(void **state)
{
    struct fixture *f = make_kind(UPDRAFT_STAGED_ARDUINO);

    (void)state;
    f->new_image.bytes[30000] ^= 1;
    assert_int_equal(staged_rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460),
                     UPDRAFT_E_CHECKSUM);
    assert_old_boots(f);
    staged_rig_sketch_seal(&f->new_image);
    assert_int_equal(staged_rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460),
                     UPDRAFT_E_CHECKSUM);
    assert_int_equal(staged_rig_update(&f->rig, f->new_image.bytes, 20000, 1460),
                     UPDRAFT_E_TRUNCATED);
    assert_old_boots(f);
    release(f);
}

static void staged_update_refuses_another_chip_raw_and_packed(void **state)
{
    struct fixture *f = make();
    struct rig_image other;
    uint32_t len;
    uint8_t *gzip;

    (void)state;
    rig_image_make(&other, UPDRAFT_CHIP_ESP32S3, "1.1.0", 30000);
    gzip = rig_gzip(other.bytes, other.len, &len);
    assert_int_equal(staged_rig_update(&f->rig, other.bytes, other.len, 1460),
                     UPDRAFT_E_WRONG_CHIP);
    assert_flash_untouched(f);
    f->rig.device_inflates = true;
    assert_true(staged_rig_boot(&f->rig));
    assert_int_equal(staged_rig_update(&f->rig, gzip, len, 1460), UPDRAFT_E_WRONG_CHIP);
    assert_sentence(f, "the image is for ESP32-S3, this device is another chip");
    assert_old_boots(f);
    f->rig.device_inflates = false;
    assert_true(staged_rig_boot(&f->rig));
    assert_int_equal(staged_rig_update(&f->rig, gzip, len, 1460), UPDRAFT_OK);
    assert_true(staged_rig_boot(&f->rig)); /* here the boot stage is the first to see it */
    assert_int_equal(f->rig.booted.why, UPDRAFT_BOOT_STAGED_REFUSED);
    assert_int_equal(f->rig.booted.error, UPDRAFT_E_WRONG_CHIP);
    assert_true(staged_rig_holds(&f->rig, &f->old_image));
    free(gzip);
    rig_image_free(&other);
    release(f);
}

static void staged_update_refuses_another_project_raw_and_packed(void **state)
{
    struct fixture *f = make();

    (void)state;
    f->rig.device_inflates = true;
    assert_true(staged_rig_boot(&f->rig));
    f->rig.update.config.project = "heating";
    assert_int_equal(staged_rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460),
                     UPDRAFT_E_WRONG_PRODUCT);
    assert_flash_untouched(f);
    assert_int_equal(staged_rig_update(&f->rig, f->gzip, f->gzip_len, 1460),
                     UPDRAFT_E_WRONG_PRODUCT);
    assert_string_equal(f->failure.text, "rig");
    assert_old_boots(f);
    release(f);
}

static void staged_update_refuses_the_image_that_runs_unless_forced(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = {.wire_len = f->old_image.len, .force = true};

    (void)state;
    assert_int_equal(staged_rig_update(&f->rig, f->old_image.bytes, f->old_image.len, 1460),
                     UPDRAFT_E_ALREADY_RUNNING);
    assert_flash_untouched(f);
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f->rig.update, f->old_image.bytes, f->old_image.len),
                     UPDRAFT_OK);
    assert_int_equal(updraft_update_finish(&f->rig.update), UPDRAFT_OK);
    release(f);
}

static void staged_update_refuses_what_the_boot_stage_refused_unless_forced(void **state)
{
    struct fixture *f = make();
    struct updraft_update_request request = {.wire_len = f->gzip_len, .force = true};

    (void)state;
    f->gzip[f->gzip_len - 8] ^= 1; /* the CRC */
    assert_int_equal(staged_rig_update(&f->rig, f->gzip, f->gzip_len, 1460), UPDRAFT_OK);
    assert_true(staged_rig_boot(&f->rig));
    assert_int_equal(f->rig.booted.why, UPDRAFT_BOOT_STAGED_REFUSED);
    assert_int_equal(staged_rig_update(&f->rig, f->gzip, f->gzip_len, 1460),
                     UPDRAFT_E_FAILED_BEFORE);
    assert_int_equal(staged_rig_journal(&f->rig).state, UPDRAFT_STAGED_REFUSED);
    assert_int_equal(staged_rig_journal(&f->rig).reason, UPDRAFT_E_GZIP);
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f->rig.update, f->gzip, f->gzip_len), UPDRAFT_OK);
    assert_int_equal(updraft_update_finish(&f->rig.update), UPDRAFT_OK);
    assert_int_equal(staged_rig_journal(&f->rig).state, UPDRAFT_STAGED_PENDING);
    release(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(staged_start_is_where_stock_puts_it),
        cmocka_unit_test(staged_free_len_is_the_free_sketch_space),
        cmocka_unit_test(staged_open_measures_a_damaged_image_but_not_nothing),
        cmocka_unit_test(staged_update_arrives_raw),
        cmocka_unit_test(staged_update_arrives_as_gzip_that_the_device_can_or_cannot_inflate),
        cmocka_unit_test(staged_journal_knows_the_length_in_place_when_the_device_inflates),
        cmocka_unit_test(staged_update_gives_the_same_flash_for_every_piece_length),
        cmocka_unit_test(staged_update_erases_what_only_looks_erased),
        cmocka_unit_test(staged_update_runs_again_and_again),
        cmocka_unit_test(staged_update_needs_a_length_and_has_no_partitions),
        cmocka_unit_test(staged_update_refuses_what_would_overlap_the_running_image),
        cmocka_unit_test(staged_update_refuses_a_raw_image_larger_than_half_before_any_erase),
        cmocka_unit_test(staged_update_refuses_gzip_that_would_inflate_into_its_own_source),
        cmocka_unit_test(staged_update_refuses_gzip_that_the_boot_stage_cannot_take),
        cmocka_unit_test(staged_update_refuses_what_only_begins_like_gzip_before_any_erase),
        cmocka_unit_test(staged_update_finds_damaged_gzip_when_it_can_inflate),
        cmocka_unit_test(staged_update_checks_the_digest_of_what_is_sent),
        cmocka_unit_test(staged_update_names_no_image_that_is_not_whole),
        cmocka_unit_test(staged_update_names_no_sketch_that_is_not_whole),
        cmocka_unit_test(staged_update_refuses_another_chip_raw_and_packed),
        cmocka_unit_test(staged_update_refuses_another_project_raw_and_packed),
        cmocka_unit_test(staged_update_refuses_the_image_that_runs_unless_forced),
        cmocka_unit_test(staged_update_refuses_what_the_boot_stage_refused_unless_forced),
    };

    return cmocka_run_group_tests_name("staged", tests, NULL, NULL);
}
