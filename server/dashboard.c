#include "server/dashboard.h"

#include <string.h>

void updraft_dashboard_answer(const struct updraft_view *view,
                              const struct updraft_request *request, struct updraft_plan *plan,
                              struct updraft_response *response)
{
    const char *known = updraft_request_header(request, "If-None-Match");

    (void)view;
    (void)plan;
    updraft_response_header_constant(response, "ETag", updraft_dashboard_etag);
    updraft_response_header_constant(response, "Cache-Control", "no-cache");
    updraft_response_header_constant(response, "Content-Security-Policy", updraft_dashboard_policy);
    updraft_response_header_constant(response, "Referrer-Policy", "no-referrer");
    if (known != NULL && strcmp(known, updraft_dashboard_etag) == 0) {
        response->status = 304;
        return;
    }
    updraft_response_header_constant(response, "Content-Type", "text/html; charset=utf-8");
    response->status = 200;
    response->constant = updraft_dashboard_page;
    response->body_len = updraft_dashboard_page_len;
}
