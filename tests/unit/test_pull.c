/* Pulling on the real transaction, a simulated flash and a scripted server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/pull/pull.h"
#include "format/chip.h"
#include "format/text.h"
#include "tests/rig/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_LEN  0x10000u
#define IMAGE_LEN 9000u
#define URL       "http://updates.example/d/esp-update/demo"
#define IMAGE_URL "http://updates.example/d/image/1234"

static bool respond(struct updraft_pull *pull, uint16_t status, int64_t content_len,
                    const char *md5)
{
    return updraft_pull_response(
        pull,
        &(struct updraft_pull_answer){.status = status, .content_len = content_len, .md5 = md5});
}

struct fixture {
    struct rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    struct updraft_pull_config config;
    struct updraft_pull pull;
    struct updraft_pull_fetch fetch;
    uint64_t now_ms;
    uint8_t random_byte;
};

static void fake_random(void *ctx, uint8_t *out, size_t len)
{
    memset(out, ((struct fixture *)ctx)->random_byte, len);
}

static void start(struct fixture *f, enum updraft_pull_way way)
{
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
    f->config = (struct updraft_pull_config){
        .update = &f->rig.update,
        .way = way,
        .url = URL,
        .identity = {.mac = "24:6F:28:00:00:01",
                     .version = "1.0.0",
                     .sdk_version = "v5.4.1",
                     .chip_serial = 10289153,
                     .free_space = 65536,
                     .sketch_len = 9000,
                     .flash_len = 4194304,
                     .sketch_md5 = "a52dff8366b1473d2e13edd2415def67",
                     .sketch_sha256 =
                         "12adc9dff80688800f2f591f0da6ab2f8109d61d910697801f57669ec0d719d3"},
        .interval_s = 60,
        .random = NULL,
        .random_ctx = f,
    };
    updraft_pull_init(&f->pull, &f->config, f->now_ms);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->now_ms = 5000;
    rig_image_make(&f->old_image, UPDRAFT_CHIP_ESP32, "1.0.0", IMAGE_LEN);
    rig_image_make(&f->new_image, UPDRAFT_CHIP_ESP32, "1.1.0", IMAGE_LEN);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old_image);
    start(f, UPDRAFT_PULL_PLAIN);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(f->rig.nor.violation, "");
    rig_free(&f->rig);
    rig_image_free(&f->old_image);
    rig_image_free(&f->new_image);
    free(f);
    return 0;
}

static void renew(struct fixture *f, enum updraft_pull_way way)
{
    rig_free(&f->rig);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old_image);
    start(f, way);
}

static void expect_fetch(struct fixture *f, const char *url)
{
    assert_true(updraft_pull_wants(&f->pull, f->now_ms, &f->fetch));
    assert_string_equal(f->fetch.url, url);
    assert_int_equal(updraft_pull_due_ms(&f->pull), UINT64_MAX);
    assert_false(updraft_pull_wants(&f->pull, f->now_ms, &f->fetch));
    assert_int_equal(updraft_pull_take_outcome(&f->pull), UPDRAFT_PULL_NONE);
}

static void end(struct fixture *f, enum updraft_error transport)
{
    updraft_pull_end(&f->pull, transport, f->now_ms);
}

static void expect_outcome(struct fixture *f, enum updraft_pull_outcome outcome)
{
    assert_int_equal(updraft_pull_take_outcome(&f->pull), outcome);
    assert_int_equal(updraft_pull_take_outcome(&f->pull), UPDRAFT_PULL_NONE);
    assert_true(f->rig.update.state != UPDRAFT_UPDATE_RECEIVING);
}

static void expect_failed(struct fixture *f, enum updraft_error code)
{
    expect_outcome(f, UPDRAFT_PULL_FAILED);
    assert_int_equal(f->pull.failure.code, code);
}

/* A body as a client would give it: until the engine says stop. */
static bool give(struct fixture *f, const uint8_t *data, size_t len, size_t split, size_t step)
{
    if (split > 0 && !updraft_pull_body(&f->pull, data, split))
        return false;
    for (size_t off = split; off < len; off += step)
        if (!updraft_pull_body(&f->pull, data + off, len - off < step ? len - off : step))
            return false;
    return true;
}

static bool give_whole(struct fixture *f, const void *data, size_t len)
{
    return give(f, data, len, len, 1);
}

static void expect_boots(struct fixture *f, const char *version)
{
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_string_equal(rig_version(&f->rig, f->rig.slots.running), version);
}

static const char *md5_of(const struct rig_image *image)
{
    static char hex[33];
    struct updraft_digest digest;
    struct updraft_text text;
    uint8_t md5[UPDRAFT_MD5_LEN];

    updraft_digest_start(&digest, UPDRAFT_DIGEST_MD5);
    updraft_digest_update(&digest, image->bytes, image->len);
    updraft_digest_finish(&digest, md5);
    updraft_text_init(&text, hex, sizeof hex);
    updraft_text_hex(&text, md5, sizeof md5);
    return hex;
}

static void pull_plain_takes_the_body_as_the_image(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(updraft_pull_due_ms(&f->pull), f->now_ms);
    expect_fetch(f, URL);
    assert_string_equal(f->fetch.headers, "");
    assert_false(f->fetch.http_1_0);
    assert_true(respond(&f->pull, 200, f->new_image.len, NULL));
    assert_true(give_whole(f, f->new_image.bytes, f->new_image.len));
    end(f, UPDRAFT_OK);
    expect_outcome(f, UPDRAFT_PULL_UPDATED);
    assert_int_equal(updraft_pull_due_ms(&f->pull), UINT64_MAX);
    expect_boots(f, "1.1.0");
}

static void pull_takes_the_image_in_every_split(void **state)
{
    struct fixture *f = *state;
    size_t len = f->new_image.len;

    for (size_t split = 0; split < len; split += split < 320 ? 1 : 97) {
        renew(f, UPDRAFT_PULL_PLAIN);
        expect_fetch(f, URL);
        assert_true(respond(&f->pull, 200, (int64_t)len, NULL));
        assert_true(give(f, f->new_image.bytes, len, split, split == 0 ? 1 : len));
        end(f, UPDRAFT_OK);
        expect_outcome(f, UPDRAFT_PULL_UPDATED);
        assert_string_equal(rig_version(&f->rig, 1), "1.1.0");
    }
}

static void pull_sends_the_headers_of_an_esp8266(void **state)
{
    struct fixture *f = *state;

    start(f, UPDRAFT_PULL_HEADERS_ESP8266);
    expect_fetch(f, URL);
    assert_true(f->fetch.http_1_0);
    assert_string_equal(f->fetch.headers, "User-Agent: ESP8266-http-Update\n"
                                          "Connection: close\n"
                                          "x-ESP8266-Chip-ID: 10289153\n"
                                          "x-ESP8266-STA-MAC: 24:6F:28:00:00:01\n"
                                          "x-ESP8266-AP-MAC: 24:6F:28:00:00:01\n"
                                          "x-ESP8266-free-space: 65536\n"
                                          "x-ESP8266-sketch-size: 9000\n"
                                          "x-ESP8266-sketch-md5: a52dff8366b1473d2e13edd2415def67\n"
                                          "x-ESP8266-chip-size: 4194304\n"
                                          "x-ESP8266-sdk-version: v5.4.1\n"
                                          "x-ESP8266-mode: sketch\n"
                                          "x-ESP8266-version: 1.0.0\n");
}

static void pull_sends_the_headers_of_an_esp32(void **state)
{
    struct fixture *f = *state;

    start(f, UPDRAFT_PULL_HEADERS_ESP32);
    expect_fetch(f, URL);
    assert_true(f->fetch.http_1_0);
    assert_string_equal(f->fetch.headers,
                        "User-Agent: ESP32-http-Update\n"
                        "Connection: close\n"
                        "Cache-Control: no-cache\n"
                        "x-ESP32-STA-MAC: 24:6F:28:00:00:01\n"
                        "x-ESP32-AP-MAC: 24:6F:28:00:00:01\n"
                        "x-ESP32-free-space: 65536\n"
                        "x-ESP32-sketch-size: 9000\n"
                        "x-ESP32-sketch-md5: a52dff8366b1473d2e13edd2415def67\n"
                        "x-ESP32-sketch-sha256: "
                        "12ADC9DFF80688800F2F591F0DA6AB2F8109D61D910697801F57669EC0D719D3\n"
                        "x-ESP32-chip-size: 4194304\n"
                        "x-ESP32-sdk-version: v5.4.1\n"
                        "x-ESP32-mode: sketch\n"
                        "x-ESP32-version: 1.0.0\n");
}

static void pull_leaves_out_headers_it_knows_nothing_for(void **state)
{
    struct fixture *f = *state;

    start(f, UPDRAFT_PULL_HEADERS_ESP32);
    f->config.identity.version = "";
    f->config.identity.sketch_md5 = NULL;
    f->config.identity.sketch_sha256 = NULL;
    updraft_pull_init(&f->pull, &f->config, f->now_ms);
    expect_fetch(f, URL);
    assert_null(strstr(f->fetch.headers, "sketch-md5"));
    assert_null(strstr(f->fetch.headers, "sha256"));
    assert_null(strstr(f->fetch.headers, "-version: \n"));
    assert_non_null(strstr(f->fetch.headers, "mode: sketch\n"));
}

static void pull_headers_take_304_as_up_to_date(void **state)
{
    struct fixture *f = *state;

    start(f, UPDRAFT_PULL_HEADERS_ESP8266);
    expect_fetch(f, URL);
    assert_false(respond(&f->pull, 304, -1, NULL));
    end(f, UPDRAFT_OK);
    expect_outcome(f, UPDRAFT_PULL_UP_TO_DATE);
    assert_int_equal(updraft_pull_due_ms(&f->pull), f->now_ms + 60000);
}

static void pull_headers_take_200_with_the_md5_of_the_image(void **state)
{
    struct fixture *f = *state;

    start(f, UPDRAFT_PULL_HEADERS_ESP32);
    expect_fetch(f, URL);
    assert_true(respond(&f->pull, 200, f->new_image.len, md5_of(&f->new_image)));
    assert_true(give_whole(f, f->new_image.bytes, f->new_image.len));
    end(f, UPDRAFT_OK);
    expect_outcome(f, UPDRAFT_PULL_UPDATED);
    expect_boots(f, "1.1.0");
}

static void pull_finds_a_body_that_has_another_md5(void **state)
{
    struct fixture *f = *state;

    expect_fetch(f, URL);
    assert_true(respond(&f->pull, 200, f->new_image.len, md5_of(&f->old_image)));
    assert_true(give_whole(f, f->new_image.bytes, f->new_image.len));
    end(f, UPDRAFT_OK);
    expect_failed(f, UPDRAFT_E_DIGEST);
    expect_boots(f, "1.0.0");
}

static void pull_judges_the_answer_before_it_begins(void **state)
{
    static const struct {
        unsigned status;
        int64_t content_len;
        const char *md5;
        enum updraft_error error;
    } cases[] = {
        {404, 10, NULL, UPDRAFT_E_NOT_FOUND},
        {403, 10, NULL, UPDRAFT_E_HTTP_STATUS},
        {401, 10, NULL, UPDRAFT_E_HTTP_STATUS},
        {302, 0, NULL, UPDRAFT_E_HTTP_STATUS},
        {204, 0, NULL, UPDRAFT_E_HTTP_STATUS},
        {206, 9000, NULL, UPDRAFT_E_HTTP_STATUS},
        {500, -1, NULL, UPDRAFT_E_HTTP_STATUS},
        {200, -1, NULL, UPDRAFT_E_NO_LENGTH},
        {200, 0, NULL, UPDRAFT_E_EMPTY},
        {200, SLOT_LEN + 1, NULL, UPDRAFT_E_TOO_LARGE},
        {200, INT64_MAX, NULL, UPDRAFT_E_TOO_LARGE},
        {200, 0x100000100, NULL, UPDRAFT_E_TOO_LARGE},
        {200, 9000, "", UPDRAFT_E_PROTOCOL},
        {200, 9000, "a52dff8366b1473d2e13edd2415def6", UPDRAFT_E_PROTOCOL},
        {200, 9000, "a52dff8366b1473d2e13edd2415def677", UPDRAFT_E_PROTOCOL},
        {200, 9000, "z52dff8366b1473d2e13edd2415def67", UPDRAFT_E_PROTOCOL},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start(f, i % 2 ? UPDRAFT_PULL_PLAIN : UPDRAFT_PULL_HEADERS_ESP32);
        expect_fetch(f, URL);
        assert_false(
            respond(&f->pull, (uint16_t)cases[i].status, cases[i].content_len, cases[i].md5));
        assert_false(updraft_pull_body(&f->pull, f->new_image.bytes, 10));
        end(f, UPDRAFT_E_ABORTED);
        expect_failed(f, cases[i].error);
        if (cases[i].error == UPDRAFT_E_HTTP_STATUS)
            assert_int_equal(f->pull.failure.a, cases[i].status);
    }
    /* Only who sent a version may be told that there is nothing newer. */
    start(f, UPDRAFT_PULL_PLAIN);
    expect_fetch(f, URL);
    assert_false(respond(&f->pull, 304, -1, NULL));
    end(f, UPDRAFT_OK);
    expect_failed(f, UPDRAFT_E_HTTP_STATUS);
    assert_int_equal(f->rig.nor.counts.operations, 0);
}

static void pull_stops_at_the_first_byte_that_cannot_be_right(void **state)
{
    struct fixture *f = *state;

    expect_fetch(f, URL);
    assert_true(respond(&f->pull, 200, 9000, NULL));
    assert_false(updraft_pull_body(&f->pull, (const uint8_t *)"<html>", 6));
    end(f, UPDRAFT_E_ABORTED);
    expect_failed(f, UPDRAFT_E_MAGIC);
    assert_int_equal(f->rig.nor.counts.operations, 0);
}

static void pull_refuses_a_body_of_another_length_than_announced(void **state)
{
    struct fixture *f = *state;

    expect_fetch(f, URL);
    assert_true(respond(&f->pull, 200, f->new_image.len, NULL));
    assert_true(give_whole(f, f->new_image.bytes, f->new_image.len - 1));
    end(f, UPDRAFT_OK);
    expect_failed(f, UPDRAFT_E_LENGTH);

    updraft_pull_now(&f->pull, f->now_ms);
    expect_fetch(f, URL);
    assert_true(respond(&f->pull, 200, f->new_image.len - 1, NULL));
    assert_false(give_whole(f, f->new_image.bytes, f->new_image.len));
    end(f, UPDRAFT_OK);
    expect_failed(f, UPDRAFT_E_LENGTH);
    expect_boots(f, "1.0.0");
}

static void pull_takes_the_running_image_as_up_to_date(void **state)
{
    struct fixture *f = *state;

    expect_fetch(f, URL);
    assert_true(respond(&f->pull, 200, f->old_image.len, NULL));
    assert_false(give(f, f->old_image.bytes, f->old_image.len, 0, 1024));
    end(f, UPDRAFT_E_ABORTED);
    expect_outcome(f, UPDRAFT_PULL_UP_TO_DATE);
    assert_int_equal(f->pull.patience.failures_in_row, 0);
    assert_int_equal(f->rig.nor.counts.operations, 0);
}

static void pull_says_what_the_transaction_says(void **state)
{
    struct fixture *f = *state;
    struct updraft_update_request request = {.wire_len = 100};

    updraft_update_enable(&f->rig.update, false);
    expect_fetch(f, URL);
    assert_false(respond(&f->pull, 200, f->new_image.len, NULL));
    end(f, UPDRAFT_OK);
    expect_failed(f, UPDRAFT_E_DISABLED);

    updraft_update_enable(&f->rig.update, true);
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    updraft_pull_now(&f->pull, f->now_ms);
    expect_fetch(f, URL);
    assert_false(respond(&f->pull, 200, f->new_image.len, NULL));
    end(f, UPDRAFT_E_DISCONNECTED);
    assert_int_equal(updraft_pull_take_outcome(&f->pull), UPDRAFT_PULL_FAILED);
    assert_int_equal(f->pull.failure.code, UPDRAFT_E_BUSY);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_RECEIVING); /* the other one runs on */
}

static void pull_survives_a_connection_dropped_at_any_byte(void **state)
{
    struct fixture *f = *state;

    for (uint32_t at = 0; at < f->new_image.len; at += at < 320 ? 1 : 397) {
        updraft_pull_now(&f->pull, f->now_ms);
        expect_fetch(f, URL);
        assert_true(respond(&f->pull, 200, f->new_image.len, NULL));
        assert_true(give_whole(f, f->new_image.bytes, at));
        end(f, UPDRAFT_E_DISCONNECTED);
        expect_failed(f, UPDRAFT_E_DISCONNECTED);
        assert_int_equal(f->rig.update.failure.code, UPDRAFT_E_DISCONNECTED);
    }
    expect_boots(f, "1.0.0");
    start(f, UPDRAFT_PULL_PLAIN);
    expect_fetch(f, URL);
    assert_true(respond(&f->pull, 200, f->new_image.len, NULL));
    assert_true(give_whole(f, f->new_image.bytes, f->new_image.len));
    end(f, UPDRAFT_OK);
    expect_outcome(f, UPDRAFT_PULL_UPDATED);
    expect_boots(f, "1.1.0");
}

static void pull_fails_when_there_is_no_answer(void **state)
{
    struct fixture *f = *state;

    expect_fetch(f, URL);
    end(f, UPDRAFT_E_CONNECT);
    expect_failed(f, UPDRAFT_E_CONNECT);
    updraft_pull_now(&f->pull, f->now_ms);
    expect_fetch(f, URL);
    end(f, UPDRAFT_OK);
    expect_failed(f, UPDRAFT_E_PROTOCOL);
}

static void give_descriptor(struct fixture *f, const char *json, size_t step)
{
    expect_fetch(f, URL);
    assert_false(f->fetch.http_1_0);
    assert_string_equal(f->fetch.headers, "");
    assert_true(respond(&f->pull, 200, (int64_t)strlen(json), NULL));
    assert_true(give(f, (const uint8_t *)json, strlen(json), 0, step));
    end(f, UPDRAFT_OK);
}

static void pull_channel_fetches_the_image_its_descriptor_names(void **state)
{
    static const char json[] = "{\"version\":\"1.1.0\",\"path\":\"" IMAGE_URL "\"}";
    struct fixture *f = *state;

    for (size_t step = 1; step <= sizeof json; step += 7) {
        renew(f, UPDRAFT_PULL_CHANNEL);
        give_descriptor(f, json, step);
        assert_int_equal(updraft_pull_take_outcome(&f->pull), UPDRAFT_PULL_NONE);
        assert_int_equal(updraft_pull_due_ms(&f->pull), 0);
        expect_fetch(f, IMAGE_URL);
        assert_true(respond(&f->pull, 200, f->new_image.len, NULL));
        assert_true(give_whole(f, f->new_image.bytes, f->new_image.len));
        end(f, UPDRAFT_OK);
        expect_outcome(f, UPDRAFT_PULL_UPDATED);
        expect_boots(f, "1.1.0");
    }
}

static void pull_channel_is_up_to_date_with_the_very_same_version(void **state)
{
    struct fixture *f = *state;

    start(f, UPDRAFT_PULL_CHANNEL);
    give_descriptor(f, "{\"version\":\"1.0.0\",\"path\":\"" IMAGE_URL "\"}", 100);
    expect_outcome(f, UPDRAFT_PULL_UP_TO_DATE);
    assert_int_equal(updraft_pull_due_ms(&f->pull), f->now_ms + 60000);
    /* Any other one is wanted, also an older. */
    updraft_pull_now(&f->pull, f->now_ms);
    give_descriptor(f, "{\"version\":\"0.9.0\",\"path\":\"" IMAGE_URL "\"}", 100);
    expect_fetch(f, IMAGE_URL);
}

static void pull_channel_refuses_descriptors_it_cannot_use(void **state)
{
    static const struct {
        const char *json;
        enum updraft_error error;
    } cases[] = {
        {"", UPDRAFT_E_JSON},
        {"<html>", UPDRAFT_E_JSON},
        {"{\"version\":\"1.1.0\"}", UPDRAFT_E_DESCRIPTOR},
        {"{\"version\":\"1.1.0\",\"path\":\"\"}", UPDRAFT_E_DESCRIPTOR},
        {"{\"version\":\"1.1.0\",\"path\":\"/d/image/1\"}", UPDRAFT_E_DESCRIPTOR},
        {"{\"version\":\"1.1.0\",\"path\":\"ftp://h/image\"}", UPDRAFT_E_DESCRIPTOR},
        {"{\"version\":\"1.0.0\",\"path\":\"image.bin\"}", UPDRAFT_E_DESCRIPTOR},
        {"{\"version\":\"12345678901234567890123456789012\",\"path\":\"" IMAGE_URL "\"}",
         UPDRAFT_E_TOO_LONG},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start(f, UPDRAFT_PULL_CHANNEL);
        give_descriptor(f, cases[i].json, 9);
        expect_failed(f, cases[i].error);
    }
}

static void pull_channel_limits_the_descriptor(void **state)
{
    static const uint8_t spaces[UPDRAFT_DESCRIPTOR_LEN_CAP + 1] = {' '};
    struct fixture *f = *state;

    start(f, UPDRAFT_PULL_CHANNEL);
    expect_fetch(f, URL);
    assert_false(respond(&f->pull, 200, sizeof spaces, NULL));
    end(f, UPDRAFT_OK);
    expect_failed(f, UPDRAFT_E_TOO_LONG);
    updraft_pull_now(&f->pull, f->now_ms);
    expect_fetch(f, URL);
    assert_true(respond(&f->pull, 200, -1, NULL));
    assert_false(give(f, spaces, sizeof spaces, 0, 100));
    end(f, UPDRAFT_OK);
    expect_failed(f, UPDRAFT_E_TOO_LONG);
}

static void pull_channel_begins_anew_after_a_lost_image(void **state)
{
    static const char json[] = "{\"version\":\"1.1.0\",\"path\":\"" IMAGE_URL "\"}";
    struct fixture *f = *state;

    start(f, UPDRAFT_PULL_CHANNEL);
    give_descriptor(f, json, 1000);
    expect_fetch(f, IMAGE_URL);
    assert_true(respond(&f->pull, 200, f->new_image.len, NULL));
    assert_true(give_whole(f, f->new_image.bytes, 5000));
    end(f, UPDRAFT_E_TIMEOUT);
    expect_failed(f, UPDRAFT_E_TIMEOUT);
    f->now_ms = updraft_pull_due_ms(&f->pull);
    expect_fetch(f, URL);
    assert_false(respond(&f->pull, 503, 0, NULL));
    end(f, UPDRAFT_OK);
    expect_failed(f, UPDRAFT_E_SERVER_BUSY);
}

static void fail_once(struct fixture *f)
{
    f->now_ms = updraft_pull_due_ms(&f->pull);
    expect_fetch(f, URL);
    end(f, UPDRAFT_E_CONNECT);
    expect_failed(f, UPDRAFT_E_CONNECT);
}

static void pull_waits_twice_as_long_after_each_failure(void **state)
{
    static const uint32_t waits_s[] = {120, 240, 480, 600, 600};
    struct fixture *f = *state;

    f->config.backoff_cap_s = 600;
    updraft_pull_init(&f->pull, &f->config, f->now_ms);
    for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
        fail_once(f);
        assert_int_equal(updraft_pull_due_ms(&f->pull), f->now_ms + waits_s[i] * 1000u);
        assert_false(updraft_pull_wants(&f->pull, updraft_pull_due_ms(&f->pull) - 1, &f->fetch));
    }
    for (int i = 0; i < 300; i++) /* more than the counter can count */
        fail_once(f);
    assert_int_equal(updraft_pull_due_ms(&f->pull), f->now_ms + 600000);
    f->now_ms = updraft_pull_due_ms(&f->pull);
    expect_fetch(f, URL);
    assert_true(respond(&f->pull, 200, f->old_image.len, NULL));
    assert_false(give(f, f->old_image.bytes, f->old_image.len, 0, 4096));
    end(f, UPDRAFT_OK);
    expect_outcome(f, UPDRAFT_PULL_UP_TO_DATE);
    assert_int_equal(updraft_pull_due_ms(&f->pull), f->now_ms + 60000);
}

static bool refuse_for_90_s(void *ctx, enum updraft_guard_point point,
                            struct updraft_refusal *refusal)
{
    (void)ctx;
    (void)point;
    *refusal = (struct updraft_refusal){.reason = "charging", .retry_after_s = 90};
    return false;
}

/* Neither the interval nor a back-off; a fleet is spread over a tenth of the interval, and never
 * before. */
static void pull_waits_as_long_as_its_own_guard_says(void **state)
{
    struct fixture *f = *state;

    f->rig.hooks.guard = refuse_for_90_s;
    for (int turn = 0; turn < 3; turn++) {
        bool is_spread = turn == 2;

        f->config.random = is_spread ? fake_random : NULL;
        f->random_byte = 0xA5;
        updraft_pull_init(&f->pull, &f->config, f->now_ms);
        expect_fetch(f, URL);
        assert_false(respond(&f->pull, 200, f->new_image.len, NULL));
        end(f, UPDRAFT_OK);
        expect_failed(f, UPDRAFT_E_GUARD);
        assert_int_equal(f->pull.patience.failures_in_row, 0);
        assert_in_range(updraft_pull_due_ms(&f->pull), f->now_ms + 90000u + is_spread,
                        f->now_ms + 90000u + is_spread * 6000u);
    }
    f->rig.hooks.guard = NULL;
}

static void pull_never_waits_less_than_its_interval(void **state)
{
    struct fixture *f = *state;

    f->config.interval_s = 21600; /* six hours, above the default cap of one */
    updraft_pull_init(&f->pull, &f->config, f->now_ms);
    fail_once(f);
    assert_int_equal(updraft_pull_due_ms(&f->pull), f->now_ms + 21600000);
    f->config.interval_s = UINT32_MAX;
    f->config.backoff_cap_s = UINT32_MAX;
    updraft_pull_init(&f->pull, &f->config, f->now_ms);
    fail_once(f);
    assert_int_equal(updraft_pull_due_ms(&f->pull), f->now_ms + UINT32_MAX * UINT64_C(1000));
}

static void pull_spreads_checks_by_a_tenth_to_either_side(void **state)
{
    struct fixture *f = *state;
    uint64_t min = UINT64_MAX, max = 0;

    f->config.random = fake_random;
    for (int byte = 0; byte < 256; byte++) {
        f->random_byte = (uint8_t)byte;
        f->config.interval_s = 1000;
        updraft_pull_init(&f->pull, &f->config, f->now_ms);
        expect_fetch(f, URL);
        assert_false(respond(&f->pull, 404, 0, NULL));
        end(f, UPDRAFT_OK);
        uint64_t wait_ms = updraft_pull_due_ms(&f->pull) - f->now_ms;
        assert_in_range(wait_ms, 1800000, 2200000);
        min = wait_ms < min ? wait_ms : min;
        max = wait_ms > max ? wait_ms : max;
    }
    assert_true(min < 1820000);
    assert_true(max > 2180000);
}

static void pull_asks_only_when_told_without_an_interval(void **state)
{
    struct fixture *f = *state;

    f->config.interval_s = 0;
    updraft_pull_init(&f->pull, &f->config, f->now_ms);
    fail_once(f);
    assert_int_equal(updraft_pull_due_ms(&f->pull), UINT64_MAX);
    assert_false(updraft_pull_wants(&f->pull, UINT64_MAX - 1, &f->fetch));
    updraft_pull_now(&f->pull, f->now_ms);
    expect_fetch(f, URL);
}

static void pull_refuses_addresses_that_are_too_long(void **state)
{
    struct fixture *f = *state;
    char url[UPDRAFT_PULL_URL_CAP + 1] = "http://";

    memset(url + 7, 'a', sizeof url - 8);
    f->config.url = url;
    updraft_pull_init(&f->pull, &f->config, f->now_ms);
    assert_false(updraft_pull_wants(&f->pull, f->now_ms, &f->fetch));
    expect_failed(f, UPDRAFT_E_TOO_LONG);
    url[UPDRAFT_PULL_URL_CAP - 1] = '\0';
    updraft_pull_now(&f->pull, f->now_ms);
    expect_fetch(f, url);
}

static void pull_ignores_answers_nobody_asked_for(void **state)
{
    struct fixture *f = *state;

    assert_false(respond(&f->pull, 200, 9000, NULL));
    assert_false(updraft_pull_body(&f->pull, f->new_image.bytes, 100));
    end(f, UPDRAFT_E_CONNECT);
    expect_outcome(f, UPDRAFT_PULL_NONE);
    assert_int_equal(updraft_pull_due_ms(&f->pull), f->now_ms);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pull_plain_takes_the_body_as_the_image),
        TEST(pull_takes_the_image_in_every_split),
        TEST(pull_sends_the_headers_of_an_esp8266),
        TEST(pull_sends_the_headers_of_an_esp32),
        TEST(pull_leaves_out_headers_it_knows_nothing_for),
        TEST(pull_headers_take_304_as_up_to_date),
        TEST(pull_headers_take_200_with_the_md5_of_the_image),
        TEST(pull_finds_a_body_that_has_another_md5),
        TEST(pull_judges_the_answer_before_it_begins),
        TEST(pull_stops_at_the_first_byte_that_cannot_be_right),
        TEST(pull_refuses_a_body_of_another_length_than_announced),
        TEST(pull_takes_the_running_image_as_up_to_date),
        TEST(pull_says_what_the_transaction_says),
        TEST(pull_survives_a_connection_dropped_at_any_byte),
        TEST(pull_fails_when_there_is_no_answer),
        TEST(pull_channel_fetches_the_image_its_descriptor_names),
        TEST(pull_channel_is_up_to_date_with_the_very_same_version),
        TEST(pull_channel_refuses_descriptors_it_cannot_use),
        TEST(pull_channel_limits_the_descriptor),
        TEST(pull_channel_begins_anew_after_a_lost_image),
        TEST(pull_waits_twice_as_long_after_each_failure),
        TEST(pull_waits_as_long_as_its_own_guard_says),
        TEST(pull_never_waits_less_than_its_interval),
        TEST(pull_spreads_checks_by_a_tenth_to_either_side),
        TEST(pull_asks_only_when_told_without_an_interval),
        TEST(pull_refuses_addresses_that_are_too_long),
        TEST(pull_ignores_answers_nobody_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
