/* The two clocks: one to write down, one to measure with. */
#ifndef UPDRAFT_SERVER_CLOCK_H
#define UPDRAFT_SERVER_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t updraft_clock_read_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Milliseconds since 1970: may jump. */
static inline int64_t updraft_clock_wall_ms(void)
{
    return updraft_clock_read_ms(CLOCK_REALTIME);
}

/* Milliseconds since some moment: never goes back. */
static inline int64_t updraft_clock_steady_ms(void)
{
    return updraft_clock_read_ms(CLOCK_MONOTONIC);
}

#endif
