#include "server/device_api/device_api.h"

#include "format/chip.h"
#include "format/descriptor.h"
#include "format/text.h"
#include "server/device_api/choice.h"

#include <stdio.h>
#include <string.h>

const char *updraft_device_api_name(const struct updraft_request *request)
{
    const char *name = updraft_request_header(request, "x-updraft-name");

    return name != NULL && updraft_label_valid(name, UPDRAFT_LABEL_CAP) ? name : NULL;
}

const char *updraft_device_api_board(const struct updraft_request *request)
{
    const char *board = updraft_request_header(request, "x-updraft-board");

    return board != NULL && updraft_name_valid(board) ? board : NULL;
}

const char *updraft_device_api_layout(const struct updraft_request *request)
{
    const char *layout = updraft_request_header(request, "x-updraft-layout");

    return layout != NULL && updraft_label_valid(layout, UPDRAFT_LABEL_CAP) ? layout : NULL;
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

/* Notes who asks, and what it says of itself. */
static void see(const struct updraft_view *view, const struct updraft_request *request,
                struct updraft_plan *plan, const char *device, struct updraft_draft *draft)
{
    const char *version = updraft_request_header(request, "x-updraft-version");

    if (version != NULL && !updraft_version_valid(version))
        version = NULL;
    updraft_draft_begin(draft, view, plan, device);
    updraft_draft_see(draft, &(struct updraft_seen){.name = updraft_device_api_name(request),
                                                    .product = request->segments[0],
                                                    .channel = request->segments[1],
                                                    .version = version,
                                                    .board = updraft_device_api_board(request),
                                                    .layout = updraft_device_api_layout(request),
                                                    .chip = chip_of_file(request->segments[2])->id,
                                                    .reports = true});
    if (version != NULL)
        updraft_draft_happen(draft, &(struct updraft_happening){.event = UPDRAFT_EVENT_CHECKED_IN,
                                                                .version = version,
                                                                .progress = UPDRAFT_NO_PROGRESS});
}

/* What is answered. */
struct answer {
    struct updraft_target target;
    enum updraft_verdict verdict;
    char running[UPDRAFT_VERSION_CAP]; /* as far as anyone knows, else "" */
};

/* For a device that says who it is. False: there is nothing for it, and it is not noted. */
static bool choose(const struct updraft_view *view, const struct updraft_request *request,
                   struct updraft_plan *plan, const char *device, struct answer *answer)
{
    struct updraft_draft draft;

    see(view, request, plan, device, &draft);
    answer->target = updraft_draft_target(&draft, chip_of_file(request->segments[2])->id,
                                          updraft_release_image_for);
    if (answer->target.image == NULL)
        return false;
    answer->verdict =
        updraft_draft_verdict(&draft, &answer->target, draft.device.version, UPDRAFT_DIGEST_UNTOLD);
    if (answer->verdict == UPDRAFT_VERDICT_OFFER)
        updraft_draft_offer(&draft, &answer->target, UPDRAFT_VIA_CHANNEL);
    updraft_draft_commit(&draft, request->address, UPDRAFT_NO_PROGRESS);
    updraft_name_set(answer->running, sizeof answer->running, draft.device.version);
    return true;
}

/* For everybody else: what the channel names. */
static bool choose_for_all(const struct updraft_view *view, const struct updraft_request *request,
                           uint16_t chip, struct answer *answer)
{
    answer->target = updraft_target_find(
        view->fleet, &(struct updraft_question){.product = request->segments[0],
                                                .channel = request->segments[1],
                                                .chip = chip,
                                                .board = "",
                                                .pick = updraft_release_image_for});
    answer->verdict = UPDRAFT_VERDICT_OFFER;
    return answer->target.image != NULL;
}

static void give_descriptor(const struct answer *answer, struct updraft_descriptor *descriptor,
                            struct updraft_response *response)
{
    const char *version = answer->target.release->row.version;
    char json[UPDRAFT_DESCRIPTOR_LEN_CAP];
    size_t len;

    if (updraft_verdict_holds(answer->verdict)) {
        /* The protocol has one way to say "stay as you are": the version that runs. A device whose
         * version nobody knows cannot be told, and gets nothing. */
        if (answer->running[0] == '\0') {
            updraft_response_line(response, 404, "the published version is not for this device");
            return;
        }
        updraft_response_header(response, "x-updraft-held-back", version);
        version = answer->running;
    }
    updraft_name_set(descriptor->version, sizeof descriptor->version, version);
    if (updraft_descriptor_encode(descriptor, json, sizeof json, &len) != UPDRAFT_OK) {
        updraft_response_line(response, 500, "the descriptor cannot be written");
        return;
    }
    updraft_response_text(response, 200, "application/json", json);
    updraft_response_header(response, "Cache-Control", "no-cache");
}

void updraft_channel_answer(const struct updraft_view *view, const struct updraft_request *request,
                            struct updraft_plan *plan, struct updraft_response *response)
{
    const struct updraft_chip *chip = chip_of_file(request->segments[2]);
    const char *device = updraft_request_header(request, "x-updraft-device");
    char id[UPDRAFT_DEVICE_ID_CAP], base[UPDRAFT_BASE_URL_CAP];
    struct updraft_descriptor descriptor;
    struct answer answer;

    if (chip == NULL || !choose_for_all(view, request, chip->id, &answer)) {
        updraft_response_line(response, 404,
                              "nothing is published at this product, channel and chip");
        return;
    }
    if (device != NULL && !updraft_device_id_normalise(device, id)) {
        updraft_response_line(response, 400, "x-updraft-device is not a MAC address");
        return;
    }
    if (!updraft_device_api_base(view, request, base, sizeof base)) {
        updraft_response_line(response, 400, "the Host header is missing or not usable");
        return;
    }
    if (device != NULL && !choose(view, request, plan, id, &answer)) {
        updraft_response_line(response, 404, "nothing is published for this device");
        return;
    }
    if (!updraft_device_api_image_url(view, request, answer.target.image->sha256, descriptor.path,
                                      sizeof descriptor.path))
        updraft_response_line(response, 400, "the Host header is not usable");
    else
        give_descriptor(&answer, &descriptor, response);
}
