#include "server/decide/shown.h"

static enum updraft_shown of_attempt(enum updraft_attempt_state state)
{
    switch (state) {
    case UPDRAFT_ATTEMPT_NONE:
        break;
    case UPDRAFT_ATTEMPT_OFFERED:
        return UPDRAFT_SHOWN_OFFERED;
    case UPDRAFT_ATTEMPT_DOWNLOADING:
        return UPDRAFT_SHOWN_DOWNLOADING;
    case UPDRAFT_ATTEMPT_WRITTEN:
        return UPDRAFT_SHOWN_WRITTEN;
    case UPDRAFT_ATTEMPT_TRIAL:
        return UPDRAFT_SHOWN_TRIAL;
    case UPDRAFT_ATTEMPT_CONFIRMED:
        return UPDRAFT_SHOWN_CONFIRMED;
    case UPDRAFT_ATTEMPT_ROLLED_BACK:
        return UPDRAFT_SHOWN_ROLLED_BACK;
    case UPDRAFT_ATTEMPT_FAILED:
        return UPDRAFT_SHOWN_FAILED;
    case UPDRAFT_ATTEMPT_POSTPONED:
        return UPDRAFT_SHOWN_POSTPONED;
    }
    return UPDRAFT_SHOWN_SEEN;
}

enum updraft_shown updraft_shown_decide(const struct updraft_shown_facts *facts)
{
    bool owes = facts->waits || updraft_attempt_active(facts->attempt);

    if (owes && facts->silent_after_ms > 0 &&
        facts->now_ms - facts->last_seen_ms > facts->silent_after_ms)
        return UPDRAFT_SHOWN_SILENT;
    if (facts->waits)
        return UPDRAFT_SHOWN_WAITING;
    if (facts->attempt != UPDRAFT_ATTEMPT_NONE && facts->attempt != UPDRAFT_ATTEMPT_CONFIRMED)
        return of_attempt(facts->attempt);
    if (facts->trial)
        return UPDRAFT_SHOWN_TRIAL;
    /* What was confirmed once may have been replaced since, by hand. */
    return facts->confirmed ? UPDRAFT_SHOWN_CONFIRMED : UPDRAFT_SHOWN_SEEN;
}

const char *updraft_shown_name(enum updraft_shown shown)
{
    switch (shown) {
    case UPDRAFT_SHOWN_SEEN:
        return "seen";
    case UPDRAFT_SHOWN_WAITING:
        return "waiting";
    case UPDRAFT_SHOWN_OFFERED:
        return "offered";
    case UPDRAFT_SHOWN_POSTPONED:
        return "postponed";
    case UPDRAFT_SHOWN_DOWNLOADING:
        return "downloading";
    case UPDRAFT_SHOWN_WRITTEN:
        return "written";
    case UPDRAFT_SHOWN_TRIAL:
        return "trial";
    case UPDRAFT_SHOWN_CONFIRMED:
        return "confirmed";
    case UPDRAFT_SHOWN_ROLLED_BACK:
        return "rolled_back";
    case UPDRAFT_SHOWN_FAILED:
        return "failed";
    case UPDRAFT_SHOWN_SILENT:
        return "silent";
    }
    return "seen";
}
