/* The operator side of a server: where it is, the token, one call of its API.
 *
 * Owns: the precedence of --server/--token, UPDRAFT_SERVER/UPDRAFT_TOKEN, and the file that
 * `updraft login` writes (~/.config/updraft/server.json, mode 0600). */
#ifndef UPDRAFT_CLI_SERVER_H
#define UPDRAFT_CLI_SERVER_H

#include "cli/command.h"
#include "cli/http.h"

struct updraft_server {
    char url[256];   /* without slash at the end */
    char token[256]; /* empty: none */
};

/* Options of every command that speaks to a server. */
#define UPDRAFT_SERVER_OPTIONS                                                                     \
    {"server", 0, "URL", "the server (else UPDRAFT_SERVER, else what 'updraft login' kept)"},      \
    {                                                                                              \
        "token", 0, "TEXT", "its token (else UPDRAFT_TOKEN, else what 'updraft login' kept)"       \
    }

UPDRAFT_MUST_CHECK enum updraft_exit updraft_server_open(struct updraft_cli *cli,
                                                         struct updraft_server *server);
/* Checks and trims an address: http or https, no path. */
UPDRAFT_MUST_CHECK enum updraft_exit
updraft_server_set_url(struct updraft_server *server, const char *url, struct updraft_fail *fail);
/* Keeps address and token for later commands; writes the file's name to path. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_server_keep(const struct updraft_server *server,
                                                         char *path, size_t path_cap,
                                                         struct updraft_fail *fail);

/* One call: path begins with "/". request may bring method, body, content type, progress; NULL: a
 * GET. On success *json is the answer, the caller deletes it. */
UPDRAFT_MUST_CHECK enum updraft_exit
updraft_server_call(struct updraft_cli *cli, const struct updraft_server *server, const char *path,
                    const struct updraft_http_request *request, cJSON **json);

/* Opens the server and makes one call; the members of its answer become those of the result. */
UPDRAFT_MUST_CHECK enum updraft_exit
updraft_server_fetch(struct updraft_cli *cli, const char *path,
                     const struct updraft_http_request *request, cJSON *result);

#endif
