/* The channel descriptor of esp32-evse: {"version": "...", "path": "..."} as JSON.
 * Members match in either case, the first of equal ones counts, others are ignored; both must be
 * non-empty text without control characters, since they end up in requests and on terminals.
 *
 * Owns: bytes <-> struct. Memory is the caller's; decoding takes about 2 KB of stack. A text that
 * jsmn would let pass although it is no JSON (a missing comma, a number like 1x) is refused.
 * Nothing is kept in flash.
 * Source: components/protocols/src/ota.c of esp32-evse, which reads it with cJSON. */
#ifndef UPDRAFT_FORMAT_DESCRIPTOR_H
#define UPDRAFT_FORMAT_DESCRIPTOR_H

#include "format/error.h"

#include <stddef.h>

#define UPDRAFT_DESCRIPTOR_LEN_CAP     1024u /* bytes of JSON taken */
#define UPDRAFT_DESCRIPTOR_TOKEN_CAP   64u   /* names and values in it, at any depth */
#define UPDRAFT_DESCRIPTOR_VERSION_CAP 32u
#define UPDRAFT_DESCRIPTOR_PATH_CAP    256u

struct updraft_descriptor {
    char version[UPDRAFT_DESCRIPTOR_VERSION_CAP];
    char path[UPDRAFT_DESCRIPTOR_PATH_CAP];
};

/* E_JSON when it is none or has more than 64 names and values, E_DESCRIPTOR when a member is
 * missing or not usable text, E_TOO_LONG when the version has over 31 bytes, the path over 255, or
 * the text over 1024. *out is untouched on failure. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_descriptor_decode(const char *json, size_t len,
                                                                struct updraft_descriptor *out);
/* *len without the NUL that follows. E_DESCRIPTOR for what decoding would refuse, E_NO_SPACE when
 * out is too small (its contents are undefined then). */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_descriptor_encode(const struct updraft_descriptor *descriptor, char *out, size_t out_cap,
                          size_t *len);

#endif
