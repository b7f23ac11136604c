#include "format/error.h"
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
    /* An old version with no or another digest (2), or no version with another digest (1); eight states
     * of the last attempt. */
    assert_int_equal(offers, 3 * 8);
}

static const struct {
    const char *running, *min_from, *layout, *target_layout;
    unsigned failures;
    enum updraft_attempt_state last;
    enum updraft_verdict verdict;
    const char *sentence;
} rows[] = {
    {"1.0.0", NULL, NULL, NULL, 0, UPDRAFT_ATTEMPT_NONE, UPDRAFT_VERDICT_OFFER,
     "it is to run 1.1.0"},
    {"1.1.0", "1.2.0", "b", "a", 5, UPDRAFT_ATTEMPT_ROLLED_BACK, UPDRAFT_VERDICT_CURRENT,
     "it runs 1.1.0 already"},
    {"1.0.0", "", "", "", 5, UPDRAFT_ATTEMPT_ROLLED_BACK, UPDRAFT_VERDICT_HELD_BACK,
     "1.1.0 was rolled back on it"},
    /* Once may be chance. */
    {"1.0.0", "", "", "", 1, UPDRAFT_ATTEMPT_FAILED, UPDRAFT_VERDICT_OFFER, "it is to run 1.1.0"},
    {"1.0.0", "", "", "", 2, UPDRAFT_ATTEMPT_FAILED, UPDRAFT_VERDICT_FAILED_OFTEN,
     "1.1.0 failed on it 2 times"},
    /* A layout that one side does not tell is no reason. */
    {"1.0.0", "", "4MB two slots", "", 0, UPDRAFT_ATTEMPT_NONE, UPDRAFT_VERDICT_OFFER, NULL},
    {"1.0.0", "", "", "8MB two slots", 0, UPDRAFT_ATTEMPT_NONE, UPDRAFT_VERDICT_OFFER, NULL},
    {"1.0.0", "", "4MB", "4MB", 0, UPDRAFT_ATTEMPT_NONE, UPDRAFT_VERDICT_OFFER, NULL},
    {"1.0.0", "2.0", "4MB", "8MB", 0, UPDRAFT_ATTEMPT_NONE, UPDRAFT_VERDICT_LAYOUT,
     "1.1.0 is built for the flash layout '8MB', it has '4MB': that takes a full flash over USB"},
    {"0.9", "1.0", "", "", 0, UPDRAFT_ATTEMPT_NONE, UPDRAFT_VERDICT_TOO_OLD,
     "1.1.0 takes devices from 1.0 on, and it runs 0.9"},
    {"v1.0.0", "1.0", "", "", 0, UPDRAFT_ATTEMPT_NONE, UPDRAFT_VERDICT_OFFER, NULL},
    {"1.0-rc1", "1.0", "", "", 0, UPDRAFT_ATTEMPT_NONE, UPDRAFT_VERDICT_TOO_OLD, NULL},
    /* What cannot be compared is not let through. */
    {"g0123abc", "1.0", "", "", 0, UPDRAFT_ATTEMPT_NONE, UPDRAFT_VERDICT_TOO_OLD,
     "1.1.0 takes devices from 1.0 on, and it runs g0123abc"},
    {"", "1.0", "", "", 0, UPDRAFT_ATTEMPT_NONE, UPDRAFT_VERDICT_TOO_OLD,
     "1.1.0 takes devices from 1.0 on, and it does not say what it runs"},
    {"", "", "", "", 0, UPDRAFT_ATTEMPT_NONE, UPDRAFT_VERDICT_UNTOLD,
     "it says neither the version nor the digest of what it runs"},
};

static void offer_decide_says_why_a_device_stays_as_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct updraft_offer_facts facts = {.identified = true,
                                                  .image_known = true,
                                                  .running = rows[i].running,
                                                  .target = TARGET,
                                                  .last_for_target = rows[i].last,
                                                  .failures = rows[i].failures,
                                                  .min_from = rows[i].min_from,
                                                  .layout = rows[i].layout,
                                                  .target_layout = rows[i].target_layout};
        enum updraft_verdict verdict = updraft_offer_decide(&facts);
        char sentence[UPDRAFT_OFFER_SENTENCE_CAP];

        if (verdict != rows[i].verdict)
            fail_msg("row %zu: %s", i, updraft_verdict_name(verdict));
        updraft_offer_explain(verdict, &facts, sentence, sizeof sentence);
        if (rows[i].sentence != NULL)
            assert_string_equal(sentence, rows[i].sentence);
    }
}

static void every_verdict_has_a_name_and_a_sentence_of_its_own(void **state)
{
    const struct updraft_offer_facts facts = {
        .target = TARGET, .running = "1.0.0", .min_from = "1.0.1", .layout = "a"};
    char sentences[UPDRAFT_VERDICT_COUNT][UPDRAFT_OFFER_SENTENCE_CAP];

    (void)state;
    for (int a = 0; a < UPDRAFT_VERDICT_COUNT; a++) {
        updraft_offer_explain((enum updraft_verdict)a, &facts, sentences[a], sizeof sentences[a]);
        assert_true(strlen(sentences[a]) > 10);
        for (int b = 0; b < a; b++) {
            assert_string_not_equal(sentences[a], sentences[b]);
            assert_string_not_equal(updraft_verdict_name((enum updraft_verdict)a),
                                    updraft_verdict_name((enum updraft_verdict)b));
        }
    }
}

static void a_broken_line_is_not_held_against_a_release(void **state)
{
    static const enum updraft_error passing[] = {UPDRAFT_E_DISCONNECTED, UPDRAFT_E_TIMEOUT,
                                                 UPDRAFT_E_ABORTED, UPDRAFT_E_SERVER_BUSY,
                                                 UPDRAFT_E_CERTIFICATE};
    static const enum updraft_error counted[] = {UPDRAFT_OK, UPDRAFT_E_HASH, UPDRAFT_E_TOO_LARGE,
                                                 UPDRAFT_E_CAME_BACK, UPDRAFT_E_INSTALLER};

    (void)state;
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        assert_false(updraft_offer_counts(passing[i]));
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++)
        assert_true(updraft_offer_counts(counted[i]));
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
        cmocka_unit_test(offer_decide_says_why_a_device_stays_as_it_is),
        cmocka_unit_test(every_verdict_has_a_name_and_a_sentence_of_its_own),
        cmocka_unit_test(a_broken_line_is_not_held_against_a_release),
        cmocka_unit_test(an_older_target_is_offered_like_a_newer_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
