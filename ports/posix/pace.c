#include "ports/posix/pace.h"

void updraft_pace_begin(struct updraft_pace *pace, uint32_t window_s, uint64_t now_ms)
{
    *pace = (struct updraft_pace){.window_s = window_s, .start_ms = now_ms};
}

void updraft_pace_add(struct updraft_pace *pace, uint64_t bytes)
{
    pace->bytes += bytes;
}

bool updraft_pace_is_too_slow(struct updraft_pace *pace, uint64_t now_ms)
{
    if (now_ms - pace->start_ms < pace->window_s * 1000ull)
        return false;
    if (pace->bytes < (uint64_t)UPDRAFT_PACE_MIN_BPS * pace->window_s)
        return true;
    updraft_pace_begin(pace, pace->window_s, now_ms);
    return false;
}
