#include "format/version.h"

#include <stddef.h>
#include <string.h>

#define HASH_LEN_LEAST 4u /* of --abbrev */

/* One version taken apart; all of it points into the text. */
struct version {
    const char *base;
    const char *base_end;
    const char *pre; /* as base_end: none */
    const char *pre_end;
    const char *commits; /* digits; as commits_end: none */
    const char *commits_end;
    bool is_dirty;
};

enum token_kind { /* in the order in which they come */
                  TOKEN_END,
                  TOKEN_NUMBER,
                  TOKEN_WORD,
};

struct token {
    enum token_kind kind;
    const char *text; /* of a number, without leading zeros */
    size_t len;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_hash_digit(char c)
{
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
}

static bool is_letter(char c)
{
    return lower(c) >= 'a' && lower(c) <= 'z';
}

/* ---- Taking apart ------------------------------------------------------------------------------
 */

static bool cut_word(const char *start, const char **end, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(*end - start) <= len || memcmp(*end - len, word, len) != 0)
        return false;
    *end -= len;
    return true;
}

/* "-4-g0123abc" at the end. */
static void cut_commits(struct version *version, const char *start, const char **end)
{
    const char *hash = *end;
    const char *commits;

    version->commits = version->commits_end = *end;
    while (hash > start && is_hash_digit(hash[-1]))
        hash--;
    if ((size_t)(*end - hash) < HASH_LEN_LEAST || hash - start < 2 || hash[-1] != 'g' ||
        hash[-2] != '-')
        return;
    commits = hash - 2;
    while (commits > start && is_digit(commits[-1]))
        commits--;
    if (commits == hash - 2 || commits == start || commits[-1] != '-')
        return;
    version->commits = commits;
    version->commits_end = hash - 2;
    *end = commits - 1;
}

static struct version take_apart(const char *text)
{
    struct version version;
    const char *end = text;
    const char *at;

    if (lower(*text) == 'v' && is_digit(text[1]))
        text++;
    while (*end != '\0' && *end != '+')
        end++;
    version.is_dirty = cut_word(text, &end, "-dirty");
    cut_commits(&version, text, &end);
    at = text;
    while (at < end && *at != '-')
        at++;
    version.base = text;
    version.base_end = at;
    version.pre = at < end ? at + 1 : end;
    version.pre_end = end;
    return version;
}

/* ---- Comparing ---------------------------------------------------------------------------------
 */

/* The next run of digits or letters; everything else only stands between them. Bytes that are no ASCII
 * count as letters. */
static bool is_of_word(char c)
{
    return is_letter(c) || (unsigned char)c > 0x7F;
}

static struct token next_token(const char **at, const char *end)
{
    struct token token = {.kind = TOKEN_END};

    while (*at < end && !is_digit(**at) && !is_of_word(**at))
        (*at)++;
    if (*at == end)
        return token;
    token.kind = is_digit(**at) ? TOKEN_NUMBER : TOKEN_WORD;
    while (token.kind == TOKEN_NUMBER && *at < end && **at == '0')
        (*at)++;
    token.text = *at;
    while (*at < end && (token.kind == TOKEN_NUMBER ? is_digit(**at) : is_of_word(**at)))
        (*at)++;
    token.len = (size_t)(*at - token.text);
    return token;
}

static int order_of(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int compare_tokens(const struct token *a, const struct token *b)
{
    size_t len = a->len < b->len ? a->len : b->len;

    if (a->kind != b->kind || a->kind == TOKEN_END)
        return order_of(a->kind, b->kind);
    if (a->kind == TOKEN_NUMBER && a->len != b->len)
        return order_of(a->len, b->len);
    for (size_t i = 0; i < len; i++) {
        if (lower(a->text[i]) != lower(b->text[i]))
            return order_of((unsigned char)lower(a->text[i]), (unsigned char)lower(b->text[i]));
    }
    return order_of(a->len, b->len);
}

static bool is_zero(const struct token *token)
{
    return token->kind == TOKEN_NUMBER && token->len == 0;
}

/* ".0.0" at the end of a base adds nothing to it. */
static const char *without_zeros(const char *at, const char *end)
{
    const char *good = at;

    for (;;) {
        struct token token = next_token(&at, end);
        if (token.kind == TOKEN_END)
            return good;
        if (!is_zero(&token))
            good = at;
    }
}

static int compare_runs(const char *a, const char *a_end, const char *b, const char *b_end)
{
    for (;;) {
        struct token a_token = next_token(&a, a_end);
        struct token b_token = next_token(&b, b_end);
        int order = compare_tokens(&a_token, &b_token);

        if (order != 0 || a_token.kind == TOKEN_END)
            return order;
    }
}

static int compare_pre(const struct version *a, const struct version *b)
{
    bool a_has = a->pre != a->pre_end;
    bool b_has = b->pre != b->pre_end;

    if (a_has != b_has)
        return a_has ? -1 : 1;
    return compare_runs(a->pre, a->pre_end, b->pre, b->pre_end);
}

int updraft_version_compare(const char *a_text, const char *b_text)
{
    const struct version a = take_apart(a_text);
    const struct version b = take_apart(b_text);
    int order = compare_runs(a.base, without_zeros(a.base, a.base_end), b.base,
                             without_zeros(b.base, b.base_end));

    if (order == 0)
        order = compare_pre(&a, &b);
    if (order == 0)
        order = compare_runs(a.commits, a.commits_end, b.commits, b.commits_end);
    return order != 0 ? order : (int)a.is_dirty - (int)b.is_dirty;
}

bool updraft_version_is_numbered(const char *version)
{
    return is_digit(version[lower(version[0]) == 'v']);
}
