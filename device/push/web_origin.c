#include "device/push/web_origin.h"

#include <stddef.h>
#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool equals_any_case(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

/* What follows "http://" or "https://"; NULL when neither is there. */
static const char *skip_scheme(const char *url)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t len = strlen(schemes[i]);

        if (strlen(url) >= len && equals_any_case(url, schemes[i], len))
            return url + len;
    }
    return NULL;
}

/* Length up to the first of these characters, or to the end. */
static size_t length_until(const char *text, const char *characters)
{
    size_t len = 0;

    while (text[len] != '\0' && strchr(characters, text[len]) == NULL)
        len++;
    return len;
}

static bool is_of_host(const char *url, size_t len, const char *host)
{
    return host != NULL && len == strlen(host) && equals_any_case(url, host, len);
}

bool updraft_web_is_foreign(const char *origin, const char *host)
{
    const char *authority = origin != NULL ? skip_scheme(origin) : NULL;

    return origin != NULL && (authority == NULL || !is_of_host(authority, strlen(authority), host));
}

bool updraft_web_refers_elsewhere(const char *referer, const char *host)
{
    const char *authority = referer != NULL ? skip_scheme(referer) : NULL;

    return referer != NULL &&
           (authority == NULL || !is_of_host(authority, length_until(authority, "/?#"), host));
}

/* Only of these characters, and at least one. */
static bool consists_of(const char *text, size_t len, const char *characters)
{
    for (size_t i = 0; i < len; i++)
        if (memchr(characters, text[i], strlen(characters)) == NULL)
            return false;
    return len > 0;
}

static bool ends_with(const char *text, size_t len, const char *end)
{
    size_t end_len = strlen(end);

    return len > end_len && equals_any_case(text + len - end_len, end, end_len);
}

static bool is_name(const char *text, size_t len, const char *name)
{
    return len == strlen(name) && equals_any_case(text, name, len);
}

bool updraft_web_is_own_host(const char *host, const char *own_name)
{
    size_t len;

    if (host == NULL)
        return true;
    if (host[0] == '[') {
        len = length_until(host, "]");
        return host[len] == ']' && consists_of(host + 1, len - 1, "0123456789abcdefABCDEF:.") &&
               (host[len + 1] == '\0' || host[len + 1] == ':');
    }
    len = length_until(host, ":");
    if (len > 1 && host[len - 1] == '.') /* a name may end with the root's dot */
        len--;
    /* No top-level domain is a number, so whatever looks like an address is one. */
    return consists_of(host, len, "0123456789.") || is_name(host, len, "localhost") ||
           ends_with(host, len, ".local") || (own_name != NULL && is_name(host, len, own_name));
}
