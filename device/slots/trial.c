#include "device/slots/trial.h"

#include "device/flash/access.h"
#include "format/assert.h"
#include "format/bytes.h"

enum updraft_error updraft_trial_confirm(const struct updraft_flash *flash, uint32_t entry_addr)
{
    return updraft_flash_clear(flash, entry_addr + UPDRAFT_TRIAL_OUTCOME_OFF,
                               UPDRAFT_TRIAL_CONFIRMED);
}

/* An earlier attempt may have been cut off here, with another reason: bits it cleared cannot be set
 * again, so the first reason stays. */
static enum updraft_error write_reason(const struct updraft_flash *flash, uint32_t entry_addr,
                                       enum updraft_trial_reason reason)
{
    uint32_t addr = entry_addr + UPDRAFT_TRIAL_REASON_OFF;
    uint32_t word = (uint32_t)reason;
    uint8_t bytes[4];
    enum updraft_error error = updraft_flash_read(flash, addr, bytes, sizeof bytes);

    if (error != UPDRAFT_OK)
        return error;
    if ((updraft_get_le32(bytes) & word) != word)
        return UPDRAFT_OK;
    return updraft_flash_clear(flash, addr, word);
}

enum updraft_error updraft_trial_roll_back(const struct updraft_flash *flash, uint32_t entry_addr,
                                           enum updraft_trial_reason reason)
{
    enum updraft_error error = write_reason(flash, entry_addr, reason);

    /* The state goes first: from then on a torn outcome, whatever it reads as, cannot revive it. */
    if (error == UPDRAFT_OK)
        error =
            updraft_flash_clear(flash, entry_addr + UPDRAFT_OTADATA_STATE_OFF, UPDRAFT_OTA_ABORTED);
    if (error == UPDRAFT_OK)
        error = updraft_flash_clear(flash, entry_addr + UPDRAFT_TRIAL_OUTCOME_OFF,
                                    UPDRAFT_TRIAL_ROLLED_BACK);
    return error;
}

enum updraft_error updraft_trial_mark(const struct updraft_flash *flash, uint32_t entry_addr,
                                      uint32_t marks_off, uint8_t idx)
{
    UPDRAFT_ASSERT(idx < UPDRAFT_TRIAL_MARK_CAP);
    return updraft_flash_clear(flash, entry_addr + marks_off + 4u * idx, 0);
}
