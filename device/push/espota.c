#include "device/push/espota.h"

#include "device/push/espota_message.h"
#include "format/assert.h"
#include "format/text.h"

#include <string.h>

#define COUNT_LEN 10u /* decimal digits of the largest count */

/* In no UTF-8 text: Python hosts, which decode what they read, end with an error when it comes. */
#define STUMBLING_BLOCK "\xFF"

enum state {
    STATE_IDLE,
    STATE_AWAIT_PASSWORD,
    STATE_JUDGING,    /* the password's answer takes some work */
    STATE_CONNECTING, /* the transaction has begun, the OK is sent */
    STATE_RECEIVING,
    STATE_DISCARDING, /* failed; the rest is counted and thrown away */
    STATE_SETTLING,   /* all came; a pause before the last word */
    STATE_LINGERING,  /* the last word was said; a pause before closing */
    STATE_CLOSING,
};

void updraft_espota_init(struct updraft_espota *espota, const struct updraft_espota_config *config)
{
    UPDRAFT_ASSERT(config->update != NULL);
    UPDRAFT_ASSERT(!updraft_espota_password_is_set(&config->password) || config->random != NULL);
    memset(espota, 0, sizeof *espota);
    espota->config = *config;
    espota->state = STATE_IDLE;
}

static bool same_peer(const struct updraft_peer *a, const struct updraft_peer *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* ---- Datagrams ---------------------------------------------------------------------------------
 */

static void reply(struct updraft_espota *espota, const struct updraft_peer *to, const char *before,
                  const char *after)
{
    struct updraft_text text;

    updraft_text_init(&text, espota->reply, sizeof espota->reply);
    updraft_text_str(&text, before);
    updraft_text_str(&text, after);
    espota->reply_len = (uint16_t)text.len;
    espota->reply_to = *to;
}

static void reply_failure(struct updraft_espota *espota, const struct updraft_peer *to,
                          const struct updraft_failure *failure)
{
    struct updraft_text text;

    updraft_text_init(&text, espota->reply, sizeof espota->reply);
    updraft_text_str(&text, "ERR: ERROR[");
    updraft_stock_append(&text, (enum updraft_stock_dialect)espota->config.dialect, failure);
    updraft_text_str(&text, "\n");
    espota->reply_len = (uint16_t)text.len;
    espota->reply_to = *to;
}

size_t updraft_espota_reply(struct updraft_espota *espota, struct updraft_peer *to, uint8_t *out,
                            size_t out_cap)
{
    size_t len = espota->reply_len < out_cap ? espota->reply_len : out_cap;

    memcpy(out, espota->reply, len);
    *to = espota->reply_to;
    espota->reply_len = 0;
    return len;
}

/* The same nonce again, and the first half of it alone, to one who has asked before: a host that knows
 * only MD5 may have been unable to read it. Whatever came of the first, its answer is still good. */
static void challenge_again(struct updraft_espota *espota, const struct updraft_peer *from)
{
    char half[UPDRAFT_ESPOTA_MD5_DIGITS + 1];

    memcpy(half, espota->nonce, UPDRAFT_ESPOTA_MD5_DIGITS);
    half[UPDRAFT_ESPOTA_MD5_DIGITS] = '\0';
    reply(espota, from, "AUTH ",
          updraft_espota_password_takes_md5(&espota->config.password) ? half : espota->nonce);
}

static void challenge(struct updraft_espota *espota, const struct updraft_peer *from,
                      uint64_t now_ms)
{
    uint8_t random[UPDRAFT_ESPOTA_SHA256_DIGITS / 2];
    struct updraft_text text;

    espota->config.random(espota->config.random_ctx, random, sizeof random);
    updraft_text_init(&text, espota->nonce, sizeof espota->nonce);
    updraft_text_hex(&text, random, sizeof random);
    reply(espota, from, "AUTH ", espota->nonce);
    espota->state = STATE_AWAIT_PASSWORD;
    espota->deadline_ms = now_ms + UPDRAFT_ESPOTA_IDLE_MS;
    espota->next_ms = now_ms + UPDRAFT_ESPOTA_TURN_MS;
}

static enum updraft_error try_begin(struct updraft_espota *espota, struct updraft_failure *failure)
{
    struct updraft_update_request request = {
        .wire_len = espota->invitation.size,
        .data_partition = espota->invitation.command == UPDRAFT_ESPOTA_COMMAND_FS,
        .partition = espota->config.data_partition,
        .md5 = espota->invitation.md5,
    };

    if (request.wire_len == 0) {
        updraft_failure_set(failure, UPDRAFT_E_EMPTY, 0, 0, NULL);
        return UPDRAFT_E_EMPTY;
    }
    if (request.data_partition && request.partition == NULL) {
        updraft_failure_set(failure, UPDRAFT_E_NO_PARTITION, 0, 0, "filesystem");
        return UPDRAFT_E_NO_PARTITION;
    }
    return updraft_update_begin(espota->config.update, &request, failure);
}

static void begin_update(struct updraft_espota *espota, const struct updraft_peer *from,
                         uint64_t now_ms)
{
    struct updraft_failure failure;

    if (try_begin(espota, &failure) != UPDRAFT_OK) {
        espota->state = STATE_IDLE;
        reply_failure(espota, from, &failure);
        return;
    }
    espota->state = STATE_CONNECTING;
    espota->deadline_ms = now_ms + UPDRAFT_ESPOTA_CONNECT_MS;
    espota->accepted = *from;
    espota->chosen = false;
    espota->received = 0;
    espota->acknowledged = 0;
    espota->count = 0;
    espota->out_len = 0;
    espota->out_off = 0;
    reply(espota, from, "OK", "");
}

static void reply_busy(struct updraft_espota *espota, const struct updraft_peer *to)
{
    struct updraft_failure failure;

    updraft_failure_set(&failure, UPDRAFT_E_BUSY, 0, 0, NULL);
    reply_failure(espota, to, &failure);
}

/* Not by its sender: the ESP32 hosts use a new port for each attempt. The host's own TCP port and the
 * image's digest are in it, which tells hosts well enough apart. */
static bool is_same(const struct updraft_espota *espota,
                    const struct updraft_espota_invitation *invitation)
{
    return invitation->command == espota->invitation.command &&
           invitation->port == espota->invitation.port &&
           invitation->size == espota->invitation.size &&
           memcmp(invitation->md5, espota->invitation.md5, sizeof invitation->md5) == 0;
}

static void invited(struct updraft_espota *espota, const struct updraft_peer *from,
                    const struct updraft_espota_invitation *invitation, uint64_t now_ms)
{
    bool is_waiting = espota->state == STATE_AWAIT_PASSWORD;
    bool is_again = is_waiting && is_same(espota, invitation);

    if (is_waiting && !is_again && now_ms < espota->next_ms) {
        reply_busy(espota, from); /* or its answer would be held against the other one's nonce */
        return;
    }
    espota->invited_by = *from;
    espota->invitation = *invitation;
    if (is_again)
        challenge_again(espota, from);
    else if (updraft_espota_password_is_set(&espota->config.password))
        challenge(espota, from, now_ms);
    else
        begin_update(espota, from, now_ms);
}

/* Right or wrong, the wait ends: a nonce is good for one attempt, so passwords cannot be tried out
 * against it. */
static void judge(struct updraft_espota *espota, enum updraft_espota_claim_result result,
                  uint64_t now_ms)
{
    const struct updraft_peer from = espota->accepted;
    struct updraft_failure failure;

    espota->state = STATE_IDLE;
    switch (result) {
    case UPDRAFT_ESPOTA_CLAIM_OPEN:
        espota->state = STATE_JUDGING;
        break;
    case UPDRAFT_ESPOTA_CLAIM_RIGHT:
        espota->sign_in = UPDRAFT_SIGN_IN_RIGHT;
        begin_update(espota, &from, now_ms);
        break;
    case UPDRAFT_ESPOTA_CLAIM_WRONG:
        espota->sign_in = UPDRAFT_SIGN_IN_WRONG;
        reply(espota, &from, "Authentication Failed", "");
        break;
    case UPDRAFT_ESPOTA_CLAIM_REFUSED:
        updraft_failure_set(&failure, UPDRAFT_E_WEAK_PROOF, 0, 0, NULL);
        reply_failure(espota, &from, &failure);
        break;
    }
}

static void answered(struct updraft_espota *espota, const struct updraft_peer *from,
                     const struct updraft_espota_answer *answer, uint64_t now_ms)
{
    espota->accepted = *from;
    judge(
        espota,
        updraft_espota_claim_start(&espota->claim, &espota->config.password, espota->nonce, answer),
        now_ms);
}

/* Nothing here may disturb the running update. The host sends again what was not answered: it has
 * not seen our OK, and goes on once it does. After its first byte it has. */
static void invited_while_busy(struct updraft_espota *espota, const struct updraft_peer *from,
                               const uint8_t *data, size_t len)
{
    bool is_waiting = (espota->state == STATE_CONNECTING || espota->state == STATE_RECEIVING) &&
                      espota->received == 0;
    struct updraft_espota_invitation invitation;
    struct updraft_espota_answer answer;

    if (updraft_espota_read_invitation(data, len, &invitation)) {
        if (!is_same(espota, &invitation))
            reply_busy(espota, from);
        else if (is_waiting)
            reply(espota, from, "OK", "");
    } else if (is_waiting && same_peer(from, &espota->accepted) &&
               updraft_espota_read_answer(data, len, &answer)) {
        reply(espota, from, "OK", "");
    }
}

void updraft_espota_datagram(struct updraft_espota *espota, const struct updraft_peer *from,
                             const uint8_t *data, size_t len, uint64_t now_ms)
{
    struct updraft_espota_invitation invitation;
    struct updraft_espota_answer answer;

    if (espota->state != STATE_IDLE && espota->state != STATE_AWAIT_PASSWORD)
        invited_while_busy(espota, from, data, len);
    else if (updraft_espota_read_invitation(data, len, &invitation))
        invited(espota, from, &invitation, now_ms);
    else if (espota->state == STATE_AWAIT_PASSWORD &&
             updraft_espota_read_answer(data, len, &answer))
        answered(espota, from, &answer, now_ms);
    else if (espota->state == STATE_AWAIT_PASSWORD && same_peer(from, &espota->invited_by) &&
             updraft_espota_is_withdrawal(data, len))
        espota->state = STATE_IDLE;
}

/* ---- The stream --------------------------------------------------------------------------------
 */

enum updraft_espota_wants updraft_espota_wants(const struct updraft_espota *espota)
{
    switch ((enum state)espota->state) {
    case STATE_IDLE:
    case STATE_AWAIT_PASSWORD:
        break;
    case STATE_JUDGING:
        return UPDRAFT_ESPOTA_WANTS_TICK;
    case STATE_CONNECTING:
        return UPDRAFT_ESPOTA_WANTS_CONNECT;
    case STATE_RECEIVING:
    case STATE_DISCARDING:
    case STATE_SETTLING:
    case STATE_LINGERING:
        return UPDRAFT_ESPOTA_WANTS_STREAM;
    case STATE_CLOSING:
        return UPDRAFT_ESPOTA_WANTS_CLOSE;
    }
    return UPDRAFT_ESPOTA_WANTS_NOTHING;
}

uint16_t updraft_espota_port(const struct updraft_espota *espota)
{
    return espota->invitation.port;
}

static size_t out_room(struct updraft_espota *espota)
{
    if (espota->out_off == espota->out_len) {
        espota->out_off = 0;
        espota->out_len = 0;
    }
    return sizeof espota->out - espota->out_len;
}

static void put(struct updraft_espota *espota, const char *bytes, size_t len)
{
    size_t room = out_room(espota);

    len = len < room ? len : room;
    memcpy(espota->out + espota->out_len, bytes, len);
    espota->out_len = (uint16_t)(espota->out_len + len);
}

/* An ESP32 host that has the count of its last chunk believes what comes behind it. */
static bool is_held(const struct updraft_espota *espota)
{
    uint32_t last_off = (espota->invitation.size - 1) / UPDRAFT_ESPOTA_ESP32_CHUNK_LEN *
                        UPDRAFT_ESPOTA_ESP32_CHUNK_LEN;

    return espota->config.dialect == UPDRAFT_ESPOTA_ESP32 && espota->acknowledged > last_off;
}

/* Counts that find no room are added up; a host reads any number of them as one acknowledgement. */
static void put_count(struct updraft_espota *espota)
{
    char digits[COUNT_LEN + 1];
    struct updraft_text text;

    if (espota->count == 0 || out_room(espota) < COUNT_LEN)
        return;
    updraft_text_init(&text, digits, sizeof digits);
    updraft_text_u32(&text, espota->count);
    put(espota, text.out, text.len);
    espota->count = 0;
}

static bool has_output(const struct updraft_espota *espota)
{
    return espota->out_off < espota->out_len || (espota->count > 0 && !is_held(espota));
}

size_t updraft_espota_drain(struct updraft_espota *espota, uint8_t *out, size_t out_cap)
{
    if (!is_held(espota))
        put_count(espota);
    size_t left = (size_t)(espota->out_len - espota->out_off);
    size_t len = left < out_cap ? left : out_cap;

    memcpy(out, espota->out + espota->out_off, len);
    espota->out_off = (uint16_t)(espota->out_off + len);
    return len;
}

/* "Error[n]: ..." without an upper-case O: see the header for both. */
static void put_failure(struct updraft_espota *espota)
{
    bool is_esp8266 = espota->config.dialect == UPDRAFT_ESPOTA_ESP8266;
    char line[sizeof espota->out - 1];
    struct updraft_text text;

    updraft_text_init(&text, line, sizeof line);
    updraft_text_str(&text, "Error[");
    updraft_stock_append(&text, (enum updraft_stock_dialect)espota->config.dialect,
                         &espota->failure);
    updraft_text_str(&text, is_esp8266 ? "\n" : "\r\n");
    for (size_t i = 0; i < text.len; i++)
        if (line[i] == 'O')
            line[i] = 'o';
    if (!is_esp8266)
        put(espota, STUMBLING_BLOCK, 1);
    put(espota, text.out, text.len);
}

static void put_last_word(struct updraft_espota *espota, uint64_t now_ms)
{
    if (espota->chosen)
        put(espota, "OK", 2);
    else
        put_failure(espota);
    espota->next_ms = now_ms + UPDRAFT_ESPOTA_AGAIN_MS;
}

static void say_last_word(struct updraft_espota *espota, uint64_t now_ms)
{
    espota->state = STATE_LINGERING;
    espota->count = 0;
    espota->deadline_ms = now_ms + UPDRAFT_ESPOTA_LINGER_MS;
    espota->give_up_ms = now_ms + UPDRAFT_ESPOTA_IDLE_MS;
    put_last_word(espota, now_ms);
}

void updraft_espota_connected(struct updraft_espota *espota, uint64_t now_ms)
{
    bool is_wanted = espota->state == STATE_CONNECTING;

    espota->state = is_wanted ? STATE_RECEIVING : STATE_CLOSING;
    espota->give_up_ms = now_ms + UPDRAFT_ESPOTA_IDLE_MS;
}

/* A host that still listens for datagrams, as ours does, learns at once that its firewall is shut. */
void updraft_espota_connect_failed(struct updraft_espota *espota)
{
    struct updraft_failure failure;

    if (espota->state != STATE_CONNECTING)
        return;
    updraft_update_abort(espota->config.update, UPDRAFT_E_CONNECT);
    espota->state = STATE_IDLE;
    updraft_failure_set(&failure, UPDRAFT_E_CONNECT, 0, 0, NULL);
    reply_failure(espota, &espota->accepted, &failure);
}

/* Gives bytes to the transaction and ends it with the last one. */
static enum updraft_error take_image(struct updraft_espota *espota, const uint8_t *data,
                                     uint32_t len)
{
    enum updraft_error error = updraft_update_feed(espota->config.update, data, len);

    if (error == UPDRAFT_OK && espota->received + len == espota->invitation.size)
        error = updraft_update_finish(espota->config.update);
    if (error != UPDRAFT_OK) {
        /* Another way in may begin before the host is told, and would overwrite the reason. */
        espota->failure = espota->config.update->failure;
        espota->failure.code = error;
    }
    return error;
}

/* How many of the bytes belong to the image; 0 when none are taken now. */
static uint32_t wanted_len(const struct updraft_espota *espota, size_t len)
{
    uint32_t left = espota->invitation.size - espota->received;

    if (espota->state != STATE_RECEIVING && espota->state != STATE_DISCARDING)
        return 0;
    return len < left ? (uint32_t)len : left;
}

void updraft_espota_acknowledge(struct updraft_espota *espota, size_t len, uint64_t now_ms)
{
    uint32_t taken = espota->received + wanted_len(espota, len);

    if (taken <= espota->acknowledged)
        return;
    espota->count += taken - espota->acknowledged;
    espota->acknowledged = taken;
    espota->next_ms = now_ms + UPDRAFT_ESPOTA_NUDGE_MS;
    if (!is_held(espota))
        put_count(espota);
}

void updraft_espota_feed(struct updraft_espota *espota, const uint8_t *data, size_t len,
                         uint64_t now_ms)
{
    uint32_t wanted = wanted_len(espota, len);
    bool is_esp32 = espota->config.dialect == UPDRAFT_ESPOTA_ESP32;
    enum updraft_error error = UPDRAFT_OK;

    if (wanted == 0)
        return;
    updraft_espota_acknowledge(espota, len, now_ms);
    if (espota->state == STATE_RECEIVING)
        error = take_image(espota, data, wanted);
    espota->received += wanted;
    espota->give_up_ms = now_ms + UPDRAFT_ESPOTA_IDLE_MS;
    if (error != UPDRAFT_OK)
        espota->state = STATE_DISCARDING;
    espota->chosen =
        espota->state == STATE_RECEIVING && espota->received == espota->invitation.size;
    if (is_esp32 && (error != UPDRAFT_OK || espota->chosen)) {
        say_last_word(espota, now_ms);
    } else if (espota->received == espota->invitation.size) {
        espota->state = STATE_SETTLING;
        espota->deadline_ms = 0;
    }
}

void updraft_espota_closed(struct updraft_espota *espota, uint64_t now_ms)
{
    (void)now_ms;
    if (espota->state < STATE_CONNECTING)
        return;
    if (espota->state == STATE_CONNECTING || espota->state == STATE_RECEIVING)
        updraft_update_abort(espota->config.update, UPDRAFT_E_DISCONNECTED);
    espota->restart = espota->restart || espota->chosen;
    espota->chosen = false;
    espota->out_len = 0;
    espota->out_off = 0;
    espota->count = 0;
    espota->state = STATE_IDLE;
}

/* ---- Time --------------------------------------------------------------------------------------
 */

static void tick_receiving(struct updraft_espota *espota, uint64_t now_ms)
{
    /* Its chunks are of another length than those that are allowed for: it waits for this count. */
    if (espota->count > 0 && is_held(espota) && now_ms >= espota->next_ms)
        put_count(espota);
    if (now_ms < espota->give_up_ms)
        return;
    if (espota->state == STATE_RECEIVING) {
        updraft_update_abort(espota->config.update, UPDRAFT_E_TIMEOUT);
        updraft_failure_set(&espota->failure, UPDRAFT_E_TIMEOUT, 0, 0, NULL);
    }
    say_last_word(espota, now_ms);
}

/* The pause begins when the last count is out, and what is said behind it must not share a segment
 * with it. A host that does not read is not waited for for ever. */
static void tick_settling(struct updraft_espota *espota, uint64_t now_ms)
{
    if (espota->deadline_ms == 0 || has_output(espota))
        espota->deadline_ms = now_ms + UPDRAFT_ESPOTA_SETTLE_MS;
    if (now_ms >= espota->deadline_ms || now_ms >= espota->give_up_ms)
        say_last_word(espota, now_ms);
}

static void tick_lingering(struct updraft_espota *espota, uint64_t now_ms)
{
    if (now_ms < espota->give_up_ms && has_output(espota))
        return;
    if (now_ms < espota->deadline_ms) {
        if (now_ms >= espota->next_ms)
            put_last_word(espota, now_ms);
        return;
    }
    if (!espota->chosen && espota->config.dialect == UPDRAFT_ESPOTA_ESP8266)
        put(espota, STUMBLING_BLOCK, 1);
    espota->state = STATE_CLOSING;
}

void updraft_espota_tick(struct updraft_espota *espota, uint64_t now_ms)
{
    switch ((enum state)espota->state) {
    case STATE_IDLE:
    case STATE_CLOSING:
        break;
    case STATE_AWAIT_PASSWORD:
        if (now_ms >= espota->deadline_ms)
            espota->state = STATE_IDLE;
        break;
    case STATE_JUDGING:
        judge(espota,
              updraft_espota_claim_run(&espota->claim, &espota->config.password, espota->nonce,
                                       UPDRAFT_ESPOTA_STEP),
              now_ms);
        break;
    case STATE_CONNECTING:
        if (now_ms >= espota->deadline_ms)
            updraft_espota_connect_failed(espota);
        break;
    case STATE_RECEIVING:
    case STATE_DISCARDING:
        tick_receiving(espota, now_ms);
        break;
    case STATE_SETTLING:
        tick_settling(espota, now_ms);
        break;
    case STATE_LINGERING:
        tick_lingering(espota, now_ms);
        break;
    }
}

void updraft_espota_timed_out(struct updraft_espota *espota, uint64_t now_ms)
{
    if (espota->state != STATE_RECEIVING && espota->state != STATE_DISCARDING)
        return;
    espota->give_up_ms = now_ms;
    tick_receiving(espota, now_ms);
}

enum updraft_sign_in updraft_espota_take_sign_in(struct updraft_espota *espota)
{
    enum updraft_sign_in result = espota->sign_in;

    espota->sign_in = UPDRAFT_SIGN_IN_NONE;
    return result;
}

bool updraft_espota_take_restart(struct updraft_espota *espota)
{
    bool restart = espota->restart;

    espota->restart = false;
    return restart;
}
