/* Passwords, hosts and origins of requests over HTTP, and what an ElegantOTA 3 client starts with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/push/web_auth.h"
#include "device/push/web_origin.h"
#include "device/push/web_start.h"
#include "tests/unit/digest_client.h"

#define ADMIN    "Basic YWRtaW46Ym1zMjAyNA==" /* admin:bms2024 */
#define PASSWORD "bms2024"

static const uint8_t secret[UPDRAFT_WEB_SECRET_LEN] = "not so secret";

static enum updraft_web_verdict check(struct updraft_web_auth *auth, const char *authorization,
                                      uint64_t now_ms)
{
    return updraft_web_auth_check(auth, &(struct updraft_web_credentials){
                                            .authorization = authorization,
                                            .method = "POST",
                                            .target = "/update",
                                            .password = PASSWORD,
                                            .now_ms = now_ms,
                                        });
}

static enum updraft_web_verdict answer(struct updraft_web_auth *auth, const char *nonce,
                                       unsigned count, uint64_t now_ms)
{
    char authorization[512];

    digest_client_answer(
        &(struct digest_client){
            .nonce = nonce, .password = PASSWORD, .target = "/update", .count = count},
        authorization, sizeof authorization);
    return check(auth, authorization, now_ms);
}

static void web_auth_reads_basic_credentials(void **state)
{
    static const char *const wrong[] = {
        "",
        "Basic",
        "Bearer YWRtaW46Ym1zMjAyNA==",
        "Basic Ym1zMjAyNA==",         /* no colon */
        "Basic YWRtaW46Ym1zMjAyNQ==", /* bms2025 */
        "Basic YWRtaW46Ym1zMjAy",     /* bms202 */
        "Basic YWRtaW46Ym1zMjAyNDQ=", /* bms20244 */
        "Basic YWRt*W46Ym1zMjAyNA==",
    };
    struct updraft_web_auth auth;
    char long_text[600] = "Basic ";

    (void)state;
    updraft_web_auth_init(&auth, secret);
    assert_int_equal(check(&auth, ADMIN, 0), UPDRAFT_WEB_RIGHT);
    assert_int_equal(check(&auth, "bAsIc  YWRtaW46Ym1zMjAyNA", 0), UPDRAFT_WEB_RIGHT);
    assert_int_equal(check(&auth, "Basic OmJtczIwMjQ=", 0), UPDRAFT_WEB_RIGHT); /* :bms2024 */
    assert_int_equal(check(&auth, NULL, 0), UPDRAFT_WEB_ABSENT);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(check(&auth, wrong[i], 0), UPDRAFT_WEB_WRONG);
    memset(long_text + 6, 'A', 500);
    assert_int_equal(check(&auth, long_text, 0), UPDRAFT_WEB_WRONG);
}

/* RFC 7616, section 3.9.1. */
static void web_digest_agrees_with_the_rfc(void **state)
{
    static const char form[] =
        "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", "
        "algorithm=%s, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, "
        "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"%s\", "
        "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
    static const char *const answers[][2] = {
        {"MD5", "8ca523f5e9506fed4657c9700eebdbec"},
        {"SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
    };
    char authorization[600];
    struct updraft_web_digest_question question = {
        .authorization = authorization,
        .method = "GET",
        .target = "/dir/index.html",
        .realm = "http-auth@example.org",
        .password = "Circle of Life",
    };
    struct updraft_web_digest_answer got;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        snprintf(authorization, sizeof authorization, form, answers[i][0], answers[i][1]);
        assert_true(updraft_web_digest_is_right(&question, &got));
        assert_int_equal(got.count, 1);
        assert_string_equal(got.nonce, "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v");
        question.method = "POST";
        assert_false(updraft_web_digest_is_right(&question, &got));
        question.method = "GET";
        question.target = "/dir/index.html?x";
        assert_false(updraft_web_digest_is_right(&question, &got));
        question.target = "/dir/index.html";
        question.password = "Circle of life";
        assert_false(updraft_web_digest_is_right(&question, &got));
        question.password = "Circle of Life";
    }
}

static void change(char *text, const char *from, const char *to)
{
    char rest[512], *at = strstr(text, from);

    assert_non_null(at);
    snprintf(rest, sizeof rest, "%s", at + strlen(from));
    sprintf(at, "%s%s", to, rest);
}

static void web_digest_refuses_what_it_cannot_prove(void **state)
{
    static const char *const changes[][2] = {
        {"qop=auth", "qop=auth-int"},
        {", qop=auth", ""},
        {"algorithm=SHA-256", "algorithm=SHA-256-sess"},
        {"algorithm=SHA-256", "algorithm=MD5"},
        {"nc=00000001", "nc=1"},
        {"nc=00000001", "nc=00000002"},
        {"nc=00000001", "nc=0000000g"},
        {"uri=\"/update\"", "uri=\"/status\""},
        {"realm=\"Login Required\"", "realm=\"other\""},
        {"username=\"admin\"", "username=\"root\""},
        {"username=\"admin\"", "username*=UTF-8''admin"},
        {"username=\"admin\"", "username=\"admin\", userhash=true"},
        {"username=\"admin\"", "username=\"admin\", username=\"admin\""},
        {"cnonce=\"c0ffee\"", "cnonce=\"c0ffee"},
        {"cnonce=\"c0ffee\"", "cnonce"},
        {"cnonce=\"c0ffee\"", "cnonce=\"c0ffee\" x"},
        {", nc", " nc"},
    };
    struct updraft_web_auth auth;
    char nonce[UPDRAFT_WEB_NONCE_LEN + 1], authorization[600];
    struct digest_client client = {
        .nonce = nonce, .password = PASSWORD, .target = "/update", .count = 1};

    (void)state;
    updraft_web_auth_init(&auth, secret);
    updraft_web_auth_issue(&auth, 0, nonce);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        digest_client_answer(&client, authorization, sizeof authorization);
        change(authorization, changes[i][0], changes[i][1]);
        assert_int_equal(check(&auth, authorization, 0), UPDRAFT_WEB_WRONG);
    }
    digest_client_answer(&client, authorization, sizeof authorization);
    for (size_t len = strlen("Digest "); len < strlen(authorization) - 1; len++) {
        char cut[600];

        snprintf(cut, len + 1, "%s", authorization);
        assert_int_equal(check(&auth, cut, 0), UPDRAFT_WEB_WRONG);
    }
    /* None of that used the nonce up; and what may stand otherwise does no harm. */
    change(authorization, "username=\"admin\"", ",, username = \"ad\\min\" ,userhash=false, a=b");
    change(authorization, "qop=auth", "QOP=\"auth\"");
    assert_int_equal(check(&auth, authorization, 0), UPDRAFT_WEB_RIGHT);
}

static void web_auth_takes_each_count_of_a_nonce_once(void **state)
{
    struct updraft_web_auth auth;
    char nonce[UPDRAFT_WEB_NONCE_LEN + 1];

    (void)state;
    updraft_web_auth_init(&auth, secret);
    updraft_web_auth_issue(&auth, 0, nonce);
    assert_int_equal(answer(&auth, nonce, 0, 0), UPDRAFT_WEB_STALE);
    assert_int_equal(answer(&auth, nonce, 1, 0), UPDRAFT_WEB_RIGHT);
    assert_int_equal(answer(&auth, nonce, 1, 0), UPDRAFT_WEB_STALE);
    assert_int_equal(answer(&auth, nonce, 2, 0), UPDRAFT_WEB_RIGHT);
    assert_int_equal(answer(&auth, nonce, 9, 0), UPDRAFT_WEB_RIGHT);
    assert_int_equal(answer(&auth, nonce, 3, 0), UPDRAFT_WEB_STALE);
    assert_int_equal(answer(&auth, nonce, 0xFFFFFFFF, 0), UPDRAFT_WEB_RIGHT);
    assert_int_equal(answer(&auth, nonce, 0, 0), UPDRAFT_WEB_STALE);
}

static void web_auth_lets_a_nonce_grow_old(void **state)
{
    const uint64_t start_ms = 5000, life_ms = UPDRAFT_WEB_NONCE_LIFE_S * 1000;
    struct updraft_web_auth auth;
    char nonce[UPDRAFT_WEB_NONCE_LEN + 1];

    (void)state;
    updraft_web_auth_init(&auth, secret);
    updraft_web_auth_issue(&auth, start_ms, nonce);
    assert_int_equal(answer(&auth, nonce, 1, start_ms + life_ms), UPDRAFT_WEB_RIGHT);
    assert_int_equal(answer(&auth, nonce, 2, start_ms + life_ms + 1000), UPDRAFT_WEB_STALE);
    /* Seconds are counted in 32 bits: the difference is right also where they wrap. */
    updraft_web_auth_issue(&auth, 0xFFFFFFFFull * 1000, nonce);
    assert_int_equal(answer(&auth, nonce, 1, 0x100000001ull * 1000), UPDRAFT_WEB_RIGHT);
}

static void web_auth_takes_no_nonce_that_it_did_not_make(void **state)
{
    static const uint8_t other_secret[UPDRAFT_WEB_SECRET_LEN] = "another life";
    struct updraft_web_auth auth, earlier;
    char nonce[UPDRAFT_WEB_NONCE_LEN + 1];

    (void)state;
    updraft_web_auth_init(&auth, secret);
    updraft_web_auth_init(&earlier, other_secret);
    updraft_web_auth_issue(&earlier, 0, nonce);
    assert_int_equal(answer(&auth, nonce, 1, 0), UPDRAFT_WEB_STALE);
    updraft_web_auth_issue(&auth, 0, nonce);
    for (size_t i = 0; i < UPDRAFT_WEB_NONCE_LEN; i++) {
        char kept = nonce[i];

        nonce[i] = kept == '0' ? '1' : '0';
        assert_int_equal(answer(&auth, nonce, 1, 0), UPDRAFT_WEB_STALE);
        nonce[i] = kept;
    }
    assert_int_equal(answer(&auth, "", 1, 0), UPDRAFT_WEB_STALE);
    assert_int_equal(answer(&auth, nonce, 1, 0), UPDRAFT_WEB_RIGHT);
}

static void web_auth_never_takes_a_nonce_again_that_had_to_give_way(void **state)
{
    struct updraft_web_auth auth;
    char nonces[2 * UPDRAFT_WEB_NONCE_CAP][UPDRAFT_WEB_NONCE_LEN + 1];

    (void)state;
    updraft_web_auth_init(&auth, secret);
    for (size_t i = 0; i < 2 * UPDRAFT_WEB_NONCE_CAP; i++)
        updraft_web_auth_issue(&auth, 0, nonces[i]);
    for (size_t i = 0; i < 2 * UPDRAFT_WEB_NONCE_CAP; i++)
        assert_int_equal(answer(&auth, nonces[i], 1, 0), UPDRAFT_WEB_RIGHT);
    for (size_t i = 0; i < 2 * UPDRAFT_WEB_NONCE_CAP; i++) {
        bool is_kept = i >= UPDRAFT_WEB_NONCE_CAP;

        assert_int_equal(answer(&auth, nonces[i], 1, 0), UPDRAFT_WEB_STALE);
        assert_int_equal(answer(&auth, nonces[i], 2, 0),
                         is_kept ? UPDRAFT_WEB_RIGHT : UPDRAFT_WEB_STALE);
    }
}

static void web_auth_makes_another_nonce_each_time_without_memory(void **state)
{
    struct updraft_web_auth auth, before;
    char first[UPDRAFT_WEB_NONCE_LEN + 1], second[UPDRAFT_WEB_NONCE_LEN + 1];

    (void)state;
    updraft_web_auth_init(&auth, secret);
    before = auth;
    updraft_web_auth_issue(&auth, 0, first);
    for (int i = 0; i < 1000; i++)
        updraft_web_auth_issue(&auth, 0, second);
    assert_int_equal(strlen(first), UPDRAFT_WEB_NONCE_LEN);
    assert_string_not_equal(first, second);
    assert_memory_equal(auth.used, before.used, sizeof auth.used);
    assert_int_equal(answer(&auth, first, 1, 0), UPDRAFT_WEB_RIGHT);
}

static void web_origin_knows_pages_of_other_hosts(void **state)
{
    (void)state;
    assert_false(updraft_web_is_foreign(NULL, "192.168.1.50"));
    assert_false(updraft_web_is_foreign(NULL, NULL));
    assert_false(updraft_web_is_foreign("http://192.168.1.50", "192.168.1.50"));
    assert_false(updraft_web_is_foreign("https://Garage.local:8080", "garage.local:8080"));
    assert_true(updraft_web_is_foreign("http://192.168.1.50", NULL));
    assert_true(updraft_web_is_foreign("http://192.168.1.50:81", "192.168.1.50"));
    assert_true(updraft_web_is_foreign("http://192.168.1.5", "192.168.1.50"));
    assert_true(updraft_web_is_foreign("http://192.168.1.50/", "192.168.1.50"));
    assert_true(updraft_web_is_foreign("http://evil.example", "192.168.1.50"));
    assert_true(updraft_web_is_foreign("null", "192.168.1.50"));
    assert_true(updraft_web_is_foreign("", "192.168.1.50"));
    assert_true(updraft_web_is_foreign("file://192.168.1.50", "192.168.1.50"));
    assert_false(updraft_web_refers_elsewhere(NULL, "192.168.1.50"));
    assert_false(updraft_web_refers_elsewhere("http://192.168.1.50/update?a", "192.168.1.50"));
    assert_false(updraft_web_refers_elsewhere("http://192.168.1.50", "192.168.1.50"));
    assert_true(updraft_web_refers_elsewhere("http://evil.example/192.168.1.50", "192.168.1.50"));
    assert_true(updraft_web_refers_elsewhere("http://192.168.1.50.evil.example/", "192.168.1.50"));
    assert_true(updraft_web_refers_elsewhere("about:client", "192.168.1.50"));
}

static void web_origin_knows_by_which_names_it_may_be_called(void **state)
{
    static const char *const own[] = {
        "192.168.1.50", "192.168.1.50:8080", "[fe80::1]",     "[2001:db8::1]:80",
        "localhost",    "LocalHost:81",      "garage",        "Garage:8080",
        "garage.local", "other.LOCAL:80",    "garage.local.",
    };
    static const char *const foreign[] = {
        "",
        "evil.example",
        "garage.evil.example",
        "192.168.1.50.evil.example",
        "local",
        ".local",
        "localhost.evil.com",
        "evil.example:80",
        "garagelocal",
        "garage2",
        "[evil.example]",
        "[::1",
        "[::1]evil",
        "[]",
        ":80",
        "evil.example/.local?",
    };

    (void)state;
    assert_true(updraft_web_is_own_host(NULL, "garage"));
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        assert_true(updraft_web_is_own_host(own[i], "garage"));
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        assert_false(updraft_web_is_own_host(foreign[i], "garage"));
    assert_false(updraft_web_is_own_host("garage", NULL));
}

#define MD5_TEXT "0123456789abcdef0123456789abcdef"

static void web_start_keeps_what_one_client_said_for_a_minute(void **state)
{
    static const uint8_t md5[UPDRAFT_MD5_LEN] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                                 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    static const uint8_t other[UPDRAFT_MD5_LEN] = {0};
    struct updraft_web_start start = {0};
    const char *query = "mode=fs&hash=" MD5_TEXT;

    (void)state;
    assert_false(updraft_web_start_take(&start, "", NULL, 0));
    assert_int_equal(updraft_web_start_note(&start, "10.0.0.2", query, 1000), UPDRAFT_OK);
    assert_true(start.data_partition);
    assert_memory_equal(start.md5, md5, sizeof md5);
    assert_false(updraft_web_start_take(&start, "10.0.0.3", NULL, 1000));
    assert_false(updraft_web_start_take(&start, "10.0.0.2", other, 1000));
    assert_false(updraft_web_start_take(&start, "10.0.0.2", NULL, 1001 + UPDRAFT_WEB_START_MS));
    assert_true(updraft_web_start_take(&start, "10.0.0.2", md5, 1000 + UPDRAFT_WEB_START_MS));
    assert_false(updraft_web_start_take(&start, "10.0.0.2", md5, 1000));

    assert_int_equal(updraft_web_start_note(&start, "a", "", 0), UPDRAFT_OK);
    assert_false(start.data_partition || start.has_md5);
    assert_int_equal(updraft_web_start_note(&start, "a", "x&hash=&mode=fr&y=1", 0), UPDRAFT_OK);
    assert_false(start.data_partition || start.has_md5);
    assert_int_equal(updraft_web_start_note(&start, "a", "amode=fs&mode=fsx", 0), UPDRAFT_OK);
    assert_false(start.data_partition);
    assert_int_equal(updraft_web_start_note(&start, "b", "mode=fs&hash=12", 0),
                     UPDRAFT_E_BAD_DIGEST);
    assert_int_equal(updraft_web_start_note(&start, "b", "hash=" MD5_TEXT "0", 0),
                     UPDRAFT_E_BAD_DIGEST);
    assert_true(updraft_web_start_take(&start, "a", NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(web_auth_reads_basic_credentials),
        cmocka_unit_test(web_digest_agrees_with_the_rfc),
        cmocka_unit_test(web_digest_refuses_what_it_cannot_prove),
        cmocka_unit_test(web_auth_takes_each_count_of_a_nonce_once),
        cmocka_unit_test(web_auth_lets_a_nonce_grow_old),
        cmocka_unit_test(web_auth_takes_no_nonce_that_it_did_not_make),
        cmocka_unit_test(web_auth_never_takes_a_nonce_again_that_had_to_give_way),
        cmocka_unit_test(web_auth_makes_another_nonce_each_time_without_memory),
        cmocka_unit_test(web_origin_knows_pages_of_other_hosts),
        cmocka_unit_test(web_origin_knows_by_which_names_it_may_be_called),
        cmocka_unit_test(web_start_keeps_what_one_client_said_for_a_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
