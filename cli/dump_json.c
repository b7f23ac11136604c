/* A dump as JSON, and the JSON as text. */
#include "cli/dump.h"
#include "cli/out.h"
#include "format/chip.h"
#include "format/ptable_csv.h"

#include <stdio.h>
#include <string.h>

static void add_type(cJSON *row, const struct updraft_partition *partition)
{
    const char *type = updraft_part_type_name(partition->type);
    const char *subtype = updraft_part_subtype_name(partition->type, partition->subtype);
    char number[16];

    snprintf(number, sizeof number, "0x%02x", partition->type);
    cJSON_AddStringToObject(row, "type", type ? type : number);
    snprintf(number, sizeof number, "0x%02x", partition->subtype);
    cJSON_AddStringToObject(row, "subtype", subtype ? subtype : number);
}

void updraft_dump_partitions_to_json(const struct updraft_ptable *table, cJSON *object)
{
    cJSON *list = cJSON_AddArrayToObject(object, "partitions");

    for (size_t i = 0; i < table->count; i++) {
        const struct updraft_partition *partition = &table->entries[i];
        cJSON *row = cJSON_CreateObject();
        cJSON *flags;

        cJSON_AddStringToObject(row, "label", partition->label);
        add_type(row, partition);
        cJSON_AddNumberToObject(row, "offset", partition->offset);
        cJSON_AddNumberToObject(row, "size", partition->size);
        cJSON_AddNumberToObject(row, "end", (double)partition->offset + partition->size);
        flags = cJSON_AddArrayToObject(row, "flags");
        if (partition->flags & UPDRAFT_PART_FLAG_ENCRYPTED)
            cJSON_AddItemToArray(flags, cJSON_CreateString("encrypted"));
        if (partition->flags & UPDRAFT_PART_FLAG_READONLY)
            cJSON_AddItemToArray(flags, cJSON_CreateString("readonly"));
        cJSON_AddItemToArray(list, row);
    }
}

static int slot_of(const struct updraft_partition *partition)
{
    if (partition->type != UPDRAFT_PART_TYPE_APP)
        return UPDRAFT_SLOT_NONE;
    if (partition->subtype == UPDRAFT_PART_APP_FACTORY)
        return UPDRAFT_SLOT_FACTORY;
    if (partition->subtype == UPDRAFT_PART_APP_TEST)
        return UPDRAFT_SLOT_TEST;
    if (partition->subtype >= UPDRAFT_PART_APP_OTA_0 &&
        partition->subtype <= UPDRAFT_PART_APP_OTA_15)
        return partition->subtype - (int)UPDRAFT_PART_APP_OTA_0;
    return UPDRAFT_SLOT_NONE;
}

static bool is_erased(const struct updraft_dump *dump, struct updraft_extent extent)
{
    const uint8_t *bytes = dump->memflash.bytes + extent.addr;

    for (uint32_t i = 0; i < extent.len; i++)
        if (bytes[i] != 0xFF)
            return false;
    return true;
}

/* "bootable", "empty", "data" (no image begins here), "damaged", "other chip". */
static const char *contents_of(const struct updraft_dump *dump, struct updraft_extent extent,
                               const struct updraft_inspection *image)
{
    if (is_erased(dump, extent))
        return "empty";
    if (!updraft_inspect_is_image(image))
        return "no image";
    if (image->verdict != UPDRAFT_OK)
        return "damaged";
    if (image->info.chip_id != dump->chip_id)
        return "other chip";
    return "bootable";
}

/* Adds the rows; copies the facts of the slot `booting` to the top level. */
static void add_slots(const struct updraft_dump *dump, int booting, cJSON *object)
{
    cJSON *list = cJSON_AddArrayToObject(object, "slots");

    for (size_t i = 0; i < dump->table.count; i++) {
        const struct updraft_partition *partition = &dump->table.entries[i];
        const struct updraft_extent extent = {partition->offset, partition->size};
        int slot = slot_of(partition);
        struct updraft_inspection image;
        cJSON *row;

        if (slot == UPDRAFT_SLOT_NONE)
            continue;
        updraft_dump_inspect(dump, extent, &image);
        row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "name", updraft_slot_name(slot));
        cJSON_AddStringToObject(row, "label", partition->label);
        cJSON_AddNumberToObject(row, "offset", partition->offset);
        cJSON_AddNumberToObject(row, "slot_size", partition->size);
        cJSON_AddStringToObject(row, "contents", contents_of(dump, extent, &image));
        cJSON_AddBoolToObject(row, "boots", slot == booting);
        if (updraft_inspect_is_image(&image))
            updraft_inspect_to_json(&image, row);
        cJSON_AddItemToArray(list, row);
        if (slot == booting)
            updraft_inspect_to_json(&image, object);
    }
}

static const char *state_name(enum updraft_ota_state state)
{
    switch (state) {
    case UPDRAFT_OTA_NEW:
        return "new";
    case UPDRAFT_OTA_PENDING_VERIFY:
        return "pending_verify";
    case UPDRAFT_OTA_VALID:
        return "valid";
    case UPDRAFT_OTA_INVALID:
        return "invalid";
    case UPDRAFT_OTA_ABORTED:
        return "aborted";
    case UPDRAFT_OTA_UNDEFINED:
        break;
    }
    return "undefined";
}

static const char *trial_name(const struct updraft_trial *trial)
{
    if (!trial->present)
        return "-";
    switch (trial->outcome) {
    case UPDRAFT_TRIAL_RUNNING:
        return "running";
    case UPDRAFT_TRIAL_IS_CONFIRMED:
        return "confirmed";
    case UPDRAFT_TRIAL_IS_ROLLED_BACK:
        break;
    }
    return "rolled_back";
}

static void add_otadata(const struct updraft_dump *dump, cJSON *object)
{
    const struct updraft_partition *partition =
        updraft_ptable_find(&dump->table, UPDRAFT_PART_TYPE_DATA, UPDRAFT_PART_DATA_OTA);
    cJSON *list = cJSON_AddArrayToObject(object, "otadata");
    uint8_t ota_count = 0;

    for (size_t i = 0; i < dump->table.count; i++)
        ota_count = (uint8_t)(ota_count + (slot_of(&dump->table.entries[i]) >= 0));
    if (!partition || partition->size < UPDRAFT_OTADATA_LEN ||
        partition->offset > dump->memflash.flash.size - UPDRAFT_OTADATA_LEN)
        return;
    for (uint32_t i = 0; i < 2; i++) {
        struct updraft_otadata_entry entry;
        cJSON *row = cJSON_CreateObject();

        updraft_otadata_decode(
            dump->memflash.bytes + partition->offset + i * UPDRAFT_OTADATA_SECTOR_LEN, &entry);
        cJSON_AddNumberToObject(row, "entry", i);
        cJSON_AddBoolToObject(row, "empty", entry.seq == UPDRAFT_OTADATA_SEQ_EMPTY);
        if (entry.seq != UPDRAFT_OTADATA_SEQ_EMPTY) {
            cJSON_AddNumberToObject(row, "seq", entry.seq);
            cJSON_AddBoolToObject(row, "crc_ok", entry.crc_ok);
            cJSON_AddStringToObject(row, "state", state_name(entry.state));
            if (ota_count)
                cJSON_AddStringToObject(
                    row, "slot", updraft_slot_name(updraft_otadata_slot(entry.seq, ota_count)));
            cJSON_AddStringToObject(row, "trial", trial_name(&entry.trial));
        }
        cJSON_AddItemToArray(list, row);
    }
}

static const char *rules_name(const struct updraft_boot_rules *rules)
{
    if (rules == &updraft_boot_rules_stock)
        return "stock";
    return rules == &updraft_boot_rules_stock_rollback ? "rollback" : "updraft";
}

void updraft_dump_boot_to_json(const struct updraft_dump_boot *boot,
                               const struct updraft_boot_rules *rules, cJSON *object)
{
    struct updraft_failure failure;
    char sentence[200];

    if (boot->error != UPDRAFT_OK) {
        updraft_failure_set(&failure, boot->error, 0, 0, NULL);
        updraft_failure_sentence(&failure, sentence, sizeof sentence);
    } else {
        snprintf(sentence, sizeof sentence, "%s", updraft_boot_why_text(boot->result.why));
    }
    cJSON_AddStringToObject(object, "slot", updraft_slot_name(boot->result.slot));
    cJSON_AddStringToObject(object, "why", sentence);
    cJSON_AddStringToObject(object, "rules", rules_name(rules));
    cJSON_AddBoolToObject(object, "on_trial", boot->result.on_trial);
    if (boot->result.slot != UPDRAFT_SLOT_NONE)
        cJSON_AddNumberToObject(object, "address", boot->result.addr);
    if (boot->result.chosen != UPDRAFT_SLOT_NONE && boot->result.chosen != boot->result.slot)
        cJSON_AddStringToObject(object, "asked_for", updraft_slot_name(boot->result.chosen));
}

/* What a dump without bootable app still has at its top level, so that readers need not ask. */
static void add_no_facts(const struct updraft_dump *dump, cJSON *object)
{
    static const char *const texts[] = {"project", "version",  "idf_version",
                                        "date",    "checksum", "hash"};

    cJSON_AddStringToObject(object, "chip", updraft_chip_name(dump->chip_id));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cJSON_AddStringToObject(object, texts[i], "-");
}

void updraft_dump_to_json(const struct updraft_dump *dump, const struct updraft_boot_rules *rules,
                          cJSON *object)
{
    struct updraft_dump_boot boot;

    updraft_dump_boot(dump, rules, &boot);
    cJSON_AddNumberToObject(object, "table_offset", dump->table_off);
    cJSON_AddNumberToObject(object, "flash_size", dump->memflash.flash.size);
    if (boot.result.slot == UPDRAFT_SLOT_NONE)
        add_no_facts(dump, object);
    add_slots(dump, boot.result.slot, object);
    updraft_dump_partitions_to_json(&dump->table, object);
    add_otadata(dump, object);
    updraft_dump_boot_to_json(&boot, rules, cJSON_AddObjectToObject(object, "boot"));
}

void updraft_dump_show(const cJSON *object)
{
    static const struct updraft_out_column partitions[] = {
        {"partition", "label", UPDRAFT_OUT_PLAIN}, {"type", "type", UPDRAFT_OUT_PLAIN},
        {"subtype", "subtype", UPDRAFT_OUT_PLAIN}, {"offset", "offset", UPDRAFT_OUT_HEX},
        {"size", "size", UPDRAFT_OUT_HEX},         {"bytes", "size", UPDRAFT_OUT_BYTES},
        {"flags", "flags", UPDRAFT_OUT_LIST},      {0},
    };
    static const struct updraft_out_column slots[] = {
        {"slot", "name", UPDRAFT_OUT_PLAIN},
        {"contents", "contents", UPDRAFT_OUT_PLAIN},
        {"chip", "chip", UPDRAFT_OUT_PLAIN},
        {"project", "project", UPDRAFT_OUT_PLAIN},
        {"version", "version", UPDRAFT_OUT_PLAIN},
        {"image bytes", "image_len", UPDRAFT_OUT_BYTES},
        {"checksum", "checksum", UPDRAFT_OUT_PLAIN},
        {"hash", "hash", UPDRAFT_OUT_PLAIN},
        {"boots", "boots", UPDRAFT_OUT_PLAIN},
        {0},
    };
    static const struct updraft_out_column otadata[] = {
        {"otadata", "entry", UPDRAFT_OUT_PLAIN}, {"empty", "empty", UPDRAFT_OUT_PLAIN},
        {"seq", "seq", UPDRAFT_OUT_PLAIN},       {"slot", "slot", UPDRAFT_OUT_PLAIN},
        {"CRC ok", "crc_ok", UPDRAFT_OUT_PLAIN}, {"state", "state", UPDRAFT_OUT_PLAIN},
        {"trial", "trial", UPDRAFT_OUT_PLAIN},   {0},
    };
    const cJSON *boot = cJSON_GetObjectItemCaseSensitive(object, "boot");

    putchar('\n');
    updraft_out_table(cJSON_GetObjectItemCaseSensitive(object, "partitions"), partitions,
                      "The partition table is empty.");
    putchar('\n');
    updraft_out_table(cJSON_GetObjectItemCaseSensitive(object, "slots"), slots,
                      "There is no app partition.");
    putchar('\n');
    updraft_out_table(cJSON_GetObjectItemCaseSensitive(object, "otadata"), otadata,
                      "There is no otadata partition.");
    putchar('\n');
    updraft_out_fieldf("boots", "%s (%s rules): %s", updraft_json_text(boot, "slot"),
                       updraft_json_text(boot, "rules"), updraft_json_text(boot, "why"));
}
