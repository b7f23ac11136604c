/* Where a server may send a device, and what it may learn there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ports/posix/redirect.h"
#include "ports/posix/tls.h"

#include <string.h>

static void redirect_resolves_what_a_location_means(void **state)
{
    static const struct {
        const char *from;
        const char *location;
        const char *to; /* NULL: it means nothing */
    } cases[] = {
        {"http://a/d/x?y", "/z", "http://a/z"},
        {"http://a/d/x?y", "z", "http://a/d/z"},
        {"https://u:p@a:8443/d", "/z#part", "https://u:p@a:8443/z"},
        {"https://u:p@a/d", "https://b/z", "https://b/z"},
        {"https://u:p@a/d", "//b/z", "https://b/z"},
        {"http://a/", "http://b/with space", "http://b/with%20space"},
        {"http://a/", "http://[", NULL},
        {"http://a/", "nosuch://b/", NULL},
    };
    char to[UPDRAFT_REDIRECT_URL_CAP];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool good = updraft_redirect_resolve(cases[i].from, cases[i].location, to);

        assert_int_equal(good, cases[i].to != NULL);
        if (good)
            assert_string_equal(to, cases[i].to);
    }
}

static void redirect_takes_an_address_as_long_as_its_buffer_and_none_longer(void **state)
{
    char location[UPDRAFT_REDIRECT_URL_CAP + 1];
    char to[UPDRAFT_REDIRECT_URL_CAP];

    (void)state;
    memset(location, 'a', sizeof location);
    memcpy(location, "http://b/", 9);
    location[UPDRAFT_REDIRECT_URL_CAP] = '\0';
    assert_false(updraft_redirect_resolve("http://a/", location, to));
    location[UPDRAFT_REDIRECT_URL_CAP - 1] = '\0';
    assert_true(updraft_redirect_resolve("http://a/", location, to));
    assert_string_equal(to, location);
}

static void redirect_is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        unsigned followed;
        const char *refusal;
    } cases[] = {
        {"http://a/", "http://b/", 0, NULL},
        {"http://a/", "https://b/", 4, NULL},
        {"https://a/", "https://b/", 4, NULL},
        {"https://a/", "http://a/", 0, "from https to http"},
        {"HTTPS://a/", "HTTP://a/", 0, "from https to http"},
        {"https://a/", "http://a:443/", 5, "from https to http"},
        {"http://a/", "ftp://a/", 0, "to what is no http or https address"},
        {"http://a/", "file:///etc/passwd", 0, "to what is no http or https address"},
        {"http://a/", "http://b/", 5, "more than 5 times in a row"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *refusal =
            updraft_redirect_refusal(cases[i].from, cases[i].to, cases[i].followed);

        assert_int_equal(refusal == NULL, cases[i].refusal == NULL);
        if (refusal)
            assert_string_equal(refusal, cases[i].refusal);
    }
}

static void redirect_knows_its_home(void **state)
{
    static const struct {
        const char *home;
        const char *url;
        bool is_home;
    } cases[] = {
        {"http://a/x", "http://a/y?z", true},      {"http://a/x", "http://A:80/y", true},
        {"http://a/x", "https://a/y", true},       {"http://a:8080/x", "http://a:8080/y", true},
        {"https://u:p@a/x", "https://a/y", true},  {"http://a:8080/x", "http://a:8081/y", false},
        {"http://a:8080/x", "https://a/y", false}, {"http://a/x", "https://a:8443/y", false},
        {"https://a/x", "http://a/y", false},      {"http://a/x", "http://b/y", false},
        {"http://a/x", "http://a.b/y", false},     {"http://a/x", "http://a@b/y", false},
        {"http://a/x", "no address", false},       {"no address", "no address", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(updraft_redirect_is_home(cases[i].home, cases[i].url), cases[i].is_home);
}

static void redirect_leaves_nothing_that_names_the_device(void **state)
{
    char out[256];

    (void)state;
    updraft_redirect_strip("User-Agent: ESP32-http-Update\nConnection: close\n"
                           "x-ESP32-STA-MAC: 02:00:00:00:00:01\nAuthorization: Basic eDp5\n"
                           "Cookie: a=b\nRange: bytes=4096-\nif-range: \"e\"\nX-Anything: new\n"
                           "Cache-Control: no-cache\nx-updraft-device: 02:00:00:00:00:01\n",
                           out);
    assert_string_equal(out, "User-Agent: ESP32-http-Update\nConnection: close\n"
                             "Range: bytes=4096-\nif-range: \"e\"\nCache-Control: no-cache\n");
    updraft_redirect_strip("x-a: b\nRange: bytes=1-", out);
    assert_string_equal(out, "Range: bytes=1-");
    updraft_redirect_strip("", out);
    assert_string_equal(out, "");
}

/* SHA-256 of nothing, and of "abc", in both writings. */
static void tls_writes_pins_as_libcurl_reads_them(void **state)
{
    static const char nothing[] =
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    static const char abc[] = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
    struct updraft_tls tls = {.pins = ""};

    (void)state;
    assert_true(updraft_tls_add_pin(&tls, nothing));
    assert_string_equal(tls.pins, "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    assert_true(updraft_tls_add_pin(&tls, abc));
    assert_string_equal(tls.pins, "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;"
                                  "sha256//ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    assert_true(updraft_tls_add_pin(&tls, abc));
    char full[UPDRAFT_TLS_PINS_CAP];
    memcpy(full, tls.pins, sizeof full);
    assert_false(updraft_tls_add_pin(&tls, nothing)); /* one too many */
    assert_string_equal(tls.pins, full);
    tls.pins[0] = '\0';
    assert_false(updraft_tls_add_pin(&tls, nothing + 1));
    assert_false(updraft_tls_add_pin(&tls, ""));
    assert_false(updraft_tls_add_pin(
        &tls, "g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    assert_string_equal(tls.pins, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redirect_resolves_what_a_location_means),
        cmocka_unit_test(redirect_takes_an_address_as_long_as_its_buffer_and_none_longer),
        cmocka_unit_test(redirect_is_refused_with_its_reason),
        cmocka_unit_test(redirect_knows_its_home),
        cmocka_unit_test(redirect_leaves_nothing_that_names_the_device),
        cmocka_unit_test(tls_writes_pins_as_libcurl_reads_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
