/* The power is cut at every flash operation of the way from an old SDK to the new system: before it,
 * half-way, with random bits, and after it; then a second time at every operation of what follows.
 * Each time the old boot loader must find something whole to start; in the end the new system runs
 * where it belongs, or, when it was refused, the old one runs as before. No cut point is picked by
 * hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/rig/old_rig.h"

#include <stdlib.h>
#include <string.h>

struct campaign {
    struct old_rig rig;
    bool keep_rf;
    bool is_refused; /* the old system must go on */
    uint8_t *expected;
    uint64_t cases;
    uint64_t first, second; /* where the power was cut */
    enum updraft_nor_cut cut;
};

static void fail_case(const struct campaign *campaign, const char *what)
{
    print_error("cut %d at operation %llu, then %llu: %s\n", campaign->cut,
                (unsigned long long)campaign->first, (unsigned long long)campaign->second, what);
    fail();
}

/* From one power-on to the next power cut, or to where nothing more happens. */
static void live(struct campaign *campaign)
{
    struct old_rig *rig = &campaign->rig;

    for (int resets = 0; resets < 4 && !rig->nor.is_off; resets++) {
        struct updraft_migrate_result result;
        char version[33];

        switch (old_rig_starts(rig)) {
        case OLD_RIG_NOTHING:
            fail_case(campaign, "the old boot loader starts something that is not whole");
            return;
        case OLD_RIG_OLD:
            return;
        case OLD_RIG_NEW:
            break;
        }
        if (old_rig_boot(rig, campaign->keep_rf, &result, version) != UPDRAFT_OK)
            continue;
        if (result.state != UPDRAFT_MIGRATE_RETURNED)
            return;
    }
}

/* The sectors of parameters, and those that a copy of them reaches, are judged by what starts. */
static bool is_parameter_sector(const struct old_rig *rig, uint32_t addr)
{
    uint32_t copied_to = rig->params_addr - rig->shift;

    return addr >= rig->params_addr ||
           (copied_to < rig->slot_end && addr >= copied_to && addr < rig->slot_end);
}

static void check_flash(const struct campaign *campaign)
{
    const struct old_rig *rig = &campaign->rig;

    for (uint32_t addr = 0; addr < rig->flash_len; addr += 4096) {
        if (!is_parameter_sector(rig, addr) &&
            memcmp(rig->nor.bytes + addr, campaign->expected + addr, 4096) != 0)
            fail_case(campaign, "a sector is not as it should be");
    }
}

/* Either way the old boot loader reads it. */
static void check_flag_is_steady(const struct campaign *campaign)
{
    const struct updraft_flash *flash = &campaign->rig.nor.flash;
    uint8_t first = 0;

    for (int i = 0; i < 64; i++) {
        uint8_t flag;

        assert_int_equal(flash->read(flash->ctx, campaign->rig.params_addr + 0x2000, &flag, 1),
                         UPDRAFT_OK);
        if (i == 0)
            first = flag;
        if (flag != first)
            fail_case(campaign, "the flag reads differently each time");
    }
}

static void check_new_system(struct campaign *campaign)
{
    struct old_rig *rig = &campaign->rig;
    struct updraft_migrate_result result;
    char version[33];

    if (old_rig_starts(rig) != OLD_RIG_NEW || old_rig_start_addr(rig) != 0x1000)
        fail_case(campaign, "the new system does not start");
    updraft_nor_power_on(&rig->nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    if (old_rig_boot(rig, campaign->keep_rf, &result, version) != UPDRAFT_OK ||
        result.state != UPDRAFT_MIGRATE_IN_PLACE || strcmp(version, "3.0.0") != 0)
        fail_case(campaign, "the new system is not complete");
    if (rig->nor.counts.operations != 0)
        fail_case(campaign, "there is still something to do");
}

/* The power is back for good. What reads unsteadily may look right at first: a few boots show. */
static void check_ends_well(struct campaign *campaign)
{
    struct old_rig *rig = &campaign->rig;
    int boots = rig->options.unstable_bits != 0 ? 4 : 1;

    campaign->cases++;
    updraft_nor_power_on(&rig->nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    while (boots-- > 0)
        live(campaign);
    check_flash(campaign);
    if (rig->nor.violation[0] != '\0')
        fail_case(campaign, rig->nor.violation);
    if (campaign->is_refused) {
        if (old_rig_starts(rig) != OLD_RIG_OLD)
            fail_case(campaign, "the old system is lost");
        return;
    }
    check_flag_is_steady(campaign);
    check_new_system(campaign);
}

static void campaign_init(struct campaign *campaign, const struct old_rig_options *options,
                          bool is_refused)
{
    memset(campaign, 0, sizeof *campaign);
    old_rig_make(&campaign->rig, options);
    campaign->keep_rf = true;
    campaign->is_refused = is_refused;
    if (is_refused)
        campaign->rig.fresh[campaign->rig.packed_addr + campaign->rig.packed_len - 1] ^= 1;
    campaign->expected = malloc(campaign->rig.flash_len);
    assert_non_null(campaign->expected);
    if (is_refused)
        memcpy(campaign->expected, campaign->rig.fresh, campaign->rig.flash_len);
    else
        old_rig_expect(&campaign->rig, campaign->keep_rf, campaign->expected);
}

static void campaign_free(struct campaign *campaign)
{
    print_message("# %llu cases\n", (unsigned long long)campaign->cases);
    old_rig_free(&campaign->rig);
    free(campaign->expected);
}

static void start_from(struct campaign *campaign, const uint8_t *flash, uint64_t at,
                       enum updraft_nor_cut cut)
{
    old_rig_restore(&campaign->rig, flash);
    updraft_nor_power_on(&campaign->rig.nor, at, cut);
    live(campaign);
}

static uint64_t count_operations(struct campaign *campaign, const uint8_t *flash)
{
    start_from(campaign, flash, 0, UPDRAFT_NOR_CUT_BEFORE);
    return campaign->rig.nor.counts.operations;
}

static void cut_everywhere(const struct old_rig_options *options, bool is_refused)
{
    struct campaign campaign;
    uint64_t operations;

    campaign_init(&campaign, options, is_refused);
    operations = count_operations(&campaign, campaign.rig.fresh);
    assert_true(operations >= (is_refused ? 4u : 20u));
    for (uint64_t at = 1; at <= operations; at++) {
        for (int cut = UPDRAFT_NOR_CUT_BEFORE; cut <= UPDRAFT_NOR_CUT_AFTER; cut++) {
            campaign.first = at;
            campaign.cut = (enum updraft_nor_cut)cut;
            start_from(&campaign, campaign.rig.fresh, at, campaign.cut);
            assert_true(campaign.rig.nor.is_off);
            check_ends_well(&campaign);
        }
    }
    campaign_free(&campaign);
}

static void cut_twice(const struct old_rig_options *options, bool is_refused)
{
    struct campaign campaign;
    uint64_t operations;
    uint8_t *after_first;

    campaign_init(&campaign, options, is_refused);
    after_first = malloc(campaign.rig.flash_len);
    assert_non_null(after_first);
    operations = count_operations(&campaign, campaign.rig.fresh);
    for (uint64_t at = 1; at <= operations; at++) {
        for (int cut = UPDRAFT_NOR_CUT_BEFORE; cut <= UPDRAFT_NOR_CUT_AFTER; cut++) {
            uint64_t recovery;

            campaign.first = at;
            campaign.second = 0;
            campaign.cut = (enum updraft_nor_cut)cut;
            start_from(&campaign, campaign.rig.fresh, at, campaign.cut);
            memcpy(after_first, campaign.rig.nor.bytes, campaign.rig.flash_len);
            recovery = count_operations(&campaign, after_first);
            for (uint64_t then = 1; then <= recovery; then++) {
                campaign.second = then;
                start_from(&campaign, after_first, then, campaign.cut);
                check_ends_well(&campaign);
            }
        }
    }
    free(after_first);
    campaign_free(&campaign);
}

static const uint8_t flags[] = {0, 1, 0xFF};
static const uint8_t params[][2] = {{0x02, 0x06}, {0x05, 0x86}, {0x00, 0x02}};

static struct old_rig_options small(size_t flag, size_t param)
{
    return (struct old_rig_options){.table = OLD_RIG_TABLE_SMALL,
                                    .size_nibble = 0,
                                    .flag = flags[flag],
                                    .params = {params[param][0], params[param][1]},
                                    .app_len = 0x2000};
}

static void power_cut_at_every_operation_of_an_unpacking(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof flags; i++) {
        for (size_t j = 0; j < sizeof params / sizeof params[0]; j++) {
            struct old_rig_options options = small(i, j);

            cut_everywhere(&options, false);
        }
    }
}

/* Cells that the cut operation was to change may read differently from then on. */
static void power_cut_that_leaves_unsteady_cells(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof flags; i++) {
        struct old_rig_options options = small(i, i);

        options.unstable_bits = 0x800; /* of a sector's 0x8000: the flag's, too, now and then */
        cut_everywhere(&options, false);
        options.unstable_bits = 3;
        cut_everywhere(&options, false);
    }
}

static void power_cut_at_every_operation_with_the_demos_1m_table(void **state)
{
    struct old_rig_options options = {
        .table = OLD_RIG_TABLE_1M, .size_nibble = 2, .params = {0x02, 0x06}, .app_len = 0x2000};

    (void)state;
    cut_everywhere(&options, false);
}

static void power_cut_at_every_operation_with_the_demos_2m_table(void **state)
{
    struct old_rig_options options = {
        .table = OLD_RIG_TABLE_2M, .size_nibble = 5, .params = {0x05, 0x86}, .app_len = 0x2000};

    (void)state;
    cut_everywhere(&options, false);
}

static void second_power_cut_during_every_recovery_of_an_unpacking(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof flags; i++) {
        struct old_rig_options options = small(i, i);

        cut_twice(&options, false);
    }
}

static void power_cut_while_a_refused_image_gives_way_to_the_old_system(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof flags; i++) {
        for (size_t j = 0; j < sizeof params / sizeof params[0]; j++) {
            struct old_rig_options options = small(i, j);

            cut_everywhere(&options, true);
            cut_twice(&options, true);
        }
    }
}

static void power_cut_while_the_rf_parameters_are_stored_in_place(void **state)
{
    struct old_rig_options options = small(0, 0);
    struct campaign campaign;
    uint64_t operations;

    (void)state;
    options.packed_is_user1 = true;
    options.params[0] = 0x01;
    campaign_init(&campaign, &options, false);
    operations = count_operations(&campaign, campaign.rig.fresh);
    assert_int_equal(operations, 2);
    for (uint64_t at = 1; at <= operations; at++) {
        for (int cut = UPDRAFT_NOR_CUT_BEFORE; cut <= UPDRAFT_NOR_CUT_AFTER; cut++) {
            campaign.first = at;
            campaign.cut = (enum updraft_nor_cut)cut;
            start_from(&campaign, campaign.rig.fresh, at, campaign.cut);
            check_ends_well(&campaign);
        }
    }
    campaign_free(&campaign);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_cut_at_every_operation_of_an_unpacking),
        cmocka_unit_test(power_cut_that_leaves_unsteady_cells),
        cmocka_unit_test(power_cut_at_every_operation_with_the_demos_1m_table),
        cmocka_unit_test(power_cut_at_every_operation_with_the_demos_2m_table),
        cmocka_unit_test(second_power_cut_during_every_recovery_of_an_unpacking),
        cmocka_unit_test(power_cut_while_a_refused_image_gives_way_to_the_old_system),
        cmocka_unit_test(power_cut_while_the_rf_parameters_are_stored_in_place),
    };

    return cmocka_run_group_tests_name("powercut_migrate", tests, NULL, NULL);
}
