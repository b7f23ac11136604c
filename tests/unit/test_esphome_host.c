/* ESPHome's host engine without sockets: the protocol's test vectors, and every way a conversation
 * can go. Image T: the bytes 0 to 255, twelve times; the long one repeats them further. */
#include "cli/esphome_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define T_LEN     3072u
#define T_MD5     "a52dff8366b1473d2e13edd2415def67"
#define LONG_LEN  20000u
#define PASSWORD  "bms2024"
#define NONCE_16  "0123456789abcdef"
#define CNONCE_16 "fedcba9876543210"
#define PROOF_MD5 "7c2343db0a2c847f8f1c5f531a4e1189"
#define PROOF_SHA "c077055bc34ac90fd45b4c9c6a4c8092556708c6fbf3c775ebadeb38c54ffcba"

static uint8_t image[LONG_LEN];
static const uint8_t packed[] = "not gzip at all, but it is not looked at";
/* fe dc ba 98 76 54 32 10, again and again: the cnonce of the known proofs. */
static const uint8_t random_bytes[32] = {
    0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10,
    0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10};

static void start(struct updraft_esphome_host *host, uint32_t image_len, const char *password)
{
    const struct updraft_esphome_host_config config = {
        .image = image,
        .image_len = image_len,
        .password = password,
        .random = random_bytes,
    };

    for (size_t i = 0; i < sizeof image; i++)
        image[i] = (uint8_t)i;
    updraft_esphome_host_init(host, &config, 0);
}

static void expect_sent(struct updraft_esphome_host *host, const void *bytes, size_t len)
{
    const uint8_t *data = NULL;

    assert_int_equal(updraft_esphome_host_take(host, &data, 10), len);
    if (len > 0)
        assert_memory_equal(data, bytes, len);
}

#define EXPECT_SENT(host, ...)                                                                     \
    do {                                                                                           \
        static const uint8_t expected_[] = {__VA_ARGS__};                                          \
        expect_sent(host, expected_, sizeof expected_);                                            \
    } while (0)

static void say(struct updraft_esphome_host *host, const void *bytes, size_t len)
{
    updraft_esphome_host_feed(host, bytes, len, 10);
}

#define SAY(host, ...)                                                                             \
    do {                                                                                           \
        static const uint8_t said_[] = {__VA_ARGS__};                                              \
        say(host, said_, sizeof said_);                                                            \
    } while (0)

static void expect_failure(const struct updraft_esphome_host *host,
                           enum updraft_esphome_host_failure failure, uint8_t byte)
{
    assert_int_equal(host->state, UPDRAFT_ESPHOME_HOST_FAILED);
    assert_int_equal(host->failure, failure);
    assert_int_equal(host->byte, byte);
}

static void the_known_exchange_goes_byte_for_byte(void **state)
{
    struct updraft_esphome_host host;

    (void)state;
    start(&host, T_LEN, NULL);
    EXPECT_SENT(&host, 0x6C, 0x26, 0xF7, 0x5C, 0x45);
    expect_sent(&host, NULL, 0);
    SAY(&host, 0x00, 0x02);
    EXPECT_SENT(&host, 0x02);
    SAY(&host, 0x40);
    expect_sent(&host, NULL, 0);
    SAY(&host, 0x41);
    EXPECT_SENT(&host, 0x00, 0x00, 0x0C, 0x00);
    SAY(&host, 0x42);
    expect_sent(&host, T_MD5, 32);
    SAY(&host, 0x43);
    expect_sent(&host, image, T_LEN);
    expect_sent(&host, NULL, 0);
    SAY(&host, 0x47);
    expect_sent(&host, NULL, 0);
    SAY(&host, 0x44);
    SAY(&host, 0x45);
    assert_int_equal(host.state, UPDRAFT_ESPHOME_HOST_DONE);
    EXPECT_SENT(&host, 0x00);
}

static void greet(struct updraft_esphome_host *host, uint8_t version)
{
    EXPECT_SENT(host, 0x6C, 0x26, 0xF7, 0x5C, 0x45);
    say(host, (const uint8_t[]){0x00, version}, 2);
    EXPECT_SENT(host, 0x02);
}

/* Up to the first byte of the image. */
static void go_to_stream(struct updraft_esphome_host *host, uint8_t version)
{
    const uint8_t *data;

    start(host, LONG_LEN, NULL);
    greet(host, version);
    SAY(host, 0x40, 0x41);
    EXPECT_SENT(host, 0x00, 0x00, 0x4E, 0x20);
    SAY(host, 0x42);
    assert_int_equal(updraft_esphome_host_take(host, &data, 10), 32);
    SAY(host, 0x43);
}

static void version_2_waits_for_each_block(void **state)
{
    struct updraft_esphome_host host;

    (void)state;
    go_to_stream(&host, 2);
    expect_sent(&host, image, 8192);
    expect_sent(&host, NULL, 0);
    SAY(&host, 0x47);
    assert_int_equal(host.acked_len, 8192);
    expect_sent(&host, image + 8192, 8192);
    SAY(&host, 0x47);
    expect_sent(&host, image + 16384, LONG_LEN - 16384);
    assert_int_equal(host.state, UPDRAFT_ESPHOME_HOST_STREAMING);
    SAY(&host, 0x47, 0x44, 0x45); /* in one piece */
    assert_int_equal(host.acked_len, LONG_LEN);
    assert_int_equal(host.state, UPDRAFT_ESPHOME_HOST_DONE);
}

static void version_1_waits_for_nothing(void **state)
{
    struct updraft_esphome_host host;

    (void)state;
    go_to_stream(&host, 1);
    expect_sent(&host, image, 8192);
    expect_sent(&host, image + 8192, 8192);
    expect_sent(&host, image + 16384, LONG_LEN - 16384);
    assert_int_equal(host.state, UPDRAFT_ESPHOME_HOST_FINISHING);
    SAY(&host, 0x44);
    SAY(&host, 0x45);
    assert_int_equal(host.state, UPDRAFT_ESPHOME_HOST_DONE);
}

static void both_password_schemes_are_answered(void **state)
{
    static const char md5_nonce[] = "\x01" NONCE_16 NONCE_16;
    static const char sha_nonce[] = "\x02" NONCE_16 NONCE_16 NONCE_16 NONCE_16;
    struct updraft_esphome_host host;

    (void)state;
    start(&host, T_LEN, PASSWORD);
    greet(&host, 2);
    SAY(&host, 0x40);
    say(&host, md5_nonce, 33);
    expect_sent(&host, CNONCE_16 CNONCE_16 PROOF_MD5, 64);
    SAY(&host, 0x41);
    EXPECT_SENT(&host, 0x00, 0x00, 0x0C, 0x00);

    start(&host, T_LEN, PASSWORD);
    greet(&host, 2);
    SAY(&host, 0x40);
    for (size_t i = 0; i < 65; i++)
        say(&host, sha_nonce + i, 1);
    expect_sent(&host, CNONCE_16 CNONCE_16 CNONCE_16 CNONCE_16 PROOF_SHA, 128);
    SAY(&host, 0x82);
    updraft_esphome_host_closed(&host);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_REFUSED, 0x82);
    assert_int_equal(host.refused_in, UPDRAFT_ESPHOME_HOST_PROVING);
}

static void a_missing_password_is_seen_before_a_proof_is_sent(void **state)
{
    struct updraft_esphome_host host;

    (void)state;
    start(&host, T_LEN, "");
    greet(&host, 2);
    SAY(&host, 0x40, 0x02);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_NEEDS_PASSWORD, 0x02);
    expect_sent(&host, NULL, 0);
}

static void gzip_goes_to_those_who_ask_for_it(void **state)
{
    struct updraft_esphome_host_config config = {
        .image = image,
        .image_len = T_LEN,
        .packed = packed,
        .packed_len = sizeof packed,
    };
    struct updraft_esphome_host host;
    const uint8_t *data;

    (void)state;
    for (uint8_t answer = 0x40; answer <= 0x46; answer += 6) {
        bool is_gzip = answer == 0x46;

        updraft_esphome_host_init(&host, &config, 0);
        assert_int_equal(updraft_esphome_host_take(&host, &data, 0), 5);
        SAY(&host, 0x00, 0x02);
        EXPECT_SENT(&host, 0x03);
        say(&host, &answer, 1);
        SAY(&host, 0x41);
        expect_sent(&host,
                    (const uint8_t[]){0, 0, is_gzip ? 0 : T_LEN >> 8, is_gzip ? sizeof packed : 0},
                    4);
        SAY(&host, 0x42);
        assert_int_equal(updraft_esphome_host_take(&host, &data, 0), 32);
        SAY(&host, 0x43);
        expect_sent(&host, is_gzip ? packed : image, is_gzip ? sizeof packed : T_LEN);
    }
}

/* What the device says, for every step, as one run of bytes: the steps do not depend on how it is
 * cut, nor on whether what we say is taken between. */
static void answers_go_the_same_in_any_pieces(void **state)
{
    static const uint8_t answers[] =
        "\x00\x02\x40\x02" NONCE_16 NONCE_16 NONCE_16 NONCE_16 "\x41\x42\x43";
    struct updraft_esphome_host host;
    const uint8_t *data;

    (void)state;
    for (size_t split = 0; split < sizeof answers - 1; split++) {
        start(&host, T_LEN, PASSWORD);
        say(&host, answers, split);
        assert_true(host.out_len <= sizeof host.out);
        say(&host, answers + split, sizeof answers - 1 - split);
        assert_int_equal(host.state, UPDRAFT_ESPHOME_HOST_STREAMING);
        assert_int_equal(updraft_esphome_host_take(&host, &data, 0), 5 + 1 + 128 + 4 + 32);
        assert_memory_equal(data + 138, T_MD5, 32);
    }
}

static void a_refusal_brings_the_byte_and_the_words_behind_it(void **state)
{
    static const char words[] = "55 the image is for ESP32-S3, this device is another chip";
    struct updraft_esphome_host host;

    (void)state;
    go_to_stream(&host, 2);
    expect_sent(&host, image, 8192);
    SAY(&host, 0x87);
    assert_int_equal(host.state, UPDRAFT_ESPHOME_HOST_COMPLAINING);
    expect_sent(&host, NULL, 0);
    say(&host, words, 20);
    say(&host, words + 20, sizeof words - 1 - 20);
    assert_int_equal(host.state, UPDRAFT_ESPHOME_HOST_COMPLAINING);
    say(&host, "\n", 1);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_REFUSED, 0x87);
    assert_string_equal(host.words, words);
    assert_int_equal(host.refused_in, UPDRAFT_ESPHOME_HOST_STREAMING);
}

static void a_refusal_without_words_ends_when_nothing_follows(void **state)
{
    struct updraft_esphome_host host;
    char flood[300];

    (void)state;
    go_to_stream(&host, 2);
    SAY(&host, 0x89);
    updraft_esphome_host_tick(&host, 500);
    assert_int_equal(host.state, UPDRAFT_ESPHOME_HOST_COMPLAINING);
    updraft_esphome_host_tick(&host, 510);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_REFUSED, 0x89);
    assert_string_equal(host.words, "");

    memset(flood, 'x', sizeof flood);
    go_to_stream(&host, 2);
    SAY(&host, 0x89);
    say(&host, flood, sizeof flood);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_REFUSED, 0x89);
    assert_int_equal(strlen(host.words), UPDRAFT_ESPHOME_HOST_WORDS_CAP - 1);
}

static void an_answer_out_of_order_is_none_of_this_protocol(void **state)
{
    struct updraft_esphome_host host;

    (void)state;
    start(&host, T_LEN, NULL);
    say(&host, "SSH-2.0-dropbear\r\n", 18);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_ODD_ANSWER, 'S');

    start(&host, T_LEN, NULL);
    SAY(&host, 0x00, 0x03);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_ODD_VERSION, 3);

    start(&host, T_LEN, NULL);
    greet(&host, 2);
    SAY(&host, 0x41);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_ODD_ANSWER, 0x41);

    start(&host, T_LEN, PASSWORD);
    greet(&host, 2);
    SAY(&host, 0x40, 0x01, 'a', 0x00);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_ODD_ANSWER, 0);

    go_to_stream(&host, 2);
    SAY(&host, 0x47); /* for a block that was not sent */
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_ODD_ANSWER, 0x47);

    go_to_stream(&host, 1);
    expect_sent(&host, image, 8192);
    SAY(&host, 0x47); /* version 1 has none */
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_ODD_ANSWER, 0x47);
}

static void a_connection_that_ends_is_told_by_where_it_ended(void **state)
{
    struct updraft_esphome_host host;
    const uint8_t *data;

    (void)state;
    start(&host, T_LEN, NULL);
    updraft_esphome_host_closed(&host);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_SILENT, 0);

    start(&host, T_LEN, NULL);
    greet(&host, 2);
    updraft_esphome_host_closed(&host);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_CLOSED, 0);

    go_to_stream(&host, 2);
    expect_sent(&host, image, 8192);
    updraft_esphome_host_closed(&host);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_CLOSED, 0);

    go_to_stream(&host, 1);
    while (updraft_esphome_host_take(&host, &data, 10) > 0)
        ;
    SAY(&host, 0x44);
    updraft_esphome_host_closed(&host);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_NO_VERDICT, 0);

    start(&host, T_LEN, NULL);
    host.state = UPDRAFT_ESPHOME_HOST_DONE;
    updraft_esphome_host_closed(&host);
    assert_int_equal(host.state, UPDRAFT_ESPHOME_HOST_DONE);
}

static void patience_ends_at_each_step(void **state)
{
    struct updraft_esphome_host host;
    const uint8_t *data;

    (void)state;
    start(&host, T_LEN, NULL);
    updraft_esphome_host_tick(&host, 19999);
    assert_int_equal(host.state, UPDRAFT_ESPHOME_HOST_GREETING);
    updraft_esphome_host_tick(&host, 20000);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_SILENT, 0);

    start(&host, T_LEN, NULL);
    greet(&host, 2);
    updraft_esphome_host_tick(&host, 20010);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_STALLED, 0);

    go_to_stream(&host, 2);
    assert_int_equal(updraft_esphome_host_take(&host, &data, 1000), 8192);
    updraft_esphome_host_tick(&host, 90999);
    assert_int_equal(host.state, UPDRAFT_ESPHOME_HOST_STREAMING);
    updraft_esphome_host_tick(&host, 91000);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_STALLED, 0);

    go_to_stream(&host, 1);
    while (updraft_esphome_host_take(&host, &data, 10) > 0)
        ;
    updraft_esphome_host_tick(&host, 90010);
    expect_failure(&host, UPDRAFT_ESPHOME_HOST_NO_VERDICT, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_known_exchange_goes_byte_for_byte),
        cmocka_unit_test(version_2_waits_for_each_block),
        cmocka_unit_test(version_1_waits_for_nothing),
        cmocka_unit_test(both_password_schemes_are_answered),
        cmocka_unit_test(a_missing_password_is_seen_before_a_proof_is_sent),
        cmocka_unit_test(gzip_goes_to_those_who_ask_for_it),
        cmocka_unit_test(answers_go_the_same_in_any_pieces),
        cmocka_unit_test(a_refusal_brings_the_byte_and_the_words_behind_it),
        cmocka_unit_test(a_refusal_without_words_ends_when_nothing_follows),
        cmocka_unit_test(an_answer_out_of_order_is_none_of_this_protocol),
        cmocka_unit_test(a_connection_that_ends_is_told_by_where_it_ended),
        cmocka_unit_test(patience_ends_at_each_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
