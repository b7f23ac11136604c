/* An IP address as 16 bytes: IPv6, or IPv4 mapped into it; all zero when none is known. Pure. */
#ifndef UPDRAFT_SERVER_FLEET_ADDRESS_H
#define UPDRAFT_SERVER_FLEET_ADDRESS_H

#include "server/names.h"

struct updraft_address {
    uint8_t bytes[16];
};

/* Anything that is no address of a host gives none. */
struct updraft_address updraft_address_parse(const char *text);
/* "" for none. */
void updraft_address_show(const struct updraft_address *address, char out[UPDRAFT_ADDRESS_CAP]);

#endif
