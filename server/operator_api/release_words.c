#include "server/operator_api/release_words.h"

#include "format/version.h"
#include "server/operator_api/objects.h"
#include "server/operator_api/operator_api.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <string.h>

/* --- the words, from any text; each gives NULL or what is wrong --- */

/* CVE-2026-1234, in capitals. */
static bool take_cve(const char *text, size_t len, char *out)
{
    static const char prefix[] = "CVE-";
    size_t at = sizeof prefix - 1;

    for (size_t i = 0; i < len; i++)
        out[i] = (char)toupper((unsigned char)text[i]);
    out[len] = '\0';
    return len >= 13 && strncmp(out, prefix, at) == 0 && strspn(out + at, "0123456789") == 4 &&
           out[at + 4] == '-' && strspn(out + at + 5, "0123456789") == len - at - 5;
}

/* A list parted by blanks or commas, added to what is there. */
static const char *add_cves(struct updraft_release_words *words, const char *text)
{
    words->has_cves = true;
    for (;;) {
        size_t used = strlen(words->cves), len;
        text += strspn(text, " ,");
        if (*text == '\0')
            return NULL;
        len = strcspn(text, " ,");
        if (used + 1 + len + 1 > sizeof words->cves)
            return "cves has over 255 bytes";
        if (used > 0)
            words->cves[used++] = ' ';
        if (!take_cve(text, len, words->cves + used))
            return "cves are named like CVE-2026-1234";
        text += len;
    }
}

static const char *take_min_from(struct updraft_release_words *words, const char *text)
{
    words->has_min_from = true;
    if (text[0] != '\0' && (!updraft_version_valid(text) || !updraft_version_is_numbered(text)))
        return "min_from must be a version that begins with a number";
    updraft_name_set(words->min_from, sizeof words->min_from, text);
    return NULL;
}

static const char *take_notes(struct updraft_release_words *words, const char *text)
{
    words->has_notes = true;
    if (!updraft_label_valid(text, UPDRAFT_NOTES_CAP))
        return "notes may have 1023 bytes of plain text in one line";
    updraft_name_set(words->notes, sizeof words->notes, text);
    return NULL;
}

static const char *take_security(struct updraft_release_words *words, const char *text)
{
    words->has_security = true;
    words->security = strcmp(text, "true") == 0;
    return words->security || strcmp(text, "false") == 0 ? NULL : "security is true or false";
}

bool updraft_release_words_query(const struct updraft_request *request,
                                 struct updraft_release_words *words,
                                 struct updraft_response *response)
{
    static const struct updraft_refusal bad = {
        400, "bad_release", "Say security=true, cve=CVE-2026-1234, min_from=1.0.0, or none."};
    const char *security = updraft_request_query(request, "security");
    const char *cves = updraft_request_query(request, "cve");
    const char *min_from = updraft_request_query(request, "min_from");
    const char *wrong = NULL;

    memset(words, 0, sizeof *words);
    if (security != NULL)
        wrong = take_security(words, security);
    if (wrong == NULL && cves != NULL)
        wrong = add_cves(words, cves);
    if (wrong == NULL && min_from != NULL)
        wrong = take_min_from(words, min_from);
    if (wrong != NULL)
        updraft_response_refuse(response, &bad, "%s", wrong);
    return wrong == NULL;
}

bool updraft_release_words_any(const struct updraft_release_words *words)
{
    return words->has_notes || words->has_security || words->has_cves || words->has_min_from;
}

void updraft_release_words_apply(const struct updraft_release_words *words,
                                 struct updraft_release_row *row)
{
    if (words->has_notes)
        updraft_name_set(row->notes, sizeof row->notes, words->notes);
    if (words->has_security)
        row->security = words->security;
    if (words->has_cves)
        updraft_name_set(row->cves, sizeof row->cves, words->cves);
    if (words->has_min_from)
        updraft_name_set(row->min_from, sizeof row->min_from, words->min_from);
}

/* --- PATCH --- */

static const char *read_cves(const cJSON *item, struct updraft_release_words *words)
{
    const cJSON *element;
    const char *wrong = NULL;

    words->has_cves = true;
    cJSON_ArrayForEach(element, item)
    {
        if (wrong == NULL)
            wrong = cJSON_IsString(element) ? add_cves(words, element->valuestring)
                                            : "cves is a list of texts";
    }
    return wrong;
}

static const char *read_member(const cJSON *item, struct updraft_release_words *words)
{
    const char *text = cJSON_IsString(item) ? item->valuestring : "";

    if (strcmp(item->string, "notes") == 0 && cJSON_IsString(item))
        return take_notes(words, text);
    if (strcmp(item->string, "min_from") == 0 && (cJSON_IsString(item) || cJSON_IsNull(item)))
        return take_min_from(words, text);
    if (strcmp(item->string, "security") == 0 && cJSON_IsBool(item))
        return take_security(words, cJSON_IsTrue(item) ? "true" : "false");
    if (strcmp(item->string, "cves") == 0 && cJSON_IsArray(item))
        return read_cves(item, words);
    return "there are notes and min_from (text), security (true or false) and cves (a list)";
}

static const char *read_words(const struct updraft_request *request,
                              struct updraft_release_words *words)
{
    cJSON *json = cJSON_ParseWithLength(request->body, request->body_len);
    const char *wrong = cJSON_IsObject(json) ? NULL : "the body is not a JSON object";
    const cJSON *item;

    memset(words, 0, sizeof *words);
    if (wrong == NULL)
        cJSON_ArrayForEach(item, json)
        {
            if (wrong == NULL)
                wrong = read_member(item, words);
        }
    cJSON_Delete(json);
    return wrong;
}

static const struct updraft_release *find(const struct updraft_view *view,
                                          const struct updraft_request *request)
{
    const struct updraft_product *product =
        updraft_fleet_find_product(view->fleet, request->segments[0]);

    return product == NULL
               ? NULL
               : updraft_fleet_find_release(view->fleet, product->row.id, request->segments[1]);
}

static void show(const struct updraft_view *view, const struct updraft_request *request,
                 struct updraft_response *response)
{
    struct updraft_json json;

    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_object_release(&json, "release", view->fleet, find(view, request));
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}

void updraft_releases_edit(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response)
{
    static const struct updraft_refusal bad = {
        400, "bad_release",
        "Send {\"security\":true,\"cves\":[\"CVE-2026-1234\"],\"min_from\":\"1.0.0\"}, or some of "
        "it."};
    static const struct updraft_refusal absent = {404, "release_not_found",
                                                  "List the releases with 'updraft releases'."};
    const struct updraft_release *release = find(view, request);
    struct updraft_release_words words;
    const char *wrong = read_words(request, &words);

    if (wrong != NULL) {
        updraft_response_refuse(response, &bad, "%s", wrong);
        return;
    }
    if (release == NULL) {
        updraft_response_refuse(response, &absent, "there is no such release");
        return;
    }
    updraft_plan_about(plan, "%s %s", release->product->row.name, release->row.version);
    struct updraft_release_row *row = &updraft_plan_add(plan, UPDRAFT_CHANGE_RELEASE)->row.release;
    *row = release->row;
    updraft_release_words_apply(&words, row);
    plan->key = UPDRAFT_PLAN_KEY_CATALOGUE;
    response->status = 200;
    response->after_commit = show;
}
