/* Writes JSON into a growing buffer: objects and arrays are opened and closed, commas and escapes come
 * by themselves. Reading is cJSON's business, but for one rule of ours. The caller owns the text that finish gives and frees
 * it. Texts must be valid UTF-8 (names.h sees to that). */
#ifndef UPDRAFT_SERVER_JSON_H
#define UPDRAFT_SERVER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct updraft_json {
    char *out;
    size_t len;
    size_t cap;
    bool wants_comma;
};

void updraft_json_init(struct updraft_json *json);
/* key NULL: an element of an array, or the outermost value. */
void updraft_json_open(struct updraft_json *json, const char *key, char bracket);
void updraft_json_close(struct updraft_json *json, char bracket);
void updraft_json_text(struct updraft_json *json, const char *key, const char *text);
void updraft_json_number(struct updraft_json *json, const char *key, int64_t number);
void updraft_json_bool(struct updraft_json *json, const char *key, bool value);
void updraft_json_null(struct updraft_json *json, const char *key);
void updraft_json_hex(struct updraft_json *json, const char *key, const uint8_t *bytes, size_t len);
/* NUL-terminated; *len without the NUL. The writer is empty afterwards. */
char *updraft_json_finish(struct updraft_json *json, size_t *len);

struct cJSON;
/* One value and nothing behind it but blanks; NULL otherwise. text[len] is NUL. cJSON_Delete() it. */
struct cJSON *updraft_json_read(const char *text, size_t len);

#endif
