#include "server/store/postgres_link.h"

#include "format/assert.h"
#include "server/memory.h"
#include "server/store/schema.h"
#include "server/store/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say_nothing(void *ctx, const char *message)
{
    (void)ctx;
    (void)message;
}

/* What libpq says takes several lines; the first says what is wrong. */
static void put_problem(const PGconn *conn, const char *what, const char *why,
                        struct updraft_store_problem *problem)
{
    const char *name = conn == NULL ? NULL : PQdb(conn);

    if (strncmp(why, "ERROR:  ", 8) == 0 || strncmp(why, "FATAL:  ", 8) == 0)
        why += 8;
    snprintf(problem->text, sizeof problem->text, "%s the PostgreSQL database %.60s: %.*s", what,
             name == NULL ? "" : name, (int)strcspn(why, "\n"), why);
}

PGconn *updraft_postgres_connect(const char *url, struct updraft_store_problem *problem)
{
    /* Those before dbname are defaults, which the address may change. A host that is gone without a word is
     * noticed within seconds, on both sides. */
    static const char *const names[] = {"fallback_application_name", "connect_timeout",
                                        "tcp_user_timeout",          "keepalives_idle",
                                        "keepalives_interval",       "keepalives_count",
                                        "target_session_attrs",      "dbname",
                                        "client_encoding",           NULL};
    const char *const values[] = {"updraftd", "5",          "10000", "10",   "5",
                                  "3",        "read-write", url,     "UTF8", NULL};
    static const char settings[] =
        "SET lock_timeout='10s'; SET statement_timeout='60s';"
        "SET idle_in_transaction_session_timeout='60s'; SET tcp_keepalives_idle=10;"
        "SET tcp_keepalives_interval=5; SET tcp_keepalives_count=3;"
        "SELECT set_config('synchronous_commit','on',false)"
        " WHERE current_setting('synchronous_commit')='off'";
    PGconn *conn = PQconnectdbParams(names, values, 1);

    UPDRAFT_ASSERT(conn != NULL);
    if (PQstatus(conn) != CONNECTION_OK) {
        put_problem(conn, "cannot reach", PQerrorMessage(conn), problem);
    } else {
        PQsetNoticeProcessor(conn, say_nothing, NULL);
        if (updraft_postgres_run(conn, settings, "cannot use", problem) == UPDRAFT_STORE_OK)
            return conn;
    }
    PQfinish(conn);
    return NULL;
}

static enum updraft_store_result result_of_state(const char *state)
{
    static const struct {
        const char *prefix;
        enum updraft_store_result result;
    } known[] = {
        {"53100", UPDRAFT_STORE_FULL}, /* disk full */
        {"08", UPDRAFT_STORE_AWAY},    /* connection */
        {"57P", UPDRAFT_STORE_AWAY},   /* it is told to stop, or is starting */
        {"57014", UPDRAFT_STORE_AWAY}, /* a statement took too long */
        {"55P03", UPDRAFT_STORE_AWAY}, /* the lock was not to be had in time */
        {"53", UPDRAFT_STORE_AWAY},    /* too many connections, no memory */
        {"25", UPDRAFT_STORE_AWAY},    /* read-only by now, or idle for too long */
        {"42", UPDRAFT_STORE_CORRUPT}, /* our statements are right: the tables are not ours */
        {"22", UPDRAFT_STORE_CORRUPT}, /* so are our values */
        {"XX", UPDRAFT_STORE_CORRUPT}, /* damaged pages */
    };

    for (size_t i = 0; state != NULL && i < sizeof known / sizeof *known; i++) {
        if (strncmp(state, known[i].prefix, strlen(known[i].prefix)) == 0)
            return known[i].result;
    }
    return UPDRAFT_STORE_IO;
}

enum updraft_store_result updraft_postgres_explain(const PGconn *conn, const PGresult *result,
                                                   const char *what,
                                                   struct updraft_store_problem *problem)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *why = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    put_problem(conn, what, why != NULL ? why : PQerrorMessage(conn), problem);
    if (conn == NULL || PQstatus(conn) != CONNECTION_OK)
        return UPDRAFT_STORE_AWAY;
    return result_of_state(state);
}

enum updraft_store_result updraft_postgres_run(PGconn *conn, const char *sql, const char *what,
                                               struct updraft_store_problem *problem)
{
    PGresult *answer = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(answer);
    enum updraft_store_result result = UPDRAFT_STORE_OK;

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        result = updraft_postgres_explain(conn, answer, what, problem);
    PQclear(answer);
    return result;
}

/* --- tables --- */

/* A step of SQLite's in PostgreSQL's words (schema.h says which there are). Freed by the caller. */
static char *translate(const char *step)
{
    static const char *const words[][2] = {
        {"INTEGER", "BIGINT"}, {"BLOB", "BYTEA"}, {" WITHOUT ROWID", ""}, {" x'", " '\\x"}};
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    UPDRAFT_ASSERT(out != NULL);
    while (*step != '\0') {
        size_t i = 0;
        while (i < 4 && strncmp(step, words[i][0], strlen(words[i][0])) != 0)
            i++;
        if (i < 4) {
            fputs(words[i][1], out);
            step += strlen(words[i][0]);
        } else {
            fputc(*step++, out);
        }
    }
    UPDRAFT_ASSERT(fclose(out) == 0);
    return text;
}

static enum updraft_store_result run_step(PGconn *conn, int version,
                                          struct updraft_store_problem *problem)
{
    static const char what[] = "cannot bring up to date";
    char record[128];
    char *step = translate(updraft_schema_steps[version]);
    enum updraft_store_result result = updraft_postgres_run(conn, step, what, problem);

    free(step);
    snprintf(record, sizeof record,
             "INSERT INTO schema_migrations VALUES(%d, extract(epoch FROM now())::bigint)",
             version + 1);
    if (result == UPDRAFT_STORE_OK)
        result = updraft_postgres_run(conn, record, what, problem);
    return result;
}

/* What tells several servers of each other's rows: the number of the commit that wrote a row last, and when it
 * ended; and what a file has by itself: an order of arrival. */
static enum updraft_store_result add_books(PGconn *conn, struct updraft_store_problem *problem)
{
    enum updraft_store_result result = UPDRAFT_STORE_OK;
    char sql[512];

    for (size_t i = 0; result == UPDRAFT_STORE_OK && i < updraft_table_count; i++) {
        const char *name = updraft_tables[i].name;
        if (updraft_tables[i].update_where != NULL)
            continue;
        snprintf(sql, sizeof sql,
                 "ALTER TABLE %s ADD COLUMN IF NOT EXISTS store_seq BIGINT NOT NULL DEFAULT 0,"
                 " ADD COLUMN IF NOT EXISTS store_ended TIMESTAMPTZ,"
                 " ADD COLUMN IF NOT EXISTS store_order BIGINT GENERATED ALWAYS AS IDENTITY;"
                 "CREATE INDEX IF NOT EXISTS %s_by_seq ON %s(store_seq)",
                 name, name, name);
        result = updraft_postgres_run(conn, sql, "cannot bring up to date", problem);
    }
    return result;
}

static enum updraft_store_result ask_version(PGconn *conn, int *version,
                                             struct updraft_store_problem *problem)
{
    PGresult *answer = PQexec(conn, "SELECT coalesce(max(version),0) FROM schema_migrations");
    enum updraft_store_result result = UPDRAFT_STORE_OK;

    if (PQresultStatus(answer) != PGRES_TUPLES_OK) {
        result = updraft_postgres_explain(conn, answer, "cannot read", problem);
        PQclear(answer);
        return result;
    }
    *version = atoi(PQgetvalue(answer, 0, 0));
    PQclear(answer);
    if (*version > updraft_schema_version) {
        snprintf(problem->text, sizeof problem->text,
                 "the PostgreSQL database %.60s has schema %d, this program knows up to %d",
                 PQdb(conn), *version, updraft_schema_version);
        return UPDRAFT_STORE_NEWER;
    }
    return UPDRAFT_STORE_OK;
}

enum updraft_store_result updraft_postgres_check(PGconn *conn,
                                                 struct updraft_store_problem *problem)
{
    int version;
    enum updraft_store_result result = ask_version(conn, &version, problem);

    if (result != UPDRAFT_STORE_OK || version == updraft_schema_version)
        return result;
    snprintf(problem->text, sizeof problem->text,
             "the PostgreSQL database %.60s has schema %d, this program would bring it to %d",
             PQdb(conn), version, updraft_schema_version);
    return UPDRAFT_STORE_NEWER;
}

static enum updraft_store_result migrate_locked(PGconn *conn, struct updraft_store_problem *problem)
{
    static const char own_tables[] =
        "CREATE TABLE IF NOT EXISTS schema_migrations(version BIGINT PRIMARY KEY,"
        " applied_s BIGINT NOT NULL);"
        "CREATE TABLE IF NOT EXISTS store_state(seq BIGINT NOT NULL);"
        "INSERT INTO store_state SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM store_state);"
        "CREATE TABLE IF NOT EXISTS store_servers(id TEXT PRIMARY KEY, seq BIGINT NOT NULL,"
        " at TIMESTAMPTZ NOT NULL)";
    enum updraft_store_result result =
        updraft_postgres_run(conn, own_tables, "cannot prepare", problem);

    if (result != UPDRAFT_STORE_OK)
        return result;
    int version;
    result = ask_version(conn, &version, problem);
    if (result != UPDRAFT_STORE_OK)
        return result;
    if (version == updraft_schema_version)
        return UPDRAFT_STORE_OK;
    for (; result == UPDRAFT_STORE_OK && version < updraft_schema_version; version++)
        result = run_step(conn, version, problem);
    return result == UPDRAFT_STORE_OK ? add_books(conn, problem) : result;
}

enum updraft_store_result updraft_postgres_migrate(PGconn *conn,
                                                   struct updraft_store_problem *problem)
{
    struct updraft_store_problem ignored;
    enum updraft_store_result result =
        updraft_postgres_run(conn, "BEGIN; " UPDRAFT_POSTGRES_LOCK, "cannot lock", problem);

    if (result == UPDRAFT_STORE_OK)
        result = migrate_locked(conn, problem);
    if (result == UPDRAFT_STORE_OK)
        result = updraft_postgres_run(conn, "COMMIT", "cannot bring up to date", problem);
    if (result != UPDRAFT_STORE_OK)
        (void)!updraft_postgres_run(conn, "ROLLBACK", "", &ignored);
    return result;
}
