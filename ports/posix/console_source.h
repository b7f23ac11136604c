/* What the console wants read: a file, or an address by HTTP, as OVMS modules do it: HTTP/1.0, no
 * redirects, plain whatever the scheme says. A piece a turn, so that nothing else has to wait.
 *
 * Owns: the open file or the transfer. The engine is the caller's. */
#ifndef UPDRAFT_PORTS_POSIX_CONSOLE_SOURCE_H
#define UPDRAFT_PORTS_POSIX_CONSOLE_SOURCE_H

#include "device/console/ovms.h"

#include <curl/curl.h>

#include <poll.h>
#include <stdio.h>

#define UPDRAFT_CONSOLE_SOURCE_POLL_CAP 4u

struct updraft_console_source {
    struct updraft_ovms *ovms;
    const char *user_agent;
    uint32_t stall_s; /* a transfer that crawls for so long is given up */
    FILE *file;       /* NULL: none is read */
    CURLM *multi;
    CURL *transfer; /* NULL: none runs */
    bool is_opened; /* status and length were given to the engine */
    bool took_some; /* in this turn */
    bool is_paused; /* more has come: no waiting */
};

/* False when libcurl has no memory. */
bool updraft_console_source_open(struct updraft_console_source *source, struct updraft_ovms *ovms,
                                 const char *user_agent, uint32_t stall_s);
void updraft_console_source_close(struct updraft_console_source *source);

unsigned updraft_console_source_poll(const struct updraft_console_source *source,
                                     struct pollfd *fds);
/* It has something to do at once. */
bool updraft_console_source_is_ready(const struct updraft_console_source *source);
void updraft_console_source_run(struct updraft_console_source *source);

#endif
