#include "server/json.h"

#include "server/memory.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put(struct updraft_json *json, const char *bytes, size_t len)
{
    if (json->cap - json->len < len + 1) {
        size_t cap = json->cap == 0 ? 256 : json->cap;
        while (cap - json->len < len + 1)
            cap *= 2;
        json->out = updraft_memory_grow(json->out, cap, 1);
        json->cap = cap;
    }
    memcpy(json->out + json->len, bytes, len);
    json->len += len;
}

static void put_text(struct updraft_json *json, const char *text)
{
    static const char hex[] = "0123456789abcdef";

    put(json, "\"", 1);
    for (const char *start = text;;) {
        size_t plain = 0;
        while ((unsigned char)start[plain] >= 0x20 && start[plain] != '"' && start[plain] != '\\')
            plain++;
        put(json, start, plain);
        unsigned char c = (unsigned char)start[plain];
        if (c == '\0')
            break;
        if (c == '"' || c == '\\') {
            char escape[2] = {'\\', (char)c};
            put(json, escape, sizeof escape);
        } else {
            char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            put(json, escape, sizeof escape);
        }
        start += plain + 1;
    }
    put(json, "\"", 1);
}

static void begin_value(struct updraft_json *json, const char *key)
{
    if (json->wants_comma)
        put(json, ",", 1);
    json->wants_comma = true;
    if (key != NULL) {
        put_text(json, key);
        put(json, ":", 1);
    }
}

void updraft_json_init(struct updraft_json *json)
{
    memset(json, 0, sizeof *json);
}

void updraft_json_open(struct updraft_json *json, const char *key, char bracket)
{
    begin_value(json, key);
    put(json, &bracket, 1);
    json->wants_comma = false;
}

void updraft_json_close(struct updraft_json *json, char bracket)
{
    put(json, &bracket, 1);
    json->wants_comma = true;
}

void updraft_json_text(struct updraft_json *json, const char *key, const char *text)
{
    begin_value(json, key);
    put_text(json, text);
}

void updraft_json_number(struct updraft_json *json, const char *key, int64_t number)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRId64, number);

    begin_value(json, key);
    put(json, digits, (size_t)len);
}

void updraft_json_bool(struct updraft_json *json, const char *key, bool value)
{
    begin_value(json, key);
    put(json, value ? "true" : "false", value ? 4 : 5);
}

void updraft_json_null(struct updraft_json *json, const char *key)
{
    begin_value(json, key);
    put(json, "null", 4);
}

void updraft_json_hex(struct updraft_json *json, const char *key, const uint8_t *bytes, size_t len)
{
    static const char hex[] = "0123456789abcdef";

    begin_value(json, key);
    put(json, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        char digits[2] = {hex[bytes[i] >> 4], hex[bytes[i] & 15]};
        put(json, digits, sizeof digits);
    }
    put(json, "\"", 1);
}

char *updraft_json_finish(struct updraft_json *json, size_t *len)
{
    char *out;

    put(json, "", 0);
    json->out[json->len] = '\0';
    out = json->out;
    *len = json->len;
    updraft_json_init(json);
    return out;
}

struct cJSON *updraft_json_read(const char *text, size_t len)
{
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(text, len, &end, 0);

    if (json != NULL && end + strspn(end, " \t\r\n") == text + len)
        return json;
    cJSON_Delete(json);
    return NULL;
}
