/* Connections that stay: GET /api/v1/events, as server-sent events. A connection without news is
 * suspended and costs nothing; what happens wakes it, and so does the heartbeat, which finds out whether
 * somebody is still there and whether his token still holds.
 *
 * Nothing is kept for a connection but how far it has read (news.h): one that reads too slowly is told
 * `lost` and goes on with what happens then.
 *
 * Owns: the streams. Does not own: news, fleet, the library's connections. Locks: taken after the
 * fleet's. */
#ifndef UPDRAFT_SERVER_HTTP_STREAMS_H
#define UPDRAFT_SERVER_HTTP_STREAMS_H

#include "server/news.h"

#define UPDRAFT_STREAMS_MOST         64u
#define UPDRAFT_STREAMS_A_TOKEN_MOST 16u /* a screen with many tabs does not lock others out */
#define UPDRAFT_STREAMS_BEAT_MS      15000

struct MHD_Connection;
struct MHD_Response;
struct updraft_stream;

struct updraft_streams {
    pthread_mutex_t lock;
    pthread_cond_t gone;
    struct updraft_stream *first;
    size_t count;
    bool closing;
    struct updraft_news *news;
    struct updraft_fleet *fleet;
};

/* Before the fleet changes: it becomes what the news wakes. */
void updraft_streams_init(struct updraft_streams *streams, struct updraft_news *news,
                          struct updraft_fleet *fleet);
void updraft_streams_deinit(struct updraft_streams *streams);

/* The answer that never ends; from: number of the first item, 0: what happens from now on. NULL when there
 * are too many streams already. */
struct MHD_Response *updraft_streams_open(struct updraft_streams *streams,
                                          struct MHD_Connection *connection, const char *token_name,
                                          uint64_t from);
/* Once a second. */
void updraft_streams_beat(struct updraft_streams *streams, int64_t steady_now_ms);
/* Ends all of them, and waits a moment until they are: a connection must not be suspended when the
 * library stops. */
void updraft_streams_close(struct updraft_streams *streams);

#endif
