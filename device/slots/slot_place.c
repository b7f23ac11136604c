#include "device/slots/slot_place.h"

#include "device/slots/verify.h"

#include <string.h>

/* The next slot, unless the running image is still on trial: then the other entry is the way back
 * and must not be overwritten. */
static enum updraft_error find_app(const struct updraft_slots *slots, struct updraft_target *target,
                                   struct updraft_failure *failure)
{
    struct updraft_extent extent;
    struct updraft_slots_log log;
    enum updraft_trial_reason reason;
    enum updraft_run_state state;
    enum updraft_error error;
    int rolled_back;
    int slot = UPDRAFT_SLOT_NONE;

    error = updraft_slots_next(slots, &slot);
    if (error != UPDRAFT_OK)
        return updraft_place_fail(failure, error, 0, 0, NULL);
    error = updraft_slots_state(slots, &state, &rolled_back, &reason);
    if (error != UPDRAFT_OK)
        return updraft_place_fail(failure, error, slots->layout.otadata.addr, 0, NULL);
    if (state == UPDRAFT_RUN_ON_TRIAL)
        return updraft_place_fail(failure, UPDRAFT_E_TRIAL, 0, 0, NULL);
    error = updraft_slots_find_log(slots, &log);
    if (error != UPDRAFT_OK)
        return updraft_place_fail(failure, error, slots->layout.otadata.addr, 0, NULL);
    extent = updraft_layout_extent(&slots->layout, slot);
    *target = (struct updraft_target){.addr = extent.addr,
                                      .cap = extent.len,
                                      .slot = slot,
                                      .withhold = true,
                                      .log_addr = log.addr,
                                      .distrust = log.distrust};
    return UPDRAFT_OK;
}

static enum updraft_error find_data(const struct updraft_slots *slots, const char *label,
                                    struct updraft_target *target, struct updraft_failure *failure)
{
    struct updraft_row row;
    enum updraft_error error =
        updraft_layout_find_label(slots->flash, slots->table_addr, label, &row);

    /* The boot record is data too, but not one to be written from outside; and what shares a sector
     * with its neighbours cannot be erased without them. */
    if (error == UPDRAFT_OK &&
        (row.type != UPDRAFT_PART_TYPE_DATA || row.subtype == UPDRAFT_PART_DATA_OTA ||
         (row.extent.addr | row.extent.len) % slots->flash->sector_len != 0))
        error = UPDRAFT_E_NO_PARTITION;
    if (error != UPDRAFT_OK)
        return updraft_place_fail(failure, error, 0, 0, label);
    *target = (struct updraft_target){
        .addr = row.extent.addr, .cap = row.extent.len, .slot = UPDRAFT_SLOT_NONE};
    return UPDRAFT_OK;
}

static enum updraft_error find(void *ctx, const struct updraft_wish *wish,
                               struct updraft_target *target, struct updraft_failure *failure)
{
    const struct updraft_slots *slots = ctx;
    enum updraft_error error = wish->partition != NULL
                                   ? find_data(slots, wish->partition, target, failure)
                                   : find_app(slots, target, failure);

    if (error == UPDRAFT_OK && wish->wire_len > target->cap)
        return updraft_place_fail(failure, UPDRAFT_E_TOO_LARGE, wish->wire_len, target->cap, NULL);
    return error;
}

static bool slot_starts_so(const struct updraft_slots *slots, int slot,
                           const struct updraft_incoming *incoming)
{
    struct updraft_extent extent = updraft_layout_extent(&slots->layout, slot);

    return extent.len != 0 && updraft_place_is_same(slots->flash, extent.addr, incoming);
}

static bool failed_before(const struct updraft_slots *slots,
                          const struct updraft_incoming *incoming)
{
    enum updraft_trial_reason reason;
    enum updraft_run_state state;
    int rolled_back;

    if (slots->memory != NULL) { /* which may have been told to forget what the slot still holds */
        const uint8_t *sha256 = updraft_image_elf_sha256(incoming->head, incoming->head_len);

        return sha256 != NULL && slots->memory->refuses(slots, sha256);
    }
    if (updraft_slots_state(slots, &state, &rolled_back, &reason) != UPDRAFT_OK)
        return false;
    return rolled_back != UPDRAFT_SLOT_NONE && slot_starts_so(slots, rolled_back, incoming);
}

static enum updraft_error accept(void *ctx, const struct updraft_incoming *incoming,
                                 struct updraft_failure *failure)
{
    const struct updraft_slots *slots = ctx;
    enum updraft_error error = UPDRAFT_OK;

    if (!incoming->force && slot_starts_so(slots, slots->running, incoming))
        error = UPDRAFT_E_ALREADY_RUNNING;
    else if (!incoming->force && failed_before(slots, incoming))
        error = UPDRAFT_E_FAILED_BEFORE;
    else
        error = updraft_slots_open_log(slots);
    return updraft_place_fail(failure, error, slots->layout.otadata.addr, 0, NULL);
}

/* The area as it will read once the withheld bytes are programmed. */
static enum updraft_error read_as_released(void *ctx, uint32_t addr, void *buf, uint32_t len)
{
    const struct updraft_cursor *cursor = ctx;
    uint32_t off = addr - cursor->addr;
    enum updraft_error error = cursor->flash->read(cursor->flash->ctx, addr, buf, len);

    if (error == UPDRAFT_OK && off < cursor->withheld_len) {
        uint32_t held = cursor->withheld_len - off;

        memcpy(buf, cursor->withheld + off, len < held ? len : held);
    }
    return error;
}

/* By its head as it stands in flash, which goes to buf. */
static const uint8_t *program_of(const struct updraft_slots *slots, uint32_t addr, uint8_t *buf)
{
    const struct updraft_flash *flash = slots->flash;

    return flash->read(flash->ctx, addr, buf, flash->sector_len) == UPDRAFT_OK
               ? updraft_image_elf_sha256(buf, flash->sector_len)
               : NULL;
}

/* What the flash now holds is what will boot, so that is what is verified. */
static enum updraft_error
verify_and_select(const struct updraft_slots *slots, const struct updraft_arrival *arrival,
                  enum updraft_error (*verify)(struct updraft_slot_check *check),
                  struct updraft_failure *failure)
{
    const struct updraft_target *target = arrival->target;
    struct updraft_cursor *cursor = arrival->cursor;
    struct updraft_flash view = {.ctx = cursor, .read = read_as_released};
    struct updraft_slot_check check = {
        .flash = &view,
        .slot = {target->addr, cursor->written}, /* what lies behind is of another image */
        .chip_id = arrival->chip_id,
        .buf = cursor->buf,
        .buf_cap = slots->flash->sector_len,
    };
    struct updraft_trial_terms terms = {0};
    uint32_t bad_addr = target->addr;
    enum updraft_error error = verify(&check);

    if (error == UPDRAFT_OK && check.kind == UPDRAFT_IMAGE_ESP32 && !check.hash_appended &&
        updraft_image_hides_hash(cursor->written - check.image_len))
        error = UPDRAFT_E_HASH;
    if (error == UPDRAFT_OK)
        error = updraft_cursor_release(cursor, &bad_addr);
    if (error != UPDRAFT_OK)
        return updraft_place_fail(failure, error, bad_addr, 0, NULL);
    terms.attempts = arrival->attempts;
    if (slots->memory != NULL)
        terms.sha256 = program_of(slots, target->addr, cursor->buf);
    error = updraft_slots_try(slots, target->slot, &terms);
    if (error != UPDRAFT_OK)
        return updraft_place_fail(failure, error, slots->layout.otadata.addr, 0, NULL);
    return UPDRAFT_OK;
}

static enum updraft_error commit(void *ctx, const struct updraft_arrival *arrival,
                                 struct updraft_failure *failure)
{
    return verify_and_select(ctx, arrival, updraft_slot_verify, failure);
}

static enum updraft_error commit_8266(void *ctx, const struct updraft_arrival *arrival,
                                      struct updraft_failure *failure)
{
    return verify_and_select(ctx, arrival, updraft_slot_verify_8266, failure);
}

struct updraft_place updraft_slot_place_8266(struct updraft_slots *slots)
{
    static const struct updraft_place_ops ops = {
        .find = find, .accept = accept, .commit = commit_8266};

    return (struct updraft_place){.ops = &ops, .ctx = slots, .flash = slots->flash};
}

struct updraft_place updraft_slot_place(struct updraft_slots *slots)
{
    static const struct updraft_place_ops ops = {.find = find, .accept = accept, .commit = commit};

    return (struct updraft_place){.ops = &ops, .ctx = slots, .flash = slots->flash};
}
