/* The server as one object: everything it owns, opened and closed together. No sockets: http/ carries
 * requests to it. */
#ifndef UPDRAFT_SERVER_SERVER_H
#define UPDRAFT_SERVER_SERVER_H

#include "server/hooks/hooks.h"
#include "server/news.h"
#include "server/operator_api/tokens.h"
#include "server/writer.h"

struct updraft_server {
    struct updraft_fleet fleet;
    struct updraft_store store;
    struct updraft_artifacts artifacts;
    struct updraft_writer writer;
    struct updraft_news news;
    struct updraft_hooks hooks;
    struct updraft_log log;
    char base_url[256];            /* without a slash at its end; "": the request's Host */
    char token[UPDRAFT_TOKEN_CAP]; /* "": another server that shares the database has it */
    bool token_is_new;
    int lock_fd; /* held while the directory is ours */
};

/* Why the server cannot start, and what to do about it. */
struct updraft_server_problem {
    char text[512];
    const char *remedy;
};

struct updraft_server_options {
    const char *data_dir;
    const char *database;      /* "": a file in data_dir; or the address of a PostgreSQL database */
    const char *artifacts_dir; /* "": below data_dir */
    const char *base_url;
    enum updraft_log_form log_form;
    uint32_t check_interval_s; /* of our own check-in; 0: as usual */
};

/* Creates the directories when they are absent, loads the fleet, starts the writer. */
bool updraft_server_open(struct updraft_server *server,
                         const struct updraft_server_options *options,
                         struct updraft_server_problem *problem);
/* Only a new start helps; the log has said why. */
bool updraft_server_hopeless(struct updraft_server *server);

/* Commits what is behind. Requests still on their way are answered before it returns; further ones are
 * refused. */
void updraft_server_stop(struct updraft_server *server);
/* After stop, when no request is left. */
void updraft_server_close(struct updraft_server *server);

#endif
