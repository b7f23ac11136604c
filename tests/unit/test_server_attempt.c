/* The life of an attempt, as a table and over all combinations. */
#include "server/decide/attempt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NONE   UPDRAFT_ATTEMPT_NONE
#define OFF    UPDRAFT_ATTEMPT_OFFERED
#define DOWN   UPDRAFT_ATTEMPT_DOWNLOADING
#define WRIT   UPDRAFT_ATTEMPT_WRITTEN
#define TRIAL  UPDRAFT_ATTEMPT_TRIAL
#define CONF   UPDRAFT_ATTEMPT_CONFIRMED
#define BACK   UPDRAFT_ATTEMPT_ROLLED_BACK
#define FAILED UPDRAFT_ATTEMPT_FAILED
#define LATER  UPDRAFT_ATTEMPT_POSTPONED

enum { SAME = 1, AT_START = 2, CHANGED = 4, REPORTS = 8, SENT = 16, REASON = 32, ALL_FLAGS = 64 };

static struct updraft_attempt_facts facts_of(enum updraft_attempt_state state, unsigned flags)
{
    return (struct updraft_attempt_facts){.state = state,
                                          .same_target = (flags & SAME) != 0,
                                          .back_at_start = (flags & AT_START) != 0,
                                          .version_changed = (flags & CHANGED) != 0,
                                          .reports = (flags & REPORTS) != 0,
                                          .sent = (flags & SENT) != 0,
                                          .same_reason = (flags & REASON) != 0};
}

struct row {
    enum updraft_attempt_event event;
    enum updraft_attempt_state state;
    unsigned flags;
    enum updraft_attempt_step step;
    enum updraft_attempt_state next;
};

static const struct row table[] = {
    /* An offer begins an attempt, and refreshes one of the same target without a second one. */
    {UPDRAFT_EVENT_OFFERED, NONE, 0, UPDRAFT_STEP_BEGIN, OFF},
    {UPDRAFT_EVENT_OFFERED, OFF, SAME, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_OFFERED, DOWN, SAME, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_OFFERED, WRIT, SAME, UPDRAFT_STEP_MOVE, OFF},
    {UPDRAFT_EVENT_OFFERED, OFF, 0, UPDRAFT_STEP_RETARGET, OFF},
    {UPDRAFT_EVENT_OFFERED, DOWN, 0, UPDRAFT_STEP_REPLACE, OFF},
    {UPDRAFT_EVENT_OFFERED, FAILED, SAME, UPDRAFT_STEP_BEGIN, OFF},
    {UPDRAFT_EVENT_OFFERED, CONF, 0, UPDRAFT_STEP_BEGIN, OFF},
    /* Asking for the bytes is the start of the download. */
    {UPDRAFT_EVENT_FETCHED, OFF, SAME, UPDRAFT_STEP_MOVE, DOWN},
    {UPDRAFT_EVENT_FETCHED, OFF, 0, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_FETCHED, TRIAL, SAME, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_FETCHED, NONE, SAME, UPDRAFT_STEP_KEEP, NONE},
    /* A device that reports nothing is believed when it asks again with the new version. */
    {UPDRAFT_EVENT_CHECKED_IN, OFF, SAME, UPDRAFT_STEP_MOVE, CONF},
    {UPDRAFT_EVENT_CHECKED_IN, WRIT, SAME, UPDRAFT_STEP_MOVE, CONF},
    {UPDRAFT_EVENT_CHECKED_IN, OFF, SAME | REPORTS, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_CHECKED_IN, TRIAL, SAME | REPORTS, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_CHECKED_IN, OFF, 0, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_CHECKED_IN, TRIAL, REPORTS, UPDRAFT_STEP_MOVE, BACK},
    {UPDRAFT_EVENT_CHECKED_IN, FAILED, SAME, UPDRAFT_STEP_KEEP, NONE},
    /* One that was sent all of it and is back with the old version, did not make it. */
    {UPDRAFT_EVENT_CHECKED_IN, DOWN, SENT, UPDRAFT_STEP_MOVE, FAILED},
    {UPDRAFT_EVENT_CHECKED_IN, DOWN, 0, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_CHECKED_IN, DOWN, SENT | REPORTS, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_CHECKED_IN, DOWN, SENT | SAME, UPDRAFT_STEP_MOVE, CONF},
    /* Not now. */
    {UPDRAFT_EVENT_SAID_POSTPONED, OFF, SAME | REPORTS, UPDRAFT_STEP_MOVE, LATER},
    {UPDRAFT_EVENT_SAID_POSTPONED, DOWN, SAME | REPORTS, UPDRAFT_STEP_MOVE, LATER},
    {UPDRAFT_EVENT_SAID_POSTPONED, LATER, SAME | REPORTS, UPDRAFT_STEP_MOVE, LATER},
    {UPDRAFT_EVENT_SAID_POSTPONED, LATER, SAME | REPORTS | REASON, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_SAID_POSTPONED, LATER, REPORTS, UPDRAFT_STEP_RETARGET, LATER},
    {UPDRAFT_EVENT_SAID_POSTPONED, NONE, REPORTS, UPDRAFT_STEP_BEGIN, LATER},
    {UPDRAFT_EVENT_SAID_POSTPONED, FAILED, SAME | REPORTS, UPDRAFT_STEP_BEGIN, LATER},
    {UPDRAFT_EVENT_OFFERED, LATER, SAME | REPORTS, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_OFFERED, LATER, REPORTS, UPDRAFT_STEP_RETARGET, OFF},
    {UPDRAFT_EVENT_FETCHED, LATER, SAME | REPORTS, UPDRAFT_STEP_MOVE, DOWN},
    {UPDRAFT_EVENT_SAID_DOWNLOADING, LATER, SAME | REPORTS, UPDRAFT_STEP_MOVE, DOWN},
    {UPDRAFT_EVENT_SAID_FAILED, LATER, SAME | REPORTS, UPDRAFT_STEP_MOVE, FAILED},
    /* What it says of the transfer. */
    {UPDRAFT_EVENT_SAID_DOWNLOADING, NONE, REPORTS, UPDRAFT_STEP_BEGIN, DOWN},
    {UPDRAFT_EVENT_SAID_DOWNLOADING, OFF, SAME, UPDRAFT_STEP_MOVE, DOWN},
    {UPDRAFT_EVENT_SAID_DOWNLOADING, DOWN, SAME, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_SAID_DOWNLOADING, WRIT, SAME, UPDRAFT_STEP_MOVE, DOWN},
    {UPDRAFT_EVENT_SAID_DOWNLOADING, DOWN, 0, UPDRAFT_STEP_REPLACE, DOWN},
    {UPDRAFT_EVENT_SAID_WRITTEN, DOWN, SAME, UPDRAFT_STEP_MOVE, WRIT},
    {UPDRAFT_EVENT_SAID_WRITTEN, CONF, SAME, UPDRAFT_STEP_BEGIN, WRIT},
    /* Bad ends, told once or twice. */
    {UPDRAFT_EVENT_SAID_FAILED, DOWN, SAME, UPDRAFT_STEP_MOVE, FAILED},
    {UPDRAFT_EVENT_SAID_FAILED, FAILED, SAME, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_SAID_FAILED, BACK, SAME, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_SAID_FAILED, NONE, 0, UPDRAFT_STEP_BEGIN, FAILED},
    {UPDRAFT_EVENT_SAID_ROLLED_BACK, TRIAL, SAME, UPDRAFT_STEP_MOVE, BACK},
    {UPDRAFT_EVENT_SAID_ROLLED_BACK, WRIT, SAME, UPDRAFT_STEP_MOVE, BACK},
    {UPDRAFT_EVENT_SAID_ROLLED_BACK, BACK, SAME, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_SAID_ROLLED_BACK, CONF, SAME, UPDRAFT_STEP_BEGIN, BACK},
    /* What it says of the running image. */
    {UPDRAFT_EVENT_SAID_TRIAL, WRIT, SAME | CHANGED, UPDRAFT_STEP_MOVE, TRIAL},
    {UPDRAFT_EVENT_SAID_CONFIRMED, TRIAL, SAME, UPDRAFT_STEP_MOVE, CONF},
    {UPDRAFT_EVENT_SAID_CONFIRMED, WRIT, SAME | CHANGED, UPDRAFT_STEP_MOVE, CONF},
    {UPDRAFT_EVENT_SAID_CONFIRMED, CONF, SAME, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_SAID_CONFIRMED, NONE, 0, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_SAID_CONFIRMED, NONE, CHANGED, UPDRAFT_STEP_BEGIN, CONF},
    {UPDRAFT_EVENT_SAID_CONFIRMED, TRIAL, AT_START | CHANGED, UPDRAFT_STEP_MOVE, BACK},
    {UPDRAFT_EVENT_SAID_CONFIRMED, BACK, AT_START | CHANGED, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_SAID_CONFIRMED, OFF, AT_START, UPDRAFT_STEP_KEEP, NONE},
    {UPDRAFT_EVENT_SAID_CONFIRMED, OFF, CHANGED, UPDRAFT_STEP_RETARGET, CONF},
    {UPDRAFT_EVENT_SAID_TRIAL, DOWN, CHANGED, UPDRAFT_STEP_REPLACE, TRIAL},
};

static void attempt_next_follows_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct updraft_attempt_facts facts = facts_of(table[i].state, table[i].flags);
        const struct updraft_attempt_move move = updraft_attempt_next(table[i].event, &facts);
        if (move.step != table[i].step || move.state != table[i].next)
            fail_msg("row %zu: step %d to %s", i, (int)move.step,
                     updraft_attempt_state_name(move.state));
    }
}

typedef void (*check_fn)(enum updraft_attempt_event event,
                         const struct updraft_attempt_facts *facts,
                         struct updraft_attempt_move move);

static void for_all(check_fn check)
{
    for (int event = 0; event < UPDRAFT_EVENT_COUNT; event++) {
        for (int old = 0; old < UPDRAFT_ATTEMPT_STATE_COUNT; old++) {
            for (unsigned flags = 0; flags < ALL_FLAGS; flags++) {
                const struct updraft_attempt_facts facts =
                    facts_of((enum updraft_attempt_state)old, flags);
                check((enum updraft_attempt_event)event, &facts,
                      updraft_attempt_next((enum updraft_attempt_event)event, &facts));
            }
        }
    }
}

static void check_ends(enum updraft_attempt_event event, const struct updraft_attempt_facts *facts,
                       struct updraft_attempt_move move)
{
    (void)event;
    if (!updraft_attempt_active(facts->state))
        assert_true(move.step == UPDRAFT_STEP_KEEP || move.step == UPDRAFT_STEP_BEGIN);
}

static void an_attempt_that_has_ended_never_changes(void **state)
{
    (void)state;
    for_all(check_ends);
}

static void check_steps(enum updraft_attempt_event event, const struct updraft_attempt_facts *facts,
                        struct updraft_attempt_move move)
{
    (void)event;
    if (move.step == UPDRAFT_STEP_REPLACE)
        assert_true(updraft_attempt_active(facts->state) && facts->state != OFF &&
                    facts->state != LATER);
    if (move.step == UPDRAFT_STEP_RETARGET)
        assert_true(facts->state == OFF || facts->state == LATER);
    if (move.step == UPDRAFT_STEP_BEGIN)
        assert_false(updraft_attempt_active(facts->state));
    /* A postponement alone may be told anew, with another reason. */
    if (move.step == UPDRAFT_STEP_MOVE)
        assert_true(move.state != facts->state || move.state == LATER);
    assert_true(move.step == UPDRAFT_STEP_KEEP || move.state != NONE);
}

static void every_step_fits_the_state_it_starts_from(void **state)
{
    (void)state;
    for_all(check_steps);
}

static void check_confirmed(enum updraft_attempt_event event,
                            const struct updraft_attempt_facts *facts,
                            struct updraft_attempt_move move)
{
    if (move.step == UPDRAFT_STEP_KEEP || move.state != CONF)
        return;
    if (event == UPDRAFT_EVENT_CHECKED_IN)
        assert_true(facts->same_target && !facts->reports);
    else
        assert_int_equal(event, UPDRAFT_EVENT_SAID_CONFIRMED);
}

static void nothing_is_confirmed_but_by_the_device_running_it(void **state)
{
    (void)state;
    for_all(check_confirmed);
}

static void every_state_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < UPDRAFT_ATTEMPT_STATE_COUNT; a++) {
        for (int b = 0; b < a; b++)
            assert_string_not_equal(updraft_attempt_state_name((enum updraft_attempt_state)a),
                                    updraft_attempt_state_name((enum updraft_attempt_state)b));
    }
}

static void only_what_runs_or_holds_a_device_back_must_stay(void **state)
{
    (void)state;
    for (int i = 0; i < UPDRAFT_ATTEMPT_STATE_COUNT; i++) {
        enum updraft_attempt_state s = (enum updraft_attempt_state)i;
        for (int newest = 0; newest < 2; newest++) {
            for (int published = 0; published < 2; published++) {
                bool runs = s == UPDRAFT_ATTEMPT_OFFERED || s == UPDRAFT_ATTEMPT_DOWNLOADING ||
                            s == UPDRAFT_ATTEMPT_WRITTEN || s == UPDRAFT_ATTEMPT_TRIAL ||
                            s == UPDRAFT_ATTEMPT_POSTPONED;
                bool holds = s == UPDRAFT_ATTEMPT_ROLLED_BACK && newest && published;
                assert_int_equal(updraft_attempt_must_stay(s, newest, published), runs || holds);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_runs_or_holds_a_device_back_must_stay),
        cmocka_unit_test(attempt_next_follows_the_table),
        cmocka_unit_test(an_attempt_that_has_ended_never_changes),
        cmocka_unit_test(every_step_fits_the_state_it_starts_from),
        cmocka_unit_test(nothing_is_confirmed_but_by_the_device_running_it),
        cmocka_unit_test(every_state_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
