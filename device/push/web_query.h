/* What a request says in its query, as far as the ways in over HTTP ask.
 * No state, no memory of its own, nothing in flash. */
#ifndef UPDRAFT_DEVICE_PUSH_WEB_QUERY_H
#define UPDRAFT_DEVICE_PUSH_WEB_QUERY_H

#include <stddef.h>

/* The value of the first `name=`, up to the next '&'; NULL when it is not there. No value that we ask
 * for needs percent-encoding, so none is decoded. query may be NULL. */
const char *updraft_web_query_value(const char *query, const char *name, size_t *len);

#endif
