#include "device/push/web.h"

#include "device/push/web_answer.h"
#include "device/push/web_origin.h"
#include "device/push/web_resume.h"
#include "device/push/web_upload.h"
#include "format/assert.h"

#include <string.h>

enum route {
    ROUTE_NONE,
    ROUTE_STATUS,
    ROUTE_IDENTITY,
    ROUTE_RESUME,  /* GET /update/resume */
    ROUTE_GATE,    /* GET /update/update: is a password needed? */
    ROUTE_START,   /* GET /ota/start */
    ROUTE_UPLOAD,  /* POST /update with a form or an image */
    ROUTE_ELEGANT, /* POST /ota/upload */
    ROUTE_EVSE,    /* POST /api/v1/firmware/upload */
    ROUTE_FORGET,  /* POST /api/v1/firmware/forget */
    ROUTE_WRONG_METHOD,
};

void updraft_web_init(struct updraft_web *web, const struct updraft_web_config *config)
{
    uint8_t secret[UPDRAFT_WEB_SECRET_LEN] = {0};
    bool has_password = config->password != NULL && config->password[0] != '\0';

    UPDRAFT_ASSERT(config->update != NULL && config->status_json != NULL);
    UPDRAFT_ASSERT(!has_password || config->random != NULL);
    memset(web, 0, sizeof *web);
    web->config = *config;
    if (has_password)
        config->random(config->ctx, secret, sizeof secret);
    else
        web->config.password = NULL;
    updraft_web_auth_init(&web->auth, secret);
}

/* ---- Routes ------------------------------------------------------------------------------------
 */

static enum route find_route(const struct updraft_web_request *request)
{
    static const struct {
        const char *path;
        enum route get;
        enum route post;
    } routes[] = {
        {"/status", ROUTE_STATUS, ROUTE_WRONG_METHOD},
        {"/update", ROUTE_NONE, ROUTE_UPLOAD},
        {"/update/identity", ROUTE_IDENTITY, ROUTE_WRONG_METHOD},
        {"/update/resume", ROUTE_RESUME, ROUTE_WRONG_METHOD},
        {"/update/update", ROUTE_GATE, ROUTE_WRONG_METHOD},
        {"/ota/start", ROUTE_START, ROUTE_WRONG_METHOD},
        {"/ota/upload", ROUTE_WRONG_METHOD, ROUTE_ELEGANT},
        {"/api/v1/firmware/upload", ROUTE_WRONG_METHOD, ROUTE_EVSE},
        {"/api/v1/firmware/forget", ROUTE_WRONG_METHOD, ROUTE_FORGET},
    };

    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (strcmp(request->path, routes[i].path) != 0)
            continue;
        if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0)
            return routes[i].get;
        return strcmp(request->method, "POST") == 0 ? routes[i].post : ROUTE_WRONG_METHOD;
    }
    return ROUTE_NONE;
}

static bool brings_form(enum route route, const struct updraft_web_request *request)
{
    return route == ROUTE_ELEGANT ||
           (route == ROUTE_UPLOAD &&
            updraft_web_is_type(request->content_type, "multipart/form-data"));
}

/* Whose words the asker expects, as far as the headers tell. */
static enum updraft_web_words find_words(enum route route, bool is_form)
{
    switch (route) {
    case ROUTE_NONE:
    case ROUTE_STATUS:
    case ROUTE_IDENTITY:
    case ROUTE_RESUME:
    case ROUTE_FORGET:
    case ROUTE_WRONG_METHOD:
        break;
    case ROUTE_GATE:
    case ROUTE_START:
    case ROUTE_ELEGANT:
        return UPDRAFT_WEB_WORDS_ELEGANT;
    case ROUTE_UPLOAD:
        return is_form ? UPDRAFT_WEB_WORDS_FORM : UPDRAFT_WEB_WORDS_JSON;
    case ROUTE_EVSE:
        return UPDRAFT_WEB_WORDS_EVSE;
    }
    return UPDRAFT_WEB_WORDS_JSON;
}

/* ---- Guards ------------------------------------------------------------------------------------
 */

/* Every request but one for the page: what it came by. True when the answer is made. */
static bool refuse_page(const struct updraft_web *web, enum route route,
                        const struct updraft_web_request *request,
                        struct updraft_web_response *response)
{
    struct updraft_failure failure = {.code = UPDRAFT_OK};

    if (!updraft_web_is_own_host(request->host, web->config.name))
        updraft_failure_set(&failure, UPDRAFT_E_FOREIGN_HOST, 0, 0, request->host);
    else if (updraft_web_is_foreign(request->origin, request->host) ||
             updraft_web_refers_elsewhere(request->referer, request->host))
        updraft_failure_set(&failure, UPDRAFT_E_FORBIDDEN, 0, 0, NULL);
    if (failure.code == UPDRAFT_OK)
        return false;
    updraft_web_answer_failure(response, find_words(route, brings_form(route, request)), &failure);
    return true;
}

/* Who may upload at all: told before anything is begun. True when the answer is made. */
static bool refuse_sender(struct updraft_web *web, enum route route,
                          const struct updraft_web_request *request,
                          struct updraft_web_response *response)
{
    struct updraft_web_credentials credentials = {
        .authorization = request->authorization,
        .method = request->method,
        .target = request->target != NULL ? request->target : request->path,
        .password = web->config.password,
        .now_ms = request->now_ms,
    };
    enum updraft_web_verdict verdict;

    if (credentials.password == NULL)
        return false;
    verdict = updraft_web_auth_check(&web->auth, &credentials);
    if (verdict == UPDRAFT_WEB_RIGHT) {
        web->sign_in = UPDRAFT_SIGN_IN_RIGHT;
        return false;
    }
    if (verdict == UPDRAFT_WEB_WRONG)
        web->sign_in = UPDRAFT_SIGN_IN_WRONG;
    updraft_web_answer_unauthorised(response, find_words(route, brings_form(route, request)));
    updraft_web_auth_issue(&web->auth, request->now_ms, response->nonce);
    response->is_stale = verdict == UPDRAFT_WEB_STALE;
    return true;
}

bool updraft_web_challenge(const struct updraft_web_response *response, unsigned idx, char *out,
                           size_t out_cap)
{
    return response->nonce[0] != '\0' &&
           updraft_web_auth_challenge(idx, response->nonce, response->is_stale, out, out_cap);
}

/* ---- Requests ----------------------------------------------------------------------------------
 */

static void answer_status(const struct updraft_web *web, struct updraft_web_response *response)
{
    updraft_web_answer_text(response, 200, "application/json", "");
    web->config.status_json(web->config.ctx, response->body, sizeof response->body);
    response->body_len = strlen(response->body);
}

static void answer_identity(const struct updraft_web *web, struct updraft_web_response *response)
{
    const struct updraft_web_config *config = &web->config;
    const char *id = config->id != NULL ? config->id : config->name;

    updraft_web_answer_identity(response, id != NULL ? id : "",
                                config->hardware != NULL ? config->hardware : "ESP32");
}

static const char *query_of(const struct updraft_web_request *request)
{
    const char *query = request->target != NULL ? strchr(request->target, '?') : NULL;

    return query != NULL ? query + 1 : "";
}

static void answer_start(struct updraft_web *web, const struct updraft_web_request *request,
                         struct updraft_web_response *response)
{
    const char *client = request->client != NULL ? request->client : "";

    if (updraft_web_start_note(&web->start, client, query_of(request), request->now_ms) ==
        UPDRAFT_OK)
        updraft_web_answer_text(response, 200, "text/plain", "OK");
    else
        updraft_web_answer_text(response, 400, "text/plain", "MD5 parameter invalid");
}

static void answer_code(struct updraft_web_response *response, enum updraft_web_words words,
                        enum updraft_error code)
{
    struct updraft_failure failure;

    updraft_failure_set(&failure, code, 0, 0, NULL);
    updraft_web_answer_failure(response, words, &failure);
}

static void answer_resume(struct updraft_web *web, const struct updraft_web_request *request,
                          struct updraft_web_response *response)
{
    struct updraft_web_part part;
    enum updraft_error error = updraft_web_part_ask(query_of(request), &part);
    struct updraft_update_request update = {.wire_len = part.total, .sha256 = part.sha256};

    if (error != UPDRAFT_OK)
        answer_code(response, UPDRAFT_WEB_WORDS_JSON, error);
    else
        updraft_web_answer_offset(response, updraft_update_held(web->config.update, &update));
}

static void answer_forget(const struct updraft_web *web, struct updraft_web_response *response)
{
    enum updraft_error error = web->config.forget(web->config.ctx);

    if (error != UPDRAFT_OK)
        answer_code(response, UPDRAFT_WEB_WORDS_JSON, error);
    else
        updraft_web_answer_text(response, 200, "application/json", "{\"ok\":true}");
}

/* What needs no upload to be answered. */
static enum updraft_web_next answer_route(struct updraft_web *web, enum route route,
                                          const struct updraft_web_request *request,
                                          struct updraft_web_response *response)
{
    switch (route) {
    case ROUTE_NONE:
    case ROUTE_GATE:
        return UPDRAFT_WEB_NOT_MINE;
    case ROUTE_STATUS:
        answer_status(web, response);
        break;
    case ROUTE_IDENTITY:
        answer_identity(web, response);
        break;
    case ROUTE_START:
        answer_start(web, request, response);
        break;
    case ROUTE_RESUME:
        answer_resume(web, request, response);
        break;
    case ROUTE_FORGET:
        answer_forget(web, response);
        break;
    case ROUTE_WRONG_METHOD:
        answer_code(response, UPDRAFT_WEB_WORDS_JSON, UPDRAFT_E_METHOD);
        break;
    case ROUTE_UPLOAD:
    case ROUTE_ELEGANT:
    case ROUTE_EVSE:
        answer_code(response, find_words(route, brings_form(route, request)), UPDRAFT_E_BUSY);
        break;
    }
    return UPDRAFT_WEB_RESPOND;
}

enum updraft_web_next updraft_web_request(struct updraft_web *web,
                                          const struct updraft_web_request *request,
                                          struct updraft_web_response *other, bool *use_other)
{
    enum route route = find_route(request);
    bool is_upload = route == ROUTE_UPLOAD || route == ROUTE_ELEGANT || route == ROUTE_EVSE;
    bool is_form = brings_form(route, request);
    bool is_held = updraft_web_upload_runs(web);
    struct updraft_web_response *response = is_held ? other : &web->response;
    enum updraft_web_next next;

    if (route == ROUTE_FORGET && web->config.forget == NULL)
        route = ROUTE_NONE;
    *use_other = is_held && route != ROUTE_NONE;
    if (route == ROUTE_NONE)
        return UPDRAFT_WEB_NOT_MINE;
    if (refuse_page(web, route, request, response))
        return UPDRAFT_WEB_RESPOND;
    if ((is_upload || route == ROUTE_GATE || route == ROUTE_START || route == ROUTE_RESUME ||
         route == ROUTE_FORGET) &&
        refuse_sender(web, route, request, response))
        return UPDRAFT_WEB_RESPOND;
    if (is_upload && !is_held)
        return updraft_web_upload_begin(web, request,
                                        &(struct updraft_web_upload){
                                            .words = (uint8_t)find_words(route, is_form),
                                            .is_form = is_form,
                                            .has_start = route == ROUTE_ELEGANT,
                                        });
    next = answer_route(web, route, request, response);
    *use_other = *use_other && next == UPDRAFT_WEB_RESPOND;
    return next;
}

enum updraft_sign_in updraft_web_take_sign_in(struct updraft_web *web)
{
    enum updraft_sign_in result = web->sign_in;

    web->sign_in = UPDRAFT_SIGN_IN_NONE;
    return result;
}
