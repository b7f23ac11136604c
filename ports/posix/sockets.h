/* Sockets as the virtual device needs them: non-blocking, on one numeric address, and on the same
 * ports again after every restart. */
#ifndef UPDRAFT_PORTS_POSIX_SOCKETS_H
#define UPDRAFT_PORTS_POSIX_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* A numeric IPv4 or IPv6 address. False when the text is none. */
bool updraft_sockets_parse(const char *address, struct sockaddr_storage *out);

/* Bound to address and *port; *port 0 is replaced by the port the system chose. -1, errno set. */
int updraft_sockets_bind(const struct sockaddr_storage *address, int type, uint16_t *port);

socklen_t updraft_sockets_address_len(const struct sockaddr_storage *address);
uint16_t updraft_sockets_port(const struct sockaddr_storage *address);
void updraft_sockets_set_port(struct sockaddr_storage *address, uint16_t port);

/* The address as text, without port; "?" when it does not fit or is of another family. */
void updraft_sockets_print(const struct sockaddr *address, char *out, size_t out_cap);

#endif
