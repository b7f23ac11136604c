#include "format/staged.h"

#include "format/bytes.h"
#include "format/crc.h"

#include <string.h>

#define VERSION      1u
#define VERSION_OFF  0x04u
#define ENCODING_OFF 0x05u
#define SOURCE_OFF   0x08u
#define DEST_OFF     0x0Cu
#define STAGED_OFF   0x10u
#define IMAGE_OFF    0x14u
#define SHA256_OFF   0x18u
#define CRC_OFF      0x3Cu

#define ERASED 0xFFFFFFFFu
#define SET    0u

static const uint8_t magic[4] = {'U', 'D', 'S', 'C'};

_Static_assert(CRC_OFF + 4u == UPDRAFT_STAGED_RECORD_LEN, "the CRC ends the record");
_Static_assert(SHA256_OFF + UPDRAFT_SHA256_LEN <= CRC_OFF, "the digest is covered by the CRC");
_Static_assert(UPDRAFT_STAGED_DONE_OFF >= UPDRAFT_STAGED_RECORD_LEN,
               "the words behind the record are programmed on their own");
_Static_assert(UPDRAFT_STAGED_MARKS_OFF + UPDRAFT_STAGED_MARK_CAP * UPDRAFT_STAGED_MARK_LEN ==
                   0x1000u,
               "the marks fill the sector");
_Static_assert(UPDRAFT_STAGED_REASON_OFF + 4u <= UPDRAFT_STAGED_COPY_OFF, "apart");
_Static_assert(UPDRAFT_STAGED_COPY_OFF + UPDRAFT_STAGED_RECORD_LEN == UPDRAFT_STAGED_READ_LEN &&
                   UPDRAFT_STAGED_READ_LEN <= UPDRAFT_STAGED_MARKS_OFF,
               "one read brings everything");

void updraft_staged_encode(const struct updraft_staged_journal *journal,
                           uint8_t out[UPDRAFT_STAGED_RECORD_LEN])
{
    memset(out, 0xFF, UPDRAFT_STAGED_RECORD_LEN);
    memcpy(out, magic, sizeof magic);
    out[VERSION_OFF] = VERSION;
    out[ENCODING_OFF] = (uint8_t)journal->encoding;
    updraft_put_le32(out + SOURCE_OFF, journal->source_addr);
    updraft_put_le32(out + DEST_OFF, journal->dest_addr);
    updraft_put_le32(out + STAGED_OFF, journal->staged_len);
    updraft_put_le32(out + IMAGE_OFF, journal->image_len);
    memcpy(out + SHA256_OFF, journal->sha256, UPDRAFT_SHA256_LEN);
    updraft_put_le32(out + CRC_OFF, updraft_crc32(0, out, CRC_OFF));
}

static enum updraft_staged_state state_of(const uint8_t *bytes)
{
    if (updraft_get_le32(bytes + UPDRAFT_STAGED_DONE_OFF) == SET)
        return UPDRAFT_STAGED_DONE;
    if (updraft_get_le32(bytes + UPDRAFT_STAGED_REFUSED_OFF) == SET)
        return UPDRAFT_STAGED_REFUSED;
    return UPDRAFT_STAGED_PENDING;
}

/* The row of a number that no table knows would name the wrong error, so it is left out. */
static enum updraft_error reason_of(const uint8_t *bytes)
{
    uint32_t reason = updraft_get_le32(bytes + UPDRAFT_STAGED_REASON_OFF);
    const struct updraft_error_entry *entry = updraft_error_entry(reason);

    return reason != ERASED && (uint32_t)entry->code == reason ? entry->code : UPDRAFT_OK;
}

static bool record_ok(const uint8_t *record)
{
    return memcmp(record, magic, sizeof magic) == 0 && record[VERSION_OFF] == VERSION &&
           record[ENCODING_OFF] <= UPDRAFT_STAGED_GZIP &&
           updraft_get_le32(record + CRC_OFF) == updraft_crc32(0, record, CRC_OFF);
}

void updraft_staged_decode(const uint8_t bytes[UPDRAFT_STAGED_READ_LEN],
                           struct updraft_staged_journal *journal)
{
    const uint8_t *record = bytes;

    memset(journal, 0, sizeof *journal);
    journal->state = UPDRAFT_STAGED_EMPTY;
    if (!record_ok(record)) {
        record += UPDRAFT_STAGED_COPY_OFF;
        if (!record_ok(record))
            return;
        journal->record_off = UPDRAFT_STAGED_COPY_OFF;
    }
    journal->encoding =
        record[ENCODING_OFF] == UPDRAFT_STAGED_GZIP ? UPDRAFT_STAGED_GZIP : UPDRAFT_STAGED_RAW;
    journal->source_addr = updraft_get_le32(record + SOURCE_OFF);
    journal->dest_addr = updraft_get_le32(record + DEST_OFF);
    journal->staged_len = updraft_get_le32(record + STAGED_OFF);
    journal->image_len = updraft_get_le32(record + IMAGE_OFF);
    memcpy(journal->sha256, record + SHA256_OFF, UPDRAFT_SHA256_LEN);
    journal->state = state_of(bytes);
    journal->begun = updraft_get_le32(bytes + UPDRAFT_STAGED_BEGUN_OFF) != ERASED;
    if (journal->state == UPDRAFT_STAGED_REFUSED)
        journal->reason = reason_of(bytes);
}
