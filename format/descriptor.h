/* The channel descriptor of esp32-evse: {"version": "...", "path": "..."} as JSON.
 * Members match in either case, others are ignored, both must be non-empty text.
 * Source: components/protocols/src/ota.c of esp32-evse. */
#ifndef UPDRAFT_FORMAT_DESCRIPTOR_H
#define UPDRAFT_FORMAT_DESCRIPTOR_H

#include "format/error.h"

#include <stddef.h>

#define UPDRAFT_DESCRIPTOR_LEN_CAP  1024u /* bytes of JSON taken */
#define UPDRAFT_DESCRIPTOR_VERSION_CAP 32u
#define UPDRAFT_DESCRIPTOR_PATH_CAP    256u

struct updraft_descriptor {
    char version[UPDRAFT_DESCRIPTOR_VERSION_CAP];
    char path[UPDRAFT_DESCRIPTOR_PATH_CAP];
};

/* E_JSON when it is none, E_DESCRIPTOR when a member is missing or not text, E_TOO_LONG when the
 * version has over 31 bytes, the path over 255, or the text over 1024. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_descriptor_decode(const char *json, size_t len,
                                                                struct updraft_descriptor *out);
/* *len without the NUL that follows. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_descriptor_encode(const struct updraft_descriptor *descriptor, char *out, size_t out_cap,
                          size_t *len);

#endif
