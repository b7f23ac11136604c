#include "server/server.h"

#include "server/clock.h"
#include "server/store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_CAP 1024u

static bool fail(struct updraft_server_problem *problem, const char *remedy, const char *what,
                 const char *where, const char *why)
{
    snprintf(problem->text, sizeof problem->text, "%s %.300s: %.120s", what, where, why);
    problem->remedy = remedy;
    return false;
}

static bool take_directory(struct updraft_server *server, const char *data_dir,
                           struct updraft_server_problem *problem)
{
    static const char remedy[] = "Choose a directory that this user may write, with --data DIR.";
    char path[PATH_CAP];

    if (strlen(data_dir) + sizeof "/updraft.sqlite-journal" > PATH_CAP)
        return fail(problem, remedy, "cannot use", data_dir, "the path is too long");
    if (mkdir(data_dir, 0700) != 0 && errno != EEXIST)
        return fail(problem, remedy, "cannot create", data_dir, strerror(errno));
    snprintf(path, sizeof path, "%s/lock", data_dir);
    server->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (server->lock_fd < 0)
        return fail(problem, remedy, "cannot write to", data_dir, strerror(errno));
    if (flock(server->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    int error = errno;
    close(server->lock_fd);
    if (error == EWOULDBLOCK)
        return fail(problem, "Stop the other updraftd, or give this one a directory of its own.",
                    "cannot use", data_dir, "another updraftd runs on it");
    return fail(problem, remedy, "cannot lock", path, strerror(error));
}

static void load_row(void *ctx, const struct updraft_change *row)
{
    updraft_fleet_apply(ctx, row);
}

static bool fail_store(struct updraft_server_problem *problem, enum updraft_store_result result,
                       const struct updraft_store_problem *why)
{
    snprintf(problem->text, sizeof problem->text, "%s", why->text);
    switch (result) {
    case UPDRAFT_STORE_CORRUPT:
        problem->remedy = "Put a backup of the directory in its place; to save what can be read, "
                          "use sqlite3's .recover on the file.";
        break;
    case UPDRAFT_STORE_NEWER:
        problem->remedy = "Start the version of updraftd that wrote it, or a later one.";
        break;
    case UPDRAFT_STORE_FULL:
        problem->remedy = "Make room on the disk, then start again.";
        break;
    case UPDRAFT_STORE_IO:
    case UPDRAFT_STORE_OK:
        problem->remedy = "Look at the permissions of the directory and at the disk.";
        break;
    }
    return false;
}

static bool open_store(struct updraft_server *server, const char *data_dir,
                       struct updraft_server_problem *problem)
{
    struct updraft_store_problem why;
    char path[PATH_CAP];

    snprintf(path, sizeof path, "%s/updraft.sqlite", data_dir);
    enum updraft_store_result result = updraft_sqlite_open(path, &server->store, &why);
    if (result != UPDRAFT_STORE_OK)
        return fail_store(problem, result, &why);
    result = server->store.load(server->store.ctx, load_row, &server->fleet, &why);
    if (result == UPDRAFT_STORE_OK) {
        updraft_fleet_begin_run(&server->fleet);
        server->fleet.watch_ctx = &server->news;
        server->fleet.watch = updraft_news_note;
        return true;
    }
    server->store.close(server->store.ctx);
    return fail_store(problem, result, &why);
}

static bool open_token(struct updraft_server *server, const char *data_dir,
                       struct updraft_server_problem *problem)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_TOKEN};
    struct updraft_store_problem why;
    enum updraft_token_origin origin =
        updraft_token_open(data_dir, updraft_clock_wall_ms(), server->token, &change.row.token);

    if (origin == UPDRAFT_TOKEN_FAILED)
        return fail(problem, "Delete the file 'token' in that directory to get a new token.",
                    "cannot read or write the token in", data_dir,
                    errno == EBADMSG ? "the file does not hold 64 hex digits" : strerror(errno));
    server->token_is_new = origin == UPDRAFT_TOKEN_NEW;
    const struct updraft_token_row *known = server->fleet.tokens;
    if (server->fleet.token_count > 0 && known->id == change.row.token.id &&
        memcmp(known->hash, change.row.token.hash, sizeof known->hash) == 0)
        return true;
    enum updraft_store_result result = server->store.commit(server->store.ctx, &change, 1, &why);
    if (result != UPDRAFT_STORE_OK)
        return fail_store(problem, result, &why);
    updraft_fleet_apply(&server->fleet, &change);
    return true;
}

static bool has_image(void *ctx, const uint8_t sha256[UPDRAFT_SHA256_LEN])
{
    const struct updraft_release *release;

    return updraft_fleet_find_image(ctx, sha256, &release) != NULL;
}

/* An end between the file and its row leaves the file. Without any row it is the database that is not the
 * one of these files, and they may be all there is left. */
static void sweep_artifacts(struct updraft_server *server)
{
    if (server->fleet.release_count == 0)
        return;
    size_t removed = updraft_artifacts_sweep(&server->artifacts, has_image, &server->fleet);
    if (removed > 0)
        updraft_log_event(&server->log, UPDRAFT_LOG_WARNING, "swept",
                          "removed %zu files of uploads that were cut short", removed);
}

static bool open_rest(struct updraft_server *server, const char *data_dir,
                      struct updraft_server_problem *problem)
{
    if (updraft_artifacts_open(&server->artifacts, data_dir) != UPDRAFT_ARTIFACT_OK)
        return fail(problem, "Look at the permissions of the directory and at the disk.",
                    "cannot use the artifacts in", data_dir, strerror(errno));
    sweep_artifacts(server);
    server->writer.fleet = &server->fleet;
    server->writer.store = &server->store;
    server->writer.artifacts = &server->artifacts;
    server->writer.log = &server->log;
    server->writer.base_url = server->base_url;
    if (open_token(server, data_dir, problem)) {
        if (updraft_writer_start(&server->writer))
            return true;
        fail(problem, "Raise the limit of processes, then start again.", "cannot start", "a thread",
             strerror(errno));
    }
    updraft_artifacts_close(&server->artifacts);
    return false;
}

bool updraft_server_open(struct updraft_server *server, const char *data_dir, const char *base_url,
                         enum updraft_log_form log_form, struct updraft_server_problem *problem)
{
    memset(server, 0, sizeof *server);
    server->log.form = log_form;
    server->log.fd = STDERR_FILENO;
    size_t url_len = strlen(base_url);
    while (url_len > 0 && base_url[url_len - 1] == '/')
        url_len--;
    if (url_len >= sizeof server->base_url)
        return fail(problem, "Give a shorter --base-url.", "cannot use", base_url, "too long");
    memcpy(server->base_url, base_url, url_len);

    if (!take_directory(server, data_dir, problem))
        return false;
    updraft_fleet_init(&server->fleet, updraft_clock_wall_ms());
    updraft_news_init(&server->news, updraft_clock_wall_ms());
    if (open_store(server, data_dir, problem)) {
        if (open_rest(server, data_dir, problem))
            return true;
        server->store.close(server->store.ctx);
    }
    updraft_news_deinit(&server->news);
    updraft_fleet_deinit(&server->fleet);
    close(server->lock_fd);
    return false;
}

void updraft_server_stop(struct updraft_server *server)
{
    updraft_writer_stop(&server->writer);
}

void updraft_server_close(struct updraft_server *server)
{
    updraft_writer_deinit(&server->writer);
    updraft_artifacts_close(&server->artifacts);
    server->store.close(server->store.ctx);
    updraft_news_deinit(&server->news);
    updraft_fleet_deinit(&server->fleet);
    close(server->lock_fd);
}
