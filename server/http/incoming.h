/* An image or a package on its way in: to the disk, and through what can be known of it meanwhile.
 *
 * Owns: the upload, until updraft_incoming_end(). Does not own: the artifacts, whether it is kept.
 * Memory: the caller's. */
#ifndef UPDRAFT_SERVER_HTTP_INCOMING_H
#define UPDRAFT_SERVER_HTTP_INCOMING_H

#include "server/routes.h"

struct updraft_incoming {
    enum updraft_body body; /* an image or a package */
    struct updraft_upload upload;
    struct updraft_image_reader reader;
    struct updraft_received_image image;
    uint8_t head[UPDRAFT_PACKAGE_MAGIC_LEN]; /* of a package: its first bytes */
    size_t head_len;
};

/* Of begin and feed: false with the refusal in the response, and nothing more is to be fed. */
bool updraft_incoming_begin(struct updraft_incoming *incoming, enum updraft_body body,
                            struct updraft_artifacts *artifacts, struct updraft_response *response);
bool updraft_incoming_feed(struct updraft_incoming *incoming, const char *data, size_t len,
                           struct updraft_response *response);
/* All of it is there: incoming->image says what it is. */
void updraft_incoming_finish(struct updraft_incoming *incoming);
void updraft_incoming_end(struct updraft_incoming *incoming, struct updraft_artifacts *artifacts);

#endif
