#include "server/device_api/range.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Digits at *at, which moves behind them. Saturates: beyond any file is beyond this one too. */
static bool parse_position(const char **at, uint64_t *position)
{
    const char *start = *at;

    *position = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        unsigned digit = (unsigned)(**at - '0');
        *position = *position > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *position * 10 + digit;
    }
    return *at != start;
}

static void skip_blanks(const char **at)
{
    while (**at == ' ' || **at == '\t')
        (*at)++;
}

struct updraft_range updraft_range_choose(const char *range, const char *if_range, const char *etag,
                                          uint64_t file_len)
{
    const struct updraft_range whole = {200, 0, file_len};
    const struct updraft_range none = {416, 0, 0};
    uint64_t first = 0, last = UINT64_MAX;

    if (range == NULL || strncasecmp(range, "bytes=", 6) != 0)
        return whole;
    /* Only the strong tag proves the same bytes: a weak one or a date does not. */
    if (if_range != NULL && strcmp(if_range, etag) != 0)
        return whole;
    const char *at = range + 6;
    skip_blanks(&at);
    bool has_first = parse_position(&at, &first);
    if (*at++ != '-')
        return whole;
    bool has_last = parse_position(&at, &last);
    skip_blanks(&at);
    if (*at != '\0' || (!has_first && !has_last) || (has_first && has_last && last < first))
        return whole;

    if (!has_first) {
        if (last == 0 || file_len == 0)
            return none;
        uint64_t len = last < file_len ? last : file_len;
        return (struct updraft_range){206, file_len - len, len};
    }
    if (first >= file_len)
        return none;
    if (!has_last || last >= file_len)
        last = file_len - 1;
    return (struct updraft_range){206, first, last - first + 1};
}
