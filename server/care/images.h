/* The images that a fleet names, looked at or copied, one by one: what is wrong with any is noted, and the others
 * go on.
 *
 * Memory: the caller's struct, freed by deinit. */
#ifndef UPDRAFT_SERVER_CARE_IMAGES_H
#define UPDRAFT_SERVER_CARE_IMAGES_H

#include "server/artifacts/artifacts.h"
#include "server/fleet/fleet.h"

struct updraft_image_flaw {
    const struct updraft_release *release;
    const struct updraft_image_row *image;
    enum updraft_artifact_result result;
};

struct updraft_image_walk {
    size_t count; /* images that are whole; the same file in two releases counts twice */
    uint64_t bytes;
    struct updraft_image_flaw *flaws;
    size_t flaw_count;
    size_t flaw_cap;
};

void updraft_image_walk_deinit(struct updraft_image_walk *walk);

/* Reads every image from end to end; with `copies`, also writes it there. False when that cannot be written to:
 * errno says why. */
bool updraft_image_walk(struct updraft_image_walk *walk, const struct updraft_fleet *fleet,
                        struct updraft_artifacts *artifacts, struct updraft_artifacts *copies);

#endif
