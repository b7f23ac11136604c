#include "cli/http.h"

#include "updraft_version.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_CAP (32u * 1024u * 1024u)

struct exchange {
    const struct updraft_http_request *request;
    struct updraft_http_response *response;
    size_t read_off;
};

static size_t take_body(char *data, size_t size, size_t count, void *ctx)
{
    struct updraft_http_response *response = ((struct exchange *)ctx)->response;
    size_t len = size * count;
    char *grown;

    if (response->body_len + len > BODY_CAP)
        return 0;
    grown = realloc(response->body, response->body_len + len + 1);
    if (!grown)
        return 0;
    memcpy(grown + response->body_len, data, len);
    response->body = grown;
    response->body_len += len;
    response->body[response->body_len] = '\0';
    return len;
}

static size_t give_body(char *out, size_t size, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    size_t left = exchange->request->body_len - exchange->read_off;
    size_t len = size * count < left ? size * count : left;

    memcpy(out, exchange->request->body + exchange->read_off, len);
    exchange->read_off += len;
    return len;
}

static int seek_body(void *ctx, curl_off_t offset, int origin)
{
    struct exchange *exchange = ctx;

    if (origin != SEEK_SET || offset < 0 || (size_t)offset > exchange->request->body_len)
        return CURL_SEEKFUNC_FAIL;
    exchange->read_off = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static int tell_progress(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                         curl_off_t up)
{
    struct exchange *exchange = ctx;
    uint64_t sent = (uint64_t)up;

    (void)down_total;
    (void)down;
    (void)up_total;
    /* A form counts its frame, too. */
    if (sent > exchange->request->body_len)
        sent = exchange->request->body_len;
    exchange->response->sent_len = sent;
    if (exchange->request->progress)
        exchange->request->progress(exchange->request->ctx, sent);
    return 0;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
    char line[600];

    snprintf(line, sizeof line, "%s: %s", name, value);
    return curl_slist_append(list, line);
}

static struct curl_slist *set_headers(CURL *curl, const struct updraft_http_request *request)
{
    struct curl_slist *list = NULL;
    char bearer[512];

    if (request->token) {
        snprintf(bearer, sizeof bearer, "Bearer %s", request->token);
        list = add_header(list, "Authorization", bearer);
    }
    if (request->origin)
        list = add_header(list, "Origin", request->origin);
    if (request->content_type && !request->form_field)
        list = add_header(list, "Content-Type", request->content_type);
    if (request->content_range)
        list = add_header(list, "Content-Range", request->content_range);
    if (request->repr_digest)
        list = add_header(list, "Repr-Digest", request->repr_digest);
    if (!request->expect_continue)
        list = curl_slist_append(list, "Expect:");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    return list;
}

static curl_mime *set_body(CURL *curl, const struct updraft_http_request *request,
                           struct exchange *exchange)
{
    curl_mime *mime = NULL;

    if (request->body && request->form_field) {
        curl_mimepart *part;

        mime = curl_mime_init(curl);
        part = curl_mime_addpart(mime);
        curl_mime_name(part, request->form_field);
        curl_mime_filename(part, request->form_name);
        curl_mime_type(part, "application/octet-stream");
        curl_mime_data_cb(part, (curl_off_t)request->body_len, give_body, seek_body, NULL,
                          exchange);
        curl_easy_setopt(curl, CURLOPT_MIMEPOST, mime);
    } else if (request->body) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body);
        curl_easy_setopt(curl, CURLOPT_READDATA, exchange);
        curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, seek_body);
        curl_easy_setopt(curl, CURLOPT_SEEKDATA, exchange);
    }
    if (request->method)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    return mime;
}

static void set_options(CURL *curl, const struct updraft_http_request *request,
                        struct exchange *exchange)
{
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "updraft/" UPDRAFT_VERSION);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(request->connect_ms ? request->connect_ms : 10000));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->total_ms);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                     (long)(request->stall_s ? request->stall_s : 60));
    if (request->user && request->password) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH,
                         request->digest ? (long)CURLAUTH_DIGEST : (long)CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERNAME, request->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, request->password);
    }
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, tell_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, exchange);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

bool updraft_http_do(const struct updraft_http_request *request,
                     struct updraft_http_response *response)
{
    struct exchange exchange = {.request = request, .response = response};
    char error[CURL_ERROR_SIZE] = "";
    CURL *curl = curl_easy_init();
    struct curl_slist *headers;
    curl_mime *mime;
    CURLcode code;
    double connect_s = 0;

    memset(response, 0, sizeof *response);
    if (!curl) {
        snprintf(response->error, sizeof response->error, "out of memory");
        return false;
    }
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    set_options(curl, request, &exchange);
    mime = set_body(curl, request, &exchange);
    headers = set_headers(curl, request);
    code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response->status);
    curl_easy_getinfo(curl, CURLINFO_CONNECT_TIME, &connect_s);
    response->connected = connect_s > 0;
    snprintf(response->error, sizeof response->error, "%s",
             error[0] ? error : curl_easy_strerror(code));
    curl_easy_cleanup(curl);
    curl_mime_free(mime);
    curl_slist_free_all(headers);
    /* A status that came before the connection broke is an answer: devices refuse and hang up. A
     * success is only one when it is whole. */
    return response->status >= 300 || (code == CURLE_OK && response->status > 0);
}

void updraft_http_free(struct updraft_http_response *response)
{
    free(response->body);
    response->body = NULL;
    response->body_len = 0;
}

cJSON *updraft_http_json(const struct updraft_http_response *response)
{
    return response->body ? cJSON_ParseWithLength(response->body, response->body_len) : NULL;
}

bool updraft_http_escape(const char *text, char *out, size_t out_cap)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t at = 0;

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     (c && strchr("-._~", c));

        if (at + (plain ? 1u : 3u) >= out_cap)
            return false;
        if (plain) {
            out[at++] = (char)c;
        } else {
            out[at++] = '%';
            out[at++] = digits[c >> 4];
            out[at++] = digits[c & 15];
        }
    }
    out[at] = '\0';
    return true;
}
