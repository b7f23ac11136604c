/* Memory for many small objects of one kind: side by side, without a header for each, and in pieces large
 * enough for the system's large pages, so that looking one of a million up does not also mean to look up
 * where its page is.
 *
 * Owns: the memory, until deinit. What is given back is taken again first, so only objects of one size
 * may be. One thread at a time. */
#ifndef UPDRAFT_SERVER_FLEET_SLAB_H
#define UPDRAFT_SERVER_FLEET_SLAB_H

#include <stddef.h>

struct updraft_slab {
    void **pieces;
    size_t piece_count, piece_cap;
    char *at; /* in the last one */
    size_t left;
    void *given_back; /* the first of them; it begins with the address of the next */
};

/* All zero: nothing was taken yet. */
void updraft_slab_deinit(struct updraft_slab *slab);

/* Zeroed, aligned for a pointer or an int64_t. */
void *updraft_slab_take(struct updraft_slab *slab, size_t len);
void updraft_slab_give_back(struct updraft_slab *slab, void *object);

#endif
