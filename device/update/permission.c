#include "device/update/permission.h"

#include "format/assert.h"
#include "format/text.h"

#include <string.h>

#define DAY_MIN 1440u
#define MIN_S   60u
#define DAY_S   86400u
#define WEEK_S  (7u * DAY_S)
#define SECOND  1000u

void updraft_permission_init(struct updraft_permission *permission,
                             const struct updraft_permission_config *config)
{
    const struct updraft_schedule *schedule = config->schedule;

    UPDRAFT_ASSERT(schedule == NULL ||
                   (schedule->from_min < DAY_MIN && schedule->to_min < DAY_MIN &&
                    (schedule->weekdays & UPDRAFT_WEEKDAYS_ALL) != 0));
    memset(permission, 0, sizeof *permission);
    permission->config = *config;
    permission->safe = UPDRAFT_SAFE_UNASKED;
}

void updraft_permission_tick(struct updraft_permission *permission, uint64_t now_ms,
                             struct updraft_wall_time wall)
{
    permission->now_ms = now_ms;
    permission->wall = wall;
}

/* Seconds from now_ms on, begun ones counted whole. */
static uint32_t until(uint64_t now_ms, uint64_t then_ms)
{
    return then_ms > now_ms ? (uint32_t)((then_ms - now_ms + SECOND - 1) / SECOND) : 0;
}

void updraft_permission_press(struct updraft_permission *permission)
{
    permission->armed_until_ms =
        permission->now_ms + (uint64_t)permission->config.button_window_s * SECOND;
}

uint32_t updraft_permission_armed_s(const struct updraft_permission *permission)
{
    return until(permission->now_ms, permission->armed_until_ms);
}

/* ---- the schedule ---- */

bool updraft_schedule_is_open(const struct updraft_schedule *schedule,
                              const struct updraft_wall_time *wall, uint32_t *wait_s)
{
    uint32_t len_min = (schedule->to_min + DAY_MIN - schedule->from_min) % DAY_MIN;
    uint32_t len_s = (len_min == 0 ? DAY_MIN : len_min) * MIN_S;
    uint32_t now_s = wall->weekday * DAY_S + wall->day_s;

    *wait_s = WEEK_S;
    for (uint32_t day = 0; day < 7; day++) {
        uint32_t start_s = day * DAY_S + schedule->from_min * MIN_S;
        uint32_t since_s = (now_s + WEEK_S - start_s) % WEEK_S;

        if ((schedule->weekdays >> day & 1u) == 0)
            continue;
        if (since_s < len_s) {
            *wait_s = 0;
            return true;
        }
        if (WEEK_S - since_s < *wait_s)
            *wait_s = WEEK_S - since_s;
    }
    return false;
}

static void append_two_digits(struct updraft_text *text, uint32_t value)
{
    if (value < 10)
        updraft_text_str(text, "0");
    updraft_text_u32(text, value);
}

/* "Mon 02:00" */
static void tell_opening(struct updraft_permission *permission, uint32_t wait_s)
{
    static const char days[7][4] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    const struct updraft_wall_time *wall = &permission->wall;
    uint32_t at_s = (wall->weekday * DAY_S + wall->day_s + wait_s) % WEEK_S;
    struct updraft_text text;

    updraft_text_init(&text, permission->reason, sizeof permission->reason);
    updraft_text_str(&text, days[at_s / DAY_S]);
    updraft_text_str(&text, " ");
    append_two_digits(&text, at_s % DAY_S / 3600u);
    updraft_text_str(&text, ":");
    append_two_digits(&text, at_s % 3600u / MIN_S);
}

static bool ask_schedule(struct updraft_permission *permission, struct updraft_refusal *refusal)
{
    const struct updraft_schedule *schedule = permission->config.schedule;
    uint32_t wait_s = 0;

    if (schedule == NULL)
        return true;
    *refusal = (struct updraft_refusal){"when its clock is set", 0,
                                        UPDRAFT_E_WINDOW}; /* which it may be any moment */
    if (!permission->wall.known)
        return false;
    if (updraft_schedule_is_open(schedule, &permission->wall, &wait_s))
        return true;
    tell_opening(permission, wait_s);
    refusal->reason = permission->reason;
    refusal->retry_after_s = wait_s;
    return false;
}

static bool ask_button(const struct updraft_permission *permission, struct updraft_refusal *refusal)
{
    *refusal = (struct updraft_refusal){"", 0, UPDRAFT_E_BUTTON};
    return permission->config.button_window_s == 0 || updraft_permission_armed_s(permission) != 0;
}

/* ---- the safe state ---- */

static enum updraft_safe_state await_safe_state(struct updraft_permission *permission)
{
    const struct updraft_permission_config *config = &permission->config;

    if (permission->safe != UPDRAFT_SAFE_AWAITED)
        permission->safe_until_ms = permission->now_ms + (uint64_t)config->safe_deadline_s * SECOND;
    if (config->reach_safe_state(config->ctx))
        return UPDRAFT_SAFE_REACHED;
    if (permission->now_ms < permission->safe_until_ms)
        return UPDRAFT_SAFE_AWAITED;
    if (config->safe_again_s == 0)
        return UPDRAFT_SAFE_LATE;
    permission->safe_until_ms = permission->now_ms + (uint64_t)config->safe_again_s * SECOND;
    if (config->leave_safe_state != NULL)
        config->leave_safe_state(config->ctx);
    return UPDRAFT_SAFE_PUT_OFF;
}

static bool ask_safe_state(struct updraft_permission *permission, struct updraft_refusal *refusal)
{
    bool is_put_off =
        permission->safe == UPDRAFT_SAFE_PUT_OFF && permission->now_ms < permission->safe_until_ms;

    if (permission->config.reach_safe_state == NULL)
        return true;
    if (!is_put_off)
        permission->safe = await_safe_state(permission);
    refusal->reason = permission->safe == UPDRAFT_SAFE_PUT_OFF
                          ? "it did not reach its safe state"
                          : "it is on its way to its safe state";
    refusal->retry_after_s = until(permission->now_ms, permission->safe_until_ms);
    return permission->safe == UPDRAFT_SAFE_REACHED || permission->safe == UPDRAFT_SAFE_LATE;
}

bool updraft_permission_ask(struct updraft_permission *permission, enum updraft_guard_point point,
                            struct updraft_refusal *refusal)
{
    const struct updraft_permission_config *config = &permission->config;

    if (config->guard != NULL && !config->guard(config->ctx, point, refusal))
        return false;
    switch (point) {
    case UPDRAFT_GUARD_BEFORE_START:
        return ask_schedule(permission, refusal) && ask_button(permission, refusal);
    case UPDRAFT_GUARD_BEFORE_RESTART:
        break;
    }
    return ask_safe_state(permission, refusal);
}
