/* Any store, and the fleet that comes back from it: built once for each kind of database. */
#include "tests/unit/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void the_fleet_is_the_same_after_a_restart(void **state)
{
    struct place *place = *state;
    struct updraft_fleet fleet;
    struct updraft_change token = {.kind = UPDRAFT_CHANGE_TOKEN};

    updraft_fleet_init(&fleet, 0);
    store_make_catalogue(place, &fleet);
    for (unsigned i = 0; i < 60; i++)
        store_commit(place, &fleet, change_device(i, "1.0.0"));
    for (unsigned i = 0; i < 60; i++)
        store_commit(place, &fleet,
                     change_attempt(1 + i, i * 7 % 60, (enum updraft_attempt_state)(1 + i % 7)));
    store_commit(place, &fleet, change_attempt(3, 14, UPDRAFT_ATTEMPT_CONFIRMED)); /* moved on */
    store_commit(place, &fleet, change_device(5, "1.1.0"));
    memset(token.row.token.hash, 7, sizeof token.row.token.hash);
    for (int64_t id = 1; id <= 4; id++) {
        token.row.token.id = id;
        token.row.token.role = (enum updraft_role)id;
        token.row.token.expires_ms = id * 1900000000000;
        store_commit(place, &fleet, token);
    }
    token.kind = UPDRAFT_CHANGE_TOKEN_END; /* revoked */
    token.row.token.id = 3;
    store_commit(place, &fleet, token);
    assert_int_equal(fleet.token_count, 3);
    store_commit(place, &fleet, change_log(7, "[1] boot"));
    store_commit(place, &fleet, change_log(7, "[1] boot\n[1] it's a \"panic\""));
    store_assert_same(place, &fleet);
    updraft_fleet_deinit(&fleet);
}

static void attempts_of_every_way_and_all_digests_come_back(void **state)
{
    struct place *place = *state;
    struct updraft_fleet fleet, again;

    updraft_fleet_init(&fleet, 0);
    store_make_catalogue(place, &fleet);
    store_commit(place, &fleet, change_device(1, "1.0.0"));
    for (int via = 0; via <= (int)UPDRAFT_VIA_LAST; via++) {
        struct updraft_change change = change_attempt(1 + via, 1, UPDRAFT_ATTEMPT_CONFIRMED);
        change.row.attempt.via = (enum updraft_via)via;
        store_commit(place, &fleet, change);
    }
    store_assert_same(place, &fleet);
    store_load(place, &again);
    for (size_t i = 0; i < fleet.release_count; i++) {
        for (size_t k = 0; k < fleet.releases[i]->image_count; k++)
            assert_memory_equal(&fleet.releases[i]->images[k], &again.releases[i]->images[k],
                                sizeof(struct updraft_image_row));
    }
    updraft_fleet_deinit(&again);
    updraft_fleet_deinit(&fleet);
}

static void rollouts_come_back_with_all_their_members(void **state)
{
    struct place *place = *state;
    struct updraft_fleet fleet, again;
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_ROLLOUT};
    struct updraft_rollout_row *row = &change.row.rollout;

    updraft_fleet_init(&fleet, 0);
    store_make_catalogue(place, &fleet);
    const struct updraft_channel *channel = fleet.channels[0];
    *row = (struct updraft_rollout_row){.product_id = channel->row.product_id,
                                        .release_id = fleet.releases[1]->row.id,
                                        .from_release_id = channel->row.release_id,
                                        .filter = "name~\"wall box*\" version<1.2",
                                        .stages = "10 1% 100%",
                                        .bounds = "12 4294967295",
                                        .gates = {100, 1, 2, 3, 400, 5000000},
                                        .window = {1439, 1},
                                        .start_ms = 1900000000000,
                                        .rate_per_min = UINT32_MAX,
                                        .pause_on_success = true,
                                        .state = UPDRAFT_ROLLOUT_STOPPED,
                                        .cause = UPDRAFT_CAUSE_SILENT,
                                        .stage = 1,
                                        .stage_started_ms = 1,
                                        .gate_met_ms = 2,
                                        .retry_ms = 3,
                                        .reason = "it's 21.0 %",
                                        .by = "ci",
                                        .created_ms = 4,
                                        .updated_ms = 5};
    updraft_name_set(row->channel, sizeof row->channel, channel->row.name);
    for (row->id = 1; row->id <= 2; row->id++)
        store_commit(place, &fleet, change);
    row->id = 1;
    row->state = UPDRAFT_ROLLOUT_ABORTED;
    store_commit(place, &fleet, change);
    store_load(place, &again);
    assert_int_equal(again.rollout_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_memory_equal(&again.rollouts[i]->row, &fleet.rollouts[i]->row, sizeof *row);
    assert_int_equal(again.channels[0]->rollouts->row.id, 2);
    assert_int_equal(again.rollouts[1]->bound_count, 2);
    updraft_fleet_deinit(&again);
    updraft_fleet_deinit(&fleet);
}

static void what_is_written_behind_comes_back_too(void **state)
{
    struct place *place = *state;
    struct updraft_fleet fleet;
    struct updraft_change change;

    updraft_fleet_init(&fleet, 0);
    store_commit(place, &fleet, change_device(1, "1.0.0"));
    store_commit(place, &fleet, change_attempt(1, 1, UPDRAFT_ATTEMPT_DOWNLOADING));
    updraft_fleet_touch(&fleet, &(struct updraft_sight){.device = "24:6F:28:00:00:01",
                                                        .address = "::1",
                                                        .now_ms = 1900000000000,
                                                        .progress = 77});
    assert_true(updraft_fleet_take_touched(&fleet, &change));
    store_begin(place);
    assert_int_equal(place->store.commit(place->store.ctx, &change, 1, &place->problem),
                     UPDRAFT_STORE_OK);
    assert_false(updraft_fleet_take_touched(&fleet, &change));
    assert_int_equal(fleet.attempts[0]->progress, 77);
    store_assert_same(place, &fleet);
    updraft_fleet_deinit(&fleet);
}

static void being_seen_is_no_progress_after_a_restart_either(void **state)
{
    struct place *place = *state;
    struct updraft_fleet fleet;
    struct updraft_change change;

    updraft_fleet_init(&fleet, 0);
    store_commit(place, &fleet, change_device(1, "1.0.0"));
    store_commit(place, &fleet, change_attempt(1, 1, UPDRAFT_ATTEMPT_DOWNLOADING));
    updraft_fleet_touch(&fleet, &(struct updraft_sight){.device = "24:6F:28:00:00:01",
                                                        .address = "::1",
                                                        .now_ms = 1900000000000,
                                                        .progress = UPDRAFT_NO_PROGRESS});
    assert_true(updraft_fleet_take_touched(&fleet, &change));
    uint64_t generation = fleet.generation;
    store_commit(place, &fleet, change);
    assert_int_equal(fleet.generation, generation); /* it was to be seen before it was written */
    assert_int_equal(fleet.attempts[0]->updated_ms, 1800000000000);
    store_assert_same(place, &fleet);
    updraft_fleet_deinit(&fleet);
}

static void a_late_progress_does_not_undo_a_later_state(void **state)
{
    struct place *place = *state;
    struct updraft_fleet fleet;
    struct updraft_change late;

    updraft_fleet_init(&fleet, 0);
    store_commit(place, &fleet, change_device(1, "1.0.0"));
    store_commit(place, &fleet, change_attempt(1, 1, UPDRAFT_ATTEMPT_DOWNLOADING));
    updraft_fleet_touch(&fleet, &(struct updraft_sight){.device = "24:6F:28:00:00:01",
                                                        .address = "",
                                                        .now_ms = 1800000000001,
                                                        .progress = 12});
    assert_true(updraft_fleet_take_touched(&fleet, &late));
    store_commit(place, &fleet, change_attempt(1, 1, UPDRAFT_ATTEMPT_WRITTEN));
    store_begin(place);
    assert_int_equal(place->store.commit(place->store.ctx, &late, 1, &place->problem),
                     UPDRAFT_STORE_OK);
    store_assert_same(place, &fleet);
    updraft_fleet_deinit(&fleet);
}

/* 300 attempts of 3 devices; all go but each twentieth, in an order that is none. */
static void attempts_that_went_stay_away_and_the_others_stay(void **state)
{
    struct place *place = *state;
    struct updraft_fleet fleet;
    const struct updraft_attempt *at = NULL;

    updraft_fleet_init(&fleet, 0);
    for (unsigned i = 0; i < 3; i++)
        store_commit(place, &fleet, change_device(i, "1.0.0"));
    for (int64_t id = 1; id <= 300; id++)
        store_commit(place, &fleet, change_attempt(id, (unsigned)id % 3, UPDRAFT_ATTEMPT_FAILED));
    store_commit(place, &fleet, change_log(7, "panic"));
    for (int64_t step = 0, id = 1; step < 300; step++, id = (id * 7 + 3) % 307) {
        struct updraft_change end = change_attempt(id, (unsigned)id % 3, UPDRAFT_ATTEMPT_FAILED);
        end.kind = UPDRAFT_CHANGE_ATTEMPT_END;
        if (id == 0 || id > 300 || id % 20 == 0)
            continue;
        store_commit(place, &fleet, end);
        store_commit(place, &fleet, end); /* told twice, done once */
    }
    for (int64_t id = 1; id <= 300; id++) { /* those that the walk left out */
        struct updraft_change end = change_attempt(id, (unsigned)id % 3, UPDRAFT_ATTEMPT_FAILED);
        end.kind = UPDRAFT_CHANGE_ATTEMPT_END;
        if (id % 20 != 0)
            store_commit(place, &fleet, end);
    }
    for (int64_t id = 300; id > 0; id -= 20) {
        at = updraft_fleet_attempt_before(&fleet, at == NULL ? 0 : at->id);
        assert_int_equal(at->id, id);
    }
    assert_null(updraft_fleet_attempt_before(&fleet, at->id));
    assert_in_range(fleet.attempt_count, 15, 30); /* the memory went, too */
    assert_int_equal(updraft_fleet_next_attempt_id(&fleet), 301);
    store_assert_same(place, &fleet);
    updraft_fleet_deinit(&fleet);
}

static void a_failed_commit_leaves_nothing_of_itself(void **state)
{
    struct place *place = *state;
    struct updraft_fleet before, after;

    updraft_fleet_init(&before, 0);
    store_make_catalogue(place, &before);
    const struct updraft_change changes[] = {
        change_device(1, "1.0.0"),
        change_release(9, 77, "9.9.9"), /* of a product that is not there */
    };
    store_begin(place);
    assert_int_equal(place->store.commit(place->store.ctx, changes, 2, &place->problem),
                     UPDRAFT_STORE_IO);
    assert_non_null(strstr(place->problem.text, place_no_parent));
    store_assert_same(place, &before);
    store_load(place, &after);
    assert_int_equal(after.device_count, 0);
    updraft_fleet_deinit(&before);
    updraft_fleet_deinit(&after);
}

static void a_database_of_a_newer_program_is_left_alone(void **state)
{
    struct place *place = *state;

    place_close(place);
    place_run_sql(place, "INSERT INTO schema_migrations VALUES(999, 0)");
    assert_int_equal(place_open(place), UPDRAFT_STORE_NEWER);
    assert_non_null(strstr(place->problem.text, "999"));
}

static void count_row(void *ctx, const struct updraft_change *row)
{
    (void)row;
    ++*(size_t *)ctx;
}

static void a_row_that_this_program_never_wrote_is_refused(void **state)
{
    struct place *place = *state;
    struct updraft_fleet fleet;
    size_t count = 0;

    updraft_fleet_init(&fleet, 0);
    store_commit(place, &fleet, change_device(1, "1.0.0"));
    updraft_fleet_deinit(&fleet);
    place_run_sql(place, "UPDATE devices SET version='a version that has far more than 31 bytes'");
    assert_int_equal(place->store.load(place->store.ctx, count_row, &count, &place->problem),
                     UPDRAFT_STORE_CORRUPT);
    assert_int_equal(count, 0);
}

static void numbers_that_this_program_never_wrote_are_refused(void **state)
{
    static const char *const edits[] = {
        "UPDATE attempts SET id=9223372036854775807",
        "UPDATE attempts SET id=-1",
        "UPDATE images SET chip=70000",
        "UPDATE images SET size=-1",
        "UPDATE devices SET chip=-1",
        "INSERT INTO tokens VALUES(2,@,'x',0,0,0)", /* no role */
        "INSERT INTO tokens VALUES(2,@,'x',0,5,0)",
        "INSERT INTO tokens VALUES(2,substr(@,2),'x',0,4,0)",
    };
    struct place *place = *state;
    struct updraft_fleet fleet;

    updraft_fleet_init(&fleet, 0);
    store_commit(place, &fleet, change_product(1, "demo"));
    store_commit(place, &fleet, change_release(1, 1, "1.0.0"));
    store_commit(place, &fleet, change_image(1, 9));
    store_commit(place, &fleet, change_device(1, "1.0.0"));
    store_commit(place, &fleet, change_attempt(1, 1, UPDRAFT_ATTEMPT_OFFERED));
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        size_t count = 0;
        char edit[128];
        int zeros_at = (int)strcspn(edits[i], "@");
        snprintf(edit, sizeof edit, "%.*s%s%s", zeros_at, edits[i],
                 edits[i][zeros_at] == '\0' ? "" : place_zeros,
                 edits[i] + zeros_at + (edits[i][zeros_at] != '\0'));
        place_run_sql(place, edit);
        assert_int_equal(place->store.load(place->store.ctx, count_row, &count, &place->problem),
                         UPDRAFT_STORE_CORRUPT);
        place_run_sql(place, "UPDATE attempts SET id=1; UPDATE images SET chip=9, size=1;"
                             "UPDATE devices SET chip=9; DELETE FROM tokens");
    }
    updraft_fleet_deinit(&fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_fleet_is_the_same_after_a_restart, place_set_up,
                                        place_tear_down),
        cmocka_unit_test_setup_teardown(attempts_of_every_way_and_all_digests_come_back,
                                        place_set_up, place_tear_down),
        cmocka_unit_test_setup_teardown(rollouts_come_back_with_all_their_members, place_set_up,
                                        place_tear_down),
        cmocka_unit_test_setup_teardown(what_is_written_behind_comes_back_too, place_set_up,
                                        place_tear_down),
        cmocka_unit_test_setup_teardown(being_seen_is_no_progress_after_a_restart_either,
                                        place_set_up, place_tear_down),
        cmocka_unit_test_setup_teardown(a_late_progress_does_not_undo_a_later_state, place_set_up,
                                        place_tear_down),
        cmocka_unit_test_setup_teardown(attempts_that_went_stay_away_and_the_others_stay,
                                        place_set_up, place_tear_down),
        cmocka_unit_test_setup_teardown(a_failed_commit_leaves_nothing_of_itself, place_set_up,
                                        place_tear_down),
        cmocka_unit_test_setup_teardown(a_database_of_a_newer_program_is_left_alone, place_set_up,
                                        place_tear_down),
        cmocka_unit_test_setup_teardown(a_row_that_this_program_never_wrote_is_refused,
                                        place_set_up, place_tear_down),
        cmocka_unit_test_setup_teardown(numbers_that_this_program_never_wrote_are_refused,
                                        place_set_up, place_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
