#include "format/descriptor.h"

#include "format/document.h"
#include "format/text.h"
#include "format/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Every byte that encode lets through takes at most two in JSON, so what it writes is never refused
 * for its length. */
_Static_assert(sizeof("{\"version\":\"\",\"path\":\"\"}") + 2u * UPDRAFT_DESCRIPTOR_VERSION_CAP +
                       2u * UPDRAFT_DESCRIPTOR_PATH_CAP <=
                   UPDRAFT_DESCRIPTOR_LEN_CAP,
               "decode takes everything that encode writes");
_Static_assert(UPDRAFT_DESCRIPTOR_TOKEN_CAP == UPDRAFT_DOCUMENT_TOKEN_CAP, "as the header says");

/* The value of the first member of that name. */
static enum updraft_error copy_member(const struct updraft_document *document, const char *name,
                                      char *out, size_t out_cap)
{
    size_t value = updraft_document_find(document, 0, name);
    enum updraft_error error;

    if (value == 0)
        return UPDRAFT_E_DESCRIPTOR;
    error = updraft_document_text(document, value, out, out_cap);
    if (error == UPDRAFT_E_JSON || (error == UPDRAFT_OK && out[0] == '\0'))
        return UPDRAFT_E_DESCRIPTOR;
    return error;
}

enum updraft_error updraft_descriptor_decode(const char *json, size_t len,
                                             struct updraft_descriptor *out)
{
    struct updraft_document document;
    struct updraft_descriptor decoded = {0};
    enum updraft_error error;

    if (len > UPDRAFT_DESCRIPTOR_LEN_CAP)
        return UPDRAFT_E_TOO_LONG;
    if (!updraft_document_parse(&document, json, len))
        return UPDRAFT_E_JSON;
    error = copy_member(&document, "version", decoded.version, sizeof(decoded.version));
    if (error == UPDRAFT_OK)
        error = copy_member(&document, "path", decoded.path, sizeof(decoded.path));
    if (error != UPDRAFT_OK)
        return error;
    *out = decoded;
    return UPDRAFT_OK;
}

/* Control characters make no version and no address. */
static bool is_usable(uint32_t code)
{
    return code >= 0x20u && code != 0x7Fu;
}

static bool is_usable_text(const char *s)
{
    size_t len = strlen(s);
    size_t pos = 0;

    while (pos < len) {
        uint32_t code;
        size_t taken = updraft_utf8_get(s + pos, len - pos, &code);

        if (taken == 0 || !is_usable(code))
            return false;
        pos += taken;
    }
    return len > 0;
}

enum updraft_error updraft_descriptor_encode(const struct updraft_descriptor *descriptor, char *out,
                                             size_t out_cap, size_t *len)
{
    struct updraft_text text;

    if (!is_usable_text(descriptor->version) || !is_usable_text(descriptor->path))
        return UPDRAFT_E_DESCRIPTOR;
    if (out_cap == 0)
        return UPDRAFT_E_NO_SPACE;
    updraft_text_init(&text, out, out_cap);
    updraft_text_str(&text, "{\"version\":\"");
    updraft_text_json(&text, descriptor->version);
    updraft_text_str(&text, "\",\"path\":\"");
    updraft_text_json(&text, descriptor->path);
    updraft_text_str(&text, "\"}");
    if (text.cut)
        return UPDRAFT_E_NO_SPACE;
    *len = text.len;
    return UPDRAFT_OK;
}
