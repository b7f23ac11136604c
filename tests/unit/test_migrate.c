/* The first boot of a new system that an old SDK wrote: the flash afterwards, sector by sector, against
 * a model of the stock boot loader; and everything that must be refused before a byte is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/rig/old_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parameters of boot loader versions 2, 4, 6, 0x1F with which user image 2 runs ... */
static const uint8_t second_runs[][2] = {{0x00, 0x02}, {0x05, 0x84}, {0x02, 0x06},
                                         {0x0D, 0xA6}, {0x05, 0x1F}, {0xF3, 0x02}};
/* ... and user image 1. */
static const uint8_t first_runs[][2] = {{0x01, 0x02}, {0x04, 0x86}, {0x01, 0x06}, {0xFF, 0xFF}};

static struct old_rig_options small(void)
{
    return (struct old_rig_options){
        .table = OLD_RIG_TABLE_SMALL, .size_nibble = 0, .params = {0x02, 0x06}, .app_len = 0x3000};
}

static void assert_flash(const struct old_rig *rig, const uint8_t *expected)
{
    for (uint32_t addr = 0; addr < rig->flash_len; addr += 4096) {
        if (memcmp(rig->nor.bytes + addr, expected + addr, 4096) != 0)
            fail_msg("the sector at 0x%x is not what the stock boot loader leaves", addr);
    }
    assert_string_equal(rig->nor.violation, "");
}

static void assert_unpacks(const struct old_rig_options *options, bool keep_rf)
{
    struct old_rig rig;
    struct updraft_migrate_result result;
    char version[33];
    uint8_t *expected;

    old_rig_make(&rig, options);
    expected = malloc(rig.flash_len);
    assert_non_null(expected);
    old_rig_expect(&rig, keep_rf, expected);
    assert_int_equal(old_rig_start_addr(&rig), rig.packed_addr);
    assert_int_equal(old_rig_boot(&rig, keep_rf, &result, version), UPDRAFT_OK);
    assert_int_equal(result.state, UPDRAFT_MIGRATE_DONE);
    assert_int_equal(result.why, UPDRAFT_MIGRATE_WHY_NOT);
    assert_int_equal(result.packed_len, rig.packed_len);
    assert_int_equal(result.rf, keep_rf ? UPDRAFT_MIGRATE_RF_STORED : UPDRAFT_MIGRATE_RF_NONE);
    assert_true(result.sectors_copied > 0);
    assert_string_equal(version, "3.0.0");
    assert_flash(&rig, expected);
    assert_int_equal(old_rig_start_addr(&rig), 0x1000);
    assert_int_equal(old_rig_starts(&rig), OLD_RIG_NEW);
    free(expected);
    old_rig_free(&rig);
}

static void migrate_leaves_the_flash_as_the_stock_boot_loader_does(void **state)
{
    static const struct {
        enum old_rig_table table;
        uint8_t nibble;
    } rows[] = {
        {OLD_RIG_TABLE_SMALL, 0}, {OLD_RIG_TABLE_1M, 2}, {OLD_RIG_TABLE_1M, 3},
        {OLD_RIG_TABLE_1M, 4},    {OLD_RIG_TABLE_2M, 5}, {OLD_RIG_TABLE_2M, 6},
        {OLD_RIG_TABLE_2M, 8},    {OLD_RIG_TABLE_2M, 9},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct old_rig_options options = {.table = rows[i].table,
                                          .size_nibble = rows[i].nibble,
                                          .params = {0x02, 0x06},
                                          .app_len = 0x20000};

        if (rows[i].table == OLD_RIG_TABLE_SMALL)
            options.app_len = 0x3000;
        assert_unpacks(&options, i % 2 == 0);
    }
}

static void migrate_changes_the_parameters_as_their_version_wants_it(void **state)
{
    static const uint8_t flags[] = {0, 1, 0x5A, 0xFF};

    (void)state;
    for (size_t i = 0; i < sizeof second_runs / sizeof second_runs[0]; i++) {
        for (size_t j = 0; j < sizeof flags; j++) {
            struct old_rig_options options = small();

            memcpy(options.params, second_runs[i], 2);
            options.flag = flags[j];
            assert_unpacks(&options, j % 2 == 0);
        }
    }
}

static void migrate_has_nothing_to_do_the_second_time(void **state)
{
    struct old_rig_options options = small();
    struct old_rig rig;
    struct updraft_migrate_result result;
    char version[33];

    (void)state;
    old_rig_make(&rig, &options);
    assert_int_equal(old_rig_boot(&rig, true, &result, version), UPDRAFT_OK);
    updraft_nor_power_on(&rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    assert_int_equal(old_rig_boot(&rig, true, &result, version), UPDRAFT_OK);
    assert_int_equal(result.state, UPDRAFT_MIGRATE_IN_PLACE);
    assert_int_equal(result.rf, UPDRAFT_MIGRATE_RF_KEPT);
    assert_int_equal(rig.nor.counts.operations, 0);
    assert_string_equal(version, "3.0.0");
    old_rig_free(&rig);
}

static void migrate_moves_nothing_when_the_first_image_runs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof first_runs / sizeof first_runs[0]; i++) {
        struct old_rig_options options = small();
        struct old_rig rig;
        struct updraft_migrate_result result;
        char version[33];
        uint8_t *expected;
        bool keep_rf = i % 2 == 0;

        options.packed_is_user1 = true;
        memcpy(options.params, first_runs[i], 2);
        old_rig_make(&rig, &options);
        expected = malloc(rig.flash_len);
        assert_non_null(expected);
        old_rig_expect(&rig, keep_rf, expected);
        assert_int_equal(old_rig_boot(&rig, keep_rf, &result, version), UPDRAFT_OK);
        assert_int_equal(result.state, UPDRAFT_MIGRATE_IN_PLACE);
        assert_int_equal(result.rf, keep_rf ? UPDRAFT_MIGRATE_RF_STORED : UPDRAFT_MIGRATE_RF_NONE);
        assert_string_equal(version, "3.0.0");
        assert_flash(&rig, expected);
        free(expected);
        old_rig_free(&rig);
    }
}

static void migrate_takes_no_other_flash_for_an_old_system(void **state)
{
    static const struct {
        uint8_t first;
        uint32_t segment_len;
    } rows[] = {
        {0xFF, 0xFFFFFFFF}, {0x00, 0},          {0x50, 0x100},      {0xE9, 1366},
        {0xE9, 0x2000},     {0xE9, 0xFFFFFFFF}, {0xE9, 0x80000000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct old_rig_options options = small();
        struct old_rig rig;
        struct updraft_migrate_result result;
        char version[33];
        uint32_t at = 8;

        old_rig_make(&rig, &options);
        rig.nor.bytes[0] = rows[i].first;
        for (int j = 0; j < 3 && at < 0x10000; j++) {
            for (uint32_t k = 0; k < 4; k++)
                rig.nor.bytes[at + 4 + k] = (uint8_t)(rows[i].segment_len >> (8 * k));
            at += 8 + (rows[i].segment_len & 0xFFFF);
        }
        assert_int_equal(old_rig_boot(&rig, true, &result, version), UPDRAFT_OK);
        assert_int_equal(result.state, UPDRAFT_MIGRATE_NONE);
        assert_int_equal(rig.nor.counts.operations, 0);
        assert_string_equal(rig.nor.violation, "");
        old_rig_free(&rig);
    }
}

static void migrate_takes_an_old_boot_loader_of_exactly_a_sector(void **state)
{
    struct old_rig_options options = small();
    struct old_rig rig;
    struct updraft_old_system old;
    uint32_t lens[3] = {1366, 1365, 1365};
    uint32_t at = 8;

    (void)state;
    old_rig_make(&rig, &options);
    for (int i = 0; i < 3; i++) {
        rig.nor.bytes[at + 4] = (uint8_t)lens[i];
        rig.nor.bytes[at + 5] = (uint8_t)(lens[i] >> 8);
        rig.nor.bytes[at + 6] = rig.nor.bytes[at + 7] = 0;
        at += 8 + lens[i];
    }
    assert_int_equal(updraft_old_system_read(&rig.nor.flash, &old), UPDRAFT_OK);
    assert_true(old.present);
    assert_true(old.has_map);
    old_rig_free(&rig);
}

static void migrate_refuses_a_flash_size_without_two_images(void **state)
{
    static const uint8_t nibbles[] = {1, 7, 10, 15, 2, 9}; /* the last two: larger than the chip */

    (void)state;
    for (size_t i = 0; i < sizeof nibbles; i++) {
        struct old_rig_options options = small();
        struct old_rig rig;
        struct updraft_migrate_result result;
        char version[33];

        old_rig_make(&rig, &options);
        rig.nor.bytes[3] = (uint8_t)(nibbles[i] << 4);
        assert_int_equal(old_rig_boot(&rig, true, &result, version), UPDRAFT_OK);
        assert_int_equal(result.state, UPDRAFT_MIGRATE_REFUSED);
        assert_int_equal(result.why, UPDRAFT_MIGRATE_WHY_MAP);
        assert_int_equal(rig.nor.counts.operations, 0);
        old_rig_free(&rig);
    }
}

/* The old system runs on: only its parameter sectors may have changed. */
static void assert_returned(struct old_rig *rig, enum updraft_migrate_why why)
{
    struct updraft_migrate_result result;
    char version[33];

    assert_int_equal(old_rig_boot(rig, true, &result, version), UPDRAFT_OK);
    assert_int_equal(result.why, why);
    assert_int_equal(result.state, UPDRAFT_MIGRATE_RETURNED);
    assert_int_equal(old_rig_starts(rig), OLD_RIG_OLD);
    assert_memory_equal(rig->nor.bytes, rig->fresh, rig->params_addr);
    assert_string_equal(rig->nor.violation, "");
}

static void migrate_refuses_a_layout_that_reaches_its_own_source(void **state)
{
    (void)state;
    for (uint8_t nibble = 3; nibble <= 4; nibble++) {
        struct old_rig_options options = {.table = OLD_RIG_TABLE_2M,
                                          .size_nibble = nibble,
                                          .params = {0x02, 0x06},
                                          .app_len = 0x4000};
        struct old_rig rig;

        old_rig_make(&rig, &options);
        assert_returned(&rig, UPDRAFT_MIGRATE_WHY_OVERLAP);
        old_rig_free(&rig);
    }
}

static void migrate_refuses_a_table_that_covers_the_old_parameters(void **state)
{
    struct old_rig_options options = {.table = OLD_RIG_TABLE_2M,
                                      .size_nibble = 5,
                                      .params = {0x02, 0x06},
                                      .app_len = 0x4000,
                                      .ota_1_len = 0xEE000};
    struct old_rig rig;

    (void)state;
    old_rig_make(&rig, &options);
    assert_returned(&rig, UPDRAFT_MIGRATE_WHY_PARAMS);
    old_rig_free(&rig);
    options.ota_1_len = 0xED000;
    assert_unpacks(&options, false);
}

static void migrate_refuses_a_packed_image_that_leaves_no_room_for_its_crc(void **state)
{
    struct old_rig_options options = small();
    struct old_rig rig;

    (void)state;
    options.app_len = 0x4038; /* the slot's length exactly */
    old_rig_make(&rig, &options);
    assert_int_equal(rig.packed_len, rig.slot_end - 0x1000 + 4);
    assert_returned(&rig, UPDRAFT_MIGRATE_WHY_LENGTH);
    old_rig_free(&rig);
    options.app_len = 0x4028;
    assert_unpacks(&options, true);
}

static void migrate_refuses_a_packed_image_that_reaches_the_old_parameters(void **state)
{
    struct old_rig_options options = {
        .table = OLD_RIG_TABLE_1M, .size_nibble = 2, .params = {0x02, 0x06}, .app_len = 0x76038};
    struct old_rig rig;

    (void)state;
    old_rig_make(&rig, &options);
    assert_int_equal(rig.packed_addr + rig.packed_len, rig.params_addr + 4);
    assert_returned(&rig, UPDRAFT_MIGRATE_WHY_LENGTH);
    old_rig_free(&rig);
}

static void migrate_refuses_a_packed_image_with_any_bit_wrong(void **state)
{
    struct old_rig_options options = small();
    struct old_rig rig;
    unsigned seen[UPDRAFT_MIGRATE_WHY_BOOT + 1] = {0};

    (void)state;
    old_rig_make(&rig, &options);
    for (uint32_t off = 0; off < rig.packed_len; off += off + 31 < rig.packed_len ? 31 : 1) {
        struct updraft_migrate_result result;
        char version[33];

        old_rig_reset(&rig);
        rig.nor.bytes[rig.packed_addr + off] ^= (uint8_t)(1u << off % 8);
        assert_int_equal(old_rig_boot(&rig, true, &result, version), UPDRAFT_OK);
        assert_int_equal(result.state, UPDRAFT_MIGRATE_RETURNED);
        assert_int_equal(old_rig_starts(&rig), OLD_RIG_OLD);
        assert_int_equal(result.sectors_copied, 0);
        seen[result.why]++;
    }
    assert_true(seen[UPDRAFT_MIGRATE_WHY_TABLE] > 0);
    assert_true(seen[UPDRAFT_MIGRATE_WHY_APP] > 0);
    assert_true(seen[UPDRAFT_MIGRATE_WHY_CRC] > 0);
    assert_int_equal(seen[UPDRAFT_MIGRATE_WHY_NOT], 0);
    old_rig_free(&rig);
}

static void migrate_refuses_a_packed_image_that_ends_early(void **state)
{
    struct old_rig_options options = small();
    struct old_rig rig;

    (void)state;
    old_rig_make(&rig, &options);
    for (uint32_t len = 0; len < rig.packed_len; len += len < 0x6000 ? 0x800 : 0x123) {
        struct updraft_migrate_result result;
        char version[33];

        old_rig_reset(&rig);
        memset(rig.nor.bytes + rig.packed_addr + len, 0xFF, rig.packed_len - len);
        assert_int_equal(old_rig_boot(&rig, false, &result, version), UPDRAFT_OK);
        assert_int_equal(result.state, UPDRAFT_MIGRATE_RETURNED);
    }
    old_rig_free(&rig);
}

static void migrate_writes_nothing_when_there_is_no_way_back_either(void **state)
{
    struct old_rig_options options = small();
    struct old_rig rig;
    struct updraft_migrate_result result;
    char version[33];

    (void)state;
    old_rig_make(&rig, &options);
    rig.nor.bytes[rig.packed_addr + rig.packed_len - 1] ^= 1;
    rig.nor.bytes[rig.old_image_addr + 0x2000] ^= 1;
    assert_int_equal(old_rig_boot(&rig, true, &result, version), UPDRAFT_OK);
    assert_int_equal(result.state, UPDRAFT_MIGRATE_REFUSED);
    assert_int_equal(result.why, UPDRAFT_MIGRATE_WHY_CRC);
    assert_int_equal(rig.nor.counts.operations, 0);
    old_rig_free(&rig);
}

static enum updraft_migrate_state boot_and_return(struct old_rig *rig)
{
    const struct updraft_migrate_config config = {
        .flash = &rig->nor.flash, .table_addr = rig->table_addr, .buf = rig->buf};
    struct updraft_migrate_result result;
    char version[33];

    assert_int_equal(old_rig_boot(rig, false, &result, version), UPDRAFT_OK);
    assert_int_equal(result.state, UPDRAFT_MIGRATE_IN_PLACE);
    assert_string_equal(version, "");
    assert_int_equal(updraft_migrate_return(&config, &result), UPDRAFT_OK);
    assert_int_equal(result.why, UPDRAFT_MIGRATE_WHY_BOOT);
    return result.state;
}

static void migrate_returns_from_a_new_system_that_does_not_boot(void **state)
{
    struct old_rig_options options = small();
    struct old_rig rig;

    (void)state;
    options.packed_is_user1 = true;
    memcpy(options.params, first_runs[0], 2);
    old_rig_make(&rig, &options);
    rig.nor.bytes[rig.slot_addr + 0x200] ^= 1;
    assert_int_equal(boot_and_return(&rig), UPDRAFT_MIGRATE_RETURNED);
    assert_int_equal(old_rig_starts(&rig), OLD_RIG_OLD);

    old_rig_reset(&rig);
    rig.nor.bytes[rig.slot_addr + 0x200] ^= 1;
    rig.nor.bytes[rig.old_image_addr + 0x2000] ^= 1; /* a slot of the new system by now */
    updraft_nor_power_on(&rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    assert_int_equal(boot_and_return(&rig), UPDRAFT_MIGRATE_REFUSED);
    assert_int_equal(rig.nor.counts.operations, 0);
    old_rig_free(&rig);
}

/* In time a slot of the new system covers the other place: what is whole there is not the old system. */
static void migrate_returns_to_no_image_but_the_old_systems(void **state)
{
    struct old_rig_options options = small();
    struct old_rig rig;
    uint32_t app_off;

    (void)state;
    options.packed_is_user1 = true;
    memcpy(options.params, first_runs[0], 2);
    old_rig_make(&rig, &options);
    app_off = rig.slot_addr - 0x1000;
    memcpy(rig.nor.bytes + rig.old_image_addr, rig.packed + app_off, rig.packed_len - app_off);
    rig.nor.bytes[rig.slot_addr + 0x200] ^= 1;
    assert_int_equal(boot_and_return(&rig), UPDRAFT_MIGRATE_REFUSED);
    assert_int_equal(rig.nor.counts.operations, 0);
    old_rig_free(&rig);
}

static void migrate_does_not_return_where_the_parameters_cannot_say_so(void **state)
{
    struct old_rig_options options = small();
    struct old_rig rig;

    (void)state;
    options.packed_is_user1 = true;
    options.params[0] = 0x00; /* version 4 before its first update */
    options.params[1] = 0x04;
    old_rig_make(&rig, &options);
    rig.nor.bytes[rig.slot_addr + 0x200] ^= 1;
    assert_int_equal(boot_and_return(&rig), UPDRAFT_MIGRATE_REFUSED);
    assert_int_equal(rig.nor.counts.operations, 0);
    old_rig_free(&rig);
}

static void migrate_keeps_no_blank_rf_parameters(void **state)
{
    struct old_rig_options options = small();
    struct old_rig rig;
    struct updraft_migrate_result result;
    char version[33];

    (void)state;
    old_rig_make(&rig, &options);
    memset(rig.nor.bytes + rig.rf_addr, 0xFF, 128);
    assert_int_equal(old_rig_boot(&rig, true, &result, version), UPDRAFT_OK);
    assert_int_equal(result.state, UPDRAFT_MIGRATE_DONE);
    assert_int_equal(result.rf, UPDRAFT_MIGRATE_RF_NONE);
    assert_memory_equal(rig.nor.bytes + rig.phy_addr, rig.packed + rig.phy_addr - 0x1000, 128);
    old_rig_free(&rig);
}

/* A slot of the new system may cover the place the old RF parameters had. */
static void migrate_keeps_no_rf_parameters_out_of_a_partition(void **state)
{
    struct old_rig_options options = small();
    struct old_rig rig;
    struct updraft_migrate_result result;
    char version[33];

    (void)state;
    options.ota_1_len = 0x1D000; /* up to the parameters */
    old_rig_make(&rig, &options);
    assert_int_equal(old_rig_boot(&rig, true, &result, version), UPDRAFT_OK);
    assert_int_equal(result.state, UPDRAFT_MIGRATE_DONE);
    assert_int_equal(result.rf, UPDRAFT_MIGRATE_RF_NONE);
    assert_memory_equal(rig.nor.bytes + rig.phy_addr, rig.packed + rig.phy_addr - 0x1000, 128);
    old_rig_free(&rig);
}

static void assert_current_ap(const struct old_rig *rig, const char *ssid)
{
    struct updraft_old_system old;
    struct updraft_oldsdk_aps aps;
    uint8_t buf[UPDRAFT_OLDSDK_PARAMS_LEN];
    bool found;

    assert_int_equal(updraft_old_system_read(&rig->nor.flash, &old), UPDRAFT_OK);
    assert_int_equal(updraft_old_system_aps(&rig->nor.flash, &old, buf, &aps, &found), UPDRAFT_OK);
    assert_int_equal(found, ssid != NULL);
    if (ssid == NULL)
        return;
    assert_string_equal(aps.list[aps.current].ssid, ssid);
    assert_string_equal(aps.list[aps.current].password, "secret");
}

static void migrate_leaves_the_access_point_where_the_application_finds_it(void **state)
{
    static const uint8_t flags[] = {0, 1, 0xFF};

    (void)state;
    for (size_t i = 0; i < sizeof flags; i++) {
        struct old_rig_options options = small();
        struct old_rig rig;
        struct updraft_migrate_result result;
        char version[33];

        options.flag = flags[i];
        old_rig_make(&rig, &options);
        assert_int_equal(old_rig_boot(&rig, false, &result, version), UPDRAFT_OK);
        assert_current_ap(&rig, "home");
        old_rig_free(&rig);
    }
}

static void old_system_looks_for_access_points_where_stock_does_and_then_further(void **state)
{
    struct old_rig_options options = small();
    struct old_rig rig;

    (void)state;
    old_rig_make(&rig, &options);
    assert_current_ap(&rig, "attic"); /* the sector not in use, as the demo has it */
    memset(rig.nor.bytes + rig.params_addr + 0x1000, 0xFF, 0x1000);
    assert_current_ap(&rig, "home");
    rig.nor.bytes[rig.params_addr + 0x13C] = 6;
    assert_current_ap(&rig, NULL);
    old_rig_reset(&rig);
    rig.nor.bytes[0] = 0; /* without an old boot loader these are just bytes */
    assert_current_ap(&rig, NULL);
    old_rig_free(&rig);
}

static void migrate_says_why_in_a_sentence_each(void **state)
{
    (void)state;
    for (int why = UPDRAFT_MIGRATE_WHY_NOT; why <= UPDRAFT_MIGRATE_WHY_BOOT; why++) {
        const char *text = updraft_migrate_why_text((enum updraft_migrate_why)why);

        assert_true(strlen(text) > 10);
        for (int other = UPDRAFT_MIGRATE_WHY_NOT; other < why; other++)
            assert_string_not_equal(text,
                                    updraft_migrate_why_text((enum updraft_migrate_why)other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(migrate_leaves_the_flash_as_the_stock_boot_loader_does),
        cmocka_unit_test(migrate_changes_the_parameters_as_their_version_wants_it),
        cmocka_unit_test(migrate_has_nothing_to_do_the_second_time),
        cmocka_unit_test(migrate_moves_nothing_when_the_first_image_runs),
        cmocka_unit_test(migrate_takes_no_other_flash_for_an_old_system),
        cmocka_unit_test(migrate_takes_an_old_boot_loader_of_exactly_a_sector),
        cmocka_unit_test(migrate_refuses_a_flash_size_without_two_images),
        cmocka_unit_test(migrate_refuses_a_layout_that_reaches_its_own_source),
        cmocka_unit_test(migrate_refuses_a_table_that_covers_the_old_parameters),
        cmocka_unit_test(migrate_refuses_a_packed_image_that_leaves_no_room_for_its_crc),
        cmocka_unit_test(migrate_refuses_a_packed_image_that_reaches_the_old_parameters),
        cmocka_unit_test(migrate_refuses_a_packed_image_with_any_bit_wrong),
        cmocka_unit_test(migrate_refuses_a_packed_image_that_ends_early),
        cmocka_unit_test(migrate_writes_nothing_when_there_is_no_way_back_either),
        cmocka_unit_test(migrate_returns_from_a_new_system_that_does_not_boot),
        cmocka_unit_test(migrate_returns_to_no_image_but_the_old_systems),
        cmocka_unit_test(migrate_does_not_return_where_the_parameters_cannot_say_so),
        cmocka_unit_test(migrate_keeps_no_blank_rf_parameters),
        cmocka_unit_test(migrate_keeps_no_rf_parameters_out_of_a_partition),
        cmocka_unit_test(migrate_leaves_the_access_point_where_the_application_finds_it),
        cmocka_unit_test(old_system_looks_for_access_points_where_stock_does_and_then_further),
        cmocka_unit_test(migrate_says_why_in_a_sentence_each),
    };

    return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
