/* updraft flash refused */
#include "cli/command.h"
#include "cli/dump.h"
#include "cli/out.h"
#include "device/slots/refused.h"

#include <stdio.h>
#include <string.h>

/* The version of the image by that program, if a slot still holds it. */
static void add_holder(const struct updraft_dump *dump, const struct updraft_layout *layout,
                       const struct updraft_note_program *program, cJSON *row)
{
    for (int slot = UPDRAFT_SLOT_TEST; slot < UPDRAFT_SLOT_CAP; slot++) {
        struct updraft_inspection image;

        if (updraft_layout_slot(layout, slot)->len == 0)
            continue;
        updraft_dump_inspect(dump, updraft_layout_extent(layout, slot), &image);
        if (!image.info.has_appdesc ||
            memcmp(image.info.appdesc.elf_sha256, program->sha256, sizeof program->sha256) != 0)
            continue;
        cJSON_AddStringToObject(row, "slot", updraft_slot_name(slot));
        cJSON_AddStringToObject(row, "version", image.info.appdesc.version);
        return;
    }
}

static enum updraft_error look(const struct updraft_dump *dump, bool clear, cJSON *result)
{
    struct updraft_refused refused;
    struct updraft_slots slots;
    cJSON *rows = cJSON_AddArrayToObject(result, clear ? "cleared" : "refused");
    enum updraft_error error =
        updraft_slots_open(&slots, &dump->memflash.flash, dump->table_off, 0);

    if (error == UPDRAFT_OK)
        error = updraft_slots_refused(&slots, &refused);
    if (error != UPDRAFT_OK)
        return error;
    for (uint8_t i = 0; i < refused.count; i++) {
        cJSON *row = cJSON_CreateObject();

        updraft_json_hex(row, "elf_sha256", refused.programs[i].sha256,
                         sizeof refused.programs[i].sha256);
        add_holder(dump, &slots.layout, &refused.programs[i], row);
        cJSON_AddItemToArray(rows, row);
    }
    return clear ? updraft_slots_clear_refused(&slots, NULL) : UPDRAFT_OK;
}

static enum updraft_exit run_refused(struct updraft_cli *cli, cJSON *result)
{
    const char *path = cli->args.positional[0];
    bool clear = updraft_args_has(&cli->args, "clear");
    struct updraft_dump dump;
    uint32_t table_off = 0;
    enum updraft_error error;
    enum updraft_exit exit = updraft_args_u32(cli, "table-offset", 1, UINT32_MAX, &table_off);

    if (exit == UPDRAFT_EXIT_OK && clear && !strcmp(path, "-"))
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", "Name a file.",
                                "the boot record is written back; standard input cannot take it");
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_dump_read(&dump, path, table_off, &cli->fail);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    cJSON_AddStringToObject(result, "file", path);
    error = look(&dump, clear, result);
    if (error != UPDRAFT_OK)
        exit = updraft_fail_wrap(
            &cli->fail, updraft_fail_code(&cli->fail, UPDRAFT_EXIT_FAILED, error), "%s", path);
    else if (clear && cJSON_GetArraySize(cJSON_GetObjectItem(result, "cleared")) > 0)
        exit = updraft_file_write(path, dump.memflash.bytes, dump.file_len, 0644, &cli->fail);
    updraft_dump_close(&dump);
    return exit;
}

static void show_refused(const struct updraft_cli *cli, const cJSON *result)
{
    static const struct updraft_out_column columns[] = {
        {"program (ELF SHA-256)", "elf_sha256", UPDRAFT_OUT_PLAIN},
        {"slot", "slot", UPDRAFT_OUT_PLAIN},
        {"version", "version", UPDRAFT_OUT_PLAIN},
        {0},
    };
    const cJSON *cleared = cJSON_GetObjectItem(result, "cleared");

    if (cli->fail.message[0] != '\0')
        return;
    updraft_out_table(cleared != NULL ? cleared : cJSON_GetObjectItem(result, "refused"), columns,
                      "no program is refused");
    if (cJSON_GetArraySize(cleared) > 0)
        printf("cleared: the device takes them again\n");
}

static const struct updraft_option options[] = {
    {"clear", 0, NULL, "take all refusals back, and write the file"},
    {"table-offset", 0, "ADDR", "where the partition table lies (else it is looked for)"},
    {0},
};

const struct updraft_command updraft_command_flash_refused = {
    .name = "flash refused",
    .summary = "the programs that a device refuses because they failed on it",
    .usage = "FILE [--clear]",
    .about =
        "Lists, newest first, the programs that were rolled back on the device whose flash this\n"
        "is. Each is known by the SHA-256 of its ELF file, as 'updraft info' shows it as\n"
        "elf_sha256, and is refused under whatever version it comes. Slot and version are told\n"
        "where a slot still holds it. --clear takes all of them back; only bits are cleared, as\n"
        "the device itself does, and the file is replaced in one step.\n",
    .examples = "  updraft flash refused flash-dump.bin\n"
                "  updraft flash refused device.flash --clear\n",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run_refused,
    .show = show_refused,
};
