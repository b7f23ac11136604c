#include "format/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void text_appends_strings_numbers_and_hex(void **state)
{
    struct updraft_text text;
    char out[64];

    (void)state;
    updraft_text_init(&text, out, sizeof(out));
    assert_string_equal(out, "");
    updraft_text_str(&text, "a=");
    updraft_text_u32(&text, 0);
    updraft_text_bytes(&text, " b=xyz", 3);
    updraft_text_u32(&text, UINT32_MAX);
    updraft_text_str(&text, " ");
    updraft_text_hex(&text, (const uint8_t[]){0x00, 0x9F, 0xFF}, 3);
    assert_string_equal(out, "a=0 b=4294967295 009fff");
    assert_int_equal(text.len, strlen(out));
    assert_false(text.cut);
}

static void text_that_fits_exactly_is_not_cut(void **state)
{
    struct updraft_text text;
    char out[6];

    (void)state;
    updraft_text_init(&text, out, sizeof(out));
    updraft_text_str(&text, "12345");
    assert_false(text.cut);
    updraft_text_str(&text, "");
    assert_false(text.cut);
    updraft_text_str(&text, "6");
    assert_true(text.cut);
    assert_string_equal(out, "12345");
}

static void text_appends_nothing_behind_a_cut(void **state)
{
    struct updraft_text text;
    char out[6];

    (void)state;
    updraft_text_init(&text, out, sizeof(out));
    updraft_text_str(&text, "ab");
    updraft_text_json(&text, "c\x01"); /* the escape has six bytes and does not fit */
    assert_true(text.cut);
    updraft_text_str(&text, "d");
    updraft_text_u32(&text, 5);
    assert_string_equal(out, "abc");
}

static void text_escapes_what_json_does_not_take(void **state)
{
    struct updraft_text text;
    char out[64];

    (void)state;
    updraft_text_init(&text, out, sizeof(out));
    updraft_text_json(&text, "a\"b\\c\n\x1F\x7F/ü");
    assert_string_equal(out, "a\\\"b\\\\c\\u000a\\u001f\x7F/ü");
    assert_false(text.cut);
}

static void text_never_cuts_a_json_escape_in_two(void **state)
{
    struct updraft_text text;
    char out[32];

    (void)state;
    for (size_t cap = 1; cap < 20; cap++) {
        updraft_text_init(&text, out, cap);
        updraft_text_json(&text, "\"\"\n");
        size_t expected = cap - 1 >= 10 ? 10 : cap - 1 >= 4 ? 4 : (cap - 1) / 2 * 2;

        assert_int_equal(strlen(out), expected);
        assert_int_equal(text.cut, expected < 10);
    }
}

static void unhex_reads_both_cases_and_nothing_else(void **state)
{
    uint8_t out[3];

    (void)state;
    assert_true(updraft_text_unhex("09afAF", 6, out, 3));
    assert_memory_equal(out, ((const uint8_t[]){0x09, 0xAF, 0xAF}), 3);
    assert_true(updraft_text_unhex("", 0, out, 0));
    assert_false(updraft_text_unhex("09afA", 5, out, 3));
    assert_false(updraft_text_unhex("09afA", 5, out, 2));
    assert_false(updraft_text_unhex("09afAFFF", 8, out, 3));
    for (unsigned c = 0; c < 256; c++) {
        char pair[2] = {'0', (char)c};
        char swapped[2] = {(char)c, '0'};
        bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

        assert_int_equal(updraft_text_unhex(pair, 2, out, 1), digit);
        assert_int_equal(updraft_text_unhex(swapped, 2, out, 1), digit);
    }
}

static void parse_u32_stops_at_the_first_other_byte(void **state)
{
    uint32_t value = 0;
    size_t used = 0;

    (void)state;
    assert_true(updraft_text_parse_u32("8266 rest", 9, &value, &used));
    assert_int_equal(value, 8266);
    assert_int_equal(used, 4);
    assert_true(updraft_text_parse_u32("8266", 2, &value, &used));
    assert_int_equal(value, 82);
    assert_int_equal(used, 2);
    assert_true(updraft_text_parse_u32("00000000000007", 14, &value, &used));
    assert_int_equal(value, 7);
}

static void parse_u32_refuses_overflow_and_no_digits(void **state)
{
    uint32_t value = 1;
    size_t used = 1;

    (void)state;
    assert_true(updraft_text_parse_u32("4294967295", 10, &value, &used));
    assert_int_equal(value, UINT32_MAX);
    assert_false(updraft_text_parse_u32("4294967296", 10, &value, &used));
    assert_false(updraft_text_parse_u32("4294967300", 10, &value, &used));
    assert_false(updraft_text_parse_u32("42949672950", 11, &value, &used));
    assert_false(updraft_text_parse_u32("", 0, &value, &used));
    assert_false(updraft_text_parse_u32("-1", 2, &value, &used));
    assert_false(updraft_text_parse_u32(" 1", 2, &value, &used));
}

static void equal_constant_time_compares_every_byte(void **state)
{
    uint8_t a[16] = {1, 2, 3};
    uint8_t b[16] = {1, 2, 3};

    (void)state;
    assert_true(updraft_text_equal_constant_time(a, b, sizeof(a)));
    assert_true(updraft_text_equal_constant_time(a, b, 0));
    for (size_t bit = 0; bit < sizeof(a) * 8; bit++) {
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(updraft_text_equal_constant_time(a, b, sizeof(a)));
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_appends_strings_numbers_and_hex),
        cmocka_unit_test(text_that_fits_exactly_is_not_cut),
        cmocka_unit_test(text_appends_nothing_behind_a_cut),
        cmocka_unit_test(text_escapes_what_json_does_not_take),
        cmocka_unit_test(text_never_cuts_a_json_escape_in_two),
        cmocka_unit_test(unhex_reads_both_cases_and_nothing_else),
        cmocka_unit_test(parse_u32_stops_at_the_first_other_byte),
        cmocka_unit_test(parse_u32_refuses_overflow_and_no_digits),
        cmocka_unit_test(equal_constant_time_compares_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
