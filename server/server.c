#include "server/server.h"

#include "server/clock.h"
#include "server/store/postgres.h"
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
        problem->remedy = "Put a backup in its place (updraftd restore, or PostgreSQL's "
                          "pg_restore); to save what "
                          "can be read of an SQLite file, use sqlite3's .recover on it.";
        break;
    case UPDRAFT_STORE_NEWER:
        problem->remedy = "Start the version of updraftd that wrote it, or a later one.";
        break;
    case UPDRAFT_STORE_FULL:
        problem->remedy = "Make room on the disk, then start again.";
        break;
    case UPDRAFT_STORE_AWAY:
    case UPDRAFT_STORE_UNKNOWN:
    case UPDRAFT_STORE_STALE:
        problem->remedy = "See that PostgreSQL runs, and that psql reaches it with the same "
                          "address as this user.";
        break;
    case UPDRAFT_STORE_IO:
    case UPDRAFT_STORE_OK:
        problem->remedy = "Look at the permissions of the directory and at the disk.";
        break;
    }
    return false;
}

static bool shares_database(const struct updraft_server_options *options)
{
    return options->database[0] != '\0';
}

/* Before the library makes it, with what the umask leaves: a group that may read the images may not
 * read this. */
static void make_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
}

static bool open_store(struct updraft_server *server, const struct updraft_server_options *options,
                       struct updraft_server_problem *problem)
{
    struct updraft_store_problem why;
    enum updraft_store_result result;
    char path[PATH_CAP];

    snprintf(path, sizeof path, "%s/updraft.sqlite", options->data_dir);
    if (!shares_database(options))
        make_private(path);
    if (shares_database(options))
        result = updraft_postgres_open(options->database, &server->store, &why);
    else
        result = updraft_sqlite_open(path, &server->store, &why);
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

static bool commit_token(struct updraft_server *server, const struct updraft_change *change,
                         struct updraft_server_problem *problem)
{
    enum updraft_store_result result = UPDRAFT_STORE_OK;
    struct updraft_store *store = &server->store;
    struct updraft_store_problem why;

    if (store->catch_up != NULL)
        result = store->catch_up(store->ctx, load_row, &server->fleet, &why);
    if (result == UPDRAFT_STORE_OK)
        result = store->commit(store->ctx, change, 1, &why);
    if (result != UPDRAFT_STORE_OK)
        return fail_store(problem, result, &why);
    updraft_fleet_apply(&server->fleet, change);
    return true;
}

static bool open_token(struct updraft_server *server, const struct updraft_server_options *options,
                       struct updraft_server_problem *problem)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_TOKEN};
    const struct updraft_token_row *known = server->fleet.tokens;
    bool has_first = server->fleet.token_count > 0 && known->id == UPDRAFT_TOKEN_FIRST_ID;

    /* The server that made it has its text; a second one must not make another and void that. */
    if (shares_database(options) && has_first && !updraft_token_present(options->data_dir))
        return true;
    enum updraft_token_origin origin = updraft_token_open(
        options->data_dir, updraft_clock_wall_ms(), server->token, &change.row.token);
    if (origin == UPDRAFT_TOKEN_FAILED)
        return fail(problem, "Delete the file 'token' in that directory to get a new token.",
                    "cannot read or write the token in", options->data_dir,
                    errno == EBADMSG ? "the file does not hold 64 hex digits" : strerror(errno));
    server->token_is_new = origin == UPDRAFT_TOKEN_NEW;
    if (has_first && memcmp(known->hash, change.row.token.hash, sizeof known->hash) == 0)
        return true;
    return commit_token(server, &change, problem);
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

static bool open_artifacts(struct updraft_server *server,
                           const struct updraft_server_options *options,
                           struct updraft_server_problem *problem)
{
    char path[PATH_CAP];

    snprintf(path, sizeof path, "%s/artifacts", options->data_dir);
    const char *dir = options->artifacts_dir[0] == '\0' ? path : options->artifacts_dir;
    if (updraft_artifacts_open(&server->artifacts, dir, shares_database(options)) ==
        UPDRAFT_ARTIFACT_OK)
        return true;
    return fail(problem, "Look at the permissions of the directory and at the disk.",
                "cannot use the artifacts in", dir, strerror(errno));
}

static bool start_threads(struct updraft_server *server)
{
    if (!updraft_writer_start(&server->writer))
        return false;
    server->hooks.fleet = &server->fleet;
    server->hooks.news = &server->news;
    server->hooks.log = &server->log;
    if (updraft_hooks_start(&server->hooks))
        return true;
    int error = errno;
    updraft_writer_stop(&server->writer);
    updraft_writer_deinit(&server->writer);
    errno = error;
    return false;
}

static bool open_rest(struct updraft_server *server, const struct updraft_server_options *options,
                      struct updraft_server_problem *problem)
{
    if (!open_artifacts(server, options, problem))
        return false;
    sweep_artifacts(server);
    server->writer.fleet = &server->fleet;
    server->writer.store = &server->store;
    server->writer.artifacts = &server->artifacts;
    server->writer.log = &server->log;
    server->writer.base_url = server->base_url;
    if (open_token(server, options, problem)) {
        if (start_threads(server))
            return true;
        fail(problem, "Raise the limit of processes, then start again.", "cannot start", "a thread",
             strerror(errno));
    }
    updraft_artifacts_close(&server->artifacts);
    return false;
}

bool updraft_server_open(struct updraft_server *server,
                         const struct updraft_server_options *options,
                         struct updraft_server_problem *problem)
{
    memset(server, 0, sizeof *server);
    server->log.form = options->log_form;
    server->log.fd = STDERR_FILENO;
    size_t url_len = strlen(options->base_url);
    while (url_len > 0 && options->base_url[url_len - 1] == '/')
        url_len--;
    if (url_len >= sizeof server->base_url)
        return fail(problem, "Give a shorter --base-url.", "cannot use", options->base_url,
                    "too long");
    memcpy(server->base_url, options->base_url, url_len);

    if (!take_directory(server, options->data_dir, problem))
        return false;
    updraft_fleet_init(&server->fleet, updraft_clock_wall_ms());
    server->fleet.poll_s = options->check_interval_s;
    updraft_news_init(&server->news, updraft_clock_wall_ms());
    if (open_store(server, options, problem)) {
        if (open_rest(server, options, problem))
            return true;
        server->store.close(server->store.ctx);
    }
    updraft_news_deinit(&server->news);
    updraft_fleet_deinit(&server->fleet);
    close(server->lock_fd);
    return false;
}

bool updraft_server_hopeless(struct updraft_server *server)
{
    return atomic_load(&server->writer.hopeless);
}

void updraft_server_stop(struct updraft_server *server)
{
    updraft_hooks_stop(&server->hooks);
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
