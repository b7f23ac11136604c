/* The check a slot must pass to be started: magic, chip, segments, checksum, SHA-256, and that the
 * image fits the slot. The boot stage runs it before it starts a slot, the update transaction before
 * it names one. Reads flash, writes nothing. */
#ifndef UPDRAFT_DEVICE_SLOTS_VERIFY_H
#define UPDRAFT_DEVICE_SLOTS_VERIFY_H

#include "device/flash/flash.h"
#include "device/slots/slots.h"
#include "format/image.h"

/* buf is scratch of at least 256 bytes. The reader's info is filled as far as the image was read.
 * `head` replaces the first head_len bytes of the slot (for a slot whose start is still withheld);
 * NULL and 0 to read all of it. E_NOT_BOOTABLE when the slot is missing or erased, E_WRONG_CHIP,
 * E_FLASH_READ, else the image's error. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_slot_verify(const struct updraft_flash *flash, struct updraft_extent slot, uint16_t chip_id,
                    const uint8_t *head, uint32_t head_len, uint8_t *buf, uint32_t buf_cap,
                    struct updraft_image_reader *reader);

#endif
