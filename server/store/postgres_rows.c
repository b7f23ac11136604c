#include "server/store/postgres_rows.h"

#include "format/assert.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

static void put_select(FILE *sql, const struct updraft_table *table)
{
    static const char *const all[] = {"@", "@", "@", "@"};

    fputs("SELECT ", sql);
    updraft_table_list(sql, table, all, ",");
}

static char *statement_of(void (*put)(FILE *sql, const struct updraft_table *table),
                          const struct updraft_table *table)
{
    char *text = NULL;
    size_t len;
    FILE *sql = open_memstream(&text, &len);

    UPDRAFT_ASSERT(sql != NULL);
    put(sql, table);
    UPDRAFT_ASSERT(fclose(sql) == 0);
    return text;
}

static const char *order_of(const struct updraft_table *table)
{
    return table->order == NULL ? "store_order" : table->order;
}

static void put_news(FILE *sql, const struct updraft_table *table)
{
    put_select(sql, table);
    fprintf(sql, ",store_ended IS NOT NULL FROM %s WHERE store_seq>$1 ORDER BY %s", table->name,
            order_of(table));
}

static void put_load(FILE *sql, const struct updraft_table *table)
{
    fputs("DECLARE rows NO SCROLL CURSOR FOR ", sql);
    put_select(sql, table);
    fprintf(sql, " FROM %s WHERE store_ended IS NULL ORDER BY %s", table->name, order_of(table));
}

char *updraft_postgres_load_sql(const struct updraft_table *table)
{
    return statement_of(put_load, table);
}

char *updraft_postgres_news_sql(const struct updraft_table *table)
{
    return statement_of(put_news, table);
}

static bool read_number(const PGresult *rows, int at, int i, int64_t *value)
{
    uint64_t number_be;

    if (PQgetisnull(rows, at, i) != 0 || PQgetlength(rows, at, i) != (int)sizeof number_be)
        return false;
    memcpy(&number_be, PQgetvalue(rows, at, i), sizeof number_be);
    *value = (int64_t)be64toh(number_be);
    return true;
}

static bool read_row(const PGresult *rows, int at, const struct updraft_table *table, void *row)
{
    bool ok = true;

    for (int i = 0; ok && i < (int)table->column_count; i++) {
        const struct updraft_column *column = &table->columns[i];
        const void *bytes = PQgetisnull(rows, at, i) != 0 ? NULL : PQgetvalue(rows, at, i);
        int64_t number;
        switch (column->type) {
        case UPDRAFT_COLUMN_NUMBER:
        case UPDRAFT_COLUMN_RING:
            ok = read_number(rows, at, i, &number) &&
                 updraft_column_take_number(column, row, number);
            break;
        case UPDRAFT_COLUMN_TEXT:
        case UPDRAFT_COLUMN_LINES:
        case UPDRAFT_COLUMN_BLOB:
            ok = updraft_column_take_bytes(column, row, bytes, (size_t)PQgetlength(rows, at, i));
            break;
        }
    }
    return ok;
}

bool updraft_postgres_give_row(const PGresult *rows, int at, const struct updraft_table *table,
                               enum updraft_change_kind kind, updraft_store_row_fn row,
                               void *row_ctx)
{
    struct updraft_change change;

    memset(&change, 0, sizeof change);
    change.kind = kind;
    if (!read_row(rows, at, table, &change.row))
        return false;
    row(row_ctx, &change);
    return true;
}
