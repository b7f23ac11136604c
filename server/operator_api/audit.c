/* Who did what. The rows are written with what they tell of, in one commit (writer.c). */
#include "server/operator_api/operator_api.h"

#include "server/operator_api/page.h"

static void put_row(struct updraft_json *json, const struct updraft_audit_row *row)
{
    updraft_json_open(json, NULL, '{');
    updraft_json_number(json, "id", row->id);
    updraft_json_number(json, "at", row->at_ms);
    updraft_json_text(json, "operator", row->operator_name);
    updraft_json_text(json, "request", row->endpoint);
    updraft_json_text(json, "object", row->object);
    updraft_json_text(json, "address", row->address);
    updraft_json_number(json, "status", row->status);
    updraft_json_close(json, '}');
}

void updraft_audit_list(const struct updraft_view *view, const struct updraft_request *request,
                        struct updraft_plan *plan, struct updraft_response *response)
{
    int64_t id = view->fleet->audit_newest_id;
    const struct updraft_audit_row *row;
    struct updraft_page page = {.limit = 100};
    struct updraft_json json;

    (void)plan;
    if (!updraft_page_read(&page, request, "before", response))
        return;
    if (page.cursor != 0 && page.cursor <= id)
        id = page.cursor - 1;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_open(&json, "audit", '[');
    for (; page.limit > 0 && (row = updraft_fleet_find_audit(view->fleet, id)) != NULL; id--) {
        put_row(&json, row);
        page.limit--;
    }
    updraft_json_close(&json, ']');
    updraft_page_next(&json, updraft_fleet_find_audit(view->fleet, id) == NULL ? 0 : id + 1);
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}
