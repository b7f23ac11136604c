/* The first half of ElegantOTA 3's upload: GET /ota/start?mode=fs&hash=<md5> says what the POST
 * /ota/upload behind it will bring. The stock device begins, and erases, on that GET. Here a GET
 * changes nothing: what it said is noted, for the same client and for a minute, and an upload that
 * comes without it, or names another MD5, is taken for what it says itself.
 *
 * Owns: the one note. Memory: the struct. Nothing in flash.
 * Source: ElegantOTA.cpp of ElegantOTA 3.1.7. */
#ifndef UPDRAFT_DEVICE_PUSH_WEB_START_H
#define UPDRAFT_DEVICE_PUSH_WEB_START_H

#include "format/digest.h"
#include "format/error.h"

#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_WEB_CLIENT_CAP 48u /* an IPv6 address as text, and NUL */
#define UPDRAFT_WEB_START_MS   60000u

struct updraft_web_start {
    char client[UPDRAFT_WEB_CLIENT_CAP]; /* "": nothing is noted */
    uint64_t at_ms;
    uint8_t md5[UPDRAFT_MD5_LEN];
    bool has_md5;
    bool data_partition;
};

/* Notes what the query ("mode=fr&hash=...", may be empty) of that client says. E_BAD_DIGEST when its
 * hash is none; then nothing is noted. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_web_start_note(struct updraft_web_start *start,
                                                             const char *client, const char *query,
                                                             uint64_t now_ms);

/* True, and once, when there is a young note of that client which does not contradict md5 (the one
 * the form itself named; NULL: none). */
bool updraft_web_start_take(struct updraft_web_start *start, const char *client, const uint8_t *md5,
                            uint64_t now_ms);

#endif
