/* What happened lately: in order, bounded, and no reader is waited for. */
#include "server/news.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct rig {
    struct updraft_fleet fleet;
    struct updraft_news news;
    size_t woken;
};

static void wake(void *ctx)
{
    ((struct rig *)ctx)->woken++;
}

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);

    updraft_fleet_init(&rig->fleet, 1000);
    updraft_news_init(&rig->news, 1000);
    rig->fleet.watch = updraft_news_note;
    rig->fleet.watch_ctx = &rig->news;
    rig->news.wake = wake;
    rig->news.wake_ctx = rig;
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    updraft_news_deinit(&rig->news);
    updraft_fleet_deinit(&rig->fleet);
    free(rig);
    return 0;
}

static void bring_device(struct rig *rig, unsigned number)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_DEVICE};

    snprintf(change.row.device.id, sizeof change.row.device.id, "24:6F:28:00:%02X:%02X",
             number >> 8 & 255u, number & 255u);
    change.row.device.last_seen_ms = 1;
    updraft_fleet_apply(&rig->fleet, &change);
}

static void bring_attempt(struct rig *rig, int64_t id, enum updraft_attempt_state at)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_ATTEMPT};

    updraft_name_set(change.row.attempt.device, UPDRAFT_DEVICE_ID_CAP, "24:6F:28:00:00:01");
    change.row.attempt.id = id;
    change.row.attempt.state = at;
    change.row.attempt.progress = UPDRAFT_NO_PROGRESS;
    updraft_fleet_apply(&rig->fleet, &change);
}

static void expect_text(const struct updraft_news_item *item, const char *expected)
{
    struct updraft_json json;
    size_t len;

    updraft_json_init(&json);
    updraft_news_put(&json, NULL, item);
    char *text = updraft_json_finish(&json, &len);
    assert_string_equal(text, expected);
    free(text);
}

static void a_reader_sees_every_change_once_and_in_order(void **state)
{
    struct rig *rig = *state;
    uint64_t number = updraft_news_next(&rig->news), before = rig->fleet.generation;
    struct updraft_news_item item;
    char expected[160];

    assert_int_equal(updraft_news_read(&rig->news, &number, &item), UPDRAFT_NEWS_NONE);
    for (unsigned i = 1; i <= 3; i++)
        bring_device(rig, i);
    assert_int_equal(rig->woken, 3);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(updraft_news_read(&rig->news, &number, &item), UPDRAFT_NEWS_ITEM);
        snprintf(expected, sizeof expected,
                 "{\"generation\":%u,\"kind\":\"device\",\"id\":\"24:6F:28:00:00:%02X\"}",
                 (unsigned)before + i, i);
        expect_text(&item, expected);
    }
    assert_int_equal(updraft_news_read(&rig->news, &number, &item), UPDRAFT_NEWS_NONE);
}

static void who_comes_too_late_is_told_and_goes_on_with_what_comes_then(void **state)
{
    struct rig *rig = *state;
    uint64_t number = updraft_news_next(&rig->news), early = number;
    struct updraft_news_item item;

    for (unsigned i = 0; i < UPDRAFT_NEWS_KEPT; i++)
        bring_device(rig, i);
    assert_int_equal(updraft_news_read(&rig->news, &number, &item), UPDRAFT_NEWS_ITEM);
    assert_string_equal(item.text, "24:6F:28:00:00:00");
    bring_device(rig, 1);
    assert_int_equal(updraft_news_read(&rig->news, &early, &item), UPDRAFT_NEWS_LOST);
    assert_int_equal(early, updraft_news_next(&rig->news));
    assert_int_equal(updraft_news_read(&rig->news, &early, &item), UPDRAFT_NEWS_NONE);
    bring_device(rig, 2);
    assert_int_equal(updraft_news_read(&rig->news, &early, &item), UPDRAFT_NEWS_ITEM);
    assert_string_equal(item.text, "24:6F:28:00:00:02");
}

static void a_number_of_another_run_is_lost_rather_than_mistaken(void **state)
{
    struct rig *rig = *state;
    uint64_t numbers[] = {0, 1, updraft_news_next(&rig->news) - 1,
                          updraft_news_next(&rig->news) + 1, UINT64_MAX};
    struct updraft_news_item item;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        assert_int_equal(updraft_news_read(&rig->news, &numbers[i], &item), UPDRAFT_NEWS_LOST);
        assert_int_equal(numbers[i], updraft_news_next(&rig->news));
    }
}

static void an_attempt_says_its_state_and_whether_that_is_another_than_before(void **state)
{
    struct rig *rig = *state;
    uint64_t number;
    struct updraft_news_item item;
    static const struct {
        enum updraft_attempt_state state;
        bool is_turn;
    } rows[] = {{UPDRAFT_ATTEMPT_DOWNLOADING, true},
                {UPDRAFT_ATTEMPT_DOWNLOADING, false},
                {UPDRAFT_ATTEMPT_TRIAL, true},
                {UPDRAFT_ATTEMPT_CONFIRMED, true},
                {UPDRAFT_ATTEMPT_CONFIRMED, false}};

    bring_device(rig, 1);
    number = updraft_news_next(&rig->news);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bring_attempt(rig, 7, rows[i].state);
        assert_int_equal(updraft_news_read(&rig->news, &number, &item), UPDRAFT_NEWS_ITEM);
        assert_string_equal(item.kind, "attempt");
        assert_string_equal(item.state, updraft_attempt_state_name(rows[i].state));
        assert_int_equal(item.id, 7);
        assert_int_equal(item.is_turn, rows[i].is_turn);
    }
    bring_attempt(rig, 8, UPDRAFT_ATTEMPT_CONFIRMED);
    assert_int_equal(updraft_news_read(&rig->news, &number, &item), UPDRAFT_NEWS_ITEM);
    assert_true(item.is_turn);
}

static void a_channel_is_named_with_its_product(void **state)
{
    struct rig *rig = *state;
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_PRODUCT};
    uint64_t number = updraft_news_next(&rig->news);
    struct updraft_news_item item;

    change.row.product.id = 4;
    updraft_name_set(change.row.product.name, UPDRAFT_NAME_CAP, "demo");
    updraft_fleet_apply(&rig->fleet, &change);
    memset(&change, 0, sizeof change);
    change.kind = UPDRAFT_CHANGE_RELEASE;
    change.row.release.id = 9;
    change.row.release.product_id = 4;
    updraft_fleet_apply(&rig->fleet, &change);
    memset(&change, 0, sizeof change);
    change.kind = UPDRAFT_CHANGE_CHANNEL;
    change.row.channel.product_id = 4;
    change.row.channel.release_id = 9;
    updraft_name_set(change.row.channel.name, UPDRAFT_NAME_CAP, "stable");
    updraft_fleet_apply(&rig->fleet, &change);
    assert_int_equal(updraft_news_read(&rig->news, &number, &item), UPDRAFT_NEWS_ITEM);
    assert_string_equal(item.kind, "product");
    assert_int_equal(updraft_news_read(&rig->news, &number, &item), UPDRAFT_NEWS_ITEM);
    assert_string_equal(item.kind, "release");
    assert_int_equal(updraft_news_read(&rig->news, &number, &item), UPDRAFT_NEWS_ITEM);
    assert_string_equal(item.kind, "channel");
    assert_string_equal(item.text, "demo/stable");
    assert_int_equal(item.id, 0);
}

static void tokens_and_audit_rows_are_no_news_and_a_sighting_is_none_without_progress(void **state)
{
    struct rig *rig = *state;
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_TOKEN};
    uint64_t number = updraft_news_next(&rig->news);
    struct updraft_news_item item;

    change.row.token.id = 1;
    updraft_fleet_apply(&rig->fleet, &change);
    change.kind = UPDRAFT_CHANGE_TOKEN_END;
    updraft_fleet_apply(&rig->fleet, &change);
    memset(&change, 0, sizeof change);
    change.kind = UPDRAFT_CHANGE_AUDIT;
    change.row.audit.id = 1;
    updraft_fleet_apply(&rig->fleet, &change);
    memset(&change, 0, sizeof change);
    change.kind = UPDRAFT_CHANGE_TOUCH;
    change.row.touch.progress = UPDRAFT_NO_PROGRESS;
    updraft_fleet_apply(&rig->fleet, &change);
    assert_int_equal(updraft_news_read(&rig->news, &number, &item), UPDRAFT_NEWS_NONE);
    change.row.touch.attempt_id = 3;
    change.row.touch.progress = 40;
    updraft_fleet_apply(&rig->fleet, &change);
    assert_int_equal(updraft_news_read(&rig->news, &number, &item), UPDRAFT_NEWS_ITEM);
    assert_int_equal(item.id, 3);
    assert_string_equal(item.state, "downloading");
    assert_false(item.is_turn);
}

static void who_waits_is_let_go_by_news_by_time_and_by_the_end(void **state)
{
    struct rig *rig = *state;
    uint64_t number = updraft_news_next(&rig->news);

    assert_true(updraft_news_wait(&rig->news, number, 20));
    bring_device(rig, 1);
    assert_true(updraft_news_wait(&rig->news, number, 100000));
    updraft_news_close(&rig->news);
    assert_false(updraft_news_wait(&rig->news, updraft_news_next(&rig->news), 100000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reader_sees_every_change_once_and_in_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_comes_too_late_is_told_and_goes_on_with_what_comes_then,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_number_of_another_run_is_lost_rather_than_mistaken,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_attempt_says_its_state_and_whether_that_is_another_than_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_channel_is_named_with_its_product, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            tokens_and_audit_rows_are_no_news_and_a_sighting_is_none_without_progress, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(who_waits_is_let_go_by_news_by_time_and_by_the_end, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
