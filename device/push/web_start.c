#include "device/push/web_start.h"

#include "device/push/web_query.h"
#include "format/text.h"

#include <string.h>

enum updraft_error updraft_web_start_note(struct updraft_web_start *start, const char *client,
                                          const char *query, uint64_t now_ms)
{
    size_t mode_len = 0, hash_len = 0, client_len = strlen(client);
    const char *mode = updraft_web_query_value(query, "mode", &mode_len);
    const char *hash = updraft_web_query_value(query, "hash", &hash_len);
    struct updraft_web_start note = {.at_ms = now_ms};

    note.data_partition = mode != NULL && mode_len == 2 && memcmp(mode, "fs", 2) == 0;
    note.has_md5 = hash != NULL && hash_len > 0;
    if (note.has_md5 && !updraft_text_unhex(hash, hash_len, note.md5, sizeof note.md5))
        return UPDRAFT_E_BAD_DIGEST;
    if (client_len < sizeof note.client)
        memcpy(note.client, client, client_len);
    *start = note;
    return UPDRAFT_OK;
}

bool updraft_web_start_take(struct updraft_web_start *start, const char *client, const uint8_t *md5,
                            uint64_t now_ms)
{
    bool is_known = start->client[0] != '\0' && strcmp(start->client, client) == 0 &&
                    now_ms - start->at_ms <= UPDRAFT_WEB_START_MS;

    /* A note that names another file is not of this upload's sender. */
    if (!is_known || (md5 != NULL && start->has_md5 && memcmp(md5, start->md5, UPDRAFT_MD5_LEN)))
        return false;
    start->client[0] = '\0';
    return true;
}
