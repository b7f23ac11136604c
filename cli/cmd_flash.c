/* updraft flash show, boot, set-boot */
#include "cli/command.h"
#include "cli/dump.h"
#include "cli/out.h"
#include "device/slots/inspect.h"

#include <stdio.h>
#include <string.h>

#define TABLE_OPTION                                                                               \
    {                                                                                              \
        "table-offset", 0, "ADDR", "where the partition table lies (else it is looked for)"        \
    }
#define RULES_OPTIONS                                                                              \
    {"rules", 0, "NAME", "boot loader: stock (default), rollback, updraft"},                       \
    {                                                                                              \
        "rollback", 0, NULL, "the same as --rules rollback"                                        \
    }

static const struct updraft_option look_options[] = {TABLE_OPTION, RULES_OPTIONS, {0}};
static const struct updraft_option set_options[] = {
    TABLE_OPTION,
    RULES_OPTIONS,
    {"trial", 0, "N", "on trial: Updraft's boot stage goes back after N crashes, 1 to 16"},
    {0},
};

static enum updraft_exit open_dump(struct updraft_cli *cli, struct updraft_dump *dump,
                                   const struct updraft_boot_rules **rules)
{
    uint32_t table_off = 0;
    enum updraft_exit exit =
        updraft_dump_rules(updraft_args_value(&cli->args, "rules"),
                           updraft_args_has(&cli->args, "rollback"), rules, &cli->fail);

    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_args_u32(cli, "table-offset", 1, UINT32_MAX, &table_off);
    return exit == UPDRAFT_EXIT_OK
               ? updraft_dump_read(dump, cli->args.positional[0], table_off, &cli->fail)
               : exit;
}

static enum updraft_exit nothing_boots(struct updraft_cli *cli,
                                       const struct updraft_dump_boot *boot)
{
    if (boot->error != UPDRAFT_OK)
        return updraft_fail_wrap(&cli->fail,
                                 updraft_fail_code(&cli->fail, UPDRAFT_EXIT_FAILED, boot->error),
                                 "nothing boots");
    return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_FAILED, "not_bootable",
                            "Write a good image to a slot; 'updraft flash show' tells what is "
                            "wrong with each.",
                            "nothing boots: %s", updraft_boot_why_text(boot->result.why));
}

static enum updraft_exit run_show(struct updraft_cli *cli, cJSON *result)
{
    struct updraft_dump dump;
    const struct updraft_boot_rules *rules;
    enum updraft_exit exit = open_dump(cli, &dump, &rules);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    cJSON_AddStringToObject(result, "file", cli->args.positional[0]);
    updraft_dump_to_json(&dump, rules, result);
    updraft_dump_close(&dump);
    return UPDRAFT_EXIT_OK;
}

static void show_show(const struct updraft_cli *cli, const cJSON *result)
{
    (void)cli;
    updraft_out_member("file", result, "file", UPDRAFT_OUT_PLAIN);
    updraft_out_member("chip", result, "chip", UPDRAFT_OUT_PLAIN);
    updraft_out_member("flash", result, "flash_size", UPDRAFT_OUT_BYTES);
    updraft_out_member("table at", result, "table_offset", UPDRAFT_OUT_HEX);
    updraft_dump_show(result);
}

static enum updraft_exit run_boot(struct updraft_cli *cli, cJSON *result)
{
    struct updraft_dump dump;
    struct updraft_dump_boot boot;
    const struct updraft_boot_rules *rules;
    enum updraft_exit exit = open_dump(cli, &dump, &rules);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    updraft_dump_boot(&dump, rules, &boot);
    updraft_dump_boot_to_json(&boot, rules, result);
    if (boot.result.slot != UPDRAFT_SLOT_NONE) {
        struct updraft_inspection image;

        updraft_dump_inspect(
            &dump, updraft_layout_extent(&boot.result.situation.layout, boot.result.slot), &image);
        cJSON_AddStringToObject(result, "version", image.info.appdesc.version);
    } else {
        exit = nothing_boots(cli, &boot);
    }
    updraft_dump_close(&dump);
    return exit;
}

static void show_boot(const struct updraft_cli *cli, const cJSON *result)
{
    (void)cli;
    printf("%s: %s\n", updraft_json_text(result, "slot"), updraft_json_text(result, "why"));
}

/* The image must verify before the record may name it, exactly as on the device. */
static enum updraft_exit select_slot(struct updraft_cli *cli, struct updraft_dump *dump,
                                     const struct updraft_boot_rules *rules, int slot)
{
    const struct updraft_flash *flash = &dump->memflash.flash;
    struct updraft_image_reader reader;
    struct updraft_dump_boot boot;
    struct updraft_slots slots;
    uint32_t attempts = 0;
    uint8_t buf[4096];
    enum updraft_error error;
    enum updraft_exit exit = updraft_args_u32(cli, "trial", 1, 16, &attempts);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    updraft_dump_boot(dump, rules, &boot);
    error = boot.error;
    if (error == UPDRAFT_OK)
        error = updraft_slots_open(&slots, flash, dump->table_off, boot.result.addr);
    if (error == UPDRAFT_OK)
        error = updraft_slot_inspect(flash, updraft_layout_extent(&slots.layout, slot),
                                     dump->chip_id, buf, sizeof buf, &reader);
    if (error == UPDRAFT_OK)
        error = updraft_slots_select(&slots, slot, (uint8_t)attempts);
    return error == UPDRAFT_OK ? UPDRAFT_EXIT_OK
                               : updraft_fail_code(&cli->fail, UPDRAFT_EXIT_FAILED, error);
}

static enum updraft_exit parse_slot(struct updraft_cli *cli, const char *name, int *slot)
{
    *slot = updraft_slot_by_name(name);
    if (*slot >= 0 || *slot == UPDRAFT_SLOT_FACTORY)
        return UPDRAFT_EXIT_OK;
    return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                            "Use factory, or ota_0 to ota_15.", "'%s' is no slot to boot", name);
}

static enum updraft_exit run_set_boot(struct updraft_cli *cli, cJSON *result)
{
    const char *path = cli->args.positional[0];
    const char *name = cli->args.positional[1];
    struct updraft_dump dump;
    struct updraft_dump_boot boot;
    const struct updraft_boot_rules *rules;
    int slot;
    enum updraft_exit exit = parse_slot(cli, name, &slot);

    if (exit == UPDRAFT_EXIT_OK && !strcmp(path, "-"))
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", "Name a file.",
                                "the boot record is written back; standard input cannot take it");
    if (exit == UPDRAFT_EXIT_OK)
        exit = open_dump(cli, &dump, &rules);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    exit = select_slot(cli, &dump, rules, slot);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_file_write(path, dump.memflash.bytes, dump.file_len, 0644, &cli->fail);
    if (exit == UPDRAFT_EXIT_OK) {
        updraft_dump_boot(&dump, rules, &boot);
        updraft_dump_boot_to_json(&boot, rules, result);
    }
    updraft_dump_close(&dump);
    return exit == UPDRAFT_EXIT_OK ? exit
                                   : updraft_fail_wrap(&cli->fail, exit, "cannot select %s", name);
}

const struct updraft_command updraft_command_flash_show = {
    .name = "flash show",
    .summary = "the partitions, slots and boot record of a flash dump",
    .usage = "FILE [--rules stock|rollback|updraft]",
    .about =
        "Shows the partition table, what each app slot holds and whether it would boot, both\n"
        "entries of the boot record, and which slot boots and why. The file may end before the\n"
        "flash does; what is missing counts as erased.\n",
    .examples = "  updraft flash show flash-dump.bin\n"
                "  updraft flash show device.flash --rules updraft --json\n",
    .options = look_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run_show,
    .show = show_show,
};

const struct updraft_command updraft_command_flash_boot = {
    .name = "flash boot",
    .summary = "which slot of a flash dump would boot, and why",
    .usage = "FILE [--rules stock|rollback|updraft]",
    .about =
        "Decides and verifies as a boot loader does after power-on, and writes nothing. Rules:\n"
        "stock is an ESP-IDF boot loader without roll back, rollback (or --rollback) one with\n"
        "it, updraft our own. Exit code 1 and slot \"none\": nothing would boot.\n",
    .examples = "  updraft flash boot flash-dump.bin\n"
                "  updraft flash boot device.flash --rules updraft --json\n",
    .options = look_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run_boot,
    .show = show_boot,
};

const struct updraft_command updraft_command_flash_set_boot = {
    .name = "flash set-boot",
    .summary = "select the slot that a flash dump boots",
    .usage = "FILE SLOT [--trial N] [--rules stock|rollback|updraft]",
    .about =
        "Writes the boot record as the device itself does, after the image in the slot verified:\n"
        "only one entry changes. Selecting factory erases the record. The file is replaced in\n"
        "one step.\n",
    .examples = "  updraft flash set-boot flash-dump.bin ota_1\n"
                "  updraft flash set-boot device.flash ota_0 --trial 3 --rules updraft\n",
    .options = set_options,
    .positional_min = 2,
    .positional_max = 2,
    .run = run_set_boot,
    .show = show_boot,
};
