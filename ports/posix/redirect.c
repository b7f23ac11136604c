#include "ports/posix/redirect.h"

#include <curl/curl.h>

#include <string.h>
#include <strings.h>

/* What one address consists of. NULL where it is none. */
struct place {
    char *scheme;
    char *host;
    char *port;
};

static void open_place(struct place *place, const char *url)
{
    CURLU *parts = curl_url();
    *place = (struct place){.scheme = NULL};
    if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK) {
        (void)curl_url_get(parts, CURLUPART_SCHEME, &place->scheme, 0);
        (void)curl_url_get(parts, CURLUPART_HOST, &place->host, 0);
        (void)curl_url_get(parts, CURLUPART_PORT, &place->port, CURLU_DEFAULT_PORT);
    }
    curl_url_cleanup(parts);
}

static void close_place(struct place *place)
{
    curl_free(place->scheme);
    curl_free(place->host);
    curl_free(place->port);
}

static bool is_whole(const struct place *place)
{
    return place->scheme && place->host && place->port;
}

static bool is_at(const struct place *place, const char *scheme, const char *port)
{
    return strcmp(place->scheme, scheme) == 0 && strcmp(place->port, port) == 0;
}

static bool is_web(const struct place *place)
{
    return is_whole(place) &&
           (strcmp(place->scheme, "http") == 0 || strcmp(place->scheme, "https") == 0);
}

bool updraft_redirect_resolve(const char *from, const char *location,
                              char to[UPDRAFT_REDIRECT_URL_CAP])
{
    CURLU *parts = curl_url();
    char *text = NULL;
    bool good = parts && curl_url_set(parts, CURLUPART_URL, from, 0) == CURLUE_OK &&
                curl_url_set(parts, CURLUPART_URL, location, CURLU_URLENCODE) == CURLUE_OK &&
                curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_URL, &text, 0) == CURLUE_OK &&
                strlen(text) < UPDRAFT_REDIRECT_URL_CAP;
    if (good)
        memcpy(to, text, strlen(text) + 1);
    curl_free(text);
    curl_url_cleanup(parts);
    return good;
}

const char *updraft_redirect_refusal(const char *from, const char *to, unsigned followed)
{
    struct place here;
    struct place there;
    const char *refusal = NULL;
    open_place(&here, from);
    open_place(&there, to);
    if (!is_web(&there))
        refusal = "to what is no http or https address";
    else if (!is_whole(&here) ||
             (strcmp(here.scheme, "https") == 0 && strcmp(there.scheme, "https") != 0))
        refusal = "from https to http";
    else if (followed >= UPDRAFT_REDIRECT_CAP)
        refusal = "more than 5 times in a row";
    close_place(&here);
    close_place(&there);
    return refusal;
}

bool updraft_redirect_is_home(const char *home, const char *url)
{
    struct place here;
    struct place there;
    open_place(&here, home);
    open_place(&there, url);
    bool is_home = is_whole(&here) && is_whole(&there) && strcasecmp(here.host, there.host) == 0 &&
                   (is_at(&there, here.scheme, here.port) ||
                    (is_at(&here, "http", "80") && is_at(&there, "https", "443")));
    close_place(&here);
    close_place(&there);
    return is_home;
}

/* What the transfer itself needs. A name that is not known is not passed on. */
static bool is_for_all(const char *line)
{
    static const char *const names[] = {
        "Range:", "If-Range:", "User-Agent:", "Connection:", "Cache-Control:"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncasecmp(line, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

void updraft_redirect_strip(const char *lines, char *out)
{
    while (*lines) {
        size_t len = strcspn(lines, "\n");
        len += lines[len] == '\n';
        if (is_for_all(lines)) {
            memcpy(out, lines, len);
            out += len;
        }
        lines += len;
    }
    *out = '\0';
}
