/* A device with one place for its image, as the ESP8266 has it: the new image is staged behind
 * the running one, and the boot stage copies it into place (boot/staged.h).
 *
 *   app_addr   running image
 *              free
 *              staged image, raw or gzip, so placed that its last sector ends at end_addr; where
 *              only the most that can come was known (a form), that it would
 *   end_addr   file system
 *
 * and one sector for the journal anywhere outside (format/staged.h), and one for the progress log, where
 * an update that was broken off is to be gone on with (staged_log.h). The file system is written in
 * place, as it comes, and only when it is asked for by its name.
 *
 * Where the stock boot stage of the Arduino core (eboot) stays, there is no journal: the copy is asked
 * for in RTC memory (format/eboot.h), and a power cut during it costs the device. All that is checked
 * before is checked all the same, and the flash mode of the image as well, because eboot overwrites
 * its own sector, whose header the chip's ROM reads.
 *
 * There is no trial and no roll back here: once the copy is made the old image is gone, and what
 * was verified before is all there is. The image must therefore be whole and for this chip
 * before the journal names it, and is verified again by the boot stage before the first sector
 * of the old image is erased.
 *
 * Owns: where the staged image lies, the journal's record. Does not own: the copy, the done and
 * refused words, which the boot stage writes. Memory: the caller's struct.
 *
 * An older journal is erased before the first byte is staged: torn, it might read well at one boot
 * and not at another, and then name a source that is being written. Only a refusal stays, for that
 * is never copied.
 *
 * With a log, what was staged of an image of known length can be gone on with, raw or gzip, by who knows
 * its identity; and flash that is blank or equal, and steady, is left as it is. The boot stage does not
 * look at the log.
 *
 * After a power loss before the journal's record is whole the old image boots. From then on the
 * boot stage makes the copy, as often as it takes. */
#ifndef UPDRAFT_DEVICE_SLOTS_STAGED_H
#define UPDRAFT_DEVICE_SLOTS_STAGED_H

#include "device/slots/place.h"
#include "device/slots/staged_image.h"
#include "format/eboot.h"
#include "format/staged.h"

#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_STAGED_SECTOR_LEN 4096u
#define UPDRAFT_STAGED_FS_LABEL   "filesystem"

/* The stock boot stage's mailbox. */
struct updraft_staged_eboot {
    void *ctx;
    /* Stores the command at the start of the user RTC memory; it holds from then on. */
    enum updraft_error (*store)(void *ctx, const uint8_t command[UPDRAFT_EBOOT_LEN]);
};

/* Fixed when the firmware is built; all addresses at a sector. */
struct updraft_staged_layout {
    enum updraft_staged_kind kind;
    uint32_t app_addr;
    uint32_t end_addr;     /* at most UPDRAFT_STAGED_MARK_CAP sectors behind app_addr */
    uint32_t journal_addr; /* outside app_addr..end_addr */
    uint32_t log_addr;     /* outside app_addr..end_addr and the journal; 0: no progress log */
    bool takes_gzip;       /* the boot stage has the memory to inflate */
    uint32_t fs_addr;      /* outside app_addr..end_addr, journal and log */
    uint32_t fs_len;       /* 0: no file system */
    /* The stock boot stage, for sketches only: journal_addr means nothing then, and there is no log, for
     * nobody knows where its copy was cut. NULL: ours. */
    const struct updraft_staged_eboot *eboot;
};

struct updraft_staged {
    const struct updraft_flash *flash;
    struct updraft_staged_layout layout;
    uint32_t running_len; /* from app_addr to the end of the image; for a sketch as its core says */
    bool journal_erased;  /* private: by this update, for this update */
    struct updraft_staged_image work; /* private: what commit reads with, kept off the stack */
};

/* Asserts what is said of the layout here, and that it lies in the flash. */
void updraft_staged_assert_layout(const struct updraft_flash *flash,
                                  const struct updraft_staged_layout *layout);

/* How much at the start of an image is the boot stage's own sector, which no update writes: a cut
 * while it is erased could not be taken up again by anyone. */
uint32_t updraft_staged_kept_len(enum updraft_staged_kind kind);

/* Asserts the layout and reads the running image to its end, wherever that is: whether its
 * checksum is good is not asked. buf: at least 256 bytes, free again afterwards. E_NOT_BOOTABLE
 * when there is no image at app_addr, E_FLASH_READ; then it is not known what may be
 * overwritten, and nothing can be staged. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_staged_open(struct updraft_staged *staged, const struct updraft_flash *flash,
                    const struct updraft_staged_layout *layout, uint8_t *buf, uint32_t buf_cap);

/* For the start of a firmware: makes the log ready where it is not (the first time, after a power loss
 * at a bad moment, or when it is used up), with at most one erase. Without a log it does nothing. An
 * update does the same when it must, but is then not one that can be gone on with. E_FLASH_*. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_staged_open_log(const struct updraft_staged *staged);

/* The stock cores' free sketch space: from the sector behind the running image to end_addr. */
uint32_t updraft_staged_free_len(const struct updraft_staged *staged);

/* Where an image of staged_len bytes is staged; staged_len 1 .. end_addr - app_addr. */
uint32_t updraft_staged_start(const struct updraft_staged_layout *layout, uint32_t staged_len);

/* The journal as it stands: DONE after an update, REFUSED and why when the boot stage would not
 * copy. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_staged_journal_read(const struct updraft_flash *flash,
                            const struct updraft_staged_layout *layout,
                            struct updraft_staged_journal *journal);

/* Reads the image at app_addr into *image, up to its end. E_FLASH_READ or a structural error. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_staged_read_in_place(const struct updraft_flash *flash,
                             const struct updraft_staged_layout *layout, uint8_t *buf,
                             uint32_t buf_cap, struct updraft_staged_image *image);

/* staged is open, and outlives what uses the place. find: E_NO_LENGTH (the start follows from
 * it), E_TOO_LARGE, E_NO_PARTITION. accept: E_UNSUPPORTED, E_TOO_LARGE, E_ALREADY_RUNNING.
 * commit: E_GZIP, E_TRUNCATED, E_TOO_LARGE when the image in place would reach the staged one,
 * E_FAILED_BEFORE when the boot stage refused the same bytes, E_WRONG_CHIP, E_WRONG_PRODUCT, or
 * the image's error. E_FLASH_MODE from both, where the stock boot stage copies. E_FLASH_* from
 * each. */
struct updraft_place updraft_staged_place(struct updraft_staged *staged);

#endif
