#include "cli/table_file.h"

#include "cli/file.h"

#include <stdio.h>
#include <string.h>

static enum updraft_exit from_binary(const struct updraft_file *file, uint32_t flash_size,
                                     struct updraft_ptable *table,
                                     uint8_t bytes[UPDRAFT_PTABLE_LEN], struct updraft_fail *fail)
{
    size_t len = file->len < UPDRAFT_PTABLE_LEN ? file->len : UPDRAFT_PTABLE_LEN;
    struct updraft_failure failure;

    memset(bytes, 0xFF, UPDRAFT_PTABLE_LEN);
    memcpy(bytes, file->data, len);
    updraft_failure_set(&failure, UPDRAFT_OK, 0, 0, NULL);
    failure.code = updraft_ptable_decode(bytes, len, flash_size, table, &failure);
    return failure.code == UPDRAFT_OK ? UPDRAFT_EXIT_OK
                                      : updraft_fail_from(fail, UPDRAFT_EXIT_INPUT, &failure);
}

static enum updraft_exit from_csv(const struct updraft_file *file,
                                  const struct updraft_csv_options *csv,
                                  struct updraft_ptable *table, uint8_t bytes[UPDRAFT_PTABLE_LEN],
                                  struct updraft_fail *fail)
{
    struct updraft_csv_result outcome = {0};
    enum updraft_error error =
        updraft_ptable_from_csv((const char *)file->data, file->len, csv, table, &outcome);

    if (error == UPDRAFT_OK)
        error = updraft_ptable_encode(table, bytes);
    if (error == UPDRAFT_OK)
        return UPDRAFT_EXIT_OK;
    updraft_fail_code(fail, UPDRAFT_EXIT_INPUT, error);
    if (outcome.line)
        snprintf(fail->message, sizeof fail->message, "line %u: %s", outcome.line, outcome.message);
    else if (outcome.message[0])
        snprintf(fail->message, sizeof fail->message, "%s", outcome.message);
    return UPDRAFT_EXIT_INPUT;
}

enum updraft_exit updraft_table_file_read(const char *path, const struct updraft_csv_options *csv,
                                          struct updraft_ptable *table,
                                          uint8_t bytes[UPDRAFT_PTABLE_LEN],
                                          struct updraft_fail *fail)
{
    struct updraft_file file;
    enum updraft_exit exit = updraft_file_read(path, &file, fail);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    if (file.len >= 2 && file.data[0] == 0xAA && file.data[1] == 0x50)
        exit = from_binary(&file, csv->flash_size, table, bytes, fail);
    else
        exit = from_csv(&file, csv, table, bytes, fail);
    updraft_file_free(&file);
    return exit == UPDRAFT_EXIT_OK ? exit : updraft_fail_wrap(fail, exit, "%s", path);
}
