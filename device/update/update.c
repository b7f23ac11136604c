#include "device/update/update.h"

#include "format/assert.h"

#include <string.h>

#define GZIP_FIRST_BYTE 0x1Fu

static const struct updraft_update_hooks no_hooks = {0};

static const struct updraft_update_hooks *hooks_of(const struct updraft_update *update)
{
    return update->config.hooks != NULL ? update->config.hooks : &no_hooks;
}

void updraft_update_init(struct updraft_update *update, const struct updraft_update_config *config)
{
    UPDRAFT_ASSERT(config->place.ops != NULL && config->place.flash != NULL && config->buf != NULL);
    UPDRAFT_ASSERT(config->attempts >= 1 && config->attempts <= UPDRAFT_TRIAL_MARK_CAP);
    memset(update, 0, sizeof *update);
    update->config = *config;
    update->state = UPDRAFT_UPDATE_IDLE;
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

/* Ends the update with the failure that is set. */
static enum updraft_error give_up(struct updraft_update *update)
{
    const struct updraft_update_hooks *hooks = hooks_of(update);

    update->state = UPDRAFT_UPDATE_FAILED;
    if (hooks->error != NULL)
        hooks->error(hooks->ctx, &update->failure);
    return update->failure.code;
}

static enum updraft_error fail(struct updraft_update *update, enum updraft_error code)
{
    updraft_failure_set(&update->failure, code, 0, 0, NULL);
    return give_up(update);
}

static enum updraft_error fail_at(struct updraft_update *update, enum updraft_error code,
                                  uint32_t a, uint32_t b)
{
    updraft_failure_set(&update->failure, code, a, b, NULL);
    return give_up(update);
}

static enum updraft_error fail_text(struct updraft_update *update, enum updraft_error code,
                                    const char *text)
{
    updraft_failure_set(&update->failure, code, 0, 0, text);
    return give_up(update);
}

static enum updraft_error fail_guard(struct updraft_update *update,
                                     const struct updraft_refusal *refusal)
{
    enum updraft_error code = refusal->code != UPDRAFT_OK ? refusal->code : UPDRAFT_E_GUARD;

    updraft_failure_set(&update->failure, code, refusal->retry_after_s, 0, refusal->reason);
    return give_up(update);
}

static bool ask_guard(const struct updraft_update *update, enum updraft_guard_point point,
                      struct updraft_refusal *refusal)
{
    const struct updraft_update_hooks *hooks = hooks_of(update);

    *refusal = (struct updraft_refusal){.reason = ""};
    return hooks->guard == NULL || hooks->guard(hooks->ctx, point, refusal);
}

bool updraft_update_may_restart(const struct updraft_update *update,
                                struct updraft_refusal *refusal)
{
    return ask_guard(update, UPDRAFT_GUARD_BEFORE_RESTART, refusal);
}

static void start_wire(struct updraft_update *update)
{
    update->cursor.written = update->cursor.erased_to = update->cursor.noted_written = 0;
    update->wire_seen = 0;
    if (update->want_digest_len != 0)
        updraft_digest_start(&update->wire_digest, update->want_digest_len == UPDRAFT_SHA256_LEN
                                                       ? UPDRAFT_DIGEST_SHA256
                                                       : UPDRAFT_DIGEST_MD5);
}

static void want_digest(struct updraft_update *update, const uint8_t *digest, uint8_t len)
{
    update->want_digest_len = len;
    memcpy(update->want_digest, digest, len);
}

void updraft_update_expect_md5(struct updraft_update *update, const uint8_t *md5)
{
    if (update->state != UPDRAFT_UPDATE_RECEIVING || update->wire_seen != 0)
        return;
    want_digest(update, md5, UPDRAFT_MD5_LEN);
    updraft_digest_start(&update->wire_digest, UPDRAFT_DIGEST_MD5);
}

static void start_transaction(struct updraft_update *update,
                              const struct updraft_update_request *request)
{
    updraft_cursor_open(&update->cursor, update->config.place.flash, update->target.addr,
                        update->target.cap, update->config.buf);
    update->cursor.expected_len = request->wire_len;
    if (update->target.withhold)
        updraft_cursor_withhold(&update->cursor);
    update->facts = (struct updraft_image_facts){0};
    update->wire_len = request->wire_len;
    update->force = request->force;
    update->accepted = false;
    update->is_gzip = false;
    update->is_packed = false;
    update->want_digest_len = 0;
    if (request->sha256 != NULL)
        want_digest(update, request->sha256, UPDRAFT_SHA256_LEN);
    else if (request->md5 != NULL)
        want_digest(update, request->md5, UPDRAFT_MD5_LEN);
    start_wire(update);
}

/* What the image says of itself; gzip that is kept says nothing yet. */
static enum updraft_error check_facts(struct updraft_update *update)
{
    const struct updraft_image_facts *facts = &update->facts;
    const char *project = update->config.project;
    enum updraft_error error =
        updraft_image_facts_decode(update->cursor.buf, update->cursor.buffered, &update->facts);

    if (error != UPDRAFT_OK)
        return fail(update, error);
    if (facts->chip_id != update->config.chip_id)
        return fail_at(update, UPDRAFT_E_WRONG_CHIP, facts->chip_id, 0);
    if (project != NULL && facts->has_appdesc && strcmp(project, facts->project) != 0)
        return fail_text(update, UPDRAFT_E_WRONG_PRODUCT, facts->project);
    return UPDRAFT_OK;
}

/* The last look before the first erase: everything the start of an image can tell. */
static enum updraft_error accept_image(struct updraft_update *update)
{
    const struct updraft_place *place = &update->config.place;
    struct updraft_incoming incoming = {
        .target = &update->target,
        .head = update->cursor.buf,
        .head_len = update->cursor.buffered,
        .wire_len = update->wire_len,
        .is_packed = update->is_packed,
        .force = update->force,
    };
    enum updraft_error error = update->is_packed ? UPDRAFT_OK : check_facts(update);

    if (error != UPDRAFT_OK)
        return error;
    if (place->ops->accept(place->ctx, &incoming, &update->failure) != UPDRAFT_OK)
        return give_up(update);
    update->accepted = true;
    return UPDRAFT_OK;
}

/* The first byte tells what comes. */
static enum updraft_error choose_decoder(struct updraft_update *update, uint8_t first_byte)
{
    if (update->data_partition || first_byte == UPDRAFT_IMAGE_MAGIC ||
        first_byte == UPDRAFT_IMAGE_MAGIC_8266_V2)
        return UPDRAFT_OK;
    if (first_byte != GZIP_FIRST_BYTE)
        return fail(update, UPDRAFT_E_MAGIC);
    if (update->target.keeps_gzip) {
        update->is_packed = true;
        return UPDRAFT_OK;
    }
    if (update->config.gunzip_arena == NULL)
        return fail(update, UPDRAFT_E_UNSUPPORTED);
    update->is_gzip = true;
    update->cursor.has_identity = false; /* nobody can send gzip from its middle */
    update->cursor.expected_len = 0;
    updraft_gunzip_init(&update->gunzip, update->config.gunzip_arena, UPDRAFT_GUNZIP_ARENA_LEN);
    return UPDRAFT_OK;
}

/* ---- Going on ----------------------------------------------------------------------------------
 */

/* What was written earlier passes as if it came now. False when it belongs to another image, or is not
 * what was written. */
static bool reread(struct updraft_update *update, const struct updraft_progress *last)
{
    struct updraft_cursor *cursor = &update->cursor;

    while (cursor->written < last->from - cursor->addr) {
        if (updraft_cursor_reread(cursor, last) != UPDRAFT_OK)
            return false;
        if (update->want_digest_len != 0)
            updraft_digest_update(&update->wire_digest, cursor->buf, cursor->flash->sector_len);
    }
    return cursor->check == last->check;
}

/* Its start is looked at again: what runs, what failed, and what this device takes may have changed. */
static enum updraft_error accept_again(struct updraft_update *update,
                                       const struct updraft_progress *last)
{
    struct updraft_cursor *cursor = &update->cursor;
    enum updraft_error error;

    cursor->written = 0;
    error = updraft_cursor_reread(cursor, last);
    if (error != UPDRAFT_OK)
        return fail_at(update, error, cursor->addr, 0);
    error = choose_decoder(update, cursor->buf[0]);
    cursor->buffered = cursor->flash->sector_len;
    if (error == UPDRAFT_OK)
        error = accept_image(update);
    cursor->buffered = 0;
    cursor->check = last->check;
    cursor->written = cursor->erased_to = cursor->noted_written = last->from - cursor->addr;
    update->wire_seen = cursor->written;
    return error;
}

/* Opens the log for who is to be written. *is_known: it tells of a part of that very image, as far as can
 * be seen without reading it. */
static enum updraft_error open_log(struct updraft_update *update,
                                   const struct updraft_update_request *request,
                                   struct updraft_progress *last, bool *is_known)
{
    struct updraft_cursor *cursor = &update->cursor;
    const struct updraft_target *target = &update->target;
    const uint8_t *identity = request->identity != NULL ? request->identity : update->want_digest;
    uint32_t identity_len =
        request->identity != NULL ? UPDRAFT_SHA256_LEN : update->want_digest_len;
    enum updraft_error error = updraft_cursor_log(
        cursor, target->log_addr, (uint8_t)(target->slot & 15), target->distrust, last);

    *is_known = false;
    if (error != UPDRAFT_OK || identity_len == 0)
        return error;
    updraft_cursor_identify(cursor, identity, identity_len);
    *is_known = last->from != target->addr &&
                (request->wire_len == 0 || last->from - target->addr < request->wire_len);
    return UPDRAFT_OK;
}

static enum updraft_error use_log(struct updraft_update *update,
                                  const struct updraft_update_request *request)
{
    struct updraft_progress last;
    bool is_known;
    enum updraft_error error = open_log(update, request, &last, &is_known);

    if (error != UPDRAFT_OK)
        return fail_at(update, error, update->target.log_addr, 0);
    if (!request->resumes || !is_known)
        return UPDRAFT_OK;
    if (reread(update, &last))
        return accept_again(update, &last);
    start_transaction(update, request);
    return open_log(update, request, &last, &is_known);
}

uint32_t updraft_update_held(struct updraft_update *update,
                             const struct updraft_update_request *request)
{
    const struct updraft_place *place = &update->config.place;
    struct updraft_wish wish = {.wire_len = request->wire_len};
    struct updraft_failure failure;
    struct updraft_progress last;
    bool is_known = false;
    uint32_t held = 0;

    if (update->state == UPDRAFT_UPDATE_RECEIVING || update->state == UPDRAFT_UPDATE_DONE ||
        place->ops->find(place->ctx, &wish, &update->target, &failure) != UPDRAFT_OK ||
        update->target.log_addr == 0)
        return 0;
    start_transaction(update, request);
    if (open_log(update, request, &last, &is_known) == UPDRAFT_OK && is_known &&
        reread(update, &last))
        held = update->cursor.written;
    update->cursor = (struct updraft_cursor){0};
    start_wire(update);
    return held;
}

static enum updraft_error try_begin(struct updraft_update *update,
                                    const struct updraft_update_request *request)
{
    const struct updraft_place *place = &update->config.place;
    const struct updraft_update_hooks *hooks = hooks_of(update);
    struct updraft_wish wish = {
        .partition = request->data_partition ? request->partition : NULL,
        .wire_len = request->wire_len,
        .at_most_len = request->at_most_len,
    };
    struct updraft_refusal refusal;
    enum updraft_error error;

    update->data_partition = request->data_partition;
    update->target_slot = UPDRAFT_SLOT_NONE;
    update->cursor = (struct updraft_cursor){0};
    if (update->disabled)
        return fail(update, UPDRAFT_E_DISABLED);
    if (!ask_guard(update, UPDRAFT_GUARD_BEFORE_START, &refusal))
        return fail_guard(update, &refusal);
    if (place->ops->find(place->ctx, &wish, &update->target, &update->failure) != UPDRAFT_OK)
        return give_up(update);
    if (request->at_least_len > update->target.cap)
        return fail_at(update, UPDRAFT_E_OVERFLOW, 0, update->target.cap);
    update->target_slot = update->target.slot;
    start_transaction(update, request);
    update->state = UPDRAFT_UPDATE_RECEIVING;
    error = update->target.log_addr != 0 ? use_log(update, request) : UPDRAFT_OK;
    if (error == UPDRAFT_OK && hooks->start != NULL)
        hooks->start(hooks->ctx, request->wire_len);
    return error;
}

enum updraft_error updraft_update_begin(struct updraft_update *update,
                                        const struct updraft_update_request *request,
                                        struct updraft_failure *failure)
{
    enum updraft_error error;

    UPDRAFT_ASSERT(!request->data_partition || request->partition != NULL);
    if (update->state == UPDRAFT_UPDATE_RECEIVING || update->state == UPDRAFT_UPDATE_DONE) {
        error = update->state == UPDRAFT_UPDATE_DONE ? UPDRAFT_E_RESTART_PENDING : UPDRAFT_E_BUSY;
        if (failure != NULL)
            updraft_failure_set(failure, error, 0, 0, NULL);
        return error;
    }
    error = try_begin(update, request);
    if (error != UPDRAFT_OK && failure != NULL)
        *failure = update->failure;
    return error;
}

static enum updraft_error flush(struct updraft_update *update)
{
    const struct updraft_update_hooks *hooks = hooks_of(update);
    uint32_t bad_addr = 0;
    enum updraft_error error;

    if (!update->accepted && !update->data_partition) {
        error = accept_image(update);
        if (error != UPDRAFT_OK)
            return error;
    }
    if (update->cursor.buffered == 0)
        return UPDRAFT_OK;
    error = updraft_cursor_flush(&update->cursor, &bad_addr);
    if (error != UPDRAFT_OK)
        return fail_at(update, error, bad_addr, 0);
    if (hooks->progress != NULL)
        hooks->progress(hooks->ctx, update->cursor.written, update->cursor.expected_len);
    return UPDRAFT_OK;
}

/* One step from the wire to the buffer: as much as there is room for. */
static enum updraft_error decode_some(struct updraft_update *update, const uint8_t *data,
                                      uint32_t len, uint32_t *used, uint32_t *given)
{
    uint8_t *room;
    uint32_t cap = updraft_cursor_room(&update->cursor, &room);
    uint8_t spare;
    size_t in_used = 0;
    size_t out_len = 0;
    enum updraft_error error;

    if (!update->is_gzip) {
        if (cap == 0)
            return fail_at(update, UPDRAFT_E_OVERFLOW, 0, update->cursor.cap);
        *used = len < cap ? len : cap;
        *given = *used;
        memcpy(room, data, *used);
        return UPDRAFT_OK;
    }
    /* At the end of the area one spare byte tells the end of the stream from too much of it. */
    error = updraft_gunzip_feed(&update->gunzip, data, len, &in_used, cap != 0 ? room : &spare,
                                cap != 0 ? cap : 1, &out_len);
    if (error != UPDRAFT_OK)
        return fail(update, error);
    if (cap == 0 && out_len != 0)
        return fail_at(update, UPDRAFT_E_OVERFLOW, 0, update->cursor.cap);
    *used = (uint32_t)in_used;
    *given = (uint32_t)out_len;
    return UPDRAFT_OK;
}

static enum updraft_error store(struct updraft_update *update, const uint8_t *data, uint32_t len)
{
    /* A full output buffer may leave output inside the decoder: go on until it gives none. */
    bool more = true;

    while (len > 0 || (update->is_gzip && more)) {
        uint8_t *room;
        uint32_t used = 0;
        uint32_t given = 0;
        enum updraft_error error;

        updraft_cursor_room(&update->cursor, &room);
        error = decode_some(update, data, len, &used, &given);
        if (error != UPDRAFT_OK)
            return error;
        updraft_cursor_commit(&update->cursor, given);
        if (updraft_cursor_is_full(&update->cursor)) {
            error = flush(update);
            if (error != UPDRAFT_OK)
                return error;
        }
        more = given > 0;
        data += used;
        len -= used;
        if (used == 0 && given == 0)
            break;
    }
    return UPDRAFT_OK;
}

enum updraft_error updraft_update_feed(struct updraft_update *update, const uint8_t *data,
                                       uint32_t len)
{
    enum updraft_error error = UPDRAFT_OK;

    if (update->state == UPDRAFT_UPDATE_FAILED)
        return update->failure.code;
    if (update->state != UPDRAFT_UPDATE_RECEIVING)
        return UPDRAFT_E_STATE;
    if (len == 0)
        return UPDRAFT_OK;
    if (update->wire_len != 0 && len > update->wire_len - update->wire_seen)
        return fail_at(update, UPDRAFT_E_LENGTH, update->wire_seen + len, update->wire_len);
    if (update->wire_seen == 0)
        error = choose_decoder(update, data[0]);
    if (error != UPDRAFT_OK)
        return error;
    update->wire_seen += len;
    if (update->want_digest_len != 0)
        updraft_digest_update(&update->wire_digest, data, len);
    return store(update, data, len);
}

static enum updraft_error check_wire(struct updraft_update *update)
{
    uint8_t digest[UPDRAFT_SHA256_LEN];
    enum updraft_error error;

    if (update->wire_seen == 0)
        return fail(update, UPDRAFT_E_EMPTY);
    if (update->wire_len != 0 && update->wire_seen != update->wire_len)
        return fail_at(update, UPDRAFT_E_LENGTH, update->wire_seen, update->wire_len);
    if (update->is_gzip) {
        error = updraft_gunzip_finish(&update->gunzip);
        if (error != UPDRAFT_OK)
            return fail(update, error);
    }
    if (update->want_digest_len != 0) {
        updraft_digest_finish(&update->wire_digest, digest);
        if (memcmp(digest, update->want_digest, update->want_digest_len) != 0)
            return fail(update, UPDRAFT_E_DIGEST);
    }
    return UPDRAFT_OK;
}

/* A data partition is in use as it is; an application is the place's to verify and to choose. */
static enum updraft_error commit(struct updraft_update *update)
{
    const struct updraft_place *place = &update->config.place;
    struct updraft_arrival arrival = {
        .target = &update->target,
        .cursor = &update->cursor,
        .facts = &update->facts,
        .gunzip_arena = update->config.gunzip_arena,
        .project = update->config.project,
        .chip_id = update->config.chip_id,
        .attempts = update->config.attempts,
        .is_packed = update->is_packed,
        .force = update->force,
    };
    uint32_t bad_addr = 0;
    enum updraft_error error;

    if (!update->data_partition)
        return place->ops->commit(place->ctx, &arrival, &update->failure) == UPDRAFT_OK
                   ? UPDRAFT_OK
                   : give_up(update);
    error = updraft_cursor_release(&update->cursor, &bad_addr);
    return error == UPDRAFT_OK ? UPDRAFT_OK : fail_at(update, error, bad_addr, 0);
}

enum updraft_error updraft_update_finish(struct updraft_update *update)
{
    const struct updraft_update_hooks *hooks = hooks_of(update);
    enum updraft_error error;

    if (update->state == UPDRAFT_UPDATE_FAILED)
        return update->failure.code;
    if (update->state != UPDRAFT_UPDATE_RECEIVING)
        return UPDRAFT_E_STATE;
    error = check_wire(update);
    if (error == UPDRAFT_OK)
        error = flush(update);
    if (error == UPDRAFT_OK)
        error = commit(update);
    if (error != UPDRAFT_OK) {
        /* Who goes on with it would come to the same end. */
        if (update->accepted && error != UPDRAFT_E_LENGTH)
            updraft_cursor_forget(&update->cursor);
        return error;
    }
    update->state = UPDRAFT_UPDATE_DONE;
    if (hooks->end != NULL)
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
        (void)fail(update, reason);
}
