#include "device/push/web_upload.h"

#include "device/push/web_answer.h"
#include "device/push/web_resume.h"
#include "format/assert.h"
#include "format/text.h"

#include <string.h>

/* What a form may hold beside its file: boundaries, part headers, small text fields. */
#define FORM_FRAME_CAP 16384u

enum state {
    STATE_IDLE,
    STATE_RECEIVING,
    STATE_FAILED, /* the rest of the body is swallowed */
};

/* A form with an MD5 in it is ElegantOTA 2's, which only now is known. */
static enum updraft_web_words own_words(const struct updraft_web *web)
{
    if (web->upload.words == UPDRAFT_WEB_WORDS_FORM && web->multipart.md5_len > 0)
        return UPDRAFT_WEB_WORDS_ELEGANT;
    return (enum updraft_web_words)web->upload.words;
}

/* ---- Beginning ---------------------------------------------------------------------------------
 */

bool updraft_web_is_type(const char *value, const char *lower_case)
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

/* Types that say by themselves that this is no image. What curl sends unasked
 * (application/x-www-form-urlencoded) must pass. */
static bool is_hopeless_type(const char *content_type)
{
    return updraft_web_is_type(content_type, "text/") ||
           updraft_web_is_type(content_type, "application/json") ||
           updraft_web_is_type(content_type, "multipart/") ||
           updraft_web_is_type(content_type, "image/");
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

/* The part begins behind what is there: nothing is begun for it. */
static enum updraft_error check_start(struct updraft_web *web,
                                      const struct updraft_update_request *update, uint32_t off)
{
    uint32_t held;

    if (off == 0)
        return UPDRAFT_OK;
    held = update->resumes ? updraft_update_held(web->config.update, update) : 0;
    if (off <= held)
        return UPDRAFT_OK;
    updraft_failure_set(&web->failure, UPDRAFT_E_RANGE, held, off, NULL);
    return UPDRAFT_E_RANGE;
}

/* Behind begin. Flash that reads otherwise than a moment ago ends it, too. */
static enum updraft_error pass_over(struct updraft_web *web, uint32_t off)
{
    uint32_t held = updraft_update_resume_off(web->config.update);

    if (off > held) {
        updraft_update_abort(web->config.update, UPDRAFT_E_RANGE);
        web->begun = false;
        updraft_failure_set(&web->failure, UPDRAFT_E_RANGE, held, off, NULL);
        return UPDRAFT_E_RANGE;
    }
    web->pass_len = held - off;
    return UPDRAFT_OK;
}

static enum updraft_error begin_raw(struct updraft_web *web,
                                    const struct updraft_web_request *request)
{
    struct updraft_web_part part;
    uint32_t body_len = 0;
    enum updraft_error error;

    if (web->upload.words == UPDRAFT_WEB_WORDS_JSON && is_hopeless_type(request->content_type))
        return fail(web, UPDRAFT_E_UNSUPPORTED, NULL);
    error = read_length(request->content_length, &body_len);
    if (error == UPDRAFT_OK && body_len == 0)
        error = UPDRAFT_E_EMPTY;
    if (error == UPDRAFT_OK)
        error =
            updraft_web_part_read(request->repr_digest, request->content_range, body_len, &part);
    if (error != UPDRAFT_OK)
        return fail(web, error, NULL);
    struct updraft_update_request update = {
        .wire_len = part.total,
        .sha256 = part.has_sha256 ? part.sha256 : NULL,
        .resumes = part.has_sha256,
    };
    error = check_start(web, &update, part.off);
    if (error != UPDRAFT_OK)
        return error;
    error = updraft_update_begin(web->config.update, &update, &web->failure);
    web->begun = error == UPDRAFT_OK;
    return web->begun ? pass_over(web, part.off) : error;
}

static enum updraft_error begin_form(struct updraft_web *web,
                                     const struct updraft_web_request *request)
{
    const char *client = request->client != NULL ? request->client : "";
    enum updraft_error error = updraft_multipart_init(&web->multipart, request->content_type);
    struct updraft_text text;

    if (error != UPDRAFT_OK)
        return fail(web, error, NULL);
    if (read_length(request->content_length, &web->form_len) != UPDRAFT_OK)
        web->form_len = 0;
    updraft_text_init(&text, web->client, sizeof web->client);
    updraft_text_str(&text, client);
    web->now_ms = request->now_ms;
    return UPDRAFT_OK;
}

/* Of the file field, or, on ElegantOTA 3's route, of what its start said. */
static enum updraft_error read_form_facts(struct updraft_web *web, uint8_t *md5,
                                          struct updraft_update_request *update)
{
    const struct updraft_multipart *form = &web->multipart;

    if (form->md5_len > 0) {
        if (!updraft_text_unhex(form->md5, form->md5_len, md5, UPDRAFT_MD5_LEN))
            return fail(web, UPDRAFT_E_BAD_DIGEST, NULL);
        update->md5 = md5;
    }
    update->data_partition = strcmp(form->name, "filesystem") == 0;
    if (web->upload.has_start &&
        updraft_web_start_take(&web->start, web->client, update->md5, web->now_ms)) {
        update->data_partition = web->start.data_partition;
        if (web->start.has_md5)
            update->md5 = web->start.md5;
    }
    if (update->data_partition && update->partition == NULL)
        return fail(web, UPDRAFT_E_NO_PARTITION, "filesystem");
    return UPDRAFT_OK;
}

/* The file's first byte came, so its field is known. Its length is not: a form tells only its own. */
static enum updraft_error begin_form_file(struct updraft_web *web)
{
    uint8_t md5[UPDRAFT_MD5_LEN];
    struct updraft_update_request update = {
        .partition = web->config.data_partition,
        .at_most_len = web->form_len,
        .at_least_len = web->form_len > FORM_FRAME_CAP ? web->form_len - FORM_FRAME_CAP : 0,
    };
    enum updraft_error error = read_form_facts(web, md5, &update);

    if (error != UPDRAFT_OK)
        return error;
    error = updraft_update_begin(web->config.update, &update, &web->failure);
    web->begun = error == UPDRAFT_OK;
    return error;
}

enum updraft_web_next updraft_web_upload_begin(struct updraft_web *web,
                                               const struct updraft_web_request *request,
                                               const struct updraft_web_upload *upload)
{
    enum updraft_error error;

    web->upload = *upload;
    web->begun = false;
    web->multipart.md5_len = 0; /* of the form before this one */
    error = upload->is_form ? begin_form(web, request) : begin_raw(web, request);
    if (error != UPDRAFT_OK) {
        updraft_web_answer_failure(&web->response, own_words(web), &web->failure);
        return UPDRAFT_WEB_RESPOND;
    }
    web->state = STATE_RECEIVING;
    return UPDRAFT_WEB_TAKE_BODY;
}

bool updraft_web_upload_runs(const struct updraft_web *web)
{
    return web->state != STATE_IDLE;
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

/* The body of a part may begin with bytes that are there already. */
static enum updraft_error take_raw(struct updraft_web *web, const uint8_t *data, size_t len)
{
    size_t passed = len < web->pass_len ? len : web->pass_len;

    web->pass_len -= (uint32_t)passed;
    return take_image(web, data + passed, len - passed);
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
    error = web->upload.is_form ? take_form(web, data, len) : take_raw(web, data, len);
    if (error != UPDRAFT_OK)
        give_up(web);
}

static enum updraft_error finish_upload(struct updraft_web *web)
{
    enum updraft_error error = UPDRAFT_OK;

    if (web->upload.is_form)
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
        updraft_web_answer_failure(&web->response, own_words(web), &web->failure);
    else
        updraft_web_answer_success(&web->response, own_words(web), web->config.update);
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

void updraft_web_dropped(struct updraft_web *web)
{
    if (web->begun)
        updraft_update_abort(web->config.update, UPDRAFT_E_DISCONNECTED);
    web->begun = false;
    web->state = STATE_IDLE;
}
