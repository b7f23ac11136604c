#include "format/otadata.h"

#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_sequence(uint32_t seq, uint8_t count)
{
    uint8_t slot = updraft_otadata_slot(seq, count);
    uint32_t next = updraft_otadata_next_seq(seq, slot, count);

    check(slot < count);
    if (seq != 0 && seq != UPDRAFT_OTADATA_SEQ_EMPTY)
        check(next == seq);
    for (uint8_t other = 0; other < count; other++) {
        next = updraft_otadata_next_seq(seq, other, count);
        check(next == 0 || (next >= seq && updraft_otadata_slot(next, count) == other));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Two sectors, as a boot stage reads them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t sectors[2][UPDRAFT_OTADATA_READ_LEN];
    struct updraft_otadata_entry entries[2];

    memset(sectors, 0xFF, sizeof(sectors));
    memcpy(sectors, data, len < sizeof(sectors) ? len : sizeof(sectors));
    for (size_t i = 0; i < 2; i++) {
        const struct updraft_trial *trial = &entries[i].trial;
        uint8_t encoded[UPDRAFT_OTADATA_ENTRY_LEN];

        updraft_otadata_decode(sectors[i], &entries[i]);
        check(trial->attempts_used <= UPDRAFT_TRIAL_MARK_CAP);
        check(trial->power_used <= UPDRAFT_TRIAL_MARK_CAP);
        check(!trial->present ||
              (trial->attempts_allowed >= 1 && trial->attempts_allowed <= UPDRAFT_TRIAL_MARK_CAP));
        updraft_otadata_encode(entries[i].seq, entries[i].state, encoded);
        check(memcmp(encoded, sectors[i], 4) == 0);
        check((memcmp(encoded + 28, sectors[i] + 28, 4) == 0) == entries[i].crc_ok);
        check_sequence(entries[i].seq, (uint8_t)(1 + sectors[i][1] % 16));
    }
    for (int strict = 0; strict < 2; strict++) {
        int active = updraft_otadata_active(entries, strict != 0);

        check(active >= -1 && active <= 1);
        check(active < 0 || updraft_otadata_valid(&entries[active], strict != 0));
    }
    return 0;
}
