/* The first boot after an old ESP8266 SDK took the packed image (format/packed.h) for its user image:
 * unpacks the new system to where it belongs. To be called before updraft_boot_run(), at every boot
 * of a system that is delivered that way.
 *
 *   the old boot loader starts user image 1   the packed image lies where it belongs
 *   it starts user image 2                    verify it there; copy it down, sector by sector; then let
 *                                             the old boot loader start user image 1 from now on
 *
 * Nothing is written before the packed image is verified where it lies: that the copy does not run
 * into its own source, the partition table with its digest, the application, and the CRC that ends the
 * packed image. A packed image that is refused leaves the old system as it was; when its user image is
 * whole, the parameters are switched back to it.
 *
 * Owns: what is between the old boot loader and the new system. Does not own: which slot boots.
 * Memory: one buffer of one sector, the caller's.
 *
 * After a power loss at any moment the old boot loader starts an image that is whole: user image 2,
 * which is only read, until user image 1 is complete; both, while the parameters change. Calling again
 * begins the copy again: what a cut tore may read right and yet not be.
 * Source: spi_flash/port/port.c of ESP8266_RTOS_SDK; the flash ends up as that leaves it. */
#ifndef UPDRAFT_BOOT_MIGRATE_H
#define UPDRAFT_BOOT_MIGRATE_H

#include "boot/old_system.h"

struct updraft_migrate_config {
    const struct updraft_flash *flash;
    uint32_t table_addr; /* of the new system */
    bool keep_rf;        /* store the old RF parameters in the new phy partition */
    uint8_t *buf;        /* one sector */
};

enum updraft_migrate_state {
    UPDRAFT_MIGRATE_NONE,     /* there is no old boot loader: nothing to do, ever */
    UPDRAFT_MIGRATE_IN_PLACE, /* the new system lies where it belongs */
    UPDRAFT_MIGRATE_DONE,     /* it was unpacked now; go on and boot it */
    UPDRAFT_MIGRATE_RETURNED, /* refused; reset, and the old system starts again */
    UPDRAFT_MIGRATE_REFUSED,  /* refused, nothing written, and no whole image to go back to */
};

/* Why a packed image is refused; one sentence each from updraft_migrate_why_text(). */
enum updraft_migrate_why {
    UPDRAFT_MIGRATE_WHY_NOT,     /* it was not */
    UPDRAFT_MIGRATE_WHY_MAP,     /* the old boot loader's size nibble */
    UPDRAFT_MIGRATE_WHY_TABLE,   /* the partition table; `error` says what */
    UPDRAFT_MIGRATE_WHY_NO_SLOT, /* it has no ota_0 behind itself */
    UPDRAFT_MIGRATE_WHY_OVERLAP, /* the copy would run into its own source */
    UPDRAFT_MIGRATE_WHY_PARAMS,  /* a slot or the boot record lies on the old parameters */
    UPDRAFT_MIGRATE_WHY_APP,     /* the application; `error` says what */
    UPDRAFT_MIGRATE_WHY_LENGTH,  /* the packed image reaches over its slot or over the parameters */
    UPDRAFT_MIGRATE_WHY_CRC,     /* the CRC at the packed image's end */
    UPDRAFT_MIGRATE_WHY_BOOT,    /* the caller: nothing of the new system boots */
};

enum updraft_migrate_rf {
    UPDRAFT_MIGRATE_RF_NONE,   /* not asked for, none there, or no place for them */
    UPDRAFT_MIGRATE_RF_STORED, /* now */
    UPDRAFT_MIGRATE_RF_KEPT,   /* before */
};

struct updraft_migrate_result {
    enum updraft_migrate_state state;
    enum updraft_migrate_why why;
    enum updraft_error error; /* of the part that `why` names; UPDRAFT_OK when there is none */
    enum updraft_migrate_rf rf;
    struct updraft_old_system old; /* as it was before */
    uint32_t packed_len;           /* with its CRC; known when it was verified */
    uint32_t sectors_copied;
};

/* E_FLASH_*: reset and call again. A refusal is no error. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_migrate_run(const struct updraft_migrate_config *config,
                    struct updraft_migrate_result *result);

/* For a boot stage that finds nothing bootable although the state is IN_PLACE: when the other user
 * image is the old system's and whole, makes the old boot loader start it. State RETURNED or REFUSED.
 * `result` is that of updraft_migrate_run(). */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_migrate_return(const struct updraft_migrate_config *config,
                       struct updraft_migrate_result *result);

const char *updraft_migrate_why_text(enum updraft_migrate_why why);

#endif
