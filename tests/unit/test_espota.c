/* espota on the real transaction, a simulated flash and a scripted host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/push/espota.h"
#include "format/chip.h"
#include "format/text.h"
#include "tests/rig/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_LEN  0x10000u
#define IMAGE_LEN 9000u
#define PORT      45678
#define CHUNK_LEN 1460u

static const struct updraft_peer host = {.bytes = {127, 0, 0, 1, 10, 1}, .len = 6};
static const struct updraft_peer host_other_port = {.bytes = {127, 0, 0, 1, 10, 2}, .len = 6};
static const struct updraft_peer stranger = {.bytes = {10, 0, 0, 9, 10, 1}, .len = 6};

struct fixture {
    struct rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    struct rig_image foreign_image; /* of another chip */
    struct updraft_espota espota;
    struct updraft_espota_config config;
    uint8_t random_byte;
    uint64_t now_ms;
    char reply[256];
    struct updraft_peer replied_to;
    char out[65536]; /* all that was drained since out_len was set to 0 */
    size_t out_len;
};

static void fake_random(void *ctx, uint8_t *out, size_t len)
{
    struct fixture *f = ctx;

    memset(out, f->random_byte++, len);
}

/* A device that was just started; the slots are as rig_make() left them. */
static void start(struct fixture *f, enum updraft_espota_dialect dialect, const char *password)
{
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
    f->config = (struct updraft_espota_config){
        .update = &f->rig.update,
        .dialect = dialect,
        .password = password,
        .random = fake_random,
        .random_ctx = f,
    };
    updraft_espota_init(&f->espota, &f->config);
    f->out_len = 0;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->now_ms = 1000000;
    f->random_byte = 0xA0;
    rig_image_make(&f->old_image, UPDRAFT_CHIP_ESP32, "1.0.0", IMAGE_LEN);
    rig_image_make(&f->new_image, UPDRAFT_CHIP_ESP32, "1.1.0", IMAGE_LEN);
    rig_image_make(&f->foreign_image, UPDRAFT_CHIP_ESP32S3, "1.1.0", IMAGE_LEN);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old_image);
    start(f, UPDRAFT_ESPOTA_ESP8266, NULL);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    rig_free(&f->rig);
    rig_image_free(&f->old_image);
    rig_image_free(&f->new_image);
    rig_image_free(&f->foreign_image);
    free(f);
    return 0;
}

/* Back to a device with the old image, as new. */
static void renew(struct fixture *f, enum updraft_espota_dialect dialect, const char *password)
{
    rig_free(&f->rig);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old_image);
    start(f, dialect, password);
}

static void say(struct fixture *f, const struct updraft_peer *from, const void *data, size_t len)
{
    size_t got;

    updraft_espota_datagram(&f->espota, from, data, len, f->now_ms);
    got =
        updraft_espota_reply(&f->espota, &f->replied_to, (uint8_t *)f->reply, sizeof f->reply - 1);
    f->reply[got] = '\0';
    assert_int_equal(
        updraft_espota_reply(&f->espota, &f->replied_to, (uint8_t *)f->reply + got + 1, 0), 0);
}

static void say_text(struct fixture *f, const struct updraft_peer *from, const char *text)
{
    say(f, from, text, strlen(text));
}

static void expect_reply(struct fixture *f, const struct updraft_peer *to, const char *text)
{
    assert_string_equal(f->reply, text);
    assert_memory_equal(f->replied_to.bytes, to->bytes, to->len);
}

static void md5_of(const uint8_t *data, size_t len, char hex[33])
{
    struct updraft_digest digest;
    struct updraft_text text;
    uint8_t md5[UPDRAFT_MD5_LEN];

    updraft_digest_start(&digest, UPDRAFT_DIGEST_MD5);
    updraft_digest_update(&digest, data, len);
    updraft_digest_finish(&digest, md5);
    updraft_text_init(&text, hex, 33);
    updraft_text_hex(&text, md5, sizeof md5);
}

static const char *invitation(const uint8_t *data, size_t len)
{
    static char text[128];
    char md5[33];

    md5_of(data, len, md5);
    snprintf(text, sizeof text, "0 %d %zu %s\n", PORT, len, md5);
    return text;
}

static const char *answer_to(const char *challenge, const char *password)
{
    static const char cnonce[] = "84a086766f135ce7a82354a61920c6a6";
    static char text[128];
    char response[UPDRAFT_ESPOTA_NONCE_CAP];

    assert_int_equal(strlen(challenge), 37);
    assert_memory_equal(challenge, "AUTH ", 5);
    updraft_espota_response(password, challenge + 5, cnonce, response);
    snprintf(text, sizeof text, "200 %s %s\n", cnonce, response);
    return text;
}

static void drain(struct fixture *f)
{
    size_t len;

    do {
        len = updraft_espota_drain(&f->espota, (uint8_t *)f->out + f->out_len, 3);
        f->out_len += len;
        assert_true(f->out_len < sizeof f->out - 3);
    } while (len > 0);
    f->out[f->out_len] = '\0';
}

static void tick_to(struct fixture *f, uint64_t until_ms)
{
    while (f->now_ms < until_ms) {
        f->now_ms += 100;
        updraft_espota_tick(&f->espota, f->now_ms);
        drain(f);
    }
}

static void invite_and_connect(struct fixture *f, const uint8_t *data, size_t len)
{
    say_text(f, &host, invitation(data, len));
    expect_reply(f, &host, "OK");
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_CONNECT);
    assert_int_equal(updraft_espota_port(&f->espota), PORT);
    updraft_espota_connected(&f->espota, f->now_ms);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_STREAM);
}

static void send_bytes(struct fixture *f, const uint8_t *data, size_t len, size_t piece_len)
{
    for (size_t off = 0; off < len; off += piece_len) {
        size_t n = len - off < piece_len ? len - off : piece_len;
        size_t before = f->out_len;
        char count[16];

        updraft_espota_feed(&f->espota, data + off, n, f->now_ms);
        drain(f);
        snprintf(count, sizeof count, "%zu", n);
        assert_string_equal(f->out + before, count);
    }
}

/* After the last count: a second, OK, a second, the end. */
static void expect_success(struct fixture *f)
{
    f->out_len = 0;
    tick_to(f, f->now_ms + 900);
    assert_int_equal(f->out_len, 0);
    tick_to(f, f->now_ms + 100);
    assert_string_equal(f->out, "OK");
    tick_to(f, f->now_ms + 900);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_STREAM);
    tick_to(f, f->now_ms + 200);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_CLOSE);
    assert_string_equal(f->out, "OK");
    assert_false(updraft_espota_take_restart(&f->espota));
    updraft_espota_closed(&f->espota, f->now_ms);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
    assert_true(updraft_espota_take_restart(&f->espota));
    assert_false(updraft_espota_take_restart(&f->espota));
}

static void expect_boots(struct fixture *f, const char *version)
{
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_string_equal(rig_version(&f->rig, f->rig.slots.running), version);
    assert_string_equal(f->rig.nor.violation, "");
}

/* Waits for the last word and closes; f->out is all that was said. */
static void expect_failure(struct fixture *f, const char *out)
{
    tick_to(f, f->now_ms + 3000);
    assert_string_equal(f->out, out);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_CLOSE);
    updraft_espota_closed(&f->espota, f->now_ms);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
    assert_false(updraft_espota_take_restart(&f->espota));
    expect_boots(f, "1.0.0");
}

static void espota_updates_a_device_in_both_dialects(void **state)
{
    struct fixture *f = *state;

    for (int dialect = UPDRAFT_ESPOTA_ESP8266; dialect <= UPDRAFT_ESPOTA_ESP32; dialect++) {
        renew(f, (enum updraft_espota_dialect)dialect, NULL);
        invite_and_connect(f, f->new_image.bytes, f->new_image.len);
        send_bytes(f, f->new_image.bytes, f->new_image.len, CHUNK_LEN);
        expect_success(f);
        expect_boots(f, "1.1.0");
    }
}

static void espota_does_the_same_for_every_split_of_the_stream(void **state)
{
    struct fixture *f = *state;
    const uint8_t *data = f->new_image.bytes;
    uint32_t len = f->new_image.len;

    renew(f, UPDRAFT_ESPOTA_ESP8266, NULL);
    invite_and_connect(f, data, len);
    send_bytes(f, data, len, 1);
    expect_success(f);
    expect_boots(f, "1.1.0");
    /* At each point of the header and descriptor, then in steps that hit no sector twice alike. */
    for (uint32_t split = 1; split < len; split += split < 320 ? 1 : 61) {
        renew(f, UPDRAFT_ESPOTA_ESP32, NULL);
        invite_and_connect(f, data, len);
        send_bytes(f, data, split, split);
        send_bytes(f, data + split, len - split, len);
        assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_DONE);
        assert_string_equal(rig_version(&f->rig, 1), "1.1.0");
    }
}

static void espota_takes_a_gzip_image(void **state)
{
    struct fixture *f = *state;
    uint32_t len;
    uint8_t *packed = rig_gzip(f->new_image.bytes, f->new_image.len, &len);

    invite_and_connect(f, packed, len);
    send_bytes(f, packed, len, 1024);
    expect_success(f);
    expect_boots(f, "1.1.0");
    free(packed);
}

static void espota_adds_counts_up_while_nobody_drains(void **state)
{
    struct fixture *f = *state;

    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    for (uint32_t i = 0; i < 5000; i++)
        updraft_espota_feed(&f->espota, f->new_image.bytes + i, 1, f->now_ms);
    drain(f);
    /* 224 bytes of ones, less what a full count needs at the end; the rest in one number. */
    size_t ones = strspn(f->out, "1");
    assert_int_equal(atoi(f->out + ones) + (int)ones, 5000);
    send_bytes(f, f->new_image.bytes + 5000, f->new_image.len - 5000, CHUNK_LEN);
    expect_success(f);
}

static void espota_sends_the_ok_only_when_the_last_count_was_taken(void **state)
{
    struct fixture *f = *state;

    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    updraft_espota_feed(&f->espota, f->new_image.bytes, f->new_image.len, f->now_ms);
    for (int i = 0; i < 50; i++) /* five seconds in which the socket takes nothing */
        updraft_espota_tick(&f->espota, f->now_ms += 100);
    drain(f);
    assert_int_equal(atoi(f->out), f->new_image.len);
    assert_null(strchr(f->out, 'O'));
    expect_success(f);
}

static void espota_gives_up_a_host_that_takes_nothing(void **state)
{
    struct fixture *f = *state;

    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    updraft_espota_feed(&f->espota, f->new_image.bytes, f->new_image.len, f->now_ms);
    for (int i = 0; i < 700; i++)
        updraft_espota_tick(&f->espota, f->now_ms += 100);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_CLOSE);
    updraft_espota_closed(&f->espota, f->now_ms);
    assert_true(updraft_espota_take_restart(&f->espota));
}

static void espota_restarts_also_when_the_host_closes_first(void **state)
{
    struct fixture *f = *state;

    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    send_bytes(f, f->new_image.bytes, f->new_image.len, CHUNK_LEN);
    updraft_espota_closed(&f->espota, f->now_ms);
    assert_true(updraft_espota_take_restart(&f->espota));
    expect_boots(f, "1.1.0");
}

static void espota_ignores_bytes_behind_the_announced_size(void **state)
{
    struct fixture *f = *state;
    uint8_t *data = calloc(1, f->new_image.len + 100);

    memcpy(data, f->new_image.bytes, f->new_image.len);
    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    updraft_espota_feed(&f->espota, data, f->new_image.len + 60, f->now_ms);
    drain(f);
    assert_int_equal(atoi(f->out), f->new_image.len);
    f->out_len = 0;
    updraft_espota_feed(&f->espota, data, 40, f->now_ms);
    drain(f);
    assert_int_equal(f->out_len, 0);
    expect_success(f);
    expect_boots(f, "1.1.0");
    free(data);
}

static void espota_response_matches_the_published_vectors(void **state)
{
    char out[UPDRAFT_ESPOTA_NONCE_CAP];

    (void)state;
    updraft_espota_response("bms2024", "e10adc3949ba59abbe56e057f20f883e",
                            "84a086766f135ce7a82354a61920c6a6", out);
    assert_string_equal(out, "d74b748f342c480b0347e9aae5e098d5");
    updraft_espota_response("bms2024", "0123456789abcdef0123456789abcdef",
                            "fedcba9876543210fedcba9876543210", out);
    assert_string_equal(out, "1fec61acce6979e9e96307b1e86f54fb");
}

static void espota_asks_for_the_password_and_takes_the_right_answer(void **state)
{
    struct fixture *f = *state;

    start(f, UPDRAFT_ESPOTA_ESP32, "bms2024");
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    expect_reply(f, &host, "AUTH a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0");
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_IDLE);
    /* The current ESP32 host answers from a new port, and listens there. */
    say_text(f, &host_other_port, answer_to(f->reply, "bms2024"));
    expect_reply(f, &host_other_port, "OK");
    updraft_espota_connected(&f->espota, f->now_ms);
    send_bytes(f, f->new_image.bytes, f->new_image.len, 1024);
    expect_success(f);
    expect_boots(f, "1.1.0");
}

static void espota_refuses_a_wrong_password_and_burns_the_nonce(void **state)
{
    struct fixture *f = *state;
    char right[128];

    start(f, UPDRAFT_ESPOTA_ESP8266, "bms2024");
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    strcpy(right, answer_to(f->reply, "bms2024"));
    say_text(f, &host, answer_to(f->reply, "guess"));
    expect_reply(f, &host, "Authentication Failed");
    say_text(f, &host, right);
    assert_string_equal(f->reply, "");
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_IDLE);
}

static void espota_compares_the_response_exactly(void **state)
{
    struct fixture *f = *state;
    char text[128];

    start(f, UPDRAFT_ESPOTA_ESP8266, "bms2024");
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    strcpy(text, answer_to(f->reply, "bms2024"));
    for (char *c = text; *c != '\0'; c++)
        if (*c >= 'a' && *c <= 'f')
            *c = (char)(*c - 'a' + 'A');
    say_text(f, &host, text);
    expect_reply(f, &host, "Authentication Failed");
}

static void espota_ignores_answers_of_the_wrong_shape(void **state)
{
    struct fixture *f = *state;
    char nonce_text[64], right[128], text[256];

    start(f, UPDRAFT_ESPOTA_ESP8266, "bms2024");
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    strcpy(nonce_text, f->reply);
    strcpy(right, answer_to(nonce_text, "bms2024"));
    snprintf(text, sizeof text, "%.*s\r\n", (int)strlen(right) - 1, right);
    say_text(f, &host, text);
    assert_string_equal(f->reply, "");
    snprintf(text, sizeof text, "201%s", right + 3);
    say_text(f, &host, text);
    assert_string_equal(f->reply, "");
    say(f, &host, right, strlen(right) - 2);
    assert_string_equal(f->reply, "");
    /* Nothing of this has spoilt the nonce; the end of the line may be missing. */
    say(f, &host, right, strlen(right) - 1);
    expect_reply(f, &host, "OK");
}

static void espota_gives_a_new_nonce_to_a_new_invitation(void **state)
{
    struct fixture *f = *state;
    char first[128];

    start(f, UPDRAFT_ESPOTA_ESP8266, "bms2024");
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    strcpy(first, answer_to(f->reply, "bms2024"));
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    expect_reply(f, &host, "AUTH a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1");
    say_text(f, &host, first);
    expect_reply(f, &host, "Authentication Failed");
}

static void espota_forgets_a_challenge_that_nobody_answers(void **state)
{
    struct fixture *f = *state;
    char right[128];

    start(f, UPDRAFT_ESPOTA_ESP8266, "bms2024");
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    strcpy(right, answer_to(f->reply, "bms2024"));
    tick_to(f, f->now_ms + UPDRAFT_ESPOTA_IDLE_MS);
    say_text(f, &host, right);
    assert_string_equal(f->reply, "");
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_IDLE);
}

static void espota_ignores_what_is_no_message(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "hello",
        "0",
        "0 45678",
        "0 45678 3072",
        "0 45678 3072\n",
        "0 45678 3072 a52dff8366b1473d2e13edd2415def6\n",
        "0 45678 3072 a52dff8366b1473d2e13edd2415def677\n",
        "0 45678 3072 a52dff8366b1473d2e13edd2415defgg\n",
        "1 45678 3072 a52dff8366b1473d2e13edd2415def67\n",
        "200 45678 3072 a52dff8366b1473d2e13edd2415def67\n",
        "0 0 3072 a52dff8366b1473d2e13edd2415def67\n",
        "0 65536 3072 a52dff8366b1473d2e13edd2415def67\n",
        "0 -1 3072 a52dff8366b1473d2e13edd2415def67\n",
        "0 45678 1234567890123456 a52dff8366b1473d2e13edd2415def67\n",
        "x 45678 3072 a52dff8366b1473d2e13edd2415def67\n",
        "200 84a086766f135ce7a82354a61920c6a6 d74b748f342c480b0347e9aae5e098d5\n",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        say_text(f, &host, texts[i]);
        assert_string_equal(f->reply, "");
        assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
    }
}

static void espota_reads_an_invitation_as_the_stock_devices_do(void **state)
{
    static const char *const texts[] = {
        "0 45678 3072 a52dff8366b1473d2e13edd2415def67\n",
        "0 45678 3072 a52dff8366b1473d2e13edd2415def67",
        "  0  45678   3072 \t A52DFF8366B1473D2E13EDD2415DEF67 \r\nrest",
        "0 45678 3072xa52dff8366b1473d2e13edd2415def67\n",
        "000000000000000 45678 3072 a52dff8366b1473d2e13edd2415def67\n",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        renew(f, UPDRAFT_ESPOTA_ESP8266, NULL);
        say_text(f, &host, texts[i]);
        expect_reply(f, &host, "OK");
    }
    renew(f, UPDRAFT_ESPOTA_ESP8266, NULL);
    say(f, &host, "0 45678 3072 a52dff8366b1473d2e13edd2415def67\0junk", 50);
    expect_reply(f, &host, "OK");
}

static void espota_refuses_impossible_sizes_before_the_ok(void **state)
{
    struct fixture *f = *state;

    say_text(f, &host, "0 45678 0 a52dff8366b1473d2e13edd2415def67\n");
    expect_reply(f, &host, "ERR: ERROR[13]: No data supplied\n");
    say_text(f, &host, "0 45678 65537 a52dff8366b1473d2e13edd2415def67\n");
    expect_reply(f, &host,
                 "ERR: ERROR[4]: Not Enough Space: the image has 65537 bytes, but the slot holds "
                 "65536\n");
    say_text(f, &host, "0 45678 999999999999999 a52dff8366b1473d2e13edd2415def67\n");
    assert_memory_equal(f->reply, "ERR: ERROR[4]: Not Enough Space", 31);
    start(f, UPDRAFT_ESPOTA_ESP32, NULL);
    say_text(f, &host, "0 45678 0 a52dff8366b1473d2e13edd2415def67\n");
    expect_reply(f, &host, "ERR: ERROR[5]: Bad Size Given\n");
    assert_int_equal(f->rig.nor.counts.operations, 0);
}

static void espota_says_why_an_update_cannot_begin(void **state)
{
    struct fixture *f = *state;
    struct updraft_update_request request = {.wire_len = 100};

    updraft_update_enable(&f->rig.update, false);
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    expect_reply(f, &host, "ERR: ERROR[50]: updates are switched off on this device\n");
    updraft_update_enable(&f->rig.update, true);
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    expect_reply(f, &host, "ERR: ERROR[15]: Update already running\n");
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_RECEIVING);
}

static void espota_writes_a_file_system_only_where_one_is_named(void **state)
{
    struct fixture *f = *state;
    uint8_t contents[5000];
    char text[128], md5[33];

    for (size_t i = 0; i < sizeof contents; i++)
        contents[i] = (uint8_t)(i * 7);
    md5_of(contents, sizeof contents, md5);
    snprintf(text, sizeof text, "100 %d %zu %s\n", PORT, sizeof contents, md5);
    say_text(f, &host, text);
    assert_memory_equal(f->reply, "ERR: ", 5);

    f->config.data_partition = "storage";
    updraft_espota_init(&f->espota, &f->config);
    say_text(f, &host, text);
    expect_reply(f, &host, "OK");
    updraft_espota_connected(&f->espota, f->now_ms);
    send_bytes(f, contents, sizeof contents, CHUNK_LEN);
    expect_success(f);
    assert_memory_equal(f->rig.nor.bytes + 0x10000 + 2 * SLOT_LEN, contents, sizeof contents);
    expect_boots(f, "1.0.0");
}

static void espota_answers_the_same_invitation_until_the_first_byte(void **state)
{
    struct fixture *f = *state;
    const char *text = invitation(f->new_image.bytes, f->new_image.len);

    say_text(f, &host, text);
    expect_reply(f, &host, "OK");
    say_text(f, &host_other_port, text);
    expect_reply(f, &host_other_port, "OK");
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_CONNECT);
    updraft_espota_connected(&f->espota, f->now_ms);
    say_text(f, &host, text);
    expect_reply(f, &host, "OK");
    send_bytes(f, f->new_image.bytes, 1000, 1000);
    say_text(f, &host, text);
    assert_string_equal(f->reply, "");
    send_bytes(f, f->new_image.bytes + 1000, f->new_image.len - 1000, CHUNK_LEN);
    say_text(f, &host, text);
    assert_string_equal(f->reply, "");
    expect_success(f);
    expect_boots(f, "1.1.0");
}

static void espota_answers_the_same_password_again_while_its_ok_may_be_lost(void **state)
{
    struct fixture *f = *state;
    char right[128];

    start(f, UPDRAFT_ESPOTA_ESP32, "bms2024");
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    strcpy(right, answer_to(f->reply, "bms2024"));
    say_text(f, &host, right);
    expect_reply(f, &host, "OK");
    say_text(f, &host, right);
    expect_reply(f, &host, "OK");
    say_text(f, &stranger, right);
    assert_string_equal(f->reply, "");
    updraft_espota_connected(&f->espota, f->now_ms);
    send_bytes(f, f->new_image.bytes, f->new_image.len, CHUNK_LEN);
    say_text(f, &host, right);
    assert_string_equal(f->reply, "");
    expect_success(f);
}

static void espota_tells_a_second_host_that_it_is_busy(void **state)
{
    struct fixture *f = *state;
    const char *other = "0 50000 9000 a52dff8366b1473d2e13edd2415def67\n";

    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    say_text(f, &stranger, other);
    expect_reply(f, &stranger, "ERR: ERROR[15]: Update already running\n");
    send_bytes(f, f->new_image.bytes, f->new_image.len, CHUNK_LEN);
    say_text(f, &stranger, other);
    expect_reply(f, &stranger, "ERR: ERROR[15]: Update already running\n");
    assert_int_equal(updraft_espota_port(&f->espota), PORT);
    expect_success(f);
    expect_boots(f, "1.1.0");
}

static void espota_tells_an_esp8266_host_the_reason_alone_and_at_the_end(void **state)
{
    struct fixture *f = *state;

    invite_and_connect(f, f->foreign_image.bytes, f->foreign_image.len);
    send_bytes(f, f->foreign_image.bytes, f->foreign_image.len, CHUNK_LEN);
    assert_int_equal(f->rig.update.failure.code, UPDRAFT_E_WRONG_CHIP);
    assert_int_equal(f->rig.nor.counts.operations, 0);
    f->out_len = 0;
    tick_to(f, f->now_ms + 900);
    assert_int_equal(f->out_len, 0);
    /* For hosts before 2.7.0: no O, and at the end a byte that they cannot decode. */
    expect_failure(f, "Error[55]: the image is for ESP32-S3, this device is another chip\n\xFF");
    assert_null(strchr(f->out, 'O'));
}

static void espota_makes_an_esp32_host_stumble_at_once(void **state)
{
    struct fixture *f = *state;

    start(f, UPDRAFT_ESPOTA_ESP32, NULL);
    invite_and_connect(f, f->foreign_image.bytes, f->foreign_image.len);
    send_bytes(f, f->foreign_image.bytes, 4095, 1024);
    f->out_len = 0;
    updraft_espota_feed(&f->espota, f->foreign_image.bytes + 4095, 1024, f->now_ms);
    drain(f);
    expect_failure(f, "\xFF"
                      "Error[55]: the image is for ESP32-S3, this device is another chip\r\n");
}

static void espota_finds_a_wrong_digest(void **state)
{
    static const char *const words[] = {"Error[7]: MD5 verification failed\n\xFF",
                                        "\xFF"
                                        "Error[7]: MD5 Check Failed\r\n"};
    struct fixture *f = *state;
    char text[128];

    for (int dialect = UPDRAFT_ESPOTA_ESP8266; dialect <= UPDRAFT_ESPOTA_ESP32; dialect++) {
        renew(f, (enum updraft_espota_dialect)dialect, NULL);
        snprintf(text, sizeof text, "0 %d %u a52dff8366b1473d2e13edd2415def67\n", PORT,
                 f->new_image.len);
        say_text(f, &host, text);
        updraft_espota_connected(&f->espota, f->now_ms);
        send_bytes(f, f->new_image.bytes, f->new_image.len - 1, f->new_image.len);
        updraft_espota_feed(&f->espota, f->new_image.bytes + f->new_image.len - 1, 1, f->now_ms);
        if (dialect == UPDRAFT_ESPOTA_ESP8266)
            drain(f);
        f->out_len = 0;
        expect_failure(f, words[dialect]);
    }
}

static void espota_keeps_the_reason_while_another_way_begins(void **state)
{
    struct fixture *f = *state;
    struct updraft_update_request request = {.wire_len = 100};

    invite_and_connect(f, f->foreign_image.bytes, f->foreign_image.len);
    send_bytes(f, f->foreign_image.bytes, f->foreign_image.len, CHUNK_LEN);
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    f->out_len = 0;
    tick_to(f, f->now_ms + 3000);
    assert_memory_equal(f->out, "Error[55]", 9);
    updraft_espota_closed(&f->espota, f->now_ms);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_RECEIVING);
}

static void espota_cleans_what_images_name_for_hosts(void **state)
{
    struct fixture *f = *state;
    struct updraft_update_config config = f->rig.update.config;

    config.project = "OTHER";
    memcpy(f->new_image.bytes + 0x50, "FOO\xC3\n", 6); /* the project's name */
    updraft_update_init(&f->rig.update, &config);
    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    send_bytes(f, f->new_image.bytes, f->new_image.len, CHUNK_LEN);
    f->out_len = 0;
    expect_failure(f, "Error[56]: the image belongs to the project 'Foo?\?'\n\xFF");
}

static void espota_gives_up_after_thirty_seconds_of_silence(void **state)
{
    struct fixture *f = *state;

    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    send_bytes(f, f->new_image.bytes, 5000, CHUNK_LEN);
    f->out_len = 0;
    tick_to(f, f->now_ms + UPDRAFT_ESPOTA_IDLE_MS - 100);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_RECEIVING);
    tick_to(f, f->now_ms + 100);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_FAILED);
    assert_int_equal(f->rig.update.failure.code, UPDRAFT_E_TIMEOUT);
    expect_failure(f, "Error[6]: Stream Read Timeout\n\xFF");
}

static void espota_survives_a_connection_dropped_at_any_byte(void **state)
{
    struct fixture *f = *state;

    for (uint32_t at = 0; at < f->new_image.len; at += at < 40 ? 1 : 397) {
        invite_and_connect(f, f->new_image.bytes, f->new_image.len);
        if (at > 0)
            send_bytes(f, f->new_image.bytes, at, at);
        updraft_espota_closed(&f->espota, f->now_ms);
        assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
        assert_int_equal(f->rig.update.failure.code, UPDRAFT_E_DISCONNECTED);
        assert_false(updraft_espota_take_restart(&f->espota));
        f->out_len = 0;
    }
    expect_boots(f, "1.0.0");
    start(f, UPDRAFT_ESPOTA_ESP8266, NULL);
    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    send_bytes(f, f->new_image.bytes, f->new_image.len, CHUNK_LEN);
    expect_success(f);
    expect_boots(f, "1.1.0");
}

static void espota_gives_up_when_the_host_cannot_be_reached(void **state)
{
    struct fixture *f = *state;
    const char *text = invitation(f->new_image.bytes, f->new_image.len);

    say_text(f, &host, text);
    updraft_espota_connect_failed(&f->espota);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
    assert_int_equal(f->rig.update.failure.code, UPDRAFT_E_CONNECT);
    say_text(f, &host, text);
    expect_reply(f, &host, "OK");
    tick_to(f, f->now_ms + UPDRAFT_ESPOTA_CONNECT_MS);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_FAILED);
    /* It comes after all: nothing to do with it. */
    updraft_espota_connected(&f->espota, f->now_ms);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_CLOSE);
    updraft_espota_feed(&f->espota, f->new_image.bytes, 100, f->now_ms);
    drain(f);
    assert_int_equal(f->out_len, 0);
    updraft_espota_closed(&f->espota, f->now_ms);
    assert_false(updraft_espota_take_restart(&f->espota));
    say_text(f, &host, text);
    expect_reply(f, &host, "OK");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(espota_updates_a_device_in_both_dialects),
        TEST(espota_does_the_same_for_every_split_of_the_stream),
        TEST(espota_takes_a_gzip_image),
        TEST(espota_adds_counts_up_while_nobody_drains),
        TEST(espota_sends_the_ok_only_when_the_last_count_was_taken),
        TEST(espota_gives_up_a_host_that_takes_nothing),
        TEST(espota_restarts_also_when_the_host_closes_first),
        TEST(espota_ignores_bytes_behind_the_announced_size),
        TEST(espota_response_matches_the_published_vectors),
        TEST(espota_asks_for_the_password_and_takes_the_right_answer),
        TEST(espota_refuses_a_wrong_password_and_burns_the_nonce),
        TEST(espota_compares_the_response_exactly),
        TEST(espota_ignores_answers_of_the_wrong_shape),
        TEST(espota_gives_a_new_nonce_to_a_new_invitation),
        TEST(espota_forgets_a_challenge_that_nobody_answers),
        TEST(espota_ignores_what_is_no_message),
        TEST(espota_reads_an_invitation_as_the_stock_devices_do),
        TEST(espota_refuses_impossible_sizes_before_the_ok),
        TEST(espota_says_why_an_update_cannot_begin),
        TEST(espota_writes_a_file_system_only_where_one_is_named),
        TEST(espota_answers_the_same_invitation_until_the_first_byte),
        TEST(espota_answers_the_same_password_again_while_its_ok_may_be_lost),
        TEST(espota_tells_a_second_host_that_it_is_busy),
        TEST(espota_tells_an_esp8266_host_the_reason_alone_and_at_the_end),
        TEST(espota_makes_an_esp32_host_stumble_at_once),
        TEST(espota_finds_a_wrong_digest),
        TEST(espota_keeps_the_reason_while_another_way_begins),
        TEST(espota_cleans_what_images_name_for_hosts),
        TEST(espota_gives_up_after_thirty_seconds_of_silence),
        TEST(espota_survives_a_connection_dropped_at_any_byte),
        TEST(espota_gives_up_when_the_host_cannot_be_reached),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
