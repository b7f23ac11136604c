#include "server/artifacts/artifacts.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

/* SHA-256 of "abc", as FIPS 180-2 gives it. */
#define ABC_FILE "ba/7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

struct place {
    char dir[64];
    char artifacts_dir[80];
    struct updraft_artifacts artifacts;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    strcpy(place->dir, "/tmp/updraft-artifacts-XXXXXX");
    if (mkdtemp(place->dir) == NULL)
        return -1;
    snprintf(place->artifacts_dir, sizeof place->artifacts_dir, "%s/artifacts", place->dir);
    if (updraft_artifacts_open(&place->artifacts, place->artifacts_dir, false) !=
        UPDRAFT_ARTIFACT_OK)
        return -1;
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    char command[128];

    updraft_artifacts_close(&place->artifacts);
    snprintf(command, sizeof command, "rm -rf '%s'", place->dir);
    int result = system(command);
    free(place);
    return result;
}

static void path_in(const struct place *place, const char *name, char *path, size_t cap)
{
    snprintf(path, cap, "%s/artifacts/%s", place->dir, name);
}

static bool exists(const struct place *place, const char *name)
{
    char path[192];

    path_in(place, name, path, sizeof path);
    return access(path, F_OK) == 0;
}

static void reopen(struct place *place)
{
    updraft_artifacts_close(&place->artifacts);
    assert_int_equal(updraft_artifacts_open(&place->artifacts, place->artifacts_dir, false),
                     UPDRAFT_ARTIFACT_OK);
}

static void keep(struct place *place, const char *bytes, struct updraft_upload *upload,
                 bool expect_created)
{
    bool created;

    assert_int_equal(updraft_upload_begin(&place->artifacts, upload), UPDRAFT_ARTIFACT_OK);
    for (const char *at = bytes; *at != '\0'; at++)
        updraft_upload_feed(upload, at, 1);
    updraft_upload_finish(upload);
    assert_int_equal(updraft_upload_keep(&place->artifacts, upload, &created), UPDRAFT_ARTIFACT_OK);
    assert_int_equal(created, expect_created);
    updraft_upload_end(&place->artifacts, upload);
}

static enum updraft_artifact_result read_it(struct place *place,
                                            const struct updraft_upload *upload, bool may_hash,
                                            char *bytes, size_t cap)
{
    uint64_t len;
    int fd;
    enum updraft_artifact_result result =
        updraft_artifacts_read(&place->artifacts, upload->sha256, may_hash, &fd, &len);

    if (result == UPDRAFT_ARTIFACT_OK) {
        ssize_t got = read(fd, bytes, cap - 1);
        assert_int_equal(got, (ssize_t)len);
        bytes[got] = '\0';
        close(fd);
    }
    return result;
}

static void a_file_is_kept_under_its_digest(void **state)
{
    struct place *place = *state;
    struct updraft_upload upload;
    char bytes[8];

    keep(place, "abc", &upload, true);
    assert_true(exists(place, ABC_FILE));
    assert_false(exists(place, "tmp/0"));
    assert_int_equal(read_it(place, &upload, false, bytes, sizeof bytes), UPDRAFT_ARTIFACT_OK);
    assert_string_equal(bytes, "abc");
    keep(place, "abc", &upload, false);
    assert_false(exists(place, "tmp/1"));
    updraft_artifacts_remove(&place->artifacts, upload.sha256);
    assert_int_equal(read_it(place, &upload, true, bytes, sizeof bytes), UPDRAFT_ARTIFACT_MISSING);
}

static void a_restart_proves_a_file_before_it_is_served(void **state)
{
    struct place *place = *state;
    struct updraft_upload upload;
    char bytes[8];

    keep(place, "abc", &upload, true);
    reopen(place);
    assert_int_equal(read_it(place, &upload, false, bytes, sizeof bytes),
                     UPDRAFT_ARTIFACT_UNPROVEN);
    assert_int_equal(read_it(place, &upload, true, bytes, sizeof bytes), UPDRAFT_ARTIFACT_OK);
    assert_int_equal(read_it(place, &upload, false, bytes, sizeof bytes), UPDRAFT_ARTIFACT_OK);
}

static void a30_an_artifact_edited_on_disk_is_not_served(void **state)
{
    struct place *place = *state;
    struct updraft_upload upload;
    char path[192], bytes[8];

    keep(place, "abc", &upload, true);
    path_in(place, ABC_FILE, path, sizeof path);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "x", 1, 1), 1); /* same length, same name */
    close(fd);
    assert_int_equal(read_it(place, &upload, false, bytes, sizeof bytes),
                     UPDRAFT_ARTIFACT_UNPROVEN);
    assert_int_equal(read_it(place, &upload, true, bytes, sizeof bytes), UPDRAFT_ARTIFACT_CORRUPT);
    /* Publishing the same bytes again mends it. */
    keep(place, "abc", &upload, true);
    assert_int_equal(read_it(place, &upload, false, bytes, sizeof bytes), UPDRAFT_ARTIFACT_OK);
    assert_string_equal(bytes, "abc");
}

static void what_was_cut_off_is_gone_after_a_restart(void **state)
{
    struct place *place = *state;
    struct updraft_upload upload;
    char name[48];

    assert_int_equal(updraft_upload_begin(&place->artifacts, &upload), UPDRAFT_ARTIFACT_OK);
    updraft_upload_feed(&upload, "abc", 3);
    snprintf(name, sizeof name, "tmp/%s", upload.name);
    assert_true(exists(place, name));
    close(upload.fd); /* and then the power went */
    reopen(place);
    assert_false(exists(place, name));
}

static bool wants_none(void *ctx, const uint8_t sha256[UPDRAFT_SHA256_LEN])
{
    (void)ctx;
    (void)sha256;
    return false;
}

static void age(const struct place *place, const char *name, time_t by_s)
{
    struct timespec times[2] = {{.tv_sec = time(NULL) - by_s}, {.tv_sec = time(NULL) - by_s}};
    char path[192];

    path_in(place, name, path, sizeof path);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void what_others_may_be_at_is_left_alone_for_a_day(void **state)
{
    struct place *place = *state;
    struct updraft_upload kept, upload;
    char name[48];

    keep(place, "abc", &kept, true);
    assert_int_equal(updraft_upload_begin(&place->artifacts, &upload), UPDRAFT_ARTIFACT_OK);
    snprintf(name, sizeof name, "tmp/%s", upload.name);
    close(upload.fd);
    for (int day = 0; day < 2; day++) {
        updraft_artifacts_close(&place->artifacts);
        assert_int_equal(updraft_artifacts_open(&place->artifacts, place->artifacts_dir, true),
                         UPDRAFT_ARTIFACT_OK);
        assert_int_equal(updraft_artifacts_sweep(&place->artifacts, wants_none, NULL), day);
        assert_int_equal(exists(place, name), day == 0);
        assert_int_equal(exists(place, ABC_FILE), day == 0);
        if (day == 0) {
            age(place, name, 90000);
            age(place, ABC_FILE, 90000);
        }
    }
}

static bool wants(void *ctx, const uint8_t sha256[UPDRAFT_SHA256_LEN])
{
    return memcmp(sha256, ctx, UPDRAFT_SHA256_LEN) == 0;
}

static void a_sweep_removes_unwanted_artifacts_and_nothing_else(void **state)
{
    struct place *place = *state;
    struct updraft_upload wanted, unwanted;
    char path[192];

    keep(place, "abc", &wanted, true);
    keep(place, "abd", &unwanted, true);
    path_in(place, ABC_FILE ".bak", path, sizeof path);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    path_in(place, "tmp/notes", path, sizeof path);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(updraft_artifacts_sweep(&place->artifacts, wants, wanted.sha256), 1);
    assert_true(exists(place, ABC_FILE));
    assert_true(exists(place, ABC_FILE ".bak"));
    assert_true(exists(place, "tmp/notes"));
    char bytes[8];
    assert_int_equal(read_it(place, &unwanted, true, bytes, sizeof bytes),
                     UPDRAFT_ARTIFACT_MISSING);
    assert_int_equal(updraft_artifacts_sweep(&place->artifacts, wants, unwanted.sha256), 1);
    assert_false(exists(place, ABC_FILE));
}

static void a_full_disk_is_told_and_leaves_nothing(void **state)
{
    struct place *place = *state;
    static char block[65536];
    struct updraft_upload upload;
    struct rlimit usual;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &usual);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){100000, usual.rlim_max});
    assert_int_equal(updraft_upload_begin(&place->artifacts, &upload), UPDRAFT_ARTIFACT_OK);
    updraft_upload_feed(&upload, block, sizeof block);
    assert_int_equal(upload.result, UPDRAFT_ARTIFACT_OK);
    updraft_upload_feed(&upload, block, sizeof block);
    assert_int_equal(upload.result, UPDRAFT_ARTIFACT_FULL);
    setrlimit(RLIMIT_FSIZE, &usual);
    updraft_upload_end(&place->artifacts, &upload);
    assert_false(exists(place, "tmp/0"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_kept_under_its_digest),
        TEST(a_restart_proves_a_file_before_it_is_served),
        TEST(a30_an_artifact_edited_on_disk_is_not_served),
        TEST(what_was_cut_off_is_gone_after_a_restart),
        TEST(what_others_may_be_at_is_left_alone_for_a_day),
        TEST(a_sweep_removes_unwanted_artifacts_and_nothing_else),
        TEST(a_full_disk_is_told_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
