/* The transaction of a firmware that leaves out what it does not need. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/slots/slot_data.h"
#include "device/slots/slot_place.h"
#include "format/chip.h"
#include "tests/rig/rig.h"

#include <stdlib.h>
#include <string.h>

#define SLOT_LEN 0x20000u

struct fixture {
    struct rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    uint8_t *gzip;
    uint32_t gzip_len;
};

static void make(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    rig_image_make(&f->old_image, UPDRAFT_CHIP_ESP32, "1.0.0", 60000);
    rig_image_make(&f->new_image, UPDRAFT_CHIP_ESP32, "1.1.0", 70000);
    f->gzip = rig_gzip(f->new_image.bytes, f->new_image.len, &f->gzip_len);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old_image);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
}

static void release(struct fixture *f)
{
    assert_string_equal(f->rig.nor.violation, "");
    rig_free(&f->rig);
    rig_image_free(&f->old_image);
    rig_image_free(&f->new_image);
    free(f->gzip);
}

/* Opens slots and transaction again: with the place and the config as they are, but nothing optional. */
static void begin_bare(struct fixture *f, struct updraft_update_config config)
{
    config.place = updraft_slot_place(&f->rig.slots);
    config.chip_id = UPDRAFT_CHIP_ESP32;
    config.attempts = 3;
    config.buf = f->rig.buf;
    updraft_update_init(&f->rig.update, &config);
}

static void assert_new_boots(struct fixture *f)
{
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_string_equal(rig_version(&f->rig, f->rig.booted.slot), "1.1.0");
}

static void a_decoder_without_an_arena_refuses_gzip_and_takes_plain_images(void **state)
{
    struct fixture f;

    (void)state;
    make(&f);
    begin_bare(&f, (struct updraft_update_config){.decoder = &updraft_update_gzip});
    assert_int_equal(rig_update(&f.rig, f.gzip, f.gzip_len, 1460), UPDRAFT_E_UNSUPPORTED);
    assert_int_equal(f.rig.update.state, UPDRAFT_UPDATE_FAILED);
    assert_int_equal(f.rig.nor.counts.operations, 0);
    assert_int_equal(rig_update(&f.rig, f.new_image.bytes, f.new_image.len, 1460), UPDRAFT_OK);
    assert_new_boots(&f);
    release(&f);
}

static void a_slot_place_without_find_data_refuses_every_partition_by_its_name(void **state)
{
    static const char *const labels[] = {"storage", "otadata", "ota_1", "nowhere"};
    struct fixture f;

    (void)state;
    make(&f);
    begin_bare(&f, (struct updraft_update_config){0});
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        struct updraft_update_request request = {
            .wire_len = 4096, .data_partition = true, .partition = labels[i]};
        struct updraft_failure failure;

        assert_int_equal(updraft_update_begin(&f.rig.update, &request, &failure),
                         UPDRAFT_E_NO_PARTITION);
        assert_int_equal(failure.code, UPDRAFT_E_NO_PARTITION);
        assert_string_equal(failure.text, labels[i]);
    }
    assert_int_equal(f.rig.nor.counts.operations, 0);
    release(&f);
}

static void an_update_without_hooks_is_an_update(void **state)
{
    struct fixture f;
    struct updraft_refusal refusal;
    struct updraft_update_request request = {.wire_len = 100};

    (void)state;
    make(&f);
    begin_bare(&f, (struct updraft_update_config){0});
    assert_int_equal(updraft_update_begin(&f.rig.update, &request, NULL), UPDRAFT_OK);
    updraft_update_abort(&f.rig.update, UPDRAFT_E_TIMEOUT);
    assert_int_equal(rig_update(&f.rig, f.new_image.bytes, f.new_image.len, 1460), UPDRAFT_OK);
    assert_true(updraft_update_may_restart(&f.rig.update, &refusal));
    assert_new_boots(&f);
    release(&f);
}

/* The boot stage goes on reading the table; the application never does. */
static void a_layout_that_is_a_constant_needs_no_table(void **state)
{
    static const struct updraft_layout layout = {
        .ota_count = 2,
        .otadata = {0xD000, 0x2000},
        .ota = {{0x10000, SLOT_LEN}, {0x10000 + SLOT_LEN, SLOT_LEN}},
    };
    struct updraft_update_request request = {
        .wire_len = 4096, .data_partition = true, .partition = "storage"};
    struct fixture f;

    (void)state;
    make(&f);
    memset(&f.rig.slots, 0xA5, sizeof f.rig.slots);
    updraft_slots_init(&f.rig.slots, &f.rig.nor.flash, &layout, 0x10020);
    assert_int_equal(f.rig.slots.running, 0);
    begin_bare(&f, (struct updraft_update_config){0});
    f.rig.update.config.place.find_data = updraft_slot_find_data;
    assert_int_equal(updraft_update_begin(&f.rig.update, &request, NULL), UPDRAFT_E_NO_PARTITION);
    assert_int_equal(rig_update(&f.rig, f.new_image.bytes, f.new_image.len, 1460), UPDRAFT_OK);
    assert_new_boots(&f);
    assert_int_equal(f.rig.booted.slot, 1);
    release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decoder_without_an_arena_refuses_gzip_and_takes_plain_images),
        cmocka_unit_test(a_slot_place_without_find_data_refuses_every_partition_by_its_name),
        cmocka_unit_test(an_update_without_hooks_is_an_update),
        cmocka_unit_test(a_layout_that_is_a_constant_needs_no_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
