#include "server/hooks/message.h"

#include "format/keyed.h"
#include "format/text.h"
#include "server/operator_api/objects.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool updraft_hook_event(const struct updraft_news_item *item, char event[UPDRAFT_HOOK_EVENT_CAP])
{
    static const char *const kinds[] = {"release", "channel", "rollout", "attempt"};

    if (!item->is_turn || item->is_foreign)
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(item->kind, kinds[i]) != 0)
            continue;
        snprintf(event, UPDRAFT_HOOK_EVENT_CAP, "%s%s%s", item->kind,
                 item->state == NULL ? "" : ".", item->state == NULL ? "" : item->state);
        return true;
    }
    return false;
}

/* Whether the word is the event or what stands before its dot. */
static bool covers(const char *word, size_t len, const char *event)
{
    return strncmp(word, event, len) == 0 && (event[len] == '\0' || event[len] == '.');
}

bool updraft_hook_wants(const char *wanted, const char *event)
{
    while (*wanted != '\0') {
        size_t len = strcspn(wanted, " ");
        if (len > 0 && covers(wanted, len, event))
            return true;
        wanted += len;
        wanted += strspn(wanted, " ");
    }
    return false;
}

bool updraft_hook_word_known(const char *word)
{
    char event[UPDRAFT_HOOK_EVENT_CAP];

    if (strcmp(word, "release") == 0 || strcmp(word, "channel") == 0 ||
        strcmp(word, "rollout") == 0 || strcmp(word, "attempt") == 0)
        return true;
    for (int state = 1; state < UPDRAFT_ATTEMPT_STATE_COUNT; state++) {
        snprintf(event, sizeof event, "attempt.%s",
                 updraft_attempt_state_name((enum updraft_attempt_state)state));
        if (strcmp(word, event) == 0)
            return true;
    }
    for (int state = 1; state <= (int)UPDRAFT_ROLLOUT_STATE_LAST; state++) {
        snprintf(event, sizeof event, "rollout.%s",
                 updraft_rollout_state_name((enum updraft_rollout_state)state));
        if (strcmp(word, event) == 0)
            return true;
    }
    return false;
}

static void put_rollout(struct updraft_json *json, const struct updraft_rollout *rollout)
{
    updraft_json_open(json, "rollout", '{');
    updraft_json_number(json, "id", rollout->row.id);
    updraft_json_text(json, "product", rollout->release->product->row.name);
    updraft_json_text(json, "channel", rollout->row.channel);
    updraft_json_text(json, "version", rollout->release->row.version);
    updraft_json_text(json, "from", rollout->from->row.version);
    updraft_json_text(json, "state", updraft_rollout_state_name(rollout->row.state));
    updraft_json_number(json, "stage", rollout->row.stage);
    updraft_json_text(json, "reason", rollout->row.reason);
    updraft_json_close(json, '}');
}

static void put_channel(struct updraft_json *json, const struct updraft_fleet *fleet,
                        const char *id)
{
    char name[UPDRAFT_NEWS_TEXT_CAP];

    updraft_name_set(name, sizeof name, id);
    char *slash = strchr(name, '/');
    if (slash == NULL)
        return;
    *slash = '\0';
    const struct updraft_product *product = updraft_fleet_find_product(fleet, name);
    const struct updraft_channel *channel =
        product == NULL ? NULL : updraft_fleet_find_channel(fleet, product->row.id, slash + 1);
    if (channel != NULL)
        updraft_object_channel(json, "channel", channel);
}

/* As it is now: more may have happened since. */
static void put_object(struct updraft_json *json, const struct updraft_fleet *fleet,
                       const struct updraft_news_item *item)
{
    const struct updraft_attempt *attempt;
    const struct updraft_rollout *rollout;
    const struct updraft_release *release;

    if (strcmp(item->kind, "attempt") == 0) {
        if ((attempt = updraft_fleet_find_attempt(fleet, item->id)) != NULL && !attempt->gone)
            updraft_object_attempt(json, "attempt", attempt, true);
    } else if (strcmp(item->kind, "rollout") == 0) {
        if ((rollout = updraft_fleet_find_rollout(fleet, item->id)) != NULL)
            put_rollout(json, rollout);
    } else if (strcmp(item->kind, "release") == 0) {
        if ((release = updraft_fleet_release_by_id(fleet, item->id)) != NULL)
            updraft_object_release(json, "release", fleet, release);
    } else {
        put_channel(json, fleet, item->text);
    }
}

char *updraft_hook_body(const struct updraft_fleet *fleet, const char *event, uint64_t delivery,
                        const struct updraft_news_item *item, int64_t now_ms)
{
    struct updraft_json json;
    size_t len;

    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_text(&json, "event", event);
    updraft_json_number(&json, "delivery", (int64_t)delivery);
    updraft_json_number(&json, "at", now_ms);
    if (item != NULL) {
        updraft_news_put(&json, "change", item);
        put_object(&json, fleet, item);
    }
    updraft_json_close(&json, '}');
    return updraft_json_finish(&json, &len);
}

void updraft_hook_sign(const char *secret, int64_t timestamp_s, const char *body,
                       char signature[UPDRAFT_HOOK_SIGNATURE_CAP])
{
    uint8_t mac[UPDRAFT_SHA256_LEN];
    struct updraft_hmac hmac;
    struct updraft_text text;
    char timestamp[24];

    snprintf(timestamp, sizeof timestamp, "%" PRId64 ".", timestamp_s);
    updraft_hmac_start(&hmac, secret, strlen(secret));
    updraft_hmac_update(&hmac, timestamp, strlen(timestamp));
    updraft_hmac_update(&hmac, body, strlen(body));
    updraft_hmac_finish(&hmac, mac);
    updraft_text_init(&text, signature, UPDRAFT_HOOK_SIGNATURE_CAP);
    updraft_text_str(&text, "sha256=");
    updraft_text_hex(&text, mac, sizeof mac);
}

enum updraft_hook_verdict updraft_hook_judge(unsigned status)
{
    if (status >= 200 && status < 300)
        return UPDRAFT_HOOK_TAKEN;
    if (status == 0 || status == 408 || status == 425 || status == 429 || status >= 500)
        return UPDRAFT_HOOK_LATER;
    return UPDRAFT_HOOK_REFUSED;
}

int64_t updraft_hook_wait_ms(unsigned tries)
{
    static const int64_t waits_ms[] = {1000, 5000, 30000, 120000, 600000};

    return tries >= 1 && tries <= sizeof waits_ms / sizeof *waits_ms ? waits_ms[tries - 1] : -1;
}
