#include "cli/espota_host.h"

#include "format/digest.h"
#include "format/text.h"

#include <string.h>

#define DEFAULT_ANSWER_MS  10000u
#define DEFAULT_STREAM_MS  30000u
#define DEFAULT_VERDICT_MS 60000u
#define PROOF_REPEAT_MS    3000u /* a weak device takes seconds for the 64-digit scheme */
#define QUIET_MS           500u  /* words that end without a line end are complete after this */

static void queue(struct updraft_espota_host *host, const struct updraft_text *text)
{
    host->datagram_len = (uint8_t)text->len;
}

static void queue_invitation(struct updraft_espota_host *host, uint64_t now_ms)
{
    struct updraft_text text;

    updraft_text_init(&text, host->datagram, sizeof host->datagram);
    updraft_text_u32(&text, host->config.filesystem ? UPDRAFT_ESPOTA_COMMAND_FS
                                                    : UPDRAFT_ESPOTA_COMMAND_FLASH);
    updraft_text_str(&text, " ");
    updraft_text_u32(&text, host->config.tcp_port);
    updraft_text_str(&text, " ");
    updraft_text_u32(&text, host->config.image_len);
    updraft_text_str(&text, " ");
    updraft_text_str(&text, host->md5);
    updraft_text_str(&text, "\n");
    queue(host, &text);
    host->invitations++;
    host->repeat_ms = now_ms + UPDRAFT_ESPOTA_HOST_REPEAT_MS;
}

static void fail(struct updraft_espota_host *host, enum updraft_espota_host_failure failure)
{
    host->state = UPDRAFT_ESPOTA_HOST_FAILED;
    host->failure = failure;
    host->datagram_len = 0;
}

/* Keeps the device's words, without the white space around them. */
static void keep_words(struct updraft_espota_host *host, const char *words, size_t len)
{
    while (len > 0 && strchr("\r\n\t ", words[len - 1]))
        len--;
    if (len >= sizeof host->text)
        len = sizeof host->text - 1;
    memmove(host->text, words, len);
    host->text[len] = '\0';
}

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value ? value : fallback;
}

void updraft_espota_host_init(struct updraft_espota_host *host,
                              const struct updraft_espota_host_config *config, uint64_t now_ms)
{
    struct updraft_digest digest;
    struct updraft_text text;
    uint8_t md5[UPDRAFT_MD5_LEN];

    memset(host, 0, sizeof *host);
    host->config = *config;
    host->config.invitations = or_default(config->invitations, UPDRAFT_ESPOTA_HOST_INVITATIONS);
    host->config.answer_ms = or_default(config->answer_ms, DEFAULT_ANSWER_MS);
    host->config.stream_ms = or_default(config->stream_ms, DEFAULT_STREAM_MS);
    host->config.verdict_ms = or_default(config->verdict_ms, DEFAULT_VERDICT_MS);
    updraft_digest_start(&digest, UPDRAFT_DIGEST_MD5);
    updraft_digest_update(&digest, config->image, config->image_len);
    updraft_digest_finish(&digest, md5);
    updraft_text_init(&text, host->md5, sizeof host->md5);
    updraft_text_hex(&text, md5, sizeof md5);
    queue_invitation(host, now_ms);
}

size_t updraft_espota_host_take_datagram(struct updraft_espota_host *host, uint8_t *out,
                                         size_t out_cap)
{
    size_t len = host->datagram_len < out_cap ? host->datagram_len : out_cap;

    memcpy(out, host->datagram, len);
    host->datagram_len = 0;
    return len;
}

/* As the stock host: the device takes any, so it need not be secret, only not repeat. */
static void make_cnonce(const struct updraft_espota_host *host, size_t digits, char *out)
{
    struct updraft_digest digest;
    struct updraft_text text;
    char size[12];
    uint8_t bytes[UPDRAFT_SHA256_LEN];

    updraft_text_init(&text, size, sizeof size);
    updraft_text_u32(&text, host->config.image_len);
    updraft_digest_start(&digest, digits == 32 ? UPDRAFT_DIGEST_MD5 : UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, host->config.name, strlen(host->config.name));
    updraft_digest_update(&digest, size, strlen(size));
    updraft_digest_update(&digest, host->md5, strlen(host->md5));
    updraft_digest_update(&digest, host->config.address, strlen(host->config.address));
    updraft_digest_finish(&digest, bytes);
    updraft_text_init(&text, out, digits + 1);
    updraft_text_hex(&text, bytes, digits / 2);
}

/* Of the scheme that the length of the nonce asks for. */
static void make_proof(const struct updraft_espota_host *host, const char *cnonce, char *out)
{
    size_t digits = strlen(host->nonce);
    bool is_md5 = digits == UPDRAFT_ESPOTA_MD5_DIGITS;
    struct updraft_pbkdf2 pbkdf2;
    char secret[UPDRAFT_ESPOTA_DIGITS_CAP];

    updraft_espota_wire_secret(is_md5 || host->legacy_secret ? UPDRAFT_DIGEST_MD5
                                                             : UPDRAFT_DIGEST_SHA256,
                               host->config.password, secret);
    if (is_md5) {
        updraft_espota_wire_md5_proof(secret, host->nonce, digits, cnonce, out);
        return;
    }
    updraft_espota_wire_start(&pbkdf2, secret, host->nonce, cnonce);
    (void)updraft_pbkdf2_run(&pbkdf2, UPDRAFT_ESPOTA_ITERATIONS);
    updraft_espota_wire_sha256_proof(&pbkdf2, host->nonce, cnonce, out);
}

static void queue_proof(struct updraft_espota_host *host, uint64_t now_ms)
{
    char cnonce[UPDRAFT_ESPOTA_DIGITS_CAP];
    char proof[UPDRAFT_ESPOTA_DIGITS_CAP];
    struct updraft_text text;

    make_cnonce(host, strlen(host->nonce), cnonce);
    make_proof(host, cnonce, proof);
    updraft_text_init(&text, host->datagram, sizeof host->datagram);
    updraft_text_u32(&text, UPDRAFT_ESPOTA_COMMAND_AUTH);
    updraft_text_str(&text, " ");
    updraft_text_str(&text, cnonce);
    updraft_text_str(&text, " ");
    updraft_text_str(&text, proof);
    updraft_text_str(&text, "\n");
    queue(host, &text);
    host->repeat_ms = now_ms + PROOF_REPEAT_MS;
}

static bool is_hex(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f') ||
              (text[i] >= 'A' && text[i] <= 'F')))
            return false;
    return true;
}

static void challenged(struct updraft_espota_host *host, const char *nonce, size_t len,
                       uint64_t now_ms)
{
    if ((len != 32 && len != 64) || !is_hex(nonce, len)) {
        fail(host, UPDRAFT_ESPOTA_HOST_ODD_ANSWER);
        return;
    }
    if (!host->config.password || !host->config.password[0]) {
        fail(host, UPDRAFT_ESPOTA_HOST_NEEDS_PASSWORD);
        return;
    }
    if (host->state == UPDRAFT_ESPOTA_HOST_PROVING && !memcmp(host->nonce, nonce, len))
        return; /* doubled, or half of it for an invitation sent twice; the proof is on its way */
    memcpy(host->nonce, nonce, len);
    host->nonce[len] = '\0';
    if (host->state == UPDRAFT_ESPOTA_HOST_INVITING)
        host->deadline_ms = now_ms + host->config.answer_ms;
    host->state = UPDRAFT_ESPOTA_HOST_PROVING;
    queue_proof(host, now_ms);
}

/* Devices with the 64-digit scheme may still hold the MD5 of their password: one more round. */
static void rejected(struct updraft_espota_host *host, uint64_t now_ms)
{
    if (host->state == UPDRAFT_ESPOTA_HOST_PROVING && strlen(host->nonce) == 64 &&
        !host->legacy_secret) {
        host->legacy_secret = true;
        host->state = UPDRAFT_ESPOTA_HOST_INVITING;
        host->invitations = 0;
        queue_invitation(host, now_ms);
        return;
    }
    fail(host, UPDRAFT_ESPOTA_HOST_WRONG_PASSWORD);
}

void updraft_espota_host_datagram(struct updraft_espota_host *host, const uint8_t *data, size_t len,
                                  uint64_t now_ms)
{
    char words[UPDRAFT_ESPOTA_HOST_DATAGRAM_CAP];

    if (host->state != UPDRAFT_ESPOTA_HOST_INVITING && host->state != UPDRAFT_ESPOTA_HOST_PROVING &&
        host->state != UPDRAFT_ESPOTA_HOST_AWAITING)
        return;
    if (len >= sizeof words)
        len = sizeof words - 1;
    memcpy(words, data, len);
    words[len] = '\0';
    keep_words(host, words, len);
    len = strlen(host->text);
    if (len == 2 && !memcmp(host->text, "OK", 2)) {
        if (host->state != UPDRAFT_ESPOTA_HOST_AWAITING)
            host->deadline_ms = now_ms + host->config.answer_ms;
        host->text[0] = '\0';
        host->state = UPDRAFT_ESPOTA_HOST_AWAITING;
    } else if (len > 5 && !memcmp(host->text, "AUTH ", 5)) {
        memcpy(words, host->text + 5, len - 4);
        /* Behind an OK it is the answer to a doubled invitation, and meaningless. */
        if (host->state != UPDRAFT_ESPOTA_HOST_AWAITING)
            challenged(host, words, len - 5, now_ms);
    } else if (!strcmp(host->text, "Authentication Failed")) {
        rejected(host, now_ms);
    } else if (!strncmp(host->text, "ERR", 3)) {
        fail(host, host->state == UPDRAFT_ESPOTA_HOST_AWAITING ? UPDRAFT_ESPOTA_HOST_NO_CALL_BACK
                                                               : UPDRAFT_ESPOTA_HOST_REFUSED);
    } else if (host->state != UPDRAFT_ESPOTA_HOST_AWAITING) {
        fail(host, UPDRAFT_ESPOTA_HOST_ODD_ANSWER);
    }
}

void updraft_espota_host_connected(struct updraft_espota_host *host, uint64_t now_ms)
{
    if (host->state > UPDRAFT_ESPOTA_HOST_AWAITING)
        return;
    host->state = UPDRAFT_ESPOTA_HOST_STREAMING;
    host->text[0] = '\0';
    host->datagram_len = 0;
    host->deadline_ms = now_ms + host->config.stream_ms;
}

size_t updraft_espota_host_take_chunk(struct updraft_espota_host *host, const uint8_t **data,
                                      uint64_t now_ms)
{
    uint32_t left = host->config.image_len - host->sent_len;
    uint32_t room = UPDRAFT_ESPOTA_HOST_AHEAD_LEN - host->ahead_len;
    uint32_t len = left < UPDRAFT_ESPOTA_HOST_CHUNK_LEN ? left : UPDRAFT_ESPOTA_HOST_CHUNK_LEN;

    if (host->state != UPDRAFT_ESPOTA_HOST_STREAMING || room < len || host->quiet_ms)
        return 0;
    *data = host->config.image + host->sent_len;
    host->sent_len += len;
    host->ahead_len += len;
    host->deadline_ms = now_ms + host->config.stream_ms;
    if (host->sent_len == host->config.image_len) {
        host->state = UPDRAFT_ESPOTA_HOST_FINISHING;
        host->deadline_ms = now_ms + host->config.verdict_ms;
    }
    return len;
}

/* The device's words are complete: they say OK, or why not. */
static void judge_words(struct updraft_espota_host *host)
{
    host->text[host->text_len] = '\0';
    keep_words(host, host->text, host->text_len);
    if (strncmp(host->text, "OK", 2))
        fail(host, UPDRAFT_ESPOTA_HOST_ERROR_TEXT);
    else if (host->state == UPDRAFT_ESPOTA_HOST_FINISHING)
        host->state = UPDRAFT_ESPOTA_HOST_DONE;
    else
        fail(host, UPDRAFT_ESPOTA_HOST_ODD_ANSWER); /* OK to an image it has not got yet */
}

void updraft_espota_host_feed(struct updraft_espota_host *host, const uint8_t *data, size_t len,
                              uint64_t now_ms)
{
    if (host->state != UPDRAFT_ESPOTA_HOST_STREAMING &&
        host->state != UPDRAFT_ESPOTA_HOST_FINISHING)
        return;
    for (size_t i = 0; i < len; i++) {
        bool is_letter = (data[i] | 0x20) >= 'a' && (data[i] | 0x20) <= 'z';

        /* Digits are counts, until the first letter: from there on they belong to the words. */
        if (!host->quiet_ms && !is_letter)
            continue;
        host->quiet_ms = now_ms + QUIET_MS;
        if (host->text_len < sizeof host->text - 1)
            host->text[host->text_len++] = (char)data[i];
        if (host->text_len == 2 && !memcmp(host->text, "OK", 2)) {
            judge_words(host);
            return;
        }
        if (data[i] == '\n') {
            judge_words(host);
            return;
        }
    }
    if (len > 0) {
        host->ahead_len = 0;
        host->deadline_ms =
            now_ms + (host->state == UPDRAFT_ESPOTA_HOST_FINISHING ? host->config.verdict_ms
                                                                   : host->config.stream_ms);
    }
}

void updraft_espota_host_closed(struct updraft_espota_host *host)
{
    if (host->state != UPDRAFT_ESPOTA_HOST_STREAMING &&
        host->state != UPDRAFT_ESPOTA_HOST_FINISHING)
        return;
    if (host->quiet_ms)
        judge_words(host);
    else if (host->state == UPDRAFT_ESPOTA_HOST_STREAMING)
        fail(host, UPDRAFT_ESPOTA_HOST_CLOSED);
    else
        fail(host, UPDRAFT_ESPOTA_HOST_NO_VERDICT);
}

void updraft_espota_host_tick(struct updraft_espota_host *host, uint64_t now_ms)
{
    switch (host->state) {
    case UPDRAFT_ESPOTA_HOST_INVITING:
        if (now_ms < host->repeat_ms)
            return;
        if (host->invitations >= host->config.invitations)
            fail(host, UPDRAFT_ESPOTA_HOST_NO_ANSWER);
        else
            queue_invitation(host, now_ms);
        return;
    case UPDRAFT_ESPOTA_HOST_PROVING:
        if (now_ms >= host->deadline_ms)
            fail(host, UPDRAFT_ESPOTA_HOST_NO_PROOF_ANSWER);
        else if (now_ms >= host->repeat_ms)
            queue_proof(host, now_ms);
        return;
    case UPDRAFT_ESPOTA_HOST_AWAITING:
        if (now_ms >= host->deadline_ms)
            fail(host, UPDRAFT_ESPOTA_HOST_NO_CALL_BACK);
        return;
    case UPDRAFT_ESPOTA_HOST_STREAMING:
    case UPDRAFT_ESPOTA_HOST_FINISHING:
        if (host->quiet_ms && now_ms >= host->quiet_ms)
            judge_words(host);
        else if (now_ms >= host->deadline_ms)
            fail(host, host->state == UPDRAFT_ESPOTA_HOST_STREAMING
                           ? UPDRAFT_ESPOTA_HOST_STALLED
                           : UPDRAFT_ESPOTA_HOST_NO_VERDICT);
        return;
    case UPDRAFT_ESPOTA_HOST_DONE:
    case UPDRAFT_ESPOTA_HOST_FAILED:
        return;
    }
}
