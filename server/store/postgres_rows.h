/* Rows as PostgreSQL gives them: the statements that ask for them, and what they hold as changes.
 *
 * Owns: how a table of tables.h is read. Does not own: the connection, the results.
 * Memory: the statements are the caller's to free. */
#ifndef UPDRAFT_SERVER_STORE_POSTGRES_ROWS_H
#define UPDRAFT_SERVER_STORE_POSTGRES_ROWS_H

#include "server/store/store.h"
#include "server/store/tables.h"

#include <libpq-fe.h>

/* All rows that have not ended, by a cursor called rows. */
char *updraft_postgres_load_sql(const struct updraft_table *table);
/* Those of commits after $1, also the ended ones: a last column says which they are. */
char *updraft_postgres_news_sql(const struct updraft_table *table);

/* Gives the row, in binary form, as a change of this kind. False when this program never wrote it. */
bool updraft_postgres_give_row(const PGresult *rows, int at, const struct updraft_table *table,
                               enum updraft_change_kind kind, updraft_store_row_fn row,
                               void *row_ctx);

#endif
