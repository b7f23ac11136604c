#include "server/store/sqlite.h"

#include "format/assert.h"
#include "server/memory.h"
#include "server/store/schema.h"
#include "server/store/tables.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a change of one kind does to one table; a table that never ends has no second statement. */
struct statements {
    sqlite3_stmt *write;
    sqlite3_stmt *end;
};

struct sqlite_store {
    sqlite3 *db;
    struct statements *tables; /* in the order of updraft_tables */
    char path[1024];
};

/* A file size limit, or a quota, comes as a plain I/O error, though it is the same thing as a full
 * disk. Which it was, only the file that failed can tell. */
static bool met_limit(const struct sqlite_store *store)
{
    static const int kinds[] = {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        sqlite3_file *file = NULL;
        int error = 0;
        if (sqlite3_file_control(store->db, "main", kinds[i], &file) == SQLITE_OK && file != NULL &&
            file->pMethods != NULL &&
            file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error) == SQLITE_OK &&
            (error == ENOSPC || error == EFBIG || error == EDQUOT))
            return true;
    }
    return false;
}

static enum updraft_store_result explain(const struct sqlite_store *store, const char *what,
                                         struct updraft_store_problem *problem)
{
    int code = sqlite3_errcode(store->db) & 0xff;

    snprintf(problem->text, sizeof problem->text, "%s %.180s: %s", what, store->path,
             sqlite3_errmsg(store->db));
    if (code == SQLITE_FULL || (code == SQLITE_IOERR && met_limit(store))) {
        snprintf(problem->text, sizeof problem->text, "%s %.180s: the disk is full", what,
                 store->path);
        return UPDRAFT_STORE_FULL;
    }
    /* Our statements are right: when one does not fit, the tables are not ours. */
    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR
               ? UPDRAFT_STORE_CORRUPT
               : UPDRAFT_STORE_IO;
}

/* --- statements, made from the tables' descriptions --- */

static const char *const all[] = {"@", "@", "@", "@"};
static const char *const values[] = {"?#", "?#", "?#", "?#"};
static const char *const keys[] = {"@", NULL, NULL, NULL};
static const char *const keys_given[] = {"@=?#", NULL, NULL, NULL};

/* An upsert, so that writing a change twice does no harm. */
static void put_upsert(FILE *sql, const struct updraft_table *table)
{
    static const char *const set[] = {NULL, "@=excluded.@", NULL, "@=max(@,excluded.@)"};

    fprintf(sql, "INSERT INTO %s(", table->name);
    updraft_table_list(sql, table, all, ",");
    fputs(") VALUES(", sql);
    updraft_table_list(sql, table, values, ",");
    fputs(") ON CONFLICT(", sql);
    updraft_table_list(sql, table, keys, ",");
    fputs(updraft_table_takes(table) ? ") DO UPDATE SET " : ") DO NOTHING", sql);
    updraft_table_list(sql, table, set, ",");
}

static void put_update(FILE *sql, const struct updraft_table *table)
{
    static const char *const set[] = {NULL, "@=?#", NULL, "@=max(@,?#)"};

    fprintf(sql, "UPDATE %s SET ", table->name);
    updraft_table_list(sql, table, set, ",");
    fputs(" WHERE ", sql);
    updraft_table_list(sql, table, keys_given, " AND ");
    if (table->update_where[0] != '\0')
        fprintf(sql, " AND %s", table->update_where);
}

static void put_write(FILE *sql, const struct updraft_table *table)
{
    if (table->update_where == NULL)
        put_upsert(sql, table);
    else
        put_update(sql, table);
}

static void put_end(FILE *sql, const struct updraft_table *table)
{
    fprintf(sql, "DELETE FROM %s WHERE ", table->name);
    updraft_table_list(sql, table, keys_given, " AND ");
}

static void put_load(FILE *sql, const struct updraft_table *table)
{
    fputs("SELECT ", sql);
    updraft_table_list(sql, table, all, ",");
    fprintf(sql, " FROM %s ORDER BY %s", table->name,
            table->order == NULL ? "rowid" : table->order);
}

static bool prepare_one(struct sqlite_store *store, sqlite3_stmt **statement,
                        void (*put)(FILE *sql, const struct updraft_table *table),
                        const struct updraft_table *table)
{
    char *text = NULL;
    size_t len;
    FILE *sql = open_memstream(&text, &len);

    UPDRAFT_ASSERT(sql != NULL);
    put(sql, table);
    UPDRAFT_ASSERT(fclose(sql) == 0);
    int result =
        sqlite3_prepare_v3(store->db, text, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
    free(text);
    return result == SQLITE_OK;
}

/* --- writing --- */

/* The columns of a key stand under the same numbers in all of a table's statements. */
static void bind(sqlite3_stmt *statement, const struct updraft_table *table, const void *row,
                 bool only_keys)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct updraft_column *column = &table->columns[i];
        const void *bytes;
        size_t len;
        if (only_keys && column->rule != UPDRAFT_COLUMN_KEY)
            continue;
        switch (column->type) {
        case UPDRAFT_COLUMN_NUMBER:
        case UPDRAFT_COLUMN_RING:
            sqlite3_bind_int64(statement, (int)i + 1, updraft_column_number(column, row));
            break;
        case UPDRAFT_COLUMN_TEXT:
        case UPDRAFT_COLUMN_LINES:
            bytes = updraft_column_bytes(column, row, &len);
            sqlite3_bind_text(statement, (int)i + 1, bytes, (int)len, SQLITE_STATIC);
            break;
        case UPDRAFT_COLUMN_BLOB:
            bytes = updraft_column_bytes(column, row, &len);
            sqlite3_bind_blob(statement, (int)i + 1, bytes, (int)len, SQLITE_STATIC);
            break;
        }
    }
}

static bool run(sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);

    /* Reset gives the same error again; errcode then still holds it. */
    return sqlite3_reset(statement) == SQLITE_OK && result == SQLITE_DONE;
}

/* What comes goes in behind what it refers to, what ends goes out before. */
static bool write_change(struct sqlite_store *store, const struct updraft_change *change)
{
    bool ok = true;

    for (size_t i = updraft_table_count; ok && i-- > 0;) {
        const struct updraft_table *table = &updraft_tables[i];
        if (!table->ends || table->ended_by != change->kind)
            continue;
        bind(store->tables[i].end, table, &change->row, true);
        ok = run(store->tables[i].end);
    }
    for (size_t i = 0; ok && i < updraft_table_count; i++) {
        const struct updraft_table *table = &updraft_tables[i];
        if (table->kind != change->kind || !updraft_table_concerns(table, &change->row))
            continue;
        bind(store->tables[i].write, table, &change->row, false);
        ok = run(store->tables[i].write);
    }
    return ok;
}

static enum updraft_store_result commit(void *ctx, const struct updraft_change *changes,
                                        size_t count, struct updraft_store_problem *problem)
{
    struct sqlite_store *store = ctx;
    bool ok = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;

    for (size_t i = 0; ok && i < count; i++)
        ok = write_change(store, &changes[i]);
    if (ok && sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
        return UPDRAFT_STORE_OK;

    enum updraft_store_result result = explain(store, "cannot write", problem);
    /* Some failures have rolled back by themselves already. */
    if (sqlite3_get_autocommit(store->db) == 0)
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

/* --- loading --- */

static bool read_row(sqlite3_stmt *statement, const struct updraft_table *table, void *row)
{
    bool ok = true;

    for (int i = 0; ok && i < (int)table->column_count; i++) {
        const struct updraft_column *column = &table->columns[i];
        const void *bytes;
        switch (column->type) {
        case UPDRAFT_COLUMN_NUMBER:
        case UPDRAFT_COLUMN_RING:
            ok = updraft_column_take_number(column, row, sqlite3_column_int64(statement, i));
            break;
        case UPDRAFT_COLUMN_TEXT:
        case UPDRAFT_COLUMN_LINES:
            bytes = sqlite3_column_text(statement, i);
            ok = updraft_column_take_bytes(column, row, bytes,
                                           (size_t)sqlite3_column_bytes(statement, i));
            break;
        case UPDRAFT_COLUMN_BLOB:
            bytes = sqlite3_column_blob(statement, i);
            ok = updraft_column_take_bytes(column, row, bytes,
                                           (size_t)sqlite3_column_bytes(statement, i));
            break;
        }
    }
    return ok;
}

static enum updraft_store_result load_table(struct sqlite_store *store,
                                            const struct updraft_table *table,
                                            updraft_store_row_fn row, void *row_ctx,
                                            struct updraft_store_problem *problem)
{
    enum updraft_store_result result = UPDRAFT_STORE_OK;
    struct updraft_change change;
    sqlite3_stmt *statement;
    int step;

    if (!prepare_one(store, &statement, put_load, table))
        return explain(store, "cannot read", problem);
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        memset(&change, 0, sizeof change);
        change.kind = table->kind;
        if (!read_row(statement, table, &change.row)) {
            snprintf(problem->text, sizeof problem->text,
                     "cannot read %.180s: '%s' has a row that this program never wrote",
                     store->path, table->name);
            result = UPDRAFT_STORE_CORRUPT;
            break;
        }
        row(row_ctx, &change);
    }
    if (result == UPDRAFT_STORE_OK && step != SQLITE_DONE)
        result = explain(store, "cannot read", problem);
    sqlite3_finalize(statement);
    return result;
}

static enum updraft_store_result load(void *ctx, updraft_store_row_fn row, void *row_ctx,
                                      struct updraft_store_problem *problem)
{
    enum updraft_store_result result = UPDRAFT_STORE_OK;

    for (size_t i = 0; result == UPDRAFT_STORE_OK && i < updraft_table_count; i++) {
        if (updraft_tables[i].update_where == NULL)
            result = load_table(ctx, &updraft_tables[i], row, row_ctx, problem);
    }
    return result;
}

/* --- opening --- */

static void close_store(void *ctx)
{
    struct sqlite_store *store = ctx;

    for (size_t i = 0; i < updraft_table_count; i++) {
        sqlite3_finalize(store->tables[i].write);
        sqlite3_finalize(store->tables[i].end);
    }
    sqlite3_close(store->db);
    free(store->tables);
    free(store);
}

/* The first column of the first row, or NULL. Freed by the caller. */
static char *ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    char *answer = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        return NULL;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        answer = text == NULL ? NULL : updraft_memory_copy(text, strlen(text));
    }
    sqlite3_finalize(statement);
    return answer;
}

static enum updraft_store_result check_integrity(struct sqlite_store *store, const char *pragma,
                                                 struct updraft_store_problem *problem)
{
    char *verdict = ask(store->db, pragma);
    enum updraft_store_result result = UPDRAFT_STORE_OK;

    if (verdict == NULL) {
        result = explain(store, "cannot read", problem);
    } else if (strcmp(verdict, "ok") != 0) {
        snprintf(problem->text, sizeof problem->text, "the database %.180s is damaged: %.100s",
                 store->path, verdict);
        result = UPDRAFT_STORE_CORRUPT;
    }
    free(verdict);
    return result;
}

/* Rows that lead to one that is not there: the file was edited, or a part of it is lost. */
static enum updraft_store_result check_references(struct sqlite_store *store,
                                                  struct updraft_store_problem *problem)
{
    char *count = ask(store->db, "SELECT count(*) FROM pragma_foreign_key_check");
    enum updraft_store_result result = UPDRAFT_STORE_OK;

    if (count == NULL) {
        result = explain(store, "cannot read", problem);
    } else if (strcmp(count, "0") != 0) {
        snprintf(problem->text, sizeof problem->text,
                 "the database %.180s is damaged: it has rows (%.20s) that belong to nothing",
                 store->path, count);
        result = UPDRAFT_STORE_CORRUPT;
    }
    free(count);
    return result;
}

static enum updraft_store_result migrate(struct sqlite_store *store,
                                         struct updraft_store_problem *problem)
{
    if (sqlite3_exec(store->db,
                     "CREATE TABLE IF NOT EXISTS schema_migrations(version INTEGER PRIMARY KEY,"
                     " applied_s INTEGER NOT NULL)",
                     NULL, NULL, NULL) != SQLITE_OK)
        return explain(store, "cannot prepare", problem);
    char *text = ask(store->db, "SELECT coalesce(max(version),0) FROM schema_migrations");
    if (text == NULL)
        return explain(store, "cannot read", problem);
    int version = atoi(text);
    free(text);
    if (version > updraft_schema_version) {
        snprintf(problem->text, sizeof problem->text,
                 "the database %.180s has schema %d, this program knows up to %d", store->path,
                 version, updraft_schema_version);
        return UPDRAFT_STORE_NEWER;
    }
    for (; version < updraft_schema_version; version++) {
        char record[128];
        snprintf(record, sizeof record,
                 "INSERT INTO schema_migrations VALUES(%d, strftime('%%s','now'));COMMIT",
                 version + 1);
        if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
            sqlite3_exec(store->db, updraft_schema_steps[version], NULL, NULL, NULL) != SQLITE_OK ||
            sqlite3_exec(store->db, record, NULL, NULL, NULL) != SQLITE_OK)
            return explain(store, "cannot bring up to date", problem);
    }
    return UPDRAFT_STORE_OK;
}

static enum updraft_store_result prepare(struct sqlite_store *store,
                                         struct updraft_store_problem *problem)
{
    bool ok = true;

    for (size_t i = 0; ok && i < updraft_table_count; i++) {
        const struct updraft_table *table = &updraft_tables[i];
        ok = prepare_one(store, &store->tables[i].write, put_write, table) &&
             (!table->ends || prepare_one(store, &store->tables[i].end, put_end, table));
    }
    return ok ? UPDRAFT_STORE_OK : explain(store, "cannot prepare", problem);
}

/* --- opening and copying --- */

static struct sqlite_store *new_store(const char *path)
{
    struct sqlite_store *store = updraft_memory_new(sizeof *store);

    store->tables = updraft_memory_new(updraft_table_count * sizeof *store->tables);
    snprintf(store->path, sizeof store->path, "%s", path);
    return store;
}

/* With the database open: makes sure that it is ours and up to date. Takes the store. */
static enum updraft_store_result finish_opening(struct sqlite_store *store, const char *integrity,
                                                struct updraft_store *out,
                                                struct updraft_store_problem *problem)
{
    enum updraft_store_result result = check_integrity(store, integrity, problem);

    if (result == UPDRAFT_STORE_OK)
        result = migrate(store, problem);
    if (result == UPDRAFT_STORE_OK)
        result = check_references(store, problem);
    if (result == UPDRAFT_STORE_OK)
        result = prepare(store, problem);
    if (result != UPDRAFT_STORE_OK) {
        close_store(store);
        return result;
    }
    memset(out, 0, sizeof *out);
    out->ctx = store;
    out->load = load;
    out->commit = commit;
    out->close = close_store;
    return UPDRAFT_STORE_OK;
}

enum updraft_store_result updraft_sqlite_open(const char *path, struct updraft_store *out,
                                              struct updraft_store_problem *problem)
{
    struct sqlite_store *store = new_store(path);

    if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) ==
            SQLITE_OK &&
        sqlite3_exec(store->db,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                     "PRAGMA busy_timeout=2000",
                     NULL, NULL, NULL) == SQLITE_OK)
        return finish_opening(store, "PRAGMA quick_check(1)", out, problem);
    enum updraft_store_result result = explain(store, "cannot open", problem);
    close_store(store);
    return result;
}

/* All pages as they are at one moment; in WAL mode, whoever writes goes on. */
static enum updraft_store_result copy_pages(const char *from, struct sqlite_store *to,
                                            struct updraft_store_problem *problem)
{
    struct sqlite_store source = {0};
    enum updraft_store_result result = UPDRAFT_STORE_OK;
    sqlite3_backup *backup = NULL;

    snprintf(source.path, sizeof source.path, "%s", from);
    /* Nothing is written; but who may write tidies the log's files away, as the last to leave. */
    if (sqlite3_open_v2(from, &source.db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_exec(source.db, "PRAGMA busy_timeout=10000; SELECT count(*) FROM sqlite_schema",
                     NULL, NULL, NULL) != SQLITE_OK)
        result = explain(&source, "cannot read", problem);
    if (result == UPDRAFT_STORE_OK) {
        backup = sqlite3_backup_init(to->db, "main", source.db, "main");
        int step = backup == NULL ? SQLITE_ERROR : sqlite3_backup_step(backup, -1);
        int end = sqlite3_backup_finish(backup); /* leaves its error in the copy */
        if (step != SQLITE_DONE || end != SQLITE_OK)
            result = explain(to, "cannot copy to", problem);
    }
    sqlite3_close(source.db);
    return result;
}

enum updraft_store_result updraft_sqlite_copy(const char *from, const char *to,
                                              struct updraft_store_problem *problem)
{
    struct sqlite_store *store = new_store(to);
    enum updraft_store_result result = UPDRAFT_STORE_OK;

    if (sqlite3_open_v2(to, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
        SQLITE_OK)
        result = explain(store, "cannot create", problem);
    if (result == UPDRAFT_STORE_OK)
        result = copy_pages(from, store, problem);
    /* One file, which can be read where nothing can be written. */
    if (result == UPDRAFT_STORE_OK &&
        sqlite3_exec(store->db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL) != SQLITE_OK)
        result = explain(store, "cannot write", problem);
    close_store(store);
    return result;
}

enum updraft_store_result updraft_sqlite_open_copy(const char *path, struct updraft_store *out,
                                                   struct updraft_store_problem *problem)
{
    struct sqlite_store *store = new_store(path); /* the name is for what is said about it */
    enum updraft_store_result result = UPDRAFT_STORE_OK;

    if (sqlite3_open_v2("", &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
        SQLITE_OK)
        result = explain(store, "cannot make a temporary copy of", problem);
    if (result == UPDRAFT_STORE_OK)
        result = copy_pages(path, store, problem);
    if (result == UPDRAFT_STORE_OK)
        return finish_opening(store, "PRAGMA integrity_check(1)", out, problem);
    close_store(store);
    return result;
}
