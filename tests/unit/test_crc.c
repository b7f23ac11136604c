#include "format/crc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *data;
    size_t len;
    uint32_t standard;
    uint32_t sdk;
} vectors[] = {
    {"123456789", 9, 0xCBF43926, 0x340BC6D9},
    {"a", 1, 0xE8B7BE43, 0x174841BC},
    {"abc", 3, 0x352441C2, 0x352441C3},
    {"\0\0\0\0", 4, 0x2144DF1C, 0x2144DF1D},
    {"", 0, 0, 1},
};

#define VECTOR_COUNT (sizeof(vectors) / sizeof(vectors[0]))

static void crc32_gives_the_known_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++)
        assert_int_equal(updraft_crc32(0, vectors[i].data, vectors[i].len), vectors[i].standard);
}

static void crc_sdk_gives_the_known_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++)
        assert_int_equal(updraft_crc_sdk(vectors[i].standard), vectors[i].sdk);
}

static void crc32_continues_where_it_was_left(void **state)
{
    const char *text = "the quick brown fox";
    size_t len = strlen(text);
    uint32_t whole = updraft_crc32(0, text, len);

    (void)state;
    for (size_t split = 0; split <= len; split++) {
        uint32_t crc = updraft_crc32(0, text, split);

        assert_int_equal(updraft_crc32(crc, text + split, len - split), whole);
    }
}

/* The record's CRC of esp-idf is this function with another start. */
static void crc32_with_all_ones_gives_the_boot_record_values(void **state)
{
    (void)state;
    assert_int_equal(updraft_crc32(0xFFFFFFFF, "\x01\0\0\0", 4), 0x4743989A);
    assert_int_equal(updraft_crc32(0xFFFFFFFF, "\x02\0\0\0", 4), 0x55F63774);
}

static void crc32_mpeg2_gives_the_check_value_of_its_catalogue(void **state)
{
    (void)state;
    assert_int_equal(updraft_crc32_mpeg2("123456789", 9), 0x0376E6E7);
    assert_int_equal(updraft_crc32_mpeg2("", 0), 0xFFFFFFFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32_gives_the_known_values),
        cmocka_unit_test(crc_sdk_gives_the_known_values),
        cmocka_unit_test(crc32_continues_where_it_was_left),
        cmocka_unit_test(crc32_with_all_ones_gives_the_boot_record_values),
        cmocka_unit_test(crc32_mpeg2_gives_the_check_value_of_its_catalogue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
