/* The dashboard: one page, built into the program (web/dashboard/). It knows nothing that the REST
 * interface does not tell, so it needs no token itself. */
#ifndef UPDRAFT_SERVER_DASHBOARD_H
#define UPDRAFT_SERVER_DASHBOARD_H

#include "server/exchange.h"

void updraft_dashboard_answer(const struct updraft_view *view,
                              const struct updraft_request *request, struct updraft_plan *plan,
                              struct updraft_response *response);

/* Written by web/dashboard/embed.py: the page, its policy with the hashes of its script and style,
 * and a strong tag. */
extern const unsigned char updraft_dashboard_page[];
extern const size_t updraft_dashboard_page_len;
extern const char updraft_dashboard_policy[];
extern const char updraft_dashboard_etag[];

#endif
