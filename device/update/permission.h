/* Whether an update may begin, and whether the restart after it may happen: what applications ask for
 * most, ready to be the guard of the transaction (device/update/update.h).
 *
 *   before the start     the application's own guard, then the schedule, then the button
 *   before the restart   the application's own guard, then its safe state, with a deadline
 *
 * A schedule is a window of the week by the wall clock. A button opens a window of some seconds. The
 * safe state is something the application is told to reach: valves closed, a job saved. When it does
 * not get there by the deadline the restart happens all the same, or is put off.
 *
 * A no comes with its reason and, where that can be known, with the seconds until it may be a yes;
 * both reach whoever pushes, in the words of his protocol.
 *
 * Owns: these rules. No clock: the caller says what time it is, by tick, before each call that may
 * ask. Switching updates on and off is updraft_update_enable(). Memory: the struct. Nothing is kept in
 * flash; a reset closes the button's window. */
#ifndef UPDRAFT_DEVICE_UPDATE_PERMISSION_H
#define UPDRAFT_DEVICE_UPDATE_PERMISSION_H

#include "device/update/update.h"

#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_WEEKDAYS_ALL 0x7Fu

/* Local time, as the application's users see it. */
struct updraft_wall_time {
    bool known;
    uint8_t weekday; /* 0: Monday */
    uint32_t day_s;  /* since midnight, below 86400 */
};

/* from == to: the whole day. from > to: past midnight, and still the day on which it began. */
struct updraft_schedule {
    uint16_t from_min; /* minutes of the day, below 1440 */
    uint16_t to_min;
    uint8_t weekdays; /* bit 0: Monday; at least one */
};

struct updraft_permission_config {
    void *ctx;
    /* The application's own word, at both points. NULL: it has none. */
    bool (*guard)(void *ctx, enum updraft_guard_point point, struct updraft_refusal *refusal);
    const struct updraft_schedule *schedule; /* NULL: at any time. Outlives the permission. */
    uint32_t button_window_s;                /* 0: no button is needed */
    /* Go to your safe state; are you there? Asked again and again until it says so. NULL: it always
     * is. */
    bool (*reach_safe_state)(void *ctx);
    /* The restart is put off: work on. NULL: nothing to do. */
    void (*leave_safe_state)(void *ctx);
    uint32_t safe_deadline_s; /* from the first question on */
    uint32_t safe_again_s;    /* put off for so long; 0: after the deadline it restarts anyway */
};

enum updraft_safe_state {
    UPDRAFT_SAFE_UNASKED,
    UPDRAFT_SAFE_AWAITED,
    UPDRAFT_SAFE_REACHED,
    UPDRAFT_SAFE_LATE,    /* the deadline passed: the restart happens anyway */
    UPDRAFT_SAFE_PUT_OFF, /* the deadline passed: it is asked again later */
};

/* Private but for safe, which may be read. */
struct updraft_permission {
    struct updraft_permission_config config;
    uint64_t now_ms;
    struct updraft_wall_time wall;
    uint64_t armed_until_ms;
    uint64_t safe_until_ms; /* AWAITED: the deadline; PUT_OFF: when it is asked again */
    enum updraft_safe_state safe;
    char reason[48];
};

/* Asserts the schedule. config is copied, what it points to is not. */
void updraft_permission_init(struct updraft_permission *permission,
                             const struct updraft_permission_config *config);

/* What time it is: now_ms only ever grows; wall as far as it is known. */
void updraft_permission_tick(struct updraft_permission *permission, uint64_t now_ms,
                             struct updraft_wall_time wall);

/* Somebody stands at the device and pressed the button. */
void updraft_permission_press(struct updraft_permission *permission);

/* For how many seconds the button's window is still open; 0: it is closed. */
uint32_t updraft_permission_armed_s(const struct updraft_permission *permission);

/* The guard of the transaction. refusal->reason lives until the next question. */
bool updraft_permission_ask(struct updraft_permission *permission, enum updraft_guard_point point,
                            struct updraft_refusal *refusal);

/* Whether the window is open; if not, *wait_s says for how long it is not, else it is 0. wall is known. */
bool updraft_schedule_is_open(const struct updraft_schedule *schedule,
                              const struct updraft_wall_time *wall, uint32_t *wait_s);

#endif
