/* Reads the image in a slot for all that it tells: texts, digests, lengths. For hosts and reports; what
 * only needs the verdict asks updraft_slot_verify(), which is smaller. Reads flash, writes nothing. */
#ifndef UPDRAFT_DEVICE_SLOTS_INSPECT_H
#define UPDRAFT_DEVICE_SLOTS_INSPECT_H

#include "device/flash/flash.h"
#include "device/slots/slots.h"
#include "format/image.h"

/* buf is scratch of at least 256 bytes. The reader's info is filled as far as the image was read.
 * The verdict is that of updraft_slot_verify() and updraft_slot_verify_8266() for their images. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slot_inspect(const struct updraft_flash *flash,
                                                           struct updraft_extent slot,
                                                           uint16_t chip_id, uint8_t *buf,
                                                           uint32_t buf_cap,
                                                           struct updraft_image_reader *reader);

#endif
