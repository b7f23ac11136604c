#include "cli/simulate/books.h"
#include "cli/simulate/latency.h"
#include "cli/simulate/options.h"
#include "cli/simulate/schedule.h"
#include "cli/simulate/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct updraft_sim_world world(void)
{
    return (struct updraft_sim_world){.product = "demo",
                                      .channel = "stable",
                                      .seed = 7,
                                      .poll_ms = 30000,
                                      .boot_ms = 2000,
                                      .jitter_pct = 20};
}

/* A server without faults: takes every report, and offers one version to all. */
static void answer(struct updraft_sim_device *device, const struct updraft_sim_world *of,
                   const char *version)
{
    const bool asks = device->step == UPDRAFT_SIM_ASK;
    const bool offers = asks && strcmp(device->runs, version) != 0;
    const bool brings = device->kind == UPDRAFT_SIM_ESP8266;
    const struct updraft_sim_answer given = {.status = asks && brings && !offers ? 304 : 200,
                                             .version = asks && (offers || !brings) ? version : "",
                                             .url = brings ? "" : "http://h/d/image/00",
                                             .is_whole = !asks || brings};

    if (device->step == UPDRAFT_SIM_RESTART)
        updraft_sim_device_restart(device, of, device->due_ms);
    else
        updraft_sim_device_answer(device, of, &given, device->due_ms);
}

static void run_until_settled(struct updraft_sim_device *device, const struct updraft_sim_world *of,
                              const char *version)
{
    device->is_settled = false;
    for (int i = 0; i < 200 && !device->is_settled; i++)
        answer(device, of, version);
    assert_true(device->is_settled);
}

static void a_reporting_device_goes_through_every_state_to_confirmed(void **state)
{
    const struct updraft_sim_world of = world();
    static const enum updraft_sim_step steps[] = {UPDRAFT_SIM_TELL_CONFIRMED,
                                                  UPDRAFT_SIM_ASK,
                                                  UPDRAFT_SIM_TELL_DOWNLOADING,
                                                  UPDRAFT_SIM_FETCH,
                                                  UPDRAFT_SIM_TELL_WRITTEN,
                                                  UPDRAFT_SIM_RESTART,
                                                  UPDRAFT_SIM_TELL_TRIAL,
                                                  UPDRAFT_SIM_TELL_CONFIRMED,
                                                  UPDRAFT_SIM_ASK};
    static const enum updraft_sim_state states[] = {
        UPDRAFT_SIM_NONE,        UPDRAFT_SIM_NONE,        UPDRAFT_SIM_OFFERED,
        UPDRAFT_SIM_DOWNLOADING, UPDRAFT_SIM_DOWNLOADING, UPDRAFT_SIM_WRITTEN,
        UPDRAFT_SIM_WRITTEN,     UPDRAFT_SIM_TRIAL,       UPDRAFT_SIM_CONFIRMED};
    struct updraft_sim_device device;
    (void)state;

    updraft_sim_device_init(&device, &of, 3, UPDRAFT_SIM_CHANNEL, "1.0.0");
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(device.step, steps[i]);
        assert_int_equal(device.book.state, states[i]);
        assert_int_equal(device.book.is_confirmed,
                         i == 1 || i == 2 || i == 3 || i == 4 || i == 5 || i == 6 || i == 8);
        answer(&device, &of, "2.0.0");
    }
    assert_true(device.is_settled);
    assert_string_equal(device.runs, "2.0.0");
    assert_string_equal(device.book.version, "2.0.0");
    assert_int_equal(device.book.begun, 1);
    assert_int_equal(device.book.ends[UPDRAFT_SIM_CONFIRMED], 1);
}

static void a_bad_image_is_rolled_back_once_and_not_taken_again(void **state)
{
    struct updraft_sim_world of = world();
    unsigned told_trial = 0;
    (void)state;

    of.bad_boot_odds = UPDRAFT_SIM_ODDS;
    for (uint32_t number = 0; number < 64; number++) {
        struct updraft_sim_device device;
        updraft_sim_device_init(&device, &of, number, UPDRAFT_SIM_CHANNEL, "1.0.0");
        for (int i = 0; i < 30; i++) {
            told_trial += device.step == UPDRAFT_SIM_TELL_TRIAL;
            answer(&device, &of, "2.0.0");
            assert_int_not_equal(device.book.state, UPDRAFT_SIM_CONFIRMED);
        }
        assert_string_equal(device.runs, "1.0.0");
        assert_int_equal(device.book.state, UPDRAFT_SIM_ROLLED_BACK);
        assert_int_equal(device.book.begun, 1);
        assert_int_equal(device.book.ends[UPDRAFT_SIM_ROLLED_BACK], 1);
        assert_true(device.book.is_confirmed && device.is_settled);
    }
    /* Some crash before they can say a word, some after. */
    assert_in_range(told_trial, 16, 48);
}

static void a_stock_device_with_a_bad_image_is_lost_and_never_counted_as_updated(void **state)
{
    static const enum updraft_sim_kind kinds[] = {UPDRAFT_SIM_ESP8266, UPDRAFT_SIM_EVSE,
                                                  UPDRAFT_SIM_OVMS};
    struct updraft_sim_world of = world();
    struct updraft_sim_device device;
    (void)state;

    of.bad_boot_odds = UPDRAFT_SIM_ODDS;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        updraft_sim_device_init(&device, &of, 1, kinds[i], "1.0.0");
        run_until_settled(&device, &of, "2.0.0");
        assert_int_equal(device.step, UPDRAFT_SIM_LOST);
        assert_int_equal(device.book.is_known, kinds[i] == UPDRAFT_SIM_ESP8266);
        assert_int_equal(device.book.state, kinds[i] == UPDRAFT_SIM_ESP8266
                                                ? UPDRAFT_SIM_DOWNLOADING
                                                : UPDRAFT_SIM_NONE);
        assert_int_equal(device.book.ends[UPDRAFT_SIM_CONFIRMED], 0);
    }
}

static void a_stock_device_is_confirmed_by_asking_from_the_new_version(void **state)
{
    const struct updraft_sim_world of = world();
    struct updraft_sim_device device;
    (void)state;

    updraft_sim_device_init(&device, &of, 1, UPDRAFT_SIM_ESP8266, "1.0.0");
    run_until_settled(&device, &of, "2.0.0");
    assert_string_equal(device.book.version, "2.0.0");
    assert_int_equal(device.book.state, UPDRAFT_SIM_CONFIRMED);
    assert_int_equal(device.book.ends[UPDRAFT_SIM_CONFIRMED], 1);
}

static void what_was_not_answered_is_sent_again_and_not_booked(void **state)
{
    const struct updraft_sim_world of = world();
    static const unsigned statuses[] = {0, 429, 500, 503, 507};
    struct updraft_sim_device device;
    (void)state;

    updraft_sim_device_init(&device, &of, 1, UPDRAFT_SIM_CHANNEL, "1.0.0");
    for (int i = 0; i < 12; i++) {
        for (size_t s = 0; s < sizeof statuses / sizeof statuses[0]; s++) {
            const struct updraft_sim_device before = device;
            const struct updraft_sim_answer none = {
                .status = statuses[s], .version = "", .url = "", .retry_after_s = s ? 9 : 0};
            if (device.step == UPDRAFT_SIM_RESTART)
                break;
            updraft_sim_device_answer(&device, &of, &none, before.due_ms);
            assert_int_equal(device.step, before.step);
            assert_memory_equal(&device.book, &before.book, sizeof device.book);
            /* A later refusal does not tell what became of the request that was never answered. */
            assert_true(device.is_uncertain);
            assert_true(device.due_ms >= before.due_ms + (s ? 7200 : 400));
        }
        answer(&device, &of, "2.0.0");
        assert_false(device.is_uncertain);
    }
    assert_int_equal(device.book.state, UPDRAFT_SIM_CONFIRMED);
    assert_int_equal(device.book.begun, 1);
}

static void the_wait_doubles_up_to_a_minute(void **state)
{
    struct updraft_sim_world of = world();
    const struct updraft_sim_answer none = {.version = "", .url = ""};
    struct updraft_sim_device device;
    uint64_t expected_ms = 500, now_ms = 0;
    (void)state;

    of.jitter_pct = 0;
    updraft_sim_device_init(&device, &of, 1, UPDRAFT_SIM_ESP8266, "1.0.0");
    for (int i = 0; i < 300; i++) {
        updraft_sim_device_answer(&device, &of, &none, now_ms);
        assert_int_equal(device.due_ms - now_ms, expected_ms);
        now_ms = device.due_ms;
        expected_ms = expected_ms * 2 < 60000 ? expected_ms * 2 : 60000;
    }
}

/* The same seed, whatever the clock: the same fates, in about the share that was asked for. */
static void fates_depend_on_the_seed_alone(void **state)
{
    struct updraft_sim_world of = world();
    uint32_t bad = 0, failed = 0, silent = 0;
    (void)state;

    of.bad_boot_odds = 800;
    of.fail_odds = 500;
    of.silent_odds = 100;
    for (uint32_t number = 0; number < 4000; number++) {
        struct updraft_sim_device once, again;
        updraft_sim_device_init(&once, &of, number, UPDRAFT_SIM_CHANNEL, "1.0.0");
        again = once;
        again.due_ms += 123456;
        again.waits += 17;
        run_until_settled(&once, &of, "2.0.0");
        run_until_settled(&again, &of, "2.0.0");
        assert_memory_equal(&once.book, &again.book, sizeof once.book);
        assert_string_equal(once.runs, again.runs);
        bad += once.book.ends[UPDRAFT_SIM_ROLLED_BACK];
        failed += once.book.ends[UPDRAFT_SIM_FAILED];
        silent += once.went_silent;
    }
    assert_in_range(bad, 260, 380);
    assert_in_range(failed, 150, 270);
    assert_in_range(silent, 20, 65);
}

static void an_address_is_of_one_device_of_one_fleet(void **state)
{
    struct updraft_sim_world of = world(), other = world();
    static const uint32_t numbers[] = {0, 1, 255, 256, 65535, 65536, 999999};
    char mac[UPDRAFT_SIM_MAC_CAP];
    uint32_t number = 0;
    (void)state;

    other.seed = 8;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        updraft_sim_device_mac(&of, numbers[i], mac);
        assert_true(updraft_sim_device_number(&of, mac, &number));
        assert_int_equal(number, numbers[i]);
        assert_false(updraft_sim_device_number(&other, mac, &number));
    }
    assert_false(updraft_sim_device_number(&of, "", &number));
    assert_false(updraft_sim_device_number(&of, "24:6F:28:00:00:01", &number));
}

static void requests_are_those_of_the_real_clients(void **state)
{
    const struct updraft_sim_world of = world();
    struct updraft_sim_device device;
    struct updraft_sim_request request;
    struct updraft_sim_offer offer;
    (void)state;

    updraft_sim_device_init(&device, &of, 1, UPDRAFT_SIM_ESP8266, "1.0.0");
    updraft_sim_wire_request(&device, &of, "http://h:1", &request);
    assert_string_equal(request.url, "http://h:1/d/esp-update/demo?channel=stable");
    assert_true(request.is_http_1_0 && request.may_bring_image);
    assert_non_null(strstr(request.headers, "x-ESP8266-version: 1.0.0\n"));
    updraft_sim_wire_offer(&request, &device, "", "2.0.0", &offer);
    assert_string_equal(offer.version, "2.0.0");
    assert_string_equal(offer.url, "");

    updraft_sim_device_init(&device, &of, 1, UPDRAFT_SIM_OVMS, "1.0.0");
    updraft_sim_wire_request(&device, &of, "http://h:1", &request);
    assert_string_equal(request.url, "http://h:1/d/ovms/demo/stable/ovms3.ver");
    assert_non_null(strstr(request.headers, "Host: h\n"));
    updraft_sim_wire_offer(&request, &device, "2.0.0\nwhat is new", "", &offer);
    assert_string_equal(offer.version, "2.0.0");
    assert_string_equal(offer.url, "http://h:1/d/ovms/demo/stable/ovms3.bin");
    updraft_sim_wire_offer(&request, &device, "no line end", "", &offer);
    assert_string_equal(offer.version, "");

    updraft_sim_device_init(&device, &of, 1, UPDRAFT_SIM_EVSE, "1.0.0");
    device.step = UPDRAFT_SIM_ASK;
    updraft_sim_wire_request(&device, &of, "http://h:1", &request);
    assert_string_equal(request.url, "http://h:1/d/channel/demo/stable/esp32.json");
    assert_string_equal(request.headers, "");
    updraft_sim_wire_offer(&request, &device, "{\"version\":\"2\",\"path\":\"http://h/x\"}", "",
                           &offer);
    assert_string_equal(offer.version, "2");
    assert_string_equal(offer.url, "http://h/x");
    updraft_sim_wire_offer(&request, &device, "<html>", "", &offer);
    assert_string_equal(offer.version, "");
}

static void a_linux_device_says_what_it_is_and_carries_out_actions(void **state)
{
    struct updraft_sim_world of = world();
    struct updraft_sim_request request;
    struct updraft_sim_device device;
    struct updraft_sim_offer offer;
    struct updraft_sim_answer told = {.status = 200, .version = "", .url = ""};
    (void)state;

    of.bad_boot_odds = UPDRAFT_SIM_ODDS;
    updraft_sim_device_init(&device, &of, 1, UPDRAFT_SIM_DDI, "1");
    updraft_sim_wire_request(&device, &of, "http://h", &request);
    assert_non_null(strstr(request.url, "http://h/d/ddi/demo@stable/controller/v1/02:"));
    updraft_sim_device_answer(&device, &of, &told, 0); /* nothing but: what are you? */
    assert_int_equal(device.step, UPDRAFT_SIM_TELL_ABOUT);
    updraft_sim_wire_request(&device, &of, "http://h", &request);
    assert_string_equal(request.method, "PUT");
    assert_string_equal(request.body, "{\"data\":{\"version\":\"1\"}}");
    updraft_sim_device_answer(&device, &of, &told, 0);
    assert_false(device.is_settled);

    updraft_sim_wire_request(&device, &of, "http://h", &request);
    updraft_sim_wire_offer(&request, &device,
                           "{\"_links\":{\"deploymentBase\":{\"href\":\"http://h/x/17\"}}}", "",
                           &offer);
    assert_int_equal(offer.action, 17);
    told.work = offer.work;
    told.action = offer.action;
    updraft_sim_device_answer(&device, &of, &told, 0);
    assert_int_equal(device.step, UPDRAFT_SIM_LOOK);
    assert_true(device.is_uncertain);
    updraft_sim_wire_request(&device, &of, "http://h", &request);
    assert_non_null(strstr(request.url, "/deploymentBase/17"));
    updraft_sim_wire_offer(
        &request, &device,
        "{\"deployment\":{\"chunks\":[{\"version\":\"2\",\"artifacts\":[{\"_links\":"
        "{\"download-http\":{\"href\":\"http://h/f\"}}}]}]}}",
        "", &offer);
    assert_string_equal(offer.version, "2");
    assert_string_equal(offer.url, "http://h/f");
    told = (struct updraft_sim_answer){
        .status = 200, .version = offer.version, .url = offer.url, .is_whole = true};
    updraft_sim_device_answer(&device, &of, &told, 0);
    assert_false(device.is_uncertain);
    updraft_sim_wire_request(&device, &of, "http://h", &request);
    assert_non_null(strstr(request.url, "/deploymentBase/17/feedback"));
    assert_non_null(strstr(request.body, "\"execution\":\"proceeding\""));
    for (int i = 0; i < 3; i++) /* proceeding, the package, success */
        updraft_sim_device_answer(&device, &of, &told, 0);
    assert_int_equal(device.step, UPDRAFT_SIM_RESTART);
    assert_int_equal(device.book.state, UPDRAFT_SIM_WRITTEN);
    updraft_sim_device_restart(&device, &of, 0);
    assert_string_equal(device.runs, "1"); /* it does not boot, and nobody is told */
    assert_int_equal(device.book.state, UPDRAFT_SIM_WRITTEN);
    told = (struct updraft_sim_answer){.status = 200, .version = "", .url = ""};
    updraft_sim_device_answer(&device, &of, &told, 0);
    updraft_sim_device_answer(&device, &of, &told, 0);
    assert_true(device.is_settled && device.book.is_confirmed);
    assert_int_equal(device.book.ends[UPDRAFT_SIM_CONFIRMED], 0);
}

static void a_device_of_our_own_says_all_in_its_question_and_may_put_an_update_off(void **state)
{
    struct updraft_sim_world of = world();
    struct updraft_sim_answer told = {.status = 200, .version = "", .url = ""};
    struct updraft_sim_request request;
    struct updraft_sim_device device;
    struct updraft_sim_offer offer;
    (void)state;

    of.postpone_odds = UPDRAFT_SIM_ODDS;
    of.fail_odds = UPDRAFT_SIM_ODDS;
    updraft_sim_device_init(&device, &of, 1, UPDRAFT_SIM_CHECK, "1");
    updraft_sim_device_answer(&device, &of, &told, 0);
    updraft_sim_wire_request(&device, &of, "http://h", &request);
    assert_string_equal(request.url, "http://h/d/check");
    assert_non_null(strstr(request.body, "\"postponed\":{\"code\":"));
    updraft_sim_wire_offer(&request, &device,
                           "{\"ok\":true,\"offer\":{\"version\":\"2\",\"url\":\"http://h/i\"}}", "",
                           &offer);
    told.version = offer.version;
    told.url = offer.url;
    updraft_sim_device_answer(&device, &of, &told, 0);
    assert_int_equal(device.book.state, UPDRAFT_SIM_POSTPONED);
    assert_int_equal(device.step, UPDRAFT_SIM_ASK);
    updraft_sim_wire_request(&device, &of, "http://h", &request);
    assert_null(strstr(request.body, "postponed"));
    updraft_sim_device_answer(&device, &of, &told, 0);
    assert_int_equal(device.step, UPDRAFT_SIM_FETCH);
    assert_int_equal(device.book.state, UPDRAFT_SIM_POSTPONED);
    updraft_sim_wire_request(&device, &of, "http://h", &request);
    assert_non_null(strstr(request.headers, "x-updraft-device: 02:"));
    told.is_whole = true;
    updraft_sim_device_answer(&device, &of, &told, 0);
    assert_int_equal(device.book.state, UPDRAFT_SIM_DOWNLOADING);
    assert_int_equal(device.step, UPDRAFT_SIM_TELL_FAILED);
    updraft_sim_wire_request(&device, &of, "http://h", &request);
    assert_non_null(strstr(request.body, "\"reports\":[{\"state\":\"failed\",\"target\":\"2\""));
    /* The answer to that offers it once more. */
    updraft_sim_device_answer(&device, &of, &told, 0);
    assert_int_equal(device.book.ends[UPDRAFT_SIM_FAILED], 1);
    assert_int_equal(device.book.state, UPDRAFT_SIM_OFFERED);
    assert_int_equal(device.book.begun, 2);
    assert_int_equal(device.step, UPDRAFT_SIM_ASK);
}

static void every_report_is_json_and_fits(void **state)
{
    struct updraft_sim_world of = world();
    struct updraft_sim_request request;
    struct updraft_sim_device device;
    char product[65], version[UPDRAFT_SIM_VERSION_CAP];
    (void)state;

    memset(product, 'p', 64);
    product[64] = '\0';
    memset(version, '"', sizeof version - 1);
    version[sizeof version - 1] = '\0';
    of.product = product;
    updraft_sim_device_init(&device, &of, 999999, UPDRAFT_SIM_CHANNEL, version);
    memcpy(device.target, version, sizeof version);
    for (int step = UPDRAFT_SIM_TELL_DOWNLOADING; step < UPDRAFT_SIM_LOST; step++) {
        device.step = (enum updraft_sim_step)step;
        updraft_sim_wire_request(&device, &of, "http://h", &request);
        assert_int_not_equal(request.body_len, 0);
        cJSON *json = cJSON_Parse(request.body);
        assert_string_equal(cJSON_GetObjectItem(json, "version")->valuestring, version);
        assert_string_equal(cJSON_GetObjectItem(json, "product")->valuestring, product);
        cJSON_Delete(json);
    }
}

static void the_books_are_compared_member_by_member(void **state)
{
    const struct updraft_sim_world of = world();
    static const char *const others[][4] = {{"1", "true", "confirmed", "2"},
                                            {"2", "false", "confirmed", "2"},
                                            {"2", "true", "failed", "2"},
                                            {"2", "true", "confirmed", "3"},
                                            {"2", "true", "none", ""}};
    uint8_t ends[UPDRAFT_SIM_STATE_COUNT] = {0};
    struct updraft_sim_difference difference;
    struct updraft_sim_device device;
    (void)state;

    updraft_sim_device_init(&device, &of, 1, UPDRAFT_SIM_CHANNEL, "1");
    assert_false(updraft_sim_book_differs(&device, NULL, ends, &difference));
    run_until_settled(&device, &of, "2");
    assert_true(updraft_sim_book_differs(&device, NULL, ends, &difference));
    ends[UPDRAFT_SIM_CONFIRMED] = 1;
    cJSON *right = cJSON_Parse("{\"version\":\"2\",\"confirmed\":true,\"attempt\":{\"state\":"
                               "\"confirmed\",\"to\":\"2\"}}");
    assert_false(updraft_sim_book_differs(&device, right, ends, &difference));
    ends[UPDRAFT_SIM_ROLLED_BACK] = 1;
    assert_true(updraft_sim_book_differs(&device, right, ends, &difference));
    assert_string_equal(difference.books, "1 rolled_back");
    ends[UPDRAFT_SIM_ROLLED_BACK] = 0;
    cJSON_Delete(right);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char text[160];
        snprintf(
            text, sizeof text,
            "{\"version\":\"%s\",\"confirmed\":%s,\"attempt\":{\"state\":\"%s\",\"to\":\"%s\"}}",
            others[i][0], others[i][1], others[i][2], others[i][3]);
        cJSON *wrong = cJSON_Parse(text);
        assert_true(updraft_sim_book_differs(&device, wrong, ends, &difference));
        cJSON_Delete(wrong);
    }
}

/* What a server concludes from its own memory of a download, it may forget when it is killed. */
static void a_failure_that_nobody_told_may_be_missing_but_not_made_up(void **state)
{
    const struct updraft_sim_world of = world();
    uint8_t ends[UPDRAFT_SIM_STATE_COUNT] = {0};
    struct updraft_sim_difference difference;
    struct updraft_sim_device device;
    (void)state;

    for (int kind = UPDRAFT_SIM_ESP8266; kind <= UPDRAFT_SIM_CHANNEL; kind++) {
        updraft_sim_device_init(&device, &of, 1, (enum updraft_sim_kind)kind, "1");
        run_until_settled(&device, &of, "2");
        cJSON *books = cJSON_Parse("{\"version\":\"2\",\"confirmed\":true,"
                                   "\"attempt\":{\"state\":\"confirmed\",\"to\":\"2\"}}");
        ends[UPDRAFT_SIM_CONFIRMED] = 1;
        ends[UPDRAFT_SIM_FAILED] = 0;
        device.book.ends[UPDRAFT_SIM_FAILED] = 1;
        assert_int_equal(updraft_sim_book_differs(&device, books, ends, &difference),
                         kind != UPDRAFT_SIM_ESP8266);
        ends[UPDRAFT_SIM_FAILED] = 2;
        assert_true(updraft_sim_book_differs(&device, books, ends, &difference));
        cJSON_Delete(books);
    }
}

static void who_is_due_first_comes_first(void **state)
{
    enum { COUNT = 500 };
    static struct updraft_sim_device devices[COUNT];
    static struct updraft_sim_device *heap[COUNT];
    struct updraft_sim_schedule schedule = {.heap = heap};
    uint64_t noise = 12345, last_ms = 0;
    (void)state;

    assert_null(updraft_sim_schedule_take(&schedule));
    assert_true(updraft_sim_schedule_due_ms(&schedule) == UINT64_MAX);
    for (uint32_t i = 0; i < COUNT; i++) {
        noise = noise * 6364136223846793005u + 1442695040888963407u;
        devices[i] = (struct updraft_sim_device){.number = i, .due_ms = noise >> 56};
        updraft_sim_schedule_put(&schedule, &devices[i]);
    }
    for (uint32_t i = 0; i < 3 * COUNT; i++) {
        const uint64_t due_ms = updraft_sim_schedule_due_ms(&schedule);
        struct updraft_sim_device *device = updraft_sim_schedule_take(&schedule);
        assert_int_equal(device->due_ms, due_ms);
        assert_true(due_ms >= last_ms);
        last_ms = due_ms;
        if (i >= 2 * COUNT)
            continue;
        noise = noise * 6364136223846793005u + 1442695040888963407u;
        device->due_ms += noise >> 56;
        updraft_sim_schedule_put(&schedule, device);
    }
    assert_int_equal(schedule.count, 0);
}

static void percentiles_are_right_within_four_percent(void **state)
{
    static struct updraft_latency latency, half;
    (void)state;

    assert_int_equal(updraft_latency_us(&latency, 50), 0);
    for (uint64_t us = 1; us <= 100000; us++)
        updraft_latency_add(us % 2 ? &latency : &half, us);
    updraft_latency_merge(&latency, &half);
    assert_int_equal(latency.count, 100000);
    assert_in_range(updraft_latency_us(&latency, 50), 50000, 52000);
    assert_in_range(updraft_latency_us(&latency, 90), 90000, 93600);
    assert_in_range(updraft_latency_us(&latency, 99), 99000, 100000);
    assert_int_equal(updraft_latency_us(&latency, 100), 100000);
    updraft_latency_add(&latency, UINT64_MAX / 2);
    assert_true(updraft_latency_us(&latency, 100) <= UINT64_MAX / 2);
}

static void times_and_shares_are_read_or_refused(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } times[] = {{"30s", 30000}, {"5m", 300000}, {"250ms", 250}, {"1h", 3600000}, {"2", 2000}};
    static const struct {
        const char *text;
        uint32_t odds;
    } shares[] = {{"8%", 800}, {"8", 800}, {"0.5%", 50}, {"0.01%", 1}, {"100%", 10000}, {"0%", 0}};
    static const char *const bad[] = {"",  "-1s",  "5x",  "s",   "99999999d", "1.5m",
                                      "%", "101%", "-8%", ".5%", "8%%",       "1e9"};
    uint64_t ms;
    uint32_t odds;
    (void)state;

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        assert_true(updraft_sim_parse_time(times[i].text, &ms));
        assert_int_equal(ms, times[i].ms);
    }
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        assert_true(updraft_sim_parse_share(shares[i].text, &odds));
        assert_int_equal(odds, shares[i].odds);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(updraft_sim_parse_time(bad[i], &ms) && updraft_sim_parse_share(bad[i], &odds));
    assert_false(updraft_sim_parse_share("101%", &odds));
    assert_false(updraft_sim_parse_time("5x", &ms));
}

static void a_mix_is_kept_to_within_one_percent(void **state)
{
    static const char *const bad[] = {"",       "esp8266:",   "esp8266:x",        "cat:3",
                                      "evse:0", "evse,,evse", "esp8266:99999999", ":3",
                                      "evse:1,"};
    struct updraft_sim_options options = {.weights = {0}};
    uint32_t counts[UPDRAFT_SIM_KIND_COUNT] = {0};
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(updraft_sim_parse_mix(bad[i], options.weights));
    assert_true(updraft_sim_parse_mix("ovms", options.weights));
    assert_int_equal(updraft_sim_options_kind(&options, 12345), UPDRAFT_SIM_OVMS);
    assert_true(updraft_sim_parse_mix("esp8266:35,channel:40,evse:10,ovms:5,ddi:5,check:5",
                                      options.weights));
    for (uint32_t i = 0; i < 1000; i++)
        counts[updraft_sim_options_kind(&options, i)]++;
    for (size_t i = 0; i < UPDRAFT_SIM_KIND_COUNT; i++)
        assert_in_range(counts[i], options.weights[i] * 10 - 10, options.weights[i] * 10 + 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reporting_device_goes_through_every_state_to_confirmed),
        cmocka_unit_test(a_bad_image_is_rolled_back_once_and_not_taken_again),
        cmocka_unit_test(a_stock_device_with_a_bad_image_is_lost_and_never_counted_as_updated),
        cmocka_unit_test(a_stock_device_is_confirmed_by_asking_from_the_new_version),
        cmocka_unit_test(what_was_not_answered_is_sent_again_and_not_booked),
        cmocka_unit_test(the_wait_doubles_up_to_a_minute),
        cmocka_unit_test(fates_depend_on_the_seed_alone),
        cmocka_unit_test(an_address_is_of_one_device_of_one_fleet),
        cmocka_unit_test(requests_are_those_of_the_real_clients),
        cmocka_unit_test(a_linux_device_says_what_it_is_and_carries_out_actions),
        cmocka_unit_test(a_device_of_our_own_says_all_in_its_question_and_may_put_an_update_off),
        cmocka_unit_test(every_report_is_json_and_fits),
        cmocka_unit_test(the_books_are_compared_member_by_member),
        cmocka_unit_test(a_failure_that_nobody_told_may_be_missing_but_not_made_up),
        cmocka_unit_test(who_is_due_first_comes_first),
        cmocka_unit_test(percentiles_are_right_within_four_percent),
        cmocka_unit_test(times_and_shares_are_read_or_refused),
        cmocka_unit_test(a_mix_is_kept_to_within_one_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
