/* HOST or HOST:PORT, and sets of IPv4 addresses.
 *
 * Owns: what an address of a device looks like on the command line. Memory: the caller's. */
#ifndef UPDRAFT_CLI_ADDRESS_H
#define UPDRAFT_CLI_ADDRESS_H

#include "cli/fail.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_ADDRESS_CAP 256u
#define UPDRAFT_SUBNET_CAP  4096u /* addresses that may be asked at once */

/* *port is 0 when none is given. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_address_read(const char *text,
                                                          char host[UPDRAFT_ADDRESS_CAP],
                                                          uint16_t *port,
                                                          struct updraft_fail *fail);

/* "192.168.1.0/24": its first host address and how many there are (network and broadcast address
 * left out where there are such). */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_address_subnet(const char *text, uint32_t *first,
                                                            uint32_t *count,
                                                            struct updraft_fail *fail);

/* The address as text, host byte order. */
void updraft_address_text(uint32_t address, char out[INET_ADDRSTRLEN]);

/* Name or address; false with the reason. */
bool updraft_address_resolve(const char *host, struct in_addr *out, const char **reason);

/* The subnets this computer is in, as "192.168.1.0/24 10.0.0.0/24"; "" when there is none. */
void updraft_address_own_subnets(char *out, size_t out_cap);

#endif
