/* The partition table as CSV, with the stock generators' placement rules and rejections
 * (gen_esp32part.py of ESP-IDF and of ESP8266_RTOS_SDK). Host side only: uses no malloc either, but
 * nobody parses CSV on a device, and reading takes about 12 KB of stack.
 *
 * What is said on purpose instead of what the stock generators do:
 *   - UTF-16 and UTF-32 are refused; save the file as UTF-8.
 *   - Digits, K, M and keywords are ASCII; Python also takes other scripts' digits.
 *   - A row has at most 1023 bytes after its variables are filled in and its name at most 63, not
 *     any length; a name over 16 bytes is cut as in the stock generators, but with a warning.
 *   - A file without a row is refused.
 *   - A row that holds a NUL byte, or ends beyond 0xFFFFFFFF, is refused.
 *
 * Owns: text <-> struct. Memory is the caller's, nothing is kept in flash. */
#ifndef UPDRAFT_FORMAT_PTABLE_CSV_H
#define UPDRAFT_FORMAT_PTABLE_CSV_H

#include "format/ptable.h"

enum updraft_csv_rules { UPDRAFT_CSV_IDF, UPDRAFT_CSV_RTOS_SDK };

struct updraft_csv_options {
    enum updraft_csv_rules rules;
    uint32_t table_off;      /* 0: 0x8000 */
    uint32_t flash_size;     /* 0: not checked */
    bool secure_v1;          /* app sizes in 64 KB steps (RTOS SDK: 4 KB) */
    uint32_t bootloader_off; /* for a primary bootloader row */
    bool has_bootloader_off;
    uint32_t recovery_off; /* for a recovery bootloader row */
    bool has_recovery_off;
    /* $NAME and ${NAME} are looked up here: returns NULL when unset. May be NULL. */
    const char *(*variable)(void *ctx, const char *name, size_t name_len);
    void *variable_ctx;
};

#define UPDRAFT_CSV_MESSAGE_CAP 160u
#define UPDRAFT_CSV_WARNING_CAP 8u

struct updraft_csv_result {
    uint32_t line;                         /* of the error, 1-based; 0: the table as a whole */
    char message[UPDRAFT_CSV_MESSAGE_CAP]; /* the reason, a sentence without its line number */
    uint8_t warning_count;                 /* those beyond the eighth are dropped */
    char warnings[UPDRAFT_CSV_WARNING_CAP][UPDRAFT_CSV_MESSAGE_CAP];
};

/* Parses text (UTF-8, with or without byte-order mark). *table gets a digest record with IDF and
 * RTOS rules alike. On failure E_CSV, E_TABLE_OVERLAP, E_TABLE_FULL or E_TABLE_BOUNDS, *table
 * untouched, result->line and ->message say why. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_ptable_from_csv(const char *text, size_t len, const struct updraft_csv_options *options,
                        struct updraft_ptable *table, struct updraft_csv_result *result);

/* Prints as the stock generator does: two comment lines, then one row a partition. Flag bits
 * without a name are left out. E_NO_SPACE when it does not fit; 8 KB always suffice. E_TABLE_RECORD
 * when a label cannot stand in a CSV: it holds a comma, a control character or a line break, starts
 * with #, or is no UTF-8. *len is without the NUL that follows. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_ptable_to_csv(const struct updraft_ptable *table,
                                                            char *out, size_t out_cap, size_t *len);

/* "app", "data", ... or NULL; "ota_0", "nvs", ... or NULL when a number has no keyword. */
const char *updraft_part_type_name(uint8_t type);
const char *updraft_part_subtype_name(uint8_t type, uint8_t subtype);

#endif
