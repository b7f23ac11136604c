/* updraft flash make */
#include "cli/command.h"
#include "cli/dump.h"
#include "cli/out.h"
#include "cli/table_file.h"
#include "format/chip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct updraft_option options[] = {
    {"output", 'o', "FILE", "where the flash image goes (needed)"},
    {"table", 0, "CSV", "partition table, CSV or binary (needed)"},
    {"app", 0, "IMAGE", "application image (needed)"},
    {"size", 0, "SIZE", "of the flash (default 4MB)"},
    {"slot", 0, "SLOT", "factory, ota_0, ...: where the app goes (default: the one that boots)"},
    {"bootloader", 0, "FILE", "second-stage boot loader, put where the chip looks for it"},
    {"chip", 0, "CHIP", "refuse an app for another chip"},
    {"offset", 0, "ADDR", "flash address of the partition table (default 0x8000)"},
    {0},
};

/* What goes into the flash; `bytes` is size long and erased at first. */
struct build {
    uint8_t *bytes;
    uint32_t size;
    uint32_t table_off;
    struct updraft_ptable table;
};

static enum updraft_exit put_table(struct updraft_cli *cli, struct build *build)
{
    const struct updraft_csv_options csv = {.table_off = build->table_off,
                                            .flash_size = build->size};

    return updraft_table_file_read(updraft_args_value(&cli->args, "table"), &csv, &build->table,
                                   build->bytes + build->table_off, &cli->fail);
}

/* Without --slot: what a blank boot record boots, factory or else ota_0. */
static enum updraft_exit choose_partition(struct updraft_cli *cli, const struct build *build,
                                          const struct updraft_partition **partition)
{
    const char *name = updraft_args_value(&cli->args, "slot");
    int slot = name ? updraft_slot_by_name(name) : UPDRAFT_SLOT_FACTORY;
    uint8_t subtype = slot == UPDRAFT_SLOT_FACTORY
                          ? UPDRAFT_PART_APP_FACTORY
                          : (uint8_t)(UPDRAFT_PART_APP_OTA_0 + (unsigned)slot);

    if (slot < 0 && slot != UPDRAFT_SLOT_FACTORY)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Use factory, or ota_0 to ota_15.", "'%s' is no slot for an app",
                                name);
    *partition = updraft_ptable_find(&build->table, UPDRAFT_PART_TYPE_APP, subtype);
    if (!*partition && !name)
        *partition =
            updraft_ptable_find(&build->table, UPDRAFT_PART_TYPE_APP, UPDRAFT_PART_APP_OTA_0);
    if (*partition)
        return UPDRAFT_EXIT_OK;
    return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "no_slot",
                            "'updraft partitions' shows the rows of a table.",
                            "the partition table has no slot %s", name ? name : "for an app");
}

static enum updraft_exit check_chip(struct updraft_cli *cli, uint16_t image_chip_id)
{
    const char *name = updraft_args_value(&cli->args, "chip");
    const struct updraft_chip *chip = name ? updraft_chip_by_name(name) : NULL;

    if (name && !chip)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Use a name like esp32 or esp32s3.", "there is no chip '%s'", name);
    if (chip && chip->id != image_chip_id)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "wrong_chip",
                                "Give the image that was built for this chip.",
                                "the app is for %s, not for %s", updraft_chip_name(image_chip_id),
                                chip->name);
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit put_app(struct updraft_cli *cli, struct build *build, uint16_t *chip_id)
{
    const char *path = updraft_args_value(&cli->args, "app");
    const struct updraft_partition *partition;
    struct updraft_inspection image;
    struct updraft_file file;
    struct updraft_failure failure;
    enum updraft_exit exit = choose_partition(cli, build, &partition);

    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_inspect_file(path, &file, &image, &cli->fail);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    *chip_id = image.info.chip_id;
    exit = check_chip(cli, *chip_id);
    if (exit == UPDRAFT_EXIT_OK && updraft_file_is_gzip(&file)) {
        exit = updraft_fail_code(&cli->fail, UPDRAFT_EXIT_INPUT, UPDRAFT_E_UNSUPPORTED);
    } else if (exit == UPDRAFT_EXIT_OK && file.len > partition->size) {
        updraft_failure_set(&failure, UPDRAFT_E_TOO_LARGE, (uint32_t)file.len, partition->size,
                            NULL);
        exit = updraft_fail_from(&cli->fail, UPDRAFT_EXIT_INPUT, &failure);
    } else if (exit == UPDRAFT_EXIT_OK) {
        memcpy(build->bytes + partition->offset, file.data, file.len);
    }
    updraft_file_free(&file);
    return exit == UPDRAFT_EXIT_OK ? exit : updraft_fail_wrap(&cli->fail, exit, "%s", path);
}

static enum updraft_exit put_bootloader(struct updraft_cli *cli, struct build *build,
                                        uint16_t chip_id)
{
    const char *path = updraft_args_value(&cli->args, "bootloader");
    const struct updraft_chip *chip = updraft_chip_by_id(chip_id);
    struct updraft_inspection image;
    struct updraft_file file;
    enum updraft_exit exit;

    if (!path)
        return UPDRAFT_EXIT_OK;
    exit = updraft_inspect_file(path, &file, &image, &cli->fail);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    if (!chip || file.len > build->table_off - chip->bootloader_off)
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "too_large",
                                "Move the table up with --offset, or use a smaller boot loader.",
                                "%s: the boot loader reaches over the partition table", path);
    else if (chip_id != UPDRAFT_CHIP_ESP8266 && image.info.chip_id != chip_id)
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "wrong_chip",
                                "Give the boot loader of the app's own build.",
                                "%s: the boot loader is for %s, the app for %s", path,
                                updraft_chip_name(image.info.chip_id), chip->name);
    else
        memcpy(build->bytes + chip->bootloader_off, file.data, file.len);
    updraft_file_free(&file);
    return exit;
}

/* With --slot the record names that slot, unless a blank record boots it anyway. */
static enum updraft_exit select_slot(struct updraft_cli *cli, struct build *build, cJSON *result)
{
    const char *name = updraft_args_value(&cli->args, "slot");
    struct updraft_dump dump;
    struct updraft_dump_boot boot;
    struct updraft_slots slots;
    enum updraft_error error = UPDRAFT_OK;
    enum updraft_exit exit =
        updraft_dump_open(&dump, build->bytes, build->size, build->table_off, &cli->fail);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    updraft_dump_boot(&dump, &updraft_boot_rules_stock, &boot);
    if (name && boot.result.chosen != updraft_slot_by_name(name)) {
        error = updraft_slots_open(&slots, &dump.memflash.flash, build->table_off, 0);
        if (error == UPDRAFT_OK)
            error = updraft_slots_select(&slots, updraft_slot_by_name(name), 0);
        updraft_dump_boot(&dump, &updraft_boot_rules_stock, &boot);
        memcpy(build->bytes, dump.memflash.bytes, build->size);
    }
    updraft_dump_boot_to_json(&boot, &updraft_boot_rules_stock,
                              cJSON_AddObjectToObject(result, "boot"));
    updraft_dump_close(&dump);
    return error == UPDRAFT_OK
               ? UPDRAFT_EXIT_OK
               : updraft_fail_wrap(&cli->fail,
                                   updraft_fail_code(&cli->fail, UPDRAFT_EXIT_INPUT, error),
                                   "cannot select %s", name);
}

static enum updraft_exit read_options(struct updraft_cli *cli, struct build *build)
{
    static const char *const needed[] = {"output", "table", "app"};
    enum updraft_exit exit;

    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!updraft_args_has(&cli->args, needed[i]))
            return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                    "Usage: updraft flash make -o FILE --table CSV --app IMAGE",
                                    "'updraft flash make' needs --%s", needed[i]);
    build->size = 4u * 1024u * 1024u;
    build->table_off = UPDRAFT_PTABLE_DEFAULT_OFF;
    exit = updraft_args_u32(cli, "size", 0x10000, 128u * 1024u * 1024u, &build->size);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_args_u32(cli, "offset", 0x1000, 0x100000, &build->table_off);
    if (exit == UPDRAFT_EXIT_OK && (build->size % 0x1000 || build->table_off % 0x1000 ||
                                    build->table_off + 0x1000 > build->size))
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Use multiples of 0x1000, the table inside the flash.",
                                "size and table offset do not fit together");
    return exit;
}

static enum updraft_exit run(struct updraft_cli *cli, cJSON *result)
{
    const char *output = updraft_args_value(&cli->args, "output");
    struct build build = {0};
    uint16_t chip_id = UPDRAFT_CHIP_UNKNOWN;
    enum updraft_exit exit = read_options(cli, &build);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    build.bytes = malloc(build.size);
    if (!build.bytes)
        return updraft_fail_code(&cli->fail, UPDRAFT_EXIT_FAILED, UPDRAFT_E_NO_SPACE);
    memset(build.bytes, 0xFF, build.size);
    exit = put_table(cli, &build);
    if (exit == UPDRAFT_EXIT_OK)
        exit = put_app(cli, &build, &chip_id);
    if (exit == UPDRAFT_EXIT_OK)
        exit = put_bootloader(cli, &build, chip_id);
    if (exit == UPDRAFT_EXIT_OK)
        exit = select_slot(cli, &build, result);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_file_write(output, build.bytes, build.size, 0644, &cli->fail);
    if (exit == UPDRAFT_EXIT_OK) {
        cJSON_AddStringToObject(result, "file", output);
        cJSON_AddNumberToObject(result, "size", build.size);
        cJSON_AddStringToObject(result, "chip", updraft_chip_name(chip_id));
        updraft_dump_partitions_to_json(&build.table, result);
    }
    free(build.bytes);
    return exit;
}

static void show(const struct updraft_cli *cli, const cJSON *result)
{
    const cJSON *boot = cJSON_GetObjectItemCaseSensitive(result, "boot");

    if (!cli->quiet && cJSON_HasObjectItem(result, "file"))
        printf("%s: %.0f bytes of flash, boots %s (%s)\n", updraft_json_text(result, "file"),
               updraft_json_number(result, "size"), updraft_json_text(boot, "slot"),
               updraft_json_text(boot, "why"));
}

const struct updraft_command updraft_command_flash_make = {
    .name = "flash make",
    .summary = "make a flash image from a partition table and an app",
    .usage = "-o FILE --table CSV --app IMAGE [--size SIZE] [--slot SLOT] [--bootloader FILE]",
    .about =
        "Everything else is erased (0xFF). The boot record stays blank, so factory or ota_0 "
        "boots;\n"
        "with --slot it names that slot where a blank one would boot another. The result can be\n"
        "written to a chip at address 0 (with a boot loader), or given to updraft-device.\n",
    .examples =
        "  updraft flash make -o garage.flash --table two-slots.csv --size 4MB --app garage.bin\n"
        "  updraft flash make -o f.bin --table t.csv --app a.bin --slot ota_1 --bootloader "
        "boot.bin\n",
    .options = options,
    .run = run,
    .show = show,
};
