#include "device/slots/slots.h"

#include "device/flash/cursor.h"
#include "device/slots/trial.h"
#include "format/assert.h"
#include "format/bytes.h"

#include <string.h>

static const char *const ota_names[UPDRAFT_SLOT_CAP] = {
    "ota_0", "ota_1", "ota_2",  "ota_3",  "ota_4",  "ota_5",  "ota_6",  "ota_7",
    "ota_8", "ota_9", "ota_10", "ota_11", "ota_12", "ota_13", "ota_14", "ota_15",
};

const char *updraft_slot_name(int slot)
{
    if (slot == UPDRAFT_SLOT_FACTORY)
        return "factory";
    if (slot == UPDRAFT_SLOT_TEST)
        return "test";
    if (slot >= 0 && slot < UPDRAFT_SLOT_CAP)
        return ota_names[slot];
    return "none";
}

int updraft_slot_by_name(const char *name)
{
    for (int slot = UPDRAFT_SLOT_TEST; slot < UPDRAFT_SLOT_CAP; slot++) {
        if (strcmp(name, updraft_slot_name(slot)) == 0)
            return slot;
    }
    return UPDRAFT_SLOT_NONE;
}

static bool contains(struct updraft_extent extent, uint32_t addr)
{
    return extent.len != 0 && addr >= extent.addr && addr - extent.addr < extent.len;
}

enum updraft_error updraft_slots_open(struct updraft_slots *slots,
                                      const struct updraft_flash *flash, uint32_t table_addr,
                                      uint32_t running_addr)
{
    struct updraft_slots opened = {
        .flash = flash, .table_addr = table_addr, .running = UPDRAFT_SLOT_NONE};
    enum updraft_error error;

    UPDRAFT_ASSERT(flash->sector_len == UPDRAFT_OTADATA_SECTOR_LEN);
    UPDRAFT_ASSERT(flash->prog_len == 1 || flash->prog_len == 2 || flash->prog_len == 4);
    error = updraft_layout_read(flash, table_addr, &opened.layout);
    if (error != UPDRAFT_OK)
        return error;
    for (int slot = UPDRAFT_SLOT_TEST; slot < UPDRAFT_SLOT_CAP; slot++) {
        if (contains(updraft_layout_extent(&opened.layout, slot), running_addr))
            opened.running = (int8_t)slot;
    }
    *slots = opened;
    return UPDRAFT_OK;
}

enum updraft_error updraft_slots_next(const struct updraft_slots *slots, int *slot)
{
    int start = slots->running >= 0 ? slots->running + 1 : 0;

    /* Who does not know what runs must not choose what to overwrite. */
    if (slots->running == UPDRAFT_SLOT_NONE)
        return UPDRAFT_E_NO_SLOT;
    for (int i = 0; i < UPDRAFT_SLOT_CAP; i++) {
        int candidate = (start + i) % UPDRAFT_SLOT_CAP;

        if (updraft_layout_extent(&slots->layout, candidate).len == 0)
            continue;
        if (candidate == slots->running)
            break;
        if (slots->layout.otadata.len == 0)
            return UPDRAFT_E_NO_OTADATA;
        *slot = candidate;
        return UPDRAFT_OK;
    }
    return UPDRAFT_E_NO_SLOT;
}

static uint32_t sector_addr(const struct updraft_slots *slots, int idx)
{
    return slots->layout.otadata.addr + (uint32_t)idx * UPDRAFT_OTADATA_SECTOR_LEN;
}

enum updraft_error updraft_slots_entries(const struct updraft_slots *slots,
                                         struct updraft_otadata_entry entries[2])
{
    const struct updraft_flash *flash = slots->flash;

    if (slots->layout.otadata.len == 0)
        return UPDRAFT_E_NO_OTADATA;
    for (int i = 0; i < 2; i++) {
        uint8_t bytes[UPDRAFT_OTADATA_READ_LEN];
        enum updraft_error error =
            flash->read(flash->ctx, sector_addr(slots, i), bytes, sizeof bytes);

        if (error != UPDRAFT_OK)
            return error;
        updraft_otadata_decode(bytes, &entries[i]);
    }
    return UPDRAFT_OK;
}

#define NO_DISTRUST 0xFFFFFFFFu

/* In the word of distrust, which has a bit for each slot; 0: this one may be unsteady. */
static uint32_t slot_bit(int slot)
{
    return slot >= 0 ? 1u << slot : 0;
}

static uint32_t distrust_word(const struct updraft_slots *slots, int idx)
{
    const struct updraft_flash *flash = slots->flash;
    uint8_t word[4];
    enum updraft_error error = flash->read(
        flash->ctx, sector_addr(slots, idx) + UPDRAFT_PROGRESS_DISTRUST_OFF, word, sizeof word);

    return error == UPDRAFT_OK ? updraft_get_le32(word) : 0;
}

/* The same, and the slot of the last record, whatever zone of it that names. */
static uint32_t distrust_of(const struct updraft_slots *slots, int idx)
{
    struct updraft_progress last;
    uint32_t free_off;

    if (updraft_cursor_read_log(slots->flash, sector_addr(slots, idx), &last, &free_off) !=
        UPDRAFT_OK)
        return 0;
    return distrust_word(slots, idx) & (last.to != 0 ? ~slot_bit(last.slot) : NO_DISTRUST);
}

/* What the sector says of slots that may be unsteady goes to the other one first; not of the one that
 * runs, nor of `whole`, which is about to. The entry is spent before the erase: a cut erase may leave
 * it readable, in a sector whose other bits are read by chance. */
static enum updraft_error erase_entry(const struct updraft_slots *slots, int idx, int whole)
{
    static const uint8_t spent[UPDRAFT_OTADATA_ENTRY_LEN];
    const struct updraft_flash *flash = slots->flash;
    uint32_t addr = sector_addr(slots, idx);
    uint32_t distrust = distrust_of(slots, idx) | slot_bit(slots->running) | slot_bit(whole);
    enum updraft_error error = UPDRAFT_OK;

    if (distrust != NO_DISTRUST)
        error =
            updraft_flash_clear(flash, sector_addr(slots, 1 - idx) + UPDRAFT_PROGRESS_DISTRUST_OFF,
                                distrust & distrust_word(slots, 1 - idx));
    if (error == UPDRAFT_OK)
        error = updraft_flash_write(flash, addr, spent, sizeof spent);
    if (error == UPDRAFT_OK)
        error = flash->erase(flash->ctx, addr, UPDRAFT_OTADATA_SECTOR_LEN);
    return error == UPDRAFT_OK ? updraft_flash_sync(flash) : error;
}

/* Erases the sector and writes the entry; the trial record goes first, the CRC of the entry last, so
 * that an entry which counts always has its trial. */
static enum updraft_error write_entry(const struct updraft_slots *slots, int idx, uint32_t seq,
                                      enum updraft_ota_state state, uint8_t attempts)
{
    const struct updraft_flash *flash = slots->flash;
    uint32_t addr = sector_addr(slots, idx);
    uint8_t bytes[UPDRAFT_OTADATA_ENTRY_LEN];
    enum updraft_error error =
        erase_entry(slots, idx, updraft_otadata_slot(seq, slots->layout.ota_count));

    if (error == UPDRAFT_OK && attempts != 0) {
        updraft_trial_encode(seq, attempts, bytes);
        error = updraft_flash_write(flash, addr + UPDRAFT_TRIAL_OFF, bytes, UPDRAFT_TRIAL_LEN);
    }
    if (error != UPDRAFT_OK)
        return error;
    updraft_otadata_encode(seq, state, bytes);
    return updraft_flash_write(flash, addr, bytes, sizeof bytes);
}

/* Counts for booting: a good entry whose image was not rolled back. */
static bool is_usable(const struct updraft_otadata_entry *entry)
{
    return updraft_otadata_valid(entry, true) &&
           !(entry->trial.present && entry->trial.outcome == UPDRAFT_TRIAL_IS_ROLLED_BACK);
}

static bool names_running(const struct updraft_slots *slots,
                          const struct updraft_otadata_entry *entry)
{
    return slots->running >= 0 && slots->layout.ota_count > 0 && is_usable(entry) &&
           updraft_otadata_slot(entry->seq, slots->layout.ota_count) == slots->running;
}

/* The entry that decides the next boot, -1 when none does. */
static int active_entry(const struct updraft_otadata_entry entries[2])
{
    bool first = is_usable(&entries[0]);
    bool second = is_usable(&entries[1]);

    if (first && second)
        return entries[1].seq > entries[0].seq ? 1 : 0;
    return first ? 0 : second ? 1 : -1;
}

/* The entry that must survive until the new one is whole: the one the running image boots by. */
static int entry_to_keep(const struct updraft_slots *slots,
                         const struct updraft_otadata_entry entries[2])
{
    int active = active_entry(entries);

    if (active >= 0 && !names_running(slots, &entries[active]) &&
        names_running(slots, &entries[1 - active]))
        return 1 - active;
    return active;
}

/* The sequence numbers are used up (2^32 updates, or a record someone made): start again from small
 * ones. The running image stays named throughout; *keep is the entry that names it afterwards. */
static enum updraft_error restart_sequence(const struct updraft_slots *slots, int *keep,
                                           uint32_t *kept_seq)
{
    enum updraft_error error;
    int other = 1 - *keep;
    uint32_t seq = 0;

    if (slots->running >= 0) {
        seq = updraft_otadata_next_seq(1, (uint8_t)slots->running, slots->layout.ota_count);
        error = write_entry(slots, other, seq, UPDRAFT_OTA_UNDEFINED, 0);
    } else {
        error = erase_entry(slots, other, UPDRAFT_SLOT_NONE); /* an empty record names factory */
    }
    if (error == UPDRAFT_OK)
        error = erase_entry(slots, *keep, UPDRAFT_SLOT_NONE);
    if (error != UPDRAFT_OK)
        return error;
    *keep = other;
    *kept_seq = seq;
    return UPDRAFT_OK;
}

static enum updraft_error select_factory(const struct updraft_slots *slots, int keep)
{
    int last = keep >= 0 ? keep : 1;
    enum updraft_error error;

    if (slots->layout.factory.len == 0)
        return UPDRAFT_E_NO_SLOT;
    error = erase_entry(slots, 1 - last, UPDRAFT_SLOT_NONE);
    return error == UPDRAFT_OK ? erase_entry(slots, last, UPDRAFT_SLOT_NONE) : error;
}

enum updraft_error updraft_slots_select(const struct updraft_slots *slots, int slot,
                                        uint8_t attempts)
{
    struct updraft_otadata_entry entries[2];
    enum updraft_error error = updraft_slots_entries(slots, entries);
    uint32_t kept_seq = 0;
    uint32_t seq;
    int keep;

    UPDRAFT_ASSERT(attempts <= UPDRAFT_TRIAL_MARK_CAP);
    if (error != UPDRAFT_OK)
        return error;
    keep = entry_to_keep(slots, entries);
    if (slot == UPDRAFT_SLOT_FACTORY)
        return select_factory(slots, keep);
    if (slot < 0 || updraft_layout_extent(&slots->layout, slot).len == 0)
        return UPDRAFT_E_NO_SLOT;
    if (keep >= 0)
        kept_seq = entries[keep].seq;
    seq = updraft_otadata_next_seq(kept_seq + 1u, (uint8_t)slot, slots->layout.ota_count);
    if (seq == 0) {
        error = restart_sequence(slots, &keep, &kept_seq);
        if (error != UPDRAFT_OK)
            return error;
        seq = updraft_otadata_next_seq(kept_seq + 1u, (uint8_t)slot, slots->layout.ota_count);
    }
    /* An entry that names the slot which was just written speaks of an image that is gone. */
    if (keep >= 0 && kept_seq != 0 &&
        updraft_otadata_slot(kept_seq, slots->layout.ota_count) == slot)
        keep = 1 - keep;
    return write_entry(slots, keep >= 0 ? 1 - keep : 0, seq, UPDRAFT_OTA_UNDEFINED, attempts);
}

enum updraft_error updraft_slots_find_log(const struct updraft_slots *slots,
                                          struct updraft_slots_log *log)
{
    struct updraft_otadata_entry entries[2];
    enum updraft_error error = updraft_slots_entries(slots, entries);
    int keep;

    if (error != UPDRAFT_OK)
        return error;
    keep = entry_to_keep(slots, entries);
    log->is_bare = keep < 0;
    if (keep < 0)
        keep = 1; /* the first entry goes to sector 0 */
    log->addr = sector_addr(slots, keep);
    log->distrust = distrust_word(slots, keep) & distrust_of(slots, 1 - keep);
    return UPDRAFT_OK;
}

enum updraft_error updraft_slots_open_log(const struct updraft_slots *slots)
{
    struct updraft_slots_log log;
    uint8_t head[4];
    enum updraft_error error = updraft_slots_find_log(slots, &log);
    uint32_t addr;

    if (error != UPDRAFT_OK || !log.is_bare)
        return error;
    addr = log.addr + UPDRAFT_PROGRESS_HEAD_OFF;
    updraft_put_le32(head, UPDRAFT_PROGRESS_HEAD);
    if (updraft_flash_compare(slots->flash, addr, head, sizeof head) != UPDRAFT_OK)
        error = erase_entry(slots, 1, UPDRAFT_SLOT_NONE);
    return error == UPDRAFT_OK ? updraft_flash_write(slots->flash, addr, head, sizeof head) : error;
}

enum updraft_error updraft_slots_distrust(const struct updraft_slots *slots, int slot)
{
    struct updraft_slots_log log;
    enum updraft_error error = updraft_slots_open_log(slots);

    if (error == UPDRAFT_OK)
        error = updraft_slots_find_log(slots, &log);
    if (error != UPDRAFT_OK)
        return error;
    return updraft_flash_clear(slots->flash, log.addr + UPDRAFT_PROGRESS_DISTRUST_OFF,
                               ~slot_bit(slot));
}

enum updraft_error updraft_slots_chosen(const struct updraft_slots *slots, int *slot)
{
    struct updraft_otadata_entry entries[2];
    enum updraft_error error = updraft_slots_entries(slots, entries);
    int active;

    if (error != UPDRAFT_OK)
        return error;
    active = active_entry(entries);
    if (active >= 0 && slots->layout.ota_count > 0)
        *slot = updraft_otadata_slot(entries[active].seq, slots->layout.ota_count);
    else
        *slot = slots->layout.factory.len != 0 ? UPDRAFT_SLOT_FACTORY : 0;
    return UPDRAFT_OK;
}

static bool is_on_trial(const struct updraft_otadata_entry *entry)
{
    if (entry->trial.present)
        return entry->trial.outcome == UPDRAFT_TRIAL_RUNNING;
    return entry->state == UPDRAFT_OTA_NEW || entry->state == UPDRAFT_OTA_PENDING_VERIFY;
}

/* The entry by which the running image is on trial, -1 when it is not. */
static int trial_entry(const struct updraft_slots *slots,
                       const struct updraft_otadata_entry entries[2])
{
    int active = active_entry(entries);

    if (active >= 0 && names_running(slots, &entries[active]) && is_on_trial(&entries[active]))
        return active;
    return -1;
}

enum updraft_error updraft_slots_confirm(const struct updraft_slots *slots)
{
    struct updraft_otadata_entry entries[2];
    enum updraft_error error = updraft_slots_entries(slots, entries);
    int idx;

    if (error == UPDRAFT_E_NO_OTADATA)
        return UPDRAFT_OK;
    if (error != UPDRAFT_OK)
        return error;
    idx = trial_entry(slots, entries);
    if (idx < 0)
        return UPDRAFT_OK;
    /* States of the stock scheme can only be changed as stock does: erase, write again. */
    if (!entries[idx].trial.present)
        return write_entry(slots, idx, entries[idx].seq, UPDRAFT_OTA_VALID, 0);
    return updraft_trial_confirm(slots->flash, sector_addr(slots, idx));
}

enum updraft_error updraft_slots_reject(const struct updraft_slots *slots,
                                        enum updraft_trial_reason reason)
{
    struct updraft_otadata_entry entries[2];
    enum updraft_error error = updraft_slots_entries(slots, entries);
    int idx;

    if (error != UPDRAFT_OK)
        return error;
    idx = trial_entry(slots, entries);
    if (idx < 0)
        return UPDRAFT_E_NO_ROLLBACK;
    if (!entries[idx].trial.present)
        return write_entry(slots, idx, entries[idx].seq, UPDRAFT_OTA_INVALID, 0);
    return updraft_trial_roll_back(slots->flash, sector_addr(slots, idx), reason);
}

static bool is_rolled_back(const struct updraft_otadata_entry *entry)
{
    if (entry->seq == UPDRAFT_OTADATA_SEQ_EMPTY || !entry->crc_ok)
        return false;
    return entry->state == UPDRAFT_OTA_ABORTED || entry->state == UPDRAFT_OTA_INVALID ||
           (entry->trial.present && entry->trial.outcome == UPDRAFT_TRIAL_IS_ROLLED_BACK);
}

enum updraft_error updraft_slots_state(const struct updraft_slots *slots,
                                       enum updraft_run_state *state, int *rolled_back,
                                       enum updraft_trial_reason *reason)
{
    struct updraft_otadata_entry entries[2];
    enum updraft_error error = updraft_slots_entries(slots, entries);

    *state = UPDRAFT_RUN_CONFIRMED;
    *rolled_back = UPDRAFT_SLOT_NONE;
    *reason = UPDRAFT_TRIAL_REASON_NONE;
    if (error == UPDRAFT_E_NO_OTADATA)
        return UPDRAFT_OK;
    if (error != UPDRAFT_OK)
        return error;
    if (trial_entry(slots, entries) >= 0)
        *state = UPDRAFT_RUN_ON_TRIAL;
    for (int i = 0; i < 2; i++) {
        if (is_rolled_back(&entries[i]) && slots->layout.ota_count > 0) {
            *rolled_back = updraft_otadata_slot(entries[i].seq, slots->layout.ota_count);
            *reason = entries[i].trial.reason;
        }
    }
    return UPDRAFT_OK;
}
