/* Where the fleet is kept when nobody runs: one interface, one file a database (sqlite.c today).
 *
 * Owns: the durable rows. Does not own: their meaning, or the files of the images (artifacts/).
 * Memory: the implementation's, until close.
 * After a crash or power loss: every commit that returned OK is there in whole; one that did not
 * return may be there in whole or not at all.
 *
 * One thread at a time. */
#ifndef UPDRAFT_SERVER_STORE_STORE_H
#define UPDRAFT_SERVER_STORE_STORE_H

#include "format/error.h"
#include "server/fleet/model.h"

#include <stddef.h>

enum updraft_store_result {
    UPDRAFT_STORE_OK,
    UPDRAFT_STORE_FULL,    /* no room on the disk; nothing of the commit is kept */
    UPDRAFT_STORE_IO,      /* the disk or the database failed; nothing of the commit is kept */
    UPDRAFT_STORE_CORRUPT, /* what is stored cannot be right */
    UPDRAFT_STORE_NEWER,   /* written by a newer version of this program */
};

/* Why a call did not return OK, as one sentence for a person. */
struct updraft_store_problem {
    char text[320];
};

typedef void (*updraft_store_row_fn)(void *ctx, const struct updraft_change *row);

struct updraft_store {
    void *ctx;
    /* Every row as a change; those that others refer to first, attempts by ascending id. */
    enum updraft_store_result (*load)(void *ctx, updraft_store_row_fn row, void *row_ctx,
                                      struct updraft_store_problem *problem) UPDRAFT_MUST_CHECK;
    /* All or nothing. OK means durable. */
    enum updraft_store_result (*commit)(void *ctx, const struct updraft_change *changes,
                                        size_t count,
                                        struct updraft_store_problem *problem) UPDRAFT_MUST_CHECK;
    void (*close)(void *ctx);
};

#endif
