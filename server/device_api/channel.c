#include "server/device_api/device_api.h"

#include "format/chip.h"
#include "format/descriptor.h"
#include "format/text.h"
#include "server/decide/offer.h"
#include "server/device_api/sighting.h"

#include <stdio.h>
#include <string.h>

const struct updraft_image_row *updraft_device_api_target(const struct updraft_fleet *fleet,
                                                          const char *product, const char *channel,
                                                          uint16_t chip,
                                                          const struct updraft_release **release)
{
    const struct updraft_product *known = updraft_fleet_find_product(fleet, product);
    const struct updraft_channel *found =
        known == NULL ? NULL : updraft_fleet_find_channel(fleet, known->row.id, channel);

    *release = found == NULL ? NULL : found->release;
    if (found == NULL)
        return NULL;
    /* A package is never meant by a device that does not name its chip. */
    if (chip == UPDRAFT_CHIP_UNKNOWN)
        return found->release->image_count == 1 &&
                       updraft_package_by_id(found->release->images[0].chip) == NULL
                   ? &found->release->images[0]
                   : NULL;
    return updraft_release_find_image(found->release, chip);
}

const char *updraft_device_api_name(const struct updraft_request *request)
{
    const char *name = updraft_request_header(request, "x-updraft-name");

    return name != NULL && updraft_label_valid(name, UPDRAFT_LABEL_CAP) ? name : NULL;
}

/* "esp32s3.json" -> its chip, NULL when it is none. */
static const struct updraft_chip *chip_of_file(const char *file)
{
    char slug[24];
    size_t len = strlen(file);

    if (len <= 5 || len - 5 >= sizeof slug || strcmp(file + len - 5, ".json") != 0)
        return NULL;
    memcpy(slug, file, len - 5);
    slug[len - 5] = '\0';
    const struct updraft_chip *chip = updraft_chip_by_name(slug);
    return chip != NULL && strcmp(chip->slug, slug) == 0 ? chip : NULL;
}

bool updraft_device_api_base(const struct updraft_view *view, const struct updraft_request *request,
                             char *base, size_t cap)
{
    const char *host = updraft_request_header(request, "Host");
    int len;

    if (view->base_url[0] != '\0')
        len = snprintf(base, cap, "%s", view->base_url);
    else if (host != NULL && updraft_host_valid(host))
        len = snprintf(base, cap, "http://%s", host);
    else
        return false;
    return len > 0 && (size_t)len < cap;
}

bool updraft_device_api_image_url(const struct updraft_view *view,
                                  const struct updraft_request *request, const uint8_t *sha256,
                                  char *url, size_t cap)
{
    char digits[2 * UPDRAFT_SHA256_LEN + 1], base[UPDRAFT_BASE_URL_CAP];
    struct updraft_text text;

    if (!updraft_device_api_base(view, request, base, sizeof base))
        return false;
    updraft_text_init(&text, digits, sizeof digits);
    updraft_text_hex(&text, sha256, UPDRAFT_SHA256_LEN);
    return (size_t)snprintf(url, cap, "%s/d/image/%s", base, digits) < cap;
}

/* Notes who asks. The verdict is what that device is to do about the target; running is what it
 * runs as far as anyone knows, else "". */
static enum updraft_verdict check_in(const struct updraft_view *view,
                                     const struct updraft_request *request,
                                     struct updraft_plan *plan, const char *device,
                                     const struct updraft_release *release,
                                     char running[UPDRAFT_VERSION_CAP])
{
    const char *version = updraft_request_header(request, "x-updraft-version");
    struct updraft_draft draft;

    if (version != NULL && !updraft_version_valid(version))
        version = NULL;
    updraft_draft_begin(&draft, view, plan, device);
    updraft_draft_see(&draft, &(struct updraft_seen){.name = updraft_device_api_name(request),
                                                     .product = request->segments[0],
                                                     .channel = request->segments[1],
                                                     .version = version,
                                                     .chip = chip_of_file(request->segments[2])->id,
                                                     .reports = true});
    if (version != NULL)
        updraft_draft_happen(&draft, &(struct updraft_happening){.event = UPDRAFT_EVENT_CHECKED_IN,
                                                                 .version = version,
                                                                 .progress = UPDRAFT_NO_PROGRESS});
    const enum updraft_verdict verdict = updraft_offer_decide(&(struct updraft_offer_facts){
        .identified = true,
        .image_known = true,
        .running = draft.device.version,
        .target = release->row.version,
        .last_for_target =
            updraft_draft_last_for(&draft, draft.device.product, release->row.version)});
    if (verdict == UPDRAFT_VERDICT_OFFER)
        updraft_draft_happen(&draft, &(struct updraft_happening){.event = UPDRAFT_EVENT_OFFERED,
                                                                 .version = release->row.version,
                                                                 .via = UPDRAFT_VIA_CHANNEL,
                                                                 .progress = UPDRAFT_NO_PROGRESS});
    updraft_draft_commit(&draft, request->address, UPDRAFT_NO_PROGRESS);
    updraft_name_set(running, UPDRAFT_VERSION_CAP, draft.device.version);
    return verdict;
}

void updraft_channel_answer(const struct updraft_view *view, const struct updraft_request *request,
                            struct updraft_plan *plan, struct updraft_response *response)
{
    const struct updraft_chip *chip = chip_of_file(request->segments[2]);
    const char *device = updraft_request_header(request, "x-updraft-device");
    const struct updraft_release *release = NULL;
    const struct updraft_image_row *image = NULL;
    char id[UPDRAFT_DEVICE_ID_CAP], running[UPDRAFT_VERSION_CAP], json[UPDRAFT_DESCRIPTOR_LEN_CAP];
    struct updraft_descriptor descriptor;
    size_t len;

    if (chip != NULL)
        image = updraft_device_api_target(view->fleet, request->segments[0], request->segments[1],
                                          chip->id, &release);
    if (image == NULL) {
        updraft_response_line(response, 404,
                              "nothing is published at this product, channel and chip");
        return;
    }
    if (device != NULL && !updraft_device_id_normalise(device, id)) {
        updraft_response_line(response, 400, "x-updraft-device is not a MAC address");
        return;
    }
    if (!updraft_device_api_image_url(view, request, image->sha256, descriptor.path,
                                      sizeof descriptor.path)) {
        updraft_response_line(response, 400, "the Host header is missing or not usable");
        return;
    }
    updraft_name_set(descriptor.version, sizeof descriptor.version, release->row.version);
    if (device != NULL &&
        check_in(view, request, plan, id, release, running) == UPDRAFT_VERDICT_HELD_BACK) {
        /* The protocol has one way to say "stay as you are": the version that runs. A device whose
         * version nobody knows cannot be told, and gets nothing. */
        if (running[0] == '\0') {
            updraft_response_line(response, 404,
                                  "the published version did not work on this device");
            return;
        }
        updraft_name_set(descriptor.version, sizeof descriptor.version, running);
        updraft_response_header(response, "x-updraft-held-back", release->row.version);
    }
    if (updraft_descriptor_encode(&descriptor, json, sizeof json, &len) != UPDRAFT_OK) {
        updraft_response_line(response, 500, "the descriptor cannot be written");
        return;
    }
    updraft_response_text(response, 200, "application/json", json);
    updraft_response_header(response, "Cache-Control", "no-cache");
}
