#include "server/operator_api/selection.h"

#include "format/version.h"
#include "server/memory.h"

#include <stdlib.h>
#include <string.h>

#define BREATHE_AFTER 4096u

const struct updraft_refusal updraft_selection_no_device = {
    404, "device_not_found", "List the known devices with 'updraft devices'."};

const struct updraft_device *updraft_selection_device(const struct updraft_view *view,
                                                      const char *text)
{
    char id[UPDRAFT_DEVICE_ID_CAP];

    return updraft_device_id_take(text, id) ? updraft_fleet_find_device(view->fleet, id) : NULL;
}

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

bool updraft_selection_read(const struct updraft_request *request,
                            struct updraft_selection *selection, struct updraft_response *response)
{
    static const struct updraft_refusal bad_filter = {
        400, "bad_filter", "Write terms such as version<1.2 name~\"hall*\"; all must hold."};
    static const struct updraft_refusal bad_state = {
        400, "bad_state",
        "Name states with commas between, each once: seen, offered, postponed, downloading, "
        "written, trial, confirmed, rolled_back, failed."};
    const char *filter = updraft_request_query(request, "filter");
    struct updraft_filter_problem problem;

    *selection = (struct updraft_selection){.product = updraft_request_query(request, "product"),
                                            .channel = updraft_request_query(request, "channel"),
                                            .states = updraft_request_query(request, "state"),
                                            .search = updraft_request_query(request, "search")};
    if (filter != NULL && !updraft_filter_parse(filter, &selection->filter, &problem)) {
        updraft_response_refuse(response, &bad_filter, "filter, at character %zu: %s",
                                problem.at + 1, problem.text);
        return false;
    }
    if (selection->states != NULL && !are_states(selection->states)) {
        updraft_response_refuse(response, &bad_state, "that is no list of states");
        return false;
    }
    return true;
}

static bool is_found(const struct updraft_device *device, const char *search)
{
    char address[UPDRAFT_ADDRESS_CAP];

    updraft_address_show(&device->address, address);
    return strcasestr(device->id, search) != NULL ||
           strcasestr(updraft_device_name(device), search) != NULL ||
           strcasestr(device->version, search) != NULL || strcasestr(address, search) != NULL;
}

bool updraft_selection_takes(const struct updraft_selection *selection,
                             const struct updraft_device *device)
{
    struct updraft_candidate candidate;

    if ((selection->product != NULL && strcmp(selection->product, device->product) != 0) ||
        (selection->channel != NULL &&
         strcmp(selection->channel, updraft_device_channel(device)) != 0) ||
        (selection->states != NULL &&
         !lists(selection->states, updraft_standing_name(updraft_device_standing(device)))) ||
        (selection->search != NULL && !is_found(device, selection->search)))
        return false;
    if (selection->filter.count == 0)
        return true;
    updraft_candidate_of_device(device, &candidate);
    return updraft_filter_matches(&selection->filter, &candidate.facts);
}

void updraft_selection_page(const struct updraft_fleet *fleet,
                            const struct updraft_selection *selection,
                            const struct updraft_page *page, struct updraft_selected *out)
{
    out->count = 0;
    out->next = 0;
    for (size_t at = (size_t)page->cursor; at < fleet->device_count && out->next == 0; at++) {
        if (at % BREATHE_AFTER == BREATHE_AFTER - 1)
            updraft_fleet_breathe(fleet);
        if (!updraft_selection_takes(selection, fleet->devices[at]))
            continue;
        if (out->count == page->limit)
            out->next = (int64_t)at;
        else
            out->devices[out->count++] = fleet->devices[at];
    }
}

/* --- sorted --- */

typedef int (*compare_fn)(const struct updraft_device *a, const struct updraft_device *b);

static int by_id(const struct updraft_device *a, const struct updraft_device *b)
{
    return strcmp(a->id, b->id);
}

static int by_name(const struct updraft_device *a, const struct updraft_device *b)
{
    return strcmp(updraft_device_name(a), updraft_device_name(b));
}

static int by_version(const struct updraft_device *a, const struct updraft_device *b)
{
    return updraft_version_compare(a->version, b->version);
}

static int by_product(const struct updraft_device *a, const struct updraft_device *b)
{
    return strcmp(a->product, b->product);
}

static int by_group(const struct updraft_device *a, const struct updraft_device *b)
{
    return strcmp(updraft_device_more(a)->group, updraft_device_more(b)->group);
}

static int by_state(const struct updraft_device *a, const struct updraft_device *b)
{
    return (int)updraft_device_standing(a) - (int)updraft_device_standing(b);
}

static int by_last_seen(const struct updraft_device *a, const struct updraft_device *b)
{
    return (a->last_seen_ms > b->last_seen_ms) - (a->last_seen_ms < b->last_seen_ms);
}

/* qsort_r with what it compares by; the id makes the order whole, and pages of it fit together. */
struct order {
    compare_fn compare;
    int sign;
};

static int compare(const void *a, const void *b, void *ctx)
{
    const struct updraft_device *one = *(const struct updraft_device *const *)a;
    const struct updraft_device *other = *(const struct updraft_device *const *)b;
    const struct order *order = ctx;
    int result = order->compare(one, other);

    return order->sign * (result != 0 ? result : by_id(one, other));
}

static bool find_order(const char *name, struct order *order)
{
    static const struct {
        const char *name;
        compare_fn compare;
    } orders[] = {{"id", by_id},
                  {"name", by_name},
                  {"version", by_version},
                  {"product", by_product},
                  {"group", by_group},
                  {"state", by_state},
                  {"last_seen", by_last_seen}};

    order->sign = name[0] == '-' ? -1 : 1;
    name += name[0] == '-';
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        if (strcmp(orders[i].name, name) == 0) {
            order->compare = orders[i].compare;
            return true;
        }
    }
    return false;
}

bool updraft_selection_sorted(const struct updraft_fleet *fleet,
                              const struct updraft_selection *selection, const char *order_name,
                              const struct updraft_page *page, struct updraft_selected *out,
                              struct updraft_response *response)
{
    static const struct updraft_refusal bad_order = {
        400, "bad_sort", "Sort by id, name, version, product, group, state or last_seen."};
    static const struct updraft_refusal too_many = {422, "too_many_to_sort",
                                                    "Leave sort away, and go through the pages."};
    const struct updraft_device **all;
    struct order order;
    size_t count = 0;

    if (!find_order(order_name, &order)) {
        updraft_response_refuse(response, &bad_order, "there is no such order");
        return false;
    }
    if (fleet->device_count > UPDRAFT_SELECTION_SLICE) {
        updraft_response_refuse(response, &too_many, "up to %u devices can be sorted",
                                UPDRAFT_SELECTION_SLICE);
        return false;
    }
    all = updraft_memory_new((fleet->device_count + 1) * sizeof *all);
    for (size_t i = 0; i < fleet->device_count; i++) {
        if (updraft_selection_takes(selection, fleet->devices[i]))
            all[count++] = fleet->devices[i];
    }
    qsort_r(all, count, sizeof *all, compare, &order);
    size_t at = (uint64_t)page->cursor < count ? (size_t)page->cursor : count;
    size_t end = count - at > page->limit ? at + page->limit : count;
    out->count = end - at;
    memcpy(out->devices, all + at, out->count * sizeof *all);
    out->next = end < count ? (int64_t)end : 0;
    free(all);
    return true;
}
