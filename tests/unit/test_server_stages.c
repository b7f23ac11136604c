/* The pure parts of which a stage is made: how far it goes, whose place is in it, when it may work. */
#include "server/decide/place.h"
#include "server/decide/stages.h"
#include "server/decide/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DEVICES 10000u

static void stages_are_read_as_written(void **state)
{
    struct updraft_stages stages;
    char text[UPDRAFT_STAGE_GOAL_CAP];
    static const char *const goals[] = {"10", "0.05%", "1%", "2.5%", "33.33%", "500", "100%"};

    (void)state;
    assert_null(updraft_stages_parse(" 10 0.05% 1%  2.5% 33.33% 500 100% ", &stages));
    assert_int_equal(stages.count, sizeof goals / sizeof *goals);
    for (size_t i = 0; i < stages.count; i++) {
        updraft_stage_format(&stages.at[i], text);
        assert_string_equal(text, goals[i]);
    }
}

static void stages_that_cannot_be_meant_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *part;
    } cases[] = {
        {"", "last stage must be 100%"},
        {"1% 10%", "last stage must be 100%"},
        {"100", "last stage must be 100%"},
        {"10% 5% 100%", "further"},
        {"10% 10% 100%", "further"},
        {"10 5 100%", "further"},
        {"10 50% 5 100%", "further"},
        {"100% 100%", "further"},
        {"0% 100%", "a stage is a part"},
        {"0 100%", "a stage is a part"},
        {"101%", "a stage is a part"},
        {"100.01%", "a stage is a part"},
        {"1.5 100%", "a stage is a part"},
        {"1.% 100%", "a stage is a part"},
        {".5% 100%", "a stage is a part"},
        {"0.005% 100%", "a stage is a part"},
        {"-1 100%", "a stage is a part"},
        {"1%,100%", "a stage is a part"},
        {"ten 100%", "a stage is a part"},
        {"100000001 100%", "a stage is a part"},
        {"99999999999999999999999 100%", "a stage is a part"},
        {"1% 2% 3% 4% 5% 6% 7% 8% 100%", "more than 8"},
        {"1%                                                                                       "
         " "
         "          100%",
         "95 characters"},
    };
    struct updraft_stages stages;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *wrong = updraft_stages_parse(cases[i].text, &stages);
        if (wrong == NULL || strstr(wrong, cases[i].part) == NULL)
            fail_msg("'%s': %s", cases[i].text, wrong == NULL ? "taken" : wrong);
    }
}

static void a_part_of_a_device_counts_as_one(void **state)
{
    static const struct {
        struct updraft_stage stage;
        size_t devices, size;
    } cases[] = {
        {{100, true}, 0, 0},
        {{100, true}, 1, 1},
        {{100, true}, 100, 1},
        {{100, true}, 101, 2},
        {{1000, true}, 7, 1},
        {{5000, true}, 7, 4},
        {{10000, true}, 7, 7},
        {{10, false}, 7, 7},
        {{10, false}, 70, 10},
        {{1, true}, 1000000, 100},
        {{1, true}, 1000001, 101},
        {{9999, true}, 10000, 9999},
        {{10000, true}, 100000000, 100000000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(updraft_stage_size(&cases[i].stage, cases[i].devices), cases[i].size);
}

/* Bounds are stored: another number for the same device would shuffle the stages of a running rollout. */
static void a_place_never_changes(void **state)
{
    (void)state;
    assert_int_equal(updraft_place_of(1, "24:6F:28:00:00:01"), 0xbd423768u);
    assert_int_equal(updraft_place_of(2, "24:6F:28:00:00:01"), 0x6a3e3423u);
    assert_int_equal(updraft_place_of(1, "24:6F:28:00:00:02"), 0xfa956b04u);
    assert_int_equal(updraft_place_of(INT64_MAX, ""), 0x8e30cae1u);
}

static uint32_t place_of_number(int64_t rollout, unsigned number)
{
    char id[UPDRAFT_STAGE_GOAL_CAP * 2];

    snprintf(id, sizeof id, "24:6F:28:%02X:%02X:%02X", number >> 16 & 0xff, number >> 8 & 0xff,
             number & 0xff);
    return updraft_place_of(rollout, id);
}

/* Neighbours among serial numbers are to be strangers among places. */
static void places_are_spread_evenly(void **state)
{
    unsigned tenths[10] = {0}, both = 0;

    (void)state;
    for (unsigned i = 0; i < DEVICES; i++) {
        const uint32_t place = place_of_number(7, i);
        tenths[(uint64_t)place * 10 >> 32]++;
        both += place < UINT32_MAX / 10 && place_of_number(8, i) < UINT32_MAX / 10;
    }
    /* 1000 are expected, 30 is the standard deviation; of a tenth in each of two rollouts, 100 and 10. */
    for (size_t i = 0; i < 10; i++)
        assert_in_range(tenths[i], 850, 1150);
    assert_in_range(both, 50, 150);
}

static void a_bound_takes_exactly_as_many_as_asked_for(void **state)
{
    static uint32_t places[DEVICES], sorted[DEVICES];
    static const size_t sizes[] = {0, 1, 2, 100, 5000, 9999};

    (void)state;
    for (unsigned i = 0; i < DEVICES; i++)
        places[i] = place_of_number(3, i);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t below = 0;
        memcpy(sorted, places, sizeof sorted);
        const int64_t bound = updraft_place_bound(sorted, DEVICES, sizes[s]);
        for (size_t i = 0; i < DEVICES; i++)
            below += places[i] < bound;
        assert_int_equal(below, sizes[s]);
    }
    assert_true(updraft_place_bound(sorted, DEVICES, DEVICES) == UPDRAFT_PLACE_ALL);
    assert_true(updraft_place_bound(sorted, 0, 0) == UPDRAFT_PLACE_ALL);
    assert_true((int64_t)UINT32_MAX < UPDRAFT_PLACE_ALL);
}

#define HOUR_MS 3600000ll
#define DAY     (20000ll * 24 * HOUR_MS)

static void a_window_is_open_between_its_times(void **state)
{
    static const struct {
        uint16_t from, to;
        int64_t at; /* minutes of the day */
        bool open;
        int64_t opens; /* the same, 1440 and more: the day after */
    } cases[] = {
        {0, 0, 0, true, 0},
        {720, 720, 5, true, 5},
        {60, 120, 59, false, 60},
        {60, 120, 60, true, 60},
        {60, 120, 119, true, 119},
        {60, 120, 120, false, 1500},
        {1320, 240, 1319, false, 1320},
        {1320, 240, 1320, true, 1320},
        {1320, 240, 0, true, 0},
        {1320, 240, 239, true, 239},
        {1320, 240, 240, false, 1320},
        {0, 1439, 1439, false, 1440},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct updraft_window window = {cases[i].from, cases[i].to};
        const int64_t now_ms = DAY + cases[i].at * 60000;
        if (updraft_window_is_open(&window, now_ms) != cases[i].open ||
            updraft_window_is_open(&window, now_ms + 59999) != cases[i].open ||
            updraft_window_opens_ms(&window, now_ms) != DAY + cases[i].opens * 60000)
            fail_msg("case %zu", i);
    }
    /* Whatever is said of the next opening, it is open then and not a moment before. */
    const struct updraft_window window = {1320, 240};
    for (int64_t at = 240 * 60000ll; at < 1320 * 60000ll; at += 7777777) {
        const int64_t opens_ms = updraft_window_opens_ms(&window, DAY + at);
        assert_true(updraft_window_is_open(&window, opens_ms));
        assert_false(updraft_window_is_open(&window, opens_ms - 1));
    }
}

static void times_of_the_day_are_read_and_written(void **state)
{
    static const char *const wrong[] = {"",      "1:00",   "24:00", "12:60", "12:5",
                                        "12-50", "012:00", "ab:cd", "12:50 "};
    char text[UPDRAFT_WINDOW_TIME_CAP];
    uint16_t minute = 0;

    (void)state;
    for (uint16_t i = 0; i < UPDRAFT_WINDOW_MINUTES; i++) {
        updraft_window_format_time(i, text);
        assert_true(updraft_window_parse_time(text, &minute));
        assert_int_equal(minute, i);
    }
    assert_string_equal(text, "23:59");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(updraft_window_parse_time(wrong[i], &minute));
    assert_false(updraft_window_valid(&(struct updraft_window){0, 1440}));
    assert_false(updraft_window_valid(&(struct updraft_window){1440, 3}));
    assert_true(updraft_window_valid(&(struct updraft_window){1439, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_are_read_as_written),
        cmocka_unit_test(stages_that_cannot_be_meant_are_refused),
        cmocka_unit_test(a_part_of_a_device_counts_as_one),
        cmocka_unit_test(a_place_never_changes),
        cmocka_unit_test(places_are_spread_evenly),
        cmocka_unit_test(a_bound_takes_exactly_as_many_as_asked_for),
        cmocka_unit_test(a_window_is_open_between_its_times),
        cmocka_unit_test(times_of_the_day_are_read_and_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
