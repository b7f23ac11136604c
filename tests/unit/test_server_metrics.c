/* What Prometheus collects, without sockets: right numbers, and an end to the number of series. */
#include "server/operator_api/operator_api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add_device(struct updraft_fleet *fleet, unsigned number, const char *product,
                       const char *version)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_DEVICE};
    struct updraft_device_row *row = &change.row.device;

    snprintf(row->id, sizeof row->id, "24:6F:28:%02X:%02X:%02X", number >> 16 & 255u,
             number >> 8 & 255u, number & 255u);
    updraft_name_set(row->product, sizeof row->product, product);
    updraft_name_set(row->version, sizeof row->version, version);
    row->last_seen_ms = (int64_t)number * 1000;
    updraft_fleet_apply(fleet, &change);
}

static void put_attempt(struct updraft_fleet *fleet, int64_t id, unsigned number,
                        enum updraft_attempt_state state)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_ATTEMPT};

    change.row.attempt.id = id;
    change.row.attempt.state = state;
    snprintf(change.row.attempt.device, sizeof change.row.attempt.device, "24:6F:28:00:00:%02X",
             number & 255u);
    updraft_fleet_apply(fleet, &change);
}

static char *collect(struct updraft_fleet *fleet, int64_t now_ms)
{
    const struct updraft_view view = {fleet, "", now_ms};
    const struct updraft_request request = {.method = UPDRAFT_METHOD_GET};
    struct updraft_response response;
    struct updraft_plan plan;

    updraft_response_init(&response);
    updraft_plan_init(&plan, 1);
    updraft_metrics_show(&view, &request, &plan, &response);
    assert_int_equal(response.status, 200);
    assert_int_equal(plan.count, 0);
    assert_int_equal(response.body_len, strlen(response.body));
    updraft_plan_deinit(&plan);
    return response.body;
}

static void assert_has(const char *text, const char *line)
{
    char whole[256];

    snprintf(whole, sizeof whole, "\n%s\n", line);
    if (strstr(text, whole) == NULL)
        fail_msg("not among the metrics: %s", line);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;

    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        count++;
    return count;
}

static void an_end_is_counted_once_however_often_it_is_told(void **state)
{
    struct updraft_fleet fleet;

    (void)state;
    updraft_fleet_init(&fleet, 1234567);
    add_device(&fleet, 1, "demo", "1.0.0");
    put_attempt(&fleet, 1, 1, UPDRAFT_ATTEMPT_FAILED); /* loaded: of an earlier run */
    updraft_fleet_begin_run(&fleet);
    put_attempt(&fleet, 2, 1, UPDRAFT_ATTEMPT_OFFERED);
    put_attempt(&fleet, 2, 1, UPDRAFT_ATTEMPT_TRIAL);
    put_attempt(&fleet, 2, 1, UPDRAFT_ATTEMPT_CONFIRMED);
    put_attempt(&fleet, 2, 1, UPDRAFT_ATTEMPT_CONFIRMED);
    put_attempt(&fleet, 3, 1, UPDRAFT_ATTEMPT_ROLLED_BACK);
    char *text = collect(&fleet, 0);
    assert_has(text, "updraft_attempts_ended_total{result=\"confirmed\"} 1");
    assert_has(text, "updraft_attempts_ended_total{result=\"rolled_back\"} 1");
    assert_has(text, "updraft_attempts_ended_total{result=\"failed\"} 0");
    assert_has(text, "updraft_attempts{state=\"rolled_back\"} 1");
    assert_has(text, "updraft_attempts{state=\"confirmed\"} 0");
    assert_has(text, "process_start_time_seconds 1234.567");
    free(text);
    updraft_fleet_deinit(&fleet);
}

static void invented_versions_do_not_make_series_without_end(void **state)
{
    struct updraft_fleet fleet;
    char version[UPDRAFT_VERSION_CAP];

    (void)state;
    updraft_fleet_init(&fleet, 1);
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(version, sizeof version, "v%u", i);
        add_device(&fleet, i, "demo", version);
    }
    char *text = collect(&fleet, 300000 + 1000 * 1000);
    assert_int_equal(count_of(text, "\nupdraft_devices{"), 1001);
    assert_has(text, "updraft_devices{product=\"demo\",version=\"v999\",state=\"seen\"} 1");
    assert_has(text,
               "updraft_devices{product=\"(other)\",version=\"(other)\",state=\"seen\"} 4000");
    assert_has(text, "updraft_devices_seen{within_s=\"300\"} 4000"); /* 1000 s and later */
    free(text);
    updraft_fleet_deinit(&fleet);
}

static void requests_are_counted_by_route_and_status(void **state)
{
    struct updraft_fleet fleet;

    (void)state;
    updraft_fleet_init(&fleet, 1);
    for (int i = 0; i < 3; i++)
        updraft_traffic_count(&fleet.traffic, "GET", "d/image/*", 200);
    updraft_traffic_count(&fleet.traffic, "GET", "d/image/*", 404);
    updraft_traffic_count(&fleet.traffic, "POST", "api/v1/releases", 201);
    updraft_traffic_count(&fleet.traffic, "GET", "api/v1/releases", 200);
    updraft_traffic_count(&fleet.traffic, "GET", "", 200);
    updraft_traffic_count(&fleet.traffic, "", "", 404);
    char *text = collect(&fleet, 0);
    assert_int_equal(count_of(text, "\nupdraft_requests_total{"), 6);
    assert_has(text,
               "updraft_requests_total{method=\"GET\",route=\"/d/image/*\",status=\"200\"} 3");
    assert_has(text,
               "updraft_requests_total{method=\"GET\",route=\"/d/image/*\",status=\"404\"} 1");
    assert_has(
        text,
        "updraft_requests_total{method=\"POST\",route=\"/api/v1/releases\",status=\"201\"} 1");
    assert_has(text, "updraft_requests_total{method=\"GET\",route=\"/\",status=\"200\"} 1");
    assert_has(text, "updraft_requests_total{method=\"\",route=\"\",status=\"404\"} 1");
    free(text);
    updraft_fleet_deinit(&fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_is_counted_once_however_often_it_is_told),
        cmocka_unit_test(invented_versions_do_not_make_series_without_end),
        cmocka_unit_test(requests_are_counted_by_route_and_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
