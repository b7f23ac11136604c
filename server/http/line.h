/* What is kept for a connection as long as it is open, and what the request line under way was: two of
 * the HTTP library's callbacks. */
#ifndef UPDRAFT_SERVER_HTTP_LINE_H
#define UPDRAFT_SERVER_HTTP_LINE_H

#include "server/http/peers.h"
#include "server/names.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stddef.h>

struct updraft_line {
    struct updraft_peer *peer;
    size_t url_len; /* of the request under way, as it came */
    bool url_bad;
    char address[INET6_ADDRSTRLEN];      /* of the client, as text; "": it has none */
    char sent_to[UPDRAFT_DEVICE_ID_CAP]; /* of the answer under way, as in updraft_response */
};

struct updraft_line *updraft_line_of(struct MHD_Connection *connection);

/* ctx of both: struct updraft_peers. */
void updraft_line_notify(void *ctx, struct MHD_Connection *connection, void **line_ctx,
                         enum MHD_ConnectionNotificationCode what);
/* The request line is complete; url is as it came. */
void *updraft_line_note_url(void *ctx, const char *url, struct MHD_Connection *connection);

#endif
