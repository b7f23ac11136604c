/* GET /api/v1/history?product=NAME[&limit=N&after=CURSOR]: which versions ran, hour by hour. */
#include "server/operator_api/operator_api.h"

#include "server/operator_api/page.h"

#include <string.h>

static void put_count(struct updraft_json *json, const char *version, uint32_t devices)
{
    updraft_json_open(json, NULL, '{');
    updraft_json_text(json, "version", version);
    updraft_json_number(json, "devices", devices);
    updraft_json_close(json, '}');
}

static void open_moment(struct updraft_json *json, const char *key, int64_t at_ms)
{
    updraft_json_open(json, key, '{');
    updraft_json_number(json, "at", at_ms);
    updraft_json_open(json, "versions", '[');
}

static void close_moment(struct updraft_json *json)
{
    updraft_json_close(json, ']');
    updraft_json_close(json, '}');
}

/* The moments after the page's cursor; gives the cursor of the next page, 0 after the last. */
static int64_t put_moments(struct updraft_json *json, const struct updraft_history *history,
                           const char *product, const struct updraft_page *page)
{
    int64_t at_ms = 0;
    uint32_t moments = 0;

    updraft_json_open(json, "history", '[');
    for (size_t i = 0; i < history->count; i++) {
        const struct updraft_history_entry *entry = &history->entries[i];
        if (entry->product == NULL || entry->at_ms <= page->cursor ||
            strcmp(entry->product, product) != 0)
            continue;
        if (moments == 0 || entry->at_ms != at_ms) {
            if (moments == page->limit) {
                close_moment(json);
                updraft_json_close(json, ']');
                return at_ms;
            }
            if (moments++ > 0)
                close_moment(json);
            at_ms = entry->at_ms;
            open_moment(json, NULL, at_ms);
        }
        put_count(json, entry->version, entry->devices);
    }
    if (moments > 0)
        close_moment(json);
    updraft_json_close(json, ']');
    return 0;
}

static void put_now(struct updraft_json *json, const struct updraft_view *view, const char *product)
{
    uint32_t left = UPDRAFT_HISTORY_GROUPS_MOST;

    open_moment(json, "now", view->now_ms);
    for (const struct updraft_group *group = view->fleet->tally.first; group != NULL && left > 0;
         group = group->next) {
        if (strcmp(group->product, product) == 0) {
            put_count(json, group->version, group->count);
            left--;
        }
    }
    close_moment(json);
}

void updraft_history_list(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    static const struct updraft_refusal missing = {400, "product_missing",
                                                   "Say which: /api/v1/history?product=NAME."};
    static const struct updraft_refusal unknown = {
        404, "product_not_found",
        "List the products with 'updraft releases'; publish to make one."};
    const char *product = updraft_request_query(request, "product");
    struct updraft_page page = {.limit = UPDRAFT_PAGE_LIMIT_MOST};
    struct updraft_json json;

    (void)plan;
    if (!updraft_page_read(&page, request, "after", response))
        return;
    if (product == NULL) {
        updraft_response_refuse(response, &missing, "the query names no product");
        return;
    }
    if (updraft_fleet_find_product(view->fleet, product) == NULL) {
        updraft_response_refuse(response, &unknown, "there is no such product");
        return;
    }
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_text(&json, "product", product);
    int64_t next = put_moments(&json, &view->fleet->history, product, &page);
    updraft_page_next(&json, next);
    put_now(&json, view, product);
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}
