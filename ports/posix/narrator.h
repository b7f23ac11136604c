/* Tells what happens: lines on the console, reports to the server, and the `last` of GET /status.
 * All of it hangs on the hooks of the update transaction and a few calls of the main loop. */
#ifndef UPDRAFT_PORTS_POSIX_NARRATOR_H
#define UPDRAFT_PORTS_POSIX_NARRATOR_H

#include "ports/posix/life.h"

/* Hooks start, progress, end and error; their ctx is the life. The guard is not set. */
void updraft_narrator_hook(struct updraft_life *life);

/* The line and the first report after a boot. */
void updraft_narrator_booted(struct updraft_life *life, const struct updraft_start *start);
/* An image was rolled back, as the boot record says; its slot is looked into for its version, the
 * record for its last lines. */
void updraft_narrator_rolled_back(struct updraft_life *life,
                                  const struct updraft_slot_record *failed);
/* Where there is one place: what the boot stage did about the staged image, if there was one. */
void updraft_narrator_copied(struct updraft_life *life);
void updraft_narrator_confirmed(struct updraft_life *life);

#endif
