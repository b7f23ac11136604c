/* From where a request may come: a program, or a page of this very device. What a browser says by
 * itself tells: Host is the name under which it reached the device, Origin and Referer name the
 * page that asked.
 *
 *   a page elsewhere posts to the device       Origin or Referer is not the Host
 *   a foreign name that leads to the device    Host is neither an address nor a name of the device:
 *   (DNS rebinding)                            whoever owns that name wrote the page
 *
 * No state, no memory of its own, nothing in flash. */
#ifndef UPDRAFT_DEVICE_PUSH_WEB_ORIGIN_H
#define UPDRAFT_DEVICE_PUSH_WEB_ORIGIN_H

#include <stdbool.h>

/* True when a page of another host sent the request. Programs send no Origin and pass. NULL: the
 * header is absent. */
bool updraft_web_is_foreign(const char *origin, const char *host);

/* The same by Referer, which holds a path, too. A browser may leave it out, and then it passes. */
bool updraft_web_refers_elsewhere(const char *referer, const char *host);

/* True when host, with or without a port, is an IPv4 or IPv6 address, localhost, a name under
 * .local, or own_name (NULL: none). NULL is a program of old, and passes. */
bool updraft_web_is_own_host(const char *host, const char *own_name);

#endif
