/* The store in one PostgreSQL database, which several servers may share: they then serve one fleet.
 *
 * One row of store_state holds the number of the last commit; each row of each table holds the number of the
 * commit that wrote it last. A batch runs in one transaction: take the advisory lock (one writer at a time),
 * read the rows with a number that is not known yet, plan, write with the next number. Rows that end stay,
 * marked, for a day, so that others hear of it.
 *
 * The connection may break at any time; the next call makes a new one. Whether a commit that was under way then
 * is kept is looked up: each server notes the number of its last one in store_servers.
 *
 * Without libpq at build time, open says so. */
#ifndef UPDRAFT_SERVER_STORE_POSTGRES_H
#define UPDRAFT_SERVER_STORE_POSTGRES_H

#include "server/store/store.h"

/* Whether --database names a PostgreSQL: postgresql://... or postgres://... */
bool updraft_postgres_named(const char *url);

/* Creates the tables when they are absent. Fills *store only when OK. */
UPDRAFT_MUST_CHECK enum updraft_store_result
updraft_postgres_open(const char *url, struct updraft_store *store,
                      struct updraft_store_problem *problem);

/* The same, but changes nothing: tables of another version are refused (NEWER). Only to load from. */
UPDRAFT_MUST_CHECK enum updraft_store_result
updraft_postgres_open_as_is(const char *url, struct updraft_store *store,
                            struct updraft_store_problem *problem);

#endif
