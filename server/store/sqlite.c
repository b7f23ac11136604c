#include "server/store/sqlite.h"

#include "server/memory.h"
#include "server/store/rows.h"
#include "server/store/schema.h"

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One statement a kind of change. Upserts, so that writing a change twice does no harm. */
static const char *const write_sql[] = {
    [UPDRAFT_CHANGE_PRODUCT] = "INSERT INTO products VALUES(?1,?2,?3) ON CONFLICT(id) DO UPDATE"
                               " SET name=?2, created_ms=?3",
    [UPDRAFT_CHANGE_RELEASE] = "INSERT INTO releases VALUES(?1,?2,?3,?4,?5) ON CONFLICT(id)"
                               " DO UPDATE SET notes=?4",
    [UPDRAFT_CHANGE_IMAGE] = "INSERT OR REPLACE INTO images VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    [UPDRAFT_CHANGE_CHANNEL] = "INSERT OR REPLACE INTO channels VALUES(?1,?2,?3)",
    [UPDRAFT_CHANGE_DEVICE] =
        "INSERT INTO devices VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12) ON CONFLICT(id)"
        " DO UPDATE SET name=?2, product=?3, channel=?4, version=?5, slot=?6, address=?7, chip=?8,"
        " reports=?9, confirmed=?10, trial=?11, last_seen_ms=max(last_seen_ms,?12)",
    [UPDRAFT_CHANGE_ATTEMPT] =
        "INSERT INTO attempts VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13) ON CONFLICT(id)"
        " DO UPDATE SET from_version=?4, to_version=?5, via=?6, state=?7, progress=?8,"
        " error_code=?9, error_name=?10, error_text=?11, updated_ms=?13",
    [UPDRAFT_CHANGE_TOUCH] = "UPDATE devices SET address=?2, last_seen_ms=max(last_seen_ms,?3)"
                             " WHERE id=?1",
    [UPDRAFT_CHANGE_TOKEN] = "INSERT OR REPLACE INTO tokens VALUES(?1,?2,?3,?4,?5,?6)",
    [UPDRAFT_CHANGE_LOG] = "INSERT OR REPLACE INTO logs VALUES(?1,?2)",
    [UPDRAFT_CHANGE_TOKEN_END] = "DELETE FROM tokens WHERE id=?1",
    [UPDRAFT_CHANGE_AUDIT] = "INSERT OR REPLACE INTO audit VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
};
#define WRITE_COUNT (sizeof write_sql / sizeof *write_sql)

struct sqlite_store {
    sqlite3 *db;
    sqlite3_stmt *writes[WRITE_COUNT];
    sqlite3_stmt *progress;
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

/* --- writing --- */

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

static void bind_device(sqlite3_stmt *statement, const struct updraft_device_row *row)
{
    const char *texts[] = {row->id,      row->name, row->product, row->channel,
                           row->version, row->slot, row->address};

    for (int i = 0; i < 7; i++)
        bind_text(statement, i + 1, texts[i]);
    sqlite3_bind_int(statement, 8, row->chip);
    sqlite3_bind_int(statement, 9, row->reports);
    sqlite3_bind_int(statement, 10, row->confirmed);
    sqlite3_bind_int(statement, 11, row->trial);
    sqlite3_bind_int64(statement, 12, row->last_seen_ms);
}

static void bind_attempt(sqlite3_stmt *statement, const struct updraft_attempt_row *row)
{
    sqlite3_bind_int64(statement, 1, row->id);
    bind_text(statement, 2, row->device);
    bind_text(statement, 3, row->product);
    bind_text(statement, 4, row->from);
    bind_text(statement, 5, row->to);
    sqlite3_bind_int(statement, 6, (int)row->via);
    sqlite3_bind_int(statement, 7, (int)row->state);
    sqlite3_bind_int(statement, 8, row->progress);
    sqlite3_bind_int64(statement, 9, row->error_code);
    bind_text(statement, 10, row->error_name);
    bind_text(statement, 11, row->error_text);
    sqlite3_bind_int64(statement, 12, row->started_ms);
    sqlite3_bind_int64(statement, 13, row->updated_ms);
}

static void bind_catalogue(sqlite3_stmt *statement, const struct updraft_change *change)
{
    if (change->kind == UPDRAFT_CHANGE_PRODUCT) {
        sqlite3_bind_int64(statement, 1, change->row.product.id);
        bind_text(statement, 2, change->row.product.name);
        sqlite3_bind_int64(statement, 3, change->row.product.created_ms);
    } else if (change->kind == UPDRAFT_CHANGE_RELEASE) {
        const struct updraft_release_row *row = &change->row.release;
        sqlite3_bind_int64(statement, 1, row->id);
        sqlite3_bind_int64(statement, 2, row->product_id);
        bind_text(statement, 3, row->version);
        bind_text(statement, 4, row->notes);
        sqlite3_bind_int64(statement, 5, row->created_ms);
    } else if (change->kind == UPDRAFT_CHANGE_IMAGE) {
        const struct updraft_image_row *row = &change->row.image;
        sqlite3_bind_int64(statement, 1, row->release_id);
        sqlite3_bind_int(statement, 2, row->chip);
        sqlite3_bind_blob(statement, 3, row->sha256, sizeof row->sha256, SQLITE_STATIC);
        sqlite3_bind_blob(statement, 4, row->md5, sizeof row->md5, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 5, row->size);
        bind_text(statement, 6, row->project);
        bind_text(statement, 7, row->idf);
        sqlite3_bind_blob(statement, 8, row->sha1, sizeof row->sha1, SQLITE_STATIC);
    } else {
        sqlite3_bind_int64(statement, 1, change->row.channel.product_id);
        bind_text(statement, 2, change->row.channel.name);
        sqlite3_bind_int64(statement, 3, change->row.channel.release_id);
    }
}

static void bind_audit(sqlite3_stmt *statement, const struct updraft_audit_row *row)
{
    sqlite3_bind_int64(statement, 1, row->id % UPDRAFT_AUDIT_CAP);
    sqlite3_bind_int64(statement, 2, row->id);
    sqlite3_bind_int64(statement, 3, row->at_ms);
    bind_text(statement, 4, row->operator_name);
    bind_text(statement, 5, row->endpoint);
    bind_text(statement, 6, row->object);
    bind_text(statement, 7, row->address);
    sqlite3_bind_int(statement, 8, row->status);
}

static bool run(sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);

    /* Reset gives the same error again; errcode then still holds it. */
    return sqlite3_reset(statement) == SQLITE_OK && result == SQLITE_DONE;
}

static bool write_change(struct sqlite_store *store, const struct updraft_change *change)
{
    sqlite3_stmt *statement = store->writes[change->kind];
    const struct updraft_touch_row *touch = &change->row.touch;
    const struct updraft_token_row *token = &change->row.token;

    switch (change->kind) {
    case UPDRAFT_CHANGE_PRODUCT:
    case UPDRAFT_CHANGE_RELEASE:
    case UPDRAFT_CHANGE_IMAGE:
    case UPDRAFT_CHANGE_CHANNEL:
        bind_catalogue(statement, change);
        break;
    case UPDRAFT_CHANGE_DEVICE:
        bind_device(statement, &change->row.device);
        break;
    case UPDRAFT_CHANGE_ATTEMPT:
        bind_attempt(statement, &change->row.attempt);
        break;
    case UPDRAFT_CHANGE_TOUCH:
        bind_text(statement, 1, touch->device);
        bind_text(statement, 2, touch->address);
        sqlite3_bind_int64(statement, 3, touch->last_seen_ms);
        if (touch->attempt_id != 0) {
            sqlite3_bind_int64(store->progress, 1, touch->attempt_id);
            sqlite3_bind_int(store->progress, 2, touch->progress);
            sqlite3_bind_int64(store->progress, 3, touch->attempt_updated_ms);
            if (!run(store->progress))
                return false;
        }
        break;
    case UPDRAFT_CHANGE_TOKEN:
        sqlite3_bind_int64(statement, 1, token->id);
        sqlite3_bind_blob(statement, 2, token->hash, sizeof token->hash, SQLITE_STATIC);
        bind_text(statement, 3, token->name);
        sqlite3_bind_int64(statement, 4, token->created_ms);
        sqlite3_bind_int(statement, 5, (int)token->role);
        sqlite3_bind_int64(statement, 6, token->expires_ms);
        break;
    case UPDRAFT_CHANGE_TOKEN_END:
        sqlite3_bind_int64(statement, 1, token->id);
        break;
    case UPDRAFT_CHANGE_AUDIT:
        bind_audit(statement, &change->row.audit);
        break;
    case UPDRAFT_CHANGE_LOG:
        sqlite3_bind_int64(statement, 1, change->row.log.attempt_id);
        bind_text(statement, 2, change->row.log.text);
        break;
    }
    return run(statement);
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

static const char *const load_sql[] = {
    [UPDRAFT_CHANGE_PRODUCT] = "SELECT * FROM products ORDER BY id",
    [UPDRAFT_CHANGE_RELEASE] = "SELECT * FROM releases ORDER BY id",
    [UPDRAFT_CHANGE_IMAGE] = "SELECT * FROM images ORDER BY release_id, chip",
    [UPDRAFT_CHANGE_CHANNEL] = "SELECT * FROM channels ORDER BY product_id, name",
    [UPDRAFT_CHANGE_DEVICE] = "SELECT * FROM devices ORDER BY rowid",
    [UPDRAFT_CHANGE_ATTEMPT] = "SELECT * FROM attempts ORDER BY id",
    [UPDRAFT_CHANGE_TOKEN] = "SELECT * FROM tokens ORDER BY id",
    [UPDRAFT_CHANGE_LOG] = "SELECT * FROM logs ORDER BY attempt_id",
    [UPDRAFT_CHANGE_AUDIT] = "SELECT * FROM audit ORDER BY id",
};

static enum updraft_store_result load_table(struct sqlite_store *store,
                                            enum updraft_change_kind kind, updraft_store_row_fn row,
                                            void *row_ctx, struct updraft_store_problem *problem)
{
    enum updraft_store_result result = UPDRAFT_STORE_OK;
    struct updraft_change change;
    sqlite3_stmt *statement;
    int step;

    if (sqlite3_prepare_v2(store->db, load_sql[kind], -1, &statement, NULL) != SQLITE_OK)
        return explain(store, "cannot read", problem);
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        memset(&change, 0, sizeof change);
        change.kind = kind;
        if (!updraft_rows_read(statement, &change)) {
            snprintf(problem->text, sizeof problem->text,
                     "cannot read %.180s: '%s' gives a row that this program never wrote",
                     store->path, load_sql[kind]);
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
    for (size_t kind = 0; kind < sizeof load_sql / sizeof *load_sql; kind++) {
        if (load_sql[kind] == NULL)
            continue;
        enum updraft_store_result result =
            load_table(ctx, (enum updraft_change_kind)kind, row, row_ctx, problem);
        if (result != UPDRAFT_STORE_OK)
            return result;
    }
    return UPDRAFT_STORE_OK;
}

/* --- opening --- */

static void close_store(void *ctx)
{
    struct sqlite_store *store = ctx;

    for (size_t i = 0; i < WRITE_COUNT; i++)
        sqlite3_finalize(store->writes[i]);
    sqlite3_finalize(store->progress);
    sqlite3_close(store->db);
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

static enum updraft_store_result check_integrity(struct sqlite_store *store,
                                                 struct updraft_store_problem *problem)
{
    char *verdict = ask(store->db, "PRAGMA quick_check(1)");
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
    for (size_t i = 0; i < WRITE_COUNT; i++) {
        if (sqlite3_prepare_v3(store->db, write_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->writes[i], NULL) != SQLITE_OK)
            return explain(store, "cannot prepare", problem);
    }
    /* Only while it downloads: a batch that was on its way must not undo a later state. */
    if (sqlite3_prepare_v3(store->db,
                           "UPDATE attempts SET progress=?2, updated_ms=max(updated_ms,?3)"
                           " WHERE id=?1 AND state=2",
                           -1, SQLITE_PREPARE_PERSISTENT, &store->progress, NULL) != SQLITE_OK)
        return explain(store, "cannot prepare", problem);
    return UPDRAFT_STORE_OK;
}
_Static_assert(UPDRAFT_ATTEMPT_DOWNLOADING == 2, "the number stands in a statement");

enum updraft_store_result updraft_sqlite_open(const char *path, struct updraft_store *out,
                                              struct updraft_store_problem *problem)
{
    struct sqlite_store *store = updraft_memory_new(sizeof *store);
    enum updraft_store_result result = UPDRAFT_STORE_OK;

    snprintf(store->path, sizeof store->path, "%s", path);
    if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
            SQLITE_OK ||
        sqlite3_exec(store->db,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                     "PRAGMA busy_timeout=2000",
                     NULL, NULL, NULL) != SQLITE_OK)
        result = explain(store, "cannot open", problem);
    if (result == UPDRAFT_STORE_OK)
        result = check_integrity(store, problem);
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
    out->ctx = store;
    out->load = load;
    out->commit = commit;
    out->close = close_store;
    return UPDRAFT_STORE_OK;
}
