/* The images of a release go only when nobody needs them, in every combination. */
#include "server/decide/retention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void the_first_need_keeps_them_and_without_any_they_may_go(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 64; bits++) {
        const struct updraft_retention_facts facts = {.on_channel = (bits & 1) != 0,
                                                      .in_rollout = (bits & 2) != 0,
                                                      .security = (bits & 4) != 0,
                                                      .is_step = (bits & 8) != 0,
                                                      .running = (bits & 16) != 0 ? 3 : 0,
                                                      .on_the_way = (bits & 32) != 0 ? 1 : 0};
        static const enum updraft_retention by_lowest_bit[] = {
            UPDRAFT_RETENTION_CHANNEL, UPDRAFT_RETENTION_ROLLOUT, UPDRAFT_RETENTION_SECURITY,
            UPDRAFT_RETENTION_STEP,    UPDRAFT_RETENTION_RUNNING, UPDRAFT_RETENTION_ON_THE_WAY};
        enum updraft_retention expected =
            bits == 0 ? UPDRAFT_RETENTION_MAY_GO : by_lowest_bit[__builtin_ctz(bits)];
        assert_int_equal(updraft_retention_decide(&facts), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_need_keeps_them_and_without_any_they_may_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
