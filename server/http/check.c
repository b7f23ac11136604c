#include "server/http/check.h"

#include "server/names.h"

#include <string.h>
#include <strings.h>

static bool is_token(const char *name)
{
    if (*name == '\0')
        return false;
    for (; *name != '\0'; name++) {
        if (*name <= 0x20 || *name >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", *name) != NULL)
            return false;
    }
    return true;
}

static bool is_clean(const char *value)
{
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* Number of fields of the name; *value is the last one's. */
static size_t count_of(const struct updraft_field *headers, size_t count, const char *name,
                       const char **value)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(headers[i].name, name) == 0) {
            *value = headers[i].value;
            found++;
        }
    }
    return found;
}

struct updraft_http_verdict updraft_http_check(const struct updraft_field *headers, size_t count,
                                               bool is_http_1_1)
{
    const char *host = NULL, *length = NULL, *coding = NULL, *ignored = NULL;
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += strlen(headers[i].name) + strlen(headers[i].value) + 4;
    if (count > UPDRAFT_HTTP_HEADER_CAP || len > UPDRAFT_HTTP_HEADERS_LEN_CAP)
        return (struct updraft_http_verdict){431, "the request has too many headers"};
    for (size_t i = 0; i < count; i++) {
        if (!is_token(headers[i].name) || !is_clean(headers[i].value))
            return (struct updraft_http_verdict){400, "a header holds bytes that it must not"};
    }
    size_t hosts = count_of(headers, count, "Host", &host);
    if (hosts > 1 || (hosts == 0 && is_http_1_1))
        return (struct updraft_http_verdict){400, "the request must have one Host header"};
    if (hosts == 1 && !updraft_host_valid(host))
        return (struct updraft_http_verdict){400, "the Host header is not a host"};
    size_t lengths = count_of(headers, count, "Content-Length", &length);
    size_t codings = count_of(headers, count, "Transfer-Encoding", &coding);
    if (lengths > 1 || codings > 1 || (lengths == 1 && codings == 1))
        return (struct updraft_http_verdict){400, "the length of the body is told twice"};
    if (codings == 1 && !is_http_1_1)
        return (struct updraft_http_verdict){400, "HTTP/1.0 has no transfer codings"};
    if (lengths == 1 && (length[0] == '\0' || strspn(length, "0123456789") != strlen(length) ||
                         strlen(length) > 15))
        return (struct updraft_http_verdict){400, "Content-Length is not a number"};
    if (codings == 1 && strcasecmp(coding, "chunked") != 0)
        return (struct updraft_http_verdict){501, "only the transfer coding 'chunked' is known"};
    if (count_of(headers, count, "Authorization", &ignored) > 1)
        return (struct updraft_http_verdict){400, "the request is authorised twice"};
    return (struct updraft_http_verdict){0, NULL};
}

int64_t updraft_http_body_len(const struct updraft_request *request)
{
    const char *length = updraft_request_header(request, "Content-Length");
    int64_t len = 0;

    if (updraft_request_header(request, "Transfer-Encoding") != NULL)
        return -1;
    for (; length != NULL && *length != '\0'; length++)
        len = len * 10 + (*length - '0');
    return len;
}
