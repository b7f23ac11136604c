/* The list of commands, and the help made from it. */
#ifndef UPDRAFT_CLI_HELP_H
#define UPDRAFT_CLI_HELP_H

#include "cli/command.h"

#include <stdio.h>

/* The command whose one or two words stand first; *words is how many. NULL when there is none. */
const struct updraft_command *updraft_help_find(int count, char *const *words_given, int *words);

/* "make, show, boot, set-boot" for "flash"; NULL when no two-word command begins so. Static text.
 */
const char *updraft_help_group(const char *word);

/* The command that a mistyped one may have meant; NULL when none is near. */
const char *updraft_help_nearest(int count, char *const *words_given);

void updraft_help_program(FILE *out);
void updraft_help_command(const struct updraft_command *command);
/* help, help COMMAND, help exit-codes. False when there is no such topic. */
bool updraft_help_topic(int count, char *const *words);

#endif
