#include "format/ptable.h"

#include "format/bytes.h"
#include "format/digest.h"

#include <string.h>

#define FLAGS_OFF 28u

_Static_assert(UPDRAFT_PART_LABEL_OFF + UPDRAFT_LABEL_LEN == FLAGS_OFF,
               "the flags follow the label");
_Static_assert(FLAGS_OFF + 4u == UPDRAFT_PTABLE_RECORD_LEN, "the flags end the record");
_Static_assert(UPDRAFT_PTABLE_MD5_OFF + UPDRAFT_MD5_LEN == UPDRAFT_PTABLE_RECORD_LEN,
               "the MD5 ends its record");
_Static_assert(UPDRAFT_PTABLE_CAP == UPDRAFT_PTABLE_RECORD_CAP - 1u,
               "the end marker needs a record");
_Static_assert(UPDRAFT_PTABLE_LEN < UPDRAFT_PTABLE_REGION_LEN, "a signature may follow");

enum updraft_record_kind updraft_partition_kind(const uint8_t record[UPDRAFT_PTABLE_RECORD_LEN])
{
    switch (updraft_get_le16(record)) {
    case 0x50AA:
        return UPDRAFT_RECORD_PARTITION;
    case 0xEBEB:
        return UPDRAFT_RECORD_DIGEST;
    case 0xFFFF: /* boot loaders look at four bytes only */
        return updraft_get_le16(record + UPDRAFT_PART_TYPE_OFF) == 0xFFFF ? UPDRAFT_RECORD_END
                                                                          : UPDRAFT_RECORD_BAD;
    default:
        return UPDRAFT_RECORD_BAD;
    }
}

enum updraft_record_kind updraft_partition_decode(const uint8_t record[UPDRAFT_PTABLE_RECORD_LEN],
                                                  struct updraft_partition *partition)
{
    enum updraft_record_kind kind = updraft_partition_kind(record);
    size_t label_len = 0;

    if (kind != UPDRAFT_RECORD_PARTITION)
        return kind;
    partition->type = record[UPDRAFT_PART_TYPE_OFF];
    partition->subtype = record[UPDRAFT_PART_SUBTYPE_OFF];
    partition->offset = updraft_get_le32(record + UPDRAFT_PART_OFFSET_OFF);
    partition->size = updraft_get_le32(record + UPDRAFT_PART_SIZE_OFF);
    partition->flags = updraft_get_le32(record + FLAGS_OFF);
    while (label_len < UPDRAFT_LABEL_LEN && record[UPDRAFT_PART_LABEL_OFF + label_len] != 0)
        label_len++;
    memset(partition->label, 0, sizeof(partition->label));
    memcpy(partition->label, record + UPDRAFT_PART_LABEL_OFF, label_len);
    return UPDRAFT_RECORD_PARTITION;
}

void updraft_partition_encode(const struct updraft_partition *partition,
                              uint8_t record[UPDRAFT_PTABLE_RECORD_LEN])
{
    memset(record, 0, UPDRAFT_PTABLE_RECORD_LEN);
    record[0] = 0xAA;
    record[1] = 0x50;
    record[UPDRAFT_PART_TYPE_OFF] = partition->type;
    record[UPDRAFT_PART_SUBTYPE_OFF] = partition->subtype;
    updraft_put_le32(record + UPDRAFT_PART_OFFSET_OFF, partition->offset);
    updraft_put_le32(record + UPDRAFT_PART_SIZE_OFF, partition->size);
    for (size_t i = 0; i < UPDRAFT_LABEL_LEN && partition->label[i] != '\0'; i++)
        record[UPDRAFT_PART_LABEL_OFF + i] = (uint8_t)partition->label[i];
    updraft_put_le32(record + FLAGS_OFF, partition->flags);
}

static void digest_records(const uint8_t *bytes, size_t len, uint8_t md5[UPDRAFT_MD5_LEN])
{
    struct updraft_digest digest;

    updraft_digest_start(&digest, UPDRAFT_DIGEST_MD5);
    updraft_digest_update(&digest, bytes, len);
    updraft_digest_finish(&digest, md5);
}

static enum updraft_error fail(struct updraft_failure *failure, enum updraft_error code, uint32_t a,
                               uint32_t b)
{
    if (failure != NULL)
        updraft_failure_set(failure, code, a, b, NULL);
    return code;
}

static enum updraft_error check_bounds(const struct updraft_partition *partition,
                                       uint32_t flash_size, struct updraft_failure *failure)
{
    uint32_t limit = flash_size != 0 ? flash_size : UINT32_MAX;
    uint32_t room = UINT32_MAX - partition->offset;

    if (partition->offset <= limit && partition->size <= limit - partition->offset)
        return UPDRAFT_OK;
    return fail(failure, UPDRAFT_E_TABLE_BOUNDS,
                partition->size <= room ? partition->offset + partition->size : UINT32_MAX, limit);
}

static enum updraft_error check_digest(const uint8_t *bytes, size_t off,
                                       struct updraft_failure *failure)
{
    uint8_t md5[UPDRAFT_MD5_LEN];

    digest_records(bytes, off, md5);
    if (memcmp(md5, bytes + off + UPDRAFT_PTABLE_MD5_OFF, sizeof(md5)) != 0)
        return fail(failure, UPDRAFT_E_TABLE_DIGEST, 0, 0);
    return UPDRAFT_OK;
}

/* Goes through all records without keeping one: the table is 3 KB, too much for a second copy on a
 * device's stack, and must not be touched before all of it is known to be good. */
static enum updraft_error check_records(const uint8_t *bytes, size_t record_count,
                                        uint32_t flash_size, bool *has_digest,
                                        struct updraft_failure *failure)
{
    *has_digest = false;
    for (size_t i = 0; i < record_count; i++) {
        const uint8_t *record = bytes + i * UPDRAFT_PTABLE_RECORD_LEN;
        struct updraft_partition partition;
        enum updraft_record_kind kind = updraft_partition_decode(record, &partition);
        enum updraft_error error = UPDRAFT_OK;

        /* An end marker in front is erased flash, not an empty table. */
        if (kind == UPDRAFT_RECORD_END && i > 0)
            return UPDRAFT_OK;
        /* Only the end may follow the digest: later rows would not be covered by it. */
        if (kind == UPDRAFT_RECORD_BAD || kind == UPDRAFT_RECORD_END || *has_digest)
            return fail(failure, UPDRAFT_E_TABLE_RECORD, 0, 0);
        if (kind == UPDRAFT_RECORD_PARTITION) {
            error = check_bounds(&partition, flash_size, failure);
        } else {
            error = check_digest(bytes, i * UPDRAFT_PTABLE_RECORD_LEN, failure);
            *has_digest = true;
        }
        if (error != UPDRAFT_OK)
            return error;
    }
    return fail(failure, UPDRAFT_E_TABLE_RECORD, 0, 0);
}

enum updraft_error updraft_ptable_decode(const uint8_t *bytes, size_t len, uint32_t flash_size,
                                         struct updraft_ptable *table,
                                         struct updraft_failure *failure)
{
    size_t record_count = len / UPDRAFT_PTABLE_RECORD_LEN;
    bool has_digest;
    enum updraft_error error;

    if (record_count > UPDRAFT_PTABLE_RECORD_CAP)
        record_count = UPDRAFT_PTABLE_RECORD_CAP;
    error = check_records(bytes, record_count, flash_size, &has_digest, failure);
    if (error != UPDRAFT_OK)
        return error;

    memset(table, 0, sizeof(*table));
    table->has_digest = has_digest;
    while (updraft_partition_decode(bytes + table->count * UPDRAFT_PTABLE_RECORD_LEN,
                                    &table->entries[table->count]) == UPDRAFT_RECORD_PARTITION) {
        table->count++;
        /* With 95 rows the 96th record is the end; there is no 96th entry to decode it into. */
        if (table->count == UPDRAFT_PTABLE_CAP)
            break;
    }
    return UPDRAFT_OK;
}

enum updraft_error updraft_ptable_encode(const struct updraft_ptable *table,
                                         uint8_t bytes[UPDRAFT_PTABLE_LEN])
{
    size_t rows_len = (size_t)table->count * UPDRAFT_PTABLE_RECORD_LEN;
    size_t digest_len = table->has_digest ? UPDRAFT_PTABLE_RECORD_LEN : 0;

    if (rows_len + digest_len >= UPDRAFT_PTABLE_LEN)
        return UPDRAFT_E_TABLE_FULL;
    memset(bytes, 0xFF, UPDRAFT_PTABLE_LEN);
    for (size_t i = 0; i < table->count; i++)
        updraft_partition_encode(&table->entries[i], bytes + i * UPDRAFT_PTABLE_RECORD_LEN);
    if (table->has_digest) {
        bytes[rows_len] = 0xEB;
        bytes[rows_len + 1] = 0xEB;
        digest_records(bytes, rows_len, bytes + rows_len + UPDRAFT_PTABLE_MD5_OFF);
    }
    return UPDRAFT_OK;
}

const struct updraft_partition *updraft_ptable_find(const struct updraft_ptable *table,
                                                    uint8_t type, uint8_t subtype)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->entries[i].type == type && table->entries[i].subtype == subtype)
            return &table->entries[i];
    }
    return NULL;
}

static bool label_equal(const char *a, const char *b)
{
    size_t i = 0;

    while (a[i] != '\0' && a[i] == b[i])
        i++;
    return a[i] == b[i];
}

const struct updraft_partition *updraft_ptable_find_label(const struct updraft_ptable *table,
                                                          const char *label)
{
    for (size_t i = 0; i < table->count; i++) {
        if (label_equal(table->entries[i].label, label))
            return &table->entries[i];
    }
    return NULL;
}
