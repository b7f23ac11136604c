#include "cli/direct_host.h"

#include <string.h>

#define ANSWER_MS  15000u
#define STALL_MS   45000u
#define VERDICT_MS 60000u

static uint64_t after(uint64_t now_ms, uint32_t given_ms, uint32_t default_ms)
{
    return now_ms + (given_ms ? given_ms : default_ms);
}

void updraft_direct_host_init(struct updraft_direct_host *host,
                              const struct updraft_direct_host_config *config, uint64_t now_ms)
{
    memset(host, 0, sizeof *host);
    host->config = *config;
    host->state = UPDRAFT_DIRECT_HOST_GREETING;
    host->deadline_ms = after(now_ms, config->answer_ms, ANSWER_MS);
    updraft_direct_reader_init(&host->reader);
}

static void fail(struct updraft_direct_host *host, enum updraft_direct_host_failure failure)
{
    if (host->state >= UPDRAFT_DIRECT_HOST_DONE)
        return;
    host->state = UPDRAFT_DIRECT_HOST_FAILED;
    host->failure = failure;
    host->out_len = 0;
}

size_t updraft_direct_host_next(const struct updraft_direct_host *host, const uint8_t **data)
{
    if (host->out_len > 0) {
        *data = host->out;
        return host->out_len;
    }
    *data = host->config.image + host->sent_off;
    return host->state == UPDRAFT_DIRECT_HOST_STREAMING ? host->config.image_len - host->sent_off
                                                        : 0;
}

void updraft_direct_host_sent(struct updraft_direct_host *host, size_t len, uint64_t now_ms)
{
    if (len == 0)
        return;
    if (host->out_len > 0) {
        host->out_len = (uint16_t)(host->out_len - len);
        memmove(host->out, host->out + len, host->out_len);
        return;
    }
    host->sent_off += (uint32_t)len;
    host->deadline_ms = after(now_ms, host->config.stall_ms, STALL_MS);
    if (host->sent_off == host->config.image_len) {
        host->state = UPDRAFT_DIRECT_HOST_FINISHING;
        host->deadline_ms = after(now_ms, host->config.verdict_ms, VERDICT_MS);
    }
}

static bool has_password(const struct updraft_direct_host *host)
{
    return host->config.password != NULL && host->config.password[0] != '\0';
}

static void greeted(struct updraft_direct_host *host, const struct updraft_direct_hello *hello,
                    uint64_t now_ms)
{
    const struct updraft_direct_host_config *config = &host->config;
    struct updraft_direct_message message = {.type = UPDRAFT_DIRECT_BEGIN};
    struct updraft_direct_begin *begin = &message.as.begin;
    struct updraft_digest digest;

    host->hello = *hello;
    if (hello->wants_password && !has_password(host)) {
        fail(host, UPDRAFT_DIRECT_HOST_NEEDS_PASSWORD);
        return;
    }
    updraft_direct_key(hello->wants_password ? config->password : NULL, hello->salt,
                       hello->iterations, host->session.key);
    memcpy(host->session.device_nonce, hello->nonce, sizeof hello->nonce);
    memcpy(host->session.host_nonce, config->nonce, sizeof config->nonce);
    memcpy(begin->nonce, config->nonce, sizeof config->nonce);
    begin->len = config->image_len;
    begin->force = config->force;
    begin->from_zero = config->from_zero;
    begin->data_partition = config->partition != NULL;
    if (begin->data_partition)
        strncpy(begin->partition, config->partition, sizeof begin->partition - 1);
    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, config->image, config->image_len);
    updraft_digest_finish(&digest, begin->sha256);
    updraft_direct_sign(&host->session, &message);
    host->out_len = (uint16_t)updraft_direct_encode(&message, host->out);
    host->state = UPDRAFT_DIRECT_HOST_ASKING;
    host->deadline_ms = after(now_ms, config->answer_ms, ANSWER_MS);
}

static void may_go(struct updraft_direct_host *host, const struct updraft_direct_message *message,
                   uint64_t now_ms)
{
    if (!updraft_direct_is_signed(&host->session, message)) {
        fail(host, UPDRAFT_DIRECT_HOST_IMPOSTOR);
        return;
    }
    if (message->as.go.off > host->config.image_len) {
        fail(host, UPDRAFT_DIRECT_HOST_ODD_ANSWER);
        return;
    }
    host->went = true;
    host->resumed_off = message->as.go.off;
    host->written = message->as.go.off;
    host->sent_off = message->as.go.off;
    host->state = host->sent_off < host->config.image_len ? UPDRAFT_DIRECT_HOST_STREAMING
                                                          : UPDRAFT_DIRECT_HOST_FINISHING;
    host->deadline_ms = after(now_ms, host->config.verdict_ms, VERDICT_MS);
}

static void succeeded(struct updraft_direct_host *host,
                      const struct updraft_direct_message *message)
{
    if (!updraft_direct_is_signed(&host->session, message)) {
        fail(host, UPDRAFT_DIRECT_HOST_IMPOSTOR);
        return;
    }
    memcpy(host->slot, message->as.done.slot, sizeof host->slot);
    host->state = UPDRAFT_DIRECT_HOST_DONE;
}

static void told_written(struct updraft_direct_host *host, uint32_t written, uint64_t now_ms)
{
    bool is_streaming = host->state == UPDRAFT_DIRECT_HOST_STREAMING;

    if (written <= host->written || written > host->sent_off)
        return;
    host->written = written;
    host->deadline_ms = is_streaming ? after(now_ms, host->config.stall_ms, STALL_MS)
                                     : after(now_ms, host->config.verdict_ms, VERDICT_MS);
}

/* Whether a message may come now. */
static bool is_due(const struct updraft_direct_host *host, enum updraft_direct_type type)
{
    switch (type) {
    case UPDRAFT_DIRECT_HELLO:
        return host->state == UPDRAFT_DIRECT_HOST_GREETING;
    case UPDRAFT_DIRECT_GO:
        return host->state == UPDRAFT_DIRECT_HOST_ASKING;
    case UPDRAFT_DIRECT_WRITTEN:
        return host->state == UPDRAFT_DIRECT_HOST_STREAMING ||
               host->state == UPDRAFT_DIRECT_HOST_FINISHING;
    case UPDRAFT_DIRECT_DONE:
        return host->state == UPDRAFT_DIRECT_HOST_FINISHING;
    case UPDRAFT_DIRECT_REFUSED:
        return true;
    case UPDRAFT_DIRECT_BEGIN:
        break;
    }
    return false;
}

static void take(struct updraft_direct_host *host, const struct updraft_direct_message *message,
                 uint64_t now_ms)
{
    if (!is_due(host, message->type)) {
        fail(host, UPDRAFT_DIRECT_HOST_ODD_ANSWER);
    } else if (message->type == UPDRAFT_DIRECT_HELLO) {
        greeted(host, &message->as.hello, now_ms);
    } else if (message->type == UPDRAFT_DIRECT_GO) {
        may_go(host, message, now_ms);
    } else if (message->type == UPDRAFT_DIRECT_WRITTEN) {
        told_written(host, message->as.written, now_ms);
    } else if (message->type == UPDRAFT_DIRECT_DONE) {
        succeeded(host, message);
    } else {
        host->refused = message->as.refused;
        fail(host, UPDRAFT_DIRECT_HOST_REFUSED);
    }
}

void updraft_direct_host_feed(struct updraft_direct_host *host, const uint8_t *data, size_t len,
                              uint64_t now_ms)
{
    while (len > 0 && host->state < UPDRAFT_DIRECT_HOST_DONE) {
        struct updraft_direct_message message;
        bool complete;
        size_t used;

        if (updraft_direct_reader_feed(&host->reader, data, len, &used, &message, &complete) !=
            UPDRAFT_OK) {
            fail(host, UPDRAFT_DIRECT_HOST_ODD_ANSWER);
            return;
        }
        if (complete)
            take(host, &message, now_ms);
        data += used;
        len -= used;
    }
}

void updraft_direct_host_closed(struct updraft_direct_host *host)
{
    fail(host, UPDRAFT_DIRECT_HOST_CLOSED);
}

void updraft_direct_host_tick(struct updraft_direct_host *host, uint64_t now_ms)
{
    if (now_ms >= host->deadline_ms)
        fail(host, UPDRAFT_DIRECT_HOST_STALLED);
}
