/* The messages of Updraft's own check-in, from the device's side. */
#include "format/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SHA256 "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define OFFER                                                                                      \
    "\"offer\":{\"version\":\"1.1.0\",\"url\":\"http://srv/d/image/1\",\"size\":9000,"             \
    "\"sha256\":\"" SHA256 "\",\"layout\":\"8m\"}"

/* Decodes from memory of exactly that length; fails the test when a refusal changes *out. */
static enum updraft_error decode(const char *json, struct updraft_check_answer *out)
{
    struct updraft_check_answer before;
    size_t len = strlen(json);
    char *exact = malloc(len > 0 ? len : 1);
    enum updraft_error error;

    assert_non_null(exact);
    memcpy(exact, json, len);
    memset(out, 0xA5, sizeof *out);
    before = *out;
    error = updraft_check_answer_decode(exact, len, out);
    if (error != UPDRAFT_OK)
        assert_memory_equal(out, &before, sizeof before);
    free(exact);
    return error;
}

static void an_answer_with_an_offer_is_read_in_full(void **state)
{
    struct updraft_check_answer answer;

    (void)state;
    assert_int_equal(decode("{\"ok\":true,\"poll_s\":300,\"wait_s\":7,\"reason\":\"it is to run "
                            "1.1.0\",\"new\":[1,{\"offer\":2}]," OFFER "}",
                            &answer),
                     UPDRAFT_OK);
    assert_int_equal(answer.poll_s, 300);
    assert_int_equal(answer.wait_s, 7);
    assert_string_equal(answer.reason, "it is to run 1.1.0");
    assert_true(answer.has_offer);
    assert_string_equal(answer.offer.version, "1.1.0");
    assert_string_equal(answer.offer.url, "http://srv/d/image/1");
    assert_string_equal(answer.offer.layout, "8m");
    assert_int_equal(answer.offer.size, 9000);
    assert_int_equal(answer.offer.sha256[1], 0x11);
    assert_int_equal(answer.offer.sha256[31], 0xFF);
}

static void an_answer_needs_no_more_than_to_be_one(void **state)
{
    struct updraft_check_answer answer;

    (void)state;
    assert_int_equal(decode("{\"ok\":true}", &answer), UPDRAFT_OK);
    assert_false(answer.has_offer);
    assert_int_equal(answer.poll_s, 0);
    assert_string_equal(answer.reason, "");
    assert_int_equal(decode("{\"ok\":true,\"offer\":null,\"poll_s\":null}", &answer), UPDRAFT_OK);
    assert_false(answer.has_offer);
}

static void a_reason_that_cannot_be_shown_harms_nothing(void **state)
{
    struct updraft_check_answer answer;
    char json[600];
    char longer[301];

    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    snprintf(json, sizeof json, "{\"ok\":true,\"reason\":\"%s\"}", longer);
    assert_int_equal(decode(json, &answer), UPDRAFT_OK);
    assert_int_equal(strlen(answer.reason), UPDRAFT_CHECK_REASON_CAP - 1);
    assert_int_equal(decode("{\"ok\":true,\"reason\":\"a\\u0000b\"}", &answer), UPDRAFT_OK);
    assert_string_equal(answer.reason, "");
    assert_int_equal(decode("{\"ok\":true,\"reason\":7}", &answer), UPDRAFT_OK);
    assert_string_equal(answer.reason, "");
}

static void what_is_no_answer_is_refused(void **state)
{
    static const struct {
        const char *json;
        enum updraft_error error;
    } rows[] = {
        {"", UPDRAFT_E_JSON},
        {"<html>please sign in</html>", UPDRAFT_E_JSON},
        {"{\"ok\":true", UPDRAFT_E_JSON},
        {"[]", UPDRAFT_E_ANSWER},
        {"true", UPDRAFT_E_JSON},
        {"{}", UPDRAFT_E_ANSWER},
        {"{\"ok\":false}", UPDRAFT_E_ANSWER},
        {"{\"ok\":\"true\"}", UPDRAFT_E_ANSWER},
        {"{\"ok\":true,\"poll_s\":-1}", UPDRAFT_E_ANSWER},
        {"{\"ok\":true,\"poll_s\":1.5}", UPDRAFT_E_ANSWER},
        {"{\"ok\":true,\"poll_s\":4294967296}", UPDRAFT_E_ANSWER},
        {"{\"ok\":true,\"wait_s\":\"7\"}", UPDRAFT_E_ANSWER},
        {"{\"ok\":true,\"offer\":true}", UPDRAFT_E_ANSWER},
        {"{\"ok\":true,\"offer\":{}}", UPDRAFT_E_ANSWER},
        {"{\"ok\":true,\"offer\":[" OFFER "]}", UPDRAFT_E_JSON},
        {"{\"ok\":true,\"offer\":{\"version\":\"1\",\"url\":\"\",\"size\":1,\"sha256\":\"" SHA256
         "\"}}",
         UPDRAFT_E_ANSWER},
        {"{\"ok\":true,\"offer\":{\"version\":\"1\",\"url\":\"u\",\"size\":1,\"sha256\":\"00\"}}",
         UPDRAFT_E_ANSWER},
        {"{\"ok\":true,\"offer\":{\"version\":\"1\",\"url\":\"u\",\"sha256\":\"" SHA256 "\"}}",
         UPDRAFT_E_ANSWER},
        {"{\"ok\":true,\"offer\":{\"version\":\"a\\nb\",\"url\":\"u\",\"size\":1,\"sha256\":"
         "\"" SHA256 "\"}}",
         UPDRAFT_E_ANSWER},
        {"{\"ok\":true,\"offer\":{\"version\":\"01234567890123456789012345678901\",\"url\":\"u\","
         "\"size\":1,\"sha256\":\"" SHA256 "\"}}",
         UPDRAFT_E_TOO_LONG},
    };
    struct updraft_check_answer answer;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (decode(rows[i].json, &answer) != rows[i].error)
            fail_msg("row %zu: %s", i, rows[i].json);
    }
}

static void an_answer_that_was_cut_short_is_never_taken(void **state)
{
    static const char json[] = "{\"ok\":true," OFFER "}";
    struct updraft_check_answer answer;
    char cut[sizeof json];

    (void)state;
    for (size_t len = 0; len + 1 < sizeof json; len++) {
        memcpy(cut, json, len);
        cut[len] = '\0';
        assert_int_equal(decode(cut, &answer), UPDRAFT_E_JSON);
    }
    assert_int_equal(decode(json, &answer), UPDRAFT_OK);
}

static void a_question_says_what_there_is_to_say(void **state)
{
    struct updraft_check_end end = {.target = "1.1.0"};
    struct updraft_failure later;
    struct updraft_check_ask ask = {
        .device = "24:6F:28:00:00:01", .product = "demo", .version = "1.0.0", .name = "Gar\"age"};
    char json[UPDRAFT_CHECK_LEN_CAP];
    size_t len;

    (void)state;
    assert_int_equal(updraft_check_ask_encode(&ask, json, sizeof json, &len), UPDRAFT_OK);
    assert_string_equal(json, "{\"device\":\"24:6F:28:00:00:01\",\"product\":\"demo\",\"name\":"
                              "\"Gar\\\"age\",\"version\":\"1.0.0\",\"state\":\"confirmed\"}");
    assert_int_equal(len, strlen(json));
    updraft_failure_set(&end.failure, UPDRAFT_E_TOO_LARGE, 9, 8, NULL);
    updraft_failure_set(&later, UPDRAFT_E_BUTTON, 0, 0, NULL);
    ask.end = &end;
    ask.postponed = &later;
    ask.trial = true;
    ask.capacity = 65536;
    assert_int_equal(updraft_check_ask_encode(&ask, json, sizeof json, &len), UPDRAFT_OK);
    assert_non_null(strstr(json, ",\"state\":\"trial\",\"capacity\":65536,\"reports\":[{\"state\":"
                                 "\"failed\",\"target\":\"1.1.0\",\"error\":{\"code\":54,\"name\":"
                                 "\"too_large\",\"text\":\"the image has 9 bytes, "));
    assert_non_null(strstr(json, "}}],\"postponed\":{\"code\":116,\"name\":\"press_button\","));
    end.rolled_back = true;
    assert_int_equal(updraft_check_ask_encode(&ask, json, sizeof json, &len), UPDRAFT_OK);
    assert_non_null(strstr(json, "[{\"state\":\"rolled_back\","));
}

static void a_question_that_does_not_fit_is_not_asked(void **state)
{
    const struct updraft_check_ask ask = {.device = "d", .product = "p", .version = "1"};
    char json[UPDRAFT_CHECK_LEN_CAP];
    size_t need, len = 99;

    (void)state;
    assert_int_equal(updraft_check_ask_encode(&ask, json, sizeof json, &need), UPDRAFT_OK);
    for (size_t cap = 0; cap <= need; cap++)
        assert_int_equal(updraft_check_ask_encode(&ask, json, cap, &len), UPDRAFT_E_NO_SPACE);
    assert_int_equal(len, 99);
    assert_int_equal(updraft_check_ask_encode(&ask, json, need + 1, &len), UPDRAFT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_with_an_offer_is_read_in_full),
        cmocka_unit_test(an_answer_needs_no_more_than_to_be_one),
        cmocka_unit_test(a_reason_that_cannot_be_shown_harms_nothing),
        cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(an_answer_that_was_cut_short_is_never_taken),
        cmocka_unit_test(a_question_says_what_there_is_to_say),
        cmocka_unit_test(a_question_that_does_not_fit_is_not_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
