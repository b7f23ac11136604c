/* The part of a day in which a rollout may begin updates: from one minute of the UTC day up to another,
 * over midnight too. Pure. */
#ifndef UPDRAFT_SERVER_DECIDE_WINDOW_H
#define UPDRAFT_SERVER_DECIDE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_WINDOW_MINUTES  1440
#define UPDRAFT_WINDOW_TIME_CAP 6u /* "22:30" */

struct updraft_window {
    uint16_t from_min; /* 0 to 1439; the first minute that is in */
    uint16_t to_min;   /* the first that is out; the same as from: always open */
};

bool updraft_window_valid(const struct updraft_window *window);
bool updraft_window_is_open(const struct updraft_window *window, int64_t now_ms);
/* The moment from which it is open: now, or the next time it opens. */
int64_t updraft_window_opens_ms(const struct updraft_window *window, int64_t now_ms);

/* "22:30" <-> minute of the day. */
bool updraft_window_parse_time(const char *text, uint16_t *minute);
void updraft_window_format_time(uint16_t minute, char text[UPDRAFT_WINDOW_TIME_CAP]);

#endif
