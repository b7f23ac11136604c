#include "server/decide/quota.h"

uint32_t updraft_quota_take(const struct updraft_quota *quota, int64_t *paid_ms, int64_t now_ms)
{
    int64_t paid = *paid_ms > now_ms ? *paid_ms : now_ms;
    int64_t ahead = paid + quota->every_ms - now_ms;
    int64_t most = quota->every_ms * quota->burst;

    if (ahead > most)
        return (uint32_t)((ahead - most + 999) / 1000);
    *paid_ms = paid + quota->every_ms;
    return 0;
}
