#include "server/decide/attempt.h"

static const struct updraft_attempt_move keep = {UPDRAFT_STEP_KEEP, UPDRAFT_ATTEMPT_NONE};

bool updraft_attempt_active(enum updraft_attempt_state state)
{
    return (state >= UPDRAFT_ATTEMPT_OFFERED && state <= UPDRAFT_ATTEMPT_TRIAL) ||
           state == UPDRAFT_ATTEMPT_POSTPONED;
}

bool updraft_attempt_must_stay(enum updraft_attempt_state state, bool newest_to_target,
                               bool target_published)
{
    return updraft_attempt_active(state) ||
           (state == UPDRAFT_ATTEMPT_ROLLED_BACK && newest_to_target && target_published);
}

const char *updraft_attempt_state_name(enum updraft_attempt_state state)
{
    switch (state) {
    case UPDRAFT_ATTEMPT_NONE:
        return "none";
    case UPDRAFT_ATTEMPT_OFFERED:
        return "offered";
    case UPDRAFT_ATTEMPT_DOWNLOADING:
        return "downloading";
    case UPDRAFT_ATTEMPT_WRITTEN:
        return "written";
    case UPDRAFT_ATTEMPT_TRIAL:
        return "trial";
    case UPDRAFT_ATTEMPT_CONFIRMED:
        return "confirmed";
    case UPDRAFT_ATTEMPT_ROLLED_BACK:
        return "rolled_back";
    case UPDRAFT_ATTEMPT_FAILED:
        return "failed";
    case UPDRAFT_ATTEMPT_POSTPONED:
        return "postponed";
    }
    return "none";
}

/* Nothing was begun on the device. */
static bool is_untaken(enum updraft_attempt_state state)
{
    return state == UPDRAFT_ATTEMPT_OFFERED || state == UPDRAFT_ATTEMPT_POSTPONED;
}

static struct updraft_attempt_move move_to(const struct updraft_attempt_facts *facts,
                                           enum updraft_attempt_state state)
{
    if (facts->state == state)
        return keep;
    return (struct updraft_attempt_move){UPDRAFT_STEP_MOVE, state};
}

static struct updraft_attempt_move begin(const struct updraft_attempt_facts *facts,
                                         enum updraft_attempt_state state)
{
    /* An offer that was never taken up is no attempt that failed. */
    if (is_untaken(facts->state))
        return (struct updraft_attempt_move){UPDRAFT_STEP_RETARGET, state};
    if (updraft_attempt_active(facts->state))
        return (struct updraft_attempt_move){UPDRAFT_STEP_REPLACE, state};
    return (struct updraft_attempt_move){UPDRAFT_STEP_BEGIN, state};
}

static struct updraft_attempt_move after_offered(const struct updraft_attempt_facts *facts)
{
    if (!updraft_attempt_active(facts->state) || !facts->same_target)
        return begin(facts, UPDRAFT_ATTEMPT_OFFERED);
    /* It was written, yet the device runs something else and asks again: the switch never came. */
    if (facts->state == UPDRAFT_ATTEMPT_WRITTEN)
        return move_to(facts, UPDRAFT_ATTEMPT_OFFERED);
    return keep;
}

static struct updraft_attempt_move after_fetched(const struct updraft_attempt_facts *facts)
{
    if (is_untaken(facts->state) && facts->same_target)
        return move_to(facts, UPDRAFT_ATTEMPT_DOWNLOADING);
    return keep;
}

static struct updraft_attempt_move after_check_in(const struct updraft_attempt_facts *facts)
{
    if (!updraft_attempt_active(facts->state))
        return keep;
    /* A device that reports says itself whether the new image is confirmed. From one that reports
     * nothing, asking again while running the new version is the best proof there will be. */
    if (facts->same_target)
        return facts->reports ? keep : move_to(facts, UPDRAFT_ATTEMPT_CONFIRMED);
    /* It ran the new image on trial and runs another one now. */
    if (facts->state == UPDRAFT_ATTEMPT_TRIAL)
        return move_to(facts, UPDRAFT_ATTEMPT_ROLLED_BACK);
    /* It had all of it, says nothing more, and is back with what it ran before. */
    if (!facts->reports && facts->state == UPDRAFT_ATTEMPT_DOWNLOADING && facts->sent)
        return move_to(facts, UPDRAFT_ATTEMPT_FAILED);
    return keep;
}

static struct updraft_attempt_move after_postponed(const struct updraft_attempt_facts *facts)
{
    if (!updraft_attempt_active(facts->state) || !facts->same_target)
        return begin(facts, UPDRAFT_ATTEMPT_POSTPONED);
    if (facts->state == UPDRAFT_ATTEMPT_POSTPONED && facts->same_reason)
        return keep;
    return (struct updraft_attempt_move){UPDRAFT_STEP_MOVE, UPDRAFT_ATTEMPT_POSTPONED};
}

static struct updraft_attempt_move after_transfer(const struct updraft_attempt_facts *facts,
                                                  enum updraft_attempt_state state)
{
    if (updraft_attempt_active(facts->state) && facts->same_target)
        return move_to(facts, state);
    return begin(facts, state);
}

static struct updraft_attempt_move after_bad_end(const struct updraft_attempt_facts *facts,
                                                 enum updraft_attempt_state state)
{
    if (!facts->same_target || facts->state == UPDRAFT_ATTEMPT_NONE)
        return begin(facts, state);
    if (updraft_attempt_active(facts->state))
        return move_to(facts, state);
    /* The same end told twice, or a refusal of what was rolled back before: nothing new. */
    if (facts->state == state || facts->state == UPDRAFT_ATTEMPT_ROLLED_BACK)
        return keep;
    return begin(facts, state);
}

static struct updraft_attempt_move after_running(const struct updraft_attempt_facts *facts,
                                                 enum updraft_attempt_state state)
{
    if (updraft_attempt_active(facts->state) && facts->same_target)
        return move_to(facts, state);
    if (facts->state == UPDRAFT_ATTEMPT_TRIAL && facts->back_at_start)
        return move_to(facts, UPDRAFT_ATTEMPT_ROLLED_BACK);
    /* Back at the old version is how a roll-back ends, and how things were before an active attempt
     * gets anywhere. Any other change of version was an update that nobody announced. */
    bool expected = facts->back_at_start && (updraft_attempt_active(facts->state) ||
                                             facts->state == UPDRAFT_ATTEMPT_ROLLED_BACK);
    if (!facts->version_changed || expected)
        return keep;
    return begin(facts, state);
}

struct updraft_attempt_move updraft_attempt_next(enum updraft_attempt_event event,
                                                 const struct updraft_attempt_facts *facts)
{
    switch (event) {
    case UPDRAFT_EVENT_OFFERED:
        return after_offered(facts);
    case UPDRAFT_EVENT_FETCHED:
        return after_fetched(facts);
    case UPDRAFT_EVENT_CHECKED_IN:
        return after_check_in(facts);
    case UPDRAFT_EVENT_SAID_DOWNLOADING:
        return after_transfer(facts, UPDRAFT_ATTEMPT_DOWNLOADING);
    case UPDRAFT_EVENT_SAID_WRITTEN:
        return after_transfer(facts, UPDRAFT_ATTEMPT_WRITTEN);
    case UPDRAFT_EVENT_SAID_FAILED:
        return after_bad_end(facts, UPDRAFT_ATTEMPT_FAILED);
    case UPDRAFT_EVENT_SAID_ROLLED_BACK:
        return after_bad_end(facts, UPDRAFT_ATTEMPT_ROLLED_BACK);
    case UPDRAFT_EVENT_SAID_TRIAL:
        return after_running(facts, UPDRAFT_ATTEMPT_TRIAL);
    case UPDRAFT_EVENT_SAID_CONFIRMED:
        return after_running(facts, UPDRAFT_ATTEMPT_CONFIRMED);
    case UPDRAFT_EVENT_SAID_POSTPONED:
        return after_postponed(facts);
    }
    return keep;
}
