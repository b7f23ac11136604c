/* Whom the server tells what happened: listed, made, tried and removed. */
#include "server/operator_api/operator_api.h"

#include "server/hooks/message.h"
#include "server/operator_api/tokens.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What most want to hear: how rollouts go, what fails, and what is new. */
static const char usual[] = "rollout attempt.failed attempt.rolled_back release channel";

static const struct updraft_refusal unknown = {404, "webhook_not_found",
                                               "List them with 'updraft webhook list'."};

static void put_events(struct updraft_json *json, const char *events)
{
    char word[UPDRAFT_HOOK_EVENT_CAP];

    updraft_json_open(json, "events", '[');
    while (*events != '\0') {
        size_t len = strcspn(events, " ");
        snprintf(word, sizeof word, "%.*s", (int)len, events);
        updraft_json_text(json, NULL, word);
        events += len;
        events += strspn(events, " ");
    }
    updraft_json_close(json, ']');
}

static void put_last(struct updraft_json *json, const struct updraft_webhook_status *status)
{
    if (status->at_ms == 0) {
        updraft_json_null(json, "last");
        return;
    }
    updraft_json_open(json, "last", '{');
    updraft_json_number(json, "at", status->at_ms);
    updraft_json_text(json, "event", status->event);
    if (status->status == 0)
        updraft_json_null(json, "status");
    else
        updraft_json_number(json, "status", status->status);
    if (status->failing)
        updraft_json_text(json, "problem", status->problem);
    else
        updraft_json_null(json, "problem");
    updraft_json_close(json, '}');
}

static void put_webhook(struct updraft_json *json, const char *key,
                        const struct updraft_webhook_row *row,
                        const struct updraft_webhook_status *status)
{
    updraft_json_open(json, key, '{');
    updraft_json_text(json, "name", row->name);
    updraft_json_text(json, "url", row->url);
    put_events(json, row->events);
    updraft_json_number(json, "created", row->created_ms);
    updraft_json_text(json, "by", row->by);
    updraft_json_number(json, "delivered", (int64_t)status->delivered);
    updraft_json_number(json, "given_up", (int64_t)status->given_up);
    put_last(json, status);
    updraft_json_close(json, '}');
}

void updraft_webhooks_list(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response)
{
    struct updraft_json json;

    (void)request;
    (void)plan;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_open(&json, "webhooks", '[');
    for (size_t i = 0; i < view->fleet->webhook_count; i++)
        put_webhook(&json, NULL, &view->fleet->webhooks[i]->row, &view->fleet->webhooks[i]->status);
    updraft_json_close(&json, ']');
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}

/* --- making one --- */

/* http or https, a host, no name and password, nothing that is not printable. */
static bool url_valid(const char *url)
{
    size_t len = strlen(url), scheme = strncasecmp(url, "https://", 8) == 0  ? 8
                                       : strncasecmp(url, "http://", 7) == 0 ? 7
                                                                             : 0;

    if (scheme == 0 || len >= UPDRAFT_URL_CAP)
        return false;
    for (const char *at = url; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~')
            return false;
    }
    size_t host = strcspn(url + scheme, "/?#");
    return host > 0 && memchr(url + scheme, '@', host) == NULL;
}

static bool read_events(const cJSON *list, char events[UPDRAFT_EVENTS_CAP])
{
    const cJSON *item;
    size_t len = 0;

    if (list == NULL) {
        updraft_name_set(events, UPDRAFT_EVENTS_CAP, usual);
        return true;
    }
    events[0] = '\0';
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) == 0)
        return false;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item) || !updraft_hook_word_known(item->valuestring) ||
            len + strlen(item->valuestring) + 2 > UPDRAFT_EVENTS_CAP)
            return false;
        len += (size_t)snprintf(events + len, UPDRAFT_EVENTS_CAP - len, "%s%s", len > 0 ? " " : "",
                                item->valuestring);
    }
    return true;
}

static bool read_wish(const struct updraft_request *request, struct updraft_webhook_row *row)
{
    cJSON *json = cJSON_ParseWithLength(request->body, request->body_len);
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(json, "name");
    const cJSON *url = cJSON_GetObjectItemCaseSensitive(json, "url");
    const cJSON *events = cJSON_GetObjectItemCaseSensitive(json, "events");
    bool ok = cJSON_IsString(name) && updraft_name_valid(name->valuestring) &&
              cJSON_IsString(url) && url_valid(url->valuestring) &&
              read_events(events, row->events);

    if (ok) {
        updraft_name_set(row->name, sizeof row->name, name->valuestring);
        updraft_name_set(row->url, sizeof row->url, url->valuestring);
    }
    cJSON_Delete(json);
    return ok;
}

void updraft_webhooks_add(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    static const struct updraft_refusal bad_body = {
        400, "bad_json",
        "Send {\"name\":\"chat\",\"url\":\"https://...\"} and if wanted \"events\": a list of "
        "release, channel, rollout, attempt, or one state of the last two as in attempt.failed. "
        "The address has at most 511 characters, and no user name."};
    static const struct updraft_refusal exists = {409, "webhook_exists",
                                                  "Choose another name, or remove that one first."};
    static const struct updraft_refusal too_many = {
        409, "too_many_webhooks", "Remove those that nobody needs: 'updraft webhook list'."};
    static const struct updraft_refusal no_random = {
        500, "no_random", "Look at the server's system: it gives no random bytes."};
    static const struct updraft_webhook_status nothing_yet;
    struct updraft_webhook_row row = {.created_ms = view->now_ms};
    uint8_t ignored[UPDRAFT_SHA256_LEN];
    struct updraft_json json;

    if (!read_wish(request, &row)) {
        updraft_response_refuse(response, &bad_body, "the body describes no webhook");
        return;
    }
    /* The address may hold a secret of its own: it is not for the audit log. */
    updraft_plan_about(plan, "%s for %s", row.name, row.events);
    if (updraft_fleet_find_webhook(view->fleet, row.name) != NULL) {
        updraft_response_refuse(response, &exists, "there is a webhook '%s' already", row.name);
        return;
    }
    if (view->fleet->webhook_count >= UPDRAFT_WEBHOOKS_MOST) {
        updraft_response_refuse(response, &too_many, "there are %u webhooks already",
                                UPDRAFT_WEBHOOKS_MOST);
        return;
    }
    if (!updraft_token_make(row.secret, ignored)) {
        updraft_response_refuse(response, &no_random, "the server cannot make a secret");
        return;
    }
    row.id = updraft_fleet_next_webhook_id(view->fleet);
    updraft_name_set(row.by, sizeof row.by, request->operator_name);
    updraft_plan_add(plan, UPDRAFT_CHANGE_WEBHOOK)->row.webhook = row;
    plan->key = UPDRAFT_PLAN_KEY_CATALOGUE;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    put_webhook(&json, "webhook", &row, &nothing_yet);
    updraft_json_text(&json, "secret", row.secret);
    updraft_json_close(&json, '}');
    updraft_response_json(response, 201, &json);
    updraft_response_header_constant(response, "Cache-Control", "no-store");
}

/* --- one that is there --- */

static const struct updraft_webhook *find(const struct updraft_view *view,
                                          const struct updraft_request *request,
                                          struct updraft_plan *plan,
                                          struct updraft_response *response)
{
    const struct updraft_webhook *webhook =
        updraft_fleet_find_webhook(view->fleet, request->segments[0]);

    updraft_plan_about(plan, "%s", request->segments[0]);
    if (webhook == NULL)
        updraft_response_refuse(response, &unknown, "there is no webhook of this name");
    return webhook;
}

static void answer(struct updraft_response *response, unsigned status, const char *key,
                   const struct updraft_webhook *webhook)
{
    struct updraft_json json;

    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    put_webhook(&json, key, &webhook->row, &webhook->status);
    updraft_json_close(&json, '}');
    updraft_response_json(response, status, &json);
}

/* Its thread hears of the change of the row, as of everything else (hooks/). */
void updraft_webhooks_test(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response)
{
    const struct updraft_webhook *webhook = find(view, request, plan, response);

    if (webhook == NULL)
        return;
    struct updraft_webhook_row *row = &updraft_plan_add(plan, UPDRAFT_CHANGE_WEBHOOK)->row.webhook;
    *row = webhook->row;
    row->tested_ms = view->now_ms > row->tested_ms ? view->now_ms : row->tested_ms + 1;
    plan->key = UPDRAFT_PLAN_KEY_CATALOGUE;
    answer(response, 202, "webhook", webhook);
}

void updraft_webhooks_remove(const struct updraft_view *view, const struct updraft_request *request,
                             struct updraft_plan *plan, struct updraft_response *response)
{
    const struct updraft_webhook *webhook = find(view, request, plan, response);

    if (webhook == NULL)
        return;
    updraft_plan_add(plan, UPDRAFT_CHANGE_WEBHOOK_END)->row.webhook.id = webhook->row.id;
    plan->key = UPDRAFT_PLAN_KEY_CATALOGUE;
    answer(response, 200, "removed", webhook);
}
