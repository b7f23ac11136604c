/* Pulling by Updraft's own check-in, on the real transaction, a simulated flash and a scripted server. */
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

#define SLOT_LEN  0x20000u
#define IMAGE_LEN 100000u
#define URL       "https://updates.example/d/check"
#define IMAGE_URL "https://updates.example/d/image/1"
#define NOTHING   "{\"ok\":true,\"poll_s\":300,\"offer\":null}"

struct fixture {
    struct rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    struct updraft_check_ask ask;
    struct updraft_pull pull;
    struct updraft_pull_fetch fetch;
    uint64_t now_ms;
    char offer[512];
    struct updraft_refusal refusal; /* of the guard; code or reason set: it refuses */
};

static bool guard(void *ctx, enum updraft_guard_point point, struct updraft_refusal *refusal)
{
    const struct fixture *f = ctx;

    if (point != UPDRAFT_GUARD_BEFORE_START || f->refusal.reason == NULL)
        return true;
    *refusal = f->refusal;
    return false;
}

static void start(struct fixture *f)
{
    const struct updraft_pull_config config = {.update = &f->rig.update,
                                               .way = UPDRAFT_PULL_CHECK,
                                               .url = URL,
                                               .check_in = &updraft_pull_check_in,
                                               .ask = &f->ask,
                                               .interval_s = 60};

    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
    updraft_pull_init(&f->pull, &config, f->now_ms);
}

static void write_offer(struct fixture *f, const char *url, const char *layout)
{
    struct updraft_digest digest;
    struct updraft_text text;
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    char hex[2 * UPDRAFT_SHA256_LEN + 1];

    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, f->new_image.bytes, f->new_image.len);
    updraft_digest_finish(&digest, sha256);
    updraft_text_init(&text, hex, sizeof hex);
    updraft_text_hex(&text, sha256, sizeof sha256);
    snprintf(f->offer, sizeof f->offer,
             "{\"ok\":true,\"poll_s\":300,\"offer\":{\"version\":\"1.1.0\",\"url\":\"%s\","
             "\"size\":%u,\"sha256\":\"%s\",\"layout\":\"%s\"}}",
             url, (unsigned)f->new_image.len, hex, layout);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->now_ms = 5000;
    rig_image_make(&f->old_image, UPDRAFT_CHIP_ESP32, "1.0.0", 9000);
    rig_image_make(&f->new_image, UPDRAFT_CHIP_ESP32, "1.1.0", IMAGE_LEN);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old_image);
    f->rig.hooks = (struct updraft_update_hooks){.ctx = f, .guard = guard};
    f->ask = (struct updraft_check_ask){.device = "24:6F:28:00:00:01",
                                        .product = "demo",
                                        .version = "1.0.0",
                                        .layout = "4m",
                                        .capacity = SLOT_LEN};
    write_offer(f, IMAGE_URL, "4m");
    start(f);
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

static bool respond(struct fixture *f, uint16_t status, int64_t content_len)
{
    return updraft_pull_response(
        &f->pull, &(struct updraft_pull_answer){.status = status, .content_len = content_len});
}

static bool give(struct fixture *f, const void *data, size_t len, size_t step)
{
    for (size_t off = 0; off < len; off += step)
        if (!updraft_pull_body(&f->pull, (const uint8_t *)data + off,
                               len - off < step ? len - off : step))
            return false;
    return true;
}

/* One check and its answer, as it comes byte by byte. */
static void check(struct fixture *f, const char *answer)
{
    updraft_pull_now(&f->pull, f->now_ms);
    assert_true(updraft_pull_wants(&f->pull, f->now_ms, &f->fetch));
    assert_string_equal(f->fetch.url, URL);
    assert_string_equal(f->fetch.headers, "Content-Type: application/json\n");
    assert_non_null(f->fetch.body);
    assert_int_equal(strlen(f->fetch.body), f->fetch.body_len);
    /* Kept, since the answer is read into the same place. */
    assert_true(f->fetch.body_len < sizeof f->fetch.headers);
    memmove(f->fetch.headers, f->fetch.body, f->fetch.body_len + 1);
    assert_true(respond(f, 200, -1));
    assert_true(give(f, answer, strlen(answer), 1));
    updraft_pull_end(&f->pull, UPDRAFT_OK, f->now_ms);
}

static const char *said(const struct fixture *f)
{
    return f->fetch.headers;
}

static void expect_outcome(struct fixture *f, enum updraft_pull_outcome outcome,
                           enum updraft_error code)
{
    assert_int_equal(updraft_pull_take_outcome(&f->pull), outcome);
    if (outcome == UPDRAFT_PULL_FAILED || outcome == UPDRAFT_PULL_POSTPONED)
        assert_int_equal(f->pull.failure.code, code);
    assert_true(f->rig.update.state != UPDRAFT_UPDATE_RECEIVING);
}

static void expect_next_in_s(struct fixture *f, uint32_t s)
{
    assert_int_equal(updraft_pull_due_ms(&f->pull), f->now_ms + s * UINT64_C(1000));
}

static void fetch_image(struct fixture *f)
{
    assert_true(updraft_pull_has_offer(&f->pull));
    assert_int_equal(updraft_pull_due_ms(&f->pull), 0);
    assert_true(updraft_pull_wants(&f->pull, f->now_ms, &f->fetch));
    assert_string_equal(f->fetch.url, IMAGE_URL);
    assert_null(f->fetch.body);
    assert_string_equal(f->fetch.headers, "");
}

static void a_check_leads_to_the_image_it_is_offered(void **state)
{
    struct fixture *f = *state;

    check(f, f->offer);
    assert_non_null(strstr(said(f), "\"version\":\"1.0.0\""));
    assert_null(strstr(said(f), "reports"));
    assert_null(strstr(said(f), "postponed"));
    fetch_image(f);
    assert_true(respond(f, 200, f->new_image.len));
    assert_true(give(f, f->new_image.bytes, f->new_image.len, 1000));
    updraft_pull_end(&f->pull, UPDRAFT_OK, f->now_ms);
    expect_outcome(f, UPDRAFT_PULL_UPDATED, UPDRAFT_OK);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_string_equal(rig_version(&f->rig, f->rig.slots.running), "1.1.0");
}

static void the_server_says_when_to_come_again(void **state)
{
    struct fixture *f = *state;

    check(f, "{\"ok\":true}");
    expect_outcome(f, UPDRAFT_PULL_UP_TO_DATE, UPDRAFT_OK);
    expect_next_in_s(f, 60);
    check(f, NOTHING);
    expect_next_in_s(f, 300);
    /* Once, sooner or later; then as before. */
    check(f, "{\"ok\":true,\"wait_s\":7}");
    expect_next_in_s(f, 7);
    check(f, "{\"ok\":true,\"wait_s\":4000}");
    expect_next_in_s(f, 4000);
    check(f, "{\"ok\":true}");
    expect_next_in_s(f, 300);
    /* Nobody silences a device. */
    check(f, "{\"ok\":true,\"poll_s\":4294967295,\"wait_s\":4294967295}");
    expect_next_in_s(f, UPDRAFT_PATIENCE_TOLD_CAP_S);
    check(f, "{\"ok\":true}");
    expect_next_in_s(f, UPDRAFT_PATIENCE_TOLD_CAP_S);
}

static void failures_back_off_from_the_interval_of_the_server(void **state)
{
    struct fixture *f = *state;

    check(f, NOTHING);
    for (uint32_t i = 1; i <= 2; i++) {
        updraft_pull_now(&f->pull, f->now_ms);
        assert_true(updraft_pull_wants(&f->pull, f->now_ms, &f->fetch));
        updraft_pull_end(&f->pull, UPDRAFT_E_CONNECT, f->now_ms);
        expect_outcome(f, UPDRAFT_PULL_FAILED, UPDRAFT_E_CONNECT);
        expect_next_in_s(f, 300u << i);
    }
    /* That nobody answered says nothing of an update. */
    check(f, NOTHING);
    assert_null(strstr(said(f), "reports"));
}

static void what_already_runs_is_not_fetched(void **state)
{
    struct fixture *f = *state;

    f->ask.version = "1.1.0";
    check(f, f->offer);
    expect_outcome(f, UPDRAFT_PULL_UP_TO_DATE, UPDRAFT_OK);
}

static void another_layout_is_refused_and_the_server_is_told(void **state)
{
    struct fixture *f = *state;

    write_offer(f, IMAGE_URL, "8m");
    check(f, f->offer);
    expect_outcome(f, UPDRAFT_PULL_FAILED, UPDRAFT_E_LAYOUT);
    assert_string_equal(f->pull.failure.text, "8m");
    check(f, NOTHING);
    assert_non_null(strstr(said(f), "\"reports\":[{\"state\":\"failed\",\"target\":\"1.1.0\","
                                    "\"error\":{\"code\":103,"));
    /* Once is enough. */
    check(f, NOTHING);
    assert_null(strstr(said(f), "reports"));
    /* A server that names none, and a device that has none, are taken on trust. */
    write_offer(f, IMAGE_URL, "");
    check(f, f->offer);
    assert_true(updraft_pull_has_offer(&f->pull));
}

static void an_image_larger_than_the_slot_is_refused_before_it_is_fetched(void **state)
{
    struct fixture *f = *state;
    char sentence[160];

    f->ask.capacity = f->new_image.len - 1;
    check(f, f->offer);
    expect_outcome(f, UPDRAFT_PULL_FAILED, UPDRAFT_E_TOO_LARGE);
    (void)updraft_failure_sentence(&f->pull.failure, sentence, sizeof sentence);
    assert_non_null(strstr(sentence, "that takes a full flash over USB"));
    check(f, NOTHING);
    assert_non_null(strstr(said(f), "\"code\":54,"));
}

static void a_device_that_may_not_update_now_says_so_and_does_not_fetch(void **state)
{
    struct fixture *f = *state;

    f->refusal = (struct updraft_refusal){.reason = "charging", .retry_after_s = 90};
    check(f, f->offer);
    assert_non_null(strstr(said(f), "\"postponed\":{\"code\":52,\"name\":\"not_now\",\"text\":"));
    assert_non_null(strstr(said(f), "charging"));
    expect_outcome(f, UPDRAFT_PULL_POSTPONED, UPDRAFT_E_GUARD);
    /* It knows when it may be allowed. */
    expect_next_in_s(f, 90);
    /* Nothing is postponed where there is nothing. */
    check(f, NOTHING);
    expect_outcome(f, UPDRAFT_PULL_UP_TO_DATE, UPDRAFT_OK);
    f->refusal.reason = NULL;
    check(f, f->offer);
    assert_null(strstr(said(f), "postponed"));
    assert_null(strstr(said(f), "reports"));
    fetch_image(f);
    /* Now it has changed its mind. */
    f->refusal = (struct updraft_refusal){.reason = "", .code = UPDRAFT_E_BUTTON};
    assert_false(respond(f, 200, f->new_image.len));
    updraft_pull_end(&f->pull, UPDRAFT_E_ABORTED, f->now_ms);
    expect_outcome(f, UPDRAFT_PULL_POSTPONED, UPDRAFT_E_BUTTON);
    expect_next_in_s(f, 300);
    check(f, NOTHING);
    assert_non_null(strstr(said(f), "\"postponed\":{\"code\":116,"));
    assert_null(strstr(said(f), "reports"));
}

static void updates_that_are_switched_off_are_postponed(void **state)
{
    struct fixture *f = *state;

    updraft_update_enable(&f->rig.update, false);
    check(f, f->offer);
    expect_outcome(f, UPDRAFT_PULL_POSTPONED, UPDRAFT_E_DISABLED);
}

static void other_bytes_than_announced_are_found(void **state)
{
    struct fixture *f = *state;

    check(f, f->offer);
    fetch_image(f);
    assert_false(respond(f, 200, f->new_image.len + 1));
    updraft_pull_end(&f->pull, UPDRAFT_OK, f->now_ms);
    expect_outcome(f, UPDRAFT_PULL_FAILED, UPDRAFT_E_LENGTH);
    check(f, f->offer);
    assert_non_null(strstr(said(f), "\"code\":62,"));
    fetch_image(f);
    f->new_image.bytes[f->new_image.len - 1] ^= 1;
    assert_true(respond(f, 200, f->new_image.len));
    (void)give(f, f->new_image.bytes, f->new_image.len, 1000);
    updraft_pull_end(&f->pull, UPDRAFT_OK, f->now_ms);
    expect_outcome(f, UPDRAFT_PULL_FAILED, UPDRAFT_E_DIGEST);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_string_equal(rig_version(&f->rig, f->rig.slots.running), "1.0.0");
}

static void an_image_that_was_broken_off_is_gone_on_with(void **state)
{
    struct fixture *f = *state;
    char rest[64];

    check(f, f->offer);
    fetch_image(f);
    assert_true(respond(f, 200, f->new_image.len));
    assert_true(give(f, f->new_image.bytes, 90000, 1000));
    updraft_pull_end(&f->pull, UPDRAFT_E_DISCONNECTED, f->now_ms);
    expect_outcome(f, UPDRAFT_PULL_FAILED, UPDRAFT_E_DISCONNECTED);
    check(f, f->offer);
    fetch_image(f);
    assert_false(respond(f, 200, f->new_image.len));
    updraft_pull_end(&f->pull, UPDRAFT_OK, f->now_ms);
    assert_true(updraft_pull_goes_on(&f->pull));
    assert_true(updraft_pull_wants(&f->pull, f->now_ms, &f->fetch));
    uint32_t off = updraft_update_resume_off(&f->rig.update);
    assert_true(off >= 65536);
    snprintf(rest, sizeof rest, "bytes %u-%u/%u", (unsigned)off, (unsigned)f->new_image.len - 1,
             (unsigned)f->new_image.len);
    assert_true(updraft_pull_response(
        &f->pull, &(struct updraft_pull_answer){.status = 206,
                                                .content_len = f->new_image.len - off,
                                                .content_range = rest}));
    assert_true(give(f, f->new_image.bytes + off, f->new_image.len - off, 700));
    updraft_pull_end(&f->pull, UPDRAFT_OK, f->now_ms);
    expect_outcome(f, UPDRAFT_PULL_UPDATED, UPDRAFT_OK);
}

static void what_is_no_answer_is_refused_and_nothing_is_lost_by_it(void **state)
{
    static const struct {
        const char *answer;
        enum updraft_error error;
    } rows[] = {
        {"<html>please sign in</html>", UPDRAFT_E_JSON},
        {"{\"version\":\"1\",\"path\":\"http://h/\"}", UPDRAFT_E_ANSWER},
        {"{\"ok\":true,\"offer\":{}}", UPDRAFT_E_ANSWER},
        {"", UPDRAFT_E_JSON},
    };
    const struct updraft_check_end end = {
        .rolled_back = true, .target = "0.9", .failure = {.code = UPDRAFT_E_ROLLED_BACK}};
    struct fixture *f = *state;

    updraft_pull_tell_end(&f->pull, &end);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check(f, rows[i].answer);
        expect_outcome(f, UPDRAFT_PULL_FAILED, rows[i].error);
    }
    write_offer(f, "ftp://h/x", "");
    check(f, f->offer);
    expect_outcome(f, UPDRAFT_PULL_FAILED, UPDRAFT_E_ANSWER);
    write_offer(f, "http://updates.example/d/image/1", "");
    check(f, f->offer);
    expect_outcome(f, UPDRAFT_PULL_FAILED, UPDRAFT_E_REDIRECT);
}

static void a_roll_back_is_told_until_a_server_has_it(void **state)
{
    const struct updraft_check_end end = {
        .rolled_back = true, .target = "1.1.0", .failure = {.code = UPDRAFT_E_ROLLED_BACK}};
    static const char told[] = "\"reports\":[{\"state\":\"rolled_back\",\"target\":\"1.1.0\",";
    struct fixture *f = *state;

    updraft_pull_tell_end(&f->pull, &end);
    check(f, "{}");
    assert_non_null(strstr(said(f), told));
    check(f, NOTHING);
    assert_non_null(strstr(said(f), told));
    check(f, NOTHING);
    assert_null(strstr(said(f), "reports"));
}

static void an_answer_longer_than_agreed_is_cut_off(void **state)
{
    struct fixture *f = *state;
    char longer[UPDRAFT_CHECK_LEN_CAP + 1];

    memset(longer, ' ', sizeof longer);
    assert_true(updraft_pull_wants(&f->pull, f->now_ms, &f->fetch));
    assert_false(respond(f, 200, sizeof longer));
    updraft_pull_end(&f->pull, UPDRAFT_OK, f->now_ms);
    expect_outcome(f, UPDRAFT_PULL_FAILED, UPDRAFT_E_TOO_LONG);
    updraft_pull_now(&f->pull, f->now_ms);
    assert_true(updraft_pull_wants(&f->pull, f->now_ms, &f->fetch));
    assert_true(respond(f, 200, -1));
    assert_false(give(f, longer, sizeof longer, 100));
    updraft_pull_end(&f->pull, UPDRAFT_OK, f->now_ms);
    expect_outcome(f, UPDRAFT_PULL_FAILED, UPDRAFT_E_TOO_LONG);
}

static void a_question_that_does_not_fit_is_a_failure(void **state)
{
    struct fixture *f = *state;
    char name[UPDRAFT_CHECK_LEN_CAP];

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    f->ask.name = name;
    assert_false(updraft_pull_wants(&f->pull, f->now_ms, &f->fetch));
    expect_outcome(f, UPDRAFT_PULL_FAILED, UPDRAFT_E_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_check_leads_to_the_image_it_is_offered, setup, teardown),
        cmocka_unit_test_setup_teardown(the_server_says_when_to_come_again, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_back_off_from_the_interval_of_the_server, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_already_runs_is_not_fetched, setup, teardown),
        cmocka_unit_test_setup_teardown(another_layout_is_refused_and_the_server_is_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            an_image_larger_than_the_slot_is_refused_before_it_is_fetched, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_that_may_not_update_now_says_so_and_does_not_fetch,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(updates_that_are_switched_off_are_postponed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(other_bytes_than_announced_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(an_image_that_was_broken_off_is_gone_on_with, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_no_answer_is_refused_and_nothing_is_lost_by_it,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_roll_back_is_told_until_a_server_has_it, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_longer_than_agreed_is_cut_off, setup, teardown),
        cmocka_unit_test_setup_teardown(a_question_that_does_not_fit_is_a_failure, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
