/* Rows of sqlite.c's tables, turned back into the changes that wrote them. Nothing is believed: whoever
 * may write the file may have put anything into it. */
#ifndef UPDRAFT_SERVER_STORE_ROWS_H
#define UPDRAFT_SERVER_STORE_ROWS_H

#include "server/fleet/model.h"

struct sqlite3_stmt;

/* The row the statement stands on; out->kind says of which table. False when this program never wrote
 * such a row. */
bool updraft_rows_read(struct sqlite3_stmt *row, struct updraft_change *out);

#endif
