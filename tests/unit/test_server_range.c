#include "server/device_api/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define ETAG "\"abc\""

struct row {
    const char *range;
    const char *if_range;
    uint64_t file_len;
    unsigned status;
    uint64_t off;
    uint64_t len;
};

static const struct row table[] = {
    {NULL, NULL, 1000, 200, 0, 1000},
    {"bytes=0-0", NULL, 1000, 206, 0, 1},
    {"bytes=0-999", NULL, 1000, 206, 0, 1000},
    {"bytes=10-19", NULL, 1000, 206, 10, 10},
    {"Bytes=10-19", NULL, 1000, 206, 10, 10},
    {"bytes= 10-19 ", NULL, 1000, 206, 10, 10},
    {"bytes=990-2000", NULL, 1000, 206, 990, 10},
    {"bytes=500-", NULL, 1000, 206, 500, 500},
    {"bytes=999-", NULL, 1000, 206, 999, 1},
    {"bytes=-1", NULL, 1000, 206, 999, 1},
    {"bytes=-1000", NULL, 1000, 206, 0, 1000},
    {"bytes=-5000", NULL, 1000, 206, 0, 1000},
    {"bytes=99999999999999999999-", NULL, 1000, 416, 0, 0},
    {"bytes=0-99999999999999999999", NULL, 1000, 206, 0, 1000},
    {"bytes=1000-", NULL, 1000, 416, 0, 0},
    {"bytes=1000-1001", NULL, 1000, 416, 0, 0},
    {"bytes=-0", NULL, 1000, 416, 0, 0},
    {"bytes=0-", NULL, 0, 416, 0, 0},
    {"bytes=-5", NULL, 0, 416, 0, 0},
    /* Several, other units, nonsense: the whole file. */
    {"bytes=0-1,5-6", NULL, 1000, 200, 0, 1000},
    {"bytes=5-2", NULL, 1000, 200, 0, 1000},
    {"bytes=-", NULL, 1000, 200, 0, 1000},
    {"bytes=", NULL, 1000, 200, 0, 1000},
    {"bytes=a-b", NULL, 1000, 200, 0, 1000},
    {"bytes=1-2x", NULL, 1000, 200, 0, 1000},
    {"bytes=+1-2", NULL, 1000, 200, 0, 1000},
    {"bytes=--2", NULL, 1000, 200, 0, 1000},
    {"items=0-5", NULL, 1000, 200, 0, 1000},
    {"", NULL, 1000, 200, 0, 1000},
    /* If-Range: only the strong tag itself. */
    {"bytes=10-19", ETAG, 1000, 206, 10, 10},
    {"bytes=10-19", "\"other\"", 1000, 200, 0, 1000},
    {"bytes=10-19", "W/" ETAG, 1000, 200, 0, 1000},
    {"bytes=10-19", "Sat, 21 Nov 2026 12:00:00 GMT", 1000, 200, 0, 1000},
    {"bytes=2000-", "\"other\"", 1000, 200, 0, 1000},
};

static void range_choose_follows_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct updraft_range got =
            updraft_range_choose(table[i].range, table[i].if_range, ETAG, table[i].file_len);
        if (got.status != table[i].status || got.off != table[i].off || got.len != table[i].len)
            fail_msg("'%s': %u at %llu, %llu bytes", table[i].range == NULL ? "" : table[i].range,
                     got.status, (unsigned long long)got.off, (unsigned long long)got.len);
    }
}

static void a_range_never_leaves_the_file(void **state)
{
    char header[48];

    (void)state;
    for (unsigned len = 0; len < 8; len++) {
        for (unsigned first = 0; first < 10; first++) {
            for (unsigned last = 0; last < 10; last++) {
                snprintf(header, sizeof header, "bytes=%u-%u", first, last);
                const struct updraft_range got = updraft_range_choose(header, NULL, ETAG, len);
                assert_true(got.off + got.len <= len);
                assert_true(got.status != 206 || got.len > 0);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(range_choose_follows_the_table),
        cmocka_unit_test(a_range_never_leaves_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
