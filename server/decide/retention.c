#include "server/decide/retention.h"

enum updraft_retention updraft_retention_decide(const struct updraft_retention_facts *facts)
{
    if (facts->on_channel)
        return UPDRAFT_RETENTION_CHANNEL;
    if (facts->in_rollout)
        return UPDRAFT_RETENTION_ROLLOUT;
    if (facts->security)
        return UPDRAFT_RETENTION_SECURITY;
    if (facts->is_step)
        return UPDRAFT_RETENTION_STEP;
    if (facts->running > 0)
        return UPDRAFT_RETENTION_RUNNING;
    return facts->on_the_way > 0 ? UPDRAFT_RETENTION_ON_THE_WAY : UPDRAFT_RETENTION_MAY_GO;
}
