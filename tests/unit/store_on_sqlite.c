#include "server/store/sqlite.h"
#include "tests/unit/store_fixture.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

const char place_zeros[] = "zeroblob(32)";
const char place_no_parent[] = "FOREIGN KEY";

int place_set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    strcpy(place->dir, "/tmp/updraft-store-XXXXXX");
    if (mkdtemp(place->dir) == NULL)
        return -1;
    snprintf(place->path, sizeof place->path, "%s/db", place->dir);
    *state = place;
    return place_open(place) == UPDRAFT_STORE_OK ? 0 : -1;
}

int place_tear_down(void **state)
{
    struct place *place = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[320];

    if (place->store.ctx != NULL)
        place->store.close(place->store.ctx);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", place->path, suffixes[i]);
        unlink(path);
    }
    rmdir(place->dir);
    free(place);
    return 0;
}

enum updraft_store_result place_open(struct place *place)
{
    return updraft_sqlite_open(place->path, &place->store, &place->problem);
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
}

void place_run_sql(struct place *place, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}
