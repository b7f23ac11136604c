/* Files in and out: whole into memory, gunzipped when they are gzip, written so that a reader or a
 * power cut sees either the old file or the new one. */
#ifndef UPDRAFT_CLI_FILE_H
#define UPDRAFT_CLI_FILE_H

#include "cli/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_FILE_CAP (256u * 1024u * 1024u) /* larger than any flash chip we know */

/* Memory comes from malloc; updraft_file_free() gives it back and may be called on zeros. */
struct updraft_file {
    uint8_t *data;
    size_t len;
};

/* A regular file, or "-" for standard input; anything else is refused. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_file_read(const char *path, struct updraft_file *file,
                                                       struct updraft_fail *fail);
/* When it returns, the file is on the disk under its name. mode 0600 is enforced; else an existing
 * file keeps its own. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_file_write(const char *path, const void *data,
                                                        size_t len, unsigned mode,
                                                        struct updraft_fail *fail);
void updraft_file_free(struct updraft_file *file);

bool updraft_file_is_gzip(const struct updraft_file *file);
UPDRAFT_MUST_CHECK enum updraft_exit updraft_file_gunzip(const struct updraft_file *packed,
                                                         struct updraft_file *out,
                                                         struct updraft_fail *fail);
/* Same bytes for the same input: no time and no name in the header. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_file_gzip(const struct updraft_file *plain,
                                                       struct updraft_file *out,
                                                       struct updraft_fail *fail);

/* The part behind the last slash. */
const char *updraft_file_name(const char *path);

#endif
