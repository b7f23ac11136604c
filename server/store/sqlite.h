/* The store in one SQLite file. Write-ahead log, synchronous=FULL: a commit is on the disk when it
 * returns. The schema carries a version; an older one is brought up to date when it is opened. */
#ifndef UPDRAFT_SERVER_STORE_SQLITE_H
#define UPDRAFT_SERVER_STORE_SQLITE_H

#include "server/store/store.h"

/* Creates the file when absent; checks its integrity. Fills *store only when OK. */
UPDRAFT_MUST_CHECK enum updraft_store_result
updraft_sqlite_open(const char *path, struct updraft_store *store,
                    struct updraft_store_problem *problem);

/* Copies the database into a new file, also while a server writes to it. After a failure a part of the file may
 * be there. */
UPDRAFT_MUST_CHECK enum updraft_store_result
updraft_sqlite_copy(const char *from, const char *to, struct updraft_store_problem *problem);

/* Opens a temporary copy, checked from end to end; the file itself is only read, also while a server writes to
 * it. */
UPDRAFT_MUST_CHECK enum updraft_store_result
updraft_sqlite_open_copy(const char *path, struct updraft_store *store,
                         struct updraft_store_problem *problem);

#endif
