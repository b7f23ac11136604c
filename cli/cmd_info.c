/* updraft info FILE */
#include "cli/command.h"
#include "cli/dump.h"
#include "cli/out.h"

#include <stdio.h>
#include <string.h>

static const struct updraft_option options[] = {
    {"table-offset", 0, "ADDR", "where a dump's partition table lies (else it is looked for)"},
    {"rules", 0, "NAME", "boot loader of a dump: stock (default), rollback, updraft"},
    {"rollback", 0, NULL, "the same as --rules rollback"},
    {0},
};

/* A file that is no image at all: what else it may be. */
static enum updraft_exit describe_other(struct updraft_cli *cli, const struct updraft_file *file,
                                        const struct updraft_inspection *image, cJSON *result)
{
    char chip[64];

    if (updraft_inspect_cortex_m(file->data, file->len, chip, sizeof chip)) {
        cJSON_AddStringToObject(result, "kind", "raw");
        cJSON_AddStringToObject(result, "chip", chip);
        cJSON_AddStringToObject(result, "note",
                                "a raw image: it carries no header, checksum or version to check");
    } else {
        cJSON_AddStringToObject(result, "kind", "unknown");
        cJSON_AddStringToObject(result, "chip", "-");
    }
    cJSON_AddStringToObject(result, "project", "-");
    cJSON_AddStringToObject(result, "version", "-");
    cJSON_AddStringToObject(result, "idf_version", "-");
    cJSON_AddStringToObject(result, "date", "-");
    cJSON_AddStringToObject(result, "checksum", "-");
    cJSON_AddStringToObject(result, "hash", "-");
    if (!strcmp(updraft_json_text(result, "kind"), "raw"))
        return UPDRAFT_EXIT_OK;
    return updraft_fail_code(&cli->fail, UPDRAFT_EXIT_INPUT, image->verdict);
}

struct wishes {
    const struct updraft_boot_rules *rules;
    uint32_t table_off; /* 0: to be looked for */
};

static enum updraft_exit read_options(struct updraft_cli *cli, struct wishes *wishes)
{
    enum updraft_exit exit =
        updraft_dump_rules(updraft_args_value(&cli->args, "rules"),
                           updraft_args_has(&cli->args, "rollback"), &wishes->rules, &cli->fail);

    wishes->table_off = 0;
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_args_u32(cli, "table-offset", 1, UINT32_MAX, &wishes->table_off);
    return exit;
}

static enum updraft_exit describe(struct updraft_cli *cli, const struct updraft_file *file,
                                  const struct wishes *wishes, cJSON *result)
{
    struct updraft_inspection image;
    struct updraft_dump dump;
    uint32_t table_off = wishes->table_off;
    enum updraft_exit exit;

    if (table_off || updraft_dump_find_table(file->data, file->len, 0, &table_off)) {
        exit = updraft_dump_open(&dump, file->data, file->len, table_off, &cli->fail);
        if (exit != UPDRAFT_EXIT_OK)
            return exit;
        cJSON_AddStringToObject(result, "kind", "dump");
        updraft_dump_to_json(&dump, wishes->rules, result);
        updraft_dump_close(&dump);
        return UPDRAFT_EXIT_OK;
    }
    updraft_inspect_image(file->data, file->len, &image);
    if (!updraft_inspect_is_image(&image))
        return describe_other(cli, file, &image, result);
    cJSON_AddStringToObject(result, "kind", "app");
    updraft_inspect_to_json(&image, result);
    if (image.verdict != UPDRAFT_OK)
        return updraft_fail_code(&cli->fail, UPDRAFT_EXIT_INPUT, image.verdict);
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit describe_gzip(struct updraft_cli *cli, const struct updraft_file *file,
                                       const struct wishes *wishes, cJSON *result)
{
    struct updraft_file plain;
    enum updraft_exit exit = updraft_file_gunzip(file, &plain, &cli->fail);

    cJSON_AddStringToObject(result, "compression", "gzip");
    if (exit != UPDRAFT_EXIT_OK) {
        cJSON_AddStringToObject(result, "kind", "unknown");
        return exit;
    }
    cJSON_AddNumberToObject(result, "unpacked_size", (double)plain.len);
    exit = describe(cli, &plain, wishes, result);
    updraft_file_free(&plain);
    return exit;
}

static void measure(const struct updraft_file *file, cJSON *result)
{
    uint8_t hash[UPDRAFT_SHA256_LEN];
    struct updraft_digest digest;

    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, file->data, file->len);
    updraft_digest_finish(&digest, hash);
    cJSON_AddNumberToObject(result, "size", (double)file->len);
    updraft_json_hex(result, "sha256", hash, sizeof hash);
}

static enum updraft_exit run(struct updraft_cli *cli, cJSON *result)
{
    const char *path = cli->args.positional[0];
    struct wishes wishes;
    struct updraft_file file;
    enum updraft_exit exit = read_options(cli, &wishes);

    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_file_read(path, &file, &cli->fail);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    cJSON_AddStringToObject(result, "file", path);
    measure(&file, result);
    exit = updraft_file_is_gzip(&file) ? describe_gzip(cli, &file, &wishes, result)
                                       : describe(cli, &file, &wishes, result);
    updraft_file_free(&file);
    return exit == UPDRAFT_EXIT_OK ? exit : updraft_fail_wrap(&cli->fail, exit, "%s", path);
}

static void show_image(const cJSON *result)
{
    static const struct updraft_out_column segments[] = {
        {"segment at", "offset", UPDRAFT_OUT_HEX},
        {"address", "address", UPDRAFT_OUT_HEX},
        {"bytes", "size", UPDRAFT_OUT_BYTES},
        {0},
    };
    const cJSON *block;

    updraft_out_member("image bytes", result, "image_len", UPDRAFT_OUT_BYTES);
    updraft_out_member("behind it", result, "trailing_bytes", UPDRAFT_OUT_BYTES);
    updraft_out_member("format", result, "image_format", UPDRAFT_OUT_PLAIN);
    updraft_out_member("flash mode", result, "flash_mode", UPDRAFT_OUT_PLAIN);
    updraft_out_member("sketch MD5", result, "sketch_md5", UPDRAFT_OUT_PLAIN);
    updraft_out_member("sketch CRC", result, "sketch_crc", UPDRAFT_OUT_PLAIN);
    updraft_out_member("entry", result, "entry", UPDRAFT_OUT_HEX);
    updraft_out_member("checksum", result, "checksum", UPDRAFT_OUT_PLAIN);
    updraft_out_member("hash", result, "hash", UPDRAFT_OUT_PLAIN);
    updraft_out_member("problem", result, "problem", UPDRAFT_OUT_PLAIN);
    cJSON_ArrayForEach(block, cJSON_GetObjectItemCaseSensitive(result, "signatures"))
    {
        updraft_out_fieldf("signature", "%s at 0x%X%s", updraft_json_text(block, "kind"),
                           (unsigned)updraft_json_number(block, "offset"),
                           cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(block, "crc_ok"))
                               ? ""
                               : ", its CRC is wrong");
    }
    if (!strcmp(updraft_json_text(result, "kind"), "app")) {
        putchar('\n');
        updraft_out_table(cJSON_GetObjectItemCaseSensitive(result, "segments"), segments,
                          "No segment.");
    }
}

static void show(const struct updraft_cli *cli, const cJSON *result)
{
    (void)cli;
    updraft_out_member("file", result, "file", UPDRAFT_OUT_PLAIN);
    updraft_out_member("kind", result, "kind", UPDRAFT_OUT_PLAIN);
    updraft_out_member("chip", result, "chip", UPDRAFT_OUT_PLAIN);
    updraft_out_member("project", result, "project", UPDRAFT_OUT_PLAIN);
    updraft_out_member("version", result, "version", UPDRAFT_OUT_PLAIN);
    updraft_out_member("IDF version", result, "idf_version", UPDRAFT_OUT_PLAIN);
    updraft_out_member("built", result, "date", UPDRAFT_OUT_PLAIN);
    updraft_out_member("bytes", result, "size", UPDRAFT_OUT_BYTES);
    updraft_out_member("compression", result, "compression", UPDRAFT_OUT_PLAIN);
    updraft_out_member("unpacked", result, "unpacked_size", UPDRAFT_OUT_BYTES);
    updraft_out_member("SHA-256", result, "sha256", UPDRAFT_OUT_PLAIN);
    updraft_out_member("note", result, "note", UPDRAFT_OUT_PLAIN);
    show_image(result);
    if (cJSON_HasObjectItem(result, "boot"))
        updraft_dump_show(result);
}

const struct updraft_command updraft_command_info = {
    .name = "info",
    .summary = "what an image or a flash dump holds, and whether it is whole",
    .usage = "FILE [--rules stock|rollback|updraft]",
    .about =
        "Reads an application or boot loader image of the ESP32 family, an ESP8266 image of any\n"
        "version, a sketch of the ESP8266 Arduino core (eboot and program in one file), a gzip of\n"
        "one, or a dump of a whole flash. Of a dump it shows every slot, the boot record, and "
        "which\n"
        "slot boots and why; the facts at its top are those of the app that boots. A raw Cortex-M\n"
        "image is recognised by its vector table or its code, and carries nothing to check. FILE\n"
        "may be - for standard input.\n"
        "\n"
        "Exit code 3: the file is none of these, or it is damaged; what could be read is shown.\n"
        "\n"
        "JSON: file, kind (app, dump, raw, unknown), chip, project, version, idf_version, date,\n"
        "size, sha256 (of the file), image_len, trailing_bytes, checksum and hash (ok, bad, -),\n"
        "verdict, entry, image_format, flash_mode, segments[], signatures[]; of a sketch also\n"
        "sketch_crc and sketch_md5, which is what its core reports; of a gzip compression and\n"
        "unpacked_size; of a dump table_offset, flash_size, partitions[], slots[], otadata[],\n"
        "boot{slot, why}. Texts that the file does not hold are \"-\".\n",
    .examples = "  updraft info build/garage.bin\n"
                "  updraft info --rollback --json flash-dump.bin\n",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run,
    .show = show,
};
