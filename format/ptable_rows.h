/* Private to the CSV reader: rows as they were read, before they have their final place.
 *
 * ptable_csv.c reads text into rows with ptable_number.c for the numbers and ptable_names.c for the
 * keywords, ptable_place.c places and checks the rows. Memory is the reader's; nothing is kept in
 * flash. */
#ifndef UPDRAFT_FORMAT_PTABLE_ROWS_H
#define UPDRAFT_FORMAT_PTABLE_ROWS_H

#include "format/ptable_csv.h"
#include "format/text.h"

#define UPDRAFT_CSV_NAME_CAP 64u

#define UPDRAFT_PART_BOOTLOADER_PRIMARY  0x00u
#define UPDRAFT_PART_BOOTLOADER_RECOVERY 0x02u
#define UPDRAFT_PART_TABLE_PRIMARY       0x00u
#define UPDRAFT_PART_DATA_COREDUMP       0x03u
#define UPDRAFT_PART_DATA_TEE_OTA        0x90u

struct updraft_csv_row {
    uint32_t line; /* 1-based */
    uint8_t type;
    uint8_t subtype;
    bool has_offset; /* false: to be placed */
    uint32_t flags;
    int64_t offset;
    int64_t size; /* negative: the address at which it ends; never so once placed */
    char name[UPDRAFT_CSV_NAME_CAP]; /* as written, uniqueness is judged before it is cut */
};

struct updraft_csv_rows {
    struct updraft_csv_row rows[UPDRAFT_PTABLE_CAP];
    size_t count;
};

/* A piece of text that someone else owns. */
struct updraft_csv_span {
    const char *s;
    size_t len;
};

/* Without the white space around it, as Python's strip() sees it. */
struct updraft_csv_span updraft_csv_trim(struct updraft_csv_span span);

/* Python's int(field, 0), with any number of K and M behind it; false when it is none. Values out
 * of reach become 2^40 or its negative. The other two also take the keywords of types and subtypes,
 * in either case; the generators look for K and M first, hence also behind a keyword. */
bool updraft_csv_parse_number(struct updraft_csv_span field, int64_t *value);
bool updraft_csv_parse_type(enum updraft_csv_rules rules, struct updraft_csv_span field,
                            int64_t *value);
bool updraft_csv_parse_subtype(enum updraft_csv_rules rules, uint8_t type,
                               struct updraft_csv_span field, int64_t *value);

/* The primary boot loader and the table itself: their offset comes from the options, below the
 * partitions. RTOS SDK rules know neither. */
bool updraft_csv_row_is_fixed(const struct updraft_csv_row *row, enum updraft_csv_rules rules);

uint32_t updraft_csv_table_off(const struct updraft_csv_options *options);

/* Gives every row its offset and size and applies the rules that look at more than one field. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_csv_place(struct updraft_csv_rows *rows,
                                                        const struct updraft_csv_options *options,
                                                        struct updraft_csv_result *result);
UPDRAFT_MUST_CHECK enum updraft_error updraft_csv_verify(const struct updraft_csv_rows *rows,
                                                         const struct updraft_csv_options *options,
                                                         struct updraft_csv_result *result);

/* The number of a lower-case keyword, for the warnings about names: false when the rules do not
 * know it for that type. */
bool updraft_csv_type_of(enum updraft_csv_rules rules, const char *name, uint8_t *type);
bool updraft_csv_subtype_of(enum updraft_csv_rules rules, uint8_t type, const char *name,
                            uint8_t *subtype);
/* Some type has a subtype of that name. */
bool updraft_csv_is_subtype(enum updraft_csv_rules rules, const char *name);

/* Messages. begin clears the message and sets its line; the caller appends to *text. */
void updraft_csv_begin_message(struct updraft_csv_result *result, uint32_t line,
                               struct updraft_text *text);
/* Appends what a user wrote in quotes, cut after 40 bytes, with nothing a terminal would act on. */
void updraft_csv_append_quoted(struct updraft_text *text, const char *s, size_t len);
/* Appends 0x... */
void updraft_csv_append_hex(struct updraft_text *text, int64_t value);
/* A message without numbers; returns error. */
enum updraft_error updraft_csv_fail(struct updraft_csv_result *result, enum updraft_error error,
                                    uint32_t line, const char *message);

#endif
