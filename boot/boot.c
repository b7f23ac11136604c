#include "boot/boot.h"

#include "device/slots/trial.h"
#include "device/slots/verify.h"

#include <string.h>

static uint32_t entry_addr(const struct updraft_boot_result *result, int idx)
{
    return result->layout.otadata.addr + (uint32_t)idx * UPDRAFT_OTADATA_SECTOR_LEN;
}

static enum updraft_error read_entries(const struct updraft_flash *flash,
                                       struct updraft_boot_result *result)
{
    uint8_t bytes[UPDRAFT_OTADATA_READ_LEN];

    memset(bytes, 0xFF, sizeof bytes);
    for (int i = 0; i < 2; i++) {
        if (result->layout.otadata.len != 0) {
            enum updraft_error error =
                flash->read(flash->ctx, entry_addr(result, i), bytes, sizeof bytes);

            if (error != UPDRAFT_OK)
                return error;
        }
        updraft_otadata_decode(bytes, &result->entries[i]);
    }
    return UPDRAFT_OK;
}

/* The stock way to change a state: erase the sector, write the entry again. */
static enum updraft_error rewrite_state(const struct updraft_flash *flash, uint32_t addr,
                                        uint32_t seq, enum updraft_ota_state state)
{
    uint8_t entry[UPDRAFT_OTADATA_ENTRY_LEN];
    enum updraft_error error = flash->erase(flash->ctx, addr, UPDRAFT_OTADATA_SECTOR_LEN);

    if (error != UPDRAFT_OK)
        return error;
    updraft_otadata_encode(seq, state, entry);
    return flash->prog(flash->ctx, addr, entry, sizeof entry);
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
    return flash->prog(flash->ctx, addr, bytes, sizeof bytes);
}

static enum updraft_error write_mark(const struct updraft_boot_config *config,
                                     const struct updraft_boot_result *result, int idx,
                                     enum updraft_boot_mark mark)
{
    const struct updraft_flash *flash = config->flash;
    const struct updraft_otadata_entry *entry = &result->entries[idx];
    uint32_t addr = entry_addr(result, idx);

    if (config->dry_run)
        return UPDRAFT_OK;
    switch (mark) {
    case UPDRAFT_BOOT_MARK_NONE:
        return UPDRAFT_OK;
    case UPDRAFT_BOOT_MARK_ATTEMPT:
        (void)!strengthen(flash, addr, entry);
        return updraft_trial_mark(flash, addr, UPDRAFT_TRIAL_MARKS_OFF, entry->trial.attempts_used);
    case UPDRAFT_BOOT_MARK_POWER:
        (void)!strengthen(flash, addr, entry);
        return updraft_trial_mark(flash, addr, UPDRAFT_TRIAL_POWER_OFF, entry->trial.power_used);
    case UPDRAFT_BOOT_MARK_ROLLED_BACK:
        return updraft_trial_roll_back(flash, addr, UPDRAFT_TRIAL_REASON_ATTEMPTS);
    case UPDRAFT_BOOT_MARK_ABORTED:
        return rewrite_state(flash, addr, entry->seq, UPDRAFT_OTA_ABORTED);
    case UPDRAFT_BOOT_MARK_PENDING:
        return rewrite_state(flash, addr, entry->seq, UPDRAFT_OTA_PENDING_VERIFY);
    }
    return UPDRAFT_OK;
}

static enum updraft_error verify(const struct updraft_boot_config *config,
                                 const struct updraft_boot_result *result, int slot)
{
    struct updraft_slot_check check = {
        .flash = config->flash,
        .slot = updraft_layout_extent(&result->layout, slot),
        .chip_id = config->chip_id,
        .buf = config->buf,
        .buf_cap = config->buf_cap,
    };

    return config->verify(&check);
}

/* Walks the trial order to the first slot that verifies. A slot whose flash cannot be read is passed
 * over like a bad one: another may still start. */
static int first_bootable(const struct updraft_boot_config *config,
                          const struct updraft_boot_result *result, int start)
{
    int slot = updraft_boot_next(&result->layout, start, UPDRAFT_SLOT_NONE);

    while (slot != UPDRAFT_SLOT_NONE && verify(config, result, slot) != UPDRAFT_OK)
        slot = updraft_boot_next(&result->layout, start, slot);
    return slot;
}

/* A new image that does not even verify has had its trial. */
static bool give_up_trial(const struct updraft_boot_config *config,
                          struct updraft_boot_result *result,
                          const struct updraft_boot_decision *decision)
{
    if (decision->why != UPDRAFT_BOOT_WHY_TRIAL || config->rules != UPDRAFT_BOOT_UPDRAFT ||
        verify(config, result, decision->start) == UPDRAFT_OK)
        return false;
    /* The result of the write is not asked for: without it the next boot comes here again. */
    if (!config->dry_run)
        (void)!updraft_trial_roll_back(config->flash, entry_addr(result, decision->entry),
                                       UPDRAFT_TRIAL_REASON_UNBOOTABLE);
    result->entries[decision->entry].trial.outcome = UPDRAFT_TRIAL_IS_ROLLED_BACK;
    return true;
}

static enum updraft_error initialise_record(const struct updraft_boot_config *config,
                                            const struct updraft_boot_result *result)
{
    if (config->dry_run || result->slot < 0)
        return UPDRAFT_OK;
    return rewrite_state(config->flash, entry_addr(result, 0), (uint32_t)result->slot + 1u,
                         UPDRAFT_OTA_VALID);
}

enum updraft_error updraft_boot_run(const struct updraft_boot_config *config,
                                    struct updraft_boot_result *result)
{
    struct updraft_boot_decision decision;
    enum updraft_error error;

    memset(result, 0, sizeof *result);
    result->slot = UPDRAFT_SLOT_NONE;
    error = updraft_layout_read(config->flash, config->table_addr, &result->layout);
    if (error == UPDRAFT_OK)
        error = read_entries(config->flash, result);
    if (error != UPDRAFT_OK)
        return error;
    updraft_boot_decide(&result->layout, result->entries, config->rules, config->cause, &decision);
    if (give_up_trial(config, result, &decision))
        updraft_boot_decide(&result->layout, result->entries, config->rules, config->cause,
                            &decision);
    /* Marks come before the start, so that an image which never returns is counted. A mark that
     * cannot be written does not keep a device from starting. */
    for (int i = 0; i < 2; i++)
        (void)!write_mark(config, result, i, decision.marks[i]);
    result->chosen = decision.start;
    result->slot = first_bootable(config, result, decision.start);
    result->why = decision.why;
    if (result->slot == UPDRAFT_SLOT_NONE)
        result->why = UPDRAFT_BOOT_WHY_NOTHING;
    else if (result->slot != updraft_boot_next(&result->layout, decision.start, UPDRAFT_SLOT_NONE))
        result->why = UPDRAFT_BOOT_WHY_FALLBACK;
    result->addr = updraft_layout_extent(&result->layout, result->slot).addr;
    result->on_trial = result->why == UPDRAFT_BOOT_WHY_TRIAL;
    if (decision.initialise)
        (void)!initialise_record(config, result);
    return UPDRAFT_OK;
}
