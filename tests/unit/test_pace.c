/* A transfer may be slow, but not crawl. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ports/posix/pace.h"

#define WINDOW_S 30u
#define ENOUGH   (UPDRAFT_PACE_MIN_BPS * WINDOW_S)

static void pace_sees_one_byte_a_second_after_a_whole_window(void **state)
{
    struct updraft_pace pace;

    (void)state;
    updraft_pace_begin(&pace, WINDOW_S, 5000);
    for (uint64_t s = 0; s < WINDOW_S; s++) {
        assert_false(updraft_pace_is_too_slow(&pace, 5000 + s * 1000));
        updraft_pace_add(&pace, 1);
    }
    assert_false(updraft_pace_is_too_slow(&pace, 5000 + WINDOW_S * 1000 - 1));
    assert_true(updraft_pace_is_too_slow(&pace, 5000 + WINDOW_S * 1000));
}

static void pace_judges_each_window_by_itself(void **state)
{
    struct updraft_pace pace;

    (void)state;
    updraft_pace_begin(&pace, WINDOW_S, 0);
    updraft_pace_add(&pace, 100 * ENOUGH);
    assert_false(updraft_pace_is_too_slow(&pace, WINDOW_S * 1000));
    updraft_pace_add(&pace, ENOUGH);
    assert_false(updraft_pace_is_too_slow(&pace, 2 * WINDOW_S * 1000));
    updraft_pace_add(&pace, ENOUGH - 1);
    assert_false(updraft_pace_is_too_slow(&pace, 3 * WINDOW_S * 1000 - 1));
    assert_true(updraft_pace_is_too_slow(&pace, 3 * WINDOW_S * 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pace_sees_one_byte_a_second_after_a_whole_window),
        cmocka_unit_test(pace_judges_each_window_by_itself),
    };

    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
