/* The layout that a device reads row by row against the table as it is decoded whole. */
#include "device/slots/slots.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_ADDR 0x8000u
#define FLASH_LEN  0x400000u

static enum updraft_error read_table(void *ctx, uint32_t addr, void *buf, uint32_t len)
{
    if (addr < TABLE_ADDR || addr - TABLE_ADDR + len > UPDRAFT_PTABLE_LEN)
        abort();
    memcpy(buf, (const uint8_t *)ctx + (addr - TABLE_ADDR), len);
    return UPDRAFT_OK;
}

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_parts(const struct updraft_layout *layout, const struct updraft_ptable *table)
{
    unsigned ota_count = 0;

    for (size_t i = 0; i < table->count; i++) {
        const struct updraft_partition *row = &table->entries[i];

        if (row->type == UPDRAFT_PART_TYPE_APP && row->subtype >= UPDRAFT_PART_APP_OTA_0 &&
            row->subtype <= UPDRAFT_PART_APP_OTA_15)
            ota_count++;
    }
    check(layout->ota_count == ota_count);
    for (int slot = UPDRAFT_SLOT_TEST; slot < UPDRAFT_SLOT_CAP; slot++) {
        uint8_t subtype = slot == UPDRAFT_SLOT_TEST ? UPDRAFT_PART_APP_TEST
                          : slot == UPDRAFT_SLOT_FACTORY
                              ? UPDRAFT_PART_APP_FACTORY
                              : (uint8_t)(UPDRAFT_PART_APP_OTA_0 + (unsigned)slot);
        struct updraft_extent extent = updraft_layout_extent(layout, slot);
        const struct updraft_partition *last = NULL;

        for (size_t i = 0; i < table->count; i++) {
            if (table->entries[i].type == UPDRAFT_PART_TYPE_APP &&
                table->entries[i].subtype == subtype)
                last = &table->entries[i];
        }
        if (last == NULL || slot >= layout->ota_count)
            check(extent.len == 0 || last != NULL);
        else
            check(extent.addr == last->offset && extent.len == (last->size & ~0xFFFu));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct updraft_ptable table;
    uint8_t bytes[UPDRAFT_PTABLE_LEN];
    const struct updraft_flash flash = {.ctx = bytes, .read = read_table, .size = FLASH_LEN};
    struct updraft_layout layout;
    struct updraft_row row;
    enum updraft_error decoded, error;

    memset(bytes, 0xFF, sizeof bytes);
    memcpy(bytes, data, len < sizeof bytes ? len : sizeof bytes);
    decoded = updraft_ptable_decode(bytes, sizeof bytes, FLASH_LEN, &table, NULL);
    error = updraft_layout_read(&flash, TABLE_ADDR, &layout);
    if (decoded != UPDRAFT_OK) /* the device takes rows behind the digest, as boot loaders do */
        return 0;
    check(error == UPDRAFT_OK || error == UPDRAFT_E_TABLE_OVERLAP);
    if (error == UPDRAFT_OK)
        check_parts(&layout, &table);
    for (size_t i = 0; i < table.count; i++) {
        const char *label = table.entries[i].label;
        const struct updraft_partition *first = updraft_ptable_find_label(&table, label);

        check(first != NULL);
        check(updraft_layout_find_label(&flash, TABLE_ADDR, label, &row) == UPDRAFT_OK);
        check(row.type == first->type && row.subtype == first->subtype &&
              row.extent.addr == first->offset && row.extent.len == first->size);
    }
    return 0;
}
