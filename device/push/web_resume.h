/* Which part of which image a raw body is, so that a transfer that broke off can be gone on with.
 *
 *   GET  /update/resume?sha256=HEX&size=T    {"offset":N}: so much of it is written
 *   POST /update                             Repr-Digest: sha-256=:BASE64:   (RFC 9530, of the whole)
 *                                            Content-Range: bytes N-M/T      (RFC 9110; M is the last)
 *
 * The digest is checked over the whole image at the end, whoever sent which part of it. A part may
 * begin before the offset, what is there is passed over; it may not begin behind it, and must go to
 * the image's end.
 *
 * No state, no memory of its own. What is kept in flash is the transaction's (device/update/update.h). */
#ifndef UPDRAFT_DEVICE_PUSH_WEB_RESUME_H
#define UPDRAFT_DEVICE_PUSH_WEB_RESUME_H

#include "format/digest.h"
#include "format/error.h"

#include <stdbool.h>
#include <stdint.h>

struct updraft_web_part {
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    bool has_sha256;
    uint32_t off;   /* where the body begins in the image */
    uint32_t total; /* bytes of the image */
};

/* body_len: the request's Content-Length. The headers may be NULL. E_BAD_DIGEST; E_PROTOCOL for a
 * range that cannot be read, does not fit the length, or does not go to the end. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_web_part_read(const char *repr_digest,
                                                            const char *content_range,
                                                            uint32_t body_len,
                                                            struct updraft_web_part *part);

/* The same from the query of the question. E_BAD_DIGEST, E_PROTOCOL. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_web_part_ask(const char *query,
                                                           struct updraft_web_part *part);

#endif
