/* What the HTTP library holds of a request, gathered into one of exchange.h. */
#ifndef UPDRAFT_SERVER_HTTP_FIELDS_H
#define UPDRAFT_SERVER_HTTP_FIELDS_H

#include "server/exchange.h"
#include "server/http/check.h"

#include <netinet/in.h>

#define UPDRAFT_HTTP_QUERY_CAP 16u

struct MHD_Connection;

/* The texts live in the library until the request is completed. */
struct updraft_http_fields {
    struct updraft_field headers[UPDRAFT_HTTP_HEADER_CAP];
    struct updraft_field query[UPDRAFT_HTTP_QUERY_CAP];
    size_t header_count;
    size_t query_count;
    bool too_many;   /* headers or parameters: those that did not fit are left out */
    bool nul_inside; /* one of them */
    /* What a proxy in front says (front.h): who asks, and whose certificate it was. */
    char real[INET6_ADDRSTRLEN];
    char certified[UPDRAFT_DEVICE_ID_CAP];
};

/* Of the client, as text; "" when it has none. */
void updraft_http_describe_peer(struct MHD_Connection *connection, char *out, size_t cap);

/* The request points into fields and to url; its address is still to be set. */
void updraft_http_gather(struct MHD_Connection *connection, const char *method, const char *url,
                         struct updraft_http_fields *fields, struct updraft_request *request);

#endif
