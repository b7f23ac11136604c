/* Long lists come in pages: the request says how many and from where, the answer where the next page
 * begins. Cursors are ids, so a page is right also when rows came or went since the last one. Pure. */
#ifndef UPDRAFT_SERVER_OPERATOR_API_PAGE_H
#define UPDRAFT_SERVER_OPERATOR_API_PAGE_H

#include "server/exchange.h"

#define UPDRAFT_PAGE_LIMIT_MOST 1000u

struct updraft_page {
    uint32_t limit;
    int64_t cursor; /* 0: from the beginning. Of attempts and audit rows the id, of devices how many
                     * came before: none is ever taken away */
};

/* From the query's `limit`, page->limit when it is not there, and the parameter that holds the cursor. False when they are not usable:
 * the response says so. */
bool updraft_page_read(struct updraft_page *page, const struct updraft_request *request,
                       const char *cursor_name, struct updraft_response *response);

/* "next": the cursor of the next page; 0: null, this was the last. */
void updraft_page_next(struct updraft_json *json, int64_t cursor);

#endif
