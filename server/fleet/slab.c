#include "server/fleet/slab.h"

#include "format/assert.h"
#include "server/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A large page of the system is the most that helps; a small fleet needs less. */
#define PIECE_LEN_FIRST ((size_t)16 * 1024)
#define PIECE_LEN_MOST  ((size_t)2 * 1024 * 1024)
#define ALIGNMENT       8u

static size_t len_of_piece(size_t number)
{
    size_t len = PIECE_LEN_FIRST;

    while (number-- > 0 && len < PIECE_LEN_MOST)
        len *= 2;
    return len;
}

void updraft_slab_deinit(struct updraft_slab *slab)
{
    for (size_t i = 0; i < slab->piece_count; i++)
        updraft_memory_unmap(slab->pieces[i], len_of_piece(i));
    free(slab->pieces);
    memset(slab, 0, sizeof *slab);
}

static void add_piece(struct updraft_slab *slab)
{
    size_t len = len_of_piece(slab->piece_count);
    void *piece = updraft_memory_map(len);

    /* Where the system has no large pages, it does without. */
    if (len == PIECE_LEN_MOST)
        (void)madvise(piece, len, MADV_HUGEPAGE);
    UPDRAFT_MEMORY_RESERVE(slab->pieces, slab->piece_count, slab->piece_cap);
    slab->pieces[slab->piece_count++] = piece;
    slab->at = piece;
    slab->left = len;
}

void *updraft_slab_take(struct updraft_slab *slab, size_t len)
{
    void *object = slab->given_back;

    len = (len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    UPDRAFT_ASSERT(len >= sizeof(void *) && len <= PIECE_LEN_FIRST);
    if (object != NULL) {
        memcpy(&slab->given_back, object, sizeof slab->given_back);
    } else {
        if (slab->left < len)
            add_piece(slab);
        object = slab->at;
        slab->at += len;
        slab->left -= len;
    }
    return memset(object, 0, len);
}

void updraft_slab_give_back(struct updraft_slab *slab, void *object)
{
    memcpy(object, &slab->given_back, sizeof slab->given_back);
    slab->given_back = object;
}
