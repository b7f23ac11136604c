/* The check a slot must pass to be started: magic, chip, segments, checksum, SHA-256, and that the
 * image fits the slot. The boot stage runs it before it starts a slot, the update transaction before
 * it names one. Reads flash once, from the start to the end of the image; writes nothing.
 *
 * Two functions, because a device has one family of chips and need not carry the other's check:
 * updraft_slot_verify() for the ESP32 family, updraft_slot_verify_8266() for the three versions of
 * the ESP8266. Both give the verdict that format/image.h gives of the same bytes. */
#ifndef UPDRAFT_DEVICE_SLOTS_VERIFY_H
#define UPDRAFT_DEVICE_SLOTS_VERIFY_H

#include "device/flash/flash.h"
#include "device/slots/slots.h"
#include "format/digest.h"
#include "format/image_head.h"

struct updraft_slot_check {
    const struct updraft_flash *flash;
    struct updraft_extent slot;
    uint16_t chip_id; /* of the device; the check for the ESP8266 does not look at it */
    uint8_t *buf;     /* scratch; the caller's */
    uint32_t buf_cap; /* at least 256 */
    /* Answers, when it verified: */
    uint32_t image_len; /* with checksum, hash and CRC; without signature or padding */
    enum updraft_image_kind kind;
    bool hash_appended;
};

/* E_NOT_BOOTABLE when the slot is missing or erased, E_WRONG_CHIP, E_TRUNCATED, E_FLASH_READ, else the
 * image's error. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slot_verify(struct updraft_slot_check *check);
UPDRAFT_MUST_CHECK enum updraft_error updraft_slot_verify_8266(struct updraft_slot_check *check);
/* By chip_id the one or the other: for hosts that stand for a device of any chip. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slot_verify_any(struct updraft_slot_check *check);

#endif
