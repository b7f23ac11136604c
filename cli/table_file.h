/* A partition table out of a file: CSV, or binary as the build has it.
 *
 * Owns: telling the two apart, and the sentence when neither will do. */
#ifndef UPDRAFT_CLI_TABLE_FILE_H
#define UPDRAFT_CLI_TABLE_FILE_H

#include "cli/fail.h"
#include "format/ptable_csv.h"

/* *table is what the file holds, bytes the 0xC00 bytes as they stand in flash: of a binary file its
 * own, of a CSV what the stock generators make. The failure names the path. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_table_file_read(const char *path,
                                                             const struct updraft_csv_options *csv,
                                                             struct updraft_ptable *table,
                                                             uint8_t bytes[UPDRAFT_PTABLE_LEN],
                                                             struct updraft_fail *fail);

#endif
