#include "server/operator_api/tokens.h"

#include "format/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

#define TOKEN_LEN (UPDRAFT_TOKEN_CAP - 1)

static void hash_token(const char *token, size_t len, uint8_t hash[UPDRAFT_SHA256_LEN])
{
    struct updraft_digest digest;

    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, token, len);
    updraft_digest_finish(&digest, hash);
}

static bool read_file(const char *path, char token[UPDRAFT_TOKEN_CAP])
{
    uint8_t bytes[TOKEN_LEN / 2];
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    ssize_t got = read(fd, token, TOKEN_LEN);
    close(fd);
    token[TOKEN_LEN] = '\0';
    if (got == (ssize_t)TOKEN_LEN && updraft_text_unhex(token, TOKEN_LEN, bytes, sizeof bytes))
        return true;
    /* Not "absent": a file that someone broke is not silently replaced. */
    errno = EBADMSG;
    return false;
}

bool updraft_token_make(char token[UPDRAFT_TOKEN_CAP], uint8_t hash[UPDRAFT_SHA256_LEN])
{
    uint8_t bytes[TOKEN_LEN / 2];
    struct updraft_text text;

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return false;
    updraft_text_init(&text, token, UPDRAFT_TOKEN_CAP);
    updraft_text_hex(&text, bytes, sizeof bytes);
    hash_token(token, TOKEN_LEN, hash);
    return true;
}

static bool write_file(const char *path, char token[UPDRAFT_TOKEN_CAP])
{
    uint8_t hash[UPDRAFT_SHA256_LEN];

    if (!updraft_token_make(token, hash))
        return false;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool ok = dprintf(fd, "%s\n", token) == (int)TOKEN_LEN + 1 && fsync(fd) == 0;
    int error = errno;
    close(fd);
    if (!ok)
        unlink(path);
    errno = error;
    return ok;
}

bool updraft_token_present(const char *data_dir)
{
    char path[1024];

    snprintf(path, sizeof path, "%s/token", data_dir);
    return access(path, F_OK) == 0;
}

enum updraft_token_origin updraft_token_open(const char *data_dir, int64_t now_ms,
                                             char token[UPDRAFT_TOKEN_CAP],
                                             struct updraft_token_row *row)
{
    enum updraft_token_origin origin = UPDRAFT_TOKEN_KEPT;
    char path[1024];

    snprintf(path, sizeof path, "%s/token", data_dir);
    if (!read_file(path, token)) {
        if (errno != ENOENT || !write_file(path, token))
            return UPDRAFT_TOKEN_FAILED;
        origin = UPDRAFT_TOKEN_NEW;
    }
    memset(row, 0, sizeof *row);
    row->id = UPDRAFT_TOKEN_FIRST_ID;
    row->role = UPDRAFT_ROLE_ADMIN;
    hash_token(token, TOKEN_LEN, row->hash);
    updraft_name_set(row->name, sizeof row->name, "first");
    row->created_ms = now_ms;
    return origin;
}

const struct updraft_token_row *updraft_token_find(const struct updraft_fleet *fleet,
                                                   const char *authorization, int64_t now_ms)
{
    const struct updraft_token_row *found = NULL;
    uint8_t hash[UPDRAFT_SHA256_LEN];

    if (authorization == NULL || strncasecmp(authorization, "Bearer ", 7) != 0)
        return NULL;
    const char *token = authorization + 7 + strspn(authorization + 7, " ");
    hash_token(token, strlen(token), hash);
    for (size_t i = 0; i < fleet->token_count; i++) {
        const struct updraft_token_row *row = &fleet->tokens[i];
        bool expired = row->expires_ms != 0 && row->expires_ms <= now_ms;
        if (updraft_text_equal_constant_time(hash, row->hash, sizeof hash) && !expired)
            found = row;
    }
    return found;
}
