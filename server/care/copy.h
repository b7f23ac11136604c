/* A data directory copied into a new one, database first: what the copy of the database names, and nothing that
 * came later, is copied then. */
#ifndef UPDRAFT_SERVER_CARE_COPY_H
#define UPDRAFT_SERVER_CARE_COPY_H

#include "server/care/images.h"

struct updraft_care_problem {
    char text[512];
    const char *remedy;
};

/* The fleet of a data directory, read from a temporary copy: nothing is changed, and it is checked from end to
 * end. Initialises *fleet always. */
bool updraft_care_load(const char *data_dir, struct updraft_fleet *fleet,
                       struct updraft_care_problem *problem);

/* `to` must be absent or empty. artifacts_dir NULL: below `from`. *fleet is what was copied, initialised always.
 * When it fails, nothing is left of the copy. */
bool updraft_care_copy(const char *from, const char *artifacts_dir, const char *to,
                       struct updraft_fleet *fleet, struct updraft_image_walk *walk,
                       struct updraft_care_problem *problem);

#endif
