#include "server/operator_api/operator_api.h"

#include "format/text.h"
#include "server/operator_api/objects.h"

#include <string.h>

#define ATTEMPTS_DEFAULT 100u
#define ATTEMPTS_MOST    1000u

static const struct updraft_refusal no_device = {404, "device_not_found",
                                                 "List the known devices with 'updraft devices'."};

static const struct updraft_device *find_device(const struct updraft_view *view, const char *text)
{
    char id[UPDRAFT_DEVICE_ID_CAP];

    return updraft_device_id_normalise(text, id) ? updraft_fleet_find_device(view->fleet, id)
                                                 : NULL;
}

void updraft_devices_list(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    struct updraft_json json;

    (void)request;
    (void)plan;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_objects_devices(&json, view->fleet);
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
    static const struct updraft_refusal bad_limit = {400, "bad_limit",
                                                     "Give a number of 1 to 1000."};
    const char *id = updraft_request_query(request, "device");
    const char *limit_text = updraft_request_query(request, "limit");
    const struct updraft_device *device = id == NULL ? NULL : find_device(view, id);
    uint32_t limit = ATTEMPTS_DEFAULT;
    struct updraft_json json;
    size_t used;

    (void)plan;
    if (limit_text != NULL &&
        (!updraft_text_parse_u32(limit_text, strlen(limit_text), &limit, &used) ||
         limit_text[used] != '\0' || limit == 0 || limit > ATTEMPTS_MOST)) {
        updraft_response_refuse(response, &bad_limit, "limit is not usable");
        return;
    }
    if (id != NULL && device == NULL) {
        updraft_response_refuse(response, &no_device, "no device has this id");
        return;
    }
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_objects_attempts(&json, view->fleet, device, limit);
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}
