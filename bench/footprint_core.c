/* What a firmware calls of the library to update itself by slots, without decoder and transport:
 * linked by footprint.py to be measured. */
#include "device/slots/slot_place.h"
#include "device/update/update.h"

extern const struct updraft_flash footprint_flash;
extern const struct updraft_update_request footprint_request;
extern struct updraft_slots footprint_slots;
extern struct updraft_update_config footprint_update_config;
extern struct updraft_update footprint_update;
extern const uint8_t footprint_data[];

static int start(void)
{
    enum updraft_run_state state;
    enum updraft_trial_reason reason;
    int rolled_back;

    if (updraft_slots_open(&footprint_slots, &footprint_flash, UPDRAFT_PTABLE_DEFAULT_OFF, 0) !=
            UPDRAFT_OK ||
        updraft_slots_state(&footprint_slots, &state, &rolled_back, &reason) != UPDRAFT_OK)
        return 1;
    footprint_update_config.place = updraft_slot_place(&footprint_slots);
    updraft_update_init(&footprint_update, &footprint_update_config);
    if (state == UPDRAFT_RUN_ON_TRIAL)
        return updraft_slots_confirm(&footprint_slots) == UPDRAFT_OK ? 0 : 1;
    return updraft_slots_reject(&footprint_slots, UPDRAFT_TRIAL_REASON_HEALTH) == UPDRAFT_OK;
}

int main(void)
{
    struct updraft_refusal refusal;

    if (start() != 0 ||
        updraft_update_begin(&footprint_update, &footprint_request, NULL) != UPDRAFT_OK)
        return 1;
    if (updraft_update_feed(&footprint_update, footprint_data, 1460) != UPDRAFT_OK)
        updraft_update_abort(&footprint_update, UPDRAFT_E_TIMEOUT);
    if (updraft_update_finish(&footprint_update) != UPDRAFT_OK)
        return 2;
    return updraft_update_may_restart(&footprint_update, &refusal) ? 0 : 3;
}
