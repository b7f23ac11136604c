#include "server/decide/action.h"

/* Installed as far as anyone knows: only a version that the device tells can say otherwise. */
static bool waits_for_proof(const struct updraft_action_facts *facts)
{
    return facts->last_for_target == UPDRAFT_ATTEMPT_WRITTEN ||
           (facts->last_for_target == UPDRAFT_ATTEMPT_CONFIRMED && !facts->version_told);
}

enum updraft_action updraft_action_decide(const struct updraft_action_facts *facts)
{
    bool open =
        facts->state == UPDRAFT_ATTEMPT_OFFERED || facts->state == UPDRAFT_ATTEMPT_DOWNLOADING;

    /* An offer for something it may run already is no way to begin. */
    if (!facts->known)
        return UPDRAFT_ACTION_IDENTIFY;
    if (open && facts->same_target)
        return UPDRAFT_ACTION_CONTINUE;
    if (facts->state == UPDRAFT_ATTEMPT_DOWNLOADING)
        return UPDRAFT_ACTION_CANCEL;
    if (facts->verdict != UPDRAFT_VERDICT_OFFER || waits_for_proof(facts))
        return UPDRAFT_ACTION_IDENTIFY;
    return UPDRAFT_ACTION_OFFER;
}
