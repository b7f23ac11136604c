/* updraft partitions FILE */
#include "cli/command.h"
#include "cli/dump.h"
#include "cli/out.h"
#include "format/ptable_csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CSV_CAP 8192u /* what every table's text fits into */

static const struct updraft_option options[] = {
    {"output", 'o', "FILE", "write the binary table there, or the CSV with --csv"},
    {"csv", 0, NULL, "give the table as CSV"},
    {"flash-size", 0, "SIZE", "refuse rows outside a flash of this size (4MB)"},
    {"offset", 0, "ADDR", "flash address of the table (default 0x8000)"},
    {"rules", 0, "NAME", "placement rules: idf (default) or rtos, the ESP8266 RTOS SDK's"},
    {0},
};

static const char *look_up_variable(void *ctx, const char *name, size_t name_len)
{
    char copy[64];

    (void)ctx;
    if (name_len >= sizeof copy)
        return NULL;
    memcpy(copy, name, name_len);
    copy[name_len] = '\0';
    return getenv(copy);
}

static enum updraft_exit from_csv(struct updraft_cli *cli, const struct updraft_file *file,
                                  const struct updraft_csv_options *csv,
                                  struct updraft_ptable *table, cJSON *result)
{
    struct updraft_csv_result outcome = {0};
    enum updraft_error error =
        updraft_ptable_from_csv((const char *)file->data, file->len, csv, table, &outcome);
    const struct updraft_error_entry *entry = updraft_error_entry(error);
    cJSON *warnings = cJSON_AddArrayToObject(result, "warnings");

    for (size_t i = 0; i < outcome.warning_count; i++)
        cJSON_AddItemToArray(warnings, cJSON_CreateString(outcome.warnings[i]));
    if (error == UPDRAFT_OK)
        return UPDRAFT_EXIT_OK;
    if (outcome.line)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, entry->name, "Correct that line.",
                                "line %u: %s", outcome.line, outcome.message);
    return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, entry->name, entry->remedy, "%s",
                            outcome.message[0] ? outcome.message : entry->sentence);
}

static enum updraft_exit decode(struct updraft_cli *cli, const uint8_t *bytes, size_t len,
                                uint32_t flash_size, struct updraft_ptable *table)
{
    struct updraft_failure failure;
    enum updraft_error error;

    updraft_failure_set(&failure, UPDRAFT_OK, 0, 0, NULL);
    if (len > UPDRAFT_PTABLE_LEN)
        len = UPDRAFT_PTABLE_LEN;
    error = updraft_ptable_decode(bytes, len, flash_size, table, &failure);
    if (error == UPDRAFT_OK)
        return UPDRAFT_EXIT_OK;
    failure.code = error;
    return updraft_fail_from(&cli->fail, UPDRAFT_EXIT_INPUT, &failure);
}

static bool looks_like_text(const struct updraft_file *file)
{
    for (size_t i = 0; i < file->len; i++)
        if (file->data[i] == 0 || file->data[i] == 0xFF)
            return false;
    return true;
}

/* CSV, a binary table, or a dump that holds one. */
static enum updraft_exit read_table(struct updraft_cli *cli, const struct updraft_file *file,
                                    struct updraft_csv_options *csv, struct updraft_ptable *table,
                                    cJSON *result)
{
    uint32_t off;

    if (file->len >= 2 && file->data[0] == 0xAA && file->data[1] == 0x50) {
        cJSON_AddStringToObject(result, "source", "binary");
        return decode(cli, file->data, file->len, csv->flash_size, table);
    }
    if (updraft_dump_find_table(file->data, file->len, csv->table_off, &off)) {
        cJSON_AddStringToObject(result, "source", "dump");
        csv->table_off = off;
        return decode(cli, file->data + off, file->len - off, csv->flash_size, table);
    }
    if (file->len > 0 && looks_like_text(file)) {
        cJSON_AddStringToObject(result, "source", "csv");
        return from_csv(cli, file, csv, table, result);
    }
    return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "bad_table",
                            "Give a CSV, a binary partition table, or a flash dump (its table "
                            "elsewhere than at 0x8000: --offset).",
                            "there is no partition table in it");
}

static enum updraft_exit give_csv(struct updraft_cli *cli, const struct updraft_ptable *table,
                                  const char *output, cJSON *result)
{
    char text[CSV_CAP];
    size_t len;
    enum updraft_error error = updraft_ptable_to_csv(table, text, sizeof text, &len);

    if (error != UPDRAFT_OK)
        return updraft_fail_code(&cli->fail, UPDRAFT_EXIT_FAILED, error);
    if (output)
        return updraft_file_write(output, text, len, 0644, &cli->fail);
    cJSON_AddStringToObject(result, "csv", text);
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit give_binary(struct updraft_cli *cli, const struct updraft_ptable *table,
                                     const char *output)
{
    uint8_t bytes[UPDRAFT_PTABLE_LEN];
    enum updraft_error error = updraft_ptable_encode(table, bytes);

    if (error != UPDRAFT_OK)
        return updraft_fail_code(&cli->fail, UPDRAFT_EXIT_INPUT, error);
    return updraft_file_write(output, bytes, sizeof bytes, 0644, &cli->fail);
}

/* The result names a file only when it is written. */
static enum updraft_exit give(struct updraft_cli *cli, const struct updraft_ptable *table,
                              cJSON *result)
{
    const char *output = updraft_args_value(&cli->args, "output");
    enum updraft_exit exit = UPDRAFT_EXIT_OK;

    if (updraft_args_has(&cli->args, "csv"))
        exit = give_csv(cli, table, output, result);
    else if (output)
        exit = give_binary(cli, table, output);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    cJSON_AddBoolToObject(result, "has_digest", table->has_digest);
    updraft_dump_partitions_to_json(table, result);
    if (output)
        cJSON_AddStringToObject(result, "output", output);
    return exit;
}

static enum updraft_exit read_options(struct updraft_cli *cli, struct updraft_csv_options *csv)
{
    const char *rules = updraft_args_value(&cli->args, "rules");
    enum updraft_exit exit;

    csv->variable = look_up_variable;
    if (rules && strcmp(rules, "idf") && strcmp(rules, "rtos"))
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Use --rules idf or --rules rtos.",
                                "there are no placement rules '%s'", rules);
    csv->rules = rules && !strcmp(rules, "rtos") ? UPDRAFT_CSV_RTOS_SDK : UPDRAFT_CSV_IDF;
    exit = updraft_args_u32(cli, "flash-size", 4096, UINT32_MAX, &csv->flash_size);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_args_u32(cli, "offset", 0x1000, UINT32_MAX, &csv->table_off);
    return exit;
}

static enum updraft_exit run(struct updraft_cli *cli, cJSON *result)
{
    const char *path = cli->args.positional[0];
    struct updraft_csv_options csv = {0};
    struct updraft_ptable table = {0};
    struct updraft_file file;
    enum updraft_exit exit = read_options(cli, &csv);

    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_file_read(path, &file, &cli->fail);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    cJSON_AddStringToObject(result, "file", path);
    exit = read_table(cli, &file, &csv, &table, result);
    updraft_file_free(&file);
    if (exit != UPDRAFT_EXIT_OK)
        return updraft_fail_wrap(&cli->fail, exit, "%s", path);
    cJSON_AddNumberToObject(result, "table_offset",
                            csv.table_off ? csv.table_off : UPDRAFT_PTABLE_DEFAULT_OFF);
    return give(cli, &table, result);
}

static void show(const struct updraft_cli *cli, const cJSON *result)
{
    static const struct updraft_out_column columns[] = {
        {"label", "label", UPDRAFT_OUT_PLAIN},
        {"type", "type", UPDRAFT_OUT_PLAIN},
        {"subtype", "subtype", UPDRAFT_OUT_PLAIN},
        {"offset", "offset", UPDRAFT_OUT_HEX},
        {"size", "size", UPDRAFT_OUT_HEX},
        {"bytes", "size", UPDRAFT_OUT_BYTES},
        {"end", "end", UPDRAFT_OUT_HEX},
        {"flags", "flags", UPDRAFT_OUT_LIST},
        {0},
    };
    const cJSON *csv = cJSON_GetObjectItemCaseSensitive(result, "csv");
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(result, "partitions");
    const cJSON *warning;

    cJSON_ArrayForEach(warning, cJSON_GetObjectItemCaseSensitive(result, "warnings"))
    {
        if (!cli->quiet)
            fprintf(stderr, "updraft: warning: %s\n", warning->valuestring);
    }
    if (csv)
        fputs(csv->valuestring, stdout);
    else if (cJSON_HasObjectItem(result, "output"))
        printf("%s: %d partitions\n", updraft_json_text(result, "output"),
               cJSON_GetArraySize(rows));
    else if (rows)
        updraft_out_table(rows, columns, "The table is empty.");
}

const struct updraft_command updraft_command_partitions = {
    .name = "partitions",
    .summary = "partition tables: CSV to binary and back, or out of a dump",
    .usage = "FILE [-o FILE] [--csv]",
    .about =
        "FILE is a partition CSV, a binary table, or a flash dump that holds one. Without -o and\n"
        "--csv the table is shown. Rows are placed, and refused, as by the stock generators of\n"
        "ESP-IDF and of the ESP8266 RTOS SDK; $NAME in a CSV is taken from the environment.\n",
    .examples = "  updraft partitions partitions.csv -o partitions.bin --flash-size 4MB\n"
                "  updraft partitions flash-dump.bin --csv\n",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run,
    .show = show,
};
