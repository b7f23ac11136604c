#include "server/json.h"
#include "server/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define X16 "0123456789abcdef"

static void names_hold_only_what_a_path_and_a_page_can_hold(void **state)
{
    static const char *const good[] = {"a", "demo", "esp32-evse", "v1.2_x", "..a", X16 X16 X16 X16};
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      "a/b",
                                      "a\\b",
                                      "a b",
                                      "<b>",
                                      "a\n",
                                      "ä",
                                      "%2e",
                                      "a'--",
                                      "a\"b",
                                      X16 X16 X16 X16 "x"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(updraft_name_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(updraft_name_valid(bad[i]));
}

static void versions_have_1_to_31_printable_bytes(void **state)
{
    (void)state;
    assert_true(updraft_version_valid("v2.2.0-test3 (dirty)"));
    assert_true(updraft_version_valid(X16 "0123456789abcde"));
    assert_false(updraft_version_valid(X16 X16));
    assert_false(updraft_version_valid(""));
    assert_false(updraft_version_valid(" 1"));
    assert_false(updraft_version_valid("1 "));
    assert_false(updraft_version_valid("1\t2"));
    assert_false(updraft_version_valid("1.0\xc3\xa4"));
}

static void labels_are_valid_utf8_without_controls(void **state)
{
    static const char *const bad[] = {
        "\x01",         "a\nb",     "\x7f", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80",
        "\xe2\x80\xae", "\xc2\x85", "\x80"};

    (void)state;
    assert_true(updraft_label_valid("", 8));
    assert_true(updraft_label_valid("<b>Käller</b> \xf0\x9f\x9a\x97", 64));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(updraft_label_valid(bad[i], 64));
    assert_true(updraft_label_valid("1234567", 8));
    assert_false(updraft_label_valid("12345678", 8));
    assert_false(updraft_label_valid("123456\xc3\xa4", 8));
}

static void cleaning_cuts_between_characters(void **state)
{
    char out[8];

    (void)state;
    updraft_label_clean("a\x01\xff"
                        "b",
                        out, sizeof out);
    assert_string_equal(out, "a??b");
    updraft_label_clean("123456\xc3\xa4", out, sizeof out);
    assert_string_equal(out, "123456");
    updraft_label_clean("12345\xc3\xa4", out, sizeof out);
    assert_string_equal(out, "12345\xc3\xa4");
}

static void cleaning_lines_keeps_the_newest_and_their_feeds(void **state)
{
    char out[8];

    (void)state;
    updraft_lines_clean("a\nb\x01\n\n", out, sizeof out);
    assert_string_equal(out, "a\nb?");
    updraft_lines_clean("first\nlast\n", out, sizeof out);
    assert_string_equal(out, "st\nlast");
    updraft_lines_clean("\xc3\xa4"
                        "234567",
                        out, sizeof out); /* the cut leaves half of it */
    assert_string_equal(out, "?234567");
    assert_true(updraft_lines_valid("a\nb", 4));
    assert_false(updraft_lines_valid("a\nb", 3));
    assert_false(updraft_lines_valid("a\n", 8));
    assert_false(updraft_lines_valid("a\x01", 8));
    updraft_lines_clean("\n\n", out, sizeof out);
    assert_string_equal(out, "");
}

static void device_ids_come_out_in_one_form(void **state)
{
    static const char *const bad[] = {"",
                                      "24:6F:28:00:00",
                                      "24:6F:28:00:00:01:02",
                                      "24:6F-28:00:00:01",
                                      "24:6F:28:00:00:0G",
                                      "246F280000011",
                                      "24:6F:2800:00:01",
                                      " 24:6F:28:00:00:01",
                                      "24:6F:28:00:00:0"};
    char id[UPDRAFT_DEVICE_ID_CAP];

    (void)state;
    assert_true(updraft_device_id_normalise("24:6f:28:aB:00:01", id));
    assert_string_equal(id, "24:6F:28:AB:00:01");
    assert_true(updraft_device_id_normalise("24-6f-28-ab-00-01", id));
    assert_string_equal(id, "24:6F:28:AB:00:01");
    assert_true(updraft_device_id_normalise("246f28ab0001", id));
    assert_string_equal(id, "24:6F:28:AB:00:01");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(updraft_device_id_normalise(bad[i], id));
}

static void hosts_cannot_carry_markup_or_paths(void **state)
{
    (void)state;
    assert_true(updraft_host_valid("127.0.0.1:8080"));
    assert_true(updraft_host_valid("[::1]:8080"));
    assert_true(updraft_host_valid("ota.example.org"));
    assert_false(updraft_host_valid(""));
    assert_false(updraft_host_valid("a/b"));
    assert_false(updraft_host_valid("a\"b"));
    assert_false(updraft_host_valid("user@host"));
}

static void json_escapes_what_would_end_a_string(void **state)
{
    struct updraft_json json;
    size_t len;

    (void)state;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_text(&json, "a", "\"\\\n\x1f/<>\xc3\xa4");
    updraft_json_open(&json, "b", '[');
    updraft_json_number(&json, NULL, INT64_MIN);
    updraft_json_null(&json, NULL);
    updraft_json_bool(&json, NULL, true);
    updraft_json_open(&json, NULL, '{');
    updraft_json_close(&json, '}');
    updraft_json_close(&json, ']');
    updraft_json_hex(&json, "c", (const uint8_t *)"\x00\xff", 2);
    updraft_json_close(&json, '}');
    char *text = updraft_json_finish(&json, &len);
    assert_string_equal(text, "{\"a\":\"\\\"\\\\\\u000a\\u001f/<>\xc3\xa4\","
                              "\"b\":[-9223372036854775808,null,true,{}],\"c\":\"00ff\"}");
    assert_int_equal(len, strlen(text));
    free(text);
}

static void other_ids_than_addresses_stay_as_they_are(void **state)
{
    static const char *const bad[] = {
        "",         ".",   "..",
        "a b",      "a/b", "a\n",
        "\xc3\xa4", "<a>", "12345678901234567890123456789012345678901"};
    static const char *const good[] = {
        "box-1",          "a",
        "SN.0001_b",      "urn:x:1",
        "24:6f:28:ab:00", "1234567890123456789012345678901234567890"};
    char id[UPDRAFT_DEVICE_ID_CAP];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(updraft_device_id_take(bad[i], id));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(updraft_device_id_take(good[i], id));
        assert_string_equal(id, good[i]);
    }
    assert_true(updraft_device_id_take("246f28ab0001", id));
    assert_string_equal(id, "24:6F:28:AB:00:01");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_hold_only_what_a_path_and_a_page_can_hold),
        cmocka_unit_test(versions_have_1_to_31_printable_bytes),
        cmocka_unit_test(labels_are_valid_utf8_without_controls),
        cmocka_unit_test(cleaning_cuts_between_characters),
        cmocka_unit_test(cleaning_lines_keeps_the_newest_and_their_feeds),
        cmocka_unit_test(device_ids_come_out_in_one_form),
        cmocka_unit_test(hosts_cannot_carry_markup_or_paths),
        cmocka_unit_test(json_escapes_what_would_end_a_string),
        cmocka_unit_test(other_ids_than_addresses_stay_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
