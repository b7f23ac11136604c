/* How updraftd is told what to do: by its command line, and by a file of the same words. The command line
 * wins, then the file, then what is built in.
 *
 * Owns: the texts of the file; those of the command line are argv's. */
#ifndef UPDRAFT_SERVER_OPTIONS_H
#define UPDRAFT_SERVER_OPTIONS_H

#include "server/http/front.h"
#include "server/server.h"

enum { UPDRAFT_EXIT_ENDED = 0, UPDRAFT_EXIT_CANNOT_START = 1, UPDRAFT_EXIT_WRONG_USAGE = 2 };

/* All settings are texts; NULL: not set there. A new one: a member, and a row in options.c. */
struct updraft_settings {
    char *data;
    char *database;
    char *artifacts;
    char *listen;
    char *base_url;
    char *front;
    char *x_accel;
    char *log;
    char *check_interval;
};

struct updraft_options {
    const char *listen;
    struct updraft_front front;
    struct updraft_server_options server;
    /* Where they come from: */
    struct updraft_settings given; /* the command line */
    struct updraft_settings *file; /* NULL: there is none */
    const char *path;              /* of the file */
    bool check;
};

/* Gives -1 to go on, or the exit code: it has said what is wrong, or answered --help, --version or --check. */
int updraft_options_take(struct updraft_options *options, int argc, char **argv);
/* After take gave -1. */
void updraft_options_free(struct updraft_options *options);

#endif
