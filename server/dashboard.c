#include "server/dashboard.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#define ZLIB_CONST
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* the largest, in gzip's wrapping */

/* Nothing but the server's own files and answers. blob: is what the page made itself, out of a file
 * that someone chose, for the first flash over USB. */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' blob:; "          \
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static const struct updraft_dashboard_file *find(const char *folder, const char *name)
{
    size_t len = strlen(folder);

    for (size_t i = 0; i < updraft_dashboard_file_count; i++) {
        const struct updraft_dashboard_file *file = &updraft_dashboard_files[i];
        if (strncmp(file->path, folder, len) == 0 && strcmp(file->path + len, name) == 0)
            return file;
    }
    return NULL;
}

/* "q=0", "q=0.000": not at any price. */
static bool refuses(const char *parameters, size_t len)
{
    while (len > 0 && (*parameters == ';' || *parameters == ' ' || *parameters == '\t')) {
        parameters++;
        len--;
    }
    return len >= 3 && (*parameters == 'q' || *parameters == 'Q') && parameters[1] == '=' &&
           strspn(parameters + 2, "0.") >= len - 2;
}

bool updraft_dashboard_takes_gzip(const char *accept)
{
    bool all = false;

    while (accept != NULL && *accept != '\0') {
        accept += strspn(accept, ", \t");
        size_t len = strcspn(accept, ","), name_len = strcspn(accept, ",; \t");
        const char *parameters = accept + name_len;
        size_t parameters_len = len - name_len;
        while (parameters_len > 0 && strchr(" \t", parameters[parameters_len - 1]) != NULL)
            parameters_len--;
        bool wanted = !refuses(parameters, parameters_len);
        if (name_len == 4 && strncasecmp(accept, "gzip", 4) == 0)
            return wanted;
        if (name_len == 1 && *accept == '*')
            all = wanted;
        accept += len;
    }
    return all;
}

/* NULL when there is no memory: what it unpacks is its own. */
static char *unpack(const struct updraft_dashboard_file *file)
{
    z_stream stream = {.next_in = file->gzip, .avail_in = (uInt)file->gzip_len};
    char *bytes = malloc(file->len);

    if (bytes == NULL || inflateInit2(&stream, GZIP_WINDOW) != Z_OK) {
        free(bytes);
        return NULL;
    }
    stream.next_out = (Bytef *)bytes;
    stream.avail_out = (uInt)file->len;
    int end = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    if (end == Z_STREAM_END && stream.total_out == file->len)
        return bytes;
    free(bytes);
    return NULL;
}

static void give(const struct updraft_request *request, const struct updraft_dashboard_file *file,
                 const char *caching, struct updraft_response *response)
{
    const char *known = updraft_request_header(request, "If-None-Match");

    updraft_response_header_constant(response, "ETag", file->etag);
    updraft_response_header_constant(response, "Cache-Control", caching);
    updraft_response_header_constant(response, "Vary", "Accept-Encoding");
    updraft_response_header_constant(response, "Content-Security-Policy", POLICY);
    updraft_response_header_constant(response, "Referrer-Policy", "no-referrer");
    if (known != NULL && strcmp(known, file->etag) == 0) {
        response->status = 304;
        return;
    }
    response->status = 200;
    updraft_response_header_constant(response, "Content-Type", file->type);
    if (updraft_dashboard_takes_gzip(updraft_request_header(request, "Accept-Encoding"))) {
        updraft_response_header_constant(response, "Content-Encoding", "gzip");
        response->constant = file->gzip;
        response->body_len = file->gzip_len;
        return;
    }
    response->body = unpack(file);
    response->body_len = file->len;
    if (response->body == NULL)
        updraft_response_line(response, 503, "the server has no memory for this now");
}

void updraft_dashboard_page(const struct updraft_view *view, const struct updraft_request *request,
                            struct updraft_plan *plan, struct updraft_response *response)
{
    (void)view;
    (void)plan;
    give(request, find("", ""), "no-cache", response);
}

void updraft_dashboard_asset(const struct updraft_view *view, const struct updraft_request *request,
                             struct updraft_plan *plan, struct updraft_response *response)
{
    const struct updraft_dashboard_file *file = find("assets/", request->segments[0]);

    (void)view;
    (void)plan;
    if (file == NULL)
        updraft_response_line(response, 404, "the dashboard has no such file; load its page again");
    else
        give(request, file, "public, max-age=31536000, immutable", response);
}
