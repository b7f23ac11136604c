/* Which bytes of a file a request wants (RFC 9110, section 14). Pure. One range is served, a suffix and
 * an open end too; several ranges, other units and malformed headers get the whole file, which a
 * client must always accept. */
#ifndef UPDRAFT_SERVER_DEVICE_API_RANGE_H
#define UPDRAFT_SERVER_DEVICE_API_RANGE_H

#include <stdint.h>

struct updraft_range {
    unsigned status; /* 200, 206 or 416 */
    uint64_t off;
    uint64_t len; /* 0 with 416 */
};

/* range and if_range are the headers' values or NULL; etag is the file's strong tag with its quotes. */
struct updraft_range updraft_range_choose(const char *range, const char *if_range, const char *etag,
                                          uint64_t file_len);

#endif
