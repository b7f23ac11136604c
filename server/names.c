#include "server/names.h"

#include "format/assert.h"

#include <string.h>

#define HOST_LEN_CAP 255u

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool all_of(const char *text, size_t len, const char *also)
{
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(text[i]) && strchr(also, text[i]) == NULL)
            return false;
    }
    return true;
}

bool updraft_name_valid(const char *name)
{
    size_t len = strnlen(name, UPDRAFT_NAME_CAP);

    if (len == 0 || len == UPDRAFT_NAME_CAP)
        return false;
    /* The one pair of names that means something to a file system or a proxy. */
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    return all_of(name, len, "._-");
}

bool updraft_version_valid(const char *version)
{
    size_t len = strnlen(version, UPDRAFT_VERSION_CAP);

    if (len == 0 || len == UPDRAFT_VERSION_CAP)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (version[i] < 0x20 || version[i] > 0x7e)
            return false;
    }
    return version[0] != ' ' && version[len - 1] != ' ';
}

/* Length of the UTF-8 character at text that can be shown, or 0. Overlong forms, surrogates and the
 * two control ranges are none. */
static size_t shown_char_len(const unsigned char *text)
{
    uint32_t code;
    size_t len;

    if (text[0] < 0x80)
        return text[0] >= 0x20 && text[0] != 0x7f ? 1 : 0;
    if ((text[0] & 0xe0) == 0xc0) {
        len = 2;
        code = text[0] & 0x1fu;
    } else if ((text[0] & 0xf0) == 0xe0) {
        len = 3;
        code = text[0] & 0x0fu;
    } else if ((text[0] & 0xf8) == 0xf0) {
        len = 4;
        code = text[0] & 0x07u;
    } else {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) || code < 0xa0)
        return 0;
    /* Direction overrides and line separators change how the text around them reads. */
    if ((code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
        return 0;
    return len;
}

bool updraft_label_valid(const char *label, size_t cap)
{
    size_t i = 0;

    while (label[i] != '\0') {
        size_t len = shown_char_len((const unsigned char *)label + i);
        if (len == 0 || i + len >= cap)
            return false;
        i += len;
    }
    return true;
}

void updraft_label_clean(const char *text, char *out, size_t cap)
{
    size_t used = 0;

    while (*text != '\0') {
        size_t len = shown_char_len((const unsigned char *)text);
        size_t need = len == 0 ? 1 : len;
        if (used + need >= cap)
            break;
        if (len == 0)
            out[used] = '?';
        else
            memcpy(out + used, text, len);
        used += need;
        text += need;
    }
    out[used] = '\0';
}

void updraft_lines_clean(const char *text, char *out, size_t cap)
{
    size_t len = strlen(text);
    size_t used = 0;

    while (len > 0 && text[len - 1] == '\n')
        len--;
    if (len >= cap) {
        text += len - (cap - 1);
        len = cap - 1;
    }
    for (size_t at = 0; at < len;) {
        size_t shown = shown_char_len((const unsigned char *)text + at);

        if (shown == 0 || at + shown > len) {
            out[used++] = text[at] == '\n' ? '\n' : '?';
            at++;
        } else {
            memcpy(out + used, text + at, shown);
            used += shown;
            at += shown;
        }
    }
    out[used] = '\0';
}

bool updraft_lines_valid(const char *lines, size_t cap)
{
    size_t len = strlen(lines);
    size_t at = 0;

    if (len >= cap || (len > 0 && lines[len - 1] == '\n'))
        return false;
    while (at < len) {
        size_t shown = lines[at] == '\n' ? 1 : shown_char_len((const unsigned char *)lines + at);
        if (shown == 0)
            return false;
        at += shown;
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool updraft_device_id_normalise(const char *text, char out[UPDRAFT_DEVICE_ID_CAP])
{
    static const char upper[] = "0123456789ABCDEF";
    const char *at = text;
    char separator = '\0';

    for (size_t i = 0; i < 6; i++) {
        if (i == 1 && (*at == ':' || *at == '-'))
            separator = *at;
        if (i > 0 && separator != '\0' && *at++ != separator)
            return false;
        int high = hex_digit(at[0]);
        int low = high < 0 ? -1 : hex_digit(at[1]);
        if (low < 0)
            return false;
        out[i * 3] = upper[high];
        out[i * 3 + 1] = upper[low];
        out[i * 3 + 2] = i < 5 ? ':' : '\0';
        at += 2;
    }
    return *at == '\0';
}

bool updraft_device_id_take(const char *text, char out[UPDRAFT_DEVICE_ID_CAP])
{
    size_t len = strnlen(text, UPDRAFT_DEVICE_ID_CAP);

    if (updraft_device_id_normalise(text, out))
        return true;
    if (len == 0 || len == UPDRAFT_DEVICE_ID_CAP || !all_of(text, len, "._:-") ||
        strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return false;
    updraft_name_set(out, UPDRAFT_DEVICE_ID_CAP, text);
    return true;
}

bool updraft_host_valid(const char *host)
{
    size_t len = strnlen(host, HOST_LEN_CAP + 1);

    return len > 0 && len <= HOST_LEN_CAP && all_of(host, len, ".-_:[]");
}

void updraft_name_set(char *out, size_t cap, const char *text)
{
    size_t len = strlen(text);

    UPDRAFT_ASSERT(len < cap);
    memcpy(out, text, len + 1);
}
