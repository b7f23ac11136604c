#include "boot/boot.h"

#include "device/flash/access.h"

#include <string.h>

static enum updraft_error read_entries(const struct updraft_flash *flash,
                                       struct updraft_boot_situation *situation)
{
    uint8_t bytes[UPDRAFT_OTADATA_READ_LEN];

    if (situation->layout.otadata.len == 0)
        return UPDRAFT_OK; /* the entries stay zeros, without a good CRC */
    for (int i = 0; i < 2; i++) {
        enum updraft_error error = updraft_flash_read(
            flash, updraft_layout_entry_addr(&situation->layout, i), bytes, sizeof bytes);

        if (error != UPDRAFT_OK)
            return error;
        updraft_otadata_decode(bytes, &situation->entries[i]);
    }
    return UPDRAFT_OK;
}

static enum updraft_error verify(const struct updraft_boot_config *config,
                                 const struct updraft_layout *layout, int slot)
{
    struct updraft_slot_check check = {
        .flash = config->flash,
        .slot = *updraft_layout_slot(layout, slot),
        .chip_id = config->chip_id,
        .buf = config->buf,
        .buf_cap = config->buf_cap,
    };

    return config->verify(&check);
}

/* Decides and verifies until a slot does, each at most once: that one did not may change the
 * decision. A slot whose flash cannot be read is passed over like a bad one: another may still
 * start. */
static int choose(const struct updraft_boot_config *config,
                  struct updraft_boot_situation *situation, struct updraft_boot_decision *decision)
{
    for (;;) {
        int slot;

        *decision = (struct updraft_boot_decision){0};
        config->rules->decide(situation, decision);
        slot = updraft_boot_next(&situation->layout, decision->start, situation->bad_slots);
        if (slot == UPDRAFT_SLOT_NONE || verify(config, &situation->layout, slot) == UPDRAFT_OK)
            return slot;
        situation->bad_slots |= updraft_slot_bit(slot);
    }
}

enum updraft_error updraft_boot_run(const struct updraft_boot_config *config,
                                    struct updraft_boot_result *result)
{
    struct updraft_boot_situation *situation = &result->situation;
    const struct updraft_layout *layout = &situation->layout;
    struct updraft_boot_decision decision;
    enum updraft_error error;

    memset(result, 0, sizeof *result);
    result->slot = UPDRAFT_SLOT_NONE;
    situation->cause = config->cause;
    error = updraft_layout_read(config->flash, config->table_addr, &situation->layout);
    if (error == UPDRAFT_OK)
        error = read_entries(config->flash, situation);
    if (error != UPDRAFT_OK)
        return error;
    result->slot = choose(config, situation, &decision);
    result->addr = updraft_layout_slot(layout, result->slot)->addr;
    result->chosen = decision.start;
    result->why = decision.why;
    if (result->slot == UPDRAFT_SLOT_NONE)
        result->why = UPDRAFT_BOOT_WHY_NOTHING;
    else if (result->slot != updraft_boot_next(layout, decision.start, 0))
        result->why = UPDRAFT_BOOT_WHY_FALLBACK;
    result->on_trial = result->why == UPDRAFT_BOOT_WHY_TRIAL;
    if (!config->dry_run)
        config->rules->apply(config->flash, situation, &decision, result->slot);
    return UPDRAFT_OK;
}
