#include "cli/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect_order(const char *earlier, const char *later)
{
    if (updraft_version_compare(earlier, later) >= 0)
        fail_msg("%s is not before %s", earlier, later);
    if (updraft_version_compare(later, earlier) <= 0)
        fail_msg("%s is not after %s", later, earlier);
}

static void version_compare_goes_by_numbers(void **state)
{
    /* Each one before the next. */
    static const char *const sorted[] = {
        "",          "0.9",        "1.0.0-alpha", "1.0.0-alpha.2", "1.0.0-alpha.10",
        "1.0.0-rc1", "1.0.0",      "v1.0.1",      "1.2-3",         "1.2",
        "1.9.9",     "1.10",       "1.10.0.1",    "2.0",           "10.0",
        "2024.11.1", "3.1.003-20", "3.1.003",     "3.1.010",
    };
    size_t years = 15; /* the last four are a list of their own */
    (void)state;

    for (size_t i = 0; i < sizeof sorted / sizeof sorted[0]; i++)
        for (size_t j = i + 1; j < sizeof sorted / sizeof sorted[0]; j++)
            if (j <= years || i > years)
                expect_order(sorted[i], sorted[j]);
}

static void version_compare_finds_equal_what_means_the_same(void **state)
{
    static const char *const equal[][2] = {
        {"1.2.3", "1.2.3"}, {"v1.2.3", "1.2.3"},      {"1.2", "1.2.0"},
        {"1", "1.0.0"},     {"1.02.3", "1.2.3"},      {"1.2.3+build7", "1.2.3"},
        {"", ""},           {"1.0-rc1+a", "1.0-rc1"}, {"abc", "abc"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof equal / sizeof equal[0]; i++) {
        assert_int_equal(updraft_version_compare(equal[i][0], equal[i][1]), 0);
        assert_int_equal(updraft_version_compare(equal[i][1], equal[i][0]), 0);
    }
}

static void version_compare_takes_texts_that_are_no_versions(void **state)
{
    (void)state;
    expect_order("abc", "abd");
    expect_order("1.2", "unknown");
    expect_order("1.99999999999999999999998", "1.99999999999999999999999");
    expect_order("1.2", "1.2beta");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_compare_goes_by_numbers),
        cmocka_unit_test(version_compare_finds_equal_what_means_the_same),
        cmocka_unit_test(version_compare_takes_texts_that_are_no_versions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
