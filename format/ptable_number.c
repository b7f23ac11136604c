#include "format/ptable_rows.h"
#include "format/utf8.h"

/* Far beyond what any field may hold, and far from overflow when multiplied once more. */
#define NUMBER_MAX ((int64_t)1 << 40)

/* What Python's strip() takes away. */
static bool is_space(uint32_t code)
{
    return (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x20) || code == 0x85 ||
           code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
           code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

struct updraft_csv_span updraft_csv_trim(struct updraft_csv_span span)
{
    uint32_t code = 0;
    size_t taken;

    while (span.len > 0) {
        taken = updraft_utf8_get(span.s, span.len, &code);
        if (taken == 0 || !is_space(code))
            break;
        span.s += taken;
        span.len -= taken;
    }
    while (span.len > 0) {
        taken = 1;
        while (taken < span.len && ((uint8_t)span.s[span.len - taken] & 0xC0u) == 0x80u)
            taken++;
        if (updraft_utf8_get(span.s + span.len - taken, taken, &code) == 0 || !is_space(code))
            break;
        span.len -= taken;
    }
    return span;
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* The base that a literal's prefix stands for; *used is the prefix. */
static uint32_t literal_base(struct updraft_csv_span literal, size_t *used)
{
    char c = literal.len > 1 && literal.s[0] == '0' ? to_lower(literal.s[1]) : '\0';

    *used = 2;
    if (c == 'x')
        return 16;
    if (c == 'o')
        return 8;
    if (c == 'b')
        return 2;
    *used = 0;
    return 10;
}

/* 16 or more when c is no digit. */
static uint32_t digit_value(char c)
{
    c = to_lower(c);
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0');
    return c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10u : 16u;
}

/* Digits with single underscores between them, and one behind a prefix. Too large a value becomes
 * NUMBER_MAX. */
static bool parse_digits(struct updraft_csv_span digits, uint32_t base, bool after_prefix,
                         int64_t *value)
{
    bool digit_needed = !after_prefix;
    int64_t sum = 0;

    for (size_t i = 0; i < digits.len; i++) {
        uint32_t digit = digit_value(digits.s[i]);

        if (digits.s[i] == '_') {
            if (digit_needed)
                return false;
            digit_needed = true;
            continue;
        }
        if (digit >= base)
            return false;
        digit_needed = false;
        sum = sum * (int64_t)base + (int64_t)digit;
        if (sum > NUMBER_MAX)
            sum = NUMBER_MAX;
    }
    *value = sum;
    return digits.len > 0 && !digit_needed;
}

/* Python's int(literal, 0): an optional sign, an optional 0x, 0o or 0b; decimal numbers do not
 * start with a zero unless they are zero. */
static bool parse_integer(struct updraft_csv_span literal, int64_t *value)
{
    bool is_negative;
    uint32_t base;
    size_t used;
    int64_t magnitude;

    literal = updraft_csv_trim(literal);
    is_negative = literal.len > 0 && literal.s[0] == '-';
    if (is_negative || (literal.len > 0 && literal.s[0] == '+')) {
        literal.s++;
        literal.len--;
    }
    base = literal_base(literal, &used);
    literal.s += used;
    literal.len -= used;
    if (!parse_digits(literal, base, used > 0, &magnitude))
        return false;
    if (base == 10 && literal.s[0] == '0' && magnitude != 0)
        return false;
    *value = is_negative ? -magnitude : magnitude;
    return true;
}

/* Takes the K and M from the end of a field, as many as there are: 1KK is 1M to the generators. */
static int64_t take_suffixes(struct updraft_csv_span *field)
{
    int64_t factor = 1;

    while (field->len > 0) {
        char c = to_lower(field->s[field->len - 1]);

        if (c != 'k' && c != 'm')
            break;
        factor *= c == 'k' ? 1024 : 1024 * 1024;
        if (factor > NUMBER_MAX)
            factor = NUMBER_MAX;
        field->len--;
    }
    return factor;
}

static int64_t multiply(int64_t value, int64_t factor)
{
    int64_t limit = NUMBER_MAX / factor;

    if (value > limit)
        return NUMBER_MAX;
    return value < -limit ? -NUMBER_MAX : value * factor;
}

bool updraft_csv_parse_number(struct updraft_csv_span field, int64_t *value)
{
    int64_t factor = take_suffixes(&field);

    if (!parse_integer(field, value))
        return false;
    *value = multiply(*value, factor);
    return true;
}

/* A keyword in lower case, NUL-terminated; false when it is longer than any keyword. */
static bool lower_keyword(struct updraft_csv_span field, char out[UPDRAFT_LABEL_LEN])
{
    if (field.len >= UPDRAFT_LABEL_LEN)
        return false;
    for (size_t i = 0; i < field.len; i++)
        out[i] = to_lower(field.s[i]);
    out[field.len] = '\0';
    return true;
}

bool updraft_csv_parse_type(enum updraft_csv_rules rules, struct updraft_csv_span field,
                            int64_t *value)
{
    int64_t factor = take_suffixes(&field);
    char keyword[UPDRAFT_LABEL_LEN];
    uint8_t number;

    if (parse_integer(field, value)) {
        *value = multiply(*value, factor);
        return true;
    }
    if (!lower_keyword(field, keyword) || !updraft_csv_type_of(rules, keyword, &number))
        return false;
    *value = multiply(number, factor);
    return true;
}

bool updraft_csv_parse_subtype(enum updraft_csv_rules rules, uint8_t type,
                               struct updraft_csv_span field, int64_t *value)
{
    int64_t factor = take_suffixes(&field);
    char keyword[UPDRAFT_LABEL_LEN];
    uint8_t number;

    if (parse_integer(field, value)) {
        *value = multiply(*value, factor);
        return true;
    }
    if (!lower_keyword(field, keyword) || !updraft_csv_subtype_of(rules, type, keyword, &number))
        return false;
    *value = multiply(number, factor);
    return true;
}
