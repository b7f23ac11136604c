#include "format/descriptor.h"

#include "format/text.h"
#include "format/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

/* Every byte that encode lets through takes at most two in JSON, so what it writes is never refused
 * for its length. */
_Static_assert(sizeof("{\"version\":\"\",\"path\":\"\"}") + 2u * UPDRAFT_DESCRIPTOR_VERSION_CAP +
                       2u * UPDRAFT_DESCRIPTOR_PATH_CAP <=
                   UPDRAFT_DESCRIPTOR_LEN_CAP,
               "decode takes everything that encode writes");

struct document {
    const char *json;
    size_t token_count;
    jsmntok_t tokens[UPDRAFT_DESCRIPTOR_TOKEN_CAP];
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Where a token begins and ends with its quotes or brackets. */
static size_t token_begin(const jsmntok_t *token)
{
    return (size_t)token->start - (token->type == JSMN_STRING ? 1u : 0u);
}

static size_t token_end(const jsmntok_t *token)
{
    return (size_t)token->end + (token->type == JSMN_STRING ? 1u : 0u);
}

/* Between from and to there is white space and the separator once, or white space alone for '\0'.
 */
static bool gap_is(const char *json, size_t from, size_t to, char separator)
{
    bool seen = separator == '\0';

    for (; from < to; from++) {
        if (is_space(json[from]))
            continue;
        if (seen || json[from] != separator)
            return false;
        seen = true;
    }
    return seen;
}

static size_t skip_digits(const char *s, size_t pos, size_t end)
{
    while (pos < end && is_digit(s[pos]))
        pos++;
    return pos;
}

/* -? (0 | 1-9 digits) (. digits)? ([eE] [+-]? digits)? */
static bool is_number(const char *s, size_t len)
{
    size_t pos = len > 0 && s[0] == '-' ? 1 : 0;
    size_t from = pos;

    pos = skip_digits(s, pos, len);
    if (pos == from || (s[from] == '0' && pos != from + 1))
        return false;
    if (pos < len && s[pos] == '.') {
        from = pos + 1;
        pos = skip_digits(s, from, len);
        if (pos == from)
            return false;
    }
    if (pos < len && (s[pos] == 'e' || s[pos] == 'E')) {
        from = pos + 1;
        if (from < len && (s[from] == '+' || s[from] == '-'))
            from++;
        pos = skip_digits(s, from, len);
        if (pos == from)
            return false;
    }
    return pos == len;
}

static bool is_primitive(const char *s, size_t len)
{
    return (len == 4 && memcmp(s, "true", 4) == 0) || (len == 5 && memcmp(s, "false", 5) == 0) ||
           (len == 4 && memcmp(s, "null", 4) == 0) || is_number(s, len);
}

/* jsmn has seen to it that four hex digits follow every \u. */
static uint32_t hex4(const char *s)
{
    uint32_t value = 0;

    for (size_t i = 0; i < 4; i++) {
        uint32_t c = (uint8_t)s[i];

        value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20u) - 'a' + 10u);
    }
    return value;
}

/* Characters behind \uD800 to \uDBFF must be a second half; a half alone is no character. */
static bool next_unicode(const char *json, size_t *pos, size_t end, uint32_t *code)
{
    uint32_t high = hex4(json + *pos + 2);
    uint32_t low;

    *pos += 6;
    *code = high;
    if (high < 0xD800u || high > 0xDFFFu)
        return true;
    if (high > 0xDBFFu || end - *pos < 6 || json[*pos] != '\\' || json[*pos + 1] != 'u')
        return false;
    low = hex4(json + *pos + 2);
    if (low < 0xDC00u || low > 0xDFFFu)
        return false;
    *pos += 6;
    *code = 0x10000u + ((high - 0xD800u) << 10) + (low - 0xDC00u);
    return true;
}

/* The next character of a string, its escape resolved; *pos moves behind it. */
static bool next_char(const char *json, size_t *pos, size_t end, uint32_t *code)
{
    static const char escapes[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    size_t taken;

    if (json[*pos] == '\\') {
        const char *escape = memchr(escapes, json[*pos + 1], sizeof(escapes) - 1);

        if (escape == NULL)
            return next_unicode(json, pos, end, code);
        *code = (uint8_t)meanings[escape - escapes];
        *pos += 2;
        return true;
    }
    taken = updraft_utf8_get(json + *pos, end - *pos, code);
    *pos += taken;
    return taken != 0 && *code >= 0x20u;
}

static bool is_string(const char *json, const jsmntok_t *token)
{
    size_t pos = (size_t)token->start;
    uint32_t code;

    while (pos < (size_t)token->end) {
        if (!next_char(json, &pos, (size_t)token->end, &code))
            return false;
    }
    return true;
}

/* Checks that token idx stands where JSON allows it. ends[i] is where the last thing inside token i
 * ended; jsmn itself cares little for commas and colons. */
static bool place_token(const struct document *document, size_t idx, uint16_t *ends)
{
    const jsmntok_t *token = &document->tokens[idx];
    const jsmntok_t *parent = &document->tokens[token->parent];
    size_t holder = (size_t)token->parent;
    bool is_first = ends[holder] == parent->start + 1;
    char separator = is_first ? '\0' : ',';

    if (parent->type == JSMN_OBJECT) {
        /* A name: text with one value. */
        if (token->type != JSMN_STRING || token->size != 1)
            return false;
    } else if (parent->type == JSMN_STRING) {
        /* A value, whose parent is its name. */
        if (parent->parent < 0 || document->tokens[parent->parent].type != JSMN_OBJECT)
            return false;
        separator = ':';
    } else if (parent->type != JSMN_ARRAY) {
        return false;
    }
    if (!gap_is(document->json, ends[holder], token_begin(token), separator))
        return false;
    if (parent->type == JSMN_STRING)
        holder = (size_t)parent->parent;
    ends[holder] = (uint16_t)token_end(token);
    return true;
}

static bool is_token(const char *json, const jsmntok_t *token)
{
    if (token->type == JSMN_STRING)
        return is_string(json, token);
    if (token->type == JSMN_PRIMITIVE)
        return is_primitive(json + token->start, (size_t)(token->end - token->start));
    return true;
}

/* Makes up for what jsmn lets pass, see the tests for examples. */
static bool is_json(const struct document *document, size_t len)
{
    uint16_t ends[UPDRAFT_DESCRIPTOR_TOKEN_CAP];

    for (size_t i = 0; i < document->token_count; i++) {
        const jsmntok_t *token = &document->tokens[i];
        bool opens = token->type == JSMN_OBJECT || token->type == JSMN_ARRAY;

        ends[i] = (uint16_t)(opens ? (size_t)token->start + 1 : token_end(token));
        if ((token->parent < 0) != (i == 0) || !is_token(document->json, token))
            return false;
        if (i != 0 && !place_token(document, i, ends))
            return false;
    }
    for (size_t i = 0; i < document->token_count; i++) {
        const jsmntok_t *token = &document->tokens[i];

        if ((token->type == JSMN_OBJECT || token->type == JSMN_ARRAY) &&
            !gap_is(document->json, ends[i], (size_t)token->end - 1, '\0'))
            return false;
    }
    return gap_is(document->json, 0, token_begin(&document->tokens[0]), '\0') &&
           gap_is(document->json, token_end(&document->tokens[0]), len, '\0');
}

static bool parse(struct document *document, const char *json, size_t len)
{
    jsmn_parser parser;
    int count;

    jsmn_init(&parser);
    count = jsmn_parse(&parser, json, len, document->tokens, UPDRAFT_DESCRIPTOR_TOKEN_CAP);
    if (count < 1)
        return false;
    document->json = json;
    document->token_count = (size_t)count;
    return is_json(document, len);
}

/* Compares a name with a lower-case one as cJSON does: ASCII letters in either case. */
static bool name_is(const char *json, const jsmntok_t *token, const char *name)
{
    size_t pos = (size_t)token->start;
    uint32_t code;

    while (pos < (size_t)token->end && next_char(json, &pos, (size_t)token->end, &code)) {
        if (code >= 'A' && code <= 'Z')
            code |= 0x20u;
        if (*name == '\0' || code != (uint8_t)*name)
            return false;
        name++;
    }
    return *name == '\0';
}

/* Control characters and an empty text make no version and no address. */
static bool is_usable(uint32_t code)
{
    return code >= 0x20u && code != 0x7Fu;
}

/* The value of the first member of that name. */
static enum updraft_error copy_member(const struct document *document, const char *name, char *out,
                                      size_t out_cap)
{
    const jsmntok_t *value = NULL;
    struct updraft_text text;
    size_t pos;

    for (size_t i = 1; i + 1 < document->token_count && value == NULL; i++) {
        if (document->tokens[i].parent == 0 && name_is(document->json, &document->tokens[i], name))
            value = &document->tokens[i + 1];
    }
    if (value == NULL || value->type != JSMN_STRING || value->start == value->end)
        return UPDRAFT_E_DESCRIPTOR;

    updraft_text_init(&text, out, out_cap);
    pos = (size_t)value->start;
    while (pos < (size_t)value->end) {
        char bytes[UPDRAFT_UTF8_CAP];
        uint32_t code;

        if (!next_char(document->json, &pos, (size_t)value->end, &code) || !is_usable(code))
            return UPDRAFT_E_DESCRIPTOR;
        updraft_text_bytes(&text, bytes, updraft_utf8_put(code, bytes));
    }
    return text.cut ? UPDRAFT_E_TOO_LONG : UPDRAFT_OK;
}

enum updraft_error updraft_descriptor_decode(const char *json, size_t len,
                                             struct updraft_descriptor *out)
{
    struct document document;
    struct updraft_descriptor decoded = {0};
    enum updraft_error error;

    if (len > UPDRAFT_DESCRIPTOR_LEN_CAP)
        return UPDRAFT_E_TOO_LONG;
    /* cJSON skips a byte-order mark, so files with one are out there. */
    if (len >= 3 && memcmp(json, "\xEF\xBB\xBF", 3) == 0) {
        json += 3;
        len -= 3;
    }
    if (!parse(&document, json, len))
        return UPDRAFT_E_JSON;
    if (document.tokens[0].type != JSMN_OBJECT)
        return UPDRAFT_E_DESCRIPTOR;
    error = copy_member(&document, "version", decoded.version, sizeof(decoded.version));
    if (error == UPDRAFT_OK)
        error = copy_member(&document, "path", decoded.path, sizeof(decoded.path));
    if (error != UPDRAFT_OK)
        return error;
    *out = decoded;
    return UPDRAFT_OK;
}

static bool is_usable_text(const char *s)
{
    size_t len = strlen(s);
    size_t pos = 0;

    while (pos < len) {
        uint32_t code;
        size_t taken = updraft_utf8_get(s + pos, len - pos, &code);

        if (taken == 0 || !is_usable(code))
            return false;
        pos += taken;
    }
    return len > 0;
}

enum updraft_error updraft_descriptor_encode(const struct updraft_descriptor *descriptor, char *out,
                                             size_t out_cap, size_t *len)
{
    struct updraft_text text;

    if (!is_usable_text(descriptor->version) || !is_usable_text(descriptor->path))
        return UPDRAFT_E_DESCRIPTOR;
    if (out_cap == 0)
        return UPDRAFT_E_NO_SPACE;
    updraft_text_init(&text, out, out_cap);
    updraft_text_str(&text, "{\"version\":\"");
    updraft_text_json(&text, descriptor->version);
    updraft_text_str(&text, "\",\"path\":\"");
    updraft_text_json(&text, descriptor->path);
    updraft_text_str(&text, "\"}");
    if (text.cut)
        return UPDRAFT_E_NO_SPACE;
    *len = text.len;
    return UPDRAFT_OK;
}
