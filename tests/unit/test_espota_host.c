/* espota's host engine without sockets: message bytes and proofs of the protocol's test vectors,
 * and every way a conversation can go. Image T: the bytes 0 to 255, twelve times. */
#include "cli/espota_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define T_LEN      3072u
#define T_MD5      "a52dff8366b1473d2e13edd2415def67"
#define INVITATION "0 45678 3072 " T_MD5 "\n"
#define NONCE_32   "e10adc3949ba59abbe56e057f20f883e"
#define NONCE_64   "8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92"
#define PROOF_32   "200 84a086766f135ce7a82354a61920c6a6 d74b748f342c480b0347e9aae5e098d5\n"
#define CNONCE_64  "9b07c3036e518f09acedb757a7286d6363dc92b4321fb7082574d6eed47dd79f"
#define PROOF_64                                                                                   \
    "200 " CNONCE_64 " 3dc646dd9cb71d52e39f0ed2b213320769d47f9b8ddbf32ca21b77f105e99ad5\n"
#define PROOF_64_LEGACY                                                                            \
    "200 " CNONCE_64 " 90471c06a7e5518d4b63695a4a53485cb97d17b31ee6aa8ff2a68d83caf97312\n"

static uint8_t image[T_LEN];

static void start(struct updraft_espota_host *host, const char *password)
{
    const struct updraft_espota_host_config config = {
        .image = image,
        .image_len = T_LEN,
        .tcp_port = 45678,
        .password = password,
        .name = "firmware.bin",
        .address = "192.168.1.50",
    };

    for (size_t i = 0; i < T_LEN; i++)
        image[i] = (uint8_t)i;
    updraft_espota_host_init(host, &config, 0);
}

static void expect_datagram(struct updraft_espota_host *host, const char *text)
{
    char out[UPDRAFT_ESPOTA_HOST_DATAGRAM_CAP + 1];
    size_t len = updraft_espota_host_take_datagram(host, (uint8_t *)out, sizeof out - 1);

    out[len] = '\0';
    assert_string_equal(out, text);
}

static void say(struct updraft_espota_host *host, const char *text, uint64_t now_ms)
{
    updraft_espota_host_datagram(host, (const uint8_t *)text, strlen(text), now_ms);
}

static void expect_failure(const struct updraft_espota_host *host,
                           enum updraft_espota_host_failure failure, const char *text)
{
    assert_int_equal(host->state, UPDRAFT_ESPOTA_HOST_FAILED);
    assert_int_equal(host->failure, failure);
    if (text)
        assert_string_equal(host->text, text);
}

/* Takes chunks and answers each with `count` until all of the image went out. */
static void stream(struct updraft_espota_host *host, const char *count)
{
    const uint8_t *data;
    uint32_t off = 0;
    size_t len;

    while ((len = updraft_espota_host_take_chunk(host, &data, 100)) > 0) {
        assert_memory_equal(data, image + off, len);
        off += (uint32_t)len;
        if (off < T_LEN)
            updraft_espota_host_feed(host, (const uint8_t *)count, strlen(count), 100);
    }
    assert_int_equal(off, T_LEN);
    assert_int_equal(host->state, UPDRAFT_ESPOTA_HOST_FINISHING);
}

static void accept_and_stream(struct updraft_espota_host *host)
{
    start(host, NULL);
    expect_datagram(host, INVITATION);
    say(host, "OK", 10);
    updraft_espota_host_connected(host, 20);
    stream(host, "1460");
}

static void host_invites_with_the_known_bytes(void **state)
{
    struct updraft_espota_host host;

    (void)state;
    start(&host, NULL);
    expect_datagram(&host, INVITATION);
    expect_datagram(&host, "");
}

static void host_answers_the_md5_challenge_with_the_known_bytes(void **state)
{
    struct updraft_espota_host host;

    (void)state;
    start(&host, "bms2024");
    expect_datagram(&host, INVITATION);
    say(&host, "AUTH " NONCE_32, 5);
    expect_datagram(&host, PROOF_32);
    say(&host, "AUTH " NONCE_32, 6); /* doubled by the network: no second proof */
    expect_datagram(&host, "");
    say(&host, "OK", 7);
    assert_int_equal(host.state, UPDRAFT_ESPOTA_HOST_AWAITING);
}

static void host_tries_both_stored_secrets_of_the_64_digit_scheme(void **state)
{
    struct updraft_espota_host host;

    (void)state;
    start(&host, "bms2024");
    expect_datagram(&host, INVITATION);
    say(&host, "AUTH " NONCE_64, 5);
    expect_datagram(&host, PROOF_64);
    say(&host, "Authentication Failed", 9);
    expect_datagram(&host, INVITATION);
    say(&host, "AUTH " NONCE_64, 12);
    expect_datagram(&host, PROOF_64_LEGACY);
    say(&host, "Authentication Failed", 15);
    expect_failure(&host, UPDRAFT_ESPOTA_HOST_WRONG_PASSWORD, NULL);
}

static void a_file_system_is_announced_as_one(void **state)
{
    const struct updraft_espota_host_config config = {
        .image = image, .image_len = T_LEN, .filesystem = true, .tcp_port = 45678};
    struct updraft_espota_host host;

    (void)state;
    start(&host, NULL); /* fills the image */
    updraft_espota_host_init(&host, &config, 0);
    expect_datagram(&host, "100 45678 3072 " T_MD5 "\n");
}

/* A device that was invited twice says the first half of its nonce: MD5 is not needed for that. */
static void half_of_a_nonce_does_not_weaken_the_proof_of_the_whole(void **state)
{
    struct updraft_espota_host host;

    (void)state;
    start(&host, "bms2024");
    say(&host, "AUTH " NONCE_64, 5);
    expect_datagram(&host, PROOF_64);
    say(&host, "AUTH 8d969eef6ecad3c29a3a629280e686cf", 6);
    expect_datagram(&host, "");
    updraft_espota_host_tick(&host, 3005); /* the first one may be lost */
    expect_datagram(&host, PROOF_64);
}

static void chunks_run_ahead_of_the_counts_but_not_far(void **state)
{
    static uint8_t large[20 * UPDRAFT_ESPOTA_HOST_CHUNK_LEN];
    const struct updraft_espota_host_config config = {.image = large, .image_len = sizeof large};
    struct updraft_espota_host host;
    const uint8_t *data;
    uint32_t sent = 0;

    (void)state;
    updraft_espota_host_init(&host, &config, 0);
    updraft_espota_host_connected(&host, 0);
    for (uint32_t round = 1; round <= 5; round++) {
        size_t len;

        while ((len = updraft_espota_host_take_chunk(&host, &data, 0)) > 0) {
            assert_ptr_equal(data, large + sent);
            sent += (uint32_t)len;
        }
        assert_int_equal(sent, round * UPDRAFT_ESPOTA_HOST_AHEAD_LEN);
        updraft_espota_host_feed(&host, (const uint8_t *)"1", 1, 0);
    }
    assert_int_equal(host.state, UPDRAFT_ESPOTA_HOST_FINISHING);
}

static void a_device_that_cannot_connect_may_say_so(void **state)
{
    struct updraft_espota_host host;

    (void)state;
    start(&host, NULL);
    say(&host, "OK", 5);
    say(&host, "ERR: ERROR[68]: the connection cannot be opened\n", 6);
    expect_failure(&host, UPDRAFT_ESPOTA_HOST_NO_CALL_BACK,
                   "ERR: ERROR[68]: the connection cannot be opened");
}

static void host_without_password_says_that_one_is_wanted(void **state)
{
    struct updraft_espota_host host;

    (void)state;
    start(&host, "");
    say(&host, "AUTH " NONCE_32, 5);
    expect_failure(&host, UPDRAFT_ESPOTA_HOST_NEEDS_PASSWORD, NULL);
}

static void nonces_of_other_lengths_or_digits_are_refused(void **state)
{
    static const char *const odd[] = {"AUTH 1", "AUTH " NONCE_32 "0", "AUTH " NONCE_64 "00",
                                      "AUTH zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", "AUTH"};

    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct updraft_espota_host host;

        start(&host, "bms2024");
        say(&host, odd[i], 5);
        expect_failure(&host, UPDRAFT_ESPOTA_HOST_ODD_ANSWER, NULL);
    }
}

static void invitations_are_repeated_ten_times_a_second_apart(void **state)
{
    struct updraft_espota_host host;
    unsigned sent = 0;
    uint8_t out[UPDRAFT_ESPOTA_HOST_DATAGRAM_CAP];
    uint64_t now_ms = 0;

    (void)state;
    start(&host, NULL);
    for (; host.state != UPDRAFT_ESPOTA_HOST_FAILED; now_ms += 50) {
        updraft_espota_host_tick(&host, now_ms);
        sent += updraft_espota_host_take_datagram(&host, out, sizeof out) > 0;
    }
    expect_failure(&host, UPDRAFT_ESPOTA_HOST_NO_ANSWER, NULL);
    assert_int_equal(sent, 10);
    assert_in_range(now_ms, 10000, 10100);
}

static void a_device_that_never_connects_is_no_call_back(void **state)
{
    struct updraft_espota_host host;

    (void)state;
    start(&host, NULL);
    say(&host, "OK", 100);
    updraft_espota_host_tick(&host, 10099);
    assert_int_equal(host.state, UPDRAFT_ESPOTA_HOST_AWAITING);
    updraft_espota_host_tick(&host, 10100);
    expect_failure(&host, UPDRAFT_ESPOTA_HOST_NO_CALL_BACK, NULL);
}

static void a_connection_counts_even_when_the_ok_was_lost(void **state)
{
    struct updraft_espota_host host;
    const uint8_t *data;

    (void)state;
    start(&host, NULL);
    updraft_espota_host_connected(&host, 5);
    assert_int_equal(updraft_espota_host_take_chunk(&host, &data, 5),
                     UPDRAFT_ESPOTA_HOST_CHUNK_LEN);
}

static void a_refused_invitation_keeps_the_device_s_words(void **state)
{
    struct updraft_espota_host host;

    (void)state;
    start(&host, NULL);
    say(&host, "ERR: ERROR[4]: Not Enough Space\n", 5);
    expect_failure(&host, UPDRAFT_ESPOTA_HOST_REFUSED, "ERR: ERROR[4]: Not Enough Space");
}

/* Everything the device says after the last chunk, whole and cut at every place. */
static void expect_verdict(const char *words, enum updraft_espota_host_failure failure,
                           const char *text)
{
    size_t len = strlen(words);

    for (size_t cut = 0; cut <= len; cut++) {
        struct updraft_espota_host host;

        accept_and_stream(&host);
        updraft_espota_host_feed(&host, (const uint8_t *)words, cut, 200);
        updraft_espota_host_feed(&host, (const uint8_t *)words + cut, len - cut, 300);
        updraft_espota_host_closed(&host);
        if (failure == UPDRAFT_ESPOTA_HOST_NO_FAILURE)
            assert_int_equal(host.state, UPDRAFT_ESPOTA_HOST_DONE);
        else
            expect_failure(&host, failure, text);
    }
}

static void verdicts_are_understood_for_every_split(void **state)
{
    (void)state;
    expect_verdict("152OK", UPDRAFT_ESPOTA_HOST_NO_FAILURE, NULL);
    expect_verdict("OK", UPDRAFT_ESPOTA_HOST_NO_FAILURE, NULL);
    expect_verdict("152152152OK", UPDRAFT_ESPOTA_HOST_NO_FAILURE, NULL);
    expect_verdict("152ERROR[7]: MD5 verification failed\n", UPDRAFT_ESPOTA_HOST_ERROR_TEXT,
                   "ERROR[7]: MD5 verification failed");
    expect_verdict("MD5 Check Failed\r\n", UPDRAFT_ESPOTA_HOST_ERROR_TEXT, "MD5 Check Failed");
    expect_verdict("Other trouble", UPDRAFT_ESPOTA_HOST_ERROR_TEXT, "Other trouble");
    expect_verdict("152", UPDRAFT_ESPOTA_HOST_NO_VERDICT, NULL);
    expect_verdict("", UPDRAFT_ESPOTA_HOST_NO_VERDICT, NULL);
}

static void an_error_text_stops_the_stream(void **state)
{
    struct updraft_espota_host host;
    const uint8_t *data;

    (void)state;
    start(&host, NULL);
    updraft_espota_host_connected(&host, 0);
    assert_true(updraft_espota_host_take_chunk(&host, &data, 0) > 0);
    updraft_espota_host_feed(&host, (const uint8_t *)"ERROR[1]: Flash", 15, 10);
    assert_int_equal(updraft_espota_host_take_chunk(&host, &data, 10), 0);
    updraft_espota_host_tick(&host, 509);
    assert_int_equal(host.state, UPDRAFT_ESPOTA_HOST_STREAMING);
    updraft_espota_host_tick(&host, 510);
    expect_failure(&host, UPDRAFT_ESPOTA_HOST_ERROR_TEXT, "ERROR[1]: Flash");
}

static void ok_before_the_end_is_no_success(void **state)
{
    struct updraft_espota_host host;
    const uint8_t *data;

    (void)state;
    start(&host, NULL);
    updraft_espota_host_connected(&host, 0);
    assert_true(updraft_espota_host_take_chunk(&host, &data, 0) > 0);
    updraft_espota_host_feed(&host, (const uint8_t *)"1460OK", 6, 10);
    expect_failure(&host, UPDRAFT_ESPOTA_HOST_ODD_ANSWER, NULL);
}

static void a_closed_or_silent_connection_is_told_apart(void **state)
{
    struct updraft_espota_host host;
    const uint8_t *data;

    (void)state;
    start(&host, NULL);
    updraft_espota_host_connected(&host, 0);
    assert_true(updraft_espota_host_take_chunk(&host, &data, 0) > 0);
    updraft_espota_host_closed(&host);
    expect_failure(&host, UPDRAFT_ESPOTA_HOST_CLOSED, NULL);
    assert_int_equal(host.sent_len, UPDRAFT_ESPOTA_HOST_CHUNK_LEN);

    start(&host, NULL);
    updraft_espota_host_connected(&host, 0);
    assert_true(updraft_espota_host_take_chunk(&host, &data, 0) > 0);
    updraft_espota_host_tick(&host, 29999);
    assert_int_equal(host.state, UPDRAFT_ESPOTA_HOST_STREAMING);
    updraft_espota_host_tick(&host, 30000);
    expect_failure(&host, UPDRAFT_ESPOTA_HOST_STALLED, NULL);
}

static void longest_words_are_cut_not_overrun(void **state)
{
    struct updraft_espota_host host;
    uint8_t words[1000];

    (void)state;
    memset(words, 'x', sizeof words);
    accept_and_stream(&host);
    updraft_espota_host_feed(&host, words, sizeof words, 0);
    updraft_espota_host_closed(&host);
    expect_failure(&host, UPDRAFT_ESPOTA_HOST_ERROR_TEXT, NULL);
    assert_int_equal(strlen(host.text), sizeof host.text - 1);
    start(&host, NULL);
    updraft_espota_host_datagram(&host, words, sizeof words, 0);
    expect_failure(&host, UPDRAFT_ESPOTA_HOST_ODD_ANSWER, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_invites_with_the_known_bytes),
        cmocka_unit_test(host_answers_the_md5_challenge_with_the_known_bytes),
        cmocka_unit_test(host_tries_both_stored_secrets_of_the_64_digit_scheme),
        cmocka_unit_test(a_file_system_is_announced_as_one),
        cmocka_unit_test(half_of_a_nonce_does_not_weaken_the_proof_of_the_whole),
        cmocka_unit_test(chunks_run_ahead_of_the_counts_but_not_far),
        cmocka_unit_test(a_device_that_cannot_connect_may_say_so),
        cmocka_unit_test(host_without_password_says_that_one_is_wanted),
        cmocka_unit_test(nonces_of_other_lengths_or_digits_are_refused),
        cmocka_unit_test(invitations_are_repeated_ten_times_a_second_apart),
        cmocka_unit_test(a_device_that_never_connects_is_no_call_back),
        cmocka_unit_test(a_connection_counts_even_when_the_ok_was_lost),
        cmocka_unit_test(a_refused_invitation_keeps_the_device_s_words),
        cmocka_unit_test(verdicts_are_understood_for_every_split),
        cmocka_unit_test(an_error_text_stops_the_stream),
        cmocka_unit_test(ok_before_the_end_is_no_success),
        cmocka_unit_test(a_closed_or_silent_connection_is_told_apart),
        cmocka_unit_test(longest_words_are_cut_not_overrun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
