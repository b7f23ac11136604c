/* What a firmware calls of the library to write an image to the next slot, verify it and make it boot on
 * trial, without decoder and transport: linked by footprint.py to be measured. How it comes to know the
 * layout, and how its own trial ends, are files of their own. */
#include "bench/footprint_core.h"

#include "device/slots/slot_place.h"
#include "device/update/update.h"

extern const struct updraft_update_request footprint_request;
extern struct updraft_update_config footprint_update_config;
extern struct updraft_update footprint_update;
extern const uint8_t footprint_data[];

int main(void)
{
    struct updraft_refusal refusal;

    if (footprint_open() != UPDRAFT_OK || footprint_end_trial() != UPDRAFT_OK)
        return 1;
    footprint_update_config.place = updraft_slot_place(&footprint_slots);
    updraft_update_init(&footprint_update, &footprint_update_config);
    if (updraft_update_begin(&footprint_update, &footprint_request, NULL) != UPDRAFT_OK)
        return 1;
    if (updraft_update_feed(&footprint_update, footprint_data, 1460) != UPDRAFT_OK)
        updraft_update_abort(&footprint_update, UPDRAFT_E_TIMEOUT);
    if (updraft_update_finish(&footprint_update) != UPDRAFT_OK)
        return 2;
    return updraft_update_may_restart(&footprint_update, &refusal) ? 0 : 3;
}
