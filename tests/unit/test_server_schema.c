/* Databases of earlier versions, made with the statements those versions had: they open, nothing of
 * them is lost, and they take what is new. */
#include "server/fleet/fleet.h"
#include "server/store/sqlite.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MAC "24:6F:28:00:00:01"

static const char version_1[] =
    "CREATE TABLE schema_migrations(version INTEGER PRIMARY KEY, applied_s INTEGER NOT NULL);"
    "INSERT INTO schema_migrations VALUES(1, 1700000000);"
    "CREATE TABLE products(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " created_ms INTEGER NOT NULL);"
    "CREATE TABLE releases(id INTEGER PRIMARY KEY,"
    " product_id INTEGER NOT NULL REFERENCES products(id), version TEXT NOT NULL,"
    " notes TEXT NOT NULL, created_ms INTEGER NOT NULL, UNIQUE(product_id, version));"
    "CREATE TABLE images(release_id INTEGER NOT NULL REFERENCES releases(id),"
    " chip INTEGER NOT NULL, sha256 BLOB NOT NULL, md5 BLOB NOT NULL, size INTEGER NOT NULL,"
    " project TEXT NOT NULL, idf TEXT NOT NULL, PRIMARY KEY(release_id, chip)) WITHOUT ROWID;"
    "CREATE TABLE channels(product_id INTEGER NOT NULL REFERENCES products(id),"
    " name TEXT NOT NULL, release_id INTEGER NOT NULL REFERENCES releases(id),"
    " PRIMARY KEY(product_id, name)) WITHOUT ROWID;"
    "CREATE TABLE devices(id TEXT PRIMARY KEY, name TEXT NOT NULL, product TEXT NOT NULL,"
    " channel TEXT NOT NULL, version TEXT NOT NULL, slot TEXT NOT NULL, address TEXT NOT NULL,"
    " chip INTEGER NOT NULL, reports INTEGER NOT NULL, confirmed INTEGER NOT NULL,"
    " trial INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL);"
    "CREATE TABLE attempts(id INTEGER PRIMARY KEY,"
    " device TEXT NOT NULL REFERENCES devices(id), product TEXT NOT NULL,"
    " from_version TEXT NOT NULL, to_version TEXT NOT NULL, via INTEGER NOT NULL,"
    " state INTEGER NOT NULL, progress INTEGER NOT NULL, error_code INTEGER NOT NULL,"
    " error_name TEXT NOT NULL, error_text TEXT NOT NULL, started_ms INTEGER NOT NULL,"
    " updated_ms INTEGER NOT NULL);"
    "CREATE TABLE tokens(id INTEGER PRIMARY KEY, hash BLOB NOT NULL, name TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL);"
    "INSERT INTO products VALUES(1,'demo',5);"
    "INSERT INTO releases VALUES(1,1,'1.0.0','',6);"
    "INSERT INTO images VALUES(1,0,zeroblob(32),zeroblob(16),1000,'demo','v5');"
    "INSERT INTO channels VALUES(1,'stable',1);"
    "INSERT INTO devices VALUES('" MAC
    "','garage','demo','stable','0.9.0','ota_0','::1',0,1,1,0,7);"
    "INSERT INTO attempts VALUES(1,'" MAC "','demo','0.9.0','1.0.0',1,6,100,60,'rolled_back','it"
    " hung',8,9);"
    "INSERT INTO tokens VALUES(1,zeroblob(32),'first',4);";
static const char version_2[] =
    "CREATE TABLE logs(attempt_id INTEGER PRIMARY KEY REFERENCES attempts(id),"
    " text TEXT NOT NULL);"
    "INSERT INTO logs VALUES(1,'panic');"
    "INSERT INTO schema_migrations VALUES(2, 1700000000);";

struct place {
    char dir[64];
    char path[80];
    struct updraft_store store;
    struct updraft_store_problem problem;
    struct updraft_fleet fleet;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    strcpy(place->dir, "/tmp/updraft-schema-XXXXXX");
    if (mkdtemp(place->dir) == NULL)
        return -1;
    snprintf(place->path, sizeof place->path, "%s/db", place->dir);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[96];

    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", place->path, suffixes[i]);
        unlink(path);
    }
    rmdir(place->dir);
    free(place);
    return 0;
}

static void make_old(const struct place *place, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void load_row(void *ctx, const struct updraft_change *row)
{
    updraft_fleet_apply(ctx, row);
}

static void open_and_load(struct place *place)
{
    assert_int_equal(updraft_sqlite_open(place->path, &place->store, &place->problem),
                     UPDRAFT_STORE_OK);
    updraft_fleet_init(&place->fleet, 0);
    assert_int_equal(place->store.load(place->store.ctx, load_row, &place->fleet, &place->problem),
                     UPDRAFT_STORE_OK);
}

static void close_all(struct place *place)
{
    place->store.close(place->store.ctx);
    updraft_fleet_deinit(&place->fleet);
}

static void assert_nothing_is_lost(const struct updraft_fleet *fleet)
{
    assert_int_equal(fleet->product_count, 1);
    assert_int_equal(fleet->release_count, 1);
    assert_int_equal(fleet->releases[0]->image_count, 1);
    for (size_t i = 0; i < UPDRAFT_SHA1_LEN; i++)
        assert_int_equal(fleet->releases[0]->images[0].sha1[i], 0);
    assert_int_equal(fleet->channel_count, 1);
    assert_int_equal(fleet->device_count, 1);
    assert_string_equal(fleet->devices[0]->name, "garage");
    assert_int_equal(fleet->attempt_count, 1);
    assert_string_equal(fleet->attempts[0]->failure->text, "it hung");
}

static void a_token_of_before_the_roles_may_do_everything_for_ever(void **state)
{
    struct place *place = *state;

    make_old(place, version_1);
    make_old(place, version_2);
    open_and_load(place);
    assert_nothing_is_lost(&place->fleet);
    assert_string_equal(updraft_attempt_log(place->fleet.attempts[0]), "panic");
    assert_int_equal(place->fleet.token_count, 1);
    assert_string_equal(place->fleet.tokens[0].name, "first");
    assert_int_equal(place->fleet.tokens[0].role, UPDRAFT_ROLE_ADMIN);
    assert_int_equal(place->fleet.tokens[0].expires_ms, 0);
    close_all(place);
}

static void a_database_of_the_first_version_takes_what_is_new(void **state)
{
    struct place *place = *state;
    struct updraft_change changes[] = {{.kind = UPDRAFT_CHANGE_LOG},
                                       {.kind = UPDRAFT_CHANGE_TOKEN},
                                       {.kind = UPDRAFT_CHANGE_AUDIT}};

    make_old(place, version_1);
    open_and_load(place);
    assert_nothing_is_lost(&place->fleet);
    assert_null(updraft_attempt_log(place->fleet.attempts[0]));
    changes[0].row.log.attempt_id = 1;
    updraft_name_set(changes[0].row.log.text, UPDRAFT_LOG_CAP, "panic");
    changes[1].row.token.id = 2;
    changes[1].row.token.role = UPDRAFT_ROLE_VIEW;
    changes[1].row.token.expires_ms = 77;
    updraft_name_set(changes[1].row.token.name, UPDRAFT_NAME_CAP, "ci");
    changes[2].row.audit.id = 1;
    changes[2].row.audit.status = 200;
    assert_int_equal(place->store.commit(place->store.ctx, changes, 3, &place->problem),
                     UPDRAFT_STORE_OK);
    close_all(place);
    open_and_load(place);
    assert_nothing_is_lost(&place->fleet);
    assert_string_equal(updraft_attempt_log(place->fleet.attempts[0]), "panic");
    assert_int_equal(place->fleet.token_count, 2);
    assert_int_equal(place->fleet.tokens[1].role, UPDRAFT_ROLE_VIEW);
    assert_int_equal(place->fleet.tokens[1].expires_ms, 77);
    assert_int_equal(place->fleet.audit_newest_id, 1);
    close_all(place);
}

static void the_audit_log_keeps_its_newest_rows_and_no_more(void **state)
{
    struct place *place = *state;
    static struct updraft_change changes[100];
    const int64_t last = UPDRAFT_AUDIT_CAP + 250;

    open_and_load(place);
    for (int64_t id = 1; id <= last; id++) {
        struct updraft_change *change = &changes[(id - 1) % 100];
        change->kind = UPDRAFT_CHANGE_AUDIT;
        change->row.audit.id = id;
        change->row.audit.at_ms = 1000 + id;
        change->row.audit.status = 201;
        updraft_name_set(change->row.audit.operator_name, UPDRAFT_NAME_CAP, "ci");
        updraft_name_set(change->row.audit.object, UPDRAFT_OBJECT_CAP, "it's \"demo\"");
        if (id % 100 == 0 || id == last)
            assert_int_equal(place->store.commit(place->store.ctx, changes,
                                                 (size_t)((id - 1) % 100 + 1), &place->problem),
                             UPDRAFT_STORE_OK);
        updraft_fleet_apply(&place->fleet, change);
    }
    for (int round = 0; round < 2; round++) {
        assert_int_equal(place->fleet.audit_newest_id, last);
        assert_null(updraft_fleet_find_audit(&place->fleet, 0));
        assert_null(updraft_fleet_find_audit(&place->fleet, 250));
        assert_null(updraft_fleet_find_audit(&place->fleet, last + 1));
        for (int64_t id = 251; id <= last; id++)
            assert_int_equal(updraft_fleet_find_audit(&place->fleet, id)->at_ms, 1000 + id);
        assert_string_equal(updraft_fleet_find_audit(&place->fleet, last)->object, "it's \"demo\"");
        close_all(place);
        open_and_load(place);
    }
    close_all(place);
    make_old(place, "UPDATE audit SET slot=7777777 WHERE slot=1"); /* never written like this */
    assert_int_equal(updraft_sqlite_open(place->path, &place->store, &place->problem),
                     UPDRAFT_STORE_OK);
    updraft_fleet_init(&place->fleet, 0);
    assert_int_equal(place->store.load(place->store.ctx, load_row, &place->fleet, &place->problem),
                     UPDRAFT_STORE_CORRUPT);
    close_all(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_token_of_before_the_roles_may_do_everything_for_ever,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_database_of_the_first_version_takes_what_is_new, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_audit_log_keeps_its_newest_rows_and_no_more, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
