/* Uploads over HTTP on the real transaction and a simulated flash: what tests of them share. */
#ifndef UPDRAFT_TESTS_WEB_FIXTURE_H
#define UPDRAFT_TESTS_WEB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/push/web.h"
#include "format/chip.h"
#include "tests/rig/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNUSED __attribute__((unused)) /* not every test file needs each of them */

#define SLOT_LEN  0x10000u
#define IMAGE_LEN 9000u
#define ADMIN     "Basic YWRtaW46Ym1zMjAyNA==" /* admin:bms2024 */
#define FORM_TYPE "multipart/form-data; boundary=XyZ"
#define FORM_END  "\r\n--XyZ--\r\n"
#define SUCCESS   "<META http-equiv=\"refresh\" content=\"15;URL=/\">Update Success! Rebooting..."

struct fixture {
    struct rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    struct rig_image foreign_image; /* of another chip */
    struct updraft_web_config config;
    struct updraft_web web;
    struct updraft_web_response other;
    bool use_other;
    bool refuse;
};

static void status_json(void *ctx, char *out, size_t cap)
{
    (void)ctx;
    snprintf(out, cap, "{\"slot\":\"ota_0\"}");
}

static bool guard(void *ctx, enum updraft_guard_point point, struct updraft_refusal *refusal)
{
    struct fixture *f = ctx;

    (void)point;
    refusal->reason = "charging";
    return !f->refuse;
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, 7, len);
}

static void start(struct fixture *f)
{
    f->rig.hooks = (struct updraft_update_hooks){.ctx = f, .guard = guard};
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
    f->config.update = &f->rig.update;
    f->config.status_json = status_json;
    f->config.random = fill;
    f->config.name = "garage";
    updraft_web_init(&f->web, &f->config);
}

static UNUSED int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    rig_image_make(&f->old_image, UPDRAFT_CHIP_ESP32, "1.0.0", IMAGE_LEN);
    rig_image_make(&f->new_image, UPDRAFT_CHIP_ESP32, "1.1.0", IMAGE_LEN);
    rig_image_make(&f->foreign_image, UPDRAFT_CHIP_ESP32S3, "1.1.0", IMAGE_LEN);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old_image);
    start(f);
    *state = f;
    return 0;
}

static UNUSED int teardown(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(f->rig.nor.violation, "");
    rig_free(&f->rig);
    rig_image_free(&f->old_image);
    rig_image_free(&f->new_image);
    rig_image_free(&f->foreign_image);
    free(f);
    return 0;
}

static UNUSED void renew(struct fixture *f)
{
    rig_free(&f->rig);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old_image);
    start(f);
}

static UNUSED struct updraft_web_request post(const char *path, const char *content_type,
                                              size_t len)
{
    static char length[24];

    snprintf(length, sizeof length, "%zu", len);
    return (struct updraft_web_request){
        .method = "POST",
        .path = path,
        .content_type = content_type,
        .content_length = length,
        .host = "192.168.1.50",
    };
}

/* The answer to a request whose body comes in two pieces, the second byte by byte when asked. */
static UNUSED struct updraft_web_response *run(struct fixture *f,
                                               const struct updraft_web_request *request,
                                               const void *body, size_t len, size_t split,
                                               size_t step)
{
    switch (updraft_web_request(&f->web, request, &f->other, &f->use_other)) {
    case UPDRAFT_WEB_TAKE_BODY:
        assert_false(f->use_other);
        if (split > 0)
            updraft_web_body(&f->web, body, split);
        for (size_t off = split; off < len; off += step)
            updraft_web_body(&f->web, (const uint8_t *)body + off,
                             len - off < step ? len - off : step);
        updraft_web_finish(&f->web);
        break;
    case UPDRAFT_WEB_RESPOND:
        break;
    case UPDRAFT_WEB_NOT_MINE:
        fail();
    }
    return f->use_other ? &f->other : &f->web.response;
}

static UNUSED struct updraft_web_response *run_whole(struct fixture *f,
                                                     const struct updraft_web_request *request,
                                                     const void *body, size_t len)
{
    return run(f, request, body, len, len, 1);
}

static UNUSED struct updraft_web_response *post_raw(struct fixture *f, const char *path,
                                                    const void *body, size_t len)
{
    struct updraft_web_request request = post(path, "application/octet-stream", len);

    return run_whole(f, &request, body, len);
}

static UNUSED void expect_answer(const struct updraft_web_response *response, unsigned status,
                                 const char *type, const char *body)
{
    assert_string_equal(response->body, body);
    assert_int_equal(response->body_len, strlen(body));
    assert_int_equal(response->status, status);
    assert_string_equal(response->content_type, type);
}

static UNUSED void expect_error(const struct updraft_web_response *response, unsigned status,
                                enum updraft_error code)
{
    char start_of_body[64];

    snprintf(start_of_body, sizeof start_of_body,
             "{\"error\":{\"code\":%d,\"name\":\"%s\",\"text\"", (int)code,
             updraft_error_entry((uint32_t)code)->name);
    assert_memory_equal(response->body, start_of_body, strlen(start_of_body));
    assert_string_equal(response->body + response->body_len - 3, "\"}}");
    assert_int_equal(response->status, status);
    assert_string_equal(response->content_type, "application/json");
    assert_false(response->restart);
}

static UNUSED void expect_boots(struct fixture *f, const char *version)
{
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_string_equal(rig_version(&f->rig, f->rig.slots.running), version);
}

/* A form as browsers and curl send it, to be freed. */
static UNUSED uint8_t *make_form(const char *field, const void *file, size_t file_len, size_t *len)
{
    uint8_t *form = malloc(file_len + 512);
    int head_len = snprintf((char *)form, 512,
                            "--XyZ\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n"
                            "a52dff8366b1473d2e13edd2415def67\r\n"
                            "--XyZ\r\nContent-Disposition: form-data; name=\"%s\"; "
                            "filename=\"app.bin\"\r\n"
                            "Content-Type: application/octet-stream\r\n\r\n",
                            field);

    memcpy(form + head_len, file, file_len);
    memcpy(form + head_len + file_len, FORM_END, sizeof FORM_END - 1);
    *len = (size_t)head_len + file_len + sizeof FORM_END - 1;
    return form;
}

static UNUSED struct updraft_web_response *post_form(struct fixture *f, const char *field,
                                                     const void *file, size_t file_len)
{
    size_t len;
    uint8_t *form = make_form(field, file, file_len, &len);
    struct updraft_web_request request = post("/update", FORM_TYPE, len);
    struct updraft_web_response *response = run_whole(f, &request, form, len);

    free(form);
    return response;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
