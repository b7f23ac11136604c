/* The layout is read from the partition table in flash. */
#include "bench/footprint_core.h"

enum updraft_error footprint_open(void)
{
    return updraft_slots_open(&footprint_slots, &footprint_flash, UPDRAFT_PTABLE_DEFAULT_OFF, 0);
}
