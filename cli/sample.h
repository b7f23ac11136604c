/* Sample images: valid and realistic, the same bytes for the same arguments.
 *
 * Owns: what a made image contains. Segments lie where a build of that chip puts them, flash-mapped
 * ones on their MMU page; contents are a mixture of code-like words, text, zeros and noise that
 * compresses about as real firmware does. Two versions of a project share most of their blocks, so
 * patches between them are patches. */
#ifndef UPDRAFT_CLI_SAMPLE_H
#define UPDRAFT_CLI_SAMPLE_H

#include "cli/file.h"
#include "format/chip.h"

#define UPDRAFT_SAMPLE_LEN_MIN     4096u
#define UPDRAFT_SAMPLE_LEN_CAP     (15u * 1024u * 1024u)
#define UPDRAFT_SAMPLE_DEFAULT_LEN 1200000u
#define UPDRAFT_SAMPLE_SLOT_ADDR   0x10000u /* where most partition tables have their first slot */

struct updraft_sample {
    const struct updraft_chip *chip;
    const char *version;
    const char *project;
    const char *behaviour; /* "crash", "hang", "offline": a mark for the virtual device; or NULL */
    uint32_t size;         /* of the image; rounded down to a multiple of 16 */
    uint32_t slot_addr;    /* ESP8266 code is linked for its place in flash */
    bool is_sketch;        /* ESP8266: as its Arduino core builds it, eboot before the program */
};

/* False when it is not known where that chip maps its flash. */
bool updraft_sample_knows(const struct updraft_chip *chip);

UPDRAFT_MUST_CHECK enum updraft_exit updraft_sample_make(const struct updraft_sample *sample,
                                                         struct updraft_file *out,
                                                         struct updraft_fail *fail);

#endif
