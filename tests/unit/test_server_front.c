/* The proxy in front: believed, and nobody else. */
#include "server/http/front.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct asked {
    struct updraft_http_fields fields;
    struct updraft_request request;
};

static bool hear(const struct updraft_front *front, struct asked *asked, const char *peer,
                 const char *real, const char *certified)
{
    memset(asked, 0, sizeof *asked);
    if (real != NULL)
        asked->fields.headers[asked->fields.header_count++] =
            (struct updraft_field){"x-real-ip", real};
    if (certified != NULL)
        asked->fields.headers[asked->fields.header_count++] =
            (struct updraft_field){"x-updraft-device-certified", certified};
    asked->request.headers = asked->fields.headers;
    asked->request.header_count = asked->fields.header_count;
    asked->request.address = peer;
    return updraft_front_hear(front, &asked->fields, &asked->request);
}

static void only_an_address_is_a_front_and_only_a_front_sends_files(void **state)
{
    static const char *const good[][2] = {
        {"", ""}, {"127.0.0.1", ""}, {"::1", "/images"}, {"2001:DB8::1", "/a/b_c-d.e"}};
    static const char *const bad[][2] = {{"localhost", ""},
                                         {"127.0.0.1:80", ""},
                                         {"127.0.0.0/8", ""},
                                         {"", "/images"},
                                         {"::1", "images"},
                                         {"::1", "/"},
                                         {"::1", "/images/"},
                                         {"::1", "/a b"},
                                         {"::1", "/2345678901234567890123456789012345678"},
                                         {"::1", "/a\r\nb: c"},
                                         {"[::1]", ""}};
    struct updraft_front front;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(updraft_front_init(&front, good[i][0], good[i][1]));
    assert_string_equal(front.address, "2001:db8::1");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(updraft_front_init(&front, bad[i][0], bad[i][1]));
}

static void the_front_says_who_asks_and_whose_certificate_it_was(void **state)
{
    struct updraft_front front;
    struct asked asked;

    (void)state;
    assert_true(updraft_front_init(&front, "127.0.0.1", ""));
    assert_true(hear(&front, &asked, "127.0.0.1", "2001:DB8::7", "24-6f-28-00-00-01"));
    assert_string_equal(asked.request.address, "2001:db8::7");
    assert_string_equal(asked.request.certified, "24:6F:28:00:00:01");
    assert_true(asked.request.by_front);
    assert_true(updraft_front_admits(&asked.request, "24:6F:28:00:00:01"));
    assert_false(updraft_front_admits(&asked.request, "24:6F:28:00:00:02"));
    assert_true(hear(&front, &asked, "127.0.0.1", "192.0.2.7", ""));
    assert_null(asked.request.certified);
    assert_true(updraft_front_admits(&asked.request, "24:6F:28:00:00:02"));
}

static void nobody_else_can_say_it(void **state)
{
    static const char *const fronts[] = {"127.0.0.1", ""};
    struct updraft_front front;
    struct asked asked;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_true(updraft_front_init(&front, fronts[i], ""));
        assert_true(hear(&front, &asked, "192.0.2.1", "10.0.0.1", "24:6F:28:00:00:01"));
        assert_string_equal(asked.request.address, "192.0.2.1");
        assert_null(asked.request.certified);
        assert_false(asked.request.by_front);
    }
    /* An address that is not known is not the front that is not there. */
    assert_true(updraft_front_init(&front, "", ""));
    assert_true(hear(&front, &asked, "", "10.0.0.1", NULL));
    assert_false(asked.request.by_front);
}

static void what_cannot_be_is_not_answered(void **state)
{
    struct updraft_front front;
    struct asked asked;

    (void)state;
    assert_true(updraft_front_init(&front, "127.0.0.1", ""));
    assert_false(hear(&front, &asked, "127.0.0.1", "someone", NULL));
    assert_false(hear(&front, &asked, "127.0.0.1", "", NULL));
    assert_false(hear(&front, &asked, "127.0.0.1", "192.0.2.7", "no device"));
    assert_false(hear(&front, &asked, "127.0.0.1", "192.0.2.7",
                      "a-name-that-is-far-too-long-for-any-device-that-there-is"));
}

static void a_file_is_left_to_the_front_with_its_place_and_without_bytes(void **state)
{
    struct updraft_front front;
    struct updraft_response response;
    struct asked asked;

    (void)state;
    assert_true(updraft_front_init(&front, "127.0.0.1", "/images"));
    updraft_response_init(&response);
    response.status = 206;
    response.has_file = true;
    memset(response.file_sha256, 0xab, sizeof response.file_sha256);
    assert_true(hear(&front, &asked, "192.0.2.1", NULL, NULL));
    assert_false(updraft_front_send(&front, &asked.request, &response));
    assert_true(response.has_file);
    assert_true(hear(&front, &asked, "127.0.0.1", "192.0.2.7", NULL));
    assert_true(updraft_front_send(&front, &asked.request, &response));
    assert_false(response.has_file);
    assert_int_equal(response.status, 200);
    assert_int_equal(response.header_count, 1);
    assert_string_equal(response.headers[0].name, "X-Accel-Redirect");
    assert_string_equal(
        response.headers[0].value,
        "/images/ab/ababababababababababababababababababababababababababababababab");
    updraft_response_deinit(&response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_an_address_is_a_front_and_only_a_front_sends_files),
        cmocka_unit_test(the_front_says_who_asks_and_whose_certificate_it_was),
        cmocka_unit_test(nobody_else_can_say_it),
        cmocka_unit_test(what_cannot_be_is_not_answered),
        cmocka_unit_test(a_file_is_left_to_the_front_with_its_place_and_without_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
