/* GET /api/v1/events: what happens, as it happens. The connection itself is http/streams.c's. */
#include "server/operator_api/operator_api.h"

#include <stdlib.h>
#include <string.h>

#define DIGITS_MOST 19u

void updraft_events_follow(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response)
{
    const char *last = updraft_request_header(request, "Last-Event-ID");

    (void)view;
    (void)plan;
    response->status = 200;
    response->has_stream = true;
    /* One that is no number of ours is as good as one that is too old: the reader is told. */
    if (last != NULL && strlen(last) <= DIGITS_MOST)
        response->stream_from = strtoull(last, NULL, 10);
    if (last != NULL && response->stream_from == 0)
        response->stream_from = 1;
    updraft_response_header_constant(response, "Content-Type", "text/event-stream");
    updraft_response_header_constant(response, "Cache-Control", "no-store");
    /* A front that gathered answers before it passes them on would gather for ever. */
    updraft_response_header_constant(response, "X-Accel-Buffering", "no");
}
