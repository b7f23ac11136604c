/* Makes a device's first flash: 0xFF, the partition table at 0x8000, the application in the factory
 * slot or, without one, in ota_0. The file appears whole or not at all. */
#ifndef UPDRAFT_PORTS_POSIX_PROVISION_H
#define UPDRAFT_PORTS_POSIX_PROVISION_H

#include "format/chip.h"

#include <stdbool.h>
#include <stdint.h>

struct updraft_provision {
    const char *flash_path;
    const char *table_path; /* CSV */
    const char *app_path;
    uint32_t flash_size;
    const struct updraft_chip *chip;
};

/* False after a printed sentence. */
bool updraft_provision_flash(const struct updraft_provision *provision);

#endif
