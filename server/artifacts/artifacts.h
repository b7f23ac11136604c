/* The files of images, named by what is in them: DIR/artifacts/ab/cdef… is the file whose SHA-256 is
 * abcdef….
 *
 * Owns: the files, and the knowledge of which of them were found whole. Does not own: which file
 * belongs to which release (fleet/), or whether bytes make a good image (the reader of format/image.h).
 * After power loss: a file under its name is complete, because it is synced before it gets the name;
 * unfinished ones lie in DIR/artifacts/tmp and are removed at the next start. Complete ones whose row
 * was not committed any more are for updraft_artifacts_sweep() to remove.
 *
 * Threads: each call is safe from any thread; one upload belongs to one thread at a time. */
#ifndef UPDRAFT_SERVER_ARTIFACTS_ARTIFACTS_H
#define UPDRAFT_SERVER_ARTIFACTS_ARTIFACTS_H

#include "format/digest.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum updraft_artifact_result {
    UPDRAFT_ARTIFACT_OK,
    UPDRAFT_ARTIFACT_UNPROVEN, /* it changed since its digest was checked, or never was */
    UPDRAFT_ARTIFACT_MISSING,
    UPDRAFT_ARTIFACT_CORRUPT, /* its bytes do not have its digest any more */
    UPDRAFT_ARTIFACT_FULL,    /* no room on the disk */
    UPDRAFT_ARTIFACT_IO,
};

struct updraft_artifact_stamp; /* a file found whole, and how it looked then */

struct updraft_artifacts {
    int dir_fd;
    bool shared;
    uint32_t run;         /* tells this process's uploads from those of others */
    pthread_mutex_t lock; /* of the stamps */
    struct updraft_artifact_stamp *stamps;
    size_t stamp_count;
    size_t stamp_cap;
    uint64_t next_upload;
};

/* Creates what is missing and removes unfinished uploads. In a directory that is shared with other servers,
 * unfinished and unwanted files of the last day are left alone: they may be another's, on their way. errno says
 * why it failed. */
enum updraft_artifact_result updraft_artifacts_open(struct updraft_artifacts *artifacts,
                                                    const char *dir, bool shared);
/* Only to read: nothing is created or removed. */
enum updraft_artifact_result updraft_artifacts_look(struct updraft_artifacts *artifacts,
                                                    const char *dir);
void updraft_artifacts_close(struct updraft_artifacts *artifacts);

/* Removes every artifact that is not wanted; gives their number. Other files are left alone. */
size_t updraft_artifacts_sweep(struct updraft_artifacts *artifacts,
                               bool (*wanted)(void *ctx, const uint8_t sha256[UPDRAFT_SHA256_LEN]),
                               void *ctx);

#define UPDRAFT_ARTIFACT_PATH_CAP (2 * UPDRAFT_SHA256_LEN + 2u)
/* Where the file is below the directory: "ab/cdef…". Its group may read it, as far as the umask lets it:
 * a proxy that sends the files itself. */
void updraft_artifacts_path(const uint8_t sha256[UPDRAFT_SHA256_LEN],
                            char path[UPDRAFT_ARTIFACT_PATH_CAP]);

/* --- one file on its way in --- */

struct updraft_upload {
    int fd;
    char name[32]; /* below tmp/ */
    uint64_t len;
    enum updraft_artifact_result result; /* of the first write that failed */
    struct updraft_digest sha256_state;
    struct updraft_digest md5_state;
    struct updraft_digest sha1_state;
    uint8_t sha256[UPDRAFT_SHA256_LEN]; /* after finish */
    uint8_t md5[UPDRAFT_MD5_LEN];
    uint8_t sha1[UPDRAFT_SHA1_LEN];
};

enum updraft_artifact_result updraft_upload_begin(struct updraft_artifacts *artifacts,
                                                  struct updraft_upload *upload);
/* After a failure further bytes are taken and dropped. */
void updraft_upload_feed(struct updraft_upload *upload, const void *bytes, size_t len);
/* Computes the digests. */
void updraft_upload_finish(struct updraft_upload *upload);
/* Makes it durable under its digest. *created is false when the same file was there before. */
enum updraft_artifact_result updraft_upload_keep(struct updraft_artifacts *artifacts,
                                                 struct updraft_upload *upload, bool *created);
/* Drops what was not kept. Always the last call. */
void updraft_upload_end(struct updraft_artifacts *artifacts, struct updraft_upload *upload);

/* --- files that are there --- */

/* Opens for reading. With may_hash false, a file that is not proven whole is not opened (UNPROVEN): the
 * event loop does not read files of megabytes. */
enum updraft_artifact_result updraft_artifacts_read(struct updraft_artifacts *artifacts,
                                                    const uint8_t sha256[UPDRAFT_SHA256_LEN],
                                                    bool may_hash, int *fd, uint64_t *len);
/* For a file whose row could not be written. */
void updraft_artifacts_remove(struct updraft_artifacts *artifacts,
                              const uint8_t sha256[UPDRAFT_SHA256_LEN]);

#endif
