/* The image looks how it stands, and confirms or rejects itself. */
#include "bench/footprint_core.h"

enum updraft_error footprint_end_trial(void)
{
    enum updraft_run_state state;
    enum updraft_trial_reason reason;
    int rolled_back;
    enum updraft_error error = updraft_slots_state(&footprint_slots, &state, &rolled_back, &reason);

    if (error != UPDRAFT_OK || state != UPDRAFT_RUN_ON_TRIAL)
        return error;
    error = updraft_slots_confirm(&footprint_slots);
    return error == UPDRAFT_OK
               ? UPDRAFT_OK
               : updraft_slots_reject(&footprint_slots, UPDRAFT_TRIAL_REASON_HEALTH);
}
