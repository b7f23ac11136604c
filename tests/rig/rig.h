/* What device tests stand on: a simulated flash with a table and an image, a boot stage to start it,
 * and the transaction on top. Not a mock of anything: all of it is the code under test but the flash,
 * and that is ports/posix/nor.h. */
#ifndef UPDRAFT_TESTS_RIG_H
#define UPDRAFT_TESTS_RIG_H

#include "boot/boot.h"
#include "device/update/update.h"
#include "ports/posix/nor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rig_layout {
    RIG_TWO_SLOTS,   /* otadata, ota_0, ota_1, a data partition "storage" */
    RIG_FACTORY_TWO, /* otadata, factory, ota_0, ota_1, "storage" */
    RIG_FACTORY_ONE, /* otadata, factory, ota_0, "storage" */
    RIG_FOUR_SLOTS,  /* otadata, ota_0 to ota_3, "storage" */
};

struct rig_image {
    uint8_t *bytes;
    uint32_t len;
};

/* A valid image with a descriptor (project "rig"); contents depend on version and seed. *image is to
 * be freed. len: the size it should have, at least 512; rounded to what an image can have. */
void rig_image_make(struct rig_image *image, uint16_t chip_id, const char *version, uint32_t len);
void rig_image_free(struct rig_image *image);

struct rig {
    struct updraft_nor nor;
    enum rig_layout layout;
    uint32_t slot_len;
    struct updraft_boot_result booted;
    struct updraft_slots slots;
    struct updraft_update update;
    struct updraft_update_hooks hooks; /* set before rig_boot(), or leave empty */
    uint8_t buf[4096];
    uint8_t boot_buf[4096];
    uint8_t arena[UPDRAFT_GUNZIP_ARENA_LEN];
};

/* A new device, never started, with `app` in its first app slot. slot_len: multiple of 64 KB. */
void rig_make(struct rig *rig, enum rig_layout layout, uint32_t slot_len,
              const struct rig_image *app);
void rig_free(struct rig *rig);

/* Boot stage, then slots and transaction as a firmware would open them. False when nothing boots. */
bool rig_boot(struct rig *rig, enum updraft_reset_cause cause);

/* The version text of the image in a slot, "" when it does not verify. Static buffer. */
const char *rig_version(struct rig *rig, int slot);

/* begin, feed in pieces, finish. */
enum updraft_error rig_update(struct rig *rig, const uint8_t *data, uint32_t len,
                              uint32_t piece_len);

/* The same as request says, with its wire_len; sends from where the device wants it, which is told in
 * *resumed_from, unless it is refused at once. */
enum updraft_error rig_send(struct rig *rig, const struct updraft_update_request *request,
                            const uint8_t *data, uint32_t piece_len, uint32_t *resumed_from);

/* gzip of data, to be freed. */
uint8_t *rig_gzip(const uint8_t *data, uint32_t len, uint32_t *gzip_len);

#endif
