/* Data partitions as the place of an update: found by their label in the partition table, written as it
 * comes, in use as it is. For places whose context is a struct updraft_slots.
 *
 * Optional: a firmware that does not name updraft_slot_find_data links none of it. A power cut leaves
 * the partition partly written: nobody but its user can tell whether it is whole. */
#ifndef UPDRAFT_DEVICE_SLOTS_SLOT_DATA_H
#define UPDRAFT_DEVICE_SLOTS_SLOT_DATA_H

#include "device/slots/place.h"

/* The find_data of updraft_slot_place(). E_NO_PARTITION, also for the boot record and for what does not
 * lie in whole sectors; E_TABLE_*, E_FLASH_READ. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_slot_find_data(struct updraft_update *update, const struct updraft_update_request *request);

#endif
