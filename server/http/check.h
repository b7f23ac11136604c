/* What makes a request one that no handler should see (RFC 9112: ambiguities are how requests are
 * smuggled). Pure. Folded lines, blanks before the colon and broken request lines are refused by the
 * HTTP library before this. */
#ifndef UPDRAFT_SERVER_HTTP_CHECK_H
#define UPDRAFT_SERVER_HTTP_CHECK_H

#include "server/exchange.h"

#define UPDRAFT_HTTP_HEADER_CAP      64u
#define UPDRAFT_HTTP_HEADERS_LEN_CAP 8192u
#define UPDRAFT_HTTP_URL_LEN_CAP     2048u

struct updraft_http_verdict {
    unsigned status; /* 0: nothing against it */
    const char *reason;
};

/* is_http_1_1: or later. */
struct updraft_http_verdict updraft_http_check(const struct updraft_field *headers, size_t count,
                                               bool is_http_1_1);

/* Announced length of the body; -1 when it comes in chunks. The request has passed the check. */
int64_t updraft_http_body_len(const struct updraft_request *request);

#endif
