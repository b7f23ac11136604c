/* The dashboard: a page and the few files that it loads, built into the program (web/dashboard/). It
 * knows nothing that the REST interface does not tell, so it needs no token itself.
 *
 * The files are held compressed. A client that does not take gzip gets them unpacked: memory of the
 * file's size for as long as the answer lasts. */
#ifndef UPDRAFT_SERVER_DASHBOARD_H
#define UPDRAFT_SERVER_DASHBOARD_H

#include "server/exchange.h"

/* GET / */
void updraft_dashboard_page(const struct updraft_view *view, const struct updraft_request *request,
                            struct updraft_plan *plan, struct updraft_response *response);
/* GET /assets/FILE: the names change with the content, so a copy is good for ever. */
void updraft_dashboard_asset(const struct updraft_view *view, const struct updraft_request *request,
                             struct updraft_plan *plan, struct updraft_response *response);

/* Whether an Accept-Encoding header, NULL when there is none, allows gzip. */
bool updraft_dashboard_takes_gzip(const char *accept);

struct updraft_dashboard_file {
    const char *path; /* "" is the page */
    const char *type;
    const char *etag; /* of the unpacked bytes */
    const unsigned char *gzip;
    size_t gzip_len;
    size_t len;
};

/* Written by web/dashboard/build.py. */
extern const struct updraft_dashboard_file updraft_dashboard_files[];
extern const size_t updraft_dashboard_file_count;

#endif
