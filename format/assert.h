/* Assertions are for our own mistakes and for broken port contracts, never for what comes from
 * flash, network or hardware. A firmware may provide its own UPDRAFT_ASSERT_FAILED; it must not
 * return (a reset is right). */
#ifndef UPDRAFT_FORMAT_ASSERT_H
#define UPDRAFT_FORMAT_ASSERT_H

#ifndef UPDRAFT_ASSERT_FAILED
#define UPDRAFT_ASSERT_FAILED() __builtin_trap()
#endif

#define UPDRAFT_ASSERT(condition)                                                                  \
    do {                                                                                           \
        if (!(condition))                                                                          \
            UPDRAFT_ASSERT_FAILED();                                                               \
    } while (0)

#endif
