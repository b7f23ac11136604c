/* PATCH /api/v1/devices/ID and POST /api/v1/devices/bulk: what operators say of devices. */
#include "server/operator_api/label_edit.h"
#include "server/operator_api/objects.h"
#include "server/operator_api/operator_api.h"
#include "server/operator_api/selection.h"

#include <string.h>

#define CHANGES_MOST 1000u /* by one request */

static const struct updraft_refusal bad_edit = {
    400, "bad_labels",
    "Send {\"group\":\"garage\",\"add_tags\":[\"lab\"],\"attributes\":{\"site\":\"hall 3\"}}, or "
    "what else is to change."};

static bool same(const struct updraft_labels_row *a, const struct updraft_labels_row *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->group, b->group) == 0 &&
           strcmp(a->tags, b->tags) == 0 && strcmp(a->attributes, b->attributes) == 0 &&
           strcmp(a->channel, b->channel) == 0 && a->retry_ms == b->retry_ms;
}

/* NULL, or why it cannot be; *changed says whether there was anything to do. */
static const char *plan_edit(const struct updraft_view *view, struct updraft_plan *plan,
                             const struct updraft_device *device,
                             const struct updraft_label_edit *edit, bool *changed)
{
    struct updraft_labels_row before, after;
    const char *wrong;

    updraft_device_labels(device, &before);
    after = before;
    wrong = updraft_label_edit_apply(edit, view->now_ms, &after);
    *changed = wrong == NULL && !same(&before, &after);
    if (*changed)
        updraft_plan_add(plan, UPDRAFT_CHANGE_LABELS)->row.labels = after;
    return wrong;
}

/* --- one --- */

static void show(const struct updraft_view *view, const struct updraft_request *request,
                 struct updraft_response *response)
{
    struct updraft_json json;

    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_object_device(&json, "device", view->fleet,
                          updraft_selection_device(view, request->segments[0]));
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}

void updraft_devices_edit(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    static const char *const also[] = {NULL};
    const struct updraft_device *device = updraft_selection_device(view, request->segments[0]);
    cJSON *json = cJSON_ParseWithLength(request->body, request->body_len);
    struct updraft_label_edit edit;
    const char *wrong = updraft_label_edit_read(json, also, &edit);
    bool changed = false;

    if (wrong == NULL && device != NULL) {
        updraft_plan_about(plan, "%s", device->id);
        wrong = plan_edit(view, plan, device, &edit, &changed);
    }
    cJSON_Delete(json);
    if (wrong != NULL) {
        updraft_response_refuse(response, &bad_edit, "%s", wrong);
    } else if (device == NULL) {
        updraft_response_refuse(response, &updraft_selection_no_device, "no device has this id");
    } else if (!changed) {
        show(view, request, response);
    } else {
        plan->key = UPDRAFT_PLAN_KEY_CATALOGUE;
        response->status = 200;
        response->after_commit = show;
    }
}

/* --- many --- */

struct bulk {
    struct updraft_label_edit edit;
    const cJSON *ids; /* or */
    struct updraft_selection selection;
    int64_t after;
    int64_t matched;
    int64_t changed;
    int64_t next; /* 0: all was looked at */
};

static const char *read_bulk(const cJSON *json, struct bulk *bulk,
                             struct updraft_filter_problem *problem)
{
    static const char *const also[] = {"ids", "filter", "product", "after", NULL};
    const char *wrong = updraft_label_edit_read(json, also, &bulk->edit);
    const cJSON *filter = cJSON_GetObjectItemCaseSensitive(json, "filter");
    const cJSON *product = cJSON_GetObjectItemCaseSensitive(json, "product");
    const cJSON *after = cJSON_GetObjectItemCaseSensitive(json, "after");
    const cJSON *id;

    bulk->ids = cJSON_GetObjectItemCaseSensitive(json, "ids");
    if (wrong != NULL)
        return wrong;
    if ((bulk->ids == NULL) == (filter == NULL))
        return "say either ids or filter";
    if (bulk->ids != NULL &&
        (!cJSON_IsArray(bulk->ids) || cJSON_GetArraySize(bulk->ids) > (int)CHANGES_MOST))
        return "ids is a list of up to 1000 texts";
    cJSON_ArrayForEach(id, bulk->ids)
    {
        if (!cJSON_IsString(id))
            return "ids is a list of up to 1000 texts";
    }
    if (filter != NULL && !cJSON_IsString(filter))
        return "filter is a text";
    if (product != NULL && !cJSON_IsString(product))
        return "product is a text";
    if (after != NULL &&
        (!cJSON_IsNumber(after) || after->valuedouble < 0 || after->valuedouble > 1e15))
        return "after is what the answer before had as \"next\"";
    bulk->after = after == NULL ? 0 : (int64_t)after->valuedouble;
    bulk->selection.product = product == NULL ? NULL : product->valuestring;
    if (filter != NULL &&
        !updraft_filter_parse(filter->valuestring, &bulk->selection.filter, problem))
        return problem->text;
    return NULL;
}

static const char *edit_one(const struct updraft_view *view, struct updraft_plan *plan,
                            const struct updraft_device *device, struct bulk *bulk)
{
    bool changed;
    const char *wrong = plan_edit(view, plan, device, &bulk->edit, &changed);

    bulk->matched++;
    bulk->changed += changed;
    return wrong;
}

static const char *edit_listed(const struct updraft_view *view, struct updraft_plan *plan,
                               struct bulk *bulk)
{
    const char *wrong = NULL;
    const cJSON *id;

    cJSON_ArrayForEach(id, bulk->ids)
    {
        const struct updraft_device *device = updraft_selection_device(view, id->valuestring);
        if (device != NULL && wrong == NULL)
            wrong = edit_one(view, plan, device, bulk);
    }
    return wrong;
}

static const char *edit_selected(const struct updraft_view *view, struct updraft_plan *plan,
                                 struct bulk *bulk)
{
    const struct updraft_fleet *fleet = view->fleet;
    size_t at =
        (uint64_t)bulk->after < fleet->device_count ? (size_t)bulk->after : fleet->device_count;
    const char *wrong = NULL;

    for (size_t looked = 0; at < fleet->device_count && looked < UPDRAFT_SELECTION_SLICE &&
                            bulk->changed < CHANGES_MOST && wrong == NULL;
         at++, looked++) {
        if (updraft_selection_takes(&bulk->selection, fleet->devices[at]))
            wrong = edit_one(view, plan, fleet->devices[at], bulk);
    }
    bulk->next = at < fleet->device_count ? (int64_t)at : 0;
    return wrong;
}

void updraft_devices_bulk(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    cJSON *parsed = cJSON_ParseWithLength(request->body, request->body_len);
    struct bulk bulk = {.matched = 0};
    struct updraft_filter_problem problem;
    struct updraft_json json;
    const char *wrong = read_bulk(parsed, &bulk, &problem);

    if (wrong == NULL)
        wrong =
            bulk.ids != NULL ? edit_listed(view, plan, &bulk) : edit_selected(view, plan, &bulk);
    if (wrong != NULL) {
        plan->count = 0;
        updraft_response_refuse(response, &bad_edit, "%s", wrong);
        cJSON_Delete(parsed);
        return;
    }
    cJSON_Delete(parsed);
    updraft_plan_about(plan, "%lld devices", (long long)bulk.changed);
    plan->key = UPDRAFT_PLAN_KEY_CATALOGUE;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_number(&json, "matched", bulk.matched);
    updraft_json_number(&json, "changed", bulk.changed);
    updraft_page_next(&json, bulk.next);
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}
