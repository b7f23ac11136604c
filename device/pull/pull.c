#include "device/pull/pull.h"

#include "device/pull/pull_parts.h"
#include "format/assert.h"
#include "format/bytes.h"
#include "format/text.h"

#include <string.h>

enum state {
    STATE_WAITING,
    STATE_ASKED_OFFER,
    STATE_READING_OFFER,
    STATE_IMAGE_DUE, /* an image was named; its request was not fetched yet */
    STATE_AGAIN_DUE, /* the image is to be asked for again: its rest, or all of it */
    STATE_ASKED_IMAGE,
    STATE_READING_IMAGE,
    STATE_DECIDED, /* the verdict is known; the request has yet to end */
};

void updraft_pull_init(struct updraft_pull *pull, const struct updraft_pull_config *config,
                       uint64_t now_ms)
{
    UPDRAFT_ASSERT(config->update != NULL && config->url != NULL);
    UPDRAFT_ASSERT(config->way == UPDRAFT_PULL_CHECK
                       ? config->check_in != NULL && config->ask != NULL
                       : config->identity.mac != NULL && config->identity.version != NULL &&
                             config->identity.sdk_version != NULL);
    memset(pull, 0, sizeof *pull);
    pull->config = *config;
    pull->state = STATE_WAITING;
    pull->outcome = UPDRAFT_PULL_NONE;
    pull->next_ms = now_ms;
    pull->patience = (struct updraft_patience){
        .interval_s = config->interval_s,
        .cap_s = config->backoff_cap_s,
        .random = config->random,
        .random_ctx = config->random_ctx,
    };
}

void updraft_pull_now(struct updraft_pull *pull, uint64_t now_ms)
{
    pull->next_ms = now_ms;
}

uint64_t updraft_pull_due_ms(const struct updraft_pull *pull)
{
    if (pull->state == STATE_IMAGE_DUE || pull->state == STATE_AGAIN_DUE)
        return 0;
    return pull->state == STATE_WAITING ? pull->next_ms : UINT64_MAX;
}

bool updraft_pull_has_offer(const struct updraft_pull *pull)
{
    return pull->state == STATE_IMAGE_DUE;
}

bool updraft_pull_goes_on(const struct updraft_pull *pull)
{
    return pull->state == STATE_AGAIN_DUE;
}

/* ---- Schedule ----------------------------------------------------------------------------------
 */

/* The request itself is what the server does not like, and the next one will be the same. A release
 * that is not there may yet come, so 404 is not among them. */
static bool is_for_good(const struct updraft_failure *failure)
{
    return failure->code == UPDRAFT_E_HTTP_STATUS && failure->a >= 400 && failure->a < 500 &&
           failure->a != 408 && failure->a != 425;
}

/* The way in the middle: first it is asked what there is, then for the image. */
static bool asks_first(const struct updraft_pull *pull)
{
    return pull->config.way == UPDRAFT_PULL_CHANNEL || pull->config.way == UPDRAFT_PULL_CHECK;
}

/* The check is over. */
static void conclude(struct updraft_pull *pull, uint64_t now_ms)
{
    if (pull->config.way == UPDRAFT_PULL_CHECK)
        pull->config.check_in->conclude(pull);

    bool is_last = pull->outcome == UPDRAFT_PULL_UPDATED || pull->config.interval_s == 0;
    bool failed = pull->outcome == UPDRAFT_PULL_FAILED;
    struct updraft_patience_end end = {
        .failed = failed,
        .is_for_good = failed && is_for_good(&pull->failure),
        .retry_after_s = failed ? updraft_failure_retry_after_s(&pull->failure) : 0,
        .fresh_s = pull->fresh_s,
        .wait_s = pull->wait_s,
    };
    uint64_t wait_ms = updraft_patience_next_ms(&pull->patience, &end);

    pull->state = STATE_WAITING;
    pull->next_ms = is_last ? UINT64_MAX : now_ms + wait_ms;
}

/* ---- Verdicts ----------------------------------------------------------------------------------
 */

static void decide(struct updraft_pull *pull, enum updraft_pull_outcome outcome)
{
    pull->state = STATE_DECIDED;
    pull->outcome = outcome;
}

static void fail(struct updraft_pull *pull, enum updraft_error code, uint32_t number)
{
    updraft_failure_set(&pull->failure, code, number, 0, NULL);
    decide(pull, UPDRAFT_PULL_FAILED);
}

static void fail_with_text(struct updraft_pull *pull, enum updraft_error code, const char *text)
{
    updraft_failure_set(&pull->failure, code, 0, 0, text);
    decide(pull, UPDRAFT_PULL_FAILED);
}

/* The transaction said no. */
static void fail_update(struct updraft_pull *pull, enum updraft_error error,
                        const struct updraft_failure *failure)
{
    pull->begun = false;
    if (error == UPDRAFT_E_ALREADY_RUNNING) {
        decide(pull, UPDRAFT_PULL_UP_TO_DATE);
        return;
    }
    pull->failure = *failure;
    pull->failure.code = error;
    decide(pull, UPDRAFT_PULL_FAILED);
}

/* The request ended, or went wrong, before the verdict. */
static void end_early(struct updraft_pull *pull, enum updraft_error transport)
{
    if (pull->begun)
        updraft_update_abort(pull->config.update, transport);
    pull->begun = false;
    pull->asks_range = false;
    fail(pull, transport, 0);
}

enum updraft_pull_outcome updraft_pull_take_outcome(struct updraft_pull *pull)
{
    enum updraft_pull_outcome outcome = pull->outcome;

    if (pull->state == STATE_DECIDED)
        return UPDRAFT_PULL_NONE;
    pull->outcome = UPDRAFT_PULL_NONE;
    return outcome;
}

/* ---- Requests ----------------------------------------------------------------------------------
 */

static bool is_header_way(const struct updraft_pull *pull)
{
    return pull->config.way == UPDRAFT_PULL_HEADERS_ESP8266 ||
           pull->config.way == UPDRAFT_PULL_HEADERS_ESP32;
}

static const char *image_url(const struct updraft_pull *pull)
{
    return pull->config.way == UPDRAFT_PULL_CHANNEL ? pull->descriptor.path
           : pull->config.way == UPDRAFT_PULL_CHECK ? pull->answer.offer.url
                                                    : pull->config.url;
}

/* Behind what is in the headers already. */
static bool write_range(const struct updraft_pull *pull, char *out, size_t out_cap)
{
    size_t len = strlen(out);
    struct updraft_text text;

    updraft_text_init(&text, out + len, out_cap - len);
    updraft_text_str(&text, "Range: bytes=");
    updraft_text_u32(&text, updraft_update_resume_off(pull->config.update));
    updraft_text_str(&text, "-\n");
    if (pull->etag[0] != '\0') {
        updraft_text_str(&text, "If-Range: ");
        updraft_text_str(&text, pull->etag);
        updraft_text_str(&text, "\n");
    }
    return !text.cut;
}

static bool write_fetch(const struct updraft_pull *pull, const char *url,
                        struct updraft_pull_fetch *fetch)
{
    size_t len = strlen(url);

    memset(fetch, 0, sizeof *fetch);
    if (len >= sizeof fetch->url)
        return false;
    memcpy(fetch->url, url, len);
    fetch->http_1_0 = is_header_way(pull);
    if (is_header_way(pull) &&
        !updraft_pull_write_headers(pull, fetch->headers, sizeof fetch->headers))
        return false;
    return !pull->asks_range || write_range(pull, fetch->headers, sizeof fetch->headers);
}

bool updraft_pull_wants(struct updraft_pull *pull, uint64_t now_ms,
                        struct updraft_pull_fetch *fetch)
{
    bool is_check = pull->state == STATE_WAITING && now_ms >= pull->next_ms;
    const char *url = is_check ? pull->config.url : image_url(pull);

    if (!is_check && pull->state != STATE_IMAGE_DUE && pull->state != STATE_AGAIN_DUE)
        return false;
    if (is_check) {
        pull->outcome = UPDRAFT_PULL_NONE;
        pull->from_zero = false;
        pull->fresh_s = 0;
        pull->wait_s = 0;
    }
    if (!write_fetch(pull, url, fetch) || (is_check && pull->config.way == UPDRAFT_PULL_CHECK &&
                                           !pull->config.check_in->ask(pull, fetch))) {
        end_early(pull, UPDRAFT_E_TOO_LONG);
        conclude(pull, now_ms);
        return false;
    }
    pull->state = is_check && asks_first(pull) ? STATE_ASKED_OFFER : STATE_ASKED_IMAGE;
    return true;
}

/* ---- Answers -----------------------------------------------------------------------------------
 */

static uint32_t believed_s(uint32_t told_s)
{
    return told_s < UPDRAFT_PATIENCE_TOLD_CAP_S ? told_s : UPDRAFT_PATIENCE_TOLD_CAP_S;
}

static void fail_status(struct updraft_pull *pull, const struct updraft_pull_answer *answer)
{
    if (answer->status == 404) {
        fail(pull, UPDRAFT_E_NOT_FOUND, 0);
    } else if (answer->status == 429 || answer->status == 503) {
        updraft_failure_set(&pull->failure, UPDRAFT_E_SERVER_BUSY,
                            believed_s(answer->retry_after_s), answer->status, NULL);
        decide(pull, UPDRAFT_PULL_FAILED);
    } else {
        fail(pull, UPDRAFT_E_HTTP_STATUS, answer->status);
    }
}

static void answer_offer(struct updraft_pull *pull, const struct updraft_pull_answer *answer)
{
    if (answer->status != 200) {
        fail_status(pull, answer);
    } else if (answer->content_len > (int64_t)sizeof pull->json) {
        fail(pull, UPDRAFT_E_TOO_LONG, 0);
    } else {
        pull->json_len = 0;
        pull->state = STATE_READING_OFFER;
    }
}

/* Only a strong ETag stands for the very bytes. */
static void keep_etag(struct updraft_pull *pull, const char *etag)
{
    size_t len = etag != NULL ? strlen(etag) : 0;

    pull->etag[0] = '\0';
    if (len < 2 || len >= sizeof pull->etag || etag[0] != '"' || etag[len - 1] != '"')
        return;
    memcpy(pull->etag, etag, len + 1);
}

static void identify(const struct updraft_pull *pull, uint8_t identity[UPDRAFT_SHA256_LEN])
{
    const char *url = image_url(pull);
    struct updraft_digest digest;
    uint8_t len[4];

    updraft_put_le32(len, pull->image_len);
    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, len, sizeof len);
    updraft_digest_update(&digest, pull->etag, strlen(pull->etag) + 1);
    updraft_digest_update(&digest, url, strlen(url));
    updraft_digest_finish(&digest, identity);
}

/* The body of this answer is wanted unless the transaction knows the start of the image already. */
static void begin_image(struct updraft_pull *pull)
{
    uint8_t identity[UPDRAFT_SHA256_LEN];
    struct updraft_update_request request = {
        .wire_len = pull->image_len,
        .md5 = pull->has_md5 ? pull->md5 : NULL,
        .resumes = !pull->from_zero,
    };
    struct updraft_failure failure;
    enum updraft_error error;

    if (pull->config.way == UPDRAFT_PULL_CHECK) {
        request.sha256 = pull->answer.offer.sha256;
        request.md5 = NULL;
    } else if (!pull->has_md5 && pull->etag[0] != '\0') {
        identify(pull, identity);
        request.identity = identity;
    }
    error = updraft_update_begin(pull->config.update, &request, &failure);
    if (error != UPDRAFT_OK) {
        fail_update(pull, error, &failure);
        return;
    }
    pull->begun = true;
    pull->asks_range = updraft_update_resume_off(pull->config.update) != 0;
    pull->state = pull->asks_range ? STATE_AGAIN_DUE : STATE_READING_IMAGE;
}

static uint32_t believed_len(int64_t len)
{
    return len > UINT32_MAX ? UINT32_MAX : (uint32_t)len;
}

/* All of an image. */
static void answer_whole(struct updraft_pull *pull, const struct updraft_pull_answer *answer)
{
    const char *md5 = answer->md5;

    pull->has_md5 = md5 != NULL;
    if (answer->content_len < 0) {
        fail(pull, UPDRAFT_E_NO_LENGTH, 0);
    } else if (answer->content_len == 0) {
        fail(pull, UPDRAFT_E_EMPTY, 0);
    } else if (md5 != NULL && !updraft_text_unhex(md5, strlen(md5), pull->md5, sizeof pull->md5)) {
        fail(pull, UPDRAFT_E_PROTOCOL, 0);
    } else if (pull->config.way == UPDRAFT_PULL_CHECK &&
               answer->content_len != pull->answer.offer.size) {
        updraft_failure_set(&pull->failure, UPDRAFT_E_LENGTH, believed_len(answer->content_len),
                            pull->answer.offer.size, NULL);
        decide(pull, UPDRAFT_PULL_FAILED);
    } else { /* what does not even fit 32 bits is too large for any slot */
        pull->image_len = believed_len(answer->content_len);
        keep_etag(pull, answer->etag);
        begin_image(pull);
    }
}

/* "bytes FROM-TO/LEN" with the very numbers of the rest that was asked for. */
static bool is_the_rest(const struct updraft_pull *pull, const struct updraft_pull_answer *answer)
{
    uint32_t off = updraft_update_resume_off(pull->config.update);
    struct updraft_text text;
    char want[48];

    updraft_text_init(&text, want, sizeof want);
    updraft_text_str(&text, "bytes ");
    updraft_text_u32(&text, off);
    updraft_text_str(&text, "-");
    updraft_text_u32(&text, pull->image_len - 1);
    updraft_text_str(&text, "/");
    updraft_text_u32(&text, pull->image_len);
    return answer->content_range != NULL && strcmp(answer->content_range, want) == 0 &&
           (answer->content_len < 0 || answer->content_len == pull->image_len - off) &&
           (answer->etag == NULL || pull->etag[0] == '\0' || strcmp(answer->etag, pull->etag) == 0);
}

/* To a request for the rest of an image. A server that cannot give it is asked for all. */
static void answer_rest(struct updraft_pull *pull, const struct updraft_pull_answer *answer)
{
    if (answer->status == 206) {
        pull->asks_range = false;
        if (is_the_rest(pull, answer))
            pull->state = STATE_READING_IMAGE;
        else
            end_early(pull, UPDRAFT_E_PROTOCOL);
        return;
    }
    if (answer->status != 200 && answer->status != 416) {
        end_early(pull, UPDRAFT_E_HTTP_STATUS);
        fail_status(pull, answer);
        return;
    }
    updraft_update_withdraw(pull->config.update);
    pull->begun = false;
    pull->asks_range = false;
    pull->from_zero = true;
    if (answer->status == 200)
        answer_whole(pull, answer);
    else
        pull->state = STATE_AGAIN_DUE;
}

static void answer_image(struct updraft_pull *pull, const struct updraft_pull_answer *answer)
{
    if (pull->asks_range)
        answer_rest(pull, answer);
    else if (answer->status == 304 && is_header_way(pull))
        decide(pull, UPDRAFT_PULL_UP_TO_DATE);
    else if (answer->status != 200)
        fail_status(pull, answer);
    else
        answer_whole(pull, answer);
}

bool updraft_pull_response(struct updraft_pull *pull, const struct updraft_pull_answer *answer)
{
    /* How long an image holds says nothing of how often a channel is to be asked. */
    if (pull->state == STATE_ASKED_OFFER || !asks_first(pull))
        pull->fresh_s = believed_s(updraft_patience_fresh_s(answer->cache_control));
    if (pull->state == STATE_ASKED_OFFER)
        answer_offer(pull, answer);
    else if (pull->state == STATE_ASKED_IMAGE)
        answer_image(pull, answer);
    return pull->state == STATE_READING_OFFER || pull->state == STATE_READING_IMAGE;
}

static void take_offer(struct updraft_pull *pull, const uint8_t *data, size_t len)
{
    if (len > sizeof pull->json - pull->json_len) {
        fail(pull, UPDRAFT_E_TOO_LONG, 0);
        return;
    }
    memcpy(pull->json + pull->json_len, data, len);
    pull->json_len = (uint16_t)(pull->json_len + len);
}

static void take_image(struct updraft_pull *pull, const uint8_t *data, size_t len)
{
    while (len > 0) {
        uint32_t piece_len = len > UINT32_MAX ? UINT32_MAX : (uint32_t)len;
        enum updraft_error error = updraft_update_feed(pull->config.update, data, piece_len);

        if (error != UPDRAFT_OK) {
            fail_update(pull, error, &pull->config.update->failure);
            return;
        }
        data += piece_len;
        len -= piece_len;
    }
}

bool updraft_pull_body(struct updraft_pull *pull, const uint8_t *data, size_t len)
{
    if (pull->state == STATE_READING_OFFER)
        take_offer(pull, data, len);
    else if (pull->state == STATE_READING_IMAGE)
        take_image(pull, data, len);
    return pull->state == STATE_READING_OFFER || pull->state == STATE_READING_IMAGE;
}

static bool is_https(const char *url)
{
    return strncmp(url, "https://", 8) == 0;
}

static bool is_absolute_url(const char *url)
{
    return strncmp(url, "http://", 7) == 0 || is_https(url);
}

/* Another image is wanted, if it may be fetched from where it is. Whoever is on the way could put
 * another one behind an answer that came safely. */
static void want_image(struct updraft_pull *pull, enum updraft_error not_absolute)
{
    const char *url = image_url(pull);

    if (!is_absolute_url(url))
        fail(pull, not_absolute, 0);
    else if (is_https(pull->config.url) && !is_https(url))
        fail_with_text(pull, UPDRAFT_E_REDIRECT, "from https to http");
    else
        pull->state = STATE_IMAGE_DUE;
}

/* Any other version than ours is wanted, also an older one: that is how a channel goes back. */
static void end_channel(struct updraft_pull *pull)
{
    enum updraft_error error =
        updraft_descriptor_decode(pull->json, pull->json_len, &pull->descriptor);

    if (error != UPDRAFT_OK)
        fail(pull, error, 0);
    else if (is_absolute_url(pull->descriptor.path) &&
             strcmp(pull->descriptor.version, pull->config.identity.version) == 0)
        decide(pull, UPDRAFT_PULL_UP_TO_DATE);
    else
        want_image(pull, UPDRAFT_E_DESCRIPTOR);
}

static void end_check(struct updraft_pull *pull)
{
    enum updraft_pull_outcome outcome = pull->config.check_in->answer(pull);

    if (outcome == UPDRAFT_PULL_NONE)
        want_image(pull, UPDRAFT_E_ANSWER);
    else
        decide(pull, outcome);
}

static void end_image(struct updraft_pull *pull)
{
    enum updraft_error error = updraft_update_finish(pull->config.update);

    if (error != UPDRAFT_OK) {
        fail_update(pull, error, &pull->config.update->failure);
        return;
    }
    pull->begun = false;
    decide(pull, UPDRAFT_PULL_UPDATED);
}

void updraft_pull_end(struct updraft_pull *pull, enum updraft_error transport, uint64_t now_ms)
{
    switch ((enum state)pull->state) {
    case STATE_WAITING:
    case STATE_IMAGE_DUE:
    case STATE_AGAIN_DUE:
        return; /* no request is out, or it is to be made again */
    case STATE_ASKED_OFFER:
    case STATE_ASKED_IMAGE:
        end_early(pull, transport != UPDRAFT_OK ? transport : UPDRAFT_E_PROTOCOL);
        break;
    case STATE_READING_OFFER:
        if (transport != UPDRAFT_OK)
            end_early(pull, transport);
        else if (pull->config.way == UPDRAFT_PULL_CHECK)
            end_check(pull);
        else
            end_channel(pull);
        break;
    case STATE_READING_IMAGE:
        if (transport != UPDRAFT_OK)
            end_early(pull, transport);
        else
            end_image(pull);
        break;
    case STATE_DECIDED:
        break;
    }
    if (pull->state == STATE_DECIDED)
        conclude(pull, now_ms);
}

void updraft_pull_break(struct updraft_pull *pull, const struct updraft_failure *why,
                        uint64_t now_ms)
{
    updraft_pull_end(pull, why->code, now_ms);
    if (pull->outcome == UPDRAFT_PULL_FAILED && pull->failure.code == why->code)
        pull->failure = *why;
}
