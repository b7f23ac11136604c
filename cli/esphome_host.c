#include "cli/esphome_host.h"

#include "device/push/esphome.h"
#include "format/digest.h"
#include "format/text.h"

#include <string.h>

#define DEFAULT_ANSWER_MS  20000u
#define DEFAULT_STREAM_MS  90000u
#define DEFAULT_VERDICT_MS 90000u
#define WORDS_MS           500u /* for the words behind an error; stock devices send none */

static const uint8_t *sending(const struct updraft_esphome_host *host)
{
    return host->is_packed ? host->config.packed : host->config.image;
}

static void put(struct updraft_esphome_host *host, const void *bytes, size_t len)
{
    memcpy(host->out + host->out_len, bytes, len);
    host->out_len = (uint8_t)(host->out_len + len);
}

static void put_byte(struct updraft_esphome_host *host, uint8_t byte)
{
    put(host, &byte, 1);
}

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value ? value : fallback;
}

void updraft_esphome_host_init(struct updraft_esphome_host *host,
                               const struct updraft_esphome_host_config *config, uint64_t now_ms)
{
    static const uint8_t magic[] = UPDRAFT_ESPHOME_MAGIC;

    memset(host, 0, sizeof *host);
    host->config = *config;
    host->config.answer_ms = or_default(config->answer_ms, DEFAULT_ANSWER_MS);
    host->config.stream_ms = or_default(config->stream_ms, DEFAULT_STREAM_MS);
    host->config.verdict_ms = or_default(config->verdict_ms, DEFAULT_VERDICT_MS);
    host->state = UPDRAFT_ESPHOME_HOST_GREETING;
    host->deadline_ms = now_ms + host->config.answer_ms;
    put(host, magic, sizeof magic);
}

static void fail(struct updraft_esphome_host *host, enum updraft_esphome_host_failure failure,
                 uint8_t byte)
{
    host->state = UPDRAFT_ESPHOME_HOST_FAILED;
    host->failure = failure;
    host->byte = byte;
    host->out_len = 0;
}

static void go_to(struct updraft_esphome_host *host, enum updraft_esphome_host_state state,
                  uint32_t patience_ms, uint64_t now_ms)
{
    host->state = state;
    host->deadline_ms = now_ms + patience_ms;
}

/* ---- Answers -----------------------------------------------------------------------------------
 */

static void take_greeting(struct updraft_esphome_host *host, uint8_t byte, uint64_t now_ms)
{
    if (host->nonce_len == 0) { /* two bytes: OK, and the version */
        if (byte != UPDRAFT_ESPHOME_OK)
            fail(host, UPDRAFT_ESPHOME_HOST_ODD_ANSWER, byte);
        host->nonce_len = 1;
        return;
    }
    host->nonce_len = 0;
    if (byte != 1 && byte != 2) {
        fail(host, UPDRAFT_ESPHOME_HOST_ODD_VERSION, byte);
        return;
    }
    host->version = byte;
    put_byte(host, (uint8_t)(UPDRAFT_ESPHOME_CAN_SHA256 |
                             (host->config.packed ? UPDRAFT_ESPHOME_CAN_GZIP : 0u)));
    go_to(host, UPDRAFT_ESPHOME_HOST_OFFERING, host->config.answer_ms, now_ms);
}

static void take_features(struct updraft_esphome_host *host, uint8_t byte, uint64_t now_ms)
{
    bool is_gzip = byte == UPDRAFT_ESPHOME_TAKES_GZIP;

    if (!is_gzip && byte != UPDRAFT_ESPHOME_FEATURES_OK) {
        fail(host, UPDRAFT_ESPHOME_HOST_ODD_ANSWER, byte);
        return;
    }
    host->is_packed = is_gzip && host->config.packed;
    host->sending_len = host->is_packed ? host->config.packed_len : host->config.image_len;
    go_to(host, UPDRAFT_ESPHOME_HOST_ASKING, host->config.answer_ms, now_ms);
}

static void let_in(struct updraft_esphome_host *host, uint64_t now_ms)
{
    uint32_t len = host->sending_len;
    uint8_t size[] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                      (uint8_t)len};

    put(host, size, sizeof size);
    go_to(host, UPDRAFT_ESPHOME_HOST_PREPARING, host->config.stream_ms, now_ms);
}

static void take_challenge(struct updraft_esphome_host *host, uint8_t byte, uint64_t now_ms)
{
    bool has_password = host->config.password && host->config.password[0];

    if (byte == UPDRAFT_ESPHOME_AUTH_OK) {
        let_in(host, now_ms);
        return;
    }
    if (byte != UPDRAFT_ESPHOME_WANTS_MD5 && byte != UPDRAFT_ESPHOME_WANTS_SHA256) {
        fail(host, UPDRAFT_ESPHOME_HOST_ODD_ANSWER, byte);
        return;
    }
    if (!has_password) {
        fail(host, UPDRAFT_ESPHOME_HOST_NEEDS_PASSWORD, byte);
        return;
    }
    host->digits = byte == UPDRAFT_ESPHOME_WANTS_MD5 ? UPDRAFT_ESPHOME_MD5_DIGITS
                                                     : UPDRAFT_ESPHOME_SHA256_DIGITS;
    go_to(host, UPDRAFT_ESPHOME_HOST_CHALLENGED, host->config.answer_ms, now_ms);
}

/* A NUL in the nonce would end our text of it early. */
static void take_nonce(struct updraft_esphome_host *host, uint8_t byte, uint64_t now_ms)
{
    char cnonce[UPDRAFT_ESPHOME_NONCE_CAP];
    char proof[UPDRAFT_ESPHOME_NONCE_CAP];
    struct updraft_text text;

    if (byte < '!' || byte > '~') {
        fail(host, UPDRAFT_ESPHOME_HOST_ODD_ANSWER, byte);
        return;
    }
    host->nonce[host->nonce_len++] = (char)byte;
    if (host->nonce_len < host->digits)
        return;
    host->nonce[host->nonce_len] = '\0';
    updraft_text_init(&text, cnonce, sizeof cnonce);
    updraft_text_hex(&text, host->config.random, host->digits / 2u);
    updraft_esphome_proof(host->config.password, host->nonce, cnonce, proof);
    put(host, cnonce, host->digits);
    put(host, proof, host->digits);
    go_to(host, UPDRAFT_ESPHOME_HOST_PROVING, host->config.answer_ms, now_ms);
}

static void announce(struct updraft_esphome_host *host, uint64_t now_ms)
{
    uint8_t md5[UPDRAFT_MD5_LEN];
    char hex[UPDRAFT_ESPHOME_MD5_HEX_LEN + 1];
    struct updraft_digest digest;
    struct updraft_text text;

    updraft_digest_start(&digest, UPDRAFT_DIGEST_MD5);
    updraft_digest_update(&digest, sending(host), host->sending_len);
    updraft_digest_finish(&digest, md5);
    updraft_text_init(&text, hex, sizeof hex);
    updraft_text_hex(&text, md5, sizeof md5);
    put(host, hex, text.len);
    go_to(host, UPDRAFT_ESPHOME_HOST_ANNOUNCING, host->config.answer_ms, now_ms);
}

static void begin_stream(struct updraft_esphome_host *host, uint64_t now_ms)
{
    host->may_send = true;
    go_to(host, UPDRAFT_ESPHOME_HOST_STREAMING, host->config.stream_ms, now_ms);
}

static void take_block_ok(struct updraft_esphome_host *host, uint64_t now_ms)
{
    uint32_t left = host->sent_len - host->acked_len;

    host->acked_len += left < UPDRAFT_ESPHOME_BLOCK_LEN ? left : UPDRAFT_ESPHOME_BLOCK_LEN;
    host->may_send = true;
    host->deadline_ms = now_ms + host->config.stream_ms;
    if (host->acked_len == host->sending_len)
        go_to(host, UPDRAFT_ESPHOME_HOST_FINISHING, host->config.verdict_ms, now_ms);
}

static void finish(struct updraft_esphome_host *host)
{
    put_byte(host, UPDRAFT_ESPHOME_OK);
    host->state = UPDRAFT_ESPHOME_HOST_DONE;
}

/* The one answer that may come now takes us on; the caller fails on any other. */
static bool take_expected(struct updraft_esphome_host *host, uint8_t byte, uint64_t now_ms)
{
    if (host->state == UPDRAFT_ESPHOME_HOST_PROVING && byte == UPDRAFT_ESPHOME_AUTH_OK)
        let_in(host, now_ms);
    else if (host->state == UPDRAFT_ESPHOME_HOST_PREPARING && byte == UPDRAFT_ESPHOME_PREPARED)
        announce(host, now_ms);
    else if (host->state == UPDRAFT_ESPHOME_HOST_ANNOUNCING && byte == UPDRAFT_ESPHOME_MD5_OK)
        begin_stream(host, now_ms);
    else if (host->state == UPDRAFT_ESPHOME_HOST_STREAMING && byte == UPDRAFT_ESPHOME_BLOCK_OK &&
             host->version == 2 && host->acked_len < host->sent_len)
        take_block_ok(host, now_ms);
    else if (host->state == UPDRAFT_ESPHOME_HOST_FINISHING && byte == UPDRAFT_ESPHOME_RECEIVED)
        go_to(host, UPDRAFT_ESPHOME_HOST_VERIFYING, host->config.verdict_ms, now_ms);
    else if (host->state == UPDRAFT_ESPHOME_HOST_VERIFYING && byte == UPDRAFT_ESPHOME_DONE)
        finish(host);
    else
        return false;
    return true;
}

static void judge_complaint(struct updraft_esphome_host *host)
{
    host->words[host->words_len] = '\0';
    fail(host, UPDRAFT_ESPHOME_HOST_REFUSED, host->byte);
}

static void take_word(struct updraft_esphome_host *host, uint8_t byte)
{
    if (byte == '\n') {
        judge_complaint(host);
        return;
    }
    host->words[host->words_len++] = (char)byte;
    if (host->words_len == sizeof host->words - 1)
        judge_complaint(host);
}

static void take_byte(struct updraft_esphome_host *host, uint8_t byte, uint64_t now_ms)
{
    if (byte >= UPDRAFT_ESPHOME_FIRST_ERROR && host->state != UPDRAFT_ESPHOME_HOST_COMPLAINING) {
        host->refused_in = host->state;
        host->byte = byte;
        host->out_len = 0;
        go_to(host, UPDRAFT_ESPHOME_HOST_COMPLAINING, WORDS_MS, now_ms);
        return;
    }
    switch (host->state) {
    case UPDRAFT_ESPHOME_HOST_GREETING:
        take_greeting(host, byte, now_ms);
        break;
    case UPDRAFT_ESPHOME_HOST_OFFERING:
        take_features(host, byte, now_ms);
        break;
    case UPDRAFT_ESPHOME_HOST_ASKING:
        take_challenge(host, byte, now_ms);
        break;
    case UPDRAFT_ESPHOME_HOST_CHALLENGED:
        take_nonce(host, byte, now_ms);
        break;
    case UPDRAFT_ESPHOME_HOST_PROVING:
    case UPDRAFT_ESPHOME_HOST_PREPARING:
    case UPDRAFT_ESPHOME_HOST_ANNOUNCING:
    case UPDRAFT_ESPHOME_HOST_STREAMING:
    case UPDRAFT_ESPHOME_HOST_FINISHING:
    case UPDRAFT_ESPHOME_HOST_VERIFYING:
        if (!take_expected(host, byte, now_ms))
            fail(host, UPDRAFT_ESPHOME_HOST_ODD_ANSWER, byte);
        break;
    case UPDRAFT_ESPHOME_HOST_COMPLAINING:
        take_word(host, byte);
        break;
    case UPDRAFT_ESPHOME_HOST_DONE:
    case UPDRAFT_ESPHOME_HOST_FAILED:
        break;
    }
}

void updraft_esphome_host_feed(struct updraft_esphome_host *host, const uint8_t *data, size_t len,
                               uint64_t now_ms)
{
    for (size_t i = 0; i < len && host->state < UPDRAFT_ESPHOME_HOST_DONE; i++)
        take_byte(host, data[i], now_ms);
}

/* ---- Bytes out, the end, time ------------------------------------------------------------------
 */

size_t updraft_esphome_host_take(struct updraft_esphome_host *host, const uint8_t **data,
                                 uint64_t now_ms)
{
    uint32_t left = host->sending_len - host->sent_len;
    uint32_t len = left < UPDRAFT_ESPHOME_BLOCK_LEN ? left : UPDRAFT_ESPHOME_BLOCK_LEN;

    if (host->out_len > 0) {
        len = host->out_len;
        host->out_len = 0; /* the bytes stay until the next answer, which needs these first */
        *data = host->out;
        return len;
    }
    if (host->state != UPDRAFT_ESPHOME_HOST_STREAMING || !host->may_send)
        return 0;
    *data = sending(host) + host->sent_len;
    host->sent_len += len;
    host->may_send = host->version == 1;
    host->deadline_ms = now_ms + host->config.stream_ms;
    if (host->version == 1) {
        host->acked_len = host->sent_len;
        if (host->sent_len == host->sending_len)
            go_to(host, UPDRAFT_ESPHOME_HOST_FINISHING, host->config.verdict_ms, now_ms);
    }
    return len;
}

void updraft_esphome_host_closed(struct updraft_esphome_host *host)
{
    if (host->state >= UPDRAFT_ESPHOME_HOST_DONE)
        return;
    if (host->state == UPDRAFT_ESPHOME_HOST_COMPLAINING)
        judge_complaint(host);
    else if (host->state == UPDRAFT_ESPHOME_HOST_GREETING)
        fail(host, UPDRAFT_ESPHOME_HOST_SILENT, 0);
    else if (host->sending_len != 0 && host->sent_len == host->sending_len)
        fail(host, UPDRAFT_ESPHOME_HOST_NO_VERDICT, 0);
    else
        fail(host, UPDRAFT_ESPHOME_HOST_CLOSED, 0);
}

void updraft_esphome_host_tick(struct updraft_esphome_host *host, uint64_t now_ms)
{
    if (host->state >= UPDRAFT_ESPHOME_HOST_DONE || now_ms < host->deadline_ms)
        return;
    if (host->state == UPDRAFT_ESPHOME_HOST_COMPLAINING)
        judge_complaint(host);
    else if (host->state == UPDRAFT_ESPHOME_HOST_GREETING)
        fail(host, UPDRAFT_ESPHOME_HOST_SILENT, 0);
    else if (host->state == UPDRAFT_ESPHOME_HOST_FINISHING ||
             host->state == UPDRAFT_ESPHOME_HOST_VERIFYING)
        fail(host, UPDRAFT_ESPHOME_HOST_NO_VERDICT, 0);
    else
        fail(host, UPDRAFT_ESPHOME_HOST_STALLED, 0);
}
