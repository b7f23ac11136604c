/* Every row kind, described once: which table a change is a row of, which member of its struct is which
 * column, what may be read back, and what becomes of a column when the row is there already. The stores
 * know no row kind by name: their statements, what they bind and what they check are made from this.
 *
 * To add a row kind:
 *   1. model.h: its struct, a kind of change (and one that ends it, if rows ever go), the union;
 *   2. schema.c: a step that makes the table;
 *   3. tables.c: its columns, and a line in updraft_tables, behind the tables it refers to;
 *   4. fleet.c: apply it.
 * To add a column: the member, a step (ALTER TABLE ... ADD COLUMN ... NOT NULL DEFAULT ...), a line here.
 *
 * Pure; owns nothing but constants. */
#ifndef UPDRAFT_SERVER_STORE_TABLES_H
#define UPDRAFT_SERVER_STORE_TABLES_H

#include "format/error.h"
#include "server/fleet/model.h"

#include <stddef.h>
#include <stdio.h>

enum updraft_column_type {
    UPDRAFT_COLUMN_NUMBER, /* INTEGER: an integer, an enum or a bool of any width */
    UPDRAFT_COLUMN_TEXT,   /* TEXT: char[], one line */
    UPDRAFT_COLUMN_LINES,  /* TEXT: char[], lines */
    UPDRAFT_COLUMN_BLOB,   /* BLOB: uint8_t[], always all of it */
    UPDRAFT_COLUMN_RING, /* INTEGER: place of a number in a ring of `most`; behind that number's column */
};

/* What a row that is there already makes of the new value. */
enum updraft_column_rule {
    UPDRAFT_COLUMN_KEY,   /* part of what makes it the same row */
    UPDRAFT_COLUMN_TAKE,  /* takes it */
    UPDRAFT_COLUMN_KEEP,  /* stays as it was when the row was new */
    UPDRAFT_COLUMN_LATER, /* takes it when it is larger */
};
#define UPDRAFT_COLUMN_RULE_COUNT 4

struct updraft_column {
    const char *name;
    enum updraft_column_type type;
    enum updraft_column_rule rule;
    size_t off; /* in the row of the change */
    size_t len; /* of the member; a text's with the NUL */
    int64_t least;
    int64_t most;
};

struct updraft_table {
    const char *name;
    enum updraft_change_kind kind; /* the change that is a row of it */
    bool ends; /* ended_by takes rows away; its row has the key at the same place */
    enum updraft_change_kind ended_by;
    /* The change only updates a row that is there, if this condition holds ("": none); it is never loaded,
     * and the number 0 as a key means no row. NULL: an ordinary table. */
    const char *update_where;
    const char *order; /* of loading; NULL: order of arrival */
    const struct updraft_column *columns;
    size_t column_count;
};

/* What others refer to comes first. */
extern const struct updraft_table updraft_tables[];
extern const size_t updraft_table_count;

/* Writes a list of columns into a statement: of each the form of its rule (NULL: left out), wherein @ stands
 * for the column's name and # for its number, from 1. */
void updraft_table_list(FILE *sql, const struct updraft_table *table,
                        const char *const forms[UPDRAFT_COLUMN_RULE_COUNT], const char *separator);
/* Whether a row that is there changes at all. */
bool updraft_table_takes(const struct updraft_table *table);

/* `row` is the union of a change, or the struct in it. */
int64_t updraft_column_number(const struct updraft_column *column, const void *row);
/* Of TEXT, LINES and BLOB. */
const void *updraft_column_bytes(const struct updraft_column *column, const void *row, size_t *len);
/* What a change that only updates has a row to update. Always true for an ordinary table. */
bool updraft_table_concerns(const struct updraft_table *table, const void *row);

/* Columns that someone else may have edited, on their way into a zeroed row, in the order of the
 * description. False when this program never wrote such a value. */
UPDRAFT_MUST_CHECK bool updraft_column_take_number(const struct updraft_column *column, void *row,
                                                   int64_t value);
/* bytes may be NULL: there is no value. */
UPDRAFT_MUST_CHECK bool updraft_column_take_bytes(const struct updraft_column *column, void *row,
                                                  const void *bytes, size_t len);

#endif
