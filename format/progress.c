#include "format/progress.h"

#include "format/bytes.h"
#include "format/crc.h"

#include <string.h>

#define RECORD_MAGIC 'P'
#define SLOT_CAP     16u
#define FROM_OFF     2u
#define TO_OFF       4u
#define CHECK_OFF    8u
#define WITHHELD_OFF 12u
#define CRC_OFF      28u

_Static_assert((UPDRAFT_PROGRESS_LOG_END_OFF - UPDRAFT_PROGRESS_LOG_OFF) %
                       UPDRAFT_PROGRESS_RECORD_LEN ==
                   0,
               "the log is a whole number of records");

void updraft_progress_encode(const struct updraft_progress *progress,
                             uint8_t out[UPDRAFT_PROGRESS_RECORD_LEN])
{
    memset(out, 0xFF, UPDRAFT_PROGRESS_RECORD_LEN);
    out[0] = RECORD_MAGIC;
    out[1] = (uint8_t)progress->slot;
    updraft_put_le16(out + FROM_OFF, (uint16_t)(progress->from / UPDRAFT_PROGRESS_UNIT_LEN));
    updraft_put_le16(out + TO_OFF, (uint16_t)(progress->to / UPDRAFT_PROGRESS_UNIT_LEN));
    updraft_put_le32(out + CHECK_OFF, progress->check);
    updraft_bytes_copy(out + WITHHELD_OFF, progress->withheld, sizeof progress->withheld);
    updraft_put_le32(out + CRC_OFF, updraft_crc32(0, out, CRC_OFF));
}

bool updraft_progress_decode(const uint8_t bytes[UPDRAFT_PROGRESS_RECORD_LEN],
                             struct updraft_progress *progress)
{
    if (bytes[0] != RECORD_MAGIC || bytes[1] >= SLOT_CAP ||
        updraft_get_le16(bytes + FROM_OFF) >= updraft_get_le16(bytes + TO_OFF) ||
        updraft_get_le32(bytes + CRC_OFF) != updraft_crc32(0, bytes, CRC_OFF))
        return false;
    progress->slot = bytes[1];
    progress->from = (uint32_t)updraft_get_le16(bytes + FROM_OFF) * UPDRAFT_PROGRESS_UNIT_LEN;
    progress->to = (uint32_t)updraft_get_le16(bytes + TO_OFF) * UPDRAFT_PROGRESS_UNIT_LEN;
    progress->check = updraft_get_le32(bytes + CHECK_OFF);
    updraft_bytes_copy(progress->withheld, bytes + WITHHELD_OFF, sizeof progress->withheld);
    return true;
}
