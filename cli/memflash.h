/* A flash dump in memory as a flash port, so that the device's own slot and boot code can look at
 * it and write to it. Obeys the port's contract: programs only clear bits.
 * Memory: the bytes are the caller's. */
#ifndef UPDRAFT_CLI_MEMFLASH_H
#define UPDRAFT_CLI_MEMFLASH_H

#include "device/flash/flash.h"

struct updraft_memflash {
    struct updraft_flash flash; /* its ctx is this struct: do not copy */
    uint8_t *bytes;
};

/* size: a multiple of 4096. */
void updraft_memflash_init(struct updraft_memflash *memflash, uint8_t *bytes, uint32_t size);

#endif
