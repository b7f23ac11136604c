#include "ports/posix/httpd.h"

#include "ports/posix/log.h"
#include "ports/posix/update_page.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTION_CAP 16u
#define LISTEN_BACKLOG 16
#define IDLE_S         30u
#define UNWANTED_BODY_CAP                                                                          \
    (64u << 20) /* bytes of a refused upload that are read and thrown away                         \
                 */

/* One request. */
struct exchange {
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

static enum MHD_Result send_exchange(struct MHD_Connection *connection, struct exchange *exchange)
{
    struct updraft_web_response *answer = &exchange->response;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->body_len, answer->body, MHD_RESPMEM_MUST_COPY);
    /* A script has its own way to ask for the password; the header would open the browser's. */
    if (response && answer->authenticate && !header(connection, "X-Requested-With"))
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                      answer->authenticate);
    exchange->is_answered = true;
    return send_response(connection, answer->status, response, answer->content_type);
}

static enum MHD_Result send_page(struct MHD_Connection *connection)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        updraft_update_page_len, (void *)(uintptr_t)updraft_update_page, MHD_RESPMEM_PERSISTENT);
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

/* The headers are complete. */
static enum MHD_Result begin_exchange(struct updraft_httpd *httpd,
                                      struct MHD_Connection *connection, struct exchange *exchange,
                                      const char *url, const char *method)
{
    struct updraft_web_request request = {
        .method = method,
        .path = url,
        .content_type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE),
        .content_length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH),
        .authorization = header(connection, MHD_HTTP_HEADER_AUTHORIZATION),
        .origin = header(connection, MHD_HTTP_HEADER_ORIGIN),
        .host = header(connection, MHD_HTTP_HEADER_HOST),
    };
    bool is_form = request.content_type && strstr(request.content_type, "multipart/form-data");
    bool use_other = false;
    *httpd->via = is_form ? "form" : "raw";
    enum updraft_web_next next =
        updraft_web_request(&httpd->web, &request, &exchange->response, &use_other);
    if (next == UPDRAFT_WEB_TAKE_BODY) {
        exchange->is_taken = true;
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
        *httpd->via = httpd->web.is_form ? "form" : "raw";
    if (*len > 0) {
        if (exchange->is_taken)
            updraft_web_body(&httpd->web, (const uint8_t *)data, *len);
        else
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

static enum MHD_Result handle_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                      const char *method, const char *version, const char *data,
                                      size_t *len, void **state)
{
    (void)version;
    struct updraft_httpd *httpd = ctx;
    struct exchange *exchange = *state;
    if (exchange)
        return continue_exchange(httpd, connection, exchange, data, len);
    exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return MHD_NO;
    *state = exchange;
    return begin_exchange(httpd, connection, exchange, url, method);
}

static void end_exchange(void *ctx, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why)
{
    (void)connection;
    (void)why;
    struct updraft_httpd *httpd = ctx;
    struct exchange *exchange = *state;
    if (!exchange)
        return;
    if (exchange->is_taken && !exchange->is_answered)
        updraft_web_dropped(&httpd->web);
    if (exchange->is_answered && exchange->response.restart)
        httpd->restart_wanted = true;
    free(exchange);
    *state = NULL;
}

bool updraft_httpd_open(struct updraft_httpd *httpd, int listen_fd, const char **via,
                        const struct updraft_web_config *config)
{
    *httpd = (struct updraft_httpd){.via = via};
    updraft_web_init(&httpd->web, config);
    if (listen(listen_fd, LISTEN_BACKLOG) == 0)
        httpd->daemon =
            MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, handle_request, httpd,
                             MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_NOTIFY_COMPLETED,
                             end_exchange, httpd, MHD_OPTION_CONNECTION_LIMIT, CONNECTION_CAP,
                             MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_END);
    if (!httpd->daemon) {
        updraft_log_warn("cannot serve HTTP: %s", strerror(errno));
        close(listen_fd);
    }
    return httpd->daemon != NULL;
}

void updraft_httpd_close(struct updraft_httpd *httpd)
{
    MHD_stop_daemon(httpd->daemon); /* closes the listening socket and every connection */
    httpd->daemon = NULL;
}

int updraft_httpd_fd(const struct updraft_httpd *httpd)
{
    return MHD_get_daemon_info(httpd->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int updraft_httpd_timeout_ms(const struct updraft_httpd *httpd, int limit_ms)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    if (MHD_get_timeout(httpd->daemon, &timeout_ms) == MHD_YES &&
        timeout_ms < (MHD_UNSIGNED_LONG_LONG)limit_ms)
        return (int)timeout_ms;
    return limit_ms;
}

void updraft_httpd_run(struct updraft_httpd *httpd)
{
    (void)MHD_run(httpd->daemon);
}

bool updraft_httpd_take_restart(struct updraft_httpd *httpd)
{
    bool wanted = httpd->restart_wanted;
    httpd->restart_wanted = false;
    return wanted;
}
