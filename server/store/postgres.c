#include "server/store/postgres.h"

#include "format/assert.h"
#include "server/clock.h"
#include "server/memory.h"
#include "server/store/postgres_batch.h"
#include "server/store/postgres_link.h"
#include "server/store/postgres_rows.h"
#include "server/store/schema.h"
#include "server/store/tables.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { BINARY = 1 };
#define FETCH_ROWS     "20000"
#define CONNECT_GAP_MS 1000 /* between attempts to connect, so that nobody waits for each */
#define RESOLVE_MS     8000 /* to find out about a commit whose answer was lost */
#define RESOLVE_GAP_US 200000
#define PURGE_MS       (3600 * 1000)
#define STALE_MS       (12 * 3600 * 1000) /* half of what ended rows are kept for */
#define KEPT           "interval '1 day'" /* rows that ended, servers that do not commit any more */

struct postgres_store {
    char *url;
    char self[33];      /* of this run of this server */
    PGconn *conn;       /* NULL: lost */
    bool as_is;         /* the tables are not to be touched */
    bool in_batch;      /* a transaction is open, and the lock is ours */
    int64_t seq;        /* number of the last commit whose rows the caller has */
    int64_t heard_ms;   /* clock of the database when it was so */
    int64_t purged_ms;  /* steady clock */
    int64_t refused_ms; /* steady clock when connecting failed last */
    struct updraft_postgres_batch *batch;
    struct updraft_postgres_ear *ear;
};

/* --- the connection --- */

static void drop_connection(struct postgres_store *store)
{
    PQfinish(store->conn);
    store->conn = NULL;
    store->in_batch = false;
}

/* After a statement failed: the transaction is over, the lock is free. */
static void abandon(struct postgres_store *store)
{
    struct updraft_store_problem ignored;

    if (store->conn == NULL)
        return;
    if (PQpipelineStatus(store->conn) != PQ_PIPELINE_OFF ||
        PQstatus(store->conn) != CONNECTION_OK ||
        updraft_postgres_run(store->conn, "ROLLBACK", "", &ignored) != UPDRAFT_STORE_OK)
        drop_connection(store);
    store->in_batch = false;
}

static enum updraft_store_result fail(struct postgres_store *store, const PGresult *answer,
                                      const char *what, struct updraft_store_problem *problem)
{
    enum updraft_store_result result = updraft_postgres_explain(store->conn, answer, what, problem);

    abandon(store);
    return result;
}

static enum updraft_store_result prepare(struct postgres_store *store,
                                         struct updraft_store_problem *problem)
{
    static const char what[] = "cannot prepare";
    enum updraft_store_result result = UPDRAFT_STORE_OK;
    PGresult *failed = updraft_postgres_batch_prepare(store->conn);
    char name[32];

    if (failed != NULL) {
        result = updraft_postgres_explain(store->conn, failed, what, problem);
        PQclear(failed);
    }
    for (size_t i = 0; result == UPDRAFT_STORE_OK && i < updraft_table_count; i++) {
        if (updraft_tables[i].update_where != NULL)
            continue;
        char *text = updraft_postgres_news_sql(&updraft_tables[i]);
        snprintf(name, sizeof name, "news%zu", i);
        PGresult *answer = PQprepare(store->conn, name, text, 0, NULL);
        if (PQresultStatus(answer) != PGRES_COMMAND_OK)
            result = updraft_postgres_explain(store->conn, answer, what, problem);
        PQclear(answer);
        free(text);
    }
    return result;
}

/* Does nothing when there is a connection. */
static enum updraft_store_result connect_again(struct postgres_store *store,
                                               struct updraft_store_problem *problem)
{
    enum updraft_store_result result = UPDRAFT_STORE_AWAY;

    if (store->conn != NULL)
        return UPDRAFT_STORE_OK;
    if (store->refused_ms != 0 && updraft_clock_steady_ms() - store->refused_ms < CONNECT_GAP_MS) {
        snprintf(problem->text, sizeof problem->text, "the PostgreSQL database cannot be reached");
        return UPDRAFT_STORE_AWAY;
    }
    store->conn = updraft_postgres_connect(store->url, problem);
    if (store->conn != NULL)
        result = store->as_is ? updraft_postgres_check(store->conn, problem)
                              : updraft_postgres_migrate(store->conn, problem);
    if (result == UPDRAFT_STORE_OK)
        result = prepare(store, problem);
    store->refused_ms = result == UPDRAFT_STORE_OK ? 0 : updraft_clock_steady_ms();
    if (result != UPDRAFT_STORE_OK)
        drop_connection(store);
    return result;
}

/* --- reading --- */

static enum updraft_store_result refuse_row(struct postgres_store *store,
                                            const struct updraft_table *table,
                                            struct updraft_store_problem *problem)
{
    snprintf(
        problem->text, sizeof problem->text,
        "cannot read the PostgreSQL database %.60s: '%s' has a row that this program never wrote",
        PQdb(store->conn), table->name);
    abandon(store);
    return UPDRAFT_STORE_CORRUPT;
}

static enum updraft_store_result load_table(struct postgres_store *store,
                                            const struct updraft_table *table,
                                            updraft_store_row_fn row, void *row_ctx,
                                            struct updraft_store_problem *problem)
{
    static const char what[] = "cannot read";
    char *declare = updraft_postgres_load_sql(table);
    enum updraft_store_result result = updraft_postgres_run(store->conn, declare, what, problem);
    int count = 1;

    free(declare);
    while (result == UPDRAFT_STORE_OK && count > 0) {
        PGresult *rows = PQexecParams(store->conn, "FETCH " FETCH_ROWS " FROM rows", 0, NULL, NULL,
                                      NULL, NULL, BINARY);
        count = PQntuples(rows);
        if (PQresultStatus(rows) != PGRES_TUPLES_OK)
            result = updraft_postgres_explain(store->conn, rows, what, problem);
        for (int i = 0; result == UPDRAFT_STORE_OK && i < count; i++) {
            if (!updraft_postgres_give_row(rows, i, table, table->kind, row, row_ctx))
                result = refuse_row(store, table, problem);
        }
        PQclear(rows);
    }
    if (result == UPDRAFT_STORE_OK)
        result = updraft_postgres_run(store->conn, "CLOSE rows", what, problem);
    return result;
}

/* Number of the last commit, clock of the database in milliseconds, schema. */
#define ASK_STATE                                                                                  \
    "SELECT seq, (extract(epoch FROM clock_timestamp())*1000)::bigint,"                            \
    " (SELECT max(version) FROM schema_migrations) FROM store_state"

struct state {
    int64_t seq;
    int64_t now_ms;
    int schema;
};

static enum updraft_store_result ask_state(struct postgres_store *store, const char *sql,
                                           struct state *state,
                                           struct updraft_store_problem *problem)
{
    PGresult *answer = PQexec(store->conn, sql);
    enum updraft_store_result result = UPDRAFT_STORE_OK;

    if (PQresultStatus(answer) != PGRES_TUPLES_OK || PQntuples(answer) != 1) {
        result = fail(store, answer, "cannot read", problem);
        if (result == UPDRAFT_STORE_OK)
            result = UPDRAFT_STORE_CORRUPT;
    } else {
        state->seq = strtoll(PQgetvalue(answer, 0, 0), NULL, 10);
        state->now_ms = strtoll(PQgetvalue(answer, 0, 1), NULL, 10);
        state->schema = atoi(PQgetvalue(answer, 0, 2));
    }
    PQclear(answer);
    return result;
}

static enum updraft_store_result load(void *ctx, updraft_store_row_fn row, void *row_ctx,
                                      struct updraft_store_problem *problem)
{
    struct postgres_store *store = ctx;
    struct state state;
    enum updraft_store_result result = connect_again(store, problem);

    if (result != UPDRAFT_STORE_OK)
        return result;
    result = ask_state(store, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; " ASK_STATE, &state,
                       problem);
    for (size_t i = 0; result == UPDRAFT_STORE_OK && i < updraft_table_count; i++) {
        if (updraft_tables[i].update_where == NULL)
            result = load_table(store, &updraft_tables[i], row, row_ctx, problem);
    }
    if (result == UPDRAFT_STORE_OK)
        result = updraft_postgres_run(store->conn, "COMMIT", "cannot read", problem);
    if (result != UPDRAFT_STORE_OK) {
        abandon(store);
        return result;
    }
    store->seq = state.seq;
    store->heard_ms = state.now_ms;
    return UPDRAFT_STORE_OK;
}

/* --- what others committed --- */

/* Takes results until the one that ends the pipeline's sync; the first that failed, or NULL. */
static PGresult *end_pipeline(PGconn *conn)
{
    PGresult *failed = NULL;
    bool synced = false;

    while (!synced && PQstatus(conn) == CONNECTION_OK) {
        PGresult *answer = PQgetResult(conn);
        ExecStatusType status = PQresultStatus(answer);
        synced = answer != NULL && status == PGRES_PIPELINE_SYNC;
        if (answer != NULL && failed == NULL && status == PGRES_FATAL_ERROR)
            failed = answer;
        else
            PQclear(answer);
    }
    PQexitPipelineMode(conn);
    return failed;
}

/* The news of every table, each in its place of `news`; *failed is the answer of one that failed. */
static bool ask_news(struct postgres_store *store, PGresult **news, PGresult **failed)
{
    uint64_t seq_be = htobe64((uint64_t)store->seq);
    const char *values[] = {(const char *)&seq_be};
    const int lens[] = {sizeof seq_be}, formats[] = {BINARY};
    bool ok = PQenterPipelineMode(store->conn) == 1;
    char name[32];

    for (size_t i = 0; ok && i < updraft_table_count; i++) {
        if (updraft_tables[i].update_where != NULL)
            continue;
        snprintf(name, sizeof name, "news%zu", i);
        ok = PQsendQueryPrepared(store->conn, name, 1, values, lens, formats, BINARY) == 1;
    }
    ok = ok && PQpipelineSync(store->conn) == 1;
    for (size_t i = 0; ok && i < updraft_table_count; i++) {
        if (updraft_tables[i].update_where != NULL)
            continue;
        news[i] = PQgetResult(store->conn);
        ok = PQresultStatus(news[i]) == PGRES_TUPLES_OK;
        PQclear(PQgetResult(store->conn)); /* the NULL that ends each */
    }
    *failed = end_pipeline(store->conn);
    return ok && *failed == NULL && PQstatus(store->conn) == CONNECTION_OK;
}

/* Logs end with their attempts, and it is the attempt that the change speaks of. */
static bool tells_end(size_t table)
{
    for (size_t i = 0; i < table; i++) {
        if (updraft_tables[i].ends && updraft_tables[i].ended_by == updraft_tables[table].ended_by)
            return false;
    }
    return updraft_tables[table].ends;
}

/* One table's rows, those that ended or those that are there. */
static bool give_news(const PGresult *rows, size_t table, bool ended, updraft_store_row_fn row,
                      void *row_ctx)
{
    const struct updraft_table *of = &updraft_tables[table];
    int count = rows == NULL ? 0 : PQntuples(rows);

    if (ended && !tells_end(table))
        return true;
    for (int i = 0; i < count; i++) {
        bool has_ended = PQgetvalue(rows, i, (int)of->column_count)[0] != 0;
        if (has_ended == ended &&
            !updraft_postgres_give_row(rows, i, of, ended ? of->ended_by : of->kind, row, row_ctx))
            return false;
    }
    return true;
}

static enum updraft_store_result take_news(struct postgres_store *store, updraft_store_row_fn row,
                                           void *row_ctx, struct updraft_store_problem *problem)
{
    PGresult **news = updraft_memory_new(updraft_table_count * sizeof(PGresult *));
    enum updraft_store_result result = UPDRAFT_STORE_OK;
    PGresult *failed = NULL;

    if (!ask_news(store, news, &failed)) {
        for (size_t i = 0; failed == NULL && i < updraft_table_count; i++) {
            if (news[i] != NULL && PQresultStatus(news[i]) == PGRES_FATAL_ERROR) {
                failed = news[i];
                news[i] = NULL;
            }
        }
        result = fail(store, failed, "cannot read", problem);
    }
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; result == UPDRAFT_STORE_OK && i < updraft_table_count; i++) {
            if (!give_news(news[i], i, pass == 0, row, row_ctx))
                result = refuse_row(store, &updraft_tables[i], problem);
        }
    }
    PQclear(failed);
    for (size_t i = 0; i < updraft_table_count; i++)
        PQclear(news[i]);
    free(news);
    return result;
}

/* Rows that ended long ago, and servers of long ago. When it fails, it is done an hour later. */
static void purge(struct postgres_store *store)
{
    int64_t now_ms = updraft_clock_steady_ms();
    struct updraft_store_problem ignored;
    char sql[160];

    if (store->purged_ms != 0 && now_ms - store->purged_ms < PURGE_MS)
        return;
    store->purged_ms = now_ms;
    for (size_t i = updraft_table_count; i-- > 0;) {
        snprintf(sql, sizeof sql, "DELETE FROM %s WHERE store_ended < now() - " KEPT,
                 updraft_tables[i].name);
        if (updraft_tables[i].ends)
            (void)!updraft_postgres_run(store->conn, sql, "", &ignored);
    }
    (void)!updraft_postgres_run(store->conn, "DELETE FROM store_servers WHERE at < now() - " KEPT,
                                "", &ignored);
}

/* Begins the transaction and takes the lock; once more when the connection turns out to be dead. */
static enum updraft_store_result begin(struct postgres_store *store, struct state *state,
                                       struct updraft_store_problem *problem)
{
    enum updraft_store_result result = UPDRAFT_STORE_OK;

    for (int i = 0; i < 2; i++) {
        bool fresh = store->conn == NULL;
        result = connect_again(store, problem);
        if (result != UPDRAFT_STORE_OK)
            return result;
        purge(store);
        result = ask_state(store, "BEGIN; " UPDRAFT_POSTGRES_LOCK "; " ASK_STATE, state, problem);
        if (result == UPDRAFT_STORE_OK || fresh || store->conn != NULL)
            break;
    }
    store->in_batch = result == UPDRAFT_STORE_OK;
    return result;
}

static enum updraft_store_result check_state(struct postgres_store *store,
                                             const struct state *state,
                                             struct updraft_store_problem *problem)
{
    const char *name = PQdb(store->conn);

    if (state->schema > updraft_schema_version) {
        snprintf(
            problem->text, sizeof problem->text,
            "another updraftd has brought the PostgreSQL database %.60s to schema %d; this one "
            "knows up to %d",
            name, state->schema, updraft_schema_version);
        return UPDRAFT_STORE_NEWER;
    }
    if (state->seq < store->seq) {
        snprintf(problem->text, sizeof problem->text,
                 "the PostgreSQL database %.60s is an older one than it was: commit %" PRId64
                 " is known, its last is %" PRId64,
                 name, store->seq, state->seq);
        return UPDRAFT_STORE_STALE;
    }
    if (state->now_ms - store->heard_ms > STALE_MS) {
        snprintf(problem->text, sizeof problem->text,
                 "the PostgreSQL database %.60s was away for more than 12 hours", name);
        return UPDRAFT_STORE_STALE;
    }
    return UPDRAFT_STORE_OK;
}

static enum updraft_store_result catch_up(void *ctx, updraft_store_row_fn row, void *row_ctx,
                                          struct updraft_store_problem *problem)
{
    struct postgres_store *store = ctx;
    struct state state;
    enum updraft_store_result result = begin(store, &state, problem);

    if (result != UPDRAFT_STORE_OK)
        return result;
    result = check_state(store, &state, problem);
    if (result != UPDRAFT_STORE_OK) {
        abandon(store);
        return result;
    }
    if (state.seq > store->seq)
        result = take_news(store, row, row_ctx, problem);
    if (result == UPDRAFT_STORE_OK) {
        store->seq = state.seq;
        store->heard_ms = state.now_ms;
    }
    return result;
}

/* --- writing --- */

/* Sends what is in the batch and empties it; the last one takes the commit along. */
static bool flush(struct postgres_store *store, bool last)
{
    char seq[24];
    const char *const server[] = {store->self, seq};
    bool ok = updraft_postgres_batch_send(store->batch, store->conn, store->seq + 1);

    updraft_postgres_batch_clear(store->batch);
    if (!last)
        return ok && PQpipelineSync(store->conn) == 1;
    snprintf(seq, sizeof seq, "%" PRId64, store->seq + 1);
    ok = ok && PQsendQueryParams(store->conn, "UPDATE store_state SET seq=$1::bigint", 1, NULL,
                                 server + 1, NULL, NULL, 0) == 1;
    ok = ok && PQsendQueryParams(store->conn,
                                 "INSERT INTO store_servers VALUES($1,$2::bigint,now())"
                                 " ON CONFLICT(id) DO UPDATE SET seq=excluded.seq, at=now()",
                                 2, NULL, server, NULL, NULL, 0) == 1;
    ok = ok && PQsendQueryParams(store->conn, "SELECT pg_notify('updraft',$1)", 1, NULL, server,
                                 NULL, NULL, 0) == 1;
    ok = ok && PQsendQueryParams(store->conn, "COMMIT", 0, NULL, NULL, NULL, NULL, 0) == 1;
    return ok && PQpipelineSync(store->conn) == 1;
}

/* The answer that failed, or NULL: then it is done, unless the connection is lost. */
static PGresult *write_changes(struct postgres_store *store, const struct updraft_change *changes,
                               size_t count)
{
    PGresult *failed = NULL;

    updraft_postgres_batch_clear(store->batch);
    PQenterPipelineMode(store->conn);
    for (size_t i = 0; failed == NULL && i < count; i++) {
        if (updraft_postgres_batch_add(store->batch, &changes[i]))
            continue;
        flush(store, false);
        failed = end_pipeline(store->conn);
        PQenterPipelineMode(store->conn);
        UPDRAFT_ASSERT(updraft_postgres_batch_add(store->batch, &changes[i]));
    }
    if (failed == NULL)
        flush(store, true);
    PGresult *last = failed == NULL ? end_pipeline(store->conn) : NULL;
    if (failed != NULL)
        PQexitPipelineMode(store->conn);
    return failed != NULL ? failed : last;
}

/* The connection was lost with a commit under way: looks whether it is kept, as long as that is bearable. With
 * the lock taken it can no longer be on its way. */
static enum updraft_store_result resolve(struct postgres_store *store,
                                         struct updraft_store_problem *problem)
{
    int64_t until_ms = updraft_clock_steady_ms() + RESOLVE_MS;
    struct updraft_store_problem ignored;
    struct state state;

    do {
        store->refused_ms = 0;
        if (begin(store, &state, &ignored) == UPDRAFT_STORE_OK) {
            const char *const self[] = {store->self};
            PGresult *answer =
                PQexecParams(store->conn, "SELECT seq FROM store_servers WHERE id=$1", 1, NULL,
                             self, NULL, NULL, 0);
            bool known = PQresultStatus(answer) == PGRES_TUPLES_OK;
            int64_t mine =
                known && PQntuples(answer) == 1 ? strtoll(PQgetvalue(answer, 0, 0), NULL, 10) : 0;
            PQclear(answer);
            abandon(store);
            if (known && mine == store->seq + 1)
                return UPDRAFT_STORE_OK;
            if (known)
                return UPDRAFT_STORE_AWAY;
        }
        usleep(RESOLVE_GAP_US);
    } while (updraft_clock_steady_ms() < until_ms);
    snprintf(problem->text + strlen(problem->text), sizeof problem->text - strlen(problem->text),
             " (whether the last commit is kept will show when it is back)");
    return UPDRAFT_STORE_UNKNOWN;
}

static enum updraft_store_result commit(void *ctx, const struct updraft_change *changes,
                                        size_t count, struct updraft_store_problem *problem)
{
    struct postgres_store *store = ctx;
    enum updraft_store_result result = UPDRAFT_STORE_OK;

    UPDRAFT_ASSERT(store->in_batch && store->conn != NULL);
    if (count == 0) {
        store->in_batch = false;
        result = updraft_postgres_run(store->conn, "COMMIT", "cannot use", problem);
        if (result != UPDRAFT_STORE_OK)
            abandon(store);
        return result;
    }
    PGresult *failed = write_changes(store, changes, count);
    store->in_batch = false;
    if (PQstatus(store->conn) != CONNECTION_OK) {
        result = fail(store, failed, "lost", problem);
        result = resolve(store, problem);
    } else if (failed != NULL) {
        result = fail(store, failed, "cannot write", problem);
    }
    PQclear(failed);
    if (result == UPDRAFT_STORE_OK)
        store->seq++;
    return result;
}

/* --- opening --- */

static void watch(void *ctx, void (*wake)(void *wake_ctx), void *wake_ctx)
{
    struct postgres_store *store = ctx;

    updraft_postgres_unlisten(store->ear);
    store->ear =
        wake == NULL ? NULL : updraft_postgres_listen(store->url, store->self, wake, wake_ctx);
}

static void close_store(void *ctx)
{
    struct postgres_store *store = ctx;

    updraft_postgres_unlisten(store->ear);
    updraft_postgres_batch_free(store->batch);
    PQfinish(store->conn);
    free(store->url);
    free(store);
}

static void name_self(char out[33])
{
    uint8_t bytes[16];

    UPDRAFT_ASSERT(getrandom(bytes, sizeof bytes, 0) == sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static enum updraft_store_result open_store(const char *url, bool as_is, struct updraft_store *out,
                                            struct updraft_store_problem *problem)
{
    struct postgres_store *store = updraft_memory_new(sizeof *store);

    store->url = updraft_memory_copy(url, strlen(url));
    store->batch = updraft_postgres_batch_new();
    store->as_is = as_is;
    name_self(store->self);
    enum updraft_store_result result = connect_again(store, problem);
    if (result != UPDRAFT_STORE_OK) {
        close_store(store);
        return result;
    }
    out->ctx = store;
    out->load = load;
    out->catch_up = catch_up;
    out->commit = commit;
    out->watch = watch;
    out->close = close_store;
    return UPDRAFT_STORE_OK;
}

enum updraft_store_result updraft_postgres_open(const char *url, struct updraft_store *store,
                                                struct updraft_store_problem *problem)
{
    return open_store(url, false, store, problem);
}

enum updraft_store_result updraft_postgres_open_as_is(const char *url, struct updraft_store *store,
                                                      struct updraft_store_problem *problem)
{
    return open_store(url, true, store, problem);
}
