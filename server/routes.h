/* Which address is answered by which handler: one table. */
#ifndef UPDRAFT_SERVER_ROUTES_H
#define UPDRAFT_SERVER_ROUTES_H

#include "server/exchange.h"

enum updraft_body {
    UPDRAFT_BODY_NONE,
    UPDRAFT_BODY_TEXT,    /* gathered in memory */
    UPDRAFT_BODY_IMAGE,   /* streamed to an upload */
    UPDRAFT_BODY_PACKAGE, /* likewise, without looking inside */
};

struct updraft_route {
    enum updraft_method method;
    const char *pattern; /* segments; "*" stands for one that the handler gets */
    updraft_handler handler;
    enum updraft_body body;
    uint32_t body_cap;
    enum updraft_role role; /* that the token must have; NONE: no token is asked for */
    bool takes_head;
};

/* Splits path in place: request->segments point into it. On NULL, *allow is the methods that the address
 * takes, or NULL when there is no such address. */
const struct updraft_route *updraft_routes_find(char *path, struct updraft_request *request,
                                                const char **allow);

/* The table itself, for tests that compare it with what is written about it. */
const struct updraft_route *updraft_routes_all(size_t *count);

#endif
