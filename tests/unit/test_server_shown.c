#include "server/decide/shown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SEEN_MS  INT64_C(1000000)
#define AFTER_MS INT64_C(60000)

static void a_device_is_shown_as_its_attempt_stands(void **state)
{
    static const struct {
        enum updraft_attempt_state attempt;
        bool waits, trial, confirmed;
        enum updraft_shown shown;
        enum updraft_shown shown_late; /* when it was not heard of for longer than agreed */
    } rows[] = {
        {UPDRAFT_ATTEMPT_NONE, false, false, false, UPDRAFT_SHOWN_SEEN, UPDRAFT_SHOWN_SEEN},
        {UPDRAFT_ATTEMPT_NONE, false, false, true, UPDRAFT_SHOWN_CONFIRMED,
         UPDRAFT_SHOWN_CONFIRMED},
        {UPDRAFT_ATTEMPT_NONE, false, true, false, UPDRAFT_SHOWN_TRIAL, UPDRAFT_SHOWN_TRIAL},
        {UPDRAFT_ATTEMPT_NONE, true, false, true, UPDRAFT_SHOWN_WAITING, UPDRAFT_SHOWN_SILENT},
        {UPDRAFT_ATTEMPT_OFFERED, false, false, true, UPDRAFT_SHOWN_OFFERED, UPDRAFT_SHOWN_SILENT},
        {UPDRAFT_ATTEMPT_POSTPONED, false, false, true, UPDRAFT_SHOWN_POSTPONED,
         UPDRAFT_SHOWN_SILENT},
        {UPDRAFT_ATTEMPT_DOWNLOADING, false, false, true, UPDRAFT_SHOWN_DOWNLOADING,
         UPDRAFT_SHOWN_SILENT},
        {UPDRAFT_ATTEMPT_WRITTEN, false, false, true, UPDRAFT_SHOWN_WRITTEN, UPDRAFT_SHOWN_SILENT},
        {UPDRAFT_ATTEMPT_TRIAL, false, true, false, UPDRAFT_SHOWN_TRIAL, UPDRAFT_SHOWN_SILENT},
        /* What has ended stays what it was. */
        {UPDRAFT_ATTEMPT_CONFIRMED, false, false, true, UPDRAFT_SHOWN_CONFIRMED,
         UPDRAFT_SHOWN_CONFIRMED},
        {UPDRAFT_ATTEMPT_ROLLED_BACK, false, false, true, UPDRAFT_SHOWN_ROLLED_BACK,
         UPDRAFT_SHOWN_ROLLED_BACK},
        {UPDRAFT_ATTEMPT_FAILED, false, false, true, UPDRAFT_SHOWN_FAILED, UPDRAFT_SHOWN_FAILED},
        {UPDRAFT_ATTEMPT_CONFIRMED, false, false, false, UPDRAFT_SHOWN_SEEN, UPDRAFT_SHOWN_SEEN},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct updraft_shown_facts facts = {.attempt = rows[i].attempt,
                                            .waits = rows[i].waits,
                                            .trial = rows[i].trial,
                                            .confirmed = rows[i].confirmed,
                                            .last_seen_ms = SEEN_MS,
                                            .now_ms = SEEN_MS + AFTER_MS,
                                            .silent_after_ms = AFTER_MS};
        assert_int_equal(updraft_shown_decide(&facts), rows[i].shown);
        facts.now_ms++;
        assert_int_equal(updraft_shown_decide(&facts), rows[i].shown_late);
        facts.silent_after_ms = 0;
        assert_int_equal(updraft_shown_decide(&facts), rows[i].shown);
    }
}

static void every_shown_state_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < UPDRAFT_SHOWN_COUNT; a++) {
        for (int b = 0; b < a; b++)
            assert_string_not_equal(updraft_shown_name((enum updraft_shown)a),
                                    updraft_shown_name((enum updraft_shown)b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_shown_as_its_attempt_stands),
        cmocka_unit_test(every_shown_state_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
