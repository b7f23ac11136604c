#include "server/decide/rollout.h"

#include <stdio.h>

const char *updraft_rollout_state_name(enum updraft_rollout_state state)
{
    switch (state) {
    case UPDRAFT_ROLLOUT_SCHEDULED:
        return "scheduled";
    case UPDRAFT_ROLLOUT_RUNNING:
        return "running";
    case UPDRAFT_ROLLOUT_PAUSED:
        return "paused";
    case UPDRAFT_ROLLOUT_STOPPED:
        return "stopped";
    case UPDRAFT_ROLLOUT_ABORTED:
        return "aborted";
    case UPDRAFT_ROLLOUT_DONE:
        return "done";
    }
    return "";
}

bool updraft_rollout_is_open(enum updraft_rollout_state state)
{
    return state == UPDRAFT_ROLLOUT_SCHEDULED || state == UPDRAFT_ROLLOUT_RUNNING ||
           state == UPDRAFT_ROLLOUT_PAUSED;
}

const char *updraft_rollout_remedy(enum updraft_rollout_cause cause)
{
    switch (cause) {
    case UPDRAFT_CAUSE_NONE:
        return NULL;
    case UPDRAFT_CAUSE_ROLLED_BACK:
        return "Look at what these devices printed last, publish a release that is mended, and "
               "roll "
               "that one out. The devices are back on what they ran before.";
    case UPDRAFT_CAUSE_FAILED:
        return "Look at the failures: each has its remedy. When the cause is gone, retry the "
               "rollout.";
    case UPDRAFT_CAUSE_SILENT:
        return "See whether these devices have power and a network. If they come back, resume the "
               "rollout; if not, the release may have taken them down.";
    case UPDRAFT_CAUSE_OUT_OF_REACH:
        return "Look at the failures: each has its remedy. When the cause is gone, retry the "
               "rollout, "
               "or start another one that asks for less.";
    case UPDRAFT_CAUSE_STAGE_DONE:
        return "Resume the rollout to begin the next stage.";
    case UPDRAFT_CAUSE_OPERATOR:
        return "Resume the rollout when it may go on.";
    }
    return NULL;
}

enum updraft_shown updraft_member_decide(const struct updraft_member_facts *facts)
{
    const bool ended_badly =
        facts->state == UPDRAFT_ATTEMPT_ROLLED_BACK || facts->state == UPDRAFT_ATTEMPT_FAILED;
    const bool waits = facts->state == UPDRAFT_ATTEMPT_NONE ||
                       (ended_badly && facts->updated_ms <= facts->retry_ms);
    const bool told_later = !waits && facts->last_seen_ms < facts->updated_ms;
    const enum updraft_shown shown = updraft_shown_decide(&(struct updraft_shown_facts){
        .attempt = waits ? UPDRAFT_ATTEMPT_NONE : facts->state,
        .waits = waits,
        .confirmed = facts->state == UPDRAFT_ATTEMPT_CONFIRMED,
        .last_seen_ms = told_later ? facts->updated_ms : facts->last_seen_ms,
        .now_ms = facts->now_ms,
        .silent_after_ms = (int64_t)facts->silent_after_s * 1000});

    return waits && shown == UPDRAFT_SHOWN_SILENT ? UPDRAFT_SHOWN_SEEN : shown;
}

uint32_t updraft_members_count(const struct updraft_members *members)
{
    uint32_t count = 0;

    for (size_t i = 0; i < UPDRAFT_SHOWN_COUNT; i++)
        count += i == UPDRAFT_SHOWN_SEEN ? 0 : members->counts[i];
    return count;
}

/* In tenths of a percent, rounded to the nearest. */
static unsigned per_mille(uint32_t part, uint32_t whole)
{
    return (unsigned)(((uint64_t)part * 2000 + whole) / ((uint64_t)whole * 2));
}

static bool over(uint32_t part, uint32_t whole, unsigned most_pct)
{
    return (uint64_t)part * 100 > (uint64_t)whole * most_pct;
}

/* True, with the sentence, when the stage has passed one of its limits. */
static bool is_over_limit(const struct updraft_rollout_facts *facts,
                          struct updraft_rollout_move *move)
{
    const struct {
        enum updraft_shown member;
        enum updraft_rollout_cause cause;
        unsigned most;
        const char *did;
    } limits[] = {
        {UPDRAFT_SHOWN_ROLLED_BACK, UPDRAFT_CAUSE_ROLLED_BACK, facts->gates.rolled_back_most,
         "rolled back"},
        {UPDRAFT_SHOWN_FAILED, UPDRAFT_CAUSE_FAILED, facts->gates.failed_most, "failed"},
        {UPDRAFT_SHOWN_SILENT, UPDRAFT_CAUSE_SILENT, facts->gates.silent_most, "fell silent"},
    };
    const uint32_t members = updraft_members_count(&facts->members);

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const uint32_t count = facts->members.counts[limits[i].member];
        if (!over(count, members, limits[i].most))
            continue;
        const unsigned part = per_mille(count, members);
        move->step = UPDRAFT_ROLLOUT_STOP;
        move->cause = limits[i].cause;
        snprintf(move->reason, sizeof move->reason,
                 "%u of the %u devices in stage %zu of %zu %s: %u.%u %%, and the limit is %u %%",
                 (unsigned)count, (unsigned)members, facts->stage + 1, facts->stage_count,
                 limits[i].did, part / 10, part % 10, limits[i].most);
        return true;
    }
    return false;
}

/* No member is left of which anything can be expected. */
static bool all_ended(const struct updraft_members *members)
{
    return members->counts[UPDRAFT_SHOWN_CONFIRMED] + members->counts[UPDRAFT_SHOWN_ROLLED_BACK] +
               members->counts[UPDRAFT_SHOWN_FAILED] + members->counts[UPDRAFT_SHOWN_SILENT] ==
           updraft_members_count(members);
}

static void stop_out_of_reach(const struct updraft_rollout_facts *facts,
                              struct updraft_rollout_move *move)
{
    const uint32_t members = updraft_members_count(&facts->members);
    const uint32_t confirmed = facts->members.counts[UPDRAFT_SHOWN_CONFIRMED];
    const unsigned part = per_mille(confirmed, members);

    move->step = UPDRAFT_ROLLOUT_STOP;
    move->cause = UPDRAFT_CAUSE_OUT_OF_REACH;
    snprintf(move->reason, sizeof move->reason,
             "all %u devices in stage %zu of %zu have ended or fallen silent and %u are confirmed: "
             "%u.%u %%, and %u %% are needed",
             (unsigned)members, facts->stage + 1, facts->stage_count, (unsigned)confirmed,
             part / 10, part % 10, facts->gates.confirmed_least);
}

static void go_on(const struct updraft_rollout_facts *facts, struct updraft_rollout_move *move)
{
    if (facts->stage + 1 == facts->stage_count) {
        move->step = UPDRAFT_ROLLOUT_FINISH;
        return;
    }
    move->step = facts->pause_on_success ? UPDRAFT_ROLLOUT_REST : UPDRAFT_ROLLOUT_ADVANCE;
    if (!facts->pause_on_success)
        return;
    move->cause = UPDRAFT_CAUSE_STAGE_DONE;
    snprintf(move->reason, sizeof move->reason,
             "stage %zu of %zu is done with %u of its %u devices confirmed", facts->stage + 1,
             facts->stage_count, (unsigned)facts->members.counts[UPDRAFT_SHOWN_CONFIRMED],
             (unsigned)updraft_members_count(&facts->members));
}

struct updraft_rollout_move updraft_rollout_decide(const struct updraft_rollout_facts *facts)
{
    struct updraft_rollout_move move = {.step = UPDRAFT_ROLLOUT_STAY};
    const uint32_t members = updraft_members_count(&facts->members);
    const uint32_t confirmed = facts->members.counts[UPDRAFT_SHOWN_CONFIRMED];
    /* A stage whose devices are all away has shown nothing. One without devices has nothing to show. */
    const bool met = members == 0 ? facts->members.counts[UPDRAFT_SHOWN_SEEN] == 0
                                  : (uint64_t)confirmed * 100 >=
                                        (uint64_t)members * facts->gates.confirmed_least;

    if (is_over_limit(facts, &move))
        return move;
    if (!met) {
        if (members > 0 && all_ended(&facts->members))
            stop_out_of_reach(facts, &move);
        else if (facts->gate_met_ms != 0)
            move.step = UPDRAFT_ROLLOUT_RELAPSE;
        return move;
    }
    if (facts->gate_met_ms == 0 && facts->gates.soak_s > 0)
        move.step = UPDRAFT_ROLLOUT_SOAK;
    else if (facts->gates.soak_s == 0 ||
             facts->now_ms - facts->gate_met_ms >= (int64_t)facts->gates.soak_s * 1000)
        go_on(facts, &move);
    return move;
}
