#include "server/decide/action.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The rule written a second time, from the last case to the first. */
static enum updraft_action expected(const struct updraft_action_facts *facts)
{
    enum updraft_action action = UPDRAFT_ACTION_IDENTIFY;
    bool offered = facts->state == UPDRAFT_ATTEMPT_OFFERED;
    bool downloading = facts->state == UPDRAFT_ATTEMPT_DOWNLOADING;

    if (facts->verdict == UPDRAFT_VERDICT_OFFER)
        action = UPDRAFT_ACTION_OFFER;
    if (facts->last_for_target == UPDRAFT_ATTEMPT_WRITTEN)
        action = UPDRAFT_ACTION_IDENTIFY;
    if (facts->last_for_target == UPDRAFT_ATTEMPT_CONFIRMED && !facts->version_told)
        action = UPDRAFT_ACTION_IDENTIFY;
    if (downloading && !facts->same_target)
        action = UPDRAFT_ACTION_CANCEL;
    if ((offered || downloading) && facts->same_target)
        action = UPDRAFT_ACTION_CONTINUE;
    return facts->known ? action : UPDRAFT_ACTION_IDENTIFY;
}

static void action_decide_is_right_for_all_combinations(void **state)
{
    size_t count[4] = {0};

    (void)state;
    for (unsigned bits = 0; bits < 8; bits++) {
        for (int verdict = 0; verdict < UPDRAFT_VERDICT_COUNT; verdict++) {
            for (int now = 0; now < UPDRAFT_ATTEMPT_STATE_COUNT; now++) {
                for (int last = 0; last < UPDRAFT_ATTEMPT_STATE_COUNT; last++) {
                    const struct updraft_action_facts facts = {
                        .known = (bits & 1) != 0,
                        .version_told = (bits & 2) != 0,
                        .same_target = (bits & 4) != 0,
                        .state = (enum updraft_attempt_state)now,
                        .verdict = (enum updraft_verdict)verdict,
                        .last_for_target = (enum updraft_attempt_state)last};
                    enum updraft_action action = updraft_action_decide(&facts);
                    assert_int_equal(action, expected(&facts));
                    count[action]++;
                }
            }
        }
    }
    /* Open and of the target: known, told or not, 2 states, 10 verdicts, 9 lasts. */
    assert_int_equal(count[UPDRAFT_ACTION_CONTINUE], 2 * 2 * 10 * 9);
    assert_int_equal(count[UPDRAFT_ACTION_CANCEL], 2 * 10 * 9);
    /* The rest of the states: 7 of the target, 8 of another; a last attempt that was neither written,
     * nor confirmed while nothing is told: 8 and 7. */
    assert_int_equal(count[UPDRAFT_ACTION_OFFER], (7 + 8) * (8 + 7));
}

static void a_device_that_was_never_here_says_first_what_it_is(void **state)
{
    const struct updraft_action_facts facts = {.verdict = UPDRAFT_VERDICT_OFFER};

    (void)state;
    assert_int_equal(updraft_action_decide(&facts), UPDRAFT_ACTION_IDENTIFY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(action_decide_is_right_for_all_combinations),
        cmocka_unit_test(a_device_that_was_never_here_says_first_what_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
