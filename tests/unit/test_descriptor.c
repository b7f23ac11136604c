#include "format/descriptor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define STABLE                                                                                     \
    "{\n  \"version\": \"v2.0.0\",\n"                                                              \
    "  \"path\": \"https://dzurikmiroslav.github.io/esp32-evse/ota/stable/esp32-evse.ota.bin\"\n}"

/* Decodes from memory of exactly that length, so that a sanitizer sees a read past it; fails the
 * test when a refusal changes *out. */
static enum updraft_error decode_bytes(const char *json, size_t len, struct updraft_descriptor *out)
{
    struct updraft_descriptor before;
    char *exact = malloc(len > 0 ? len : 1);
    enum updraft_error error;

    assert_non_null(exact);
    memcpy(exact, json, len);
    memset(out, 0xA5, sizeof(*out));
    before = *out;
    error = updraft_descriptor_decode(exact, len, out);
    if (error != UPDRAFT_OK)
        assert_memory_equal(out, &before, sizeof(before));
    free(exact);
    return error;
}

static enum updraft_error decode(const char *json, struct updraft_descriptor *out)
{
    return decode_bytes(json, strlen(json), out);
}

static enum updraft_error verdict(const char *json)
{
    struct updraft_descriptor ignored;

    return decode(json, &ignored);
}

/* The version that a descriptor with this JSON text as version gives. */
static enum updraft_error decode_version(const char *text, char *version)
{
    struct updraft_descriptor descriptor;
    char json[UPDRAFT_DESCRIPTOR_LEN_CAP];
    enum updraft_error error;

    snprintf(json, sizeof(json), "{\"version\":\"%s\",\"path\":\"p\"}", text);
    error = decode(json, &descriptor);
    if (error == UPDRAFT_OK)
        strcpy(version, descriptor.version);
    return error;
}

static void descriptor_decode_reads_a_published_one(void **state)
{
    struct updraft_descriptor descriptor;

    (void)state;
    assert_int_equal(decode(STABLE, &descriptor), UPDRAFT_OK);
    assert_string_equal(descriptor.version, "v2.0.0");
    assert_string_equal(
        descriptor.path,
        "https://dzurikmiroslav.github.io/esp32-evse/ota/stable/esp32-evse.ota.bin");
}

static void descriptor_decode_reads_the_published_files(void **state)
{
    static const struct {
        const char *file;
        const char *version;
        const char *path_end;
    } samples[] = {
        {"channel_stable_esp32_v2.0.0.json", "v2.0.0", "/ota/stable/esp32-evse.ota.bin"},
        {"channel_stable_esp32s2_v2.0.0.json", "v2.0.0", "/ota/stable/esp32s2-evse.ota.bin"},
        {"channel_stable_esp32s3_v2.0.0.json", "v2.0.0", "/ota/stable/esp32s3-evse.ota.bin"},
        {"channel_testing_esp32_v1.2.2.json", "v1.2.2", "/ota/stable/esp32-evse.ota.bin"},
        {"channel_bleeding-edge_esp32s3_0fd6814.json", "0fd6814",
         "/ota/bleeding-edge/esp32s3-evse.ota.bin"},
    };
    size_t seen = 0;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct updraft_descriptor descriptor;
        size_t len;
        uint8_t *json = firmware_load(samples[i].file, &len);

        if (json == NULL)
            continue;
        assert_int_equal(decode_bytes((const char *)json, len, &descriptor), UPDRAFT_OK);
        assert_string_equal(descriptor.version, samples[i].version);
        assert_non_null(strstr(descriptor.path, samples[i].path_end));
        free(json);
        seen++;
    }
    if (seen == 0)
        skip();
}

static void descriptor_decode_matches_names_in_either_case(void **state)
{
    struct updraft_descriptor descriptor;

    (void)state;
    assert_int_equal(decode("{\"VERSION\":\"1\",\"pAtH\":\"p\"}", &descriptor), UPDRAFT_OK);
    assert_string_equal(descriptor.version, "1");
    assert_int_equal(decode("{\"vers\\u0049on\":\"1\",\"path\":\"p\"}", &descriptor), UPDRAFT_OK);
    assert_int_equal(verdict("{\"versions\":\"1\",\"path\":\"p\"}"), UPDRAFT_E_DESCRIPTOR);
    assert_int_equal(verdict("{\"versio\":\"1\",\"path\":\"p\"}"), UPDRAFT_E_DESCRIPTOR);
    assert_int_equal(verdict("{\"\":\"1\",\"path\":\"p\"}"), UPDRAFT_E_DESCRIPTOR);
}

static void descriptor_decode_lets_the_first_of_equal_members_win(void **state)
{
    struct updraft_descriptor descriptor;

    (void)state;
    assert_int_equal(decode("{\"path\":\"p\",\"Version\":\"1\",\"version\":\"2\"}", &descriptor),
                     UPDRAFT_OK);
    assert_string_equal(descriptor.version, "1");
    /* Even when the first is no text. */
    assert_int_equal(verdict("{\"path\":\"p\",\"version\":1,\"version\":\"2\"}"),
                     UPDRAFT_E_DESCRIPTOR);
}

static void descriptor_decode_ignores_other_members_of_any_kind(void **state)
{
    struct updraft_descriptor descriptor;

    (void)state;
    assert_int_equal(decode("{\"size\":-12.5e+3,\"list\":[1,[],{},[true,null]],\"o\":{\"version\":"
                            "\"x\",\"path\":\"y\"},\"e\":\"\",\"version\":\"1\",\"n\":null,"
                            "\"path\":\"p\",\"z\":0}",
                            &descriptor),
                     UPDRAFT_OK);
    assert_string_equal(descriptor.version, "1");
    assert_string_equal(descriptor.path, "p");
}

static void descriptor_decode_refuses_missing_empty_and_wrong_members(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "[\"version\",\"path\"]",
        "\"version\"",
        "{\"version\":\"1\"}",
        "{\"path\":\"p\"}",
        "{\"version\":\"\",\"path\":\"p\"}",
        "{\"version\":\"1\",\"path\":\"\"}",
        "{\"version\":1,\"path\":\"p\"}",
        "{\"version\":null,\"path\":\"p\"}",
        "{\"version\":[\"1\"],\"path\":\"p\"}",
        "{\"version\":{\"version\":\"1\"},\"path\":\"p\"}",
        "{\"version\":\"1\",\"path\":true}",
        "{\"x\":{\"version\":\"1\",\"path\":\"p\"}}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_int_equal(verdict(texts[i]), UPDRAFT_E_DESCRIPTOR);
}

static void descriptor_decode_refuses_what_is_no_json(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "<html><body>404</body></html>",
        "{",
        "}",
        "{]",
        "[}",
        "{version: 1}",
        "{'version':'1','path':'p'}",
        "{\"version\":\"1\",\"path\":\"p\"",
        "{\"version\":\"1\",\"path\":\"p}",
        /* something behind it, or two of them */
        "{\"version\":\"1\",\"path\":\"p\"}x",
        "{\"version\":\"1\",\"path\":\"p\"}}",
        "{\"version\":\"1\",\"path\":\"p\"},",
        "{\"version\":\"1\",\"path\":\"p\"}{}",
        "{\"version\":\"1\",\"path\":\"p\"} 1 ",
        ",{\"version\":\"1\",\"path\":\"p\"}",
        "\"version\":\"1\"",
        /* commas and colons */
        "{\"version\":\"1\" \"path\":\"p\"}",
        "{\"version\":\"1\",\"path\":\"p\",}",
        "{,\"version\":\"1\",\"path\":\"p\"}",
        "{\"version\":\"1\",,\"path\":\"p\"}",
        "{\"version\" \"1\",\"path\":\"p\"}",
        "{\"version\"::\"1\",\"path\":\"p\"}",
        "{\"version\",\"1\",\"path\":\"p\"}",
        "{\"version\":\"1\":\"2\",\"path\":\"p\"}",
        "{\"version\":\"1\",\"path\":}",
        "{\"version\":\"1\",\"path\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":[1 2]}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":[1,]}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":[,]}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":[\"b\":1]}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":[]:1}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":[1]:1}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":{}:1}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":1 2}",
        "{\"version\":\"1\",\"path\":\"p\",1:2}",
        "{\"version\":\"1\",\"path\":\"p\",{}:2}",
        /* numbers and words */
        "{\"version\":\"1\",\"path\":\"p\",\"a\":01}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":1x}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":-}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":1.}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":1e}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":+1}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":nil}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":truefalse}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":NaN}",
        /* strings, also in members that nobody reads */
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\\x\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\\u12g4\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\\u123\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\n\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\\ud800\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\\udc00\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\\ud800x\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\\ud800\\n....\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\\ud800\\u0041\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\\udc00\\ud800\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\x80\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\xC0\x80\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\xC1\x81\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\xE0\x81\x81\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\xF0\x80\x81\x81\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\xED\xA0\x80\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\xF4\x90\x80\x80\"}",
        "{\"version\":\"1\",\"path\":\"p\",\"a\":\"\xE2\x82\"}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (verdict(texts[i]) != UPDRAFT_E_JSON)
            fail_msg("%s", texts[i]);
    }
}

static void descriptor_decode_refuses_a_nul_byte_anywhere(void **state)
{
    static const char whole[] = "{\"version\":\"1\",\"path\":\"p\"}";

    (void)state;
    for (size_t at = 0; at < sizeof(whole); at++) {
        struct updraft_descriptor ignored;
        char json[sizeof(whole)];

        memcpy(json, whole, at);
        json[at] = '\0';
        memcpy(json + at + 1, whole + at, sizeof(whole) - 1 - at);
        assert_int_equal(decode_bytes(json, sizeof(json), &ignored), UPDRAFT_E_JSON);
    }
}

static void descriptor_decode_resolves_escapes(void **state)
{
    char version[UPDRAFT_DESCRIPTOR_VERSION_CAP];

    (void)state;
    assert_int_equal(decode_version("a\\\"b\\\\c\\/d", version), UPDRAFT_OK);
    assert_string_equal(version, "a\"b\\c/d");
    assert_int_equal(decode_version("\\u0041\\u00e9\\u20AC\\uD83D\\ude00", version), UPDRAFT_OK);
    assert_string_equal(version, "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    assert_int_equal(decode_version("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", version), UPDRAFT_OK);
    assert_string_equal(version, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    assert_int_equal(decode_version("\\uffff\\udbff\\udfff", version), UPDRAFT_OK);
    assert_string_equal(version, "\xEF\xBF\xBF\xF4\x8F\xBF\xBF");
}

static void descriptor_decode_refuses_control_characters_in_its_members(void **state)
{
    static const char *const texts[] = {"1\\u0000", "\\u0000",  "1\\n",    "\\r",
                                        "\\t2",     "\\u001b[", "\\u007f", "\x7F"};
    char version[UPDRAFT_DESCRIPTOR_VERSION_CAP];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_int_equal(decode_version(texts[i], version), UPDRAFT_E_DESCRIPTOR);
    assert_int_equal(verdict("{\"version\":\"1\",\"path\":\"p\\r\\nHost: x\"}"),
                     UPDRAFT_E_DESCRIPTOR);
    /* Nobody reads this one. */
    assert_int_equal(verdict("{\"version\":\"1\",\"path\":\"p\",\"notes\":\"a\\n\\u0000b\"}"),
                     UPDRAFT_OK);
}

static void descriptor_decode_takes_31_bytes_of_version_and_255_of_path(void **state)
{
    (void)state;
    for (int version_len = 30; version_len <= 33; version_len++) {
        for (int path_len = 254; path_len <= 257; path_len++) {
            struct updraft_descriptor descriptor;
            char json[UPDRAFT_DESCRIPTOR_LEN_CAP];
            bool fits = version_len <= 31 && path_len <= 255;

            snprintf(json, sizeof(json), "{\"version\":\"%0*d\",\"path\":\"%0*d\"}", version_len, 7,
                     path_len, 7);
            assert_int_equal(decode(json, &descriptor), fits ? UPDRAFT_OK : UPDRAFT_E_TOO_LONG);
            if (fits) {
                assert_int_equal(strlen(descriptor.version), version_len);
                assert_int_equal(strlen(descriptor.path), path_len);
            }
        }
    }
}

static void descriptor_decode_never_cuts_a_character_in_half(void **state)
{
    char version[UPDRAFT_DESCRIPTOR_VERSION_CAP];

    (void)state;
    assert_int_equal(decode_version("012345678901234567890123456789\xC3\xA9", version),
                     UPDRAFT_E_TOO_LONG);
    assert_int_equal(decode_version("01234567890123456789012345678\xC3\xA9", version), UPDRAFT_OK);
}

static void descriptor_decode_takes_1024_bytes(void **state)
{
    struct updraft_descriptor descriptor;
    char json[UPDRAFT_DESCRIPTOR_LEN_CAP + 1];
    static const char head[] = "{\"version\":\"1\",\"path\":\"p\"}";

    (void)state;
    memset(json, ' ', sizeof(json));
    memcpy(json, head, sizeof(head) - 1);
    assert_int_equal(decode_bytes(json, UPDRAFT_DESCRIPTOR_LEN_CAP, &descriptor), UPDRAFT_OK);
    assert_int_equal(decode_bytes(json, sizeof(json), &descriptor), UPDRAFT_E_TOO_LONG);
}

static void descriptor_decode_skips_a_byte_order_mark_and_white_space(void **state)
{
    struct updraft_descriptor descriptor;

    (void)state;
    assert_int_equal(
        decode("\xEF\xBB\xBF\r\n\t {\t\"version\" :\n\"1\" , \"path\":\"p\"\r}\n ", &descriptor),
        UPDRAFT_OK);
    assert_int_equal(verdict("\xEF\xBB\xBF"), UPDRAFT_E_JSON);
    assert_int_equal(verdict("\xEF\xBB"), UPDRAFT_E_JSON);
}

static void descriptor_decode_survives_deep_nesting_and_many_members(void **state)
{
    char json[UPDRAFT_DESCRIPTOR_LEN_CAP + 1];

    (void)state;
    memset(json, '[', sizeof(json));
    json[UPDRAFT_DESCRIPTOR_LEN_CAP] = '\0';
    assert_int_equal(verdict(json), UPDRAFT_E_JSON);
    memset(json + 512, ']', 512);
    assert_int_equal(verdict(json), UPDRAFT_E_JSON);
    for (size_t i = 0; i + 5 <= UPDRAFT_DESCRIPTOR_LEN_CAP; i += 5)
        memcpy(json + i, "{\"a\":", 5);
    assert_int_equal(verdict(json), UPDRAFT_E_JSON);
}

/* 5 names and values are there already; each number of the list is one more. */
static void descriptor_decode_takes_64_names_and_values(void **state)
{
    (void)state;
    for (size_t more = 55; more <= 60; more++) {
        char json[UPDRAFT_DESCRIPTOR_LEN_CAP] = "{\"version\":\"1\",\"path\":\"p\",\"a\":[0";

        for (size_t i = 1; i < more; i++)
            strcat(json, ",0");
        strcat(json, "]}");
        assert_int_equal(verdict(json), 5 + 2 + more <= UPDRAFT_DESCRIPTOR_TOKEN_CAP
                                            ? UPDRAFT_OK
                                            : UPDRAFT_E_JSON);
    }
}

static void descriptor_decode_refuses_every_text_that_was_cut(void **state)
{
    struct updraft_descriptor ignored;

    (void)state;
    for (size_t len = 0; len < sizeof(STABLE) - 1; len++)
        assert_int_equal(decode_bytes(STABLE, len, &ignored), UPDRAFT_E_JSON);
}

static void descriptor_encode_writes_one_line_of_json(void **state)
{
    static const struct updraft_descriptor descriptor = {"1.1.0", "http://host/d/image/00"};
    char json[128];
    size_t len = 0;

    (void)state;
    assert_int_equal(updraft_descriptor_encode(&descriptor, json, sizeof(json), &len), UPDRAFT_OK);
    assert_string_equal(json, "{\"version\":\"1.1.0\",\"path\":\"http://host/d/image/00\"}");
    assert_int_equal(len, strlen(json));
}

static void descriptor_decode_reads_what_encode_wrote(void **state)
{
    struct updraft_descriptor descriptor = {0};
    struct updraft_descriptor again;
    char json[UPDRAFT_DESCRIPTOR_LEN_CAP];
    size_t len = 0;

    (void)state;
    /* The longest members, of the characters that take most room. */
    memset(descriptor.version, '"', sizeof(descriptor.version) - 1);
    memset(descriptor.path, '\\', sizeof(descriptor.path) - 1);
    memcpy(descriptor.path, "\xC3\xA9\xF0\x9F\x98\x80 /'", 9);
    assert_int_equal(updraft_descriptor_encode(&descriptor, json, sizeof(json), &len), UPDRAFT_OK);
    assert_int_equal(decode_bytes(json, len, &again), UPDRAFT_OK);
    assert_string_equal(again.version, descriptor.version);
    assert_string_equal(again.path, descriptor.path);
}

static void descriptor_encode_refuses_what_decode_would_refuse(void **state)
{
    static const struct updraft_descriptor descriptors[] = {
        {"", "p"}, {"1", ""}, {"1\n", "p"}, {"1", "p\x7F"}, {"1", "\xC3"},
    };
    char json[128];
    size_t len = 77;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(descriptors); i++) {
        assert_int_equal(updraft_descriptor_encode(&descriptors[i], json, sizeof(json), &len),
                         UPDRAFT_E_DESCRIPTOR);
        assert_int_equal(len, 77);
    }
}

static void descriptor_encode_says_when_the_room_is_too_small(void **state)
{
    static const struct updraft_descriptor descriptor = {"1", "p"};
    static const char whole[] = "{\"version\":\"1\",\"path\":\"p\"}";

    (void)state;
    for (size_t cap = 0; cap <= sizeof(whole); cap++) {
        char json[sizeof(whole) + 1];
        size_t len = 77;
        enum updraft_error expected = cap < sizeof(whole) ? UPDRAFT_E_NO_SPACE : UPDRAFT_OK;

        memset(json, '#', sizeof(json));
        assert_int_equal(updraft_descriptor_encode(&descriptor, json, cap, &len), expected);
        assert_int_equal(len, expected == UPDRAFT_OK ? sizeof(whole) - 1 : 77);
        assert_int_equal(json[cap], '#');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptor_decode_reads_a_published_one),
        cmocka_unit_test(descriptor_decode_reads_the_published_files),
        cmocka_unit_test(descriptor_decode_matches_names_in_either_case),
        cmocka_unit_test(descriptor_decode_lets_the_first_of_equal_members_win),
        cmocka_unit_test(descriptor_decode_ignores_other_members_of_any_kind),
        cmocka_unit_test(descriptor_decode_refuses_missing_empty_and_wrong_members),
        cmocka_unit_test(descriptor_decode_refuses_what_is_no_json),
        cmocka_unit_test(descriptor_decode_refuses_a_nul_byte_anywhere),
        cmocka_unit_test(descriptor_decode_resolves_escapes),
        cmocka_unit_test(descriptor_decode_refuses_control_characters_in_its_members),
        cmocka_unit_test(descriptor_decode_takes_31_bytes_of_version_and_255_of_path),
        cmocka_unit_test(descriptor_decode_never_cuts_a_character_in_half),
        cmocka_unit_test(descriptor_decode_takes_1024_bytes),
        cmocka_unit_test(descriptor_decode_skips_a_byte_order_mark_and_white_space),
        cmocka_unit_test(descriptor_decode_survives_deep_nesting_and_many_members),
        cmocka_unit_test(descriptor_decode_takes_64_names_and_values),
        cmocka_unit_test(descriptor_decode_refuses_every_text_that_was_cut),
        cmocka_unit_test(descriptor_encode_writes_one_line_of_json),
        cmocka_unit_test(descriptor_decode_reads_what_encode_wrote),
        cmocka_unit_test(descriptor_encode_refuses_what_decode_would_refuse),
        cmocka_unit_test(descriptor_encode_says_when_the_room_is_too_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
