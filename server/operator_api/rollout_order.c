#include "server/operator_api/rollout_order.h"
#include "server/operator_api/withdraw.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define STAGES_DEFAULT "1% 10% 50% 100%"
#define TIME_MOST_MS   253402300799000.0 /* the year 9999 */
#define RATE_MOST      1000000.0

static const struct updraft_gates gates_default = {.confirmed_least = 95,
                                                   .failed_most = 10,
                                                   .rolled_back_most = 5,
                                                   .silent_most = 10,
                                                   .soak_s = 600,
                                                   .silent_after_s = 24 * 3600};

static const struct updraft_refusal bad_body = {
    400, "bad_json",
    "Send {\"product\":\"demo\",\"version\":\"1.1.0\"}; \"channel\", \"filter\", \"stages\", "
    "\"gates\", "
    "\"start\", \"window\", \"rate_per_min\" and \"pause_on_success\" may be there."};

/* --- members: each gives NULL, or what is wrong --- */

static const char *read_text(const cJSON *object, const char *key, char *out, size_t cap)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    if (item == NULL || cJSON_IsNull(item))
        return NULL;
    if (!cJSON_IsString(item) || strlen(item->valuestring) >= cap ||
        !updraft_label_valid(item->valuestring, cap))
        return "a text member is no text, too long, or cannot be shown";
    updraft_name_set(out, cap, item->valuestring);
    return NULL;
}

static bool read_number(const cJSON *object, const char *key, double least, double most,
                        double *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    if (item == NULL || cJSON_IsNull(item))
        return true;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= least && item->valuedouble <= most) ||
        floor(item->valuedouble) != item->valuedouble)
        return false;
    *out = item->valuedouble;
    return true;
}

static const char *check_members(const cJSON *object, const char *const *known)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, object)
    {
        const char *const *at = known;
        while (*at != NULL && strcmp(*at, item->string) != 0)
            at++;
        if (*at == NULL)
            return "there is a member that a rollout does not have";
    }
    return NULL;
}

/* A text, or a list of texts. */
static const char *read_stages(const cJSON *json, char stages[UPDRAFT_STAGES_TEXT_CAP])
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, "stages"), *stage;
    size_t len = 0;

    if (!cJSON_IsArray(item))
        return read_text(json, "stages", stages, UPDRAFT_STAGES_TEXT_CAP);
    stages[0] = '\0';
    cJSON_ArrayForEach(stage, item)
    {
        if (!cJSON_IsString(stage) ||
            len + 1 + strlen(stage->valuestring) >= UPDRAFT_STAGES_TEXT_CAP)
            return "stages must be a text, or a list of texts such as \"10%\"";
        len += (size_t)snprintf(stages + len, UPDRAFT_STAGES_TEXT_CAP - len, "%s%s",
                                len == 0 ? "" : " ", stage->valuestring);
    }
    return NULL;
}

static const char *read_gates(const cJSON *json, struct updraft_gates *gates)
{
    static const char *const known[] = {
        "confirmed_least", "failed_most", "rolled_back_most", "silent_most", "soak_s",
        "silent_after_s",  NULL};
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(json, "gates");
    double part[4] = {gates->confirmed_least, gates->failed_most, gates->rolled_back_most,
                      gates->silent_most};
    double soak_s = gates->soak_s, silent_after_s = gates->silent_after_s;

    if (object == NULL || cJSON_IsNull(object))
        return NULL;
    if (!cJSON_IsObject(object) || check_members(object, known) != NULL)
        return "gates has confirmed_least, failed_most, rolled_back_most, silent_most, soak_s and "
               "silent_after_s";
    for (size_t i = 0; i < 4; i++) {
        if (!read_number(object, known[i], 0, 100, &part[i]))
            return "a gate is a whole percentage of 0 to 100";
    }
    if (!read_number(object, "soak_s", 0, UPDRAFT_GATES_TIME_MOST_S, &soak_s) ||
        !read_number(object, "silent_after_s", 1, UPDRAFT_GATES_TIME_MOST_S, &silent_after_s))
        return "soak_s is a number of seconds, silent_after_s too and at least 1; a year at most";
    *gates = (struct updraft_gates){.confirmed_least = (uint8_t)part[0],
                                    .failed_most = (uint8_t)part[1],
                                    .rolled_back_most = (uint8_t)part[2],
                                    .silent_most = (uint8_t)part[3],
                                    .soak_s = (uint32_t)soak_s,
                                    .silent_after_s = (uint32_t)silent_after_s};
    return NULL;
}

static const char *read_window(const cJSON *json, struct updraft_window *window)
{
    static const char *const known[] = {"from", "to", NULL};
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(json, "window");
    char from[UPDRAFT_WINDOW_TIME_CAP] = "", to[UPDRAFT_WINDOW_TIME_CAP] = "";

    if (object == NULL || cJSON_IsNull(object))
        return NULL;
    if (!cJSON_IsObject(object) || check_members(object, known) != NULL ||
        read_text(object, "from", from, sizeof from) != NULL ||
        read_text(object, "to", to, sizeof to) != NULL ||
        !updraft_window_parse_time(from, &window->from_min) ||
        !updraft_window_parse_time(to, &window->to_min))
        return "window must be {\"from\":\"22:00\",\"to\":\"04:00\"}, in UTC";
    return window->from_min == window->to_min ? "a window that ends when it begins is none" : NULL;
}

static const char *read_times(const cJSON *json, struct updraft_rollout_row *row)
{
    const cJSON *pause = cJSON_GetObjectItemCaseSensitive(json, "pause_on_success");
    double start = 0, rate = 0;

    if (!read_number(json, "start", 0, TIME_MOST_MS, &start))
        return "start must be a moment in milliseconds since 1970";
    if (!read_number(json, "rate_per_min", 0, RATE_MOST, &rate))
        return "rate_per_min must be a whole number of up to a million; 0 for any";
    if (pause != NULL && !cJSON_IsBool(pause) && !cJSON_IsNull(pause))
        return "pause_on_success must be true or false";
    row->start_ms = (int64_t)start;
    row->rate_per_min = (uint32_t)rate;
    row->pause_on_success = cJSON_IsTrue(pause);
    return read_window(json, &row->window);
}

struct names {
    char product[UPDRAFT_NAME_CAP];
    char version[UPDRAFT_VERSION_CAP];
};

static const char *read_order(const cJSON *json, struct updraft_rollout_row *row,
                              struct names *names)
{
    static const char *const known[] = {
        "product", "channel", "version",      "filter",           "stages", "gates",
        "start",   "window",  "rate_per_min", "pause_on_success", NULL};
    const char *wrong;

    memset(names, 0, sizeof *names);
    memset(row, 0, sizeof *row);
    updraft_name_set(row->channel, sizeof row->channel, "stable");
    updraft_name_set(row->stages, sizeof row->stages, STAGES_DEFAULT);
    row->gates = gates_default;
    if (!cJSON_IsObject(json))
        return "the body is no JSON object";
    if ((wrong = check_members(json, known)) != NULL ||
        (wrong = read_text(json, "product", names->product, sizeof names->product)) != NULL ||
        (wrong = read_text(json, "version", names->version, sizeof names->version)) != NULL ||
        (wrong = read_text(json, "channel", row->channel, sizeof row->channel)) != NULL ||
        (wrong = read_text(json, "filter", row->filter, sizeof row->filter)) != NULL ||
        (wrong = read_stages(json, row->stages)) != NULL ||
        (wrong = read_gates(json, &row->gates)) != NULL)
        return wrong;
    if (names->product[0] == '\0' || names->version[0] == '\0')
        return "product and version are needed";
    return read_times(json, row);
}

/* --- what it means here --- */

static bool check_texts(const struct updraft_rollout_row *row, struct updraft_response *response)
{
    static const struct updraft_refusal bad_filter = {
        400, "bad_filter",
        "Write terms such as group=garage version<1.2 tag!=lab name~\"hall*\"; all must hold."};
    static const struct updraft_refusal bad_stages = {
        400, "bad_stages", "Write them such as \"1% 10% 50% 100%\" or \"10 100 100%\"."};
    struct updraft_filter_problem problem;
    struct updraft_filter filter;
    struct updraft_stages stages;

    if (!updraft_filter_parse(row->filter, &filter, &problem)) {
        updraft_response_refuse(response, &bad_filter, "filter, at character %zu: %s",
                                problem.at + 1, problem.text);
        return false;
    }
    const char *wrong = updraft_stages_parse(row->stages, &stages);
    if (wrong != NULL)
        updraft_response_refuse(response, &bad_stages, "%s", wrong);
    return wrong == NULL;
}

static bool find_names(const struct updraft_view *view, const struct names *names,
                       struct updraft_rollout_order *order, struct updraft_response *response)
{
    static const struct updraft_refusal no_product = {
        404, "product_not_found",
        "List the products with 'updraft releases'; publish to make one."};
    static const struct updraft_refusal no_channel = {
        404, "channel_not_found",
        "A rollout takes a channel from one release to another: publish the first one with "
        "--channel."};
    static const struct updraft_refusal no_release = {
        404, "release_not_found",
        "Publish it without a channel first: 'updraft publish FILE --no-channel'."};
    const struct updraft_product *product = updraft_fleet_find_product(view->fleet, names->product);

    if (product == NULL) {
        updraft_response_refuse(response, &no_product, "there is no product '%s'", names->product);
        return false;
    }
    order->channel = updraft_fleet_find_channel(view->fleet, product->row.id, order->row.channel);
    if (order->channel == NULL) {
        updraft_response_refuse(response, &no_channel, "product '%s' has no channel '%s'",
                                names->product, order->row.channel);
        return false;
    }
    order->release = updraft_fleet_find_release(view->fleet, product->row.id, names->version);
    if (order->release == NULL) {
        updraft_response_refuse(response, &no_release, "product '%s' has no release %s",
                                names->product, names->version);
        return false;
    }
    if (!updraft_release_let_offer(order->release, NULL, response))
        return false;
    order->row.product_id = product->row.id;
    order->row.release_id = order->release->row.id;
    order->row.from_release_id = order->channel->row.release_id;
    return true;
}

bool updraft_rollout_order_read(const struct updraft_view *view,
                                const struct updraft_request *request,
                                struct updraft_rollout_order *order,
                                struct updraft_response *response)
{
    cJSON *json = cJSON_ParseWithLength(request->body, request->body_len);
    struct names names;
    const char *wrong = read_order(json, &order->row, &names);

    cJSON_Delete(json);
    if (wrong != NULL) {
        updraft_response_refuse(response, &bad_body, "%s", wrong);
        return false;
    }
    return check_texts(&order->row, response) && find_names(view, &names, order, response);
}
