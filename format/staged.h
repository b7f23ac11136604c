/* The journal of a staged update: one flash sector that tells the boot stage to copy an image
 * from the staging area into place, and whether it has.
 *
 *   0x00  "UDSC"   0x04  version 1   0x05  encoding: 0 raw, 1 gzip   0x06  FF FF
 *   0x08  source address             0x0C  destination address
 *   0x10  staged length: the bytes as they were transferred, at the source address
 *   0x14  length of the image in place; 0: known once the boot stage has inflated it
 *   0x18  SHA-256 of the staged bytes, 32 bytes
 *   0x38  FF FF FF FF
 *   0x3C  CRC-32 of 0x00..0x3B
 *   0x40  done word: programmed to 0 when the copy is in place and was read back
 *   0x48  begun word: programmed to 0 before the copy erases anything
 *   0x50  refused word: programmed to 0 when the staged bytes are not to be copied
 *   0x54  why: an enum updraft_error, programmed before the refused word
 *   0x80  the record once more, as at 0x00
 *   0x100 marks: 960 words, word i programmed to 0 when sector i of the image in place is as it
 *         should be
 *
 * The record is written once, into an erased sector, when the staged bytes are complete and were
 * verified, and then its copy; either is enough, for while the boot stage copies there is nothing else
 * on the device to start from. Afterwards bits are only cleared. Nothing to do is what every other content means:
 * erased, torn, damaged. A done or refused word that is not 0 is torn and counts as not written:
 * the boot stage then does again what it had just done, and finds the same. The begun word and a
 * mark count when they are not all ones, so a torn one counts: what it stands for was true
 * before.
 *
 * Owns: bytes <-> struct. Does not touch flash. */
#ifndef UPDRAFT_FORMAT_STAGED_H
#define UPDRAFT_FORMAT_STAGED_H

#include "format/digest.h"
#include "format/error.h"

#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_STAGED_RECORD_LEN  0x40u
#define UPDRAFT_STAGED_DONE_OFF    0x40u
#define UPDRAFT_STAGED_BEGUN_OFF   0x48u
#define UPDRAFT_STAGED_REFUSED_OFF 0x50u
#define UPDRAFT_STAGED_REASON_OFF  0x54u
#define UPDRAFT_STAGED_COPY_OFF    0x80u
#define UPDRAFT_STAGED_MARKS_OFF   0x100u
#define UPDRAFT_STAGED_MARK_CAP    960u
#define UPDRAFT_STAGED_MARK_LEN    4u
/* What one read of the sector must bring to decode it. */
#define UPDRAFT_STAGED_READ_LEN 0xC0u

enum updraft_staged_encoding {
    UPDRAFT_STAGED_RAW = 0,
    UPDRAFT_STAGED_GZIP = 1,
};

enum updraft_staged_state {
    UPDRAFT_STAGED_EMPTY,   /* no record, or none that can be believed */
    UPDRAFT_STAGED_PENDING, /* the copy is to be made, or to be taken up again */
    UPDRAFT_STAGED_DONE,
    UPDRAFT_STAGED_REFUSED,
};

struct updraft_staged_journal {
    enum updraft_staged_encoding encoding;
    uint32_t source_addr;
    uint32_t dest_addr;
    uint32_t staged_len;
    uint32_t image_len; /* 0: not known */
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    enum updraft_staged_state state; /* decode only */
    bool begun;                      /* decode only: the copy may have erased something */
    uint8_t record_off;              /* decode only: of the record that was believed */
    enum updraft_error reason;       /* decode only: why it was refused; UPDRAFT_OK: not told */
};

void updraft_staged_encode(const struct updraft_staged_journal *journal,
                           uint8_t out[UPDRAFT_STAGED_RECORD_LEN]);

/* Decodes the first bytes of the sector. Never fails: what makes no sense is state EMPTY with all
 * else zero. Addresses and lengths are what was written; whether they fit the device is for the
 * reader to check. */
void updraft_staged_decode(const uint8_t bytes[UPDRAFT_STAGED_READ_LEN],
                           struct updraft_staged_journal *journal);

#endif
