#include "server/operator_api/operator_api.h"

#include "server/operator_api/objects.h"
#include "server/operator_api/selection.h"

void updraft_devices_list(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    const char *order = updraft_request_query(request, "sort");
    struct updraft_page page = {.limit = UPDRAFT_PAGE_LIMIT_MOST};
    struct updraft_selection selection;
    struct updraft_selected selected;
    struct updraft_json json;

    (void)plan;
    if (!updraft_page_read(&page, request, "after", response) ||
        !updraft_selection_read(request, &selection, response))
        return;
    if (order == NULL)
        updraft_selection_page(view->fleet, &selection, &page, &selected);
    else if (!updraft_selection_sorted(view->fleet, &selection, order, &page, &selected, response))
        return;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_open(&json, "devices", '[');
    for (size_t i = 0; i < selected.count; i++)
        updraft_object_device(&json, NULL, view->fleet, selected.devices[i]);
    updraft_json_close(&json, ']');
    updraft_page_next(&json, selected.next);
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}

void updraft_devices_show(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    const struct updraft_device *device = updraft_selection_device(view, request->segments[0]);
    struct updraft_json json;

    (void)plan;
    if (device == NULL) {
        updraft_response_refuse(response, &updraft_selection_no_device, "no device has this id");
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
    const struct updraft_device *device = id == NULL ? NULL : updraft_selection_device(view, id);
    struct updraft_page page = {.limit = 100};
    struct updraft_json json;

    (void)plan;
    if (!updraft_page_read(&page, request, "before", response))
        return;
    if (id != NULL && device == NULL) {
        updraft_response_refuse(response, &updraft_selection_no_device, "no device has this id");
        return;
    }
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_page_next(&json, updraft_objects_attempts(&json, view->fleet, device, &page));
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}
