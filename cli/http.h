/* One HTTP request, sent and answered: libcurl behind four functions. Redirects are not followed: a
 * token or an image goes only where the user said. */
#ifndef UPDRAFT_CLI_HTTP_H
#define UPDRAFT_CLI_HTTP_H

#include "cli/fail.h"

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct updraft_http_request {
    const char *method; /* NULL: GET, or POST with a body */
    const char *url;
    const char *user; /* NULL: none */
    const char *password;
    bool digest; /* prove the password by Digest, which asks first; else it goes out as Basic */
    const char *token;   /* Bearer; NULL: none */
    const char *origin;  /* Origin header; NULL: none */
    const uint8_t *body; /* NULL: none */
    size_t body_len;
    const char *content_type;
    const char *content_range; /* which part of the whole the body is; NULL: all of it */
    const char *repr_digest;   /* of the whole; NULL: none */
    const char *form_field;    /* send the body as a file in this field of a form; NULL: as it is */
    const char *form_name;     /* its file name */
    bool expect_continue;      /* ask before a large body: for servers, weak devices know no 100 */
    uint32_t connect_ms;
    uint32_t total_ms; /* 0: as long as bytes move */
    uint32_t stall_s;  /* give up when nothing moves for so long; 0: 60 */
    void (*progress)(void *ctx, uint64_t sent_len); /* may be NULL */
    void *ctx;
};

struct updraft_http_response {
    long status; /* 0: no answer */
    char *body;  /* NUL-terminated; free with updraft_http_free() */
    size_t body_len;
    uint64_t sent_len; /* body bytes that left, as far as is known */
    bool connected;
    char error[300]; /* why there is no answer */
};

/* True when an answer came, whatever it says. */
UPDRAFT_MUST_CHECK bool updraft_http_do(const struct updraft_http_request *request,
                                        struct updraft_http_response *response);
void updraft_http_free(struct updraft_http_response *response);

/* The body as JSON; NULL when it is none. */
cJSON *updraft_http_json(const struct updraft_http_response *response);

/* Percent-encodes one path or query part into out. False when it does not fit. */
bool updraft_http_escape(const char *text, char *out, size_t out_cap);

#endif
