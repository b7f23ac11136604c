#include "server/operator_api/label_edit.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MOST 64u /* tags, or attributes, of a device */
#define WORD_LEN   32u /* of a tag, or the name of an attribute */

/* Texts that stand elsewhere. */
struct words {
    const char *at[WORDS_MOST];
    size_t len[WORDS_MOST];
    size_t count;
};

static bool is_word(const char *text)
{
    return updraft_name_valid(text) && strlen(text) <= WORD_LEN;
}

/* --- reading --- */

static const char *read_text(const cJSON *item, const char **out)
{
    if (!cJSON_IsString(item) && !cJSON_IsNull(item))
        return "name, group and channel are texts";
    *out = cJSON_IsNull(item) ? "" : item->valuestring;
    return NULL;
}

static const char *read_tags(const cJSON *item, const cJSON **out)
{
    const cJSON *tag;

    if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) > (int)WORDS_MOST)
        return "tags is a list of up to 64 texts";
    cJSON_ArrayForEach(tag, item)
    {
        if (!cJSON_IsString(tag) || !is_word(tag->valuestring))
            return "a tag has 1 to 32 of A-Z a-z 0-9 . _ -";
    }
    *out = item;
    return NULL;
}

static const char *read_attributes(const cJSON *item, const cJSON **out)
{
    const cJSON *attribute;

    if (!cJSON_IsObject(item) || cJSON_GetArraySize(item) > (int)WORDS_MOST)
        return "attributes is an object of up to 64 texts";
    cJSON_ArrayForEach(attribute, item)
    {
        if (!is_word(attribute->string))
            return "the name of an attribute has 1 to 32 of A-Z a-z 0-9 . _ -";
        if (!cJSON_IsNull(attribute) &&
            (!cJSON_IsString(attribute) ||
             !updraft_label_valid(attribute->valuestring, UPDRAFT_LABEL_CAP)))
            return "an attribute has up to 63 bytes of text, or is null to go";
    }
    *out = item;
    return NULL;
}

static const char *read_retry(const cJSON *item, struct updraft_label_edit *edit)
{
    edit->retry = cJSON_IsTrue(item);
    return cJSON_IsBool(item) ? NULL : "retry is true or false";
}

static const char *read_member(const cJSON *item, const char *const *also,
                               struct updraft_label_edit *edit)
{
    const char *name = item->string;

    if (strcmp(name, "name") == 0)
        return read_text(item, &edit->name);
    if (strcmp(name, "group") == 0)
        return read_text(item, &edit->group);
    if (strcmp(name, "channel") == 0)
        return read_text(item, &edit->channel);
    if (strcmp(name, "tags") == 0)
        return read_tags(item, &edit->tags);
    if (strcmp(name, "add_tags") == 0)
        return read_tags(item, &edit->add_tags);
    if (strcmp(name, "remove_tags") == 0)
        return read_tags(item, &edit->remove_tags);
    if (strcmp(name, "attributes") == 0)
        return read_attributes(item, &edit->attributes);
    if (strcmp(name, "retry") == 0)
        return read_retry(item, edit);
    while (*also != NULL && strcmp(*also, name) != 0)
        also++;
    return *also != NULL ? NULL
                         : "there are name, group, channel, tags, add_tags, remove_tags, "
                           "attributes and retry";
}

const char *updraft_label_edit_read(const cJSON *json, const char *const *also,
                                    struct updraft_label_edit *edit)
{
    const cJSON *item;

    memset(edit, 0, sizeof *edit);
    if (!cJSON_IsObject(json))
        return "the body is not a JSON object";
    cJSON_ArrayForEach(item, json)
    {
        const char *wrong = read_member(item, also, edit);
        if (wrong != NULL)
            return wrong;
    }
    if (edit->name != NULL && !updraft_label_valid(edit->name, UPDRAFT_LABEL_CAP))
        return "name has over 63 bytes, or some that cannot be shown";
    if (edit->group != NULL && edit->group[0] != '\0' && !updraft_name_valid(edit->group))
        return "group must be 1 to 64 of A-Z a-z 0-9 . _ -";
    if (edit->channel != NULL && edit->channel[0] != '\0' && !updraft_name_valid(edit->channel))
        return "channel must be 1 to 64 of A-Z a-z 0-9 . _ -";
    return NULL;
}

/* --- applying --- */

/* Parts text at each separator. */
static void split(const char *text, char separator, struct words *words)
{
    while (*text != '\0' && words->count < WORDS_MOST) {
        const char *end = strchr(text, separator);
        size_t len = end == NULL ? strlen(text) : (size_t)(end - text);
        words->at[words->count] = text;
        words->len[words->count++] = len;
        text += len + (end != NULL);
    }
}

/* How much of a word counts: all of a tag, the name of an attribute. */
static size_t key_len(const char *text, size_t len, char ends)
{
    const char *end = memchr(text, ends, len);

    return end == NULL ? len : (size_t)(end - text);
}

/* Where it stands, or would. */
static size_t place(const struct words *words, const char *key, size_t len, char ends, bool *found)
{
    size_t at = 0;

    *found = false;
    for (; at < words->count && !*found; at++) {
        size_t other = key_len(words->at[at], words->len[at], ends);
        int order = memcmp(words->at[at], key, other < len ? other : len);
        if (order == 0 && other == len)
            *found = true;
        else if (order > 0 || (order == 0 && other > len))
            break;
    }
    return *found ? at - 1 : at;
}

static void take_out(struct words *words, size_t at)
{
    words->count--;
    memmove(words->at + at, words->at + at + 1, (words->count - at) * sizeof *words->at);
    memmove(words->len + at, words->len + at + 1, (words->count - at) * sizeof *words->len);
}

/* False when there are too many. */
static bool put_in(struct words *words, const char *text, size_t len, char ends)
{
    bool found;
    size_t at = place(words, text, key_len(text, len, ends), ends, &found);

    if (!found) {
        if (words->count == WORDS_MOST)
            return false;
        memmove(words->at + at + 1, words->at + at, (words->count - at) * sizeof *words->at);
        memmove(words->len + at + 1, words->len + at, (words->count - at) * sizeof *words->len);
        words->count++;
    }
    words->at[at] = text;
    words->len[at] = len;
    return true;
}

static bool join(const struct words *words, char separator, char *out, size_t cap)
{
    size_t used = 0;

    for (size_t i = 0; i < words->count; i++) {
        if (used + words->len[i] + 2 > cap)
            return false;
        if (i > 0)
            out[used++] = separator;
        memcpy(out + used, words->at[i], words->len[i]);
        used += words->len[i];
    }
    out[used] = '\0';
    return true;
}

static const char *apply_tags(const struct updraft_label_edit *edit, struct updraft_labels_row *row)
{
    struct words words = {.count = 0};
    char old[UPDRAFT_TAGS_CAP];
    const cJSON *tag;
    bool ok = true, found;

    memcpy(old, row->tags, sizeof old);
    if (edit->tags == NULL)
        split(old, ' ', &words);
    cJSON_ArrayForEach(tag, edit->tags)
    {
        ok = ok && put_in(&words, tag->valuestring, strlen(tag->valuestring), '\0');
    }
    cJSON_ArrayForEach(tag, edit->add_tags)
    {
        ok = ok && put_in(&words, tag->valuestring, strlen(tag->valuestring), '\0');
    }
    cJSON_ArrayForEach(tag, edit->remove_tags)
    {
        size_t at = place(&words, tag->valuestring, strlen(tag->valuestring), '\0', &found);
        if (found)
            take_out(&words, at);
    }
    return ok && join(&words, ' ', row->tags, sizeof row->tags)
               ? NULL
               : "a device has at most 64 tags, of 255 bytes together";
}

static const char *apply_attributes(const struct updraft_label_edit *edit,
                                    struct updraft_labels_row *row)
{
    char lines[WORDS_MOST][WORD_LEN + 1 + UPDRAFT_LABEL_CAP + 1];
    struct words words = {.count = 0};
    char old[UPDRAFT_ATTRIBUTES_CAP];
    const cJSON *attribute;
    size_t used = 0;
    bool ok = true, found;

    memcpy(old, row->attributes, sizeof old);
    split(old, '\n', &words);
    cJSON_ArrayForEach(attribute, edit->attributes)
    {
        const char *name = attribute->string;
        size_t name_len = strlen(name), len;
        size_t at = place(&words, name, name_len, '=', &found);
        if (found)
            take_out(&words, at);
        if (cJSON_IsNull(attribute) || attribute->valuestring[0] == '\0')
            continue;
        len = name_len + 1 + strlen(attribute->valuestring);
        memcpy(lines[used], name, name_len);
        lines[used][name_len] = '=';
        memcpy(lines[used] + name_len + 1, attribute->valuestring, len - name_len - 1);
        ok = ok && put_in(&words, lines[used++], len, '=');
    }
    return ok && join(&words, '\n', row->attributes, sizeof row->attributes)
               ? NULL
               : "a device has at most 64 attributes, of 511 bytes together";
}

const char *updraft_label_edit_apply(const struct updraft_label_edit *edit, int64_t now_ms,
                                     struct updraft_labels_row *row)
{
    const char *wrong = apply_tags(edit, row);

    if (edit->name != NULL)
        updraft_name_set(row->name, sizeof row->name, edit->name);
    if (edit->group != NULL)
        updraft_name_set(row->group, sizeof row->group, edit->group);
    if (edit->channel != NULL)
        updraft_name_set(row->channel, sizeof row->channel, edit->channel);
    if (edit->retry)
        row->retry_ms = now_ms;
    if (wrong == NULL && edit->attributes != NULL)
        wrong = apply_attributes(edit, row);
    return wrong;
}
