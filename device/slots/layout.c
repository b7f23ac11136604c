#include "device/slots/slots.h"

#include "format/digest.h"

#include <string.h>

struct updraft_extent updraft_layout_extent(const struct updraft_layout *layout, int slot)
{
    struct updraft_extent none = {0, 0};

    if (slot == UPDRAFT_SLOT_FACTORY)
        return layout->factory;
    if (slot == UPDRAFT_SLOT_TEST)
        return layout->test;
    /* A slot beyond the count is never booted, so it is none. */
    if (slot >= 0 && slot < UPDRAFT_SLOT_CAP && slot < layout->ota_count)
        return layout->ota[slot];
    return none;
}

static bool is_aligned(struct updraft_extent extent)
{
    return extent.addr % UPDRAFT_OTADATA_SECTOR_LEN == 0;
}

static bool is_apart(struct updraft_extent a, struct updraft_extent b)
{
    return a.len == 0 || b.len == 0 || a.addr + a.len <= b.addr || b.addr + b.len <= a.addr;
}

/* What an update relies on: slots and boot record start at a sector, and none shares flash with
 * another or with the table. */
static bool is_sane(const struct updraft_layout *layout, uint32_t table_addr)
{
    struct updraft_extent parts[UPDRAFT_SLOT_CAP + 4] = {
        layout->factory,
        layout->test,
        layout->otadata,
        {table_addr, UPDRAFT_PTABLE_REGION_LEN},
    };

    memcpy(parts + 4, layout->ota, sizeof layout->ota);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!is_aligned(parts[i]))
            return false;
        for (size_t j = 0; j < i; j++) {
            if (!is_apart(parts[i], parts[j]))
                return false;
        }
    }
    return true;
}

/* Only whole sectors of a slot can be erased, so only they count. */
static void add_partition(struct updraft_layout *layout, const struct updraft_partition *partition)
{
    struct updraft_extent extent = {partition->offset,
                                    partition->size & ~(UPDRAFT_OTADATA_SECTOR_LEN - 1u)};

    if (partition->type == UPDRAFT_PART_TYPE_DATA) {
        if (partition->subtype == UPDRAFT_PART_DATA_OTA && partition->size >= UPDRAFT_OTADATA_LEN &&
            layout->otadata.len == 0)
            layout->otadata = extent;
        return;
    }
    if (partition->type != UPDRAFT_PART_TYPE_APP)
        return;
    if (partition->subtype == UPDRAFT_PART_APP_FACTORY) {
        layout->factory = extent;
    } else if (partition->subtype == UPDRAFT_PART_APP_TEST) {
        layout->test = extent;
    } else if (partition->subtype >= UPDRAFT_PART_APP_OTA_0 &&
               partition->subtype <= UPDRAFT_PART_APP_OTA_15) {
        layout->ota[partition->subtype - UPDRAFT_PART_APP_OTA_0] = extent;
        layout->ota_count++;
    }
}

/* Walks the records of a table: the one place that knows how it ends and what its digest covers.
 * Calls visit for every partition; a visit that returns false ends the walk early. */
static enum updraft_error walk_table(const struct updraft_flash *flash, uint32_t table_addr,
                                     bool (*visit)(void *ctx, const struct updraft_partition *),
                                     void *ctx)
{
    struct updraft_digest digest;
    bool digest_seen = false;

    updraft_digest_start(&digest, UPDRAFT_DIGEST_MD5);
    for (uint32_t i = 0; i < UPDRAFT_PTABLE_LEN / UPDRAFT_PTABLE_RECORD_LEN; i++) {
        uint8_t record[UPDRAFT_PTABLE_RECORD_LEN];
        uint8_t md5[UPDRAFT_MD5_LEN];
        struct updraft_partition partition;
        enum updraft_error error = flash->read(
            flash->ctx, table_addr + i * UPDRAFT_PTABLE_RECORD_LEN, record, sizeof record);

        if (error != UPDRAFT_OK)
            return error;
        switch (updraft_partition_decode(record, &partition)) {
        case UPDRAFT_RECORD_PARTITION:
            if (partition.offset > flash->size || partition.size > flash->size - partition.offset)
                return UPDRAFT_E_TABLE_BOUNDS;
            if (!visit(ctx, &partition))
                return UPDRAFT_OK;
            if (!digest_seen)
                updraft_digest_update(&digest, record, sizeof record);
            break;
        case UPDRAFT_RECORD_DIGEST:
            if (digest_seen)
                return UPDRAFT_E_TABLE_DIGEST;
            updraft_digest_finish(&digest, md5);
            if (memcmp(md5, record + 16, sizeof md5) != 0)
                return UPDRAFT_E_TABLE_DIGEST;
            digest_seen = true;
            break;
        case UPDRAFT_RECORD_END:
            return i > 0 ? UPDRAFT_OK : UPDRAFT_E_TABLE_RECORD;
        case UPDRAFT_RECORD_BAD:
            return UPDRAFT_E_TABLE_RECORD;
        }
    }
    return UPDRAFT_E_TABLE_RECORD; /* no end marker */
}

static bool visit_layout(void *ctx, const struct updraft_partition *partition)
{
    add_partition(ctx, partition);
    return true;
}

enum updraft_error updraft_layout_read(const struct updraft_flash *flash, uint32_t table_addr,
                                       struct updraft_layout *layout)
{
    struct updraft_layout read = {0};
    enum updraft_error error = walk_table(flash, table_addr, visit_layout, &read);

    if (error != UPDRAFT_OK)
        return error;
    if (!is_sane(&read, table_addr))
        return UPDRAFT_E_TABLE_OVERLAP;
    *layout = read;
    return UPDRAFT_OK;
}

struct label_search {
    const char *label;
    struct updraft_partition found;
    bool is_found;
};

static bool visit_label(void *ctx, const struct updraft_partition *partition)
{
    struct label_search *search = ctx;

    if (strcmp(partition->label, search->label) != 0)
        return true;
    search->found = *partition;
    search->is_found = true;
    return false;
}

enum updraft_error updraft_layout_find_label(const struct updraft_flash *flash, uint32_t table_addr,
                                             const char *label, struct updraft_partition *out)
{
    struct label_search search = {.label = label};
    enum updraft_error error = walk_table(flash, table_addr, visit_label, &search);

    if (error != UPDRAFT_OK)
        return error;
    if (!search.is_found)
        return UPDRAFT_E_NO_PARTITION;
    *out = search.found;
    return UPDRAFT_OK;
}
