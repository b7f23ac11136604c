#include "server/store/postgres_batch.h"

#include "format/assert.h"
#include "server/memory.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Types of PostgreSQL, by their fixed numbers. */
enum { BYTEA = 17, INT8 = 20, TEXT = 25, BYTEAS = 1001, TEXTS = 1009, INT8S = 1016 };
enum { BINARY = 1 };
#define COLUMNS_MOST 40

/* An array as PostgreSQL takes it: header, then each element's length and bytes. */
struct array {
    uint8_t *bytes;
    size_t len;
    size_t cap;
};
#define ARRAY_HEADER_LEN 20u

/* What goes into one statement. */
struct group {
    size_t rows;
    struct array columns[COLUMNS_MOST];
};

/* Rows that are in the batch: their table and key as a hash, and the place of the statement. Two rows with the
 * same hash are taken for one, which costs a batch and nothing else. */
struct seen {
    uint64_t hash;
    size_t place; /* 0: empty */
};
#define SEEN_AT_START 4096u

struct updraft_postgres_batch {
    struct group *groups; /* first all tables' writes, then their ends from behind */
    size_t group_count;
    struct seen *seen;
    size_t seen_count;
    size_t seen_cap; /* power of two */
};

/* Places: what is written comes first, what refers to it later, and ends last, the other way round. */
static size_t write_place(size_t table)
{
    return table;
}

static size_t end_place(size_t table)
{
    return 2 * updraft_table_count - 1 - table;
}

struct updraft_postgres_batch *updraft_postgres_batch_new(void)
{
    struct updraft_postgres_batch *batch = updraft_memory_new(sizeof *batch);

    batch->group_count = 2 * updraft_table_count;
    batch->groups = updraft_memory_new(batch->group_count * sizeof *batch->groups);
    batch->seen_cap = SEEN_AT_START;
    batch->seen = updraft_memory_new(batch->seen_cap * sizeof *batch->seen);
    return batch;
}

void updraft_postgres_batch_free(struct updraft_postgres_batch *batch)
{
    for (size_t i = 0; i < batch->group_count; i++) {
        for (size_t k = 0; k < COLUMNS_MOST; k++)
            free(batch->groups[i].columns[k].bytes);
    }
    free(batch->groups);
    free(batch->seen);
    free(batch);
}

/* --- statements --- */

static const char *const all[] = {"@", "@", "@", "@"};
static const char *const given[] = {"$#", "$#", "$#", "$#"};
static const char *const keys[] = {"@", NULL, NULL, NULL};
static const char *const keys_given[] = {"$#", NULL, NULL, NULL};
static const char *const keys_match[] = {"t.@=u.@", NULL, NULL, NULL};

static void put_upsert(FILE *sql, const struct updraft_table *table)
{
    static const char *const set[] = {NULL, "@=excluded.@,", NULL, "@=greatest(t.@,excluded.@),"};

    fprintf(sql, "INSERT INTO %s AS t(", table->name);
    updraft_table_list(sql, table, all, ",");
    fputs(",store_seq) SELECT *, $", sql);
    fprintf(sql, "%zu FROM unnest(", table->column_count + 1);
    updraft_table_list(sql, table, given, ",");
    fputs(") ON CONFLICT(", sql);
    updraft_table_list(sql, table, keys, ",");
    fputs(") DO UPDATE SET ", sql);
    updraft_table_list(sql, table, set, "");
    fputs("store_seq=excluded.store_seq, store_ended=NULL", sql);
}

static void put_update(FILE *sql, const struct updraft_table *table)
{
    static const char *const set[] = {NULL, "@=u.@,", NULL, "@=greatest(t.@,u.@),"};

    fprintf(sql, "UPDATE %s AS t SET ", table->name);
    updraft_table_list(sql, table, set, "");
    fprintf(sql, "store_seq=$%zu FROM unnest(", table->column_count + 1);
    updraft_table_list(sql, table, given, ",");
    fputs(") AS u(", sql);
    updraft_table_list(sql, table, all, ",");
    fputs(") WHERE ", sql);
    updraft_table_list(sql, table, keys_match, " AND ");
    if (table->update_where[0] != '\0')
        fprintf(sql, " AND %s", table->update_where);
}

static size_t key_count(const struct updraft_table *table)
{
    size_t count = 0;

    for (size_t i = 0; i < table->column_count; i++)
        count += table->columns[i].rule == UPDRAFT_COLUMN_KEY;
    return count;
}

static void put_end(FILE *sql, const struct updraft_table *table)
{
    fprintf(sql, "UPDATE %s AS t SET store_ended=now(), store_seq=$%zu FROM unnest(", table->name,
            key_count(table) + 1);
    updraft_table_list(sql, table, keys_given, ",");
    fputs(") AS u(", sql);
    updraft_table_list(sql, table, keys, ",");
    fputs(") WHERE t.store_ended IS NULL AND ", sql);
    updraft_table_list(sql, table, keys_match, " AND ");
}

static Oid array_type(const struct updraft_column *column)
{
    switch (column->type) {
    case UPDRAFT_COLUMN_NUMBER:
    case UPDRAFT_COLUMN_RING:
        return INT8S;
    case UPDRAFT_COLUMN_TEXT:
    case UPDRAFT_COLUMN_LINES:
        return TEXTS;
    case UPDRAFT_COLUMN_BLOB:
        return BYTEAS;
    }
    return 0;
}

/* NULL when it is prepared. */
static PGresult *prepare(PGconn *conn, const struct updraft_table *table, size_t place, bool end)
{
    size_t columns = end ? key_count(table) : table->column_count;
    Oid types[COLUMNS_MOST + 1];
    char *text = NULL, name[32];
    size_t len;
    FILE *sql = open_memstream(&text, &len);

    UPDRAFT_ASSERT(sql != NULL && columns <= COLUMNS_MOST);
    (end ? put_end : table->update_where == NULL ? put_upsert : put_update)(sql, table);
    UPDRAFT_ASSERT(fclose(sql) == 0);
    for (size_t i = 0; i < columns; i++)
        types[i] = array_type(&table->columns[i]);
    types[columns] = INT8;
    snprintf(name, sizeof name, "write%zu", place);
    PGresult *result = PQprepare(conn, name, text, (int)columns + 1, types);
    free(text);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        return result;
    PQclear(result);
    return NULL;
}

PGresult *updraft_postgres_batch_prepare(PGconn *conn)
{
    PGresult *failed = NULL;

    for (size_t i = 0; failed == NULL && i < updraft_table_count; i++) {
        failed = prepare(conn, &updraft_tables[i], write_place(i), false);
        if (failed == NULL && updraft_tables[i].ends)
            failed = prepare(conn, &updraft_tables[i], end_place(i), true);
    }
    return failed;
}

/* --- rows --- */

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) /* FNV-1a */
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
    return (hash ^ len) * 1099511628211u;
}

static bool is_text(const struct updraft_column *column)
{
    return column->type != UPDRAFT_COLUMN_NUMBER && column->type != UPDRAFT_COLUMN_RING;
}

static uint64_t hash_row(const struct updraft_table *table, const void *row)
{
    uint64_t hash = hash_bytes(14695981039346656037u, table->name, strlen(table->name));

    for (size_t i = 0; i < table->column_count; i++) {
        const struct updraft_column *column = &table->columns[i];
        size_t len = sizeof(int64_t);
        if (column->rule != UPDRAFT_COLUMN_KEY)
            continue;
        if (is_text(column)) {
            const void *bytes = updraft_column_bytes(column, row, &len);
            hash = hash_bytes(hash, bytes, len);
        } else {
            hash = hash_bytes(hash, &(int64_t){updraft_column_number(column, row)}, len);
        }
    }
    return hash;
}

static struct seen *find_seen(const struct updraft_postgres_batch *batch, uint64_t hash)
{
    size_t at = (size_t)(hash ^ hash >> 32) & (batch->seen_cap - 1);

    while (batch->seen[at].place != 0 && batch->seen[at].hash != hash)
        at = (at + 1) & (batch->seen_cap - 1);
    return &batch->seen[at];
}

static void note_seen(struct updraft_postgres_batch *batch, uint64_t hash, size_t place)
{
    if (batch->seen_count * 2 >= batch->seen_cap) {
        struct seen *old = batch->seen;
        size_t old_cap = batch->seen_cap;
        batch->seen_cap *= 2;
        batch->seen = updraft_memory_new(batch->seen_cap * sizeof *batch->seen);
        for (size_t i = 0; i < old_cap; i++) {
            if (old[i].place != 0)
                *find_seen(batch, old[i].hash) = old[i];
        }
        free(old);
    }
    struct seen *seen = find_seen(batch, hash);
    batch->seen_count += seen->place == 0;
    *seen = (struct seen){hash, place + 1};
}

static void put(struct array *array, const void *bytes, size_t len)
{
    if (array->len + len > array->cap) {
        array->cap = (array->len + len) * 2;
        array->bytes = updraft_memory_grow(array->bytes, array->cap, 1);
    }
    memcpy(array->bytes + array->len, bytes, len);
    array->len += len;
}

static void put_element(struct array *array, const void *bytes, size_t len)
{
    static const uint8_t no_header[ARRAY_HEADER_LEN];
    uint32_t len_be = htonl((uint32_t)len);

    if (array->len == 0)
        put(array, no_header, sizeof no_header);
    put(array, &len_be, sizeof len_be);
    put(array, bytes, len);
}

static void put_row(struct group *group, const struct updraft_table *table, const void *row,
                    bool only_keys)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct updraft_column *column = &table->columns[i];
        size_t len;
        if (only_keys && column->rule != UPDRAFT_COLUMN_KEY)
            continue;
        if (is_text(column)) {
            const void *bytes = updraft_column_bytes(column, row, &len);
            put_element(&group->columns[i], bytes, len);
        } else {
            uint64_t number_be = htobe64((uint64_t)updraft_column_number(column, row));
            put_element(&group->columns[i], &number_be, sizeof number_be);
        }
    }
    group->rows++;
}

/* Whether the row of this table may go at this place, behind whatever is in the batch of it. */
static bool fits(const struct updraft_postgres_batch *batch, const struct updraft_table *table,
                 const void *row, size_t place)
{
    return find_seen(batch, hash_row(table, row))->place < place + 1;
}

static void add_row(struct updraft_postgres_batch *batch, const struct updraft_table *table,
                    const void *row, size_t place)
{
    note_seen(batch, hash_row(table, row), place);
    put_row(&batch->groups[place], table, row, place >= updraft_table_count);
}

static bool writes(const struct updraft_table *table, const struct updraft_change *change)
{
    return table->kind == change->kind && updraft_table_concerns(table, &change->row);
}

static bool ends(const struct updraft_table *table, const struct updraft_change *change)
{
    return table->ends && table->ended_by == change->kind;
}

bool updraft_postgres_batch_add(struct updraft_postgres_batch *batch,
                                const struct updraft_change *change)
{
    for (size_t i = 0; i < updraft_table_count; i++) {
        const struct updraft_table *table = &updraft_tables[i];
        if ((writes(table, change) && !fits(batch, table, &change->row, write_place(i))) ||
            (ends(table, change) && !fits(batch, table, &change->row, end_place(i))))
            return false;
    }
    for (size_t i = 0; i < updraft_table_count; i++) {
        const struct updraft_table *table = &updraft_tables[i];
        if (writes(table, change))
            add_row(batch, table, &change->row, write_place(i));
        if (ends(table, change))
            add_row(batch, table, &change->row, end_place(i));
    }
    return true;
}

void updraft_postgres_batch_clear(struct updraft_postgres_batch *batch)
{
    for (size_t i = 0; i < batch->group_count; i++) {
        batch->groups[i].rows = 0;
        for (size_t k = 0; k < COLUMNS_MOST; k++)
            batch->groups[i].columns[k].len = 0;
    }
    memset(batch->seen, 0, batch->seen_cap * sizeof *batch->seen);
    batch->seen_count = 0;
}

/* --- sending --- */

static void finish_array(const struct array *array, Oid array_oid, size_t rows)
{
    Oid element = array_oid == INT8S ? INT8 : array_oid == TEXTS ? TEXT : BYTEA;
    const uint32_t header[] = {htonl(1), htonl(0), htonl(element), htonl((uint32_t)rows), htonl(1)};

    _Static_assert(sizeof header == ARRAY_HEADER_LEN,
                   "dimensions, nulls, type, length, first index");
    memcpy(array->bytes, header, sizeof header);
}

static bool send_group(const struct group *group, PGconn *conn, size_t place, int64_t seq)
{
    bool end = place >= updraft_table_count;
    const struct updraft_table *table =
        &updraft_tables[end ? 2 * updraft_table_count - 1 - place : place];
    size_t columns = end ? key_count(table) : table->column_count;
    const char *values[COLUMNS_MOST + 1];
    int lens[COLUMNS_MOST + 1], formats[COLUMNS_MOST + 1];
    uint64_t seq_be = htobe64((uint64_t)seq);
    char name[32];

    for (size_t i = 0; i < columns; i++) {
        const struct array *array = &group->columns[i];
        finish_array(array, array_type(&table->columns[i]), group->rows);
        values[i] = (const char *)array->bytes;
        lens[i] = (int)array->len;
        formats[i] = BINARY;
    }
    values[columns] = (const char *)&seq_be;
    lens[columns] = sizeof seq_be;
    formats[columns] = BINARY;
    snprintf(name, sizeof name, "write%zu", place);
    return PQsendQueryPrepared(conn, name, (int)columns + 1, values, lens, formats, BINARY) == 1;
}

bool updraft_postgres_batch_send(const struct updraft_postgres_batch *batch, PGconn *conn,
                                 int64_t seq)
{
    bool ok = true;

    for (size_t i = 0; ok && i < batch->group_count; i++) {
        if (batch->groups[i].rows > 0)
            ok = send_group(&batch->groups[i], conn, i, seq);
    }
    return ok;
}
