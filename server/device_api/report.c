#include "server/device_api/device_api.h"

#include "format/chip.h"
#include "server/device_api/sighting.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A report as told, checked. Texts point into the parsed JSON; NULL when absent. */
struct report {
    char id[UPDRAFT_DEVICE_ID_CAP];
    const char *name;
    const char *product;
    const char *version;
    const char *slot;
    const char *target;
    uint16_t chip;
    enum updraft_attempt_event event;
    enum updraft_via via;
    int8_t progress;
    uint32_t error_code;
    const char *error_name;
    const char *error_text;
    const char *log;
};

static const struct {
    const char *name;
    enum updraft_attempt_event event;
} states[] = {
    {"confirmed", UPDRAFT_EVENT_SAID_CONFIRMED},
    {"trial", UPDRAFT_EVENT_SAID_TRIAL},
    {"downloading", UPDRAFT_EVENT_SAID_DOWNLOADING},
    {"written", UPDRAFT_EVENT_SAID_WRITTEN},
    {"failed", UPDRAFT_EVENT_SAID_FAILED},
    {"rolled_back", UPDRAFT_EVENT_SAID_ROLLED_BACK},
};

static bool about_running(enum updraft_attempt_event event)
{
    return event == UPDRAFT_EVENT_SAID_TRIAL || event == UPDRAFT_EVENT_SAID_CONFIRMED;
}

/* --- parsing: each gives NULL, or what is wrong --- */

static const char *read_text(const cJSON *object, const char *key, const char **out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    *out = NULL;
    if (item == NULL || cJSON_IsNull(item))
        return NULL;
    if (!cJSON_IsString(item))
        return "a text member is no text";
    *out = item->valuestring;
    return NULL;
}

/* Whole number of 0 to most; absent leaves *out alone. */
static bool read_number(const cJSON *object, const char *key, double most, double *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    if (item == NULL || cJSON_IsNull(item))
        return true;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= most) ||
        floor(item->valuedouble) != item->valuedouble)
        return false;
    *out = item->valuedouble;
    return true;
}

static const char *read_texts(const cJSON *json, struct report *report)
{
    const char *device = NULL, *chip = NULL;
    const struct {
        const char *key;
        const char **out;
    } texts[] = {{"device", &device},           {"chip", &chip},
                 {"name", &report->name},       {"product", &report->product},
                 {"version", &report->version}, {"slot", &report->slot},
                 {"target", &report->target},   {"log", &report->log}};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *wrong = read_text(json, texts[i].key, texts[i].out);
        if (wrong != NULL)
            return wrong;
    }
    if (device == NULL || report->product == NULL || report->version == NULL)
        return "device, product, version and state are needed";
    if (!updraft_device_id_normalise(device, report->id))
        return "device is not a MAC address";
    if (!updraft_name_valid(report->product))
        return "product must be 1 to 64 of A-Z a-z 0-9 . _ -";
    if (!updraft_version_valid(report->version) ||
        (report->target != NULL && !updraft_version_valid(report->target)))
        return "a version has 1 to 31 printable characters";
    if (report->name != NULL && !updraft_label_valid(report->name, UPDRAFT_LABEL_CAP))
        return "name has over 63 bytes, or some that cannot be shown";
    if (report->slot != NULL && !updraft_label_valid(report->slot, UPDRAFT_SLOT_CAP))
        return "slot has over 16 bytes, or some that cannot be shown";
    if (report->log != NULL && strlen(report->log) >= UPDRAFT_LOG_CAP)
        return "log has over 1024 bytes";
    const struct updraft_chip *known = chip == NULL ? NULL : updraft_chip_by_name(chip);
    if (chip != NULL && known == NULL)
        return "chip is unknown";
    report->chip = known == NULL ? UPDRAFT_CHIP_UNKNOWN : known->id;
    return NULL;
}

static const char *read_error(const cJSON *json, struct report *report)
{
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");
    double code = 0;

    if (error == NULL || cJSON_IsNull(error))
        return NULL;
    if (!cJSON_IsObject(error) || !read_number(error, "code", 65535, &code))
        return "error must be {\"code\":number,\"name\":text,\"text\":text}";
    report->error_code = (uint32_t)code;
    const char *wrong = read_text(error, "name", &report->error_name);
    return wrong != NULL ? wrong : read_text(error, "text", &report->error_text);
}

static const char *read_report(const cJSON *json, struct report *report)
{
    const char *state, *via, *wrong;
    double progress = UPDRAFT_NO_PROGRESS;
    size_t at = 0;

    memset(report, 0, sizeof *report);
    if (!cJSON_IsObject(json))
        return "the report is not a JSON object";
    if ((wrong = read_texts(json, report)) != NULL || (wrong = read_error(json, report)) != NULL ||
        (wrong = read_text(json, "state", &state)) != NULL ||
        (wrong = read_text(json, "via", &via)) != NULL)
        return wrong;
    if (!read_number(json, "progress", 100, &progress))
        return "progress must be a whole number of 0 to 100";
    report->progress = (int8_t)progress;
    report->via = via == NULL ? UPDRAFT_VIA_UNKNOWN : updraft_via_parse(via);
    if (state == NULL)
        return "device, product, version and state are needed";
    while (at < sizeof states / sizeof *states && strcmp(states[at].name, state) != 0)
        at++;
    if (at == sizeof states / sizeof *states)
        return "state must be confirmed, trial, downloading, written, failed or rolled_back";
    report->event = states[at].event;
    return NULL;
}

/* --- the answer --- */

static const char *apply_report(const struct updraft_view *view,
                                const struct updraft_request *request, struct updraft_plan *plan,
                                const struct report *report)
{
    const char *subject = about_running(report->event) ? report->version : report->target;
    struct updraft_draft draft;

    updraft_draft_begin(&draft, view, plan, report->id);
    updraft_draft_see(&draft,
                      &(struct updraft_seen){.name = report->name,
                                             .product = report->product,
                                             .version = report->version,
                                             .slot = report->slot,
                                             .chip = report->chip,
                                             .reports = true,
                                             .says_running = about_running(report->event),
                                             .trial = report->event == UPDRAFT_EVENT_SAID_TRIAL});
    if (subject == NULL && updraft_attempt_active(draft.attempt.state))
        subject = draft.attempt.to;
    /* A device that gave up before it knew what it was offered has nothing to be put on record for
     * but its being there. */
    if (subject == NULL && report->event != UPDRAFT_EVENT_SAID_FAILED)
        return "target is needed: the server knows of no update that is under way";
    char version[UPDRAFT_VERSION_CAP]; /* the attempt it may point into is rewritten below */
    if (subject != NULL) {
        updraft_name_set(version, sizeof version, subject);
        updraft_draft_happen(&draft, &(struct updraft_happening){.event = report->event,
                                                                 .version = version,
                                                                 .via = report->via,
                                                                 .progress = report->progress,
                                                                 .error_code = report->error_code,
                                                                 .error_name = report->error_name,
                                                                 .error_text = report->error_text});
        if (report->log != NULL)
            updraft_draft_log(&draft, version, report->log);
    }
    updraft_draft_commit(&draft, request->address,
                         report->event == UPDRAFT_EVENT_SAID_DOWNLOADING ? report->progress
                                                                         : UPDRAFT_NO_PROGRESS);
    return NULL;
}

void updraft_report_answer(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response)
{
    static const struct updraft_refusal bad = {
        400, "bad_report",
        "Send an object with device, product, version and state; name, chip, slot, target, via, "
        "progress, error and log may be there."};
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(request->body, request->body_len, &end, 0);
    struct report report;
    const char *wrong;

    if (json == NULL)
        wrong = "the report is not JSON";
    else if (end + strspn(end, " \t\r\n") != request->body + request->body_len)
        wrong = "something follows the JSON";
    else if ((wrong = read_report(json, &report)) == NULL)
        wrong = apply_report(view, request, plan, &report);
    cJSON_Delete(json);
    if (wrong != NULL) {
        updraft_response_refuse(response, &bad, "%s", wrong);
        return;
    }
    struct updraft_json ok;
    updraft_json_init(&ok);
    updraft_json_open(&ok, NULL, '{');
    updraft_json_bool(&ok, "ok", true);
    updraft_json_close(&ok, '}');
    updraft_response_json(response, 200, &ok);
}
