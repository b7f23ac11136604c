#include "cli/simulate/rollout.h"

#include "cli/http.h"
#include "cli/out.h"

#include <stdio.h>
#include <string.h>

#define ASK_MS 5000u

static bool is_open(const cJSON *rollout)
{
    const char *state = updraft_json_text(rollout, "state");

    return !strcmp(state, "scheduled") || !strcmp(state, "running") || !strcmp(state, "paused");
}

static bool concerns(const cJSON *rollout, const struct updraft_sim_world *world)
{
    return !strcmp(updraft_json_text(rollout, "product"), world->product) &&
           !strcmp(updraft_json_text(rollout, "channel"), world->channel);
}

/* Newest first: an open one, or that of before in its new state. */
static cJSON *choose(const struct updraft_sim_rollout *known, cJSON *list,
                     const struct updraft_sim_world *world)
{
    const double id = known->json ? updraft_json_number(known->json, "id") : -1;
    cJSON *rollout;

    cJSON_ArrayForEach(rollout, list)
    {
        if (concerns(rollout, world) &&
            (is_open(rollout) || updraft_json_number(rollout, "id") == id))
            return rollout;
    }
    return NULL;
}

void updraft_sim_rollout_look(struct updraft_sim_rollout *rollout,
                              const struct updraft_server *server,
                              const struct updraft_sim_world *world)
{
    struct updraft_http_response response;
    struct updraft_http_request request = {
        .token = server->token[0] ? server->token : NULL, .connect_ms = ASK_MS, .total_ms = ASK_MS};
    char url[sizeof server->url + 40];
    cJSON *json, *list, *chosen;

    if (rollout->is_absent)
        return;
    snprintf(url, sizeof url, "%s/api/v1/rollouts?limit=20", server->url);
    request.url = url;
    if (!updraft_http_do(&request, &response)) {
        updraft_http_free(&response);
        return; /* nobody answers at the moment: what was known still holds */
    }
    json = response.status == 200 ? updraft_http_json(&response) : NULL;
    rollout->is_absent = response.status == 404;
    list = cJSON_GetObjectItemCaseSensitive(json, "rollouts");
    chosen = choose(rollout, list, world);
    if (chosen) {
        cJSON_Delete(rollout->json);
        rollout->json = cJSON_DetachItemViaPointer(list, chosen);
        rollout->is_open = is_open(rollout->json);
    }
    cJSON_Delete(json);
    updraft_http_free(&response);
}

void updraft_sim_rollout_end(struct updraft_sim_rollout *rollout)
{
    cJSON_Delete(rollout->json);
    rollout->json = NULL;
}

void updraft_sim_rollout_line(const cJSON *rollout, char *out, size_t out_cap)
{
    const cJSON *stages = cJSON_GetObjectItemCaseSensitive(rollout, "stages");
    const int at = (int)updraft_json_number(rollout, "stage");
    const cJSON *stage = cJSON_GetArrayItem(stages, at);
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(stage, "counts");
    const cJSON *reason = cJSON_GetObjectItemCaseSensitive(rollout, "reason");
    int len;

    out[0] = '\0';
    if (!rollout)
        return;
    len = snprintf(out, out_cap, "rollout %.0f to %s %s, stage %d of %d: %.0f devices",
                   updraft_json_number(rollout, "id"), updraft_json_text(rollout, "version"),
                   updraft_json_text(rollout, "state"), at + 1, cJSON_GetArraySize(stages),
                   updraft_json_number(stage, "size"));
    if (len > 0 && (size_t)len < out_cap && cJSON_IsObject(counts))
        len += snprintf(
            out + len, out_cap - (size_t)len,
            ", %.0f confirmed, %.0f rolled back, %.0f failed, %.0f silent",
            updraft_json_number(counts, "confirmed"), updraft_json_number(counts, "rolled_back"),
            updraft_json_number(counts, "failed"), updraft_json_number(counts, "silent"));
    if (len > 0 && (size_t)len < out_cap && cJSON_IsString(reason))
        snprintf(out + len, out_cap - (size_t)len, "; %s", reason->valuestring);
}
