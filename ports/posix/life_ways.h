/* Ways in, opened: Updraft's own, ESPHome's protocol, the ota console, pulling. Part of life.h, apart for length:
 * what the board and the options say becomes what the engines are configured with. */
#ifndef UPDRAFT_PORTS_POSIX_LIFE_WAYS_H
#define UPDRAFT_PORTS_POSIX_LIFE_WAYS_H

#include "ports/posix/life.h"

/* True also where this device does not have it. False after a printed sentence. */
bool updraft_life_open_esphome(struct updraft_life *life);
bool updraft_life_open_console(struct updraft_life *life);
bool updraft_life_open_direct(struct updraft_life *life);
/* And the client that reports. False without memory. */
bool updraft_life_open_pull(struct updraft_life *life);

/* A bound socket on the machine's address, waited for; -1 after a printed sentence that names
 * ports.NAME. */
int updraft_life_bind(struct updraft_machine *machine, int type, uint16_t *port, const char *name);
/* life.c: random bytes, for engines. */
void updraft_life_random(void *ctx, uint8_t *out, size_t len);

#endif
