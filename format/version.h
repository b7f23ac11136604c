/* Which of two versions is the later one, for numbers as people give them to firmware: 1.10.2, v3.3.004,
 * 2.0.0-rc.1, 2024.11.1, 2024-11-01, and what git describe makes of a tag, 1.2.3-4-g0123abc-dirty. Pure;
 * versions of any length and any bytes, nothing is kept.
 *
 *   [v] BASE [-PRE] [-COMMITS-gHASH] [-dirty] [+BUILD]
 *
 * Compared in this order, each only where what stands before is equal:
 *   BASE     numbers as numbers, a missing one is 0; letters come after numbers
 *   PRE      a version with it comes before the one without it
 *   COMMITS  so many after the tag: later than the tag itself
 *   dirty    later than without
 * BUILD and HASH do not count. The order is total: any texts can be sorted by it.
 * Sources: Semantic Versioning 2.0.0 section 11; git-describe(1). */
#ifndef UPDRAFT_FORMAT_VERSION_H
#define UPDRAFT_FORMAT_VERSION_H

#include <stdbool.h>

/* Below, equal to or above 0, as strcmp. */
int updraft_version_compare(const char *a, const char *b);

/* It begins with a number, so that "later" means something: not a bare hash, not "unknown". */
bool updraft_version_is_numbered(const char *version);

#endif
