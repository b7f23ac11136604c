/* multipart/form-data as a stream: finds the first part that carries a file and gives its bytes.
 * Of text fields before it the one named MD5 is kept (ElegantOTA sends it); the others are skipped,
 * so are file fields in which no file was chosen, and everything behind the file. More liberal than the stock parser: any header order,
 * preamble, parameters behind the boundary. Limits: boundary 70 bytes (RFC 2046), header block of a
 * part 1024 bytes; of a header line the first 256 are looked at.
 * Owns: the parsing state. Does not own: what is done with the bytes.
 * Memory: the caller's struct. Same result for every split of the input. Nothing is kept in flash.
 */
#ifndef UPDRAFT_DEVICE_PUSH_MULTIPART_H
#define UPDRAFT_DEVICE_PUSH_MULTIPART_H

#include "format/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_MULTIPART_BOUNDARY_CAP 70u
#define UPDRAFT_MULTIPART_HEADER_CAP   1024u
#define UPDRAFT_MULTIPART_NAME_CAP     32u
#define UPDRAFT_MULTIPART_MD5_CAP      33u /* 32 digits, and one that is too much */

struct updraft_multipart {
    char delimiter[UPDRAFT_MULTIPART_BOUNDARY_CAP + 5]; /* CR LF -- boundary */
    uint8_t delimiter_len;
    uint8_t matched;  /* bytes of the delimiter seen */
    uint8_t borrowed; /* of these, how many were there before the part's contents began */
    uint8_t state;
    bool in_file;
    bool is_file; /* what the headers so far say of the part */
    bool file_seen;
    bool in_md5;
    uint8_t md5_len;                       /* of the field MD5, cut to its array; 0: none came */
    uint16_t line_len;                     /* may be more than fit into line */
    uint16_t header_len;                   /* of this part, so far */
    char name[UPDRAFT_MULTIPART_NAME_CAP]; /* of the file's field: "firmware", "filesystem", ... */
    char md5[UPDRAFT_MULTIPART_MD5_CAP];   /* its characters, without NUL */
    char line[256];
    enum updraft_error failed;
};

/* content_type: the request header's value. E_MULTIPART when it is not multipart/form-data with a
 * usable boundary. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_multipart_init(struct updraft_multipart *multipart,
                                                             const char *content_type);

/* Takes *used bytes of data; *file and *file_len are the file bytes among them (file_len 0: none;
 * they point into data or into the struct and live until the next call). Call until *used == len
 * and no file bytes came. The file's field name stands in `name` from its first byte on, cut to its
 * field. E_MULTIPART when the body is none, and again from every later call. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_multipart_feed(struct updraft_multipart *multipart,
                                                             const uint8_t *data, size_t len,
                                                             size_t *used, const uint8_t **file,
                                                             size_t *file_len);

/* UPDRAFT_OK when a file part came and the form ended properly; E_EMPTY without file part or bytes,
 * E_TRUNCATED when the closing boundary is missing, E_MULTIPART. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_multipart_finish(const struct updraft_multipart *multipart);

#endif
