/* The adapter to the HTTP library: turns its calls into requests of exchange.h, and responses into its
 * answers. No file outside this folder knows the library.
 *
 * Handlers run on its one event loop. A plan that changes something goes to the writer, and the
 * connection is suspended until its commit. */
#ifndef UPDRAFT_SERVER_HTTP_HTTP_H
#define UPDRAFT_SERVER_HTTP_HTTP_H

#include "server/http/front.h"
#include "server/http/gate.h"
#include "server/http/peers.h"
#include "server/http/streams.h"
#include "server/server.h"

struct MHD_Daemon;
struct MHD_Response;
struct call;

struct updraft_http {
    struct updraft_server *server;
    struct MHD_Daemon *daemon;
    struct updraft_peers peers;
    struct updraft_front front;
    struct updraft_gate gate;
    struct updraft_streams streams;
    struct MHD_Response *bare; /* a status and no more, as most answers to devices are */
    struct call *spare;        /* memory of a request that is over; NULL: none */
};

/* Takes over the listening socket. */
bool updraft_http_start(struct updraft_http *http, struct updraft_server *server,
                        const struct updraft_front *front, int listen_fd);
/* Once a second: cuts connections that are late, and lets those that stay show that they live. */
void updraft_http_sweep(struct updraft_http *http);
/* No new connections from here on. */
void updraft_http_quiesce(struct updraft_http *http);
/* After updraft_server_stop(): nobody waits for a commit any more. */
void updraft_http_stop(struct updraft_http *http);

#endif
