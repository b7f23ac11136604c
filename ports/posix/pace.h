/* Whether a transfer crawls: fewer bytes than UPDRAFT_PACE_MIN_BPS allows, over a whole window. An
 * idle time-out does not see a sender that drips one byte a second.
 *
 * Owns: a count and a time. No sockets. */
#ifndef UPDRAFT_PORTS_POSIX_PACE_H
#define UPDRAFT_PORTS_POSIX_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_PACE_MIN_BPS 1024u /* a device on the worst of lines is faster by far */

struct updraft_pace {
    uint32_t window_s;
    uint64_t start_ms; /* of the window */
    uint64_t bytes;    /* in it */
};

void updraft_pace_begin(struct updraft_pace *pace, uint32_t window_s, uint64_t now_ms);
void updraft_pace_add(struct updraft_pace *pace, uint64_t bytes);

/* True when a window has ended that was too slow. A good one is followed by the next. */
bool updraft_pace_is_too_slow(struct updraft_pace *pace, uint64_t now_ms);

#endif
