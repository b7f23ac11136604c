/* The partition table in flash: 32-byte records, an optional MD5 record, an erased end marker.
 *
 *   0  AA 50        2 type   3 subtype   4 offset   8 size   12 label[16]   28 flags
 *   0  EB EB        2 FF x 14            16 MD5 over all records before
 *
 * Owns: bytes <-> struct. Memory is the caller's. A label may fill all 16 bytes of its field.
 * Source: esp_flash_partitions.h, flash_partitions.c, gen_esp32part.py of ESP-IDF. */
#ifndef UPDRAFT_FORMAT_PTABLE_H
#define UPDRAFT_FORMAT_PTABLE_H

#include "format/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_PTABLE_DEFAULT_OFF 0x8000u
#define UPDRAFT_PTABLE_LEN         0xC00u  /* bytes of records */
#define UPDRAFT_PTABLE_REGION_LEN  0x1000u /* the sector it owns */
#define UPDRAFT_PTABLE_RECORD_LEN  32u
#define UPDRAFT_PTABLE_CAP         95u /* partitions without digest record; 94 with */
#define UPDRAFT_LABEL_LEN          16u
#define UPDRAFT_PTABLE_RECORD_CAP  (UPDRAFT_PTABLE_LEN / UPDRAFT_PTABLE_RECORD_LEN)

/* Where a field of a record stands; type and subtype end the END marker. */
#define UPDRAFT_PART_TYPE_OFF    2u
#define UPDRAFT_PART_SUBTYPE_OFF 3u
#define UPDRAFT_PART_OFFSET_OFF  4u
#define UPDRAFT_PART_SIZE_OFF    8u
#define UPDRAFT_PART_LABEL_OFF   12u
#define UPDRAFT_PTABLE_MD5_OFF   16u

#define UPDRAFT_PART_TYPE_APP        0x00u
#define UPDRAFT_PART_TYPE_DATA       0x01u
#define UPDRAFT_PART_TYPE_BOOTLOADER 0x02u
#define UPDRAFT_PART_TYPE_TABLE      0x03u

#define UPDRAFT_PART_APP_FACTORY 0x00u
#define UPDRAFT_PART_APP_OTA_0   0x10u
#define UPDRAFT_PART_APP_OTA_15  0x1Fu
#define UPDRAFT_PART_APP_TEST    0x20u

#define UPDRAFT_PART_DATA_OTA       0x00u
#define UPDRAFT_PART_DATA_PHY       0x01u
#define UPDRAFT_PART_DATA_NVS       0x02u
#define UPDRAFT_PART_DATA_UNDEFINED 0x06u

#define UPDRAFT_PART_FLAG_ENCRYPTED 1u
#define UPDRAFT_PART_FLAG_READONLY  2u

struct updraft_partition {
    uint8_t type;
    uint8_t subtype;
    uint32_t offset; /* flash address */
    uint32_t size;   /* bytes */
    uint32_t flags;
    char label[UPDRAFT_LABEL_LEN + 1]; /* NUL-terminated */
};

struct updraft_ptable {
    struct updraft_partition entries[UPDRAFT_PTABLE_CAP];
    uint8_t count;
    bool has_digest;
};

enum updraft_record_kind {
    UPDRAFT_RECORD_PARTITION,
    UPDRAFT_RECORD_DIGEST,
    UPDRAFT_RECORD_END,
    UPDRAFT_RECORD_BAD,
};

/* What one 32-byte record is. */
enum updraft_record_kind updraft_partition_kind(const uint8_t record[UPDRAFT_PTABLE_RECORD_LEN]);
/* The same; fills *partition only for UPDRAFT_RECORD_PARTITION. */
enum updraft_record_kind updraft_partition_decode(const uint8_t record[UPDRAFT_PTABLE_RECORD_LEN],
                                                  struct updraft_partition *partition);
void updraft_partition_encode(const struct updraft_partition *partition,
                              uint8_t record[UPDRAFT_PTABLE_RECORD_LEN]);

/* Decodes up to 0xC00 bytes as the boot loader of ESP-IDF 5.5 does: an end marker in front is
 * erased flash and no empty table. E_TABLE_BOUNDS when a row leaves flash_size (0: the 32-bit
 * addresses; the failure's numbers are end and limit), E_TABLE_DIGEST, E_TABLE_RECORD on a bad
 * record, on anything but the end behind the digest, or on a missing end marker. *table is
 * untouched on failure; failure may be NULL. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_ptable_decode(const uint8_t *bytes, size_t len,
                                                            uint32_t flash_size,
                                                            struct updraft_ptable *table,
                                                            struct updraft_failure *failure);

/* Writes 0xC00 bytes: rows, digest when has_digest, 0xFF. E_TABLE_FULL when they do not fit. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_ptable_encode(const struct updraft_ptable *table,
                                                            uint8_t bytes[UPDRAFT_PTABLE_LEN]);

/* First row of that type and subtype, or with that label; NULL when there is none. */
const struct updraft_partition *updraft_ptable_find(const struct updraft_ptable *table,
                                                    uint8_t type, uint8_t subtype);
const struct updraft_partition *updraft_ptable_find_label(const struct updraft_ptable *table,
                                                          const char *label);

#endif
