#include "device/update/update.h"

#include "format/assert.h"
#include "format/bytes.h"

#include <string.h>

#define GZIP_FIRST_BYTE 0x1Fu

void updraft_update_init(struct updraft_update *update, const struct updraft_update_config *config)
{
    UPDRAFT_ASSERT(config->place.ops != NULL && config->place.flash != NULL && config->buf != NULL);
    UPDRAFT_ASSERT(config->attempts >= 1 && config->attempts <= UPDRAFT_TRIAL_MARK_CAP);
    memset(update, 0, sizeof *update);
    updraft_bytes_copy(&update->config, config, sizeof *config);
    update->target_slot = UPDRAFT_SLOT_NONE;
}

void updraft_update_enable(struct updraft_update *update, bool enabled)
{
    update->disabled = !enabled;
}

uint32_t updraft_update_written(const struct updraft_update *update)
{
    return update->cursor.written;
}

uint32_t updraft_update_resume_off(const struct updraft_update *update)
{
    return update->wire_seen;
}

uint32_t updraft_update_expected(const struct updraft_update *update)
{
    return update->cursor.expected_len;
}

/* Ends the update. Its numbers and text are set where the error is found, if its sentence has any. */
static enum updraft_error give_up(struct updraft_update *update, enum updraft_error code)
{
    const struct updraft_update_hooks *hooks = update->config.hooks;

    update->state = UPDRAFT_UPDATE_FAILED;
    update->failure.code = code;
    if (hooks != NULL && hooks->error != NULL)
        hooks->error(hooks->ctx, &update->failure);
    return code;
}

static bool ask_guard(const struct updraft_update *update, enum updraft_guard_point point,
                      struct updraft_refusal *refusal)
{
    const struct updraft_update_hooks *hooks = update->config.hooks;

    *refusal = (struct updraft_refusal){.reason = ""};
    return hooks == NULL || hooks->guard == NULL || hooks->guard(hooks->ctx, point, refusal);
}

bool updraft_update_may_restart(const struct updraft_update *update,
                                struct updraft_refusal *refusal)
{
    return ask_guard(update, UPDRAFT_GUARD_BEFORE_RESTART, refusal);
}

static void start_digest(struct updraft_update *update)
{
    if (update->want_digest_len != 0)
        updraft_digest_start(&update->wire_digest, update->want_digest_len == UPDRAFT_SHA256_LEN
                                                       ? UPDRAFT_DIGEST_SHA256
                                                       : UPDRAFT_DIGEST_MD5);
}

static void want_digest(struct updraft_update *update, const uint8_t *digest, uint32_t len)
{
    update->want_digest_len = len;
    memcpy(update->want_digest, digest, len);
    start_digest(update);
}

void updraft_update_expect_md5(struct updraft_update *update, const uint8_t *md5)
{
    if (update->state == UPDRAFT_UPDATE_RECEIVING && update->wire_seen == 0)
        want_digest(update, md5, UPDRAFT_MD5_LEN);
}

static void digest_wire(struct updraft_update *update, const uint8_t *data, uint32_t len)
{
    if (update->want_digest_len != 0)
        updraft_digest_update(&update->wire_digest, data, len);
}

/* What the image says of itself; what is opaque says nothing yet. */
static enum updraft_error check_facts(struct updraft_update *update)
{
    struct updraft_image_facts *facts = &update->facts;
    const char *project = update->config.project;
    enum updraft_error error =
        update->ops->facts(update->cursor.buf, update->cursor.buffered, facts);

    if (error != UPDRAFT_OK)
        return error;
    if (facts->chip_id != update->config.chip_id) {
        update->failure.a = facts->chip_id;
        return UPDRAFT_E_WRONG_CHIP;
    }
    if (project != NULL && facts->has_appdesc && strcmp(project, facts->project) != 0) {
        updraft_failure_set_text(&update->failure, facts->project);
        return UPDRAFT_E_WRONG_PRODUCT;
    }
    return UPDRAFT_OK;
}

/* The last look before the first erase: everything the start of an image can tell. */
static enum updraft_error accept(struct updraft_update *update)
{
    enum updraft_error error = update->is_opaque ? UPDRAFT_OK : check_facts(update);

    if (error == UPDRAFT_OK)
        error = update->ops->accept(update);
    update->accepted = error == UPDRAFT_OK;
    return error;
}

/* The first byte tells what comes. */
static enum updraft_error choose_decoder(struct updraft_update *update, uint8_t first_byte)
{
    if (update->is_opaque || first_byte == UPDRAFT_IMAGE_MAGIC ||
        first_byte == UPDRAFT_IMAGE_MAGIC_8266_V2)
        return UPDRAFT_OK;
    if (first_byte != GZIP_FIRST_BYTE)
        return UPDRAFT_E_MAGIC;
    if (update->keeps_gzip) {
        update->is_opaque = true;
        return UPDRAFT_OK;
    }
    update->decoder = update->config.decoder;
    if (update->decoder == NULL)
        return UPDRAFT_E_UNSUPPORTED;
    update->cursor.has_identity = false; /* nobody can send gzip from its middle */
    update->cursor.expected_len = 0;
    return update->decoder->begin(update);
}

/* ---- Begin -------------------------------------------------------------------------------------
 */

static enum updraft_error find(struct updraft_update *update,
                               const struct updraft_update_request *request)
{
    const struct updraft_place *place = &update->config.place;

    if (!request->data_partition)
        return place->ops->find(update, request);
    update->data_partition = true;
    updraft_failure_set_text(&update->failure, request->partition);
    return place->find_data != NULL ? place->find_data(update, request) : UPDRAFT_E_NO_PARTITION;
}

/* Opens the area, and its log for who is to be written. */
static enum updraft_error open_area(struct updraft_update *update,
                                    const struct updraft_update_request *request)
{
    struct updraft_cursor *cursor = &update->cursor;
    const uint8_t *digest = request->sha256 != NULL ? request->sha256 : request->md5;
    const uint8_t *identity = request->identity;
    uint32_t identity_len = UPDRAFT_SHA256_LEN;
    enum updraft_error error;

    cursor->flash = update->config.place.flash;
    cursor->buf = update->config.buf;
    cursor->expected_len = update->wire_len = request->wire_len;
    update->force = request->force;
    if (digest != NULL)
        want_digest(update, digest, request->sha256 != NULL ? UPDRAFT_SHA256_LEN : UPDRAFT_MD5_LEN);
    if (identity == NULL) {
        identity = update->want_digest;
        identity_len = update->want_digest_len;
    }
    update->failure.a = cursor->log_addr;
    error = updraft_cursor_open(cursor);
    if (error == UPDRAFT_OK && cursor->log_addr != 0 && identity_len != 0)
        updraft_cursor_identify(cursor, identity, identity_len);
    return error;
}

/* Whether the log tells of a part of that very image; what was written of it passes as if it came now. */
static bool may_resume(struct updraft_update *update)
{
    struct updraft_cursor *cursor = &update->cursor;
    uint32_t check = cursor->check;

    /* Not of nothing, and where a length is known not of all: with one less 0 is the largest. */
    if (!cursor->has_identity || cursor->resume_len - 1u >= update->wire_len - 1u)
        return false;
    for (uint32_t off = 0; off < cursor->resume_len; off += cursor->flash->sector_len) {
        if (updraft_cursor_load(cursor, off, &check) != UPDRAFT_OK)
            return false;
        digest_wire(update, cursor->buf, cursor->flash->sector_len);
    }
    return check == cursor->before.check;
}

/* Its start is looked at again: what runs, what failed, and what this device takes may have changed. */
static enum updraft_error resume(struct updraft_update *update)
{
    struct updraft_cursor *cursor = &update->cursor;
    uint32_t check = 0;
    enum updraft_error error = updraft_cursor_load(cursor, 0, &check);

    update->failure.a = cursor->addr;
    cursor->buffered = cursor->flash->sector_len;
    if (error == UPDRAFT_OK)
        error = choose_decoder(update, cursor->buf[0]);
    if (error == UPDRAFT_OK)
        error = accept(update);
    if (error != UPDRAFT_OK)
        return error;
    cursor->buffered = 0;
    updraft_cursor_resume(cursor);
    update->wire_seen = cursor->written;
    return UPDRAFT_OK;
}

static void reset(struct updraft_update *update)
{
    uint8_t *start = (uint8_t *)update;
    size_t flags = offsetof(struct updraft_update, keeps_gzip);
    size_t config = offsetof(struct updraft_update, config);
    size_t cursor = offsetof(struct updraft_update, cursor);
    size_t digest = offsetof(struct updraft_update, wire_digest);

    memset(start + flags, 0, config - flags);
    memset(start + cursor, 0, digest - cursor);
    update->ops = update->config.place.ops;
    update->target_slot = UPDRAFT_SLOT_NONE;
}

uint32_t updraft_update_held(struct updraft_update *update,
                             const struct updraft_update_request *request)
{
    struct updraft_failure failure = update->failure;
    uint32_t held = 0;

    if (update->state == UPDRAFT_UPDATE_RECEIVING || update->state == UPDRAFT_UPDATE_DONE)
        return 0;
    reset(update);
    if (find(update, request) == UPDRAFT_OK && open_area(update, request) == UPDRAFT_OK &&
        may_resume(update))
        held = update->cursor.resume_len;
    reset(update);
    update->failure = failure;
    return held;
}

/* What the application says of a start. Inlined: begin is in every firmware, may_begin() in few. */
__attribute__((always_inline)) static inline enum updraft_error
ask_leave(const struct updraft_update *update, struct updraft_failure *failure)
{
    struct updraft_refusal refusal;

    if (update->disabled)
        return UPDRAFT_E_DISABLED;
    if (ask_guard(update, UPDRAFT_GUARD_BEFORE_START, &refusal))
        return UPDRAFT_OK;
    failure->a = refusal.retry_after_s;
    updraft_failure_set_text(failure, refusal.reason);
    return refusal.code != UPDRAFT_OK ? refusal.code : UPDRAFT_E_GUARD;
}

bool updraft_update_may_begin(const struct updraft_update *update, struct updraft_failure *failure)
{
    struct updraft_failure why = {0};

    why.code = update->state == UPDRAFT_UPDATE_RECEIVING ? UPDRAFT_E_BUSY
               : update->state == UPDRAFT_UPDATE_DONE    ? UPDRAFT_E_RESTART_PENDING
                                                         : UPDRAFT_OK;
    if (why.code == UPDRAFT_OK)
        why.code = ask_leave(update, &why);
    if (why.code != UPDRAFT_OK)
        *failure = why;
    return why.code == UPDRAFT_OK;
}

static enum updraft_error try_begin(struct updraft_update *update,
                                    const struct updraft_update_request *request)
{
    struct updraft_cursor *cursor = &update->cursor;
    const struct updraft_update_hooks *hooks = update->config.hooks;
    enum updraft_error error = ask_leave(update, &update->failure);

    if (error == UPDRAFT_OK)
        error = find(update, request);
    if (error != UPDRAFT_OK)
        return error;
    update->failure.a = request->wire_len;
    update->failure.b = cursor->cap;
    if (request->wire_len > cursor->cap)
        return UPDRAFT_E_TOO_LARGE;
    if (request->at_least_len > cursor->cap)
        return UPDRAFT_E_OVERFLOW;
    error = open_area(update, request);
    if (error != UPDRAFT_OK)
        return error;
    update->state = UPDRAFT_UPDATE_RECEIVING;
    if (request->resumes) {
        if (may_resume(update))
            error = resume(update);
        else
            start_digest(update);
    }
    if (error == UPDRAFT_OK && hooks != NULL && hooks->start != NULL)
        hooks->start(hooks->ctx, request->wire_len);
    return error;
}

enum updraft_error updraft_update_begin(struct updraft_update *update,
                                        const struct updraft_update_request *request,
                                        struct updraft_failure *failure)
{
    enum updraft_error error;

    UPDRAFT_ASSERT(!request->data_partition || request->partition != NULL);
    if (update->state == UPDRAFT_UPDATE_RECEIVING) {
        error = UPDRAFT_E_BUSY;
    } else if (update->state == UPDRAFT_UPDATE_DONE) {
        error = UPDRAFT_E_RESTART_PENDING;
    } else {
        reset(update);
        error = try_begin(update, request);
        if (error == UPDRAFT_OK)
            return UPDRAFT_OK;
        (void)give_up(update, error);
    }
    if (failure != NULL) {
        *failure = update->failure;
        failure->code = error;
    }
    return error;
}

/* ---- Feed --------------------------------------------------------------------------------------
 */

enum updraft_error updraft_update_flush(struct updraft_update *update)
{
    const struct updraft_update_hooks *hooks = update->config.hooks;
    struct updraft_cursor *cursor = &update->cursor;
    enum updraft_error error = update->accepted ? UPDRAFT_OK : accept(update);

    if (error != UPDRAFT_OK || cursor->buffered == 0)
        return error;
    update->failure.a = cursor->addr + cursor->written;
    error = updraft_cursor_flush(cursor);
    if (error == UPDRAFT_OK && hooks != NULL && hooks->progress != NULL)
        hooks->progress(hooks->ctx, cursor->written, cursor->expected_len);
    return error;
}

static enum updraft_error store(struct updraft_update *update, const uint8_t *data, uint32_t len)
{
    enum updraft_error error = UPDRAFT_OK;

    while (len > 0 && error == UPDRAFT_OK) {
        uint32_t used = updraft_cursor_put(&update->cursor, data, len);

        if (used == 0) {
            update->failure.b = update->cursor.cap;
            return UPDRAFT_E_OVERFLOW;
        }
        data += used;
        len -= used;
        if (updraft_cursor_is_full(&update->cursor))
            error = updraft_update_flush(update);
    }
    return error;
}

static enum updraft_error check_running(const struct updraft_update *update)
{
    if (update->state == UPDRAFT_UPDATE_RECEIVING)
        return UPDRAFT_OK;
    return update->state == UPDRAFT_UPDATE_FAILED ? update->failure.code : UPDRAFT_E_STATE;
}

static enum updraft_error wrong_length(struct updraft_update *update, uint32_t len)
{
    update->failure.a = len;
    update->failure.b = update->wire_len;
    return UPDRAFT_E_LENGTH;
}

/* What was announced is looked at before too much is told: so the same bytes end the same way however
 * they are split. */
static enum updraft_error try_feed(struct updraft_update *update, const uint8_t *data, uint32_t len)
{
    uint32_t left = update->wire_len != 0 ? update->wire_len - update->wire_seen : len;
    uint32_t more = len > left ? len - left : 0;
    enum updraft_error error = UPDRAFT_OK;

    len -= more;
    if (len > 0 && update->wire_seen == 0)
        error = choose_decoder(update, data[0]);
    if (error != UPDRAFT_OK)
        return error;
    update->wire_seen += len;
    digest_wire(update, data, len);
    error = update->decoder != NULL ? update->decoder->feed(update, data, len)
                                    : store(update, data, len);
    return error == UPDRAFT_OK && more > 0 ? wrong_length(update, update->wire_seen + more) : error;
}

enum updraft_error updraft_update_feed(struct updraft_update *update, const uint8_t *data,
                                       uint32_t len)
{
    enum updraft_error error = check_running(update);

    if (error != UPDRAFT_OK || len == 0)
        return error;
    error = try_feed(update, data, len);
    return error == UPDRAFT_OK ? UPDRAFT_OK : give_up(update, error);
}

/* ---- Finish ------------------------------------------------------------------------------------
 */

static enum updraft_error try_finish(struct updraft_update *update)
{
    uint8_t digest[UPDRAFT_SHA256_LEN];
    enum updraft_error error = UPDRAFT_OK;

    if (update->wire_seen == 0)
        return UPDRAFT_E_EMPTY;
    if (update->wire_len != 0 && update->wire_seen != update->wire_len)
        return wrong_length(update, update->wire_seen);
    if (update->decoder != NULL)
        error = update->decoder->finish(update);
    if (error != UPDRAFT_OK)
        return error;
    if (update->want_digest_len != 0) {
        updraft_digest_finish(&update->wire_digest, digest);
        if (memcmp(digest, update->want_digest, update->want_digest_len) != 0)
            return UPDRAFT_E_DIGEST;
    }
    error = updraft_update_flush(update);
    return error == UPDRAFT_OK ? update->ops->commit(update) : error;
}

enum updraft_error updraft_update_finish(struct updraft_update *update)
{
    const struct updraft_update_hooks *hooks = update->config.hooks;
    enum updraft_error error = check_running(update);

    if (error != UPDRAFT_OK)
        return error;
    error = try_finish(update);
    if (error != UPDRAFT_OK) {
        /* Who goes on with it would come to the same end. */
        if (update->accepted && error != UPDRAFT_E_LENGTH)
            updraft_cursor_forget(&update->cursor);
        return give_up(update, error);
    }
    update->state = UPDRAFT_UPDATE_DONE;
    if (hooks != NULL && hooks->end != NULL)
        hooks->end(hooks->ctx);
    return UPDRAFT_OK;
}

void updraft_update_withdraw(struct updraft_update *update)
{
    if (update->state == UPDRAFT_UPDATE_RECEIVING)
        update->state = UPDRAFT_UPDATE_IDLE;
}

void updraft_update_abort(struct updraft_update *update, enum updraft_error reason)
{
    if (update->state == UPDRAFT_UPDATE_RECEIVING)
        (void)give_up(update, reason);
}
