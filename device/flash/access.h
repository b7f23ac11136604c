/* The port as functions, and what is done through it in more than one place. Owns nothing, keeps nothing. */
#ifndef UPDRAFT_DEVICE_FLASH_ACCESS_H
#define UPDRAFT_DEVICE_FLASH_ACCESS_H

#include "device/flash/flash.h"

#define UPDRAFT_FLASH_SECTOR_LEN 4096u
#define UPDRAFT_FLASH_SIZE_CAP   0x10000000u

/* Asserts the geometry that all of the library relies on: that sector length, no more than that size,
 * a prog_len of 1, 2 or 4. */
void updraft_flash_assert_geometry(const struct updraft_flash *flash);

/* The port's functions. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_flash_read(const struct updraft_flash *flash,
                                                         uint32_t addr, void *buf, uint32_t len);
UPDRAFT_MUST_CHECK enum updraft_error updraft_flash_prog(const struct updraft_flash *flash,
                                                         uint32_t addr, const void *data,
                                                         uint32_t len);
UPDRAFT_MUST_CHECK enum updraft_error updraft_flash_erase(const struct updraft_flash *flash,
                                                          uint32_t addr, uint32_t len);

/* Everything before is durable. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_flash_sync(const struct updraft_flash *flash);

/* Reads an area and compares it with data, or with erased flash when data is NULL. E_FLASH_VERIFY when
 * it differs. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_flash_compare(const struct updraft_flash *flash,
                                                            uint32_t addr, const uint8_t *data,
                                                            uint32_t len);

/* Programs a record, makes it durable and reads it back; len at most a sector, not across its end. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_flash_write(const struct updraft_flash *flash,
                                                          uint32_t addr, const uint8_t *data,
                                                          uint32_t len);

#define UPDRAFT_FLASH_SPENT_LEN 32u

/* Programs all of a record to zeros: whatever a cut has left there, it is none any more. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_flash_spend(const struct updraft_flash *flash,
                                                          uint32_t addr);

/* Clears bits of a word and makes that durable. Bits that are 1 in `word` stay as they are. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_flash_clear(const struct updraft_flash *flash,
                                                          uint32_t addr, uint32_t word);

#endif
