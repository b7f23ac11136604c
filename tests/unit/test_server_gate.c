/* Who may pass, and how often. */
#include "server/decide/quota.h"
#include "server/http/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_quota_grants_its_burst_and_then_one_at_a_time(void **state)
{
    const struct updraft_quota quota = {.every_ms = 500, .burst = 4};
    int64_t paid_ms = 0, now_ms = 1000000;

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++)
            assert_int_equal(updraft_quota_take(&quota, &paid_ms, now_ms), 0);
        assert_int_equal(updraft_quota_take(&quota, &paid_ms, now_ms), 1);
        assert_int_equal(updraft_quota_take(&quota, &paid_ms, now_ms + 499), 1);
        assert_int_equal(updraft_quota_take(&quota, &paid_ms, now_ms + 500), 0);
        assert_int_equal(updraft_quota_take(&quota, &paid_ms, now_ms + 500), 1);
        now_ms += 500 + 4 * 500; /* all of it is there again, and never more */
        now_ms += round * 1000000;
    }
}

static void the_wait_that_a_quota_names_is_enough_and_not_a_second_too_long(void **state)
{
    const struct updraft_quota quota = {.every_ms = 7300, .burst = 3};

    (void)state;
    for (int64_t late_ms = 0; late_ms < 7300; late_ms += 100) {
        int64_t paid_ms = 0, now_ms = 5000, taken_ms;
        for (int i = 0; i < 3; i++)
            assert_int_equal(updraft_quota_take(&quota, &paid_ms, now_ms), 0);
        now_ms += late_ms;
        uint32_t wait_s = updraft_quota_take(&quota, &paid_ms, now_ms);
        assert_in_range(wait_s, 1, 8);
        taken_ms = paid_ms;
        assert_int_not_equal(
            updraft_quota_take(&quota, &taken_ms, now_ms + ((int64_t)wait_s - 1) * 1000), 0);
        taken_ms = paid_ms;
        assert_int_equal(updraft_quota_take(&quota, &taken_ms, now_ms + (int64_t)wait_s * 1000), 0);
    }
}

/* Gives the status of the refusal; 0: admitted. */
static unsigned guess(struct updraft_gate *gate, struct updraft_fleet *fleet, const char *address,
                      const char *authorization)
{
    const struct updraft_field header = {"Authorization", authorization};
    const struct updraft_request request = {
        .headers = &header, .header_count = authorization == NULL ? 0 : 1, .address = address};
    char name[UPDRAFT_NAME_CAP];
    struct updraft_response response;

    updraft_response_init(&response);
    bool admitted = updraft_gate_admit(gate, fleet, UPDRAFT_ROLE_VIEW, &request, name, &response);
    unsigned status = admitted ? 0 : response.status;
    updraft_response_deinit(&response);
    return status;
}

static void guessers_are_slowed_down_each_by_itself(void **state)
{
    struct updraft_gate *gate = calloc(1, sizeof *gate);
    struct updraft_fleet fleet;
    char address[UPDRAFT_ADDRESS_CAP];
    int refused = 0;

    (void)state;
    updraft_fleet_init(&fleet, 1);
    for (int i = 0; i < 100; i++)
        refused += guess(gate, &fleet, "10.0.0.1", "Bearer x") == 429;
    assert_in_range(refused, 35, 40);
    assert_int_equal(guess(gate, &fleet, "10.0.0.2", "Bearer x"), 401);
    assert_int_equal(guess(gate, &fleet, "10.0.0.1", NULL), 401); /* that is no guess */
    for (int i = 0; i < 100000; i++) { /* any number of them finds room */
        snprintf(address, sizeof address, "fd00::%x:%x", i >> 8, i & 255);
        assert_int_equal(guess(gate, &fleet, address, "Bearer x"), 401);
    }
    updraft_fleet_deinit(&fleet);
    free(gate);
}

static void a_device_pays_for_itself_and_recovers(void **state)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_DEVICE};
    struct updraft_fleet fleet;
    struct updraft_response response;
    int64_t now_ms = 1000;
    int granted = 0;

    (void)state;
    updraft_fleet_init(&fleet, 1);
    updraft_name_set(change.row.device.id, UPDRAFT_DEVICE_ID_CAP, "24:6F:28:00:00:01");
    updraft_fleet_apply(&fleet, &change);
    updraft_name_set(change.row.device.id, UPDRAFT_DEVICE_ID_CAP, "24:6F:28:00:00:02");
    updraft_fleet_apply(&fleet, &change);
    updraft_response_init(&response);
    while (granted < 1000 &&
           updraft_gate_admit_device(&fleet, "24:6F:28:00:00:01", now_ms, &response))
        granted++;
    assert_int_equal(granted, 300);
    assert_int_equal(response.status, 429);
    assert_true(updraft_gate_admit_device(&fleet, "24:6F:28:00:00:02", now_ms, &response));
    assert_true(updraft_gate_admit_device(&fleet, "24:6F:28:00:00:03", now_ms, &response));
    /* Two a second, for ever. */
    for (int i = 0; i < 1000; i++)
        assert_true(
            updraft_gate_admit_device(&fleet, "24:6F:28:00:00:01", now_ms += 500, &response));
    /* What it did meanwhile to its row does not pay its debts. */
    updraft_name_set(change.row.device.id, UPDRAFT_DEVICE_ID_CAP, "24:6F:28:00:00:01");
    updraft_fleet_apply(&fleet, &change);
    assert_false(updraft_gate_admit_device(&fleet, "24:6F:28:00:00:01", now_ms, &response));
    updraft_response_deinit(&response);
    updraft_fleet_deinit(&fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quota_grants_its_burst_and_then_one_at_a_time),
        cmocka_unit_test(the_wait_that_a_quota_names_is_enough_and_not_a_second_too_long),
        cmocka_unit_test(guessers_are_slowed_down_each_by_itself),
        cmocka_unit_test(a_device_pays_for_itself_and_recovers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
