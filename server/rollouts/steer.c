#include "server/rollouts/steer.h"

#include "server/memory.h"

#include <stdlib.h>
#include <string.h>

#define STIRRED_MS 900   /* between counts of a rollout whose books change */
#define SILENT_MS  5000  /* likewise, where only silence can */
#define ENDED_MS   10000 /* likewise, of one that has ended */
#define SHARE      20    /* a pass takes at most this part of the time */

void updraft_steering_init(struct updraft_steering *steering)
{
    memset(steering, 0, sizeof *steering);
    updraft_counting_init(&steering->counting);
}

void updraft_steering_deinit(struct updraft_steering *steering)
{
    updraft_counting_deinit(&steering->counting);
}

/* --- when to count --- */

static bool is_soaked(const struct updraft_rollout_row *row, int64_t now_ms)
{
    return row->state == UPDRAFT_ROLLOUT_RUNNING && row->gate_met_ms != 0 &&
           now_ms - row->gate_met_ms >= (int64_t)row->gates.soak_s * 1000;
}

static bool has_ended(const struct updraft_rollout *rollout)
{
    return rollout->row.state == UPDRAFT_ROLLOUT_ABORTED ||
           rollout->row.state == UPDRAFT_ROLLOUT_DONE;
}

static bool is_due(const struct updraft_rollout *rollout, int64_t now_ms)
{
    const bool stirred = rollout->stirred != rollout->counted || is_soaked(&rollout->row, now_ms);

    if (rollout->count == NULL)
        return true;
    const int64_t age_ms = now_ms - rollout->count->at_ms;
    if (age_ms < 0) /* somebody has set the clock */
        return true;
    if (has_ended(rollout))
        return stirred && age_ms >= ENDED_MS;
    return age_ms >= (stirred ? STIRRED_MS : SILENT_MS);
}

/* Those that are on their way before those that have ended, and of these the one that waits longest. */
static struct updraft_rollout *choose(const struct updraft_fleet *fleet, int64_t now_ms)
{
    struct updraft_rollout *best = NULL;
    int64_t best_ms = 0;

    for (size_t i = 0; i < fleet->rollout_count; i++) {
        struct updraft_rollout *rollout = fleet->rollouts[i];
        const int64_t at_ms = rollout->count == NULL ? 0 : rollout->count->at_ms;
        if (!is_due(rollout, now_ms))
            continue;
        const bool before = best == NULL || has_ended(best) > has_ended(rollout) ||
                            (has_ended(best) == has_ended(rollout) && at_ms < best_ms);
        if (before) {
            best = rollout;
            best_ms = at_ms;
        }
    }
    return best;
}

static void keep_count(struct updraft_steering *steering)
{
    struct updraft_rollout *rollout = steering->rollout;

    if (rollout->count == NULL)
        rollout->count = updraft_memory_new(sizeof *rollout->count);
    *rollout->count = steering->counting.count;
    rollout->counted = steering->stirred;
}

bool updraft_steering_step(struct updraft_steering *steering, struct updraft_fleet *fleet,
                           int64_t now_ms, int64_t steady_ms)
{
    if (steering->over)
        return true;
    if (steering->rollout == NULL) {
        if (steady_ms - steering->began_ms < steering->took_ms * SHARE)
            return false;
        steering->rollout = choose(fleet, now_ms);
        if (steering->rollout == NULL)
            return false;
        steering->stirred = steering->rollout->stirred;
        steering->revision = steering->rollout->revision;
        steering->began_ms = steady_ms;
        updraft_counting_begin(&steering->counting, steering->rollout, now_ms);
    }
    if (updraft_counting_step(&steering->counting, fleet))
        return true;
    steering->took_ms = steady_ms - steering->began_ms;
    steering->over = true;
    keep_count(steering);
    fleet->generation++;
    return true;
}

/* --- what to make of it --- */

static void begin_stage(struct updraft_steering *steering, struct updraft_rollout_row *row,
                        int64_t now_ms)
{
    updraft_rollout_add_bound(row, updraft_counting_bound(&steering->counting, row->stage));
    row->stage_started_ms = now_ms;
    row->gate_met_ms = 0;
}

static struct updraft_rollout_move decide(const struct updraft_steering *steering, int64_t now_ms)
{
    const struct updraft_rollout *rollout = steering->rollout;

    return updraft_rollout_decide(&(struct updraft_rollout_facts){
        .gates = rollout->row.gates,
        .members = steering->counting.count.stages[rollout->row.stage],
        .stage = rollout->row.stage,
        .stage_count = rollout->stages.count,
        .pause_on_success = rollout->row.pause_on_success,
        .gate_met_ms = rollout->row.gate_met_ms,
        .now_ms = now_ms});
}

static void explain(struct updraft_rollout_row *row, const struct updraft_rollout_move *move)
{
    row->cause = move->cause;
    memcpy(row->reason, move->reason, sizeof row->reason);
}

/* False: nothing changes. */
static bool move_on(struct updraft_steering *steering, struct updraft_rollout_row *row,
                    int64_t now_ms)
{
    const struct updraft_rollout_move move = decide(steering, now_ms);

    switch (move.step) {
    case UPDRAFT_ROLLOUT_STAY:
        return false;
    case UPDRAFT_ROLLOUT_SOAK:
        row->gate_met_ms = now_ms;
        return true;
    case UPDRAFT_ROLLOUT_RELAPSE:
        row->gate_met_ms = 0;
        return true;
    case UPDRAFT_ROLLOUT_ADVANCE:
        row->stage++;
        begin_stage(steering, row, now_ms);
        return true;
    case UPDRAFT_ROLLOUT_REST:
        row->stage++;
        row->gate_met_ms = 0;
        row->state = UPDRAFT_ROLLOUT_PAUSED;
        break;
    case UPDRAFT_ROLLOUT_FINISH:
        row->state = UPDRAFT_ROLLOUT_DONE;
        break;
    case UPDRAFT_ROLLOUT_STOP:
        row->state = UPDRAFT_ROLLOUT_STOPPED;
        break;
    }
    explain(row, &move);
    return true;
}

/* With a filter it was for some, and the channel stays where it is for the others. */
static bool moves_channel(const struct updraft_rollout *rollout,
                          const struct updraft_rollout_row *row)
{
    return row->state == UPDRAFT_ROLLOUT_DONE && rollout->filter.count == 0 &&
           rollout->channel->release == rollout->from;
}

static size_t plan_counted(struct updraft_steering *steering, int64_t now_ms,
                           struct updraft_change changes[UPDRAFT_STEER_CHANGES_MOST])
{
    const struct updraft_rollout *rollout = steering->rollout;
    struct updraft_rollout_row *row = &changes[0].row.rollout;

    *row = rollout->row;
    if (row->state != UPDRAFT_ROLLOUT_RUNNING)
        return 0;
    if (!updraft_rollout_has_begun(rollout))
        begin_stage(steering, row, now_ms);
    else if (!move_on(steering, row, now_ms))
        return 0;
    row->updated_ms = now_ms;
    changes[0].kind = UPDRAFT_CHANGE_ROLLOUT;
    if (!moves_channel(rollout, row))
        return 1;
    changes[1].kind = UPDRAFT_CHANGE_CHANNEL;
    changes[1].row.channel = rollout->channel->row;
    changes[1].row.channel.release_id = row->release_id;
    return 2;
}

/* One whose time has come. */
static size_t plan_start(const struct updraft_fleet *fleet, int64_t now_ms,
                         struct updraft_change *change)
{
    for (size_t i = 0; i < fleet->rollout_count; i++) {
        const struct updraft_rollout_row *row = &fleet->rollouts[i]->row;
        if (row->state != UPDRAFT_ROLLOUT_SCHEDULED || row->start_ms > now_ms)
            continue;
        change->kind = UPDRAFT_CHANGE_ROLLOUT;
        change->row.rollout = *row;
        change->row.rollout.state = UPDRAFT_ROLLOUT_RUNNING;
        change->row.rollout.updated_ms = now_ms;
        return 1;
    }
    return 0;
}

size_t updraft_steering_plan(struct updraft_steering *steering, const struct updraft_fleet *fleet,
                             int64_t now_ms,
                             struct updraft_change changes[UPDRAFT_STEER_CHANGES_MOST])
{
    size_t count = 0;

    if (steering->over) {
        /* Somebody has moved it since it was counted: what was counted is not about this any more. */
        if (steering->rollout->revision == steering->revision)
            count = plan_counted(steering, now_ms, changes);
        steering->over = false;
        steering->rollout = NULL;
    }
    return count != 0 ? count : plan_start(fleet, now_ms, changes);
}
