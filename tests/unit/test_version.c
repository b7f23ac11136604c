#include "format/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

/* Each one before the next. */
static const char *const sorted[] = {
    "",
    "0.9",
    "1.0.0-1",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.2",
    "1.0.0-alpha.10",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-rc1",
    "1.0.0-rc1-3-gabcdef0",
    "1.0.0-rc.2",
    "1.0.0-rc10",
    "1.0.0",
    "1.0.0-dirty",
    "1.0.0-1-gabcdef0",
    "1.0.0-4-gabcdef0",
    "1.0.0-4-gabcdef0-dirty",
    "1.0.0-20-g0123456789abcdef0123456789abcdef01234567",
    "v1.0.1",
    "1.2-3",
    "1.2",
    "1.2.0.1",
    "1.2.1",
    "1.2beta",
    "1.9.9",
    "1.10",
    "1.10.0.1",
    "2.0",
    "3.1.003-20",
    "3.1.003",
    "3.1.003-20-gabcd",
    "3.1.010",
    "10.0",
    "2023.12.31",
    "2024-10-31",
    "2024-11-01",
    "2024-11-01-2-gabcdef0",
    "2024-11-01T12.30",
    "2024",
    "2024.11.1",
    "20241101",
    "99999999999999999999999998",
    "99999999999999999999999999",
    "abc",
    "abd",
    "abd1",
    "abde",
    "unknown",
};
#define SORTED_COUNT (sizeof sorted / sizeof sorted[0])

static void version_compare_sorts_what_people_number_by(void **state)
{
    (void)state;
    for (size_t i = 0; i < SORTED_COUNT; i++) {
        for (size_t j = 0; j < SORTED_COUNT; j++) {
            int expected = (i > j) - (i < j);
            if (sign(updraft_version_compare(sorted[i], sorted[j])) != expected)
                fail_msg("\"%s\" and \"%s\" are not in order", sorted[i], sorted[j]);
        }
    }
}

static void version_compare_finds_equal_what_means_the_same(void **state)
{
    static const char *const equal[][2] = {
        {"1.2.3", "1.2.3"},
        {"v1.2.3", "1.2.3"},
        {"V1.2.3", "v1.2.3"},
        {"1.2", "1.2.0"},
        {"1", "1.0.0"},
        {"0", ""},
        {"1.", "1"},
        {"1.0", "1!"},
        {"1.02.3", "1.2.3"},
        {"1.2.3+build7", "1.2.3"},
        {"1.2.3+dirty-dirty", "1.2.3"},
        {"1.0-rc1+a", "1.0-rc1"},
        {"1.0-RC1", "1.0-rc1"},
        {"1.2-4-gabcdef0", "v1.2.0-4-g0123456"},
        {"abc", "abc"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof equal / sizeof equal[0]; i++) {
        assert_int_equal(updraft_version_compare(equal[i][0], equal[i][1]), 0);
        assert_int_equal(updraft_version_compare(equal[i][1], equal[i][0]), 0);
    }
}

static void what_only_looks_like_commits_is_a_pre_release(void **state)
{
    static const char *const names[] = {"1.0-4-gabc",    "1.0-4-gabcxyz", "1.0-g0123456",
                                        "1.0--gabcdef0", "1.0-x-gabcd",   "1.0-4-0123456"};
    (void)state;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_true(updraft_version_compare(names[i], "1.0") < 0);
    /* Without a tag before them they are no commits since one. */
    assert_true(updraft_version_compare("4-gabcdef0", "4") < 0);
    assert_true(updraft_version_compare("-dirty", "dirty") < 0);
}

/* Every text of up to three of these bytes. */
#define TEXT_COUNT (6 * 6 * 6 + 6 * 6 + 6 + 1)
static int8_t orders[TEXT_COUNT][TEXT_COUNT];

static void the_order_is_total(void **state)
{
    static const char bytes[] = "01a.-!";
    char texts[TEXT_COUNT][4] = {""};
    size_t count = 1, begin = 0;
    (void)state;

    for (size_t len = 1; len <= 3; len++) {
        size_t end = count;
        for (size_t i = begin; i < end; i++) {
            for (const char *byte = bytes; *byte != '\0'; byte++) {
                for (size_t k = 0; k + 1 < len; k++)
                    texts[count][k] = texts[i][k];
                texts[count++][len - 1] = *byte;
            }
        }
        begin = end;
    }
    assert_int_equal(count, TEXT_COUNT);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            orders[i][j] = (int8_t)sign(updraft_version_compare(texts[i], texts[j]));
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            assert_int_equal(orders[i][j], -orders[j][i]);
            for (size_t k = 0; k < count && orders[i][j] <= 0; k++) {
                if (orders[j][k] <= 0 && orders[i][k] != (orders[i][j] + orders[j][k] < 0 ? -1 : 0))
                    fail_msg("\"%s\", \"%s\", \"%s\" go round", texts[i], texts[j], texts[k]);
            }
        }
    }
}

static void only_what_begins_with_a_number_is_numbered(void **state)
{
    (void)state;
    assert_true(updraft_version_is_numbered("1"));
    assert_true(updraft_version_is_numbered("v0.1"));
    assert_true(updraft_version_is_numbered("2024-11-01"));
    assert_false(updraft_version_is_numbered(""));
    assert_false(updraft_version_is_numbered("v"));
    assert_false(updraft_version_is_numbered("unknown"));
    assert_false(updraft_version_is_numbered("gabcdef0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_compare_sorts_what_people_number_by),
        cmocka_unit_test(version_compare_finds_equal_what_means_the_same),
        cmocka_unit_test(what_only_looks_like_commits_is_a_pre_release),
        cmocka_unit_test(the_order_is_total),
        cmocka_unit_test(only_what_begins_with_a_number_is_numbered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
