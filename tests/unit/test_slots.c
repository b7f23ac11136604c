/* Layout and boot record on simulated flash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/slots/slots.h"
#include "device/slots/trial.h"
#include "format/bytes.h"
#include "format/ptable.h"
#include "ports/posix/nor.h"

#include <stdio.h>
#include <string.h>

struct fixture {
    struct updraft_nor nor;
    struct updraft_ptable table;
    struct updraft_slots slots;
};

static void add(struct fixture *f, uint8_t type, uint8_t subtype, uint32_t offset, uint32_t size,
                const char *label)
{
    struct updraft_partition *row = &f->table.entries[f->table.count++];

    *row = (struct updraft_partition){
        .type = type, .subtype = subtype, .offset = offset, .size = size};
    snprintf(row->label, sizeof row->label, "%s", label);
}

static void write_table(struct fixture *f)
{
    f->table.has_digest = true;
    assert_int_equal(updraft_ptable_encode(&f->table, f->nor.bytes + UPDRAFT_PTABLE_DEFAULT_OFF),
                     UPDRAFT_OK);
}

static enum updraft_error open_at(struct fixture *f, uint32_t running_addr)
{
    return updraft_slots_open(&f->slots, &f->nor.flash, UPDRAFT_PTABLE_DEFAULT_OFF, running_addr);
}

/* otadata, optionally factory, then `count` OTA slots of 64 KB. */
static void make(struct fixture *f, bool factory, int count)
{
    struct updraft_nor_options options = {.size = 0x200000};
    uint32_t at = 0x10000;
    char why[64];

    memset(f, 0, sizeof *f);
    assert_true(updraft_nor_open(&f->nor, NULL, &options, why, sizeof why));
    add(f, 1, 0, 0xD000, 0x2000, "otadata");
    if (factory) {
        add(f, 0, 0, at, 0x10000, "factory");
        at += 0x10000;
    }
    for (int i = 0; i < count; i++, at += 0x10000)
        add(f, 0, (uint8_t)(0x10 + i), at, 0x10000, "slot");
    write_table(f);
    assert_int_equal(open_at(f, 0x10000), UPDRAFT_OK);
}

static void release(struct fixture *f)
{
    assert_string_equal(f->nor.violation, "");
    updraft_nor_close(&f->nor);
}

static void put_entry(struct fixture *f, int idx, uint32_t seq)
{
    memset(f->nor.bytes + 0xD000 + idx * 0x1000, 0xFF, 0x1000);
    updraft_otadata_encode(seq, UPDRAFT_OTA_UNDEFINED, f->nor.bytes + 0xD000 + idx * 0x1000);
}

static uint32_t seq_of(const struct fixture *f, int idx)
{
    return updraft_get_le32(f->nor.bytes + 0xD000 + idx * 0x1000);
}

static void slots_next_goes_round_and_never_names_the_running_one(void **state)
{
    struct fixture f;
    int next;

    (void)state;
    for (int count = 1; count <= 16; count++) {
        make(&f, true, count);
        assert_int_equal(f.slots.running, UPDRAFT_SLOT_FACTORY);
        assert_int_equal(updraft_slots_next(&f.slots, &next), UPDRAFT_OK);
        assert_int_equal(next, 0);
        for (int running = 0; running < count; running++) {
            assert_int_equal(open_at(&f, 0x20000u + (uint32_t)running * 0x10000u + 0x20u),
                             UPDRAFT_OK);
            assert_int_equal(f.slots.running, running);
            if (count == 1) {
                assert_int_equal(updraft_slots_next(&f.slots, &next), UPDRAFT_E_NO_SLOT);
            } else {
                assert_int_equal(updraft_slots_next(&f.slots, &next), UPDRAFT_OK);
                assert_int_equal(next, (running + 1) % count);
            }
        }
        release(&f);
    }
}

static void slots_next_refuses_when_it_is_unknown_what_runs(void **state)
{
    struct fixture f;
    int next;

    (void)state;
    make(&f, false, 2);
    assert_int_equal(open_at(&f, 0x1000), UPDRAFT_OK);
    assert_int_equal(f.slots.running, UPDRAFT_SLOT_NONE);
    assert_int_equal(updraft_slots_next(&f.slots, &next), UPDRAFT_E_NO_SLOT);
    release(&f);
}

static void slots_next_needs_a_boot_record(void **state)
{
    struct fixture f;
    int next;

    (void)state;
    make(&f, false, 2);
    f.table.entries[0].subtype = UPDRAFT_PART_DATA_NVS;
    write_table(&f);
    assert_int_equal(open_at(&f, 0x10000), UPDRAFT_OK);
    assert_int_equal(updraft_slots_next(&f.slots, &next), UPDRAFT_E_NO_OTADATA);
    release(&f);
}

static void slots_select_writes_what_stock_devices_write(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, false, 2);
    assert_int_equal(updraft_slots_select(&f.slots, 1, 0), UPDRAFT_OK);
    assert_int_equal(seq_of(&f, 0), 2); /* no active entry: sector A, k + 1 */
    assert_int_equal(open_at(&f, 0x20000), UPDRAFT_OK);
    assert_int_equal(updraft_slots_select(&f.slots, 0, 0), UPDRAFT_OK);
    assert_int_equal(seq_of(&f, 0), 2);
    assert_int_equal(seq_of(&f, 1), 3);
    assert_int_equal(open_at(&f, 0x10000), UPDRAFT_OK);
    assert_int_equal(updraft_slots_select(&f.slots, 1, 0), UPDRAFT_OK);
    assert_int_equal(seq_of(&f, 0), 4);
    release(&f);
}

static void slots_select_keeps_the_entry_of_the_running_slot(void **state)
{
    struct fixture f;

    (void)state;
    /* The record names ota_1, which rotted; ota_0 runs by fallback. Its entry must survive. */
    make(&f, false, 2);
    put_entry(&f, 0, 5); /* ota_0 */
    put_entry(&f, 1, 6); /* ota_1 */
    assert_int_equal(updraft_slots_select(&f.slots, 1, 3), UPDRAFT_OK);
    assert_int_equal(seq_of(&f, 0), 5);
    assert_int_equal(seq_of(&f, 1), 6);
    release(&f);
}

static void slots_select_starts_the_sequence_again_when_it_is_used_up(void **state)
{
    struct fixture f;
    struct updraft_otadata_entry entries[2];

    (void)state;
    make(&f, false, 2);
    put_entry(&f, 0, 0xFFFFFFFDu); /* ota_0: runs */
    put_entry(&f, 1, 0xFFFFFFFCu);
    assert_int_equal(updraft_slots_select(&f.slots, 1, 3), UPDRAFT_OK); /* FFFFFFFE still fits */
    assert_int_equal(seq_of(&f, 1), 0xFFFFFFFEu);
    assert_int_equal(open_at(&f, 0x20000), UPDRAFT_OK);
    assert_int_equal(updraft_slots_select(&f.slots, 0, 3), UPDRAFT_OK);
    assert_int_equal(updraft_slots_entries(&f.slots, entries), UPDRAFT_OK);
    assert_int_equal(seq_of(&f, 0), 2); /* the running ota_1 */
    assert_int_equal(seq_of(&f, 1), 3); /* the new choice */
    assert_true(entries[1].trial.present);
    release(&f);
}

static void slots_select_factory_empties_the_record(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, true, 2);
    put_entry(&f, 0, 1);
    put_entry(&f, 1, 2);
    assert_int_equal(updraft_slots_select(&f.slots, UPDRAFT_SLOT_FACTORY, 0), UPDRAFT_OK);
    assert_int_equal(seq_of(&f, 0), UPDRAFT_OTADATA_SEQ_EMPTY);
    assert_int_equal(seq_of(&f, 1), UPDRAFT_OTADATA_SEQ_EMPTY);
    release(&f);
    make(&f, false, 2);
    assert_int_equal(updraft_slots_select(&f.slots, UPDRAFT_SLOT_FACTORY, 0), UPDRAFT_E_NO_SLOT);
    assert_int_equal(updraft_slots_select(&f.slots, 2, 0), UPDRAFT_E_NO_SLOT);
    release(&f);
}

static void slots_confirm_only_clears_bits(void **state)
{
    struct fixture f;
    enum updraft_run_state run;
    enum updraft_trial_reason reason;
    int failed;

    (void)state;
    make(&f, false, 2);
    assert_int_equal(updraft_slots_select(&f.slots, 1, 3), UPDRAFT_OK);
    assert_int_equal(open_at(&f, 0x20000), UPDRAFT_OK);
    assert_int_equal(updraft_slots_state(&f.slots, &run, &failed, &reason), UPDRAFT_OK);
    assert_int_equal(run, UPDRAFT_RUN_ON_TRIAL);
    updraft_nor_power_on(&f.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    assert_int_equal(updraft_slots_confirm(&f.slots), UPDRAFT_OK);
    assert_int_equal(f.nor.counts.sector_erases, 0);
    assert_int_equal(f.nor.counts.programs, 1);
    assert_int_equal(updraft_slots_state(&f.slots, &run, &failed, &reason), UPDRAFT_OK);
    assert_int_equal(run, UPDRAFT_RUN_CONFIRMED);
    assert_int_equal(failed, UPDRAFT_SLOT_NONE);
    assert_int_equal(updraft_slots_confirm(&f.slots), UPDRAFT_OK);
    assert_int_equal(f.nor.counts.programs, 1); /* nothing left to confirm */
    assert_int_equal(updraft_slots_reject(&f.slots, UPDRAFT_TRIAL_REASON_HEALTH),
                     UPDRAFT_E_NO_ROLLBACK);
    release(&f);
}

static void slots_reject_says_why_and_first_reason_stays(void **state)
{
    struct fixture f;
    enum updraft_run_state run;
    enum updraft_trial_reason reason;
    int failed;

    (void)state;
    make(&f, true, 2);
    assert_int_equal(updraft_slots_select(&f.slots, 0, 3), UPDRAFT_OK);
    assert_int_equal(open_at(&f, 0x20000), UPDRAFT_OK);
    assert_int_equal(updraft_slots_reject(&f.slots, UPDRAFT_TRIAL_REASON_REJECTED), UPDRAFT_OK);
    assert_int_equal(updraft_trial_roll_back(&f.nor.flash, 0xD000, UPDRAFT_TRIAL_REASON_ATTEMPTS),
                     UPDRAFT_OK);
    assert_int_equal(open_at(&f, 0x10000), UPDRAFT_OK);
    assert_int_equal(updraft_slots_state(&f.slots, &run, &failed, &reason), UPDRAFT_OK);
    assert_int_equal(run, UPDRAFT_RUN_CONFIRMED);
    assert_int_equal(failed, 0);
    assert_int_equal(reason, UPDRAFT_TRIAL_REASON_REJECTED);
    assert_int_equal(updraft_get_le32(f.nor.bytes + 0xD000 + 24), UPDRAFT_OTA_ABORTED);
    release(&f);
}

static void slots_confirm_moves_stock_states_as_stock_does(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, false, 2);
    put_entry(&f, 0, 1);
    updraft_otadata_encode(1, UPDRAFT_OTA_PENDING_VERIFY, f.nor.bytes + 0xD000);
    assert_int_equal(updraft_slots_confirm(&f.slots), UPDRAFT_OK);
    assert_int_equal(updraft_get_le32(f.nor.bytes + 0xD000 + 24), UPDRAFT_OTA_VALID);
    assert_int_equal(seq_of(&f, 0), 1);
    release(&f);
}

static void layout_refuses_tables_that_lie(void **state)
{
    struct fixture f;
    struct updraft_partition *slot1;

    (void)state;
    make(&f, false, 2);
    slot1 = &f.table.entries[2];
    slot1->offset = 0x1FF000; /* ends behind the chip */
    write_table(&f);
    assert_int_equal(open_at(&f, 0x10000), UPDRAFT_E_TABLE_BOUNDS);
    slot1->offset = 0x18000; /* inside ota_0 */
    write_table(&f);
    assert_int_equal(open_at(&f, 0x10000), UPDRAFT_E_TABLE_OVERLAP);
    slot1->offset = 0xE000; /* over otadata */
    write_table(&f);
    assert_int_equal(open_at(&f, 0x10000), UPDRAFT_E_TABLE_OVERLAP);
    slot1->offset = 0x8000; /* over the table itself */
    write_table(&f);
    assert_int_equal(open_at(&f, 0x10000), UPDRAFT_E_TABLE_OVERLAP);
    slot1->offset = 0x20010; /* not at a sector */
    write_table(&f);
    assert_int_equal(open_at(&f, 0x10000), UPDRAFT_E_TABLE_OVERLAP);
    slot1->offset = 0x20000;
    write_table(&f);
    assert_int_equal(open_at(&f, 0x10000), UPDRAFT_OK);
    f.nor.bytes[0x8000 + 40] ^= 1; /* one bit of an offset: the digest tells */
    assert_int_not_equal(open_at(&f, 0x10000), UPDRAFT_OK);
    memset(f.nor.bytes + 0x8000, 0xFF, 0xC00);
    assert_int_equal(open_at(&f, 0x10000), UPDRAFT_E_TABLE_RECORD);
    release(&f);
}

static void slots_with_a_given_layout_are_those_that_read_the_same_table(void **state)
{
    struct fixture f;
    struct updraft_layout layout;
    struct updraft_slots given;

    (void)state;
    for (int count = 1; count <= 16; count++) {
        make(&f, true, count);
        layout = f.slots.layout;
        memset(&given, 0, sizeof given);
        for (uint32_t addr = 0xF000; addr < 0x200000; addr += 0x8000) {
            updraft_slots_init(&given, &f.nor.flash, &layout, addr);
            assert_int_equal(open_at(&f, addr), UPDRAFT_OK);
            assert_int_equal(given.running, f.slots.running);
            assert_memory_equal(&given.layout, &f.slots.layout, sizeof layout);
        }
        assert_int_equal(f.nor.counts.operations, 0);
        release(&f);
    }
}

static void layout_is_sane_only_when_nothing_overlaps_or_leaves_the_flash(void **state)
{
    static const struct updraft_layout good = {
        .ota_count = 2,
        .otadata = {0xD000, 0x2000},
        .table = {0x8000, 0x1000},
        .factory = {0x10000, 0x10000},
        .ota = {{0x20000, 0x10000}, {0x30000, 0x10000}},
    };
    enum { OTADATA = 0, OTA_1 = 5 };
    static const struct {
        int part;
        struct updraft_extent extent;
        bool sane;
    } rows[] = {
        {OTA_1, {0, 0}, true},                /* a slot that is not there */
        {OTA_1, {0x31000, 0xF000}, true},     /* to the end of the flash */
        {OTA_1, {0x31000, 0x10000}, false},   /* behind it */
        {OTA_1, {0x40000, 0x1000}, false},    /* all of it */
        {OTA_1, {0xFFFFF000, 0x2000}, false}, /* round the end of the addresses */
        {OTA_1, {0x30010, 0x1000}, false},    /* not from a sector on */
        {OTA_1, {0x30000, 0x1010}, false},    /* not whole sectors */
        {OTA_1, {0x2F000, 0x1000}, false},    /* in the other's last sector */
        {OTA_1, {0x1F000, 0x20000}, false},   /* around it */
        {OTA_1, {0x8000, 0x1000}, false},     /* over the table */
        {OTA_1, {0xC000, 0x2000}, false},     /* over the boot record */
        {OTADATA, {0xD000, 0x1000}, false},   /* a boot record of one sector */
        {OTADATA, {0, 0}, true},              /* none at all */
    };

    (void)state;
    assert_true(updraft_layout_is_sane(&good, 0x40000));
    assert_false(updraft_layout_is_sane(&good, 0x3F000));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct updraft_layout layout = good;

        layout.parts[rows[i].part] = rows[i].extent;
        assert_int_equal(updraft_layout_is_sane(&layout, 0x40000), rows[i].sane);
    }
}

static void layout_finds_partitions_by_label(void **state)
{
    struct fixture f;
    struct updraft_row found;

    (void)state;
    make(&f, false, 2);
    add(&f, 1, 0x82, 0x100000, 0x10000, "sixteen_chars_ab");
    write_table(&f);
    assert_int_equal(updraft_layout_find_label(&f.nor.flash, UPDRAFT_PTABLE_DEFAULT_OFF,
                                               "sixteen_chars_ab", &found),
                     UPDRAFT_OK);
    assert_int_equal(found.extent.addr, 0x100000);
    assert_int_equal(found.extent.len, 0x10000);
    assert_int_equal(found.subtype, 0x82);
    assert_int_equal(updraft_layout_find_label(&f.nor.flash, UPDRAFT_PTABLE_DEFAULT_OFF,
                                               "sixteen_chars_abc", &found),
                     UPDRAFT_E_NO_PARTITION);
    assert_int_equal(
        updraft_layout_find_label(&f.nor.flash, UPDRAFT_PTABLE_DEFAULT_OFF, "none", &found),
        UPDRAFT_E_NO_PARTITION);
    release(&f);
}

static void slots_have_names_both_ways(void **state)
{
    (void)state;
    for (int slot = UPDRAFT_SLOT_TEST; slot < UPDRAFT_SLOT_CAP; slot++)
        assert_int_equal(updraft_slot_by_name(updraft_slot_name(slot)), slot);
    assert_string_equal(updraft_slot_name(UPDRAFT_SLOT_NONE), "none");
    assert_int_equal(updraft_slot_by_name("ota_16"), UPDRAFT_SLOT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_next_goes_round_and_never_names_the_running_one),
        cmocka_unit_test(slots_next_refuses_when_it_is_unknown_what_runs),
        cmocka_unit_test(slots_next_needs_a_boot_record),
        cmocka_unit_test(slots_select_writes_what_stock_devices_write),
        cmocka_unit_test(slots_select_keeps_the_entry_of_the_running_slot),
        cmocka_unit_test(slots_select_starts_the_sequence_again_when_it_is_used_up),
        cmocka_unit_test(slots_select_factory_empties_the_record),
        cmocka_unit_test(slots_confirm_only_clears_bits),
        cmocka_unit_test(slots_reject_says_why_and_first_reason_stays),
        cmocka_unit_test(slots_confirm_moves_stock_states_as_stock_does),
        cmocka_unit_test(layout_refuses_tables_that_lie),
        cmocka_unit_test(slots_with_a_given_layout_are_those_that_read_the_same_table),
        cmocka_unit_test(layout_is_sane_only_when_nothing_overlaps_or_leaves_the_flash),
        cmocka_unit_test(layout_finds_partitions_by_label),
        cmocka_unit_test(slots_have_names_both_ways),
    };

    return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
