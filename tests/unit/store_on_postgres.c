/* Each test has a fresh schema in the database that UPDRAFT_TEST_POSTGRES names. */
#include "server/store/postgres.h"
#include "tests/unit/store_fixture.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const char place_zeros[] = "decode(repeat('00',32),'hex')";
const char place_no_parent[] = "foreign key";

static void run_on(const char *url, const char *sql)
{
    PGconn *conn = PQconnectdb(url);
    PGresult *answer = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(answer);

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    PQclear(answer);
    PQfinish(conn);
}

static void no_row(void *ctx, const struct updraft_change *row)
{
    (void)ctx;
    (void)row;
}

/* What is there already is nobody's news. */
static enum updraft_store_result load_all(struct place *place)
{
    return place->store.load(place->store.ctx, no_row, NULL, &place->problem);
}

int place_set_up(void **state)
{
    const char *url = getenv("UPDRAFT_TEST_POSTGRES");
    struct place *place = calloc(1, sizeof *place);

    if (url == NULL) {
        print_error("UPDRAFT_TEST_POSTGRES names no database\n");
        return -1;
    }
    snprintf(place->path, sizeof place->path, "%s&options=-csearch_path%%3Dtested", url);
    run_on(url, "SET client_min_messages=error; DROP SCHEMA IF EXISTS tested CASCADE;"
                "CREATE SCHEMA tested");
    *state = place;
    if (place_open(place) == UPDRAFT_STORE_OK && load_all(place) == UPDRAFT_STORE_OK)
        return 0;
    print_error("%s\n", place->problem.text);
    return -1;
}

int place_tear_down(void **state)
{
    struct place *place = *state;

    if (place->store.ctx != NULL)
        place->store.close(place->store.ctx);
    free(place);
    return 0;
}

enum updraft_store_result place_open(struct place *place)
{
    return updraft_postgres_open(place->path, &place->store, &place->problem);
}

void place_close(struct place *place)
{
    place->store.close(place->store.ctx);
    place->store.ctx = NULL;
}

void place_reopen(struct place *place)
{
    place_close(place);
    assert_int_equal(place_open(place), UPDRAFT_STORE_OK);
    assert_int_equal(load_all(place), UPDRAFT_STORE_OK);
}

void place_run_sql(struct place *place, const char *sql)
{
    run_on(place->path, sql);
}
