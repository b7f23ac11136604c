/* Our own rules: the trial log decides, and nothing is ever erased. */
#include "boot/decide.h"
#include "device/flash/access.h"
#include "device/slots/trial.h"

/* Power losses are not the image's fault, but an image that never survives one must end too. */
#define POWER_BOOTS_ALLOWED UPDRAFT_TRIAL_MARK_CAP

/* True when the image of a trial has had its chances. */
static bool is_used_up(const struct updraft_trial *trial, enum updraft_reset_cause cause)
{
    return cause == UPDRAFT_RESET_POWER_ON ? trial->power_used >= POWER_BOOTS_ALLOWED
                                           : trial->attempts_used >= trial->attempts_allowed;
}

/* What a trial comes to with this boot. */
static enum updraft_boot_mark judge_trial(const struct updraft_boot_situation *situation,
                                          const struct updraft_otadata_entry *entry, int slot)
{
    enum updraft_reset_cause cause = situation->cause;

    if (!entry->trial.present || entry->trial.outcome != UPDRAFT_TRIAL_RUNNING ||
        entry->state == UPDRAFT_OTA_INVALID)
        return UPDRAFT_BOOT_MARK_NONE;
    /* ABORTED: a roll back was cut off behind its first word, which may not read the same again. */
    if (entry->state == UPDRAFT_OTA_ABORTED || is_used_up(&entry->trial, cause))
        return UPDRAFT_BOOT_MARK_ROLLED_BACK;
    /* A new image that does not even verify has had its trial. */
    if ((situation->bad_slots & updraft_slot_bit(slot)) != 0)
        return UPDRAFT_BOOT_MARK_UNBOOTABLE;
    return cause == UPDRAFT_RESET_POWER_ON ? UPDRAFT_BOOT_MARK_POWER : UPDRAFT_BOOT_MARK_ATTEMPT;
}

/* Where to go when no entry counts: factory, else the first OTA slot that did not just fail. */
static int default_slot(const struct updraft_layout *layout, int failed)
{
    int slot =
        updraft_boot_next(layout, UPDRAFT_SLOT_FACTORY, failed >= 0 ? updraft_slot_bit(failed) : 0);

    if (slot >= UPDRAFT_SLOT_FACTORY)
        return slot;
    return failed >= 0 ? failed : UPDRAFT_SLOT_FACTORY;
}

static void decide(const struct updraft_boot_situation *situation,
                   struct updraft_boot_decision *decision)
{
    const struct updraft_layout *layout = &situation->layout;
    enum updraft_boot_mark trial = UPDRAFT_BOOT_MARK_NONE;
    int failed = UPDRAFT_SLOT_NONE;
    int active = -1;

    for (int i = 0; i < 2; i++) {
        const struct updraft_otadata_entry *entry = &situation->entries[i];
        enum updraft_boot_mark mark;
        int slot;

        /* The CRC of sequence 0 is the erased value: a write torn after the sequence would pass. */
        if (!entry->crc_ok || entry->seq == 0 || entry->seq == UPDRAFT_OTADATA_SEQ_EMPTY ||
            layout->ota_count == 0)
            continue;
        slot = updraft_otadata_slot(entry->seq, layout->ota_count);
        mark = judge_trial(situation, entry, slot);
        if (mark >= UPDRAFT_BOOT_MARK_ROLLED_BACK || updraft_otadata_unusable(entry) ||
            entry->trial.outcome == UPDRAFT_TRIAL_IS_ROLLED_BACK) {
            decision->marks[i] = mark;
            failed = slot;
        } else if (active < 0 || entry->seq > situation->entries[active].seq) {
            active = i;
            decision->start = slot;
            trial = mark; /* only the image that starts is counted */
        }
    }
    decision->entry = active;
    decision->why =
        failed != UPDRAFT_SLOT_NONE ? UPDRAFT_BOOT_WHY_ROLLED_BACK : UPDRAFT_BOOT_WHY_RECORD;
    if (active < 0) {
        decision->start = default_slot(layout, failed);
        if (failed == UPDRAFT_SLOT_NONE)
            decision->why = layout->otadata.len != 0 ? UPDRAFT_BOOT_WHY_EMPTY_RECORD
                                                     : UPDRAFT_BOOT_WHY_NO_OTADATA;
    } else if (trial != UPDRAFT_BOOT_MARK_NONE) {
        decision->why = UPDRAFT_BOOT_WHY_TRIAL;
        decision->marks[active] = trial;
    }
}

/* The power may have failed while the entry was written, and cells of it may read one way now and
 * another way later. Before an image starts by it for the first time it is programmed once more. */
static enum updraft_error strengthen(const struct updraft_flash *flash, uint32_t addr,
                                     const struct updraft_otadata_entry *entry)
{
    uint8_t bytes[UPDRAFT_OTADATA_ENTRY_LEN + UPDRAFT_TRIAL_LEN];

    if (entry->trial.attempts_used != 0 || entry->trial.power_used != 0)
        return UPDRAFT_OK;
    updraft_otadata_encode(entry->seq, UPDRAFT_OTA_UNDEFINED, bytes);
    updraft_trial_encode(entry->seq, entry->trial.attempts_allowed, bytes + UPDRAFT_TRIAL_OFF);
    return updraft_flash_prog(flash, addr, bytes, sizeof bytes);
}

/* One more start on trial. */
static enum updraft_error count_start(const struct updraft_flash *flash, uint32_t addr,
                                      const struct updraft_otadata_entry *entry, bool power_on)
{
    (void)!strengthen(flash, addr, entry);
    return updraft_trial_mark(flash, addr,
                              power_on ? UPDRAFT_TRIAL_POWER_OFF : UPDRAFT_TRIAL_MARKS_OFF,
                              power_on ? entry->trial.power_used : entry->trial.attempts_used);
}

static void apply(const struct updraft_flash *flash, const struct updraft_boot_situation *situation,
                  const struct updraft_boot_decision *decision, int slot)
{
    (void)slot;
    for (int i = 0; i < 2; i++) {
        enum updraft_boot_mark mark = decision->marks[i];
        uint32_t addr = updraft_layout_entry_addr(&situation->layout, i);

        if (mark >= UPDRAFT_BOOT_MARK_ROLLED_BACK)
            (void)!updraft_trial_roll_back(flash, addr,
                                           mark == UPDRAFT_BOOT_MARK_UNBOOTABLE
                                               ? UPDRAFT_TRIAL_REASON_UNBOOTABLE
                                               : UPDRAFT_TRIAL_REASON_ATTEMPTS);
        else if (mark != UPDRAFT_BOOT_MARK_NONE)
            (void)!count_start(flash, addr, &situation->entries[i],
                               mark == UPDRAFT_BOOT_MARK_POWER);
    }
}

const struct updraft_boot_rules updraft_boot_rules_updraft = {.decide = decide, .apply = apply};
