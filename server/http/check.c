#include "server/http/check.h"

#include "server/names.h"

#include <string.h>
#include <strings.h>

/* RFC 9110: letters, digits and some signs; a bit a character. */
static bool is_token_char(unsigned char c)
{
    static const uint32_t bits[8] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff};

    return (bits[c >> 5] >> (c & 31) & 1) != 0;
}

/* Each gives the length, and leaves *ok alone or makes it false. Every byte that comes in passes here. */
static size_t scan_name(const char *name, bool *ok)
{
    size_t len = 0;

    while (is_token_char((unsigned char)name[len]))
        len++;
    if (len > 0 && name[len] == '\0')
        return len;
    *ok = false;
    return strlen(name);
}

/* Eight bytes at a time: is one below 0x20, or 0x7f? */
static bool has_control(const char *text, size_t len)
{
    const uint64_t ones = UINT64_MAX / 255;
    uint64_t found = 0, word;

    for (; len >= sizeof word; text += sizeof word, len -= sizeof word) {
        memcpy(&word, text, sizeof word);
        const uint64_t differs = word ^ ones * 0x7f;
        found |= ((word - ones * 0x20) & ~word) | ((differs - ones) & ~differs);
    }
    for (; len > 0; text++, len--) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    }
    return (found & ones * 0x80) != 0;
}

static size_t scan_value(const char *value, bool *ok)
{
    size_t len = strlen(value);

    if (!has_control(value, len))
        return len;
    for (const char *at = value; *at != '\0'; at++) {
        if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f)
            *ok = false;
    }
    return len;
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
    bool ok = true;
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        len += scan_name(headers[i].name, &ok) + scan_value(headers[i].value, &ok) + 4;
        note_framing(&fields, &headers[i]);
    }
    if (count > UPDRAFT_HTTP_HEADER_CAP || len > UPDRAFT_HTTP_HEADERS_LEN_CAP)
        return (struct updraft_http_verdict){431, "the request has too many headers"};
    if (!ok)
        return (struct updraft_http_verdict){400, "a header holds bytes that it must not"};
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
