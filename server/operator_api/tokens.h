/* The operator's token: 32 random bytes as 64 hex digits. The text lies in DIR/token, readable by the
 * owner only; the database holds its SHA-256. Whoever may write the directory is the operator, so the
 * file decides: delete it and start again, and the old token is void. */
#ifndef UPDRAFT_SERVER_OPERATOR_API_TOKENS_H
#define UPDRAFT_SERVER_OPERATOR_API_TOKENS_H

#include "server/fleet/fleet.h"

#define UPDRAFT_TOKEN_CAP 65u

enum updraft_token_origin {
    UPDRAFT_TOKEN_NEW,    /* made now, and written to the file */
    UPDRAFT_TOKEN_KEPT,   /* read from the file */
    UPDRAFT_TOKEN_FAILED, /* the file can be neither read nor written; errno says why */
};

/* Gives the token and the row that belongs into the database. */
enum updraft_token_origin updraft_token_open(const char *data_dir, int64_t now_ms,
                                             char token[UPDRAFT_TOKEN_CAP],
                                             struct updraft_token_row *row);

/* True when the Authorization header holds a known token. Takes the same time for every wrong one. */
bool updraft_token_authorises(const struct updraft_fleet *fleet, const char *authorization);

#endif
