/* The power is cut at every flash operation of a complete update: download, switch, first boot,
 * confirm; before the operation, half-way, with random bits, and after it. Then, for a smaller image,
 * a second time at every operation of the recovery. Each time the boot record must name a complete
 * image, that image must boot, and the update must then finish. The same for an image that crashes
 * until it is rolled back. No cut point is picked by hand; the campaigns start from a new device and
 * from one that was updated before, once and twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/chip.h"
#include "tests/rig/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Small images and small erase blocks: every kind of operation at a fraction of the time. */
#define SLOT_LEN  0x10000u
#define BLOCK_LEN 0x2000u

static const char old_version[] = "1.0.0";
static const char new_version[] = "1.1.0";

struct campaign {
    struct rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    bool new_crashes; /* the new image resets before it can confirm itself */
    int updates_before;
    bool switched; /* the new image has started once: from then on it must not be lost */
    uint8_t *fresh; /* the flash before the update */
    uint64_t cases;
};

static void run_updates_before(struct campaign *campaign, uint32_t image_len)
{
    struct rig *rig = &campaign->rig;

    for (int i = 0; i < campaign->updates_before; i++) {
        struct rig_image image;
        bool is_last = i == campaign->updates_before - 1;

        rig_image_make(&image, UPDRAFT_CHIP_ESP32, is_last ? old_version : "0.9.0", image_len);
        assert_true(rig_boot(rig, UPDRAFT_RESET_SOFTWARE));
        assert_int_equal(rig_update(rig, image.bytes, image.len, 1460), UPDRAFT_OK);
        assert_true(rig_boot(rig, UPDRAFT_RESET_SOFTWARE));
        assert_int_equal(updraft_slots_confirm(&rig->slots), UPDRAFT_OK);
        rig_image_free(&image);
    }
}

static void campaign_init(struct campaign *campaign, enum rig_layout layout, uint32_t image_len,
                          int updates_before)
{
    memset(campaign, 0, sizeof *campaign);
    campaign->updates_before = updates_before;
    rig_image_make(&campaign->old_image, UPDRAFT_CHIP_ESP32,
                   updates_before == 0 ? old_version : "0.8.0", image_len);
    rig_image_make(&campaign->new_image, UPDRAFT_CHIP_ESP32, new_version, image_len + 0x1234);
    rig_make(&campaign->rig, layout, SLOT_LEN, &campaign->old_image);
    campaign->rig.nor.flash.block_len = BLOCK_LEN;
    /* Both targets hold old rubbish, so that erasing is part of the game. */
    memset(campaign->rig.nor.bytes + campaign->rig.nor.flash.size - 0x10000 - SLOT_LEN, 0x5A,
           SLOT_LEN);
    if (layout == RIG_FACTORY_TWO)
        memset(campaign->rig.nor.bytes + 0x10000 + SLOT_LEN, 0x5A, SLOT_LEN);
    run_updates_before(campaign, image_len);
    campaign->fresh = malloc(campaign->rig.nor.flash.size);
    assert_non_null(campaign->fresh);
    memcpy(campaign->fresh, campaign->rig.nor.bytes, campaign->rig.nor.flash.size);
}

static void campaign_free(struct campaign *campaign)
{
    rig_free(&campaign->rig);
    rig_image_free(&campaign->old_image);
    rig_image_free(&campaign->new_image);
    free(campaign->fresh);
}

static bool runs(struct campaign *campaign, const char *version)
{
    return strcmp(rig_version(&campaign->rig, campaign->rig.booted.slot), version) == 0;
}

/* One life of the device: it boots, confirms itself when on trial (or crashes), updates when it is
 * old, restarts, and so on until there is nothing left to do or the power fails. */
static void live(struct campaign *campaign)
{
    struct rig *rig = &campaign->rig;
    enum updraft_reset_cause cause = UPDRAFT_RESET_POWER_ON;

    for (int restarts = 0; restarts < 8 && !rig->nor.is_off; restarts++) {
        enum updraft_error error;

        if (!rig_boot(rig, cause))
            return;
        campaign->switched = campaign->switched || runs(campaign, new_version);
        if (runs(campaign, new_version) && campaign->new_crashes) {
            cause = UPDRAFT_RESET_CRASH;
            continue;
        }
        if (rig->booted.on_trial && updraft_slots_confirm(&rig->slots) != UPDRAFT_OK)
            return;
        if (runs(campaign, new_version))
            return;
        error = rig_update(rig, campaign->new_image.bytes, campaign->new_image.len, 1460);
        if (error != UPDRAFT_OK)
            return; /* power off, or E_FAILED_BEFORE after the roll back */
        cause = UPDRAFT_RESET_SOFTWARE;
    }
}

static void fail_case(const struct campaign *campaign, const char *what, uint64_t first,
                      uint64_t second, enum updraft_nor_cut cut)
{
    print_error("layout %d, cut %d at operation %llu, then %llu: %s\n", campaign->rig.layout, cut,
                (unsigned long long)first, (unsigned long long)second, what);
    fail();
}

/* Invariant 4, read from the flash itself before any boot code touches it. */
static void check_record(struct campaign *campaign, uint64_t first, uint64_t second,
                         enum updraft_nor_cut cut)
{
    struct rig *rig = &campaign->rig;
    struct updraft_slots slots;
    struct updraft_otadata_entry entries[2];
    struct updraft_boot_decision decision;

    assert_int_equal(updraft_slots_open(&slots, &rig->nor.flash, UPDRAFT_PTABLE_DEFAULT_OFF, 0),
                     UPDRAFT_OK);
    assert_int_equal(updraft_slots_entries(&slots, entries), UPDRAFT_OK);
    updraft_boot_decide(&slots.layout, entries, UPDRAFT_BOOT_UPDRAFT, UPDRAFT_RESET_POWER_ON,
                        &decision);
    rig->slots.layout = slots.layout;
    if (rig_version(rig, decision.start)[0] == '\0')
        fail_case(campaign, "the boot record names an incomplete image", first, second, cut);
    if (campaign->switched && !campaign->new_crashes &&
        strcmp(rig_version(rig, decision.start), new_version) != 0)
        fail_case(campaign, "the new image is lost after it has started", first, second, cut);
    if (campaign->updates_before > 0 && decision.entry < 0)
        fail_case(campaign, "the boot record is lost", first, second, cut);
}

/* The power is back for good: what boots is complete and named by the record, and the update ends. */
static void check_recovers(struct campaign *campaign, uint64_t first, uint64_t second,
                           enum updraft_nor_cut cut)
{
    struct rig *rig = &campaign->rig;
    const char *wanted = campaign->new_crashes ? old_version : new_version;

    campaign->cases++;
    updraft_nor_power_on(&rig->nor, 0, cut);
    check_record(campaign, first, second, cut);
    if (!rig_boot(rig, UPDRAFT_RESET_POWER_ON))
        fail_case(campaign, "nothing boots", first, second, cut);
    if (!runs(campaign, old_version) && !runs(campaign, new_version))
        fail_case(campaign, "an unknown image boots", first, second, cut);
    live(campaign);
    if (!rig_boot(rig, UPDRAFT_RESET_POWER_ON) || !runs(campaign, wanted))
        fail_case(campaign, "the update does not end", first, second, cut);
    if (rig->booted.on_trial)
        fail_case(campaign, "the confirmation is lost", first, second, cut);
    if (rig->nor.violation[0] != '\0')
        fail_case(campaign, rig->nor.violation, first, second, cut);
}

static void restore(struct campaign *campaign, const uint8_t *flash)
{
    memcpy(campaign->rig.nor.bytes, flash, campaign->rig.nor.flash.size);
    campaign->switched = false;
}

static uint64_t count_operations(struct campaign *campaign, const uint8_t *flash)
{
    restore(campaign, flash);
    updraft_nor_power_on(&campaign->rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    live(campaign);
    return campaign->rig.nor.counts.operations;
}

static void cut_everywhere(enum rig_layout layout, int updates_before, bool new_crashes)
{
    struct campaign campaign;
    uint64_t operations;

    campaign_init(&campaign, layout, 42000, updates_before);
    campaign.new_crashes = new_crashes;
    operations = count_operations(&campaign, campaign.fresh);
    assert_true(operations > 15);
    for (uint64_t at = 1; at <= operations; at++) {
        for (int cut = UPDRAFT_NOR_CUT_BEFORE; cut <= UPDRAFT_NOR_CUT_AFTER; cut++) {
            restore(&campaign, campaign.fresh);
            updraft_nor_power_on(&campaign.rig.nor, at, (enum updraft_nor_cut)cut);
            live(&campaign);
            assert_true(campaign.rig.nor.is_off);
            check_recovers(&campaign, at, 0, (enum updraft_nor_cut)cut);
        }
    }
    print_message("# %llu operations, %llu cases\n", (unsigned long long)operations,
                  (unsigned long long)campaign.cases);
    campaign_free(&campaign);
}

/* Every first cut, then every second cut during what follows it. */
static void cut_twice(enum rig_layout layout, bool new_crashes)
{
    struct campaign campaign;
    uint64_t operations;
    uint8_t *after_first;

    campaign_init(&campaign, layout, 20000, 1);
    campaign.new_crashes = new_crashes;
    after_first = malloc(campaign.rig.nor.flash.size);
    assert_non_null(after_first);
    operations = count_operations(&campaign, campaign.fresh);
    for (uint64_t at = 1; at <= operations; at++) {
        for (int cut = UPDRAFT_NOR_CUT_HALF; cut <= UPDRAFT_NOR_CUT_RANDOM; cut++) {
            uint64_t recovery;

            restore(&campaign, campaign.fresh);
            updraft_nor_power_on(&campaign.rig.nor, at, (enum updraft_nor_cut)cut);
            live(&campaign);
            memcpy(after_first, campaign.rig.nor.bytes, campaign.rig.nor.flash.size);
            recovery = count_operations(&campaign, after_first);
            for (uint64_t then = 1; then <= recovery; then++) {
                restore(&campaign, after_first);
                updraft_nor_power_on(&campaign.rig.nor, then, (enum updraft_nor_cut)cut);
                live(&campaign);
                check_recovers(&campaign, at, then, (enum updraft_nor_cut)cut);
            }
        }
    }
    print_message("# %llu cases\n", (unsigned long long)campaign.cases);
    free(after_first);
    campaign_free(&campaign);
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
    };

    return cmocka_run_group_tests_name("powercut", tests, NULL, NULL);
}
