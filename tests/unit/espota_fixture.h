/* espota's tests share this: the engine on the real transaction, a simulated flash, a scripted host. */
#ifndef UPDRAFT_TESTS_UNIT_ESPOTA_FIXTURE_H
#define UPDRAFT_TESTS_UNIT_ESPOTA_FIXTURE_H

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

static inline void fake_random(void *ctx, uint8_t *out, size_t len)
{
    struct fixture *f = ctx;

    memset(out, f->random_byte++, len);
}

/* A device that was just started; the slots are as rig_make() left them. */
static inline void start(struct fixture *f, enum updraft_espota_dialect dialect,
                         const char *password)
{
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
    f->config = (struct updraft_espota_config){
        .update = &f->rig.update,
        .dialect = dialect,
        .password = {.text = password},
        .random = fake_random,
        .random_ctx = f,
    };
    updraft_espota_init(&f->espota, &f->config);
    f->out_len = 0;
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
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
static inline void renew(struct fixture *f, enum updraft_espota_dialect dialect,
                         const char *password)
{
    rig_free(&f->rig);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old_image);
    start(f, dialect, password);
}

static inline void say(struct fixture *f, const struct updraft_peer *from, const void *data,
                       size_t len)
{
    size_t got;

    updraft_espota_datagram(&f->espota, from, data, len, f->now_ms);
    got =
        updraft_espota_reply(&f->espota, &f->replied_to, (uint8_t *)f->reply, sizeof f->reply - 1);
    f->reply[got] = '\0';
    assert_int_equal(
        updraft_espota_reply(&f->espota, &f->replied_to, (uint8_t *)f->reply + got + 1, 0), 0);
}

static inline void say_text(struct fixture *f, const struct updraft_peer *from, const char *text)
{
    say(f, from, text, strlen(text));
}

static inline void expect_reply(struct fixture *f, const struct updraft_peer *to, const char *text)
{
    assert_string_equal(f->reply, text);
    assert_memory_equal(f->replied_to.bytes, to->bytes, to->len);
}

static inline void md5_of(const uint8_t *data, size_t len, char hex[33])
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

static inline const char *invitation(const uint8_t *data, size_t len)
{
    static char text[128];
    char md5[33];

    md5_of(data, len, md5);
    snprintf(text, sizeof text, "0 %d %zu %s\n", PORT, len, md5);
    return text;
}

static inline const char *answer_to(const char *challenge, const char *password)
{
    static const char cnonce[] = "84a086766f135ce7a82354a61920c6a6";
    static char text[128];
    char secret[UPDRAFT_ESPOTA_DIGITS_CAP], response[UPDRAFT_ESPOTA_DIGITS_CAP];

    assert_true(strlen(challenge) == 5 + 32 || strlen(challenge) == 5 + 64);
    assert_memory_equal(challenge, "AUTH ", 5);
    updraft_espota_wire_secret(UPDRAFT_DIGEST_MD5, password, secret);
    updraft_espota_wire_md5_proof(secret, challenge + 5, strlen(challenge + 5), cnonce, response);
    snprintf(text, sizeof text, "200 %s %s\n", cnonce, response);
    return text;
}

static inline void drain(struct fixture *f)
{
    size_t len;

    do {
        len = updraft_espota_drain(&f->espota, (uint8_t *)f->out + f->out_len, 3);
        f->out_len += len;
        assert_true(f->out_len < sizeof f->out - 3);
    } while (len > 0);
    f->out[f->out_len] = '\0';
}

static inline void tick_to(struct fixture *f, uint64_t until_ms)
{
    while (f->now_ms < until_ms) {
        f->now_ms += 100;
        updraft_espota_tick(&f->espota, f->now_ms);
        drain(f);
    }
}

static inline void invite_and_connect(struct fixture *f, const uint8_t *data, size_t len)
{
    say_text(f, &host, invitation(data, len));
    expect_reply(f, &host, "OK");
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_CONNECT);
    assert_int_equal(updraft_espota_port(&f->espota), PORT);
    updraft_espota_connected(&f->espota, f->now_ms);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_STREAM);
}

static inline bool is_esp32(const struct fixture *f)
{
    return f->config.dialect == UPDRAFT_ESPOTA_ESP32;
}

/* Whether the count of so many bytes of the image is held back. */
static inline bool is_in_last_chunk(const struct fixture *f, size_t acknowledged)
{
    return is_esp32(f) && acknowledged > (f->espota.invitation.size - 1u) / 1024u * 1024u;
}

/* Each count comes before its bytes are fed; at the end an ESP32 host gets its verdict. */
static inline void send_bytes(struct fixture *f, const uint8_t *data, size_t len, size_t piece_len)
{
    for (size_t off = 0; off < len; off += piece_len) {
        size_t n = len - off < piece_len ? len - off : piece_len;
        size_t before = f->out_len;
        char expected[16];

        updraft_espota_acknowledge(&f->espota, n, f->now_ms);
        drain(f);
        snprintf(expected, sizeof expected, "%zu", n);
        if (is_in_last_chunk(f, f->espota.received + n))
            expected[0] = '\0';
        assert_string_equal(f->out + before, expected);
        before = f->out_len;
        updraft_espota_feed(&f->espota, data + off, n, f->now_ms);
        drain(f);
        assert_string_equal(f->out + before, is_esp32(f) && f->espota.chosen ? "OK" : "");
    }
}

/* OK: to an ESP8266 host a moment after the last count, to an ESP32 host at once. Again and again
 * while it does not close, then the end. */
static inline void expect_success(struct fixture *f)
{
    if (!is_esp32(f)) {
        f->out_len = 0;
        updraft_espota_tick(&f->espota, f->now_ms);
        updraft_espota_tick(&f->espota, f->now_ms += UPDRAFT_ESPOTA_SETTLE_MS - 1);
        drain(f);
        assert_int_equal(f->out_len, 0);
        updraft_espota_tick(&f->espota, f->now_ms += 1);
        drain(f);
    }
    assert_string_equal(f->out + f->out_len - 2, "OK");
    f->out_len = 0;
    tick_to(f, f->now_ms + UPDRAFT_ESPOTA_AGAIN_MS - 100);
    assert_int_equal(f->out_len, 0);
    tick_to(f, f->now_ms + 100);
    assert_string_equal(f->out, "OK");
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_STREAM);
    tick_to(f, f->now_ms + UPDRAFT_ESPOTA_LINGER_MS);
    assert_string_equal(f->out, "OKOKOKOK");
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_CLOSE);
    assert_false(updraft_espota_take_restart(&f->espota));
    updraft_espota_closed(&f->espota, f->now_ms);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
    assert_true(updraft_espota_take_restart(&f->espota));
    assert_false(updraft_espota_take_restart(&f->espota));
}

static inline void expect_boots(struct fixture *f, const char *version)
{
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_string_equal(rig_version(&f->rig, f->rig.slots.running), version);
    assert_string_equal(f->rig.nor.violation, "");
}

/* Waits for the end and closes; f->out is all that was said: the line, five times. */
static inline void expect_failure(struct fixture *f, const char *line)
{
    const char *heard = f->out;
    size_t len = strlen(line);
    int times = 0;

    tick_to(f, f->now_ms + 3000);
    for (; strncmp(heard, line, len) == 0; heard += len)
        times++;
    /* Old ESP8266 hosts read on: a byte that they cannot decode ends it. */
    assert_string_equal(heard, is_esp32(f) ? "" : "\xFF");
    assert_int_equal(times, 5);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_CLOSE);
    updraft_espota_closed(&f->espota, f->now_ms);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
    assert_false(updraft_espota_take_restart(&f->espota));
    expect_boots(f, "1.0.0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
