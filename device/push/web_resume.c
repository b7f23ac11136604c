#include "device/push/web_resume.h"

#include "device/push/web_auth.h"
#include "device/push/web_query.h"
#include "format/text.h"

#include <string.h>

static const char *skip_blanks(const char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    return text;
}

/* A dictionary of algorithms; those besides sha-256 are passed over. */
static enum updraft_error read_digest(const char *text, struct updraft_web_part *part)
{
    static const char name[] = "sha-256=:";
    char base64[4 * ((UPDRAFT_SHA256_LEN + 2) / 3) + 1];
    size_t len;

    while (text != NULL) {
        text = skip_blanks(text);
        if (strncmp(text, name, sizeof name - 1) == 0)
            break;
        text = strchr(text, ',');
        text = text != NULL ? text + 1 : NULL;
    }
    if (text == NULL)
        return UPDRAFT_OK;
    text += sizeof name - 1;
    const char *end = strchr(text, ':');
    if (end == NULL || (size_t)(end - text) >= sizeof base64)
        return UPDRAFT_E_BAD_DIGEST;
    memcpy(base64, text, (size_t)(end - text));
    base64[end - text] = '\0';
    if (!updraft_web_decode_base64(base64, part->sha256, sizeof part->sha256, &len) ||
        len != sizeof part->sha256)
        return UPDRAFT_E_BAD_DIGEST;
    part->has_sha256 = true;
    return UPDRAFT_OK;
}

static bool read_number(const char **text, char behind, uint32_t *value)
{
    size_t used;

    if (!updraft_text_parse_u32(*text, strlen(*text), value, &used) || (*text)[used] != behind)
        return false;
    *text += used + (behind != '\0' ? 1u : 0u);
    return true;
}

static enum updraft_error read_range(const char *text, uint32_t body_len,
                                     struct updraft_web_part *part)
{
    static const char unit[] = "bytes ";
    uint32_t off, last, total;

    if (strncmp(text, unit, sizeof unit - 1) != 0)
        return UPDRAFT_E_PROTOCOL;
    text = skip_blanks(text + sizeof unit - 1);
    if (!read_number(&text, '-', &off) || !read_number(&text, '/', &last) ||
        !read_number(&text, '\0', &total))
        return UPDRAFT_E_PROTOCOL;
    if (off > last || last != total - 1 || body_len != total - off)
        return UPDRAFT_E_PROTOCOL;
    part->off = off;
    part->total = total;
    return UPDRAFT_OK;
}

enum updraft_error updraft_web_part_read(const char *repr_digest, const char *content_range,
                                         uint32_t body_len, struct updraft_web_part *part)
{
    enum updraft_error error;

    *part = (struct updraft_web_part){.total = body_len};
    error = read_digest(repr_digest, part);
    if (error == UPDRAFT_OK && content_range != NULL)
        error = read_range(content_range, body_len, part);
    return error;
}

enum updraft_error updraft_web_part_ask(const char *query, struct updraft_web_part *part)
{
    size_t sha256_len = 0, size_len = 0, used;
    const char *sha256 = updraft_web_query_value(query, "sha256", &sha256_len);
    const char *size = updraft_web_query_value(query, "size", &size_len);

    *part = (struct updraft_web_part){.has_sha256 = true};
    if (sha256 == NULL ||
        !updraft_text_unhex(sha256, sha256_len, part->sha256, sizeof part->sha256))
        return UPDRAFT_E_BAD_DIGEST;
    if (size == NULL || !updraft_text_parse_u32(size, size_len, &part->total, &used) ||
        used != size_len)
        return UPDRAFT_E_PROTOCOL;
    return UPDRAFT_OK;
}
