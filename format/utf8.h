/* One code point of UTF-8 at a time, checked: no overlong forms, no surrogates, nothing above
 * U+10FFFF. No memory, nothing kept in flash. */
#ifndef UPDRAFT_FORMAT_UTF8_H
#define UPDRAFT_FORMAT_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_UTF8_CAP 4u /* bytes of the longest code point */

/* Bytes taken (1 to 4) and the code point in *code; 0, with *code untouched, when s does not start
 * with a whole and valid one. */
static inline size_t updraft_utf8_get(const char *s, size_t len, uint32_t *code)
{
    static const uint32_t smallest[UPDRAFT_UTF8_CAP + 1] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = len > 0 ? (uint8_t)s[0] : 0xFFu;
    size_t need = first < 0x80u              ? 1
                  : (first & 0xE0u) == 0xC0u ? 2
                  : (first & 0xF0u) == 0xE0u ? 3
                  : (first & 0xF8u) == 0xF0u ? 4
                                             : 0;
    uint32_t value = need == 1 ? first : first & (0x7Fu >> need);

    if (need == 0 || need > len)
        return 0;
    for (size_t i = 1; i < need; i++) {
        if (((uint8_t)s[i] & 0xC0u) != 0x80u)
            return 0;
        value = value << 6 | ((uint8_t)s[i] & 0x3Fu);
    }
    if (value < smallest[need] || value > 0x10FFFFu || (value >= 0xD800u && value <= 0xDFFFu))
        return 0;
    *code = value;
    return need;
}

/* Writes a code point that updraft_utf8_get could have read; returns its bytes. */
static inline size_t updraft_utf8_put(uint32_t code, char out[UPDRAFT_UTF8_CAP])
{
    size_t len = code < 0x80u ? 1 : code < 0x800u ? 2 : code < 0x10000u ? 3 : 4;

    for (size_t i = len; i-- > 1; code >>= 6)
        out[i] = (char)(0x80u | (code & 0x3Fu));
    out[0] = (char)(len == 1 ? code : (0xF00u >> len & 0xFFu) | code);
    return len;
}

#endif
