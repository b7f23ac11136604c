#include "server/care/images.h"

#include "server/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 65536u

void updraft_image_walk_deinit(struct updraft_image_walk *walk)
{
    free(walk->flaws);
    memset(walk, 0, sizeof *walk);
}

/* Its digest is checked again on what arrives. */
static enum updraft_artifact_result copy_file(int fd, const struct updraft_image_row *image,
                                              struct updraft_artifacts *copies)
{
    uint8_t *chunk = updraft_memory_new(CHUNK);
    struct updraft_upload upload;
    bool created;
    ssize_t got = 0;

    enum updraft_artifact_result result = updraft_upload_begin(copies, &upload);
    while (result == UPDRAFT_ARTIFACT_OK && (got = read(fd, chunk, CHUNK)) > 0)
        updraft_upload_feed(&upload, chunk, (size_t)got);
    free(chunk);
    updraft_upload_finish(&upload);
    if (result == UPDRAFT_ARTIFACT_OK)
        result = upload.result;
    if (result == UPDRAFT_ARTIFACT_OK &&
        (got < 0 || memcmp(upload.sha256, image->sha256, sizeof upload.sha256) != 0)) {
        updraft_upload_end(copies, &upload);
        return UPDRAFT_ARTIFACT_CORRUPT; /* it changed between two looks: not the copies' fault */
    }
    if (result == UPDRAFT_ARTIFACT_OK)
        result = updraft_upload_keep(copies, &upload, &created);
    int error = errno;
    updraft_upload_end(copies, &upload);
    errno = error;
    return result;
}

static void note_flaw(struct updraft_image_walk *walk, const struct updraft_release *release,
                      const struct updraft_image_row *image, enum updraft_artifact_result result)
{
    UPDRAFT_MEMORY_RESERVE(walk->flaws, walk->flaw_count, walk->flaw_cap);
    walk->flaws[walk->flaw_count++] = (struct updraft_image_flaw){release, image, result};
}

static bool walk_image(struct updraft_image_walk *walk, const struct updraft_release *release,
                       const struct updraft_image_row *image, struct updraft_artifacts *artifacts,
                       struct updraft_artifacts *copies)
{
    uint64_t len;
    int fd;

    enum updraft_artifact_result result =
        updraft_artifacts_read(artifacts, image->sha256, true, &fd, &len);
    if (result == UPDRAFT_ARTIFACT_OK && copies != NULL) {
        result = copy_file(fd, image, copies);
        if (result != UPDRAFT_ARTIFACT_OK && result != UPDRAFT_ARTIFACT_CORRUPT) {
            int error = errno;
            close(fd);
            errno = error;
            return false;
        }
    }
    if (result != UPDRAFT_ARTIFACT_OK) {
        note_flaw(walk, release, image, result);
        return true;
    }
    close(fd);
    walk->count++;
    walk->bytes += len;
    return true;
}

bool updraft_image_walk(struct updraft_image_walk *walk, const struct updraft_fleet *fleet,
                        struct updraft_artifacts *artifacts, struct updraft_artifacts *copies)
{
    for (size_t i = 0; i < fleet->release_count; i++) {
        const struct updraft_release *release = fleet->releases[i];
        for (size_t k = 0; k < release->image_count; k++) {
            if (release->images[k].withdrawn_ms == 0 &&
                !walk_image(walk, release, &release->images[k], artifacts, copies))
                return false;
        }
    }
    return true;
}
