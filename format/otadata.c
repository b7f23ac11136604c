#include "format/otadata.h"

#include "format/assert.h"
#include "format/bytes.h"
#include "format/crc.h"

#include <string.h>

#define SEQ_OFF           0u
#define CRC_OFF           28u
#define ERASED_WORD       0xFFFFFFFFu
#define TRIAL_VERSION     1u
#define TRIAL_VERSION_OFF 4u
#define TRIAL_ALLOWED_OFF 5u
#define TRIAL_SEQ_OFF     8u
#define TRIAL_CRC_OFF     12u

static const uint8_t trial_magic[4] = {'U', 'D', 'T', 'R'};

_Static_assert(CRC_OFF + 4u == UPDRAFT_OTADATA_ENTRY_LEN, "the CRC ends the entry");
_Static_assert(TRIAL_CRC_OFF + 4u == UPDRAFT_TRIAL_LEN, "the CRC ends the trial record");
_Static_assert(UPDRAFT_OTADATA_ENTRY_LEN <= UPDRAFT_TRIAL_OFF, "the entry stays stock");
_Static_assert(UPDRAFT_TRIAL_OFF + UPDRAFT_TRIAL_LEN <= UPDRAFT_TRIAL_MARKS_OFF, "apart");
_Static_assert(UPDRAFT_TRIAL_MARKS_OFF + 4u * UPDRAFT_TRIAL_MARK_CAP <= UPDRAFT_TRIAL_OUTCOME_OFF,
               "apart");
_Static_assert(UPDRAFT_TRIAL_REASON_OFF + 4u <= UPDRAFT_TRIAL_POWER_OFF, "apart");
_Static_assert(UPDRAFT_TRIAL_REASON_OFF + 4u == UPDRAFT_OTADATA_ENTRY_READ_LEN,
               "one read brings all but the last marks");
_Static_assert(UPDRAFT_TRIAL_POWER_OFF + 4u * UPDRAFT_TRIAL_MARK_CAP == UPDRAFT_OTADATA_READ_LEN,
               "one read brings all");
_Static_assert(UPDRAFT_OTADATA_READ_LEN <= UPDRAFT_OTADATA_SECTOR_LEN, "it fits its sector");

uint32_t updraft_otadata_crc(uint32_t seq)
{
    uint8_t seq_le[4];

    updraft_put_le32(seq_le, seq);
    /* The ROM routine is called with all ones and inverts them: continuing from all ones in zlib's
     * terms starts the register at zero. */
    return updraft_crc32(0xFFFFFFFFu, seq_le, sizeof(seq_le));
}

void updraft_otadata_encode(uint32_t seq, enum updraft_ota_state state,
                            uint8_t out[UPDRAFT_OTADATA_ENTRY_LEN])
{
    memset(out, 0xFF, UPDRAFT_OTADATA_ENTRY_LEN);
    updraft_put_le32(out + SEQ_OFF, seq);
    if (state != UPDRAFT_OTA_UNDEFINED)
        updraft_put_le32(out + UPDRAFT_OTADATA_STATE_OFF, (uint32_t)state);
    updraft_put_le32(out + CRC_OFF, updraft_otadata_crc(seq));
}

void updraft_trial_encode(uint32_t seq, uint8_t attempts_allowed, uint8_t out[UPDRAFT_TRIAL_LEN])
{
    UPDRAFT_ASSERT(attempts_allowed >= 1u && attempts_allowed <= UPDRAFT_TRIAL_MARK_CAP);
    memset(out, 0xFF, UPDRAFT_TRIAL_LEN);
    memcpy(out, trial_magic, sizeof(trial_magic));
    out[TRIAL_VERSION_OFF] = TRIAL_VERSION;
    out[TRIAL_ALLOWED_OFF] = attempts_allowed;
    updraft_put_le32(out + TRIAL_SEQ_OFF, seq);
    updraft_put_le32(out + TRIAL_CRC_OFF, updraft_crc32(0, out, TRIAL_CRC_OFF));
}

static enum updraft_ota_state decode_state(uint32_t raw)
{
    return raw <= (uint32_t)UPDRAFT_OTA_ABORTED ? (enum updraft_ota_state)raw
                                                : UPDRAFT_OTA_UNDEFINED;
}

/* A torn mark has lost some of its bits only; it was set all the same. */
static uint8_t count_marks(const uint8_t *words)
{
    uint8_t count = 0;

    for (size_t i = 0; i < UPDRAFT_TRIAL_MARK_CAP; i++) {
        if (updraft_get_le32(words + 4u * i) != ERASED_WORD)
            count++;
    }
    return count;
}

static enum updraft_trial_outcome decode_outcome(uint32_t raw)
{
    if (raw == UPDRAFT_TRIAL_CONFIRMED)
        return UPDRAFT_TRIAL_IS_CONFIRMED;
    if (raw == UPDRAFT_TRIAL_ROLLED_BACK)
        return UPDRAFT_TRIAL_IS_ROLLED_BACK;
    return UPDRAFT_TRIAL_RUNNING;
}

static enum updraft_trial_reason decode_reason(uint32_t raw)
{
    return raw <= (uint32_t)UPDRAFT_TRIAL_REASON_UNBOOTABLE ? (enum updraft_trial_reason)raw
                                                            : UPDRAFT_TRIAL_REASON_NONE;
}

/* Nothing but what updraft_trial_encode() writes is a trial record. */
static bool trial_record_ok(const uint8_t *record, uint32_t seq)
{
    uint8_t expected[UPDRAFT_TRIAL_LEN];
    uint8_t allowed = record[TRIAL_ALLOWED_OFF];

    if (allowed < 1u || allowed > UPDRAFT_TRIAL_MARK_CAP)
        return false;
    updraft_trial_encode(seq, allowed, expected);
    return memcmp(record, expected, sizeof expected) == 0;
}

static void decode_trial(const uint8_t *bytes, uint32_t seq, struct updraft_trial *trial)
{
    const uint8_t *record = bytes + UPDRAFT_TRIAL_OFF;

    *trial = (struct updraft_trial){0};
    if (!trial_record_ok(record, seq))
        return;
    trial->present = true;
    trial->attempts_allowed = record[TRIAL_ALLOWED_OFF];
    trial->outcome = decode_outcome(updraft_get_le32(bytes + UPDRAFT_TRIAL_OUTCOME_OFF));
    trial->reason = decode_reason(updraft_get_le32(bytes + UPDRAFT_TRIAL_REASON_OFF));
}

void updraft_otadata_decode_entry(const uint8_t bytes[UPDRAFT_OTADATA_ENTRY_READ_LEN],
                                  struct updraft_otadata_entry *entry)
{
    entry->seq = updraft_get_le32(bytes + SEQ_OFF);
    entry->crc_ok = updraft_get_le32(bytes + CRC_OFF) == updraft_otadata_crc(entry->seq);
    entry->state = decode_state(updraft_get_le32(bytes + UPDRAFT_OTADATA_STATE_OFF));
    decode_trial(bytes, entry->seq, &entry->trial);
}

void updraft_otadata_decode(const uint8_t bytes[UPDRAFT_OTADATA_READ_LEN],
                            struct updraft_otadata_entry *entry)
{
    struct updraft_trial *trial = &entry->trial;

    updraft_otadata_decode_entry(bytes, entry);
    if (trial->present) {
        trial->attempts_used = count_marks(bytes + UPDRAFT_TRIAL_MARKS_OFF);
        trial->power_used = count_marks(bytes + UPDRAFT_TRIAL_POWER_OFF);
    }
}

bool updraft_otadata_unusable(const struct updraft_otadata_entry *entry)
{
    return entry->seq == UPDRAFT_OTADATA_SEQ_EMPTY || entry->state == UPDRAFT_OTA_INVALID ||
           entry->state == UPDRAFT_OTA_ABORTED;
}

bool updraft_otadata_valid(const struct updraft_otadata_entry *entry, bool strict)
{
    /* The CRC of sequence 0 is the erased value: a write torn after the sequence would pass. */
    if (strict && entry->seq == 0)
        return false;
    return entry->crc_ok && !updraft_otadata_unusable(entry);
}

int updraft_otadata_active(const struct updraft_otadata_entry entries[2], bool strict)
{
    bool a = updraft_otadata_valid(&entries[0], strict);
    bool b = updraft_otadata_valid(&entries[1], strict);

    if (a && b)
        return entries[1].seq > entries[0].seq ? 1 : 0;
    if (a)
        return 0;
    return b ? 1 : -1;
}

uint8_t updraft_otadata_slot(uint32_t seq, uint8_t ota_count)
{
    UPDRAFT_ASSERT(ota_count != 0);
    return (uint8_t)((seq - 1u) % ota_count);
}

uint32_t updraft_otadata_next_seq(uint32_t at_least, uint8_t slot, uint8_t ota_count)
{
    uint32_t seq = at_least == 0 ? 1u : at_least;

    if (slot >= ota_count)
        return 0;
    while (seq != UPDRAFT_OTADATA_SEQ_EMPTY && updraft_otadata_slot(seq, ota_count) != slot)
        seq++;
    return seq != UPDRAFT_OTADATA_SEQ_EMPTY ? seq : 0;
}
