/* Programs that failed on this device, and are refused until someone takes that back.
 *
 * A program is known by the SHA-256 of its ELF file, which every build of ESP-IDF puts into the
 * descriptor at the start of its image. It comes with the first sector, so a refused program is
 * refused before anything is erased, from whichever way it comes, under whatever version, and its boot
 * log names the same number. The digest of the whole image would be known only at its end, or where
 * the sender announces it. An image without that digest cannot be told from others by its start: it is
 * never refused for having failed.
 *
 * The entry of an image on trial notes its digest; rolled back, that note is a refusal, with no further
 * write. Before a sector with refusals is erased those which the other one lacks are added there, and
 * afterwards the newest are written into the erased one again. So they outlive the slot, the sector,
 * and a power cut at any moment. With more than UPDRAFT_REFUSED_CAP the oldest is forgotten; a cut may
 * then cost the newest as well, for one that fails while the lists are full is nowhere else for a moment.
 *
 * Owns: the program notes in both sectors (format/slot_notes.h). Memory: none of its own. Optional: a
 * firmware that does not call updraft_slots_remember() links none of it, and knows a failed image only
 * as long as its slot still holds it. */
#ifndef UPDRAFT_DEVICE_SLOTS_REFUSED_H
#define UPDRAFT_DEVICE_SLOTS_REFUSED_H

#include "device/slots/slots.h"
#include "format/slot_notes.h"

#define UPDRAFT_REFUSED_CAP (UPDRAFT_NOTE_PROGRAM_CAP - 1u)

struct updraft_refused {
    uint8_t count;
    struct updraft_note_program programs[UPDRAFT_REFUSED_CAP]; /* the newest first */
};

/* From now on what is selected through slots is noted and what failed is remembered. After
 * updraft_slots_open(), before the first update. */
void updraft_slots_remember(struct updraft_slots *slots);

/* The programs that are refused. Writes nothing. E_NO_OTADATA, E_FLASH_READ. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slots_refused(const struct updraft_slots *slots,
                                                            struct updraft_refused *refused);

/* Takes the refusal of one program back, or with NULL of all. OK also when there is none. After a power
 * cut it may have to be asked for again. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_slots_clear_refused(const struct updraft_slots *slots,
                                                                  const uint8_t *sha256);

#endif
