/* Uploads over HTTP on the real transaction and a simulated flash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/digest_client.h"
#include "tests/unit/web_fixture.h"

static void web_takes_a_form_with_the_stock_answer(void **state)
{
    struct fixture *f = *state;
    struct updraft_web_response *response =
        post_form(f, "firmware", f->new_image.bytes, f->new_image.len);

    expect_answer(response, 200, "text/html", SUCCESS);
    assert_true(response->restart);
    assert_null(response->reason);
    expect_boots(f, "1.1.0");
}

static void web_takes_any_field_name_for_firmware(void **state)
{
    struct fixture *f = *state;

    expect_answer(post_form(f, "file", f->new_image.bytes, f->new_image.len), 200, "text/html",
                  SUCCESS);
    expect_boots(f, "1.1.0");
}

static void web_takes_a_form_in_every_split(void **state)
{
    struct fixture *f = *state;
    size_t len;
    uint8_t *form = make_form("firmware", f->new_image.bytes, f->new_image.len, &len);
    struct updraft_web_request request = post("/update", FORM_TYPE, len);

    expect_answer(run(f, &request, form, len, 0, 1), 200, "text/html", SUCCESS);
    expect_boots(f, "1.1.0");
    for (size_t split = 1; split < len; split += split < 700 || split > len - 20 ? 1 : 83) {
        renew(f);
        expect_answer(run(f, &request, form, len, split, len), 200, "text/html", SUCCESS);
        assert_string_equal(rig_version(&f->rig, 1), "1.1.0");
    }
    free(form);
}

static void web_writes_the_file_system_of_a_form(void **state)
{
    struct fixture *f = *state;
    uint8_t contents[5000];

    memset(contents, 0x5A, sizeof contents);
    expect_answer(
        post_form(f, "filesystem", contents, sizeof contents), 200, "text/html",
        "Update error: ERROR[66]: this device has no data partition named 'filesystem'\n");
    f->config.data_partition = "storage";
    start(f);
    expect_answer(post_form(f, "filesystem", contents, sizeof contents), 200, "text/html", SUCCESS);
    assert_memory_equal(f->rig.nor.bytes + 0x10000 + 2 * SLOT_LEN, contents, sizeof contents);
    expect_boots(f, "1.0.0");
}

static void web_words_the_failures_of_a_form_as_stock_does(void **state)
{
    static const char no_closing[] = "--XyZ\r\nContent-Disposition: form-data; name=\"f\"; "
                                     "filename=\"a\"\r\n\r\n";
    struct fixture *f = *state;
    struct updraft_web_request request = post("/update", FORM_TYPE, 0);
    char body[2048];

    expect_answer(post_form(f, "firmware", "hello, this is text", 19), 200, "text/html",
                  "Update error: ERROR[10]: Magic byte is not 0xE9\n");
    expect_answer(post_form(f, "firmware", "", 0), 200, "text/html",
                  "Update error: ERROR[13]: No data supplied\n");
    expect_answer(run_whole(f, &request, "", 0), 200, "text/html",
                  "Update error: ERROR[13]: No data supplied\n");
    expect_answer(post_form(f, "firmware", f->foreign_image.bytes, f->foreign_image.len), 200,
                  "text/html",
                  "Update error: ERROR[55]: the image is for ESP32-S3, this device is another "
                  "chip\n");
    assert_false(f->web.response.restart);
    expect_answer(run_whole(f, &request, "garbage", 7), 200, "text/html",
                  "Update error: ERROR[501]: the data end before they are complete\n");
    memcpy(body, no_closing, sizeof no_closing - 1);
    memcpy(body + sizeof no_closing - 1, f->new_image.bytes, 900);
    expect_answer(run_whole(f, &request, body, sizeof no_closing - 1 + 900), 200, "text/html",
                  "Update error: ERROR[501]: the data end before they are complete\n");
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_FAILED);
    assert_int_equal(f->rig.nor.counts.operations, 0);
    request.content_type = "multipart/form-data";
    expect_answer(run_whole(f, &request, "", 0), 200, "text/html",
                  "Update error: ERROR[67]: the upload form is malformed\n");
}

static void web_refuses_a_form_that_is_too_large_before_any_erase(void **state)
{
    struct fixture *f = *state;
    size_t len;
    uint8_t *form = make_form("firmware", f->new_image.bytes, f->new_image.len, &len);
    struct updraft_web_request request = post("/update", FORM_TYPE, SLOT_LEN + 20000);
    char wanted[160];

    snprintf(wanted, sizeof wanted,
             "Update error: ERROR[4]: Not Enough Space: the image does not end within the %u bytes "
             "of the slot\n",
             SLOT_LEN);
    expect_answer(run_whole(f, &request, form, len), 200, "text/html", wanted);
    assert_int_equal(f->rig.nor.counts.operations, 0);
    free(form);
}

static void web_lets_no_tags_out_of_an_image_into_the_page(void **state)
{
    struct fixture *f = *state;
    struct updraft_update_config config = f->rig.update.config;

    config.project = "mine";
    updraft_update_init(&f->rig.update, &config);
    memcpy(f->new_image.bytes + 0x50, "<b>&\"\xFF", 7); /* the project's name */
    expect_answer(post_form(f, "firmware", f->new_image.bytes, f->new_image.len), 200, "text/html",
                  "Update error: ERROR[56]: the image belongs to the project '&lt;b>&amp;\"?'\n");
    expect_error(post_raw(f, "/update", f->new_image.bytes, f->new_image.len), 400,
                 UPDRAFT_E_WRONG_PRODUCT);
    assert_non_null(strstr(f->web.response.body, "'<b>&\\\"?'"));
}

static void web_takes_a_raw_body(void **state)
{
    struct fixture *f = *state;
    struct updraft_web_response *response =
        post_raw(f, "/update", f->new_image.bytes, f->new_image.len);

    expect_answer(response, 200, "application/json",
                  "{\"ok\":true,\"version\":\"1.1.0\",\"slot\":\"ota_1\"}");
    assert_true(response->restart);
    expect_boots(f, "1.1.0");
}

static void web_takes_a_raw_body_in_every_split(void **state)
{
    struct fixture *f = *state;
    size_t len = f->new_image.len;
    struct updraft_web_request request =
        post("/update", "application/x-www-form-urlencoded", len); /* as curl sends unasked */

    assert_int_equal(run(f, &request, f->new_image.bytes, len, 0, 1)->status, 200);
    expect_boots(f, "1.1.0");
    for (size_t split = 1; split < len; split += split < 300 ? 1 : 89) {
        renew(f);
        assert_int_equal(run(f, &request, f->new_image.bytes, len, split, len)->status, 200);
        assert_string_equal(rig_version(&f->rig, 1), "1.1.0");
    }
}

static void web_gives_each_failure_of_a_raw_body_its_status(void **state)
{
    static uint8_t large[SLOT_LEN + 1];
    struct fixture *f = *state;
    struct updraft_web_request request = post("/update", NULL, 100);

    expect_error(post_raw(f, "/update", "hello", 5), 400, UPDRAFT_E_MAGIC);
    expect_error(post_raw(f, "/update", "", 0), 400, UPDRAFT_E_EMPTY);
    expect_error(post_raw(f, "/update", f->foreign_image.bytes, f->foreign_image.len), 400,
                 UPDRAFT_E_WRONG_CHIP);
    expect_error(post_raw(f, "/update", large, sizeof large), 413, UPDRAFT_E_TOO_LARGE);
    assert_non_null(
        strstr(f->web.response.body, "the image has 65537 bytes, but the slot holds 65536"));
    expect_error(post_raw(f, "/update", f->old_image.bytes, f->old_image.len), 409,
                 UPDRAFT_E_ALREADY_RUNNING);
    f->refuse = true;
    expect_error(post_raw(f, "/update", f->new_image.bytes, f->new_image.len), 503,
                 UPDRAFT_E_GUARD);
    assert_non_null(strstr(f->web.response.body, "charging"));
    f->refuse = false;
    updraft_update_enable(&f->rig.update, false);
    expect_error(post_raw(f, "/update", f->new_image.bytes, f->new_image.len), 403,
                 UPDRAFT_E_DISABLED);
    updraft_update_enable(&f->rig.update, true);
    request.content_type = "text/html; charset=utf-8";
    expect_error(run_whole(f, &request, large, 100), 415, UPDRAFT_E_UNSUPPORTED);
    request.content_type = "multipart/mixed; boundary=a";
    expect_error(run_whole(f, &request, large, 100), 415, UPDRAFT_E_UNSUPPORTED);
    assert_int_equal(f->rig.nor.counts.operations, 0);
}

static void web_wants_a_content_length_it_can_read(void **state)
{
    static const char *const lengths[] = {"-1", "+9", "9 ", "0x10", "12a", "1,000"};
    struct fixture *f = *state;
    struct updraft_web_request request = post("/update", NULL, 0);

    request.content_length = NULL;
    expect_error(run_whole(f, &request, "x", 1), 411, UPDRAFT_E_NO_LENGTH);
    request.content_length = "";
    expect_error(run_whole(f, &request, "x", 1), 411, UPDRAFT_E_NO_LENGTH);
    request.content_length = "99999999999999999999999999";
    expect_error(run_whole(f, &request, "x", 1), 413, UPDRAFT_E_TOO_LARGE);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        request.content_length = lengths[i];
        expect_error(run_whole(f, &request, "x", 1), 400, UPDRAFT_E_PROTOCOL);
    }
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_FAILED); /* by the one too large */
}

static void web_refuses_a_body_of_another_length_than_announced(void **state)
{
    struct fixture *f = *state;
    size_t len = f->new_image.len;
    uint8_t *longer = calloc(1, len + 16);
    struct updraft_web_request request = post("/update", NULL, len);

    expect_error(run_whole(f, &request, f->new_image.bytes, len - 1), 400, UPDRAFT_E_LENGTH);
    memcpy(longer, f->new_image.bytes, len);
    expect_error(run(f, &request, longer, len + 16, len, 1), 400, UPDRAFT_E_LENGTH);
    expect_boots(f, "1.0.0");
    free(longer);
}

static void web_answers_like_esp32_evse_on_its_route(void **state)
{
    static const char path[] = "/api/v1/firmware/upload";
    struct fixture *f = *state;
    struct updraft_web_request request = post(path, "multipart/form-data; boundary=X", 9);
    struct updraft_web_response *response;

    response = run_whole(f, &request, "--X\r\nabcd", 9);
    expect_answer(response, 523, "text/plain",
                  "Invalid firmware file: this is not a firmware image: its first byte is neither "
                  "0xE9 nor 0xEA");
    assert_string_equal(response->reason, "Invalid Firmware File");
    response = post_raw(f, path, "", 0);
    expect_answer(response, 521, "text/plain",
                  "Failed to upgrade firmware: there is no image: no bytes came");
    assert_string_equal(response->reason, "Failed To Upgrade Firmware");
    response = post_raw(f, path, f->foreign_image.bytes, f->foreign_image.len);
    assert_int_equal(response->status, 521);
    request = post(path, NULL, f->new_image.len);
    response = run_whole(f, &request, f->new_image.bytes, 5000);
    assert_int_equal(response->status, 522);
    assert_string_equal(response->reason, "Failed To Receive Firmware");
    assert_false(response->restart);
    response = post_raw(f, path, f->new_image.bytes, f->new_image.len);
    expect_answer(response, 200, "text/plain", "OK");
    assert_true(response->restart);
    assert_null(response->reason);
    expect_boots(f, "1.1.0");
}

static void expect_challenges(const struct updraft_web_response *response)
{
    static const char *const starts[] = {
        "Digest realm=\"Login Required\", qop=\"auth\", algorithm=SHA-256, nonce=\"",
        "Digest realm=\"Login Required\", qop=\"auth\", algorithm=MD5, nonce=\"",
        "Basic realm=\"Login Required\"",
    };
    char text[UPDRAFT_WEB_CHALLENGE_CAP];

    for (unsigned i = 0; i < 3; i++) {
        assert_true(updraft_web_challenge(response, i, text, sizeof text));
        assert_memory_equal(text, starts[i], strlen(starts[i]));
        assert_true(text[strlen(text) - 1] == '"');
        assert_null(strstr(text, "stale"));
    }
    assert_false(updraft_web_challenge(response, 3, text, sizeof text));
}

static void web_wants_the_password_before_it_begins(void **state)
{
    char text[UPDRAFT_WEB_CHALLENGE_CAP];
    struct fixture *f = *state;
    struct updraft_web_request request = post("/update", NULL, f->new_image.len);
    struct updraft_web_response *response;

    f->config.password = "bms2024";
    start(f);
    response = run_whole(f, &request, f->new_image.bytes, f->new_image.len);
    expect_error(response, 401, UPDRAFT_E_AUTH);
    expect_challenges(response);
    request.content_type = FORM_TYPE;
    response = run_whole(f, &request, "", 0);
    expect_answer(response, 401, "text/html", "");
    expect_challenges(response);
    request.path = "/api/v1/firmware/upload";
    request.authorization = "Basic YWRtaW46YWRtaW4="; /* admin:admin */
    response = run_whole(f, &request, "", 0);
    expect_answer(response, 401, "text/plain", "Bad credentials");
    expect_challenges(response);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_IDLE);

    request.path = "/update";
    request.content_type = NULL;
    request.authorization = ADMIN;
    response = run_whole(f, &request, f->new_image.bytes, f->new_image.len);
    assert_int_equal(response->status, 200);
    assert_false(updraft_web_challenge(response, 0, text, sizeof text));
    expect_boots(f, "1.1.0");
}

static void web_takes_a_digest_once(void **state)
{
    struct fixture *f = *state;
    struct updraft_web_request request = post("/update", NULL, 5);
    char authorization[512], text[UPDRAFT_WEB_CHALLENGE_CAP];

    f->config.password = "bms2024";
    start(f);
    expect_error(run_whole(f, &request, "hello", 5), 401, UPDRAFT_E_AUTH);
    digest_client_answer(
        &(struct digest_client){
            .nonce = f->web.response.nonce, .password = "bms2024", .target = "/update", .count = 1},
        authorization, sizeof authorization);
    request.authorization = authorization;
    expect_error(run_whole(f, &request, "hello", 5), 400, UPDRAFT_E_MAGIC);
    assert_int_equal(updraft_web_take_sign_in(&f->web), UPDRAFT_SIGN_IN_RIGHT);
    expect_error(run_whole(f, &request, "hello", 5), 401, UPDRAFT_E_AUTH);
    assert_true(updraft_web_challenge(&f->web.response, 0, text, sizeof text));
    assert_non_null(strstr(text, "stale=true"));
    assert_int_equal(updraft_web_take_sign_in(&f->web), UPDRAFT_SIGN_IN_NONE);
}

static void web_refuses_pages_of_other_hosts(void **state)
{
    struct fixture *f = *state;
    struct updraft_web_request request = post("/update", NULL, f->new_image.len);
    struct updraft_web_response *response;

    request.origin = "http://evil.example";
    expect_error(run_whole(f, &request, f->new_image.bytes, f->new_image.len), 403,
                 UPDRAFT_E_FORBIDDEN);
    request.content_type = FORM_TYPE;
    expect_answer(run_whole(f, &request, "", 0), 200, "text/html",
                  "Update error: ERROR[73]: the request came from another origin\n");
    request.path = "/api/v1/firmware/upload";
    response = run_whole(f, &request, "", 0);
    assert_int_equal(response->status, 403);
    assert_null(response->reason);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_IDLE);
    request = post("/update", NULL, f->new_image.len);
    request.origin = "http://192.168.1.50";
    assert_int_equal(run_whole(f, &request, f->new_image.bytes, f->new_image.len)->status, 200);
}

static void web_leaves_the_first_upload_alone_when_a_second_comes(void **state)
{
    struct fixture *f = *state;
    struct updraft_web_request first = post("/update", NULL, f->new_image.len);
    struct updraft_web_request second = first;
    struct updraft_web_request get = {.method = "GET", .path = "/status"};

    assert_int_equal(updraft_web_request(&f->web, &first, &f->other, &f->use_other),
                     UPDRAFT_WEB_TAKE_BODY);
    updraft_web_body(&f->web, f->new_image.bytes, 5000);

    assert_int_equal(updraft_web_request(&f->web, &second, &f->other, &f->use_other),
                     UPDRAFT_WEB_RESPOND);
    assert_true(f->use_other);
    expect_error(&f->other, 409, UPDRAFT_E_BUSY);
    second.content_type = FORM_TYPE;
    assert_int_equal(updraft_web_request(&f->web, &second, &f->other, &f->use_other),
                     UPDRAFT_WEB_RESPOND);
    expect_answer(&f->other, 200, "text/html", "Update error: ERROR[15]: Update already running\n");
    second.path = "/api/v1/firmware/upload";
    assert_int_equal(updraft_web_request(&f->web, &second, &f->other, &f->use_other),
                     UPDRAFT_WEB_RESPOND);
    assert_int_equal(f->other.status, 521);
    assert_int_equal(updraft_web_request(&f->web, &get, &f->other, &f->use_other),
                     UPDRAFT_WEB_RESPOND);
    assert_true(f->use_other);
    expect_answer(&f->other, 200, "application/json", "{\"slot\":\"ota_0\"}");

    updraft_web_body(&f->web, f->new_image.bytes + 5000, f->new_image.len - 5000);
    updraft_web_finish(&f->web);
    assert_int_equal(f->web.response.status, 200);
    expect_boots(f, "1.1.0");
}

static void web_leaves_an_update_of_another_way_alone(void **state)
{
    struct fixture *f = *state;
    struct updraft_update_request request = {.wire_len = f->new_image.len};

    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    expect_error(post_raw(f, "/update", f->new_image.bytes, f->new_image.len), 409, UPDRAFT_E_BUSY);
    expect_answer(post_form(f, "firmware", f->new_image.bytes, f->new_image.len), 200, "text/html",
                  "Update error: ERROR[15]: Update already running\n");
    assert_int_equal(updraft_update_feed(&f->rig.update, f->new_image.bytes, f->new_image.len),
                     UPDRAFT_OK);
    assert_int_equal(updraft_update_finish(&f->rig.update), UPDRAFT_OK);
}

static void web_survives_a_connection_dropped_at_any_byte(void **state)
{
    struct fixture *f = *state;
    size_t len;
    uint8_t *form = make_form("firmware", f->new_image.bytes, f->new_image.len, &len);
    struct updraft_web_request request = post("/update", FORM_TYPE, len);

    for (size_t at = 0; at < len; at += at < 300 ? 1 : 401) {
        assert_int_equal(updraft_web_request(&f->web, &request, &f->other, &f->use_other),
                         UPDRAFT_WEB_TAKE_BODY);
        assert_false(f->use_other);
        updraft_web_body(&f->web, form, at);
        updraft_web_dropped(&f->web);
        assert_true(f->rig.update.state != UPDRAFT_UPDATE_RECEIVING);
    }
    assert_int_equal(f->rig.update.failure.code, UPDRAFT_E_DISCONNECTED);
    assert_int_equal(run_whole(f, &request, form, len)->status, 200);
    assert_true(f->web.response.restart);
    expect_boots(f, "1.1.0");
    free(form);
}

static unsigned forgotten;

static enum updraft_error count_forgets(void *ctx)
{
    (void)ctx;
    forgotten++;
    return forgotten == 2 ? UPDRAFT_E_FLASH_PROGRAM : UPDRAFT_OK;
}

static void web_forgets_refusals_for_whoever_may_upload(void **state)
{
    struct fixture *f = *state;
    struct updraft_web_request request = post("/api/v1/firmware/forget", NULL, 0);

    assert_int_equal(updraft_web_request(&f->web, &request, &f->other, &f->use_other),
                     UPDRAFT_WEB_NOT_MINE); /* nobody to do it */
    f->config.forget = count_forgets;
    f->config.password = "bms2024";
    start(f);
    forgotten = 0;
    expect_error(run_whole(f, &request, "", 0), 401, UPDRAFT_E_AUTH);
    request.authorization = ADMIN;
    request.origin = "http://elsewhere.example";
    assert_int_equal(run_whole(f, &request, "", 0)->status, 403);
    assert_int_equal(forgotten, 0);
    request.origin = NULL;
    expect_answer(run_whole(f, &request, "", 0), 200, "application/json", "{\"ok\":true}");
    assert_int_equal(forgotten, 1);
    expect_error(run_whole(f, &request, "", 0), 500, UPDRAFT_E_FLASH_PROGRAM);
    request.method = "GET";
    assert_int_equal(run_whole(f, &request, "", 0)->status, 405);
    assert_int_equal(forgotten, 2);
}

static void web_routes_only_what_is_its_own(void **state)
{
    static const struct updraft_web_request not_mine[] = {
        {.method = "GET", .path = "/update"},   {.method = "HEAD", .path = "/update"},
        {.method = "GET", .path = "/"},         {.method = "POST", .path = "/"},
        {.method = "POST", .path = "/updates"}, {.method = "POST", .path = "/update/"},
    };
    static const struct updraft_web_request wrong[] = {
        {.method = "PUT", .path = "/update"},
        {.method = "POST", .path = "/status"},
        {.method = "GET", .path = "/api/v1/firmware/upload"},
    };
    struct fixture *f = *state;
    struct updraft_web_request get = {.method = "GET", .path = "/status"};

    for (size_t i = 0; i < sizeof not_mine / sizeof not_mine[0]; i++)
        assert_int_equal(updraft_web_request(&f->web, &not_mine[i], &f->other, &f->use_other),
                         UPDRAFT_WEB_NOT_MINE);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(run_whole(f, &wrong[i], "", 0)->status, 405);
    f->config.password = "bms2024"; /* the status needs none */
    start(f);
    expect_answer(run_whole(f, &get, "", 0), 200, "application/json", "{\"slot\":\"ota_0\"}");
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_IDLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(web_takes_a_form_with_the_stock_answer),
        TEST(web_takes_any_field_name_for_firmware),
        TEST(web_takes_a_form_in_every_split),
        TEST(web_writes_the_file_system_of_a_form),
        TEST(web_words_the_failures_of_a_form_as_stock_does),
        TEST(web_refuses_a_form_that_is_too_large_before_any_erase),
        TEST(web_lets_no_tags_out_of_an_image_into_the_page),
        TEST(web_takes_a_raw_body),
        TEST(web_takes_a_raw_body_in_every_split),
        TEST(web_gives_each_failure_of_a_raw_body_its_status),
        TEST(web_wants_a_content_length_it_can_read),
        TEST(web_refuses_a_body_of_another_length_than_announced),
        TEST(web_answers_like_esp32_evse_on_its_route),
        TEST(web_wants_the_password_before_it_begins),
        TEST(web_takes_a_digest_once),
        TEST(web_refuses_pages_of_other_hosts),
        TEST(web_leaves_the_first_upload_alone_when_a_second_comes),
        TEST(web_leaves_an_update_of_another_way_alone),
        TEST(web_survives_a_connection_dropped_at_any_byte),
        TEST(web_forgets_refusals_for_whoever_may_upload),
        TEST(web_routes_only_what_is_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
