#include "format/direct.h"

#include "format/assert.h"
#include "format/bytes.h"
#include "format/keyed.h"
#include "format/pbkdf2.h"
#include "format/text.h"
#include "format/utf8.h"

#include <string.h>

#define NAME_LEN      (UPDRAFT_DIRECT_TEXT_CAP - 1u)
#define LABEL_LEN     (UPDRAFT_DIRECT_LABEL_CAP - 1u)
#define WORDS_LEN     (UPDRAFT_DIRECT_WORDS_CAP - 1u)
#define HELLO_LEN     UPDRAFT_DIRECT_BODY_CAP
#define BEGIN_LEN     104u
#define GO_LEN        36u
#define WRITTEN_LEN   4u
#define DONE_LEN      48u
#define REFUSED_LEN   112u
#define HELLO_FLAGS   0x03u
#define WANTS_PASS    0x01u
#define IS_BUSY       0x02u
#define BEGIN_FLAGS   0x07u
#define FORCE         0x01u
#define DATA_PART     0x02u
#define FROM_ZERO     0x04u
#define LAST_C0       0x1Fu
#define DELETE        0x7Fu
#define LAST_C1       0x9Fu
#define ITERATIONS_AT 40u

static const uint8_t magic[4] = {'U', 'P', 'D', '1'};

_Static_assert(116u + NAME_LEN == HELLO_LEN, "the last text ends the hello");
_Static_assert(16u + WORDS_LEN == REFUSED_LEN && REFUSED_LEN <= UPDRAFT_DIRECT_BODY_CAP,
               "so does its text");

/* A text field, filled up with zeros; not cut inside a character. */
static void put_text(uint8_t *out, size_t field_len, const char *s)
{
    size_t len = strlen(s);

    if (len > field_len) {
        len = field_len;
        while (len > 0 && ((uint8_t)s[len] & 0xC0u) == 0x80u)
            len--;
    }
    memset(out, 0, field_len);
    memcpy(out, s, len);
}

/* What comes from the other side is shown on terminals: anything that is no printable character
 * becomes a question mark. */
static void get_text(const uint8_t *bytes, size_t field_len, char *out)
{
    const char *s = (const char *)bytes;
    size_t i = 0;

    while (i < field_len && s[i] != '\0') {
        uint32_t code = 0;
        size_t len = updraft_utf8_get(s + i, field_len - i, &code);

        if (len == 0 || code <= LAST_C0 || (code >= DELETE && code <= LAST_C1)) {
            out[i] = '?';
            len = 1;
        } else {
            memcpy(out + i, s + i, len);
        }
        i += len;
    }
    out[i] = '\0';
}

static size_t encode_hello(const struct updraft_direct_hello *hello, uint8_t *body)
{
    memcpy(body, magic, sizeof magic);
    body[4] = (uint8_t)((hello->wants_password ? WANTS_PASS : 0) | (hello->is_busy ? IS_BUSY : 0));
    memcpy(body + 8, hello->nonce, sizeof hello->nonce);
    memcpy(body + 24, hello->salt, sizeof hello->salt);
    updraft_put_le32(body + ITERATIONS_AT, hello->iterations);
    updraft_put_le16(body + 44, hello->chip_id);
    updraft_put_le32(body + 48, hello->capacity);
    put_text(body + 52, NAME_LEN, hello->name);
    put_text(body + 84, NAME_LEN, hello->product);
    put_text(body + 116, NAME_LEN, hello->version);
    return HELLO_LEN;
}

static size_t encode_begin(const struct updraft_direct_begin *begin, uint8_t *body)
{
    memcpy(body, begin->nonce, sizeof begin->nonce);
    updraft_put_le32(body + 16, begin->len);
    body[20] = (uint8_t)((begin->force ? FORCE : 0) | (begin->data_partition ? DATA_PART : 0) |
                         (begin->from_zero ? FROM_ZERO : 0));
    memcpy(body + 24, begin->sha256, sizeof begin->sha256);
    put_text(body + 56, LABEL_LEN, begin->partition);
    memcpy(body + 72, begin->proof, sizeof begin->proof);
    return BEGIN_LEN;
}

static size_t encode_go(const struct updraft_direct_go *go, uint8_t *body)
{
    updraft_put_le32(body, go->off);
    memcpy(body + 4, go->proof, sizeof go->proof);
    return GO_LEN;
}

static size_t encode_done(const struct updraft_direct_done *done, uint8_t *body)
{
    put_text(body, LABEL_LEN, done->slot);
    memcpy(body + LABEL_LEN, done->proof, sizeof done->proof);
    return DONE_LEN;
}

static size_t encode_refused(const struct updraft_direct_refused *refused, uint8_t *body)
{
    updraft_put_le16(body, refused->code);
    updraft_put_le32(body + 4, refused->a);
    updraft_put_le32(body + 8, refused->b);
    updraft_put_le32(body + 12, refused->retry_after_s);
    put_text(body + 16, WORDS_LEN, refused->words);
    return REFUSED_LEN;
}

static size_t encode_body(const struct updraft_direct_message *message, uint8_t *body)
{
    switch (message->type) {
    case UPDRAFT_DIRECT_HELLO:
        return encode_hello(&message->as.hello, body);
    case UPDRAFT_DIRECT_BEGIN:
        return encode_begin(&message->as.begin, body);
    case UPDRAFT_DIRECT_GO:
        return encode_go(&message->as.go, body);
    case UPDRAFT_DIRECT_WRITTEN:
        updraft_put_le32(body, message->as.written);
        return WRITTEN_LEN;
    case UPDRAFT_DIRECT_DONE:
        return encode_done(&message->as.done, body);
    case UPDRAFT_DIRECT_REFUSED:
        return encode_refused(&message->as.refused, body);
    }
    return 0;
}

size_t updraft_direct_encode(const struct updraft_direct_message *message,
                             uint8_t out[UPDRAFT_DIRECT_MESSAGE_CAP])
{
    size_t len;

    memset(out, 0, UPDRAFT_DIRECT_MESSAGE_CAP);
    len = encode_body(message, out + UPDRAFT_DIRECT_HEADER_LEN);
    out[0] = (uint8_t)message->type;
    updraft_put_le16(out + 2, (uint16_t)len);
    return UPDRAFT_DIRECT_HEADER_LEN + len;
}

/* ---- Reading ------------------------------------------------------------------------------------ */

static bool decode_hello(const uint8_t *body, struct updraft_direct_hello *hello)
{
    hello->wants_password = (body[4] & WANTS_PASS) != 0;
    hello->is_busy = (body[4] & IS_BUSY) != 0;
    memcpy(hello->nonce, body + 8, sizeof hello->nonce);
    memcpy(hello->salt, body + 24, sizeof hello->salt);
    hello->iterations = updraft_get_le32(body + ITERATIONS_AT);
    hello->chip_id = updraft_get_le16(body + 44);
    hello->capacity = updraft_get_le32(body + 48);
    get_text(body + 52, NAME_LEN, hello->name);
    get_text(body + 84, NAME_LEN, hello->product);
    get_text(body + 116, NAME_LEN, hello->version);
    return memcmp(body, magic, sizeof magic) == 0 && hello->iterations >= 1 &&
           hello->iterations <= UPDRAFT_DIRECT_ITERATIONS_CAP;
}

static bool decode_begin(const uint8_t *body, struct updraft_direct_begin *begin)
{
    memcpy(begin->nonce, body, sizeof begin->nonce);
    begin->len = updraft_get_le32(body + 16);
    begin->force = (body[20] & FORCE) != 0;
    begin->data_partition = (body[20] & DATA_PART) != 0;
    begin->from_zero = (body[20] & FROM_ZERO) != 0;
    memcpy(begin->sha256, body + 24, sizeof begin->sha256);
    get_text(body + 56, LABEL_LEN, begin->partition);
    memcpy(begin->proof, body + 72, sizeof begin->proof);
    return (body[20] & ~BEGIN_FLAGS) == 0;
}

static bool decode_body(const uint8_t *body, struct updraft_direct_message *message)
{
    switch (message->type) {
    case UPDRAFT_DIRECT_HELLO:
        return decode_hello(body, &message->as.hello);
    case UPDRAFT_DIRECT_BEGIN:
        return decode_begin(body, &message->as.begin);
    case UPDRAFT_DIRECT_GO:
        message->as.go.off = updraft_get_le32(body);
        memcpy(message->as.go.proof, body + 4, sizeof message->as.go.proof);
        return true;
    case UPDRAFT_DIRECT_WRITTEN:
        message->as.written = updraft_get_le32(body);
        return true;
    case UPDRAFT_DIRECT_DONE:
        get_text(body, LABEL_LEN, message->as.done.slot);
        memcpy(message->as.done.proof, body + LABEL_LEN, sizeof message->as.done.proof);
        return true;
    case UPDRAFT_DIRECT_REFUSED:
        message->as.refused.code = updraft_get_le16(body);
        message->as.refused.a = updraft_get_le32(body + 4);
        message->as.refused.b = updraft_get_le32(body + 8);
        message->as.refused.retry_after_s = updraft_get_le32(body + 12);
        get_text(body + 16, WORDS_LEN, message->as.refused.words);
        return true;
    }
    return false;
}

/* Every type has one length; 0 for a type that there is not. */
static size_t body_len(uint8_t type)
{
    static const uint8_t lens[] = {0,           HELLO_LEN, BEGIN_LEN,  GO_LEN,
                                   WRITTEN_LEN, DONE_LEN,  REFUSED_LEN};

    return type < sizeof lens ? lens[type] : 0;
}

void updraft_direct_reader_init(struct updraft_direct_reader *reader)
{
    memset(reader, 0, sizeof *reader);
}

/* Whether the first len bytes can be the start of a message. */
static bool may_become_message(const uint8_t *bytes, size_t len)
{
    size_t want = body_len(bytes[0]);

    return want != 0 && (len < 2 || bytes[1] == 0) && (len < 3 || bytes[2] == want) &&
           (len < 4 || bytes[3] == 0);
}

enum updraft_error updraft_direct_reader_feed(struct updraft_direct_reader *reader,
                                              const uint8_t *data, size_t len, size_t *used,
                                              struct updraft_direct_message *message,
                                              bool *complete)
{
    *used = 0;
    *complete = false;
    while (*used < len) {
        reader->bytes[reader->len++] = data[(*used)++];
        if (!may_become_message(reader->bytes, reader->len))
            return UPDRAFT_E_PROTOCOL;
        if (reader->len < UPDRAFT_DIRECT_HEADER_LEN ||
            reader->len < UPDRAFT_DIRECT_HEADER_LEN + body_len(reader->bytes[0]))
            continue;
        reader->len = 0;
        memset(message, 0, sizeof *message);
        message->type = (enum updraft_direct_type)reader->bytes[0];
        if (!decode_body(reader->bytes + UPDRAFT_DIRECT_HEADER_LEN, message))
            return UPDRAFT_E_PROTOCOL;
        *complete = true;
        return UPDRAFT_OK;
    }
    return UPDRAFT_OK;
}

/* ---- Proofs ------------------------------------------------------------------------------------- */

void updraft_direct_key(const char *password, const uint8_t salt[UPDRAFT_DIRECT_NONCE_LEN],
                        uint32_t iterations, uint8_t key[UPDRAFT_SHA256_LEN])
{
    if (password != NULL && password[0] != '\0')
        updraft_pbkdf2(password, salt, UPDRAFT_DIRECT_NONCE_LEN, iterations, key);
    else
        memset(key, 0, UPDRAFT_SHA256_LEN);
}

/* Where the proof of a message lies, and what it is called; NULL for one without. */
static uint8_t *proof_of(struct updraft_direct_message *message, const char **label)
{
    switch (message->type) {
    case UPDRAFT_DIRECT_BEGIN:
        *label = "updraft begin";
        return message->as.begin.proof;
    case UPDRAFT_DIRECT_GO:
        *label = "updraft go";
        return message->as.go.proof;
    case UPDRAFT_DIRECT_DONE:
        *label = "updraft done";
        return message->as.done.proof;
    case UPDRAFT_DIRECT_HELLO:
    case UPDRAFT_DIRECT_WRITTEN:
    case UPDRAFT_DIRECT_REFUSED:
        break;
    }
    return NULL;
}

void updraft_direct_sign(const struct updraft_direct_session *session,
                         struct updraft_direct_message *message)
{
    uint8_t bytes[UPDRAFT_DIRECT_MESSAGE_CAP];
    struct updraft_hmac hmac;
    const char *label = "";
    uint8_t *proof = proof_of(message, &label);
    size_t len = updraft_direct_encode(message, bytes);

    UPDRAFT_ASSERT(proof != NULL);
    updraft_hmac_start(&hmac, session->key, sizeof session->key);
    updraft_hmac_update(&hmac, label, strlen(label) + 1);
    updraft_hmac_update(&hmac, session->device_nonce, sizeof session->device_nonce);
    updraft_hmac_update(&hmac, session->host_nonce, sizeof session->host_nonce);
    /* The proof ends every body that has one. */
    updraft_hmac_update(&hmac, bytes + UPDRAFT_DIRECT_HEADER_LEN,
                        len - UPDRAFT_DIRECT_HEADER_LEN - UPDRAFT_SHA256_LEN);
    updraft_hmac_finish(&hmac, proof);
}

bool updraft_direct_is_signed(const struct updraft_direct_session *session,
                              const struct updraft_direct_message *message)
{
    struct updraft_direct_message expected = *message;
    struct updraft_direct_message given = *message;
    const char *label;

    updraft_direct_sign(session, &expected);
    return updraft_text_equal_constant_time(proof_of(&given, &label), proof_of(&expected, &label),
                                            UPDRAFT_SHA256_LEN);
}
