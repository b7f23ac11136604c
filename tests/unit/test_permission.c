/* When updates may begin and when the restart may happen: schedule, button, safe state, and what is
 * told to whoever is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/update/permission.h"

#include <string.h>

#define MON     0u
#define SAT     5u
#define SUN     6u
#define START   UPDRAFT_GUARD_BEFORE_START
#define RESTART UPDRAFT_GUARD_BEFORE_RESTART

static struct updraft_wall_time wall(uint8_t weekday, uint32_t hour, uint32_t minute)
{
    return (struct updraft_wall_time){
        .known = true, .weekday = weekday, .day_s = hour * 3600 + minute * 60};
}

static struct updraft_schedule hours(uint8_t weekdays, uint16_t from_h, uint16_t to_h)
{
    return (struct updraft_schedule){
        .from_min = (uint16_t)(from_h * 60), .to_min = (uint16_t)(to_h * 60), .weekdays = weekdays};
}

static bool is_open(const struct updraft_schedule *schedule, struct updraft_wall_time at,
                    uint32_t *wait_s)
{
    return updraft_schedule_is_open(schedule, &at, wait_s);
}

static void schedule_is_open_from_its_first_to_before_its_last_second(void **state)
{
    struct updraft_schedule nightly = hours(UPDRAFT_WEEKDAYS_ALL, 2, 4);
    struct updraft_wall_time last = wall(MON, 3, 59);
    uint32_t wait_s;

    (void)state;
    last.day_s += 59;
    assert_true(is_open(&nightly, wall(MON, 2, 0), &wait_s));
    assert_int_equal(wait_s, 0);
    assert_true(is_open(&nightly, last, &wait_s));
    assert_false(is_open(&nightly, wall(MON, 4, 0), &wait_s));
    assert_int_equal(wait_s, 22 * 3600);
    assert_false(is_open(&nightly, wall(SUN, 1, 59), &wait_s));
    assert_int_equal(wait_s, 60);
}

static void schedule_past_midnight_belongs_to_the_day_on_which_it_began(void **state)
{
    struct updraft_schedule saturday = hours(1u << SAT, 22, 4);
    struct updraft_schedule sunday = hours(1u << SUN, 22, 4);
    uint32_t wait_s;

    (void)state;
    assert_true(is_open(&saturday, wall(SAT, 22, 0), &wait_s));
    assert_true(is_open(&saturday, wall(SUN, 3, 59), &wait_s));
    assert_false(is_open(&saturday, wall(SAT, 3, 0), &wait_s));
    assert_int_equal(wait_s, 19 * 3600);
    assert_false(is_open(&saturday, wall(SUN, 22, 0), &wait_s));
    assert_int_equal(wait_s, 6 * 86400);
    assert_true(is_open(&sunday, wall(MON, 3, 0), &wait_s)); /* over the week's end */
}

/* Minute by minute over a week, against the words of the option. */
static void schedule_agrees_with_its_definition_at_every_minute(void **state)
{
    static const struct updraft_schedule schedules[] = {
        {120, 240, 0x7F}, {1380, 60, 0x1F}, {0, 0, 0x60}, {600, 600, 0x01}, {1439, 0, 0x40},
    };

    (void)state;
    for (size_t i = 0; i < sizeof schedules / sizeof schedules[0]; i++) {
        const struct updraft_schedule *s = &schedules[i];
        bool open_at[7 * 1440] = {false};

        for (uint32_t day = 0; day < 7; day++) {
            uint32_t minute = day * 1440 + s->from_min;

            if ((s->weekdays >> day & 1) == 0)
                continue;
            do
                open_at[minute % (7 * 1440)] = true;
            while (++minute % 1440 != s->to_min);
        }
        for (uint32_t minute = 0; minute < 7 * 1440; minute++) {
            uint32_t wait_s;
            uint32_t ahead = 0;

            while (!open_at[(minute + ahead) % (7 * 1440)])
                ahead++;
            assert_int_equal(is_open(s, wall((uint8_t)(minute / 1440), 0, minute % 1440), &wait_s),
                             open_at[minute]);
            assert_int_equal(wait_s, ahead * 60);
        }
    }
}

struct application {
    struct updraft_permission permission;
    struct updraft_refusal refusal;
    bool guard_says_no;
    bool is_safe;
    unsigned asked; /* for its safe state */
    unsigned left;
};

static bool guard(void *ctx, enum updraft_guard_point point, struct updraft_refusal *refusal)
{
    const struct application *app = ctx;

    (void)point;
    refusal->reason = "charging";
    refusal->retry_after_s = 600;
    return !app->guard_says_no;
}

static bool reach(void *ctx)
{
    struct application *app = ctx;

    app->asked++;
    return app->is_safe;
}

static void leave(void *ctx)
{
    ((struct application *)ctx)->left++;
}

static void make(struct application *app, struct updraft_permission_config config)
{
    memset(app, 0, sizeof *app);
    config.ctx = app;
    config.guard = guard;
    config.leave_safe_state = leave;
    updraft_permission_init(&app->permission, &config);
}

static bool ask_at(struct application *app, enum updraft_guard_point point, uint64_t now_ms,
                   struct updraft_wall_time at)
{
    app->refusal = (struct updraft_refusal){.reason = ""};
    updraft_permission_tick(&app->permission, now_ms, at);
    return updraft_permission_ask(&app->permission, point, &app->refusal);
}

static void permission_without_rules_says_yes(void **state)
{
    struct application app;

    (void)state;
    make(&app, (struct updraft_permission_config){0});
    assert_true(ask_at(&app, START, 0, (struct updraft_wall_time){0}));
    assert_true(ask_at(&app, RESTART, 0, (struct updraft_wall_time){0}));
}

static void permission_asks_the_application_first_at_both_points(void **state)
{
    struct updraft_schedule never_now = hours(1u << SAT, 2, 4);
    struct application app;

    (void)state;
    make(&app, (struct updraft_permission_config){
                   .schedule = &never_now, .button_window_s = 5, .reach_safe_state = reach});
    app.guard_says_no = true;
    for (int i = 0; i < 2; i++) {
        assert_false(ask_at(&app, i == 0 ? START : RESTART, 0, wall(MON, 0, 0)));
        assert_string_equal(app.refusal.reason, "charging");
        assert_int_equal(app.refusal.retry_after_s, 600);
        assert_int_equal(app.refusal.code, UPDRAFT_OK);
    }
    assert_int_equal(app.asked, 0);
}

static void permission_outside_the_window_says_when_it_opens(void **state)
{
    struct updraft_schedule weekend = {150, 245, 1u << SAT | 1u << SUN};
    struct application app;

    (void)state;
    make(&app, (struct updraft_permission_config){.schedule = &weekend});
    assert_false(ask_at(&app, START, 0, wall(MON, 12, 0)));
    assert_int_equal(app.refusal.code, UPDRAFT_E_WINDOW);
    assert_string_equal(app.refusal.reason, "Sat 02:30");
    assert_int_equal(app.refusal.retry_after_s, 4 * 86400 + 14 * 3600 + 1800);
    assert_false(ask_at(&app, START, 0, wall(SAT, 4, 5)));
    assert_string_equal(app.refusal.reason, "Sun 02:30");
    assert_true(ask_at(&app, START, 0, wall(SAT, 2, 30)));
    assert_true(ask_at(&app, RESTART, 0, wall(MON, 12, 0))); /* it only guards the start */
}

static void permission_without_a_clock_keeps_the_window_closed(void **state)
{
    struct updraft_schedule always = hours(UPDRAFT_WEEKDAYS_ALL, 0, 0);
    struct application app;

    (void)state;
    make(&app, (struct updraft_permission_config){.schedule = &always});
    assert_false(ask_at(&app, START, 0, (struct updraft_wall_time){0}));
    assert_int_equal(app.refusal.code, UPDRAFT_E_WINDOW);
    assert_string_equal(app.refusal.reason, "when its clock is set");
    assert_int_equal(app.refusal.retry_after_s, 0);
    assert_true(ask_at(&app, START, 0, wall(MON, 0, 0)));
}

static void permission_by_button_lasts_its_window_and_begins_anew_with_each_press(void **state)
{
    struct application app;

    (void)state;
    make(&app, (struct updraft_permission_config){.button_window_s = 30});
    assert_false(ask_at(&app, START, 1000, wall(MON, 0, 0)));
    assert_int_equal(app.refusal.code, UPDRAFT_E_BUTTON);
    updraft_permission_press(&app.permission);
    assert_int_equal(updraft_permission_armed_s(&app.permission), 30);
    assert_true(ask_at(&app, START, 1000, wall(MON, 0, 0)));
    assert_true(ask_at(&app, START, 30999, wall(MON, 0, 0)));
    assert_int_equal(updraft_permission_armed_s(&app.permission), 1);
    updraft_permission_press(&app.permission);
    assert_true(ask_at(&app, START, 60998, wall(MON, 0, 0)));
    assert_false(ask_at(&app, START, 60999, wall(MON, 0, 0)));
    assert_int_equal(updraft_permission_armed_s(&app.permission), 0);
    assert_true(ask_at(&app, RESTART, 60999, wall(MON, 0, 0)));
}

static void permission_by_button_is_not_given_at_time_zero(void **state)
{
    struct application app;

    (void)state;
    make(&app, (struct updraft_permission_config){.button_window_s = 30});
    assert_false(ask_at(&app, START, 0, wall(MON, 0, 0)));
}

static void permission_needs_the_button_inside_the_window(void **state)
{
    struct updraft_schedule nightly = hours(UPDRAFT_WEEKDAYS_ALL, 2, 4);
    struct application app;

    (void)state;
    make(&app, (struct updraft_permission_config){.schedule = &nightly, .button_window_s = 30});
    assert_false(ask_at(&app, START, 1000, wall(MON, 3, 0)));
    assert_int_equal(app.refusal.code, UPDRAFT_E_BUTTON);
    updraft_permission_press(&app.permission);
    assert_true(ask_at(&app, START, 1000, wall(MON, 3, 0)));
    assert_false(ask_at(&app, START, 1000, wall(MON, 5, 0)));
    assert_int_equal(app.refusal.code, UPDRAFT_E_WINDOW);
}

static void restart_waits_for_the_safe_state(void **state)
{
    struct application app;

    (void)state;
    make(&app,
         (struct updraft_permission_config){.reach_safe_state = reach, .safe_deadline_s = 10});
    assert_true(ask_at(&app, START, 0, wall(MON, 0, 0)));
    assert_int_equal(app.asked, 0);
    assert_false(ask_at(&app, RESTART, 5000, wall(MON, 0, 0)));
    assert_int_equal(app.refusal.retry_after_s, 10);
    assert_string_equal(app.refusal.reason, "it is on its way to its safe state");
    assert_false(ask_at(&app, RESTART, 14999, wall(MON, 0, 0)));
    assert_int_equal(app.refusal.retry_after_s, 1);
    app.is_safe = true;
    assert_true(ask_at(&app, RESTART, 14999, wall(MON, 0, 0)));
    assert_int_equal(app.permission.safe, UPDRAFT_SAFE_REACHED);
    assert_int_equal(app.asked, 3);
}

static void restart_happens_anyway_when_the_deadline_passes(void **state)
{
    struct application app;

    (void)state;
    make(&app,
         (struct updraft_permission_config){.reach_safe_state = reach, .safe_deadline_s = 10});
    assert_false(ask_at(&app, RESTART, 5000, wall(MON, 0, 0)));
    assert_true(ask_at(&app, RESTART, 15000, wall(MON, 0, 0)));
    assert_int_equal(app.permission.safe, UPDRAFT_SAFE_LATE);
    assert_int_equal(app.left, 0);
}

static void restart_is_put_off_and_asked_again_with_a_new_deadline(void **state)
{
    struct application app;

    (void)state;
    make(&app, (struct updraft_permission_config){
                   .reach_safe_state = reach, .safe_deadline_s = 10, .safe_again_s = 60});
    assert_false(ask_at(&app, RESTART, 0, wall(MON, 0, 0)));
    assert_false(ask_at(&app, RESTART, 10000, wall(MON, 0, 0)));
    assert_int_equal(app.left, 1);
    assert_int_equal(app.refusal.retry_after_s, 60);
    assert_string_equal(app.refusal.reason, "it did not reach its safe state");
    assert_false(ask_at(&app, RESTART, 69999, wall(MON, 0, 0)));
    assert_int_equal(app.asked, 2); /* it works, and is left alone */
    assert_false(ask_at(&app, RESTART, 70000, wall(MON, 0, 0)));
    assert_int_equal(app.permission.safe, UPDRAFT_SAFE_AWAITED);
    assert_int_equal(app.refusal.retry_after_s, 10);
    app.is_safe = true;
    assert_true(ask_at(&app, RESTART, 79000, wall(MON, 0, 0)));
    assert_int_equal(app.left, 1);
}

static void refusals_are_told_with_their_time_and_only_where_there_is_one(void **state)
{
    struct updraft_failure failure;
    char sentence[160];

    (void)state;
    updraft_failure_set(&failure, UPDRAFT_E_WINDOW, 3600, 0, "Mon 02:00");
    updraft_failure_sentence(&failure, sentence, sizeof sentence);
    assert_string_equal(sentence,
                        "this device takes updates at certain hours only, next Mon 02:00; "
                        "try again in 3600 s");
    assert_int_equal(updraft_failure_retry_after_s(&failure), 3600);
    updraft_failure_set(&failure, UPDRAFT_E_GUARD, 0, 0, "charging");
    updraft_failure_sentence(&failure, sentence, sizeof sentence);
    assert_string_equal(sentence, "the application does not allow an update now: charging");
    assert_int_equal(updraft_failure_retry_after_s(&failure), 0);
    updraft_failure_set(&failure, UPDRAFT_E_TOO_LARGE, 3600, 1, NULL);
    assert_int_equal(updraft_failure_retry_after_s(&failure), 0); /* that a is a length */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedule_is_open_from_its_first_to_before_its_last_second),
        cmocka_unit_test(schedule_past_midnight_belongs_to_the_day_on_which_it_began),
        cmocka_unit_test(schedule_agrees_with_its_definition_at_every_minute),
        cmocka_unit_test(permission_without_rules_says_yes),
        cmocka_unit_test(permission_asks_the_application_first_at_both_points),
        cmocka_unit_test(permission_outside_the_window_says_when_it_opens),
        cmocka_unit_test(permission_without_a_clock_keeps_the_window_closed),
        cmocka_unit_test(permission_by_button_lasts_its_window_and_begins_anew_with_each_press),
        cmocka_unit_test(permission_by_button_is_not_given_at_time_zero),
        cmocka_unit_test(permission_needs_the_button_inside_the_window),
        cmocka_unit_test(restart_waits_for_the_safe_state),
        cmocka_unit_test(restart_happens_anyway_when_the_deadline_passes),
        cmocka_unit_test(restart_is_put_off_and_asked_again_with_a_new_deadline),
        cmocka_unit_test(refusals_are_told_with_their_time_and_only_where_there_is_one),
    };

    return cmocka_run_group_tests_name("permission", tests, NULL, NULL);
}
