/* updraft image combine */
#include "cli/command.h"
#include "cli/inspect.h"
#include "cli/out.h"
#include "cli/table_file.h"
#include "format/bytes.h"
#include "format/chip.h"
#include "format/oldsdk.h"
#include "format/packed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR_LEN       0x1000u
#define CRC_LEN          4u
#define MAPPED_8266_ADDR 0x40200010u /* of the first segment of an app at flash address 0 */
#define WINDOW_8266_LEN  0x100000u

static const struct updraft_option options[] = {
    {"output", 'o', "FILE", "where the combined image goes (needed)"},
    {"bootloader", 0, "FILE", "the new system's boot loader (needed)"},
    {"table", 0, "CSV", "its partition table, CSV or binary (needed)"},
    {"app", 0, "FILE", "its application, linked for ota_0 (needed)"},
    {"phy", 0, "FILE", "RF init data for the phy partition"},
    {"table-offset", 0, "ADDR", "where the table lies: 0x8000 (default), 0x5000 for 1 MB of flash"},
    {0},
};

enum part { BOOTLOADER, TABLE, PHY, APP, PART_COUNT };

static const char *const part_names[PART_COUNT] = {"boot loader", "table", "phy", "app"};

struct combination {
    uint32_t table_off;
    struct updraft_ptable table;
    const struct updraft_partition *slot; /* ota_0 */
    uint8_t table_bytes[UPDRAFT_PTABLE_LEN];
    struct updraft_file files[PART_COUNT];
    struct updraft_packed_item items[PART_COUNT]; /* without data: not there */
};

static void put_item(struct combination *c, enum part part, uint32_t addr)
{
    c->items[part] = (struct updraft_packed_item){
        .addr = addr, .data = c->files[part].data, .len = (uint32_t)c->files[part].len};
}

static enum updraft_exit read_options(struct updraft_cli *cli, struct combination *c)
{
    static const char *const needed[] = {"output", "bootloader", "table", "app"};
    enum updraft_exit exit;

    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!updraft_args_has(&cli->args, needed[i]))
            return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                    "Usage: updraft image combine -o FILE --bootloader FILE "
                                    "--table CSV --app FILE",
                                    "'updraft image combine' needs --%s", needed[i]);
    c->table_off = UPDRAFT_PTABLE_DEFAULT_OFF;
    exit = updraft_args_u32(cli, "table-offset", 2 * SECTOR_LEN, 0x100000, &c->table_off);
    if (exit == UPDRAFT_EXIT_OK && c->table_off % SECTOR_LEN)
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "The RTOS SDK's demos use 0x8000, and 0x5000 for 1 MB of flash.",
                                "--table-offset is 0x%X, but must be a multiple of 0x1000",
                                (unsigned)c->table_off);
    return exit;
}

static enum updraft_exit put_table(struct updraft_cli *cli, struct combination *c)
{
    const char *path = updraft_args_value(&cli->args, "table");
    const struct updraft_csv_options csv = {.rules = UPDRAFT_CSV_RTOS_SDK,
                                            .table_off = c->table_off};
    enum updraft_exit exit =
        updraft_table_file_read(path, &csv, &c->table, c->table_bytes, &cli->fail);

    if (exit != UPDRAFT_EXIT_OK && !strcmp(cli->fail.code, "table_overlap") &&
        !updraft_args_has(&cli->args, "table-offset"))
        snprintf(
            cli->fail.remedy, sizeof cli->fail.remedy,
            "Correct the offsets in the CSV, or add --table-offset 0x5000 when it is the table "
            "of a device with 1 MB.");
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    c->items[TABLE] = (struct updraft_packed_item){
        .addr = c->table_off, .data = c->table_bytes, .len = sizeof c->table_bytes};
    c->slot = updraft_ptable_find(&c->table, UPDRAFT_PART_TYPE_APP, UPDRAFT_PART_APP_OTA_0);
    if (!c->slot)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "no_slot",
                                "The app goes to ota_0; give the table such a row.",
                                "%s: the partition table has no ota_0", path);
    if (c->slot->offset % SECTOR_LEN || c->slot->offset < c->table_off + SECTOR_LEN)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "overlap",
                                "The app is the last part of a combined image: ota_0 starts at a "
                                "multiple of 0x1000 behind the table (see --table-offset).",
                                "%s: ota_0 starts at 0x%X, but the table lies at 0x%X", path,
                                (unsigned)c->slot->offset, (unsigned)c->table_off);
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit put_bootloader(struct updraft_cli *cli, struct combination *c)
{
    const char *path = updraft_args_value(&cli->args, "bootloader");
    struct updraft_file *file = &c->files[BOOTLOADER];
    uint32_t room = c->table_off - UPDRAFT_PACKED_FLASH_OFF;
    enum updraft_exit exit = updraft_file_read(path, file, &cli->fail);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    if (file->len == 0 || file->data[0] != UPDRAFT_IMAGE_MAGIC)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "not_an_image",
                                "Give the boot loader that the RTOS SDK built, bootloader.bin.",
                                "%s: this is no boot loader: its first byte is not 0xE9", path);
    if (file->len > room)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "too_large",
                                "Make it smaller, or move the table up with --table-offset.",
                                "%s: the boot loader has %zu bytes, but only %u fit before the "
                                "partition table",
                                path, file->len, (unsigned)room);
    put_item(c, BOOTLOADER, 0);
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit put_phy(struct updraft_cli *cli, struct combination *c)
{
    const char *path = updraft_args_value(&cli->args, "phy");
    const struct updraft_partition *row =
        updraft_ptable_find(&c->table, UPDRAFT_PART_TYPE_DATA, UPDRAFT_PART_DATA_PHY);
    enum updraft_exit exit;

    if (!path)
        return UPDRAFT_EXIT_OK;
    exit = updraft_file_read(path, &c->files[PHY], &cli->fail);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    if (!row)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "no_partition",
                                "Add a row 'phy_init,data,phy,...' in front of ota_0, or leave "
                                "--phy away.",
                                "the partition table has no phy partition for %s", path);
    if (c->files[PHY].len == 0 || c->files[PHY].len > row->size)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "too_large",
                                "Give the RF init data of the build, phy_init_data.bin.",
                                "%s has %zu bytes, but the partition '%s' holds 1 to %u", path,
                                c->files[PHY].len, row->label, (unsigned)row->size);
    if (row->offset > c->slot->offset)
        return updraft_fail_set(
            &cli->fail, UPDRAFT_EXIT_INPUT, "overlap", "Put the phy partition in front of ota_0.",
            "the app must be the last part, but '%s' lies behind ota_0", row->label);
    put_item(c, PHY, row->offset);
    return UPDRAFT_EXIT_OK;
}

/* The code of an ESP8266 runs where it lies, so it fits one place of each megabyte only. */
static enum updraft_exit check_link(struct updraft_cli *cli, const struct combination *c,
                                    const struct updraft_inspection *image)
{
    uint32_t wanted = MAPPED_8266_ADDR + c->slot->offset % WINDOW_8266_LEN;

    if (image->info.chip_id != UPDRAFT_CHIP_ESP8266)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "wrong_chip",
                                "Only the ESP8266 has an old SDK to come from.",
                                "the app is for %s", updraft_chip_name(image->info.chip_id));
    if (image->info.kind != UPDRAFT_IMAGE_ESP8266_V3)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "unsupported",
                                "Build it with ESP8266_RTOS_SDK 3.0 or later.",
                                "the app is an image of an old SDK or a boot loader");
    if (image->segments[0].addr != wanted)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "wrong_link_address",
                                "Link it for the ota_0 of this very table.",
                                "the app is linked for 0x%X, but in ota_0 at 0x%X its code stands "
                                "at 0x%X",
                                (unsigned)image->segments[0].addr, (unsigned)c->slot->offset,
                                (unsigned)wanted);
    if (image->trailing_len > 0)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "wrong_length",
                                "Give the image as the build made it, nothing appended.",
                                "%u bytes follow the end of the app",
                                (unsigned)image->trailing_len);
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit put_app(struct updraft_cli *cli, struct combination *c)
{
    const char *path = updraft_args_value(&cli->args, "app");
    struct updraft_file *file = &c->files[APP];
    struct updraft_inspection image;
    enum updraft_exit exit = updraft_inspect_file(path, file, &image, &cli->fail);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    if (updraft_file_is_gzip(file))
        exit = updraft_fail_code(&cli->fail, UPDRAFT_EXIT_INPUT, UPDRAFT_E_UNSUPPORTED);
    else
        exit = check_link(cli, c, &image);
    if (exit == UPDRAFT_EXIT_OK && (uint64_t)file->len + CRC_LEN > c->slot->size)
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "too_large",
                                "Make the app smaller or the slot larger.",
                                "the app and the CRC behind it have %zu bytes, but ota_0 holds %u",
                                file->len + CRC_LEN, (unsigned)c->slot->size);
    if (exit != UPDRAFT_EXIT_OK)
        return updraft_fail_wrap(&cli->fail, exit, "%s", path);
    put_item(c, APP, c->slot->offset);
    return UPDRAFT_EXIT_OK;
}

/* A slot or the boot record there would overwrite what the old boot loader goes by. */
static bool covers(const struct updraft_ptable *table, uint32_t start, uint32_t end)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct updraft_partition *row = &table->entries[i];

        if (row->offset < end && start < row->offset + row->size)
            return true;
    }
    return false;
}

static bool may_unpack(const struct combination *c, const struct updraft_oldsdk_map *map)
{
    return updraft_oldsdk_has_room(map, c->slot->offset + c->slot->size) &&
           !covers(&c->table, updraft_oldsdk_params_start(map), map->flash_len);
}

/* The old layouts that can unpack it also where it came into the second user image. */
static void list_layouts(const struct combination *c, cJSON *result)
{
    static const char *const names[] = {"512KB",  "256KB",  "1MB", "2MB", "4MB",
                                        "2MB-c1", "4MB-c1", "",    "8MB", "16MB"};
    cJSON *list = cJSON_AddArrayToObject(result, "old_layouts");

    for (uint8_t nibble = 0; nibble < sizeof names / sizeof names[0]; nibble++) {
        struct updraft_oldsdk_map map;

        if (updraft_oldsdk_map_find(nibble, &map) && may_unpack(c, &map))
            cJSON_AddItemToArray(list, cJSON_CreateString(names[nibble]));
    }
}

static void add_facts(const struct combination *c, const uint8_t *out, size_t len, cJSON *result)
{
    cJSON *parts = cJSON_AddArrayToObject(result, "parts");
    struct updraft_digest digest;
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    char crc[9];

    for (int i = 0; i < PART_COUNT; i++) {
        uint32_t addr = i == BOOTLOADER ? UPDRAFT_PACKED_FLASH_OFF : c->items[i].addr;
        cJSON *part;

        if (!c->items[i].data)
            continue;
        part = cJSON_CreateObject();
        cJSON_AddStringToObject(part, "part", part_names[i]);
        cJSON_AddNumberToObject(part, "address", addr);
        cJSON_AddNumberToObject(part, "offset", addr - UPDRAFT_PACKED_FLASH_OFF);
        cJSON_AddNumberToObject(part, "size", c->items[i].len);
        cJSON_AddItemToArray(parts, part);
    }
    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, out, len);
    updraft_digest_finish(&digest, sha256);
    snprintf(crc, sizeof crc, "%08x", (unsigned)updraft_get_le32(out + len - CRC_LEN));
    cJSON_AddNumberToObject(result, "size", (double)len);
    cJSON_AddStringToObject(result, "crc", crc);
    updraft_json_hex(result, "sha256", sha256, sizeof sha256);
    cJSON_AddNumberToObject(result, "table_offset", c->table_off);
    list_layouts(c, result);
}

static enum updraft_exit give(struct updraft_cli *cli, const struct combination *c, cJSON *result)
{
    const char *output = updraft_args_value(&cli->args, "output");
    struct updraft_packed_item items[PART_COUNT];
    size_t count = 0;
    size_t cap = c->items[APP].addr + c->items[APP].len + CRC_LEN;
    size_t len = 0;
    uint8_t *out = malloc(cap);
    enum updraft_error error;
    enum updraft_exit exit;

    if (!out)
        return updraft_fail_code(&cli->fail, UPDRAFT_EXIT_FAILED, UPDRAFT_E_NO_SPACE);
    for (int i = 0; i < PART_COUNT; i++)
        if (c->items[i].data)
            items[count++] = c->items[i];
    error = updraft_packed_encode(items, count, out, cap, &len);
    if (error == UPDRAFT_OK) {
        exit = updraft_file_write(output, out, len, 0644, &cli->fail);
    } else {
        exit = updraft_fail_code(&cli->fail, UPDRAFT_EXIT_INPUT, error);
    }
    if (exit == UPDRAFT_EXIT_OK) {
        cJSON_AddStringToObject(result, "file", output);
        add_facts(c, out, len, result);
    }
    free(out);
    return exit;
}

static enum updraft_exit run(struct updraft_cli *cli, cJSON *result)
{
    struct combination c = {0};
    enum updraft_exit exit = read_options(cli, &c);

    if (exit == UPDRAFT_EXIT_OK)
        exit = put_table(cli, &c);
    if (exit == UPDRAFT_EXIT_OK)
        exit = put_bootloader(cli, &c);
    if (exit == UPDRAFT_EXIT_OK)
        exit = put_phy(cli, &c);
    if (exit == UPDRAFT_EXIT_OK)
        exit = put_app(cli, &c);
    if (exit == UPDRAFT_EXIT_OK)
        exit = give(cli, &c, result);
    for (int i = 0; i < PART_COUNT; i++)
        updraft_file_free(&c.files[i]);
    return exit;
}

static void show(const struct updraft_cli *cli, const cJSON *result)
{
    static const struct updraft_out_column columns[] = {
        {"part", "part", UPDRAFT_OUT_PLAIN},
        {"flash address", "address", UPDRAFT_OUT_HEX},
        {"in the file", "offset", UPDRAFT_OUT_HEX},
        {"bytes", "size", UPDRAFT_OUT_BYTES},
        {0},
    };

    if (cli->quiet || !cJSON_HasObjectItem(result, "file"))
        return;
    updraft_out_member("file", result, "file", UPDRAFT_OUT_PLAIN);
    updraft_out_member("size", result, "size", UPDRAFT_OUT_BYTES);
    updraft_out_member("crc", result, "crc", UPDRAFT_OUT_PLAIN);
    updraft_out_member("sha256", result, "sha256", UPDRAFT_OUT_PLAIN);
    updraft_out_member("from", result, "old_layouts", UPDRAFT_OUT_LIST);
    updraft_out_table(cJSON_GetObjectItemCaseSensitive(result, "parts"), columns, "");
    if (cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(result, "old_layouts")) == 0)
        fputs("updraft: warning: no old flash layout has room to unpack this; only a device that "
              "writes it to its first user image can start it\n",
              stderr);
}

const struct updraft_command updraft_command_image_combine = {
    .name = "image combine",
    .summary = "combine boot loader, table and app for a device with an old ESP8266 SDK",
    .usage = "-o FILE --bootloader FILE --table CSV --app FILE [--phy FILE] [--table-offset ADDR]",
    .about =
        "An ESP8266 with an SDK before 3.0 takes the file for an update of its own; on the first "
        "boot\n"
        "the new boot loader unpacks itself, table and app to where they belong. File offset x is\n"
        "flash address x + 0x1000; a CRC ends the file. Rows are placed as by the RTOS SDK. "
        "'from'\n"
        "names the old flash layouts (by the size in the old boot loader) that can unpack it.\n",
    .examples =
        "  updraft image combine -o upgrade.bin --bootloader bootloader.bin --table two-slots.csv "
        "--app app.bin\n"
        "  updraft image combine -o upgrade.bin --bootloader bootloader.bin --table 1mb.csv "
        "--table-offset 0x5000 --app app.bin --phy phy_init_data.bin\n",
    .options = options,
    .run = run,
    .show = show,
};
