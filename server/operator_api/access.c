/* Who may do what: tokens listed, made and revoked. */
#include "server/operator_api/operator_api.h"

#include "server/operator_api/tokens.h"

#include <cjson/cJSON.h>
#include <string.h>

#define TOKENS_MOST     200u
#define EXPIRES_LEAST_S 1.0
#define EXPIRES_MOST_S  315360000.0 /* ten years */

static void put_token(struct updraft_json *json, const char *key,
                      const struct updraft_token_row *row, int64_t now_ms)
{
    updraft_json_open(json, key, '{');
    updraft_json_text(json, "name", row->name);
    updraft_json_text(json, "role", updraft_role_name(row->role));
    updraft_json_number(json, "created", row->created_ms);
    if (row->expires_ms == 0)
        updraft_json_null(json, "expires");
    else
        updraft_json_number(json, "expires", row->expires_ms);
    updraft_json_bool(json, "expired", row->expires_ms != 0 && row->expires_ms <= now_ms);
    updraft_json_bool(json, "first", row->id == UPDRAFT_TOKEN_FIRST_ID);
    updraft_json_close(json, '}');
}

void updraft_tokens_list(const struct updraft_view *view, const struct updraft_request *request,
                         struct updraft_plan *plan, struct updraft_response *response)
{
    struct updraft_json json;

    (void)request;
    (void)plan;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_open(&json, "tokens", '[');
    for (size_t i = 0; i < view->fleet->token_count; i++)
        put_token(&json, NULL, &view->fleet->tokens[i], view->now_ms);
    updraft_json_close(&json, ']');
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}

/* Fills name, role and expiry. False when the body is not as it must be. */
static bool read_wish(const struct updraft_view *view, const struct updraft_request *request,
                      struct updraft_token_row *row)
{
    cJSON *json = updraft_json_read(request->body, request->body_len);
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(json, "name");
    const cJSON *role = cJSON_GetObjectItemCaseSensitive(json, "role");
    const cJSON *expires = cJSON_GetObjectItemCaseSensitive(json, "expires_in_s");
    bool ok =
        cJSON_IsString(name) && updraft_name_valid(name->valuestring) && cJSON_IsString(role) &&
        updraft_role_parse(role->valuestring) != UPDRAFT_ROLE_NONE &&
        (expires == NULL || (cJSON_IsNumber(expires) && expires->valuedouble >= EXPIRES_LEAST_S &&
                             expires->valuedouble <= EXPIRES_MOST_S));

    if (ok) {
        updraft_name_set(row->name, sizeof row->name, name->valuestring);
        row->role = updraft_role_parse(role->valuestring);
        row->expires_ms = expires == NULL ? 0 : view->now_ms + (int64_t)expires->valuedouble * 1000;
    }
    cJSON_Delete(json);
    return ok;
}

/* Run twice, this makes two tokens; the response and the plan of one run are used together. */
void updraft_tokens_add(const struct updraft_view *view, const struct updraft_request *request,
                        struct updraft_plan *plan, struct updraft_response *response)
{
    static const struct updraft_refusal bad_body = {
        400, "bad_json",
        "Send {\"name\":\"ci\",\"role\":\"publish\"}: a name of 1 to 64 of A-Z a-z 0-9 . _ -, the "
        "role "
        "view, publish, operate or admin, and if wanted \"expires_in_s\" of up to ten years."};
    static const struct updraft_refusal exists = {
        409, "token_exists", "Choose another name, or revoke that token first."};
    static const struct updraft_refusal too_many = {
        409, "too_many_tokens", "Revoke those that nobody uses: 'updraft token list'."};
    static const struct updraft_refusal no_random = {
        500, "no_random", "Look at the server's system: it gives no random bytes."};
    struct updraft_token_row row = {.created_ms = view->now_ms};
    char token[UPDRAFT_TOKEN_CAP];
    struct updraft_json json;

    if (!read_wish(view, request, &row)) {
        updraft_response_refuse(response, &bad_body, "the body describes no token");
        return;
    }
    updraft_plan_about(plan, "%s, %s", row.name, updraft_role_name(row.role));
    if (updraft_fleet_find_token(view->fleet, row.name) != NULL) {
        updraft_response_refuse(response, &exists, "there is a token '%s' already", row.name);
        return;
    }
    if (view->fleet->token_count >= TOKENS_MOST) {
        updraft_response_refuse(response, &too_many, "there are %u tokens already", TOKENS_MOST);
        return;
    }
    if (!updraft_token_make(token, row.hash)) {
        updraft_response_refuse(response, &no_random, "the server cannot make a token");
        return;
    }
    row.id = updraft_fleet_next_token_id(view->fleet);
    updraft_plan_add(plan, UPDRAFT_CHANGE_TOKEN)->row.token = row;
    plan->key = UPDRAFT_PLAN_KEY_CATALOGUE;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    put_token(&json, "token", &row, view->now_ms);
    updraft_json_text(&json, "secret", token);
    updraft_json_close(&json, '}');
    updraft_response_json(response, 201, &json);
    updraft_response_header_constant(response, "Cache-Control", "no-store");
}

void updraft_tokens_revoke(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response)
{
    static const struct updraft_refusal unknown = {404, "token_not_found",
                                                   "List them with 'updraft token list'."};
    /* It is the admin token that never expires: as long as it stays, somebody can let others in. */
    static const struct updraft_refusal is_first = {
        409, "first_token",
        "To replace it, delete the file 'token' in the server's data directory and start updraftd "
        "again."};
    const char *name = request->segments[0];
    const struct updraft_token_row *row = updraft_fleet_find_token(view->fleet, name);
    struct updraft_json json;

    updraft_plan_about(plan, "%s", name);
    if (row == NULL) {
        updraft_response_refuse(response, &unknown, "there is no token of this name");
        return;
    }
    if (row->id == UPDRAFT_TOKEN_FIRST_ID) {
        updraft_response_refuse(response, &is_first, "the first token cannot be revoked");
        return;
    }
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    put_token(&json, "revoked", row, view->now_ms);
    updraft_json_close(&json, '}');
    updraft_plan_add(plan, UPDRAFT_CHANGE_TOKEN_END)->row.token.id = row->id;
    plan->key = UPDRAFT_PLAN_KEY_CATALOGUE;
    updraft_response_json(response, 200, &json);
}
