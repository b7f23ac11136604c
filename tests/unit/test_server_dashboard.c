/* The dashboard's files as a browser and as a plain client get them, without sockets. */
#include "server/dashboard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct headers {
    struct updraft_field fields[2];
    size_t count;
};

static void ask(const char *asset, const struct headers *headers, struct updraft_response *response)
{
    struct updraft_request request = {
        .method = UPDRAFT_METHOD_GET, .headers = headers->fields, .header_count = headers->count};
    const struct updraft_view view = {.base_url = ""};
    struct updraft_plan plan;

    updraft_response_init(response);
    updraft_plan_init(&plan, 1);
    request.segments[0] = asset;
    (asset == NULL ? updraft_dashboard_page : updraft_dashboard_asset)(&view, &request, &plan,
                                                                       response);
    assert_int_equal(plan.count, 0);
    updraft_plan_deinit(&plan);
}

static const char *header(const struct updraft_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++) {
        const struct updraft_response_header *row = &response->headers[i];
        if (strcmp(row->name, name) == 0)
            return row->constant != NULL ? row->constant : row->value;
    }
    return NULL;
}

static void every_file_is_given_packed_or_unpacked(void **state)
{
    const struct headers plain = {.count = 0}, packs = {{{"Accept-Encoding", "gzip, br"}}, 1};

    (void)state;
    assert_true(updraft_dashboard_file_count >= 3);
    for (size_t i = 0; i < updraft_dashboard_file_count; i++) {
        const struct updraft_dashboard_file *file = &updraft_dashboard_files[i];
        const char *slash = strchr(file->path, '/');
        const char *asset = slash == NULL ? NULL : slash + 1;
        struct updraft_response response;

        assert_true(file->path[0] == '\0' || slash != NULL);
        ask(asset, &packs, &response);
        assert_int_equal(response.status, 200);
        assert_string_equal(header(&response, "Content-Encoding"), "gzip");
        assert_ptr_equal(response.constant, file->gzip);
        assert_int_equal(response.body_len, file->gzip_len);
        updraft_response_deinit(&response);

        ask(asset, &plain, &response);
        assert_int_equal(response.status, 200);
        assert_null(header(&response, "Content-Encoding"));
        assert_string_equal(header(&response, "Content-Type"), file->type);
        assert_int_equal(response.body_len, file->len);
        assert_true(response.body[0] != 0x1F);
        updraft_response_deinit(&response);
    }
}

static void the_page_is_asked_for_again_and_its_files_never(void **state)
{
    const struct headers none = {.count = 0};
    struct updraft_response response;

    (void)state;
    ask(NULL, &none, &response);
    const struct headers known = {{{"If-None-Match", header(&response, "ETag")}}, 1};
    assert_string_equal(header(&response, "Cache-Control"), "no-cache");
    assert_non_null(strstr(response.body, "<!doctype html>"));
    assert_non_null(strstr(header(&response, "Content-Security-Policy"), "default-src 'none'"));
    assert_null(strstr(header(&response, "Content-Security-Policy"), "unsafe"));
    struct updraft_response again;
    ask(NULL, &known, &again);
    assert_int_equal(again.status, 304);
    assert_int_equal(again.body_len, 0);
    updraft_response_deinit(&again);
    updraft_response_deinit(&response);

    ask(strchr(updraft_dashboard_files[0].path, '/') + 1, &none, &response);
    assert_non_null(strstr(header(&response, "Cache-Control"), "immutable"));
    updraft_response_deinit(&response);
}

static void what_is_not_there_is_not_found(void **state)
{
    const struct headers none = {.count = 0};
    static const char *const names[] = {"index.html", "nope.js", "..", "x/index.js"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct updraft_response response;
        ask(names[i], &none, &response);
        assert_int_equal(response.status, 404);
        updraft_response_deinit(&response);
    }
}

static void gzip_is_sent_to_who_takes_it(void **state)
{
    static const struct {
        const char *accept;
        bool takes;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"identity", false},
        {"gzip", true},
        {"GZip", true},
        {"deflate, gzip;q=0.5, br", true},
        {"br,gzip", true},
        {"gzip;q=0", false},
        {"gzip;q=0.000 , br", false},
        {"gzip ; q=0", false},
        {"gzip;q=0.001", true},
        {"*", true},
        {"*;q=0", false},
        {"gzip;q=0, *", false},
        {"*;q=0, gzip", true},
        {"x-gzip, zstd", false},
        {"gzipped", false},
        {",,, gzip", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(updraft_dashboard_takes_gzip(cases[i].accept), cases[i].takes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_is_given_packed_or_unpacked),
        cmocka_unit_test(the_page_is_asked_for_again_and_its_files_never),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(gzip_is_sent_to_who_takes_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
