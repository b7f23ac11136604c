/* One connection to PostgreSQL: made, made usable for the store, and explained when it breaks.
 *
 * Owns: nothing; the connection is the caller's. One thread at a time a connection. */
#ifndef UPDRAFT_SERVER_STORE_POSTGRES_LINK_H
#define UPDRAFT_SERVER_STORE_POSTGRES_LINK_H

#include "server/store/store.h"

#include <libpq-fe.h>

/* The lock that one writer at a time holds, one for each schema of a database. */
#define UPDRAFT_POSTGRES_LOCK "SELECT pg_advisory_xact_lock(1970304102, hashtext(current_schema()))"

/* NULL with *problem when there is none to be had. */
PGconn *updraft_postgres_connect(const char *url, struct updraft_store_problem *problem);

/* What went wrong, from the result or, when that is NULL, from the connection. `what` begins the sentence. */
enum updraft_store_result updraft_postgres_explain(const PGconn *conn, const PGresult *result,
                                                   const char *what,
                                                   struct updraft_store_problem *problem);

/* Runs statements without parameters; the result of the last one is only checked. */
enum updraft_store_result updraft_postgres_run(PGconn *conn, const char *sql, const char *what,
                                               struct updraft_store_problem *problem);

/* Whether the tables are those of this program; nothing is changed. */
enum updraft_store_result updraft_postgres_check(PGconn *conn,
                                                 struct updraft_store_problem *problem);

/* Brings the tables up to date, or creates them; one server at a time. */
enum updraft_store_result updraft_postgres_migrate(PGconn *conn,
                                                   struct updraft_store_problem *problem);

/* --- the commits of others, heard of at once --- */

struct updraft_postgres_ear;

/* A thread with a connection of its own; wake is called when another server than `self` has committed. */
struct updraft_postgres_ear *updraft_postgres_listen(const char *url, const char *self,
                                                     void (*wake)(void *wake_ctx), void *wake_ctx);
void updraft_postgres_unlisten(struct updraft_postgres_ear *ear);

#endif
