/* Which devices a request is about, and in which order they are listed. Nobody looks at more devices than a
 * slice without giving the fleet's lock to who waits for it. */
#ifndef UPDRAFT_SERVER_OPERATOR_API_SELECTION_H
#define UPDRAFT_SERVER_OPERATOR_API_SELECTION_H

#include "server/operator_api/page.h"
#include "server/rollouts/member.h"

#define UPDRAFT_SELECTION_SLICE 20000u

extern const struct updraft_refusal updraft_selection_no_device;

/* By an id as people write it; NULL when there is none. */
const struct updraft_device *updraft_selection_device(const struct updraft_view *view,
                                                      const char *text);

/* All of it must hold; NULL and an empty filter take every device. */
struct updraft_selection {
    struct updraft_filter filter;
    const char *product;
    const char *channel; /* that it is on */
    const char *states;  /* "failed,rolled_back" */
    const char *search;  /* a piece of the name, id, version or address, in any case */
};

bool updraft_selection_takes(const struct updraft_selection *selection,
                             const struct updraft_device *device);

/* From the parameters filter, product, channel, state and search. False after a refusal. */
bool updraft_selection_read(const struct updraft_request *request,
                            struct updraft_selection *selection, struct updraft_response *response);

/* One page of them. */
struct updraft_selected {
    const struct updraft_device *devices[UPDRAFT_PAGE_LIMIT_MOST];
    size_t count;
    int64_t next; /* the cursor of the next page; 0: this was the last */
};

/* In order of arrival. */
void updraft_selection_page(const struct updraft_fleet *fleet,
                            const struct updraft_selection *selection,
                            const struct updraft_page *page, struct updraft_selected *out);

/* Sorted by id, name, version, product, group, state or last_seen; "-" before it turns the order round.
 * False after a refusal: there is no such order, or there are more devices than a slice. */
bool updraft_selection_sorted(const struct updraft_fleet *fleet,
                              const struct updraft_selection *selection, const char *order,
                              const struct updraft_page *page, struct updraft_selected *out,
                              struct updraft_response *response);

#endif
