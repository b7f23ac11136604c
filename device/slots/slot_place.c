#include "device/slots/slot_place.h"

#include "device/slots/verify.h"
#include "device/update/update.h"

#include <string.h>

/* The next slot, unless the running image is still on trial: then the other entry is the way back
 * and must not be overwritten. */
static enum updraft_error find(struct updraft_update *update,
                               const struct updraft_update_request *request)
{
    const struct updraft_slots *slots = update->config.place.ctx;
    struct updraft_cursor *cursor = &update->cursor;
    const struct updraft_extent *extent;
    struct updraft_slots_log log;
    int slot;
    enum updraft_error error = updraft_slots_next(slots, &slot);

    (void)request;
    update->failure.a = slots->layout.otadata.addr;
    if (error == UPDRAFT_OK)
        error = updraft_slots_find_log(slots, &log);
    if (error != UPDRAFT_OK)
        return error;
    if (log.on_trial)
        return UPDRAFT_E_TRIAL;
    extent = updraft_layout_slot(&slots->layout, slot);
    update->target_slot = slot;
    cursor->slot = (uint32_t)slot;
    cursor->addr = extent->addr;
    cursor->cap = extent->len;
    cursor->log_addr = log.addr;
    cursor->distrust = log.distrust;
    return UPDRAFT_OK;
}

static bool slot_starts_so(const struct updraft_update *update, int slot)
{
    const struct updraft_slots *slots = update->config.place.ctx;
    const struct updraft_extent *extent = updraft_layout_slot(&slots->layout, slot);

    return extent->len != 0 && updraft_place_is_same(update, extent->addr);
}

static bool failed_before(const struct updraft_update *update)
{
    const struct updraft_slots *slots = update->config.place.ctx;
    enum updraft_trial_reason reason;
    enum updraft_run_state state;
    int rolled_back;

    if (slots->memory != NULL) /* which may have been told to forget what the slot still holds */
        return update->facts.has_elf_sha256 &&
               slots->memory->refuses(slots, update->facts.elf_sha256);
    return updraft_slots_state(slots, &state, &rolled_back, &reason) == UPDRAFT_OK &&
           slot_starts_so(update, rolled_back);
}

static enum updraft_error accept(struct updraft_update *update)
{
    const struct updraft_slots *slots = update->config.place.ctx;

    update->failure.a = slots->layout.otadata.addr;
    if (!update->force) {
        if (slot_starts_so(update, slots->running))
            return UPDRAFT_E_ALREADY_RUNNING;
        if (failed_before(update))
            return UPDRAFT_E_FAILED_BEFORE;
    }
    return updraft_slots_open_log(slots);
}

/* The area as it will read once the withheld bytes are programmed. */
static enum updraft_error read_as_released(void *ctx, uint32_t addr, void *buf, uint32_t len)
{
    const struct updraft_cursor *cursor = ctx;
    uint32_t off = addr - cursor->addr;
    enum updraft_error error = cursor->flash->read(cursor->flash->ctx, addr, buf, len);

    if (error == UPDRAFT_OK && off < UPDRAFT_PROGRESS_WITHHELD_LEN) {
        uint32_t held = UPDRAFT_PROGRESS_WITHHELD_LEN - off;

        memcpy(buf, cursor->before.withheld + off, len < held ? len : held);
    }
    return error;
}

/* What the flash now holds is what will boot, so that is what is verified. */
static enum updraft_error
verify_and_select(struct updraft_update *update,
                  enum updraft_error (*verify)(struct updraft_slot_check *check))
{
    const struct updraft_slots *slots = update->config.place.ctx;
    struct updraft_cursor *cursor = &update->cursor;
    struct updraft_flash view = {.ctx = cursor, .read = read_as_released};
    struct updraft_slot_check check;
    struct updraft_trial_terms terms = {
        .attempts = update->config.attempts,
        .sha256 = update->facts.has_elf_sha256 ? update->facts.elf_sha256 : NULL,
    };
    enum updraft_error error;

    check.flash = &view;
    check.slot.addr = cursor->addr;
    check.slot.len = cursor->written; /* what lies behind is of another image */
    check.chip_id = update->config.chip_id;
    check.buf = cursor->buf;
    check.buf_cap = cursor->flash->sector_len;
    error = verify(&check);

    if (error == UPDRAFT_OK && check.kind == UPDRAFT_IMAGE_ESP32 && !check.hash_appended &&
        updraft_image_hides_hash(cursor->written - check.image_len))
        error = UPDRAFT_E_HASH;
    update->failure.a = cursor->addr;
    if (error == UPDRAFT_OK)
        error = updraft_cursor_release(cursor);
    if (error != UPDRAFT_OK)
        return error;
    update->failure.a = slots->layout.otadata.addr;
    return updraft_slots_try(slots, update->target_slot, &terms);
}

static enum updraft_error commit(struct updraft_update *update)
{
    return verify_and_select(update, updraft_slot_verify);
}

static enum updraft_error commit_8266(struct updraft_update *update)
{
    return verify_and_select(update, updraft_slot_verify_8266);
}

struct updraft_place updraft_slot_place_8266(struct updraft_slots *slots)
{
    static const struct updraft_place_ops ops = {
        .facts = updraft_image_facts_decode, .find = find, .accept = accept, .commit = commit_8266};

    return (struct updraft_place){.ops = &ops, .ctx = slots, .flash = slots->flash};
}

struct updraft_place updraft_slot_place(struct updraft_slots *slots)
{
    static const struct updraft_place_ops ops = {
        .facts = updraft_image_facts_esp32, .find = find, .accept = accept, .commit = commit};

    return (struct updraft_place){.ops = &ops, .ctx = slots, .flash = slots->flash};
}
