#include "server/http/incoming.h"

#include "server/http/refusals.h"

#include <string.h>

static bool refuse_disk(enum updraft_artifact_result result, struct updraft_response *response)
{
    if (result == UPDRAFT_ARTIFACT_OK)
        return true;
    if (result == UPDRAFT_ARTIFACT_FULL)
        updraft_http_refuse(response, 507, "the server's disk is full",
                            "Make room on it, then send it again; nothing was kept.");
    else
        updraft_http_refuse(response, 500, "the server cannot write the file",
                            "Look at the server's disk.");
    return false;
}

bool updraft_incoming_begin(struct updraft_incoming *incoming, enum updraft_body body,
                            struct updraft_artifacts *artifacts, struct updraft_response *response)
{
    memset(incoming, 0, sizeof *incoming);
    incoming->body = body;
    updraft_image_reader_init(&incoming->reader);
    return refuse_disk(updraft_upload_begin(artifacts, &incoming->upload), response);
}

static bool store(struct updraft_incoming *incoming, const char *data, size_t len,
                  struct updraft_response *response)
{
    updraft_upload_feed(&incoming->upload, data, len);
    return refuse_disk(incoming->upload.result, response);
}

static bool feed_package(struct updraft_incoming *incoming, const char *data, size_t len,
                         struct updraft_response *response)
{
    for (size_t i = 0; i < len && incoming->head_len < sizeof incoming->head; i++)
        incoming->head[incoming->head_len++] = (uint8_t)data[i];
    incoming->image.package = updraft_package_by_magic(incoming->head, incoming->head_len);
    if (incoming->head_len < sizeof incoming->head || incoming->image.package != NULL)
        return store(incoming, data, len, response);
    updraft_http_refuse(
        response, 422, "this is neither a package of SWUpdate nor one of RAUC",
        "Send the .swu or .raucb file itself; images of chips go to /api/v1/releases.");
    return false;
}

static bool feed_image(struct updraft_incoming *incoming, const char *data, size_t len,
                       struct updraft_response *response)
{
    /* What cannot become an image is not worth the disk. */
    incoming->image.verdict =
        updraft_image_reader_feed(&incoming->reader, (const uint8_t *)data, len);
    if (incoming->image.verdict == UPDRAFT_OK)
        return store(incoming, data, len, response);
    incoming->upload.len += len;
    return true;
}

bool updraft_incoming_feed(struct updraft_incoming *incoming, const char *data, size_t len,
                           struct updraft_response *response)
{
    return incoming->body == UPDRAFT_BODY_IMAGE ? feed_image(incoming, data, len, response)
                                                : feed_package(incoming, data, len, response);
}

void updraft_incoming_finish(struct updraft_incoming *incoming)
{
    updraft_upload_finish(&incoming->upload);
    incoming->image.upload = &incoming->upload;
    incoming->image.info = &incoming->reader.info;
    if (incoming->upload.len == 0)
        incoming->image.verdict = UPDRAFT_E_EMPTY;
    else if (incoming->body == UPDRAFT_BODY_IMAGE)
        incoming->image.verdict = updraft_image_reader_verdict(&incoming->reader);
    else
        incoming->image.verdict =
            incoming->image.package != NULL ? UPDRAFT_OK : UPDRAFT_E_TRUNCATED;
}

void updraft_incoming_end(struct updraft_incoming *incoming, struct updraft_artifacts *artifacts)
{
    updraft_upload_end(artifacts, &incoming->upload);
}
