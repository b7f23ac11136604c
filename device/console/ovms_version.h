/* Versions as OVMS v3 has them: how two compare, and which one an image in flash says it is.
 *
 * Owns: the order. No state, no memory of its own; reads flash, writes nothing.
 * Source: ovms_ota.cpp of OVMS v3; strverscmp(3) of the GNU C library. */
#ifndef UPDRAFT_DEVICE_CONSOLE_OVMS_VERSION_H
#define UPDRAFT_DEVICE_CONSOLE_OVMS_VERSION_H

#include "device/slots/slots.h"

#define UPDRAFT_OVMS_VERSION_CAP 64u

/* Below 0, 0, above 0: a comes before b, is equal, comes after. Both are cut at "-dirty", else at
 * the first '/'. Runs of digits compare as numbers, those with a leading zero as fractions. Where
 * all is equal but one of them was dirty, that is "after", whichever it was. */
int updraft_ovms_version_compare(const char *a, const char *b);

/* What the image at `slot` is called: the text between OVMS's markers in its first segment, else its
 * descriptor's version. Empty when neither is there. buf: scratch of at least 512 bytes. */
void updraft_ovms_version_of_slot(const struct updraft_flash *flash, struct updraft_extent slot,
                                  uint8_t *buf, uint32_t buf_cap,
                                  char out[UPDRAFT_OVMS_VERSION_CAP]);

#endif
