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

void updraft_slots_init(struct updraft_slots *slots, const struct updraft_flash *flash,
                        const struct updraft_layout *layout, uint32_t running_addr)
{
    updraft_flash_assert_geometry(flash);
    UPDRAFT_ASSERT(updraft_layout_is_sane(layout, flash->size));
    slots->flash = flash;
    slots->memory = NULL;
    slots->running = UPDRAFT_SLOT_NONE;
    slots->layout = *layout;
    for (int slot = UPDRAFT_SLOT_TEST; slot < UPDRAFT_SLOT_CAP; slot++) {
        const struct updraft_extent *extent = updraft_layout_slot(layout, slot);

        if (running_addr - extent->addr < extent->len)
            slots->running = slot;
    }
}

enum updraft_error updraft_slots_open(struct updraft_slots *slots,
                                      const struct updraft_flash *flash, uint32_t table_addr,
                                      uint32_t running_addr)
{
    struct updraft_layout layout;
    enum updraft_error error = updraft_layout_read(flash, table_addr, &layout);

    if (error == UPDRAFT_OK)
        updraft_slots_init(slots, flash, &layout, running_addr);
    return error;
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
    if (slots->layout.otadata.len == 0)
        return UPDRAFT_E_NO_OTADATA;
    for (int i = 0; i < 2; i++) {
        uint8_t bytes[UPDRAFT_OTADATA_READ_LEN];
        enum updraft_error error =
            updraft_flash_read(slots->flash, sector_addr(slots, i), bytes, sizeof bytes);

        if (error != UPDRAFT_OK)
            return error;
        updraft_otadata_decode(bytes, &entries[i]);
    }
    return UPDRAFT_OK;
}

static int slot_of(const struct updraft_slots *slots, uint32_t seq)
{
    return updraft_otadata_slot(seq, slots->layout.ota_count);
}

#define NO_DISTRUST 0xFFFFFFFFu

/* In the word of distrust, which has a bit for each slot; 0: this one may be unsteady. What is no OTA
 * slot gets one of the upper bits, which say nothing. */
static uint32_t slot_bit(int slot)
{
    return 1u << ((uint32_t)slot % 32u);
}

_Static_assert((uint32_t)UPDRAFT_SLOT_NONE % 32u >= UPDRAFT_SLOT_CAP, "none says nothing");

static uint32_t distrust_word(const struct updraft_slots *slots, int idx)
{
    const struct updraft_flash *flash = slots->flash;
    uint8_t word[4];
    enum updraft_error error = updraft_flash_read(
        flash, sector_addr(slots, idx) + UPDRAFT_PROGRESS_DISTRUST_OFF, word, sizeof word);

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
    return distrust_word(slots, idx) & (last.to != 0 ? ~(1u << last.slot) : NO_DISTRUST);
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
        error = updraft_flash_erase(flash, addr, UPDRAFT_OTADATA_SECTOR_LEN);
    return error == UPDRAFT_OK ? updraft_flash_sync(flash) : error;
}

static enum updraft_error erase_entry(const struct updraft_slots *slots, int idx, int whole)
{
    return slots->memory != NULL ? slots->memory->erase(slots, idx, whole, erase_sector)
                                 : erase_sector(slots, idx, whole);
}

/* Erases the sector and writes the entry, on trial by terms, if there are any. The trial record goes first, the CRC of the entry last, so that
 * an entry which counts always has its trial. */
static enum updraft_error write_entry(const struct updraft_slots *slots, int idx, uint32_t seq,
                                      enum updraft_ota_state state,
                                      const struct updraft_trial_terms *terms)
{
    const struct updraft_flash *flash = slots->flash;
    uint32_t addr = sector_addr(slots, idx);
    uint8_t bytes[UPDRAFT_OTADATA_ENTRY_LEN];
    enum updraft_error error = erase_entry(slots, idx, slot_of(slots, seq));

    if (error == UPDRAFT_OK && terms != NULL) {
        if (terms->sha256 != NULL && slots->memory != NULL)
            error = slots->memory->note(slots, idx, terms->sha256);
        if (error == UPDRAFT_OK && terms->attempts != 0) {
            updraft_trial_encode(seq, terms->attempts, bytes);
            error = updraft_flash_write(flash, addr + UPDRAFT_TRIAL_OFF, bytes, UPDRAFT_TRIAL_LEN);
        }
    }
    if (error != UPDRAFT_OK)
        return error;
    updraft_otadata_encode(seq, state, bytes);
    return updraft_flash_write(flash, addr, bytes, sizeof bytes);
}

/* ---- What the record says ----------------------------------------------------------------------
 */

_Static_assert(UPDRAFT_OTADATA_ENTRY_LEN == UPDRAFT_FLASH_SPENT_LEN, "spent is a whole entry");

static bool names_slot(const struct updraft_otadata_entry *entry)
{
    return entry->crc_ok && entry->seq != UPDRAFT_OTADATA_SEQ_EMPTY;
}

static bool is_rolled_back(const struct updraft_otadata_entry *entry)
{
    return entry->state == UPDRAFT_OTA_ABORTED || entry->state == UPDRAFT_OTA_INVALID ||
           entry->trial.outcome == UPDRAFT_TRIAL_IS_ROLLED_BACK;
}

bool updraft_slots_has_failed(const struct updraft_otadata_entry *entry)
{
    return names_slot(entry) && is_rolled_back(entry);
}

static bool is_on_trial(const struct updraft_otadata_entry *entry)
{
    if (entry->trial.present)
        return entry->trial.outcome == UPDRAFT_TRIAL_RUNNING;
    return entry->state == UPDRAFT_OTA_NEW || entry->state == UPDRAFT_OTA_PENDING_VERIFY;
}

struct record {
    /* Without marks. One that names no slot has the sequence 0, one whose image has failed in whatever
     * way the state ABORTED. */
    struct updraft_otadata_entry entries[2];
    int keep;      /* that must survive until a new one is whole: the running image boots by it */
    bool on_trial; /* the running image is, by that entry */
    uint32_t keep_seq; /* 0: it names no slot */
};

static SHARED enum updraft_error read_entry(const struct updraft_slots *slots, int idx,
                                            struct updraft_otadata_entry *entry)
{
    uint8_t bytes[UPDRAFT_OTADATA_ENTRY_READ_LEN];
    enum updraft_error error =
        updraft_flash_read(slots->flash, sector_addr(slots, idx), bytes, sizeof bytes);

    if (error != UPDRAFT_OK)
        return error;
    updraft_otadata_decode_entry(bytes, entry);
    if (!names_slot(entry) || slots->layout.ota_count == 0)
        entry->seq = 0;
    if (is_rolled_back(entry))
        entry->state = UPDRAFT_OTA_ABORTED;
    return UPDRAFT_OK;
}

/* What counts for booting; 0: does not. */
static uint32_t good_seq(const struct updraft_otadata_entry *entry)
{
    return entry->state != UPDRAFT_OTA_ABORTED ? entry->seq : 0;
}

static SHARED bool boots_running(const struct updraft_slots *slots,
                                 const struct updraft_otadata_entry *entry)
{
    uint32_t seq = good_seq(entry);

    return seq != 0 && slot_of(slots, seq) == slots->running;
}

/* The entry that decides the next boot, if it counts. */
static int deciding(const struct updraft_otadata_entry entries[2])
{
    uint32_t first_seq = good_seq(&entries[0]);

    return first_seq == 0 || good_seq(&entries[1]) > first_seq;
}

static enum updraft_error read_record(const struct updraft_slots *slots, struct record *record)
{
    struct updraft_otadata_entry *entries = record->entries;
    enum updraft_error error;
    bool is_running;
    int keep;

    if (slots->layout.otadata.len == 0)
        return UPDRAFT_E_NO_OTADATA;
    error = read_entry(slots, 0, &entries[0]);
    if (error == UPDRAFT_OK)
        error = read_entry(slots, 1, &entries[1]);
    if (error != UPDRAFT_OK)
        return error;
    keep = deciding(entries);
    is_running = boots_running(slots, &entries[keep]);
    record->on_trial = is_running && is_on_trial(&entries[keep]);
    if (!is_running && boots_running(slots, &entries[1 - keep]))
        keep = 1 - keep;
    record->keep = keep;
    record->keep_seq = good_seq(&entries[keep]);
    return UPDRAFT_OK;
}

/* The later entry that has failed, -1 when none has. */
static int failed_entry(const struct record *record)
{
    const struct updraft_otadata_entry *entries = record->entries;
    uint32_t seq = entries[0].state == UPDRAFT_OTA_ABORTED ? entries[0].seq : 0;

    if (entries[1].state == UPDRAFT_OTA_ABORTED && entries[1].seq > seq)
        return 1;
    return seq != 0 ? 0 : -1;
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
    if (record.on_trial)
        *state = UPDRAFT_RUN_ON_TRIAL;
    failed = failed_entry(&record);
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
    seq = good_seq(&record.entries[deciding(record.entries)]);
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

    *record = (struct record){0};
    *answer = (struct updraft_slot_record){.slot = UPDRAFT_SLOT_NONE};
    error = read_record(slots, record);
    return error == UPDRAFT_E_NO_OTADATA ? UPDRAFT_OK : error;
}

static enum updraft_error answer_with(const struct updraft_slots *slots, int idx,
                                      struct updraft_slot_record *answer)
{
    struct updraft_otadata_entry entries[2];
    enum updraft_error error;

    if (idx < 0)
        return UPDRAFT_OK;
    error = updraft_slots_entries(slots, entries);
    if (error != UPDRAFT_OK)
        return error;
    answer->slot = slot_of(slots, entries[idx].seq);
    answer->addr = sector_addr(slots, idx);
    answer->entry = entries[idx];
    return UPDRAFT_OK;
}

enum updraft_error updraft_slots_find_trial(const struct updraft_slots *slots,
                                            struct updraft_slot_record *found)
{
    struct record record;
    enum updraft_error error = read_for(slots, &record, found);

    return error == UPDRAFT_OK ? answer_with(slots, record.on_trial ? record.keep : -1, found)
                               : error;
}

enum updraft_error updraft_slots_find_failed(const struct updraft_slots *slots,
                                             struct updraft_slot_record *found)
{
    struct record record;
    enum updraft_error error = read_for(slots, &record, found);

    return error == UPDRAFT_OK ? answer_with(slots, failed_entry(&record), found) : error;
}

/* ---- The choice --------------------------------------------------------------------------------
 */

static uint32_t next_seq(const struct updraft_slots *slots, uint32_t seq, int slot)
{
    return updraft_otadata_next_seq(seq + 1u, (uint8_t)slot, slots->layout.ota_count);
}

/* The sequence numbers are used up (2^32 updates, or a record someone made): start again from small
 * ones. The running image stays named throughout, afterwards by the other entry. */
static enum updraft_error restart_sequence(const struct updraft_slots *slots, struct record *record)
{
    int keep = record->keep;
    enum updraft_error error;

    record->keep = 1 - keep;
    record->keep_seq = 0;
    if (slots->running >= 0) {
        record->keep_seq = next_seq(slots, 0, slots->running);
        error = write_entry(slots, record->keep, record->keep_seq, UPDRAFT_OTA_UNDEFINED, NULL);
    } else { /* an empty record names factory */
        error = erase_entry(slots, record->keep, UPDRAFT_SLOT_NONE);
    }
    return error == UPDRAFT_OK ? erase_entry(slots, keep, UPDRAFT_SLOT_NONE) : error;
}

enum updraft_error updraft_slots_try(const struct updraft_slots *slots, int slot,
                                     const struct updraft_trial_terms *terms)
{
    struct record record;
    enum updraft_error error = read_record(slots, &record);
    uint32_t seq;

    if (error != UPDRAFT_OK)
        return error;
    if (slot < 0 || updraft_layout_slot(&slots->layout, slot)->len == 0)
        return UPDRAFT_E_NO_SLOT;
    while ((seq = next_seq(slots, record.keep_seq, slot)) == 0) {
        error = restart_sequence(slots, &record);
        if (error != UPDRAFT_OK)
            return error;
    }
    /* An entry that names the slot which was just written speaks of an image that is gone. */
    if (record.keep_seq != 0 && slot_of(slots, record.keep_seq) == slot)
        record.keep = 1 - record.keep;
    return write_entry(slots, 1 - record.keep, seq, UPDRAFT_OTA_UNDEFINED, terms);
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
    log->is_bare = record.keep_seq == 0;
    log->on_trial = record.on_trial;
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
static enum updraft_error restate(const struct updraft_slots *slots, const struct record *record,
                                  enum updraft_ota_state state)
{
    return write_entry(slots, record->keep, record->keep_seq, state, NULL);
}

/* The outcome does not read as confirmed: rotten bits that no program can set again. A new entry for
 * good takes the place of the trial. */
static enum updraft_error confirm_anew(const struct updraft_slots *slots,
                                       const struct record *record)
{
    uint32_t seq = next_seq(slots, record->keep_seq, slots->running);

    return seq != 0 ? write_entry(slots, 1 - record->keep, seq, UPDRAFT_OTA_UNDEFINED, NULL)
                    : UPDRAFT_E_FLASH_VERIFY;
}

enum updraft_error updraft_slots_confirm(const struct updraft_slots *slots)
{
    struct record record;
    enum updraft_error error = read_record(slots, &record);

    if (error == UPDRAFT_E_NO_OTADATA)
        return UPDRAFT_OK;
    if (error != UPDRAFT_OK || !record.on_trial)
        return error;
    if (!record.entries[record.keep].trial.present)
        return restate(slots, &record, UPDRAFT_OTA_VALID);
    error = updraft_trial_confirm(slots->flash, sector_addr(slots, record.keep));
    /* So some drivers tell of bits that cannot be set. */
    if (error != UPDRAFT_E_FLASH_PROGRAM) {
        if (error == UPDRAFT_OK)
            error = read_record(slots, &record);
        if (error != UPDRAFT_OK || !record.on_trial)
            return error;
    }
    return confirm_anew(slots, &record);
}

enum updraft_error updraft_slots_reject(const struct updraft_slots *slots,
                                        enum updraft_trial_reason reason)
{
    struct record record;
    enum updraft_error error = read_record(slots, &record);

    if (error != UPDRAFT_OK)
        return error;
    if (!record.on_trial)
        return UPDRAFT_E_NO_ROLLBACK;
    if (!record.entries[record.keep].trial.present)
        return restate(slots, &record, UPDRAFT_OTA_INVALID);
    return updraft_trial_roll_back(slots->flash, sector_addr(slots, record.keep), reason);
}
