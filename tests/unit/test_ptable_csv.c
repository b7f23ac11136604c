#include "format/ptable_csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "csv_reader.h"
#include "tables.h"

#define NOT_ASCII "st\xC3\xB6re"

/* The size that the IDF rules read from a field, UINT32_MAX when they refuse it. The partition does
 * not begin at zero, so nothing else can be meant by that. */
static uint32_t size_of(const char *field)
{
    struct updraft_ptable table;
    char csv[128];

    snprintf(csv, sizeof(csv), "a,0x40,0,0x9000,%s", field);
    if (read_bytes(csv, strlen(csv), &idf, &table) != UPDRAFT_OK)
        return UINT32_MAX;
    return table.entries[0].size;
}

static void csv_gives_the_known_bytes_of_every_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_VECTOR_COUNT; i++) {
        struct updraft_ptable table = read_good(table_vectors[i].csv, &idf);
        uint8_t expected[UPDRAFT_PTABLE_LEN];
        uint8_t bytes[UPDRAFT_PTABLE_LEN];

        table_vector_bytes(&table_vectors[i], expected);
        assert_int_equal(updraft_ptable_encode(&table, bytes), UPDRAFT_OK);
        assert_memory_equal(bytes, expected, sizeof(bytes));
        vector_assert_sha256(bytes, sizeof(bytes), table_vectors[i].sha256);
        assert_int_equal(result.warning_count, 0);
    }
}

static void csv_printed_from_a_table_gives_the_same_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_VECTOR_COUNT; i++) {
        uint8_t bytes[UPDRAFT_PTABLE_LEN];
        uint8_t again[UPDRAFT_PTABLE_LEN];
        char csv[CSV_CAP];
        struct updraft_ptable table;
        size_t len = 0;

        table_vector_bytes(&table_vectors[i], bytes);
        assert_int_equal(updraft_ptable_decode(bytes, sizeof(bytes), 0, &table, NULL), UPDRAFT_OK);
        assert_int_equal(updraft_ptable_to_csv(&table, csv, sizeof(csv), &len), UPDRAFT_OK);
        assert_int_equal(len, strlen(csv));
        table = read_good(csv, &idf);
        assert_int_equal(updraft_ptable_encode(&table, again), UPDRAFT_OK);
        assert_memory_equal(again, bytes, sizeof(bytes));
    }
}

static void csv_is_printed_as_the_stock_generator_does(void **state)
{
    struct updraft_ptable table =
        read_good("nvs,data,nvs,,24K\nro,data,fat,,0x1001,readonly\nk,data,nvs_keys,,0,encrypted\n"
                  "both,0x40,7,,4097,readonly:encrypted\napp,app,ota_15,,3M\n"
                  "x,data,0x77,,2052K\ny,255,255,,0x1000\n",
                  &idf);
    char csv[CSV_CAP];
    size_t len;

    (void)state;
    table.entries[0].flags = 0x80; /* a bit that has no name */
    assert_int_equal(updraft_ptable_to_csv(&table, csv, sizeof(csv), &len), UPDRAFT_OK);
    assert_string_equal(csv, "# ESP-IDF Partition Table\n"
                             "# Name, Type, SubType, Offset, Size, Flags\n"
                             "nvs,data,nvs,0x9000,24K,\n"
                             "ro,data,fat,0xf000,0x1001,readonly\n"
                             "k,data,nvs_keys,0x11000,0M,encrypted\n"
                             "both,64,7,0x11000,0x1001,encrypted:readonly\n"
                             "app,app,ota_15,0x20000,3M,\n"
                             "x,data,119,0x320000,2052K,\n"
                             "y,255,255,0x521000,4K,\n");
}

static void csv_of_the_largest_table_fits_8_kb(void **state)
{
    static struct updraft_ptable table;
    char csv[CSV_CAP + 1];
    size_t whole = 0;
    size_t len = 77;

    (void)state;
    table.count = UPDRAFT_PTABLE_CAP;
    for (size_t i = 0; i < UPDRAFT_PTABLE_CAP; i++) {
        /* The longest texts that a type, its subtype and the numbers can have. */
        table.entries[i] = (struct updraft_partition){3, 255, 0xFFFFFFFF, 0xFFFFFFFF, 3, ""};
        memset(table.entries[i].label, 'x', UPDRAFT_LABEL_LEN);
    }
    assert_int_equal(updraft_ptable_to_csv(&table, csv, CSV_CAP, &whole), UPDRAFT_OK);
    csv[whole] = '#';
    assert_int_equal(updraft_ptable_to_csv(&table, csv, whole, &len), UPDRAFT_E_NO_SPACE);
    assert_int_equal(csv[whole], '#');
    assert_int_equal(updraft_ptable_to_csv(&table, csv, 0, &len), UPDRAFT_E_NO_SPACE);
    assert_int_equal(len, 77);
    assert_int_equal(updraft_ptable_to_csv(&table, csv, whole + 1, &len), UPDRAFT_OK);
    assert_int_equal(len, whole);
}

static void csv_is_not_printed_with_a_label_that_would_break_its_row(void **state)
{
    static const char *const labels[] = {"a,b",   "a\nb", "a\rb",     "\x1B[2J",     "#a",
                                         "a\x7F", "\xC3", "\xC2\x85", "\xE2\x80\xA8"};
    struct updraft_ptable table = {.count = 1};
    char csv[CSV_CAP];
    size_t len;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(labels); i++) {
        strcpy(table.entries[0].label, labels[i]);
        assert_int_equal(updraft_ptable_to_csv(&table, csv, sizeof(csv), &len),
                         UPDRAFT_E_TABLE_RECORD);
    }
    strcpy(table.entries[0].label, "a# " NOT_ASCII);
    assert_int_equal(updraft_ptable_to_csv(&table, csv, sizeof(csv), &len), UPDRAFT_OK);
}

static void csv_skips_comments_and_blank_lines_but_counts_them(void **state)
{
    struct updraft_ptable table =
        read_good("# head\n\n  \t\n   # indented, with, commas, $NOPE\nnvs,data,nvs,,16K", &idf);

    (void)state;
    assert_int_equal(table.count, 1);
    assert_refused("# head\n\n\r\n  #\nnvs,data", &idf, UPDRAFT_E_CSV, 5, "size is missing");
    assert_refused("nvs,data,nvs,,16K # no comment here", &idf, UPDRAFT_E_CSV, 1,
                   "'16K # no comment here'");
    assert_refused("nvs,data,nvs,,16K,,\nb,data,nvs,,16K,# nor here", &idf, UPDRAFT_E_CSV, 2,
                   "'# nor here' is no flag");
}

static void csv_ends_lines_where_python_does(void **state)
{
    static const char *const ends[] = {"\n",       "\r\n",         "\r",   "\v",
                                       "\f",       "\x1C",         "\x1D", "\x1E",
                                       "\xC2\x85", "\xE2\x80\xA8", "\n\n", "\xE2\x80\xA9"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char csv[128];
        struct updraft_ptable table;

        snprintf(csv, sizeof(csv), "a,data,fat,,4K%sb,data,fat,,4K%s", ends[i], ends[i]);
        table = read_good(csv, &idf);
        assert_int_equal(table.count, 2);
        strcat(csv, "c");
        assert_refused(csv, &idf, UPDRAFT_E_CSV, i == 10 ? 5 : 3, "type is missing");
    }
}

static void csv_trims_fields_and_takes_missing_ones_for_empty(void **state)
{
    struct updraft_ptable table =
        read_good(" \ta ,\tdata , fat,\xC2\xA0"
                  "0x9000\xE3\x80\x80, 4K \n"
                  "b,data,fat,,4K\nc,data,,,4K,\nd,data,fat,,4K,readonly,more,and,more",
                  &idf);

    (void)state;
    assert_int_equal(table.count, 4);
    assert_string_equal(table.entries[0].label, "a");
    assert_int_equal(table.entries[0].offset, 0x9000);
    assert_int_equal(table.entries[0].size, 0x1000);
    assert_int_equal(table.entries[3].flags, UPDRAFT_PART_FLAG_READONLY);
    assert_refused("a", &idf, UPDRAFT_E_CSV, 1, "type is missing");
    assert_refused("a,data", &idf, UPDRAFT_E_CSV, 1, "size is missing");
}

static void csv_keywords_match_in_either_case_and_flags_do_not(void **state)
{
    struct updraft_ptable table = read_good("a,DATA,NvS_keys,,4K\nb,App,OTA_3,,4K", &idf);

    (void)state;
    assert_int_equal(table.entries[0].subtype, 4);
    assert_int_equal(table.entries[1].subtype, 0x13);
    assert_refused("a,data,fat,,4K,Encrypted", &idf, UPDRAFT_E_CSV, 1, "'Encrypted' is no flag");
    assert_refused("a,data,fat,,4K,encrypted: readonly", &idf, UPDRAFT_E_CSV, 1,
                   "' readonly' is no flag");
    table = read_good("a,data,fat,,4K,:encrypted::", &idf);
    assert_int_equal(table.entries[0].flags, UPDRAFT_PART_FLAG_ENCRYPTED);
}

static void csv_knows_every_keyword(void **state)
{
    static const struct {
        const char *type;
        const char *subtype;
        uint8_t number;
    } keywords[] = {
        {"app", "factory", 0},
        {"app", "test", 0x20},
        {"app", "tee_0", 0x30},
        {"app", "tee_1", 0x31},
        {"data", "ota", 0},
        {"data", "phy", 1},
        {"data", "nvs", 2},
        {"data", "coredump", 3},
        {"data", "nvs_keys", 4},
        {"data", "efuse", 5},
        {"data", "undefined", 6},
        {"data", "esphttpd", 0x80},
        {"data", "fat", 0x81},
        {"data", "spiffs", 0x82},
        {"data", "littlefs", 0x83},
        {"data", "tee_ota", 0x90},
        {"bootloader", "ota", 1},
        {"bootloader", "recovery", 2},
        {"bootloader", "primary", 0},
        {"partition_table", "ota", 1},
        {"partition_table", "primary", 0},
    };
    const struct updraft_csv_options options = {.has_bootloader_off = true,
                                                .bootloader_off = 0x1000,
                                                .has_recovery_off = true,
                                                .recovery_off = 0x20000};
    char csv[128];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(keywords); i++) {
        struct updraft_ptable table;

        snprintf(csv, sizeof(csv), "x,%s,%s,,0x2000,%s", keywords[i].type, keywords[i].subtype,
                 strcmp(keywords[i].subtype, "nvs") == 0 ? "readonly" : "");
        table = read_good(csv, &options);
        assert_int_equal(table.entries[0].subtype, keywords[i].number);
        assert_string_equal(updraft_part_type_name(table.entries[0].type), keywords[i].type);
        assert_string_equal(
            updraft_part_subtype_name(table.entries[0].type, table.entries[0].subtype),
            keywords[i].subtype);
    }
    for (uint8_t slot = 0; slot < 16; slot++) {
        char name[8];

        snprintf(name, sizeof(name), "ota_%u", slot);
        snprintf(csv, sizeof(csv), "x,app,%s,,64K", name);
        assert_int_equal(read_good(csv, &idf).entries[0].subtype, 0x10 + slot);
        assert_string_equal(updraft_part_subtype_name(0, (uint8_t)(0x10 + slot)), name);
    }
    assert_null(updraft_part_type_name(4));
    assert_null(updraft_part_type_name(255));
    assert_null(updraft_part_subtype_name(1, 0x10));
    assert_null(updraft_part_subtype_name(0x40, 0));
}

static void csv_empty_subtype_is_undefined(void **state)
{
    (void)state;
    assert_int_equal(read_good("a,data,,,4K", &idf).entries[0].subtype, 6);
    assert_int_equal(read_good("a,0x40,,,4K", &idf).entries[0].subtype, 6);
    assert_refused("a,app,,,64K", &idf, UPDRAFT_E_CSV, 1, "app partition needs a subtype");
}

static void csv_reads_numbers_as_python_does(void **state)
{
    static const struct {
        const char *field;
        uint32_t value;
    } numbers[] = {
        {"4096", 4096},   {"0x1000", 0x1000}, {"0X1aBc", 0x1ABC},  {"0o17", 15},
        {"0O17", 15},     {"0b101", 5},       {"0B101", 5},        {"0", 0},
        {"00", 0},        {"0_0", 0},         {"-0", 0},           {"+8", 8},
        {"1_000", 1000},  {"0x_1_0", 16},     {"1K", 1024},        {"1k", 1024},
        {"3M", 3145728},  {"3m", 3145728},    {"0x10K", 16384},    {"0b1M", 1048576},
        {"1KK", 1048576}, {"1 K", 1024},      {"-0xA000", 0x1000}, /* where it ends, less the offset
                                                                      0x9000 */
        {"-40K", 0x1000}, {"-1M", 0xF7000},   {"-0x9000", 0},      {"0xFFFF6FFF", 0xFFFF6FFF},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        if (size_of(numbers[i].field) != numbers[i].value)
            fail_msg("%s gives %u: %s", numbers[i].field, (unsigned)size_of(numbers[i].field),
                     result.message);
    }
}

static void csv_refuses_what_python_does_not_take_for_a_number(void **state)
{
    static const char *const fields[] = {
        "f000", "01",       "0_1",  "007",   "1.5M", "1.0",  "1e3",   "0x",    "0x_", "0b2",
        "0o8",  "0xG",      "1__0", "_1",    "1_",   "0x1_", "- 5",   "--5",   "+-5", "+",
        "-",    "K",        "M",    "4G",    "4KB",  "1k k", "0x 1",  "1 000", "0b",  "x10",
        "10h",  "\xD9\xA1", "'4K'", "${N}K", "$N",   "nvs",  "4K 4K",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (size_of(fields[i]) != UINT32_MAX)
            fail_msg("%s", fields[i]);
        assert_non_null(strstr(result.message, "is not a whole number"));
        assert_int_equal(result.line, 1);
    }
}

static void csv_refuses_numbers_out_of_reach(void **state)
{
    (void)state;
    assert_refused("a,256,0,,4K", &idf, UPDRAFT_E_CSV, 1, "type '256' is not in 0 to 255");
    assert_refused("a,-1,0,,4K", &idf, UPDRAFT_E_CSV, 1, "type '-1' is not in 0 to 255");
    assert_refused("a,data,0x100,,4K", &idf, UPDRAFT_E_CSV, 1, "subtype '0x100' is not");
    assert_refused("a,data,1K,,4K", &idf, UPDRAFT_E_CSV, 1, "subtype '1K' is not");
    assert_refused("a,0x40,0,,0x100000000", &idf, UPDRAFT_E_CSV, 1, "past the last address");
    assert_refused("a,0x40,0,,0xFFFF7000", &idf, UPDRAFT_E_CSV, 1, "ends at 0x100000000");
    assert_refused("a,0x40,0,0x100000000,4K", &idf, UPDRAFT_E_CSV, 1, "past the last address");
    assert_refused("a,0x40,0,99999999999999999999999999999999M,4K", &idf, UPDRAFT_E_CSV, 1,
                   "past the last address");
    assert_refused("a,0x40,0,,9999999999999999999999MMMMMMMMMMMMMMMM", &idf, UPDRAFT_E_CSV, 1,
                   "past the last address");
    assert_refused("a,0x40,0,,-9999999999999999999999MMMMMMMMMMMMM", &idf, UPDRAFT_E_CSV, 1,
                   "past the last address");
    assert_refused("a,0x40,0,-4K,4K", &idf, UPDRAFT_E_TABLE_OVERLAP, 1, "starts at -0x1000");
}

static void csv_refuses_malformed_rows_with_line_and_reason(void **state)
{
    (void)state;
    assert_refused("nvs,data,nvs,,16K\na,,fat,,4K", &idf, UPDRAFT_E_CSV, 2, "the type is missing");
    assert_refused("a,foo,fat,,4K", &idf, UPDRAFT_E_CSV, 1,
                   "'foo' is neither a number nor one of the types app, data");
    assert_refused("a,a type longer than any keyword,fat,,4K", &idf, UPDRAFT_E_CSV, 1,
                   "'a type longer than any keyword' is neither");
    assert_refused("a,data,factory,,4K", &idf, UPDRAFT_E_CSV, 1,
                   "'factory' is neither a number nor a subtype that this type has");
    assert_refused("a,app,ota_16,,4K", &idf, UPDRAFT_E_CSV, 1, "'ota_16' is neither");
    assert_refused("a,0x40,nvs,,4K", &idf, UPDRAFT_E_CSV, 1, "'nvs' is neither");
    assert_refused("a,data,fat,f000,4K", &idf, UPDRAFT_E_CSV, 1,
                   "the offset 'f000' is not a whole number");
    assert_refused("a,data,fat,,", &idf, UPDRAFT_E_CSV, 1, "the size is missing");
    assert_refused("a,data,fat,,1.5M", &idf, UPDRAFT_E_CSV, 1,
                   "the size '1.5M' is not a whole number");
    assert_refused("a,data,fat,,4K,encrypted:hidden", &idf, UPDRAFT_E_CSV, 1,
                   "'hidden' is no flag; there are encrypted and readonly");
}

static void csv_takes_names_of_63_bytes(void **state)
{
    char csv[128];

    (void)state;
    snprintf(csv, sizeof(csv), "%063d,data,fat,,4K", 1);
    assert_string_equal(read_good(csv, &idf).entries[0].label, "0000000000000000");
    snprintf(csv, sizeof(csv), "%064d,data,fat,,4K", 1);
    assert_refused(csv, &idf, UPDRAFT_E_CSV, 1, "is longer than 63 bytes");
    assert_string_equal(read_good(",data,fat,,4K", &idf).entries[0].label, "");
}

static void csv_without_a_row_is_refused(void **state)
{
    (void)state;
    assert_refused("", &idf, UPDRAFT_E_CSV, 0, "holds no partition");
    assert_refused("# only\n\n# comments", &idf, UPDRAFT_E_CSV, 0, "holds no partition");
    assert_refused("\xEF\xBB\xBF", &idf, UPDRAFT_E_CSV, 0, "holds no partition");
}

static const char *look_up(void *ctx, const char *name, size_t name_len)
{
    static const char *const values[][2] = {
        {"SIZE", "64K"},           {"NAME", "store"},    {"EMPTY", ""},
        {"ROW", "a,data,fat,,4K"}, {"NOTE", "# a note"}, {"AGAIN", "$SIZE"},
        {"1st", "first"},          {"odd name", "odd"},  {"BAD", "\xFF"},
    };

    assert_string_equal(ctx, "context");
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        if (strlen(values[i][0]) == name_len && memcmp(values[i][0], name, name_len) == 0)
            return values[i][1];
    }
    return NULL;
}

static char context[] = "context";
static const struct updraft_csv_options with_variables = {.variable = look_up,
                                                          .variable_ctx = context};

static void csv_fills_in_variables(void **state)
{
    struct updraft_ptable table =
        read_good("$NAME,data,fat,,$SIZE\n$ROW\n$NOTE\n$EMPTY\n${NAME}2,data,fat,$EMPTY,${SIZE}\n"
                  "${odd name},data,fat,,4K$EMPTY\n$1st,data,fat,,4K\n",
                  &with_variables);

    (void)state;
    assert_int_equal(table.count, 5);
    assert_string_equal(table.entries[0].label, "store");
    assert_int_equal(table.entries[0].size, 0x10000);
    assert_string_equal(table.entries[1].label, "a");
    assert_string_equal(table.entries[2].label, "store2");
    assert_string_equal(table.entries[3].label, "odd");
    assert_string_equal(table.entries[4].label, "first");
}

static void csv_names_an_unset_variable_at_the_start_of_a_line(void **state)
{
    (void)state;
    assert_refused("# $NOPE\n$NOPE,data,fat,,4K", &with_variables, UPDRAFT_E_CSV, 2,
                   "the variable 'NOPE' is not set");
    assert_refused("$NAME,data,fat,,4K", &idf, UPDRAFT_E_CSV, 1, "the variable 'NAME' is not set");
    /* A value is not looked at again, except for this. */
    assert_refused("$AGAIN,data,fat,,4K", &with_variables, UPDRAFT_E_CSV, 1,
                   "the variable 'SIZE' is not set");
}

static void csv_leaves_unset_variables_elsewhere_as_they_are(void **state)
{
    (void)state;
    assert_refused("a,data,fat,,$NOPE", &with_variables, UPDRAFT_E_CSV, 1,
                   "the size '$NOPE' is not a whole number");
    assert_refused("a,data,fat,,${NOPE}", &with_variables, UPDRAFT_E_CSV, 1, "'${NOPE}'");
    assert_refused("a,data,fat,,$", &with_variables, UPDRAFT_E_CSV, 1, "'$'");
    assert_string_equal(read_good("${NOPE},data,fat,,4K", &with_variables).entries[0].label,
                        "${NOPE}");
    assert_string_equal(read_good(" $NOPE,data,fat,,4K", &with_variables).entries[0].label,
                        "$NOPE");
    assert_string_equal(read_good("${},data,fat,,4K", &with_variables).entries[0].label, "${}");
    assert_string_equal(read_good("${SIZE,data,fat,,4K", &with_variables).entries[0].label,
                        "${SIZE");
    assert_string_equal(read_good("a$,data,fat,,4K", &with_variables).entries[0].label, "a$");
    assert_string_equal(read_good("$2nd,data,fat,,4K", &with_variables).entries[0].label, "$2nd");
}

static void csv_takes_utf8_and_refuses_other_encodings(void **state)
{
    struct updraft_ptable table =
        read_good("\xEF\xBB\xBF" NOT_ASCII ",data,fat,,4K\n# \xE2\x82\xAC", &idf);
    static const char utf16[] = "\xFF\xFE"
                                "a\0,\0d\0";
    static const char utf32[] = "\0\0\xFE\xFF\0\0\0a";

    (void)state;
    assert_string_equal(table.entries[0].label, NOT_ASCII);
    assert_int_equal(read_bytes(utf16, sizeof(utf16) - 1, &idf, &table), UPDRAFT_E_CSV);
    assert_non_null(strstr(result.message, "save it as UTF-8"));
    assert_int_equal(read_bytes(utf32, sizeof(utf32) - 1, &idf, &table), UPDRAFT_E_CSV);
    assert_non_null(strstr(result.message, "save it as UTF-8"));
    assert_refused("\xFE\xFF", &idf, UPDRAFT_E_CSV, 0, "save it as UTF-8");
    assert_refused("a,data,fat,,4K\n# \xFC", &idf, UPDRAFT_E_CSV, 2, "not UTF-8");
    assert_refused("a,data,fat,,4K$BAD", &with_variables, UPDRAFT_E_CSV, 1, "not UTF-8");
    assert_int_equal(read_bytes("a\0b,data,fat,,4K", 16, &idf, &table), UPDRAFT_E_CSV);
    assert_non_null(strstr(result.message, "NUL byte"));
}

static void csv_tells_a_binary_table_from_text(void **state)
{
    uint8_t bytes[UPDRAFT_PTABLE_LEN];
    struct updraft_ptable table;

    (void)state;
    table_vector_bytes(&table_vectors[0], bytes);
    assert_int_equal(read_bytes((const char *)bytes, sizeof(bytes), &idf, &table), UPDRAFT_E_CSV);
    assert_non_null(strstr(result.message, "binary form"));
}

static void csv_takes_rows_of_1023_bytes_and_comments_of_any_length(void **state)
{
    static const char row[] = "a,data,fat,,4K,,";
    char csv[4096];

    (void)state;
    memset(csv, 'x', sizeof(csv));
    memcpy(csv, row, sizeof(row) - 1);
    csv[1023] = '\0';
    assert_int_equal(read_good(csv, &idf).count, 1);
    csv[1023] = 'x';
    csv[1024] = '\0';
    assert_refused(csv, &idf, UPDRAFT_E_CSV, 1, "the line is longer than 1023 bytes");
    memset(csv, '#', sizeof(csv));
    memcpy(csv + 3000, "\na,data,fat,,4K", 16);
    assert_int_equal(read_good(csv, &idf).count, 1);
}

static void csv_messages_show_no_control_characters_and_cut_long_fields(void **state)
{
    (void)state;
    assert_refused("a,data,fat,,\x1B[2J", &idf, UPDRAFT_E_CSV, 1, "'?[2J'");
    assert_refused("a,data,fat,,0123456789012345678901234567890123456789012345", &idf,
                   UPDRAFT_E_CSV, 1, "'0123456789012345678901234567890123456789...'");
    assert_refused("a,data,fat,,012345678901234567890123456789012345678\xC3\xA9+", &idf,
                   UPDRAFT_E_CSV, 1, "'012345678901234567890123456789012345678...'");
}

static void csv_cut_anywhere_is_read_or_refused_but_never_overread(void **state)
{
    const char *csv = table_vectors[2].csv;

    (void)state;
    for (size_t len = 0; len <= strlen(csv); len++) {
        struct updraft_ptable table;
        enum updraft_error error = read_bytes(csv, len, &idf, &table);

        if (error == UPDRAFT_OK)
            assert_true(table.count >= 1 && table.count <= table_vectors[2].count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_gives_the_known_bytes_of_every_table),
        cmocka_unit_test(csv_printed_from_a_table_gives_the_same_table),
        cmocka_unit_test(csv_is_printed_as_the_stock_generator_does),
        cmocka_unit_test(csv_of_the_largest_table_fits_8_kb),
        cmocka_unit_test(csv_is_not_printed_with_a_label_that_would_break_its_row),
        cmocka_unit_test(csv_skips_comments_and_blank_lines_but_counts_them),
        cmocka_unit_test(csv_ends_lines_where_python_does),
        cmocka_unit_test(csv_trims_fields_and_takes_missing_ones_for_empty),
        cmocka_unit_test(csv_keywords_match_in_either_case_and_flags_do_not),
        cmocka_unit_test(csv_knows_every_keyword),
        cmocka_unit_test(csv_empty_subtype_is_undefined),
        cmocka_unit_test(csv_reads_numbers_as_python_does),
        cmocka_unit_test(csv_refuses_what_python_does_not_take_for_a_number),
        cmocka_unit_test(csv_refuses_numbers_out_of_reach),
        cmocka_unit_test(csv_refuses_malformed_rows_with_line_and_reason),
        cmocka_unit_test(csv_takes_names_of_63_bytes),
        cmocka_unit_test(csv_without_a_row_is_refused),
        cmocka_unit_test(csv_fills_in_variables),
        cmocka_unit_test(csv_names_an_unset_variable_at_the_start_of_a_line),
        cmocka_unit_test(csv_leaves_unset_variables_elsewhere_as_they_are),
        cmocka_unit_test(csv_takes_utf8_and_refuses_other_encodings),
        cmocka_unit_test(csv_tells_a_binary_table_from_text),
        cmocka_unit_test(csv_takes_rows_of_1023_bytes_and_comments_of_any_length),
        cmocka_unit_test(csv_messages_show_no_control_characters_and_cut_long_fields),
        cmocka_unit_test(csv_cut_anywhere_is_read_or_refused_but_never_overread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
