/* ElegantOTA's clients, versions 2 and 3, and what a GET must not change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/digest.h"
#include "tests/unit/digest_client.h"
#include "tests/unit/web_fixture.h"

#define CLIENT "192.168.1.7"

static void md5_of(const struct rig_image *image, char hex[33])
{
    struct updraft_digest digest;
    struct updraft_text out;
    uint8_t bytes[UPDRAFT_MD5_LEN];

    updraft_digest_start(&digest, UPDRAFT_DIGEST_MD5);
    updraft_digest_update(&digest, image->bytes, image->len);
    updraft_digest_finish(&digest, bytes);
    updraft_text_init(&out, hex, 33);
    updraft_text_hex(&out, bytes, sizeof bytes);
}

/* As ElegantOTA sends it; md5 NULL: without that field. */
static struct updraft_web_response *upload(struct fixture *f, const char *path, const char *md5,
                                           const void *file, size_t file_len)
{
    static const char file_head[] =
        "--XyZ\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"firmware\"\r\n"
        "Content-Type: application/octet-stream\r\n\r\n";
    uint8_t *form = malloc(file_len + 512);
    size_t len = 0;
    struct updraft_web_request request;
    struct updraft_web_response *response;

    if (md5 != NULL)
        len += (size_t)snprintf(
            (char *)form, 256,
            "--XyZ\r\nContent-Disposition: form-data; name=\"MD5\"\r\n\r\n%s\r\n", md5);
    len += (size_t)snprintf((char *)form + len, 256, file_head, md5 != NULL ? "firmware" : "file");
    memcpy(form + len, file, file_len);
    memcpy(form + len + file_len, FORM_END, sizeof FORM_END - 1);
    len += file_len + sizeof FORM_END - 1;
    request = post(path, FORM_TYPE, len);
    request.client = CLIENT;
    response = run(f, &request, form, len, len % 977, 977);
    free(form);
    return response;
}

static struct updraft_web_response *get(struct fixture *f, const char *path, const char *query)
{
    static char target[256];
    struct updraft_web_request request = {
        .method = "GET", .path = path, .target = target, .client = CLIENT, .host = "192.168.1.50"};

    snprintf(target, sizeof target, "%s%s", path, query);
    return run_whole(f, &request, "", 0);
}

static void elegant_2_is_told_ok_or_the_error_and_its_md5_counts(void **state)
{
    struct fixture *f = *state;
    char md5[33];

    md5_of(&f->new_image, md5);
    md5[31] = md5[31] == '0' ? '1' : '0';
    expect_answer(upload(f, "/update", md5, f->new_image.bytes, f->new_image.len), 400,
                  "text/plain", "ERROR[7]: MD5 verification failed\n");
    expect_answer(upload(f, "/update", "123", f->new_image.bytes, f->new_image.len), 400,
                  "text/plain", "ERROR[131]: the announced digest is none\n");
    md5_of(&f->new_image, md5);
    expect_answer(upload(f, "/update", md5, f->foreign_image.bytes, f->foreign_image.len), 400,
                  "text/plain",
                  "ERROR[55]: the image is for ESP32-S3, this device is another chip\n");
    expect_boots(f, "1.0.0");
    start(f);
    expect_answer(upload(f, "/update", md5, f->new_image.bytes, f->new_image.len), 200,
                  "text/plain", "OK");
    assert_true(f->web.response.restart);
    expect_boots(f, "1.1.0");
}

static void elegant_2_is_told_who_the_device_is(void **state)
{
    struct fixture *f = *state;

    expect_answer(get(f, "/update/identity", ""), 200, "application/json",
                  "{ \"id\": \"garage\", \"hardware\": \"ESP32\" }");
    f->config.id = "a1b2c3";
    f->config.hardware = "ESP8266";
    start(f);
    expect_answer(get(f, "/update/identity", ""), 200, "application/json",
                  "{ \"id\": \"a1b2c3\", \"hardware\": \"ESP8266\" }");
}

static void elegant_3_updates_by_start_and_upload(void **state)
{
    struct fixture *f = *state;
    char md5[33], query[80];

    md5_of(&f->new_image, md5);
    snprintf(query, sizeof query, "?mode=fr&hash=%s", md5);
    expect_answer(get(f, "/ota/start", query), 200, "text/plain", "OK");
    expect_answer(upload(f, "/ota/upload", NULL, f->new_image.bytes, f->new_image.len), 200,
                  "text/plain", "OK");
    assert_true(f->web.response.restart);
    expect_boots(f, "1.1.0");
}

static void elegant_3_checks_the_hash_of_the_start(void **state)
{
    struct fixture *f = *state;
    char md5[33], query[80];

    md5_of(&f->old_image, md5);
    snprintf(query, sizeof query, "?mode=fr&hash=%s", md5);
    expect_answer(get(f, "/ota/start", query), 200, "text/plain", "OK");
    expect_answer(upload(f, "/ota/upload", NULL, f->new_image.bytes, f->new_image.len), 400,
                  "text/plain", "ERROR[7]: MD5 verification failed\n");
    expect_answer(get(f, "/ota/start", "?hash=0123"), 400, "text/plain", "MD5 parameter invalid");
    expect_boots(f, "1.0.0");
}

static void elegant_3_needs_no_start_and_then_updates_all_the_same(void **state)
{
    struct fixture *f = *state;

    expect_answer(upload(f, "/ota/upload", NULL, f->new_image.bytes, f->new_image.len), 200,
                  "text/plain", "OK");
    expect_boots(f, "1.1.0");
}

static void elegant_3_writes_a_file_system_where_the_start_said_so(void **state)
{
    struct fixture *f = *state;
    uint8_t contents[5000];

    memset(contents, 0x5A, sizeof contents);
    f->config.data_partition = "storage";
    start(f);
    expect_answer(get(f, "/ota/start", "?mode=fs"), 200, "text/plain", "OK");
    expect_answer(upload(f, "/ota/upload", NULL, contents, sizeof contents), 200, "text/plain",
                  "OK");
    assert_memory_equal(f->rig.nor.bytes + 0x10000 + 2 * SLOT_LEN, contents, sizeof contents);
    expect_boots(f, "1.0.0");
}

static void elegant_3_is_not_led_astray_by_a_start_that_names_another_file(void **state)
{
    struct fixture *f = *state;
    char md5[33];

    f->config.data_partition = "storage";
    start(f);
    md5_of(&f->new_image, md5);
    expect_answer(get(f, "/ota/start", "?mode=fs&hash=00000000000000000000000000000000"), 200,
                  "text/plain", "OK");
    expect_answer(upload(f, "/ota/upload", md5, f->new_image.bytes, f->new_image.len), 200,
                  "text/plain", "OK");
    expect_boots(f, "1.1.0");
}

static void elegant_3_start_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct updraft_web_request raw;

    expect_answer(get(f, "/ota/start", "?mode=fs"), 200, "text/plain", "OK");
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_IDLE);
    assert_int_equal(f->rig.nor.counts.operations, 0);
    /* Nor does it keep others out, or send their uploads elsewhere. */
    expect_answer(post_form(f, "firmware", f->foreign_image.bytes, f->foreign_image.len), 200,
                  "text/html",
                  "Update error: ERROR[55]: the image is for ESP32-S3, this device is another "
                  "chip\n");
    raw = post("/update", NULL, f->new_image.len);
    assert_int_equal(run_whole(f, &raw, f->new_image.bytes, f->new_image.len)->status, 200);
    expect_boots(f, "1.1.0");
}

static void elegant_3_upload_is_a_form(void **state)
{
    struct fixture *f = *state;
    struct updraft_web_request request = post("/ota/upload", "application/octet-stream", 9);

    expect_answer(run_whole(f, &request, "123456789", 9), 400, "text/plain",
                  "ERROR[67]: the upload form is malformed\n");
}

static void elegant_clients_are_told_of_the_password_where_they_ask(void **state)
{
    struct fixture *f = *state;
    struct updraft_web_request probe = {
        .method = "GET", .path = "/update/update", .host = "192.168.1.50"};
    char authorization[512];
    const char *target = "/ota/start?mode=fr&hash=00000000000000000000000000000000";

    assert_int_equal(updraft_web_request(&f->web, &probe, &f->other, &f->use_other),
                     UPDRAFT_WEB_NOT_MINE);
    f->config.password = "bms2024";
    start(f);
    assert_int_equal(run_whole(f, &probe, "", 0)->status, 401);
    probe.authorization = "Basic YWRtaW46Ym1zMjAyNA==";
    assert_int_equal(updraft_web_request(&f->web, &probe, &f->other, &f->use_other),
                     UPDRAFT_WEB_NOT_MINE);
    assert_int_equal(get(f, "/ota/start", strchr(target, '?'))->status, 401);
    digest_client_answer(&(struct digest_client){.nonce = f->web.response.nonce,
                                                 .password = "bms2024",
                                                 .method = "GET",
                                                 .target = target,
                                                 .count = 1,
                                                 .is_md5 = true},
                         authorization, sizeof authorization);
    probe.path = "/ota/start";
    probe.target = target;
    probe.authorization = authorization;
    expect_answer(run_whole(f, &probe, "", 0), 200, "text/plain", "OK");
    assert_int_equal(get(f, "/update/identity", "")->status, 200);
}

static void web_answers_no_page_that_reached_it_by_a_foreign_name(void **state)
{
    static const char *const paths[] = {"/status", "/update/identity", "/update/update",
                                        "/ota/start"};
    struct fixture *f = *state;
    struct updraft_web_request request = {.method = "GET", .host = "evil.example"};
    struct updraft_web_response *response;

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        request.path = paths[i];
        response = run_whole(f, &request, "", 0);
        assert_int_equal(response->status, i < 2 ? 403 : 400);
        assert_non_null(strstr(response->body, "this device is not called 'evil.example'"));
    }
    request = post("/update", NULL, f->new_image.len);
    request.host = "evil.example";
    request.origin = "http://evil.example";
    expect_error(run_whole(f, &request, f->new_image.bytes, f->new_image.len), 403,
                 UPDRAFT_E_FOREIGN_HOST);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_IDLE);
    request.path = "/api/v1/firmware/upload";
    assert_int_equal(run_whole(f, &request, f->new_image.bytes, f->new_image.len)->status, 403);
    request = post("/update", NULL, f->new_image.len);
    request.host = "garage:8080";
    request.origin = "http://garage:8080";
    request.referer = "http://garage:8080/update";
    assert_int_equal(run_whole(f, &request, f->new_image.bytes, f->new_image.len)->status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(elegant_2_is_told_ok_or_the_error_and_its_md5_counts),
        TEST(elegant_2_is_told_who_the_device_is),
        TEST(elegant_3_updates_by_start_and_upload),
        TEST(elegant_3_checks_the_hash_of_the_start),
        TEST(elegant_3_needs_no_start_and_then_updates_all_the_same),
        TEST(elegant_3_writes_a_file_system_where_the_start_said_so),
        TEST(elegant_3_is_not_led_astray_by_a_start_that_names_another_file),
        TEST(elegant_3_start_changes_nothing),
        TEST(elegant_3_upload_is_a_form),
        TEST(elegant_clients_are_told_of_the_password_where_they_ask),
        TEST(web_answers_no_page_that_reached_it_by_a_foreign_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
