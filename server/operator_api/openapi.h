/* GET /api/v1/openapi.json: docs/openapi.json, built into the program. It is written by hand, and a test
 * compares it with routes.c. */
#ifndef UPDRAFT_SERVER_OPERATOR_API_OPENAPI_H
#define UPDRAFT_SERVER_OPERATOR_API_OPENAPI_H

#include "server/exchange.h"

void updraft_openapi_show(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response);

/* Written by server/embed.py. */
extern const unsigned char updraft_openapi[];
extern const size_t updraft_openapi_len;
extern const char updraft_openapi_etag[];

#endif
