/* What only a file can suffer. */
#include "tests/unit/store_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void a_full_disk_is_told_as_such_and_passes(void **state)
{
    struct place *place = *state;
    struct rlimit usual;
    struct updraft_change changes[200];
    struct updraft_fleet after;
    enum updraft_store_result result = UPDRAFT_STORE_OK;

    for (unsigned i = 0; i < 200; i++)
        changes[i] = change_device(i, "1.0.0");
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
    store_begin(place);
    assert_int_equal(place->store.commit(place->store.ctx, changes, 200, &place->problem),
                     UPDRAFT_STORE_OK);
    place_reopen(place);
    store_load(place, &after);
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
        store_commit(place, &fleet, change_device(i, "1.0.0"));
    updraft_fleet_deinit(&fleet);
    place_close(place);
    assert_int_equal(stat(place->path, &status), 0);
    int fd = open(place->path, O_WRONLY);
    for (off_t off = 4096; off < status.st_size; off += 512)
        assert_int_equal(pwrite(fd, "damage damage damage", 20, off), 20);
    close(fd);
    assert_int_equal(place_open(place), UPDRAFT_STORE_CORRUPT);
    assert_non_null(strstr(place->problem.text, place->path));
}

static void a_file_of_another_kind_is_refused(void **state)
{
    struct place *place = *state;

    place_close(place);
    int fd = open(place->path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "this is no database, and long enough", 36), 36);
    close(fd);
    assert_int_equal(place_open(place), UPDRAFT_STORE_CORRUPT);
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
    store_make_catalogue(place, &fleet);
    store_commit(place, &fleet, change_device(1, "1.0.0"));
    store_commit(place, &fleet, change_attempt(1, 1, UPDRAFT_ATTEMPT_OFFERED));
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        place_close(place);
        place_run_sql(place, edits[i].damage);
        assert_int_equal(place_open(place), UPDRAFT_STORE_CORRUPT);
        assert_non_null(strstr(place->problem.text, "belong to nothing"));
        place_run_sql(place, edits[i].mend);
        assert_int_equal(place_open(place), UPDRAFT_STORE_OK);
    }
    store_assert_same(place, &fleet);
    updraft_fleet_deinit(&fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_as_such_and_passes, place_set_up,
                                        place_tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_database_is_refused_with_its_name, place_set_up,
                                        place_tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_another_kind_is_refused, place_set_up,
                                        place_tear_down),
        cmocka_unit_test_setup_teardown(rows_that_belong_to_nothing_are_refused, place_set_up,
                                        place_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
