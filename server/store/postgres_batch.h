/* Changes on their way into PostgreSQL: rows of one table go as one statement, its columns as arrays.
 *
 * Changes of different rows may change places, those of one row never do: when one comes that would have to go
 * before another of its row, the batch is full and must be sent first. */
#ifndef UPDRAFT_SERVER_STORE_POSTGRES_BATCH_H
#define UPDRAFT_SERVER_STORE_POSTGRES_BATCH_H

#include "server/store/tables.h"

#include <libpq-fe.h>

struct updraft_postgres_batch;

struct updraft_postgres_batch *updraft_postgres_batch_new(void);
void updraft_postgres_batch_free(struct updraft_postgres_batch *batch);

/* Prepares the statements that send() uses. The result of the first that fails, or NULL. */
PGresult *updraft_postgres_batch_prepare(PGconn *conn);

/* False when it must be sent and cleared first. */
bool updraft_postgres_batch_add(struct updraft_postgres_batch *batch,
                                const struct updraft_change *change);
void updraft_postgres_batch_clear(struct updraft_postgres_batch *batch);
/* In pipeline mode; seq: number of this commit. False when the connection is lost. */
bool updraft_postgres_batch_send(const struct updraft_postgres_batch *batch, PGconn *conn,
                                 int64_t seq);

#endif
