#include "ports/posix/httpd.h"

#include "format/error.h"
#include "ports/posix/log.h"
#include "ports/posix/sockets.h"
#include "ports/posix/update_page.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESS_CAP    24u /* connections from one address: the others find room */
#define BYSTANDER_CAP  8u  /* connections without an upload; the oldest gives way to a new one */
#define LISTEN_BACKLOG 16
#define IDLE_S         5u
#define UNWANTED_BODY_CAP                                                                          \
    (64u                                                                                           \
     << 20) /* bytes of a refused upload that are read and thrown away                         \
                 */

/* One request. */
struct exchange {
    char *target;     /* of the request line, with its query */
    bool has_begun;   /* its headers were looked at */
    bool is_taken;    /* the engine takes its body */
    bool is_answered; /* the engine has made its answer */
    size_t unwanted_len;
    struct updraft_web_response response;
};

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static enum MHD_Result send_response(struct MHD_Connection *connection, unsigned status,
                                     struct MHD_Response *response, const char *content_type)
{
    if (!response)
        return MHD_NO;
    if (content_type)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static void add_headers(struct MHD_Response *response, const struct updraft_web_response *answer)
{
    char text[UPDRAFT_WEB_CHALLENGE_CAP];
    for (unsigned i = 0; updraft_web_challenge(answer, i, text, sizeof text); i++)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, text);
    if (answer->retry_after_s > 0) {
        snprintf(text, sizeof text, "%u", (unsigned)answer->retry_after_s);
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, text);
    }
}

static enum MHD_Result send_exchange(struct MHD_Connection *connection, struct exchange *exchange)
{
    struct updraft_web_response *answer = &exchange->response;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->body_len, answer->body, MHD_RESPMEM_MUST_COPY);
    if (response)
        add_headers(response, answer);
    exchange->is_answered = true;
    return send_response(connection, answer->status, response, answer->content_type);
}

static enum MHD_Result send_page(struct MHD_Connection *connection)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        updraft_update_page_len, (void *)(uintptr_t)updraft_update_page, MHD_RESPMEM_PERSISTENT);
    if (response)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    return send_response(connection, MHD_HTTP_OK, response, "text/html; charset=utf-8");
}

static enum MHD_Result send_redirect(struct MHD_Connection *connection)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (response)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, "/update");
    return send_response(connection, MHD_HTTP_FOUND, response, NULL);
}

static enum MHD_Result send_not_found(struct MHD_Connection *connection)
{
    static char text[] = "There is nothing here. The update page is at /update.\n";
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
    return send_response(connection, MHD_HTTP_NOT_FOUND, response, "text/plain; charset=utf-8");
}

/* A client that sends its body without waiting would see the connection reset instead of the
 * answer; so the body is read first, unless it asked with "Expect: 100-continue" or there is none.
 */
static bool must_read_body(struct MHD_Connection *connection)
{
    const char *length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    bool has_body = (length && strcmp(length, "0") != 0) ||
                    header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    return has_body && !header(connection, MHD_HTTP_HEADER_EXPECT);
}

static const struct sockaddr *peer_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
}

/* Too many wrong passwords came from there: this one is not even looked at. */
static bool is_braked(struct updraft_httpd *httpd, struct MHD_Connection *connection,
                      struct exchange *exchange)
{
    uint32_t wait_ms = updraft_brake_wait_ms(httpd->brake, peer_of(connection), httpd->now_ms);
    if (wait_ms == 0 || !header(connection, MHD_HTTP_HEADER_AUTHORIZATION))
        return false;
    const struct updraft_error_entry *entry = updraft_error_entry(UPDRAFT_E_TOO_MANY_ATTEMPTS);
    struct updraft_web_response *answer = &exchange->response;
    answer->status = MHD_HTTP_TOO_MANY_REQUESTS;
    answer->content_type = "application/json";
    int len =
        snprintf(answer->body, sizeof answer->body,
                 "{\"error\":{\"code\":%d,\"name\":\"%s\",\"text\":\"%s\",\"remedy\":\"%s\"}}",
                 (int)entry->code, entry->name, entry->sentence, entry->remedy);
    answer->body_len = (size_t)len;
    answer->retry_after_s = (wait_ms + 999u) / 1000u;
    return true;
}

static void start_upload(struct updraft_httpd *httpd, struct MHD_Connection *connection)
{
    struct updraft_visitor *visitor =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (visitor)
        visitor->uploads = true;
    (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, httpd->stall_s);
    updraft_pace_begin(&httpd->pace, httpd->stall_s, httpd->now_ms);
}

/* The headers are complete. */
static enum MHD_Result begin_exchange(struct updraft_httpd *httpd,
                                      struct MHD_Connection *connection, struct exchange *exchange,
                                      const char *url, const char *method)
{
    char client[UPDRAFT_WEB_CLIENT_CAP] = "";
    struct updraft_web_request request = {
        .method = method,
        .path = url,
        .target = exchange->target,
        .client = client,
        .content_type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE),
        .content_length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH),
        .content_range = header(connection, MHD_HTTP_HEADER_CONTENT_RANGE),
        .repr_digest = header(connection, "Repr-Digest"),
        .authorization = header(connection, MHD_HTTP_HEADER_AUTHORIZATION),
        .origin = header(connection, MHD_HTTP_HEADER_ORIGIN),
        .referer = header(connection, MHD_HTTP_HEADER_REFERER),
        .host = header(connection, MHD_HTTP_HEADER_HOST),
        .now_ms = httpd->now_ms,
    };
    bool is_form = request.content_type && strstr(request.content_type, "multipart/form-data");
    bool use_other = false;
    *httpd->via = is_form ? "form" : "raw";
    updraft_sockets_print(peer_of(connection), client, sizeof client);
    if (is_braked(httpd, connection, exchange))
        return must_read_body(connection) ? MHD_YES : send_exchange(connection, exchange);
    enum updraft_web_next next =
        updraft_web_request(&httpd->web, &request, &exchange->response, &use_other);
    updraft_brake_note(httpd->brake, peer_of(connection), updraft_web_take_sign_in(&httpd->web),
                       *httpd->via, httpd->now_ms);
    if (next == UPDRAFT_WEB_TAKE_BODY) {
        exchange->is_taken = true;
        start_upload(httpd, connection);
        return MHD_YES;
    }
    if (next == UPDRAFT_WEB_NOT_MINE) {
        bool is_get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
        if (is_get && strcmp(url, "/update") == 0)
            return send_page(connection);
        return is_get && strcmp(url, "/") == 0 ? send_redirect(connection)
                                               : send_not_found(connection);
    }
    if (!use_other)
        exchange->response = httpd->web.response;
    return must_read_body(connection) ? MHD_YES : send_exchange(connection, exchange);
}

/* Body bytes, or, with none, the end of the body. */
static enum MHD_Result continue_exchange(struct updraft_httpd *httpd,
                                         struct MHD_Connection *connection,
                                         struct exchange *exchange, const char *data, size_t *len)
{
    if (exchange->is_taken)
        *httpd->via = httpd->web.upload.is_form ? "form" : "raw";
    if (*len > 0) {
        if (exchange->is_taken) {
            updraft_pace_add(&httpd->pace, *len);
            updraft_web_body(&httpd->web, (const uint8_t *)data, *len);
        } else
            exchange->unwanted_len += *len;
        *len = 0;
        return exchange->unwanted_len > UNWANTED_BODY_CAP ? MHD_NO : MHD_YES;
    }
    if (exchange->is_taken) {
        updraft_web_finish(&httpd->web);
        exchange->response = httpd->web.response;
    }
    return send_exchange(connection, exchange);
}

/* A request line came: the only place that shows its target as it was sent, which is what a client
 * proves its password for. */
static void *open_exchange(void *ctx, const char *target, struct MHD_Connection *connection)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    (void)ctx;
    (void)connection;
    if (exchange)
        exchange->target = strdup(target);
    return exchange;
}

static enum MHD_Result handle_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                      const char *method, const char *version, const char *data,
                                      size_t *len, void **state)
{
    (void)version;
    struct updraft_httpd *httpd = ctx;
    struct exchange *exchange = *state;
    if (!exchange)
        return MHD_NO;
    if (exchange->has_begun)
        return continue_exchange(httpd, connection, exchange, data, len);
    exchange->has_begun = true;
    return begin_exchange(httpd, connection, exchange, url, method);
}

static void end_exchange(void *ctx, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct updraft_httpd *httpd = ctx;
    struct exchange *exchange = *state;
    if (!exchange)
        return;
    struct updraft_visitor *visitor =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (visitor && exchange->is_taken) {
        visitor->uploads = false;
        (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, IDLE_S);
    }
    if (exchange->is_taken && !exchange->is_answered) {
        if (why == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED)
            updraft_web_timed_out(&httpd->web);
        updraft_web_dropped(&httpd->web);
    }
    if (exchange->is_answered && exchange->response.restart)
        httpd->restart_wanted = true;
    free(exchange->target);
    free(exchange);
    *state = NULL;
}

/* The library then reads the end of the stream, and closes. */
static void hang_up(struct updraft_visitor *visitor)
{
    int fd =
        MHD_get_connection_info(visitor->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    (void)shutdown(fd, SHUT_RDWR);
    visitor->leaves = true;
}

/* A new connection takes the place of the oldest that brings no upload, when there are many. */
static void make_room(struct updraft_httpd *httpd)
{
    struct updraft_visitor *oldest = NULL;
    unsigned count = 0;
    for (size_t i = 0; i < UPDRAFT_HTTPD_CONNECTION_CAP; i++) {
        struct updraft_visitor *visitor = &httpd->visitors[i];
        if (!visitor->connection || visitor->uploads || visitor->leaves)
            continue;
        count++;
        if (!oldest || visitor->turn < oldest->turn)
            oldest = visitor;
    }
    if (count > BYSTANDER_CAP)
        hang_up(oldest);
}

static void welcome(struct updraft_httpd *httpd, struct MHD_Connection *connection,
                    void **socket_context)
{
    for (size_t i = 0; i < UPDRAFT_HTTPD_CONNECTION_CAP; i++) {
        struct updraft_visitor *visitor = &httpd->visitors[i];
        if (visitor->connection)
            continue;
        *visitor = (struct updraft_visitor){.connection = connection, .turn = ++httpd->turns};
        *socket_context = visitor;
        break;
    }
    make_room(httpd);
}

static void note_connection(void *ctx, struct MHD_Connection *connection, void **socket_context,
                            enum MHD_ConnectionNotificationCode what)
{
    struct updraft_visitor *visitor = *socket_context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        welcome(ctx, connection, socket_context);
    else if (visitor)
        *visitor = (struct updraft_visitor){.connection = NULL};
}

static void check_pace(struct updraft_httpd *httpd)
{
    for (size_t i = 0; i < UPDRAFT_HTTPD_CONNECTION_CAP; i++) {
        struct updraft_visitor *visitor = &httpd->visitors[i];
        if (visitor->uploads && !visitor->leaves &&
            updraft_pace_is_too_slow(&httpd->pace, httpd->now_ms)) {
            updraft_web_timed_out(&httpd->web);
            hang_up(visitor);
        }
    }
}

bool updraft_httpd_open(struct updraft_httpd *httpd, const struct updraft_httpd_config *config)
{
    *httpd = (struct updraft_httpd){
        .via = config->via, .brake = config->brake, .stall_s = config->stall_s};
    updraft_web_init(&httpd->web, config->web);
    /* Level-triggered: with MHD_USE_EPOLL a short piece and the end of the stream that come
     * together are one event, after which the library reads the piece and never sees the end. */
    if (listen(config->listen_fd, LISTEN_BACKLOG) == 0)
        httpd->daemon = MHD_start_daemon(
            MHD_NO_FLAG, 0, NULL, NULL, handle_request, httpd, MHD_OPTION_LISTEN_SOCKET,
            config->listen_fd, MHD_OPTION_URI_LOG_CALLBACK, open_exchange, NULL,
            MHD_OPTION_NOTIFY_COMPLETED, end_exchange, httpd, MHD_OPTION_NOTIFY_CONNECTION,
            note_connection, httpd, MHD_OPTION_CONNECTION_LIMIT, UPDRAFT_HTTPD_CONNECTION_CAP,
            MHD_OPTION_PER_IP_CONNECTION_LIMIT, ADDRESS_CAP, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
            MHD_OPTION_END);
    if (!httpd->daemon) {
        updraft_log_warn("cannot serve HTTP: %s", strerror(errno));
        close(config->listen_fd);
    }
    return httpd->daemon != NULL;
}

void updraft_httpd_close(struct updraft_httpd *httpd)
{
    MHD_stop_daemon(httpd->daemon); /* closes the listening socket and every connection */
    httpd->daemon = NULL;
}

unsigned updraft_httpd_poll(const struct updraft_httpd *httpd, struct pollfd *fds)
{
    fd_set read_set, write_set, except_set;
    int max_fd = -1;
    unsigned count = 0;
    FD_ZERO(&read_set);
    FD_ZERO(&write_set);
    FD_ZERO(&except_set);
    (void)MHD_get_fdset2(httpd->daemon, &read_set, &write_set, &except_set, &max_fd, FD_SETSIZE);
    for (int fd = 0; fd <= max_fd && count < UPDRAFT_HTTPD_POLL_CAP; fd++) {
        int events =
            (FD_ISSET(fd, &read_set) ? POLLIN : 0) | (FD_ISSET(fd, &write_set) ? POLLOUT : 0);
        if (events)
            fds[count++] = (struct pollfd){.fd = fd, .events = (short)events};
    }
    return count;
}

int updraft_httpd_timeout_ms(const struct updraft_httpd *httpd, int limit_ms)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    if (MHD_get_timeout(httpd->daemon, &timeout_ms) == MHD_YES &&
        timeout_ms < (MHD_UNSIGNED_LONG_LONG)limit_ms)
        return (int)timeout_ms;
    return limit_ms;
}

void updraft_httpd_run(struct updraft_httpd *httpd, uint64_t now_ms)
{
    httpd->now_ms = now_ms;
    (void)MHD_run(httpd->daemon);
    check_pace(httpd);
}

bool updraft_httpd_take_restart(struct updraft_httpd *httpd)
{
    bool wanted = httpd->restart_wanted;
    httpd->restart_wanted = false;
    return wanted;
}
