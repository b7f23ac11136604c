/* What the files of the update core share: each of these is answered in more than one way. */
#ifndef UPDRAFT_BENCH_FOOTPRINT_CORE_H
#define UPDRAFT_BENCH_FOOTPRINT_CORE_H

#include "device/slots/slots.h"

extern const struct updraft_flash footprint_flash;
extern struct updraft_slots footprint_slots;

enum updraft_error footprint_open(void);
enum updraft_error footprint_end_trial(void);

#endif
