#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define GZIP_WINDOW_BITS (15 + 16) /* zlib: the gzip wrapper, not its own */

void updraft_file_free(struct updraft_file *file)
{
    free(file->data);
    file->data = NULL;
    file->len = 0;
}

static enum updraft_exit read_error(const char *path, int error, struct updraft_fail *fail)
{
    return updraft_fail_set(fail, UPDRAFT_EXIT_INPUT, "unreadable",
                            error == ENOENT ? "Check the name; look whether the build wrote it."
                                            : "Check the file and its permissions.",
                            "cannot read %s: %s", path, strerror(error));
}

/* What is no regular file may never end, or never begin. */
static enum updraft_exit no_file(const char *path, mode_t mode, struct updraft_fail *fail)
{
    const char *kind = S_ISDIR(mode)    ? "a folder"
                       : S_ISFIFO(mode) ? "a pipe"
                       : S_ISSOCK(mode) ? "a socket"
                                        : "a device";

    return updraft_fail_set(fail, UPDRAFT_EXIT_INPUT, "unreadable",
                            S_ISDIR(mode) ? "Name a file in it."
                                          : "Name a file, or - for standard input.",
                            "cannot read %s: it is %s, no file", path, kind);
}

static enum updraft_exit read_all(int fd, const char *path, struct updraft_file *file,
                                  struct updraft_fail *fail)
{
    size_t cap = 0;

    for (;;) {
        ssize_t got;

        if (file->len == cap) {
            uint8_t *grown;

            cap = cap ? cap * 2 : 1u << 20;
            grown = cap > 2 * (size_t)UPDRAFT_FILE_CAP ? NULL : realloc(file->data, cap);
            if (!grown)
                return updraft_fail_set(fail, UPDRAFT_EXIT_INPUT, "too_large",
                                        "Give an image or a flash dump.",
                                        "cannot read %s: it is larger than any flash", path);
            file->data = grown;
        }
        got = read(fd, file->data + file->len, cap - file->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return read_error(path, errno, fail);
        if (got == 0)
            return UPDRAFT_EXIT_OK;
        file->len += (size_t)got;
    }
}

enum updraft_exit updraft_file_read(const char *path, struct updraft_file *file,
                                    struct updraft_fail *fail)
{
    struct stat info;
    enum updraft_exit exit;
    int fd;

    file->data = NULL;
    file->len = 0;
    if (!strcmp(path, "-")) {
        exit = read_all(STDIN_FILENO, "standard input", file, fail);
    } else {
        /* O_NONBLOCK: to open a FIFO that nobody writes to would wait for ever. */
        fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            return read_error(path, errno, fail);
        if (fstat(fd, &info))
            exit = read_error(path, errno, fail);
        else if (!S_ISREG(info.st_mode))
            exit = no_file(path, info.st_mode, fail);
        else
            exit = read_all(fd, path, file, fail);
        close(fd);
    }
    if (exit != UPDRAFT_EXIT_OK)
        updraft_file_free(file);
    return exit;
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, data, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        data += put;
        len -= (size_t)put;
    }
    return fsync(fd);
}

/* The new name itself must survive a power cut, too. */
static void sync_directory_of(const char *path)
{
    char copy[PATH_MAX];
    int fd;

    snprintf(copy, sizeof copy, "%s", path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

/* A file that is there keeps its mode; a new one gets what the user's mask leaves. */
static mode_t mode_for(const char *path, unsigned mode)
{
    struct stat old;
    mode_t mask = umask(0);

    umask(mask);
    if (mode != 0600 && !stat(path, &old))
        return old.st_mode & 0777;
    return (mode_t)mode & ~mask;
}

enum updraft_exit updraft_file_write(const char *path, const void *data, size_t len, unsigned mode,
                                     struct updraft_fail *fail)
{
    char part[PATH_MAX];
    int error = 0;
    int fd;

    if (snprintf(part, sizeof part, "%s.XXXXXX", path) >= (int)sizeof part)
        return updraft_fail_set(fail, UPDRAFT_EXIT_USAGE, "usage", "Use a shorter path.",
                                "the name %.100s... is too long", path);
    fd = mkostemp(part, O_CLOEXEC);
    if (fd < 0) {
        error = errno;
    } else {
        if (fchmod(fd, mode_for(path, mode)) || write_all(fd, data, len))
            error = errno;
        if (close(fd) && !error)
            error = errno;
        if (!error && rename(part, path))
            error = errno;
        if (error)
            unlink(part);
    }
    if (error)
        return updraft_fail_set(fail, UPDRAFT_EXIT_FAILED, "unwritable",
                                "Check the folder, its permissions and the free space.",
                                "cannot write %s: %s", path, strerror(error));
    sync_directory_of(path);
    return UPDRAFT_EXIT_OK;
}

bool updraft_file_is_gzip(const struct updraft_file *file)
{
    return file->len >= 3 && file->data[0] == 0x1F && file->data[1] == 0x8B && file->data[2] == 8;
}

/* Inflates into a buffer that grows; Z_STREAM_END when it is whole. */
static int inflate_all(z_stream *z, struct updraft_file *out)
{
    size_t cap = 0;

    for (;;) {
        int status;

        if (out->len == cap) {
            uint8_t *grown;

            cap = cap ? cap * 2 : 1u << 20;
            grown = cap > UPDRAFT_FILE_CAP ? NULL : realloc(out->data, cap);
            if (!grown)
                return Z_MEM_ERROR;
            out->data = grown;
        }
        z->next_out = out->data + out->len;
        z->avail_out = (uInt)(cap - out->len);
        status = inflate(z, Z_NO_FLUSH);
        out->len = (size_t)(z->next_out - out->data);
        if (status != Z_OK)
            return status;
    }
}

enum updraft_exit updraft_file_gunzip(const struct updraft_file *packed, struct updraft_file *out,
                                      struct updraft_fail *fail)
{
    z_stream z = {.next_in = packed->data, .avail_in = (uInt)packed->len};
    int status;

    out->data = NULL;
    out->len = 0;
    if (inflateInit2(&z, GZIP_WINDOW_BITS) != Z_OK)
        return updraft_fail_code(fail, UPDRAFT_EXIT_FAILED, UPDRAFT_E_NO_SPACE);
    status = inflate_all(&z, out);
    inflateEnd(&z);
    if (status == Z_STREAM_END)
        return UPDRAFT_EXIT_OK;
    updraft_file_free(out);
    /* Z_BUF_ERROR: the input ended first. */
    return updraft_fail_code(fail, UPDRAFT_EXIT_INPUT,
                             status == Z_BUF_ERROR ? UPDRAFT_E_TRUNCATED : UPDRAFT_E_GZIP);
}

enum updraft_exit updraft_file_gzip(const struct updraft_file *plain, struct updraft_file *out,
                                    struct updraft_fail *fail)
{
    z_stream z = {.next_in = plain->data, .avail_in = (uInt)plain->len};
    int status =
        deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS, 9, Z_DEFAULT_STRATEGY);

    out->len = 0;
    out->data = NULL;
    if (status == Z_OK) {
        uLong bound = deflateBound(&z, (uLong)plain->len);

        out->data = malloc(bound);
        z.next_out = out->data;
        z.avail_out = (uInt)bound;
        status = out->data ? deflate(&z, Z_FINISH) : Z_MEM_ERROR;
        out->len = z.total_out;
        deflateEnd(&z);
    }
    if (status == Z_STREAM_END)
        return UPDRAFT_EXIT_OK;
    updraft_file_free(out);
    return updraft_fail_code(fail, UPDRAFT_EXIT_FAILED, UPDRAFT_E_NO_SPACE);
}

const char *updraft_file_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}
