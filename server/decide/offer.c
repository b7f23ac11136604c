#include "server/decide/offer.h"

#include <string.h>

enum updraft_verdict updraft_offer_decide(const struct updraft_offer_facts *facts)
{
    if (!facts->identified)
        return UPDRAFT_VERDICT_FORBIDDEN;
    if (!facts->image_known)
        return UPDRAFT_VERDICT_UNKNOWN;
    if (facts->digest == UPDRAFT_DIGEST_EQUAL || strcmp(facts->running, facts->target) == 0)
        return UPDRAFT_VERDICT_CURRENT;
    if (facts->last_for_target == UPDRAFT_ATTEMPT_ROLLED_BACK)
        return UPDRAFT_VERDICT_HELD_BACK;
    if (facts->running[0] == '\0' && facts->digest == UPDRAFT_DIGEST_UNTOLD)
        return UPDRAFT_VERDICT_UNTOLD;
    return UPDRAFT_VERDICT_OFFER;
}
