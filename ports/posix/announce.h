/* Tells the network that the device is there: both services of device/push/announce.h, through the
 * Avahi daemon. A firmware does the same with its own mDNS responder.
 *
 * Owns: the connection to the daemon and a thread that serves it. Nothing else waits for it: without
 * a daemon that is said once, and the device goes on; it is announced when a daemon comes.
 * announce_none.c stands in where Avahi's client library is not there to build with.
 *
 * A device that listens on one address is announced on that address' interface alone, under a host
 * name of its own. Memory: from the heap, between start and stop. */
#ifndef UPDRAFT_PORTS_POSIX_ANNOUNCE_H
#define UPDRAFT_PORTS_POSIX_ANNOUNCE_H

#include "device/push/announce.h"
#include "ports/posix/log.h"

#include <sys/socket.h>

struct updraft_announcer_config {
    const struct updraft_log *log;
    const struct sockaddr_storage *listen;
    const char *mac; /* "02:AA:BB:CC:DD:EE" */
    uint16_t http_port;
    struct updraft_announce what; /* its texts stay alive until stop */
};

struct updraft_announcer; /* between start and stop */

/* NULL when there is no way to announce; *told keeps that it was said. */
struct updraft_announcer *updraft_announcer_start(const struct updraft_announcer_config *config,
                                                  bool *told);
/* Takes the announcement back. NULL is fine. */
void updraft_announcer_stop(struct updraft_announcer *announcer);

#endif
