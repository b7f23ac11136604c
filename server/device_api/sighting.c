#include "server/device_api/sighting.h"

#include "format/chip.h"
#include "format/error.h"

#include <stdio.h>
#include <string.h>

void updraft_draft_begin(struct updraft_draft *draft, const struct updraft_view *view,
                         struct updraft_plan *plan, const char *device_id)
{
    memset(draft, 0, sizeof *draft);
    draft->view = view;
    draft->plan = plan;
    draft->known = updraft_fleet_find_device(view->fleet, device_id);
    if (draft->known != NULL) {
        updraft_device_row(draft->known, &draft->device);
        if (draft->known->newest != NULL)
            updraft_attempt_row(draft->known->newest, &draft->attempt);
    } else {
        updraft_name_set(draft->device.id, sizeof draft->device.id, device_id);
        draft->device.chip = UPDRAFT_CHIP_UNKNOWN;
    }
}

static void take(char *out, size_t cap, const char *text)
{
    if (text != NULL)
        updraft_name_set(out, cap, text);
}

void updraft_draft_see(struct updraft_draft *draft, const struct updraft_seen *seen)
{
    struct updraft_device_row *device = &draft->device;

    draft->version_changed = seen->version != NULL && device->version[0] != '\0' &&
                             strcmp(device->version, seen->version) != 0;
    take(device->name, sizeof device->name, seen->name);
    take(device->product, sizeof device->product, seen->product);
    take(device->channel, sizeof device->channel, seen->channel);
    take(device->version, sizeof device->version, seen->version);
    take(device->slot, sizeof device->slot, seen->slot);
    take(device->board, sizeof device->board, seen->board);
    take(device->layout, sizeof device->layout, seen->layout);
    if (seen->chip != UPDRAFT_CHIP_UNKNOWN)
        device->chip = seen->chip;
    device->reports = device->reports || seen->reports;
    if (seen->says_running) {
        device->trial = seen->trial;
        device->confirmed = !seen->trial;
    } else if (!device->reports) {
        /* Nothing better will come from it than that it is up and asks. */
        device->confirmed = device->version[0] != '\0';
    } else if (draft->version_changed) {
        /* It will say itself how the new image stands. */
        device->trial = false;
        device->confirmed = false;
    }
}

static bool speaks_of_attempt(const struct updraft_draft *draft, const char *version)
{
    const struct updraft_attempt_row *attempt = &draft->attempt;

    /* A device whose product became known only now is still the same device. */
    return strcmp(attempt->to, version) == 0 &&
           (attempt->product[0] == '\0' || strcmp(attempt->product, draft->device.product) == 0);
}

static void put_attempt(struct updraft_draft *draft)
{
    updraft_plan_add(draft->plan, UPDRAFT_CHANGE_ATTEMPT)->row.attempt = draft->attempt;
    draft->attempt_changed = false;
}

static void set_error(struct updraft_attempt_row *attempt, uint32_t code, const char *name,
                      const char *text)
{
    attempt->error_code = code;
    if (code == UPDRAFT_OK) {
        attempt->error_name[0] = attempt->error_text[0] = '\0';
        return;
    }
    if (name == NULL)
        name = updraft_error_entry(code)->name;
    updraft_label_clean(name, attempt->error_name, sizeof attempt->error_name);
    updraft_label_clean(text == NULL ? "" : text, attempt->error_text, sizeof attempt->error_text);
}

static void start_attempt(struct updraft_draft *draft, const char *to)
{
    struct updraft_attempt_row *attempt = &draft->attempt;
    const char *from = draft->known == NULL ? "" : draft->known->version;

    /* An event about the target leaves the running version in the draft; one about the running
     * version has put the new one there, and the old one is what was known before. */
    if (strcmp(draft->device.version, to) != 0)
        from = draft->device.version;
    memset(attempt, 0, sizeof *attempt);
    attempt->id = draft->plan->next_attempt_id++;
    updraft_name_set(attempt->device, sizeof attempt->device, draft->device.id);
    updraft_name_set(attempt->product, sizeof attempt->product, draft->device.product);
    updraft_name_set(attempt->from, sizeof attempt->from, from);
    updraft_name_set(attempt->to, sizeof attempt->to, to);
    attempt->progress = UPDRAFT_NO_PROGRESS;
    attempt->started_ms = draft->view->now_ms;
}

static void end_replaced(struct updraft_draft *draft)
{
    draft->attempt.state = UPDRAFT_ATTEMPT_FAILED;
    draft->attempt.updated_ms = draft->view->now_ms;
    set_error(&draft->attempt, UPDRAFT_E_ABORTED, NULL,
              "another update began before this one ended");
    put_attempt(draft);
}

static void explain(struct updraft_draft *draft, const struct updraft_happening *happening)
{
    struct updraft_attempt_row *attempt = &draft->attempt;
    bool has_reason = attempt->state == UPDRAFT_ATTEMPT_FAILED ||
                      attempt->state == UPDRAFT_ATTEMPT_ROLLED_BACK ||
                      attempt->state == UPDRAFT_ATTEMPT_POSTPONED;

    if (has_reason && happening->error_code != UPDRAFT_OK) {
        set_error(attempt, happening->error_code, happening->error_name, happening->error_text);
    } else if (attempt->state == UPDRAFT_ATTEMPT_ROLLED_BACK) {
        char text[UPDRAFT_ERROR_TEXT_CAP];
        snprintf(text, sizeof text, "the device runs %s again", draft->device.version);
        set_error(attempt, UPDRAFT_E_ROLLED_BACK, NULL, text);
    } else if (attempt->state == UPDRAFT_ATTEMPT_FAILED &&
               happening->event == UPDRAFT_EVENT_CHECKED_IN) {
        set_error(attempt, UPDRAFT_E_CAME_BACK, NULL, happening->version);
    } else {
        set_error(attempt, UPDRAFT_OK, NULL, NULL);
    }
}

static bool tells_same(const struct updraft_attempt_row *attempt,
                       const struct updraft_happening *happening)
{
    struct updraft_attempt_row told;

    set_error(&told, happening->error_code, happening->error_name, happening->error_text);
    return attempt->error_code == told.error_code &&
           strcmp(attempt->error_text, told.error_text) == 0;
}

void updraft_draft_happen(struct updraft_draft *draft, const struct updraft_happening *happening)
{
    struct updraft_attempt_row *attempt = &draft->attempt;
    const struct updraft_attempt_facts facts = {
        .state = attempt->state,
        .same_target = speaks_of_attempt(draft, happening->version),
        .back_at_start = strcmp(attempt->from, draft->device.version) == 0,
        .version_changed = draft->version_changed,
        .reports = draft->device.reports,
        .sent = attempt->progress == 100,
        .same_reason = tells_same(attempt, happening),
    };
    const struct updraft_attempt_move move = updraft_attempt_next(happening->event, &facts);
    int64_t id = attempt->id, started_ms = attempt->started_ms;

    switch (move.step) {
    case UPDRAFT_STEP_KEEP:
        return;
    case UPDRAFT_STEP_MOVE:
        break;
    case UPDRAFT_STEP_REPLACE:
        end_replaced(draft);
        start_attempt(draft, happening->version);
        break;
    case UPDRAFT_STEP_BEGIN:
        if (draft->attempt_changed) /* the one before has ended with this very request */
            put_attempt(draft);
        start_attempt(draft, happening->version);
        break;
    case UPDRAFT_STEP_RETARGET:
        start_attempt(draft, happening->version);
        draft->plan->next_attempt_id--;
        attempt->id = id;
        attempt->started_ms = started_ms;
        break;
    }
    attempt->state = move.state;
    attempt->updated_ms = draft->view->now_ms;
    if (happening->via != UPDRAFT_VIA_UNKNOWN)
        attempt->via = happening->via;
    if (happening->event == UPDRAFT_EVENT_OFFERED)
        attempt->rollout_id = happening->rollout_id;
    if (move.state == UPDRAFT_ATTEMPT_OFFERED || move.state == UPDRAFT_ATTEMPT_POSTPONED)
        attempt->progress = UPDRAFT_NO_PROGRESS;
    else if (move.state == UPDRAFT_ATTEMPT_DOWNLOADING)
        attempt->progress = happening->progress == UPDRAFT_NO_PROGRESS ? 0 : happening->progress;
    else if (move.state != UPDRAFT_ATTEMPT_FAILED)
        attempt->progress = 100;
    explain(draft, happening);
    /* Back on the image that ran before, which was good enough to start the update from. */
    if (move.state == UPDRAFT_ATTEMPT_ROLLED_BACK && facts.back_at_start) {
        draft->device.trial = false;
        draft->device.confirmed = true;
    }
    draft->attempt_changed = true;
}

static bool device_differs(const struct updraft_device *a, const struct updraft_device_row *b)
{
    return strcmp(a->name, b->name) != 0 || strcmp(a->product, b->product) != 0 ||
           strcmp(a->channel, b->channel) != 0 || strcmp(a->version, b->version) != 0 ||
           strcmp(a->slot, b->slot) != 0 || strcmp(updraft_device_more(a)->board, b->board) != 0 ||
           strcmp(updraft_device_more(a)->layout, b->layout) != 0 || a->chip != b->chip ||
           a->reports != b->reports || a->confirmed != b->confirmed || a->trial != b->trial;
}

void updraft_draft_log(struct updraft_draft *draft, const char *version, const char *log)
{
    enum updraft_attempt_state state = draft->attempt.state;

    if (log[0] != '\0' && speaks_of_attempt(draft, version) &&
        (state == UPDRAFT_ATTEMPT_ROLLED_BACK || state == UPDRAFT_ATTEMPT_FAILED))
        draft->log = log;
}

/* A device tells it until it is answered; the same once more changes nothing. */
static void put_log(struct updraft_draft *draft)
{
    const struct updraft_attempt *known = draft->known == NULL ? NULL : draft->known->newest;
    struct updraft_log_row row = {.attempt_id = draft->attempt.id};

    updraft_lines_clean(draft->log, row.text, sizeof row.text);
    const char *kept =
        known != NULL && known->id == row.attempt_id ? updraft_attempt_log(known) : NULL;
    if (row.text[0] == '\0' || (kept != NULL && strcmp(kept, row.text) == 0))
        return;
    updraft_plan_add(draft->plan, UPDRAFT_CHANGE_LOG)->row.log = row;
}

static bool is_published(const struct updraft_fleet *fleet, const struct updraft_attempt *attempt)
{
    const struct updraft_product *product = updraft_fleet_find_product(fleet, attempt->product);

    return product != NULL &&
           updraft_fleet_find_release(fleet, product->row.id, attempt->to) != NULL;
}

/* Where attempts begin, old ones end: so there is no job that runs at night. */
static void end_old_attempts(struct updraft_draft *draft)
{
    const struct updraft_attempt *attempt = draft->known == NULL ? NULL : draft->known->newest;
    size_t newer = 0;

    for (size_t i = 0; i < draft->plan->count; i++)
        newer += draft->plan->changes[i].kind == UPDRAFT_CHANGE_ATTEMPT &&
                 (attempt == NULL || draft->plan->changes[i].row.attempt.id > attempt->id);
    if (newer == 0)
        return;
    for (; attempt != NULL; attempt = attempt->older, newer++) {
        if (newer < UPDRAFT_ATTEMPTS_KEPT ||
            updraft_attempt_must_stay(
                attempt->state,
                updraft_device_find_attempt(draft->known, attempt->product, attempt->to) == attempt,
                is_published(draft->view->fleet, attempt)))
            continue;
        struct updraft_attempt_row *end =
            &updraft_plan_add(draft->plan, UPDRAFT_CHANGE_ATTEMPT_END)->row.attempt;
        end->id = attempt->id;
        updraft_name_set(end->device, sizeof end->device, draft->known->id);
    }
}

void updraft_draft_commit(struct updraft_draft *draft, const char *address, int8_t progress)
{
    struct updraft_plan *plan = draft->plan;
    size_t earlier = plan->count;

    if (draft->known == NULL || device_differs(draft->known, &draft->device)) {
        draft->device.last_seen_ms = draft->view->now_ms;
        updraft_label_clean(address, draft->device.address, sizeof draft->device.address);
        /* Before the attempts that refer to it. */
        updraft_plan_add(plan, UPDRAFT_CHANGE_DEVICE)->row.device = draft->device;
        if (earlier > 0) {
            struct updraft_change device = plan->changes[earlier];
            memmove(plan->changes + 1, plan->changes, earlier * sizeof *plan->changes);
            plan->changes[0] = device;
        }
    }
    if (draft->attempt_changed)
        put_attempt(draft);
    if (draft->log != NULL)
        put_log(draft);
    end_old_attempts(draft);
    if (plan->count > 0)
        plan->key = updraft_plan_device_key(draft->device.id);
    plan->sighted = true;
    updraft_name_set(plan->sight_device, sizeof plan->sight_device, draft->device.id);
    plan->sight =
        (struct updraft_sight){plan->sight_device, address, draft->view->now_ms, progress};
}
