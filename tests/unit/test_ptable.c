#include "format/ptable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tables.h"

#define RECORD UPDRAFT_PTABLE_RECORD_LEN

static const struct table_vector *const two_ota = &table_vectors[2];

/* A table of count data rows of one sector each. */
static void make_rows(struct updraft_ptable *table, uint8_t count)
{
    memset(table, 0, sizeof(*table));
    table->count = count;
    for (uint8_t i = 0; i < count; i++) {
        table->entries[i] = (struct updraft_partition){.type = UPDRAFT_PART_TYPE_DATA,
                                                       .subtype = 0x40,
                                                       .offset = 0x9000 + 0x1000u * i,
                                                       .size = 0x1000};
        table->entries[i].label[0] = (char)('A' + i / 10);
        table->entries[i].label[1] = (char)('0' + i % 10);
    }
}

static void assert_tables_equal(const struct updraft_ptable *a, const struct updraft_ptable *b)
{
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->has_digest, b->has_digest);
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->entries[i].type, b->entries[i].type);
        assert_int_equal(a->entries[i].subtype, b->entries[i].subtype);
        assert_int_equal(a->entries[i].offset, b->entries[i].offset);
        assert_int_equal(a->entries[i].size, b->entries[i].size);
        assert_int_equal(a->entries[i].flags, b->entries[i].flags);
        assert_string_equal(a->entries[i].label, b->entries[i].label);
    }
}

/* Fails the test when a refusal changes the table. */
static enum updraft_error decode(const uint8_t *bytes, size_t len, uint32_t flash_size)
{
    struct updraft_ptable table;
    struct updraft_ptable before;
    enum updraft_error error;

    memset(&table, 0xA5, sizeof(table));
    before = table;
    error = updraft_ptable_decode(bytes, len, flash_size, &table, NULL);
    if (error != UPDRAFT_OK)
        assert_memory_equal(&table, &before, sizeof(table));
    return error;
}

static void ptable_decode_and_encode_agree_on_every_known_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_VECTOR_COUNT; i++) {
        uint8_t bytes[UPDRAFT_PTABLE_LEN];
        uint8_t again[UPDRAFT_PTABLE_LEN];
        struct updraft_ptable table;

        table_vector_bytes(&table_vectors[i], bytes);
        vector_assert_sha256(bytes, sizeof(bytes), table_vectors[i].sha256);
        assert_int_equal(updraft_ptable_decode(bytes, sizeof(bytes), 0x1000000, &table, NULL),
                         UPDRAFT_OK);
        assert_int_equal(table.count, table_vectors[i].count);
        assert_true(table.has_digest);
        assert_int_equal(updraft_ptable_encode(&table, again), UPDRAFT_OK);
        assert_memory_equal(again, bytes, sizeof(bytes));
    }
}

static void ptable_decode_gives_the_rows_of_the_stock_two_slot_table(void **state)
{
    static const struct updraft_partition rows[] = {
        {1, 2, 0x9000, 0x4000, 0, "nvs"},          {1, 0, 0xD000, 0x2000, 0, "otadata"},
        {1, 1, 0xF000, 0x1000, 0, "phy_init"},     {0, 0, 0x10000, 0x100000, 0, "factory"},
        {0, 0x10, 0x110000, 0x100000, 0, "ota_0"}, {0, 0x11, 0x210000, 0x100000, 0, "ota_1"},
    };
    struct updraft_ptable expected = {.count = 6, .has_digest = true};
    struct updraft_ptable table;
    uint8_t bytes[UPDRAFT_PTABLE_LEN];

    (void)state;
    memcpy(expected.entries, rows, sizeof(rows));
    table_vector_bytes(two_ota, bytes);
    assert_int_equal(updraft_ptable_decode(bytes, sizeof(bytes), 0, &table, NULL), UPDRAFT_OK);
    assert_tables_equal(&table, &expected);
}

static void ptable_decode_bounds_a_label_that_fills_its_field(void **state)
{
    struct updraft_ptable table;
    uint8_t bytes[UPDRAFT_PTABLE_LEN];

    (void)state;
    table_vector_bytes(&table_vectors[3], bytes);
    assert_int_equal(updraft_ptable_decode(bytes, sizeof(bytes), 0, &table, NULL), UPDRAFT_OK);
    assert_string_equal(table.entries[2].label, "sixteen_chars_ab");
    assert_int_equal(table.entries[0].flags, UPDRAFT_PART_FLAG_ENCRYPTED);
    assert_int_equal(table.entries[1].flags, UPDRAFT_PART_FLAG_READONLY);
    assert_int_equal(table.entries[2].flags,
                     UPDRAFT_PART_FLAG_ENCRYPTED | UPDRAFT_PART_FLAG_READONLY);
    assert_ptr_equal(updraft_ptable_find_label(&table, "sixteen_chars_ab"), &table.entries[2]);
    assert_null(updraft_ptable_find_label(&table, "sixteen_chars_abc"));
    assert_null(updraft_ptable_find_label(&table, "sixteen_chars_a"));
}

static void ptable_decode_takes_a_table_without_digest(void **state)
{
    struct updraft_ptable table;
    struct updraft_ptable again;
    uint8_t bytes[UPDRAFT_PTABLE_LEN];

    (void)state;
    make_rows(&table, 3);
    assert_int_equal(updraft_ptable_encode(&table, bytes), UPDRAFT_OK);
    assert_int_equal(bytes[3 * RECORD], 0xFF);
    assert_int_equal(updraft_ptable_decode(bytes, sizeof(bytes), 0, &again, NULL), UPDRAFT_OK);
    assert_tables_equal(&again, &table);
}

static void ptable_decode_refuses_any_flipped_bit_in_a_row_or_in_the_digest(void **state)
{
    uint8_t bytes[UPDRAFT_PTABLE_LEN];
    size_t rows_len = two_ota->count * (size_t)RECORD;

    (void)state;
    table_vector_bytes(two_ota, bytes);
    for (size_t bit = 0; bit < 8 * (rows_len + RECORD); bit++) {
        /* The filling of the digest record is covered by nothing. */
        if (bit / 8 >= rows_len + 2 && bit / 8 < rows_len + 16)
            continue;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(decode(bytes, sizeof(bytes), 0), UPDRAFT_OK);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(decode(bytes, sizeof(bytes), 0), UPDRAFT_OK);
}

static void ptable_decode_tells_a_wrong_digest_from_a_wrong_record(void **state)
{
    uint8_t bytes[UPDRAFT_PTABLE_LEN];

    (void)state;
    table_vector_bytes(two_ota, bytes);
    bytes[12] ^= 1; /* a letter of the label */
    assert_int_equal(decode(bytes, sizeof(bytes), 0), UPDRAFT_E_TABLE_DIGEST);
    bytes[12] ^= 1;
    bytes[RECORD] = 0xAB;
    assert_int_equal(decode(bytes, sizeof(bytes), 0), UPDRAFT_E_TABLE_RECORD);
}

static void ptable_decode_refuses_a_table_cut_before_its_end_marker(void **state)
{
    uint8_t bytes[UPDRAFT_PTABLE_LEN];
    size_t whole = (two_ota->count + 2u) * RECORD; /* rows, digest, end */

    (void)state;
    table_vector_bytes(two_ota, bytes);
    for (size_t len = 0; len <= sizeof(bytes); len++)
        assert_int_equal(decode(bytes, len, 0), len < whole ? UPDRAFT_E_TABLE_RECORD : UPDRAFT_OK);
}

static void ptable_decode_refuses_erased_flash(void **state)
{
    uint8_t bytes[UPDRAFT_PTABLE_LEN];

    (void)state;
    memset(bytes, 0xFF, sizeof(bytes));
    assert_int_equal(decode(bytes, sizeof(bytes), 0), UPDRAFT_E_TABLE_RECORD);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(decode(bytes, sizeof(bytes), 0), UPDRAFT_E_TABLE_RECORD);
}

static void ptable_decode_refuses_what_follows_the_digest_unless_it_is_the_end(void **state)
{
    uint8_t bytes[UPDRAFT_PTABLE_LEN];
    uint8_t *after = bytes + (two_ota->count + 1u) * RECORD;

    (void)state;
    table_vector_bytes(two_ota, bytes);
    memcpy(after, after - RECORD, RECORD);
    assert_int_equal(decode(bytes, sizeof(bytes), 0), UPDRAFT_E_TABLE_RECORD);
    memcpy(after, bytes, RECORD);
    assert_int_equal(decode(bytes, sizeof(bytes), 0), UPDRAFT_E_TABLE_RECORD);
}

static void ptable_decode_ends_where_a_boot_loader_ends(void **state)
{
    uint8_t bytes[UPDRAFT_PTABLE_LEN];
    uint8_t *end = bytes + (two_ota->count + 1u) * RECORD;

    (void)state;
    table_vector_bytes(two_ota, bytes);
    memset(end + 4, 0, RECORD - 4);
    memset(end + RECORD, 0x55, RECORD);
    assert_int_equal(decode(bytes, sizeof(bytes), 0), UPDRAFT_OK);
    end[3] = 0;
    assert_int_equal(decode(bytes, sizeof(bytes), 0), UPDRAFT_E_TABLE_RECORD);
}

static void ptable_decode_names_both_numbers_of_a_row_outside_the_flash(void **state)
{
    struct updraft_failure failure;
    struct updraft_ptable table;
    uint8_t bytes[UPDRAFT_PTABLE_LEN];

    (void)state;
    table_vector_bytes(two_ota, bytes);
    assert_int_equal(updraft_ptable_decode(bytes, sizeof(bytes), 0x310000, &table, &failure),
                     UPDRAFT_OK);
    assert_int_equal(updraft_ptable_decode(bytes, sizeof(bytes), 0x30FFFF, &table, &failure),
                     UPDRAFT_E_TABLE_BOUNDS);
    assert_int_equal(failure.code, UPDRAFT_E_TABLE_BOUNDS);
    assert_int_equal(failure.a, 0x310000);
    assert_int_equal(failure.b, 0x30FFFF);
    /* The row begins behind the flash. */
    assert_int_equal(updraft_ptable_decode(bytes, sizeof(bytes), 0x8000, &table, &failure),
                     UPDRAFT_E_TABLE_BOUNDS);
    assert_int_equal(failure.a, 0xD000);
    assert_int_equal(failure.b, 0x8000);
}

static void ptable_decode_is_not_fooled_by_an_end_that_wraps_around(void **state)
{
    struct updraft_failure failure;
    struct updraft_ptable table;
    uint8_t bytes[UPDRAFT_PTABLE_LEN];

    (void)state;
    make_rows(&table, 1);
    table.entries[0].offset = 0x10000;
    table.entries[0].size = 0xFFFF8000;
    assert_int_equal(updraft_ptable_encode(&table, bytes), UPDRAFT_OK);
    assert_int_equal(decode(bytes, sizeof(bytes), 0x400000), UPDRAFT_E_TABLE_BOUNDS);
    assert_int_equal(updraft_ptable_decode(bytes, sizeof(bytes), 0, &table, &failure),
                     UPDRAFT_E_TABLE_BOUNDS);
    assert_int_equal(failure.a, 0xFFFFFFFF);
    assert_int_equal(failure.b, 0xFFFFFFFF);
}

static void ptable_holds_94_rows_with_digest_and_95_without(void **state)
{
    static const struct {
        uint8_t count;
        bool has_digest;
        enum updraft_error error;
    } rows[] = {
        {94, true, UPDRAFT_OK},
        {95, true, UPDRAFT_E_TABLE_FULL},
        {95, false, UPDRAFT_OK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct updraft_ptable table;
        struct updraft_ptable again;
        uint8_t bytes[UPDRAFT_PTABLE_LEN];

        make_rows(&table, rows[i].count);
        table.has_digest = rows[i].has_digest;
        memset(bytes, 0x5A, sizeof(bytes));
        assert_int_equal(updraft_ptable_encode(&table, bytes), rows[i].error);
        if (rows[i].error != UPDRAFT_OK) {
            assert_int_equal(bytes[0], 0x5A);
            continue;
        }
        assert_int_equal(updraft_ptable_decode(bytes, sizeof(bytes), 0, &again, NULL), UPDRAFT_OK);
        assert_tables_equal(&again, &table);
    }
}

static void ptable_decode_refuses_96_rows_since_no_end_marker_is_left(void **state)
{
    struct updraft_ptable table;
    uint8_t bytes[UPDRAFT_PTABLE_LEN];

    (void)state;
    make_rows(&table, 95);
    assert_int_equal(updraft_ptable_encode(&table, bytes), UPDRAFT_OK);
    updraft_partition_encode(&table.entries[0], bytes + sizeof(bytes) - RECORD);
    assert_int_equal(decode(bytes, sizeof(bytes), 0), UPDRAFT_E_TABLE_RECORD);
}

static void ptable_decode_looks_at_no_more_than_its_records(void **state)
{
    uint8_t sector[UPDRAFT_PTABLE_REGION_LEN];
    struct updraft_ptable table;

    (void)state;
    make_rows(&table, 95);
    memset(sector, 0xFF, sizeof(sector));
    assert_int_equal(updraft_ptable_encode(&table, sector), UPDRAFT_OK);
    updraft_partition_encode(&table.entries[0], sector + UPDRAFT_PTABLE_LEN - RECORD);
    /* An end marker behind the 96th record is part of the signature area. */
    assert_int_equal(decode(sector, sizeof(sector), 0), UPDRAFT_E_TABLE_RECORD);
}

static void ptable_find_gives_the_first_row_that_matches(void **state)
{
    struct updraft_ptable table;
    uint8_t bytes[UPDRAFT_PTABLE_LEN];

    (void)state;
    table_vector_bytes(two_ota, bytes);
    assert_int_equal(updraft_ptable_decode(bytes, sizeof(bytes), 0, &table, NULL), UPDRAFT_OK);
    assert_ptr_equal(updraft_ptable_find(&table, UPDRAFT_PART_TYPE_APP, UPDRAFT_PART_APP_OTA_0),
                     &table.entries[4]);
    assert_ptr_equal(updraft_ptable_find(&table, UPDRAFT_PART_TYPE_DATA, UPDRAFT_PART_DATA_OTA),
                     &table.entries[1]);
    assert_null(updraft_ptable_find(&table, UPDRAFT_PART_TYPE_APP, UPDRAFT_PART_APP_TEST));
    assert_ptr_equal(updraft_ptable_find_label(&table, "ota_1"), &table.entries[5]);
    assert_null(updraft_ptable_find_label(&table, "OTA_1"));
    assert_null(updraft_ptable_find_label(&table, ""));
    table.entries[5] = table.entries[4];
    assert_ptr_equal(updraft_ptable_find_label(&table, "ota_0"), &table.entries[4]);
}

static void partition_decode_tells_the_kinds_of_records_apart(void **state)
{
    struct updraft_partition partition = {.size = 7};
    uint8_t record[RECORD];

    (void)state;
    memset(record, 0xFF, sizeof(record));
    assert_int_equal(updraft_partition_decode(record, &partition), UPDRAFT_RECORD_END);
    record[0] = record[1] = 0xEB;
    assert_int_equal(updraft_partition_decode(record, &partition), UPDRAFT_RECORD_DIGEST);
    record[1] = 0xEC;
    assert_int_equal(updraft_partition_decode(record, &partition), UPDRAFT_RECORD_BAD);
    record[0] = 0x50; /* the magic the wrong way round */
    record[1] = 0xAA;
    assert_int_equal(updraft_partition_decode(record, &partition), UPDRAFT_RECORD_BAD);
    assert_int_equal(partition.size, 7);
    record[0] = 0xAA;
    record[1] = 0x50;
    assert_int_equal(updraft_partition_decode(record, &partition), UPDRAFT_RECORD_PARTITION);
    assert_int_equal(partition.size, 0xFFFFFFFF);
    assert_int_equal(strlen(partition.label), UPDRAFT_LABEL_LEN);
}

static void partition_decode_drops_what_follows_the_end_of_a_label(void **state)
{
    struct updraft_partition partition;
    uint8_t record[RECORD];

    (void)state;
    memset(record, 'x', sizeof(record));
    record[0] = 0xAA;
    record[1] = 0x50;
    record[14] = 0;
    assert_int_equal(updraft_partition_decode(record, &partition), UPDRAFT_RECORD_PARTITION);
    assert_string_equal(partition.label, "xx");
    updraft_partition_encode(&partition, record);
    for (size_t i = 14; i < 28; i++)
        assert_int_equal(record[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ptable_decode_and_encode_agree_on_every_known_table),
        cmocka_unit_test(ptable_decode_gives_the_rows_of_the_stock_two_slot_table),
        cmocka_unit_test(ptable_decode_bounds_a_label_that_fills_its_field),
        cmocka_unit_test(ptable_decode_takes_a_table_without_digest),
        cmocka_unit_test(ptable_decode_refuses_any_flipped_bit_in_a_row_or_in_the_digest),
        cmocka_unit_test(ptable_decode_tells_a_wrong_digest_from_a_wrong_record),
        cmocka_unit_test(ptable_decode_refuses_a_table_cut_before_its_end_marker),
        cmocka_unit_test(ptable_decode_refuses_erased_flash),
        cmocka_unit_test(ptable_decode_refuses_what_follows_the_digest_unless_it_is_the_end),
        cmocka_unit_test(ptable_decode_ends_where_a_boot_loader_ends),
        cmocka_unit_test(ptable_decode_names_both_numbers_of_a_row_outside_the_flash),
        cmocka_unit_test(ptable_decode_is_not_fooled_by_an_end_that_wraps_around),
        cmocka_unit_test(ptable_holds_94_rows_with_digest_and_95_without),
        cmocka_unit_test(ptable_decode_refuses_96_rows_since_no_end_marker_is_left),
        cmocka_unit_test(ptable_decode_looks_at_no_more_than_its_records),
        cmocka_unit_test(ptable_find_gives_the_first_row_that_matches),
        cmocka_unit_test(partition_decode_tells_the_kinds_of_records_apart),
        cmocka_unit_test(partition_decode_drops_what_follows_the_end_of_a_label),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
