#include "format/ptable_csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "csv_reader.h"

static void csv_places_rows_without_offset(void **state)
{
    struct updraft_ptable table = read_good("nvs,data,nvs,,0x3001\nb,data,fat,,1\napp,app,ota_0,,"
                                            "4K\nc,data,fat,,1K\nlast,app,ota_1,,-4M",
                                            &idf);

    (void)state;
    assert_int_equal(table.entries[0].offset, 0x9000);
    assert_int_equal(table.entries[1].offset, 0xD000);
    assert_int_equal(table.entries[2].offset, 0x10000);
    assert_int_equal(table.entries[3].offset, 0x11000);
    assert_int_equal(table.entries[4].offset, 0x20000);
    assert_int_equal(table.entries[4].size, 0x3E0000);
}

static void csv_places_rows_behind_a_table_that_lies_elsewhere(void **state)
{
    const struct updraft_csv_options options = {.table_off = 0x10000};

    (void)state;
    assert_int_equal(read_good("a,data,fat,,4K", &options).entries[0].offset, 0x11000);
    assert_refused("a,data,fat,0x10000,4K", &options, UPDRAFT_E_TABLE_OVERLAP, 1,
                   "table's own sector ends at 0x11000");
}

static void csv_gives_the_stock_tables_their_known_places(void **state)
{
    static const uint32_t offsets[] = {0x9000, 0xF000, 0x11000, 0x20000, 0x1D0000};
    struct updraft_ptable table =
        read_good("nvs,data,nvs,,0x6000\notadata,data,ota,,0x2000\nphy_init,data,phy,,0x1000\n"
                  "ota_0,app,ota_0,,1700K\nota_1,app,ota_1,,1700K\n",
                  &idf);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(offsets); i++)
        assert_int_equal(table.entries[i].offset, offsets[i]);
}

static void csv_refuses_rows_in_another_order_than_their_addresses(void **state)
{
    (void)state;
    assert_refused("a,data,fat,0x8000,4K", &idf, UPDRAFT_E_TABLE_OVERLAP, 1,
                   "starts at 0x8000, but the table's own sector ends at 0x9000");
    assert_refused("a,data,fat,,8K\nb,data,fat,0xa000,4K", &idf, UPDRAFT_E_TABLE_OVERLAP, 2,
                   "starts at 0xa000, but the previous partition ends at 0xb000");
    assert_refused("a,data,fat,,0x1001\nb,data,fat,0xa000,4K", &idf, UPDRAFT_E_TABLE_OVERLAP, 2,
                   "previous partition ends at 0xa001");
    assert_refused("a,data,fat,0x20000,4K\n#\nb,data,fat,0x10000,4K", &idf, UPDRAFT_E_TABLE_OVERLAP,
                   3, "previous partition ends at 0x21000");
    assert_refused("a,data,fat,0x20000,-0x10000", &idf, UPDRAFT_E_CSV, 1,
                   "would start at 0x20000, but has to end at 0x10000");
}

static void csv_refuses_misaligned_partitions(void **state)
{
    const struct updraft_csv_options secure = {.secure_v1 = true};

    (void)state;
    assert_refused("a,app,ota_0,0x11000,64K", &idf, UPDRAFT_E_CSV, 1,
                   "offset 0x11000 is no multiple of 0x10000");
    assert_refused("a,data,fat,0x9004,4K", &idf, UPDRAFT_E_CSV, 1,
                   "offset 0x9004 is no multiple of 0x1000");
    assert_refused("a,app,ota_0,,0x10800", &idf, UPDRAFT_E_CSV, 1,
                   "size 0x10800 is no multiple of 0x1000");
    assert_int_equal(read_good("a,app,ota_0,,0x11000", &idf).count, 1);
    assert_refused("a,app,ota_0,,0x11000", &secure, UPDRAFT_E_CSV, 1,
                   "size 0x11000 is no multiple of 0x10000");
    assert_int_equal(read_good("a,app,ota_0,,0x20000\nb,data,fat,,1", &secure).count, 2);
}

static void csv_refuses_equal_names_and_compares_them_before_they_are_cut(void **state)
{
    struct updraft_ptable table;

    (void)state;
    assert_refused("a,data,fat,,4K\nb,data,fat,,4K\na,data,fat,,4K", &idf, UPDRAFT_E_CSV, 3,
                   "the name 'a' is taken already by line 1");
    assert_int_equal(read_good("a,data,fat,,4K\nA,data,fat,,4K", &idf).count, 2);
    table = read_good("sixteen_chars_abc,data,fat,,4K\nsixteen_chars_abd,data,fat,,4K", &idf);
    assert_string_equal(table.entries[0].label, "sixteen_chars_ab");
    assert_string_equal(table.entries[1].label, "sixteen_chars_ab");
    assert_int_equal(result.warning_count, 2);
    assert_non_null(strstr(result.warnings[0], "line 1: the name 'sixteen_chars_abc' is cut"));
    assert_refused("sixteen_chars_abc,data,fat,,4K\nsixteen_chars_abc,data,fat,,4K", &idf,
                   UPDRAFT_E_CSV, 2, "is taken already");
}

static void csv_refuses_a_second_or_misshapen_otadata(void **state)
{
    (void)state;
    assert_refused("a,data,ota,,8K\nb,data,ota,,8K", &idf, UPDRAFT_E_CSV, 2,
                   "a table has only one otadata partition");
    assert_refused("a,data,ota,,4K", &idf, UPDRAFT_E_CSV, 1,
                   "otadata partition has the size 0x1000 instead of 0x2000");
    assert_refused("a,data,ota,,8K,readonly", &idf, UPDRAFT_E_CSV, 1, "cannot be readonly");
    assert_refused("a,data,coredump,,64K,readonly", &idf, UPDRAFT_E_CSV, 1, "cannot be readonly");
    assert_refused("a,data,tee_ota,,8K\nb,data,tee_ota,,8K", &idf, UPDRAFT_E_CSV, 2,
                   "a table has only one TEE otadata partition");
    assert_refused("a,data,tee_ota,,16K", &idf, UPDRAFT_E_CSV, 1,
                   "TEE otadata partition has the size 0x4000 instead of 0x2000");
    assert_int_equal(read_good("a,data,ota,,8K,encrypted\nb,data,tee_ota,,8K,readonly\n"
                               "c,data,coredump,,64K",
                               &idf)
                         .count,
                     3);
}

static void csv_refuses_an_nvs_that_is_too_small_to_be_written(void **state)
{
    (void)state;
    assert_refused("nvs,data,nvs,,0x2fff", &idf, UPDRAFT_E_CSV, 1,
                   "an nvs partition of 0x2fff has to be readonly");
    assert_int_equal(read_good("nvs,data,nvs,,0x3000", &idf).count, 1);
    assert_int_equal(read_good("nvs,data,nvs,,0x1000,readonly", &idf).count, 1);
}

static void csv_refuses_a_table_that_leaves_the_flash(void **state)
{
    const struct updraft_csv_options four_mb = {.flash_size = 0x400000};
    const struct updraft_csv_options two_mb = {.flash_size = 0x200000};
    const char *csv = "a,app,ota_0,,-4M";

    (void)state;
    assert_int_equal(read_good(csv, &four_mb).count, 1);
    assert_refused(csv, &two_mb, UPDRAFT_E_TABLE_BOUNDS, 1,
                   "ends at 0x400000, but the flash at 0x200000");
    assert_refused("a,app,ota_0,,-4M\nb,data,fat,,1", &four_mb, UPDRAFT_E_TABLE_BOUNDS, 2,
                   "ends at 0x400001");
}

/* count rows, each of one sector. */
static void make_rows(char *csv, int count)
{
    csv[0] = '\0';
    for (int i = 0; i < count; i++)
        sprintf(csv + strlen(csv), "p%d,0x40,%d,,4K\n", i, i);
}

static void csv_holds_94_rows(void **state)
{
    static char csv[CSV_CAP];
    struct updraft_ptable table;
    uint8_t bytes[UPDRAFT_PTABLE_LEN];

    (void)state;
    make_rows(csv, 94);
    table = read_good(csv, &idf);
    assert_int_equal(table.count, 94);
    assert_int_equal(updraft_ptable_encode(&table, bytes), UPDRAFT_OK);
    for (int count = 95; count <= 200; count += 5) {
        make_rows(csv, count);
        assert_refused(csv, &idf, UPDRAFT_E_TABLE_FULL, 95, "a table holds 94 partitions");
        assert_refused(csv, &rtos, UPDRAFT_E_TABLE_FULL, 95, "a table holds 94 partitions");
    }
}

static void csv_takes_the_place_of_boot_loaders_and_table_from_the_options(void **state)
{
    const struct updraft_csv_options options = {.has_bootloader_off = true,
                                                .bootloader_off = 0x1000,
                                                .has_recovery_off = true,
                                                .recovery_off = 0x20000};
    struct updraft_ptable table =
        read_good("bl,bootloader,primary,0x5000,1M\npt,partition_table,primary,zzz,zzz\n"
                  "nvs,data,nvs,,16K\nrec,bootloader,recovery,17,\nnext,bootloader,ota,,\n"
                  "pt2,partition_table,ota,,,readonly\n",
                  &options);
    static const uint32_t places[][2] = {{0x1000, 0x7000},  {0x8000, 0x1000},  {0x9000, 0x4000},
                                         {0x20000, 0x7000}, {0x27000, 0x7000}, {0x2E000, 0x1000}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        assert_int_equal(table.entries[i].offset, places[i][0]);
        assert_int_equal(table.entries[i].size, places[i][1]);
    }
    assert_refused("bl,bootloader,primary,,", &idf, UPDRAFT_E_CSV, 1,
                   "the offset of the boot loader has to be given");
    assert_refused("bl,bootloader,ota,,", &idf, UPDRAFT_E_CSV, 1,
                   "the offset of the boot loader has to be given");
    assert_refused("bl,bootloader,recovery,,", &idf, UPDRAFT_E_CSV, 1,
                   "the offset of the recovery boot loader has to be given");
    assert_refused("a,bootloader,primary,,\nb,bootloader,primary,,", &options,
                   UPDRAFT_E_TABLE_OVERLAP, 2, "overlaps the one from 0x1000 to 0x8000");
    assert_refused("a,data,fat,,128K\nb,bootloader,recovery,,", &options, UPDRAFT_E_TABLE_OVERLAP,
                   2, "starts at 0x20000, but the previous partition ends at 0x29000");
}

static void csv_refuses_a_boot_loader_that_is_not_below_the_table(void **state)
{
    struct updraft_csv_options options = {.has_bootloader_off = true, .bootloader_off = 0x8000};

    (void)state;
    assert_refused("nvs,data,nvs,,16K", &options, UPDRAFT_E_CSV, 0,
                   "not below the partition table");
    options.bootloader_off = 0x7800;
    assert_int_equal(read_good("nvs,data,nvs,,16K", &options).count, 1);
    assert_refused("bl,bootloader,primary,,", &options, UPDRAFT_E_CSV, 1,
                   "offset 0x7800 is no multiple of 0x1000");
}

static void csv_warns_about_names_that_promise_something_else(void **state)
{
    (void)state;
    read_good("app,data,fat,,4K\nfactory,app,ota_0,,64K\nnvs,data,fat,,4K\nota_0,app,ota_1,,64K\n"
              "ota,data,ota,,8K\ndata,data,nvs,,16K\nNVS,data,fat,,4K\nfat,0x40,0x81,,4K",
              &idf);
    assert_int_equal(result.warning_count, 5);
    assert_string_equal(result.warnings[0],
                        "line 1: the partition is named 'app' like a partition type, but has type "
                        "0x1 and subtype 0x81");
    assert_string_equal(result.warnings[1],
                        "line 2: the partition is named 'factory' like a subtype, but has type 0x0 "
                        "and subtype 0x10");
    assert_non_null(strstr(result.warnings[2], "line 3: the partition is named 'nvs'"));
    assert_non_null(strstr(result.warnings[3], "line 4: the partition is named 'ota_0'"));
    assert_non_null(strstr(result.warnings[4], "line 8: the partition is named 'fat'"));
}

static void csv_keeps_eight_warnings(void **state)
{
    char csv[512] = "";

    (void)state;
    for (int i = 0; i < 12; i++)
        sprintf(csv + strlen(csv), "ota_%d,data,fat,,4K\n", i);
    read_good(csv, &idf);
    assert_int_equal(result.warning_count, UPDRAFT_CSV_WARNING_CAP);
    assert_non_null(strstr(result.warnings[7], "line 8: "));
}

static void csv_under_rtos_rules_gives_the_demo_tables(void **state)
{
    static const struct {
        const char *csv;
        uint32_t table_off;
        uint32_t flash_size;
        uint32_t places[5][2];
    } demos[] = {
        {"nvs,data,nvs,0x9000,0x4000\notadata,data,ota,0xd000,0x2000\nphy_init,data,phy,0xf000,"
         "0x1000\nota_0,0,0x10,0x10000,0x70000\nota_1,0,0x11,0x80000,0x70000",
         0x8000,
         0x100000,
         {{0x9000, 0x4000},
          {0xD000, 0x2000},
          {0xF000, 0x1000},
          {0x10000, 0x70000},
          {0x80000, 0x70000}}},
        {"nvs,data,nvs,,16K\notadata,data,ota,,8K\nphy_init,data,phy,,4K\n"
         "ota_0,app,ota_0,0x10000,0xF0000\nota_1,app,ota_1,0x110000,0xF0000",
         0x8000,
         0x200000,
         {{0x9000, 0x4000},
          {0xD000, 0x2000},
          {0xF000, 0x1000},
          {0x10000, 0xF0000},
          {0x110000, 0xF0000}}},
        {"phy_init,data,phy,0x6000,0x1000\nota_0,app,ota_0,,0x77000\nnvs,data,nvs,0x7f000,0x4000\n"
         "otadata,data,ota,,0x2000\nota_1,app,ota_1,,0x77000",
         0x5000,
         0x100000,
         {{0x6000, 0x1000},
          {0x7000, 0x77000},
          {0x7F000, 0x4000},
          {0x83000, 0x2000},
          {0x85000, 0x77000}}},
        {"nvs,data,nvs,,0x4000\notadata,data,ota,,0x2000\nphy_init,data,phy,,0x1000\n"
         "ota_0,app,ota_0,,0xEC000\nota_1,app,ota_1,0x110000,0xEC000",
         0x8000,
         0x200000,
         {{0x9000, 0x4000},
          {0xD000, 0x2000},
          {0xF000, 0x1000},
          {0x10000, 0xEC000},
          {0x110000, 0xEC000}}},
        {"nvs,data,nvs,0x9000,0x6000\nphy_init,data,phy,,0x1000\nfactory,app,factory,,0xF0000",
         0,
         0x100000,
         {{0x9000, 0x6000}, {0xF000, 0x1000}, {0x10000, 0xF0000}}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(demos); i++) {
        const struct updraft_csv_options options = {.rules = UPDRAFT_CSV_RTOS_SDK,
                                                    .table_off = demos[i].table_off,
                                                    .flash_size = demos[i].flash_size};
        struct updraft_ptable table = read_good(demos[i].csv, &options);

        for (size_t row = 0; row < table.count; row++) {
            assert_int_equal(table.entries[row].offset, demos[i].places[row][0]);
            assert_int_equal(table.entries[row].size, demos[i].places[row][1]);
        }
        assert_true(table.has_digest);
    }
}

static void csv_under_rtos_rules_aligns_less_and_checks_less(void **state)
{
    const struct updraft_csv_options secure = {.rules = UPDRAFT_CSV_RTOS_SDK, .secure_v1 = true};
    struct updraft_ptable table = read_good(
        "a,data,fat,,5\nb,data,fat,,3\nc,app,test,,0x1234\nd,data,nvs,,1\ne,data,ota,,4K\n"
        "f,data,ota,,4K\ng,app,ota_0,0x11000,4K",
        &rtos);
    static const uint32_t offsets[] = {0x9000, 0x9008, 0xA000, 0xB234, 0xB238, 0xC238, 0x11000};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(offsets); i++)
        assert_int_equal(table.entries[i].offset, offsets[i]);
    assert_refused("a,app,test,0x9800,4K", &rtos, UPDRAFT_E_CSV, 1,
                   "offset 0x9800 is no multiple of 0x1000");
    assert_refused("a,data,fat,0x9002,4K", &rtos, UPDRAFT_E_CSV, 1,
                   "offset 0x9002 is no multiple of 0x4");
    assert_refused("a,app,test,,0x1800", &secure, UPDRAFT_E_CSV, 1,
                   "size 0x1800 is no multiple of 0x1000");
    assert_int_equal(read_good("a,app,test,,0x1000\nb,data,fat,,8", &secure).count, 2);
    assert_refused("a,data,fat,,4K\na,data,fat,,4K", &rtos, UPDRAFT_E_CSV, 2, "is taken already");
    assert_refused("a,data,fat,0x8000,4K", &rtos, UPDRAFT_E_TABLE_OVERLAP, 1, "own sector");
    assert_refused("a,data,fat,,8K\nb,data,fat,0xa000,4K", &rtos, UPDRAFT_E_TABLE_OVERLAP, 2,
                   "previous partition ends at 0xb000");
}

static void csv_under_rtos_rules_knows_fewer_words(void **state)
{
    (void)state;
    assert_int_equal(read_good("a,data,,,4K", &rtos).entries[0].subtype, 0);
    assert_int_equal(read_good("a,app,,,4K", &rtos).entries[0].subtype, 0);
    assert_refused("a,data,undefined,,4K", &rtos, UPDRAFT_E_CSV, 1, "'undefined' is neither");
    assert_refused("a,data,littlefs,,4K", &rtos, UPDRAFT_E_CSV, 1, "'littlefs' is neither");
    assert_refused("a,app,tee_0,,4K", &rtos, UPDRAFT_E_CSV, 1, "'tee_0' is neither");
    assert_refused("a,bootloader,primary,,4K", &rtos, UPDRAFT_E_CSV, 1,
                   "'bootloader' is neither a number nor one of the types app and data");
    assert_refused("a,data,fat,,4K,readonly", &rtos, UPDRAFT_E_CSV, 1,
                   "'readonly' is no flag; there is encrypted");
    /* Types 2 and 3 are numbers like any other there. */
    assert_int_equal(read_good("a,2,0,0x9004,4K\nb,3,0,,1", &rtos).entries[1].offset, 0xA004);
    read_good("littlefs,data,fat,,4K\nspiffs,data,fat,,4K", &rtos);
    assert_int_equal(result.warning_count, 1);
    assert_non_null(strstr(result.warnings[0], "line 2: the partition is named 'spiffs'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_places_rows_without_offset),
        cmocka_unit_test(csv_places_rows_behind_a_table_that_lies_elsewhere),
        cmocka_unit_test(csv_gives_the_stock_tables_their_known_places),
        cmocka_unit_test(csv_refuses_rows_in_another_order_than_their_addresses),
        cmocka_unit_test(csv_refuses_misaligned_partitions),
        cmocka_unit_test(csv_refuses_equal_names_and_compares_them_before_they_are_cut),
        cmocka_unit_test(csv_refuses_a_second_or_misshapen_otadata),
        cmocka_unit_test(csv_refuses_an_nvs_that_is_too_small_to_be_written),
        cmocka_unit_test(csv_refuses_a_table_that_leaves_the_flash),
        cmocka_unit_test(csv_holds_94_rows),
        cmocka_unit_test(csv_takes_the_place_of_boot_loaders_and_table_from_the_options),
        cmocka_unit_test(csv_refuses_a_boot_loader_that_is_not_below_the_table),
        cmocka_unit_test(csv_warns_about_names_that_promise_something_else),
        cmocka_unit_test(csv_keeps_eight_warnings),
        cmocka_unit_test(csv_under_rtos_rules_gives_the_demo_tables),
        cmocka_unit_test(csv_under_rtos_rules_aligns_less_and_checks_less),
        cmocka_unit_test(csv_under_rtos_rules_knows_fewer_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
