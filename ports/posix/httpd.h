/* The device's HTTP: libmicrohttpd without threads, driven by the caller's loop, as the carrier of
 * device/push/web.h and of the update page.
 *
 * Owns: the listening socket, the connections, and the engine. The caller polls the descriptors that
 * updraft_httpd_poll() names and calls updraft_httpd_run() when one is ready or the time is over.
 *
 * Nobody can hold all connections: of those that bring no upload only the newest few are kept, and
 * an upload that crawls is given up. */
#ifndef UPDRAFT_PORTS_POSIX_HTTPD_H
#define UPDRAFT_PORTS_POSIX_HTTPD_H

#include "device/push/web.h"
#include "ports/posix/brake.h"
#include "ports/posix/pace.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_HTTPD_CONNECTION_CAP 32u
#define UPDRAFT_HTTPD_POLL_CAP       (UPDRAFT_HTTPD_CONNECTION_CAP + 1u)

struct MHD_Connection;

struct updraft_visitor {
    struct MHD_Connection *connection; /* NULL: a free place */
    uint64_t turn;                     /* grows from one connection to the next */
    bool uploads;                      /* the engine takes its body */
    bool leaves;                       /* it was hung up on */
};

struct updraft_httpd {
    struct MHD_Daemon *daemon;
    struct updraft_visitor visitors[UPDRAFT_HTTPD_CONNECTION_CAP];
    uint64_t turns;
    uint64_t now_ms;          /* of this run */
    struct updraft_pace pace; /* of the one upload there can be */
    struct updraft_brake *brake;
    uint32_t stall_s;
    struct updraft_web web;
    bool restart_wanted; /* an update succeeded and its answer has left */
    const char **via;    /* told the way in before the engine is fed: "form" or "raw" */
};

struct updraft_httpd_config {
    int listen_fd;    /* bound but not yet listening; taken over */
    uint32_t stall_s; /* an upload that crawls for so long is given up */
    const char **via;
    struct updraft_brake *brake;
    const struct updraft_web_config *web;
};

/* False after a printed sentence. */
bool updraft_httpd_open(struct updraft_httpd *httpd, const struct updraft_httpd_config *config);
void updraft_httpd_close(struct updraft_httpd *httpd);

/* Fills up to UPDRAFT_HTTPD_POLL_CAP entries; returns how many. */
unsigned updraft_httpd_poll(const struct updraft_httpd *httpd, struct pollfd *fds);
/* How long the caller may wait, at most limit_ms. */
int updraft_httpd_timeout_ms(const struct updraft_httpd *httpd, int limit_ms);
void updraft_httpd_run(struct updraft_httpd *httpd, uint64_t now_ms);

/* True once after an update whose answer was sent, or whose client went away before it. */
bool updraft_httpd_take_restart(struct updraft_httpd *httpd);

#endif
