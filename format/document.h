/* Reading JSON that came from outside, in place: the strictness of a full parser with the memory of a
 * small one. What jsmn lets pass although it is no JSON (a missing comma, a number like 1x, half a
 * surrogate) is refused; a byte-order mark is passed over.
 *
 * Owns: tokens and their meaning. Text and struct are the caller's, and the text outlives the struct;
 * parsing takes about 1.5 KB of stack. Nothing is kept in flash.
 * Source: RFC 8259. */
#ifndef UPDRAFT_FORMAT_DOCUMENT_H
#define UPDRAFT_FORMAT_DOCUMENT_H

#include "format/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_DOCUMENT_TOKEN_CAP 64u /* names and values, at any depth */

enum updraft_document_kind {
    UPDRAFT_DOCUMENT_OBJECT,
    UPDRAFT_DOCUMENT_ARRAY,
    UPDRAFT_DOCUMENT_TEXT,
    UPDRAFT_DOCUMENT_WORD, /* true, false, null or a number */
};

struct updraft_document_token {
    uint8_t kind;
    uint8_t holder; /* a value's is its name, a name's its object */
    uint16_t start;
    uint16_t end;
};

struct updraft_document {
    const char *json;
    size_t token_count;
    struct updraft_document_token tokens[UPDRAFT_DOCUMENT_TOKEN_CAP]; /* [0] is the whole */
};

/* False when it is no JSON, or has too many names and values. */
bool updraft_document_parse(struct updraft_document *document, const char *json, size_t len);

/* The value of the first member of that name, which is given in lower case and matches in either; 0
 * when there is none, or object is none. */
size_t updraft_document_find(const struct updraft_document *document, size_t object,
                             const char *name);

/* Copies a text without control characters, NUL-terminated. E_JSON when it is no such text, E_TOO_LONG
 * when it does not fit; out is undefined then. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_document_text(const struct updraft_document *document,
                                                            size_t idx, char *out, size_t out_cap);

/* "true", "false" or "null". */
bool updraft_document_is_word(const struct updraft_document *document, size_t idx,
                              const char *word);

/* A whole number that fits. */
bool updraft_document_u32(const struct updraft_document *document, size_t idx, uint32_t *out);

#endif
