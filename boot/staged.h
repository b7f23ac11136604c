/* The boot stage of a device with one place for its image (device/slots/staged.h): makes the
 * copy that the journal asks for, and says whether there is an image to start.
 *
 *   1  read the journal; nothing pending: start what is in place
 *   2  staged bytes against the journal's SHA-256, then to the end as they will stand in place:
 *      inflated, chip, checksum, hash. Bad: refuse, and start the old image
 *   3  program the journal's record once more and the begun word; copy sector by sector, leaving
 *      alone what is equal already, and mark each sector when it was read back
 *   4  compare every sector with its source, and that with its digest once more; then program the
 *      done word
 *
 * After a power loss in 1 and 2 nothing has changed. In 3 and 4 the image in place may be a
 * mixture of old and new, but it is not what boots: the journal is looked at first and still
 * asks for the copy, whose source nothing writes to. So the next boot does 2, 3 and 4 again,
 * passes over the sectors that are marked, and ends with the same bytes. That holds for every
 * order of the sectors, so they are copied in the order in which they come; holding the first
 * one back would guard against nothing. A done word that is torn counts as not written, and
 * costs one more comparison.
 *
 * What a cut operation has left is not believed, even where it reads well: bits may be half
 * moved and read differently the next time. Hence the record that is programmed again, the first
 * sector without a mark that is erased and written whatever it reads, and that a sector which
 * looks erased is erased all the same unless this very run did it.
 *
 * There is no way back to the old image. Faults of the flash are nobody's verdict on the image:
 * they leave the journal as it is, and the next boot tries again. */
#ifndef UPDRAFT_BOOT_STAGED_H
#define UPDRAFT_BOOT_STAGED_H

#include "device/slots/staged.h"

struct updraft_boot_staged_config {
    const struct updraft_flash *flash;
    struct updraft_staged_layout layout;
    uint16_t chip_id;      /* images for others are not copied and not started */
    uint8_t *buf;          /* one sector: flash->sector_len bytes */
    uint8_t *gunzip_arena; /* UPDRAFT_GUNZIP_ARENA_LEN bytes; needed where the layout takes gzip */
};

/* One sentence each from updraft_boot_staged_why_text(). */
enum updraft_boot_staged_why {
    UPDRAFT_BOOT_STAGED_IN_PLACE, /* nothing was pending */
    UPDRAFT_BOOT_STAGED_COPIED,   /* the staged image is in place now */
    UPDRAFT_BOOT_STAGED_REFUSED,  /* the staged image is bad; the old one is untouched */
    UPDRAFT_BOOT_STAGED_NOTHING,  /* the image in place is not whole */
};

struct updraft_boot_staged_result {
    bool bootable; /* false: reset and try again, or wait for a serial flash */
    enum updraft_boot_staged_why why;
    enum updraft_error error; /* REFUSED: why; NOTHING: what is wrong with the image in place */
    uint32_t addr;            /* of the image to start */
};

/* E_FLASH_*, or an error of the source that no longer reads as it did a moment before: the copy
 * broke off, nothing is bootable, and it is taken up at the next boot. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_boot_staged_run(const struct updraft_boot_staged_config *config,
                        struct updraft_boot_staged_result *result);

const char *updraft_boot_staged_why_text(enum updraft_boot_staged_why why);

#endif
