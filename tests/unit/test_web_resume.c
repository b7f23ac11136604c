/* A raw body in parts: broken off, asked for, gone on with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/push/web_resume.h"
#include "format/digest.h"
#include "format/text.h"
#include "tests/unit/web_fixture.h"

/* SHA-256 of "abc" (FIPS 180-2), in both writings. */
#define ABC_HEX    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC_BASE64 "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="

#define LARGE_LEN 50000u
#define CUT       40000u
#define HELD      0x8000u /* of it, with a record every 16 KB */

static int setup_large(void **state)
{
    setup(state);
    struct fixture *f = *state;

    rig_image_free(&f->new_image);
    rig_image_make(&f->new_image, UPDRAFT_CHIP_ESP32, "1.1.0", LARGE_LEN);
    return 0;
}

#define LARGE(name) cmocka_unit_test_setup_teardown(name, setup_large, teardown)

static void sha256_of(const struct rig_image *image, uint8_t sha256[UPDRAFT_SHA256_LEN])
{
    struct updraft_digest digest;

    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, image->bytes, image->len);
    updraft_digest_finish(&digest, sha256);
}

static void name_image(const struct rig_image *image, char header[80])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t sha256[UPDRAFT_SHA256_LEN + 1] = {0};
    size_t at = 9;

    sha256_of(image, sha256);
    memcpy(header, "sha-256=:", at);
    for (size_t i = 0; i < UPDRAFT_SHA256_LEN; i += 3) {
        unsigned bits = (unsigned)sha256[i] << 16 | (unsigned)sha256[i + 1] << 8 | sha256[i + 2];

        for (int shift = 18; shift >= 0; shift -= 6)
            header[at++] = digits[bits >> shift & 63];
    }
    memcpy(header + at - 1, "=:", 3); /* the last third of the last three is none */
}

static uint32_t ask(struct fixture *f, const struct rig_image *image)
{
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    char hex[2 * UPDRAFT_SHA256_LEN + 1], target[160];
    struct updraft_text text;
    unsigned off = 9999999;
    struct updraft_web_request request = {
        .method = "GET", .path = "/update/resume", .target = target, .host = "192.168.1.50"};
    struct updraft_web_response *response;

    sha256_of(image, sha256);
    updraft_text_init(&text, hex, sizeof hex);
    updraft_text_hex(&text, sha256, sizeof sha256);
    snprintf(target, sizeof target, "/update/resume?sha256=%s&size=%zu", hex, (size_t)image->len);
    response = run_whole(f, &request, "", 0);
    assert_int_equal(response->status, 200);
    assert_int_equal(sscanf(response->body, "{\"offset\":%u}", &off), 1);
    return off;
}

/* The image from off on, but only so many bytes of it before the connection is lost; len 0: all. */
static struct updraft_web_response *send_part(struct fixture *f, const struct rig_image *image,
                                              size_t off, size_t len, size_t step)
{
    char digest[80], range[80];
    struct updraft_web_request request = post("/update", NULL, image->len - off);
    const uint8_t *bytes = image->bytes + off;

    name_image(image, digest);
    snprintf(range, sizeof range, "bytes %zu-%zu/%zu", off, (size_t)image->len - 1,
             (size_t)image->len);
    request.repr_digest = digest;
    request.content_range = off > 0 ? range : NULL;
    if (len == 0)
        return run(f, &request, bytes, image->len - off, 0, step);
    assert_int_equal(updraft_web_request(&f->web, &request, &f->other, &f->use_other),
                     UPDRAFT_WEB_TAKE_BODY);
    updraft_web_body(&f->web, bytes, len);
    updraft_web_dropped(&f->web);
    return NULL;
}

static void web_goes_on_where_a_body_broke_off(void **state)
{
    static const size_t steps[] = {1, 997, LARGE_LEN};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        renew(f);
        assert_int_equal(ask(f, &f->new_image), 0);
        send_part(f, &f->new_image, 0, CUT, 0);
        assert_int_equal(ask(f, &f->new_image), HELD);
        assert_int_equal(ask(f, &f->foreign_image), 0);
        assert_int_equal(send_part(f, &f->new_image, HELD, 0, steps[i])->status, 200);
        assert_true(f->web.response.restart);
        expect_boots(f, "1.1.0");
    }
}

static void web_goes_on_after_the_power_was_cut(void **state)
{
    struct fixture *f = *state;

    send_part(f, &f->new_image, 0, CUT, 0);
    start(f); /* another life: all it knows is in the flash */
    assert_int_equal(ask(f, &f->new_image), HELD);
    assert_int_equal(send_part(f, &f->new_image, HELD, 0, 500)->status, 200);
    expect_boots(f, "1.1.0");
}

static void web_passes_over_what_is_there_already(void **state)
{
    struct fixture *f = *state;

    for (size_t off = 0; off <= HELD; off += 4096) {
        renew(f);
        send_part(f, &f->new_image, 0, CUT, 0);
        assert_int_equal(send_part(f, &f->new_image, off, 0, 333)->status, 200);
        expect_boots(f, "1.1.0");
    }
}

static void web_takes_no_part_behind_what_is_there(void **state)
{
    struct fixture *f = *state;
    uint64_t operations;

    send_part(f, &f->new_image, 0, 28000, 0);
    operations = f->rig.nor.counts.operations;
    expect_error(send_part(f, &f->new_image, HELD, 0, 100), 416, UPDRAFT_E_RANGE);
    assert_non_null(strstr(f->web.response.body, "goes on at 32768, but the device holds 16384"));
    assert_int_equal(f->rig.nor.counts.operations, operations);
    assert_int_equal(ask(f, &f->new_image), 16384); /* and nothing is lost by it */
    expect_boots(f, "1.0.0");
}

static void web_refuses_the_rest_of_another_image(void **state)
{
    struct fixture *f = *state;
    struct rig_image other;

    rig_image_make(&other, UPDRAFT_CHIP_ESP32, "1.2.0", LARGE_LEN);
    send_part(f, &f->new_image, 0, CUT, 0);
    expect_error(send_part(f, &other, HELD, 0, 100), 416, UPDRAFT_E_RANGE);
    assert_int_equal(send_part(f, &other, 0, 0, 700)->status, 200);
    expect_boots(f, "1.2.0");
    rig_image_free(&other);
}

static void web_checks_the_digest_over_all_parts(void **state)
{
    struct fixture *f = *state;
    uint8_t *last = f->new_image.bytes + f->new_image.len - 1;
    char digest[80], range[80];
    struct updraft_web_request request;

    send_part(f, &f->new_image, 0, CUT, 0);
    name_image(&f->new_image, digest);
    request = post("/update", NULL, f->new_image.len - HELD);
    request.repr_digest = digest;
    snprintf(range, sizeof range, "bytes %u-%u/%u", HELD, (unsigned)f->new_image.len - 1,
             (unsigned)f->new_image.len);
    request.content_range = range;
    *last ^= 1;
    expect_error(run_whole(f, &request, f->new_image.bytes + HELD, f->new_image.len - HELD), 400,
                 UPDRAFT_E_DIGEST);
    *last ^= 1;
    expect_boots(f, "1.0.0");
}

static void web_wants_a_range_that_fits(void **state)
{
    static const char *const ranges[] = {
        "bytes 8192-8998/9000",        "bytes 8192-8999/8999", "bytes 8193-8999/9000",
        "bytes 8192-8999/*",           "bytes */9000",         "8192-8999/9000",
        "bytes 8192-8999/9000 ",       "bytes -8999/9000",     "bytes 9000-8999/9000",
        "bytes 99999999999-8999/9000", "bytes 0-0/0",          "",
    };
    struct fixture *f = *state;
    struct updraft_web_request request = post("/update", NULL, 808);

    request.repr_digest = "sha-256=:" ABC_BASE64 ":";
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        request.content_range = ranges[i];
        expect_error(run_whole(f, &request, f->new_image.bytes, 808), 400, UPDRAFT_E_PROTOCOL);
    }
    request.content_range = "bytes 8192-8999/9000";
    request.repr_digest = NULL; /* the rest of what? */
    expect_error(run_whole(f, &request, f->new_image.bytes, 808), 416, UPDRAFT_E_RANGE);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_IDLE);
}

static void web_reads_a_digest_among_others(void **state)
{
    static const char *const good[] = {
        "sha-256=:" ABC_BASE64 ":",
        "md5=:AAAA:, sha-256=:" ABC_BASE64 ":",
        "sha-512=:AAAA:,\tsha-256=:" ABC_BASE64 ":, unixsum=3",
    };
    static const char *const bad[] = {
        "sha-256=:",
        "sha-256=::",
        "sha-256=:AAAA:",
        "sha-256=:" ABC_BASE64,
        "sha-256=:" ABC_BASE64 "AAAA:",
        "sha-256=:*ngWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:",
    };
    struct updraft_web_part part, asked;

    (void)state;
    assert_int_equal(updraft_web_part_ask("size=3&sha256=" ABC_HEX, &asked), UPDRAFT_OK);
    assert_int_equal(asked.total, 3);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(updraft_web_part_read(good[i], NULL, 3, &part), UPDRAFT_OK);
        assert_true(part.has_sha256);
        assert_memory_equal(part.sha256, asked.sha256, sizeof part.sha256);
        assert_int_equal(part.total, 3);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(updraft_web_part_read(bad[i], NULL, 3, &part), UPDRAFT_E_BAD_DIGEST);
    assert_int_equal(updraft_web_part_read("md5=:AAAA:", NULL, 3, &part), UPDRAFT_OK);
    assert_false(part.has_sha256);
    assert_int_equal(updraft_web_part_ask("sha256=" ABC_HEX, &part), UPDRAFT_E_PROTOCOL);
    assert_int_equal(updraft_web_part_ask("size=3x&sha256=" ABC_HEX, &part), UPDRAFT_E_PROTOCOL);
    assert_int_equal(updraft_web_part_ask("size=3&sha256=ab", &part), UPDRAFT_E_BAD_DIGEST);
    assert_int_equal(updraft_web_part_ask("", &part), UPDRAFT_E_BAD_DIGEST);
}

static void web_tells_what_it_has_only_to_who_may_send(void **state)
{
    struct fixture *f = *state;
    struct updraft_web_request request = {
        .method = "GET", .path = "/update/resume", .host = "192.168.1.50"};

    expect_error(run_whole(f, &request, "", 0), 400, UPDRAFT_E_BAD_DIGEST);
    f->config.password = "bms2024";
    start(f);
    expect_error(run_whole(f, &request, "", 0), 401, UPDRAFT_E_AUTH);
}

static void web_tells_of_nothing_while_an_upload_runs(void **state)
{
    struct fixture *f = *state;
    struct updraft_web_request request = post("/update", NULL, f->new_image.len);
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    struct updraft_update_request update = {.wire_len = f->new_image.len, .sha256 = sha256};

    sha256_of(&f->new_image, sha256);
    send_part(f, &f->new_image, 0, CUT, 0);
    assert_int_equal(updraft_update_held(&f->rig.update, &update), HELD);
    assert_int_equal(updraft_web_request(&f->web, &request, &f->other, &f->use_other),
                     UPDRAFT_WEB_TAKE_BODY);
    assert_int_equal(updraft_update_held(&f->rig.update, &update), 0);
    updraft_web_body(&f->web, f->new_image.bytes, f->new_image.len);
    updraft_web_finish(&f->web);
    assert_int_equal(f->web.response.status, 200);
    expect_boots(f, "1.1.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LARGE(web_goes_on_where_a_body_broke_off),
        LARGE(web_goes_on_after_the_power_was_cut),
        LARGE(web_passes_over_what_is_there_already),
        LARGE(web_takes_no_part_behind_what_is_there),
        LARGE(web_refuses_the_rest_of_another_image),
        LARGE(web_checks_the_digest_over_all_parts),
        TEST(web_wants_a_range_that_fits),
        cmocka_unit_test(web_reads_a_digest_among_others),
        TEST(web_tells_what_it_has_only_to_who_may_send),
        LARGE(web_tells_of_nothing_while_an_upload_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
