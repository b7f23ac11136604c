/* How often is too often: a burst at once, then one every so many milliseconds. Pure; one number of
 * memory for each who asks, 0 for one who has not asked yet. */
#ifndef UPDRAFT_SERVER_DECIDE_QUOTA_H
#define UPDRAFT_SERVER_DECIDE_QUOTA_H

#include <stdint.h>

struct updraft_quota {
    int64_t every_ms;
    int64_t burst;
};

/* Takes one at this moment of a clock that never goes back. 0: granted; else nothing is taken, and it is
 * the seconds until one will be granted. *paid_ms is the moment up to which was taken. */
uint32_t updraft_quota_take(const struct updraft_quota *quota, int64_t *paid_ms, int64_t now_ms);

#endif
