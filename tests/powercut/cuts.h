/* Where a life is cut: at every flash operation, in every way, and for some plans a second time at
 * every operation of what follows. No cut point is picked by hand.
 *
 * A case has a name that can be run again: LIFE.OPERATION.WAY or LIFE.OPERATION.WAY.OPERATION.WAY.
 * The cases of one plan are the same on every host and in every run. */
#ifndef UPDRAFT_TESTS_CUTS_H
#define UPDRAFT_TESTS_CUTS_H

#include "tests/powercut/life.h"

/* The ways in which one operation is cut. Steady: nothing of it is done, half, all, and random bits
 * once for each seed. Unstable: each of these four leaves one bit, some, or many unstable, once for
 * each seed. */
struct cuts_ways {
    bool unstable;
    uint32_t seeds; /* 0: no cut at all */
};

struct cuts_plan {
    struct life_spec spec;
    struct cuts_ways first;
    struct cuts_ways second; /* no seeds: no second cut */
};

struct cuts_case {
    uint32_t at[2]; /* operations; at[1] 0: no second cut */
    uint32_t way[2];
};

struct cuts_visitor {
    void *ctx;
    /* Whether to run the cases whose first cut is at this operation; NULL: all. */
    bool (*wants)(void *ctx, uint32_t first_at);
    /* Before each case. */
    void (*begin)(void *ctx, const struct cuts_case *which);
    /* After it; failure NULL: everything held. */
    void (*end)(void *ctx, const struct cuts_case *which, const char *failure);
};

/* Returns how many flash operations the life has when nothing cuts it. */
uint32_t cuts_run(const struct cuts_plan *plan, const struct cuts_visitor *visitor);

/* One case, told step by step to log. True when everything held. */
bool cuts_tell(const struct cuts_plan *plan, const struct cuts_case *which, FILE *log);

/* "half of it is done", for the log. Static buffer. */
const char *cuts_way_text(struct cuts_ways ways, uint32_t way);

#endif
