/* Rollouts over a fleet in memory: who is counted, what is planned, who is given what. No store, and a clock
 * that only the tests move. */
#include "server/rollouts/steer.h"
#include "server/rollouts/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CHIP    0x0009u /* ESP32-S3 */
#define DEVICES 100u
#define SECOND  1000
#define HOUR    (3600ll * SECOND)

struct world {
    struct updraft_fleet fleet;
    struct updraft_steering steering;
    int64_t now_ms;
    int64_t next_attempt_id;
};

static const char *id_of(unsigned number)
{
    static char id[4][UPDRAFT_DEVICE_ID_CAP];
    static unsigned at;

    at = (at + 1) % 4;
    snprintf(id[at], sizeof id[at], "24:6F:28:00:%02X:%02X", number >> 8, number & 0xff);
    return id[at];
}

static void add_release(struct world *world, int64_t id, const char *version)
{
    struct updraft_change release = {.kind = UPDRAFT_CHANGE_RELEASE};
    struct updraft_change image = {.kind = UPDRAFT_CHANGE_IMAGE};

    release.row.release = (struct updraft_release_row){.id = id, .product_id = 1};
    updraft_name_set(release.row.release.version, sizeof release.row.release.version, version);
    updraft_fleet_apply(&world->fleet, &release);
    image.row.image = (struct updraft_image_row){.release_id = id, .chip = CHIP, .size = 1};
    updraft_fleet_apply(&world->fleet, &image);
}

static void set_channel(struct world *world, int64_t release_id)
{
    struct updraft_change channel = {
        .kind = UPDRAFT_CHANGE_CHANNEL,
        .row.channel = {.product_id = 1, .name = "stable", .release_id = release_id}};

    updraft_fleet_apply(&world->fleet, &channel);
}

static void set_device(struct world *world, unsigned number, const char *version)
{
    struct updraft_change device = {.kind = UPDRAFT_CHANGE_DEVICE,
                                    .row.device = {.product = "demo",
                                                   .channel = "stable",
                                                   .chip = CHIP,
                                                   .reports = true,
                                                   .confirmed = true,
                                                   .last_seen_ms = world->now_ms}};

    updraft_name_set(device.row.device.id, sizeof device.row.device.id, id_of(number));
    updraft_name_set(device.row.device.version, sizeof device.row.device.version, version);
    updraft_fleet_apply(&world->fleet, &device);
}

/* The newest attempt of the device in this state, or a new one. */
static void set_attempt(struct world *world, unsigned number, enum updraft_attempt_state state)
{
    const struct updraft_device *device = updraft_fleet_find_device(&world->fleet, id_of(number));
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_ATTEMPT};
    struct updraft_attempt_row *row = &change.row.attempt;

    if (device->newest != NULL && updraft_attempt_active(device->newest->state)) {
        updraft_attempt_row(device->newest, row);
    } else {
        *row = (struct updraft_attempt_row){.id = world->next_attempt_id++,
                                            .product = "demo",
                                            .from = "1.0.0",
                                            .to = "1.1.0",
                                            .progress = UPDRAFT_NO_PROGRESS,
                                            .rollout_id = 1,
                                            .started_ms = world->now_ms};
        updraft_name_set(row->device, sizeof row->device, id_of(number));
    }
    row->state = state;
    row->error_code = state == UPDRAFT_ATTEMPT_ROLLED_BACK ? 58 : 0;
    row->updated_ms = world->now_ms;
    updraft_fleet_apply(&world->fleet, &change);
    set_device(world, number, state == UPDRAFT_ATTEMPT_CONFIRMED ? "1.1.0" : "1.0.0");
}

static struct updraft_rollout_row order(const char *stages)
{
    struct updraft_rollout_row row = {.id = 1,
                                      .product_id = 1,
                                      .channel = "stable",
                                      .release_id = 2,
                                      .from_release_id = 1,
                                      .gates = {.confirmed_least = 90,
                                                .failed_most = 10,
                                                .rolled_back_most = 5,
                                                .silent_most = 10,
                                                .silent_after_s = 3600},
                                      .state = UPDRAFT_ROLLOUT_RUNNING};

    updraft_name_set(row.stages, sizeof row.stages, stages);
    return row;
}

static void set_rollout(struct world *world, const struct updraft_rollout_row *row)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_ROLLOUT, .row.rollout = *row};

    updraft_fleet_apply(&world->fleet, &change);
}

static int set_up(void **state)
{
    static struct world world;
    struct updraft_change product = {.kind = UPDRAFT_CHANGE_PRODUCT,
                                     .row.product = {.id = 1, .name = "demo"}};

    memset(&world, 0, sizeof world);
    world.now_ms = 20000ll * 24 * HOUR;
    world.next_attempt_id = 1;
    updraft_fleet_init(&world.fleet, world.now_ms);
    updraft_steering_init(&world.steering);
    updraft_fleet_apply(&world.fleet, &product);
    add_release(&world, 1, "1.0.0");
    add_release(&world, 2, "1.1.0");
    set_channel(&world, 1);
    for (unsigned i = 0; i < DEVICES; i++)
        set_device(&world, i, "1.0.0");
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    updraft_steering_deinit(&world->steering);
    updraft_fleet_deinit(&world->fleet);
    return 0;
}

/* Two seconds pass, and what is due is done. The number of changes. */
static size_t pass(struct world *world)
{
    struct updraft_change changes[UPDRAFT_STEER_CHANGES_MOST];
    size_t all = 0;

    world->now_ms += 2 * SECOND;
    while (updraft_steering_step(&world->steering, &world->fleet, world->now_ms, world->now_ms)) {
        memset(changes, 0, sizeof changes);
        const size_t count =
            updraft_steering_plan(&world->steering, &world->fleet, world->now_ms, changes);
        for (size_t i = 0; i < count; i++)
            updraft_fleet_apply(&world->fleet, &changes[i]);
        all += count;
    }
    return all;
}

static struct updraft_target target_of(struct world *world, unsigned number)
{
    return updraft_target_of_device(
        &world->fleet, updraft_fleet_find_device(&world->fleet, id_of(number)), world->now_ms);
}

/* Numbers of the devices that are to have the new release, and do not run it. */
static size_t chosen(struct world *world, unsigned numbers[DEVICES])
{
    size_t count = 0;

    for (unsigned i = 0; i < DEVICES; i++) {
        const struct updraft_device *device = updraft_fleet_find_device(&world->fleet, id_of(i));
        if (strcmp(device->version, "1.1.0") != 0 && target_of(world, i).rollout_id == 1)
            numbers[count++] = i;
    }
    return count;
}

static const struct updraft_rollout *rollout_of(struct world *world)
{
    return world->fleet.rollouts[0];
}

/* --- the tests --- */

static void a_rollout_goes_through_its_stages_and_moves_the_channel(void **state)
{
    struct world *world = *state;
    const struct updraft_rollout_row row = order("10% 30% 100%");
    unsigned numbers[DEVICES];
    static const size_t sizes[] = {10, 20, 70};

    set_rollout(world, &row);
    assert_int_equal(chosen(world, numbers), 0); /* no stage has begun */
    for (size_t stage = 0; stage < 3; stage++) {
        assert_int_equal(pass(world), 1);
        const size_t count = chosen(world, numbers);
        assert_int_equal(count, sizes[stage]);
        assert_int_equal(rollout_of(world)->row.stage, stage);
        for (size_t i = 0; i < count; i++)
            set_attempt(world, numbers[i], UPDRAFT_ATTEMPT_OFFERED);
        assert_int_equal(pass(world), 0);
        for (size_t i = 0; i < count; i++)
            set_attempt(world, numbers[i], UPDRAFT_ATTEMPT_CONFIRMED);
    }
    assert_int_equal(pass(world), 2);
    assert_int_equal(rollout_of(world)->row.state, UPDRAFT_ROLLOUT_DONE);
    assert_string_equal(world->fleet.channels[0]->release->row.version, "1.1.0");
    assert_int_equal(rollout_of(world)->count->all.counts[UPDRAFT_SHOWN_CONFIRMED], DEVICES);
}

static void one_roll_back_more_than_the_limit_stops_it(void **state)
{
    struct world *world = *state;
    const struct updraft_rollout_row row = order("100%");

    set_rollout(world, &row);
    pass(world);
    for (unsigned i = 0; i < 5; i++) {
        set_attempt(world, i, UPDRAFT_ATTEMPT_ROLLED_BACK);
        assert_int_equal(pass(world), 0);
    }
    set_attempt(world, 5, UPDRAFT_ATTEMPT_ROLLED_BACK);
    assert_int_equal(pass(world), 1);
    assert_int_equal(rollout_of(world)->row.state, UPDRAFT_ROLLOUT_STOPPED);
    assert_string_equal(
        rollout_of(world)->row.reason,
        "6 of the 100 devices in stage 1 of 1 rolled back: 6.0 %, and the limit is 5 %");
    assert_int_equal(rollout_of(world)->count->failures[0].count, 6);
    assert_int_equal(target_of(world, 50).rollout_id, 0);
    assert_string_equal(world->fleet.channels[0]->release->row.version, "1.0.0");
}

/* Another server has done it already, or an operator was there first. */
static void nothing_is_planned_of_a_row_that_has_moved_since_it_was_counted(void **state)
{
    struct world *world = *state;
    struct updraft_rollout_row row = order("10% 100%");
    struct updraft_change changes[UPDRAFT_STEER_CHANGES_MOST] = {0};

    set_rollout(world, &row);
    while (!world->steering.over)
        updraft_steering_step(&world->steering, &world->fleet, world->now_ms, world->now_ms);
    row.state = UPDRAFT_ROLLOUT_PAUSED;
    set_rollout(world, &row);
    assert_int_equal(updraft_steering_plan(&world->steering, &world->fleet, world->now_ms, changes),
                     0);
    assert_int_equal(pass(world), 0);
    row.state = UPDRAFT_ROLLOUT_RUNNING;
    set_rollout(world, &row);
    assert_int_equal(pass(world), 1);
}

static void the_bounds_of_a_row_survive_being_read_again(void **state)
{
    struct world *world = *state;
    struct updraft_rollout_row row = order("10% 30% 100%");

    set_rollout(world, &row);
    pass(world);
    row = rollout_of(world)->row;
    const int64_t bound = updraft_rollout_bound(rollout_of(world));
    set_rollout(world, &row);
    assert_true(updraft_rollout_bound(rollout_of(world)) == bound);
    assert_true(updraft_rollout_has_begun(rollout_of(world)));
    updraft_name_set(row.bounds, sizeof row.bounds, "12 x");
    set_rollout(world, &row); /* somebody edited the database */
    assert_int_equal(rollout_of(world)->row.state, UPDRAFT_ROLLOUT_ABORTED);
    assert_int_equal(target_of(world, 1).rollout_id, 0);
}

static void the_rate_counts_what_began_in_this_minute_and_what_is_being_planned(void **state)
{
    struct world *world = *state;
    struct updraft_rollout_row row = order("100%");
    struct updraft_attempt_row planned = {.id = 1000, .rollout_id = 1};
    unsigned numbers[DEVICES];

    row.rate_per_min = 3;
    world->now_ms -= world->now_ms % 60000;
    set_rollout(world, &row);
    pass(world);
    set_attempt(world, 0, UPDRAFT_ATTEMPT_OFFERED);
    set_attempt(world, 1, UPDRAFT_ATTEMPT_OFFERED);
    assert_int_equal(chosen(world, numbers), DEVICES);
    updraft_rollout_pledge(&world->fleet, &planned);
    assert_int_equal(chosen(world, numbers), 2); /* who has begun goes on */
    assert_int_equal(target_of(world, 5).wait, UPDRAFT_WAIT_RATE);
    updraft_rollout_forget_pledges(&world->fleet);
    set_attempt(world, 2, UPDRAFT_ATTEMPT_OFFERED);
    set_attempt(world, 2, UPDRAFT_ATTEMPT_DOWNLOADING); /* the same attempt, not one more */
    assert_int_equal(chosen(world, numbers), 3);
    world->now_ms += 60 * SECOND;
    assert_int_equal(chosen(world, numbers), DEVICES);
}

static void who_was_away_joins_the_stage_that_is_his(void **state)
{
    struct world *world = *state;
    const struct updraft_rollout_row row = order("20% 100%");
    unsigned numbers[DEVICES];

    world->now_ms += 2 * HOUR;
    for (unsigned i = 0; i < 50; i++)
        set_device(world, i, "1.0.0");
    set_rollout(world, &row);
    pass(world);
    assert_int_equal(rollout_of(world)->count->unreachable, 50);
    const size_t count = chosen(world, numbers);
    size_t present = 0;
    for (size_t i = 0; i < count; i++)
        present += numbers[i] < 50;
    assert_int_equal(present, 10); /* 20 % of those who are there */
    pass(world);
    assert_int_equal(updraft_members_count(&rollout_of(world)->count->stages[0]), 10);
    for (unsigned i = 50; i < DEVICES; i++)
        set_device(world, i, "1.0.0");
    world->now_ms += 10 * SECOND;
    pass(world);
    assert_int_equal(updraft_members_count(&rollout_of(world)->count->stages[0]), count);
}

static void the_newest_rollout_with_a_say_is_asked(void **state)
{
    struct world *world = *state;
    struct updraft_rollout_row row = order("100%");

    add_release(world, 3, "1.2.0");
    set_rollout(world, &row);
    pass(world);
    set_attempt(world, 0, UPDRAFT_ATTEMPT_CONFIRMED);
    row = rollout_of(world)->row;
    row.state = UPDRAFT_ROLLOUT_STOPPED;
    set_rollout(world, &row);
    assert_int_equal(target_of(world, 0).rollout_id, 1); /* not taken back */
    assert_int_equal(target_of(world, 1).rollout_id, 0);
    row = order("100%");
    row.id = 2;
    row.release_id = 3;
    set_rollout(world, &row);
    assert_int_equal(target_of(world, 0).rollout_id, 1);
    assert_int_equal(target_of(world, 0).wait, UPDRAFT_WAIT_STAGE);
    pass(world);
    assert_int_equal(target_of(world, 0).rollout_id, 2);
    assert_int_equal(target_of(world, 1).rollout_id, 2);
    set_channel(world, 3); /* by hand: both have had their say */
    assert_int_equal(target_of(world, 0).rollout_id, 0);
    assert_string_equal(target_of(world, 0).release->row.version, "1.2.0");
}

static void a_device_that_never_tells_its_version_is_not_taken_back(void **state)
{
    struct world *world = *state;
    const struct updraft_rollout_row row = order("100%");

    set_device(world, 0, "");
    set_rollout(world, &row);
    pass(world);
    assert_int_equal(target_of(world, 0).rollout_id, 1);
    set_attempt(world, 0, UPDRAFT_ATTEMPT_WRITTEN);
    set_device(world, 0, "");
    struct updraft_rollout_row stopped = rollout_of(world)->row;
    stopped.state = UPDRAFT_ROLLOUT_STOPPED;
    set_rollout(world, &stopped);
    assert_int_equal(target_of(world, 0).rollout_id, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_rollout_goes_through_its_stages_and_moves_the_channel,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_roll_back_more_than_the_limit_stops_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            nothing_is_planned_of_a_row_that_has_moved_since_it_was_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_bounds_of_a_row_survive_being_read_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            the_rate_counts_what_began_in_this_minute_and_what_is_being_planned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_was_away_joins_the_stage_that_is_his, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_newest_rollout_with_a_say_is_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_device_that_never_tells_its_version_is_not_taken_back,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
