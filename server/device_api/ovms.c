/* GET /d/ovms/PRODUCT/TAG/ovms3.ver and ovms3.bin: what an OVMS v3 module asks its update server.
 *
 * The version file is the version, a line end, and the change log; the tag is a channel. These
 * modules speak HTTP/1.0, follow no redirects, and say nothing of themselves that would name them,
 * so nothing is noted and nobody is held back: they compare the versions themselves. */
#include "server/device_api/device_api.h"

#include "format/chip.h"
#include "server/rollouts/target.h"

#include <stdio.h>
#include <string.h>

static void give_version(struct updraft_response *response, const struct updraft_release *release)
{
    char text[UPDRAFT_VERSION_CAP + UPDRAFT_NOTES_CAP + 2];

    snprintf(text, sizeof text, "%s\n%s", release->row.version, release->row.notes);
    updraft_response_text(response, 200, "text/plain; charset=utf-8", text);
    updraft_response_header(response, "Cache-Control", "no-cache");
}

static void give_image(struct updraft_response *response, const struct updraft_image_row *image)
{
    response->status = 200;
    response->has_file = true;
    memcpy(response->file_sha256, image->sha256, sizeof response->file_sha256);
    response->file_len = image->size;
    updraft_response_header(response, "Content-Type", "application/octet-stream");
    updraft_response_header(response, "Cache-Control", "no-cache");
}

void updraft_ovms_answer(const struct updraft_view *view, const struct updraft_request *request,
                         struct updraft_plan *plan, struct updraft_response *response)
{
    const char *file = request->segments[2];
    const struct updraft_target target = updraft_target_find(
        view->fleet, &(struct updraft_question){.product = request->segments[0],
                                                .channel = request->segments[1],
                                                .chip = UPDRAFT_CHIP_ESP32,
                                                .board = "",
                                                .pick = updraft_release_image_for});

    (void)plan;
    if (target.image == NULL)
        updraft_response_line(response, 404,
                              target.release == NULL
                                  ? "nothing is published at this product and tag"
                                  : "the release has no image for the ESP32");
    else if (strcmp(file, "ovms3.ver") == 0)
        give_version(response, target.release);
    else if (strcmp(file, "ovms3.bin") == 0)
        give_image(response, target.image);
    else
        updraft_response_line(response, 404, "there are ovms3.ver and ovms3.bin here");
}
