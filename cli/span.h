/* Lengths of time as people write them on a command line: 45s, 30m, 12h, 90d. Pure. */
#ifndef UPDRAFT_CLI_SPAN_H
#define UPDRAFT_CLI_SPAN_H

#include "cli/command.h"

/* In seconds; false when it is nothing like that. 0 is a length, too. */
bool updraft_span_parse(const char *text, double *seconds);
/* The option's value in seconds; *seconds stays as it is when it is not given. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_span_option(struct updraft_cli *cli, const char *name,
                                                         double *seconds);

#endif
