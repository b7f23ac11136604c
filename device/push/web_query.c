#include "device/push/web_query.h"

#include <string.h>

const char *updraft_web_query_value(const char *query, const char *name, size_t *len)
{
    size_t name_len = strlen(name);

    while (query != NULL && *query != '\0') {
        const char *end = strchr(query, '&');
        size_t field_len = end != NULL ? (size_t)(end - query) : strlen(query);

        if (field_len > name_len && memcmp(query, name, name_len) == 0 && query[name_len] == '=') {
            *len = field_len - name_len - 1;
            return query + name_len + 1;
        }
        query = end != NULL ? end + 1 : NULL;
    }
    return NULL;
}
