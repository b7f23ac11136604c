#include "device/slots/trial_watch.h"

#include "format/assert.h"

enum updraft_error updraft_trial_watch_start(struct updraft_trial_watch *watch,
                                             const struct updraft_trial_watch_config *config,
                                             uint64_t now_ms)
{
    struct updraft_slot_record record;
    enum updraft_error error;

    UPDRAFT_ASSERT(config->slots != NULL && config->health_ms != 0);
    watch->config = *config;
    watch->deadline_ms = now_ms + config->health_ms;
    watch->is_on_trial = true;
    error = updraft_slots_find_trial(config->slots, &record);
    if (error == UPDRAFT_OK)
        watch->is_on_trial = record.slot != UPDRAFT_SLOT_NONE;
    return error;
}

enum updraft_error updraft_trial_watch_confirm(struct updraft_trial_watch *watch)
{
    enum updraft_error error = UPDRAFT_OK;

    if (watch->is_on_trial)
        error = updraft_slots_confirm(watch->config.slots);
    if (error == UPDRAFT_OK)
        watch->is_on_trial = false;
    return error;
}

/* The lines first: once the trial has ended they have no place any more. What cannot be written does
 * not hold up the restart. */
static enum updraft_trial_watch_next give_up(const struct updraft_trial_watch *watch,
                                             enum updraft_trial_reason reason)
{
    if (watch->config.lines != NULL)
        (void)!updraft_last_lines_save(watch->config.lines, watch->config.slots);
    (void)!updraft_slots_reject(watch->config.slots, reason);
    return UPDRAFT_TRIAL_WATCH_RESTART;
}

enum updraft_trial_watch_next updraft_trial_watch_tick(struct updraft_trial_watch *watch,
                                                       uint64_t now_ms)
{
    if (now_ms < updraft_trial_watch_due_ms(watch))
        return UPDRAFT_TRIAL_WATCH_GO_ON;
    return give_up(watch, UPDRAFT_TRIAL_REASON_HEALTH);
}

enum updraft_trial_watch_next updraft_trial_watch_reject(struct updraft_trial_watch *watch)
{
    return watch->is_on_trial ? give_up(watch, UPDRAFT_TRIAL_REASON_REJECTED)
                              : UPDRAFT_TRIAL_WATCH_GO_ON;
}

uint64_t updraft_trial_watch_due_ms(const struct updraft_trial_watch *watch)
{
    return watch->is_on_trial ? watch->deadline_ms : UINT64_MAX;
}
