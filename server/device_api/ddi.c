/* The direct device integration of hawkBit, for SWUpdate's suricatta and rauc-hawkbit-updater.
 *
 * A device polls. It is told of an action to carry out, of one to give up, or, when there is
 * neither, asked what it is. It closes an action with feedback. The action is our attempt: its
 * number is the attempt's.
 *
 * The success that closes an action means that the installer is done: rauc-hawkbit-updater says so
 * before the restart. It makes the attempt `written`. `confirmed` takes the attribute `version`: a
 * device that tells the new version, runs it. For that reason every idle poll asks for the attributes,
 * and never a poll with work in it: SWUpdate would send them first, and would be asked again next time.
 *
 * Source: the published description of the interface; suricatta/server_hawkbit.c of SWUpdate 2022.12
 * and src/hawkbit-client.c of rauc-hawkbit-updater for what these two send and need. */
#include "format/chip.h"
#include "format/package.h"
#include "format/text.h"
#include "server/decide/action.h"
#include "server/device_api/choice.h"
#include "server/device_api/ddi_message.h"
#include "server/device_api/device_api.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define IDLE_SLEEP "00:05:00"
#define BUSY_SLEEP "00:00:10" /* there is, or will be in a moment, something to do */
#define URL_CAP    640u

/* Who asks. */
struct peer {
    char id[UPDRAFT_DEVICE_ID_CAP];
    char product[UPDRAFT_NAME_CAP];
    char channel[UPDRAFT_NAME_CAP];
};

static const struct updraft_refusal bad_message = {
    400, "bad_message", "Send what hawkBit's direct device integration describes."};
static const struct updraft_refusal no_action = {
    404, "no_such_action", "Poll again; the answer names the action that is to be done."};

/* PRODUCT or PRODUCT@CHANNEL; "@" is in no name. */
static bool read_tenant(const char *tenant, struct peer *peer)
{
    size_t len = strcspn(tenant, "@");
    const char *channel = tenant[len] == '@' ? tenant + len + 1 : "stable";

    if (len >= sizeof peer->product)
        return false;
    memcpy(peer->product, tenant, len);
    peer->product[len] = '\0';
    if (!updraft_name_valid(peer->product) || !updraft_name_valid(channel))
        return false;
    updraft_name_set(peer->channel, sizeof peer->channel, channel);
    return true;
}

/* False after a refusal. A tenant that is not known gets no rows: anyone could make up others. */
static bool read_peer(const struct updraft_view *view, const struct updraft_request *request,
                      struct peer *peer, struct updraft_response *response)
{
    static const struct updraft_refusal no_tenant = {
        404, "no_such_tenant",
        "Name a product as the tenant, or PRODUCT@CHANNEL; 'updraft releases' lists them."};
    static const struct updraft_refusal bad_id = {
        400, "bad_device", "Use 1 to 40 of A-Z a-z 0-9 . _ : - as the id of a device."};

    if (!read_tenant(request->segments[0], peer) ||
        updraft_fleet_find_product(view->fleet, peer->product) == NULL) {
        updraft_response_refuse(response, &no_tenant, "nothing is published for that tenant");
        return false;
    }
    if (!updraft_device_id_take(request->segments[1], peer->id)) {
        updraft_response_refuse(response, &bad_id, "that is no id of a device");
        return false;
    }
    return true;
}

/* The address of this device, as it came: clients build some of theirs from the same parts. */
static bool make_base(const struct updraft_view *view, const struct updraft_request *request,
                      char base[URL_CAP], struct updraft_response *response)
{
    char server[UPDRAFT_BASE_URL_CAP];

    if (!updraft_device_api_base(view, request, server, sizeof server)) {
        updraft_response_refuse(response, &bad_message, "the Host header is missing or not usable");
        return false;
    }
    snprintf(base, URL_CAP, "%s/d/ddi/%s/controller/v1/%s", server, request->segments[0],
             request->segments[1]);
    return true;
}

__attribute__((format(printf, 4, 5))) static void
put_link(struct updraft_json *json, const char *name, const char *base, const char *rest, ...)
{
    char url[URL_CAP + 128];
    size_t len = strlen(base);
    va_list arguments;

    memcpy(url, base, len);
    va_start(arguments, rest);
    vsnprintf(url + len, sizeof url - len, rest, arguments);
    va_end(arguments);
    updraft_json_open(json, name, '{');
    updraft_json_text(json, "href", url);
    updraft_json_close(json, '}');
}

/* The package of a release. One that was published before its SHA-1 was kept cannot be offered: both
 * clients check that digest. */
static const struct updraft_image_row *package_of(const struct updraft_release *release)
{
    static const uint16_t kinds[] = {UPDRAFT_PACKAGE_SWU, UPDRAFT_PACKAGE_RAUCB};
    static const uint8_t not_kept[UPDRAFT_SHA1_LEN] = {0};

    for (size_t i = 0; release != NULL && i < sizeof kinds / sizeof *kinds; i++) {
        const struct updraft_image_row *image = updraft_release_find_image(release, kinds[i], "");
        if (image != NULL && memcmp(image->sha1, not_kept, sizeof not_kept) != 0)
            return image;
    }
    return NULL;
}

static const struct updraft_image_row *pick_package(const struct updraft_release *release,
                                                    uint16_t chip, const char *board)
{
    (void)chip;
    (void)board;
    return package_of(release);
}

/* --- the poll --- */

static enum updraft_action decide(const struct updraft_draft *draft,
                                  const struct updraft_target *target)
{
    const struct updraft_attempt_row *attempt = &draft->attempt;
    bool is_action =
        attempt->via == UPDRAFT_VIA_DDI && strcmp(attempt->product, draft->device.product) == 0;

    return updraft_action_decide(&(struct updraft_action_facts){
        .known = draft->known != NULL,
        .version_told = draft->device.version[0] != '\0',
        .state = is_action ? attempt->state : UPDRAFT_ATTEMPT_NONE,
        .same_target =
            target->image != NULL && strcmp(attempt->to, target->release->row.version) == 0,
        /* A version that is not told is no reason to wait: here the attempt is remembered. */
        .verdict =
            updraft_draft_verdict(draft, target, draft->device.version, UPDRAFT_DIGEST_DIFFERS),
        .last_for_target = updraft_draft_last_for(draft, target)});
}

static void give_work(struct updraft_response *response, const char *base,
                      enum updraft_action action, bool is_new, int64_t id)
{
    const char *sleep = action == UPDRAFT_ACTION_IDENTIFY && !is_new ? IDLE_SLEEP : BUSY_SLEEP;
    struct updraft_json json;

    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_open(&json, "config", '{');
    updraft_json_open(&json, "polling", '{');
    updraft_json_text(&json, "sleep", sleep);
    updraft_json_close(&json, '}');
    updraft_json_close(&json, '}');
    updraft_json_open(&json, "_links", '{');
    switch (action) {
    case UPDRAFT_ACTION_IDENTIFY:
        put_link(&json, "configData", base, "/configData");
        break;
    case UPDRAFT_ACTION_OFFER:
    case UPDRAFT_ACTION_CONTINUE:
        put_link(&json, "deploymentBase", base, "/deploymentBase/%" PRId64, id);
        break;
    case UPDRAFT_ACTION_CANCEL:
        put_link(&json, "cancelAction", base, "/cancelAction/%" PRId64, id);
        break;
    }
    updraft_json_close(&json, '}');
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
    updraft_response_header_constant(response, "Cache-Control", "no-store");
}

void updraft_ddi_poll(const struct updraft_view *view, const struct updraft_request *request,
                      struct updraft_plan *plan, struct updraft_response *response)
{
    char base[URL_CAP];
    struct updraft_draft draft;
    struct peer peer;

    if (!read_peer(view, request, &peer, response) || !make_base(view, request, base, response))
        return;
    updraft_draft_begin(&draft, view, plan, peer.id);
    updraft_draft_see(&draft, &(struct updraft_seen){.product = peer.product,
                                                     .channel = peer.channel,
                                                     .chip = UPDRAFT_CHIP_UNKNOWN});
    const struct updraft_target target =
        updraft_draft_target(&draft, UPDRAFT_CHIP_UNKNOWN, pick_package);
    if (target.image != NULL)
        updraft_draft_see(&draft, &(struct updraft_seen){.chip = target.image->chip});
    const enum updraft_action action = decide(&draft, &target);
    if (action == UPDRAFT_ACTION_OFFER)
        updraft_draft_offer(&draft, &target, UPDRAFT_VIA_DDI);
    give_work(response, base, action, draft.known == NULL, draft.attempt.id);
    updraft_draft_commit(&draft, request->address, UPDRAFT_NO_PROGRESS);
}

void updraft_ddi_config_data(const struct updraft_view *view, const struct updraft_request *request,
                             struct updraft_plan *plan, struct updraft_response *response)
{
    struct updraft_ddi_config config;
    struct updraft_draft draft;
    struct peer peer;
    const char *wrong;

    if (!read_peer(view, request, &peer, response))
        return;
    wrong = updraft_ddi_config_read(request->body, request->body_len, &config);
    if (wrong != NULL) {
        updraft_response_refuse(response, &bad_message, "%s", wrong);
        return;
    }
    updraft_draft_begin(&draft, view, plan, peer.id);
    updraft_draft_see(
        &draft, &(struct updraft_seen){.name = config.name[0] == '\0' ? NULL : config.name,
                                       .product = peer.product,
                                       .channel = peer.channel,
                                       .version = config.version[0] == '\0' ? NULL : config.version,
                                       .chip = UPDRAFT_CHIP_UNKNOWN});
    if (config.version[0] != '\0')
        updraft_draft_happen(&draft, &(struct updraft_happening){.event = UPDRAFT_EVENT_CHECKED_IN,
                                                                 .version = config.version,
                                                                 .progress = UPDRAFT_NO_PROGRESS});
    updraft_draft_commit(&draft, request->address, UPDRAFT_NO_PROGRESS);
    response->status = 200;
}

/* --- one action --- */

/* The action that the address names, of the device that it names; NULL after a refusal. */
static const struct updraft_attempt *find_action(const struct updraft_view *view,
                                                 const struct updraft_request *request,
                                                 const struct peer *peer,
                                                 struct updraft_response *response)
{
    const struct updraft_device *device = updraft_fleet_find_device(view->fleet, peer->id);
    const struct updraft_attempt *attempt = device == NULL ? NULL : device->newest;
    const int64_t id = updraft_ddi_id_parse(request->segments[2]);

    while (attempt != NULL && attempt->id != id)
        attempt = attempt->older;
    if (attempt != NULL && attempt->via == UPDRAFT_VIA_DDI &&
        strcmp(attempt->product, peer->product) == 0)
        return attempt;
    updraft_response_refuse(response, &no_action, "this device has no such action");
    return NULL;
}

static bool is_open(const struct updraft_attempt *attempt)
{
    return attempt->state == UPDRAFT_ATTEMPT_OFFERED ||
           attempt->state == UPDRAFT_ATTEMPT_DOWNLOADING;
}

/* Feedback moves a device's newest attempt; those before it have ended. */
static bool is_newest(const struct updraft_attempt *attempt)
{
    return attempt->device->newest == attempt;
}

static void refuse_closed(struct updraft_response *response)
{
    static const struct updraft_refusal closed = {
        410, "action_closed", "Poll again; the answer names what is to be done, if anything."};

    updraft_response_refuse(response, &closed, "that action has ended");
}

static void put_artifact(struct updraft_json *json, const struct updraft_image_row *package,
                         const char *base, const struct peer *peer, const char *version)
{
    /* hawkBit has a name of its own for each scheme; clients prefer the secure one. */
    bool secure = strncmp(base, "https:", 6) == 0;
    const char *slug = updraft_package_by_id(package->chip)->slug;
    char digits[2 * UPDRAFT_SHA256_LEN + 1], file[UPDRAFT_NAME_CAP + UPDRAFT_VERSION_CAP + 16];
    struct updraft_text text;

    updraft_text_init(&text, digits, sizeof digits);
    updraft_text_hex(&text, package->sha256, UPDRAFT_SHA256_LEN);
    int len = snprintf(file, sizeof file, "%s-%s.%s", peer->product, version, slug);
    /* A version may hold a slash or a quote; the name of a file on the device must not. */
    for (int i = 0; i < len; i++) {
        if (strchr("/\\\"'<>|:*?; &$`", file[i]) != NULL)
            file[i] = '_';
    }
    updraft_json_open(json, NULL, '{');
    updraft_json_text(json, "filename", file);
    updraft_json_open(json, "hashes", '{');
    updraft_json_hex(json, "sha1", package->sha1, sizeof package->sha1);
    updraft_json_hex(json, "md5", package->md5, sizeof package->md5);
    updraft_json_hex(json, "sha256", package->sha256, sizeof package->sha256);
    updraft_json_close(json, '}');
    updraft_json_number(json, "size", package->size);
    updraft_json_open(json, "_links", '{');
    put_link(json, secure ? "download" : "download-http", base, "/artifacts/%s", digits);
    put_link(json, secure ? "md5sum" : "md5sum-http", base, "/artifacts/%s.MD5SUM", digits);
    updraft_json_close(json, '}');
    updraft_json_close(json, '}');
}

void updraft_ddi_deployment(const struct updraft_view *view, const struct updraft_request *request,
                            struct updraft_plan *plan, struct updraft_response *response)
{
    const struct updraft_attempt *attempt;
    char base[URL_CAP];
    struct updraft_json json;
    struct peer peer;

    (void)plan;
    if (!read_peer(view, request, &peer, response) || !make_base(view, request, base, response) ||
        (attempt = find_action(view, request, &peer, response)) == NULL)
        return;
    const struct updraft_product *product = updraft_fleet_find_product(view->fleet, peer.product);
    const struct updraft_image_row *package =
        package_of(updraft_fleet_find_release(view->fleet, product->row.id, attempt->to));
    if (!is_open(attempt) || package == NULL) {
        refuse_closed(response);
        return;
    }
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_text(&json, "id", request->segments[2]);
    updraft_json_open(&json, "deployment", '{');
    updraft_json_text(&json, "download", "forced");
    updraft_json_text(&json, "update", "forced");
    updraft_json_open(&json, "chunks", '[');
    updraft_json_open(&json, NULL, '{');
    updraft_json_text(&json, "part", "os");
    updraft_json_text(&json, "version", attempt->to);
    updraft_json_text(&json, "name", peer.product);
    updraft_json_open(&json, "artifacts", '[');
    put_artifact(&json, package, base, &peer, attempt->to);
    updraft_json_close(&json, ']');
    updraft_json_close(&json, '}');
    updraft_json_close(&json, ']');
    updraft_json_close(&json, '}');
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
    updraft_response_header_constant(response, "Cache-Control", "no-store");
}

void updraft_ddi_cancel(const struct updraft_view *view, const struct updraft_request *request,
                        struct updraft_plan *plan, struct updraft_response *response)
{
    const struct updraft_attempt *attempt;
    struct updraft_json json;
    struct peer peer;

    (void)plan;
    if (!read_peer(view, request, &peer, response) ||
        (attempt = find_action(view, request, &peer, response)) == NULL)
        return;
    if (!is_open(attempt)) {
        refuse_closed(response);
        return;
    }
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_text(&json, "id", request->segments[2]);
    updraft_json_open(&json, "cancelAction", '{');
    updraft_json_text(&json, "stopId", request->segments[2]);
    updraft_json_close(&json, '}');
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
    updraft_response_header_constant(response, "Cache-Control", "no-store");
}

/* --- feedback --- */

/* Who, about what, and what it says; NULL after a refusal. */
static const struct updraft_attempt *read_feedback(const struct updraft_view *view,
                                                   const struct updraft_request *request,
                                                   struct peer *peer,
                                                   struct updraft_ddi_feedback *feedback,
                                                   struct updraft_response *response)
{
    const struct updraft_attempt *attempt;
    const char *wrong;

    if (!read_peer(view, request, peer, response) ||
        (attempt = find_action(view, request, peer, response)) == NULL)
        return NULL;
    wrong = updraft_ddi_feedback_read(request->body, request->body_len, feedback);
    if (wrong == NULL && feedback->id != UPDRAFT_DDI_NO_ID && feedback->id != attempt->id)
        wrong = "id names another action than the address";
    if (wrong == NULL)
        return attempt;
    updraft_response_refuse(response, &bad_message, "%s", wrong);
    return NULL;
}

/* The same end told once more, because the answer was lost on its way. */
static bool is_repeated(const struct updraft_attempt *attempt, enum updraft_ddi_stage stage)
{
    switch (attempt->state) {
    case UPDRAFT_ATTEMPT_WRITTEN:
    case UPDRAFT_ATTEMPT_CONFIRMED:
        return stage == UPDRAFT_DDI_SUCCESS;
    case UPDRAFT_ATTEMPT_FAILED:
        return stage >= UPDRAFT_DDI_FAILURE;
    case UPDRAFT_ATTEMPT_NONE:
    case UPDRAFT_ATTEMPT_OFFERED:
    case UPDRAFT_ATTEMPT_POSTPONED:
    case UPDRAFT_ATTEMPT_DOWNLOADING:
    case UPDRAFT_ATTEMPT_TRIAL:
    case UPDRAFT_ATTEMPT_ROLLED_BACK:
        break;
    }
    return false;
}

static struct updraft_happening happening_of(const struct updraft_ddi_feedback *feedback,
                                             const char *version)
{
    struct updraft_happening happening = {.event = UPDRAFT_EVENT_SAID_FAILED,
                                          .version = version,
                                          .via = UPDRAFT_VIA_DDI,
                                          .progress = feedback->progress,
                                          .error_text = feedback->details};

    switch (feedback->stage) {
    case UPDRAFT_DDI_NOTED:
    case UPDRAFT_DDI_PROCEEDING:
        happening.event = UPDRAFT_EVENT_SAID_DOWNLOADING;
        break;
    case UPDRAFT_DDI_SUCCESS:
        happening.event = UPDRAFT_EVENT_SAID_WRITTEN;
        break;
    case UPDRAFT_DDI_FAILURE:
        happening.error_code = UPDRAFT_E_INSTALLER;
        break;
    case UPDRAFT_DDI_CANCELED:
    case UPDRAFT_DDI_REJECTED:
        happening.error_code = UPDRAFT_E_REJECTED;
        break;
    }
    return happening;
}

static void note(const struct updraft_view *view, const struct updraft_request *request,
                 struct updraft_plan *plan, const struct peer *peer,
                 const struct updraft_happening *happening)
{
    struct updraft_draft draft;

    updraft_draft_begin(&draft, view, plan, peer->id);
    if (happening != NULL)
        updraft_draft_happen(&draft, happening);
    updraft_draft_commit(&draft, request->address,
                         happening == NULL ? UPDRAFT_NO_PROGRESS : happening->progress);
}

void updraft_ddi_feedback(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    struct updraft_ddi_feedback feedback;
    struct peer peer;
    const struct updraft_attempt *attempt =
        read_feedback(view, request, &peer, &feedback, response);

    if (attempt == NULL)
        return;
    response->status = 200;
    if (is_repeated(attempt, feedback.stage)) {
        note(view, request, plan, &peer, NULL);
        return;
    }
    /* What was installed may still turn out not to work. */
    bool takes_back =
        attempt->state == UPDRAFT_ATTEMPT_WRITTEN && feedback.stage >= UPDRAFT_DDI_FAILURE;
    if (!is_newest(attempt) || (!is_open(attempt) && !takes_back)) {
        refuse_closed(response);
        return;
    }
    const struct updraft_happening happening = happening_of(&feedback, attempt->to);
    note(view, request, plan, &peer, feedback.stage == UPDRAFT_DDI_NOTED ? NULL : &happening);
}

void updraft_ddi_cancel_feedback(const struct updraft_view *view,
                                 const struct updraft_request *request, struct updraft_plan *plan,
                                 struct updraft_response *response)
{
    struct updraft_ddi_feedback feedback;
    struct peer peer;
    const struct updraft_attempt *attempt =
        read_feedback(view, request, &peer, &feedback, response);

    if (attempt == NULL)
        return;
    response->status = 200;
    bool agreed = feedback.stage == UPDRAFT_DDI_SUCCESS || feedback.stage == UPDRAFT_DDI_CANCELED;
    if (!is_open(attempt)) {
        /* It ended before the wish to end it arrived. */
        note(view, request, plan, &peer, NULL);
        return;
    }
    const struct updraft_happening happening = {.event = UPDRAFT_EVENT_SAID_FAILED,
                                                .version = attempt->to,
                                                .via = UPDRAFT_VIA_DDI,
                                                .progress = UPDRAFT_NO_PROGRESS,
                                                .error_code = UPDRAFT_E_ABORTED,
                                                .error_text = "called off: the channel moved on"};
    /* A device that goes on is asked again with its next poll. */
    note(view, request, plan, &peer, agreed ? &happening : NULL);
}

/* --- the bytes --- */

static void note_fetch(const struct updraft_view *view, const struct updraft_request *request,
                       struct updraft_plan *plan, const struct peer *peer,
                       const struct updraft_release *release)
{
    const struct updraft_device *device = updraft_fleet_find_device(view->fleet, peer->id);

    if (request->method != UPDRAFT_METHOD_GET || device == NULL || device->newest == NULL ||
        strcmp(device->newest->product, release->product->row.name) != 0)
        return;
    note(view, request, plan, peer,
         &(struct updraft_happening){.event = UPDRAFT_EVENT_FETCHED,
                                     .version = release->row.version,
                                     .progress = UPDRAFT_NO_PROGRESS});
}

void updraft_ddi_artifact(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    const char *file = request->segments[2];
    const struct updraft_image_row *image = NULL;
    const struct updraft_release *release = NULL;
    struct updraft_request plain = *request;
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    struct updraft_text text;
    char line[2 * UPDRAFT_MD5_LEN + 2 * UPDRAFT_SHA256_LEN + 8];
    struct peer peer;

    if (!read_peer(view, request, &peer, response))
        return;
    if (updraft_text_unhex(file, strcspn(file, "."), sha256, sizeof sha256))
        image = updraft_fleet_find_image(view->fleet, sha256, &release);
    const char *ending = file + strcspn(file, ".");
    if (image == NULL || (*ending != '\0' && strcmp(ending, ".MD5SUM") != 0)) {
        updraft_response_refuse(response, &no_action, "there is no such artifact");
    } else if (*ending != '\0') {
        updraft_text_init(&text, line, sizeof line);
        updraft_text_hex(&text, image->md5, sizeof image->md5);
        updraft_text_str(&text, "  ");
        updraft_text_hex(&text, image->sha256, sizeof image->sha256);
        updraft_response_line(response, 200, line);
    } else {
        plain.segments[0] = file;
        updraft_image_answer(view, &plain, plan, response);
        if (response->has_file && plan->count == 0)
            note_fetch(view, request, plan, &peer, release);
    }
}
