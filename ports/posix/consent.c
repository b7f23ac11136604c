#include "ports/posix/consent.h"

#include "ports/posix/life.h"

#include <time.h>

#define GUARD_ASK_AGAIN_MS 500u

static struct updraft_wall_time wall_time(void)
{
    time_t now = time(NULL);
    struct tm local;
    if (!localtime_r(&now, &local))
        return (struct updraft_wall_time){.known = false};
    return (struct updraft_wall_time){
        .known = true,
        .weekday = (uint8_t)((local.tm_wday + 6) % 7), /* there Sunday is 0 */
        .day_s = (uint32_t)(local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec % 60),
    };
}

static struct updraft_permission *on_time(struct updraft_life *life)
{
    struct updraft_permission *permission = &life->consent.permission;
    updraft_permission_tick(permission, updraft_clock_ms(), wall_time());
    return permission;
}

static bool ask_application(void *ctx, enum updraft_guard_point point,
                            struct updraft_refusal *refusal)
{
    const struct updraft_life *life = ctx;
    if (point == UPDRAFT_GUARD_BEFORE_START && updraft_console_is_writing(&life->console)) {
        refusal->reason = "the console erases or copies a slot";
        return false;
    }
    if (!life->machine->guard_is_up)
        return true;
    refusal->reason = life->machine->options->guard;
    refusal->retry_after_s = life->machine->options->guard_retry_s;
    return false;
}

static bool reach_safe_state(void *ctx)
{
    struct updraft_life *life = ctx;
    struct updraft_consent *consent = &life->consent;
    uint64_t now_ms = updraft_clock_ms();
    if (consent->safe_asked_ms == 0) {
        consent->safe_asked_ms = now_ms;
        updraft_log_event(&life->machine->log, "safe state asked deadline=%us",
                          (unsigned)life->machine->options->safe_deadline_s);
    }
    if (now_ms < consent->safe_asked_ms + life->machine->options->safe_after_s * 1000ull)
        return false;
    updraft_log_event(&life->machine->log, "safe state reached");
    return true;
}

static void leave_safe_state(void *ctx)
{
    struct updraft_life *life = ctx;
    life->consent.safe_asked_ms = 0;
    updraft_log_event(&life->machine->log, "safe state not reached, restart put off again=%us",
                      (unsigned)life->machine->options->safe_again_s);
}

void updraft_consent_init(struct updraft_life *life)
{
    const struct updraft_options *options = life->machine->options;
    struct updraft_permission_config config = {
        .ctx = life,
        .guard = ask_application,
        .schedule = options->has_schedule ? &options->schedule : NULL,
        .button_window_s = options->button_window_s,
        .reach_safe_state = options->safe_deadline_s ? reach_safe_state : NULL,
        .leave_safe_state = leave_safe_state,
        .safe_deadline_s = options->safe_deadline_s,
        .safe_again_s = options->safe_again_s,
    };
    updraft_permission_init(&life->consent.permission, &config);
}

bool updraft_consent_ask(void *ctx, enum updraft_guard_point point, struct updraft_refusal *refusal)
{
    struct updraft_life *life = ctx;
    struct updraft_permission *permission = on_time(life);
    bool answer = updraft_permission_ask(permission, point, refusal);
    if (point == UPDRAFT_GUARD_BEFORE_RESTART && permission->safe == UPDRAFT_SAFE_LATE)
        updraft_log_event(&life->machine->log, "safe state not reached, restarting all the same");
    return answer;
}

bool updraft_consent_refuses(struct updraft_life *life, struct updraft_failure *failure)
{
    struct updraft_refusal refusal = {.reason = ""};
    bool answer = updraft_permission_ask(on_time(life), UPDRAFT_GUARD_BEFORE_START, &refusal);
    if (life->machine->is_disabled)
        updraft_failure_set(failure, UPDRAFT_E_DISABLED, 0, 0, NULL);
    else if (!answer)
        updraft_failure_set(failure, refusal.code ? refusal.code : UPDRAFT_E_GUARD,
                            refusal.retry_after_s, 0, refusal.reason);
    return life->machine->is_disabled || !answer;
}

void updraft_consent_press(struct updraft_life *life)
{
    struct updraft_permission *permission = on_time(life);
    updraft_permission_press(permission);
    updraft_log_event(&life->machine->log, "button pressed window=%us",
                      (unsigned)updraft_permission_armed_s(permission));
}

void updraft_consent_restart(struct updraft_life *life, uint64_t now_ms)
{
    struct updraft_refusal refusal;
    if (updraft_update_may_restart(&life->update, &refusal)) {
        updraft_log_event(&life->machine->log, "restart");
        life->end = UPDRAFT_LIFE_RESTART;
        return;
    }
    if (!life->restart_waits_for)
        updraft_log_event(&life->machine->log, "restart waits reason=\"%s\"", refusal.reason);
    life->restart_waits_for = refusal.reason;
    life->restart_ms = now_ms + GUARD_ASK_AGAIN_MS;
}
