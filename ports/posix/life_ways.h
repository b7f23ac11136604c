/* Ways in, opened: every push, the ota console, pulling. Part of life.h, apart for length:
 * what the board and the options say becomes what the engines are configured with. */
#ifndef UPDRAFT_PORTS_POSIX_LIFE_WAYS_H
#define UPDRAFT_PORTS_POSIX_LIFE_WAYS_H

#include "ports/posix/life.h"

/* True also where this device does not have it. False after a printed sentence, with nothing left open. */
bool updraft_life_open_push(struct updraft_life *life);
bool updraft_life_open_console(struct updraft_life *life);
void updraft_life_close_push(struct updraft_life *life);
/* And the client that reports. False without memory. */
bool updraft_life_open_pull(struct updraft_life *life);

/* life.c, for engines; ctx is the life. Random bytes; and someone takes back what this device refuses. */
void updraft_life_random(void *ctx, uint8_t *out, size_t len);
enum updraft_error updraft_life_forget(void *ctx);

#endif
