/* Which versions ran, hour by hour: what is written, what is kept, and what is told. */
#include "server/fleet/fleet.h"
#include "server/operator_api/operator_api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR ((int64_t)UPDRAFT_HISTORY_STEP_MS)
#define DAY  (24 * HOUR)
#define NOON (20000 * DAY + 12 * HOUR)

static int set_up(void **state)
{
    struct updraft_change product = {.kind = UPDRAFT_CHANGE_PRODUCT};
    struct updraft_fleet *fleet = calloc(1, sizeof *fleet);

    updraft_fleet_init(fleet, 1);
    product.row.product.id = 1;
    updraft_name_set(product.row.product.name, UPDRAFT_NAME_CAP, "demo");
    updraft_fleet_apply(fleet, &product);
    *state = fleet;
    return 0;
}

static int tear_down(void **state)
{
    updraft_fleet_deinit(*state);
    free(*state);
    return 0;
}

static void bring(struct updraft_fleet *fleet, unsigned number, const char *product,
                  const char *version)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_DEVICE};

    snprintf(change.row.device.id, sizeof change.row.device.id, "24:6F:28:00:%02X:%02X",
             number >> 8 & 255u, number & 255u);
    updraft_name_set(change.row.device.product, UPDRAFT_NAME_CAP, product);
    updraft_name_set(change.row.device.version, UPDRAFT_VERSION_CAP, version);
    updraft_fleet_apply(fleet, &change);
}

/* Gives the number of changes. */
static size_t write_hour(struct updraft_fleet *fleet, int64_t now_ms)
{
    struct updraft_change *changes;
    size_t count = updraft_history_plan(fleet, now_ms, &changes);

    for (size_t i = 0; i < count; i++)
        updraft_fleet_apply(fleet, &changes[i]);
    free(changes);
    return count;
}

static char *ask(struct updraft_fleet *fleet, const struct updraft_field *query, size_t count,
                 unsigned status)
{
    const struct updraft_request request = {.query = query, .query_count = count};
    const struct updraft_view view = {fleet, "", NOON};
    struct updraft_response response;

    updraft_response_init(&response);
    updraft_history_list(&view, &request, NULL, &response);
    assert_int_equal(response.status, status);
    return response.body;
}

static void an_hour_is_written_once_with_the_versions_that_run(void **state)
{
    static const struct updraft_field query = {"product", "demo"};
    struct updraft_fleet *fleet = *state;

    assert_false(updraft_history_due(fleet, NOON + 5)); /* nobody is there */
    bring(fleet, 1, "demo", "1.0.0");
    bring(fleet, 2, "demo", "1.1.0");
    bring(fleet, 3, "demo", "1.1.0");
    bring(fleet, 4, "unheard-of", "1.0.0");
    assert_true(updraft_history_due(fleet, NOON + 5));
    assert_int_equal(write_hour(fleet, NOON + 5), 2);
    assert_false(updraft_history_due(fleet, NOON + HOUR - 1));
    assert_true(updraft_history_due(fleet, NOON + HOUR));
    char *text = ask(fleet, &query, 1, 200);
    assert_string_equal(text,
                        "{\"product\":\"demo\",\"history\":[{\"at\":1728043200000,\"versions\":["
                        "{\"version\":\"1.1.0\",\"devices\":2},"
                        "{\"version\":\"1.0.0\",\"devices\":1}]}],\"next\":null,"
                        "\"now\":{\"at\":1728043200000,\"versions\":["
                        "{\"version\":\"1.0.0\",\"devices\":1},"
                        "{\"version\":\"1.1.0\",\"devices\":2}]}}");
    free(text);
}

static void another_server_that_counts_the_same_hour_replaces_it(void **state)
{
    struct updraft_fleet *fleet = *state;

    bring(fleet, 1, "demo", "1.0.0");
    write_hour(fleet, NOON);
    bring(fleet, 2, "demo", "1.0.0");
    write_hour(fleet, NOON + 10);
    assert_int_equal(fleet->history.count, 1);
    assert_int_equal(fleet->history.entries[0].devices, 2);
}

static void rows_that_come_late_stand_in_their_place(void **state)
{
    struct updraft_fleet *fleet = *state;

    bring(fleet, 1, "demo", "1.0.0");
    write_hour(fleet, NOON + HOUR);
    write_hour(fleet, NOON);
    assert_int_equal(fleet->history.entries[0].at_ms, NOON);
    assert_int_equal(fleet->history.entries[1].at_ms, NOON + HOUR);
    assert_int_equal(fleet->history.newest_ms, NOON + HOUR);
}

static void a_week_is_kept_hour_by_hour_and_a_year_day_by_day(void **state)
{
    struct updraft_fleet *fleet = *state;
    size_t old = 0;

    bring(fleet, 1, "demo", "1.0.0");
    for (int64_t hour = 0; hour < 400 * 24; hour++) {
        write_hour(fleet, NOON + hour * HOUR);
        assert_true(fleet->history.count <= 2 * (366 + 7 * 24 + 2));
    }
    const int64_t now_ms = NOON + (400 * 24 - 1) * HOUR;
    for (size_t i = 0; i < fleet->history.count; i++) {
        const struct updraft_history_entry *entry = &fleet->history.entries[i];
        if (entry->product == NULL)
            continue;
        assert_true(updraft_history_keeps(entry->at_ms, now_ms));
        old += now_ms - entry->at_ms > 7 * DAY;
    }
    assert_int_equal(old, 366 - 7);
    assert_int_equal(fleet->history.count - fleet->history.gone, 366 - 7 + 7 * 24 + 1);
}

static void no_more_versions_are_written_than_a_bound_and_the_most_common_first(void **state)
{
    struct updraft_fleet *fleet = *state;
    char version[16];

    for (unsigned i = 0; i < 300; i++) {
        snprintf(version, sizeof version, "1.0.%u", i);
        bring(fleet, i, "demo", version);
    }
    bring(fleet, 1000, "demo", "1.0.299");
    assert_int_equal(write_hour(fleet, NOON), UPDRAFT_HISTORY_GROUPS_MOST);
    assert_string_equal(fleet->history.entries[0].version, "1.0.299");
    assert_int_equal(fleet->history.entries[0].devices, 2);
}

static void the_pages_miss_no_moment(void **state)
{
    struct updraft_fleet *fleet = *state;
    struct updraft_field query[] = {{"product", "demo"}, {"limit", "2"}, {"after", "1"}};
    char cursor[24];
    unsigned moments = 0, pages = 0;

    bring(fleet, 1, "demo", "1.0.0");
    bring(fleet, 2, "demo", "1.1.0");
    for (int64_t hour = 0; hour < 5; hour++)
        write_hour(fleet, NOON + hour * HOUR);
    for (bool more = true; more; pages++) {
        char *text = ask(fleet, query, 3, 200);
        const char *next = strstr(text, "\"next\":") + strlen("\"next\":");
        *strstr(text, "\"now\"") = '\0';
        for (const char *at = text; (at = strstr(at, "\"at\":")) != NULL; at++)
            moments++;
        more = *next != 'n';
        snprintf(cursor, sizeof cursor, "%.*s", (int)strcspn(next, ","), next);
        query[2].value = cursor;
        if (!more)
            query[2].value = "1";
        free(text);
    }
    assert_int_equal(moments, 5);
    assert_int_equal(pages, 3);
}

static void a_product_has_to_be_named_and_known(void **state)
{
    static const struct updraft_field unknown = {"product", "other"};
    struct updraft_fleet *fleet = *state;

    free(ask(fleet, NULL, 0, 400));
    free(ask(fleet, &unknown, 1, 404));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_hour_is_written_once_with_the_versions_that_run, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(another_server_that_counts_the_same_hour_replaces_it,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_that_come_late_stand_in_their_place, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_week_is_kept_hour_by_hour_and_a_year_day_by_day, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            no_more_versions_are_written_than_a_bound_and_the_most_common_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_pages_miss_no_moment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_product_has_to_be_named_and_known, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
