/* boot/decide over all combinations of what two entries can be, on several layouts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "boot/decide.h"

#include <string.h>

static struct updraft_layout make_layout(int factory, int ota_count, int test)
{
    struct updraft_layout layout = {.ota_count = (uint8_t)ota_count, .otadata = {0xD000, 0x2000}};

    if (factory)
        layout.factory = (struct updraft_extent){0x10000, 0x10000};
    if (test)
        layout.test = (struct updraft_extent){0x20000, 0x10000};
    for (int i = 0; i < ota_count; i++)
        layout.ota[i] = (struct updraft_extent){0x100000u + (uint32_t)i * 0x10000u, 0x10000};
    return layout;
}

static void check_order(const struct updraft_layout *layout, int start, const char *wanted)
{
    char got[160] = "";
    uint32_t bad_slots = 0;
    int slot = updraft_boot_next(layout, start, 0);

    while (slot != UPDRAFT_SLOT_NONE) {
        assert_true((bad_slots & updraft_slot_bit(slot)) == 0);
        strcat(got, updraft_slot_name(slot));
        strcat(got, " ");
        bad_slots |= updraft_slot_bit(slot);
        slot = updraft_boot_next(layout, start, bad_slots);
    }
    assert_string_equal(got, wanted);
}

static void decide_tries_slots_downwards_then_upwards_then_test(void **state)
{
    struct updraft_layout with_factory = make_layout(1, 2, 0);
    struct updraft_layout two = make_layout(0, 2, 0);
    struct updraft_layout four = make_layout(1, 4, 1);
    struct updraft_layout gap = make_layout(1, 3, 0);

    (void)state;
    check_order(&with_factory, 1, "ota_1 ota_0 factory ");
    check_order(&with_factory, 0, "ota_0 factory ota_1 ");
    check_order(&with_factory, UPDRAFT_SLOT_FACTORY, "factory ota_0 ota_1 ");
    check_order(&two, 1, "ota_1 ota_0 ");
    check_order(&two, 0, "ota_0 ota_1 ");
    check_order(&two, UPDRAFT_SLOT_FACTORY, "ota_0 ota_1 ");
    check_order(&four, 2, "ota_2 ota_1 ota_0 factory ota_3 test ");
    gap.ota[1].len = 0;
    check_order(&gap, 1, "ota_0 factory ota_2 ");
}

static struct updraft_boot_decision decide(const struct updraft_boot_rules *rules,
                                           const struct updraft_layout *layout,
                                           const struct updraft_otadata_entry entries[2],
                                           enum updraft_reset_cause cause)
{
    const struct updraft_boot_situation situation = {
        .layout = *layout, .entries = {entries[0], entries[1]}, .cause = cause};
    struct updraft_boot_decision decision = {0};

    rules->decide(&situation, &decision);
    return decision;
}

/* Everything an entry can be, for one sequence number. */
enum { ENTRY_KINDS = 14 };

static struct updraft_otadata_entry make_entry(uint32_t seq, int kind)
{
    struct updraft_otadata_entry entry = {
        .seq = seq, .crc_ok = true, .state = UPDRAFT_OTA_UNDEFINED};
    struct updraft_trial trial = {.present = true, .attempts_allowed = 3};

    switch (kind) {
    case 0:
        entry.seq = UPDRAFT_OTADATA_SEQ_EMPTY;
        entry.crc_ok = false;
        break;
    case 1:
        entry.crc_ok = false;
        break;
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
    case 7: /* NEW .. UNDEFINED */
        entry.state = (enum updraft_ota_state)(kind - 2);
        break;
    case 8: /* on trial, not started yet */
        entry.trial = trial;
        break;
    case 9: /* on trial, chances left */
        trial.attempts_used = 2;
        entry.trial = trial;
        break;
    case 10: /* on trial, used up by crashes */
        trial.attempts_used = 3;
        entry.trial = trial;
        break;
    case 11: /* on trial, used up by power losses */
        trial.power_used = 16;
        entry.trial = trial;
        break;
    case 12:
        trial.outcome = UPDRAFT_TRIAL_IS_CONFIRMED;
        trial.attempts_used = 3;
        entry.trial = trial;
        break;
    default: /* rolled back, the stock state not written any more */
        trial.outcome = UPDRAFT_TRIAL_IS_ROLLED_BACK;
        entry.trial = trial;
        break;
    }
    return entry;
}

/* The rule of updraft_boot_rules_updraft, said once more and differently: which kinds may boot. */
static bool may_boot(int kind, enum updraft_reset_cause cause)
{
    if (kind == 10)
        return cause == UPDRAFT_RESET_POWER_ON;
    if (kind == 11)
        return cause != UPDRAFT_RESET_POWER_ON;
    return kind == 2 || kind == 3 || kind == 4 || kind == 7 || kind == 8 || kind == 9 || kind == 12;
}

static bool is_trial_kind(int kind)
{
    return kind >= 8 && kind <= 11;
}

static void check_pair(const struct updraft_layout *layout, const int kinds[2],
                       const uint32_t seqs[2], enum updraft_reset_cause cause)
{
    struct updraft_otadata_entry entries[2] = {make_entry(seqs[0], kinds[0]),
                                               make_entry(seqs[1], kinds[1])};
    struct updraft_boot_decision decision;
    int active = -1;

    for (int i = 0; i < 2; i++) {
        if (may_boot(kinds[i], cause) && (active < 0 || seqs[i] > seqs[active]))
            active = i;
    }
    decision = decide(&updraft_boot_rules_updraft, layout, entries, cause);
    assert_int_equal(decision.entry, active);
    assert_int_not_equal(decision.start, UPDRAFT_SLOT_NONE);
    assert_false(decision.initialise);
    if (active >= 0) {
        assert_int_equal(decision.start, (seqs[active] - 1) % layout->ota_count);
        assert_int_equal(decision.why == UPDRAFT_BOOT_WHY_TRIAL, is_trial_kind(kinds[active]));
    } else if (layout->factory.len != 0) {
        assert_int_equal(decision.start, UPDRAFT_SLOT_FACTORY);
    }
    for (int i = 0; i < 2; i++) {
        enum updraft_boot_mark mark = UPDRAFT_BOOT_MARK_NONE;

        if (is_trial_kind(kinds[i]) && !may_boot(kinds[i], cause))
            mark = UPDRAFT_BOOT_MARK_ROLLED_BACK;
        else if (i == active && is_trial_kind(kinds[i]))
            mark = cause == UPDRAFT_RESET_POWER_ON ? UPDRAFT_BOOT_MARK_POWER
                                                   : UPDRAFT_BOOT_MARK_ATTEMPT;
        assert_int_equal(decision.marks[i], mark);
    }
}

static void decide_follows_its_rule_for_all_pairs_of_entries(void **state)
{
    const uint32_t seqs[][2] = {{1, 2}, {2, 1}, {3, 3}, {7, 4}, {0xFFFFFFFEu, 1}};
    const struct updraft_layout layouts[] = {make_layout(0, 2, 0), make_layout(1, 2, 0),
                                             make_layout(1, 1, 0), make_layout(0, 3, 1)};
    int pairs = 0;

    (void)state;
    for (size_t l = 0; l < 4; l++) {
        for (size_t s = 0; s < 5; s++) {
            for (int a = 0; a < ENTRY_KINDS; a++) {
                for (int b = 0; b < ENTRY_KINDS; b++) {
                    for (int cause = 0; cause < 3; cause++) {
                        const int kinds[2] = {a, b};

                        check_pair(&layouts[l], kinds, seqs[s], (enum updraft_reset_cause)cause);
                        pairs++;
                    }
                }
            }
        }
    }
    assert_int_equal(pairs, 4 * 5 * 14 * 14 * 3);
}

static void decide_does_not_go_back_to_the_slot_that_just_failed(void **state)
{
    struct updraft_layout layout = make_layout(0, 2, 0);
    /* Running ota_1 by fallback, ota_0 was updated and used up its chances. */
    struct updraft_otadata_entry entries[2] = {make_entry(1, 10), make_entry(0, 0)};
    struct updraft_boot_decision decision;

    (void)state;
    decision = decide(&updraft_boot_rules_updraft, &layout, entries, UPDRAFT_RESET_CRASH);
    assert_int_equal(decision.start, 1);
    assert_int_equal(decision.marks[0], UPDRAFT_BOOT_MARK_ROLLED_BACK);
}

static void decide_ends_a_trial_whose_slot_is_bad_and_keeps_what_is_confirmed(void **state)
{
    const struct updraft_boot_rules *rules = &updraft_boot_rules_updraft;
    struct updraft_boot_situation situation = {
        .layout = make_layout(1, 2, 0),
        .entries = {make_entry(1, 12), make_entry(2, 9)},
        .cause = UPDRAFT_RESET_CRASH,
        .bad_slots = updraft_slot_bit(1),
    };
    struct updraft_boot_decision decision = {0};

    (void)state;
    rules->decide(&situation, &decision);
    assert_int_equal(decision.start, 0);
    assert_int_equal(decision.entry, 0);
    assert_int_equal(decision.why, UPDRAFT_BOOT_WHY_ROLLED_BACK);
    assert_int_equal(decision.marks[1], UPDRAFT_BOOT_MARK_UNBOOTABLE);
    assert_int_equal(decision.marks[0], UPDRAFT_BOOT_MARK_NONE);
    /* That a confirmed slot rotted is not an image's failure: the record stays as it is. */
    situation.bad_slots |= updraft_slot_bit(0);
    decision = (struct updraft_boot_decision){0};
    rules->decide(&situation, &decision);
    assert_int_equal(decision.start, 0);
    assert_int_equal(decision.marks[0], UPDRAFT_BOOT_MARK_NONE);
    assert_int_equal(updraft_boot_next(&situation.layout, 0, situation.bad_slots),
                     UPDRAFT_SLOT_FACTORY);
    /* Stock rules do not look at it. */
    decision = (struct updraft_boot_decision){0};
    updraft_boot_rules_stock.decide(&situation, &decision);
    assert_int_equal(decision.start, 1);
}

static void decide_never_takes_sequence_zero(void **state)
{
    struct updraft_layout layout = make_layout(1, 2, 0);
    struct updraft_otadata_entry entries[2] = {make_entry(0, 7), make_entry(0, 0)};
    struct updraft_boot_decision decision;

    (void)state;
    entries[0].crc_ok = true;
    decision = decide(&updraft_boot_rules_updraft, &layout, entries, UPDRAFT_RESET_CRASH);
    assert_int_equal(decision.start, UPDRAFT_SLOT_FACTORY);
    assert_int_equal(decision.why, UPDRAFT_BOOT_WHY_EMPTY_RECORD);
}

static void decide_by_stock_rules_with_roll_back_moves_the_states(void **state)
{
    struct updraft_layout layout = make_layout(0, 2, 0);
    struct updraft_otadata_entry entries[2] = {make_entry(1, 4), make_entry(2, 2)};
    struct updraft_boot_decision decision;

    (void)state;
    /* VALID and NEW: the new one boots and becomes PENDING_VERIFY. */
    decision = decide(&updraft_boot_rules_stock_rollback, &layout, entries, UPDRAFT_RESET_SOFTWARE);
    assert_int_equal(decision.start, 1);
    assert_int_equal(decision.marks[1], UPDRAFT_BOOT_MARK_PENDING);
    /* VALID and PENDING_VERIFY: the new one did not confirm, it is aborted and the old one boots. */
    entries[1] = make_entry(2, 3);
    decision = decide(&updraft_boot_rules_stock_rollback, &layout, entries, UPDRAFT_RESET_CRASH);
    assert_int_equal(decision.start, 0);
    assert_int_equal(decision.marks[1], UPDRAFT_BOOT_MARK_ABORTED);
    assert_int_equal(decision.why, UPDRAFT_BOOT_WHY_ROLLED_BACK);
    /* A boot loader built without roll back boots it all the same and writes nothing. */
    decision = decide(&updraft_boot_rules_stock, &layout, entries, UPDRAFT_RESET_CRASH);
    assert_int_equal(decision.start, 1);
    assert_int_equal(decision.marks[1], UPDRAFT_BOOT_MARK_NONE);
}

static void decide_without_boot_record_starts_factory(void **state)
{
    const struct updraft_boot_rules *const all_rules[] = {
        &updraft_boot_rules_stock, &updraft_boot_rules_stock_rollback, &updraft_boot_rules_updraft};
    struct updraft_layout layout = make_layout(1, 0, 0);
    struct updraft_otadata_entry entries[2] = {make_entry(1, 0), make_entry(1, 0)};
    struct updraft_boot_decision decision;

    (void)state;
    layout.otadata.len = 0;
    for (size_t i = 0; i < sizeof all_rules / sizeof all_rules[0]; i++) {
        decision = decide(all_rules[i], &layout, entries, UPDRAFT_RESET_POWER_ON);
        assert_int_equal(decision.start, UPDRAFT_SLOT_FACTORY);
        assert_int_equal(decision.why, UPDRAFT_BOOT_WHY_NO_OTADATA);
    }
}

static void decide_has_a_sentence_for_every_reason(void **state)
{
    (void)state;
    for (int why = UPDRAFT_BOOT_WHY_RECORD; why <= UPDRAFT_BOOT_WHY_NOTHING; why++)
        assert_true(strlen(updraft_boot_why_text((enum updraft_boot_why)why)) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decide_tries_slots_downwards_then_upwards_then_test),
        cmocka_unit_test(decide_follows_its_rule_for_all_pairs_of_entries),
        cmocka_unit_test(decide_does_not_go_back_to_the_slot_that_just_failed),
        cmocka_unit_test(decide_ends_a_trial_whose_slot_is_bad_and_keeps_what_is_confirmed),
        cmocka_unit_test(decide_never_takes_sequence_zero),
        cmocka_unit_test(decide_by_stock_rules_with_roll_back_moves_the_states),
        cmocka_unit_test(decide_without_boot_record_starts_factory),
        cmocka_unit_test(decide_has_a_sentence_for_every_reason),
    };

    return cmocka_run_group_tests_name("decide", tests, NULL, NULL);
}
