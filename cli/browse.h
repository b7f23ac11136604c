/* Looks for devices by mDNS, through the Avahi daemon. browse_none.c stands in where Avahi's client
 * library is not there to build with. */
#ifndef UPDRAFT_CLI_BROWSE_H
#define UPDRAFT_CLI_BROWSE_H

#include "cli/found.h"

/* Adds what answers within timeout_ms, earlier when the daemon knows of no more to come. False when
 * this computer cannot look: *reason says why. */
bool updraft_browse(struct updraft_found_list *list, uint32_t timeout_ms, const char **reason);

#endif
