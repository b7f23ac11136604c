/* What tests of the staged layout stand on: a simulated flash with one image in place, the boot
 * stage that copies, and the transaction on top. As in rig.h, only the flash is not the code
 * under test. */
#ifndef UPDRAFT_TESTS_STAGED_RIG_H
#define UPDRAFT_TESTS_STAGED_RIG_H

#include "boot/staged.h"
#include "device/update/update.h"
#include "ports/posix/nor.h"
#include "tests/rig/rig.h"

#include <stdbool.h>
#include <stdint.h>

/* Small erase blocks, so that a small image has blocks and single sectors. A sketch starts at 0, a
 * plain image behind two sectors that nobody but the serial port writes. */
#define STAGED_RIG_FLASH_LEN    0x40000u
#define STAGED_RIG_BLOCK_LEN    0x2000u
#define STAGED_RIG_PLAIN_ADDR   0x2000u
#define STAGED_RIG_END_ADDR     0x2A000u
#define STAGED_RIG_JOURNAL_ADDR 0x2A000u
#define STAGED_RIG_LOG_ADDR     0x2B000u /* for layout.log_addr, set before staged_rig_boot() */

/* ESP8266 images whose contents depend on the text; *image is to be freed with rig_image_free().
 * len is about what they should have. A sketch has eboot before it and its length and CRC
 * inside. */
void staged_rig_plain_make(struct rig_image *image, const char *version, uint32_t len);
void staged_rig_sketch_make(struct rig_image *image, const char *version, uint32_t len);
/* Writes length and CRC into a sketch; behind every change to it. */
void staged_rig_sketch_seal(struct rig_image *image);

struct staged_rig {
    struct updraft_nor nor;
    struct updraft_staged_layout layout;
    bool device_inflates; /* the transaction has an arena, not only the boot stage */
    struct updraft_boot_staged_result booted;
    struct updraft_staged staged;
    struct updraft_update update;
    struct updraft_update_hooks hooks; /* set before staged_rig_boot(), or leave empty */
    uint8_t buf[4096];
    uint8_t boot_buf[4096];
    uint8_t arena[UPDRAFT_GUNZIP_ARENA_LEN];
    uint8_t boot_arena[UPDRAFT_GUNZIP_ARENA_LEN];
};

/* A new device, never started, with `app` in place and old rubbish in the staging area. */
void staged_rig_make(struct staged_rig *rig, enum updraft_staged_kind kind,
                     const struct rig_image *app);
void staged_rig_free(struct staged_rig *rig);

struct updraft_boot_staged_config staged_rig_boot_config(struct staged_rig *rig);

/* Boot stage, then layout and transaction as a firmware would open them. False when nothing
 * boots. */
bool staged_rig_boot(struct staged_rig *rig);

/* What no copy may write at the start of an image: the boot stage's sector. */
uint32_t staged_rig_kept_len(const struct staged_rig *rig);

/* Whether the flash holds this very image in place; of a sketch, all but the boot stage's
 * sector. */
bool staged_rig_holds(const struct staged_rig *rig, const struct rig_image *image);

/* begin, feed in pieces, finish. */
enum updraft_error staged_rig_update(struct staged_rig *rig, const uint8_t *data, uint32_t len,
                                     uint32_t piece_len);

/* The journal as it stands in flash. */
struct updraft_staged_journal staged_rig_journal(const struct staged_rig *rig);

#endif
