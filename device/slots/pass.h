/* One pass over an image in flash, for the checks of device/slots/verify.h: all that is passed goes
 * through the hash, in pieces of the caller's buffer, and segments through the checksum too. Private
 * to them. */
#ifndef UPDRAFT_DEVICE_SLOTS_PASS_H
#define UPDRAFT_DEVICE_SLOTS_PASS_H

#include "device/slots/verify.h"
#include "format/digest.h"

struct updraft_slot_pass {
    struct updraft_slot_check *check;
    uint32_t off;     /* of the image: what lies before it was passed */
    uint8_t sum;      /* XOR of the bytes passed last */
    uint8_t checksum; /* of the segments so far */
    struct updraft_digest digest;
};

/* Passes the header, which then stands in the check's buf. E_NOT_BOOTABLE where there is no slot,
 * else as updraft_slot_pass(). */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slot_pass_begin(struct updraft_slot_pass *pass,
                                                              struct updraft_slot_check *check,
                                                              uint32_t header_len);

/* Passes len bytes; where they fit buf they stand there then. E_TRUNCATED where the slot ends,
 * E_FLASH_READ. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slot_pass(struct updraft_slot_pass *pass,
                                                        uint32_t len);

/* Passes the data of the segment whose header was passed last, and adds them to the checksum.
 * E_SEGMENT. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slot_pass_segment(struct updraft_slot_pass *pass);

/* Passes the block that ends in the checksum and compares it; where the image is hashed, compares
 * what follows with the hash of all that was passed. Fills in the answers. E_CHECKSUM, E_HASH. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slot_pass_end(struct updraft_slot_pass *pass,
                                                            bool hashed);

#endif
