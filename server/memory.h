/* Allocation for the server: never NULL. A server that has run out of memory stops: everything it has
 * acknowledged is committed, and a supervisor starts it again. Going on with half of a change in memory
 * would be worse. */
#ifndef UPDRAFT_SERVER_MEMORY_H
#define UPDRAFT_SERVER_MEMORY_H

#include <stddef.h>

/* Zeroed. */
void *updraft_memory_new(size_t len);
/* Whole pages of the system, at a multiple of len, a power of two; zeroed. */
void *updraft_memory_map(size_t len);
void updraft_memory_unmap(void *mapped, size_t len);
/* Room for count elements of element_len bytes; keeps what is there. */
void *updraft_memory_grow(void *old, size_t count, size_t element_len);
char *updraft_memory_copy(const char *text, size_t len);

/* Makes sure that array[count] may be written: doubles *cap when needed. */
#define UPDRAFT_MEMORY_RESERVE(array, count, cap)                                                  \
    do {                                                                                           \
        if ((count) == (cap)) {                                                                    \
            (cap) = (cap) == 0 ? 16 : (cap)*2;                                                     \
            (array) = updraft_memory_grow((array), (cap), sizeof *(array));                        \
        }                                                                                          \
    } while (0)

#endif
