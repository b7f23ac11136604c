/* Operators' tokens: 32 random bytes as 64 hex digits; the database holds their SHA-256.
 *
 * The text of the first one lies in DIR/token, readable by the owner only. It may do everything and does
 * not expire. Whoever may write the directory is the operator, so the file decides: delete it and start
 * again, and the old token is void (of servers that share a database, one has the file). The others are made over the REST interface (access.c) and their
 * text is shown once. */
#ifndef UPDRAFT_SERVER_OPERATOR_API_TOKENS_H
#define UPDRAFT_SERVER_OPERATOR_API_TOKENS_H

#include "server/fleet/fleet.h"

#define UPDRAFT_TOKEN_CAP 65u

enum updraft_token_origin {
    UPDRAFT_TOKEN_NEW,    /* made now, and written to the file */
    UPDRAFT_TOKEN_KEPT,   /* read from the file */
    UPDRAFT_TOKEN_FAILED, /* the file can be neither read nor written; errno says why */
};

/* Whether the directory has the file. */
bool updraft_token_present(const char *data_dir);

/* Gives the token and the row that belongs into the database. */
enum updraft_token_origin updraft_token_open(const char *data_dir, int64_t now_ms,
                                             char token[UPDRAFT_TOKEN_CAP],
                                             struct updraft_token_row *row);

/* A new token and its hash. False when the system gives no random bytes; errno says why. */
bool updraft_token_make(char token[UPDRAFT_TOKEN_CAP], uint8_t hash[UPDRAFT_SHA256_LEN]);

/* The token in the Authorization header; NULL when it is missing, unknown or expired. Takes the same
 * time for every wrong one. Valid while the fleet is locked. */
const struct updraft_token_row *updraft_token_find(const struct updraft_fleet *fleet,
                                                   const char *authorization, int64_t now_ms);

#endif
