/* Bad input in flash has a defined outcome: the rows of "Defined outcomes" in docs/SPEC.md that no other
 * test stands for. Whatever is in the metadata, the device boots an image that is whole or says that
 * there is none, never writes the slot it runs from, and takes its next update. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/slots/last_lines.h"
#include "format/bytes.h"
#include "format/chip.h"
#include "format/slot_notes.h"
#include "tests/rig/rig.h"
#include "tests/rig/staged_rig.h"

#include <stdlib.h>
#include <string.h>

#define SLOT_LEN  0x10000u
#define IMAGE_LEN 5000u
#define RECORD    0xD000u
#define FIRST     0x10000u
#define SECOND    (FIRST + SLOT_LEN)

/* A chip clears the bits it can and says nothing: what rotted is the test's doing, so the simulated
 * flash must not call it a fault of the caller. */
static enum updraft_error program_as_a_chip(void *ctx, uint32_t addr, const void *buf, uint32_t len)
{
    struct updraft_nor *nor = ctx;
    const uint8_t *data = buf;

    assert_true(addr <= nor->flash.size && len <= nor->flash.size - addr);
    for (uint32_t i = 0; i < len; i++)
        nor->bytes[addr + i] &= data[i];
    return UPDRAFT_OK;
}

struct fixture {
    struct rig rig;
    struct rig_image images[3]; /* 1.0.0 comes with the device, 1.1.0 and 1.2.0 over the air */
    uint8_t *saved;
    char ring[128];
};

static void make(struct fixture *f, enum rig_layout layout)
{
    static const char *const versions[] = {"1.0.0", "1.1.0", "1.2.0"};

    memset(f, 0, sizeof *f);
    for (int i = 0; i < 3; i++)
        rig_image_make(&f->images[i], UPDRAFT_CHIP_ESP32, versions[i], IMAGE_LEN);
    rig_make(&f->rig, layout, SLOT_LEN, &f->images[0]);
    f->rig.nor.flash.prog = program_as_a_chip;
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
}

static void save(struct fixture *f)
{
    free(f->saved);
    f->saved = malloc(f->rig.nor.flash.size);
    assert_non_null(f->saved);
    memcpy(f->saved, f->rig.nor.bytes, f->rig.nor.flash.size);
}

static void restore(struct fixture *f)
{
    memcpy(f->rig.nor.bytes, f->saved, f->rig.nor.flash.size);
}

static void release(struct fixture *f)
{
    assert_string_equal(f->rig.nor.violation, "");
    rig_free(&f->rig);
    for (int i = 0; i < 3; i++)
        rig_image_free(&f->images[i]);
    free(f->saved);
}

static enum updraft_error offer(struct fixture *f, int image)
{
    return rig_update(&f->rig, f->images[image].bytes, f->images[image].len, 1460);
}

static bool holds(const struct fixture *f, uint32_t addr, int image)
{
    return memcmp(f->rig.nor.bytes + addr, f->images[image].bytes, f->images[image].len) == 0;
}

/* Which image runs; fails when it is none of them, whole. */
static int running(const struct fixture *f)
{
    for (int i = 0; i < 3; i++) {
        if (holds(f, f->rig.booted.addr, i))
            return i;
    }
    fail_msg("what boots is no whole image");
    return -1;
}

/* Boots, confirms what runs, takes an update, confirms it, and finds it again at every further boot. */
static void live_on(struct fixture *f)
{
    uint32_t addr;
    int image;
    int next;

    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
    image = running(f);
    addr = f->rig.booted.addr;
    assert_int_equal(updraft_slots_confirm(&f->rig.slots), UPDRAFT_OK);
    next = image == 2 ? 1 : 2;
    /* An image that failed stays refused; the one that is left is then the old one. */
    if (offer(f, next) != UPDRAFT_OK) {
        assert_int_equal(f->rig.update.failure.code, UPDRAFT_E_FAILED_BEFORE);
        next = 0;
        assert_int_equal(offer(f, next), UPDRAFT_OK);
    }
    assert_true(holds(f, addr, image)); /* the running slot was not written */
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_int_equal(running(f), next);
    assert_int_equal(updraft_slots_confirm(&f->rig.slots), UPDRAFT_OK);
    for (int i = 0; i < 20; i++) {
        assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
        assert_false(f->rig.booted.on_trial);
    }
    assert_int_equal(running(f), next);
}

/* --- the boot record ----------------------------------------------------------------------------- */

static void both_entries_bad_boots_what_is_whole_and_updates_on(void **state)
{
    static const enum rig_layout layouts[] = {RIG_TWO_SLOTS, RIG_FACTORY_TWO, RIG_FACTORY_ONE,
                                              RIG_FOUR_SLOTS};

    (void)state;
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        for (int fill = 0; fill < 4; fill++) {
            static const uint8_t fills[] = {0x00, 0x5A, 0xA5, 0xFE};
            struct fixture f;

            make(&f, layouts[i]);
            memset(f.rig.nor.bytes + RECORD, fills[fill], UPDRAFT_OTADATA_LEN);
            live_on(&f);
            release(&f);
        }
    }
}

static void the_sequence_wraps_and_the_new_image_boots(void **state)
{
    (void)state;
    for (uint32_t back = 1; back <= 4; back++) {
        struct fixture f;

        make(&f, RIG_TWO_SLOTS);
        memcpy(f.rig.nor.bytes + SECOND, f.images[1].bytes, f.images[1].len);
        memset(f.rig.nor.bytes + RECORD, 0xFF, UPDRAFT_OTADATA_LEN);
        updraft_otadata_encode(0xFFFFFFFFu - back, UPDRAFT_OTA_UNDEFINED, f.rig.nor.bytes + RECORD);
        live_on(&f);
        live_on(&f);
        release(&f);
    }
}

static void write_mark_words(struct fixture *f, uint32_t entry)
{
    memset(f->rig.nor.bytes + entry + UPDRAFT_TRIAL_OUTCOME_OFF, 0xA7, 8);
}

/* A torn or rotten outcome reads as on trial; confirming it again writes a new entry. */
static void an_outcome_that_cannot_be_set_is_confirmed_by_a_new_entry(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, RIG_TWO_SLOTS);
    assert_int_equal(offer(&f, 1), UPDRAFT_OK);
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_SOFTWARE));
    write_mark_words(&f, RECORD);
    live_on(&f);
    release(&f);
}

struct stage {
    const char *name;
    void (*reach)(struct fixture *f);
};

static void reach_trial(struct fixture *f)
{
    assert_int_equal(offer(f, 1), UPDRAFT_OK);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
}

static void reach_confirmed(struct fixture *f)
{
    reach_trial(f);
    assert_int_equal(updraft_slots_confirm(&f->rig.slots), UPDRAFT_OK);
}

static void reach_roll_back(struct fixture *f)
{
    struct updraft_last_lines lines;

    reach_trial(f);
    updraft_last_lines_init(&lines, f->ring, sizeof f->ring);
    updraft_last_lines_add(&lines, "panic");
    assert_int_equal(updraft_last_lines_save(&lines, &f->rig.slots), UPDRAFT_OK);
    assert_int_equal(updraft_slots_reject(&f->rig.slots, UPDRAFT_TRIAL_REASON_REJECTED),
                     UPDRAFT_OK);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
}

/* Both sectors in use, refusals in both, a trial under way. */
static void reach_second_trial(struct fixture *f)
{
    reach_roll_back(f);
    assert_int_equal(offer(f, 2), UPDRAFT_OK);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
}

static void flip_and_live_on(struct fixture *f, uint32_t addr, uint32_t len)
{
    for (uint32_t bit = 0; bit < 8u * len; bit++) {
        restore(f);
        f->rig.nor.bytes[addr + bit / 8u] ^= (uint8_t)(1u << bit % 8u);
        live_on(f);
    }
}

/* Every bit of both sectors that anything but the last lines reads; those have a CRC and a test of
 * their own, and a part of them is flipped here all the same. */
static void flip_record(void (*reach)(struct fixture *f))
{
    struct fixture f;

    make(&f, RIG_TWO_SLOTS);
    reach(&f);
    save(&f);
    for (uint32_t idx = 0; idx < 2; idx++) {
        uint32_t sector = RECORD + idx * UPDRAFT_OTADATA_SECTOR_LEN;

        flip_and_live_on(&f, sector, UPDRAFT_OTADATA_READ_LEN);
        flip_and_live_on(&f, sector + UPDRAFT_NOTE_PROGRAMS_OFF,
                         UPDRAFT_NOTE_PROGRAM_CAP * UPDRAFT_NOTE_PROGRAM_LEN);
        flip_and_live_on(&f, sector + updraft_note_part_off(3, 1), 16);
    }
    release(&f);
}

static void every_flipped_bit_of_the_boot_record_of_a_confirmed_image(void **state)
{
    (void)state;
    flip_record(reach_confirmed);
}

static void every_flipped_bit_of_the_boot_record_during_a_trial(void **state)
{
    (void)state;
    flip_record(reach_trial);
}

static void every_flipped_bit_of_the_boot_record_after_a_roll_back(void **state)
{
    (void)state;
    flip_record(reach_roll_back);
}

static void every_flipped_bit_of_the_boot_record_during_a_second_trial(void **state)
{
    (void)state;
    flip_record(reach_second_trial);
}

/* --- the partition table ------------------------------------------------------------------------- */

/* True when the device boots; when it does not, it has written nothing. */
static bool boots_or_leaves_all_alone(struct fixture *f)
{
    struct updraft_nor *nor = &f->rig.nor;
    uint8_t *before = malloc(nor->flash.size);
    bool boots;

    assert_non_null(before);
    memcpy(before, nor->bytes, nor->flash.size);
    boots = rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON);
    if (!boots)
        assert_memory_equal(before, nor->bytes, nor->flash.size);
    free(before);
    return boots;
}

/* The digest of the table notices each; there is one table, as in every stock device. */
static void every_flipped_bit_of_the_table_boots_nothing_and_writes_nothing(void **state)
{
    struct fixture f;
    uint32_t used = 5u * UPDRAFT_PTABLE_RECORD_LEN; /* four rows and their digest */

    (void)state;
    make(&f, RIG_TWO_SLOTS);
    save(&f);
    for (uint32_t bit = 0; bit < 8u * used; bit++) {
        uint8_t *table = f.rig.nor.bytes + UPDRAFT_PTABLE_DEFAULT_OFF;
        bool is_digest_row = bit >= 8u * (used - UPDRAFT_PTABLE_RECORD_LEN);
        uint32_t in_row = bit / 8u % UPDRAFT_PTABLE_RECORD_LEN;

        restore(&f);
        table[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
        if (boots_or_leaves_all_alone(&f)) {
            assert_true(is_digest_row && in_row >= 2 && in_row < 16); /* padding of the digest */
            live_on(&f);
        }
    }
    for (uint32_t bit = 0; bit < 8u * UPDRAFT_PTABLE_RECORD_LEN; bit++) { /* the end marker */
        restore(&f);
        f.rig.nor.bytes[UPDRAFT_PTABLE_DEFAULT_OFF + used + bit / 8u] ^= (uint8_t)(1u << bit % 8u);
        if (boots_or_leaves_all_alone(&f))
            live_on(&f);
    }
    release(&f);
}

struct lie {
    uint8_t row;
    uint32_t offset;
    uint32_t size;
    enum updraft_error error;
};

static void rewrite_row(struct fixture *f, const struct lie *lie)
{
    uint8_t *bytes = f->rig.nor.bytes + UPDRAFT_PTABLE_DEFAULT_OFF;
    struct updraft_digest digest;
    uint8_t *row = bytes + lie->row * UPDRAFT_PTABLE_RECORD_LEN;

    updraft_put_le32(row + 4, lie->offset);
    updraft_put_le32(row + 8, lie->size);
    updraft_digest_start(&digest, UPDRAFT_DIGEST_MD5);
    updraft_digest_update(&digest, bytes, 4u * UPDRAFT_PTABLE_RECORD_LEN);
    updraft_digest_finish(&digest, bytes + 4u * UPDRAFT_PTABLE_RECORD_LEN + 16);
}

/* With a good digest: someone made it so. Rows: otadata, ota_0, ota_1, storage. */
static void a_table_that_lies_boots_nothing_and_writes_nothing(void **state)
{
    static const struct lie lies[] = {
        {2, FIRST, SLOT_LEN, UPDRAFT_E_TABLE_OVERLAP},
        {2, FIRST + 0x1000, SLOT_LEN, UPDRAFT_E_TABLE_OVERLAP},
        {1, 0x8000, SLOT_LEN, UPDRAFT_E_TABLE_OVERLAP},        /* over the table itself */
        {0, FIRST, 0x2000, UPDRAFT_E_TABLE_OVERLAP},           /* the record inside a slot */
        {2, SECOND + 0x10, SLOT_LEN, UPDRAFT_E_TABLE_OVERLAP}, /* not at a sector */
        {2, SECOND, 0x7FFFFFFF, UPDRAFT_E_TABLE_BOUNDS},
        {2, 0xFFFFF000, 0x2000, UPDRAFT_E_TABLE_BOUNDS}, /* the end wraps round */
        {2, 0x10000000, SLOT_LEN, UPDRAFT_E_TABLE_BOUNDS},
    };
    struct fixture f;

    (void)state;
    make(&f, RIG_TWO_SLOTS);
    save(&f);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct updraft_layout layout;

        restore(&f);
        rewrite_row(&f, &lies[i]);
        assert_false(boots_or_leaves_all_alone(&f));
        assert_int_equal(updraft_layout_read(&f.rig.nor.flash, UPDRAFT_PTABLE_DEFAULT_OFF, &layout),
                         lies[i].error);
    }
    release(&f);
}

static void without_otadata_the_device_boots_and_refuses_updates(void **state)
{
    static const enum rig_layout layouts[] = {RIG_TWO_SLOTS, RIG_FACTORY_TWO};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        /* A record of one sector is none. */
        const struct lie small = {0, RECORD, 0x1000, UPDRAFT_OK};

        make(&f, layouts[i]);
        if (layouts[i] == RIG_TWO_SLOTS) {
            rewrite_row(&f, &small);
        } else {
            uint8_t *row = f.rig.nor.bytes + UPDRAFT_PTABLE_DEFAULT_OFF;

            row[3] = 0x02; /* nvs */
            memset(row + 5u * UPDRAFT_PTABLE_RECORD_LEN, 0xFF, UPDRAFT_PTABLE_RECORD_LEN);
        }
        assert_true(rig_boot(&f.rig, UPDRAFT_RESET_POWER_ON));
        assert_int_equal(running(&f), 0);
        updraft_nor_power_on(&f.rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
        assert_int_equal(offer(&f, 1), UPDRAFT_E_NO_OTADATA);
        assert_int_equal(updraft_slots_confirm(&f.rig.slots), UPDRAFT_OK);
        assert_int_equal(f.rig.nor.counts.operations, 0);
        release(&f);
    }
}

/* --- images -------------------------------------------------------------------------------------- */

static void an_image_that_claims_a_gigantic_segment_is_refused_before_an_erase(void **state)
{
    static const uint32_t claims[] = {0xFFFFFFFC, 0x80000000, 0x7FFFFFFC, 0x01000000, 0x00FFFFFC};
    struct fixture f;

    (void)state;
    make(&f, RIG_TWO_SLOTS);
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        updraft_put_le32(f.images[1].bytes + 28, claims[i]);
        f.rig.update.state = UPDRAFT_UPDATE_IDLE;
        updraft_nor_power_on(&f.rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
        assert_int_equal(offer(&f, 1), UPDRAFT_E_SEGMENT);
        assert_int_equal(f.rig.nor.counts.operations, 0);
    }
    release(&f);
}

static void a_slot_whose_image_claims_a_gigantic_segment_is_passed_over(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, RIG_TWO_SLOTS);
    reach_confirmed(&f);
    updraft_put_le32(f.rig.nor.bytes + SECOND + 28, 0xFFFFFFFC);
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_POWER_ON));
    assert_int_equal(running(&f), 0);
    live_on(&f);
    release(&f);
}

static void a_slot_that_changes_between_verifying_and_boot_is_left(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, RIG_TWO_SLOTS);
    assert_int_equal(offer(&f, 1), UPDRAFT_OK);
    f.rig.nor.bytes[SECOND + 2000] ^= 0x10;
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_SOFTWARE));
    assert_int_equal(running(&f), 0);
    live_on(&f);
    release(&f);
}

static void change_while_receiving(void *ctx, uint32_t written, uint32_t expected_len)
{
    struct fixture *f = ctx;

    (void)expected_len;
    if (written == 4096)
        f->rig.nor.bytes[SECOND + 2000] ^= 0x10;
}

static void a_slot_that_changes_before_it_is_verified_is_not_chosen(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, RIG_TWO_SLOTS);
    f.rig.hooks = (struct updraft_update_hooks){.ctx = &f, .progress = change_while_receiving};
    assert_int_not_equal(offer(&f, 1), UPDRAFT_OK);
    f.rig.hooks.progress = NULL;
    assert_true(rig_boot(&f.rig, UPDRAFT_RESET_SOFTWARE));
    assert_int_equal(running(&f), 0);
    live_on(&f);
    release(&f);
}

/* --- the staged layout's journal ------------------------------------------------------------------ */

struct staged_fixture {
    struct staged_rig rig;
    struct rig_image old;
    struct rig_image new;
};

/* The new image is staged and named; the copy is not begun. */
static void make_staged(struct staged_fixture *f)
{
    staged_rig_plain_make(&f->old, "1.0.0", 6000);
    staged_rig_plain_make(&f->new, "1.1.0", 7000);
    staged_rig_make(&f->rig, UPDRAFT_STAGED_PLAIN, &f->old);
    assert_true(staged_rig_boot(&f->rig));
    assert_int_equal(staged_rig_update(&f->rig, f->new.bytes, f->new.len, 1460), UPDRAFT_OK);
}

static void release_staged(struct staged_fixture *f)
{
    assert_string_equal(f->rig.nor.violation, "");
    staged_rig_free(&f->rig);
    rig_image_free(&f->old);
    rig_image_free(&f->new);
}

/* Ends the copy, and takes one more update. */
static void live_on_staged(struct staged_fixture *f)
{
    assert_true(staged_rig_boot(&f->rig));
    assert_true(staged_rig_holds(&f->rig, &f->new));
    assert_int_equal(staged_rig_update(&f->rig, f->old.bytes, f->old.len, 1460), UPDRAFT_OK);
    assert_true(staged_rig_boot(&f->rig));
    assert_true(staged_rig_holds(&f->rig, &f->old));
    assert_true(staged_rig_boot(&f->rig));
    assert_true(staged_rig_holds(&f->rig, &f->old));
}

/* Record, its copy, all words, and the marks of the image; before the copy, and cut at each of its
 * operations. */
static void every_flipped_bit_of_the_staged_journal(void **state)
{
    enum updraft_error (*prog)(void *, uint32_t, const void *, uint32_t);
    struct staged_fixture f;
    uint8_t *saved;
    uint64_t operations;
    uint32_t size;

    (void)state;
    make_staged(&f);
    prog = f.rig.nor.flash.prog;
    size = f.rig.nor.flash.size;
    saved = malloc(size);
    assert_non_null(saved);
    memcpy(saved, f.rig.nor.bytes, size);
    updraft_nor_power_on(&f.rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    assert_true(staged_rig_boot(&f.rig));
    operations = f.rig.nor.counts.operations;
    for (uint64_t at = 1; at <= operations + 1; at++) {
        uint8_t *cut = malloc(size);

        assert_non_null(cut);
        memcpy(f.rig.nor.bytes, saved, size);
        f.rig.nor.flash.prog = prog;
        updraft_nor_power_on(&f.rig.nor, at, UPDRAFT_NOR_CUT_HALF);
        assert_true(staged_rig_boot(&f.rig) == (at > operations));
        memcpy(cut, f.rig.nor.bytes, size);
        f.rig.nor.flash.prog = program_as_a_chip;
        updraft_nor_power_on(&f.rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
        for (uint32_t bit = 0; bit < 8u * (UPDRAFT_STAGED_MARKS_OFF + 12u); bit++) {
            memcpy(f.rig.nor.bytes, cut, size);
            f.rig.nor.bytes[f.rig.layout.journal_addr + bit / 8u] ^= (uint8_t)(1u << bit % 8u);
            live_on_staged(&f);
        }
        free(cut);
    }
    free(saved);
    release_staged(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_entries_bad_boots_what_is_whole_and_updates_on),
        cmocka_unit_test(the_sequence_wraps_and_the_new_image_boots),
        cmocka_unit_test(an_outcome_that_cannot_be_set_is_confirmed_by_a_new_entry),
        cmocka_unit_test(every_flipped_bit_of_the_boot_record_of_a_confirmed_image),
        cmocka_unit_test(every_flipped_bit_of_the_boot_record_during_a_trial),
        cmocka_unit_test(every_flipped_bit_of_the_boot_record_after_a_roll_back),
        cmocka_unit_test(every_flipped_bit_of_the_boot_record_during_a_second_trial),
        cmocka_unit_test(every_flipped_bit_of_the_table_boots_nothing_and_writes_nothing),
        cmocka_unit_test(a_table_that_lies_boots_nothing_and_writes_nothing),
        cmocka_unit_test(without_otadata_the_device_boots_and_refuses_updates),
        cmocka_unit_test(an_image_that_claims_a_gigantic_segment_is_refused_before_an_erase),
        cmocka_unit_test(a_slot_whose_image_claims_a_gigantic_segment_is_passed_over),
        cmocka_unit_test(a_slot_that_changes_between_verifying_and_boot_is_left),
        cmocka_unit_test(a_slot_that_changes_before_it_is_verified_is_not_chosen),
        cmocka_unit_test(every_flipped_bit_of_the_staged_journal),
    };

    return cmocka_run_group_tests_name("defined_outcomes", tests, NULL, NULL);
}
