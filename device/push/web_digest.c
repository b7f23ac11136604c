#include "device/push/web_digest.h"

#include "format/digest.h"
#include "format/text.h"

#include <string.h>

static const char scheme[] = "digest ";

/* A part of the header: a token as it stands, or what is between two quotes. */
struct value {
    const char *at; /* NULL: not given */
    size_t len;
    bool has_escapes;
};

struct answer_fields {
    struct value username;
    struct value realm;
    struct value nonce;
    struct value uri;
    struct value response;
    struct value cnonce;
    struct value count;
    struct value qop;
    struct value algorithm;
    bool is_unknown; /* something that changes what is to be hashed, and that we do not do */
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool equals(const struct value *value, const char *text)
{
    return value->at != NULL && !value->has_escapes && value->len == strlen(text) &&
           memcmp(value->at, text, value->len) == 0;
}

static bool equals_any_case(const struct value *value, const char *lower_case)
{
    if (value->at == NULL || value->len != strlen(lower_case))
        return false;
    for (size_t i = 0; i < value->len; i++)
        if (lower(value->at[i]) != lower_case[i])
            return false;
    return true;
}

bool updraft_web_digest_is_one(const char *authorization)
{
    size_t i = 0;

    while (scheme[i] != '\0' && lower(authorization[i]) == scheme[i])
        i++;
    return scheme[i] == '\0';
}

/* ---- The header --------------------------------------------------------------------------------
 */

/* From behind the opening quote. NULL when the closing one is missing. */
static const char *read_quoted(const char *text, struct value *value)
{
    value->at = text;
    for (; *text != '\0' && *text != '"'; text++) {
        if (*text != '\\')
            continue;
        value->has_escapes = true;
        if (*++text == '\0')
            return NULL;
    }
    value->len = (size_t)(text - value->at);
    return *text == '"' ? text + 1 : NULL;
}

static const char *read_token(const char *text, struct value *value)
{
    value->at = text;
    while (*text != '\0' && *text != ',' && *text != '"' && !is_blank(*text))
        text++;
    value->len = (size_t)(text - value->at);
    return text;
}

static struct value *find_field(struct answer_fields *fields, const struct value *name)
{
    const struct {
        const char *name;
        struct value *value;
    } known[] = {
        {"username", &fields->username},
        {"realm", &fields->realm},
        {"nonce", &fields->nonce},
        {"uri", &fields->uri},
        {"response", &fields->response},
        {"cnonce", &fields->cnonce},
        {"nc", &fields->count},
        {"qop", &fields->qop},
        {"algorithm", &fields->algorithm},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (equals_any_case(name, known[i].name))
            return known[i].value;
    return NULL;
}

/* One `name=value`. NULL when it is none, or when the name stood there before: which of two values
 * a client meant is not ours to guess. */
static const char *read_field(const char *text, struct answer_fields *fields)
{
    struct value name = {.at = text}, value = {0};
    struct value *field;

    while (*text != '\0' && *text != '=' && *text != ',' && !is_blank(*text))
        text++;
    name.len = (size_t)(text - name.at);
    while (is_blank(*text))
        text++;
    if (*text++ != '=')
        return NULL;
    while (is_blank(*text))
        text++;
    text = *text == '"' ? read_quoted(text + 1, &value) : read_token(text, &value);
    field = find_field(fields, &name);
    if (field != NULL && field->at != NULL)
        return NULL;
    if (field != NULL)
        *field = value;
    if (equals_any_case(&name, "username*") ||
        (equals_any_case(&name, "userhash") && !equals_any_case(&value, "false")))
        fields->is_unknown = true;
    return text;
}

static bool read_fields(const char *authorization, struct answer_fields *fields)
{
    const char *text = authorization + sizeof scheme - 1;

    memset(fields, 0, sizeof *fields);
    for (;;) {
        while (is_blank(*text) || *text == ',')
            text++;
        if (*text == '\0')
            return !fields->is_unknown;
        text = read_field(text, fields);
        if (text == NULL)
            return false;
        while (is_blank(*text))
            text++;
        if (*text != '\0' && *text != ',')
            return false;
    }
}

/* Exactly eight hex digits (RFC 7616, section 3.4). */
static bool read_count(const struct value *value, uint32_t *count)
{
    uint8_t bytes[4];

    if (value->at == NULL || !updraft_text_unhex(value->at, value->len, bytes, sizeof bytes))
        return false;
    *count =
        (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return true;
}

/* ---- The proof ---------------------------------------------------------------------------------
 */

struct hash {
    struct updraft_digest digest;
    enum updraft_digest_kind kind;
    size_t len;
};

static void hash_text(struct hash *hash, const char *text)
{
    updraft_digest_update(&hash->digest, text, strlen(text));
}

/* Without the backslashes that escape: what the client hashed. */
static void hash_value(struct hash *hash, const struct value *value)
{
    for (size_t i = 0; i < value->len; i++) {
        if (value->has_escapes && value->at[i] == '\\' && i + 1 < value->len)
            i++;
        updraft_digest_update(&hash->digest, value->at + i, 1);
    }
}

/* Ends the hash; its text is lower-case hex. */
static void end_hash(struct hash *hash, char text[2 * UPDRAFT_SHA256_LEN + 1])
{
    uint8_t bytes[UPDRAFT_SHA256_LEN];
    struct updraft_text out;

    updraft_digest_finish(&hash->digest, bytes);
    updraft_text_init(&out, text, 2 * UPDRAFT_SHA256_LEN + 1);
    updraft_text_hex(&out, bytes, hash->len);
}

static void compute(const struct updraft_web_digest_question *question,
                    const struct answer_fields *fields, struct hash *hash,
                    char proof[2 * UPDRAFT_SHA256_LEN + 1])
{
    char who[2 * UPDRAFT_SHA256_LEN + 1], what[2 * UPDRAFT_SHA256_LEN + 1];

    updraft_digest_start(&hash->digest, hash->kind);
    hash_value(hash, &fields->username);
    hash_text(hash, ":");
    hash_text(hash, question->realm);
    hash_text(hash, ":");
    hash_text(hash, question->password);
    end_hash(hash, who);
    updraft_digest_start(&hash->digest, hash->kind);
    hash_text(hash, question->method);
    hash_text(hash, ":");
    hash_text(hash, question->target);
    end_hash(hash, what);
    updraft_digest_start(&hash->digest, hash->kind);
    hash_text(hash, who);
    hash_text(hash, ":");
    hash_value(hash, &fields->nonce);
    hash_text(hash, ":");
    hash_value(hash, &fields->count);
    hash_text(hash, ":");
    hash_value(hash, &fields->cnonce);
    hash_text(hash, ":auth:");
    hash_text(hash, what);
    end_hash(hash, proof);
}

static bool choose_hash(const struct value *algorithm, struct hash *hash)
{
    bool is_sha256 = equals_any_case(algorithm, "sha-256");

    if (!is_sha256 && algorithm->at != NULL && !equals_any_case(algorithm, "md5"))
        return false;
    hash->kind = is_sha256 ? UPDRAFT_DIGEST_SHA256 : UPDRAFT_DIGEST_MD5;
    hash->len = is_sha256 ? UPDRAFT_SHA256_LEN : UPDRAFT_MD5_LEN;
    return true;
}

bool updraft_web_digest_is_right(const struct updraft_web_digest_question *question,
                                 struct updraft_web_digest_answer *answer)
{
    struct answer_fields fields;
    struct hash hash;
    char proof[2 * UPDRAFT_SHA256_LEN + 1];
    uint32_t count;

    if (!updraft_web_digest_is_one(question->authorization) ||
        !read_fields(question->authorization, &fields) || !choose_hash(&fields.algorithm, &hash) ||
        !read_count(&fields.count, &count))
        return false;
    /* A proof for another realm or another address is one for another question. */
    if (fields.username.at == NULL || fields.cnonce.at == NULL || fields.nonce.at == NULL ||
        fields.nonce.len > UPDRAFT_WEB_NONCE_LEN || fields.response.at == NULL ||
        !equals(&fields.realm, question->realm) || !equals(&fields.uri, question->target) ||
        !equals_any_case(&fields.qop, "auth"))
        return false;
    compute(question, &fields, &hash, proof);
    if (fields.response.len != 2 * hash.len ||
        !updraft_text_equal_constant_time(fields.response.at, proof, 2 * hash.len))
        return false;
    memset(answer, 0, sizeof *answer);
    memcpy(answer->nonce, fields.nonce.at, fields.nonce.len);
    answer->count = count;
    return true;
}
