#include "server/operator_api/operator_api.h"

#include "server/operator_api/objects.h"
#include "updraft_version.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OVERVIEW_ATTEMPTS 50u

void updraft_overview_show(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response)
{
    const char *known = updraft_request_header(request, "If-None-Match");
    const struct updraft_page newest = {.limit = OVERVIEW_ATTEMPTS};
    struct updraft_page first = {.limit = UPDRAFT_PAGE_LIMIT_MOST};
    struct updraft_json json;
    char etag[32];

    (void)plan;
    if (!updraft_page_read(&first, request, "after", response))
        return;
    snprintf(etag, sizeof etag, "\"%" PRIu64 "\"", view->fleet->generation);
    updraft_response_header(response, "ETag", etag);
    updraft_response_header(response, "Cache-Control", "no-cache");
    if (known != NULL && strcmp(known, etag) == 0) {
        response->status = 304;
        return;
    }
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_number(&json, "generation", (int64_t)view->fleet->generation);
    updraft_json_number(&json, "now", view->now_ms);
    updraft_objects_summary(&json, view->fleet);
    int64_t next = updraft_objects_devices(&json, view->fleet, &first);
    if (next == 0)
        updraft_json_null(&json, "devices_next");
    else
        updraft_json_number(&json, "devices_next", next);
    updraft_objects_releases(&json, view->fleet);
    updraft_objects_channels(&json, view->fleet);
    updraft_objects_attempts(&json, view->fleet, NULL, &newest);
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}

void updraft_health_show(const struct updraft_view *view, const struct updraft_request *request,
                         struct updraft_plan *plan, struct updraft_response *response)
{
    (void)view;
    (void)request;
    (void)plan;
    updraft_response_text(response, 200, "application/json",
                          "{\"status\":\"ok\",\"version\":\"" UPDRAFT_VERSION "\"}");
    updraft_response_header(response, "Cache-Control", "no-store");
}
