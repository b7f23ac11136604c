/* Where a server may send this device: redirects, and addresses that a descriptor names.
 *
 *   no more than 5 redirects in a row
 *   never from https to http, at any step
 *   what names this device goes to the host that it was configured for, and to no other
 *
 * Owns: these rules. No state; addresses are taken apart by libcurl. */
#ifndef UPDRAFT_PORTS_POSIX_REDIRECT_H
#define UPDRAFT_PORTS_POSIX_REDIRECT_H

#include <stdbool.h>
#include <stddef.h>

#define UPDRAFT_REDIRECT_CAP 5u
#define UPDRAFT_REDIRECT_URL_CAP                                                                   \
    2048u /* with its NUL; signed addresses of object stores are long */

/* The address that a Location header means at `from`, without its fragment. False when it means none. */
bool updraft_redirect_resolve(const char *from, const char *location,
                              char to[UPDRAFT_REDIRECT_URL_CAP]);

/* Why the redirect after `followed` others is not followed; NULL: it is. `to` is absolute. */
const char *updraft_redirect_refusal(const char *from, const char *to, unsigned followed);

/* Scheme, host and port are the same, or it is http's usual port and now https's. */
bool updraft_redirect_is_home(const char *home, const char *url);

/* Of lines "Name: value\n", those that any host may see: none that names this device or proves who it
 * is. out holds as much as lines does. */
void updraft_redirect_strip(const char *lines, char *out);

#endif
