#include "ports/posix/seat.h"

#include "device/slots/refused.h"
#include "device/slots/slot_data.h"
#include "device/slots/slot_place.h"
#include "ports/posix/life.h"

#include <stdio.h>
#include <string.h>

static bool has_one_place(const struct updraft_life *life)
{
    return life->machine->one_place.map != NULL;
}

static bool open_slots(struct updraft_life *life, const struct updraft_start *start,
                       struct updraft_slot_record *failed)
{
    const struct updraft_machine *machine = life->machine;
    const struct updraft_flash *flash = &machine->nor.flash;
    struct updraft_trial_watch_config watch = {
        .slots = &life->slots,
        .lines = &life->lines,
        .health_ms = machine->options->health_s * 1000u,
    };
    if (updraft_slots_open(&life->slots, flash, machine->options->table_off, start->addr) !=
            UPDRAFT_OK ||
        updraft_trial_watch_start(&life->watch, &watch, life->born_ms) != UPDRAFT_OK ||
        updraft_slots_find_failed(&life->slots, failed) != UPDRAFT_OK) {
        updraft_log_warn("the boot record cannot be read");
        return false;
    }
    updraft_slots_remember(&life->slots);
    updraft_slot_facts_read(flash, updraft_layout_extent(&life->slots.layout, start->slot),
                            machine->board->chip->id, &life->running);
    return true;
}

static bool open_one_place(struct updraft_life *life)
{
    const struct updraft_staged_layout *layout = &life->machine->one_place.layout;
    const struct updraft_flash *flash = &life->machine->nor.flash;
    life->slots.running = UPDRAFT_SLOT_NONE;
    if (updraft_staged_open(&life->staged, flash, layout, life->sector, sizeof life->sector) !=
        UPDRAFT_OK) {
        updraft_log_warn("the running image cannot be read");
        return false;
    }
    if (updraft_staged_open_log(&life->staged) != UPDRAFT_OK)
        updraft_log_warn("the progress log cannot be written: a broken update will start anew");
    updraft_slot_facts_read_staged(flash, layout, &life->running);
    return true;
}

bool updraft_seat_open(struct updraft_life *life, const struct updraft_start *start,
                       struct updraft_slot_record *failed)
{
    failed->slot = UPDRAFT_SLOT_NONE;
    return has_one_place(life) ? open_one_place(life) : open_slots(life, start, failed);
}

struct updraft_place updraft_seat_place(struct updraft_life *life)
{
    if (has_one_place(life))
        return updraft_staged_place(&life->staged);
    bool is_8266 = life->machine->board->chip->id == UPDRAFT_CHIP_ESP8266;
    struct updraft_place place =
        is_8266 ? updraft_slot_place_8266(&life->slots) : updraft_slot_place(&life->slots);
    place.find_data = updraft_slot_find_data;
    return place;
}

const char *updraft_seat_name(const struct updraft_life *life, int slot)
{
    return has_one_place(life) ? "app" : updraft_slot_name(slot);
}

uint32_t updraft_seat_capacity(const struct updraft_life *life)
{
    int next;
    if (has_one_place(life))
        return updraft_staged_free_len(&life->staged);
    if (updraft_slots_next(&life->slots, &next) != UPDRAFT_OK)
        return 0;
    return updraft_layout_extent(&life->slots.layout, next).len;
}

/* File systems are written to the first data partition that is one. */
static void find_in_table(struct updraft_machine *machine)
{
    static const uint8_t subtypes[] = {0x81, 0x82, 0x83}; /* fat, spiffs, littlefs */
    const struct updraft_flash *flash = &machine->nor.flash;
    uint8_t bytes[UPDRAFT_PTABLE_LEN];
    struct updraft_ptable table;
    if (flash->read(flash->ctx, machine->options->table_off, bytes, sizeof bytes) != UPDRAFT_OK ||
        updraft_ptable_decode(bytes, sizeof bytes, flash->size, &table, NULL) != UPDRAFT_OK)
        return;
    for (uint8_t i = 0; i < table.count; i++) {
        const struct updraft_partition *row = &table.entries[i];
        if (row->type == UPDRAFT_PART_TYPE_DATA &&
            memchr(subtypes, row->subtype, sizeof subtypes)) {
            memcpy(machine->data_partition, row->label, sizeof machine->data_partition);
            return;
        }
    }
}

void updraft_seat_find_data(struct updraft_machine *machine)
{
    machine->data_partition[0] = '\0';
    if (!machine->one_place.map)
        find_in_table(machine);
    else if (machine->one_place.layout.fs_len != 0)
        snprintf(machine->data_partition, sizeof machine->data_partition, "%s",
                 UPDRAFT_STAGED_FS_LABEL);
}
