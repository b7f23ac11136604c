#include "server/operator_api/operator_api.h"

#include "server/operator_api/objects.h"
#include "server/operator_api/page.h"

#include <string.h>

static const struct updraft_refusal no_device = {404, "device_not_found",
                                                 "List the known devices with 'updraft devices'."};

static const struct updraft_device *find_device(const struct updraft_view *view, const char *text)
{
    char id[UPDRAFT_DEVICE_ID_CAP];

    return updraft_device_id_take(text, id) ? updraft_fleet_find_device(view->fleet, id) : NULL;
}

void updraft_devices_list(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    struct updraft_page page = {.limit = UPDRAFT_PAGE_LIMIT_MOST};
    struct updraft_json json;

    (void)plan;
    if (!updraft_page_read(&page, request, "after", response))
        return;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_page_next(&json, updraft_objects_devices(&json, view->fleet, &page));
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}

void updraft_devices_show(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    const struct updraft_device *device = find_device(view, request->segments[0]);
    struct updraft_json json;

    (void)plan;
    if (device == NULL) {
        updraft_response_refuse(response, &no_device, "no device has this id");
        return;
    }
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_object_device(&json, "device", view->fleet, device);
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}

void updraft_attempts_list(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response)
{
    const char *id = updraft_request_query(request, "device");
    const struct updraft_device *device = id == NULL ? NULL : find_device(view, id);
    struct updraft_page page = {.limit = 100};
    struct updraft_json json;

    (void)plan;
    if (!updraft_page_read(&page, request, "before", response))
        return;
    if (id != NULL && device == NULL) {
        updraft_response_refuse(response, &no_device, "no device has this id");
        return;
    }
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_page_next(&json, updraft_objects_attempts(&json, view->fleet, device, &page));
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}
