#include "server/device_api/device_api.h"

#include "format/chip.h"
#include "format/text.h"
#include "server/device_api/range.h"
#include "server/device_api/sighting.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void note_fetch(const struct updraft_view *view, const struct updraft_request *request,
                       struct updraft_plan *plan, const struct updraft_release *release)
{
    const char *device = updraft_request_header(request, "x-updraft-device");
    char id[UPDRAFT_DEVICE_ID_CAP];
    struct updraft_draft draft;

    if (request->method != UPDRAFT_METHOD_GET || device == NULL ||
        !updraft_device_id_normalise(device, id))
        return;
    updraft_draft_begin(&draft, view, plan, id);
    if (draft.known == NULL)
        return;
    if (strcmp(draft.attempt.product, release->product->row.name) == 0)
        updraft_draft_happen(&draft, &(struct updraft_happening){.event = UPDRAFT_EVENT_FETCHED,
                                                                 .version = release->row.version,
                                                                 .progress = UPDRAFT_NO_PROGRESS});
    updraft_draft_commit(&draft, request->address, UPDRAFT_NO_PROGRESS);
}

/* True when one of the tags of If-None-Match is ours: then the client has these bytes. */
static bool has_bytes(const char *if_none_match, const char *etag)
{
    return if_none_match != NULL &&
           (strcmp(if_none_match, "*") == 0 || strstr(if_none_match, etag) != NULL);
}

void updraft_image_answer(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    const char *hex = request->segments[0];
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    const struct updraft_image_row *image = NULL;
    const struct updraft_release *release = NULL;
    char etag[2 * UPDRAFT_SHA256_LEN + 3], md5[2 * UPDRAFT_MD5_LEN + 1], span[72];
    struct updraft_text text;

    if (updraft_text_unhex(hex, strlen(hex), sha256, sizeof sha256))
        image = updraft_fleet_find_image(view->fleet, sha256, &release);
    if (image == NULL) {
        updraft_response_line(response, 404, "no image has this digest");
        return;
    }
    updraft_text_init(&text, etag, sizeof etag);
    updraft_text_str(&text, "\"");
    updraft_text_hex(&text, sha256, sizeof sha256);
    updraft_text_str(&text, "\"");
    updraft_response_header(response, "ETag", etag);
    updraft_response_header(response, "Cache-Control", "public, max-age=31536000, immutable");
    if (has_bytes(updraft_request_header(request, "If-None-Match"), etag)) {
        response->status = 304;
        return;
    }
    updraft_text_init(&text, md5, sizeof md5);
    updraft_text_hex(&text, image->md5, sizeof image->md5);
    updraft_response_header(response, "x-MD5", md5);
    updraft_response_header(response, "Accept-Ranges", "bytes");

    const struct updraft_range range =
        updraft_range_choose(updraft_request_header(request, "Range"),
                             updraft_request_header(request, "If-Range"), etag, image->size);
    if (range.status == 416) {
        snprintf(span, sizeof span, "bytes */%" PRIu32, image->size);
        updraft_response_header(response, "Content-Range", span);
        updraft_response_line(response, 416, "the range lies behind the end of the image");
        return;
    }
    if (range.status == 206) {
        snprintf(span, sizeof span, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu32, range.off,
                 range.off + range.len - 1, image->size);
        updraft_response_header(response, "Content-Range", span);
    }
    updraft_response_header(response, "Content-Type", "application/octet-stream");
    response->status = range.status;
    response->has_file = true;
    memcpy(response->file_sha256, sha256, sizeof sha256);
    response->file_off = range.off;
    response->file_len = range.len;
    note_fetch(view, request, plan, release);
}
