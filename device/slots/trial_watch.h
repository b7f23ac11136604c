/* The health deadline of an image on trial: what does not confirm itself in time rolls back.
 *
 * A crash ends a boot by itself, and the boot stage counts it. An image that runs and is of no use (no
 * network, no server, a task that hangs) would run for ever; the deadline ends it.
 *
 * Owns: the deadline, the order of the writes at its end. Does not own: time (the caller gives
 * now_ms, any clock that starts before the watch and does not jump), the restart. Memory: one struct.
 * In flash: what updraft_slots_confirm(), _reject() and updraft_last_lines_save() leave there. */
#ifndef UPDRAFT_DEVICE_SLOTS_TRIAL_WATCH_H
#define UPDRAFT_DEVICE_SLOTS_TRIAL_WATCH_H

#include "device/slots/last_lines.h"
#include "device/slots/slots.h"

struct updraft_trial_watch_config {
    const struct updraft_slots *slots;      /* open; outlives the watch */
    const struct updraft_last_lines *lines; /* saved before a roll back; NULL: none */
    uint32_t health_ms;                     /* from the start of the watch to the roll back */
};

enum updraft_trial_watch_next {
    UPDRAFT_TRIAL_WATCH_GO_ON,
    UPDRAFT_TRIAL_WATCH_RESTART, /* the trial has failed: restart now, the other image runs then */
};

/* Private but for is_on_trial. */
struct updraft_trial_watch {
    struct updraft_trial_watch_config config;
    uint64_t deadline_ms;
    bool is_on_trial;
};

/* Reads how the running image stands; without a trial there is nothing to watch. E_FLASH_READ: the
 * watch then runs as on trial, for a record that cannot be read may hold one. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_trial_watch_start(struct updraft_trial_watch *watch,
                          const struct updraft_trial_watch_config *config, uint64_t now_ms);

/* The image has proved itself. On an error the trial goes on, and so does its deadline. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_trial_watch_confirm(struct updraft_trial_watch *watch);

/* To be called now and then, at least once at the deadline. RESTART also when the roll back could not
 * be written: the boot stage then counts one more attempt. */
enum updraft_trial_watch_next updraft_trial_watch_tick(struct updraft_trial_watch *watch,
                                                       uint64_t now_ms);

/* The image has found out by itself that it is no good. Not on trial: GO_ON, for there is no way back
 * that this could know to be better. */
enum updraft_trial_watch_next updraft_trial_watch_reject(struct updraft_trial_watch *watch);

/* When tick has something to do; UINT64_MAX: never. */
uint64_t updraft_trial_watch_due_ms(const struct updraft_trial_watch *watch);

#endif
