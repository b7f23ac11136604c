#include "format/document.h"

#include "format/text.h"
#include "format/utf8.h"

#include <string.h>

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

/* While it is checked. */
struct draft {
    const char *json;
    size_t token_count;
    jsmntok_t tokens[UPDRAFT_DOCUMENT_TOKEN_CAP];
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
static bool place_token(const struct draft *draft, size_t idx, uint16_t *ends)
{
    const jsmntok_t *token = &draft->tokens[idx];
    const jsmntok_t *parent = &draft->tokens[token->parent];
    size_t holder = (size_t)token->parent;
    bool is_first = ends[holder] == parent->start + 1;
    char separator = is_first ? '\0' : ',';

    if (parent->type == JSMN_OBJECT) {
        /* A name: text with one value. */
        if (token->type != JSMN_STRING || token->size != 1)
            return false;
    } else if (parent->type == JSMN_STRING) {
        /* A value, whose parent is its name. */
        if (parent->parent < 0 || draft->tokens[parent->parent].type != JSMN_OBJECT)
            return false;
        separator = ':';
    } else if (parent->type != JSMN_ARRAY) {
        return false;
    }
    if (!gap_is(draft->json, ends[holder], token_begin(token), separator))
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
static bool is_json(const struct draft *draft, size_t len)
{
    uint16_t ends[UPDRAFT_DOCUMENT_TOKEN_CAP];

    for (size_t i = 0; i < draft->token_count; i++) {
        const jsmntok_t *token = &draft->tokens[i];
        bool opens = token->type == JSMN_OBJECT || token->type == JSMN_ARRAY;

        ends[i] = (uint16_t)(opens ? (size_t)token->start + 1 : token_end(token));
        if ((token->parent < 0) != (i == 0) || !is_token(draft->json, token))
            return false;
        if (i != 0 && !place_token(draft, i, ends))
            return false;
    }
    for (size_t i = 0; i < draft->token_count; i++) {
        const jsmntok_t *token = &draft->tokens[i];

        if ((token->type == JSMN_OBJECT || token->type == JSMN_ARRAY) &&
            !gap_is(draft->json, ends[i], (size_t)token->end - 1, '\0'))
            return false;
    }
    return gap_is(draft->json, 0, token_begin(&draft->tokens[0]), '\0') &&
           gap_is(draft->json, token_end(&draft->tokens[0]), len, '\0');
}

static enum updraft_document_kind kind_of(const jsmntok_t *token)
{
    return token->type == JSMN_OBJECT   ? UPDRAFT_DOCUMENT_OBJECT
           : token->type == JSMN_ARRAY  ? UPDRAFT_DOCUMENT_ARRAY
           : token->type == JSMN_STRING ? UPDRAFT_DOCUMENT_TEXT
                                        : UPDRAFT_DOCUMENT_WORD;
}

bool updraft_document_parse(struct updraft_document *document, const char *json, size_t len)
{
    struct draft draft;
    jsmn_parser parser;
    int count;

    /* cJSON skips a byte-order mark, so files with one are out there. */
    if (len >= 3 && memcmp(json, "\xEF\xBB\xBF", 3) == 0) {
        json += 3;
        len -= 3;
    }
    if (len > UINT16_MAX)
        return false;
    jsmn_init(&parser);
    count = jsmn_parse(&parser, json, len, draft.tokens, UPDRAFT_DOCUMENT_TOKEN_CAP);
    if (count < 1)
        return false;
    draft.json = json;
    draft.token_count = (size_t)count;
    if (!is_json(&draft, len))
        return false;
    document->json = json;
    document->token_count = draft.token_count;
    for (size_t i = 0; i < draft.token_count; i++)
        document->tokens[i] = (struct updraft_document_token){
            .kind = (uint8_t)kind_of(&draft.tokens[i]),
            .holder = (uint8_t)(i == 0 ? 0 : draft.tokens[i].parent),
            .start = (uint16_t)draft.tokens[i].start,
            .end = (uint16_t)draft.tokens[i].end,
        };
    return true;
}

/* Compares a name with a lower-case one as cJSON does: ASCII letters in either case. */
static bool name_is(const char *json, const struct updraft_document_token *token, const char *name)
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

/* Control characters end up in requests and on terminals. */
static bool is_usable(uint32_t code)
{
    return code >= 0x20u && code != 0x7Fu;
}

size_t updraft_document_find(const struct updraft_document *document, size_t object,
                             const char *name)
{
    if (document->tokens[object].kind != UPDRAFT_DOCUMENT_OBJECT)
        return 0;
    for (size_t i = object + 1; i + 1 < document->token_count; i++) {
        if (document->tokens[i].holder == object &&
            name_is(document->json, &document->tokens[i], name))
            return i + 1;
    }
    return 0;
}

enum updraft_error updraft_document_text(const struct updraft_document *document, size_t idx,
                                         char *out, size_t out_cap)
{
    const struct updraft_document_token *value = &document->tokens[idx];
    size_t pos = (size_t)value->start;
    struct updraft_text text;

    if (value->kind != UPDRAFT_DOCUMENT_TEXT)
        return UPDRAFT_E_JSON;
    updraft_text_init(&text, out, out_cap);
    while (pos < (size_t)value->end) {
        char bytes[UPDRAFT_UTF8_CAP];
        uint32_t code;

        if (!next_char(document->json, &pos, (size_t)value->end, &code) || !is_usable(code))
            return UPDRAFT_E_JSON;
        updraft_text_bytes(&text, bytes, updraft_utf8_put(code, bytes));
    }
    return text.cut ? UPDRAFT_E_TOO_LONG : UPDRAFT_OK;
}

bool updraft_document_u32(const struct updraft_document *document, size_t idx, uint32_t *out)
{
    const struct updraft_document_token *value = &document->tokens[idx];
    size_t len = (size_t)(value->end - value->start);
    size_t used;

    return value->kind == UPDRAFT_DOCUMENT_WORD &&
           updraft_text_parse_u32(document->json + value->start, len, out, &used) && used == len;
}

bool updraft_document_is_word(const struct updraft_document *document, size_t idx, const char *word)
{
    const struct updraft_document_token *value = &document->tokens[idx];
    size_t len = strlen(word);

    return value->kind == UPDRAFT_DOCUMENT_WORD && (size_t)(value->end - value->start) == len &&
           memcmp(document->json + value->start, word, len) == 0;
}
