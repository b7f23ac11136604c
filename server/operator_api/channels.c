#include "server/operator_api/operator_api.h"

#include "server/operator_api/objects.h"
#include "server/operator_api/withdraw.h"

#include <cjson/cJSON.h>
#include <string.h>

void updraft_channels_list(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response)
{
    struct updraft_json json;

    (void)request;
    (void)plan;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_objects_channels(&json, view->fleet);
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}

static void show(const struct updraft_view *view, const struct updraft_request *request,
                 struct updraft_response *response)
{
    const struct updraft_product *product =
        updraft_fleet_find_product(view->fleet, request->segments[0]);
    struct updraft_json json;

    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_object_channel(
        &json, "channel",
        updraft_fleet_find_channel(view->fleet, product->row.id, request->segments[1]));
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}

/* The version member of the body, copied into version; false when the body is not as it must be. */
static bool read_version(const struct updraft_request *request, char version[UPDRAFT_VERSION_CAP])
{
    cJSON *json = updraft_json_read(request->body, request->body_len);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, "version");
    bool ok = cJSON_IsString(item) && updraft_version_valid(item->valuestring);

    if (ok)
        updraft_name_set(version, UPDRAFT_VERSION_CAP, item->valuestring);
    cJSON_Delete(json);
    return ok;
}

void updraft_channels_set(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    static const struct updraft_refusal bad_body = {
        400, "bad_json", "Send {\"version\":\"1.1.0\"} with the version of a release."};
    static const struct updraft_refusal bad_name = {
        400, "bad_name", "Use 1 to 64 of A-Z a-z 0-9 . _ - for product and channel."};
    static const struct updraft_refusal no_product = {
        404, "product_not_found",
        "List the products with 'updraft releases'; publish to make one."};
    static const struct updraft_refusal no_release = {
        404, "release_not_found", "List the releases with 'updraft releases'; publish it first."};
    const char *product_name = request->segments[0], *channel_name = request->segments[1];
    char version[UPDRAFT_VERSION_CAP];

    if (!updraft_name_valid(product_name) || !updraft_name_valid(channel_name)) {
        updraft_response_refuse(response, &bad_name, "that is no name of a product or channel");
        return;
    }
    if (!read_version(request, version)) {
        updraft_response_refuse(response, &bad_body, "the body names no version");
        return;
    }
    updraft_plan_about(plan, "%s %s to %s", product_name, channel_name, version);
    const struct updraft_product *product = updraft_fleet_find_product(view->fleet, product_name);
    if (product == NULL) {
        updraft_response_refuse(response, &no_product, "there is no product '%s'", product_name);
        return;
    }
    const struct updraft_release *release =
        updraft_fleet_find_release(view->fleet, product->row.id, version);
    if (release == NULL) {
        updraft_response_refuse(response, &no_release, "product '%s' has no release %s",
                                product_name, version);
        return;
    }
    const struct updraft_channel *channel =
        updraft_fleet_find_channel(view->fleet, product->row.id, channel_name);
    if (channel != NULL && channel->release == release) {
        show(view, request, response);
        return;
    }
    if (!updraft_release_let_offer(release, NULL, response) ||
        !updraft_rollouts_let_move(channel, response))
        return;
    struct updraft_channel_row *row = &updraft_plan_add(plan, UPDRAFT_CHANGE_CHANNEL)->row.channel;
    row->product_id = product->row.id;
    row->release_id = release->row.id;
    updraft_name_set(row->name, sizeof row->name, channel_name);
    plan->key = UPDRAFT_PLAN_KEY_CATALOGUE;
    response->status = 200;
    response->after_commit = show;
}
