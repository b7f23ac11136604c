/* Who may send an upload: Basic authentication and the Origin check.
 * No state, no memory of its own, nothing in flash. */
#ifndef UPDRAFT_DEVICE_PUSH_WEB_AUTH_H
#define UPDRAFT_DEVICE_PUSH_WEB_AUTH_H

#include <stdbool.h>

/* authorization: the request header's value or NULL. True when it is Basic with that password,
 * under any user name. A password may hold colons; the user name may not (RFC 7617). */
bool updraft_web_has_password(const char *authorization, const char *password);

/* True when a browser page of another host sent the request. Programs send no Origin and pass; so
 * does a page of this very host. NULL: the header is absent. */
bool updraft_web_is_foreign(const char *origin, const char *host);

#endif
