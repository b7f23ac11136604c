#include "format/error.h"

#include "format/chip.h"
#include "format/text.h"

#include <string.h>

static const struct updraft_error_entry rows[] = {
#define UPDRAFT_ERROR_ROW(constant, number, name, sentence, remedy)                                \
    {UPDRAFT_##constant, name, sentence, remedy},
    UPDRAFT_ERROR_TABLE(UPDRAFT_ERROR_ROW)
#undef UPDRAFT_ERROR_ROW
};

#define CHIP_PLACEHOLDER "{chip}"

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* Reports come from devices that may be newer than their reader. */
static const struct updraft_error_entry unknown_row = {
    UPDRAFT_E_UNSUPPORTED,
    "unknown",
    "the other side reports an error that this version does not know",
    "Update this program; it is older than what it talks to.",
};

const struct updraft_error_entry *updraft_error_entry(uint32_t code)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if ((uint32_t)rows[i].code == code)
            return &rows[i];
    }
    return &unknown_row;
}

const struct updraft_error_entry *updraft_error_row(size_t idx)
{
    return idx < ROW_COUNT ? &rows[idx] : NULL;
}

static size_t bounded_len(const char *s, size_t cap)
{
    const char *end = memchr(s, '\0', cap);

    return end != NULL ? (size_t)(end - s) : cap;
}

static void put_retry(uint32_t retry_after_s, struct updraft_text *text)
{
    if (retry_after_s == 0)
        return;
    updraft_text_str(text, "; try again in ");
    updraft_text_u32(text, retry_after_s);
    updraft_text_str(text, " s");
}

/* Writes what the placeholder at `at` stands for and returns its length; 0 when it is none. */
static size_t put_placeholder(const char *at, const struct updraft_failure *failure,
                              struct updraft_text *text)
{
    if (strncmp(at, "{r}", 3) == 0)
        put_retry(failure->a, text);
    else if (strncmp(at, "{a}", 3) == 0)
        updraft_text_u32(text, failure->a);
    else if (strncmp(at, "{b}", 3) == 0)
        updraft_text_u32(text, failure->b);
    else if (strncmp(at, "{s}", 3) == 0)
        updraft_text_bytes(text, failure->text, bounded_len(failure->text, sizeof(failure->text)));
    else if (strncmp(at, CHIP_PLACEHOLDER, sizeof CHIP_PLACEHOLDER - 1) == 0) {
        updraft_text_str(text, updraft_chip_name((uint16_t)failure->a));
        return sizeof CHIP_PLACEHOLDER - 1;
    } else
        return 0;
    return 3;
}

size_t updraft_failure_sentence(const struct updraft_failure *failure, char *out, size_t out_cap)
{
    const char *at = updraft_error_entry((uint32_t)failure->code)->sentence;
    struct updraft_text text;

    updraft_text_init(&text, out, out_cap);
    while (*at != '\0') {
        size_t used = put_placeholder(at, failure, &text);

        if (used == 0) {
            updraft_text_bytes(&text, at, 1);
            used = 1;
        }
        at += used;
    }
    return text.len;
}

uint32_t updraft_failure_retry_after_s(const struct updraft_failure *failure)
{
    const char *at = updraft_error_entry((uint32_t)failure->code)->sentence;

    for (; *at != '\0'; at++) {
        if (strncmp(at, "{r}", 3) == 0)
            return failure->a;
    }
    return 0;
}

void updraft_failure_set_text(struct updraft_failure *failure, const char *text)
{
    size_t len = 0;

    for (; text != NULL && text[len] != '\0' && len < sizeof(failure->text) - 1; len++)
        failure->text[len] = text[len];
    failure->text[len] = '\0';
}

void updraft_failure_set(struct updraft_failure *failure, enum updraft_error code, uint32_t a,
                         uint32_t b, const char *text)
{
    failure->code = code;
    failure->a = a;
    failure->b = b;
    updraft_failure_set_text(failure, text);
}
