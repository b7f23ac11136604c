#include "device/push/esphome.h"

#include "format/assert.h"
#include "format/text.h"

#include <string.h>

#define NUMBER_AND_SENTENCE_CAP 180u

_Static_assert(3u + NUMBER_AND_SENTENCE_CAP <= sizeof(((struct updraft_esphome *)0)->out),
               "two answers, a failure and its words fit together");
_Static_assert(2u + UPDRAFT_ESPHOME_SHA256_DIGITS <= sizeof(((struct updraft_esphome *)0)->out),
               "a challenge fits");

enum state {
    STATE_IDLE,
    STATE_MAGIC,
    STATE_FEATURES,
    STATE_PROOF,
    STATE_SIZE,
    STATE_MD5, /* from here on the transaction runs */
    STATE_DATA,
    STATE_FAREWELL,   /* success was told; the host's last word is awaited */
    STATE_DISCARDING, /* failure was told; what comes is thrown away */
    STATE_CLOSING,
};

void updraft_esphome_init(struct updraft_esphome *esphome,
                          const struct updraft_esphome_config *config)
{
    UPDRAFT_ASSERT(config->update != NULL);
    UPDRAFT_ASSERT(config->version == 1 || config->version == 2);
    UPDRAFT_ASSERT(config->password == NULL || config->password[0] == '\0' ||
                   config->random != NULL);
    memset(esphome, 0, sizeof *esphome);
    esphome->config = *config;
    esphome->state = STATE_IDLE;
}

void updraft_esphome_connected(struct updraft_esphome *esphome, uint64_t now_ms)
{
    UPDRAFT_ASSERT(esphome->state == STATE_IDLE);
    esphome->state = STATE_MAGIC;
    esphome->deadline_ms = now_ms + UPDRAFT_ESPHOME_HANDSHAKE_MS;
    esphome->chosen = false;
    esphome->received = 0;
    esphome->in_len = 0;
    esphome->out_len = 0;
    esphome->out_off = 0;
}

enum updraft_esphome_wants updraft_esphome_wants(const struct updraft_esphome *esphome)
{
    switch ((enum state)esphome->state) {
    case STATE_IDLE:
        break;
    case STATE_MAGIC:
    case STATE_FEATURES:
    case STATE_PROOF:
    case STATE_SIZE:
    case STATE_MD5:
    case STATE_DATA:
    case STATE_FAREWELL:
    case STATE_DISCARDING:
        return UPDRAFT_ESPHOME_WANTS_STREAM;
    case STATE_CLOSING:
        return UPDRAFT_ESPHOME_WANTS_CLOSE;
    }
    return UPDRAFT_ESPHOME_WANTS_NOTHING;
}

/* ---- What is sent ------------------------------------------------------------------------------
 */

static void put(struct updraft_esphome *esphome, const void *bytes, size_t len)
{
    UPDRAFT_ASSERT(len <= sizeof esphome->out - esphome->out_len);
    memcpy(esphome->out + esphome->out_len, bytes, len);
    esphome->out_len = (uint8_t)(esphome->out_len + len);
}

static void put_byte(struct updraft_esphome *esphome, enum updraft_esphome_byte byte)
{
    put(esphome, &(uint8_t){(uint8_t)byte}, 1);
}

static bool has_output(const struct updraft_esphome *esphome)
{
    return esphome->out_off < esphome->out_len;
}

size_t updraft_esphome_drain(struct updraft_esphome *esphome, uint8_t *out, size_t out_cap)
{
    size_t left = (size_t)(esphome->out_len - esphome->out_off);
    size_t len = left < out_cap ? left : out_cap;

    memcpy(out, esphome->out + esphome->out_off, len);
    esphome->out_off = (uint8_t)(esphome->out_off + len);
    if (!has_output(esphome)) {
        esphome->out_off = 0;
        esphome->out_len = 0;
    }
    return len;
}

/* The nearest thing that ESPHome's hosts have words for. An image for another chip is their "wrong
 * board"; what the transaction refuses to begin is a flash that cannot be prepared. */
static enum updraft_esphome_byte byte_for(const struct updraft_esphome *esphome,
                                          enum updraft_error code)
{
    static const struct {
        enum updraft_error code;
        enum updraft_esphome_byte byte;
    } rows[] = {
        {UPDRAFT_E_MAGIC, UPDRAFT_ESPHOME_E_MAGIC},
        {UPDRAFT_E_AUTH, UPDRAFT_ESPHOME_E_AUTH},
        {UPDRAFT_E_FLASH_READ, UPDRAFT_ESPHOME_E_WRITE},
        {UPDRAFT_E_FLASH_PROGRAM, UPDRAFT_ESPHOME_E_WRITE},
        {UPDRAFT_E_FLASH_ERASE, UPDRAFT_ESPHOME_E_WRITE},
        {UPDRAFT_E_FLASH_VERIFY, UPDRAFT_ESPHOME_E_WRITE},
        {UPDRAFT_E_WRONG_CHIP, UPDRAFT_ESPHOME_E_NEW_FLASH_SIZE},
        {UPDRAFT_E_NO_SLOT, UPDRAFT_ESPHOME_E_NO_PARTITION},
        {UPDRAFT_E_NO_OTADATA, UPDRAFT_ESPHOME_E_NO_PARTITION},
        {UPDRAFT_E_DIGEST, UPDRAFT_ESPHOME_E_MD5},
        {UPDRAFT_E_SIGNATURE, UPDRAFT_ESPHOME_E_SIGNATURE},
        {UPDRAFT_E_TIMEOUT, UPDRAFT_ESPHOME_E_UNKNOWN},
        {UPDRAFT_E_PROTOCOL, UPDRAFT_ESPHOME_E_UNKNOWN},
    };

    if (esphome->state == STATE_MAGIC && code == UPDRAFT_E_PROTOCOL)
        return UPDRAFT_ESPHOME_E_MAGIC;
    if (code == UPDRAFT_E_TOO_LARGE || code == UPDRAFT_E_OVERFLOW)
        return esphome->config.is_esp8266 ? UPDRAFT_ESPHOME_E_SPACE_ESP8266
                                          : UPDRAFT_ESPHOME_E_SPACE_ESP32;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].code == code)
            return rows[i].byte;
    return esphome->state == STATE_SIZE ? UPDRAFT_ESPHOME_E_PREPARE : UPDRAFT_ESPHOME_E_END;
}

/* Names out of images come in with the sentence: they may hold anything. */
static void say_failure(struct updraft_esphome *esphome, const struct updraft_failure *failure,
                        uint64_t now_ms)
{
    char words[NUMBER_AND_SENTENCE_CAP];
    struct updraft_text text;

    updraft_text_init(&text, words, sizeof words - 1);
    updraft_text_u32(&text, (uint32_t)failure->code);
    updraft_text_str(&text, " ");
    text.len += updraft_failure_sentence(failure, words + text.len, sizeof words - 1 - text.len);
    for (size_t i = 0; i < text.len; i++)
        if (words[i] < ' ' || words[i] > '~')
            words[i] = '?';
    words[text.len] = '\n';
    put_byte(esphome, byte_for(esphome, failure->code));
    put(esphome, words, text.len + 1);
    esphome->state = STATE_DISCARDING;
    esphome->deadline_ms = now_ms + UPDRAFT_ESPHOME_LINGER_MS;
}

/* Ends the transaction, if this connection has begun one. */
static void fail(struct updraft_esphome *esphome, enum updraft_error code, uint64_t now_ms)
{
    struct updraft_failure failure;

    updraft_failure_set(&failure, code, 0, 0, NULL);
    if (esphome->state == STATE_MD5 || esphome->state == STATE_DATA)
        updraft_update_abort(esphome->config.update, code);
    say_failure(esphome, &failure, now_ms);
}

/* ---- What comes --------------------------------------------------------------------------------
 */

/* The next message is awaited. */
static void go_to(struct updraft_esphome *esphome, enum state state)
{
    esphome->state = (uint8_t)state;
    esphome->in_len = 0;
}

void updraft_esphome_proof(const char *password, const char *nonce, const char *cnonce,
                           char out[UPDRAFT_ESPHOME_NONCE_CAP])
{
    size_t digits = strlen(nonce);
    uint8_t bytes[UPDRAFT_SHA256_LEN];
    struct updraft_digest digest;
    struct updraft_text text;

    UPDRAFT_ASSERT(digits == UPDRAFT_ESPHOME_MD5_DIGITS || digits == UPDRAFT_ESPHOME_SHA256_DIGITS);
    updraft_digest_start(&digest, digits == UPDRAFT_ESPHOME_MD5_DIGITS ? UPDRAFT_DIGEST_MD5
                                                                       : UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, password, strlen(password));
    updraft_digest_update(&digest, nonce, digits);
    updraft_digest_update(&digest, cnonce, digits);
    updraft_digest_finish(&digest, bytes);
    updraft_text_init(&text, out, UPDRAFT_ESPHOME_NONCE_CAP);
    updraft_text_hex(&text, bytes, digits / 2u);
}

static void take_magic(struct updraft_esphome *esphome, uint64_t now_ms)
{
    static const uint8_t magic[] = UPDRAFT_ESPHOME_MAGIC;

    if (memcmp(esphome->in, magic, sizeof magic) != 0) {
        fail(esphome, UPDRAFT_E_PROTOCOL, now_ms);
        return;
    }
    put_byte(esphome, UPDRAFT_ESPHOME_OK);
    put(esphome, &esphome->config.version, 1);
    go_to(esphome, STATE_FEATURES);
}

static void challenge(struct updraft_esphome *esphome)
{
    bool is_sha256 = (esphome->features & UPDRAFT_ESPHOME_CAN_SHA256) != 0;
    uint8_t random[UPDRAFT_SHA256_LEN];
    struct updraft_text text;

    esphome->config.random(esphome->config.random_ctx, random, sizeof random);
    updraft_text_init(&text, esphome->nonce, sizeof esphome->nonce);
    updraft_text_hex(&text, random, is_sha256 ? UPDRAFT_SHA256_LEN : UPDRAFT_MD5_LEN);
    put_byte(esphome, is_sha256 ? UPDRAFT_ESPHOME_WANTS_SHA256 : UPDRAFT_ESPHOME_WANTS_MD5);
    put(esphome, esphome->nonce, text.len);
    go_to(esphome, STATE_PROOF);
}

static void let_in(struct updraft_esphome *esphome, uint64_t now_ms)
{
    put_byte(esphome, UPDRAFT_ESPHOME_AUTH_OK);
    esphome->deadline_ms = now_ms + UPDRAFT_ESPHOME_IDLE_MS;
    go_to(esphome, STATE_SIZE);
}

static void take_features(struct updraft_esphome *esphome, uint64_t now_ms)
{
    const struct updraft_esphome_config *config = &esphome->config;
    bool is_gzip;

    esphome->features = esphome->in[0];
    is_gzip = config->takes_gzip && (esphome->features & UPDRAFT_ESPHOME_CAN_GZIP) != 0;
    put_byte(esphome, is_gzip ? UPDRAFT_ESPHOME_TAKES_GZIP : UPDRAFT_ESPHOME_FEATURES_OK);
    if (config->password == NULL || config->password[0] == '\0')
        let_in(esphome, now_ms);
    else if (config->sha256_only && (esphome->features & UPDRAFT_ESPHOME_CAN_SHA256) == 0)
        fail(esphome, UPDRAFT_E_AUTH, now_ms);
    else
        challenge(esphome);
}

/* A nonce is good for one attempt: after a wrong one the host must connect again. */
static void take_proof(struct updraft_esphome *esphome, uint64_t now_ms)
{
    size_t digits = strlen(esphome->nonce);
    char expected[UPDRAFT_ESPHOME_NONCE_CAP];

    updraft_esphome_proof(esphome->config.password, esphome->nonce, (const char *)esphome->in,
                          expected);
    if (!updraft_text_equal_constant_time(expected, esphome->in + digits, digits)) {
        esphome->sign_in = UPDRAFT_SIGN_IN_WRONG;
        fail(esphome, UPDRAFT_E_AUTH, now_ms);
        return;
    }
    esphome->sign_in = UPDRAFT_SIGN_IN_RIGHT;
    let_in(esphome, now_ms);
}

static void take_size(struct updraft_esphome *esphome, uint64_t now_ms)
{
    const uint8_t *in = esphome->in;
    struct updraft_update_request request = {.wire_len = 0};
    struct updraft_failure failure;

    esphome->size = (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
    if (esphome->size == 0) {
        fail(esphome, UPDRAFT_E_EMPTY, now_ms);
        return;
    }
    request.wire_len = esphome->size;
    if (updraft_update_begin(esphome->config.update, &request, &failure) != UPDRAFT_OK) {
        say_failure(esphome, &failure, now_ms);
        return;
    }
    put_byte(esphome, UPDRAFT_ESPHOME_PREPARED);
    esphome->deadline_ms = now_ms + UPDRAFT_ESPHOME_IDLE_MS;
    go_to(esphome, STATE_MD5);
}

static void take_md5(struct updraft_esphome *esphome, uint64_t now_ms)
{
    uint8_t md5[UPDRAFT_MD5_LEN];

    if (!updraft_text_unhex((const char *)esphome->in, UPDRAFT_ESPHOME_MD5_HEX_LEN, md5,
                            sizeof md5)) {
        fail(esphome, UPDRAFT_E_PROTOCOL, now_ms);
        return;
    }
    updraft_update_expect_md5(esphome->config.update, md5);
    put_byte(esphome, UPDRAFT_ESPHOME_MD5_OK);
    esphome->deadline_ms = now_ms + UPDRAFT_ESPHOME_IDLE_MS;
    go_to(esphome, STATE_DATA);
}

static void fail_as_update(struct updraft_esphome *esphome, enum updraft_error error,
                           uint64_t now_ms)
{
    struct updraft_failure failure = esphome->config.update->failure;

    failure.code = error;
    say_failure(esphome, &failure, now_ms);
}

static void finish(struct updraft_esphome *esphome, uint64_t now_ms)
{
    enum updraft_error error;

    put_byte(esphome, UPDRAFT_ESPHOME_RECEIVED);
    error = updraft_update_finish(esphome->config.update);
    if (error != UPDRAFT_OK) {
        fail_as_update(esphome, error, now_ms);
        return;
    }
    put_byte(esphome, UPDRAFT_ESPHOME_DONE);
    esphome->chosen = true;
    esphome->deadline_ms = 0; /* reading the slot back has taken its time */
    go_to(esphome, STATE_FAREWELL);
}

/* At most up to the next acknowledgement. */
static size_t take_data(struct updraft_esphome *esphome, const uint8_t *data, size_t len,
                        uint64_t now_ms)
{
    uint32_t left = esphome->size - esphome->received;
    uint32_t block = UPDRAFT_ESPHOME_BLOCK_LEN - esphome->received % UPDRAFT_ESPHOME_BLOCK_LEN;
    uint32_t now_len = left < block ? left : block;
    enum updraft_error error;

    if (len < now_len)
        now_len = (uint32_t)len;
    error = updraft_update_feed(esphome->config.update, data, now_len);
    esphome->received += now_len;
    esphome->deadline_ms = now_ms + UPDRAFT_ESPHOME_IDLE_MS;
    if (error != UPDRAFT_OK) {
        fail_as_update(esphome, error, now_ms);
        return now_len;
    }
    if (esphome->config.version == 2 && (now_len == block || esphome->received == esphome->size))
        put_byte(esphome, UPDRAFT_ESPHOME_BLOCK_OK);
    if (esphome->received == esphome->size)
        finish(esphome, now_ms);
    return now_len;
}

/* A host of version 1 sends the whole image before it looks for an answer: it is let to. */
static size_t discard(struct updraft_esphome *esphome, size_t len, uint64_t now_ms)
{
    uint32_t left = esphome->size - esphome->received;

    if (left > 0 && esphome->received > 0) {
        esphome->received += len < left ? (uint32_t)len : left;
        esphome->deadline_ms = now_ms + UPDRAFT_ESPHOME_LINGER_MS;
    }
    return len;
}

static size_t message_len(const struct updraft_esphome *esphome)
{
    switch ((enum state)esphome->state) {
    case STATE_MAGIC:
        return UPDRAFT_ESPHOME_MAGIC_LEN;
    case STATE_PROOF:
        return 2u * strlen(esphome->nonce);
    case STATE_SIZE:
        return UPDRAFT_ESPHOME_SIZE_LEN;
    case STATE_MD5:
        return UPDRAFT_ESPHOME_MD5_HEX_LEN;
    case STATE_FEATURES:
    case STATE_FAREWELL:
    case STATE_IDLE:
    case STATE_DATA:
    case STATE_DISCARDING:
    case STATE_CLOSING:
        break;
    }
    return 1;
}

static void take_message(struct updraft_esphome *esphome, uint64_t now_ms)
{
    switch ((enum state)esphome->state) {
    case STATE_MAGIC:
        take_magic(esphome, now_ms);
        break;
    case STATE_FEATURES:
        take_features(esphome, now_ms);
        break;
    case STATE_PROOF:
        take_proof(esphome, now_ms);
        break;
    case STATE_SIZE:
        take_size(esphome, now_ms);
        break;
    case STATE_MD5:
        take_md5(esphome, now_ms);
        break;
    case STATE_FAREWELL: /* whatever it says: the update is done */
        esphome->state = STATE_CLOSING;
        break;
    case STATE_IDLE:
    case STATE_DATA:
    case STATE_DISCARDING:
    case STATE_CLOSING:
        break;
    }
}

static size_t gather(struct updraft_esphome *esphome, const uint8_t *data, size_t len,
                     uint64_t now_ms)
{
    size_t want = message_len(esphome) - esphome->in_len;
    size_t now_len = len < want ? len : want;

    memcpy(esphome->in + esphome->in_len, data, now_len);
    esphome->in_len = (uint8_t)(esphome->in_len + now_len);
    if (now_len == want)
        take_message(esphome, now_ms);
    return now_len;
}

size_t updraft_esphome_feed(struct updraft_esphome *esphome, const uint8_t *data, size_t len,
                            uint64_t now_ms)
{
    size_t used = 0;

    while (used < len && !has_output(esphome)) {
        if (esphome->state == STATE_IDLE || esphome->state == STATE_CLOSING)
            break;
        if (esphome->state == STATE_DATA)
            used += take_data(esphome, data + used, len - used, now_ms);
        else if (esphome->state == STATE_DISCARDING)
            used += discard(esphome, len - used, now_ms);
        else
            used += gather(esphome, data + used, len - used, now_ms);
    }
    return used;
}

void updraft_esphome_closed(struct updraft_esphome *esphome)
{
    if (esphome->state == STATE_MD5 || esphome->state == STATE_DATA)
        updraft_update_abort(esphome->config.update, UPDRAFT_E_DISCONNECTED);
    esphome->restart = esphome->restart || esphome->chosen;
    esphome->chosen = false;
    esphome->out_len = 0;
    esphome->out_off = 0;
    esphome->state = STATE_IDLE;
}

/* ---- Time --------------------------------------------------------------------------------------
 */

void updraft_esphome_timed_out(struct updraft_esphome *esphome, uint64_t now_ms)
{
    switch ((enum state)esphome->state) {
    case STATE_MAGIC:
    case STATE_FEATURES:
    case STATE_PROOF:
    case STATE_SIZE:
    case STATE_MD5:
    case STATE_DATA:
        esphome->out_len = 0; /* what it did not read yet, it need not */
        esphome->out_off = 0;
        fail(esphome, UPDRAFT_E_TIMEOUT, now_ms);
        break;
    case STATE_FAREWELL:
    case STATE_DISCARDING:
        esphome->state = STATE_CLOSING;
        break;
    case STATE_IDLE:
    case STATE_CLOSING:
        break;
    }
}

void updraft_esphome_tick(struct updraft_esphome *esphome, uint64_t now_ms)
{
    if (esphome->deadline_ms == 0)
        esphome->deadline_ms = now_ms + UPDRAFT_ESPHOME_LINGER_MS;
    else if (now_ms >= esphome->deadline_ms)
        updraft_esphome_timed_out(esphome, now_ms);
}

enum updraft_sign_in updraft_esphome_take_sign_in(struct updraft_esphome *esphome)
{
    enum updraft_sign_in result = esphome->sign_in;

    esphome->sign_in = UPDRAFT_SIGN_IN_NONE;
    return result;
}

bool updraft_esphome_take_restart(struct updraft_esphome *esphome)
{
    bool restart = esphome->restart;

    esphome->restart = false;
    return restart;
}
