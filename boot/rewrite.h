/* Whole sectors, erased, programmed and read back: also one that reads right already. What a power cut
 * tore can read right now and otherwise later, until it is erased.
 *
 * Owns: erase, program, compare, in that order. After a power loss during a call the sector holds
 * anything; calling again makes it right. Memory: a small buffer on the stack. */
#ifndef UPDRAFT_BOOT_REWRITE_H
#define UPDRAFT_BOOT_REWRITE_H

#include "device/flash/flash.h"

/* Makes the sector at addr hold len bytes of data and 0xFF behind them. E_FLASH_*; E_FLASH_VERIFY when
 * it reads differently afterwards. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_rewrite_sector(const struct updraft_flash *flash,
                                                             uint32_t addr, const uint8_t *data,
                                                             uint32_t len);

/* The port's sync, where it has one. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_rewrite_sync(const struct updraft_flash *flash);

#endif
