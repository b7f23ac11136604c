/* The layout is a constant of the firmware. */
#include "bench/footprint_core.h"

extern const struct updraft_layout footprint_layout;

enum updraft_error footprint_open(void)
{
    updraft_slots_init(&footprint_slots, &footprint_flash, &footprint_layout, 0);
    return UPDRAFT_OK;
}
