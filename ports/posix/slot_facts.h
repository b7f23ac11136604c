/* What stands in a slot: the descriptor of its image, the digests a server may ask for, and the
 * marker that tells the virtual device how the image behaves. Reads flash, writes nothing. */
#ifndef UPDRAFT_PORTS_POSIX_SLOT_FACTS_H
#define UPDRAFT_PORTS_POSIX_SLOT_FACTS_H

#include "device/slots/slots.h"
#include "device/slots/staged.h"
#include "format/image.h"
#include "ports/posix/options.h"

/* A sample image may say how it behaves once it boots: "updraft-sim:crash" behind its descriptor.
 */
#define UPDRAFT_SIM_MARKER_OFF UPDRAFT_IMAGE_FACTS_LEN

struct updraft_slot_facts {
    bool is_bootable; /* the image verified */
    char version[33]; /* "unknown" where the image does not say */
    char project[33]; /* "" where the image does not say */
    char idf[33];
    uint32_t image_len;
    char md5[2 * UPDRAFT_MD5_LEN + 1];       /* of the image as it stands in flash */
    char sha256[2 * UPDRAFT_SHA256_LEN + 1]; /* upper case, as devices send it */
    bool has_program;
    uint8_t program[UPDRAFT_SHA256_LEN]; /* SHA-256 of its ELF file */
    bool has_marker;
    enum updraft_behaviour marker;
};

/* Never fails: a slot that holds nothing is not bootable and of unknown version. */
void updraft_slot_facts_read(const struct updraft_flash *flash, struct updraft_extent slot,
                             uint16_t chip_id, struct updraft_slot_facts *facts);

/* The same of an image in the one place there is. A sketch's length and MD5 are those that the
 * Arduino core tells of it; a SHA-256 of its own it has not. */
void updraft_slot_facts_read_staged(const struct updraft_flash *flash,
                                    const struct updraft_staged_layout *layout,
                                    struct updraft_slot_facts *facts);

#endif
