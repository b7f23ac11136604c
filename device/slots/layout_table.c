#include "device/slots/slots.h"

#include "device/flash/access.h"
#include "format/bytes.h"
#include "format/digest.h"

#include <string.h>

/* A walk over the rows of a table: the one place that knows how it ends and what its digest covers. */
struct walk {
    const struct updraft_flash *flash;
    uint32_t addr; /* of the next record */
    uint8_t left;  /* records that may still come */
    bool digest_seen;
    bool ended;
    uint8_t record[UPDRAFT_PTABLE_RECORD_LEN]; /* where it stands, */
    struct updraft_row row;                    /* and what it says of the flash */
    struct updraft_digest digest;
};

static void begin_walk(struct walk *walk, const struct updraft_flash *flash, uint32_t table_addr)
{
    walk->flash = flash;
    walk->addr = table_addr;
    walk->left = UPDRAFT_PTABLE_RECORD_CAP;
    walk->digest_seen = false;
    walk->ended = false;
    updraft_digest_start(&walk->digest, UPDRAFT_DIGEST_MD5);
}

static enum updraft_error pass_partition(struct walk *walk)
{
    const uint8_t *record = walk->record;
    uint32_t size = walk->flash->size;

    if (!walk->digest_seen)
        updraft_digest_update(&walk->digest, record, sizeof walk->record);
    walk->row.type = record[UPDRAFT_PART_TYPE_OFF];
    walk->row.subtype = record[UPDRAFT_PART_SUBTYPE_OFF];
    walk->row.extent.addr = updraft_get_le32(record + UPDRAFT_PART_OFFSET_OFF);
    walk->row.extent.len = updraft_get_le32(record + UPDRAFT_PART_SIZE_OFF);
    return walk->row.extent.addr <= size && walk->row.extent.len <= size - walk->row.extent.addr
               ? UPDRAFT_OK
               : UPDRAFT_E_TABLE_BOUNDS;
}

static enum updraft_error pass_digest(struct walk *walk)
{
    uint8_t md5[UPDRAFT_MD5_LEN];

    if (walk->digest_seen)
        return UPDRAFT_E_TABLE_DIGEST;
    walk->digest_seen = true;
    updraft_digest_finish(&walk->digest, md5);
    return memcmp(md5, walk->record + UPDRAFT_PTABLE_MD5_OFF, sizeof md5) == 0
               ? UPDRAFT_OK
               : UPDRAFT_E_TABLE_DIGEST;
}

/* Goes to the next partition, or to the end. */
static enum updraft_error step(struct walk *walk)
{
    while (walk->left-- > 0) {
        const struct updraft_flash *flash = walk->flash;
        enum updraft_record_kind kind;
        enum updraft_error error =
            updraft_flash_read(flash, walk->addr, walk->record, sizeof walk->record);

        if (error != UPDRAFT_OK)
            return error;
        walk->addr += UPDRAFT_PTABLE_RECORD_LEN;
        kind = updraft_partition_kind(walk->record);
        if (kind == UPDRAFT_RECORD_PARTITION)
            return pass_partition(walk);
        if (kind == UPDRAFT_RECORD_END && walk->left < UPDRAFT_PTABLE_RECORD_CAP - 1u) {
            walk->ended = true;
            return UPDRAFT_OK;
        }
        /* An end marker in front is erased flash, not an empty table. */
        if (kind != UPDRAFT_RECORD_DIGEST)
            return UPDRAFT_E_TABLE_RECORD;
        error = pass_digest(walk);
        if (error != UPDRAFT_OK)
            return error;
    }
    return UPDRAFT_E_TABLE_RECORD; /* no end marker */
}

/* Keeps what the row says, if it is one of the parts. */
static void keep(struct updraft_layout *layout, const struct updraft_row *row)
{
    uint8_t type = row->type;
    uint8_t subtype = row->subtype;
    struct updraft_extent *part;

    if (type == UPDRAFT_PART_TYPE_DATA && subtype == UPDRAFT_PART_DATA_OTA) {
        if (row->extent.len < UPDRAFT_OTADATA_LEN || layout->otadata.len != 0)
            return;
        part = &layout->otadata;
    } else if (type != UPDRAFT_PART_TYPE_APP) {
        return;
    } else if (subtype == UPDRAFT_PART_APP_FACTORY) {
        part = &layout->factory;
    } else if (subtype == UPDRAFT_PART_APP_TEST) {
        part = &layout->test;
    } else if (subtype >= UPDRAFT_PART_APP_OTA_0 && subtype <= UPDRAFT_PART_APP_OTA_15) {
        part = &layout->ota[subtype - UPDRAFT_PART_APP_OTA_0];
        layout->ota_count++;
    } else {
        return;
    }
    part->addr = row->extent.addr;
    /* Only whole sectors of a slot can be erased, so only they count. */
    part->len = row->extent.len & ~(UPDRAFT_OTADATA_SECTOR_LEN - 1u);
}

enum updraft_error updraft_layout_read(const struct updraft_flash *flash, uint32_t table_addr,
                                       struct updraft_layout *layout)
{
    struct walk walk;
    enum updraft_error error;

    memset(layout, 0, sizeof *layout);
    layout->table = (struct updraft_extent){table_addr, UPDRAFT_PTABLE_REGION_LEN};
    begin_walk(&walk, flash, table_addr);
    for (;;) {
        error = step(&walk);
        if (error != UPDRAFT_OK)
            return error;
        if (walk.ended)
            return updraft_layout_is_sane(layout, flash->size) ? UPDRAFT_OK
                                                               : UPDRAFT_E_TABLE_OVERLAP;
        keep(layout, &walk.row);
    }
}

/* A label may fill all of its field. */
static bool has_label(const uint8_t *record, const char *label)
{
    for (size_t i = 0; i < UPDRAFT_LABEL_LEN; i++) {
        if (record[UPDRAFT_PART_LABEL_OFF + i] != (uint8_t)label[i])
            return false;
        if (label[i] == '\0')
            return true;
    }
    return label[UPDRAFT_LABEL_LEN] == '\0';
}

enum updraft_error updraft_layout_find_label(const struct updraft_flash *flash, uint32_t table_addr,
                                             const char *label, struct updraft_row *out)
{
    struct walk walk;

    begin_walk(&walk, flash, table_addr);
    for (;;) {
        enum updraft_error error = step(&walk);

        if (error != UPDRAFT_OK)
            return error;
        if (walk.ended)
            return UPDRAFT_E_NO_PARTITION;
        if (has_label(walk.record, label)) {
            *out = walk.row;
            return UPDRAFT_OK;
        }
    }
}
