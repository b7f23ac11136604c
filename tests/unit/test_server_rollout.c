#include "server/decide/rollout.h"
#include "server/decide/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW  1000000000ll
#define SOAK 600u

/* --- a member --- */

static void a_member_stands_as_its_attempt_does(void **state)
{
    static const struct {
        enum updraft_attempt_state attempt;
        enum updraft_shown heard, unheard;
    } cases[] = {
        {UPDRAFT_ATTEMPT_NONE, UPDRAFT_SHOWN_WAITING, UPDRAFT_SHOWN_SEEN},
        {UPDRAFT_ATTEMPT_OFFERED, UPDRAFT_SHOWN_OFFERED, UPDRAFT_SHOWN_SILENT},
        {UPDRAFT_ATTEMPT_DOWNLOADING, UPDRAFT_SHOWN_DOWNLOADING, UPDRAFT_SHOWN_SILENT},
        {UPDRAFT_ATTEMPT_WRITTEN, UPDRAFT_SHOWN_WRITTEN, UPDRAFT_SHOWN_SILENT},
        {UPDRAFT_ATTEMPT_TRIAL, UPDRAFT_SHOWN_TRIAL, UPDRAFT_SHOWN_SILENT},
        {UPDRAFT_ATTEMPT_CONFIRMED, UPDRAFT_SHOWN_CONFIRMED, UPDRAFT_SHOWN_CONFIRMED},
        {UPDRAFT_ATTEMPT_ROLLED_BACK, UPDRAFT_SHOWN_ROLLED_BACK, UPDRAFT_SHOWN_ROLLED_BACK},
        {UPDRAFT_ATTEMPT_FAILED, UPDRAFT_SHOWN_FAILED, UPDRAFT_SHOWN_FAILED},
        {UPDRAFT_ATTEMPT_POSTPONED, UPDRAFT_SHOWN_POSTPONED, UPDRAFT_SHOWN_SILENT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct updraft_member_facts facts = {.state = cases[i].attempt,
                                             .updated_ms = 1,
                                             .last_seen_ms = NOW - 60000,
                                             .now_ms = NOW,
                                             .silent_after_s = 60};
        assert_int_equal(updraft_member_decide(&facts), cases[i].heard);
        facts.last_seen_ms--;
        assert_int_equal(updraft_member_decide(&facts), cases[i].unheard);
        /* What was said of the attempt was heard, too. */
        facts.updated_ms = NOW - 60000;
        assert_int_equal(updraft_member_decide(&facts), cases[i].attempt == UPDRAFT_ATTEMPT_NONE
                                                            ? UPDRAFT_SHOWN_SEEN
                                                            : cases[i].heard);
    }
}

static void a_retry_makes_those_wait_that_ended_badly_before(void **state)
{
    (void)state;
    for (int attempt = 0; attempt < UPDRAFT_ATTEMPT_STATE_COUNT; attempt++) {
        const bool bad =
            attempt == UPDRAFT_ATTEMPT_ROLLED_BACK || attempt == UPDRAFT_ATTEMPT_FAILED;
        struct updraft_member_facts facts = {.state = (enum updraft_attempt_state)attempt,
                                             .updated_ms = 500,
                                             .last_seen_ms = NOW,
                                             .now_ms = NOW,
                                             .silent_after_s = 60};
        const enum updraft_shown before = updraft_member_decide(&facts);
        facts.retry_ms = 500;
        assert_int_equal(updraft_member_decide(&facts), bad ? UPDRAFT_SHOWN_WAITING : before);
        facts.retry_ms = 499; /* it ended after the retry */
        assert_int_equal(updraft_member_decide(&facts), before);
    }
}

/* --- a stage --- */

struct stage {
    unsigned waiting, trial, confirmed, rolled_back, failed, silent, away;
};

static struct updraft_rollout_facts facts_of(const struct stage *stage)
{
    struct updraft_rollout_facts facts = {.gates = {.confirmed_least = 90,
                                                    .failed_most = 10,
                                                    .rolled_back_most = 5,
                                                    .silent_most = 20,
                                                    .soak_s = SOAK,
                                                    .silent_after_s = 60},
                                          .stage = 0,
                                          .stage_count = 3,
                                          .now_ms = NOW};

    facts.members.counts[UPDRAFT_SHOWN_WAITING] = stage->waiting;
    facts.members.counts[UPDRAFT_SHOWN_TRIAL] = stage->trial;
    facts.members.counts[UPDRAFT_SHOWN_CONFIRMED] = stage->confirmed;
    facts.members.counts[UPDRAFT_SHOWN_ROLLED_BACK] = stage->rolled_back;
    facts.members.counts[UPDRAFT_SHOWN_FAILED] = stage->failed;
    facts.members.counts[UPDRAFT_SHOWN_SILENT] = stage->silent;
    facts.members.counts[UPDRAFT_SHOWN_SEEN] = stage->away;
    return facts;
}

static void a_stage_goes_on_or_stops_by_its_counts(void **state)
{
    static const struct {
        struct stage stage; /* waiting, trial, confirmed, rolled back, failed, silent, away */
        enum updraft_rollout_step step;
        const char *reason;
    } cases[] = {
        {{100, 0, 0, 0, 0, 0, 0}, UPDRAFT_ROLLOUT_STAY, ""},
        {{10, 1, 89, 0, 0, 0, 0}, UPDRAFT_ROLLOUT_STAY, ""},
        {{10, 0, 90, 0, 0, 0, 0}, UPDRAFT_ROLLOUT_SOAK, ""},
        {{0, 0, 100, 0, 0, 0, 0}, UPDRAFT_ROLLOUT_SOAK, ""},
        /* A limit is what may happen; one more is too many. */
        {{95, 0, 0, 5, 0, 0, 0}, UPDRAFT_ROLLOUT_STAY, ""},
        {{94, 0, 0, 6, 0, 0, 0},
         UPDRAFT_ROLLOUT_STOP,
         "6 of the 100 devices in stage 1 of 3 rolled back: 6.0 %, and the limit is 5 %"},
        {{90, 0, 0, 0, 10, 0, 0}, UPDRAFT_ROLLOUT_STAY, ""},
        {{89, 0, 0, 0, 11, 0, 0},
         UPDRAFT_ROLLOUT_STOP,
         "11 of the 100 devices in stage 1 of 3 failed: 11.0 %, and the limit is 10 %"},
        {{80, 0, 0, 0, 0, 20, 0}, UPDRAFT_ROLLOUT_STAY, ""},
        {{79, 0, 0, 0, 0, 21, 0},
         UPDRAFT_ROLLOUT_STOP,
         "21 of the 100 devices in stage 1 of 3 fell silent: 21.0 %, and the limit is 20 %"},
        /* The first of three is bad: that says nothing of the 97 to come. */
        {{97, 2, 0, 1, 0, 0, 0}, UPDRAFT_ROLLOUT_STAY, ""},
        /* Enough confirmed does not outweigh what is over a limit. */
        {{0, 0, 94, 6, 0, 0, 0}, UPDRAFT_ROLLOUT_STOP, NULL},
        {{0, 0, 1, 1, 0, 0, 0}, UPDRAFT_ROLLOUT_STOP, NULL},
        {{0, 0, 0, 1, 0, 0, 0},
         UPDRAFT_ROLLOUT_STOP,
         "1 of the 1 devices in stage 1 of 3 rolled back: 100.0 %, and the limit is 5 %"},
        /* All within their limits, yet not enough are left. */
        {{0, 0, 70, 4, 9, 17, 0},
         UPDRAFT_ROLLOUT_STOP,
         "all 100 devices in stage 1 of 3 have ended or fallen silent and 70 are confirmed: 70.0 "
         "%, "
         "and 90 % are needed"},
        {{0, 1, 70, 4, 9, 16, 0}, UPDRAFT_ROLLOUT_STAY, ""},
        /* Away is no member. */
        {{0, 0, 9, 0, 0, 0, 1000}, UPDRAFT_ROLLOUT_SOAK, ""},
        {{0, 0, 0, 0, 0, 0, 5}, UPDRAFT_ROLLOUT_STAY, ""},
        {{0, 0, 0, 0, 0, 0, 0}, UPDRAFT_ROLLOUT_SOAK, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct updraft_rollout_facts facts = facts_of(&cases[i].stage);
        const struct updraft_rollout_move move = updraft_rollout_decide(&facts);
        if (move.step != cases[i].step ||
            (cases[i].reason != NULL && strcmp(move.reason, cases[i].reason) != 0))
            fail_msg("case %zu: %d, '%s'", i, (int)move.step, move.reason);
        /* Whoever is told a reason is told what to do, and the other way round. */
        assert_int_equal(move.reason[0] != '\0', updraft_rollout_remedy(move.cause) != NULL);
    }
}

static void a_stage_must_stay_good_for_its_soak(void **state)
{
    const struct stage good = {0, 0, 10, 0, 0, 0, 0}, bad = {5, 0, 10, 0, 0, 0, 0};
    struct updraft_rollout_facts facts = facts_of(&good);

    (void)state;
    facts.gate_met_ms = NOW - SOAK * 1000 + 1;
    assert_int_equal(updraft_rollout_decide(&facts).step, UPDRAFT_ROLLOUT_STAY);
    facts.gate_met_ms--;
    assert_int_equal(updraft_rollout_decide(&facts).step, UPDRAFT_ROLLOUT_ADVANCE);
    facts.stage = 2;
    assert_int_equal(updraft_rollout_decide(&facts).step, UPDRAFT_ROLLOUT_FINISH);
    facts.pause_on_success = true; /* there is nothing left to wait for */
    assert_int_equal(updraft_rollout_decide(&facts).step, UPDRAFT_ROLLOUT_FINISH);
    facts.stage = 1;
    const struct updraft_rollout_move rest = updraft_rollout_decide(&facts);
    assert_int_equal(rest.step, UPDRAFT_ROLLOUT_REST);
    assert_string_equal(rest.reason, "stage 2 of 3 is done with 10 of its 10 devices confirmed");
    facts.gates.soak_s = 0;
    facts.gate_met_ms = 0;
    facts.pause_on_success = false;
    assert_int_equal(updraft_rollout_decide(&facts).step, UPDRAFT_ROLLOUT_ADVANCE);

    facts = facts_of(&bad); /* more came along that are not confirmed */
    facts.gate_met_ms = NOW - SOAK * 1000;
    assert_int_equal(updraft_rollout_decide(&facts).step, UPDRAFT_ROLLOUT_RELAPSE);
}

/* Small numbers, all of them: never on while a limit is passed, and what is not confirmed is no
 * success. */
static void no_stage_goes_on_with_too_few_confirmed_or_too_many_bad(void **state)
{
    size_t went_on = 0, stopped = 0;

    (void)state;
    for (unsigned code = 0; code < 5 * 5 * 5 * 5 * 5; code++) {
        const struct stage stage = {.waiting = code % 5,
                                    .confirmed = code / 5 % 5 * 5,
                                    .rolled_back = code / 25 % 5,
                                    .failed = code / 125 % 5,
                                    .silent = code / 625 % 5};
        struct updraft_rollout_facts facts = facts_of(&stage);
        facts.gates.soak_s = 0;
        const unsigned all =
            stage.waiting + stage.confirmed + stage.rolled_back + stage.failed + stage.silent;
        const bool bad = stage.rolled_back * 100 > 5 * all || stage.failed * 100 > 10 * all ||
                         stage.silent * 100 > 20 * all;
        const enum updraft_rollout_step step = updraft_rollout_decide(&facts).step;
        const bool on = step == UPDRAFT_ROLLOUT_ADVANCE;
        assert_int_equal(on, !bad && stage.confirmed * 100 >= 90 * all);
        assert_int_equal(step == UPDRAFT_ROLLOUT_STOP, bad || (!on && stage.waiting == 0));
        went_on += on;
        stopped += step == UPDRAFT_ROLLOUT_STOP;
    }
    assert_true(went_on > 10 && stopped > 1000);
}

/* A limit stops only what no good end of the others could bring back below it. */
static void a_limit_once_passed_stays_passed_however_the_rest_ends(void **state)
{
    (void)state;
    for (unsigned members = 1; members <= 60; members++) {
        for (unsigned bad = 0; bad <= members; bad++) {
            const struct stage now = {.waiting = members - bad, .rolled_back = bad};
            const struct stage end = {.confirmed = members - bad, .rolled_back = bad};
            const struct updraft_rollout_facts a = facts_of(&now), b = facts_of(&end);
            assert_int_equal(updraft_rollout_decide(&a).cause == UPDRAFT_CAUSE_ROLLED_BACK,
                             updraft_rollout_decide(&b).cause == UPDRAFT_CAUSE_ROLLED_BACK);
        }
    }
}

/* --- the target --- */

static const enum updraft_rollout_state states[] = {
    UPDRAFT_ROLLOUT_SCHEDULED, UPDRAFT_ROLLOUT_RUNNING, UPDRAFT_ROLLOUT_PAUSED,
    UPDRAFT_ROLLOUT_STOPPED,   UPDRAFT_ROLLOUT_ABORTED, UPDRAFT_ROLLOUT_DONE};

/* The rule a second time, as one would tell it. */
static struct updraft_target_choice expected(const struct updraft_target_facts *facts)
{
    const bool working = facts->active == UPDRAFT_ATTEMPT_DOWNLOADING ||
                         facts->active == UPDRAFT_ATTEMPT_WRITTEN ||
                         facts->active == UPDRAFT_ATTEMPT_TRIAL;
    const bool told =
        facts->active == UPDRAFT_ATTEMPT_OFFERED || facts->active == UPDRAFT_ATTEMPT_POSTPONED;
    const bool running = facts->state == UPDRAFT_ROLLOUT_RUNNING;
    const bool paused = facts->state == UPDRAFT_ROLLOUT_PAUSED;
    struct updraft_target_choice choice = {false, UPDRAFT_WAIT_NONE};

    choice.rollout = facts->runs_release || ((running || paused) && working) ||
                     (running && facts->matches && facts->in_stage && facts->window_open &&
                      (facts->rate_left || told)) ||
                     (facts->state == UPDRAFT_ROLLOUT_DONE && facts->matches);
    if (!choice.rollout && facts->matches) {
        if (facts->state == UPDRAFT_ROLLOUT_SCHEDULED)
            choice.wait = UPDRAFT_WAIT_START;
        else if ((running || paused) && !facts->in_stage)
            choice.wait = UPDRAFT_WAIT_STAGE;
        else if (paused)
            choice.wait = UPDRAFT_WAIT_PAUSED;
        else if (running)
            choice.wait = facts->window_open ? UPDRAFT_WAIT_RATE : UPDRAFT_WAIT_WINDOW;
    }
    return choice;
}

static void the_target_is_right_for_all_combinations(void **state)
{
    size_t given = 0, waits[6] = {0};

    (void)state;
    for (size_t s = 0; s < sizeof states / sizeof *states; s++) {
        for (unsigned bits = 0; bits < 32; bits++) {
            for (int active = 0; active < UPDRAFT_ATTEMPT_STATE_COUNT; active++) {
                const struct updraft_target_facts facts = {.state = states[s],
                                                           .runs_release = (bits & 1) != 0,
                                                           .matches = (bits & 2) != 0,
                                                           .in_stage = (bits & 4) != 0,
                                                           .window_open = (bits & 8) != 0,
                                                           .rate_left = (bits & 16) != 0,
                                                           .active =
                                                               (enum updraft_attempt_state)active};
                const struct updraft_target_choice choice = updraft_target_decide(&facts),
                                                   right = expected(&facts);
                assert_int_equal(choice.rollout, right.rollout);
                assert_int_equal(choice.wait, right.wait);
                given += choice.rollout;
                waits[choice.wait]++;
            }
        }
    }
    assert_true(given > 0);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        assert_true(waits[i] > 0);
}

static void a_stopped_rollout_is_given_to_nobody_new(void **state)
{
    (void)state;
    for (int active = 0; active < UPDRAFT_ATTEMPT_STATE_COUNT; active++) {
        struct updraft_target_facts facts = {.state = UPDRAFT_ROLLOUT_STOPPED,
                                             .matches = true,
                                             .in_stage = true,
                                             .window_open = true,
                                             .rate_left = true,
                                             .active = (enum updraft_attempt_state)active};
        assert_false(updraft_target_decide(&facts).rollout);
        facts.runs_release = true;
        assert_true(updraft_target_decide(&facts).rollout);
    }
}

static void every_state_has_a_name_of_its_own(void **state)
{
    const char *names[32];
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        names[count++] = updraft_rollout_state_name(states[i]);
    for (int i = UPDRAFT_WAIT_NONE; i <= UPDRAFT_WAIT_PAUSED; i++)
        assert_int_equal(updraft_wait_text((enum updraft_wait)i)[0] == '\0', i == 0);
    for (size_t i = 0; i < count; i++) {
        assert_true(names[i][0] != '\0');
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(names[i], names[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_stands_as_its_attempt_does),
        cmocka_unit_test(a_retry_makes_those_wait_that_ended_badly_before),
        cmocka_unit_test(a_stage_goes_on_or_stops_by_its_counts),
        cmocka_unit_test(a_stage_must_stay_good_for_its_soak),
        cmocka_unit_test(no_stage_goes_on_with_too_few_confirmed_or_too_many_bad),
        cmocka_unit_test(a_limit_once_passed_stays_passed_however_the_rest_ends),
        cmocka_unit_test(the_target_is_right_for_all_combinations),
        cmocka_unit_test(a_stopped_rollout_is_given_to_nobody_new),
        cmocka_unit_test(every_state_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
