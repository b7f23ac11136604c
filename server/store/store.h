/* Where the fleet is kept when nobody runs: one interface, one file a database (sqlite.c, postgres.c).
 *
 * Owns: the durable rows. Does not own: their meaning, or the files of the images (artifacts/).
 * Memory: the implementation's, until close.
 * After a crash or power loss: every commit that returned OK is there in whole; one that did not
 * return may be there in whole or not at all.
 *
 * A store that several servers share has catch_up: what is planned between it and the commit is planned on
 * everything that was ever committed, because nobody else commits meanwhile.
 *
 * One thread at a time, but for the call of `wake`. */
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
    UPDRAFT_STORE_AWAY,    /* the database cannot be reached; nothing of the commit is kept */
    UPDRAFT_STORE_UNKNOWN, /* it went away at the commit; catch_up will give what was kept of it */
    UPDRAFT_STORE_STALE,   /* away for so long that only a new start can catch up */
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
    /* NULL: nobody else writes. Gives what others committed since load or the last call, ends first, then rows
     * in the order of load; when it is OK, others wait until the commit that must follow. */
    enum updraft_store_result (*catch_up)(void *ctx, updraft_store_row_fn row, void *row_ctx,
                                          struct updraft_store_problem *problem) UPDRAFT_MUST_CHECK;
    /* All or nothing. OK means durable. Without changes, it only lets the others go on. */
    enum updraft_store_result (*commit)(void *ctx, const struct updraft_change *changes,
                                        size_t count,
                                        struct updraft_store_problem *problem) UPDRAFT_MUST_CHECK;
    /* NULL with catch_up. From now on `wake` is called, on any thread, when others have committed; NULL ends
     * that, and no call is under way any more when it returns. */
    void (*watch)(void *ctx, void (*wake)(void *wake_ctx), void *wake_ctx);
    void (*close)(void *ctx);
};

#endif
