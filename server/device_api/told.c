#include "server/device_api/told.h"

#include "format/chip.h"

#include <math.h>
#include <string.h>

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

bool updraft_tale_is_of_running(const struct updraft_tale *tale)
{
    return tale->event == UPDRAFT_EVENT_SAID_TRIAL || tale->event == UPDRAFT_EVENT_SAID_CONFIRMED;
}

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

bool updraft_told_number(const cJSON *object, const char *key, double most, double *out)
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

cJSON *updraft_told_parse(const struct updraft_request *request, const char **wrong)
{
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(request->body, request->body_len, &end, 0);

    if (json != NULL && end + strspn(end, " \t\r\n") == request->body + request->body_len)
        return json;
    *wrong = json == NULL ? "the body is not JSON" : "something follows the JSON";
    cJSON_Delete(json);
    return NULL;
}

/* --- who, and what runs there --- */

static const char *check_names(const struct updraft_told *told)
{
    if (!updraft_name_valid(told->product))
        return "product must be 1 to 64 of A-Z a-z 0-9 . _ -";
    if (told->channel != NULL && !updraft_name_valid(told->channel))
        return "channel must be 1 to 64 of A-Z a-z 0-9 . _ -";
    if (told->board != NULL && !updraft_name_valid(told->board))
        return "board must be 1 to 64 of A-Z a-z 0-9 . _ -";
    if (!updraft_version_valid(told->version))
        return "a version has 1 to 31 printable characters";
    if (told->name != NULL && !updraft_label_valid(told->name, UPDRAFT_LABEL_CAP))
        return "name has over 63 bytes, or some that cannot be shown";
    if (told->slot != NULL && !updraft_label_valid(told->slot, UPDRAFT_SLOT_CAP))
        return "slot has over 16 bytes, or some that cannot be shown";
    if (told->layout != NULL && !updraft_label_valid(told->layout, UPDRAFT_LABEL_CAP))
        return "layout has over 63 bytes, or some that cannot be shown";
    return NULL;
}

const char *updraft_told_read(const cJSON *json, struct updraft_told *told)
{
    const char *device = NULL, *chip = NULL;
    const struct {
        const char *key;
        const char **out;
    } texts[] = {{"device", &device},         {"chip", &chip},
                 {"name", &told->name},       {"product", &told->product},
                 {"version", &told->version}, {"slot", &told->slot},
                 {"channel", &told->channel}, {"board", &told->board},
                 {"layout", &told->layout}};

    memset(told, 0, sizeof *told);
    if (!cJSON_IsObject(json))
        return "the body is not a JSON object";
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *wrong = read_text(json, texts[i].key, texts[i].out);
        if (wrong != NULL)
            return wrong;
    }
    if (device == NULL || told->product == NULL || told->version == NULL)
        return "device, product, version and state are needed";
    if (!updraft_device_id_normalise(device, told->id))
        return "device is not a MAC address";
    const struct updraft_chip *known = chip == NULL ? NULL : updraft_chip_by_name(chip);
    if (chip != NULL && known == NULL)
        return "chip is unknown";
    told->chip = known == NULL ? UPDRAFT_CHIP_UNKNOWN : known->id;
    return check_names(told);
}

/* --- how an update goes --- */

const char *updraft_tale_read_error(const cJSON *error, struct updraft_tale *tale)
{
    double code = 0;

    if (error == NULL || cJSON_IsNull(error))
        return NULL;
    if (!cJSON_IsObject(error) || !updraft_told_number(error, "code", 65535, &code))
        return "error must be {\"code\":number,\"name\":text,\"text\":text}";
    tale->error_code = (uint32_t)code;
    const char *wrong = read_text(error, "name", &tale->error_name);
    return wrong != NULL ? wrong : read_text(error, "text", &tale->error_text);
}

const char *updraft_tale_read(const cJSON *json, struct updraft_tale *tale)
{
    const char *state, *via, *wrong;
    double progress = UPDRAFT_NO_PROGRESS;
    size_t at = 0;

    memset(tale, 0, sizeof *tale);
    if ((wrong = updraft_tale_read_error(cJSON_GetObjectItemCaseSensitive(json, "error"), tale)) !=
            NULL ||
        (wrong = read_text(json, "state", &state)) != NULL ||
        (wrong = read_text(json, "target", &tale->target)) != NULL ||
        (wrong = read_text(json, "log", &tale->log)) != NULL ||
        (wrong = read_text(json, "via", &via)) != NULL)
        return wrong;
    if (tale->target != NULL && !updraft_version_valid(tale->target))
        return "a version has 1 to 31 printable characters";
    if (tale->log != NULL && strlen(tale->log) >= UPDRAFT_LOG_CAP)
        return "log has over 1024 bytes";
    if (!updraft_told_number(json, "progress", 100, &progress))
        return "progress must be a whole number of 0 to 100";
    tale->progress = (int8_t)progress;
    tale->via = via == NULL ? UPDRAFT_VIA_UNKNOWN : updraft_via_parse(via);
    if (state == NULL)
        return "device, product, version and state are needed";
    while (at < sizeof states / sizeof *states && strcmp(states[at].name, state) != 0)
        at++;
    if (at == sizeof states / sizeof *states)
        return "state must be confirmed, trial, downloading, written, failed or rolled_back";
    tale->event = states[at].event;
    return NULL;
}
