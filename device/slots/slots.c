#include "device/slots/slots.h"

#include "device/flash/cursor.h"
#include "device/slots/trial.h"
#include "format/assert.h"
#include "format/bytes.h"

#include <string.h>

/* A call is smaller than what it calls, wherever that is inlined. */
#define SHARED __attribute__((noinline))

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

enum updraft_error updraft_slots_open(struct updraft_slots *slots,
                                      const struct updraft_flash *flash, uint32_t table_addr,
                                      uint32_t running_addr)
{
    enum updraft_error error;

    UPDRAFT_ASSERT(flash->sector_len == UPDRAFT_OTADATA_SECTOR_LEN);
    UPDRAFT_ASSERT(flash->prog_len == 1 || flash->prog_len == 2 || flash->prog_len == 4);
    slots->flash = flash;
    slots->memory = NULL;
    slots->table_addr = table_addr;
    slots->running = UPDRAFT_SLOT_NONE;
    error = updraft_layout_read(flash, table_addr, &slots->layout);
    if (error != UPDRAFT_OK)
        return error;
    for (int slot = UPDRAFT_SLOT_TEST; slot < UPDRAFT_SLOT_CAP; slot++) {
        const struct updraft_extent *extent = updraft_layout_slot(&slots->layout, slot);

        if (running_addr - extent->addr < extent->len)
            slots->running = slot;
    }
    return UPDRAFT_OK;
}

enum updraft_error updraft_slots_next(const struct updraft_slots *slots, int *slot)
{
    int candidate = slots->running >= 0 ? slots->running : UPDRAFT_SLOT_CAP - 1;

    /* Who does not know what runs must not choose what to overwrite. */
    if (slots->running == UPDRAFT_SLOT_NONE)
        return UPDRAFT_E_NO_SLOT;
    for (int left = UPDRAFT_SLOT_CAP; left > 0; left--) {
        candidate = (candidate + 1) % UPDRAFT_SLOT_CAP;
        if (updraft_layout_slot(&slots->layout, candidate)->len == 0)
            continue;
        if (candidate == slots->running)
            break;
        *slot = candidate;
        return slots->layout.otadata.len != 0 ? UPDRAFT_OK : UPDRAFT_E_NO_OTADATA;
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

static SHARED int slot_of(const struct updraft_slots *slots, uint32_t seq)
{
    return updraft_otadata_slot(seq, slots->layout.ota_count);
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
    return distrust_word(slots, idx) & (last.to != 0 ? ~slot_bit((int)last.slot) : NO_DISTRUST);
}

/* What the sector says of slots that may be unsteady goes to the other one first; not of the one that
 * runs, nor of `whole`, which is about to. The entry is spent before the erase: a cut erase may leave
 * it readable, in a sector whose other bits are read by chance. */
static enum updraft_error erase_sector(const struct updraft_slots *slots, int idx, int whole)
{
    const struct updraft_flash *flash = slots->flash;
    uint32_t addr = sector_addr(slots, idx);
    uint32_t distrust = distrust_of(slots, idx) | slot_bit(slots->running) | slot_bit(whole);
    enum updraft_error error = UPDRAFT_OK;

    if (distrust != NO_DISTRUST)
        error =
            updraft_flash_clear(flash, sector_addr(slots, 1 - idx) + UPDRAFT_PROGRESS_DISTRUST_OFF,
                                distrust & distrust_word(slots, 1 - idx));
    if (error == UPDRAFT_OK)
        error = updraft_flash_spend(flash, addr);
    if (error == UPDRAFT_OK)
        error = flash->erase(flash->ctx, addr, UPDRAFT_OTADATA_SECTOR_LEN);
    return error == UPDRAFT_OK ? updraft_flash_sync(flash) : error;
}

static enum updraft_error erase_entry(const struct updraft_slots *slots, int idx, int whole)
{
    return slots->memory != NULL ? slots->memory->erase(slots, idx, whole, erase_sector)
                                 : erase_sector(slots, idx, whole);
}

/* Erases the sector and writes the entry, on trial when that is allowed attempts; sha256 of its program
 * may be NULL. The trial record goes first, the CRC of the entry last, so that an entry which counts
 * always has its trial. */
static enum updraft_error write_entry(const struct updraft_slots *slots, int idx,
                                      const struct updraft_otadata_entry *entry,
                                      const uint8_t *sha256)
{
    const struct updraft_flash *flash = slots->flash;
    uint32_t addr = sector_addr(slots, idx);
    uint8_t bytes[UPDRAFT_OTADATA_ENTRY_LEN];
    uint8_t attempts = entry->trial.attempts_allowed;
    enum updraft_error error = erase_entry(slots, idx, slot_of(slots, entry->seq));

    if (error == UPDRAFT_OK && sha256 != NULL && slots->memory != NULL)
        error = slots->memory->note(slots, idx, sha256);
    if (error == UPDRAFT_OK && attempts != 0) {
        updraft_trial_encode(entry->seq, attempts, bytes);
        error = updraft_flash_write(flash, addr + UPDRAFT_TRIAL_OFF, bytes, UPDRAFT_TRIAL_LEN);
    }
    if (error != UPDRAFT_OK)
        return error;
    updraft_otadata_encode(entry->seq, entry->state, bytes);
    return updraft_flash_write(flash, addr, bytes, sizeof bytes);
}

/* ---- What the record says ----------------------------------------------------------------------
 */

_Static_assert(UPDRAFT_OTADATA_ENTRY_LEN == UPDRAFT_FLASH_SPENT_LEN, "spent is a whole entry");

enum standing {
    STANDS_NOWHERE, /* names no slot */
    STANDS_WELL,
    HAS_FAILED,
};

static SHARED enum standing standing_of(const struct updraft_otadata_entry *entry)
{
    if (!entry->crc_ok || entry->seq == UPDRAFT_OTADATA_SEQ_EMPTY)
        return STANDS_NOWHERE;
    return entry->state == UPDRAFT_OTA_ABORTED || entry->state == UPDRAFT_OTA_INVALID ||
                   entry->trial.outcome == UPDRAFT_TRIAL_IS_ROLLED_BACK
               ? HAS_FAILED
               : STANDS_WELL;
}

bool updraft_slots_has_failed(const struct updraft_otadata_entry *entry)
{
    return standing_of(entry) == HAS_FAILED;
}

static bool is_on_trial(const struct updraft_otadata_entry *entry)
{
    if (entry->trial.present)
        return entry->trial.outcome == UPDRAFT_TRIAL_RUNNING;
    return entry->state == UPDRAFT_OTA_NEW || entry->state == UPDRAFT_OTA_PENDING_VERIFY;
}

struct record {
    struct updraft_otadata_entry entries[2];
    uint32_t seq[2]; /* of what counts for booting; 0: does not */
    int active;      /* the entry that decides the next boot, if its seq is not 0 */
    int keep;        /* that must survive until a new one is whole: the running image boots by it */
    int trial;       /* by which the running image is on trial, -1 when it is not */
};

static SHARED bool names_running(const struct updraft_slots *slots, uint32_t seq)
{
    return seq != 0 && slot_of(slots, seq) == slots->running;
}

static enum updraft_error read_record(const struct updraft_slots *slots, struct record *record)
{
    struct updraft_otadata_entry *entries = record->entries;
    enum updraft_error error = updraft_slots_entries(slots, entries);
    bool is_running;
    int active;

    if (error != UPDRAFT_OK)
        return error;
    for (int i = 0; i < 2; i++)
        record->seq[i] = slots->layout.ota_count != 0 && standing_of(&entries[i]) == STANDS_WELL
                             ? entries[i].seq
                             : 0;
    active = record->seq[0] == 0 || record->seq[1] > record->seq[0];
    is_running = names_running(slots, record->seq[active]);
    record->active = record->keep = active;
    if (!is_running && names_running(slots, record->seq[1 - active]))
        record->keep = 1 - active;
    record->trial = is_running && is_on_trial(&entries[active]) ? active : -1;
    return UPDRAFT_OK;
}

/* The later entry that has failed, -1 when none has. */
static int failed_entry(const struct updraft_slots *slots, const struct record *record)
{
    int failed = -1;

    for (int i = 0; i < 2 && slots->layout.ota_count != 0; i++) {
        const struct updraft_otadata_entry *entry = &record->entries[i];

        if (standing_of(entry) == HAS_FAILED &&
            (failed < 0 || entry->seq > record->entries[failed].seq))
            failed = i;
    }
    return failed;
}

enum updraft_error updraft_slots_state(const struct updraft_slots *slots,
                                       enum updraft_run_state *state, int *rolled_back,
                                       enum updraft_trial_reason *reason)
{
    struct record record;
    enum updraft_error error = read_record(slots, &record);
    int failed;

    *state = UPDRAFT_RUN_CONFIRMED;
    *rolled_back = UPDRAFT_SLOT_NONE;
    *reason = UPDRAFT_TRIAL_REASON_NONE;
    if (error != UPDRAFT_OK)
        return error == UPDRAFT_E_NO_OTADATA ? UPDRAFT_OK : error;
    if (record.trial >= 0)
        *state = UPDRAFT_RUN_ON_TRIAL;
    failed = failed_entry(slots, &record);
    if (failed >= 0) {
        *rolled_back = slot_of(slots, record.entries[failed].seq);
        *reason = record.entries[failed].trial.reason;
    }
    return UPDRAFT_OK;
}

enum updraft_error updraft_slots_chosen(const struct updraft_slots *slots, int *slot)
{
    struct record record;
    enum updraft_error error = read_record(slots, &record);
    uint32_t seq;

    if (error != UPDRAFT_OK)
        return error;
    seq = record.seq[record.active];
    if (seq != 0)
        *slot = slot_of(slots, seq);
    else
        *slot = slots->layout.factory.len != 0 ? UPDRAFT_SLOT_FACTORY : 0;
    return UPDRAFT_OK;
}

/* Reads the record for an answer that is none so far; without a record it stays so. */
static enum updraft_error read_for(const struct updraft_slots *slots, struct record *record,
                                   struct updraft_slot_record *answer)
{
    enum updraft_error error;

    *record = (struct record){.trial = -1};
    *answer = (struct updraft_slot_record){.slot = UPDRAFT_SLOT_NONE};
    error = read_record(slots, record);
    return error == UPDRAFT_E_NO_OTADATA ? UPDRAFT_OK : error;
}

static void answer_with(const struct updraft_slots *slots, const struct record *record, int idx,
                        struct updraft_slot_record *answer)
{
    if (idx < 0)
        return;
    answer->slot = slot_of(slots, record->entries[idx].seq);
    answer->addr = sector_addr(slots, idx);
    answer->entry = record->entries[idx];
}

enum updraft_error updraft_slots_find_trial(const struct updraft_slots *slots,
                                            struct updraft_slot_record *found)
{
    struct record record;
    enum updraft_error error = read_for(slots, &record, found);

    if (error == UPDRAFT_OK)
        answer_with(slots, &record, record.trial, found);
    return error;
}

enum updraft_error updraft_slots_find_failed(const struct updraft_slots *slots,
                                             struct updraft_slot_record *found)
{
    struct record record;
    enum updraft_error error = read_for(slots, &record, found);

    if (error == UPDRAFT_OK)
        answer_with(slots, &record, failed_entry(slots, &record), found);
    return error;
}

/* ---- The choice --------------------------------------------------------------------------------
 */

static SHARED uint32_t next_seq(const struct updraft_slots *slots, uint32_t seq, int slot)
{
    return updraft_otadata_next_seq(seq + 1u, (uint8_t)slot, slots->layout.ota_count);
}

/* The sequence numbers are used up (2^32 updates, or a record someone made): start again from small
 * ones. The running image stays named throughout, afterwards by the other entry, with *seq. */
static enum updraft_error restart_sequence(const struct updraft_slots *slots, int keep,
                                           uint32_t *seq)
{
    struct updraft_otadata_entry entry = {.state = UPDRAFT_OTA_UNDEFINED};
    enum updraft_error error;

    if (slots->running >= 0) {
        entry.seq = next_seq(slots, 0, slots->running);
        error = write_entry(slots, 1 - keep, &entry, NULL);
    } else { /* an empty record names factory */
        error = erase_entry(slots, 1 - keep, UPDRAFT_SLOT_NONE);
    }
    *seq = entry.seq;
    return error == UPDRAFT_OK ? erase_entry(slots, keep, UPDRAFT_SLOT_NONE) : error;
}

enum updraft_error updraft_slots_try(const struct updraft_slots *slots, int slot,
                                     const struct updraft_trial_terms *terms)
{
    struct updraft_otadata_entry entry = {.state = UPDRAFT_OTA_UNDEFINED,
                                          .trial.attempts_allowed = terms->attempts};
    struct record record;
    enum updraft_error error = read_record(slots, &record);
    uint32_t kept_seq;
    int keep;

    UPDRAFT_ASSERT(terms->attempts <= UPDRAFT_TRIAL_MARK_CAP);
    if (error != UPDRAFT_OK)
        return error;
    if (slot < 0 || updraft_layout_slot(&slots->layout, slot)->len == 0)
        return UPDRAFT_E_NO_SLOT;
    keep = record.keep;
    kept_seq = record.seq[keep];
    entry.seq = next_seq(slots, kept_seq, slot);
    if (entry.seq == 0) {
        error = restart_sequence(slots, keep, &kept_seq);
        if (error != UPDRAFT_OK)
            return error;
        keep = 1 - keep;
        entry.seq = next_seq(slots, kept_seq, slot);
    }
    /* An entry that names the slot which was just written speaks of an image that is gone. */
    if (kept_seq != 0 && slot_of(slots, kept_seq) == slot)
        keep = 1 - keep;
    return write_entry(slots, 1 - keep, &entry, terms->sha256);
}

static enum updraft_error select_factory(const struct updraft_slots *slots)
{
    struct record record;
    enum updraft_error error = read_record(slots, &record);

    if (error != UPDRAFT_OK)
        return error;
    if (slots->layout.factory.len == 0)
        return UPDRAFT_E_NO_SLOT;
    error = erase_entry(slots, 1 - record.keep, UPDRAFT_SLOT_NONE);
    return error == UPDRAFT_OK ? erase_entry(slots, record.keep, UPDRAFT_SLOT_NONE) : error;
}

enum updraft_error updraft_slots_select(const struct updraft_slots *slots, int slot,
                                        uint8_t attempts)
{
    struct updraft_trial_terms terms = {.attempts = attempts};

    return slot == UPDRAFT_SLOT_FACTORY ? select_factory(slots)
                                        : updraft_slots_try(slots, slot, &terms);
}

/* ---- The log of an update ----------------------------------------------------------------------
 */

enum updraft_error updraft_slots_find_log(const struct updraft_slots *slots,
                                          struct updraft_slots_log *log)
{
    struct record record;
    enum updraft_error error = read_record(slots, &record);

    if (error != UPDRAFT_OK)
        return error;
    log->is_bare = record.seq[record.keep] == 0;
    log->on_trial = record.trial >= 0;
    log->addr = sector_addr(slots, record.keep);
    log->distrust = distrust_word(slots, record.keep) & distrust_of(slots, 1 - record.keep);
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
        error = erase_entry(slots, 1, UPDRAFT_SLOT_NONE); /* the first entry goes to sector 0 */
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

/* ---- The trial ---------------------------------------------------------------------------------
 */

/* States of the stock scheme can only be changed as stock does: erase, write again. */
static enum updraft_error restate(const struct updraft_slots *slots, struct record *record,
                                  enum updraft_ota_state state)
{
    struct updraft_otadata_entry *entry = &record->entries[record->trial];

    entry->state = state;
    return write_entry(slots, record->trial, entry, NULL);
}

/* The outcome does not read as confirmed: rotten bits that no program can set again. A new entry for
 * good takes the place of the trial. */
static enum updraft_error confirm_anew(const struct updraft_slots *slots, int trial,
                                       struct updraft_otadata_entry *entry)
{
    entry->seq = next_seq(slots, entry->seq, slots->running);
    entry->state = UPDRAFT_OTA_UNDEFINED;
    entry->trial.attempts_allowed = 0;
    return entry->seq != 0 ? write_entry(slots, 1 - trial, entry, NULL) : UPDRAFT_E_FLASH_VERIFY;
}

enum updraft_error updraft_slots_confirm(const struct updraft_slots *slots)
{
    struct record record;
    enum updraft_error error = read_record(slots, &record);
    int trial;

    if (error != UPDRAFT_OK)
        return error == UPDRAFT_E_NO_OTADATA ? UPDRAFT_OK : error;
    trial = record.trial;
    if (trial < 0)
        return UPDRAFT_OK;
    if (!record.entries[trial].trial.present)
        return restate(slots, &record, UPDRAFT_OTA_VALID);
    error = updraft_trial_confirm(slots->flash, sector_addr(slots, trial));
    /* So some drivers tell of bits that cannot be set. */
    if (error != UPDRAFT_E_FLASH_PROGRAM) {
        if (error == UPDRAFT_OK)
            error = read_record(slots, &record);
        if (error != UPDRAFT_OK || record.trial != trial)
            return error;
    }
    return confirm_anew(slots, trial, &record.entries[trial]);
}

enum updraft_error updraft_slots_reject(const struct updraft_slots *slots,
                                        enum updraft_trial_reason reason)
{
    struct record record;
    enum updraft_error error = read_record(slots, &record);

    if (error != UPDRAFT_OK)
        return error;
    if (record.trial < 0)
        return UPDRAFT_E_NO_ROLLBACK;
    if (!record.entries[record.trial].trial.present)
        return restate(slots, &record, UPDRAFT_OTA_INVALID);
    return updraft_trial_roll_back(slots->flash, sector_addr(slots, record.trial), reason);
}
