#include "format/ptable_rows.h"

#include <string.h>

#define QUOTED_CAP 40u

void updraft_csv_begin_message(struct updraft_csv_result *result, uint32_t line,
                               struct updraft_text *text)
{
    result->line = line;
    updraft_text_init(text, result->message, sizeof(result->message));
}

void updraft_csv_append_hex(struct updraft_text *text, int64_t value)
{
    char digits[16];
    size_t start = sizeof(digits);
    uint64_t rest = value < 0 ? 0u - (uint64_t)value : (uint64_t)value;

    do {
        digits[--start] = "0123456789abcdef"[rest & 15u];
        rest >>= 4;
    } while (rest != 0);
    updraft_text_str(text, value < 0 ? "-0x" : "0x");
    updraft_text_bytes(text, digits + start, sizeof(digits) - start);
}

void updraft_csv_append_quoted(struct updraft_text *text, const char *s, size_t len)
{
    size_t shown = len <= QUOTED_CAP ? len : QUOTED_CAP;

    /* Not in the middle of a character. */
    while (shown < len && shown > 0 && ((uint8_t)s[shown] & 0xC0u) == 0x80u)
        shown--;
    updraft_text_str(text, "'");
    for (size_t i = 0; i < shown; i++) {
        bool is_control = (uint8_t)s[i] < 0x20u || s[i] == 0x7F;

        updraft_text_bytes(text, is_control ? "?" : &s[i], 1);
    }
    updraft_text_str(text, shown < len ? "...'" : "'");
}

enum updraft_error updraft_csv_fail(struct updraft_csv_result *result, enum updraft_error error,
                                    uint32_t line, const char *message)
{
    struct updraft_text text;

    updraft_csv_begin_message(result, line, &text);
    updraft_text_str(&text, message);
    return error;
}
