/* hawkBit's interface and the update manifest without sockets: requests in, answers and books out. */
#include "format/chip.h"
#include "format/package.h"
#include "server/device_api/device_api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BASE "http://srv:80/d/ddi/gateway/controller/v1/box-1"

struct rig {
    struct updraft_fleet fleet;
    struct updraft_response response;
    const char *tenant;
    const char *device;
    const char *base_url;
    int64_t now_ms;
};

static void add_release(struct rig *rig, int64_t id, const char *version, uint16_t chip)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_RELEASE};
    struct updraft_change image = {.kind = UPDRAFT_CHANGE_IMAGE};

    change.row.release.id = image.row.image.release_id = id;
    change.row.release.product_id = 1;
    updraft_name_set(change.row.release.version, UPDRAFT_VERSION_CAP, version);
    updraft_name_set(change.row.release.notes, UPDRAFT_NOTES_CAP, "all \"new\"");
    updraft_fleet_apply(&rig->fleet, &change);
    image.row.image.chip = chip;
    image.row.image.size = 1000;
    memset(image.row.image.sha256, (int)id, UPDRAFT_SHA256_LEN);
    memset(image.row.image.md5, (int)id, UPDRAFT_MD5_LEN);
    memset(image.row.image.sha1, (int)id, UPDRAFT_SHA1_LEN);
    updraft_fleet_apply(&rig->fleet, &image);
}

static void set_channel(struct rig *rig, const char *name, int64_t release_id)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_CHANNEL};

    change.row.channel.product_id = 1;
    change.row.channel.release_id = release_id;
    updraft_name_set(change.row.channel.name, UPDRAFT_NAME_CAP, name);
    updraft_fleet_apply(&rig->fleet, &change);
}

/* Product gateway: packages 1.1 (stable) and 1.2, a RAUC bundle 2.0 (beta), an ESP32 image 3.0 (chips). */
static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct updraft_change product = {.kind = UPDRAFT_CHANGE_PRODUCT};

    updraft_fleet_init(&rig->fleet, 1);
    product.row.product.id = 1;
    updraft_name_set(product.row.product.name, UPDRAFT_NAME_CAP, "gateway");
    updraft_fleet_apply(&rig->fleet, &product);
    add_release(rig, 1, "1.1", UPDRAFT_PACKAGE_SWU);
    add_release(rig, 2, "1.2", UPDRAFT_PACKAGE_SWU);
    add_release(rig, 3, "2.0", UPDRAFT_PACKAGE_RAUCB);
    add_release(rig, 4, "3.0", UPDRAFT_CHIP_ESP32S3);
    set_channel(rig, "stable", 1);
    set_channel(rig, "beta", 3);
    set_channel(rig, "chips", 4);
    rig->tenant = "gateway";
    rig->device = "box-1";
    rig->base_url = "";
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

/* Asks as the adapter does, twice when something changes, and commits what was planned. */
static unsigned ask(struct rig *rig, updraft_handler handler, const char *third, const char *body)
{
    const struct updraft_view view = {&rig->fleet, rig->base_url, rig->now_ms += 10};
    const struct updraft_field headers[] = {{"Host", "srv:80"}};
    const struct updraft_request request = {.method = UPDRAFT_METHOD_GET,
                                            .segments = {rig->tenant, rig->device, third},
                                            .headers = headers,
                                            .header_count = 1,
                                            .address = "10.0.0.1",
                                            .body = body,
                                            .body_len = body == NULL ? 0 : strlen(body)};
    struct updraft_plan plan;

    for (int again = 0; again < 2; again++) {
        updraft_response_deinit(&rig->response);
        updraft_response_init(&rig->response);
        updraft_plan_init(&plan, updraft_fleet_next_attempt_id(&rig->fleet));
        handler(&view, &request, &plan, &rig->response);
        if (again == 0)
            updraft_plan_deinit(&plan);
    }
    for (size_t i = 0; i < plan.count; i++)
        updraft_fleet_apply(&rig->fleet, &plan.changes[i]);
    if (plan.sighted)
        updraft_fleet_touch(&rig->fleet, &plan.sight);
    updraft_plan_deinit(&plan);
    return rig->response.status;
}

static bool says(const struct rig *rig, const char *text)
{
    return rig->response.body != NULL && strstr(rig->response.body, text) != NULL;
}

static void poll(struct rig *rig)
{
    assert_int_equal(ask(rig, updraft_ddi_poll, NULL, NULL), 200);
}

static unsigned tell(struct rig *rig, const char *id, const char *execution, const char *finished)
{
    char body[256];

    snprintf(body, sizeof body,
             "{\"id\":\"%s\",\"status\":{\"execution\":\"%s\",\"result\":{\"finished\":\"%s\","
             "\"progress\":{\"cnt\":1,\"of\":2}},\"details\":[\"no room\"]}}",
             id, execution, finished);
    return ask(rig, updraft_ddi_feedback, id, body);
}

static unsigned tell_version(struct rig *rig, const char *version)
{
    char body[128];

    snprintf(body, sizeof body, "{\"data\":{\"version\":\"%s\"}}", version);
    return ask(rig, updraft_ddi_config_data, NULL, body);
}

static const struct updraft_attempt *newest(const struct rig *rig)
{
    const struct updraft_device *device = updraft_fleet_find_device(&rig->fleet, rig->device);

    return device == NULL ? NULL : device->newest;
}

/* Up to the first offer, which is action 1. */
static void begin(struct rig *rig)
{
    poll(rig);
    assert_true(says(rig, "\"configData\":{\"href\":\"" BASE "/configData\"}"));
    assert_false(says(rig, "deploymentBase"));
    assert_int_equal(tell_version(rig, "1.0"), 200);
    poll(rig);
    assert_true(says(rig, "\"deploymentBase\":{\"href\":\"" BASE "/deploymentBase/1\"}"));
    assert_false(says(rig, "configData"));
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_OFFERED);
}

static void an_update_is_confirmed_by_the_version_that_the_device_tells(void **state)
{
    struct rig *rig = *state;

    begin(rig);
    assert_int_equal(ask(rig, updraft_ddi_deployment, "1", NULL), 200);
    assert_true(says(rig, "\"filename\":\"gateway-1.1.swu\""));
    assert_true(says(rig, "\"sha1\":\"0101010101010101010101010101010101010101\""));
    assert_true(says(rig, "\"size\":1000"));
    assert_true(says(rig, "\"download-http\":{\"href\":\"" BASE "/artifacts/0101"));
    assert_int_equal(tell(rig, "1", "scheduled", "none"), 200);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_OFFERED);
    assert_int_equal(tell(rig, "1", "proceeding", "none"), 200);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_DOWNLOADING);
    assert_int_equal(newest(rig)->progress, 50);
    poll(rig);
    assert_true(says(rig, "deploymentBase/1"));
    assert_int_equal(tell(rig, "1", "closed", "success"), 200);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_WRITTEN);
    /* Not done: it is asked for the proof, and not given the same package again. */
    poll(rig);
    assert_true(says(rig, "configData"));
    tell_version(rig, "1.0");
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_WRITTEN);
    poll(rig);
    assert_false(says(rig, "deploymentBase"));
    tell_version(rig, "1.1");
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_CONFIRMED);
    assert_int_equal(newest(rig)->via, UPDRAFT_VIA_DDI);
    assert_string_equal(newest(rig)->from, "1.0");
    assert_int_equal(rig->fleet.attempt_count, 1);
}

static void a_device_that_tells_no_version_gets_its_update_once(void **state)
{
    struct rig *rig = *state;

    poll(rig);
    assert_int_equal(ask(rig, updraft_ddi_config_data, NULL, "{\"data\":{\"hw\":\"2\"}}"), 200);
    poll(rig);
    assert_true(says(rig, "deploymentBase/1"));
    assert_int_equal(tell(rig, "1", "closed", "success"), 200);
    for (int i = 0; i < 3; i++) {
        poll(rig);
        assert_false(says(rig, "deploymentBase"));
    }
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_WRITTEN);
}

static void a_failure_is_kept_with_its_reason_and_tried_once_more(void **state)
{
    struct rig *rig = *state;

    begin(rig);
    assert_int_equal(tell(rig, "1", "closed", "failure"), 200);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_FAILED);
    assert_int_equal(newest(rig)->failure->code, UPDRAFT_E_INSTALLER);
    assert_string_equal(newest(rig)->failure->text, "no room");
    poll(rig);
    assert_true(says(rig, "deploymentBase/2"));
    assert_int_equal(tell(rig, "2", "rejected", "none"), 200);
    assert_int_equal(newest(rig)->failure->code, UPDRAFT_E_REJECTED);
    poll(rig);
    assert_false(says(rig, "deploymentBase"));
    /* The next release is another matter. */
    set_channel(rig, "stable", 2);
    poll(rig);
    assert_true(says(rig, "deploymentBase/3"));
    assert_int_equal(tell(rig, "3", "canceled", "none"), 200);
    assert_int_equal(newest(rig)->failure->code, UPDRAFT_E_REJECTED);
}

static void what_was_written_may_still_fail(void **state)
{
    struct rig *rig = *state;

    begin(rig);
    tell(rig, "1", "closed", "success");
    assert_int_equal(tell(rig, "1", "closed", "failure"), 200);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_FAILED);
    assert_int_equal(tell(rig, "1", "closed", "success"), 410);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_FAILED);
}

static void an_end_told_twice_is_one_and_an_ended_action_stays_ended(void **state)
{
    struct rig *rig = *state;

    begin(rig);
    assert_int_equal(tell(rig, "1", "closed", "success"), 200);
    assert_int_equal(tell(rig, "1", "closed", "success"), 200);
    assert_int_equal(tell(rig, "1", "proceeding", "none"), 410);
    assert_int_equal(ask(rig, updraft_ddi_deployment, "1", NULL), 410);
    assert_int_equal(ask(rig, updraft_ddi_cancel, "1", NULL), 410);
    tell_version(rig, "1.1");
    assert_int_equal(tell(rig, "1", "closed", "failure"), 410);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_CONFIRMED);
    assert_int_equal(rig->fleet.attempt_count, 1);
}

static void a_running_action_is_called_off_when_the_channel_moves(void **state)
{
    static const char agreed[] =
        "{\"id\":1,\"status\":{\"execution\":\"closed\",\"result\":{\"finished\":\"success\"}}}";
    static const char refused[] =
        "{\"id\":1,\"status\":{\"execution\":\"rejected\",\"result\":{\"finished\":\"none\"}}}";
    struct rig *rig = *state;

    begin(rig);
    tell(rig, "1", "proceeding", "none");
    set_channel(rig, "stable", 2);
    poll(rig);
    assert_true(says(rig, "\"cancelAction\":{\"href\":\"" BASE "/cancelAction/1\"}"));
    assert_false(says(rig, "deploymentBase"));
    assert_int_equal(ask(rig, updraft_ddi_cancel, "1", NULL), 200);
    assert_true(says(rig, "{\"id\":\"1\",\"cancelAction\":{\"stopId\":\"1\"}}"));
    assert_int_equal(ask(rig, updraft_ddi_cancel_feedback, "1", refused), 200);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_DOWNLOADING);
    poll(rig);
    assert_true(says(rig, "cancelAction"));
    assert_int_equal(ask(rig, updraft_ddi_cancel_feedback, "1", agreed), 200);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_FAILED);
    assert_int_equal(newest(rig)->failure->code, UPDRAFT_E_ABORTED);
    assert_int_equal(ask(rig, updraft_ddi_cancel_feedback, "1", agreed), 200);
    poll(rig);
    assert_true(says(rig, "deploymentBase/2"));
    assert_int_equal(ask(rig, updraft_ddi_deployment, "2", NULL), 200);
    assert_true(says(rig, "\"version\":\"1.2\""));
}

static void being_called_off_says_nothing_against_a_release(void **state)
{
    static const char agreed[] =
        "{\"status\":{\"execution\":\"canceled\",\"result\":{\"finished\":\"none\"}}}";
    struct rig *rig = *state;
    char id[8];

    begin(rig);
    for (int i = 1; i <= 7; i++) {
        snprintf(id, sizeof id, "%d", i);
        tell(rig, id, "proceeding", "none");
        set_channel(rig, "stable", 1 + i % 2);
        poll(rig);
        assert_int_equal(ask(rig, updraft_ddi_cancel_feedback, id, agreed), 200);
        poll(rig);
        assert_true(says(rig, "deploymentBase"));
    }
}

static void an_offer_that_nobody_took_up_follows_the_channel(void **state)
{
    struct rig *rig = *state;

    begin(rig);
    set_channel(rig, "stable", 2);
    poll(rig);
    assert_true(says(rig, "deploymentBase/1"));
    ask(rig, updraft_ddi_deployment, "1", NULL);
    assert_true(says(rig, "\"version\":\"1.2\""));
    assert_int_equal(rig->fleet.attempt_count, 1);
}

static void a_tenant_may_name_a_channel_and_https_has_its_own_link(void **state)
{
    struct rig *rig = *state;

    rig->tenant = "gateway@beta";
    rig->base_url = "https://fleet.example";
    rig->device = "24:6f:28:00:00:01"; /* a MAC address is one in any case */
    poll(rig);
    poll(rig);
    assert_true(says(rig, "https://fleet.example/d/ddi/gateway@beta/controller/v1/"
                          "24:6f:28:00:00:01/deploymentBase/1"));
    assert_non_null(updraft_fleet_find_device(&rig->fleet, "24:6F:28:00:00:01"));
    ask(rig, updraft_ddi_deployment, "1", NULL);
    assert_true(says(rig, "\"filename\":\"gateway-2.0.raucb\""));
    assert_true(says(rig, "\"download\":{\"href\":\"https:"));
    rig->tenant = "gateway@chips"; /* images of chips are not for installers */
    poll(rig);
    assert_false(says(rig, "deploymentBase"));
}

static void a_package_whose_digest_was_not_kept_is_not_offered(void **state)
{
    struct rig *rig = *state;
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_IMAGE};

    change.row.image = rig->fleet.releases[0]->images[0];
    memset(change.row.image.sha1, 0, UPDRAFT_SHA1_LEN);
    updraft_fleet_apply(&rig->fleet, &change);
    poll(rig);
    poll(rig);
    assert_false(says(rig, "deploymentBase"));
}

static void the_bytes_are_given_and_show_that_the_download_began(void **state)
{
    struct rig *rig = *state;
    char name[80];

    begin(rig);
    memset(name, '0', sizeof name);
    for (size_t i = 1; i < 64; i += 2)
        name[i] = '1';
    strcpy(name + 64, ".MD5SUM");
    assert_int_equal(ask(rig, updraft_ddi_artifact, name, NULL), 200);
    assert_int_equal(memcmp(rig->response.body, "01010101010101010101010101010101  01", 36), 0);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_OFFERED);
    name[64] = '\0';
    assert_int_equal(ask(rig, updraft_ddi_artifact, name, NULL), 200);
    assert_true(rig->response.has_file);
    assert_int_equal(rig->response.file_len, 1000);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_DOWNLOADING);
    strcpy(name + 64, ".sig");
    assert_int_equal(ask(rig, updraft_ddi_artifact, name, NULL), 404);
    memset(name, '9', 64);
    name[64] = '\0';
    assert_int_equal(ask(rig, updraft_ddi_artifact, name, NULL), 404);
}

static void strangers_leave_no_trace(void **state)
{
    static const char *const tenants[] = {"",   "other", "gateway@",    "@stable",   "gate way",
                                          "..", "@",     "gateway@a@b", "gateway@.", "gateway\n"};
    static const char *const devices[] = {
        ".",    "..",  "a b",      "a/b",
        "a\"b", "a%b", "\xc3\xa4", "12345678901234567890123456789012345678901"};
    static const char *const actions[] = {"0", "2", "-1", "x", "1x", " 1", "99999999999999999999"};
    struct rig *rig = *state;
    char longest[300];

    for (size_t i = 0; i < sizeof tenants / sizeof *tenants; i++) {
        rig->tenant = tenants[i];
        assert_int_equal(ask(rig, updraft_ddi_poll, NULL, NULL), 404);
    }
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    rig->tenant = longest;
    assert_int_equal(ask(rig, updraft_ddi_poll, NULL, NULL), 404);
    rig->tenant = "gateway";
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        rig->device = devices[i];
        assert_int_equal(ask(rig, updraft_ddi_poll, NULL, NULL), 400);
    }
    assert_int_equal(rig->fleet.device_count, 0);
    rig->device = "box-1";
    begin(rig);
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        assert_int_equal(ask(rig, updraft_ddi_deployment, actions[i], NULL), 404);
        assert_int_equal(tell(rig, actions[i], "closed", "success"), 404);
    }
    /* One device does not speak for another, nor about another action than the address names. */
    rig->device = "box-2";
    poll(rig);
    assert_int_equal(tell(rig, "1", "closed", "success"), 404);
    rig->device = "box-1";
    assert_int_equal(ask(rig, updraft_ddi_feedback, "1",
                         "{\"id\":2,\"status\":{\"execution\":\"closed\",\"result\":{\"finished\":"
                         "\"success\"}}}"),
                     400);
    assert_int_equal(ask(rig, updraft_ddi_feedback, "1", "{"), 400);
    assert_int_equal(ask(rig, updraft_ddi_config_data, NULL, "{"), 400);
    assert_int_equal(newest(rig)->state, UPDRAFT_ATTEMPT_OFFERED);
}

static unsigned ask_manifest(struct rig *rig, const char *channel, const char *file)
{
    rig->tenant = "gateway";
    rig->device = channel;
    return ask(rig, updraft_manifest_answer, file, NULL);
}

static void the_manifest_names_the_image_of_each_chip_and_its_md5(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(ask_manifest(rig, "chips", "manifest.json"), 200);
    assert_true(says(rig, "{\"name\":\"gateway\",\"version\":\"3.0\",\"builds\":[{\"chipFamily\":"
                          "\"ESP32-S3\",\"parts\":[],\"ota\":{\"path\":\"http://srv:80/d/image/"
                          "0404"));
    assert_true(says(rig, "\"md5\":\"04040404040404040404040404040404\""));
    assert_true(says(rig, "\"summary\":\"all \\\"new\\\"\"}}]}"));
    assert_int_equal(ask_manifest(rig, "chips", "esp32s3.md5"), 200);
    assert_string_equal(rig->response.body, "04040404040404040404040404040404");
    assert_int_equal(ask_manifest(rig, "chips", "esp32s3.bin"), 200);
    assert_true(rig->response.has_file);
    /* Packages are for other installers. */
    assert_int_equal(ask_manifest(rig, "stable", "manifest.json"), 200);
    assert_true(says(rig, "\"builds\":[]"));
}

static void a_manifest_of_nothing_is_not_found(void **state)
{
    static const char *const files[] = {
        "",        ".bin",     "esp32.bin",      "esp32s3",    "ESP32S3.bin",   "esp32s3.binx",
        "swu.bin", "manifest", "manifest.jsonx", "esp32s3.md", "../esp32s3.bin"};
    struct rig *rig = *state;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        assert_int_equal(ask_manifest(rig, "chips", files[i]), 404);
    assert_int_equal(ask_manifest(rig, "none", "manifest.json"), 404);
    assert_int_equal(rig->fleet.device_count, 0);
}

static void packages_are_told_by_their_first_bytes(void **state)
{
    static const char *const others[] = {"070703", "07070", "\xe9zzzzz", "hsq", "sqsh", ""};

    (void)state;
    assert_string_equal(updraft_package_by_magic((const uint8_t *)"070701", 6)->slug, "swu");
    assert_string_equal(updraft_package_by_magic((const uint8_t *)"070702..", 8)->slug, "swu");
    assert_string_equal(updraft_package_by_magic((const uint8_t *)"hsqs..", 6)->slug, "raucb");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_null(updraft_package_by_magic((const uint8_t *)others[i], strlen(others[i])));
    assert_null(updraft_package_by_id(UPDRAFT_CHIP_ESP32));
    assert_null(updraft_chip_by_id(UPDRAFT_PACKAGE_SWU));
    assert_null(updraft_chip_by_id(UPDRAFT_PACKAGE_RAUCB));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_update_is_confirmed_by_the_version_that_the_device_tells),
        TEST(a_device_that_tells_no_version_gets_its_update_once),
        TEST(a_failure_is_kept_with_its_reason_and_tried_once_more),
        TEST(what_was_written_may_still_fail),
        TEST(an_end_told_twice_is_one_and_an_ended_action_stays_ended),
        TEST(a_running_action_is_called_off_when_the_channel_moves),
        TEST(being_called_off_says_nothing_against_a_release),
        TEST(an_offer_that_nobody_took_up_follows_the_channel),
        TEST(a_tenant_may_name_a_channel_and_https_has_its_own_link),
        TEST(a_package_whose_digest_was_not_kept_is_not_offered),
        TEST(the_bytes_are_given_and_show_that_the_download_began),
        TEST(strangers_leave_no_trace),
        TEST(the_manifest_names_the_image_of_each_chip_and_its_md5),
        TEST(a_manifest_of_nothing_is_not_found),
        cmocka_unit_test(packages_are_told_by_their_first_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
