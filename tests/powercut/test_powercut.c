/* The power is cut at every flash operation of a complete update: download, switch, first boot,
 * confirm; before the operation, half-way, with random bits, and after it. Then, for a smaller image,
 * a second time at every operation of the recovery. Each time the boot record must name a complete
 * image, that image must boot, and the update must then finish. The same for an image that crashes
 * until it is rolled back. These are the lives that differ most; campaign.c runs all of them, with
 * more random bits, and with flash that reads by chance after a cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/powercut/cuts.h"

struct tally {
    uint32_t cases;
    uint32_t failures;
};

static void begin_case(void *ctx, const struct cuts_case *which)
{
    struct tally *tally = ctx;

    (void)which;
    tally->cases++;
}

static void end_case(void *ctx, const struct cuts_case *which, const char *failure)
{
    struct tally *tally = ctx;

    if (failure == NULL)
        return;
    tally->failures++;
    print_error("cut at operation %u (way %u), then %u (way %u): %s\n", which->at[0], which->way[0],
                which->at[1], which->way[1], failure);
}

static void run(const struct cuts_plan *plan)
{
    struct tally tally = {0};
    struct cuts_visitor visitor = {.ctx = &tally, .begin = begin_case, .end = end_case};
    uint32_t operations = cuts_run(plan, &visitor);

    print_message("# %u operations, %u cases\n", operations, tally.cases);
    assert_int_equal(tally.failures, 0);
    assert_true(operations > 8);
    assert_true(tally.cases >= 4 * operations);
}

static void cut_everywhere(enum rig_layout layout, int updates_before, bool crashes)
{
    run(&(struct cuts_plan){.spec = {.layout = layout,
                                     .updates_before = updates_before,
                                     .crashes = crashes,
                                     .image_len = 42000},
                            .first = {.seeds = 1}});
}

static void cut_twice(enum rig_layout layout, bool crashes)
{
    run(&(struct cuts_plan){
        .spec = {.layout = layout, .updates_before = 1, .crashes = crashes, .image_len = 10000},
        .first = {.seeds = 1},
        .second = {.seeds = 1}});
}

static void a21_power_cut_at_every_flash_operation_two_slots_a_new_device(void **state)
{
    (void)state;
    cut_everywhere(RIG_TWO_SLOTS, 0, false);
}

static void a21_power_cut_at_every_flash_operation_two_slots_one_updated_once(void **state)
{
    (void)state;
    cut_everywhere(RIG_TWO_SLOTS, 1, false);
}

static void a21_power_cut_at_every_flash_operation_two_slots_one_updated_twice(void **state)
{
    (void)state;
    cut_everywhere(RIG_TWO_SLOTS, 2, false);
}

static void a21_power_cut_while_a_crashing_image_is_rolled_back_two_slots(void **state)
{
    (void)state;
    cut_everywhere(RIG_TWO_SLOTS, 1, true);
}

static void a21_second_cut_during_every_recovery_two_slots(void **state)
{
    (void)state;
    cut_twice(RIG_TWO_SLOTS, false);
}

static void a21_second_cut_while_a_crashing_image_is_rolled_back_two_slots(void **state)
{
    (void)state;
    cut_twice(RIG_TWO_SLOTS, true);
}

static void a21_power_cut_at_every_flash_operation_factory_and_two_a_new_device(void **state)
{
    (void)state;
    cut_everywhere(RIG_FACTORY_TWO, 0, false);
}

static void a21_power_cut_at_every_flash_operation_factory_and_two_one_updated_once(void **state)
{
    (void)state;
    cut_everywhere(RIG_FACTORY_TWO, 1, false);
}

static void a21_power_cut_at_every_flash_operation_factory_and_two_one_updated_twice(void **state)
{
    (void)state;
    cut_everywhere(RIG_FACTORY_TWO, 2, false);
}

static void a21_power_cut_while_a_crashing_image_is_rolled_back_factory_and_two(void **state)
{
    (void)state;
    cut_everywhere(RIG_FACTORY_TWO, 1, true);
}

static void a21_second_cut_during_every_recovery_factory_and_two(void **state)
{
    (void)state;
    cut_twice(RIG_FACTORY_TWO, false);
}

static void a21_second_cut_while_a_crashing_image_is_rolled_back_factory_and_two(void **state)
{
    (void)state;
    cut_twice(RIG_FACTORY_TWO, true);
}

static void a21_power_cut_at_every_flash_operation_factory_and_one_goes_by_factory(void **state)
{
    (void)state;
    cut_everywhere(RIG_FACTORY_ONE, 1, false);
}

static void a21_power_cut_while_a_crashing_image_is_rolled_back_factory_and_one(void **state)
{
    (void)state;
    cut_everywhere(RIG_FACTORY_ONE, 1, true);
}

static void a21_power_cut_at_every_flash_operation_four_slots(void **state)
{
    (void)state;
    cut_everywhere(RIG_FOUR_SLOTS, 1, false);
}

static void a21_power_cut_at_every_flash_operation_of_a_gzip_update(void **state)
{
    (void)state;
    run(&(struct cuts_plan){
        .spec = {.layout = RIG_TWO_SLOTS, .updates_before = 1, .gzip = true, .image_len = 42000},
        .first = {.seeds = 1}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a21_power_cut_at_every_flash_operation_two_slots_a_new_device),
        cmocka_unit_test(a21_power_cut_at_every_flash_operation_two_slots_one_updated_once),
        cmocka_unit_test(a21_power_cut_at_every_flash_operation_two_slots_one_updated_twice),
        cmocka_unit_test(a21_power_cut_while_a_crashing_image_is_rolled_back_two_slots),
        cmocka_unit_test(a21_second_cut_during_every_recovery_two_slots),
        cmocka_unit_test(a21_second_cut_while_a_crashing_image_is_rolled_back_two_slots),
        cmocka_unit_test(a21_power_cut_at_every_flash_operation_factory_and_two_a_new_device),
        cmocka_unit_test(a21_power_cut_at_every_flash_operation_factory_and_two_one_updated_once),
        cmocka_unit_test(a21_power_cut_at_every_flash_operation_factory_and_two_one_updated_twice),
        cmocka_unit_test(a21_power_cut_while_a_crashing_image_is_rolled_back_factory_and_two),
        cmocka_unit_test(a21_second_cut_during_every_recovery_factory_and_two),
        cmocka_unit_test(a21_second_cut_while_a_crashing_image_is_rolled_back_factory_and_two),
        cmocka_unit_test(a21_power_cut_at_every_flash_operation_factory_and_one_goes_by_factory),
        cmocka_unit_test(a21_power_cut_while_a_crashing_image_is_rolled_back_factory_and_one),
        cmocka_unit_test(a21_power_cut_at_every_flash_operation_four_slots),
        cmocka_unit_test(a21_power_cut_at_every_flash_operation_of_a_gzip_update),
    };

    return cmocka_run_group_tests_name("powercut", tests, NULL, NULL);
}
