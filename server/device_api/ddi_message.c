#include "server/device_api/ddi_message.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

/* The limits that hawkBit itself sets. */
#define ATTRIBUTE_COUNT_MOST 100u
#define ATTRIBUTE_KEY_MOST   128u
#define ATTRIBUTE_VALUE_MOST 256u

#define ID_MOST     ((int64_t)1 << 53)
#define COUNT_MOST  1e9
#define DETAIL_MOST 200u

int64_t updraft_ddi_id_parse(const char *text)
{
    int64_t id = 0;

    if (*text == '\0')
        return UPDRAFT_DDI_NO_ID;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return UPDRAFT_DDI_NO_ID;
        id = id * 10 + (*text - '0');
        if (id > ID_MOST)
            return UPDRAFT_DDI_NO_ID;
    }
    return id;
}

/* An object and nothing behind it; NULL otherwise. */
static cJSON *parse_object(const char *body, size_t len)
{
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(body, len, &end, 0);

    if (json != NULL && cJSON_IsObject(json) && end + strspn(end, " \t\r\n") == body + len)
        return json;
    cJSON_Delete(json);
    return NULL;
}

static const char *member_text(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

/* Older versions of the interface have the number twice, in the address and here; as a number or as
 * text, and empty where there is none. */
static bool read_id(const cJSON *json, int64_t *out)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(json, "id");
    char digits[32];

    *out = UPDRAFT_DDI_NO_ID;
    if (id == NULL || cJSON_IsNull(id))
        return true;
    if (cJSON_IsString(id)) {
        *out = updraft_ddi_id_parse(id->valuestring);
        return *out != UPDRAFT_DDI_NO_ID || id->valuestring[0] == '\0';
    }
    if (!cJSON_IsNumber(id) || !(id->valuedouble >= 0 && id->valuedouble <= (double)ID_MOST))
        return false;
    snprintf(digits, sizeof digits, "%.0f", id->valuedouble);
    *out = updraft_ddi_id_parse(digits);
    return (double)*out == id->valuedouble;
}

/* {"cnt":1,"of":4}: a share of the steps. SWUpdate counts without saying of how many. */
static bool read_progress(const cJSON *result, int8_t *out)
{
    const cJSON *progress = cJSON_GetObjectItemCaseSensitive(result, "progress");
    const cJSON *done = cJSON_GetObjectItemCaseSensitive(progress, "cnt");
    const cJSON *of = cJSON_GetObjectItemCaseSensitive(progress, "of");

    *out = UPDRAFT_NO_PROGRESS;
    if (progress == NULL || cJSON_IsNull(progress))
        return true;
    if (!cJSON_IsObject(progress) || !cJSON_IsNumber(done) ||
        !(done->valuedouble >= 0 && done->valuedouble <= COUNT_MOST))
        return false;
    if (of == NULL || cJSON_IsNull(of))
        return true;
    if (!cJSON_IsNumber(of) || !(of->valuedouble >= 0 && of->valuedouble <= COUNT_MOST))
        return false;
    if (of->valuedouble >= 1 && done->valuedouble <= of->valuedouble)
        *out = (int8_t)(100 * done->valuedouble / of->valuedouble);
    return true;
}

/* One after the other, "; " between them. */
static bool read_details(const cJSON *status, char *out, size_t cap)
{
    const cJSON *details = cJSON_GetObjectItemCaseSensitive(status, "details");
    const cJSON *detail;
    size_t used = 0, count = 0;

    out[0] = '\0';
    if (details == NULL || cJSON_IsNull(details))
        return true;
    if (!cJSON_IsArray(details))
        return false;
    cJSON_ArrayForEach(detail, details)
    {
        if (!cJSON_IsString(detail) || ++count > DETAIL_MOST)
            return false;
        if (detail->valuestring[0] == '\0' || cap - used < 4)
            continue;
        if (used > 0) {
            memcpy(out + used, "; ", 3);
            used += 2;
        }
        updraft_label_clean(detail->valuestring, out + used, cap - used);
        used += strlen(out + used);
    }
    return true;
}

static const char *read_stage(const cJSON *status, const cJSON *result,
                              struct updraft_ddi_feedback *out)
{
    static const struct {
        const char *execution;
        enum updraft_ddi_stage stage;
    } stages[] = {
        {"closed", UPDRAFT_DDI_FAILURE},        {"proceeding", UPDRAFT_DDI_PROCEEDING},
        {"canceled", UPDRAFT_DDI_CANCELED},     {"scheduled", UPDRAFT_DDI_NOTED},
        {"rejected", UPDRAFT_DDI_REJECTED},     {"resumed", UPDRAFT_DDI_PROCEEDING},
        {"downloaded", UPDRAFT_DDI_PROCEEDING}, {"download", UPDRAFT_DDI_PROCEEDING},
    };
    const char *execution = member_text(status, "execution");
    const char *finished = member_text(result, "finished");
    size_t at = 0;

    if (execution == NULL || finished == NULL)
        return "status.execution and status.result.finished are needed";
    if (strcmp(finished, "success") != 0 && strcmp(finished, "failure") != 0 &&
        strcmp(finished, "none") != 0)
        return "status.result.finished must be success, failure or none";
    while (at < sizeof stages / sizeof *stages && strcmp(stages[at].execution, execution) != 0)
        at++;
    if (at == sizeof stages / sizeof *stages)
        return "status.execution must be closed, proceeding, canceled, scheduled, rejected, "
               "resumed, download or downloaded";
    out->stage = stages[at].stage;
    /* Only a success that is said is one. */
    if (out->stage == UPDRAFT_DDI_FAILURE && strcmp(finished, "success") == 0)
        out->stage = UPDRAFT_DDI_SUCCESS;
    return NULL;
}

static const char *read_feedback(const cJSON *json, struct updraft_ddi_feedback *out)
{
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(json, "status");
    const cJSON *result = cJSON_GetObjectItemCaseSensitive(status, "result");

    if (!read_id(json, &out->id))
        return "id is not the number of an action";
    if (!cJSON_IsObject(status) || !cJSON_IsObject(result))
        return "status.execution and status.result.finished are needed";
    if (!read_progress(result, &out->progress))
        return "status.result.progress must be {\"cnt\":number,\"of\":number}";
    if (!read_details(status, out->details, sizeof out->details))
        return "status.details must be a list of at most 200 texts";
    return read_stage(status, result, out);
}

const char *updraft_ddi_feedback_read(const char *body, size_t len,
                                      struct updraft_ddi_feedback *out)
{
    cJSON *json = parse_object(body, len);
    const char *wrong;

    memset(out, 0, sizeof *out);
    if (json == NULL)
        return "the feedback is not a JSON object";
    wrong = read_feedback(json, out);
    cJSON_Delete(json);
    return wrong;
}

static const char *read_attributes(const cJSON *data, struct updraft_ddi_config *out)
{
    const cJSON *item;
    size_t count = 0;

    cJSON_ArrayForEach(item, data)
    {
        if (++count > ATTRIBUTE_COUNT_MOST)
            return "there are more than 100 attributes";
        if (!cJSON_IsString(item) || strlen(item->string) > ATTRIBUTE_KEY_MOST ||
            strlen(item->valuestring) > ATTRIBUTE_VALUE_MOST)
            return "an attribute is no text, or its key has over 128 bytes or its value over 256";
        /* One that cannot be kept is as good as none. A refusal here would keep the device from the
         * very update that mends it. */
        if (strcmp(item->string, "version") == 0 && updraft_version_valid(item->valuestring))
            updraft_name_set(out->version, sizeof out->version, item->valuestring);
        if (strcmp(item->string, "name") == 0 &&
            updraft_label_valid(item->valuestring, sizeof out->name))
            updraft_name_set(out->name, sizeof out->name, item->valuestring);
    }
    return NULL;
}

static const char *read_config(const cJSON *json, struct updraft_ddi_config *out)
{
    const cJSON *mode = cJSON_GetObjectItemCaseSensitive(json, "mode");
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
    const char *text = cJSON_GetStringValue(mode);

    if (mode != NULL && !cJSON_IsNull(mode) &&
        (text == NULL || (strcmp(text, "merge") != 0 && strcmp(text, "replace") != 0 &&
                          strcmp(text, "remove") != 0)))
        return "mode must be merge, replace or remove";
    if (!cJSON_IsObject(data))
        return "data must be an object of texts";
    const char *wrong = read_attributes(data, out);
    if (wrong == NULL && text != NULL && strcmp(text, "remove") == 0)
        memset(out, 0, sizeof *out);
    return wrong;
}

const char *updraft_ddi_config_read(const char *body, size_t len, struct updraft_ddi_config *out)
{
    cJSON *json = parse_object(body, len);
    const char *wrong;

    memset(out, 0, sizeof *out);
    if (json == NULL)
        return "the attributes are not a JSON object";
    wrong = read_config(json, out);
    cJSON_Delete(json);
    return wrong;
}
