#include "device/push/web.h"

#include "device/push/stock.h"
#include "device/push/web_auth.h"
#include "format/assert.h"
#include "format/text.h"
#include "format/utf8.h"

#include <string.h>

#define SENTENCE_CAP 160u
/* What a form may hold beside its file: boundaries, part headers, small text fields. */
#define FORM_FRAME_CAP 16384u

static const char type_html[] = "text/html";
static const char type_json[] = "application/json";
static const char type_text[] = "text/plain";

enum route {
    ROUTE_NONE,
    ROUTE_STATUS,
    ROUTE_FORM, /* POST /update with a form */
    ROUTE_RAW,  /* POST /update with an image */
    ROUTE_EVSE, /* POST /api/v1/firmware/upload */
    ROUTE_WRONG_METHOD,
};

enum state {
    STATE_IDLE,
    STATE_RECEIVING,
    STATE_FAILED, /* the rest of the body is swallowed */
};

void updraft_web_init(struct updraft_web *web, const struct updraft_web_config *config)
{
    UPDRAFT_ASSERT(config->update != NULL && config->status_json != NULL);
    memset(web, 0, sizeof *web);
    web->config = *config;
}

/* ---- Words -------------------------------------------------------------------------------------
 */

static void start_body(struct updraft_web_response *response, uint16_t status, const char *type,
                       struct updraft_text *text)
{
    memset(response, 0, offsetof(struct updraft_web_response, body));
    response->status = status;
    response->content_type = type;
    updraft_text_init(text, response->body, sizeof response->body);
}

static void end_body(struct updraft_web_response *response, const struct updraft_text *text)
{
    response->body_len = text->len;
}

/* As a JSON string. A sentence may hold names out of an image, which need not be UTF-8. */
static void append_json(struct updraft_text *text, const char *s)
{
    size_t left = strlen(s);

    while (left > 0) {
        char piece[UPDRAFT_UTF8_CAP + 1] = "?";
        uint32_t code;
        size_t len = updraft_utf8_get(s, left, &code);

        if (len > 0)
            memcpy(piece, s, len);
        piece[len > 0 ? len : 1] = '\0';
        updraft_text_json(text, piece);
        s += len > 0 ? len : 1;
        left -= len > 0 ? len : 1;
    }
}

/* As text inside HTML: the same names must not become tags. */
static void append_html(struct updraft_text *text, const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '<')
            updraft_text_str(text, "&lt;");
        else if (*s == '&')
            updraft_text_str(text, "&amp;");
        else
            updraft_text_bytes(text, s, 1);
    }
}

static uint16_t raw_status(enum updraft_error code)
{
    switch (code) {
    case UPDRAFT_E_AUTH:
        return 401;
    case UPDRAFT_E_FORBIDDEN:
    case UPDRAFT_E_DISABLED:
        return 403;
    case UPDRAFT_E_BUSY:
    case UPDRAFT_E_RESTART_PENDING:
    case UPDRAFT_E_TRIAL:
    case UPDRAFT_E_ALREADY_RUNNING:
    case UPDRAFT_E_FAILED_BEFORE:
        return 409;
    case UPDRAFT_E_NO_LENGTH:
        return 411;
    case UPDRAFT_E_TOO_LARGE:
    case UPDRAFT_E_OVERFLOW:
        return 413;
    case UPDRAFT_E_UNSUPPORTED:
        return 415;
    case UPDRAFT_E_GUARD:
        return 503;
    case UPDRAFT_E_NO_SLOT:
    case UPDRAFT_E_NO_OTADATA:
    case UPDRAFT_E_NO_SPACE:
    case UPDRAFT_E_FLASH_READ:
    case UPDRAFT_E_FLASH_PROGRAM:
    case UPDRAFT_E_FLASH_ERASE:
    case UPDRAFT_E_FLASH_VERIFY:
    case UPDRAFT_E_STATE:
        return 500;
    default: /* everything else is wrong with what was sent */
        return 400;
    }
}

static void answer_raw(struct updraft_web_response *response, const struct updraft_failure *failure)
{
    const struct updraft_error_entry *entry = updraft_error_entry((uint32_t)failure->code);
    char sentence[SENTENCE_CAP];
    struct updraft_text text;

    (void)updraft_failure_sentence(failure, sentence, sizeof sentence);
    start_body(response, raw_status(failure->code), type_json, &text);
    updraft_text_str(&text, "{\"error\":{\"code\":");
    updraft_text_u32(&text, (uint32_t)failure->code);
    updraft_text_str(&text, ",\"name\":\"");
    append_json(&text, entry->name);
    updraft_text_str(&text, "\",\"text\":\"");
    append_json(&text, sentence);
    updraft_text_str(&text, "\",\"remedy\":\"");
    append_json(&text, entry->remedy);
    updraft_text_str(&text, "\"}}");
    end_body(response, &text);
}

static void answer_form(struct updraft_web_response *response,
                        const struct updraft_failure *failure)
{
    char line[SENTENCE_CAP + 64];
    struct updraft_text stock, text;

    updraft_text_init(&stock, line, sizeof line);
    updraft_stock_append(&stock, UPDRAFT_STOCK_ESP8266, failure);
    /* 200 also for a failure: clients made for the stock server look for "Update error:". */
    start_body(response, 200, type_html, &text);
    updraft_text_str(&text, "Update error: ERROR[");
    append_html(&text, line);
    updraft_text_str(&text, "\n");
    end_body(response, &text);
}

struct evse_words {
    uint16_t status;
    const char *reason;
    const char *text;
};

static const struct evse_words evse_upgrade = {521, "Failed To Upgrade Firmware",
                                               "Failed to upgrade firmware"};
static const struct evse_words evse_receive = {522, "Failed To Receive Firmware",
                                               "Failed to receive firmware"};
static const struct evse_words evse_invalid = {523, "Invalid Firmware File",
                                               "Invalid firmware file"};

static const struct evse_words *evse_words(enum updraft_error code)
{
    switch (code) {
    case UPDRAFT_E_LENGTH:
    case UPDRAFT_E_ABORTED:
    case UPDRAFT_E_TIMEOUT:
    case UPDRAFT_E_DISCONNECTED:
        return &evse_receive;
    case UPDRAFT_E_MAGIC:
    case UPDRAFT_E_TRUNCATED:
    case UPDRAFT_E_NO_APPDESC:
    case UPDRAFT_E_UNSUPPORTED:
    case UPDRAFT_E_WRONG_PRODUCT:
        return &evse_invalid;
    default:
        return &evse_upgrade;
    }
}

static void answer_evse(struct updraft_web_response *response,
                        const struct updraft_failure *failure)
{
    const struct evse_words *words = evse_words(failure->code);
    char sentence[SENTENCE_CAP];
    struct updraft_text text;

    (void)updraft_failure_sentence(failure, sentence, sizeof sentence);
    start_body(response, words->status, type_text, &text);
    response->reason = words->reason;
    updraft_text_str(&text, words->text);
    updraft_text_str(&text, ": ");
    updraft_text_str(&text, sentence);
    end_body(response, &text);
}

static void answer_unauthorised(struct updraft_web_response *response, enum route route)
{
    struct updraft_failure failure;
    struct updraft_text text;

    if (route == ROUTE_RAW) {
        updraft_failure_set(&failure, UPDRAFT_E_AUTH, 0, 0, NULL);
        answer_raw(response, &failure);
    } else {
        start_body(response, 401, route == ROUTE_EVSE ? type_text : type_html, &text);
        if (route == ROUTE_EVSE)
            updraft_text_str(&text, "Bad credentials");
        end_body(response, &text);
    }
    response->authenticate =
        route == ROUTE_EVSE ? "Basic realm=\"Users\"" : "Basic realm=\"Login Required\"";
}

static void answer_wrong_method(struct updraft_web_response *response)
{
    struct updraft_failure failure;

    updraft_failure_set(&failure, UPDRAFT_E_METHOD, 0, 0, NULL);
    answer_raw(response, &failure);
    response->status = 405;
}

static void answer_failure(struct updraft_web_response *response, enum route route,
                           const struct updraft_failure *failure)
{
    switch (route) {
    case ROUTE_FORM:
        answer_form(response, failure);
        break;
    case ROUTE_EVSE:
        answer_evse(response, failure);
        break;
    case ROUTE_NONE:
    case ROUTE_STATUS:
    case ROUTE_RAW:
    case ROUTE_WRONG_METHOD:
        answer_raw(response, failure);
        break;
    }
}

static void answer_success(struct updraft_web *web)
{
    const struct updraft_update *update = web->config.update;
    struct updraft_web_response *response = &web->response;
    struct updraft_text text;

    if (web->route == ROUTE_FORM) {
        start_body(response, 200, type_html, &text);
        updraft_text_str(&text, "<META http-equiv=\"refresh\" content=\"15;URL=/\">"
                                "Update Success! Rebooting...");
    } else if (web->route == ROUTE_EVSE) {
        start_body(response, 200, type_text, &text);
        updraft_text_str(&text, "OK");
    } else {
        start_body(response, 200, type_json, &text);
        updraft_text_str(&text, "{\"ok\":true,\"version\":\"");
        append_json(&text, update->facts.version);
        updraft_text_str(&text, "\",\"slot\":\"");
        append_json(&text, updraft_slot_name(update->target_slot));
        updraft_text_str(&text, "\"}");
    }
    end_body(response, &text);
    response->restart = true;
}

static void answer_status(const struct updraft_web *web, struct updraft_web_response *response)
{
    struct updraft_text text;

    start_body(response, 200, type_json, &text);
    web->config.status_json(web->config.ctx, response->body, sizeof response->body);
    response->body_len = strlen(response->body);
}

/* ---- Requests ----------------------------------------------------------------------------------
 */

static bool begins_with(const char *value, const char *lower_case)
{
    if (value == NULL)
        return false;
    for (; *lower_case != '\0'; value++, lower_case++) {
        char c = *value >= 'A' && *value <= 'Z' ? (char)(*value - 'A' + 'a') : *value;

        if (c != *lower_case)
            return false;
    }
    return true;
}

static enum route find_route(const struct updraft_web_request *request)
{
    bool is_get = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    bool is_post = strcmp(request->method, "POST") == 0;

    if (strcmp(request->path, "/status") == 0)
        return is_get ? ROUTE_STATUS : ROUTE_WRONG_METHOD;
    if (strcmp(request->path, "/api/v1/firmware/upload") == 0)
        return is_post ? ROUTE_EVSE : ROUTE_WRONG_METHOD;
    if (strcmp(request->path, "/update") != 0 || is_get)
        return ROUTE_NONE;
    if (!is_post)
        return ROUTE_WRONG_METHOD;
    return begins_with(request->content_type, "multipart/form-data") ? ROUTE_FORM : ROUTE_RAW;
}

/* Types that say by themselves that this is no image. What curl sends unasked
 * (application/x-www-form-urlencoded) must pass. */
static bool is_hopeless_type(const char *content_type)
{
    return begins_with(content_type, "text/") || begins_with(content_type, "application/json") ||
           begins_with(content_type, "multipart/") || begins_with(content_type, "image/");
}

/* A length beyond 32 bits becomes the largest one: no slot holds it, and the answer says so. */
static enum updraft_error read_length(const char *text, uint32_t *len)
{
    uint64_t value = 0;

    if (text == NULL || *text == '\0')
        return UPDRAFT_E_NO_LENGTH;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return UPDRAFT_E_PROTOCOL;
        value = value * 10 + (uint64_t)(*text - '0');
        if (value > UINT32_MAX)
            value = UINT32_MAX;
    }
    *len = (uint32_t)value;
    return UPDRAFT_OK;
}

static enum updraft_error fail(struct updraft_web *web, enum updraft_error code, const char *text)
{
    updraft_failure_set(&web->failure, code, 0, 0, text);
    return code;
}

static enum updraft_error begin_raw(struct updraft_web *web,
                                    const struct updraft_web_request *request)
{
    struct updraft_update_request update = {0};
    enum updraft_error error;

    if (web->route == ROUTE_RAW && is_hopeless_type(request->content_type))
        return fail(web, UPDRAFT_E_UNSUPPORTED, NULL);
    error = read_length(request->content_length, &update.wire_len);
    if (error == UPDRAFT_OK && update.wire_len == 0)
        error = UPDRAFT_E_EMPTY;
    if (error != UPDRAFT_OK)
        return fail(web, error, NULL);
    error = updraft_update_begin(web->config.update, &update, &web->failure);
    web->begun = error == UPDRAFT_OK;
    return error;
}

static enum updraft_error begin_form(struct updraft_web *web,
                                     const struct updraft_web_request *request)
{
    enum updraft_error error = updraft_multipart_init(&web->multipart, request->content_type);

    if (error != UPDRAFT_OK)
        return fail(web, error, NULL);
    if (read_length(request->content_length, &web->form_len) != UPDRAFT_OK)
        web->form_len = 0;
    return UPDRAFT_OK;
}

/* The file's first byte came, so its field is known. Its length is not: a form tells only its own. */
static enum updraft_error begin_form_file(struct updraft_web *web)
{
    struct updraft_update_request update = {
        .data_partition = strcmp(web->multipart.name, "filesystem") == 0,
        .partition = web->config.data_partition,
        .at_least_len = web->form_len > FORM_FRAME_CAP ? web->form_len - FORM_FRAME_CAP : 0,
    };
    enum updraft_error error;

    if (update.data_partition && update.partition == NULL)
        return fail(web, UPDRAFT_E_NO_PARTITION, "filesystem");
    error = updraft_update_begin(web->config.update, &update, &web->failure);
    web->begun = error == UPDRAFT_OK;
    return error;
}

/* Who may upload at all: told before anything is begun. True when the answer is made. */
static bool refuse_sender(struct updraft_web *web, enum route route,
                          const struct updraft_web_request *request,
                          struct updraft_web_response *response)
{
    const char *password = web->config.password;
    struct updraft_failure failure;

    if (updraft_web_is_foreign(request->origin, request->host)) {
        updraft_failure_set(&failure, UPDRAFT_E_FORBIDDEN, 0, 0, NULL);
        answer_failure(response, route, &failure);
        if (route == ROUTE_EVSE) {
            response->status = 403;
            response->reason = NULL;
        }
        return true;
    }
    if (password == NULL || password[0] == '\0')
        return false;
    if (updraft_web_has_password(request->authorization, password)) {
        web->sign_in = UPDRAFT_SIGN_IN_RIGHT;
        return false;
    }
    if (request->authorization != NULL)
        web->sign_in = UPDRAFT_SIGN_IN_WRONG;
    answer_unauthorised(response, route);
    return true;
}

static enum updraft_web_next begin_upload(struct updraft_web *web, enum route route,
                                          const struct updraft_web_request *request)
{
    enum updraft_error error;

    web->route = (uint8_t)route;
    web->is_form = route == ROUTE_FORM;
    web->begun = false;
    error = web->is_form ? begin_form(web, request) : begin_raw(web, request);
    if (error != UPDRAFT_OK) {
        answer_failure(&web->response, route, &web->failure);
        return UPDRAFT_WEB_RESPOND;
    }
    web->state = STATE_RECEIVING;
    return UPDRAFT_WEB_TAKE_BODY;
}

enum updraft_web_next updraft_web_request(struct updraft_web *web,
                                          const struct updraft_web_request *request,
                                          struct updraft_web_response *other, bool *use_other)
{
    enum route route = find_route(request);
    bool is_held = web->state != STATE_IDLE;
    struct updraft_web_response *response = is_held ? other : &web->response;
    struct updraft_failure failure;

    *use_other = is_held && route != ROUTE_NONE;
    if (route == ROUTE_NONE)
        return UPDRAFT_WEB_NOT_MINE;
    if (route == ROUTE_STATUS) {
        answer_status(web, response);
    } else if (route == ROUTE_WRONG_METHOD) {
        answer_wrong_method(response);
    } else if (!refuse_sender(web, route, request, response)) {
        if (!is_held)
            return begin_upload(web, route, request);
        updraft_failure_set(&failure, UPDRAFT_E_BUSY, 0, 0, NULL);
        answer_failure(response, route, &failure);
    }
    return UPDRAFT_WEB_RESPOND;
}

/* ---- Bodies ------------------------------------------------------------------------------------
 */

static enum updraft_error take_image(struct updraft_web *web, const uint8_t *data, size_t len)
{
    while (len > 0) {
        uint32_t piece_len = len > UINT32_MAX ? UINT32_MAX : (uint32_t)len;
        enum updraft_error error = updraft_update_feed(web->config.update, data, piece_len);

        if (error != UPDRAFT_OK) {
            web->failure = web->config.update->failure;
            web->failure.code = error;
            return error;
        }
        data += piece_len;
        len -= piece_len;
    }
    return UPDRAFT_OK;
}

static enum updraft_error take_form(struct updraft_web *web, const uint8_t *data, size_t len)
{
    const uint8_t *file;
    size_t used, file_len;
    enum updraft_error error;

    do {
        error = updraft_multipart_feed(&web->multipart, data, len, &used, &file, &file_len);
        if (error != UPDRAFT_OK)
            return fail(web, error, NULL);
        if (file_len > 0 && !web->begun)
            error = begin_form_file(web);
        if (error == UPDRAFT_OK)
            error = take_image(web, file, file_len);
        if (error != UPDRAFT_OK)
            return error;
        data += used;
        len -= used;
    } while (len > 0 || file_len > 0);
    return UPDRAFT_OK;
}

/* The failure is set; the transaction, when it is still ours, ends with it. */
static void give_up(struct updraft_web *web)
{
    if (web->begun)
        updraft_update_abort(web->config.update, web->failure.code);
    web->begun = false;
    web->state = STATE_FAILED;
}

void updraft_web_body(struct updraft_web *web, const uint8_t *data, size_t len)
{
    enum updraft_error error;

    if (web->state != STATE_RECEIVING)
        return;
    error = web->is_form ? take_form(web, data, len) : take_image(web, data, len);
    if (error != UPDRAFT_OK)
        give_up(web);
}

static enum updraft_error finish_upload(struct updraft_web *web)
{
    enum updraft_error error = UPDRAFT_OK;

    if (web->is_form)
        error = updraft_multipart_finish(&web->multipart);
    if (error == UPDRAFT_OK && !web->begun)
        error = UPDRAFT_E_EMPTY; /* a file of no bytes */
    if (error != UPDRAFT_OK)
        return fail(web, error, NULL);
    error = updraft_update_finish(web->config.update);
    if (error != UPDRAFT_OK) {
        web->failure = web->config.update->failure;
        web->failure.code = error;
    }
    return error;
}

void updraft_web_finish(struct updraft_web *web)
{
    UPDRAFT_ASSERT(web->state != STATE_IDLE);
    if (web->state == STATE_RECEIVING && finish_upload(web) != UPDRAFT_OK)
        give_up(web);
    if (web->state == STATE_FAILED)
        answer_failure(&web->response, (enum route)web->route, &web->failure);
    else
        answer_success(web);
    web->begun = false;
    web->state = STATE_IDLE;
}

void updraft_web_timed_out(struct updraft_web *web)
{
    if (web->state != STATE_RECEIVING)
        return;
    (void)fail(web, UPDRAFT_E_TIMEOUT, NULL);
    give_up(web);
}

enum updraft_sign_in updraft_web_take_sign_in(struct updraft_web *web)
{
    enum updraft_sign_in result = web->sign_in;

    web->sign_in = UPDRAFT_SIGN_IN_NONE;
    return result;
}

void updraft_web_dropped(struct updraft_web *web)
{
    if (web->begun)
        updraft_update_abort(web->config.update, UPDRAFT_E_DISCONNECTED);
    web->begun = false;
    web->state = STATE_IDLE;
}
