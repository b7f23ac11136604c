/* Text from JSON: aligned fields and tables on stdout.
 *
 * Owns: alignment, units, and that no control byte of a foreign text reaches the terminal. */
#ifndef UPDRAFT_CLI_OUT_H
#define UPDRAFT_CLI_OUT_H

#include <cJSON.h>
#include <stddef.h>
#include <stdint.h>

enum updraft_out_form {
    UPDRAFT_OUT_PLAIN, /* texts as they are, numbers in decimal, true as "yes" */
    UPDRAFT_OUT_BYTES, /* 1 540 416 */
    UPDRAFT_OUT_HEX,   /* 0x10000 */
    UPDRAFT_OUT_AGO,   /* milliseconds since 1970 as "12 s ago" */
    UPDRAFT_OUT_DATE,  /* milliseconds since 1970 as "2026-02-01 12:00 UTC" */
    UPDRAFT_OUT_LIST,  /* an array of texts, joined by commas */
};

struct updraft_out_column {
    const char *title;
    const char *key; /* "version", or "attempt.state" for a member of a member */
    enum updraft_out_form form;
};

/* "label       text"; nothing when text is NULL. */
void updraft_out_field(const char *label, const char *text);
__attribute__((format(printf, 2, 3))) void updraft_out_fieldf(const char *label, const char *format,
                                                              ...);
/* A member of an object as a field; nothing when it is absent or null. */
void updraft_out_member(const char *label, const cJSON *object, const char *key,
                        enum updraft_out_form form);

/* Rows of an array of objects; `empty` is said instead when there are none. Columns end with a NULL
 * title. */
void updraft_out_table(const cJSON *rows, const struct updraft_out_column *columns,
                       const char *empty);

/* Helpers to build and to read. Missing texts read as "-", missing numbers as 0. */
void updraft_json_hex(cJSON *object, const char *key, const uint8_t *bytes, size_t len);
/* Moves all members of one object to the other. */
void updraft_json_move(cJSON *from, cJSON *to);
const char *updraft_json_text(const cJSON *object, const char *key);
double updraft_json_number(const cJSON *object, const char *key);

#endif
