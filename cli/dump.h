/* A full-flash dump: its partition table, its slots, its boot record, and which slot boots.
 *
 * Owns: finding the table, and padding a file that ends before its flash does (web installers ship
 * such files: everything up to the end of the first app). Memory: own; close gives it back. */
#ifndef UPDRAFT_CLI_DUMP_H
#define UPDRAFT_CLI_DUMP_H

#include "boot/boot.h"
#include "cli/file.h"
#include "cli/inspect.h"
#include "cli/memflash.h"
#include "format/ptable.h"

#include <cJSON.h>
#include <stdbool.h>

struct updraft_dump {
    struct updraft_memflash memflash; /* the dump, padded with 0xFF to the flash's size */
    size_t file_len;                  /* bytes the file had */
    uint32_t table_off;
    struct updraft_ptable table;
    uint16_t chip_id; /* of the boot loader, else of the first whole app */
};

struct updraft_dump_boot {
    struct updraft_boot_result result;
    enum updraft_error error; /* of the boot stage itself: result is not filled */
};

/* Looks for a partition table: at table_off alone, or with 0 at the default and then in every
 * sector of the first 128 KB. A file whose first image reaches over the table is an image, not a
 * dump. */
bool updraft_dump_find_table(const uint8_t *bytes, size_t len, uint32_t table_off,
                             uint32_t *found_off);

UPDRAFT_MUST_CHECK enum updraft_exit updraft_dump_open(struct updraft_dump *dump,
                                                       const uint8_t *bytes, size_t len,
                                                       uint32_t table_off,
                                                       struct updraft_fail *fail);
/* The same of a file; "-" is standard input. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_dump_read(struct updraft_dump *dump, const char *path,
                                                       uint32_t table_off,
                                                       struct updraft_fail *fail);
void updraft_dump_close(struct updraft_dump *dump);

/* Looks at a partition's contents as an image; its padding does not count as trailing. */
void updraft_dump_inspect(const struct updraft_dump *dump, struct updraft_extent extent,
                          struct updraft_inspection *out);

/* The boot stage's decision after power-on, without its writes. */
void updraft_dump_boot(const struct updraft_dump *dump, const struct updraft_boot_rules *rules,
                       struct updraft_dump_boot *boot);

/* Adds table_offset, flash_size, partitions[], slots[], otadata[], boot{} and, from the booting
 * slot, the facts of updraft_inspect_to_json(). */
void updraft_dump_to_json(const struct updraft_dump *dump, const struct updraft_boot_rules *rules,
                          cJSON *object);
/* Only boot{slot, why, ...} into object. */
void updraft_dump_boot_to_json(const struct updraft_dump_boot *boot,
                               const struct updraft_boot_rules *rules, cJSON *object);
void updraft_dump_partitions_to_json(const struct updraft_ptable *table, cJSON *object);

/* The text of these members, as info and flash show print it. */
void updraft_dump_show(const cJSON *object);

/* --rules and --rollback. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_dump_rules(const char *name, bool rollback,
                                                        const struct updraft_boot_rules **rules,
                                                        struct updraft_fail *fail);

#endif
