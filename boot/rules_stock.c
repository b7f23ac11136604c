/* The rules of ESP-IDF's boot loader, built without roll back and with it. */
#include "boot/decide.h"

#include "device/flash/access.h"

static bool is_empty_or_bad(const struct updraft_otadata_entry *entry)
{
    return entry->seq == UPDRAFT_OTADATA_SEQ_EMPTY || !entry->crc_ok;
}

static void decide_by(const struct updraft_boot_situation *situation, bool rollback,
                      struct updraft_boot_decision *decision)
{
    const struct updraft_layout *layout = &situation->layout;
    struct updraft_otadata_entry entries[2] = {situation->entries[0], situation->entries[1]};
    int active;

    decision->start = UPDRAFT_SLOT_FACTORY;
    decision->entry = -1;
    decision->why = UPDRAFT_BOOT_WHY_NO_OTADATA;
    if (layout->otadata.len == 0)
        return;
    decision->why = UPDRAFT_BOOT_WHY_RECORD;
    for (int i = 0; rollback && i < 2; i++) {
        if (entries[i].state == UPDRAFT_OTA_PENDING_VERIFY) { /* stock does not look at the CRC */
            entries[i].state = UPDRAFT_OTA_ABORTED;
            decision->marks[i] = UPDRAFT_BOOT_MARK_ABORTED;
            decision->why = UPDRAFT_BOOT_WHY_ROLLED_BACK;
        }
    }
    if ((updraft_otadata_unusable(&entries[0]) && updraft_otadata_unusable(&entries[1])) ||
        layout->ota_count == 0) {
        decision->start = layout->factory.len != 0 ? UPDRAFT_SLOT_FACTORY : 0;
        decision->initialise =
            decision->start == 0 && is_empty_or_bad(&entries[0]) && is_empty_or_bad(&entries[1]);
        if (decision->why == UPDRAFT_BOOT_WHY_RECORD)
            decision->why = UPDRAFT_BOOT_WHY_EMPTY_RECORD;
        return;
    }
    active = updraft_otadata_active(entries, false);
    if (active < 0) { /* stock starts with factory also where there is none */
        decision->why = UPDRAFT_BOOT_WHY_DAMAGED_RECORD;
        return;
    }
    decision->entry = active;
    decision->start = updraft_otadata_slot(entries[active].seq, layout->ota_count);
    if (rollback && entries[active].state == UPDRAFT_OTA_NEW) {
        decision->marks[active] = UPDRAFT_BOOT_MARK_PENDING;
        decision->why = UPDRAFT_BOOT_WHY_TRIAL;
    }
}

static void decide_without(const struct updraft_boot_situation *situation,
                           struct updraft_boot_decision *decision)
{
    decide_by(situation, false, decision);
}

static void decide_with(const struct updraft_boot_situation *situation,
                        struct updraft_boot_decision *decision)
{
    decide_by(situation, true, decision);
}

/* The stock way to change a state: erase the sector, write the entry again. */
static enum updraft_error rewrite_state(const struct updraft_flash *flash, uint32_t addr,
                                        uint32_t seq, enum updraft_ota_state state)
{
    uint8_t entry[UPDRAFT_OTADATA_ENTRY_LEN];
    enum updraft_error error = updraft_flash_erase(flash, addr, UPDRAFT_OTADATA_SECTOR_LEN);

    if (error != UPDRAFT_OK)
        return error;
    updraft_otadata_encode(seq, state, entry);
    return updraft_flash_prog(flash, addr, entry, sizeof entry);
}

static void apply(const struct updraft_flash *flash, const struct updraft_boot_situation *situation,
                  const struct updraft_boot_decision *decision, int slot)
{
    for (int i = 0; i < 2; i++) {
        if (decision->marks[i] != UPDRAFT_BOOT_MARK_NONE)
            (void)!rewrite_state(
                flash, updraft_layout_entry_addr(&situation->layout, i), situation->entries[i].seq,
                decision->marks[i] == UPDRAFT_BOOT_MARK_PENDING ? UPDRAFT_OTA_PENDING_VERIFY
                                                                : UPDRAFT_OTA_ABORTED);
    }
    if (decision->initialise && slot >= 0)
        (void)!rewrite_state(flash, updraft_layout_entry_addr(&situation->layout, 0),
                             (uint32_t)slot + 1u, UPDRAFT_OTA_VALID);
}

const struct updraft_boot_rules updraft_boot_rules_stock = {.decide = decide_without,
                                                            .apply = apply};
const struct updraft_boot_rules updraft_boot_rules_stock_rollback = {.decide = decide_with,
                                                                     .apply = apply};
