#include "server/decide/target.h"

const char *updraft_wait_name(enum updraft_wait wait)
{
    switch (wait) {
    case UPDRAFT_WAIT_NONE:
        return "none";
    case UPDRAFT_WAIT_START:
        return "start";
    case UPDRAFT_WAIT_STAGE:
        return "stage";
    case UPDRAFT_WAIT_WINDOW:
        return "window";
    case UPDRAFT_WAIT_RATE:
        return "rate";
    case UPDRAFT_WAIT_PAUSED:
        return "paused";
    }
    return "none";
}

const char *updraft_wait_text(enum updraft_wait wait)
{
    switch (wait) {
    case UPDRAFT_WAIT_NONE:
        return "";
    case UPDRAFT_WAIT_START:
        return "the rollout has not begun yet";
    case UPDRAFT_WAIT_STAGE:
        return "the rollout has not come to this device yet";
    case UPDRAFT_WAIT_WINDOW:
        return "updates begin only in the maintenance window";
    case UPDRAFT_WAIT_RATE:
        return "as many updates as are allowed in a minute have begun";
    case UPDRAFT_WAIT_PAUSED:
        return "the rollout is paused";
    }
    return "";
}

static const struct updraft_target_choice channel = {false, UPDRAFT_WAIT_NONE};
static const struct updraft_target_choice rollout = {true, UPDRAFT_WAIT_NONE};

static struct updraft_target_choice wait_for(enum updraft_wait wait)
{
    return (struct updraft_target_choice){false, wait};
}

/* Told of, and not begun. */
static bool is_offered(enum updraft_attempt_state state)
{
    return state == UPDRAFT_ATTEMPT_OFFERED || state == UPDRAFT_ATTEMPT_POSTPONED;
}

static struct updraft_target_choice while_running(const struct updraft_target_facts *facts)
{
    if (!facts->in_stage)
        return wait_for(UPDRAFT_WAIT_STAGE);
    if (!facts->window_open)
        return wait_for(UPDRAFT_WAIT_WINDOW);
    /* An open offer has been counted already. */
    if (!is_offered(facts->active) && !facts->rate_left)
        return wait_for(UPDRAFT_WAIT_RATE);
    return rollout;
}

struct updraft_target_choice updraft_target_decide(const struct updraft_target_facts *facts)
{
    /* Who has set to work is let finish, but not once it is known to be no good. */
    const bool at_work = updraft_attempt_active(facts->active) && !is_offered(facts->active);

    /* Nobody is taken back to an older release just because the rollout ended early. */
    if (facts->runs_release)
        return rollout;
    switch (facts->state) {
    case UPDRAFT_ROLLOUT_SCHEDULED:
        return facts->matches ? wait_for(UPDRAFT_WAIT_START) : channel;
    case UPDRAFT_ROLLOUT_RUNNING:
        if (at_work)
            return rollout;
        return facts->matches ? while_running(facts) : channel;
    case UPDRAFT_ROLLOUT_PAUSED:
        if (at_work)
            return rollout;
        return !facts->matches
                   ? channel
                   : wait_for(facts->in_stage ? UPDRAFT_WAIT_PAUSED : UPDRAFT_WAIT_STAGE);
    case UPDRAFT_ROLLOUT_STOPPED:
    case UPDRAFT_ROLLOUT_ABORTED:
        return channel;
    case UPDRAFT_ROLLOUT_DONE:
        /* With a filter it does not move the channel: it goes on to hold for those it was for. */
        return facts->matches ? rollout : channel;
    }
    return channel;
}
