/* Rollouts: what they would do, making one, how they stand, and a hand on the brake. */
#include "server/operator_api/operator_api.h"

#include "format/error.h"
#include "server/operator_api/page.h"
#include "server/operator_api/rollout_order.h"
#include "server/rollouts/count.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- as JSON --- */

static void put_counts(struct updraft_json *json, const char *key,
                       const struct updraft_members *members)
{
    updraft_json_open(json, key, '{');
    for (size_t i = 0; i < UPDRAFT_SHOWN_COUNT; i++) {
        if (i != UPDRAFT_SHOWN_SEEN)
            updraft_json_number(json, updraft_shown_name((enum updraft_shown)i),
                                members == NULL ? 0 : members->counts[i]);
    }
    updraft_json_close(json, '}');
}

/* Of a stage that is still to come, the size that it would have now. */
static void put_stages(struct updraft_json *json, const struct updraft_rollout *rollout)
{
    const struct updraft_rollout_count *count = rollout->count;

    updraft_json_open(json, "stages", '[');
    for (size_t i = 0; i < rollout->stages.count; i++) {
        const struct updraft_stage *stage = &rollout->stages.at[i];
        const bool counted = count != NULL && i < count->stage_count;
        char goal[UPDRAFT_STAGE_GOAL_CAP];
        updraft_stage_format(stage, goal);
        updraft_json_open(json, NULL, '{');
        updraft_json_text(json, "goal", goal);
        if (count == NULL)
            updraft_json_null(json, "size");
        else
            updraft_json_number(
                json, "size",
                counted ? (int64_t)updraft_members_count(&count->stages[i])
                        : (int64_t)updraft_stage_size(stage, updraft_members_count(&count->all)));
        if (counted)
            put_counts(json, "counts", &count->stages[i]);
        else
            updraft_json_null(json, "counts");
        updraft_json_close(json, '}');
    }
    updraft_json_close(json, ']');
}

static void put_rules(struct updraft_json *json, const struct updraft_rollout_row *row)
{
    const struct updraft_gates *gates = &row->gates;
    char time[UPDRAFT_WINDOW_TIME_CAP];

    updraft_json_open(json, "gates", '{');
    updraft_json_number(json, "confirmed_least", gates->confirmed_least);
    updraft_json_number(json, "failed_most", gates->failed_most);
    updraft_json_number(json, "rolled_back_most", gates->rolled_back_most);
    updraft_json_number(json, "silent_most", gates->silent_most);
    updraft_json_number(json, "soak_s", gates->soak_s);
    updraft_json_number(json, "silent_after_s", gates->silent_after_s);
    updraft_json_close(json, '}');
    updraft_json_number(json, "start", row->start_ms);
    if (row->window.from_min == row->window.to_min) {
        updraft_json_null(json, "window");
    } else {
        updraft_json_open(json, "window", '{');
        updraft_window_format_time(row->window.from_min, time);
        updraft_json_text(json, "from", time);
        updraft_window_format_time(row->window.to_min, time);
        updraft_json_text(json, "to", time);
        updraft_json_close(json, '}');
    }
    updraft_json_number(json, "rate_per_min", row->rate_per_min);
    updraft_json_bool(json, "pause_on_success", row->pause_on_success);
}

static void put_text_or_null(struct updraft_json *json, const char *key, const char *text)
{
    if (text == NULL || text[0] == '\0')
        updraft_json_null(json, key);
    else
        updraft_json_text(json, key, text);
}

static void put_time_or_null(struct updraft_json *json, const char *key, int64_t time_ms)
{
    if (time_ms == 0)
        updraft_json_null(json, key);
    else
        updraft_json_number(json, key, time_ms);
}

static void put_members(struct updraft_json *json, const struct updraft_rollout *rollout)
{
    const struct updraft_rollout_row *row = &rollout->row;
    const struct updraft_rollout_count *count = rollout->count;

    updraft_json_number(json, "id", row->id);
    updraft_json_text(json, "product", rollout->channel->product->row.name);
    updraft_json_text(json, "channel", row->channel);
    updraft_json_text(json, "version", rollout->release->row.version);
    updraft_json_text(json, "from", rollout->from->row.version);
    updraft_json_text(json, "filter", row->filter);
    updraft_json_text(json, "state", updraft_rollout_state_name(row->state));
    updraft_json_number(json, "stage", row->stage);
    put_time_or_null(json, "stage_started", row->stage_started_ms);
    put_time_or_null(json, "gate_met", row->gate_met_ms);
    put_stages(json, rollout);
    put_rules(json, row);
    put_counts(json, "counts", count == NULL ? NULL : &count->all);
    updraft_json_number(json, "matched", count == NULL ? 0 : count->matched);
    updraft_json_number(json, "on_target", count == NULL ? 0 : count->on_target);
    updraft_json_number(json, "unreachable", count == NULL ? 0 : count->unreachable);
    put_time_or_null(json, "counted", count == NULL ? 0 : count->at_ms);
    put_text_or_null(json, "reason", row->reason);
    put_text_or_null(json, "remedy", updraft_rollout_remedy(row->cause));
    updraft_json_number(json, "created", row->created_ms);
    updraft_json_number(json, "updated", row->updated_ms);
    updraft_json_text(json, "by", row->by);
}

static void put_failures(struct updraft_json *json, const struct updraft_rollout_count *count)
{
    updraft_json_open(json, "failures", '[');
    for (size_t i = 0; count != NULL && i < count->failure_count; i++) {
        const struct updraft_count_failure *failure = &count->failures[i];
        updraft_json_open(json, NULL, '{');
        updraft_json_number(json, "code", failure->code);
        updraft_json_text(json, "name", failure->name);
        updraft_json_text(json, "text", failure->text);
        updraft_json_text(json, "remedy", updraft_error_entry(failure->code)->remedy);
        updraft_json_number(json, "count", failure->count);
        updraft_json_close(json, '}');
    }
    updraft_json_close(json, ']');
}

/* Some of each state, to look at. */
static void put_devices(struct updraft_json *json, const struct updraft_rollout_count *count)
{
    updraft_json_open(json, "devices", '{');
    for (size_t i = 0; i < UPDRAFT_SHOWN_COUNT; i++) {
        if (i == UPDRAFT_SHOWN_SEEN)
            continue;
        updraft_json_open(json, updraft_shown_name((enum updraft_shown)i), '[');
        for (size_t k = 0; count != NULL && k < UPDRAFT_COUNT_DEVICES && k < count->all.counts[i];
             k++)
            updraft_json_text(json, NULL, count->devices[i][k]);
        updraft_json_close(json, ']');
    }
    updraft_json_close(json, '}');
}

static void put_rollout(struct updraft_json *json, const struct updraft_rollout *rollout)
{
    updraft_json_open(json, "rollout", '{');
    put_members(json, rollout);
    put_failures(json, rollout->count);
    put_devices(json, rollout->count);
    updraft_json_close(json, '}');
}

static void give_rollout(struct updraft_response *response, unsigned status,
                         const struct updraft_rollout *rollout)
{
    struct updraft_json json;

    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    put_rollout(&json, rollout);
    updraft_json_close(&json, '}');
    updraft_response_json(response, status, &json);
}

/* --- looking --- */

void updraft_rollouts_list(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response)
{
    struct updraft_page page = {.limit = 100};
    struct updraft_json json;
    int64_t last_id = 0;
    size_t at = view->fleet->rollout_count;

    (void)plan;
    if (!updraft_page_read(&page, request, "before", response))
        return;
    while (at > 0 && page.cursor != 0 && view->fleet->rollouts[at - 1]->row.id >= page.cursor)
        at--;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_open(&json, "rollouts", '[');
    for (; at > 0 && page.limit > 0; at--, page.limit--) {
        updraft_json_open(&json, NULL, '{');
        put_members(&json, view->fleet->rollouts[at - 1]);
        updraft_json_close(&json, '}');
        last_id = view->fleet->rollouts[at - 1]->row.id;
    }
    updraft_json_close(&json, ']');
    updraft_page_next(&json, at == 0 ? 0 : last_id);
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}

/* NULL after a refusal. */
static const struct updraft_rollout *find(const struct updraft_view *view,
                                          const struct updraft_request *request,
                                          struct updraft_response *response)
{
    static const struct updraft_refusal unknown = {
        404, "rollout_not_found", "List the rollouts with 'updraft rollout list'."};
    const struct updraft_rollout *rollout = NULL;
    const char *digits = request->segments[0];

    if (strlen(digits) <= 10 && strspn(digits, "0123456789") == strlen(digits))
        rollout = updraft_fleet_find_rollout(view->fleet, strtoll(digits, NULL, 10));
    if (rollout == NULL)
        updraft_response_refuse(response, &unknown, "there is no rollout of this number");
    return rollout;
}

void updraft_rollouts_show(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response)
{
    const struct updraft_rollout *rollout = find(view, request, response);

    (void)plan;
    if (rollout != NULL)
        give_rollout(response, 200, rollout);
}

/* --- what it would do --- */

static void make_up(const struct updraft_rollout_order *order, struct updraft_rollout *rollout)
{
    struct updraft_filter_problem problem;

    memset(rollout, 0, sizeof *rollout);
    rollout->row = order->row;
    rollout->channel = order->channel;
    rollout->release = order->release;
    /* Both were read once before; a rollout without filter or stages would be for nobody. */
    if (!updraft_filter_parse(order->row.filter, &rollout->filter, &problem) ||
        updraft_stages_parse(order->row.stages, &rollout->stages) != NULL)
        rollout->stages.count = 0;
}

void updraft_rollouts_preview(const struct updraft_view *view,
                              const struct updraft_request *request, struct updraft_plan *plan,
                              struct updraft_response *response)
{
    struct updraft_rollout_order order;
    struct updraft_counting counting;
    struct updraft_rollout rollout;
    struct updraft_json json;

    (void)plan;
    if (!updraft_rollout_order_read(view, request, &order, response))
        return;
    make_up(&order, &rollout);
    updraft_counting_init(&counting);
    updraft_counting_begin(&counting, &rollout, view->now_ms);
    while (updraft_counting_step(&counting, view->fleet))
        updraft_fleet_breathe(view->fleet);
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_number(&json, "matched", counting.count.matched);
    updraft_json_number(&json, "on_target", counting.count.on_target);
    updraft_json_number(&json, "unreachable", counting.count.unreachable);
    updraft_json_open(&json, "stages", '[');
    for (size_t i = 0; i < rollout.stages.count; i++) {
        char goal[UPDRAFT_STAGE_GOAL_CAP];
        updraft_stage_format(&rollout.stages.at[i], goal);
        updraft_json_open(&json, NULL, '{');
        updraft_json_text(&json, "goal", goal);
        updraft_json_number(&json, "size", (int64_t)updraft_counting_size(&counting, i));
        updraft_json_close(&json, '}');
    }
    updraft_json_close(&json, ']');
    updraft_json_close(&json, '}');
    updraft_counting_deinit(&counting);
    updraft_response_json(response, 200, &json);
}

/* --- making one --- */

static void show_newest(const struct updraft_view *view, const struct updraft_request *request,
                        struct updraft_response *response)
{
    struct updraft_rollout_order order;

    if (updraft_rollout_order_read(view, request, &order, response))
        give_rollout(response, 201, order.channel->rollouts);
}

void updraft_rollouts_start(const struct updraft_view *view, const struct updraft_request *request,
                            struct updraft_plan *plan, struct updraft_response *response)
{
    static const struct updraft_refusal is_open = {
        409, "rollout_open",
        "One channel goes one way at a time: wait for it, or 'updraft rollout abort' it first."};
    static const struct updraft_refusal is_there = {
        409, "nothing_to_do", "Roll out another release, or to another channel."};
    struct updraft_rollout_order order;

    if (!updraft_rollout_order_read(view, request, &order, response))
        return;
    updraft_plan_about(plan, "%s %s to %s in stages %s", order.channel->product->row.name,
                       order.row.channel, order.release->row.version, order.row.stages);
    const struct updraft_rollout *open = updraft_channel_open_rollout(order.channel);
    if (open != NULL) {
        updraft_response_refuse(response, &is_open,
                                "rollout %u takes that channel to %s at the moment",
                                (unsigned)open->row.id, open->release->row.version);
        return;
    }
    if (order.channel->release == order.release) {
        updraft_response_refuse(response, &is_there, "channel '%s' offers %s already",
                                order.row.channel, order.release->row.version);
        return;
    }
    struct updraft_rollout_row *row = &updraft_plan_add(plan, UPDRAFT_CHANGE_ROLLOUT)->row.rollout;
    *row = order.row;
    row->id = updraft_fleet_next_rollout_id(view->fleet);
    row->state = row->start_ms > view->now_ms ? UPDRAFT_ROLLOUT_SCHEDULED : UPDRAFT_ROLLOUT_RUNNING;
    row->created_ms = row->updated_ms = view->now_ms;
    if (row->start_ms == 0)
        row->start_ms = view->now_ms;
    updraft_name_set(row->by, sizeof row->by, request->operator_name);
    plan->key = UPDRAFT_PLAN_KEY_CATALOGUE;
    response->status = 201;
    response->after_commit = show_newest;
}

bool updraft_rollouts_let_move(const struct updraft_channel *channel,
                               struct updraft_response *response)
{
    static const struct updraft_refusal is_open = {
        409, "rollout_open",
        "Wait for the rollout, or 'updraft rollout abort' it; a release for the next one is "
        "published "
        "without a channel."};
    const struct updraft_rollout *open =
        channel == NULL ? NULL : updraft_channel_open_rollout(channel);

    if (open != NULL)
        updraft_response_refuse(response, &is_open, "rollout %u takes channel '%s' to %s",
                                (unsigned)open->row.id, open->row.channel,
                                open->release->row.version);
    return open == NULL;
}

/* --- the brake --- */

static void show_changed(const struct updraft_view *view, const struct updraft_request *request,
                         struct updraft_response *response)
{
    const struct updraft_rollout *rollout = find(view, request, response);

    if (rollout != NULL)
        give_rollout(response, 200, rollout);
}

/* May run again: the channel is free, and still names what the rollout set out from. */
static bool may_go_on(const struct updraft_rollout *rollout, struct updraft_response *response)
{
    static const struct updraft_refusal is_open = {
        409, "rollout_open", "Wait for that one, or 'updraft rollout abort' it first."};
    static const struct updraft_refusal moved = {
        409, "channel_moved", "Start a new rollout: it sets out from what the channel offers now."};
    const struct updraft_rollout *open = updraft_channel_open_rollout(rollout->channel);

    if (open != NULL && open != rollout)
        updraft_response_refuse(response, &is_open, "rollout %u is under way on that channel",
                                (unsigned)open->row.id);
    else if (rollout->channel->release != rollout->from)
        updraft_response_refuse(response, &moved, "the channel offers %s by now, and no longer %s",
                                rollout->channel->release->row.version, rollout->from->row.version);
    else
        return true;
    return false;
}

enum action { PAUSE, RESUME, ABORT, RETRY };

/* False: it cannot be done in this state. */
static bool set_state(struct updraft_rollout_row *row, enum action action, const char *who,
                      int64_t now_ms)
{
    const bool is_open = updraft_rollout_is_open(row->state);
    const bool stopped = row->state == UPDRAFT_ROLLOUT_STOPPED;
    const bool paused = row->state == UPDRAFT_ROLLOUT_PAUSED;

    row->cause = UPDRAFT_CAUSE_NONE;
    row->reason[0] = '\0';
    row->updated_ms = now_ms;
    switch (action) {
    case PAUSE:
        if (!is_open || paused)
            return false;
        row->state = UPDRAFT_ROLLOUT_PAUSED;
        row->cause = UPDRAFT_CAUSE_OPERATOR;
        snprintf(row->reason, sizeof row->reason, "paused by %s", who);
        return true;
    case ABORT:
        if (!is_open && !stopped)
            return false;
        row->state = UPDRAFT_ROLLOUT_ABORTED;
        snprintf(row->reason, sizeof row->reason, "aborted by %s", who);
        return true;
    case RETRY:
        if ((!is_open && !stopped) || row->state == UPDRAFT_ROLLOUT_SCHEDULED)
            return false;
        row->retry_ms = now_ms;
        break;
    case RESUME:
        if (!paused && !stopped)
            return false;
        break;
    }
    row->gate_met_ms = 0;
    row->state = row->start_ms > now_ms ? UPDRAFT_ROLLOUT_SCHEDULED : UPDRAFT_ROLLOUT_RUNNING;
    return true;
}

static void act(const struct updraft_view *view, const struct updraft_request *request,
                struct updraft_plan *plan, struct updraft_response *response, enum action action)
{
    static const char *const words[] = {"paused", "resumed", "aborted", "retried"};
    static const struct updraft_refusal wrong_state = {409, "wrong_state",
                                                       "Look at it with 'updraft rollout show'."};
    const struct updraft_rollout *rollout = find(view, request, response);

    if (rollout == NULL)
        return;
    updraft_plan_about(plan, "rollout %u: %s to %s", (unsigned)rollout->row.id,
                       rollout->row.channel, rollout->release->row.version);
    struct updraft_rollout_row row = rollout->row;
    if (!set_state(&row, action, request->operator_name, view->now_ms)) {
        updraft_response_refuse(response, &wrong_state, "a rollout that is %s cannot be %s",
                                updraft_rollout_state_name(rollout->row.state), words[action]);
        return;
    }
    if ((action == RESUME || action == RETRY) && !may_go_on(rollout, response))
        return;
    updraft_plan_add(plan, UPDRAFT_CHANGE_ROLLOUT)->row.rollout = row;
    plan->key = UPDRAFT_PLAN_KEY_CATALOGUE;
    response->status = 200;
    response->after_commit = show_changed;
}

void updraft_rollouts_pause(const struct updraft_view *view, const struct updraft_request *request,
                            struct updraft_plan *plan, struct updraft_response *response)
{
    act(view, request, plan, response, PAUSE);
}

void updraft_rollouts_resume(const struct updraft_view *view, const struct updraft_request *request,
                             struct updraft_plan *plan, struct updraft_response *response)
{
    act(view, request, plan, response, RESUME);
}

void updraft_rollouts_abort(const struct updraft_view *view, const struct updraft_request *request,
                            struct updraft_plan *plan, struct updraft_response *response)
{
    act(view, request, plan, response, ABORT);
}

void updraft_rollouts_retry(const struct updraft_view *view, const struct updraft_request *request,
                            struct updraft_plan *plan, struct updraft_response *response)
{
    act(view, request, plan, response, RETRY);
}
