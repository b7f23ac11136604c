/* Packages for computers that update themselves through an installer: SWUpdate's .swu and RAUC's .raucb.
 * What is inside is the installer's business, which checks it; here it is only told what a file is.
 *
 * In releases a package stands beside the images of chips, under a number no chip has. No memory.
 * Source: cpio(5), "new ASCII format" and the one with checksums, as SWUpdate's documentation asks;
 * squashfs's superblock, which a RAUC bundle of the formats plain and verity begins with. */
#ifndef UPDRAFT_FORMAT_PACKAGE_H
#define UPDRAFT_FORMAT_PACKAGE_H

#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_PACKAGE_SWU   0xFFF0u /* ours */
#define UPDRAFT_PACKAGE_RAUCB 0xFFF1u

#define UPDRAFT_PACKAGE_MAGIC_LEN 6u

struct updraft_package {
    uint16_t id;
    const char *slug; /* "swu": also the ending of file names */
    const char *name; /* "SWUpdate package" */
};

/* By the first bytes of a file, of which six tell for sure. NULL when it is no package. */
const struct updraft_package *updraft_package_by_magic(const uint8_t *head, size_t len);
/* NULL when no package has this number. */
const struct updraft_package *updraft_package_by_id(uint16_t id);

#endif
