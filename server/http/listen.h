/* The listening socket, made by us rather than by the HTTP library, so that it carries our options. */
#ifndef UPDRAFT_SERVER_HTTP_LISTEN_H
#define UPDRAFT_SERVER_HTTP_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

struct updraft_listen_problem {
    char text[256];
    const char *remedy;
};

/* where: "ADDR:PORT" or "[ADDR6]:PORT", port 0 for any. Gives the socket, or -1. url is what it came to,
 * "http://127.0.0.1:8080". */
int updraft_listen_open(const char *where, char *url, size_t url_cap,
                        struct updraft_listen_problem *problem);

/* How many connections this process has files for. */
unsigned updraft_listen_connections_most(void);

#endif
