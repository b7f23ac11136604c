#include "format/check.h"

#include "format/document.h"
#include "format/text.h"

#include <string.h>

/* ---- Asking ------------------------------------------------------------------------------------
 */

static void put_text(struct updraft_text *text, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    updraft_text_str(text, ",\"");
    updraft_text_str(text, name);
    updraft_text_str(text, "\":\"");
    updraft_text_json(text, value);
    updraft_text_str(text, "\"");
}

/* "code", "name" and "text" of a failure. */
static void put_failure(struct updraft_text *text, const struct updraft_failure *failure)
{
    char sentence[160];

    (void)updraft_failure_sentence(failure, sentence, sizeof sentence);
    updraft_text_str(text, "\"code\":");
    updraft_text_u32(text, (uint32_t)failure->code);
    put_text(text, "name", updraft_error_entry((uint32_t)failure->code)->name);
    put_text(text, "text", sentence);
}

static void put_end(struct updraft_text *text, const struct updraft_check_end *end)
{
    updraft_text_str(text, ",\"reports\":[{\"state\":\"");
    updraft_text_str(text, end->rolled_back ? "rolled_back" : "failed");
    updraft_text_str(text, "\"");
    put_text(text, "target", end->target);
    updraft_text_str(text, ",\"error\":{");
    put_failure(text, &end->failure);
    updraft_text_str(text, "}}]");
}

static void put_postponed(struct updraft_text *text, const struct updraft_failure *postponed)
{
    updraft_text_str(text, ",\"postponed\":{");
    put_failure(text, postponed);
    updraft_text_str(text, "}");
}

enum updraft_error updraft_check_ask_encode(const struct updraft_check_ask *ask, char *out,
                                            size_t out_cap, size_t *len)
{
    struct updraft_text text;

    if (out_cap == 0)
        return UPDRAFT_E_NO_SPACE;
    updraft_text_init(&text, out, out_cap);
    updraft_text_str(&text, "{\"device\":\"");
    updraft_text_json(&text, ask->device);
    updraft_text_str(&text, "\"");
    put_text(&text, "product", ask->product);
    put_text(&text, "channel", ask->channel);
    put_text(&text, "chip", ask->chip);
    put_text(&text, "board", ask->board);
    put_text(&text, "layout", ask->layout);
    put_text(&text, "name", ask->name);
    put_text(&text, "version", ask->version);
    put_text(&text, "slot", ask->slot);
    put_text(&text, "state", ask->trial ? "trial" : "confirmed");
    if (ask->capacity != 0) {
        updraft_text_str(&text, ",\"capacity\":");
        updraft_text_u32(&text, ask->capacity);
    }
    if (ask->end != NULL)
        put_end(&text, ask->end);
    if (ask->postponed != NULL)
        put_postponed(&text, ask->postponed);
    updraft_text_str(&text, "}");
    if (text.cut)
        return UPDRAFT_E_NO_SPACE;
    *len = text.len;
    return UPDRAFT_OK;
}

/* ---- The answer --------------------------------------------------------------------------------
 */

static bool is_word(const struct updraft_document *document, size_t idx, const char *word)
{
    return idx != 0 && updraft_document_is_word(document, idx, word);
}

/* A text of at least one byte. */
static enum updraft_error take_text(const struct updraft_document *document, size_t idx, char *out,
                                    size_t cap)
{
    enum updraft_error error =
        idx == 0 ? UPDRAFT_E_ANSWER : updraft_document_text(document, idx, out, cap);

    if (error == UPDRAFT_E_JSON || (error == UPDRAFT_OK && out[0] == '\0'))
        return UPDRAFT_E_ANSWER;
    return error;
}

/* Absent or null leaves 0. */
static bool take_number(const struct updraft_document *document, const char *name, uint32_t *out)
{
    size_t idx = updraft_document_find(document, 0, name);

    return idx == 0 || is_word(document, idx, "null") || updraft_document_u32(document, idx, out);
}

static bool take_sha256(const struct updraft_document *document, size_t idx,
                        uint8_t sha256[UPDRAFT_SHA256_LEN])
{
    char hex[2 * UPDRAFT_SHA256_LEN + 1];

    return take_text(document, idx, hex, sizeof hex) == UPDRAFT_OK &&
           updraft_text_unhex(hex, strlen(hex), sha256, UPDRAFT_SHA256_LEN);
}

static enum updraft_error take_offer(const struct updraft_document *document, size_t offer,
                                     struct updraft_check_answer *out)
{
    size_t size = updraft_document_find(document, offer, "size");
    size_t layout = updraft_document_find(document, offer, "layout");
    enum updraft_error error =
        take_text(document, updraft_document_find(document, offer, "version"), out->offer.version,
                  sizeof out->offer.version);

    if (error == UPDRAFT_OK)
        error = take_text(document, updraft_document_find(document, offer, "url"), out->offer.url,
                          sizeof out->offer.url);
    if (error == UPDRAFT_OK && layout != 0)
        error =
            updraft_document_text(document, layout, out->offer.layout, sizeof out->offer.layout);
    if (error == UPDRAFT_OK &&
        (size == 0 || !updraft_document_u32(document, size, &out->offer.size) ||
         !take_sha256(document, updraft_document_find(document, offer, "sha256"),
                      out->offer.sha256)))
        error = UPDRAFT_E_ANSWER;
    out->has_offer = error == UPDRAFT_OK;
    return error == UPDRAFT_E_JSON ? UPDRAFT_E_ANSWER : error;
}

/* It is for a person: what does not fit is cut, what cannot be shown is left out. */
static void take_reason(const struct updraft_document *document, struct updraft_check_answer *out)
{
    size_t idx = updraft_document_find(document, 0, "reason");
    enum updraft_error error =
        idx == 0 ? UPDRAFT_E_JSON
                 : updraft_document_text(document, idx, out->reason, sizeof out->reason);

    if (error != UPDRAFT_OK && error != UPDRAFT_E_TOO_LONG)
        out->reason[0] = '\0';
}

enum updraft_error updraft_check_answer_decode(const char *json, size_t len,
                                               struct updraft_check_answer *out)
{
    struct updraft_check_answer answer = {0};
    struct updraft_document document;
    enum updraft_error error = UPDRAFT_OK;
    size_t offer;

    if (len > UPDRAFT_CHECK_LEN_CAP)
        return UPDRAFT_E_TOO_LONG;
    if (!updraft_document_parse(&document, json, len))
        return UPDRAFT_E_JSON;
    if (!is_word(&document, updraft_document_find(&document, 0, "ok"), "true") ||
        !take_number(&document, "poll_s", &answer.poll_s) ||
        !take_number(&document, "wait_s", &answer.wait_s))
        return UPDRAFT_E_ANSWER;
    take_reason(&document, &answer);
    offer = updraft_document_find(&document, 0, "offer");
    if (offer != 0 && !is_word(&document, offer, "null"))
        error = take_offer(&document, offer, &answer);
    if (error == UPDRAFT_OK)
        *out = answer;
    return error;
}
