/* What a server says besides the image: come later, do not come, this holds so long. And what it must
 * not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/pull/pull.h"
#include "format/chip.h"
#include "tests/rig/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_LEN   0x10000u
#define INTERVAL_S 60u
#define URL        "https://updates.example/d/demo.json"

struct fixture {
    struct rig rig;
    struct rig_image image;
    struct updraft_pull pull;
    struct updraft_pull_fetch fetch;
};

static void ask(struct fixture *f, enum updraft_pull_way way)
{
    struct updraft_pull_config config = {
        .update = &f->rig.update,
        .way = way,
        .url = URL,
        .identity = {.mac = "24:6F:28:00:00:01", .version = "1.0.0", .sdk_version = "v5.4.1"},
        .interval_s = INTERVAL_S,
    };

    updraft_pull_init(&f->pull, &config, 0);
    assert_true(updraft_pull_wants(&f->pull, 0, &f->fetch));
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    rig_image_make(&f->image, UPDRAFT_CHIP_ESP32, "1.0.0", 9000);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->image);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(f->rig.nor.violation, "");
    rig_free(&f->rig);
    rig_image_free(&f->image);
    free(f);
    return 0;
}

static void expect_refused(struct fixture *f, const struct updraft_pull_answer *answer,
                           enum updraft_error code)
{
    assert_false(updraft_pull_response(&f->pull, answer));
    updraft_pull_end(&f->pull, UPDRAFT_OK, 0);
    assert_int_equal(updraft_pull_take_outcome(&f->pull), UPDRAFT_PULL_FAILED);
    assert_int_equal(f->pull.failure.code, code);
}

static void expect_sentence(const struct fixture *f, const char *wanted)
{
    char sentence[200];

    updraft_failure_sentence(&f->pull.failure, sentence, sizeof sentence);
    assert_string_equal(sentence, wanted);
}

static void pull_comes_again_when_a_busy_server_said(void **state)
{
    static const uint16_t statuses[] = {429, 503};
    struct fixture *f = *state;

    for (size_t i = 0; i < 2 * sizeof statuses / sizeof statuses[0]; i++) {
        ask(f, i < 2 ? UPDRAFT_PULL_CHANNEL : UPDRAFT_PULL_HEADERS_ESP32);
        expect_refused(f,
                       &(struct updraft_pull_answer){
                           .status = statuses[i % 2], .content_len = -1, .retry_after_s = 17},
                       UPDRAFT_E_SERVER_BUSY);
        assert_int_equal(updraft_pull_due_ms(&f->pull), 17000);
        expect_sentence(f, i % 2 ? "the server has no time, status 503; try again in 17 s"
                                 : "the server has no time, status 429; try again in 17 s");
    }
}

static void pull_backs_off_from_a_busy_server_that_does_not_say_when(void **state)
{
    struct fixture *f = *state;

    ask(f, UPDRAFT_PULL_PLAIN);
    expect_refused(f, &(struct updraft_pull_answer){.status = 503, .content_len = 0},
                   UPDRAFT_E_SERVER_BUSY);
    assert_int_equal(updraft_pull_due_ms(&f->pull), 2 * INTERVAL_S * 1000);
    expect_sentence(f, "the server has no time, status 503");
}

static void pull_believes_no_server_that_sends_it_away_for_more_than_a_day(void **state)
{
    struct fixture *f = *state;

    ask(f, UPDRAFT_PULL_PLAIN);
    expect_refused(f, &(struct updraft_pull_answer){.status = 503, .retry_after_s = UINT32_MAX},
                   UPDRAFT_E_SERVER_BUSY);
    assert_int_equal(updraft_pull_due_ms(&f->pull), UPDRAFT_PATIENCE_TOLD_CAP_S * 1000u);
    ask(f, UPDRAFT_PULL_HEADERS_ESP32);
    assert_false(updraft_pull_response(
        &f->pull, &(struct updraft_pull_answer){.status = 304,
                                                .content_len = -1,
                                                .cache_control = "max-age=31536000, immutable"}));
    updraft_pull_end(&f->pull, UPDRAFT_OK, 0);
    assert_int_equal(updraft_pull_take_outcome(&f->pull), UPDRAFT_PULL_UP_TO_DATE);
    assert_int_equal(updraft_pull_due_ms(&f->pull), UPDRAFT_PATIENCE_TOLD_CAP_S * 1000u);
}

/* What may pass by itself is tried again soon, the rest after the longest wait. */
static void pull_does_not_hammer_a_server_that_says_no(void **state)
{
    static const struct {
        uint16_t status;
        bool is_for_good;
    } cases[] = {{400, true},  {401, true},  {403, true},  {405, true},  {410, true},
                 {451, true},  {499, true},  {404, false}, {408, false}, {425, false},
                 {399, false}, {500, false}, {502, false}, {504, false}};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(f, UPDRAFT_PULL_HEADERS_ESP32);
        expect_refused(f,
                       &(struct updraft_pull_answer){.status = cases[i].status, .retry_after_s = 1},
                       cases[i].status == 404 ? UPDRAFT_E_NOT_FOUND : UPDRAFT_E_HTTP_STATUS);
        assert_int_equal(updraft_pull_due_ms(&f->pull),
                         cases[i].is_for_good ? 3600000 : 2 * INTERVAL_S * 1000);
    }
}

static void give_descriptor(struct fixture *f, const char *json, const char *cache_control)
{
    assert_true(updraft_pull_response(
        &f->pull, &(struct updraft_pull_answer){.status = 200,
                                                .content_len = (int64_t)strlen(json),
                                                .cache_control = cache_control}));
    assert_true(updraft_pull_body(&f->pull, (const uint8_t *)json, strlen(json)));
    updraft_pull_end(&f->pull, UPDRAFT_OK, 0);
}

static void pull_lets_a_descriptor_hold_as_long_as_its_server_says(void **state)
{
    static const char same[] = "{\"version\": \"1.0.0\", \"path\": \"https://u.example/a.bin\"}";
    struct fixture *f = *state;

    ask(f, UPDRAFT_PULL_CHANNEL);
    give_descriptor(f, same, "public, max-age=900");
    assert_int_equal(updraft_pull_take_outcome(&f->pull), UPDRAFT_PULL_UP_TO_DATE);
    assert_int_equal(updraft_pull_due_ms(&f->pull), 900000);
    /* And the one after it says nothing of the sort. */
    updraft_pull_now(&f->pull, 0);
    assert_true(updraft_pull_wants(&f->pull, 0, &f->fetch));
    give_descriptor(f, same, NULL);
    assert_int_equal(updraft_pull_due_ms(&f->pull), INTERVAL_S * 1000);
}

static void pull_backs_off_from_an_image_however_long_it_holds(void **state)
{
    static const char other[] = "{\"version\": \"1.1.0\", \"path\": \"https://u.example/a.bin\"}";
    struct fixture *f = *state;

    ask(f, UPDRAFT_PULL_CHANNEL);
    give_descriptor(f, other, "max-age=90");
    assert_true(updraft_pull_wants(&f->pull, 0, &f->fetch));
    expect_refused(
        f, &(struct updraft_pull_answer){.status = 404, .cache_control = "max-age=31536000"},
        UPDRAFT_E_NOT_FOUND);
    assert_int_equal(updraft_pull_due_ms(&f->pull), 2 * INTERVAL_S * 1000);
    /* The image that the device runs already, under a new name: its age is not the channel's. */
    ask(f, UPDRAFT_PULL_CHANNEL);
    give_descriptor(f, other, "max-age=90");
    assert_true(updraft_pull_wants(&f->pull, 0, &f->fetch));
    assert_true(updraft_pull_response(
        &f->pull, &(struct updraft_pull_answer){.status = 200,
                                                .content_len = f->image.len,
                                                .cache_control = "max-age=31536000"}));
    assert_false(updraft_pull_body(&f->pull, f->image.bytes, f->image.len));
    updraft_pull_end(&f->pull, UPDRAFT_OK, 0);
    assert_int_equal(updraft_pull_take_outcome(&f->pull), UPDRAFT_PULL_UP_TO_DATE);
    assert_int_equal(updraft_pull_due_ms(&f->pull), 90000);
}

static void pull_does_not_leave_https_for_an_image(void **state)
{
    struct fixture *f = *state;

    ask(f, UPDRAFT_PULL_CHANNEL);
    give_descriptor(f, "{\"version\": \"1.1.0\", \"path\": \"http://u.example/a.bin\"}", NULL);
    assert_int_equal(updraft_pull_take_outcome(&f->pull), UPDRAFT_PULL_FAILED);
    assert_int_equal(f->pull.failure.code, UPDRAFT_E_REDIRECT);
    expect_sentence(f, "the server sends the device elsewhere in a way that it does not follow: "
                       "from https to http");
    assert_false(updraft_pull_wants(&f->pull, 0, &f->fetch));
}

static void pull_says_why_the_client_broke_off(void **state)
{
    struct fixture *f = *state;
    struct updraft_failure why;

    updraft_failure_set(&why, UPDRAFT_E_CERTIFICATE, 0, 0, "it has expired");
    ask(f, UPDRAFT_PULL_CHANNEL);
    updraft_pull_break(&f->pull, &why, 0);
    assert_int_equal(updraft_pull_take_outcome(&f->pull), UPDRAFT_PULL_FAILED);
    expect_sentence(f, "the server's certificate is refused: it has expired");
    assert_int_equal(updraft_pull_due_ms(&f->pull), 2 * INTERVAL_S * 1000);
    /* What the engine itself found before counts. */
    ask(f, UPDRAFT_PULL_PLAIN);
    assert_false(updraft_pull_response(
        &f->pull, &(struct updraft_pull_answer){.status = 404, .content_len = 0}));
    updraft_pull_break(&f->pull, &why, 0);
    assert_int_equal(f->pull.failure.code, UPDRAFT_E_NOT_FOUND);
}

static void pull_says_that_a_release_for_larger_slots_needs_a_full_flash(void **state)
{
    struct fixture *f = *state;
    char wanted[120];

    ask(f, UPDRAFT_PULL_PLAIN);
    expect_refused(f, &(struct updraft_pull_answer){.status = 200, .content_len = SLOT_LEN + 1},
                   UPDRAFT_E_TOO_LARGE);
    snprintf(wanted, sizeof wanted,
             "the image has %u bytes, but the slot holds %u; that takes a full flash over USB",
             SLOT_LEN + 1, SLOT_LEN);
    expect_sentence(f, wanted);
    assert_int_equal(f->rig.nor.counts.operations, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pull_comes_again_when_a_busy_server_said),
        TEST(pull_backs_off_from_a_busy_server_that_does_not_say_when),
        TEST(pull_believes_no_server_that_sends_it_away_for_more_than_a_day),
        TEST(pull_does_not_hammer_a_server_that_says_no),
        TEST(pull_lets_a_descriptor_hold_as_long_as_its_server_says),
        TEST(pull_backs_off_from_an_image_however_long_it_holds),
        TEST(pull_does_not_leave_https_for_an_image),
        TEST(pull_says_why_the_client_broke_off),
        TEST(pull_says_that_a_release_for_larger_slots_needs_a_full_flash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
