#include "server/operator_api/operator_api.h"

#include "server/operator_api/objects.h"
#include "server/operator_api/page.h"
#include "server/rollouts/member.h"

#include <string.h>

static const struct updraft_refusal no_device = {404, "device_not_found",
                                                 "List the known devices with 'updraft devices'."};

static const struct updraft_device *find_device(const struct updraft_view *view, const char *text)
{
    char id[UPDRAFT_DEVICE_ID_CAP];

    return updraft_device_id_take(text, id) ? updraft_fleet_find_device(view->fleet, id) : NULL;
}

/* --- which devices are asked for; NULL: whatever there is --- */

#define BREATHE_AFTER 4096u

struct wish {
    struct updraft_filter filter;
    const char *product;
    const char *channel;
    const char *states; /* "failed,rolled_back" */
    const char *search; /* a piece of the name, id, version or address, in any case */
};

/* Whether a list with commas between holds the word. */
static bool lists(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (; list != NULL; list = strchr(list, ',')) {
        list += *list == ',';
        if (strncmp(list, word, len) == 0 && (list[len] == ',' || list[len] == '\0'))
            return true;
    }
    return false;
}

/* Whether each word of the list is a state that a device can be in. */
static bool are_states(const char *list)
{
    size_t words = 1, known = 0;

    for (const char *at = list; *at != '\0'; at++)
        words += *at == ',';
    for (int i = 0; i < UPDRAFT_ATTEMPT_STATE_COUNT; i++)
        known += lists(list, updraft_standing_name((enum updraft_attempt_state)i));
    return words == known;
}

/* False when it is not usable: the response says so. */
static bool read_wish(struct wish *wish, const struct updraft_request *request,
                      struct updraft_response *response)
{
    static const struct updraft_refusal bad_filter = {
        400, "bad_filter", "Write terms such as version<1.2 name~\"hall*\"; all must hold."};
    static const struct updraft_refusal bad_state = {
        400, "bad_state",
        "Name states with commas between, each once: seen, offered, postponed, downloading, "
        "written, trial, confirmed, rolled_back, failed."};
    const char *filter = updraft_request_query(request, "filter");
    struct updraft_filter_problem problem;

    *wish = (struct wish){.product = updraft_request_query(request, "product"),
                          .channel = updraft_request_query(request, "channel"),
                          .states = updraft_request_query(request, "state"),
                          .search = updraft_request_query(request, "search")};
    if (filter != NULL && !updraft_filter_parse(filter, &wish->filter, &problem)) {
        updraft_response_refuse(response, &bad_filter, "filter, at character %zu: %s",
                                problem.at + 1, problem.text);
        return false;
    }
    if (wish->states != NULL && !are_states(wish->states)) {
        updraft_response_refuse(response, &bad_state, "that is no list of states");
        return false;
    }
    return true;
}

static bool is_found(const struct updraft_device *device, const char *search)
{
    char address[UPDRAFT_ADDRESS_CAP];

    updraft_address_show(&device->address, address);
    return strcasestr(device->id, search) != NULL || strcasestr(device->name, search) != NULL ||
           strcasestr(device->version, search) != NULL || strcasestr(address, search) != NULL;
}

static bool is_wished(const struct wish *wish, const struct updraft_device *device)
{
    struct updraft_candidate candidate;

    if ((wish->product != NULL && strcmp(wish->product, device->product) != 0) ||
        (wish->channel != NULL && strcmp(wish->channel, device->channel) != 0) ||
        (wish->states != NULL &&
         !lists(wish->states, updraft_standing_name(updraft_device_standing(device)))) ||
        (wish->search != NULL && !is_found(device, wish->search)))
        return false;
    updraft_candidate_of_device(device, &candidate);
    return updraft_filter_matches(&wish->filter, &candidate.facts);
}

/* The page that begins at the cursor. Gives the next cursor: 0 when no further device is wished. */
static int64_t put_page(struct updraft_json *json, const struct updraft_fleet *fleet,
                        const struct wish *wish, const struct updraft_page *page)
{
    uint32_t left = page->limit;
    int64_t next = 0;

    updraft_json_open(json, "devices", '[');
    for (size_t at = (size_t)page->cursor; at < fleet->device_count && next == 0; at++) {
        if (at % BREATHE_AFTER == BREATHE_AFTER - 1)
            updraft_fleet_breathe(fleet);
        if (!is_wished(wish, fleet->devices[at]))
            continue;
        if (left == 0) {
            next = (int64_t)at;
            continue;
        }
        updraft_object_device(json, NULL, fleet, fleet->devices[at]);
        left--;
    }
    updraft_json_close(json, ']');
    return next;
}

void updraft_devices_list(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    struct updraft_page page = {.limit = UPDRAFT_PAGE_LIMIT_MOST};
    struct updraft_json json;
    struct wish wish;

    (void)plan;
    if (!updraft_page_read(&page, request, "after", response) ||
        !read_wish(&wish, request, response))
        return;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_page_next(&json, put_page(&json, view->fleet, &wish, &page));
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
