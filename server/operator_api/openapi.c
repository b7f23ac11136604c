#include "server/operator_api/openapi.h"

#include <string.h>

void updraft_openapi_show(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    const char *known = updraft_request_header(request, "If-None-Match");

    (void)view;
    (void)plan;
    updraft_response_header_constant(response, "ETag", updraft_openapi_etag);
    updraft_response_header_constant(response, "Cache-Control", "no-cache");
    if (known != NULL && strcmp(known, updraft_openapi_etag) == 0) {
        response->status = 304;
        return;
    }
    updraft_response_header_constant(response, "Content-Type", "application/json");
    response->status = 200;
    response->constant = updraft_openapi;
    response->body_len = updraft_openapi_len;
}
