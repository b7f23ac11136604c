/* Reads CSV text for tests of its grammar and of its placement rules. Include behind cmocka.h. */
#ifndef UPDRAFT_TESTS_CSV_READER_H
#define UPDRAFT_TESTS_CSV_READER_H

#include "format/ptable_csv.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define CSV_CAP         8192u

static const struct updraft_csv_options idf = {.rules = UPDRAFT_CSV_IDF};
static const struct updraft_csv_options rtos = {.rules = UPDRAFT_CSV_RTOS_SDK};

static struct updraft_csv_result result;

/* Reads from memory of exactly that length, so that a sanitizer sees a read past it; fails the test
 * when a refusal changes the table. */
static inline enum updraft_error read_bytes(const char *csv, size_t len,
                                            const struct updraft_csv_options *options,
                                            struct updraft_ptable *table)
{
    struct updraft_ptable before;
    char *exact = malloc(len > 0 ? len : 1);
    enum updraft_error error;

    assert_non_null(exact);
    memcpy(exact, csv, len);
    memset(table, 0xA5, sizeof(*table));
    before = *table;
    error = updraft_ptable_from_csv(exact, len, options, table, &result);
    if (error != UPDRAFT_OK) {
        assert_memory_equal(table, &before, sizeof(before));
        assert_true(result.message[0] != '\0');
    }
    free(exact);
    return error;
}

static inline struct updraft_ptable read_good(const char *csv,
                                              const struct updraft_csv_options *options)
{
    struct updraft_ptable table;

    if (read_bytes(csv, strlen(csv), options, &table) != UPDRAFT_OK)
        fail_msg("'%s': line %u: %s", csv, (unsigned)result.line, result.message);
    return table;
}

static inline void assert_refused(const char *csv, const struct updraft_csv_options *options,
                                  enum updraft_error error, uint32_t line, const char *reason)
{
    struct updraft_ptable table;
    enum updraft_error got = read_bytes(csv, strlen(csv), options, &table);

    if (got != error || result.line != line || strstr(result.message, reason) == NULL)
        fail_msg("'%s': %d, line %u: '%s'", csv, (int)got, (unsigned)result.line, result.message);
}

#endif
