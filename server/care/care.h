/* What an operator does for the data when nothing is asked over HTTP: back it up, put it back, look whether it
 * is whole. The commands `updraftd backup`, `restore` and `verify`.
 *
 * A backup is a data directory: database, artifacts, token. A server may run while it is made; it gets its name
 * when it is complete and on the disk, so what has the name is whole. */
#ifndef UPDRAFT_SERVER_CARE_CARE_H
#define UPDRAFT_SERVER_CARE_CARE_H

#include <stdbool.h>

/* Whether the command line begins with one of the commands. */
bool updraft_care_named(int argc, char **argv);
/* argv[1] is the command; gives the exit code. */
int updraft_care_main(int argc, char **argv);

#endif
