/* Slots as the place of an update: the slot after the running one, verified, then named by the
 * boot record. The first 16 bytes of the slot are programmed last, so a slot that was not
 * finished is never taken for an image. After a power loss during commit the boot record names
 * the old image or, whole and verified, the new one, on trial. */
#ifndef UPDRAFT_DEVICE_SLOTS_SLOT_PLACE_H
#define UPDRAFT_DEVICE_SLOTS_SLOT_PLACE_H

#include "device/slots/place.h"
#include "device/slots/slots.h"

/* slots are open, and outlive what uses the place. find: E_NO_SLOT, E_NO_OTADATA, E_TRIAL.
 * Its find_data may be set to updraft_slot_find_data (device/slots/slot_data.h). accept: E_ALREADY_RUNNING, E_FAILED_BEFORE. commit: what
 * updraft_slot_verify() finds. E_FLASH_* from each. */
struct updraft_place updraft_slot_place(struct updraft_slots *slots);
/* The same for images of the ESP8266: one place, one family of chips, so that a firmware links the
 * check of its own only. */
struct updraft_place updraft_slot_place_8266(struct updraft_slots *slots);

#endif
