/* An ESP8266 as an old SDK left it, with a new system packed into one of its user images: what the
 * tests of the migration stand on. Flash that nobody owns holds noise, so that erasing is part of it.
 *
 * The old boot loader, its parameters and what a stock boot loader makes of the flash are modelled here
 * from docs/SPEC.md, by hand and without the code under test. */
#ifndef UPDRAFT_TESTS_OLD_RIG_H
#define UPDRAFT_TESTS_OLD_RIG_H

#include "boot/migrate.h"
#include "format/ptable.h"
#include "ports/posix/nor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum old_rig_table {
    OLD_RIG_TABLE_1M,    /* the demo's, table at 0x5000 */
    OLD_RIG_TABLE_2M,    /* the demo's, table at 0x8000 */
    OLD_RIG_TABLE_SMALL, /* fits a flash of 512 KB; for campaigns over every operation */
};

struct old_rig_options {
    enum old_rig_table table;
    uint8_t size_nibble;
    uint8_t flag;
    uint8_t params[2];      /* of the sector in use: they say which user image runs */
    uint32_t app_len;       /* about */
    uint32_t ota_1_len;     /* 0: as the table has it */
    uint32_t unstable_bits; /* that a power cut leaves */
    bool packed_is_user1;
};

struct old_rig {
    struct old_rig_options options;
    struct updraft_nor nor;
    uint32_t flash_len;   /* T */
    uint32_t shift;       /* M/2 */
    uint32_t params_addr; /* T - 0x3000 */
    uint32_t rf_addr;
    uint32_t table_addr;
    uint32_t phy_addr;
    uint32_t slot_addr; /* of ota_0 */
    uint32_t slot_end;
    uint32_t packed_len;
    uint32_t packed_addr;
    uint32_t old_image_len;
    uint32_t old_image_addr;
    uint8_t *packed;
    uint8_t *old_image;
    uint8_t *fresh; /* the flash as it was made */
    uint8_t buf[4096];
};

void old_rig_make(struct old_rig *rig, const struct old_rig_options *options);
void old_rig_free(struct old_rig *rig);

/* The flash as it was made, or as it is given; every cell steady. */
void old_rig_reset(struct old_rig *rig);
void old_rig_restore(struct old_rig *rig, const uint8_t *flash);

/* Which user image a boot loader with the parameters in flash starts: its address. */
uint32_t old_rig_start_addr(const struct old_rig *rig);

enum old_rig_system {
    OLD_RIG_NOTHING, /* what is started is not whole */
    OLD_RIG_OLD,     /* the old application, and it is whole */
    OLD_RIG_NEW,     /* the new boot loader, and it is whole */
};

/* What really starts there. */
enum old_rig_system old_rig_starts(const struct old_rig *rig);

/* Our boot stage as the new boot loader: migration, then the choice of a slot. *version is that of the
 * application that boots, "" when none does. */
enum updraft_error old_rig_boot(struct old_rig *rig, bool keep_rf,
                                struct updraft_migrate_result *result, char version[33]);

/* What a stock boot loader makes of `fresh`, into out (flash_len bytes). */
void old_rig_expect(const struct old_rig *rig, bool keep_rf, uint8_t *out);

#endif
