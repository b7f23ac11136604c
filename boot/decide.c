#include "boot/decide.h"

/* Power losses are not the image's fault, but an image that never survives one must end too. */
#define POWER_BOOTS_ALLOWED UPDRAFT_TRIAL_MARK_CAP

const char *updraft_boot_why_text(enum updraft_boot_why why)
{
    switch (why) {
    case UPDRAFT_BOOT_WHY_RECORD:
        return "the boot record names it";
    case UPDRAFT_BOOT_WHY_TRIAL:
        return "the boot record names it, on trial";
    case UPDRAFT_BOOT_WHY_ROLLED_BACK:
        return "the newer image did not confirm itself and was rolled back";
    case UPDRAFT_BOOT_WHY_EMPTY_RECORD:
        return "the boot record is empty or names only failed images";
    case UPDRAFT_BOOT_WHY_NO_OTADATA:
        return "the partition table has no boot record";
    case UPDRAFT_BOOT_WHY_DAMAGED_RECORD:
        return "the boot record is damaged";
    case UPDRAFT_BOOT_WHY_FALLBACK:
        return "the slot the boot record names holds no complete image";
    case UPDRAFT_BOOT_WHY_NOTHING:
        return "no slot holds a complete image";
    }
    return "";
}

static bool exists(const struct updraft_layout *layout, int slot)
{
    return updraft_layout_extent(layout, slot).len != 0;
}

int updraft_boot_next(const struct updraft_layout *layout, int start, int tried)
{
    int slot = tried == UPDRAFT_SLOT_NONE ? start : tried <= start ? tried - 1 : tried + 1;

    if (start == UPDRAFT_SLOT_TEST)
        return tried == UPDRAFT_SLOT_NONE && exists(layout, start) ? start : UPDRAFT_SLOT_NONE;
    if (tried == UPDRAFT_SLOT_TEST)
        return UPDRAFT_SLOT_NONE;
    for (; slot <= start && slot >= UPDRAFT_SLOT_FACTORY; slot--) {
        if (exists(layout, slot))
            return slot;
    }
    for (slot = slot > start ? slot : start + 1; slot < layout->ota_count; slot++) {
        if (exists(layout, slot))
            return slot;
    }
    return exists(layout, UPDRAFT_SLOT_TEST) ? UPDRAFT_SLOT_TEST : UPDRAFT_SLOT_NONE;
}

static bool is_empty_or_bad(const struct updraft_otadata_entry *entry)
{
    return entry->seq == UPDRAFT_OTADATA_SEQ_EMPTY || !entry->crc_ok;
}

static void decide_stock(const struct updraft_layout *layout,
                         const struct updraft_otadata_entry given[2], bool rollback,
                         struct updraft_boot_decision *decision)
{
    struct updraft_otadata_entry entries[2] = {given[0], given[1]};
    int active;

    for (int i = 0; rollback && i < 2; i++) {
        if (entries[i].state == UPDRAFT_OTA_PENDING_VERIFY) { /* stock does not look at the CRC */
            entries[i].state = UPDRAFT_OTA_ABORTED;
            decision->marks[i] = UPDRAFT_BOOT_MARK_ABORTED;
            decision->why = UPDRAFT_BOOT_WHY_ROLLED_BACK;
        }
    }
    if ((updraft_otadata_unusable(&entries[0]) && updraft_otadata_unusable(&entries[1])) ||
        layout->ota_count == 0) {
        decision->start = exists(layout, UPDRAFT_SLOT_FACTORY) ? UPDRAFT_SLOT_FACTORY : 0;
        decision->initialise =
            decision->start == 0 && is_empty_or_bad(&entries[0]) && is_empty_or_bad(&entries[1]);
        if (decision->why != UPDRAFT_BOOT_WHY_ROLLED_BACK)
            decision->why = UPDRAFT_BOOT_WHY_EMPTY_RECORD;
        return;
    }
    active = updraft_otadata_active(entries, false);
    if (active < 0) {
        decision->start = UPDRAFT_SLOT_FACTORY; /* stock: also where there is no factory slot */
        decision->why = UPDRAFT_BOOT_WHY_DAMAGED_RECORD;
        return;
    }
    decision->entry = active;
    decision->start = updraft_otadata_slot(entries[active].seq, layout->ota_count);
    if (rollback && entries[active].state == UPDRAFT_OTA_NEW) {
        decision->marks[active] = UPDRAFT_BOOT_MARK_PENDING;
        decision->why = UPDRAFT_BOOT_WHY_TRIAL;
    } else if (decision->why != UPDRAFT_BOOT_WHY_ROLLED_BACK) {
        decision->why = UPDRAFT_BOOT_WHY_RECORD;
    }
}

/* True when the image of a trial has had its chances. */
static bool is_used_up(const struct updraft_trial *trial, enum updraft_reset_cause cause)
{
    return cause == UPDRAFT_RESET_POWER_ON ? trial->power_used >= POWER_BOOTS_ALLOWED
                                           : trial->attempts_used >= trial->attempts_allowed;
}

static bool is_running_trial(const struct updraft_otadata_entry *entry)
{
    return entry->trial.present && entry->trial.outcome == UPDRAFT_TRIAL_RUNNING;
}

/* Where to go when no entry counts: factory, else the first OTA slot that did not just fail. */
static int default_slot(const struct updraft_layout *layout, int failed)
{
    if (exists(layout, UPDRAFT_SLOT_FACTORY))
        return UPDRAFT_SLOT_FACTORY;
    for (int slot = 0; slot < layout->ota_count; slot++) {
        if (slot != failed && exists(layout, slot))
            return slot;
    }
    return failed >= 0 ? failed : UPDRAFT_SLOT_FACTORY;
}

static void decide_updraft(const struct updraft_layout *layout,
                           const struct updraft_otadata_entry entries[2],
                           enum updraft_reset_cause cause, struct updraft_boot_decision *decision)
{
    bool counts[2];
    int failed = UPDRAFT_SLOT_NONE;
    int active;

    for (int i = 0; i < 2; i++) {
        const struct updraft_otadata_entry *entry = &entries[i];
        bool sound = entry->crc_ok && entry->seq != 0 && entry->seq != UPDRAFT_OTADATA_SEQ_EMPTY &&
                     layout->ota_count > 0;

        counts[i] = sound && updraft_otadata_valid(entry, true) &&
                    !(entry->trial.present && entry->trial.outcome == UPDRAFT_TRIAL_IS_ROLLED_BACK);
        if (counts[i] && is_running_trial(entry) && is_used_up(&entry->trial, cause)) {
            decision->marks[i] = UPDRAFT_BOOT_MARK_ROLLED_BACK;
            counts[i] = false;
        }
        /* A roll back was cut off behind its first word, which may not read the same again. */
        if (sound && is_running_trial(entry) && entry->state == UPDRAFT_OTA_ABORTED)
            decision->marks[i] = UPDRAFT_BOOT_MARK_ROLLED_BACK;
        if (sound && !counts[i])
            failed = updraft_otadata_slot(entry->seq, layout->ota_count);
    }
    if (!counts[0] && !counts[1]) {
        decision->start = default_slot(layout, failed);
        decision->why = failed != UPDRAFT_SLOT_NONE ? UPDRAFT_BOOT_WHY_ROLLED_BACK
                                                    : UPDRAFT_BOOT_WHY_EMPTY_RECORD;
        return;
    }
    active = counts[0] && counts[1] ? (entries[1].seq > entries[0].seq ? 1 : 0) : counts[0] ? 0 : 1;
    decision->entry = active;
    decision->start = updraft_otadata_slot(entries[active].seq, layout->ota_count);
    decision->why =
        failed != UPDRAFT_SLOT_NONE ? UPDRAFT_BOOT_WHY_ROLLED_BACK : UPDRAFT_BOOT_WHY_RECORD;
    if (is_running_trial(&entries[active])) {
        decision->why = UPDRAFT_BOOT_WHY_TRIAL;
        decision->marks[active] =
            cause == UPDRAFT_RESET_POWER_ON ? UPDRAFT_BOOT_MARK_POWER : UPDRAFT_BOOT_MARK_ATTEMPT;
    }
}

void updraft_boot_decide(const struct updraft_layout *layout,
                         const struct updraft_otadata_entry entries[2],
                         enum updraft_boot_rules rules, enum updraft_reset_cause cause,
                         struct updraft_boot_decision *decision)
{
    *decision = (struct updraft_boot_decision){
        .start = UPDRAFT_SLOT_FACTORY,
        .why = UPDRAFT_BOOT_WHY_NO_OTADATA,
        .entry = -1,
    };
    if (rules == UPDRAFT_BOOT_UPDRAFT) {
        if (layout->otadata.len == 0)
            decision->start = default_slot(layout, UPDRAFT_SLOT_NONE);
        else
            decide_updraft(layout, entries, cause, decision);
    } else if (layout->otadata.len != 0) {
        decide_stock(layout, entries, rules == UPDRAFT_BOOT_STOCK_ROLLBACK, decision);
    }
}
