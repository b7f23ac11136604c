/* The boot stage on simulated flash: the 300 situations in which a stock boot loader was observed,
 * and our own rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "boot/boot.h"
#include "format/chip.h"
#include "format/text.h"
#include "tests/rig/rig.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLASH_LEN 0x400000u

struct row {
    const char *label;
    uint8_t type;
    uint8_t subtype;
    uint32_t offset;
    uint32_t size;
};

struct named_layout {
    const char *name;
    struct row rows[6];
};

/* As vectors/README describes them. */
static const struct named_layout layouts[] = {
    {"two_ota",
     {{"nvs", 1, 2, 0x9000, 0x4000},
      {"otadata", 1, 0, 0xD000, 0x2000},
      {"ota_0", 0, 0x10, 0x10000, 0x100000},
      {"ota_1", 0, 0x11, 0x110000, 0x100000}}},
    {"factory_two",
     {{"nvs", 1, 2, 0x9000, 0x4000},
      {"otadata", 1, 0, 0xD000, 0x2000},
      {"factory", 0, 0, 0x10000, 0x100000},
      {"ota_0", 0, 0x10, 0x110000, 0x100000},
      {"ota_1", 0, 0x11, 0x210000, 0x100000}}},
    {"factory_three",
     {{"otadata", 1, 0, 0xD000, 0x2000},
      {"factory", 0, 0, 0x10000, 0x80000},
      {"ota_0", 0, 0x10, 0x90000, 0x80000},
      {"ota_1", 0, 0x11, 0x110000, 0x80000},
      {"ota_2", 0, 0x12, 0x190000, 0x80000}}},
    {"factory_only_ota_less",
     {{"nvs", 1, 2, 0x9000, 0x6000}, {"factory", 0, 0, 0x10000, 0x100000}}},
};

static void write_table(struct updraft_nor *nor, const struct named_layout *layout)
{
    struct updraft_ptable table = {.has_digest = true};

    for (size_t i = 0; i < 6 && layout->rows[i].label != NULL; i++) {
        const struct row *row = &layout->rows[i];
        struct updraft_partition *entry = &table.entries[table.count++];

        entry->type = row->type;
        entry->subtype = row->subtype;
        entry->offset = row->offset;
        entry->size = row->size;
        snprintf(entry->label, sizeof entry->label, "%s", row->label);
    }
    assert_int_equal(updraft_ptable_encode(&table, nor->bytes + UPDRAFT_PTABLE_DEFAULT_OFF),
                     UPDRAFT_OK);
}

static void write_slot(struct updraft_nor *nor, uint32_t addr, const struct rig_image *image,
                       const char *content)
{
    uint8_t *at = nor->bytes + addr;

    if (strcmp(content, "erased") == 0)
        return;
    memcpy(at, image->bytes, strcmp(content, "truncated") == 0 ? image->len / 2 : image->len);
    if (strcmp(content, "bad_magic") == 0)
        at[0] = 0xE8;
    else if (strcmp(content, "bad_checksum") == 0)
        at[200] ^= 1;
    else if (strcmp(content, "bad_hash") == 0)
        at[image->len - 1] ^= 1;
    else if (strcmp(content, "wrong_chip") == 0)
        at[12] = 9;
    else
        assert_true(strcmp(content, "valid") == 0 || strcmp(content, "truncated") == 0);
}

static void write_otadata(struct updraft_nor *nor, const cJSON *entries)
{
    for (int i = 0; i < 2; i++) {
        const char *hex = cJSON_GetArrayItem(entries, i)->valuestring;

        assert_true(updraft_text_unhex(hex, strlen(hex), nor->bytes + 0xD000 + i * 0x1000, 32));
    }
}

static void check_otadata(const struct updraft_nor *nor, const cJSON *entries, int line)
{
    for (int i = 0; i < 2; i++) {
        const char *hex = cJSON_GetArrayItem(entries, i)->valuestring;
        uint8_t bytes[32];

        assert_true(updraft_text_unhex(hex, strlen(hex), bytes, 32));
        if (memcmp(nor->bytes + 0xD000 + i * 0x1000, bytes, 32) != 0)
            fail_msg("line %d: otadata entry %d differs from what stock left", line, i);
    }
}

static const struct named_layout *find_layout(const char *name)
{
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        if (strcmp(layouts[i].name, name) == 0)
            return &layouts[i];
    }
    fail_msg("no layout %s", name);
    return NULL;
}

static void boot_as_observed(struct updraft_nor *nor, const struct rig_image *image,
                             const cJSON *row, int line)
{
    const struct named_layout *layout =
        find_layout(cJSON_GetObjectItem(row, "layout")->valuestring);
    const char *wanted = cJSON_GetObjectItem(row, "boots")->valuestring;
    const cJSON *slots = cJSON_GetObjectItem(row, "slots");
    const cJSON *slot;
    uint8_t buf[4096];
    struct updraft_boot_result result;
    struct updraft_boot_config config = {
        .flash = &nor->flash,
        .table_addr = UPDRAFT_PTABLE_DEFAULT_OFF,
        .chip_id = UPDRAFT_CHIP_ESP32,
        .verify = updraft_slot_verify,
        .rules = &updraft_boot_rules_stock,
        .buf = buf,
        .buf_cap = sizeof buf,
    };

    memset(nor->bytes, 0xFF, FLASH_LEN);
    write_table(nor, layout);
    cJSON_ArrayForEach(slot, slots)
    {
        for (size_t i = 0; i < 6 && layout->rows[i].label != NULL; i++) {
            if (strcmp(layout->rows[i].label, slot->string) == 0)
                write_slot(nor, layout->rows[i].offset, image, slot->valuestring);
        }
    }
    if (cJSON_IsArray(cJSON_GetObjectItem(row, "otadata")))
        write_otadata(nor, cJSON_GetObjectItem(row, "otadata"));
    assert_int_equal(updraft_boot_run(&config, &result), UPDRAFT_OK);
    if (strcmp(updraft_slot_name(result.slot), wanted) != 0)
        fail_msg("line %d: boots %s, stock was seen to boot %s", line,
                 updraft_slot_name(result.slot), wanted);
    /* Without an otadata partition there was nothing to look at. In row 84 the flash was read before
     * the boot loader had written the first entry: row 264 is the same situation, with it. */
    if (strcmp(layout->name, "factory_only_ota_less") != 0 && line != 84)
        check_otadata(nor, cJSON_GetObjectItem(row, "otadata_after"), line);
}

static void boot_chooses_as_a_stock_boot_loader_was_seen_to(void **state)
{
    struct updraft_nor_options options = {.size = FLASH_LEN};
    struct updraft_nor nor;
    struct rig_image image;
    char path[1024];
    char why[128];
    char *line = NULL;
    size_t cap = 0;
    int count = 0;
    FILE *file;

    (void)state;
    snprintf(path, sizeof path, "%s/tests/vectors/esp32-boot-choice.jsonl",
             getenv("UPDRAFT_SOURCE_ROOT") != NULL ? getenv("UPDRAFT_SOURCE_ROOT") : ".");
    file = fopen(path, "r");
    assert_non_null(file);
    assert_true(updraft_nor_open(&nor, NULL, &options, why, sizeof why));
    rig_image_make(&image, UPDRAFT_CHIP_ESP32, "1.0.0", 6000);
    while (getline(&line, &cap, file) > 0) {
        cJSON *row = cJSON_Parse(line);

        assert_non_null(row);
        boot_as_observed(&nor, &image, row, ++count);
        cJSON_Delete(row);
    }
    assert_int_equal(count, 300);
    free(line);
    fclose(file);
    rig_image_free(&image);
    updraft_nor_close(&nor);
}

/* A device that runs 1.0.0, confirmed, and has 1.1.0 chosen on trial. */
static void make_trial(struct rig *rig, enum rig_layout layout)
{
    struct rig_image old_image;
    struct rig_image new_image;

    rig_image_make(&old_image, UPDRAFT_CHIP_ESP32, "1.0.0", 20000);
    rig_image_make(&new_image, UPDRAFT_CHIP_ESP32, "1.1.0", 24000);
    rig_make(rig, layout, 0x10000, &old_image);
    assert_true(rig_boot(rig, UPDRAFT_RESET_POWER_ON));
    assert_int_equal(rig_update(rig, new_image.bytes, new_image.len, 1000), UPDRAFT_OK);
    rig_image_free(&old_image);
    rig_image_free(&new_image);
}

static void boot_rolls_back_after_the_allowed_crashes(void **state)
{
    struct rig *rig = malloc(sizeof *rig);
    enum updraft_run_state run_state;
    enum updraft_trial_reason reason;
    int failed;

    (void)state;
    make_trial(rig, RIG_TWO_SLOTS);
    for (int i = 0; i < 3; i++) {
        assert_true(rig_boot(rig, i == 0 ? UPDRAFT_RESET_SOFTWARE : UPDRAFT_RESET_CRASH));
        assert_int_equal(rig->booted.slot, 1);
        assert_true(rig->booted.on_trial);
    }
    assert_true(rig_boot(rig, UPDRAFT_RESET_CRASH));
    assert_int_equal(rig->booted.slot, 0);
    assert_int_equal(rig->booted.why, UPDRAFT_BOOT_WHY_ROLLED_BACK);
    assert_int_equal(updraft_slots_state(&rig->slots, &run_state, &failed, &reason), UPDRAFT_OK);
    assert_int_equal(run_state, UPDRAFT_RUN_CONFIRMED);
    assert_int_equal(failed, 1);
    assert_int_equal(reason, UPDRAFT_TRIAL_REASON_ATTEMPTS);
    rig_free(rig);
    free(rig);
}

static void boot_does_not_count_power_losses_as_crashes(void **state)
{
    struct rig *rig = malloc(sizeof *rig);

    (void)state;
    make_trial(rig, RIG_FACTORY_TWO);
    for (int i = 0; i < 16; i++) {
        assert_true(rig_boot(rig, UPDRAFT_RESET_POWER_ON));
        assert_int_equal(rig->booted.slot, 0);
    }
    assert_int_equal(updraft_slots_confirm(&rig->slots), UPDRAFT_OK);
    assert_true(rig_boot(rig, UPDRAFT_RESET_POWER_ON));
    assert_int_equal(rig->booted.slot, 0);
    assert_false(rig->booted.on_trial);
    rig_free(rig);
    free(rig);
}

static void boot_ends_a_trial_that_only_ever_loses_power(void **state)
{
    struct rig *rig = malloc(sizeof *rig);

    (void)state;
    make_trial(rig, RIG_FACTORY_TWO);
    for (int i = 0; i < 16; i++)
        assert_true(rig_boot(rig, UPDRAFT_RESET_POWER_ON));
    assert_true(rig_boot(rig, UPDRAFT_RESET_POWER_ON));
    assert_int_equal(rig->booted.slot, UPDRAFT_SLOT_FACTORY);
    rig_free(rig);
    free(rig);
}

static void boot_leaves_a_trial_whose_image_rotted(void **state)
{
    struct rig *rig = malloc(sizeof *rig);
    struct updraft_otadata_entry entries[2];

    (void)state;
    make_trial(rig, RIG_TWO_SLOTS);
    rig->nor.bytes[rig->slots.layout.ota[1].addr + 5000] ^= 4;
    assert_true(rig_boot(rig, UPDRAFT_RESET_SOFTWARE));
    assert_int_equal(rig->booted.slot, 0);
    assert_int_equal(rig->booted.why, UPDRAFT_BOOT_WHY_ROLLED_BACK);
    assert_int_equal(updraft_slots_entries(&rig->slots, entries), UPDRAFT_OK);
    assert_int_equal(entries[0].trial.reason, UPDRAFT_TRIAL_REASON_UNBOOTABLE);
    rig_free(rig);
    free(rig);
}

static void boot_falls_back_when_a_confirmed_slot_rots(void **state)
{
    struct rig *rig = malloc(sizeof *rig);

    (void)state;
    make_trial(rig, RIG_TWO_SLOTS);
    assert_true(rig_boot(rig, UPDRAFT_RESET_SOFTWARE));
    assert_int_equal(updraft_slots_confirm(&rig->slots), UPDRAFT_OK);
    rig->nor.bytes[rig->slots.layout.ota[1].addr + 5000] ^= 4;
    assert_true(rig_boot(rig, UPDRAFT_RESET_POWER_ON));
    assert_int_equal(rig->booted.slot, 0);
    assert_int_equal(rig->booted.chosen, 1);
    assert_int_equal(rig->booted.why, UPDRAFT_BOOT_WHY_FALLBACK);
    rig_free(rig);
    free(rig);
}

static unsigned looks; /* how often a slot was verified, and */
static uint32_t looked_at_addr[20];

static enum updraft_error count_and_verify(struct updraft_slot_check *check)
{
    assert_true(looks < 20);
    looked_at_addr[looks++] = check->slot.addr;
    return updraft_slot_verify(check);
}

/* Both entries on trial and both images rotten: each is given up, factory starts, and no slot is read
 * a second time. */
static void boot_looks_at_each_slot_once(void **state)
{
    struct rig *rig = malloc(sizeof *rig);
    struct updraft_boot_result result;
    struct updraft_otadata_entry entries[2];
    struct updraft_boot_config config = {
        .table_addr = UPDRAFT_PTABLE_DEFAULT_OFF,
        .chip_id = UPDRAFT_CHIP_ESP32,
        .verify = count_and_verify,
        .rules = &updraft_boot_rules_updraft,
        .cause = UPDRAFT_RESET_CRASH,
    };

    (void)state;
    make_trial(rig, RIG_FACTORY_TWO);
    config.flash = &rig->nor.flash;
    config.buf = rig->boot_buf;
    config.buf_cap = sizeof rig->boot_buf;
    looks = 0;
    assert_int_equal(updraft_boot_run(&config, &result), UPDRAFT_OK);
    assert_int_equal(result.slot, 0);
    assert_int_equal(looks, 1);
    assert_int_equal(updraft_slots_select(&rig->slots, 1, 2), UPDRAFT_OK);
    rig->nor.bytes[rig->slots.layout.ota[0].addr + 5000] ^= 4;
    rig->nor.bytes[rig->slots.layout.ota[1].addr + 5000] ^= 4;
    looks = 0;
    assert_int_equal(updraft_boot_run(&config, &result), UPDRAFT_OK);
    assert_int_equal(result.slot, UPDRAFT_SLOT_FACTORY);
    assert_int_equal(result.why, UPDRAFT_BOOT_WHY_ROLLED_BACK);
    assert_int_equal(looks, 3);
    assert_int_equal(looked_at_addr[0], rig->slots.layout.ota[1].addr);
    assert_int_equal(looked_at_addr[1], rig->slots.layout.ota[0].addr);
    assert_int_equal(looked_at_addr[2], rig->slots.layout.factory.addr);
    assert_int_equal(updraft_slots_entries(&rig->slots, entries), UPDRAFT_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(entries[i].trial.outcome, UPDRAFT_TRIAL_IS_ROLLED_BACK);
        assert_int_equal(entries[i].trial.reason, UPDRAFT_TRIAL_REASON_UNBOOTABLE);
    }
    rig_free(rig);
    free(rig);
}

static void boot_says_so_when_nothing_is_bootable(void **state)
{
    struct rig *rig = malloc(sizeof *rig);

    (void)state;
    make_trial(rig, RIG_TWO_SLOTS);
    memset(rig->nor.bytes + 0x10000, 0, 0x20000);
    assert_false(rig_boot(rig, UPDRAFT_RESET_POWER_ON));
    assert_int_equal(rig->booted.slot, UPDRAFT_SLOT_NONE);
    assert_int_equal(rig->booted.why, UPDRAFT_BOOT_WHY_NOTHING);
    rig_free(rig);
    free(rig);
}

static void boot_dry_run_writes_nothing(void **state)
{
    const struct updraft_boot_rules *const all_rules[] = {
        &updraft_boot_rules_stock, &updraft_boot_rules_stock_rollback, &updraft_boot_rules_updraft};
    struct rig *rig = malloc(sizeof *rig);
    uint8_t *before;
    struct updraft_boot_result result;

    (void)state;
    make_trial(rig, RIG_TWO_SLOTS);
    before = malloc(rig->nor.flash.size);
    memcpy(before, rig->nor.bytes, rig->nor.flash.size);
    for (size_t i = 0; i < sizeof all_rules / sizeof all_rules[0]; i++) {
        struct updraft_boot_config config = {
            .flash = &rig->nor.flash,
            .table_addr = UPDRAFT_PTABLE_DEFAULT_OFF,
            .chip_id = UPDRAFT_CHIP_ESP32,
            .verify = updraft_slot_verify,
            .rules = all_rules[i],
            .dry_run = true,
            .buf = rig->boot_buf,
            .buf_cap = sizeof rig->boot_buf,
        };

        assert_int_equal(updraft_boot_run(&config, &result), UPDRAFT_OK);
        assert_int_equal(result.slot, 1); /* what we choose, stock boot loaders choose too */
        assert_memory_equal(before, rig->nor.bytes, rig->nor.flash.size);
    }
    free(before);
    rig_free(rig);
    free(rig);
}

static void boot_record_of_a_rolled_back_image_is_refused_by_stock_too(void **state)
{
    struct rig *rig = malloc(sizeof *rig);
    struct updraft_boot_result result;
    struct updraft_boot_config config = {
        .table_addr = UPDRAFT_PTABLE_DEFAULT_OFF,
        .chip_id = UPDRAFT_CHIP_ESP32,
        .verify = updraft_slot_verify,
        .rules = &updraft_boot_rules_stock,
        .dry_run = true,
    };

    (void)state;
    make_trial(rig, RIG_FACTORY_TWO);
    assert_true(rig_boot(rig, UPDRAFT_RESET_SOFTWARE));
    assert_int_equal(updraft_slots_reject(&rig->slots, UPDRAFT_TRIAL_REASON_HEALTH), UPDRAFT_OK);
    config.flash = &rig->nor.flash;
    config.buf = rig->boot_buf;
    config.buf_cap = sizeof rig->boot_buf;
    assert_int_equal(updraft_boot_run(&config, &result), UPDRAFT_OK);
    assert_int_equal(result.slot, UPDRAFT_SLOT_FACTORY);
    rig_free(rig);
    free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boot_chooses_as_a_stock_boot_loader_was_seen_to),
        cmocka_unit_test(boot_rolls_back_after_the_allowed_crashes),
        cmocka_unit_test(boot_does_not_count_power_losses_as_crashes),
        cmocka_unit_test(boot_ends_a_trial_that_only_ever_loses_power),
        cmocka_unit_test(boot_leaves_a_trial_whose_image_rotted),
        cmocka_unit_test(boot_falls_back_when_a_confirmed_slot_rots),
        cmocka_unit_test(boot_looks_at_each_slot_once),
        cmocka_unit_test(boot_says_so_when_nothing_is_bootable),
        cmocka_unit_test(boot_dry_run_writes_nothing),
        cmocka_unit_test(boot_record_of_a_rolled_back_image_is_refused_by_stock_too),
    };

    return cmocka_run_group_tests_name("boot", tests, NULL, NULL);
}
