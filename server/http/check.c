#include "server/http/check.h"

#include "server/names.h"

#include <string.h>
#include <strings.h>

/* RFC 9110: letters, digits and some signs. */
static bool is_token(const char *name)
{
    if (*name == '\0')
        return false;
    for (; *name != '\0'; name++) {
        const char c = *name, lower = (char)(c | 0x20);
        if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && c != '-' &&
            strchr("!#$%&'*+.^_`|~", c) == NULL)
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

/* The headers that say where a request goes and where it ends. */
enum framing {
    HOST,
    LENGTH,
    CODING,
    AUTHORIZATION,
    FRAMING_COUNT,
};

struct framing_fields {
    size_t counts[FRAMING_COUNT];
    const char *values[FRAMING_COUNT]; /* the last of each name */
};

static void note_framing(struct framing_fields *fields, const struct updraft_field *header)
{
    static const char *const names[] = {"Host", "Content-Length", "Transfer-Encoding",
                                        "Authorization"};

    if (strchr("HhCcTtAa", header->name[0]) == NULL)
        return;
    for (size_t i = 0; i < FRAMING_COUNT; i++) {
        if (strcasecmp(header->name, names[i]) == 0) {
            fields->values[i] = header->value;
            fields->counts[i]++;
        }
    }
}

static struct updraft_http_verdict check_framing(const struct framing_fields *fields,
                                                 bool is_http_1_1)
{
    const size_t *counts = fields->counts;
    const char *length = fields->values[LENGTH];

    if (counts[HOST] > 1 || (counts[HOST] == 0 && is_http_1_1))
        return (struct updraft_http_verdict){400, "the request must have one Host header"};
    if (counts[HOST] == 1 && !updraft_host_valid(fields->values[HOST]))
        return (struct updraft_http_verdict){400, "the Host header is not a host"};
    if (counts[LENGTH] > 1 || counts[CODING] > 1 || (counts[LENGTH] == 1 && counts[CODING] == 1))
        return (struct updraft_http_verdict){400, "the length of the body is told twice"};
    if (counts[CODING] == 1 && !is_http_1_1)
        return (struct updraft_http_verdict){400, "HTTP/1.0 has no transfer codings"};
    if (counts[LENGTH] == 1 &&
        (length[0] == '\0' || strspn(length, "0123456789") != strlen(length) ||
         strlen(length) > 15))
        return (struct updraft_http_verdict){400, "Content-Length is not a number"};
    if (counts[CODING] == 1 && strcasecmp(fields->values[CODING], "chunked") != 0)
        return (struct updraft_http_verdict){501, "only the transfer coding 'chunked' is known"};
    if (counts[AUTHORIZATION] > 1)
        return (struct updraft_http_verdict){400, "the request is authorised twice"};
    return (struct updraft_http_verdict){0, NULL};
}

struct updraft_http_verdict updraft_http_check(const struct updraft_field *headers, size_t count,
                                               bool is_http_1_1)
{
    struct framing_fields fields = {{0}, {NULL}};
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += strlen(headers[i].name) + strlen(headers[i].value) + 4;
    if (count > UPDRAFT_HTTP_HEADER_CAP || len > UPDRAFT_HTTP_HEADERS_LEN_CAP)
        return (struct updraft_http_verdict){431, "the request has too many headers"};
    for (size_t i = 0; i < count; i++) {
        if (!is_token(headers[i].name) || !is_clean(headers[i].value))
            return (struct updraft_http_verdict){400, "a header holds bytes that it must not"};
        note_framing(&fields, &headers[i]);
    }
    return check_framing(&fields, is_http_1_1);
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
