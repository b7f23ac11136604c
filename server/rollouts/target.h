/* The release that a device is to run: its channel's, or that of a rollout on its channel. Every device
 * protocol asks here, so that none of them knows of rollouts.
 *
 * Owns: nothing. Does not own: the rule (decide/target.h), whether the release suits the device
 * (decide/offer.h). Threads: under the lock of the fleet. */
#ifndef UPDRAFT_SERVER_ROLLOUTS_TARGET_H
#define UPDRAFT_SERVER_ROLLOUTS_TARGET_H

#include "server/decide/target.h"
#include "server/rollouts/member.h"

/* The image of a release for a chip, or NULL; updraft_release_image_for() is one. */
typedef const struct updraft_image_row *(*updraft_image_pick)(const struct updraft_release *release,
                                                              uint16_t chip, const char *board);

struct updraft_question {
    const char *product;
    const char *channel;
    uint16_t chip;
    const char *board; /* "": not told */
    updraft_image_pick pick;
    /* Who asks; NULL: nobody who can be told from others, and who is to have the channel's. */
    const struct updraft_candidate *candidate;
    int64_t now_ms;
};

struct updraft_target {
    const struct updraft_release *release; /* NULL: there is no such channel */
    const struct updraft_image_row *image; /* NULL: the release has none for it */
    uint32_t rollout_id;                   /* that the release is from; 0: the channel's */
    int64_t retry_ms;       /* what ended badly before is not held against the release */
    enum updraft_wait wait; /* for what it would have otherwise */
};

struct updraft_target updraft_target_find(const struct updraft_fleet *fleet,
                                          const struct updraft_question *question);
/* Of a device as it is known, at this moment. */
struct updraft_target updraft_target_of_device(const struct updraft_fleet *fleet,
                                               const struct updraft_device *device, int64_t now_ms);

#endif
