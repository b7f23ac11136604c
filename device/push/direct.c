#include "device/push/direct.h"

#include "format/assert.h"
#include "format/text.h"

#include <string.h>

enum state {
    STATE_IDLE,
    STATE_GREETED,   /* HELLO is out, BEGIN is awaited */
    STATE_RECEIVING, /* the transaction runs */
    STATE_DONE,      /* the new image is chosen; the host is to close */
    STATE_REFUSED,   /* what still comes is thrown away until the host closes */
    STATE_CLOSING,
};

void updraft_direct_init(struct updraft_direct *direct, const struct updraft_direct_config *config)
{
    UPDRAFT_ASSERT(config->update != NULL && config->random != NULL && config->iterations >= 1);
    memset(direct, 0, sizeof *direct);
    direct->config = *config;
    memcpy(direct->session.key, config->key, sizeof direct->session.key);
    direct->state = STATE_IDLE;
}

/* ---- Sending ------------------------------------------------------------------------------------ */

static void put(struct updraft_direct *direct, const struct updraft_direct_message *message)
{
    uint8_t bytes[UPDRAFT_DIRECT_MESSAGE_CAP];
    size_t len = updraft_direct_encode(message, bytes);

    UPDRAFT_ASSERT(len <= sizeof direct->out - direct->out_len);
    memcpy(direct->out + direct->out_len, bytes, len);
    direct->out_len = (uint16_t)(direct->out_len + len);
}

/* Only into an empty buffer: a host that does not read is not told twice. */
static void put_written(struct updraft_direct *direct)
{
    struct updraft_direct_message message = {.type = UPDRAFT_DIRECT_WRITTEN};

    message.as.written = updraft_update_written(direct->config.update);
    if (message.as.written == direct->told_written)
        return;
    direct->told_written = message.as.written;
    put(direct, &message);
}

size_t updraft_direct_drain(struct updraft_direct *direct, uint8_t *out, size_t out_cap)
{
    size_t left;
    size_t len;

    if (direct->out_off == direct->out_len) {
        direct->out_off = 0;
        direct->out_len = 0;
        if (direct->state == STATE_RECEIVING)
            put_written(direct);
    }
    left = (size_t)(direct->out_len - direct->out_off);
    len = left < out_cap ? left : out_cap;
    memcpy(out, direct->out + direct->out_off, len);
    direct->out_off = (uint16_t)(direct->out_off + len);
    return len;
}

static void make_refusal(const struct updraft_failure *failure,
                         struct updraft_direct_message *message)
{
    struct updraft_text words;

    memset(message, 0, sizeof *message);
    message->type = UPDRAFT_DIRECT_REFUSED;
    message->as.refused.code = (uint16_t)failure->code;
    message->as.refused.a = failure->a;
    message->as.refused.b = failure->b;
    message->as.refused.retry_after_s = updraft_failure_retry_after_s(failure);
    updraft_text_init(&words, message->as.refused.words, sizeof message->as.refused.words);
    updraft_text_str(&words, failure->text);
}

static void refuse_with(struct updraft_direct *direct, const struct updraft_failure *failure,
                        uint64_t now_ms)
{
    struct updraft_direct_message message;

    make_refusal(failure, &message);
    put(direct, &message);
    direct->state = STATE_REFUSED;
    direct->deadline_ms = now_ms + UPDRAFT_DIRECT_LINGER_MS;
}

static void refuse(struct updraft_direct *direct, enum updraft_error code, uint64_t now_ms)
{
    struct updraft_failure failure;

    updraft_failure_set(&failure, code, 0, 0, NULL);
    refuse_with(direct, &failure, now_ms);
}

size_t updraft_direct_turn_away(uint8_t out[UPDRAFT_DIRECT_MESSAGE_CAP])
{
    struct updraft_direct_message message;
    struct updraft_failure failure;

    updraft_failure_set(&failure, UPDRAFT_E_BUSY, 0, 0, NULL);
    make_refusal(&failure, &message);
    return updraft_direct_encode(&message, out);
}

void updraft_direct_opened(struct updraft_direct *direct, uint64_t now_ms)
{
    const struct updraft_direct_config *config = &direct->config;
    struct updraft_direct_message message = {.type = UPDRAFT_DIRECT_HELLO};
    struct updraft_direct_hello *hello = &message.as.hello;
    struct updraft_text text;

    config->random(config->random_ctx, direct->session.device_nonce,
                   sizeof direct->session.device_nonce);
    hello->wants_password = config->has_password;
    hello->is_busy = config->update->state == UPDRAFT_UPDATE_RECEIVING;
    memcpy(hello->nonce, direct->session.device_nonce, sizeof hello->nonce);
    memcpy(hello->salt, config->salt, sizeof hello->salt);
    hello->iterations = config->iterations;
    hello->chip_id = config->chip_id;
    hello->capacity = config->capacity;
    updraft_text_init(&text, hello->name, sizeof hello->name);
    updraft_text_str(&text, config->name);
    updraft_text_init(&text, hello->product, sizeof hello->product);
    updraft_text_str(&text, config->product);
    updraft_text_init(&text, hello->version, sizeof hello->version);
    updraft_text_str(&text, config->version);
    updraft_direct_reader_init(&direct->reader);
    direct->out_len = 0;
    direct->out_off = 0;
    direct->state = STATE_GREETED;
    direct->deadline_ms = now_ms + UPDRAFT_DIRECT_GREETING_MS;
    put(direct, &message);
}

/* ---- Receiving ---------------------------------------------------------------------------------- */

static void go(struct updraft_direct *direct, uint64_t now_ms)
{
    struct updraft_direct_message message = {.type = UPDRAFT_DIRECT_GO};

    direct->received = updraft_update_resume_off(direct->config.update);
    direct->told_written = direct->received;
    message.as.go.off = direct->received;
    updraft_direct_sign(&direct->session, &message);
    put(direct, &message);
    direct->state = STATE_RECEIVING;
    direct->deadline_ms = now_ms + UPDRAFT_DIRECT_IDLE_MS;
}

static void begin(struct updraft_direct *direct, const struct updraft_direct_message *message,
                  uint64_t now_ms)
{
    const struct updraft_direct_begin *wish = &message->as.begin;
    struct updraft_update_request request = {
        .wire_len = wish->len,
        .data_partition = wish->data_partition,
        .partition = wish->partition,
        .sha256 = wish->sha256,
        .force = wish->force,
        .resumes = !wish->from_zero,
    };
    struct updraft_failure failure;

    memcpy(direct->session.host_nonce, wish->nonce, sizeof wish->nonce);
    if (!updraft_direct_is_signed(&direct->session, message)) {
        direct->sign_in = UPDRAFT_SIGN_IN_WRONG;
        refuse(direct, UPDRAFT_E_AUTH, now_ms);
        return;
    }
    if (direct->config.has_password)
        direct->sign_in = UPDRAFT_SIGN_IN_RIGHT;
    if (wish->len == 0) {
        refuse(direct, UPDRAFT_E_EMPTY, now_ms);
        return;
    }
    if (updraft_update_begin(direct->config.update, &request, &failure) != UPDRAFT_OK) {
        refuse_with(direct, &failure, now_ms);
        return;
    }
    direct->len = wish->len;
    go(direct, now_ms);
}

/* What comes behind BEGIN must wait for GO, for only that says which bytes are wanted. */
static void feed_message(struct updraft_direct *direct, const uint8_t *data, size_t len,
                         uint64_t now_ms)
{
    struct updraft_direct_message message;
    bool complete;
    size_t used;
    enum updraft_error error =
        updraft_direct_reader_feed(&direct->reader, data, len, &used, &message, &complete);

    if (error != UPDRAFT_OK || (complete && (message.type != UPDRAFT_DIRECT_BEGIN || used < len)))
        refuse(direct, UPDRAFT_E_PROTOCOL, now_ms);
    else if (complete)
        begin(direct, &message, now_ms);
}

static void say_done(struct updraft_direct *direct, uint64_t now_ms)
{
    struct updraft_direct_message message = {.type = UPDRAFT_DIRECT_DONE};
    struct updraft_text slot;

    updraft_text_init(&slot, message.as.done.slot, sizeof message.as.done.slot);
    updraft_text_str(&slot, updraft_slot_name(direct->config.update->target_slot));
    updraft_direct_sign(&direct->session, &message);
    put(direct, &message);
    direct->chosen = true;
    direct->state = STATE_DONE;
    direct->deadline_ms = now_ms + UPDRAFT_DIRECT_LINGER_MS;
}

static void feed_image(struct updraft_direct *direct, const uint8_t *data, size_t len,
                       uint64_t now_ms)
{
    struct updraft_update *update = direct->config.update;
    uint32_t left = direct->len - direct->received;
    uint32_t now_len = len < left ? (uint32_t)len : left;
    enum updraft_error error = updraft_update_feed(update, data, now_len);

    direct->received += now_len;
    direct->deadline_ms = now_ms + UPDRAFT_DIRECT_IDLE_MS;
    if (error == UPDRAFT_OK && direct->received == direct->len) {
        error = updraft_update_finish(update);
        if (error == UPDRAFT_OK)
            say_done(direct, now_ms);
    }
    if (error != UPDRAFT_OK)
        refuse_with(direct, &update->failure, now_ms);
}

void updraft_direct_feed(struct updraft_direct *direct, const uint8_t *data, size_t len,
                         uint64_t now_ms)
{
    if (len == 0)
        return;
    if (direct->state == STATE_GREETED)
        feed_message(direct, data, len, now_ms);
    else if (direct->state == STATE_RECEIVING)
        feed_image(direct, data, len, now_ms);
}

/* ---- The connection ----------------------------------------------------------------------------- */

bool updraft_direct_wants_close(const struct updraft_direct *direct)
{
    return direct->state == STATE_CLOSING;
}

void updraft_direct_closed(struct updraft_direct *direct)
{
    if (direct->state == STATE_RECEIVING)
        updraft_update_abort(direct->config.update, UPDRAFT_E_DISCONNECTED);
    direct->restart = direct->restart || direct->chosen;
    direct->chosen = false;
    direct->state = STATE_IDLE;
    direct->out_len = 0;
    direct->out_off = 0;
}

static void expire(struct updraft_direct *direct, uint64_t now_ms)
{
    switch ((enum state)direct->state) {
    case STATE_IDLE:
    case STATE_CLOSING:
        break;
    case STATE_GREETED:
        refuse(direct, UPDRAFT_E_TIMEOUT, now_ms);
        break;
    case STATE_RECEIVING:
        updraft_update_abort(direct->config.update, UPDRAFT_E_TIMEOUT);
        refuse(direct, UPDRAFT_E_TIMEOUT, now_ms);
        break;
    case STATE_DONE:
    case STATE_REFUSED:
        direct->state = STATE_CLOSING;
        break;
    }
}

void updraft_direct_tick(struct updraft_direct *direct, uint64_t now_ms)
{
    if (now_ms >= direct->deadline_ms)
        expire(direct, now_ms);
}

void updraft_direct_timed_out(struct updraft_direct *direct, uint64_t now_ms)
{
    if (direct->state == STATE_RECEIVING)
        expire(direct, now_ms);
}

enum updraft_sign_in updraft_direct_take_sign_in(struct updraft_direct *direct)
{
    enum updraft_sign_in result = direct->sign_in;

    direct->sign_in = UPDRAFT_SIGN_IN_NONE;
    return result;
}

bool updraft_direct_take_restart(struct updraft_direct *direct)
{
    bool restart = direct->restart;

    direct->restart = false;
    return restart;
}
