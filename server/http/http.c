#include "server/http/http.h"

#include "format/image.h"
#include "server/clock.h"
#include "server/http/fields.h"
#include "server/http/incoming.h"
#include "server/http/line.h"
#include "server/http/listen.h"
#include "server/http/refusals.h"
#include "server/memory.h"
#include "server/routes.h"

#include <microhttpd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PER_ADDRESS 1024u
#define QUIET_S     60u
/* The headers that check.h allows, and some more for the rest; an address as long as can be together with as
 * many headers the library refuses by itself. It clears all of this before each further request of a
 * connection. */
#define CONNECTION_MEMORY 10240u
#define CROWD_SHARE       8u /* an eighth of the places is kept free for those who come */
/* A refused body of this size is still read, so that the sender gets to see the answer. */
#define DRAIN_CAP 1048576
/* Of an image to a device that is judged by having been sent all of it. */
#define SENT_BUFFERED 65536

enum stage {
    STAGE_READING, /* the body comes in, if there is one */
    STAGE_REFUSED, /* the response stands, the rest of the body is dropped */
    STAGE_WAITING, /* for the writer; called again when the response is final */
};

/* One request. */
struct call {
    struct updraft_http *http;
    struct MHD_Connection *connection;
    struct updraft_line *line;
    enum stage stage;
    const struct updraft_route *route;
    struct updraft_request request;
    char operator_name[UPDRAFT_NAME_CAP];
    int64_t began_ms;
    char *path;
    char *body;
    size_t body_len;
    size_t body_cap;
    uint64_t dropped;
    struct updraft_incoming *incoming; /* NULL: none */
    bool answered; /* the library has the response: this is not needed any more */
    struct updraft_job job;
    struct updraft_http_fields fields; /* of request; the last, for it is not cleared */
};

/* --- refusals of the adapter itself --- */

static void refuse(struct call *call, unsigned status, const char *message, const char *remedy)
{
    updraft_http_refuse(&call->job.response, status, message, remedy);
    call->stage = STAGE_REFUSED;
}

/* --- reading the request --- */

static struct call *begin_call(struct updraft_http *http, struct MHD_Connection *connection,
                               const char *url, const char *method)
{
    struct call *call = http->spare;

    if (call == NULL)
        call = updraft_memory_new(sizeof *call);
    else
        memset(call, 0, offsetof(struct call, fields));
    http->spare = NULL;
    call->http = http;
    call->began_ms = updraft_clock_steady_ms();
    call->connection = connection;
    call->line = updraft_line_of(connection);
    call->path = updraft_memory_copy(url, strlen(url));
    updraft_http_gather(connection, method, url, &call->fields, &call->request);
    call->request.address = call->line->address;
    updraft_response_init(&call->job.response);
    return call;
}

static void check_token(struct call *call)
{
    const enum updraft_role needed = call->route->role;

    if (needed == UPDRAFT_ROLE_NONE)
        return;
    if (!updraft_gate_admit(&call->http->gate, &call->http->server->fleet, needed, &call->request,
                            call->operator_name, &call->job.response))
        call->stage = STAGE_REFUSED;
    if (call->operator_name[0] != '\0')
        call->request.operator_name = call->operator_name;
}

static void check_route(struct call *call)
{
    const char *allow;

    call->route = updraft_routes_find(call->path, &call->request, &allow);
    if (call->route == NULL && allow != NULL) {
        refuse(call, 405, "this address does not take that method", "See the Allow header.");
        updraft_response_header_constant(&call->job.response, "Allow", allow);
    } else if (call->route == NULL) {
        refuse(call, 404, "there is nothing at this address", "Check the address.");
    } else {
        check_token(call);
    }
}

static void prepare_body(struct call *call, int64_t len)
{
    const struct updraft_route *route = call->route;
    struct updraft_artifacts *artifacts = &call->http->server->artifacts;

    if (route->body == UPDRAFT_BODY_NONE && len != 0) {
        refuse(call, 400, "this address takes no body", "Send the request without one.");
    } else if (len > (int64_t)route->body_cap) {
        refuse(call, 413, "the body is too large",
               "An image has at most 16 MB, a package 1 GB, a report 8 kB, other bodies 4 kB.");
    } else if (route->body == UPDRAFT_BODY_IMAGE || route->body == UPDRAFT_BODY_PACKAGE) {
        call->incoming = updraft_memory_new(sizeof *call->incoming);
        if (!updraft_incoming_begin(call->incoming, route->body, artifacts, &call->job.response))
            call->stage = STAGE_REFUSED;
    }
}

/* Everything that can be judged before the body, whose length is negative when it is not known. */
static void judge(struct call *call, const char *version, int64_t *body_len)
{
    *body_len = -1;
    if (call->line->url_len > UPDRAFT_HTTP_URL_LEN_CAP) {
        refuse(call, 414, "the address is too long", "It may have 2048 bytes.");
        return;
    }
    if (call->fields.too_many) {
        refuse(call, 431, "the request has too many headers or parameters",
               "Send at most 64 headers and 16 parameters.");
        return;
    }
    const struct updraft_http_verdict verdict = updraft_http_check(
        call->fields.headers, call->request.header_count, strcmp(version, "HTTP/1.0") != 0);
    if (verdict.status != 0) {
        refuse(call, verdict.status, verdict.reason, "Send a plain request as RFC 9112 has it.");
        return;
    }
    *body_len = updraft_http_body_len(&call->request);
    if (call->line->url_bad || call->fields.nul_inside) {
        refuse(call, 400, "the address or a header holds bytes that it must not",
               "Send a plain request as RFC 9112 has it.");
        return;
    }
    if (!updraft_front_hear(&call->http->front, &call->fields, &call->request)) {
        refuse(call, 403, "the proxy names an address or a device that is none",
               "Compare its configuration with docs/OPERATING.md.");
        return;
    }
    check_route(call);
    if (call->stage != STAGE_REFUSED)
        prepare_body(call, *body_len);
}

/* --- the body --- */

static void take_text(struct call *call, const char *data, size_t len)
{
    if (call->body_len + len > call->route->body_cap) {
        refuse(call, 413, "the body is too large", "A report has at most 8 kB, other bodies 4 kB.");
        return;
    }
    if (call->body == NULL)
        call->body = updraft_memory_new(call->route->body_cap + 1);
    memcpy(call->body + call->body_len, data, len);
    call->body_len += len;
}

static enum MHD_Result take_body(struct call *call, const char *data, size_t len)
{
    if (call->stage == STAGE_REFUSED) {
        call->dropped += len;
        return call->dropped > UPDRAFT_IMAGE_LEN_CAP ? MHD_NO : MHD_YES;
    }
    if (call->incoming != NULL && call->incoming->upload.len + len > call->route->body_cap)
        refuse(call, 413, "the file is too large", "An image has at most 16 MB, a package 1 GB.");
    else if (call->incoming != NULL &&
             !updraft_incoming_feed(call->incoming, data, len, &call->job.response))
        call->stage = STAGE_REFUSED;
    else if (call->incoming == NULL)
        take_text(call, data, len);
    return MHD_YES;
}

static void finish_body(struct call *call)
{
    if (call->body != NULL)
        call->request.body = call->body;
    call->request.body_len = call->body_len;
    if (call->incoming == NULL)
        return;
    updraft_incoming_finish(call->incoming);
    call->request.image = &call->incoming->image;
}

/* --- the answer --- */

static struct MHD_Response *make_response(struct call *call, int fd)
{
    struct updraft_response *response = &call->job.response;

    if (fd >= 0)
        return MHD_create_response_from_fd_at_offset64(response->file_len, fd, response->file_off);
    if (response->constant != NULL)
        return MHD_create_response_from_buffer(
            response->body_len, (void *)(uintptr_t)response->constant, MHD_RESPMEM_PERSISTENT);
    if (response->body == NULL && response->header_count == 0)
        return call->http->bare;
    if (response->body == NULL)
        return MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    char *body = response->body;
    response->body = NULL; /* the library frees it */
    return MHD_create_response_from_buffer(response->body_len, body, MHD_RESPMEM_MUST_FREE);
}

static void note_answer(struct call *call, int64_t now_ms)
{
    struct updraft_fleet *fleet = &call->http->server->fleet;
    const struct updraft_route *route = call->route;

    pthread_mutex_lock(&fleet->lock);
    updraft_traffic_count(&fleet->traffic, route == NULL ? "" : updraft_method_name(route->method),
                          route == NULL ? "" : route->pattern, call->job.response.status);
    pthread_mutex_unlock(&fleet->lock);
    updraft_log_request(&call->http->server->log, &call->request, call->job.response.status,
                        now_ms - call->began_ms);
}

/* What the system buffers counts as sent: little of it, where it is known by that how an update went. */
static void expect_sent(struct call *call)
{
    const struct updraft_response *response = &call->job.response;
    const int buffered = SENT_BUFFERED;

    memcpy(call->line->sent_to, response->sent_to, sizeof call->line->sent_to);
    if (response->sent_to[0] == '\0')
        return;
    setsockopt(
        MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
        SOL_SOCKET, SO_SNDBUF, &buffered, sizeof buffered);
}

static void note_sent(struct updraft_http *http, struct updraft_line *line, bool whole)
{
    struct updraft_fleet *fleet = &http->server->fleet;

    if (line->sent_to[0] == '\0')
        return;
    pthread_mutex_lock(&fleet->lock);
    if (whole)
        updraft_fleet_note_sent(fleet, line->sent_to);
    pthread_mutex_unlock(&fleet->lock);
    line->sent_to[0] = '\0';
}

static enum MHD_Result queue_answer(struct call *call, struct MHD_Response *answer)
{
    const struct updraft_response *response = &call->job.response;
    const int64_t now_ms = updraft_clock_steady_ms();
    const bool own = answer != call->http->bare;

    note_answer(call, now_ms);
    for (size_t i = 0; i < response->header_count; i++) {
        const struct updraft_response_header *header = &response->headers[i];
        MHD_add_response_header(answer, header->name,
                                header->constant != NULL ? header->constant : header->value);
    }
    if (own)
        MHD_add_response_header(answer, "X-Content-Type-Options", "nosniff");
    updraft_peers_enter(&call->http->peers, call->line->peer,
                        response->has_stream ? UPDRAFT_PEER_WAITS : UPDRAFT_PEER_TAKES,
                        response->has_file ? response->file_len : response->body_len, now_ms);
    enum MHD_Result result = MHD_queue_response(call->connection, response->status, answer);
    if (own)
        MHD_destroy_response(answer);
    call->answered = result == MHD_YES;
    expect_sent(call);
    return result;
}

static enum MHD_Result send_response(struct call *call, int fd)
{
    struct MHD_Response *answer = make_response(call, fd);

    if (answer != NULL)
        return queue_answer(call, answer);
    if (fd >= 0)
        close(fd);
    return MHD_NO;
}

static enum MHD_Result send_stream(struct call *call)
{
    static const struct updraft_refusal too_many = {
        503, "too_many_streams",
        "Close some of those that are open, or ask for /api/v1/overview now and then."};
    struct MHD_Response *answer =
        updraft_streams_open(&call->http->streams, call->connection, call->operator_name,
                             call->job.response.stream_from);

    if (answer != NULL)
        return queue_answer(call, answer);
    updraft_response_refuse(&call->job.response, &too_many, "too many follow the events already");
    return send_response(call, -1);
}

static void resume(struct updraft_job *job)
{
    struct call *call = job->done_ctx;

    MHD_resume_connection(call->connection);
}

/* Suspended first: the writer may be done before this returns. */
static enum MHD_Result wait_for_writer(struct call *call, updraft_handler handler)
{
    struct updraft_job *job = &call->job;

    job->handler = handler;
    job->request = &call->request;
    job->upload = call->incoming == NULL ? NULL : &call->incoming->upload;
    job->done = resume;
    job->done_ctx = call;
    call->stage = STAGE_WAITING;
    updraft_peers_enter(&call->http->peers, call->line->peer, UPDRAFT_PEER_WAITS, 0, 0);
    MHD_suspend_connection(call->connection);
    if (!updraft_writer_submit(&call->http->server->writer, job)) {
        refuse(call, 503, "the server is stopping", "Ask again in a moment.");
        MHD_resume_connection(call->connection);
    }
    return MHD_YES;
}

static enum MHD_Result refuse_damaged(struct call *call)
{
    updraft_http_refuse_damaged(&call->job.response, &call->http->server->log);
    return send_response(call, -1);
}

static enum MHD_Result respond(struct call *call)
{
    struct updraft_response *response = &call->job.response;
    bool was_proven = call->stage == STAGE_WAITING && call->job.handler == NULL;
    enum updraft_artifact_result result = was_proven ? call->job.proof : UPDRAFT_ARTIFACT_OK;
    uint64_t len = 0;
    int fd = -1;

    if (response->has_stream)
        return send_stream(call);
    if (!response->has_file)
        return send_response(call, -1);
    if (result == UPDRAFT_ARTIFACT_OK)
        result = updraft_artifacts_read(&call->http->server->artifacts, response->file_sha256,
                                        false, &fd, &len);
    switch (result) {
    case UPDRAFT_ARTIFACT_OK:
        if (response->file_off + response->file_len > len) {
            close(fd);
            return refuse_damaged(call);
        }
        /* What the front has taken, the device does not have yet. */
        if (call->request.by_front)
            response->sent_to[0] = '\0';
        if (!updraft_front_send(&call->http->front, &call->request, response))
            return send_response(call, fd);
        close(fd);
        return send_response(call, -1);
    case UPDRAFT_ARTIFACT_UNPROVEN:
        return was_proven ? refuse_damaged(call) : wait_for_writer(call, NULL);
    case UPDRAFT_ARTIFACT_MISSING:
    case UPDRAFT_ARTIFACT_CORRUPT:
        return refuse_damaged(call);
    case UPDRAFT_ARTIFACT_FULL:
    case UPDRAFT_ARTIFACT_IO:
        break;
    }
    updraft_http_refuse_unreadable(&call->job.response);
    return send_response(call, -1);
}

static enum MHD_Result run_handler(struct call *call)
{
    struct updraft_fleet *fleet = &call->http->server->fleet;
    struct updraft_plan *plan = &call->job.plan;
    const struct updraft_view view = {fleet, call->http->server->base_url, updraft_clock_wall_ms()};

    /* A question may come as a POST; who may only look changes nothing. */
    call->job.audits = call->request.operator_name != NULL &&
                       call->route->method != UPDRAFT_METHOD_GET &&
                       call->route->role != UPDRAFT_ROLE_VIEW;
    if (call->job.audits)
        return wait_for_writer(call, call->route->handler);
    pthread_mutex_lock(&fleet->lock);
    updraft_plan_init(plan, updraft_fleet_next_attempt_id(fleet));
    call->route->handler(&view, &call->request, plan, &call->job.response);
    bool certain = !plan->sighted || updraft_front_admits(&call->request, plan->sight_device);
    bool admitted =
        certain && (!plan->sighted ||
                    updraft_gate_admit_device(fleet, plan->sight_device, updraft_clock_steady_ms(),
                                              &call->job.response));
    bool changes = admitted && plan->count > 0;
    if (!certain)
        updraft_http_refuse_impostor(&call->job.response, &call->request);
    else if (!changes && plan->sighted)
        updraft_fleet_touch(fleet, &plan->sight);
    pthread_mutex_unlock(&fleet->lock);
    updraft_plan_deinit(plan);
    if (!changes)
        return respond(call);
    updraft_response_deinit(&call->job.response);
    return wait_for_writer(call, call->route->handler);
}

/* --- what the library calls --- */

static enum MHD_Result first_call(struct call *call, const char *version)
{
    int64_t body_len;

    judge(call, version, &body_len);
    uint64_t at_most = body_len >= 0         ? (uint64_t)body_len
                       : call->route != NULL ? call->route->body_cap
                                             : 0;
    updraft_peers_enter(&call->http->peers, call->line->peer, UPDRAFT_PEER_BODY, at_most,
                        call->began_ms);
    if (call->stage != STAGE_REFUSED)
        return MHD_YES;
    /* A sender that waits for leave, or has much to send, is told at once, and so is one of whom it is
     * not known where the request ends. That closes the connection; others keep theirs. The library
     * may have read an end of its own out of it, where another server reads none. */
    if (body_len < 0)
        updraft_response_header_constant(&call->job.response, "Connection", "close");
    if (body_len < 0 || body_len > DRAIN_CAP ||
        updraft_request_header(&call->request, "Expect") != NULL)
        return send_response(call, -1);
    return MHD_YES;
}

static enum MHD_Result next_call(struct call *call, const char *data, size_t *data_len)
{
    if (*data_len > 0) {
        enum MHD_Result result = take_body(call, data, *data_len);
        *data_len = 0;
        return result;
    }
    switch (call->stage) {
    case STAGE_READING:
        finish_body(call);
        return run_handler(call);
    case STAGE_REFUSED:
        return send_response(call, -1);
    case STAGE_WAITING:
        return respond(call);
    }
    return MHD_NO;
}

/* One is kept for the next request: check-ins need no other memory to speak of. */
static void end_call(struct call *call)
{
    struct updraft_http *http = call->http;

    if (call->incoming != NULL)
        updraft_incoming_end(call->incoming, &http->server->artifacts);
    free(call->incoming);
    updraft_response_deinit(&call->job.response);
    free(call->path);
    free(call->body);
    if (http->spare != NULL)
        free(call);
    else
        http->spare = call;
}

/* What is known of a request goes as soon as it is answered: a slow download takes its time, and there may
 * be thousands of them. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **call_ctx)
{
    struct call *call = *call_ctx;
    enum MHD_Result result;

    if (call == NULL) {
        call = begin_call(ctx, connection, url, method);
        *call_ctx = call;
        result = first_call(call, version);
    } else {
        result = next_call(call, data, data_len);
    }
    if (call->answered) {
        end_call(call);
        *call_ctx = NULL;
    }
    return result;
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **call_ctx,
                         enum MHD_RequestTerminationCode how)
{
    struct updraft_http *http = ctx;

    struct updraft_line *line = updraft_line_of(connection);

    note_sent(http, line, how == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    updraft_peers_enter(&http->peers, line->peer, UPDRAFT_PEER_IDLE, 0, updraft_clock_steady_ms());
    if (*call_ctx != NULL)
        end_call(*call_ctx);
    *call_ctx = NULL;
}

bool updraft_http_start(struct updraft_http *http, struct updraft_server *server,
                        const struct updraft_front *front, int listen_fd)
{
    const unsigned limit = updraft_listen_connections_most();

    memset(http, 0, sizeof *http);
    http->front = *front;
    http->server = server;
    http->bare = MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    if (http->bare == NULL)
        return false;
    MHD_add_response_header(http->bare, "X-Content-Type-Options", "nosniff");
    updraft_peers_init(&http->peers, limit - limit / CROWD_SHARE);
    updraft_streams_init(&http->streams, &server->news, &server->fleet);
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, http,
        MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_PER_IP_CONNECTION_LIMIT, PER_ADDRESS,
        MHD_OPTION_CONNECTION_TIMEOUT, QUIET_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, updraft_line_note_url, &http->peers,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_NOTIFY_CONNECTION,
        updraft_line_notify, &http->peers, MHD_OPTION_END);
    if (http->daemon == NULL) {
        MHD_destroy_response(http->bare);
        updraft_peers_deinit(&http->peers);
    }
    return http->daemon != NULL;
}

void updraft_http_sweep(struct updraft_http *http)
{
    updraft_peers_sweep(&http->peers, updraft_clock_steady_ms());
    updraft_streams_beat(&http->streams, updraft_clock_steady_ms());
}

void updraft_http_quiesce(struct updraft_http *http)
{
    int listen_fd = MHD_quiesce_daemon(http->daemon);

    if (listen_fd >= 0)
        close(listen_fd);
}

void updraft_http_stop(struct updraft_http *http)
{
    updraft_streams_close(&http->streams);
    MHD_stop_daemon(http->daemon);
    updraft_streams_deinit(&http->streams);
    MHD_destroy_response(http->bare);
    free(http->spare);
    updraft_peers_deinit(&http->peers);
}
