#include "device/push/web_answer.h"

#include "device/push/stock.h"
#include "format/text.h"
#include "format/utf8.h"

#include <string.h>

#define SENTENCE_CAP 160u

static const char type_html[] = "text/html";
static const char type_json[] = "application/json";
static const char type_text[] = "text/plain";

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
    case UPDRAFT_E_FOREIGN_HOST:
    case UPDRAFT_E_DISABLED:
        return 403;
    case UPDRAFT_E_BUSY:
    case UPDRAFT_E_RESTART_PENDING:
    case UPDRAFT_E_TRIAL:
    case UPDRAFT_E_ALREADY_RUNNING:
    case UPDRAFT_E_FAILED_BEFORE:
        return 409;
    case UPDRAFT_E_METHOD:
        return 405;
    case UPDRAFT_E_NO_LENGTH:
        return 411;
    case UPDRAFT_E_TOO_LARGE:
    case UPDRAFT_E_OVERFLOW:
        return 413;
    case UPDRAFT_E_UNSUPPORTED:
        return 415;
    case UPDRAFT_E_RANGE:
        return 416;
    case UPDRAFT_E_TOO_MANY_ATTEMPTS:
        return 429;
    case UPDRAFT_E_GUARD:
    case UPDRAFT_E_BUTTON:
    case UPDRAFT_E_WINDOW:
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

static void answer_json(struct updraft_web_response *response,
                        const struct updraft_failure *failure)
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
    updraft_text_str(&text, "\"");
    if (updraft_failure_retry_after_s(failure) != 0) {
        updraft_text_str(&text, ",\"retry_after_s\":");
        updraft_text_u32(&text, updraft_failure_retry_after_s(failure));
    }
    updraft_text_str(&text, "}}");
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
    if (raw_status(failure->code) == 403 && failure->code != UPDRAFT_E_DISABLED) {
        response->status = 403;
        response->reason = NULL;
    }
}

static void answer_elegant(struct updraft_web_response *response,
                           const struct updraft_failure *failure)
{
    char line[SENTENCE_CAP + 64];
    struct updraft_text stock, text;

    updraft_text_init(&stock, line, sizeof line);
    updraft_stock_append(&stock, UPDRAFT_STOCK_ESP8266, failure);
    start_body(response, 400, type_text, &text);
    updraft_text_str(&text, "ERROR[");
    updraft_text_str(&text, line);
    updraft_text_str(&text, "\n");
    end_body(response, &text);
}

/* ---- The ends of an upload ---------------------------------------------------------------------
 */

void updraft_web_answer_text(struct updraft_web_response *response, uint16_t status,
                             const char *content_type, const char *words)
{
    struct updraft_text text;

    start_body(response, status, content_type, &text);
    updraft_text_str(&text, words);
    end_body(response, &text);
}

void updraft_web_answer_failure(struct updraft_web_response *response, enum updraft_web_words words,
                                const struct updraft_failure *failure)
{
    switch (words) {
    case UPDRAFT_WEB_WORDS_JSON:
        answer_json(response, failure);
        break;
    case UPDRAFT_WEB_WORDS_FORM:
        answer_form(response, failure);
        break;
    case UPDRAFT_WEB_WORDS_ELEGANT:
        answer_elegant(response, failure);
        break;
    case UPDRAFT_WEB_WORDS_EVSE:
        answer_evse(response, failure);
        break;
    }
    response->retry_after_s = updraft_failure_retry_after_s(failure);
}

void updraft_web_answer_unauthorised(struct updraft_web_response *response,
                                     enum updraft_web_words words)
{
    struct updraft_failure failure;

    updraft_failure_set(&failure, UPDRAFT_E_AUTH, 0, 0, NULL);
    if (words == UPDRAFT_WEB_WORDS_JSON)
        answer_json(response, &failure);
    else if (words == UPDRAFT_WEB_WORDS_EVSE)
        updraft_web_answer_text(response, 401, type_text, "Bad credentials");
    else
        updraft_web_answer_text(response, 401, type_html, "");
}

void updraft_web_answer_success(struct updraft_web_response *response, enum updraft_web_words words,
                                const struct updraft_update *update)
{
    struct updraft_text text;

    switch (words) {
    case UPDRAFT_WEB_WORDS_FORM:
        updraft_web_answer_text(response, 200, type_html,
                                "<META http-equiv=\"refresh\" content=\"15;URL=/\">"
                                "Update Success! Rebooting...");
        break;
    case UPDRAFT_WEB_WORDS_ELEGANT:
    case UPDRAFT_WEB_WORDS_EVSE:
        updraft_web_answer_text(response, 200, type_text, "OK");
        break;
    case UPDRAFT_WEB_WORDS_JSON:
        start_body(response, 200, type_json, &text);
        updraft_text_str(&text, "{\"ok\":true,\"version\":\"");
        append_json(&text, update->facts.version);
        updraft_text_str(&text, "\",\"slot\":\"");
        append_json(&text, updraft_slot_name(update->target_slot));
        updraft_text_str(&text, "\"}");
        end_body(response, &text);
        break;
    }
    response->restart = true;
}

void updraft_web_answer_identity(struct updraft_web_response *response, const char *id,
                                 const char *hardware)
{
    struct updraft_text text;

    start_body(response, 200, type_json, &text);
    updraft_text_str(&text, "{ \"id\": \"");
    append_json(&text, id);
    updraft_text_str(&text, "\", \"hardware\": \"");
    append_json(&text, hardware);
    updraft_text_str(&text, "\" }");
    end_body(response, &text);
}

void updraft_web_answer_offset(struct updraft_web_response *response, uint32_t off)
{
    struct updraft_text text;

    start_body(response, 200, type_json, &text);
    updraft_text_str(&text, "{\"offset\":");
    updraft_text_u32(&text, off);
    updraft_text_str(&text, "}");
    end_body(response, &text);
}
