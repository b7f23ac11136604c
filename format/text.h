/* Bounded text without stdio: appends to a caller's buffer, keeps it NUL-terminated, and remembers
 * when something was cut. For messages, protocol lines and small JSON on the device. */
#ifndef UPDRAFT_FORMAT_TEXT_H
#define UPDRAFT_FORMAT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct updraft_text {
    char *out;
    size_t cap; /* bytes of out, at least 1 */
    size_t len; /* without NUL */
    bool cut;   /* something did not fit */
};

void updraft_text_init(struct updraft_text *text, char *out, size_t cap);
void updraft_text_str(struct updraft_text *text, const char *s);
void updraft_text_bytes(struct updraft_text *text, const char *s, size_t len);
void updraft_text_u32(struct updraft_text *text, uint32_t v);
/* Lower-case hex, two digits a byte. */
void updraft_text_hex(struct updraft_text *text, const uint8_t *bytes, size_t len);
/* The inside of a JSON string: quotes, backslash and control bytes escaped, the rest as it is. */
void updraft_text_json(struct updraft_text *text, const char *s);

/* Reads exactly 2*len hex digits of either case. False, with out undefined, on anything else. */
bool updraft_text_unhex(const char *hex, size_t hex_len, uint8_t *out, size_t len);

/* Reads decimal digits from s; stops at the first other byte. False without a digit or past 2^32-1.
 * *used is the number of digits. */
bool updraft_text_parse_u32(const char *s, size_t len, uint32_t *value, size_t *used);

/* Compares secrets: the time depends on len only. */
bool updraft_text_equal_constant_time(const void *a, const void *b, size_t len);

#endif
