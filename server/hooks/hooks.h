/* Tells webhooks what happens: one thread looks after them, and one a webhook follows the news at its own
 * pace, so that one that is down or slow holds up no other, and no queue grows. What it could not be told
 * in time it is told with the event `lost`.
 *
 * Owns: the threads. Does not own: fleet, news, log. After the end nothing is delivered later: who needs all
 * of it asks for the lists when the server is back.
 *
 * Locks: the fleet's, for a moment, never while it waits for the network. */
#ifndef UPDRAFT_SERVER_HOOKS_HOOKS_H
#define UPDRAFT_SERVER_HOOKS_HOOKS_H

#include "server/log.h"
#include "server/news.h"

#include <stdatomic.h>

struct updraft_hook_worker;

struct updraft_hooks {
    struct updraft_fleet *fleet;
    struct updraft_news *news;
    const struct updraft_log *log;
    pthread_t thread;
    atomic_bool stopping;
    struct updraft_hook_worker *workers; /* the looking-after thread's own */
};

/* The three pointers are set. False when there are no threads left; errno says why. */
bool updraft_hooks_start(struct updraft_hooks *hooks);
/* Breaks off what is on its way, and closes the news. */
void updraft_hooks_stop(struct updraft_hooks *hooks);

#endif
