#include "server/http/line.h"

#include "server/clock.h"
#include "server/http/fields.h"
#include "server/memory.h"

#include <stdlib.h>
#include <string.h>

struct updraft_line *updraft_line_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void updraft_line_notify(void *ctx, struct MHD_Connection *connection, void **line_ctx,
                         enum MHD_ConnectionNotificationCode what)
{
    struct updraft_line *line = *line_ctx;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        line = updraft_memory_new(sizeof *line);
        line->peer = updraft_peers_add(
            ctx, MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
            updraft_clock_steady_ms());
        updraft_http_describe_peer(connection, line->address, sizeof line->address);
        *line_ctx = line;
    } else if (line != NULL) {
        updraft_peers_remove(ctx, line->peer);
        free(line);
        *line_ctx = NULL;
    }
}

void *updraft_line_note_url(void *ctx, const char *url, struct MHD_Connection *connection)
{
    struct updraft_line *line = updraft_line_of(connection);

    line->url_len = strlen(url);
    line->url_bad = url[0] != '/' || strstr(url, "%00") != NULL;
    for (const char *at = url; *at != '\0'; at++)
        line->url_bad |= *at <= 0x20 || *at >= 0x7f;
    updraft_peers_enter(ctx, line->peer, UPDRAFT_PEER_HEADERS, 0, updraft_clock_steady_ms());
    return NULL;
}
