#include "cli/dump.h"

#include "format/bytes.h"
#include "format/chip.h"

#include <stdlib.h>
#include <string.h>

#define SEARCH_END   0x20000u
#define FLASH_MIN    0x100000u /* smallest flash that carries a partition table: 1 MB */
#define FLASH_CAP    0x10000000u
#define BOOT_BUF_LEN 4096u

static bool has_table(const uint8_t *bytes, size_t len, uint32_t off, bool want_digest,
                      struct updraft_ptable *table)
{
    size_t room;

    if (off >= len)
        return false;
    room = len - off < UPDRAFT_PTABLE_LEN ? len - off : UPDRAFT_PTABLE_LEN;
    return updraft_ptable_decode(bytes + off, room, 0, table, NULL) == UPDRAFT_OK &&
           table->count > 0 && (table->has_digest || !want_digest);
}

bool updraft_dump_find_table(const uint8_t *bytes, size_t len, uint32_t table_off,
                             uint32_t *found_off)
{
    struct updraft_inspection first;
    struct updraft_ptable table;
    uint32_t found = table_off ? table_off : UPDRAFT_PTABLE_DEFAULT_OFF;

    if (!has_table(bytes, len, found, false, &table)) {
        if (table_off)
            return false;
        /* Elsewhere only a table with its digest counts: chance does not bring forth an MD5. */
        for (found = UPDRAFT_PTABLE_REGION_LEN; found < SEARCH_END;
             found += UPDRAFT_PTABLE_REGION_LEN)
            if (has_table(bytes, len, found, true, &table))
                break;
        if (found >= SEARCH_END)
            return false;
    }
    updraft_inspect_image(bytes, len, &first);
    if (first.ended && first.info.image_len > found)
        return false;
    *found_off = found;
    return true;
}

/* The flash the dump was taken from: holds the file and every partition, a power of two. */
static uint32_t flash_size_of(const struct updraft_ptable *table, size_t file_len)
{
    uint64_t end = file_len;
    uint32_t size = FLASH_MIN;

    for (size_t i = 0; i < table->count; i++) {
        uint64_t row_end = (uint64_t)table->entries[i].offset + table->entries[i].size;

        if (row_end > end)
            end = row_end;
    }
    while (size < end && size < FLASH_CAP)
        size *= 2;
    return size < end ? 0 : size;
}

/* The boot loader knows its chip; without one, the first app that verifies does. */
static uint16_t chip_of(const struct updraft_dump *dump)
{
    const uint8_t *bytes = dump->memflash.bytes;
    struct updraft_inspection image;

    for (size_t i = 0; updraft_chip_row(i); i++) {
        const struct updraft_chip *chip = updraft_chip_row(i);
        const uint8_t *head = bytes + chip->bootloader_off;

        if (chip->id == UPDRAFT_CHIP_ESP8266 || head[0] != UPDRAFT_IMAGE_MAGIC ||
            updraft_get_le16(head + 12) != chip->id || chip->bootloader_off >= dump->table_off)
            continue;
        updraft_inspect_image(head, dump->table_off - chip->bootloader_off, &image);
        if (image.ended && image.info.chip_id == chip->id)
            return chip->id;
    }
    for (size_t i = 0; i < dump->table.count; i++) {
        const struct updraft_partition *row = &dump->table.entries[i];

        if (row->type != UPDRAFT_PART_TYPE_APP)
            continue;
        updraft_dump_inspect(dump, (struct updraft_extent){row->offset, row->size}, &image);
        if (image.verdict == UPDRAFT_OK)
            return image.info.chip_id;
    }
    return UPDRAFT_CHIP_UNKNOWN;
}

enum updraft_exit updraft_dump_open(struct updraft_dump *dump, const uint8_t *bytes, size_t len,
                                    uint32_t table_off, struct updraft_fail *fail)
{
    uint32_t size;
    uint8_t *padded;

    memset(dump, 0, sizeof *dump);
    if (!updraft_dump_find_table(bytes, len, table_off, &dump->table_off) ||
        !has_table(bytes, len, dump->table_off, false, &dump->table))
        return updraft_fail_set(fail, UPDRAFT_EXIT_INPUT, "not_a_dump",
                                "Give a dump that begins at flash address 0; name the table's "
                                "place with --table-offset when it is an unusual one.",
                                "this is no flash dump: it holds no valid partition table");
    size = flash_size_of(&dump->table, len);
    padded = size ? malloc(size) : NULL;
    if (!padded)
        return updraft_fail_set(fail, UPDRAFT_EXIT_INPUT, "table_outside_flash",
                                "Check the partition table.",
                                "the partition table speaks of more flash than any chip has");
    memset(padded, 0xFF, size);
    memcpy(padded, bytes, len);
    updraft_memflash_init(&dump->memflash, padded, size);
    dump->file_len = len;
    dump->chip_id = chip_of(dump);
    return UPDRAFT_EXIT_OK;
}

enum updraft_exit updraft_dump_read(struct updraft_dump *dump, const char *path, uint32_t table_off,
                                    struct updraft_fail *fail)
{
    struct updraft_file file = {0};
    enum updraft_exit exit = updraft_file_read(path, &file, fail);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    exit = updraft_dump_open(dump, file.data, file.len, table_off, fail);
    updraft_file_free(&file);
    return exit == UPDRAFT_EXIT_OK ? exit : updraft_fail_wrap(fail, exit, "%s", path);
}

void updraft_dump_close(struct updraft_dump *dump)
{
    free(dump->memflash.bytes);
    dump->memflash.bytes = NULL;
}

void updraft_dump_inspect(const struct updraft_dump *dump, struct updraft_extent extent,
                          struct updraft_inspection *out)
{
    const uint8_t *bytes;
    uint32_t used = extent.len;

    if (extent.addr >= dump->memflash.flash.size ||
        extent.len > dump->memflash.flash.size - extent.addr)
        extent.len = used = 0;
    bytes = dump->memflash.bytes + (extent.len ? extent.addr : 0);
    updraft_inspect_image(bytes, extent.len, out);
    while (used > out->info.image_len && bytes[used - 1] == 0xFF)
        used--;
    if (out->ended)
        out->trailing_len = used - out->info.image_len;
}

void updraft_dump_boot(const struct updraft_dump *dump, const struct updraft_boot_rules *rules,
                       struct updraft_dump_boot *boot)
{
    uint8_t buf[BOOT_BUF_LEN];
    const struct updraft_boot_config config = {
        .flash = &dump->memflash.flash,
        .table_addr = dump->table_off,
        .chip_id = dump->chip_id,
        .verify = updraft_slot_verify_any,
        .rules = rules,
        .cause = UPDRAFT_RESET_POWER_ON,
        .dry_run = true,
        .buf = buf,
        .buf_cap = sizeof buf,
    };

    memset(&boot->result, 0, sizeof boot->result);
    boot->result.slot = UPDRAFT_SLOT_NONE;
    boot->result.chosen = UPDRAFT_SLOT_NONE;
    boot->error = updraft_boot_run(&config, &boot->result);
}

enum updraft_exit updraft_dump_rules(const char *name, bool rollback,
                                     const struct updraft_boot_rules **rules,
                                     struct updraft_fail *fail)
{
    if (!name)
        *rules = rollback ? &updraft_boot_rules_stock_rollback : &updraft_boot_rules_stock;
    else if (!strcmp(name, "stock"))
        *rules = rollback ? &updraft_boot_rules_stock_rollback : &updraft_boot_rules_stock;
    else if (!strcmp(name, "rollback"))
        *rules = &updraft_boot_rules_stock_rollback;
    else if (!strcmp(name, "updraft") && !rollback)
        *rules = &updraft_boot_rules_updraft;
    else
        return updraft_fail_set(fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Use --rules stock, --rules rollback or --rules updraft.",
                                "there are no boot rules '%s'%s", name,
                                rollback ? " with --rollback" : "");
    return UPDRAFT_EXIT_OK;
}
