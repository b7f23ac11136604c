/* After the transfer: which version runs, and is it there to stay? Only the device can say, so it
 * is asked until it does. */
#include "cli/push.h"

#include "cli/out.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define POLL_MS      300u
#define ASK_MS       1500u
#define CLOCK_LAG_MS 300u /* how far the device's clock may run ahead of ours unnoticed */

static void pause_ms(uint32_t ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000L};

    (void)nanosleep(&pause, NULL);
}

/* Where it does not say so: it restarted when it is up for less than it was before plus the time that
 * passed. */
static bool has_restarted(const struct updraft_push_device *before,
                          const struct updraft_push_device *now)
{
    if (before->boot_id != 0 && now->boot_id != 0)
        return before->boot_id != now->boot_id;
    return now->uptime_ms + CLOCK_LAG_MS < before->uptime_ms + (now->asked_ms - before->asked_ms);
}

static void note(cJSON *result, const struct updraft_push_device *now, const char *state)
{
    cJSON_AddStringToObject(result, "running", now->version);
    if (now->slot[0])
        cJSON_AddStringToObject(result, "slot", now->slot);
    cJSON_AddStringToObject(result, "state", state);
}

static enum updraft_exit went_back(struct updraft_push *push, const struct updraft_push_device *now,
                                   cJSON *result)
{
    note(result, now, now->last_result);
    return updraft_fail_set(
        &push->cli->fail, UPDRAFT_EXIT_FAILED,
        strcmp(now->last_result, "failed") ? "rolled_back" : "failed",
        now->last_remedy[0] ? now->last_remedy : "Look at the new image; the old one runs again.",
        "restart: %s runs again: %s", now->version,
        now->last_error[0] ? now->last_error : "the new image did not confirm itself");
}

static enum updraft_exit gave_up(struct updraft_push *push, const struct updraft_push_device *last,
                                 cJSON *result)
{
    if (last->kind != UPDRAFT_PUSH_UNKNOWN)
        note(result, last, last->state[0] ? last->state : "written");
    if (last->kind == UPDRAFT_PUSH_UNKNOWN)
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "timeout",
                                "Look at the device: it may have a new address, or the new image "
                                "may not reach the network; then it goes back by itself.",
                                "restart: the image was taken, but the device did not come back "
                                "within %u s",
                                push->wait_s);
    if (!strcmp(last->state, "trial"))
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_FAILED, "trial_running",
                                "Ask again later, or wait longer with --wait.",
                                "restart: %s runs, but is still on trial after %u s", last->version,
                                push->wait_s);
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_FAILED, "timeout",
                            "Look at the device's log; it may refuse to restart now.",
                            "restart: the image was taken, but after %u s the device still runs %s",
                            push->wait_s, last->version);
}

/* An Updraft device: by slot, as versions may be equal; where it has one place for its image, by what
 * it says of its restart. */
static bool runs_new_image(const struct updraft_push_device *before,
                           const struct updraft_push_device *now)
{
    if (strcmp(now->slot, before->next) != 0)
        return false;
    return !before->has_one_place ||
           (has_restarted(before, now) && strcmp(now->last_result, "failed") != 0);
}

static bool is_settled(struct updraft_push *push, const struct updraft_push_device *now,
                       bool *on_trial, enum updraft_exit *exit, cJSON *result)
{
    const struct updraft_push_device *before = &push->device;

    if (runs_new_image(before, now)) {
        if (!strcmp(now->state, "confirmed")) {
            note(result, now, "confirmed");
            *exit = UPDRAFT_EXIT_OK;
            return true;
        }
        if (!*on_trial)
            updraft_progress_step(&push->progress, "%s runs in %s, on trial", now->version,
                                  now->slot);
        *on_trial = true;
        return false;
    }
    if (has_restarted(before, now) &&
        (!strcmp(now->last_result, "rolled_back") || !strcmp(now->last_result, "failed"))) {
        *exit = went_back(push, now, result);
        return true;
    }
    return false;
}

enum updraft_exit updraft_push_wait(struct updraft_push *push, cJSON *result)
{
    uint64_t deadline_ms = updraft_progress_now_ms() + (uint64_t)push->wait_s * 1000;
    struct updraft_push_device now = {0};
    struct updraft_push_device last = {0};
    enum updraft_exit exit = UPDRAFT_EXIT_OK;
    bool on_trial = false;

    updraft_progress_step(&push->progress, "waiting for the device to restart");
    while (updraft_progress_now_ms() < deadline_ms) {
        pause_ms(POLL_MS);
        updraft_push_ask(push, &now, ASK_MS);
        if (now.kind != push->device.kind)
            continue;
        last = now;
        if (now.kind == UPDRAFT_PUSH_UPDRAFT) {
            if (is_settled(push, &now, &on_trial, &exit, result))
                return exit;
        } else if (!strcmp(now.version, push->image.info.appdesc.version)) {
            note(result, &now, "running");
            return UPDRAFT_EXIT_OK;
        }
    }
    return gave_up(push, &last, result);
}
