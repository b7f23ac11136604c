/* Which of two versions is the later one. */
#ifndef UPDRAFT_CLI_VERSION_H
#define UPDRAFT_CLI_VERSION_H

/* Below, equal to or above 0, as strcmp. Numbers are compared as numbers ("1.10" after "1.9"), a
 * leading v is passed over, missing numbers are 0, and what follows a '-' comes before the version
 * without it ("2.0-rc1" before "2.0"). What follows a '+' does not count. */
int updraft_version_compare(const char *a, const char *b);

#endif
