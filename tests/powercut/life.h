/* One device and its life, to be cut short: it boots, confirms itself when on trial (or crashes),
 * takes the update while it is old, restarts, until there is nothing left to do. Each time it is
 * offered the image it goes on where it was broken off, if it can.
 *
 * Owns: the simulated flash with its layout, the images, and the rules that must hold after any cut.
 * Does not own: where to cut (cuts.h). Everything but the flash is the code under test.
 *
 * Layouts with slots. A device with a single OTA slot that runs from it goes back to factory first,
 * as an application would have it do. */
#ifndef UPDRAFT_TESTS_LIFE_H
#define UPDRAFT_TESTS_LIFE_H

#include "tests/rig/rig.h"

#include <stdio.h>

/* What the target slot holds before the update. */
enum life_target {
    LIFE_TARGET_OLD,     /* old rubbish, so that erasing is part of the game */
    LIFE_TARGET_BLANK,   /* as it came from the factory */
    LIFE_TARGET_SIMILAR, /* the new image but for its middle */
};

struct life_spec {
    enum rig_layout layout;
    int updates_before; /* 0: as from the factory, its boot record empty; at most 2 */
    bool gzip;
    bool crashes;       /* the new image resets before it can confirm itself */
    uint32_t image_len; /* of the old images; the new one is a sector longer */
    enum life_target target;
    bool changes_its_mind; /* after a cut another image is sent */
};

struct life_cut {
    uint64_t at; /* flash operation, counted from 1; 0: never */
    enum updraft_nor_cut kind;
    uint32_t unstable_bits; /* see nor.h */
    uint32_t seed;
};

#define LIFE_IMAGE_CAP 5
#define LIFE_NO_IMAGE  (-1)

struct life_image {
    const char *version;
    struct rig_image image;
};

struct life_snapshot {
    uint8_t *bytes;
    uint8_t *unstable; /* NULL: no cell is */
    bool switched;
    bool was_cut;
};

struct life {
    struct life_spec spec;
    struct rig rig;
    struct life_image images[LIFE_IMAGE_CAP]; /* every image the device ever gets */
    int image_count;
    int new_image;   /* index of the one that comes */
    int other_image; /* of the one that comes after a cut instead; LIFE_NO_IMAGE: none */
    int survivor;    /* index of the one that must run in the end; or other_image */
    struct updraft_extent target; /* the only slot that may change */
    struct life_wire {
        const uint8_t *bytes;
        uint32_t len;
        uint8_t *gzip; /* NULL: raw */
        uint8_t identity[32];
    } wires[2];                 /* of the new image, of the other one */
    struct life_snapshot fresh; /* before the update */
    bool switched;              /* the new image has started: from then on it must not be lost */
    bool was_cut;               /* at least once */
    bool unstable;              /* a cut left unstable bits: failed writes may be tried again */
    uint32_t resumes_from;      /* the next update must not start before that; 0: where it wants */
    bool went_back;             /* but it did */
    FILE *log;                  /* NULL, or where each step is told */
};

void life_make(struct life *life, const struct life_spec *spec);
void life_free(struct life *life);

/* The flash as it is now; to be freed. */
void life_save(const struct life *life, struct life_snapshot *snapshot);
void life_restore(struct life *life, const struct life_snapshot *snapshot);
void life_snapshot_free(struct life_snapshot *snapshot);

/* Power on, and on until nothing is left to do or the power is cut. Returns the flash operations. */
uint64_t life_run(struct life *life, const struct life_cut *cut);

/* The power is back for good. Checks the record before any boot code touches it, lets the device
 * live on to its end, and checks that end. NULL when everything held, else what did not. */
const char *life_check(struct life *life);

#endif
