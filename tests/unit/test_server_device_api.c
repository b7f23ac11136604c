/* The device protocols without sockets: requests in, responses and books out. */
#include "format/chip.h"
#include "server/device_api/device_api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAC        "24:6F:28:00:00:01"
#define HEADER_CAP 8u

struct rig {
    struct updraft_fleet fleet;
    struct updraft_response response;
    int64_t now_ms;
};

static void add_release(struct rig *rig, int64_t id, const char *version)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_RELEASE};

    change.row.release.id = id;
    change.row.release.product_id = 1;
    updraft_name_set(change.row.release.version, UPDRAFT_VERSION_CAP, version);
    updraft_fleet_apply(&rig->fleet, &change);
}

static void add_image(struct rig *rig, int64_t release_id, uint16_t chip)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_IMAGE};

    change.row.image.release_id = release_id;
    change.row.image.chip = chip;
    change.row.image.size = 1000;
    memset(change.row.image.sha256, (int)(release_id * 16 + (chip & 15)), UPDRAFT_SHA256_LEN);
    memset(change.row.image.md5, (int)(release_id * 16 + (chip & 15)), UPDRAFT_MD5_LEN);
    updraft_fleet_apply(&rig->fleet, &change);
}

static void set_channel(struct rig *rig, const char *name, int64_t release_id)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_CHANNEL};

    change.row.channel.product_id = 1;
    change.row.channel.release_id = release_id;
    updraft_name_set(change.row.channel.name, UPDRAFT_NAME_CAP, name);
    updraft_fleet_apply(&rig->fleet, &change);
}

/* Product demo: 1.0.0 and 1.1.0 for ESP32 and ESP32-S3, 2.0.0 for the ESP8266; stable is 1.1.0. */
static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct updraft_change product = {.kind = UPDRAFT_CHANGE_PRODUCT};

    updraft_fleet_init(&rig->fleet, 1);
    product.row.product.id = 1;
    updraft_name_set(product.row.product.name, UPDRAFT_NAME_CAP, "demo");
    updraft_fleet_apply(&rig->fleet, &product);
    add_release(rig, 1, "1.0.0");
    add_release(rig, 2, "1.1.0");
    add_release(rig, 3, "2.0.0");
    for (int64_t id = 1; id <= 2; id++) {
        add_image(rig, id, UPDRAFT_CHIP_ESP32);
        add_image(rig, id, UPDRAFT_CHIP_ESP32S3);
    }
    add_image(rig, 3, UPDRAFT_CHIP_ESP8266);
    set_channel(rig, "stable", 2);
    set_channel(rig, "old", 3);
    rig->now_ms = 1000;
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    updraft_response_deinit(&rig->response);
    updraft_fleet_deinit(&rig->fleet);
    free(rig);
    return 0;
}

/* Asks as the adapter does, and commits what the handler planned. Gives the number of changes. */
static size_t ask(struct rig *rig, updraft_handler handler, const struct updraft_request *request)
{
    const struct updraft_view view = {&rig->fleet, "", rig->now_ms};
    struct updraft_plan plan;

    rig->now_ms += 10;
    updraft_response_deinit(&rig->response);
    updraft_response_init(&rig->response);
    updraft_plan_init(&plan, updraft_fleet_next_attempt_id(&rig->fleet));
    handler(&view, request, &plan, &rig->response);
    size_t count = plan.count;
    assert_true(count == 0 || plan.key > UPDRAFT_PLAN_KEY_CATALOGUE);
    for (size_t i = 0; i < count; i++)
        updraft_fleet_apply(&rig->fleet, &plan.changes[i]);
    if (plan.sighted)
        updraft_fleet_touch(&rig->fleet, &plan.sight);
    updraft_plan_deinit(&plan);
    return count;
}

static const char *header(const struct rig *rig, const char *name)
{
    for (size_t i = 0; i < rig->response.header_count; i++) {
        const struct updraft_response_header *found = &rig->response.headers[i];
        if (strcmp(found->name, name) == 0)
            return found->constant != NULL ? found->constant : found->value;
    }
    return NULL;
}

static size_t ask_channel(struct rig *rig, const char *channel, const char *file,
                          const char *version)
{
    const struct updraft_field headers[] = {{"Host", "srv:80"},
                                            {"X-Updraft-Device", MAC},
                                            {"x-updraft-version", version},
                                            {"x-updraft-name", "garage"}};
    const struct updraft_request request = {.method = UPDRAFT_METHOD_GET,
                                            .segments = {"demo", channel, file},
                                            .headers = headers,
                                            .header_count = version == NULL ? 1 : 4,
                                            .address = "10.0.0.1"};
    return ask(rig, updraft_channel_answer, &request);
}

static size_t report(struct rig *rig, const char *json)
{
    const struct updraft_request request = {.method = UPDRAFT_METHOD_POST,
                                            .address = "10.0.0.1",
                                            .body = json,
                                            .body_len = strlen(json)};
    return ask(rig, updraft_report_answer, &request);
}

#define REPORT(version, state, more)                                                               \
    "{\"device\":\"" MAC "\",\"product\":\"demo\",\"chip\":\"esp32\",\"version\":\"" version       \
    "\",\"state\":\"" state "\"" more "}"

static size_t ask_esp(struct rig *rig, const char *query_chip, const struct updraft_field *headers)
{
    const struct updraft_field query[] = {{"chip", query_chip}};
    struct updraft_request request = {.method = UPDRAFT_METHOD_GET,
                                      .segments = {"demo"},
                                      .headers = headers,
                                      .query = query,
                                      .query_count = query_chip == NULL ? 0 : 1,
                                      .address = "10.0.0.2"};

    while (request.header_count < HEADER_CAP && headers[request.header_count].name != NULL)
        request.header_count++;
    return ask(rig, updraft_esp_update_answer, &request);
}

/* As of this call. */
static const struct updraft_attempt_row *newest(const struct rig *rig)
{
    static struct updraft_attempt_row row;
    const struct updraft_device *device = updraft_fleet_find_device(&rig->fleet, MAC);

    assert_non_null(device);
    assert_non_null(device->newest);
    updraft_attempt_row(device->newest, &row);
    return &row;
}

static const char *log_of_newest(const struct rig *rig)
{
    return updraft_attempt_log(updraft_fleet_find_device(&rig->fleet, MAC)->newest);
}

static const struct updraft_device_row *device_of(const struct rig *rig)
{
    static struct updraft_device_row row;

    updraft_device_row(updraft_fleet_find_device(&rig->fleet, MAC), &row);
    return &row;
}

static void a_stock_channel_client_leaves_no_trace(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(ask_channel(rig, "stable", "esp32.json", NULL), 0);
    assert_int_equal(rig->response.status, 200);
    assert_string_equal(rig->response.body,
                        "{\"version\":\"1.1.0\",\"path\":\"http://srv:80/d/image/"
                        "2020202020202020202020202020202020202020202020202020202020202020\"}");
    assert_int_equal(rig->fleet.device_count, 0);
    assert_int_equal(ask_channel(rig, "stable", "esp32c3.json", NULL), 0);
    assert_int_equal(rig->response.status, 404);
    ask_channel(rig, "none", "esp32.json", NULL);
    assert_int_equal(rig->response.status, 404);
    ask_channel(rig, "stable", "ESP32.json", NULL);
    assert_int_equal(rig->response.status, 404);
    ask_channel(rig, "stable", ".json", NULL);
    assert_int_equal(rig->response.status, 404);
}

static void an_update_by_channel_is_followed_to_its_confirmation(void **state)
{
    struct rig *rig = *state;
    const struct updraft_field who[] = {{"x-updraft-device", MAC}};
    const struct updraft_request fetch = {
        .method = UPDRAFT_METHOD_GET,
        .segments = {"2020202020202020202020202020202020202020202020202020202020202020"},
        .headers = who,
        .header_count = 1,
        .address = "10.0.0.1"};

    assert_int_equal(report(rig, REPORT("1.0.0", "confirmed", "")), 1);
    assert_true(device_of(rig)->confirmed);
    assert_int_equal(ask_channel(rig, "stable", "esp32.json", "1.0.0"), 2);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_OFFERED);
    assert_string_equal(newest(rig)->from, "1.0.0");
    assert_string_equal(newest(rig)->to, "1.1.0");
    assert_int_equal(ask_channel(rig, "stable", "esp32.json", "1.0.0"), 0);
    assert_int_equal(ask(rig, updraft_image_answer, &fetch), 1);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_DOWNLOADING);
    assert_int_equal(
        report(rig, REPORT("1.0.0", "downloading", ",\"target\":\"1.1.0\",\"progress\":43")), 0);
    assert_int_equal(newest(rig)->progress, 43);
    assert_int_equal(report(rig, REPORT("1.0.0", "written", ",\"target\":\"1.1.0\"")), 1);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_WRITTEN);
    assert_int_equal(report(rig, REPORT("1.1.0", "trial", ",\"slot\":\"ota_1\"")), 2);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_TRIAL);
    assert_false(device_of(rig)->confirmed);
    assert_int_equal(ask_channel(rig, "stable", "esp32.json", "1.1.0"), 0);
    assert_int_equal(report(rig, REPORT("1.1.0", "confirmed", "")), 2);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_CONFIRMED);
    assert_int_equal(newest(rig)->progress, 100);
    assert_true(device_of(rig)->confirmed);
    assert_string_equal(device_of(rig)->slot, "ota_1");
    assert_int_equal(report(rig, REPORT("1.1.0", "confirmed", "")), 0);
    assert_int_equal(rig->fleet.attempt_count, 1);
}

static void what_was_rolled_back_is_not_offered_again(void **state)
{
    struct rig *rig = *state;
    const struct updraft_field esp[HEADER_CAP] = {{"x-ESP32-STA-MAC", MAC},
                                                  {"x-ESP32-version", "1.0.0"}};

    ask_channel(rig, "stable", "esp32.json", "1.0.0");
    report(rig, REPORT("1.1.0", "trial", ""));
    assert_int_equal(report(rig, REPORT("1.0.0", "rolled_back",
                                        ",\"target\":\"1.1.0\",\"error\":{\"code\":58,"
                                        "\"name\":\"rolled_back\",\"text\":\"crashed\"}")),
                     2);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_ROLLED_BACK);
    assert_string_equal(newest(rig)->error_text, "crashed");
    assert_true(device_of(rig)->confirmed);
    /* The channel protocol says it with the running version. */
    assert_int_equal(ask_channel(rig, "stable", "esp32.json", "1.0.0"), 0);
    assert_non_null(strstr(rig->response.body, "\"version\":\"1.0.0\""));
    assert_string_equal(header(rig, "x-updraft-held-back"), "1.1.0");
    ask_esp(rig, NULL, esp);
    assert_int_equal(rig->response.status, 304);
    assert_int_equal(report(rig, REPORT("1.0.0", "confirmed", "")), 0);
    assert_int_equal(rig->fleet.attempt_count, 1);
    /* A new version is another matter. */
    add_release(rig, 4, "1.1.1");
    add_image(rig, 4, UPDRAFT_CHIP_ESP32);
    set_channel(rig, "stable", 4);
    ask_esp(rig, NULL, esp);
    assert_int_equal(rig->response.status, 200);
    assert_string_equal(newest(rig)->to, "1.1.1");
}

static void the_last_lines_of_what_was_rolled_back_are_kept(void **state)
{
    struct rig *rig = *state;
    const char *told = REPORT("1.0.0", "rolled_back",
                              ",\"target\":\"1.1.0\",\"log\":\"[1] boot\\n[1] panic \\u0007\\n\"");

    ask_channel(rig, "stable", "esp32.json", "1.0.0");
    report(rig, REPORT("1.1.0", "trial", ",\"log\":\"not failed yet\""));
    assert_null(log_of_newest(rig));
    assert_int_equal(report(rig, told), 3);
    assert_string_equal(log_of_newest(rig), "[1] boot\n[1] panic ?");
    assert_int_equal(report(rig, told), 0); /* told once more */
    assert_int_equal(rig->fleet.attempt_count, 1);
}

static void last_lines_that_come_after_the_end_are_kept_too(void **state)
{
    struct rig *rig = *state;

    ask_channel(rig, "stable", "esp32.json", "1.0.0");
    report(rig, REPORT("1.1.0", "trial", ""));
    report(rig, REPORT("1.0.0", "rolled_back", ",\"target\":\"1.1.0\""));
    assert_null(log_of_newest(rig));
    report(rig, REPORT("1.0.0", "rolled_back", ",\"target\":\"1.1.0\",\"log\":\"panic\""));
    assert_string_equal(log_of_newest(rig), "panic");
    assert_int_equal(rig->fleet.attempt_count, 1);
}

static void a_silent_roll_back_is_noticed_at_the_next_check_in(void **state)
{
    struct rig *rig = *state;

    report(rig, REPORT("1.0.0", "confirmed", ""));
    ask_channel(rig, "stable", "esp32.json", "1.0.0");
    report(rig, REPORT("1.1.0", "trial", ""));
    ask_channel(rig, "stable", "esp32.json", "1.0.0");
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_ROLLED_BACK);
    assert_int_equal(newest(rig)->error_code, 58);
    assert_string_equal(newest(rig)->error_text, "the device runs 1.0.0 again");
}

static void the_header_protocol_offers_and_judges_by_the_next_check_in(void **state)
{
    struct rig *rig = *state;
    struct updraft_field headers[HEADER_CAP] = {{"X-Esp32-Sta-Mac", "24:6f:28:00:00:01"},
                                                {"x-esp32-version", "1.0.0"}};

    ask_esp(rig, "esp32", headers);
    assert_int_equal(rig->response.status, 200);
    assert_true(rig->response.has_file);
    assert_int_equal(rig->response.file_len, 1000);
    assert_string_equal(header(rig, "x-MD5"), "20202020202020202020202020202020");
    assert_int_equal(newest(rig)->via, UPDRAFT_VIA_HEADERS);
    /* The same question again: the same offer, and the books need no change. */
    assert_int_equal(ask_esp(rig, NULL, headers), 0);
    assert_int_equal(rig->response.status, 200);
    headers[1].value = "1.1.0";
    assert_int_equal(ask_esp(rig, NULL, headers), 2);
    assert_int_equal(rig->response.status, 304);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_CONFIRMED);
    assert_int_equal(ask_esp(rig, NULL, headers), 0);
    assert_int_equal(rig->response.status, 304);
}

static void a_digest_of_the_target_is_as_good_as_its_version(void **state)
{
    struct rig *rig = *state;
    struct updraft_field md5[HEADER_CAP] = {
        {"x-ESP32-STA-MAC", MAC}, {"x-ESP32-sketch-md5", "20202020202020202020202020202020"}};
    struct updraft_field sha[HEADER_CAP] = {
        {"x-ESP32-STA-MAC", MAC},
        {"x-ESP32-version", "other"},
        {"x-ESP32-sketch-sha256",
         "2020202020202020202020202020202020202020202020202020202020202020"}};
    struct updraft_field silent[HEADER_CAP] = {{"x-ESP32-STA-MAC", "24:6F:28:00:00:99"}};

    ask_esp(rig, "esp32", md5);
    assert_int_equal(rig->response.status, 304);
    assert_string_equal(device_of(rig)->version, "1.1.0");
    ask_esp(rig, "esp32", sha);
    assert_int_equal(rig->response.status, 304);
    md5[1].value = "30202020202020202020202020202020";
    ask_esp(rig, "esp32", md5);
    assert_int_equal(rig->response.status, 200);
    /* One that tells neither could be offered the same for ever. */
    ask_esp(rig, "esp32", silent);
    assert_int_equal(rig->response.status, 304);
}

static void the_header_protocol_refuses_as_its_clients_expect(void **state)
{
    struct rig *rig = *state;
    const struct updraft_field none[HEADER_CAP] = {{"User-Agent", "curl"}};
    const struct updraft_field bad[HEADER_CAP] = {{"x-ESP32-STA-MAC", "zz"}};
    const struct updraft_field esp32[HEADER_CAP] = {{"x-ESP32-STA-MAC", MAC},
                                                    {"x-ESP32-version", "1.0.0"}};
    const struct updraft_field esp8266[HEADER_CAP] = {{"x-ESP8266-STA-MAC", MAC},
                                                      {"x-ESP8266-version", "1.0.0"}};
    const struct updraft_field files[HEADER_CAP] = {
        {"x-ESP32-STA-MAC", MAC}, {"x-ESP32-mode", "spiffs"}, {"x-ESP32-version", "1.0.0"}};
    const struct updraft_field version[HEADER_CAP] = {{"x-ESP32-STA-MAC", MAC},
                                                      {"x-ESP32-mode", "version"}};

    ask_esp(rig, "esp32", none);
    assert_int_equal(rig->response.status, 403);
    ask_esp(rig, "esp32", bad);
    assert_int_equal(rig->response.status, 403);
    ask_esp(rig, NULL, esp32); /* two images, and nothing says which */
    assert_int_equal(rig->response.status, 404);
    ask_esp(rig, NULL, esp8266); /* the set names the chip, the release lacks it */
    assert_int_equal(rig->response.status, 404);
    ask_esp(rig, "z80", esp32);
    assert_int_equal(rig->response.status, 404);
    ask_esp(rig, "esp32", files);
    assert_int_equal(rig->response.status, 404);
    assert_int_equal(rig->fleet.device_count, 0);
    ask_esp(rig, "esp32", version);
    assert_int_equal(rig->response.status, 200);
    assert_string_equal(header(rig, "x-version"), "1.1.0");
    assert_false(rig->response.has_file);
}

static void a_push_that_nobody_announced_is_on_record_too(void **state)
{
    struct rig *rig = *state;

    report(rig, REPORT("1.0.0", "confirmed", ""));
    report(rig, REPORT("3.0.0", "trial", ",\"via\":\"espota\""));
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_TRIAL);
    assert_string_equal(newest(rig)->from, "1.0.0");
    assert_string_equal(newest(rig)->to, "3.0.0");
    assert_int_equal(newest(rig)->via, UPDRAFT_VIA_ESPOTA);
    report(rig, REPORT("3.0.0", "confirmed", ""));
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_CONFIRMED);
    assert_int_equal(rig->fleet.attempt_count, 1);
}

static void another_update_ends_the_one_before(void **state)
{
    struct rig *rig = *state;

    report(rig, REPORT("1.0.0", "confirmed", ""));
    report(rig, REPORT("1.0.0", "downloading", ",\"target\":\"1.1.0\""));
    assert_int_equal(report(rig, REPORT("1.0.0", "downloading", ",\"target\":\"1.2.0\"")), 2);
    assert_int_equal(rig->fleet.attempt_count, 2);
    assert_int_equal(rig->fleet.attempts[0]->state, UPDRAFT_ATTEMPT_FAILED);
    assert_string_equal(rig->fleet.attempts[0]->failure->name, "aborted");
    assert_string_equal(newest(rig)->to, "1.2.0");
}

static void bad_reports_change_nothing(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        "\"text\"",
        "{}",
        REPORT("1.0.0", "confirmed", "") "x",
        REPORT("1.0.0", "flying", ""),
        REPORT("", "confirmed", ""),
        REPORT("0123456789abcdef0123456789abcdef", "confirmed", ""),
        REPORT("1.0.0", "written", ""), /* of what? */
        REPORT("1.0.0", "confirmed", ",\"progress\":101"),
        REPORT("1.0.0", "confirmed", ",\"progress\":-1"),
        REPORT("1.0.0", "confirmed", ",\"progress\":1.5"),
        REPORT("1.0.0", "confirmed", ",\"progress\":\"1\""),
        REPORT("1.0.0", "confirmed", ",\"name\":7"),
        REPORT("1.0.0", "confirmed", ",\"name\":\"a\\u0007b\""),
        REPORT("1.0.0", "confirmed", ",\"name\":\"\xff\""),
        REPORT("1.0.0", "confirmed", ",\"slot\":\"a slot name that is too long\""),
        REPORT("1.0.0", "confirmed", ",\"error\":\"text\""),
        REPORT("1.0.0", "confirmed", ",\"error\":{\"code\":1e99}"),
        "{\"device\":\"" MAC "\",\"product\":\"../etc\",\"version\":\"1\",\"state\":\"confirmed\"}",
        "{\"device\":\"nobody\",\"product\":\"demo\",\"version\":\"1\",\"state\":\"confirmed\"}",
        "{\"device\":\"" MAC "\",\"product\":\"demo\",\"state\":\"confirmed\"}",
        "{\"device\":\"" MAC "\",\"product\":\"demo\",\"chip\":\"z80\",\"version\":\"1\","
        "\"state\":\"confirmed\"}",
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (report(rig, bad[i]) != 0 || rig->response.status != 400)
            fail_msg("taken: %s", bad[i]);
        assert_non_null(strstr(rig->response.body, "\"code\":\"bad_report\""));
    }
    assert_int_equal(rig->fleet.device_count, 0);
}

static void every_prefix_of_a_report_is_refused(void **state)
{
    static const char whole[] =
        REPORT("1.0.0", "failed", ",\"target\":\"1.1.0\",\"error\":{\"code\":69,\"text\":\"x\"}");
    struct rig *rig = *state;

    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char part[sizeof whole];
        memcpy(part, whole, len);
        part[len] = '\0';
        assert_int_equal(report(rig, part), 0);
        assert_int_equal(rig->response.status, 400);
    }
    assert_int_equal(report(rig, whole), 2);
    assert_int_equal(newest(rig)->error_code, 69);
    assert_string_equal(newest(rig)->error_name, "disconnected");
}

static void an_error_is_only_kept_of_an_attempt_that_ended_badly(void **state)
{
    struct rig *rig = *state;

    report(rig, REPORT("1.0.0", "downloading", ",\"target\":\"1.1.0\",\"error\":{\"code\":69}"));
    assert_int_equal(newest(rig)->error_code, 0);
    report(rig, REPORT("1.1.0", "confirmed", ",\"error\":{\"code\":69,\"text\":\"x\"}"));
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_CONFIRMED);
    assert_int_equal(newest(rig)->error_code, 0);
    assert_string_equal(newest(rig)->error_text, "");
}

static void damaged_reports_are_taken_whole_or_not_at_all(void **state)
{
    static const char whole[] = REPORT("1.0.0", "failed",
                                       ",\"name\":\"garage\",\"slot\":\"ota_0\",\"progress\":43,"
                                       "\"via\":\"espota\",\"target\":\"1.1.0\","
                                       "\"error\":{\"code\":69,\"name\":\"x\",\"text\":\"y\"}");
    struct rig *rig = *state;
    uint32_t noise = 1;
    char damaged[sizeof whole];

    for (unsigned round = 0; round < 20000; round++) {
        memcpy(damaged, whole, sizeof whole);
        for (unsigned i = 0; i <= round % 3; i++) {
            noise = noise * 1664525u + 1013904223u;
            damaged[(noise >> 8) % (sizeof whole - 1)] = (char)(noise >> 24);
        }
        size_t changes = report(rig, damaged);
        if (rig->response.status == 400)
            assert_int_equal(changes, 0);
        else
            assert_int_equal(rig->response.status, 200);
    }
    /* Whatever was taken can be shown. */
    for (size_t i = 0; i < rig->fleet.device_count; i++) {
        assert_true(updraft_label_valid(rig->fleet.devices[i]->name, UPDRAFT_LABEL_CAP));
        assert_true(updraft_name_valid(rig->fleet.devices[i]->product));
    }
    for (size_t i = 0; i < rig->fleet.attempt_count; i++) {
        struct updraft_attempt_row row;
        updraft_attempt_row(rig->fleet.attempts[i], &row);
        assert_true(updraft_label_valid(row.error_name, UPDRAFT_ERROR_NAME_CAP));
        assert_true(updraft_label_valid(row.error_text, UPDRAFT_ERROR_TEXT_CAP));
    }
}

static void an_image_is_found_by_its_digest_only(void **state)
{
    struct rig *rig = *state;
    static const char *const bad[] = {
        "", "20", "../../token", "202020202020202020202020202020202020202020202020202020202020202",
        "9020202020202020202020202020202020202020202020202020202020202020"};
    struct updraft_field headers[] = {{"Range", "bytes=990-"}};
    struct updraft_request request = {.method = UPDRAFT_METHOD_GET, .address = ""};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        request.segments[0] = bad[i];
        ask(rig, updraft_image_answer, &request);
        assert_int_equal(rig->response.status, 404);
    }
    request.segments[0] = "2020202020202020202020202020202020202020202020202020202020202020";
    request.headers = headers;
    request.header_count = 1;
    ask(rig, updraft_image_answer, &request);
    assert_int_equal(rig->response.status, 206);
    assert_string_equal(header(rig, "Content-Range"), "bytes 990-999/1000");
    assert_int_equal(rig->response.file_off, 990);
    assert_int_equal(rig->response.file_len, 10);
    headers[0] = (struct updraft_field){
        "If-None-Match", "\"2020202020202020202020202020202020202020202020202020202020202020\""};
    ask(rig, updraft_image_answer, &request);
    assert_int_equal(rig->response.status, 304);
}

static size_t ask_ovms(struct rig *rig, const char *tag, const char *file)
{
    const struct updraft_request request = {
        .method = UPDRAFT_METHOD_GET, .segments = {"demo", tag, file}, .address = "10.0.0.3"};

    return ask(rig, updraft_ovms_answer, &request);
}

static void an_ovms_module_finds_version_and_image_by_tag(void **state)
{
    struct rig *rig = *state;
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_RELEASE};

    change.row.release.id = 2;
    change.row.release.product_id = 1;
    updraft_name_set(change.row.release.version, UPDRAFT_VERSION_CAP, "1.1.0");
    updraft_name_set(change.row.release.notes, UPDRAFT_NOTES_CAP, "Faster charging.\nLess noise.");
    updraft_fleet_apply(&rig->fleet, &change);

    assert_int_equal(ask_ovms(rig, "stable", "ovms3.ver"), 0);
    assert_int_equal(rig->response.status, 200);
    assert_string_equal(rig->response.body, "1.1.0\nFaster charging.\nLess noise.");
    assert_int_equal(ask_ovms(rig, "stable", "ovms3.bin"), 0);
    assert_int_equal(rig->response.status, 200);
    assert_true(rig->response.has_file);
    assert_int_equal(rig->response.file_len, 1000);
    assert_int_equal(rig->response.file_sha256[0], 2 * 16 + UPDRAFT_CHIP_ESP32);

    ask_ovms(rig, "stable", "ovms3.txt");
    assert_int_equal(rig->response.status, 404);
    ask_ovms(rig, "edge", "ovms3.ver");
    assert_int_equal(rig->response.status, 404);
    ask_ovms(rig, "old", "ovms3.bin"); /* for the ESP8266 only */
    assert_int_equal(rig->response.status, 404);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stock_channel_client_leaves_no_trace),
        TEST(an_update_by_channel_is_followed_to_its_confirmation),
        TEST(what_was_rolled_back_is_not_offered_again),
        TEST(the_last_lines_of_what_was_rolled_back_are_kept),
        TEST(last_lines_that_come_after_the_end_are_kept_too),
        TEST(a_silent_roll_back_is_noticed_at_the_next_check_in),
        TEST(the_header_protocol_offers_and_judges_by_the_next_check_in),
        TEST(a_digest_of_the_target_is_as_good_as_its_version),
        TEST(the_header_protocol_refuses_as_its_clients_expect),
        TEST(a_push_that_nobody_announced_is_on_record_too),
        TEST(another_update_ends_the_one_before),
        TEST(bad_reports_change_nothing),
        TEST(every_prefix_of_a_report_is_refused),
        TEST(an_error_is_only_kept_of_an_attempt_that_ended_badly),
        TEST(damaged_reports_are_taken_whole_or_not_at_all),
        TEST(an_image_is_found_by_its_digest_only),
        TEST(an_ovms_module_finds_version_and_image_by_tag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
