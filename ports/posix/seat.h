/* Where the running image sits, and with that where an update goes: in one of several slots, or in
 * the one place of an ESP8266. The rest of the device asks here and need not know which it is.
 *
 * Owns: opening the layout after a boot, the names and numbers that are told of it. In flash: writes
 * nothing. */
#ifndef UPDRAFT_PORTS_POSIX_SEAT_H
#define UPDRAFT_PORTS_POSIX_SEAT_H

#include "device/slots/place.h"
#include "device/slots/slots.h"

#include <stdbool.h>
#include <stdint.h>

struct updraft_life;
struct updraft_machine;

/* How the image came to run. */
struct updraft_start {
    int slot;        /* UPDRAFT_SLOT_NONE where there is one place */
    uint32_t addr;   /* in flash */
    const char *why; /* a sentence */
};

/* Opens the layout and reads what runs: fills life->slots or life->staged, life->running and
 * life->watch, and *failed with the image that was rolled back (slot UPDRAFT_SLOT_NONE: none). False
 * after a printed sentence. */
bool updraft_seat_open(struct updraft_life *life, const struct updraft_start *start,
                       struct updraft_slot_record *failed);

struct updraft_place updraft_seat_place(struct updraft_life *life);

/* "ota_1", "factory"; "app" where there is one place. */
const char *updraft_seat_name(const struct updraft_life *life, int slot);

/* How many bytes the next image may have; 0: none can be taken. */
uint32_t updraft_seat_capacity(const struct updraft_life *life);

/* The partition that file systems go to, into machine->data_partition; "" where there is none. */
void updraft_seat_find_data(struct updraft_machine *machine);

#endif
