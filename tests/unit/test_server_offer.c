#include "server/decide/offer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const running[] = {"", "1.0.0", "1.1.0"};
#define TARGET "1.1.0"

/* The rule written a second time, in the order a person would say it. */
static enum updraft_verdict expected(bool identified, bool image, const char *runs,
                                     enum updraft_digest_match digest,
                                     enum updraft_attempt_state last)
{
    bool runs_target = strcmp(runs, TARGET) == 0 || digest == UPDRAFT_DIGEST_EQUAL;
    bool tells_nothing = runs[0] == '\0' && digest == UPDRAFT_DIGEST_UNTOLD;

    if (!identified)
        return UPDRAFT_VERDICT_FORBIDDEN;
    if (!image)
        return UPDRAFT_VERDICT_UNKNOWN;
    if (runs_target)
        return UPDRAFT_VERDICT_CURRENT;
    if (last == UPDRAFT_ATTEMPT_ROLLED_BACK)
        return UPDRAFT_VERDICT_HELD_BACK;
    return tells_nothing ? UPDRAFT_VERDICT_UNTOLD : UPDRAFT_VERDICT_OFFER;
}

static void offer_decide_is_right_for_all_combinations(void **state)
{
    size_t offers = 0;

    (void)state;
    for (unsigned bits = 0; bits < 4; bits++) {
        for (size_t r = 0; r < 3; r++) {
            for (int digest = 0; digest < 3; digest++) {
                for (int last = 0; last < UPDRAFT_ATTEMPT_STATE_COUNT; last++) {
                    const struct updraft_offer_facts facts = {
                        .identified = (bits & 1) != 0,
                        .image_known = (bits & 2) != 0,
                        .running = running[r],
                        .target = TARGET,
                        .digest = (enum updraft_digest_match)digest,
                        .last_for_target = (enum updraft_attempt_state)last};
                    enum updraft_verdict verdict = updraft_offer_decide(&facts);
                    assert_int_equal(verdict,
                                     expected(facts.identified, facts.image_known, facts.running,
                                              facts.digest, facts.last_for_target));
                    offers += verdict == UPDRAFT_VERDICT_OFFER;
                }
            }
        }
    }
    /* An old version with no or another digest (2), or no version with another digest (1); seven states
     * of the last attempt. */
    assert_int_equal(offers, 3 * 7);
}

static void an_older_target_is_offered_like_a_newer_one(void **state)
{
    const struct updraft_offer_facts facts = {
        .identified = true, .image_known = true, .running = "2.0.0", .target = "1.0.0"};

    (void)state;
    assert_int_equal(updraft_offer_decide(&facts), UPDRAFT_VERDICT_OFFER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offer_decide_is_right_for_all_combinations),
        cmocka_unit_test(an_older_target_is_offered_like_a_newer_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
