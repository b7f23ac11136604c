/* The device's HTTP: libmicrohttpd without threads, driven by the caller's loop, as the carrier of
 * device/push/web.h and of the update page.
 *
 * Owns: the listening socket, the connections, and the engine. The caller polls the descriptor that
 * updraft_httpd_fd() gives and calls updraft_httpd_run() when it is ready or the time is over. */
#ifndef UPDRAFT_PORTS_POSIX_HTTPD_H
#define UPDRAFT_PORTS_POSIX_HTTPD_H

#include "device/push/web.h"

#include <stdbool.h>
#include <stdint.h>

struct updraft_httpd {
    struct MHD_Daemon *daemon;
    struct updraft_web web;
    bool restart_wanted; /* an update succeeded and its answer has left */
    const char **via;    /* told the way in before the engine is fed: "form" or "raw" */
};

/* Takes over listen_fd, bound but not yet listening. False after a printed sentence. */
bool updraft_httpd_open(struct updraft_httpd *httpd, int listen_fd, const char **via,
                        const struct updraft_web_config *config);
void updraft_httpd_close(struct updraft_httpd *httpd);

int updraft_httpd_fd(const struct updraft_httpd *httpd);
/* How long the caller may wait, at most limit_ms. */
int updraft_httpd_timeout_ms(const struct updraft_httpd *httpd, int limit_ms);
void updraft_httpd_run(struct updraft_httpd *httpd);

/* True once after an update whose answer was sent, or whose client went away before it. */
bool updraft_httpd_take_restart(struct updraft_httpd *httpd);

#endif
