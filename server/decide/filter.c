#include "server/decide/filter.h"

#include "format/chip.h"
#include "format/version.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum updraft_filter_key key;
    bool ordered; /* can be below or above */
} keys[] = {
    {"id", UPDRAFT_FILTER_ID, false},          {"name", UPDRAFT_FILTER_NAME, false},
    {"version", UPDRAFT_FILTER_VERSION, true}, {"chip", UPDRAFT_FILTER_CHIP, false},
    {"board", UPDRAFT_FILTER_BOARD, false},    {"group", UPDRAFT_FILTER_GROUP, false},
    {"tag", UPDRAFT_FILTER_TAG, false},        {"attr.", UPDRAFT_FILTER_ATTRIBUTE, true},
};
#define KEY_COUNT (sizeof keys / sizeof *keys)

/* Longer ones before those that begin like them. */
static const struct {
    const char *sign;
    enum updraft_filter_op op;
} ops[] = {
    {"!=", UPDRAFT_FILTER_UNEQUAL},  {"!~", UPDRAFT_FILTER_UNLIKE}, {"<=", UPDRAFT_FILTER_AT_MOST},
    {">=", UPDRAFT_FILTER_AT_LEAST}, {"=", UPDRAFT_FILTER_EQUAL},   {"~", UPDRAFT_FILTER_LIKE},
    {"<", UPDRAFT_FILTER_BELOW},     {">", UPDRAFT_FILTER_ABOVE},
};
#define OP_COUNT (sizeof ops / sizeof *ops)

/* --- parsing --- */

struct parser {
    const char *text;
    size_t at;
    struct updraft_filter_problem *problem;
};

__attribute__((format(printf, 3, 4))) static bool fail(struct parser *parser, size_t at,
                                                       const char *format, ...)
{
    va_list arguments;

    parser->problem->at = at;
    va_start(arguments, format);
    vsnprintf(parser->problem->text, sizeof parser->problem->text, format, arguments);
    va_end(arguments);
    return false;
}

static bool is_name_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-' || c == '.';
}

static bool take_key(struct parser *parser, struct updraft_filter_term *term, bool *ordered)
{
    const char *word = parser->text + parser->at;
    size_t len = 0;

    while (is_name_char(word[len]))
        len++;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const size_t key_len = strlen(keys[i].name);
        const bool is_attribute = keys[i].key == UPDRAFT_FILTER_ATTRIBUTE;
        if (len < key_len || strncmp(word, keys[i].name, key_len) != 0 ||
            (!is_attribute && len != key_len))
            continue;
        if (is_attribute && (len == key_len || len - key_len >= sizeof term->name))
            return fail(parser, parser->at + key_len,
                        "after 'attr.' comes the name of an attribute, of 1 to 32 characters");
        term->key = keys[i].key;
        memcpy(term->name, word + key_len, len - key_len);
        *ordered = keys[i].ordered;
        parser->at += len;
        return true;
    }
    return fail(parser, parser->at,
                "a term begins with id, name, version, chip, board, group, tag or attr.NAME");
}

static bool take_op(struct parser *parser, struct updraft_filter_term *term, bool ordered)
{
    const char *word = parser->text + parser->at;

    for (size_t i = 0; i < OP_COUNT; i++) {
        const size_t len = strlen(ops[i].sign);
        if (strncmp(word, ops[i].sign, len) != 0)
            continue;
        if (!ordered && ops[i].op >= UPDRAFT_FILTER_BELOW)
            return fail(parser, parser->at,
                        "only version and attr.NAME can be compared with %s; use =, !=, ~ or !~",
                        ops[i].sign);
        term->op = ops[i].op;
        parser->at += len;
        return true;
    }
    return fail(parser, parser->at, "here comes one of = != ~ !~ < <= > >=, without blanks");
}

static bool take_value(struct parser *parser, struct updraft_filter_term *term)
{
    const bool quoted = parser->text[parser->at] == '"';
    const size_t begin = parser->at + quoted;
    const char *value = parser->text + begin;
    const size_t len = strcspn(value, quoted ? "\"" : " \"");

    if (quoted && value[len] == '\0')
        return fail(parser, parser->at, "the closing \" is missing");
    if (!quoted && value[len] == '"')
        return fail(parser, begin + len, "a \" stands only around a whole value");
    if (!quoted && len == 0)
        return fail(parser, begin, "the value is missing; an empty one is \"\"");
    if (len >= sizeof term->value)
        return fail(parser, begin, "a value has at most %zu bytes", sizeof term->value - 1);
    memcpy(term->value, value, len);
    parser->at = begin + len + quoted;
    if (parser->text[parser->at] != '\0' && parser->text[parser->at] != ' ')
        return fail(parser, parser->at, "a blank is missing between two terms");
    return true;
}

static bool check_text(struct parser *parser)
{
    for (size_t i = 0; parser->text[i] != '\0'; i++) {
        if (i + 1 >= UPDRAFT_FILTER_TEXT_CAP)
            return fail(parser, i, "a filter has at most %u bytes", UPDRAFT_FILTER_TEXT_CAP - 1);
        if ((unsigned char)parser->text[i] < ' ' || parser->text[i] == 0x7f)
            return fail(parser, i, "a filter has no control characters; blanks part its terms");
    }
    return true;
}

bool updraft_filter_parse(const char *text, struct updraft_filter *filter,
                          struct updraft_filter_problem *problem)
{
    struct parser parser = {.text = text, .problem = problem};
    struct updraft_filter out;

    memset(&out, 0, sizeof out);
    if (!check_text(&parser))
        return false;
    for (;;) {
        parser.at += strspn(text + parser.at, " ");
        if (text[parser.at] == '\0')
            break;
        if (out.count == UPDRAFT_FILTER_TERMS)
            return fail(&parser, parser.at, "a filter has at most %u terms", UPDRAFT_FILTER_TERMS);
        struct updraft_filter_term *term = &out.terms[out.count];
        bool ordered = false;
        if (!take_key(&parser, term, &ordered) || !take_op(&parser, term, ordered) ||
            !take_value(&parser, term))
            return false;
        /* "ESP32-S3" is what people call it. */
        const struct updraft_chip *chip =
            term->key == UPDRAFT_FILTER_CHIP ? updraft_chip_by_name(term->value) : NULL;
        if (chip != NULL)
            snprintf(term->value, sizeof term->value, "%s", chip->slug);
        out.count++;
    }
    *filter = out;
    return true;
}

/* --- matching --- */

static char fold(char c, bool any_case)
{
    return any_case && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* A star takes as little as it can, and more only when what follows fails: no pattern takes longer than
 * its length times that of the text. */
static bool is_like(const char *text, size_t len, const char *pattern, bool any_case)
{
    const char *star = NULL;
    size_t at = 0, mark = 0;

    while (at < len) {
        if (*pattern == '*') {
            star = pattern++;
            mark = at;
        } else if (*pattern == '?' ||
                   (*pattern != '\0' && fold(*pattern, any_case) == fold(text[at], any_case))) {
            pattern++;
            at++;
        } else if (star != NULL) {
            pattern = star + 1;
            at = ++mark;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

static bool is_equal(const char *text, size_t len, const char *value, bool any_case)
{
    size_t at = 0;

    while (at < len && value[at] != '\0' && fold(text[at], any_case) == fold(value[at], any_case))
        at++;
    return at == len && value[at] == '\0';
}

/* = or ~, whichever the term, negated or not, is about. */
static bool is_the_same(const struct updraft_filter_term *term, const char *text, size_t len)
{
    const bool any_case = term->key == UPDRAFT_FILTER_ID || term->key == UPDRAFT_FILTER_CHIP;

    return term->op == UPDRAFT_FILTER_EQUAL || term->op == UPDRAFT_FILTER_UNEQUAL
               ? is_equal(text, len, term->value, any_case)
               : is_like(text, len, term->value, any_case);
}

static bool any_tag(const struct updraft_filter_term *term, const char *tags)
{
    for (tags += strspn(tags, " "); *tags != '\0'; tags += strspn(tags, " ")) {
        const size_t len = strcspn(tags, " ");
        if (is_the_same(term, tags, len))
            return true;
        tags += len;
    }
    return false;
}

/* The value in its line, "" when the device has no such attribute. */
static const char *find_attribute(const char *lines, const char *name, size_t *len)
{
    const size_t name_len = strlen(name);

    while (*lines != '\0') {
        const size_t line_len = strcspn(lines, "\n");
        if (line_len > name_len && strncmp(lines, name, name_len) == 0 && lines[name_len] == '=') {
            *len = line_len - name_len - 1;
            return lines + name_len + 1;
        }
        lines += line_len;
        lines += *lines == '\n';
    }
    *len = 0;
    return "";
}

static bool is_in_order(const struct updraft_filter_term *term, const char *text, size_t len)
{
    char told[UPDRAFT_FILTER_TEXT_CAP];

    if (len == 0 || len >= sizeof told)
        return false;
    memcpy(told, text, len);
    told[len] = '\0';
    const int order = updraft_version_compare(told, term->value);
    switch (term->op) {
    case UPDRAFT_FILTER_BELOW:
        return order < 0;
    case UPDRAFT_FILTER_AT_MOST:
        return order <= 0;
    case UPDRAFT_FILTER_ABOVE:
        return order > 0;
    case UPDRAFT_FILTER_AT_LEAST:
        return order >= 0;
    case UPDRAFT_FILTER_EQUAL:
    case UPDRAFT_FILTER_UNEQUAL:
    case UPDRAFT_FILTER_LIKE:
    case UPDRAFT_FILTER_UNLIKE:
        break;
    }
    return false;
}

static const char *text_of(const struct updraft_filter_term *term,
                           const struct updraft_filter_facts *facts, size_t *len)
{
    const char *text = "";

    switch (term->key) {
    case UPDRAFT_FILTER_ID:
        text = facts->id;
        break;
    case UPDRAFT_FILTER_NAME:
        text = facts->name;
        break;
    case UPDRAFT_FILTER_VERSION:
        text = facts->version;
        break;
    case UPDRAFT_FILTER_CHIP:
        text = facts->chip;
        break;
    case UPDRAFT_FILTER_BOARD:
        text = facts->board;
        break;
    case UPDRAFT_FILTER_GROUP:
        text = facts->group;
        break;
    case UPDRAFT_FILTER_TAG:
        break;
    case UPDRAFT_FILTER_ATTRIBUTE:
        return find_attribute(facts->attributes, term->name, len);
    }
    *len = strlen(text);
    return text;
}

static bool term_holds(const struct updraft_filter_term *term,
                       const struct updraft_filter_facts *facts)
{
    const bool negated = term->op == UPDRAFT_FILTER_UNEQUAL || term->op == UPDRAFT_FILTER_UNLIKE;
    size_t len;

    if (term->key == UPDRAFT_FILTER_TAG)
        return any_tag(term, facts->tags) != negated;
    const char *text = text_of(term, facts, &len);
    if (term->op >= UPDRAFT_FILTER_BELOW)
        return is_in_order(term, text, len);
    return is_the_same(term, text, len) != negated;
}

bool updraft_filter_matches(const struct updraft_filter *filter,
                            const struct updraft_filter_facts *facts)
{
    for (size_t i = 0; i < filter->count; i++) {
        if (!term_holds(&filter->terms[i], facts))
            return false;
    }
    return true;
}
