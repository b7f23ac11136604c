/* Every row of the tables that an old SDK's boot loader goes by, and every bit of its parameters. */
#include "format/oldsdk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KB 1024u
#define MB (1024u * KB)

static struct updraft_oldsdk_map map_of(uint8_t nibble)
{
    struct updraft_oldsdk_map map;

    assert_true(updraft_oldsdk_map_find(nibble, &map));
    return map;
}

static void oldsdk_size_nibble_tells_both_sizes(void **state)
{
    static const struct {
        uint8_t nibble;
        uint32_t flash_len;
        uint32_t bin_len;
    } rows[] = {
        {0, 512 * KB, 512 * KB}, {2, 1 * MB, 1 * MB}, {3, 2 * MB, 1 * MB}, {4, 4 * MB, 1 * MB},
        {5, 2 * MB, 2 * MB},     {6, 4 * MB, 2 * MB}, {8, 8 * MB, 2 * MB}, {9, 16 * MB, 2 * MB},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct updraft_oldsdk_map map = map_of(rows[i].nibble);

        assert_int_equal(map.flash_len, rows[i].flash_len);
        assert_int_equal(map.bin_len, rows[i].bin_len);
    }
}

static void oldsdk_refuses_the_size_nibbles_without_two_images(void **state)
{
    static const uint8_t nibbles[] = {1, 7, 10, 11, 12, 13, 14, 15};

    (void)state;
    for (size_t i = 0; i < sizeof(nibbles); i++) {
        struct updraft_oldsdk_map map = {1, 2};

        assert_false(updraft_oldsdk_map_find(nibbles[i], &map));
        assert_int_equal(map.flash_len, 1);
        assert_int_equal(map.bin_len, 2);
    }
}

static void oldsdk_places_follow_from_the_sizes(void **state)
{
    struct updraft_oldsdk_map small = map_of(2);
    struct updraft_oldsdk_map large = map_of(6);

    (void)state;
    assert_int_equal(updraft_oldsdk_shift(&small), 0x80000);
    assert_int_equal(updraft_oldsdk_params_start(&small), 0xFD000);
    assert_int_equal(updraft_oldsdk_flag_addr(&small), 0xFF000);
    assert_int_equal(updraft_oldsdk_rf_addr(&small), 0xFC000);
    assert_int_equal(updraft_oldsdk_user_addr(&small, UPDRAFT_OLDSDK_USER1), 0x1000);
    assert_int_equal(updraft_oldsdk_user_addr(&small, UPDRAFT_OLDSDK_USER2), 0x81000);
    assert_int_equal(updraft_oldsdk_shift(&large), 0x100000);
    assert_int_equal(updraft_oldsdk_params_start(&large), 0x3FD000);
    assert_int_equal(updraft_oldsdk_rf_addr(&large), 0x1FC000);
    assert_int_equal(updraft_oldsdk_user_addr(&large, UPDRAFT_OLDSDK_USER2), 0x101000);
}

static void oldsdk_flag_picks_the_parameter_sector(void **state)
{
    struct updraft_oldsdk_map map = map_of(2);

    (void)state;
    for (unsigned flag = 0; flag < 256; flag++) {
        uint8_t f = (uint8_t)flag;

        assert_int_equal(updraft_oldsdk_params_addr(&map, f), flag != 0 ? 0xFE000 : 0xFD000);
        assert_int_equal(updraft_oldsdk_other_params_addr(&map, f), flag != 0 ? 0xFD000 : 0xFE000);
        assert_int_equal(updraft_oldsdk_other_flag(f), flag != 0 ? 0 : 1);
    }
}

/* The demo's tables end their ota_0 at 0x7E000 and 0xFC000. */
static void oldsdk_has_room_for_what_does_not_reach_its_source(void **state)
{
    static const struct {
        uint8_t nibble;
        bool table_1m_fits;
        bool table_2m_fits;
    } rows[] = {
        {0, false, false}, {2, true, false}, {3, true, false}, {4, true, false},
        {5, true, true},   {6, true, true},  {8, true, true},  {9, true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct updraft_oldsdk_map map = map_of(rows[i].nibble);

        assert_int_equal(updraft_oldsdk_has_room(&map, 0x7E000), rows[i].table_1m_fits);
        assert_int_equal(updraft_oldsdk_has_room(&map, 0xFC000), rows[i].table_2m_fits);
    }
}

static void oldsdk_has_room_up_to_the_last_byte_before_the_source(void **state)
{
    struct updraft_oldsdk_map wide = map_of(3);  /* twice as large as what the images share */
    struct updraft_oldsdk_map tight = map_of(2); /* ends where the second image ends */

    (void)state;
    assert_true(updraft_oldsdk_has_room(&wide, 0x81000));
    assert_false(updraft_oldsdk_has_room(&wide, 0x81001));
    assert_true(updraft_oldsdk_has_room(&tight, 0x80000));
    assert_false(updraft_oldsdk_has_room(&tight, 0x80001));
    assert_false(updraft_oldsdk_has_room(&tight, UINT32_MAX));
}

static void oldsdk_params_keep_every_bit(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 0x10000; v++) {
        uint8_t bytes[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
        uint8_t out[2];
        struct updraft_oldsdk_params params;

        updraft_oldsdk_params_decode(bytes, &params);
        updraft_oldsdk_params_encode(&params, out);
        assert_memory_equal(out, bytes, 2);
    }
}

static void oldsdk_params_stand_where_the_boot_loader_reads_them(void **state)
{
    const uint8_t bytes[2] = {0xA6, 0x5F};
    struct updraft_oldsdk_params params;

    (void)state;
    updraft_oldsdk_params_decode(bytes, &params);
    assert_int_equal(params.usr_bin, 2);
    assert_true(params.boot_status);
    assert_false(params.to_qio);
    assert_int_equal(params.reserved, 0xA);
    assert_int_equal(params.version, 0x1F);
    assert_false(params.test_passed);
    assert_true(params.test_started);
    assert_false(params.enhanced);
}

static void oldsdk_running_image_follows_the_table(void **state)
{
    (void)state;
    for (unsigned usr_bin = 0; usr_bin < 4; usr_bin++) {
        for (unsigned status = 0; status < 2; status++) {
            for (unsigned version = 0; version < 32; version++) {
                const struct updraft_oldsdk_params params = {.usr_bin = (uint8_t)usr_bin,
                                                             .boot_status = status == 1,
                                                             .version = (uint8_t)version};
                enum updraft_oldsdk_user wanted;

                if (usr_bin == 1)
                    wanted = status == 1 ? UPDRAFT_OLDSDK_USER2 : UPDRAFT_OLDSDK_USER1;
                else if (status == 1 || version == 4)
                    wanted = UPDRAFT_OLDSDK_USER1;
                else
                    wanted = UPDRAFT_OLDSDK_USER2;
                assert_int_equal(updraft_oldsdk_running(&params), wanted);
            }
        }
    }
}

static uint32_t switched(uint32_t v)
{
    uint8_t bytes[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
    struct updraft_oldsdk_params params;

    updraft_oldsdk_params_decode(bytes, &params);
    updraft_oldsdk_switch(&params);
    updraft_oldsdk_params_encode(&params, bytes);
    return bytes[0] | (uint32_t)bytes[1] << 8;
}

static void oldsdk_switch_changes_what_the_boot_loader_version_knows(void **state)
{
    (void)state;
    /* Version 2 and 0x1F: usr_bin alone, 1 becomes 0, all else 1. */
    assert_int_equal(switched(0x0200), 0x0201);
    assert_int_equal(switched(0x0201), 0x0200);
    assert_int_equal(switched(0x0202), 0x0201);
    assert_int_equal(switched(0x0207), 0x0205);
    assert_int_equal(switched(0x1F01), 0x1F00);
    assert_int_equal(switched(0xFFFF), 0xFFFD);
    /* Others, before the first switch: usr_bin stays. */
    assert_int_equal(switched(0x0600), 0x8604);
    assert_int_equal(switched(0x0601), 0x8605);
    assert_int_equal(switched(0x0603), 0x8607);
    /* And after it. */
    assert_int_equal(switched(0x0604), 0x8605);
    assert_int_equal(switched(0x8605), 0x8604);
    assert_int_equal(switched(0x8606), 0x8605);
    assert_int_equal(switched(0xE6FD), 0xE6FC);
}

static void oldsdk_switch_leads_from_the_second_image_to_the_first_always(void **state)
{
    (void)state;
    for (uint32_t v = 0; v < 0x10000; v++) {
        uint8_t bytes[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
        struct updraft_oldsdk_params params;
        bool is_exception;
        enum updraft_oldsdk_user before;

        updraft_oldsdk_params_decode(bytes, &params);
        before = updraft_oldsdk_running(&params);
        is_exception = before == UPDRAFT_OLDSDK_USER1 && params.version == 4 &&
                       params.usr_bin != 1 && !params.boot_status;
        updraft_oldsdk_switch(&params);
        if (is_exception)
            assert_int_equal(updraft_oldsdk_running(&params), before);
        else
            assert_int_not_equal(updraft_oldsdk_running(&params), before);
    }
}

static void oldsdk_rf_record_has_the_magic_at_both_ends(void **state)
{
    uint8_t rf[UPDRAFT_OLDSDK_RF_LEN];
    uint8_t out[UPDRAFT_OLDSDK_RF_LEN];
    uint8_t record[UPDRAFT_OLDSDK_RF_RECORD_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof(rf); i++)
        rf[i] = (uint8_t)(i * 7);
    updraft_oldsdk_rf_encode(rf, record);
    assert_memory_equal(record, "PHYINIT", 8);
    assert_memory_equal(record + 8, rf, sizeof(rf));
    assert_memory_equal(record + 136, "PHYINIT", 8);
    assert_true(updraft_oldsdk_rf_decode(record, out));
    assert_memory_equal(out, rf, sizeof(rf));
    for (size_t i = 0; i < sizeof(record); i++) {
        bool is_magic = i < 8 || i >= 136;

        record[i] ^= 0x10;
        assert_int_equal(updraft_oldsdk_rf_decode(record, out), !is_magic);
        record[i] ^= 0x10;
    }
}

static void put_ap(uint8_t *config, size_t idx, uint32_t ssid_len, const char *ssid,
                   const char *password)
{
    uint8_t *at = config + 0x140 + idx * 100;

    memset(at, 0, 100);
    for (size_t i = 0; i < 4; i++)
        at[i] = (uint8_t)(ssid_len >> (8 * i));
    memcpy(at + 4, ssid, strlen(ssid));
    memcpy(at + 36, password, strlen(password));
}

static void oldsdk_access_points_are_read_from_their_places(void **state)
{
    uint8_t config[UPDRAFT_OLDSDK_PARAMS_LEN];
    struct updraft_oldsdk_aps aps;

    (void)state;
    memset(config, 0xA5, sizeof(config));
    config[0x13C] = 3;
    config[0x13D] = 2;
    put_ap(config, 0, 4, "home", "first secret");
    put_ap(config, 1, 0, "", "");
    put_ap(config, 2, 6, "garage", "");
    assert_true(updraft_oldsdk_aps_decode(config, &aps));
    assert_int_equal(aps.count, 3);
    assert_int_equal(aps.current, 2);
    assert_string_equal(aps.list[0].ssid, "home");
    assert_string_equal(aps.list[0].password, "first secret");
    assert_int_equal(aps.list[1].ssid_len, 0);
    assert_string_equal(aps.list[2].ssid, "garage");
    assert_int_equal(aps.list[2].ssid_len, 6);
    assert_string_equal(aps.list[2].password, "");
    assert_int_equal(aps.list[4].ssid_len, 0);
}

static void oldsdk_access_point_texts_are_bounded_by_their_fields(void **state)
{
    static const char ssid[] = "0123456789abcdef0123456789ABCDEF";
    static const char password[] =
        "the longest password there is has sixty-four bytes, as this one-";
    uint8_t config[UPDRAFT_OLDSDK_PARAMS_LEN] = {0};
    struct updraft_oldsdk_aps aps;

    (void)state;
    assert_int_equal(strlen(ssid), 32);
    assert_int_equal(strlen(password), 64);
    memset(config, 0xA5, sizeof(config));
    config[0x13C] = 5;
    config[0x13D] = 4;
    for (size_t i = 0; i < 5; i++)
        put_ap(config, i, 32, ssid, password);
    assert_true(updraft_oldsdk_aps_decode(config, &aps));
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(aps.list[i].ssid, ssid);
        assert_string_equal(aps.list[i].password, password);
    }
}

static void oldsdk_an_ssid_may_hold_a_nul(void **state)
{
    uint8_t config[UPDRAFT_OLDSDK_PARAMS_LEN] = {0};
    struct updraft_oldsdk_aps aps;

    (void)state;
    config[0x13C] = 1;
    put_ap(config, 0, 4, "ab", "");
    config[0x140 + 4 + 3] = 'd';
    assert_true(updraft_oldsdk_aps_decode(config, &aps));
    assert_int_equal(aps.list[0].ssid_len, 4);
    assert_memory_equal(aps.list[0].ssid, "ab\0d", 5);
}

static void oldsdk_numbers_that_make_no_sense_are_no_access_points(void **state)
{
    static const uint32_t lens[] = {0, 33, 0x100, 0x80000004, UINT32_MAX};
    uint8_t config[UPDRAFT_OLDSDK_PARAMS_LEN] = {0};
    struct updraft_oldsdk_aps aps = {.count = 77};

    (void)state;
    for (unsigned count = 0; count < 256; count++) {
        for (unsigned current = 0; current < 256; current++) {
            bool fits = count <= 5 && current < count;

            config[0x13C] = (uint8_t)count;
            config[0x13D] = (uint8_t)current;
            for (size_t i = 0; i < 5; i++)
                put_ap(config, i, 4, "home", "");
            assert_int_equal(updraft_oldsdk_aps_decode(config, &aps), fits);
        }
    }
    aps.count = 77;
    config[0x13C] = 1;
    config[0x13D] = 0;
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        put_ap(config, 0, lens[i], "home", "");
        assert_false(updraft_oldsdk_aps_decode(config, &aps));
    }
    memset(config, 0xFF, sizeof(config));
    assert_false(updraft_oldsdk_aps_decode(config, &aps));
    assert_int_equal(aps.count, 77);
}

static void oldsdk_access_points_are_written_as_they_are_read(void **state)
{
    struct updraft_oldsdk_aps aps = {.count = 2, .current = 1};
    struct updraft_oldsdk_aps out;
    uint8_t config[UPDRAFT_OLDSDK_PARAMS_LEN];

    (void)state;
    memset(config, 0x5A, sizeof(config));
    strcpy(aps.list[0].ssid, "attic");
    aps.list[0].ssid_len = 5;
    strcpy(aps.list[1].ssid, "home");
    aps.list[1].ssid_len = 4;
    strcpy(aps.list[1].password, "secret");
    updraft_oldsdk_aps_encode(&aps, config);
    assert_true(updraft_oldsdk_aps_decode(config, &out));
    assert_memory_equal(&out, &aps, sizeof(aps));
    for (size_t i = 0; i < sizeof(config); i++) {
        if (i < 0x13C || (i >= 0x13E && i < 0x140) || i >= 0x140 + 200)
            assert_int_equal(config[i], 0x5A);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oldsdk_size_nibble_tells_both_sizes),
        cmocka_unit_test(oldsdk_refuses_the_size_nibbles_without_two_images),
        cmocka_unit_test(oldsdk_places_follow_from_the_sizes),
        cmocka_unit_test(oldsdk_flag_picks_the_parameter_sector),
        cmocka_unit_test(oldsdk_has_room_for_what_does_not_reach_its_source),
        cmocka_unit_test(oldsdk_has_room_up_to_the_last_byte_before_the_source),
        cmocka_unit_test(oldsdk_params_keep_every_bit),
        cmocka_unit_test(oldsdk_params_stand_where_the_boot_loader_reads_them),
        cmocka_unit_test(oldsdk_running_image_follows_the_table),
        cmocka_unit_test(oldsdk_switch_changes_what_the_boot_loader_version_knows),
        cmocka_unit_test(oldsdk_switch_leads_from_the_second_image_to_the_first_always),
        cmocka_unit_test(oldsdk_rf_record_has_the_magic_at_both_ends),
        cmocka_unit_test(oldsdk_access_points_are_read_from_their_places),
        cmocka_unit_test(oldsdk_access_point_texts_are_bounded_by_their_fields),
        cmocka_unit_test(oldsdk_an_ssid_may_hold_a_nul),
        cmocka_unit_test(oldsdk_numbers_that_make_no_sense_are_no_access_points),
        cmocka_unit_test(oldsdk_access_points_are_written_as_they_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
