/* The three HTTP ways: raw body to an Updraft device, raw body to an esp32-evse, browser form. */
#include "cli/http.h"
#include "cli/out.h"
#include "cli/push.h"
#include "cli/push_words.h"
#include "format/digest.h"
#include "format/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define FORM_FIELD   "firmware"
#define FORM_SUCCESS "Update Success"
#define FORM_ERROR   "Update error:"
/* How many answers' time may pass without a byte: a device that erases holds the transfer up. */
#define STALL_ANSWERS 6u
#define REST_TRIES    15 /* times 200 ms for the device to notice that a connection is lost */

static void count(void *ctx, uint64_t sent_len)
{
    struct updraft_push *push = ctx;

    push->sent_len = (uint32_t)sent_len;
    updraft_progress_update(&push->progress, push->resumed_off + sent_len);
}

/* held_len: what the device says that it has of the image; 0: nothing, or it did not say. Of what was
 * sent the last part may have been lost on its way. */
static enum updraft_exit no_answer(struct updraft_push *push,
                                   const struct updraft_http_response *response, uint32_t held_len)
{
    struct updraft_fail *fail = &push->cli->fail;

    if (!response->connected)
        return updraft_fail_set(fail, UPDRAFT_EXIT_NETWORK, "cannot_connect",
                                "Check address and port, that the device is on, and that this "
                                "computer is in the same network.",
                                "connecting: %s", response->error);
    if (held_len > 0)
        return updraft_fail_set(fail, UPDRAFT_EXIT_NETWORK, "disconnected",
                                "The device runs its old image. Send again: it goes on where it "
                                "broke off.",
                                "transfer: the connection broke off (%s); the device has %u of %zu "
                                "bytes",
                                response->error, held_len, push->wire.len);
    if (push->resumed_off + response->sent_len < push->wire.len)
        return updraft_fail_set(fail, UPDRAFT_EXIT_NETWORK, "disconnected",
                                "The device runs its old image. Send again; if it repeats at the "
                                "same place, the device may have no room or restart for lack of "
                                "power.",
                                "transfer: the connection broke off after about %llu of %zu bytes "
                                "(%s)",
                                (unsigned long long)(push->resumed_off + response->sent_len),
                                push->wire.len, response->error);
    return updraft_fail_set(fail, UPDRAFT_EXIT_NETWORK, "no_verdict",
                            "Ask the device which version it runs before you send again.",
                            "result: all %zu bytes went out, but the device closed without an "
                            "answer (%s)",
                            push->wire.len, response->error);
}

static enum updraft_exit wants_password(struct updraft_push *push)
{
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_AUTH, "wrong_password",
                            push->password
                                ? "Check --password; some devices want a user name, too: --user."
                                : "Give it with --password, or in UPDRAFT_PASSWORD.",
                            push->password ? "sign-in: the device does not take that password"
                                           : "sign-in: the device wants a password");
}

/* Updraft's devices answer a refusal with {"error": {code, name, text, remedy}}; NULL: no such. */
static const cJSON *error_of(const cJSON *json)
{
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");

    if (!cJSON_IsObject(error))
        error = json;
    return cJSON_IsString(cJSON_GetObjectItemCaseSensitive(error, "text")) ? error : NULL;
}

static enum updraft_exit refused_with_json(struct updraft_push *push, const cJSON *error,
                                           long status)
{
    const char *name = updraft_json_text(error, "name");
    const char *remedy = updraft_json_text(error, "remedy");

    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_REFUSED,
                            strcmp(name, "-") ? name : "refused", strcmp(remedy, "-") ? remedy : "",
                            "the device refused (%ld): %s", status,
                            updraft_json_text(error, "text"));
}

static enum updraft_exit refused_with_text(struct updraft_push *push, const char *words)
{
    struct updraft_push_words means = updraft_push_words(words);

    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_REFUSED, means.name, means.remedy,
                            "the device refused: %.200s", words);
}

/* Arduino's update servers answer success and failure alike with 200; only the text tells. */
static enum updraft_exit judge_form(struct updraft_push *push,
                                    const struct updraft_http_response *response)
{
    const char *body = response->body ? response->body : "";
    const char *error = strstr(body, FORM_ERROR);

    if (error)
        return refused_with_text(push, error + strlen(FORM_ERROR) +
                                           strspn(error + strlen(FORM_ERROR), " "));
    if (response->status == 200 && (strstr(body, FORM_SUCCESS) || !strncmp(body, "OK", 2)))
        return UPDRAFT_EXIT_OK;
    if (response->status == 200)
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_FAILED, "no_verdict",
                                "Ask the device which version it runs; its page may need another "
                                "way in: try --via espota.",
                                "result: the device answered neither '%s' nor an error: %.100s",
                                FORM_SUCCESS, body);
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_REFUSED, "http_status",
                            "Check the port; try --via raw or --via espota.",
                            "the device answered POST /update with status %ld: %.100s",
                            response->status, body);
}

/* esp32-evse has status codes of its own, each with one fixed sentence as body. */
struct evse_verdict {
    long status;
    const char *stock; /* its body, which says less than `reason` */
    const char *reason;
};

static const struct evse_verdict *find_evse_verdict(long status)
{
    static const struct evse_verdict verdicts[] = {
        {521, "Failed to upgrade firmware",
         "it could not write, verify or select the image (wrong chip, damaged, or too large)"},
        {522, "Failed to receive firmware", "it did not receive the whole image"},
        {523, "Invalid firmware file", "the image is not one of esp32-evse"},
    };

    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++)
        if (verdicts[i].status == status)
            return &verdicts[i];
    return NULL;
}

/* Updraft's devices put the precise sentence behind the stock one: "Invalid firmware file: ...".
 * Any other body is the device's own, too, and knows more than a guess by the status. */
static const char *evse_reason(const struct evse_verdict *verdict, const char *body)
{
    size_t stock_len = strlen(verdict->stock);

    body += strspn(body, " \r\n\t");
    if (!strncasecmp(body, verdict->stock, stock_len)) {
        body += stock_len;
        body += strspn(body, ":. \r\n\t");
    }
    return body[0] ? body : verdict->reason;
}

static enum updraft_exit judge_raw(struct updraft_push *push,
                                   const struct updraft_http_response *response)
{
    const char *body = response->body ? response->body : "";
    const struct evse_verdict *verdict = find_evse_verdict(response->status);
    cJSON *json = NULL;
    enum updraft_exit exit;

    if (response->status >= 200 && response->status < 300)
        return UPDRAFT_EXIT_OK;
    json = updraft_http_json(response);
    if (json && error_of(json))
        exit = refused_with_json(push, error_of(json), response->status);
    else if (verdict)
        exit = updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_REFUSED, "refused",
                                "The device runs its old image. Send the image built for it.",
                                "the device refused (%ld): %.300s", response->status,
                                evse_reason(verdict, body));
    else
        exit =
            updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_REFUSED, "http_status",
                             "Check the port; try --via form or --via espota.",
                             "the device answered with status %ld: %.100s", response->status, body);
    cJSON_Delete(json);
    return exit;
}

/* Devices of ours take Digest, which keeps the password off the wire, and say whether they want one.
 * What others take only their refusal tells: Arduino's synchronous servers want Basic, its
 * asynchronous ones Digest. */
static bool send_image(struct updraft_push *push, struct updraft_http_request *request,
                       struct updraft_http_response *response)
{
    bool is_ours = push->device.kind == UPDRAFT_PUSH_UPDRAFT;
    bool answered;

    request->digest = is_ours;
    request->password = is_ours && !push->device.wants_password ? NULL : push->password;
    answered = updraft_http_do(request, response);
    if (!answered || response->status != 401 || !push->password || is_ours)
        return answered;
    updraft_http_free(response);
    request->digest = true;
    return updraft_http_do(request, response);
}

/* ---- Going on where an attempt broke off -------------------------------------------------------
 */

struct resumption {
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    char repr_digest[64]; /* of the whole file */
    char content_range[64];
};

static void name_file(const struct updraft_push *push, struct resumption *resumption)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct updraft_digest digest;
    char base64[48];
    size_t at = 0;

    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, push->wire.data, push->wire.len);
    updraft_digest_finish(&digest, resumption->sha256);
    for (size_t i = 0; i < UPDRAFT_SHA256_LEN; i += 3) {
        bool is_last = i + 3 > UPDRAFT_SHA256_LEN; /* 32 bytes: two of the last three are there */
        uint32_t bits = (uint32_t)resumption->sha256[i] << 16 |
                        (uint32_t)resumption->sha256[i + 1] << 8 |
                        (is_last ? 0u : resumption->sha256[i + 2]);

        base64[at++] = digits[bits >> 18 & 63];
        base64[at++] = digits[bits >> 12 & 63];
        base64[at++] = digits[bits >> 6 & 63];
        base64[at++] = is_last ? '=' : digits[bits & 63];
    }
    base64[at] = '\0';
    snprintf(resumption->repr_digest, sizeof resumption->repr_digest, "sha-256=:%s:", base64);
}

/* How much of the file the device has; one that does not know the question has nothing of it. False
 * when it does not answer. */
static bool ask_offset(const struct updraft_push *push, const struct resumption *resumption,
                       uint32_t *held_len)
{
    char path[128], url[400], hex[2 * UPDRAFT_SHA256_LEN + 1];
    struct updraft_http_request request = {
        .url = url,
        .user = push->user,
        .password = push->device.wants_password ? push->password : NULL,
        .digest = true,
        .connect_ms = push->timeout_s * 1000,
        .total_ms = push->timeout_s * 1000,
    };
    struct updraft_http_response response;
    struct updraft_text text;
    double off = 0;
    cJSON *json = NULL;
    bool answered;

    updraft_text_init(&text, hex, sizeof hex);
    updraft_text_hex(&text, resumption->sha256, sizeof resumption->sha256);
    snprintf(path, sizeof path, "/update/resume?sha256=%s&size=%zu", hex, push->wire.len);
    updraft_push_url(push, path, url, sizeof url);
    answered = updraft_http_do(&request, &response);
    if (answered && response.status == 200)
        json = updraft_http_json(&response);
    if (json)
        off = updraft_json_number(json, "offset");
    cJSON_Delete(json);
    updraft_http_free(&response);
    *held_len = off > 0 && off < (double)push->wire.len ? (uint32_t)off : 0;
    return answered;
}

/* Behind a connection that was lost: the device may still be at what it received last. */
static uint32_t ask_rest(const struct updraft_push *push, const struct resumption *resumption)
{
    const struct timespec pause = {.tv_nsec = 200000000};
    uint32_t held_len = 0;

    for (int i = 0; i < REST_TRIES && held_len == 0; i++) {
        if (i > 0)
            (void)nanosleep(&pause, NULL);
        if (!ask_offset(push, resumption, &held_len))
            held_len = 0;
    }
    return held_len;
}

/* Only our own devices keep what they have of an image. */
static void resume(struct updraft_push *push, struct updraft_http_request *request,
                   struct resumption *resumption)
{
    push->resumed_off = 0;
    if (push->way != UPDRAFT_PUSH_RAW || push->device.kind != UPDRAFT_PUSH_UPDRAFT)
        return;
    name_file(push, resumption);
    request->repr_digest = resumption->repr_digest;
    if (!ask_offset(push, resumption, &push->resumed_off) || push->resumed_off == 0)
        return;
    updraft_progress_step(&push->progress, "going on at %u of %zu bytes", push->resumed_off,
                          push->wire.len);
    snprintf(resumption->content_range, sizeof resumption->content_range, "bytes %u-%zu/%zu",
             push->resumed_off, push->wire.len - 1, push->wire.len);
    request->content_range = resumption->content_range;
    request->body += push->resumed_off;
    request->body_len -= push->resumed_off;
}

enum updraft_exit updraft_push_http(struct updraft_push *push)
{
    bool is_form = push->way == UPDRAFT_PUSH_FORM;
    char url[400];
    char origin[320];
    struct updraft_http_request request = {
        .method = "POST",
        .url = url,
        .user = push->user,
        .body = push->wire.data,
        .body_len = push->wire.len,
        .content_type = "application/octet-stream",
        .origin = is_form ? origin : NULL,
        .form_field = is_form ? FORM_FIELD : NULL,
        .form_name = updraft_file_name(push->path),
        .connect_ms = push->timeout_s * 1000,
        .stall_s = push->timeout_s * STALL_ANSWERS,
        .progress = count,
        .ctx = push,
    };
    struct updraft_http_response response;
    struct resumption resumption;
    enum updraft_exit exit;
    bool answered;

    resume(push, &request, &resumption);
    updraft_push_url(push, push->way == UPDRAFT_PUSH_EVSE ? "/api/v1/firmware/upload" : "/update",
                     url, sizeof url);
    updraft_push_url(push, "", origin, sizeof origin);
    updraft_progress_begin(&push->progress, "sending", push->wire.len);
    answered = send_image(push, &request, &response);
    updraft_progress_end(&push->progress);
    push->sent_len = (uint32_t)response.sent_len;
    if (!answered)
        exit =
            no_answer(push, &response,
                      request.repr_digest && response.connected ? ask_rest(push, &resumption) : 0);
    else if (response.status == 401)
        exit = wants_password(push);
    else
        exit = is_form ? judge_form(push, &response) : judge_raw(push, &response);
    updraft_http_free(&response);
    return exit;
}
