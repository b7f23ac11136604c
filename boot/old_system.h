/* An old ESP8266 SDK's system in flash: whether its boot loader is there, which of its two user images
 * it starts, and what of its configuration is worth keeping.
 *
 * Owns: reading. Writes nothing, so a power loss cannot hurt here. Memory: the caller's. Used by the
 * boot stage (boot/migrate.h) and by the application, which finds the stored access point with it for
 * as long as the old boot loader and its parameters stand where they stood. */
#ifndef UPDRAFT_BOOT_OLD_SYSTEM_H
#define UPDRAFT_BOOT_OLD_SYSTEM_H

#include "device/flash/flash.h"
#include "format/oldsdk.h"

struct updraft_old_system {
    bool present; /* an old boot loader stands at flash address 0 */
    bool has_map; /* its size nibble has a layout with two images, and the chip is that large */
    /* Known when has_map: */
    struct updraft_oldsdk_map map;
    uint8_t flag;
    struct updraft_oldsdk_params params;
    enum updraft_oldsdk_user user; /* the image it starts */
};

/* E_FLASH_READ; *old is untouched then. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_old_system_read(const struct updraft_flash *flash,
                                                              struct updraft_old_system *old);

/* The access points the old system had stored; *found tells whether there are any. Looks where the
 * stock demo does, at the parameters that were in use before the last switch, and then at the others.
 * buf is scratch of UPDRAFT_OLDSDK_PARAMS_LEN bytes. E_FLASH_READ. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_old_system_aps(const struct updraft_flash *flash, const struct updraft_old_system *old,
                       uint8_t *buf, struct updraft_oldsdk_aps *aps, bool *found);

#endif
