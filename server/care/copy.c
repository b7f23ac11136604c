#include "server/care/copy.h"

#include "server/clock.h"
#include "server/store/sqlite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_CAP 1100u

static bool fail(struct updraft_care_problem *problem, const char *what, const char *where,
                 const char *why, const char *remedy)
{
    snprintf(problem->text, sizeof problem->text, "%s %.300s: %.160s", what, where, why);
    problem->remedy = remedy;
    return false;
}

static bool fail_store(struct updraft_care_problem *problem, enum updraft_store_result result,
                       const struct updraft_store_problem *why)
{
    snprintf(problem->text, sizeof problem->text, "%s", why->text);
    problem->remedy = result == UPDRAFT_STORE_FULL ? "Make room on the disk, then do it again."
                      : result == UPDRAFT_STORE_NEWER
                          ? "Use the version of updraftd that wrote it, or a later one."
                      : result == UPDRAFT_STORE_CORRUPT
                          ? "Use another backup; to save what can be read, use sqlite3's .recover."
                          : "Look at the path, its permissions and the disk.";
    return false;
}

/* --- reading --- */

static void load_row(void *ctx, const struct updraft_change *row)
{
    updraft_fleet_apply(ctx, row);
}

bool updraft_care_load(const char *data_dir, struct updraft_fleet *fleet,
                       struct updraft_care_problem *problem)
{
    struct updraft_store_problem why;
    struct updraft_store store;
    char path[PATH_CAP];

    updraft_fleet_init(fleet, updraft_clock_wall_ms());
    snprintf(path, sizeof path, "%.1000s/updraft.sqlite", data_dir);
    if (access(path, R_OK) != 0)
        return fail(problem, "cannot read", path, strerror(errno),
                    "Name a data directory of updraftd, or a backup of one.");
    enum updraft_store_result result = updraft_sqlite_open_copy(path, &store, &why);
    if (result != UPDRAFT_STORE_OK)
        return fail_store(problem, result, &why);
    result = store.load(store.ctx, load_row, fleet, &why);
    store.close(store.ctx);
    return result == UPDRAFT_STORE_OK || fail_store(problem, result, &why);
}

/* --- copying --- */

static const char room_remedy[] = "Look at the path, its permissions and the room on the disk.";

static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    bool empty = dir != NULL;

    while (empty && (entry = readdir(dir)) != NULL)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (dir != NULL)
        closedir(dir);
    return empty;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The token belongs to the fleet: without it, a restored server would make another and void this one. */
static bool copy_token(const char *from, const char *to)
{
    char path[PATH_CAP], token[256];
    ssize_t len;

    snprintf(path, sizeof path, "%.1000s/token", from);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT;
    len = read(fd, token, sizeof token);
    close(fd);
    snprintf(path, sizeof path, "%.1000s/token", to);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool ok = len >= 0 && write(fd, token, (size_t)len) == len && fsync(fd) == 0;
    return close(fd) == 0 && ok;
}

static bool copy_images(const char *from, const char *artifacts_dir, const char *to,
                        const struct updraft_fleet *fleet, struct updraft_image_walk *walk,
                        struct updraft_care_problem *problem)
{
    struct updraft_artifacts artifacts, copies;
    char path[PATH_CAP];

    snprintf(path, sizeof path, "%.1000s/artifacts", from);
    if (artifacts_dir == NULL)
        artifacts_dir = path;
    if (updraft_artifacts_look(&artifacts, artifacts_dir) != UPDRAFT_ARTIFACT_OK)
        return fail(problem, "cannot read", artifacts_dir, strerror(errno),
                    "Name the directory of the images with --artifacts.");
    char to_path[PATH_CAP];
    snprintf(to_path, sizeof to_path, "%.1000s/artifacts", to);
    bool ok = updraft_artifacts_open(&copies, to_path, false) == UPDRAFT_ARTIFACT_OK;
    if (ok) {
        ok = updraft_image_walk(walk, fleet, &artifacts, &copies);
        int error = errno;
        updraft_artifacts_close(&copies);
        errno = error;
    }
    if (!ok)
        fail(problem, "cannot write to", to_path, strerror(errno), room_remedy);
    updraft_artifacts_close(&artifacts);
    return ok;
}

/* What is in it, or with "/.." its own name, is on the disk. */
static bool sync_directory(const char *path, const char *suffix)
{
    char name[PATH_CAP];

    snprintf(name, sizeof name, "%.1000s%s", path, suffix);
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool fill(const char *from, const char *artifacts_dir, const char *partial,
                 struct updraft_fleet *fleet, struct updraft_image_walk *walk,
                 struct updraft_care_problem *problem)
{
    struct updraft_store_problem why;
    char from_path[PATH_CAP], to_path[PATH_CAP];

    snprintf(from_path, sizeof from_path, "%.1000s/updraft.sqlite", from);
    snprintf(to_path, sizeof to_path, "%.1000s/updraft.sqlite", partial);
    if (access(from_path, R_OK) != 0)
        return fail(problem, "cannot read", from_path, strerror(errno),
                    "Name a data directory of updraftd, or a backup of one.");
    enum updraft_store_result result = updraft_sqlite_copy(from_path, to_path, &why);
    if (result != UPDRAFT_STORE_OK)
        return fail_store(problem, result, &why);
    updraft_fleet_deinit(fleet);
    return updraft_care_load(partial, fleet, problem) &&
           copy_images(from, artifacts_dir, partial, fleet, walk, problem) &&
           (copy_token(from, partial) ||
            fail(problem, "cannot copy the token to", partial, strerror(errno), room_remedy));
}

bool updraft_care_copy(const char *from, const char *artifacts_dir, const char *to,
                       struct updraft_fleet *fleet, struct updraft_image_walk *walk,
                       struct updraft_care_problem *problem)
{
    char partial[PATH_CAP];
    size_t len = strlen(to);

    updraft_fleet_init(fleet, updraft_clock_wall_ms());
    while (len > 1 && to[len - 1] == '/')
        len--;
    if (len > 900 || strlen(from) > 900)
        return fail(problem, "cannot use", to, "the path is too long", "Choose a shorter one.");
    snprintf(partial, sizeof partial, "%.*s.partial", (int)len, to);
    if (access(to, F_OK) == 0 && !is_empty(to))
        return fail(problem, "cannot write to", to, "it is there already",
                    "Choose a directory that is absent or empty; nothing was changed.");
    if (mkdir(partial, 0700) != 0)
        return fail(problem, "cannot create", partial, strerror(errno),
                    "If nobody else is at it, it is left from one that was cut off: remove it.");
    if (fill(from, artifacts_dir, partial, fleet, walk, problem)) {
        if (sync_directory(partial, "") && rename(partial, to) == 0 && sync_directory(to, "/.."))
            return true;
        fail(problem, "cannot create", to, strerror(errno), room_remedy);
    }
    remove_tree(partial);
    return false;
}
