#include "server/operator_api/page.h"

#include <string.h>

#define DIGITS_MOST 15u /* what JavaScript can tell one from another */

/* 1 to most; false for anything else. */
static bool parse(const char *text, int64_t most, int64_t *out)
{
    size_t len = strlen(text);
    int64_t number = 0;

    if (len == 0 || len > DIGITS_MOST || strspn(text, "0123456789") != len)
        return false;
    for (; *text != '\0'; text++)
        number = number * 10 + (*text - '0');
    if (number == 0 || number > most)
        return false;
    *out = number;
    return true;
}

bool updraft_page_read(struct updraft_page *page, const struct updraft_request *request,
                       const char *cursor_name, struct updraft_response *response)
{
    static const struct updraft_refusal bad_limit = {400, "bad_limit",
                                                     "Give a number of 1 to 1000."};
    static const struct updraft_refusal bad_cursor = {
        400, "bad_cursor", "Give what the page before this one has as \"next\"."};
    const char *limit_text = updraft_request_query(request, "limit");
    const char *cursor_text = updraft_request_query(request, cursor_name);
    int64_t limit = page->limit, cursor = 0;

    if (limit_text != NULL && !parse(limit_text, UPDRAFT_PAGE_LIMIT_MOST, &limit)) {
        updraft_response_refuse(response, &bad_limit, "limit is not usable");
        return false;
    }
    if (cursor_text != NULL && !parse(cursor_text, INT64_MAX, &cursor)) {
        updraft_response_refuse(response, &bad_cursor, "%s is not usable", cursor_name);
        return false;
    }
    page->limit = (uint32_t)limit;
    page->cursor = cursor;
    return true;
}

void updraft_page_next(struct updraft_json *json, int64_t cursor)
{
    if (cursor == 0)
        updraft_json_null(json, "next");
    else
        updraft_json_number(json, "next", cursor);
}
