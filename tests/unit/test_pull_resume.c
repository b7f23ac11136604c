/* Pulling an image that was broken off: what is asked for the second time, and which answers to it are
 * believed. */
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

#define SLOT_LEN 0x20000u
#define URL      "http://updates.example/image.bin"
#define ETAG     "\"1234abcd\""

struct fixture {
    struct rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    struct updraft_pull pull;
    struct updraft_pull_fetch fetch;
};

static struct fixture *make(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct updraft_pull_config config = {
        .update = &f->rig.update,
        .way = UPDRAFT_PULL_PLAIN,
        .url = URL,
        .identity = {.mac = "24:6F:28:00:00:01", .version = "1.0.0", .sdk_version = "v5.4.1"},
    };

    rig_image_make(&f->old_image, UPDRAFT_CHIP_ESP32, "1.0.0", 9000);
    rig_image_make(&f->new_image, UPDRAFT_CHIP_ESP32, "1.1.0", 100000);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old_image);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
    updraft_pull_init(&f->pull, &config, 0);
    return f;
}

static void release(struct fixture *f)
{
    assert_string_equal(f->rig.nor.violation, "");
    rig_free(&f->rig);
    rig_image_free(&f->old_image);
    rig_image_free(&f->new_image);
    free(f);
}

static bool answer(struct fixture *f, uint16_t status, int64_t content_len, const char *etag,
                   const char *content_range)
{
    return updraft_pull_response(&f->pull, &(struct updraft_pull_answer){
                                               .status = status,
                                               .content_len = content_len,
                                               .etag = etag,
                                               .content_range = content_range,
                                           });
}

static uint32_t body(struct fixture *f, uint32_t from, uint32_t to)
{
    for (uint32_t off = from; off < to; off += 1460) {
        uint32_t len = to - off < 1460 ? to - off : 1460;

        if (!updraft_pull_body(&f->pull, f->new_image.bytes + off, len))
            return off;
    }
    return to;
}

/* A check that breaks off in the middle, then the next one, up to the request for the rest, which is in
 * f->fetch; returns its offset. */
static uint32_t break_off(struct fixture *f, const char *etag, const char *etag_then)
{
    assert_true(updraft_pull_wants(&f->pull, 0, &f->fetch));
    assert_null(strstr(f->fetch.headers, "Range"));
    assert_true(answer(f, 200, f->new_image.len, etag, NULL));
    body(f, 0, f->new_image.len - 2000);
    updraft_pull_end(&f->pull, UPDRAFT_E_DISCONNECTED, 0);
    assert_int_equal(updraft_pull_take_outcome(&f->pull), UPDRAFT_PULL_FAILED);
    updraft_pull_now(&f->pull, 0);
    assert_true(updraft_pull_wants(&f->pull, 0, &f->fetch));
    if (answer(f, 200, f->new_image.len, etag_then, NULL))
        return 0;
    updraft_pull_end(&f->pull, UPDRAFT_OK, 0);
    assert_true(updraft_pull_goes_on(&f->pull));
    assert_int_equal(updraft_pull_due_ms(&f->pull), 0);
    assert_int_equal(updraft_pull_take_outcome(&f->pull), UPDRAFT_PULL_NONE);
    assert_true(updraft_pull_wants(&f->pull, 0, &f->fetch));
    assert_string_equal(f->fetch.url, URL);
    return updraft_update_resume_off(&f->rig.update);
}

static void finish_from(struct fixture *f, uint32_t off)
{
    assert_int_equal(body(f, off, f->new_image.len), f->new_image.len);
    updraft_pull_end(&f->pull, UPDRAFT_OK, 0);
    assert_int_equal(updraft_pull_take_outcome(&f->pull), UPDRAFT_PULL_UPDATED);
}

static void range_of(const struct fixture *f, uint32_t off, char out[64])
{
    snprintf(out, 64, "bytes %u-%u/%u", off, f->new_image.len - 1, f->new_image.len);
}

static void pull_asks_for_the_rest_of_an_image_that_was_broken_off(void **state)
{
    struct fixture *f = make();
    char range[64];
    uint32_t off = break_off(f, ETAG, ETAG);

    (void)state;
    assert_true(off >= 16384);
    snprintf(range, sizeof range, "Range: bytes=%u-\nIf-Range: " ETAG "\n", off);
    assert_string_equal(f->fetch.headers, range);
    range_of(f, off, range);
    assert_true(answer(f, 206, f->new_image.len - off, ETAG, range));
    finish_from(f, off);
    release(f);
}

static void pull_takes_all_where_the_server_sends_all_or_has_another_image(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture *f = make();

        assert_true(break_off(f, ETAG, ETAG) > 0);
        assert_true(answer(f, 200, f->new_image.len, i == 0 ? ETAG : "\"other\"", NULL));
        finish_from(f, 0);
        release(f);
    }
}

static void pull_starts_again_where_the_server_refuses_the_range(void **state)
{
    struct fixture *f = make();

    (void)state;
    assert_true(break_off(f, ETAG, ETAG) > 0);
    assert_false(answer(f, 416, 0, NULL, NULL));
    updraft_pull_end(&f->pull, UPDRAFT_OK, 0);
    assert_true(updraft_pull_wants(&f->pull, 0, &f->fetch));
    assert_null(strstr(f->fetch.headers, "Range"));
    assert_true(answer(f, 200, f->new_image.len, ETAG, NULL));
    finish_from(f, 0);
    release(f);
}

static void pull_does_not_go_on_by_another_or_a_weak_etag(void **state)
{
    const char *const pairs[][2] = {
        {ETAG, "\"other\""}, {"W/" ETAG, "W/" ETAG}, {NULL, NULL}, {"1234", "1234"}};

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct fixture *f = make();

        assert_int_equal(break_off(f, pairs[i][0], pairs[i][1]), 0);
        finish_from(f, 0);
        release(f);
    }
}

static void pull_believes_no_answer_that_is_not_the_rest(void **state)
{
    (void)state;
    for (int i = 0; i < 7; i++) {
        struct fixture *f = make();
        uint32_t off = break_off(f, ETAG, ETAG);
        uint32_t len = f->new_image.len;
        int64_t content_len = len - off;
        const char *etag = ETAG;
        char range[64];

        range_of(f, off, range);
        if (i == 0)
            range_of(f, off + 1, range);
        if (i == 1)
            snprintf(range, sizeof range, "bytes %u-%u/%u", off, len - 2, len);
        if (i == 2)
            snprintf(range, sizeof range, "bytes %u-%u/%u", off, len - 1, len + 1);
        if (i == 3)
            snprintf(range, sizeof range, "bytes %u-%u/*", off, len - 1);
        if (i == 4)
            content_len--;
        if (i == 5)
            etag = "\"other\"";
        assert_false(answer(f, 206, content_len, etag, i == 6 ? NULL : range));
        updraft_pull_end(&f->pull, UPDRAFT_OK, 0);
        assert_int_equal(updraft_pull_take_outcome(&f->pull), UPDRAFT_PULL_FAILED);
        assert_int_equal(f->pull.failure.code, UPDRAFT_E_PROTOCOL);
        assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_FAILED);
        release(f);
    }
}

static void pull_fails_by_the_status_of_the_second_answer(void **state)
{
    struct fixture *f = make();

    (void)state;
    assert_true(break_off(f, ETAG, ETAG) > 0);
    assert_false(answer(f, 503, 0, NULL, NULL));
    updraft_pull_end(&f->pull, UPDRAFT_OK, 0);
    assert_int_equal(updraft_pull_take_outcome(&f->pull), UPDRAFT_PULL_FAILED);
    assert_int_equal(f->pull.failure.code, UPDRAFT_E_SERVER_BUSY);
    assert_int_equal(f->pull.failure.b, 503);
    release(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pull_asks_for_the_rest_of_an_image_that_was_broken_off),
        cmocka_unit_test(pull_takes_all_where_the_server_sends_all_or_has_another_image),
        cmocka_unit_test(pull_starts_again_where_the_server_refuses_the_range),
        cmocka_unit_test(pull_does_not_go_on_by_another_or_a_weak_etag),
        cmocka_unit_test(pull_believes_no_answer_that_is_not_the_rest),
        cmocka_unit_test(pull_fails_by_the_status_of_the_second_answer),
    };

    return cmocka_run_group_tests_name("pull_resume", tests, NULL, NULL);
}
