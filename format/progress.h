/* The progress log of an update: what a cut may have left unsteady in the area that is written, and how
 * far the image was written, so that it can be gone on with.
 *
 * A log lies in a flash sector that nobody erases while an update runs. For slots that is the sector
 * of the boot record whose entry stays (format/otadata.h); the staged layout gives one of its own, in
 * which nothing counts before 0x004 says so.
 *
 *   0x000  the entry, or where there is none:
 *   0x004    "UDPL": this sector was erased to its end, so it may be written
 *   0x008    staged layout only: floor, an address. What lies below may be unsteady, whatever the log says
 *   0x200  distrust: a word; bit n programmed to 0: all of slot n may be unsteady, whatever the log says
 *   0x220  79 records of 32 bytes, up to 0xC00
 *
 *   0x00  'P'   0x01  slot, 0..15
 *   0x02  from: address / 4096. All before it, from the start of the area, is written and steady
 *   0x04  to: address / 4096. What lies in from..to may be unsteady; from there on nothing is
 *   0x06  FF FF
 *   0x08  CRC-32 of the identity of the image (its SHA-256, its MD5, or 32 bytes of the transport's)
 *         and of its bytes before `from`; 0 where it has none
 *   0x0C  the first 16 bytes of the image, which are withheld from the area; FF where nothing is
 *   0x1C  CRC-32 of 0x00..0x1B
 *
 * Records are only appended; the last one that is whole counts. Without any, the area is steady. One
 * that fails its CRC is torn and counts for nothing: what it announces had not begun. Bits are only
 * cleared, so whatever is read by chance after a cut is steady once it is programmed again.
 *
 * Owns: bytes <-> struct. Does not touch flash. */
#ifndef UPDRAFT_FORMAT_PROGRESS_H
#define UPDRAFT_FORMAT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_PROGRESS_HEAD_OFF     4u
#define UPDRAFT_PROGRESS_HEAD         0x4C504455u /* "UDPL" */
#define UPDRAFT_PROGRESS_FLOOR_OFF    8u
#define UPDRAFT_PROGRESS_DISTRUST_OFF 0x200u
#define UPDRAFT_PROGRESS_LOG_OFF      0x220u
#define UPDRAFT_PROGRESS_LOG_END_OFF  0xC00u
#define UPDRAFT_PROGRESS_RECORD_LEN   32u
#define UPDRAFT_PROGRESS_UNIT_LEN     4096u /* of from and to */
#define UPDRAFT_PROGRESS_WITHHELD_LEN 16u

struct updraft_progress {
    uint32_t from; /* flash addresses at a sector; below 256 MB */
    uint32_t to;
    uint32_t check;
    uint32_t slot; /* 0..15 */
    uint8_t withheld[UPDRAFT_PROGRESS_WITHHELD_LEN];
};

void updraft_progress_encode(const struct updraft_progress *progress,
                             uint8_t out[UPDRAFT_PROGRESS_RECORD_LEN]);

/* False, and *progress untouched, for what is no whole record. */
bool updraft_progress_decode(const uint8_t bytes[UPDRAFT_PROGRESS_RECORD_LEN],
                             struct updraft_progress *progress);

#endif
