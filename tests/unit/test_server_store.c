/* The store on a real file, and the fleet that comes back from it. */
#include "server/fleet/fleet.h"
#include "server/operator_api/objects.h"
#include "server/store/sqlite.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char dir[64];
    char path[80];
    struct updraft_store store;
    struct updraft_store_problem problem;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    strcpy(place->dir, "/tmp/updraft-store-XXXXXX");
    if (mkdtemp(place->dir) == NULL)
        return -1;
    snprintf(place->path, sizeof place->path, "%s/db", place->dir);
    *state = place;
    return updraft_sqlite_open(place->path, &place->store, &place->problem) == UPDRAFT_STORE_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[96];

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

static void close_store(struct place *place)
{
    place->store.close(place->store.ctx);
    place->store.ctx = NULL;
}

static void reopen(struct place *place)
{
    close_store(place);
    assert_int_equal(updraft_sqlite_open(place->path, &place->store, &place->problem),
                     UPDRAFT_STORE_OK);
}

static void load_row(void *ctx, const struct updraft_change *row)
{
    updraft_fleet_apply(ctx, row);
}

static void load(struct place *place, struct updraft_fleet *fleet)
{
    updraft_fleet_init(fleet, 0);
    assert_int_equal(place->store.load(place->store.ctx, load_row, fleet, &place->problem),
                     UPDRAFT_STORE_OK);
}

/* Everything that can be seen of a fleet. Freed by the caller. */
static char *show(const struct updraft_fleet *fleet)
{
    struct updraft_json json;
    size_t len;

    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_objects_products(&json, fleet);
    updraft_objects_devices(&json, fleet, &(struct updraft_page){.limit = 1000});
    updraft_objects_releases(&json, fleet);
    updraft_objects_channels(&json, fleet);
    updraft_objects_attempts(&json, fleet, NULL, &(struct updraft_page){.limit = 1000});
    for (size_t i = 0; i < fleet->token_count; i++) {
        const struct updraft_token_row *token = &fleet->tokens[i];
        updraft_json_hex(&json, token->name, token->hash, sizeof token->hash);
        updraft_json_text(&json, "role", updraft_role_name(token->role));
        updraft_json_number(&json, "id", token->id);
        updraft_json_number(&json, "expires", token->expires_ms);
    }
    updraft_json_close(&json, '}');
    return updraft_json_finish(&json, &len);
}

/* --- making changes --- */

static struct updraft_change product(int64_t id, const char *name)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_PRODUCT};

    change.row.product.id = id;
    change.row.product.created_ms = 1000 + id;
    updraft_name_set(change.row.product.name, UPDRAFT_NAME_CAP, name);
    return change;
}

static struct updraft_change release(int64_t id, int64_t product_id, const char *version)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_RELEASE};

    change.row.release.id = id;
    change.row.release.product_id = product_id;
    change.row.release.created_ms = 2000 + id;
    updraft_name_set(change.row.release.version, UPDRAFT_VERSION_CAP, version);
    updraft_name_set(change.row.release.notes, UPDRAFT_NOTES_CAP, "it's \"good\"; DROP TABLE x");
    return change;
}

static struct updraft_change image(int64_t release_id, uint16_t chip)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_IMAGE};

    change.row.image.release_id = release_id;
    change.row.image.chip = chip;
    change.row.image.size = 4000000000u;
    memset(change.row.image.sha256, 0xa0 + (int)release_id, UPDRAFT_SHA256_LEN);
    memset(change.row.image.md5, 0xb0 + chip, UPDRAFT_MD5_LEN);
    memset(change.row.image.sha1, 0xc0 + chip, UPDRAFT_SHA1_LEN);
    updraft_name_set(change.row.image.project, 33, "demo");
    return change;
}

static struct updraft_change channel(int64_t product_id, const char *name, int64_t release_id)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_CHANNEL};

    change.row.channel.product_id = product_id;
    change.row.channel.release_id = release_id;
    updraft_name_set(change.row.channel.name, UPDRAFT_NAME_CAP, name);
    return change;
}

static struct updraft_change device(unsigned number, const char *version)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_DEVICE};
    struct updraft_device_row *row = &change.row.device;

    snprintf(row->id, sizeof row->id, "24:6F:28:00:%02X:%02X", number >> 8 & 255u, number & 255u);
    snprintf(row->name, sizeof row->name, "device '%u' ä", number);
    updraft_name_set(row->product, UPDRAFT_NAME_CAP, "demo");
    updraft_name_set(row->channel, UPDRAFT_NAME_CAP, "stable");
    updraft_name_set(row->version, UPDRAFT_VERSION_CAP, version);
    updraft_name_set(row->slot, UPDRAFT_SLOT_CAP, "ota_1");
    updraft_name_set(row->address, UPDRAFT_ADDRESS_CAP, "127.0.0.1");
    row->chip = number % 3 == 0 ? 9 : 0;
    row->reports = number % 2 == 0;
    row->confirmed = number % 5 != 0;
    row->trial = !row->confirmed;
    row->last_seen_ms = 1800000000000 + number;
    return change;
}

static struct updraft_change attempt(int64_t id, unsigned device_number,
                                     enum updraft_attempt_state state)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_ATTEMPT};
    struct updraft_change of = device(device_number, "1.0.0");
    struct updraft_attempt_row *row = &change.row.attempt;

    row->id = id;
    updraft_name_set(row->device, UPDRAFT_DEVICE_ID_CAP, of.row.device.id);
    updraft_name_set(row->product, UPDRAFT_NAME_CAP, "demo");
    updraft_name_set(row->from, UPDRAFT_VERSION_CAP, "1.0.0");
    updraft_name_set(row->to, UPDRAFT_VERSION_CAP, "1.1.0");
    row->via = UPDRAFT_VIA_ESPOTA;
    row->state = state;
    row->progress = 43;
    row->started_ms = row->updated_ms = 1800000000000;
    if (state == UPDRAFT_ATTEMPT_FAILED) {
        row->error_code = 69;
        updraft_name_set(row->error_name, UPDRAFT_ERROR_NAME_CAP, "disconnected");
        updraft_name_set(row->error_text, UPDRAFT_ERROR_TEXT_CAP, "the connection broke off");
    }
    return change;
}

static void commit(struct place *place, struct updraft_fleet *fleet, struct updraft_change change)
{
    assert_int_equal(place->store.commit(place->store.ctx, &change, 1, &place->problem),
                     UPDRAFT_STORE_OK);
    updraft_fleet_apply(fleet, &change);
}

static void make_catalogue(struct place *place, struct updraft_fleet *fleet)
{
    commit(place, fleet, product(1, "demo"));
    commit(place, fleet, product(2, "other"));
    commit(place, fleet, release(1, 1, "1.0.0"));
    commit(place, fleet, image(1, 9));
    commit(place, fleet, image(1, 0));
    commit(place, fleet, release(2, 2, "1.0.0"));
    commit(place, fleet, release(3, 1, "1.1.0"));
    commit(place, fleet, image(3, 0));
    commit(place, fleet, channel(1, "testing", 3));
    commit(place, fleet, channel(2, "stable", 2));
    commit(place, fleet, channel(1, "stable", 1));
    commit(place, fleet, channel(1, "stable", 3)); /* moved */
}

static void assert_same_after_reopening(struct place *place, const struct updraft_fleet *fleet)
{
    struct updraft_fleet again;

    reopen(place);
    load(place, &again);
    char *before = show(fleet), *after = show(&again);
    assert_string_equal(before, after);
    assert_int_equal(fleet->device_count, again.device_count);
    free(before);
    free(after);
    updraft_fleet_deinit(&again);
}

static void run_sql(struct place *place, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static struct updraft_change log_of(int64_t attempt_id, const char *text)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_LOG};

    change.row.log.attempt_id = attempt_id;
    updraft_name_set(change.row.log.text, sizeof change.row.log.text, text);
    return change;
}

/* --- tests --- */

static void the_fleet_is_the_same_after_a_restart(void **state)
{
    struct place *place = *state;
    struct updraft_fleet fleet;
    struct updraft_change token = {.kind = UPDRAFT_CHANGE_TOKEN};

    updraft_fleet_init(&fleet, 0);
    make_catalogue(place, &fleet);
    for (unsigned i = 0; i < 60; i++)
        commit(place, &fleet, device(i, "1.0.0"));
    for (unsigned i = 0; i < 60; i++)
        commit(place, &fleet, attempt(1 + i, i * 7 % 60, (enum updraft_attempt_state)(1 + i % 7)));
    commit(place, &fleet, attempt(3, 14, UPDRAFT_ATTEMPT_CONFIRMED)); /* moved on */
    commit(place, &fleet, device(5, "1.1.0"));
    memset(token.row.token.hash, 7, sizeof token.row.token.hash);
    for (int64_t id = 1; id <= 4; id++) {
        token.row.token.id = id;
        token.row.token.role = (enum updraft_role)id;
        token.row.token.expires_ms = id * 1900000000000;
        commit(place, &fleet, token);
    }
    token.kind = UPDRAFT_CHANGE_TOKEN_END; /* revoked */
    token.row.token.id = 3;
    commit(place, &fleet, token);
    assert_int_equal(fleet.token_count, 3);
    commit(place, &fleet, log_of(7, "[1] boot"));
    commit(place, &fleet, log_of(7, "[1] boot\n[1] it's a \"panic\""));
    assert_same_after_reopening(place, &fleet);
    updraft_fleet_deinit(&fleet);
}

static void attempts_of_every_way_and_all_digests_come_back(void **state)
{
    struct place *place = *state;
    struct updraft_fleet fleet, again;

    updraft_fleet_init(&fleet, 0);
    make_catalogue(place, &fleet);
    commit(place, &fleet, device(1, "1.0.0"));
    for (int via = 0; via <= (int)UPDRAFT_VIA_LAST; via++) {
        struct updraft_change change = attempt(1 + via, 1, UPDRAFT_ATTEMPT_CONFIRMED);
        change.row.attempt.via = (enum updraft_via)via;
        commit(place, &fleet, change);
    }
    assert_same_after_reopening(place, &fleet);
    load(place, &again);
    for (size_t i = 0; i < fleet.release_count; i++) {
        for (size_t k = 0; k < fleet.releases[i]->image_count; k++)
            assert_memory_equal(&fleet.releases[i]->images[k], &again.releases[i]->images[k],
                                sizeof(struct updraft_image_row));
    }
    updraft_fleet_deinit(&again);
    updraft_fleet_deinit(&fleet);
}

static void what_is_written_behind_comes_back_too(void **state)
{
    struct place *place = *state;
    struct updraft_fleet fleet;
    struct updraft_change change;

    updraft_fleet_init(&fleet, 0);
    commit(place, &fleet, device(1, "1.0.0"));
    commit(place, &fleet, attempt(1, 1, UPDRAFT_ATTEMPT_DOWNLOADING));
    updraft_fleet_touch(&fleet, &(struct updraft_sight){.device = "24:6F:28:00:00:01",
                                                        .address = "::1",
                                                        .now_ms = 1900000000000,
                                                        .progress = 77});
    assert_true(updraft_fleet_take_touched(&fleet, &change));
    assert_int_equal(place->store.commit(place->store.ctx, &change, 1, &place->problem),
                     UPDRAFT_STORE_OK);
    assert_false(updraft_fleet_take_touched(&fleet, &change));
    assert_int_equal(fleet.attempts[0]->progress, 77);
    assert_same_after_reopening(place, &fleet);
    updraft_fleet_deinit(&fleet);
}

static void being_seen_is_no_progress_after_a_restart_either(void **state)
{
    struct place *place = *state;
    struct updraft_fleet fleet;
    struct updraft_change change;

    updraft_fleet_init(&fleet, 0);
    commit(place, &fleet, device(1, "1.0.0"));
    commit(place, &fleet, attempt(1, 1, UPDRAFT_ATTEMPT_DOWNLOADING));
    updraft_fleet_touch(&fleet, &(struct updraft_sight){.device = "24:6F:28:00:00:01",
                                                        .address = "::1",
                                                        .now_ms = 1900000000000,
                                                        .progress = UPDRAFT_NO_PROGRESS});
    assert_true(updraft_fleet_take_touched(&fleet, &change));
    uint64_t generation = fleet.generation;
    commit(place, &fleet, change);
    assert_int_equal(fleet.generation, generation); /* it was to be seen before it was written */
    assert_int_equal(fleet.attempts[0]->updated_ms, 1800000000000);
    assert_same_after_reopening(place, &fleet);
    updraft_fleet_deinit(&fleet);
}

static void a_late_progress_does_not_undo_a_later_state(void **state)
{
    struct place *place = *state;
    struct updraft_fleet fleet;
    struct updraft_change late;

    updraft_fleet_init(&fleet, 0);
    commit(place, &fleet, device(1, "1.0.0"));
    commit(place, &fleet, attempt(1, 1, UPDRAFT_ATTEMPT_DOWNLOADING));
    updraft_fleet_touch(&fleet, &(struct updraft_sight){.device = "24:6F:28:00:00:01",
                                                        .address = "",
                                                        .now_ms = 1800000000001,
                                                        .progress = 12});
    assert_true(updraft_fleet_take_touched(&fleet, &late));
    commit(place, &fleet, attempt(1, 1, UPDRAFT_ATTEMPT_WRITTEN));
    assert_int_equal(place->store.commit(place->store.ctx, &late, 1, &place->problem),
                     UPDRAFT_STORE_OK);
    assert_same_after_reopening(place, &fleet);
    updraft_fleet_deinit(&fleet);
}

/* 300 attempts of 3 devices; all go but each twentieth, in an order that is none. */
static void attempts_that_went_stay_away_and_the_others_stay(void **state)
{
    struct place *place = *state;
    struct updraft_fleet fleet;
    const struct updraft_attempt *at = NULL;

    updraft_fleet_init(&fleet, 0);
    for (unsigned i = 0; i < 3; i++)
        commit(place, &fleet, device(i, "1.0.0"));
    for (int64_t id = 1; id <= 300; id++)
        commit(place, &fleet, attempt(id, (unsigned)id % 3, UPDRAFT_ATTEMPT_FAILED));
    commit(place, &fleet, log_of(7, "panic"));
    for (int64_t step = 0, id = 1; step < 300; step++, id = (id * 7 + 3) % 307) {
        struct updraft_change end = attempt(id, (unsigned)id % 3, UPDRAFT_ATTEMPT_FAILED);
        end.kind = UPDRAFT_CHANGE_ATTEMPT_END;
        if (id == 0 || id > 300 || id % 20 == 0)
            continue;
        commit(place, &fleet, end);
        commit(place, &fleet, end); /* told twice, done once */
    }
    for (int64_t id = 1; id <= 300; id++) { /* those that the walk left out */
        struct updraft_change end = attempt(id, (unsigned)id % 3, UPDRAFT_ATTEMPT_FAILED);
        end.kind = UPDRAFT_CHANGE_ATTEMPT_END;
        if (id % 20 != 0)
            commit(place, &fleet, end);
    }
    for (int64_t id = 300; id > 0; id -= 20) {
        at = updraft_fleet_attempt_before(&fleet, at == NULL ? 0 : at->id);
        assert_int_equal(at->id, id);
    }
    assert_null(updraft_fleet_attempt_before(&fleet, at->id));
    assert_in_range(fleet.attempt_count, 15, 30); /* the memory went, too */
    assert_int_equal(updraft_fleet_next_attempt_id(&fleet), 301);
    assert_same_after_reopening(place, &fleet);
    updraft_fleet_deinit(&fleet);
}

static void a_failed_commit_leaves_nothing_of_itself(void **state)
{
    struct place *place = *state;
    struct updraft_fleet before, after;

    updraft_fleet_init(&before, 0);
    make_catalogue(place, &before);
    const struct updraft_change changes[] = {
        device(1, "1.0.0"), release(9, 77, "9.9.9"), /* of a product that is not there */
    };
    assert_int_equal(place->store.commit(place->store.ctx, changes, 2, &place->problem),
                     UPDRAFT_STORE_IO);
    assert_non_null(strstr(place->problem.text, "FOREIGN KEY"));
    assert_same_after_reopening(place, &before);
    load(place, &after);
    assert_int_equal(after.device_count, 0);
    updraft_fleet_deinit(&before);
    updraft_fleet_deinit(&after);
}

static void a_full_disk_is_told_as_such_and_passes(void **state)
{
    struct place *place = *state;
    struct rlimit usual;
    struct updraft_change changes[200];
    struct updraft_fleet after;
    enum updraft_store_result result = UPDRAFT_STORE_OK;

    for (unsigned i = 0; i < 200; i++)
        changes[i] = device(i, "1.0.0");
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &usual);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){100000, usual.rlim_max});
    for (int i = 0; i < 50 && result == UPDRAFT_STORE_OK; i++) {
        for (size_t k = 0; k < 200; k++)
            changes[k].row.device.last_seen_ms += 1;
        result = place->store.commit(place->store.ctx, changes, 200, &place->problem);
    }
    setrlimit(RLIMIT_FSIZE, &usual);
    assert_int_equal(result, UPDRAFT_STORE_FULL);
    assert_non_null(strstr(place->problem.text, "the disk is full"));
    assert_int_equal(place->store.commit(place->store.ctx, changes, 200, &place->problem),
                     UPDRAFT_STORE_OK);
    reopen(place);
    load(place, &after);
    assert_int_equal(after.device_count, 200);
    updraft_fleet_deinit(&after);
}

static void a_damaged_database_is_refused_with_its_name(void **state)
{
    struct place *place = *state;
    struct updraft_fleet fleet;
    struct stat status;

    updraft_fleet_init(&fleet, 0);
    for (unsigned i = 0; i < 200; i++)
        commit(place, &fleet, device(i, "1.0.0"));
    updraft_fleet_deinit(&fleet);
    close_store(place);
    assert_int_equal(stat(place->path, &status), 0);
    int fd = open(place->path, O_WRONLY);
    for (off_t off = 4096; off < status.st_size; off += 512)
        assert_int_equal(pwrite(fd, "damage damage damage", 20, off), 20);
    close(fd);
    assert_int_equal(updraft_sqlite_open(place->path, &place->store, &place->problem),
                     UPDRAFT_STORE_CORRUPT);
    assert_non_null(strstr(place->problem.text, place->path));
}

static void a_file_of_another_kind_is_refused(void **state)
{
    struct place *place = *state;

    close_store(place);
    int fd = open(place->path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "this is no database, and long enough", 36), 36);
    close(fd);
    assert_int_equal(updraft_sqlite_open(place->path, &place->store, &place->problem),
                     UPDRAFT_STORE_CORRUPT);
}

static void a_database_of_a_newer_program_is_left_alone(void **state)
{
    struct place *place = *state;

    close_store(place);
    run_sql(place, "INSERT INTO schema_migrations VALUES(999, 0)");
    assert_int_equal(updraft_sqlite_open(place->path, &place->store, &place->problem),
                     UPDRAFT_STORE_NEWER);
    assert_non_null(strstr(place->problem.text, "999"));
}

static void count_row(void *ctx, const struct updraft_change *row)
{
    (void)row;
    ++*(size_t *)ctx;
}

static void a_row_that_this_program_never_wrote_is_refused(void **state)
{
    struct place *place = *state;
    struct updraft_fleet fleet;
    size_t count = 0;

    updraft_fleet_init(&fleet, 0);
    commit(place, &fleet, device(1, "1.0.0"));
    updraft_fleet_deinit(&fleet);
    run_sql(place, "UPDATE devices SET version='a version that has far more than 31 bytes'");
    assert_int_equal(place->store.load(place->store.ctx, count_row, &count, &place->problem),
                     UPDRAFT_STORE_CORRUPT);
    assert_int_equal(count, 0);
}

static void numbers_that_this_program_never_wrote_are_refused(void **state)
{
    static const char *const edits[] = {
        "UPDATE attempts SET id=9223372036854775807",
        "UPDATE attempts SET id=-1",
        "UPDATE images SET chip=70000",
        "UPDATE images SET size=-1",
        "UPDATE devices SET chip=-1",
        "INSERT INTO tokens VALUES(2,zeroblob(32),'x',0,0,0)", /* no role */
        "INSERT INTO tokens VALUES(2,zeroblob(32),'x',0,5,0)",
        "INSERT INTO tokens VALUES(2,zeroblob(31),'x',0,4,0)",
    };
    struct place *place = *state;
    struct updraft_fleet fleet;

    updraft_fleet_init(&fleet, 0);
    commit(place, &fleet, product(1, "demo"));
    commit(place, &fleet, release(1, 1, "1.0.0"));
    commit(place, &fleet, image(1, 9));
    commit(place, &fleet, device(1, "1.0.0"));
    commit(place, &fleet, attempt(1, 1, UPDRAFT_ATTEMPT_OFFERED));
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        size_t count = 0;
        run_sql(place, edits[i]);
        assert_int_equal(place->store.load(place->store.ctx, count_row, &count, &place->problem),
                         UPDRAFT_STORE_CORRUPT);
        run_sql(place, "UPDATE attempts SET id=1; UPDATE images SET chip=9, size=1;"
                       "UPDATE devices SET chip=9; DELETE FROM tokens");
    }
    updraft_fleet_deinit(&fleet);
}

static void rows_that_belong_to_nothing_are_refused(void **state)
{
    static const struct {
        const char *damage;
        const char *mend;
    } edits[] = {
        {"UPDATE products SET id=99 WHERE id=1", "UPDATE products SET id=1 WHERE id=99"},
        {"UPDATE releases SET id=99 WHERE id=3", "UPDATE releases SET id=3 WHERE id=99"},
        {"UPDATE devices SET id='x'", "UPDATE devices SET id='24:6F:28:00:00:01'"},
    };
    struct place *place = *state;
    struct updraft_fleet fleet;

    updraft_fleet_init(&fleet, 0);
    make_catalogue(place, &fleet);
    commit(place, &fleet, device(1, "1.0.0"));
    commit(place, &fleet, attempt(1, 1, UPDRAFT_ATTEMPT_OFFERED));
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        close_store(place);
        run_sql(place, edits[i].damage);
        assert_int_equal(updraft_sqlite_open(place->path, &place->store, &place->problem),
                         UPDRAFT_STORE_CORRUPT);
        assert_non_null(strstr(place->problem.text, "belong to nothing"));
        run_sql(place, edits[i].mend);
        assert_int_equal(updraft_sqlite_open(place->path, &place->store, &place->problem),
                         UPDRAFT_STORE_OK);
    }
    assert_same_after_reopening(place, &fleet);
    updraft_fleet_deinit(&fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_fleet_is_the_same_after_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(attempts_of_every_way_and_all_digests_come_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_written_behind_comes_back_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(being_seen_is_no_progress_after_a_restart_either, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_late_progress_does_not_undo_a_later_state, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(attempts_that_went_stay_away_and_the_others_stay, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_failed_commit_leaves_nothing_of_itself, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_as_such_and_passes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_database_is_refused_with_its_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_another_kind_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_database_of_a_newer_program_is_left_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_row_that_this_program_never_wrote_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(numbers_that_this_program_never_wrote_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(rows_that_belong_to_nothing_are_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
