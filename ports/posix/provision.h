/* Makes a device's first flash: 0xFF, the partition table, the application in the factory
 * slot or, without one, in ota_0. The file appears whole or not at all. */
#ifndef UPDRAFT_PORTS_POSIX_PROVISION_H
#define UPDRAFT_PORTS_POSIX_PROVISION_H

#include "format/chip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct updraft_provision {
    const char *flash_path;
    const char *table_path; /* CSV */
    const char *app_path;
    uint32_t flash_size;
    uint32_t table_off;
    const struct updraft_chip *chip;
};

/* False after a printed sentence. */
bool updraft_provision_flash(const struct updraft_provision *provision);

/* The first step of it: a whole file in heap memory, NULL after a printed sentence. */
uint8_t *updraft_provision_read(const char *path, size_t len_cap, size_t *len);
/* The last step of it: the file appears whole or not at all. */
bool updraft_provision_write(const char *path, const uint8_t *bytes, size_t len);

#endif
