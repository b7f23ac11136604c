#include "server/artifacts/artifacts.h"

#include "format/text.h"
#include "server/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define READ_CHUNK    65536u
#define SHARED_KEEP_S (24 * 3600) /* longer than any upload takes */

struct updraft_artifact_stamp {
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    ino_t inode;
    off_t len;
    struct timespec changed; /* of the inode: no write through the file system leaves it alone */
};

static enum updraft_artifact_result result_of_errno(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EFBIG ? UPDRAFT_ARTIFACT_FULL
                                                                : UPDRAFT_ARTIFACT_IO;
}

void updraft_artifacts_path(const uint8_t sha256[UPDRAFT_SHA256_LEN],
                            char path[UPDRAFT_ARTIFACT_PATH_CAP])
{
    static const char hex[] = "0123456789abcdef";
    size_t at = 0;

    for (size_t i = 0; i < UPDRAFT_SHA256_LEN; i++) {
        path[at++] = hex[sha256[i] >> 4];
        path[at++] = hex[sha256[i] & 15];
        if (i == 0)
            path[at++] = '/';
    }
    path[at] = '\0';
}

/* --- the directory --- */

static DIR *open_directory(int dir_fd, const char *path)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL && fd >= 0)
        close(fd);
    return dir;
}

/* Whether a file may go that nobody here knows of. */
static bool is_ours(const struct updraft_artifacts *artifacts, int dir_fd, const char *name)
{
    struct stat status;

    if (!artifacts->shared)
        return true;
    return fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           time(NULL) - status.st_mtim.tv_sec > SHARED_KEEP_S;
}

static void remove_unfinished(const struct updraft_artifacts *artifacts)
{
    DIR *dir = open_directory(artifacts->dir_fd, "tmp");
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.' && is_ours(artifacts, dirfd(dir), entry->d_name))
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir != NULL)
        closedir(dir);
}

static enum updraft_artifact_result sync_directory(int dir_fd, const char *path)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum updraft_artifact_result result = UPDRAFT_ARTIFACT_OK;

    if (fd < 0 || fsync(fd) != 0)
        result = result_of_errno(errno);
    if (fd >= 0)
        close(fd);
    return result;
}

enum updraft_artifact_result updraft_artifacts_open(struct updraft_artifacts *artifacts,
                                                    const char *dir, bool shared)
{
    enum updraft_artifact_result result = UPDRAFT_ARTIFACT_OK;

    memset(artifacts, 0, sizeof *artifacts);
    artifacts->dir_fd = -1;
    artifacts->shared = shared;
    if (mkdir(dir, 0750) == 0 || errno == EEXIST)
        artifacts->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (artifacts->dir_fd < 0 ||
        (mkdirat(artifacts->dir_fd, "tmp", 0700) != 0 && errno != EEXIST) ||
        getrandom(&artifacts->run, sizeof artifacts->run, 0) != sizeof artifacts->run)
        result = result_of_errno(errno);
    else
        result = sync_directory(artifacts->dir_fd, "..");
    if (result != UPDRAFT_ARTIFACT_OK) {
        int error = errno;
        if (artifacts->dir_fd >= 0)
            close(artifacts->dir_fd);
        errno = error;
        return result;
    }
    pthread_mutex_init(&artifacts->lock, NULL);
    remove_unfinished(artifacts);
    return UPDRAFT_ARTIFACT_OK;
}

enum updraft_artifact_result updraft_artifacts_look(struct updraft_artifacts *artifacts,
                                                    const char *dir)
{
    memset(artifacts, 0, sizeof *artifacts);
    artifacts->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (artifacts->dir_fd < 0)
        return result_of_errno(errno);
    pthread_mutex_init(&artifacts->lock, NULL);
    return UPDRAFT_ARTIFACT_OK;
}

void updraft_artifacts_close(struct updraft_artifacts *artifacts)
{
    close(artifacts->dir_fd);
    free(artifacts->stamps);
    pthread_mutex_destroy(&artifacts->lock);
}

/* The digest that a file below the shelf is named by; false for any other name. */
static bool digest_of(const char *shelf, const char *name, uint8_t sha256[UPDRAFT_SHA256_LEN])
{
    char hex[2 * UPDRAFT_SHA256_LEN + 1], path[UPDRAFT_ARTIFACT_PATH_CAP];

    if (strlen(shelf) != 2 || strlen(name) != 2 * UPDRAFT_SHA256_LEN - 2)
        return false;
    snprintf(hex, sizeof hex, "%s%s", shelf, name);
    if (!updraft_text_unhex(hex, sizeof hex - 1, sha256, UPDRAFT_SHA256_LEN))
        return false;
    updraft_artifacts_path(sha256, path); /* in small letters only */
    return memcmp(path, hex, 2) == 0 && strcmp(path + 3, hex + 2) == 0;
}

size_t updraft_artifacts_sweep(struct updraft_artifacts *artifacts,
                               bool (*wanted)(void *ctx, const uint8_t sha256[UPDRAFT_SHA256_LEN]),
                               void *ctx)
{
    DIR *shelves = open_directory(artifacts->dir_fd, ".");
    const struct dirent *shelf, *file;
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    size_t removed = 0;

    while (shelves != NULL && (shelf = readdir(shelves)) != NULL) {
        DIR *files =
            strlen(shelf->d_name) == 2 ? open_directory(artifacts->dir_fd, shelf->d_name) : NULL;
        while (files != NULL && (file = readdir(files)) != NULL) {
            if (digest_of(shelf->d_name, file->d_name, sha256) && !wanted(ctx, sha256) &&
                is_ours(artifacts, dirfd(files), file->d_name) &&
                unlinkat(dirfd(files), file->d_name, 0) == 0)
                removed++;
        }
        if (files != NULL)
            closedir(files);
    }
    if (shelves != NULL)
        closedir(shelves);
    return removed;
}

/* --- stamps --- */

static bool same_file(const struct updraft_artifact_stamp *stamp, const struct stat *status)
{
    return stamp->inode == status->st_ino && stamp->len == status->st_size &&
           stamp->changed.tv_sec == status->st_ctim.tv_sec &&
           stamp->changed.tv_nsec == status->st_ctim.tv_nsec;
}

static struct updraft_artifact_stamp *find_stamp(struct updraft_artifacts *artifacts,
                                                 const uint8_t *sha256)
{
    for (size_t i = 0; i < artifacts->stamp_count; i++) {
        if (memcmp(artifacts->stamps[i].sha256, sha256, UPDRAFT_SHA256_LEN) == 0)
            return &artifacts->stamps[i];
    }
    return NULL;
}

static bool is_proven(struct updraft_artifacts *artifacts, const uint8_t *sha256,
                      const struct stat *status)
{
    pthread_mutex_lock(&artifacts->lock);
    const struct updraft_artifact_stamp *stamp = find_stamp(artifacts, sha256);
    bool proven = stamp != NULL && same_file(stamp, status);
    pthread_mutex_unlock(&artifacts->lock);
    return proven;
}

static void set_proven(struct updraft_artifacts *artifacts, const uint8_t *sha256,
                       const struct stat *status)
{
    pthread_mutex_lock(&artifacts->lock);
    struct updraft_artifact_stamp *stamp = find_stamp(artifacts, sha256);
    if (stamp == NULL) {
        UPDRAFT_MEMORY_RESERVE(artifacts->stamps, artifacts->stamp_count, artifacts->stamp_cap);
        stamp = &artifacts->stamps[artifacts->stamp_count++];
        memcpy(stamp->sha256, sha256, UPDRAFT_SHA256_LEN);
    }
    stamp->inode = status->st_ino;
    stamp->len = status->st_size;
    stamp->changed = status->st_ctim;
    pthread_mutex_unlock(&artifacts->lock);
}

/* --- uploads --- */

enum updraft_artifact_result updraft_upload_begin(struct updraft_artifacts *artifacts,
                                                  struct updraft_upload *upload)
{
    char path[UPDRAFT_ARTIFACT_PATH_CAP];

    memset(upload, 0, sizeof *upload);
    pthread_mutex_lock(&artifacts->lock);
    uint64_t number = artifacts->next_upload++;
    pthread_mutex_unlock(&artifacts->lock);
    snprintf(upload->name, sizeof upload->name, "%08" PRIx32 "-%" PRIu64, artifacts->run, number);
    snprintf(path, sizeof path, "tmp/%s", upload->name);
    upload->fd = openat(artifacts->dir_fd, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    upload->result = upload->fd < 0 ? result_of_errno(errno) : UPDRAFT_ARTIFACT_OK;
    updraft_digest_start(&upload->sha256_state, UPDRAFT_DIGEST_SHA256);
    updraft_digest_start(&upload->md5_state, UPDRAFT_DIGEST_MD5);
    updraft_digest_start(&upload->sha1_state, UPDRAFT_DIGEST_SHA1);
    return upload->result;
}

void updraft_upload_feed(struct updraft_upload *upload, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    size_t left = len;

    upload->len += len;
    updraft_digest_update(&upload->sha256_state, bytes, len);
    updraft_digest_update(&upload->md5_state, bytes, len);
    updraft_digest_update(&upload->sha1_state, bytes, len);
    while (upload->result == UPDRAFT_ARTIFACT_OK && left > 0) {
        ssize_t wrote = write(upload->fd, at, left);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0) {
            upload->result = result_of_errno(errno);
            break;
        }
        at += wrote;
        left -= (size_t)wrote;
    }
}

void updraft_upload_finish(struct updraft_upload *upload)
{
    updraft_digest_finish(&upload->sha256_state, upload->sha256);
    updraft_digest_finish(&upload->md5_state, upload->md5);
    updraft_digest_finish(&upload->sha1_state, upload->sha1);
}

enum updraft_artifact_result updraft_upload_keep(struct updraft_artifacts *artifacts,
                                                 struct updraft_upload *upload, bool *created)
{
    char from[UPDRAFT_ARTIFACT_PATH_CAP], to[UPDRAFT_ARTIFACT_PATH_CAP], shelf[3];
    struct stat status;
    uint64_t old_len;
    int old_fd;

    /* A whole file of the same bytes may be in use: leave it alone. A damaged one is replaced. */
    if (updraft_artifacts_read(artifacts, upload->sha256, true, &old_fd, &old_len) ==
        UPDRAFT_ARTIFACT_OK) {
        close(old_fd);
        *created = false;
        return UPDRAFT_ARTIFACT_OK;
    }
    snprintf(from, sizeof from, "tmp/%s", upload->name);
    updraft_artifacts_path(upload->sha256, to);
    memcpy(shelf, to, 2);
    shelf[2] = '\0';
    if (mkdirat(artifacts->dir_fd, shelf, 0750) != 0 && errno != EEXIST)
        return result_of_errno(errno);
    if (fsync(upload->fd) != 0 || renameat(artifacts->dir_fd, from, artifacts->dir_fd, to) != 0)
        return result_of_errno(errno);
    upload->name[0] = '\0';
    *created = true;
    enum updraft_artifact_result result = sync_directory(artifacts->dir_fd, shelf);
    if (result == UPDRAFT_ARTIFACT_OK)
        result = sync_directory(artifacts->dir_fd, ".");
    if (result != UPDRAFT_ARTIFACT_OK) {
        updraft_artifacts_remove(artifacts, upload->sha256);
        return result;
    }
    if (fstat(upload->fd, &status) == 0)
        set_proven(artifacts, upload->sha256, &status);
    return UPDRAFT_ARTIFACT_OK;
}

void updraft_upload_end(struct updraft_artifacts *artifacts, struct updraft_upload *upload)
{
    char path[UPDRAFT_ARTIFACT_PATH_CAP];

    if (upload->fd >= 0)
        close(upload->fd);
    if (upload->name[0] != '\0') {
        snprintf(path, sizeof path, "tmp/%s", upload->name);
        unlinkat(artifacts->dir_fd, path, 0);
    }
    upload->fd = -1;
    upload->name[0] = '\0';
}

/* --- reading --- */

static enum updraft_artifact_result check_digest(int fd, const uint8_t *sha256)
{
    uint8_t *chunk = updraft_memory_new(READ_CHUNK);
    uint8_t found[UPDRAFT_SHA256_LEN];
    struct updraft_digest digest;
    off_t off = 0;
    ssize_t got;

    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    while ((got = pread(fd, chunk, READ_CHUNK, off)) > 0) {
        updraft_digest_update(&digest, chunk, (size_t)got);
        off += got;
    }
    free(chunk);
    if (got < 0)
        return UPDRAFT_ARTIFACT_IO;
    updraft_digest_finish(&digest, found);
    return memcmp(found, sha256, sizeof found) == 0 ? UPDRAFT_ARTIFACT_OK
                                                    : UPDRAFT_ARTIFACT_CORRUPT;
}

enum updraft_artifact_result updraft_artifacts_read(struct updraft_artifacts *artifacts,
                                                    const uint8_t sha256[UPDRAFT_SHA256_LEN],
                                                    bool may_hash, int *fd, uint64_t *len)
{
    enum updraft_artifact_result result = UPDRAFT_ARTIFACT_OK;
    char path[UPDRAFT_ARTIFACT_PATH_CAP];
    struct stat status;

    updraft_artifacts_path(sha256, path);
    int opened = openat(artifacts->dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (opened < 0)
        return errno == ENOENT || errno == ELOOP ? UPDRAFT_ARTIFACT_MISSING : UPDRAFT_ARTIFACT_IO;
    if (fstat(opened, &status) != 0 || !S_ISREG(status.st_mode)) {
        result = UPDRAFT_ARTIFACT_IO;
    } else if (!is_proven(artifacts, sha256, &status)) {
        /* The stamp is of the state before the reading: a write during it shows the next time. */
        result = may_hash ? check_digest(opened, sha256) : UPDRAFT_ARTIFACT_UNPROVEN;
        if (result == UPDRAFT_ARTIFACT_OK)
            set_proven(artifacts, sha256, &status);
    }
    if (result != UPDRAFT_ARTIFACT_OK) {
        close(opened);
        return result;
    }
    *fd = opened;
    *len = (uint64_t)status.st_size;
    return UPDRAFT_ARTIFACT_OK;
}

void updraft_artifacts_remove(struct updraft_artifacts *artifacts,
                              const uint8_t sha256[UPDRAFT_SHA256_LEN])
{
    char path[UPDRAFT_ARTIFACT_PATH_CAP];

    updraft_artifacts_path(sha256, path);
    unlinkat(artifacts->dir_fd, path, 0);
}
