#include "server/http/streams.h"

#include "format/assert.h"
#include "server/clock.h"
#include "server/memory.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_CAP    768u
#define BLOCK_LEN   2048u
#define FAREWELL_MS 1000

struct updraft_stream {
    struct updraft_streams *streams;
    struct updraft_stream *next;
    struct MHD_Connection *connection;
    char token_name[UPDRAFT_NAME_CAP];
    int64_t token_id;
    uint64_t number; /* of the next item */
    int64_t beat_ms; /* when something was sent last */
    bool beat_due;
    bool suspended;
    size_t text_len; /* of what is being sent */
    size_t text_off;
    char text[TEXT_CAP];
};

/* The lock is held. */
static void resume(struct updraft_stream *stream)
{
    if (!stream->suspended)
        return;
    stream->suspended = false;
    MHD_resume_connection(stream->connection);
}

static void wake_all(void *ctx)
{
    struct updraft_streams *streams = ctx;

    pthread_mutex_lock(&streams->lock);
    for (struct updraft_stream *at = streams->first; at != NULL; at = at->next)
        resume(at);
    pthread_mutex_unlock(&streams->lock);
}

void updraft_streams_init(struct updraft_streams *streams, struct updraft_news *news,
                          struct updraft_fleet *fleet)
{
    memset(streams, 0, sizeof *streams);
    pthread_mutex_init(&streams->lock, NULL);
    pthread_cond_init(&streams->gone, NULL);
    streams->news = news;
    streams->fleet = fleet;
    news->wake_ctx = streams;
    news->wake = wake_all;
}

void updraft_streams_deinit(struct updraft_streams *streams)
{
    pthread_cond_destroy(&streams->gone);
    pthread_mutex_destroy(&streams->lock);
}

/* --- what is said --- */

static void say(struct updraft_stream *stream, const char *event, char *data)
{
    int len = snprintf(stream->text, sizeof stream->text,
                       "id: %" PRIu64 "\nevent: %s\ndata: %s\n\n", stream->number, event, data);

    UPDRAFT_ASSERT(len > 0 && (size_t)len < sizeof stream->text);
    stream->text_len = (size_t)len;
    stream->text_off = 0;
    free(data);
}

/* {"generation":N}: what the fleet is as a whole has to be asked for. */
static void say_generation(struct updraft_stream *stream, const char *event, uint64_t generation)
{
    struct updraft_json json;
    size_t len;

    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_number(&json, "generation", (int64_t)generation);
    updraft_json_close(&json, '}');
    say(stream, event, updraft_json_finish(&json, &len));
}

/* False when there is nothing to say. */
static bool compose(struct updraft_stream *stream, uint64_t generation)
{
    struct updraft_news_item item;
    struct updraft_json json;
    size_t len;

    switch (updraft_news_read(stream->streams->news, &stream->number, &item)) {
    case UPDRAFT_NEWS_ITEM:
        updraft_json_init(&json);
        updraft_news_put(&json, NULL, &item);
        say(stream, "change", updraft_json_finish(&json, &len));
        return true;
    case UPDRAFT_NEWS_LOST:
        say_generation(stream, "lost", generation);
        return true;
    case UPDRAFT_NEWS_NONE:
        break;
    }
    if (!stream->beat_due)
        return false;
    stream->text_len = (size_t)snprintf(stream->text, sizeof stream->text, ": still here\n\n");
    stream->text_off = 0;
    return true;
}

/* --- one connection --- */

/* Also gives the fleet's generation: what was changed before it is in the fleet already. */
static bool token_holds(const struct updraft_stream *stream, uint64_t *generation)
{
    struct updraft_fleet *fleet = stream->streams->fleet;

    pthread_mutex_lock(&fleet->lock);
    const struct updraft_token_row *token = updraft_fleet_find_token(fleet, stream->token_name);
    bool holds = token != NULL && token->id == stream->token_id &&
                 (token->expires_ms == 0 || token->expires_ms > updraft_clock_wall_ms());
    *generation = fleet->generation;
    pthread_mutex_unlock(&fleet->lock);
    return holds;
}

static ssize_t give(void *ctx, uint64_t at, char *out, size_t cap)
{
    struct updraft_stream *stream = ctx;
    struct updraft_streams *streams = stream->streams;
    uint64_t generation;
    size_t len = 0;

    (void)at;
    bool holds = token_holds(stream, &generation);
    pthread_mutex_lock(&streams->lock);
    bool ends = streams->closing || !holds;
    while (!ends && len < cap &&
           (stream->text_off < stream->text_len || compose(stream, generation))) {
        size_t piece = stream->text_len - stream->text_off;
        if (piece > cap - len)
            piece = cap - len;
        memcpy(out + len, stream->text + stream->text_off, piece);
        stream->text_off += piece;
        len += piece;
        stream->beat_due = false;
        stream->beat_ms = updraft_clock_steady_ms();
    }
    /* Under the lock: who wakes looks whether it is suspended. */
    if (!ends && len == 0) {
        stream->suspended = true;
        MHD_suspend_connection(stream->connection);
    }
    pthread_mutex_unlock(&streams->lock);
    return ends ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)len;
}

static void end_stream(void *ctx)
{
    struct updraft_stream *stream = ctx;
    struct updraft_streams *streams = stream->streams;

    pthread_mutex_lock(&streams->lock);
    struct updraft_stream **at = &streams->first;
    while (*at != stream)
        at = &(*at)->next;
    *at = stream->next;
    streams->count--;
    pthread_cond_signal(&streams->gone);
    pthread_mutex_unlock(&streams->lock);
    free(stream);
}

/* --- all of them --- */

static bool has_room(const struct updraft_streams *streams, const char *token_name)
{
    size_t of_token = 0;

    for (const struct updraft_stream *at = streams->first; at != NULL; at = at->next)
        of_token += strcmp(at->token_name, token_name) == 0;
    return !streams->closing && streams->count < UPDRAFT_STREAMS_MOST &&
           of_token < UPDRAFT_STREAMS_A_TOKEN_MOST;
}

static struct updraft_stream *make_stream(struct updraft_streams *streams, const char *token_name,
                                          uint64_t from)
{
    struct updraft_stream *stream = updraft_memory_new(sizeof *stream);

    stream->streams = streams;
    stream->beat_ms = updraft_clock_steady_ms();
    updraft_name_set(stream->token_name, sizeof stream->token_name, token_name);
    pthread_mutex_lock(&streams->fleet->lock);
    const struct updraft_token_row *token = updraft_fleet_find_token(streams->fleet, token_name);
    stream->token_id = token == NULL ? 0 : token->id;
    uint64_t generation = streams->fleet->generation;
    stream->number = updraft_news_next(streams->news);
    pthread_mutex_unlock(&streams->fleet->lock);
    if (from != 0)
        stream->number = from;
    say_generation(stream, "ready", generation);
    return stream;
}

struct MHD_Response *updraft_streams_open(struct updraft_streams *streams,
                                          struct MHD_Connection *connection, const char *token_name,
                                          uint64_t from)
{
    struct updraft_stream *stream = make_stream(streams, token_name, from);
    struct MHD_Response *response = NULL;

    stream->connection = connection;
    pthread_mutex_lock(&streams->lock);
    bool admitted = has_room(streams, token_name);
    if (admitted) {
        stream->next = streams->first;
        streams->first = stream;
        streams->count++;
    }
    pthread_mutex_unlock(&streams->lock);
    if (!admitted) {
        free(stream);
        return NULL;
    }
    response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_LEN, give, stream, end_stream);
    if (response == NULL)
        end_stream(stream);
    return response;
}

void updraft_streams_beat(struct updraft_streams *streams, int64_t steady_now_ms)
{
    pthread_mutex_lock(&streams->lock);
    for (struct updraft_stream *at = streams->first; at != NULL; at = at->next) {
        if (steady_now_ms - at->beat_ms < UPDRAFT_STREAMS_BEAT_MS)
            continue;
        at->beat_due = true;
        resume(at);
    }
    pthread_mutex_unlock(&streams->lock);
}

void updraft_streams_close(struct updraft_streams *streams)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += FAREWELL_MS / 1000;
    pthread_mutex_lock(&streams->lock);
    streams->closing = true;
    for (struct updraft_stream *at = streams->first; at != NULL; at = at->next)
        resume(at);
    while (streams->count > 0 &&
           pthread_cond_timedwait(&streams->gone, &streams->lock, &until) == 0)
        continue;
    pthread_mutex_unlock(&streams->lock);
}
