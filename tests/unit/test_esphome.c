/* ESPHome's protocol on the real transaction, a simulated flash and a scripted host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/push/esphome.h"
#include "format/chip.h"
#include "format/text.h"
#include "tests/rig/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_LEN  0x10000u
#define IMAGE_LEN 20000u /* two full blocks and a rest */
#define PASSWORD  "bms2024"

/* The protocol's known proofs: nonce and cnonce are these, repeated. */
#define NONCE_16  "0123456789abcdef"
#define CNONCE_16 "fedcba9876543210"
#define PROOF_MD5 "7c2343db0a2c847f8f1c5f531a4e1189"
#define PROOF_SHA "c077055bc34ac90fd45b4c9c6a4c8092556708c6fbf3c775ebadeb38c54ffcba"

struct fixture {
    struct rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    struct rig_image foreign_image;
    struct updraft_esphome esphome;
    struct updraft_esphome_config config;
    uint64_t now_ms;
    uint8_t out[512]; /* all that was drained since out_len was set to 0 */
    size_t out_len;
};

/* 01 23 45 67 89 ab cd ef, again and again: the nonce of the known proofs. */
static void known_random(void *ctx, uint8_t *out, size_t len)
{
    static const uint8_t bytes[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF};

    (void)ctx;
    for (size_t i = 0; i < len; i++)
        out[i] = bytes[i % sizeof bytes];
}

/* Back to a device with the old image, as new, with a connection. */
static void renew(struct fixture *f)
{
    rig_free(&f->rig);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old_image);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
    f->config.update = &f->rig.update;
    updraft_esphome_init(&f->esphome, &f->config);
    updraft_esphome_connected(&f->esphome, f->now_ms);
    f->out_len = 0;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->now_ms = 1000000;
    f->config = (struct updraft_esphome_config){.version = 2, .random = known_random};
    rig_image_make(&f->old_image, UPDRAFT_CHIP_ESP32, "1.0.0", IMAGE_LEN);
    rig_image_make(&f->new_image, UPDRAFT_CHIP_ESP32, "1.1.0", IMAGE_LEN);
    rig_image_make(&f->foreign_image, UPDRAFT_CHIP_ESP32S3, "1.1.0", IMAGE_LEN);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old_image);
    renew(f);
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

static void drain(struct fixture *f)
{
    size_t len;

    while ((len = updraft_esphome_drain(&f->esphome, f->out + f->out_len, 3)) > 0) {
        f->out_len += len;
        assert_true(f->out_len < sizeof f->out - 3);
    }
}

/* Gives bytes in pieces as a platform would: what is not taken is given again after the answer. */
static void send_pieces(struct fixture *f, const void *bytes, size_t len, size_t piece_len)
{
    const uint8_t *data = bytes;

    for (size_t off = 0; off < len;) {
        size_t n = len - off < piece_len ? len - off : piece_len;
        size_t out_before = f->out_len;
        size_t used = updraft_esphome_feed(&f->esphome, data + off, n, f->now_ms);

        assert_true(used <= n);
        drain(f);
        if (used == 0 && f->out_len == out_before)
            return; /* the engine takes no more: it is about to close */
        off += used;
    }
}

static void send(struct fixture *f, const void *bytes, size_t len)
{
    send_pieces(f, bytes, len, len);
}

/* All that came since the last look. */
static void expect(struct fixture *f, const void *bytes, size_t len)
{
    assert_int_equal(f->out_len, len);
    assert_memory_equal(f->out, bytes, len);
    f->out_len = 0;
}

#define EXPECT(f, ...)                                                                             \
    do {                                                                                           \
        static const uint8_t expected_[] = {__VA_ARGS__};                                          \
        expect(f, expected_, sizeof expected_);                                                    \
    } while (0)

static void expect_failure(struct fixture *f, uint8_t byte, const char *words)
{
    f->out[f->out_len] = '\0';
    assert_true(f->out_len > 1);
    assert_int_equal(f->out[0], byte);
    assert_string_equal((const char *)f->out + 1, words);
    f->out_len = 0;
}

static void md5_of(const struct rig_image *image, char hex[33])
{
    struct updraft_digest digest;
    struct updraft_text text;
    uint8_t md5[UPDRAFT_MD5_LEN];

    updraft_digest_start(&digest, UPDRAFT_DIGEST_MD5);
    updraft_digest_update(&digest, image->bytes, image->len);
    updraft_digest_finish(&digest, md5);
    updraft_text_init(&text, hex, 33);
    updraft_text_hex(&text, md5, sizeof md5);
}

static void say_hello(struct fixture *f, uint8_t features)
{
    send(f, (const uint8_t[]){0x6C, 0x26, 0xF7, 0x5C, 0x45}, 5);
    expect(f, (const uint8_t[]){0x00, f->config.version}, 2);
    send(f, &features, 1);
}

static void say_size(struct fixture *f, uint32_t len)
{
    uint8_t size[] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                      (uint8_t)len};

    send(f, size, sizeof size);
}

/* Without a password, up to the first byte of the image. */
static void announce(struct fixture *f, const struct rig_image *image)
{
    char md5[33];

    say_hello(f, 0x03);
    EXPECT(f, 0x40, 0x41);
    say_size(f, image->len);
    EXPECT(f, 0x42);
    md5_of(image, md5);
    send(f, md5, 32);
    EXPECT(f, 0x43);
}

static void tick_to(struct fixture *f, uint64_t until_ms)
{
    while (f->now_ms < until_ms) {
        f->now_ms += 500;
        updraft_esphome_tick(&f->esphome, f->now_ms);
        drain(f);
    }
}

static void expect_new_image(struct fixture *f)
{
    assert_int_equal(updraft_esphome_wants(&f->esphome), UPDRAFT_ESPHOME_WANTS_CLOSE);
    assert_false(updraft_esphome_take_restart(&f->esphome));
    updraft_esphome_closed(&f->esphome);
    assert_true(updraft_esphome_take_restart(&f->esphome));
    assert_false(updraft_esphome_take_restart(&f->esphome));
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_string_equal(rig_version(&f->rig, f->rig.booted.slot), "1.1.0");
}

static void expect_old_image(struct fixture *f)
{
    updraft_esphome_closed(&f->esphome);
    assert_int_equal(updraft_esphome_wants(&f->esphome), UPDRAFT_ESPHOME_WANTS_NOTHING);
    assert_false(updraft_esphome_take_restart(&f->esphome));
    assert_int_not_equal(f->rig.update.state, UPDRAFT_UPDATE_RECEIVING);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_string_equal(rig_version(&f->rig, f->rig.booted.slot), "1.0.0");
}

static void a_host_without_a_password_updates_step_by_step(void **state)
{
    struct fixture *f = *state;

    announce(f, &f->new_image);
    send(f, f->new_image.bytes, 8191);
    assert_int_equal(f->out_len, 0);
    send(f, f->new_image.bytes + 8191, 1);
    EXPECT(f, 0x47);
    send(f, f->new_image.bytes + 8192, 8192);
    EXPECT(f, 0x47);
    send(f, f->new_image.bytes + 16384, f->new_image.len - 16384);
    EXPECT(f, 0x47, 0x44, 0x45);
    assert_int_equal(updraft_esphome_wants(&f->esphome), UPDRAFT_ESPHOME_WANTS_STREAM);
    send(f, (const uint8_t[]){0x00}, 1);
    expect_new_image(f);
}

static void a_size_that_is_whole_blocks_gets_no_extra_acknowledgement(void **state)
{
    struct fixture *f = *state;
    struct rig_image image;

    rig_image_make(&image, UPDRAFT_CHIP_ESP32, "1.1.0", 16384);
    assert_int_equal(image.len, 16384);
    announce(f, &image);
    send(f, image.bytes, image.len);
    EXPECT(f, 0x47, 0x47, 0x44, 0x45);
    rig_image_free(&image);
}

static void version_1_has_no_acknowledgements(void **state)
{
    struct fixture *f = *state;

    f->config.version = 1;
    renew(f);
    announce(f, &f->new_image);
    send(f, f->new_image.bytes, f->new_image.len);
    EXPECT(f, 0x44, 0x45);
    send(f, (const uint8_t[]){0x00}, 1);
    expect_new_image(f);
}

static void the_host_may_hang_up_instead_of_its_last_word(void **state)
{
    struct fixture *f = *state;

    announce(f, &f->new_image);
    send(f, f->new_image.bytes, f->new_image.len);
    EXPECT(f, 0x47, 0x47, 0x47, 0x44, 0x45);
    updraft_esphome_closed(&f->esphome);
    assert_true(updraft_esphome_take_restart(&f->esphome));

    renew(f);
    announce(f, &f->new_image);
    send(f, f->new_image.bytes, f->new_image.len);
    tick_to(f, f->now_ms + UPDRAFT_ESPHOME_LINGER_MS);
    assert_int_equal(updraft_esphome_wants(&f->esphome), UPDRAFT_ESPHOME_WANTS_STREAM);
    tick_to(f, f->now_ms + 1000);
    expect_new_image(f);
}

/* A whole conversation as one run of bytes, without a password and with both schemes. */
static size_t make_conversation(const struct fixture *f, uint8_t features, uint8_t *out)
{
    static const char *const md5_proof = CNONCE_16 CNONCE_16 PROOF_MD5;
    static const char *const sha_proof = CNONCE_16 CNONCE_16 CNONCE_16 CNONCE_16 PROOF_SHA;
    static const uint8_t magic[] = {0x6C, 0x26, 0xF7, 0x5C, 0x45};
    const struct rig_image *image = &f->new_image;
    size_t len = sizeof magic;
    char md5[33];

    memcpy(out, magic, sizeof magic);
    out[len++] = features;
    if (f->config.password) {
        const char *proof = features & 2u ? sha_proof : md5_proof;

        memcpy(out + len, proof, strlen(proof));
        len += strlen(proof);
    }
    out[len++] = 0;
    out[len++] = (uint8_t)(image->len >> 16);
    out[len++] = (uint8_t)(image->len >> 8);
    out[len++] = (uint8_t)image->len;
    md5_of(image, md5);
    memcpy(out + len, md5, 32);
    len += 32;
    memcpy(out + len, image->bytes, image->len);
    len += image->len;
    out[len++] = 0;
    return len;
}

static void expect_conversation(struct fixture *f, uint8_t features)
{
    static const uint8_t rest[] = {0x41, 0x42, 0x43, 0x47, 0x47, 0x47, 0x44, 0x45};
    uint8_t expected[128] = {0x00, 0x02, 0x40};
    size_t len = 3;

    if (f->config.password) {
        expected[len++] = features & 2u ? 0x02 : 0x01;
        for (int i = 0; i < (features & 2u ? 4 : 2); i++, len += 16)
            memcpy(expected + len, NONCE_16, 16);
    }
    memcpy(expected + len, rest, sizeof rest);
    expect(f, expected, len + sizeof rest);
    expect_new_image(f);
}

static void a_conversation_goes_the_same_whole_and_in_pieces(void **state)
{
    static const struct {
        uint8_t features;
        const char *password;
    } kinds[] = {{0x01, NULL}, {0x01, PASSWORD}, {0x03, PASSWORD}};
    struct fixture *f = *state;
    uint8_t *bytes = malloc(f->new_image.len + 256);

    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
        f->config.password = kinds[kind].password;
        for (size_t piece_len = 1; piece_len < 40000; piece_len = piece_len * 3 + 1) {
            renew(f);
            size_t len = make_conversation(f, kinds[kind].features, bytes);
            send_pieces(f, bytes, len, piece_len);
            expect_conversation(f, kinds[kind].features);
        }
    }
    free(bytes);
}

static void a_conversation_goes_the_same_split_anywhere(void **state)
{
    struct fixture *f = *state;
    uint8_t *bytes = malloc(f->new_image.len + 256);

    f->config.password = PASSWORD;
    for (size_t split = 1; split < 300; split++) {
        renew(f);
        size_t len = make_conversation(f, 0x03, bytes);
        /* The last ones fall on the end of the image. */
        size_t at = split < 250 ? split : len - (300 - split);
        send(f, bytes, at);
        send(f, bytes + at, len - at);
        expect_conversation(f, 0x03);
    }
    free(bytes);
}

static void the_proofs_are_those_of_the_protocol(void **state)
{
    char proof[UPDRAFT_ESPHOME_NONCE_CAP];

    (void)state;
    updraft_esphome_proof(PASSWORD, NONCE_16 NONCE_16, CNONCE_16 CNONCE_16, proof);
    assert_string_equal(proof, PROOF_MD5);
    updraft_esphome_proof(PASSWORD, NONCE_16 NONCE_16 NONCE_16 NONCE_16,
                          CNONCE_16 CNONCE_16 CNONCE_16 CNONCE_16, proof);
    assert_string_equal(proof, PROOF_SHA);
}

static void a_wrong_password_is_refused_and_told_to_the_platform(void **state)
{
    struct fixture *f = *state;
    char wrong[] = CNONCE_16 CNONCE_16 PROOF_MD5;

    f->config.password = PASSWORD;
    for (size_t digit = 32; digit < 64; digit += 31) {
        wrong[digit] = (char)(wrong[digit] ^ 1);
        renew(f);
        say_hello(f, 0x01);
        f->out_len = 0;
        send(f, wrong, 64);
        expect_failure(f, 0x82, "60 the password is wrong or missing\n");
        assert_int_equal(updraft_esphome_take_sign_in(&f->esphome), UPDRAFT_SIGN_IN_WRONG);
        assert_int_equal(updraft_esphome_take_sign_in(&f->esphome), UPDRAFT_SIGN_IN_NONE);
        wrong[digit] = (char)(wrong[digit] ^ 1);
        /* The right one comes too late: a nonce is good for one attempt. */
        send(f, wrong, 64);
        assert_int_equal(f->out_len, 0);
        expect_old_image(f);
    }
    renew(f);
    say_hello(f, 0x01);
    f->out_len = 0;
    send(f, wrong, 64);
    EXPECT(f, 0x41);
    assert_int_equal(updraft_esphome_take_sign_in(&f->esphome), UPDRAFT_SIGN_IN_RIGHT);
}

static void a_host_that_knows_only_md5_can_be_turned_away(void **state)
{
    struct fixture *f = *state;

    f->config.password = PASSWORD;
    f->config.sha256_only = true;
    renew(f);
    send(f, (const uint8_t[]){0x6C, 0x26, 0xF7, 0x5C, 0x45, 0x01}, 6);
    assert_memory_equal(f->out, ((const uint8_t[]){0x00, 0x02, 0x40}), 3);
    f->out_len -= 3;
    memmove(f->out, f->out + 3, f->out_len);
    expect_failure(f, 0x82, "60 the password is wrong or missing\n");
    expect_old_image(f);
}

static void gzip_is_asked_for_and_taken(void **state)
{
    struct fixture *f = *state;
    struct rig_image packed;
    char md5[33];

    f->config.takes_gzip = true;
    renew(f);
    say_hello(f, 0x02); /* a host that cannot */
    EXPECT(f, 0x40, 0x41);

    renew(f);
    say_hello(f, 0x01);
    EXPECT(f, 0x46, 0x41);
    packed.bytes = rig_gzip(f->new_image.bytes, f->new_image.len, &packed.len);
    say_size(f, packed.len);
    md5_of(&packed, md5);
    send(f, md5, 32);
    EXPECT(f, 0x42, 0x43);
    send(f, packed.bytes, packed.len);
    assert_int_equal(f->out[f->out_len - 1], 0x45);
    assert_int_equal(f->out_len, (packed.len + 8191) / 8192 + 2);
    free(packed.bytes);
    send(f, (const uint8_t[]){0x00}, 1);
    expect_new_image(f);
}

static void what_is_no_esphome_host_hears_of_the_magic(void **state)
{
    struct fixture *f = *state;
    static const char request[] = "GET / HTTP/1.1\r\n\r\n";

    send(f, request, sizeof request - 1);
    expect_failure(f, 0x80, "71 the other side does not speak the expected protocol\n");
    expect_old_image(f);
}

static void an_image_for_another_chip_is_the_wrong_board(void **state)
{
    struct fixture *f = *state;

    announce(f, &f->foreign_image);
    send(f, f->foreign_image.bytes, 8192);
    expect_failure(f, 0x87, "55 the image is for ESP32-S3, this device is another chip\n");
    /* The rest of the block is on its way already. */
    send(f, f->foreign_image.bytes + 8192, 8192);
    assert_int_equal(f->out_len, 0);
    expect_old_image(f);
}

static void too_large_is_said_in_the_words_of_the_chip(void **state)
{
    struct fixture *f = *state;

    for (int is_esp8266 = 0; is_esp8266 < 2; is_esp8266++) {
        f->config.is_esp8266 = is_esp8266;
        renew(f);
        say_hello(f, 0x03);
        f->out_len = 0;
        say_size(f, SLOT_LEN + 1);
        expect_failure(f, is_esp8266 ? 0x88 : 0x89,
                       "54 the image has 65537 bytes, but the slot holds 65536"
                       "; that takes a full flash over USB\n");
        expect_old_image(f);
    }
}

static void what_cannot_begin_is_a_flash_that_cannot_be_prepared(void **state)
{
    struct fixture *f = *state;

    say_hello(f, 0x03);
    f->out_len = 0;
    say_size(f, 0);
    expect_failure(f, 0x81, "63 there is no image: no bytes came\n");
    expect_old_image(f);

    renew(f);
    updraft_update_enable(&f->rig.update, false);
    say_hello(f, 0x03);
    f->out_len = 0;
    say_size(f, f->new_image.len);
    expect_failure(f, 0x81, "50 updates are switched off on this device\n");
    expect_old_image(f);
}

static void a_second_host_is_refused_and_disturbs_nobody(void **state)
{
    struct fixture *f = *state;
    struct updraft_esphome first;

    announce(f, &f->new_image);
    send(f, f->new_image.bytes, 100);
    first = f->esphome;
    updraft_esphome_init(&f->esphome, &f->config);
    updraft_esphome_connected(&f->esphome, f->now_ms);
    say_hello(f, 0x03);
    f->out_len = 0;
    say_size(f, f->new_image.len);
    expect_failure(f, 0x81, "51 another update is running\n");
    updraft_esphome_closed(&f->esphome);
    f->esphome = first;
    send(f, f->new_image.bytes + 100, f->new_image.len - 100);
    EXPECT(f, 0x47, 0x47, 0x47, 0x44, 0x45);
    send(f, (const uint8_t[]){0x00}, 1);
    expect_new_image(f);
}

static void a_wrong_md5_is_told_after_the_last_byte(void **state)
{
    struct fixture *f = *state;

    say_hello(f, 0x03);
    say_size(f, f->new_image.len);
    send(f, "a52dff8366b1473d2e13edd2415def67", 32);
    send(f, f->new_image.bytes, 16384);
    f->out_len = 0;
    send(f, f->new_image.bytes + 16384, f->new_image.len - 16384);
    assert_memory_equal(f->out, ((const uint8_t[]){0x47, 0x44}), 2);
    f->out_len -= 2;
    memmove(f->out, f->out + 2, f->out_len);
    expect_failure(f, 0x8B, "61 the received bytes do not have the announced digest\n");
    expect_old_image(f);

    renew(f);
    say_hello(f, 0x03);
    say_size(f, f->new_image.len);
    f->out_len = 0;
    send(f, "not hexadecimal, but of its length", 32);
    expect_failure(f, 0xFF, "71 the other side does not speak the expected protocol\n");
    expect_old_image(f);
}

static void a_host_of_version_1_may_send_all_before_it_hears_no(void **state)
{
    struct fixture *f = *state;

    f->config.version = 1;
    renew(f);
    announce(f, &f->foreign_image);
    send(f, f->foreign_image.bytes, 4096);
    for (uint32_t off = 4096; off < f->foreign_image.len; off += 1000) {
        tick_to(f, f->now_ms + 1500);
        assert_int_equal(updraft_esphome_wants(&f->esphome), UPDRAFT_ESPHOME_WANTS_STREAM);
        send(f, f->foreign_image.bytes + off,
             f->foreign_image.len - off < 1000 ? f->foreign_image.len - off : 1000);
    }
    expect_failure(f, 0x87, "55 the image is for ESP32-S3, this device is another chip\n");
    tick_to(f, f->now_ms + 2500);
    assert_int_equal(updraft_esphome_wants(&f->esphome), UPDRAFT_ESPHOME_WANTS_CLOSE);
    expect_old_image(f);
}

static void a_vanished_host_makes_room_at_any_moment(void **state)
{
    struct fixture *f = *state;
    uint8_t *bytes = malloc(f->new_image.len + 256);

    f->config.password = PASSWORD;
    renew(f);
    size_t len = make_conversation(f, 0x03, bytes);
    for (size_t cut = 0; cut < len - 1; cut += cut < 250 ? 1 : 997) {
        renew(f);
        if (cut > 0)
            send(f, bytes, cut);
        assert_int_equal(updraft_esphome_wants(&f->esphome), UPDRAFT_ESPHOME_WANTS_STREAM);
        expect_old_image(f);
        assert_true(f->rig.update.state == UPDRAFT_UPDATE_IDLE ||
                    f->rig.update.failure.code == UPDRAFT_E_DISCONNECTED);
    }
    free(bytes);
}

static void every_phase_ends_by_itself(void **state)
{
    static const struct {
        size_t len; /* of the conversation */
        uint32_t limit_ms;
    } phases[] = {
        {0, UPDRAFT_ESPHOME_HANDSHAKE_MS},       {5, UPDRAFT_ESPHOME_HANDSHAKE_MS},
        {6, UPDRAFT_ESPHOME_HANDSHAKE_MS},       {100, UPDRAFT_ESPHOME_HANDSHAKE_MS},
        {6 + 128, UPDRAFT_ESPHOME_IDLE_MS},      {6 + 128 + 4, UPDRAFT_ESPHOME_IDLE_MS},
        {6 + 128 + 36, UPDRAFT_ESPHOME_IDLE_MS}, {9000, UPDRAFT_ESPHOME_IDLE_MS},
    };
    struct fixture *f = *state;
    uint8_t *bytes = malloc(f->new_image.len + 256);

    f->config.password = PASSWORD;
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        renew(f);
        (void)make_conversation(f, 0x03, bytes);
        if (phases[i].len > 0)
            send(f, bytes, phases[i].len);
        f->out_len = 0;
        tick_to(f, f->now_ms + phases[i].limit_ms - 500);
        assert_int_equal(f->out_len, 0);
        tick_to(f, f->now_ms + 500);
        expect_failure(f, 0xFF, "65 nothing came for too long\n");
        assert_int_equal(updraft_esphome_wants(&f->esphome), UPDRAFT_ESPHOME_WANTS_STREAM);
        tick_to(f, f->now_ms + UPDRAFT_ESPHOME_LINGER_MS);
        assert_int_equal(updraft_esphome_wants(&f->esphome), UPDRAFT_ESPHOME_WANTS_CLOSE);
        expect_old_image(f);
    }
    free(bytes);
}

static void a_stream_that_crawls_is_given_up(void **state)
{
    struct fixture *f = *state;

    announce(f, &f->new_image);
    send(f, f->new_image.bytes, 5000);
    updraft_esphome_timed_out(&f->esphome, f->now_ms);
    drain(f);
    expect_failure(f, 0xFF, "65 nothing came for too long\n");
    assert_int_equal(f->rig.update.failure.code, UPDRAFT_E_TIMEOUT);
    expect_old_image(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_host_without_a_password_updates_step_by_step),
        TEST(a_size_that_is_whole_blocks_gets_no_extra_acknowledgement),
        TEST(version_1_has_no_acknowledgements),
        TEST(the_host_may_hang_up_instead_of_its_last_word),
        TEST(a_conversation_goes_the_same_whole_and_in_pieces),
        TEST(a_conversation_goes_the_same_split_anywhere),
        TEST(the_proofs_are_those_of_the_protocol),
        TEST(a_wrong_password_is_refused_and_told_to_the_platform),
        TEST(a_host_that_knows_only_md5_can_be_turned_away),
        TEST(gzip_is_asked_for_and_taken),
        TEST(what_is_no_esphome_host_hears_of_the_magic),
        TEST(an_image_for_another_chip_is_the_wrong_board),
        TEST(too_large_is_said_in_the_words_of_the_chip),
        TEST(what_cannot_begin_is_a_flash_that_cannot_be_prepared),
        TEST(a_second_host_is_refused_and_disturbs_nobody),
        TEST(a_wrong_md5_is_told_after_the_last_byte),
        TEST(a_host_of_version_1_may_send_all_before_it_hears_no),
        TEST(a_vanished_host_makes_room_at_any_moment),
        TEST(every_phase_ends_by_itself),
        TEST(a_stream_that_crawls_is_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
