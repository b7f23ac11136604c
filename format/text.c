#include "format/text.h"

#include "format/assert.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

void updraft_text_init(struct updraft_text *text, char *out, size_t cap)
{
    UPDRAFT_ASSERT(cap >= 1);
    text->out = out;
    text->cap = cap;
    text->len = 0;
    text->cut = false;
    out[0] = '\0';
}

/* Nothing is appended after a cut, so that a cut text is always the start of the full one. */
void updraft_text_bytes(struct updraft_text *text, const char *s, size_t len)
{
    size_t room = text->cap - 1 - text->len;

    if (text->cut)
        return;
    if (len > room) {
        len = room;
        text->cut = true;
    }
    memcpy(text->out + text->len, s, len);
    text->len += len;
    text->out[text->len] = '\0';
}

void updraft_text_str(struct updraft_text *text, const char *s)
{
    updraft_text_bytes(text, s, strlen(s));
}

void updraft_text_u32(struct updraft_text *text, uint32_t v)
{
    char digits[10];
    size_t start = sizeof(digits);

    do {
        digits[--start] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    updraft_text_bytes(text, digits + start, sizeof(digits) - start);
}

void updraft_text_hex(struct updraft_text *text, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char pair[2] = {hex_digits[bytes[i] >> 4], hex_digits[bytes[i] & 15]};

        updraft_text_bytes(text, pair, sizeof(pair));
    }
}

/* Half an escape would spoil the JSON around it: it goes in whole or the text ends before it. */
static void append_whole(struct updraft_text *text, const char *s, size_t len)
{
    if (len > text->cap - 1 - text->len)
        text->cut = true;
    else
        updraft_text_bytes(text, s, len);
}

void updraft_text_json(struct updraft_text *text, const char *s)
{
    for (; *s != '\0' && !text->cut; s++) {
        uint8_t c = (uint8_t)*s;

        if (c == '"' || c == '\\') {
            append_whole(text, (const char[]){'\\', *s}, 2);
        } else if (c < 0x20) {
            append_whole(
                text, (const char[]){'\\', 'u', '0', '0', hex_digits[c >> 4], hex_digits[c & 15]},
                6);
        } else {
            updraft_text_bytes(text, s, 1);
        }
    }
}

/* -1 when c is no hex digit. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool updraft_text_unhex(const char *hex, size_t hex_len, uint8_t *out, size_t len)
{
    if (hex_len / 2 != len || hex_len % 2 != 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(hex[2 * i]);
        int low = hex_value(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

bool updraft_text_parse_u32(const char *s, size_t len, uint32_t *value, size_t *used)
{
    uint32_t v = 0;
    size_t i = 0;

    for (; i < len && s[i] >= '0' && s[i] <= '9'; i++) {
        uint32_t digit = (uint32_t)(s[i] - '0');

        if (v > (UINT32_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    if (i == 0)
        return false;
    *value = v;
    *used = i;
    return true;
}

bool updraft_text_equal_constant_time(const void *a, const void *b, size_t len)
{
    /* volatile keeps the compiler from leaving the loop at the first difference. */
    const volatile uint8_t *p = a;
    const volatile uint8_t *q = b;
    uint8_t difference = 0;

    for (size_t i = 0; i < len; i++)
        difference |= (uint8_t)(p[i] ^ q[i]);
    return difference == 0;
}
